"""What exports and evidence packs refuse."""

from django.utils.translation import gettext_lazy as _

from apps.core.errors import Conflict, Invalid


class FormatNotOfCountry(Invalid):
    code = "FORMAT_NOT_OF_COUNTRY"
    message = _("Books kept in {country} are not exported as {format}.")
    hint = _("Choose one of: {offered}.")


class ExportSpanBackwards(Invalid):
    code = "EXPORT_SPAN_BACKWARDS"
    message = _("The export would end on {last_day}, before it begins on {first_day}.")


class ExportBeyondYear(Invalid):
    code = "EXPORT_BEYOND_YEAR"
    message = _("An export covers one fiscal year at most; {first_day} and {last_day} lie in different ones.")
    hint = _("Export each fiscal year as a file of its own.")


class ExportNeedsNumber(Conflict):
    code = "EXPORT_NEEDS_NUMBER"
    message = _(
        "The file has to name the VAT number or the organisation number of {administration}, and neither is known."
    )
    hint = _("Ask the owner to enter one in the settings of the administration.")


class FileKept(Conflict):
    code = "FILE_KEPT"
    message = _("An export or evidence pack never changes; only its downloads are counted.")
    hint = _("Make a new one.")
    constraint = "stored_file_append_only"


class StoredFileDamaged(Conflict):
    code = "STORED_FILE_DAMAGED"
    message = _("The stored file is not the one that was made: its checksum differs. Nothing of it was sent.")
    hint = _("Tell whoever runs the site, and make a new one from the books.")
    event = "periods.stored_file_damaged"
