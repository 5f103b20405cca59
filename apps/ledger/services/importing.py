"""Import books from a file: its chart, parties, journals, opening balance and entries. All of a file or nothing of it.

What comes in is history: its entries belong to a batch, so that lines on control accounts may be without open items.
"""

from datetime import date

from django.conf import settings
from django.db import transaction
from django.utils.translation import override

from apps.core.languages import language_of_books
from apps.core.models import Administration, Upload, User
from apps.core.permissions import Act, require
from apps.core.services.uploads import storage
from apps.ledger.errors import BooksImportedBefore
from apps.ledger.models import Batch
from apps.ledger.services.surveying import Preview, refusal_of, survey_of
from apps.ledger.services.writing_books import write_books


def preview_import(upload: Upload, *, by: User, day: date | None = None) -> Preview:
    """What importing the file of ``upload`` would make, and what is wrong with it; writes nothing.

    ``day`` is the date of a trial balance that does not say its own. Raises NotAllowed, or BooksFileRefused where the
    file cannot be read to its end.
    """
    require(by, Act.KEEP_ACCOUNTS, upload.administration_id)
    with storage().open(upload.stored_as) as file, override(by.language or settings.LANGUAGE_CODE):
        return survey_of(upload.administration, file, day).preview()


@transaction.atomic
def import_books(upload: Upload, *, by: User, day: date | None = None) -> Batch | None:
    """Import the file of ``upload`` into the books of its administration; the batch of its entries, None without any.

    Accounts, VAT codes, parties and journals are recognised by their codes and otherwise made; the years of the entries
    are opened. Raises NotAllowed, BooksFileRefused with every line that is wrong, or BooksImportedBefore.
    """
    administration = upload.administration
    require(by, Act.KEEP_ACCOUNTS, administration.pk)
    Administration.objects.select_for_update().get(pk=administration.pk)  # two imports at once wait for each other
    known = Batch.objects.filter(administration=administration, kind=Batch.Kind.IMPORT, reversed_at=None)
    if known.filter(upload__sha256=upload.sha256).exists():
        raise BooksImportedBefore(file=upload.file_name)
    with storage().open(upload.stored_as) as file:
        with override(by.language or settings.LANGUAGE_CODE):
            survey = survey_of(administration, file, day)
        refused = survey.refused()
        if refused:
            raise refusal_of(refused)
        with language_of_books(administration):
            return write_books(survey, upload, by)
