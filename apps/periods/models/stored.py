"""Files that were made of the books, and are kept with their checksum: official exports and evidence packs."""

import pgtrigger
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core import laws
from apps.core.models import Owned, User
from apps.ledger.models import Period

stored_file_append_only = laws.Law(
    name="append_only",
    when=pgtrigger.Before,
    operation=pgtrigger.Update | pgtrigger.Delete,
    func=f"""
    IF TG_OP = 'UPDATE' THEN
        IF NEW.download_count = OLD.download_count + 1 THEN
            OLD.download_count := NEW.download_count;
            IF NEW *= OLD THEN
                RETURN NEW;
            END IF;
        END IF;
    END IF;
    {laws.refuse("stored_file_append_only", "a file that was made of the books never changes but for its downloads")}
    """,
)


class StoredFile(Owned):
    """A file as it was made; ``sha256`` is proved before a byte of it goes out.

    ``stored_as`` is its place in the storage: random, so that it tells nothing and cannot be guessed. A row never
    changes but for ``download_count``, which counts one at a time.
    """

    file_name = models.CharField(_("name"), max_length=255)
    file_type = models.CharField(_("media type"), max_length=100)
    file_size = models.PositiveBigIntegerField(_("size"), help_text=_("bytes"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    stored_as = models.CharField(max_length=120, unique=True, editable=False)
    download_count = models.PositiveIntegerField(_("downloads"), default=0, db_default=0, editable=False)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", verbose_name=_("asked for by"))
    created_at = models.DateTimeField(_("made"), default=timezone.now, editable=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.file_name


class BooksExport(StoredFile):
    """The books of a span of days in the format of a tax administration, as known at a moment.

    ``entries`` and ``lines`` count what the file holds beside the opening balance.
    """

    class Format(models.TextChoices):
        XAF_4_0 = "XAF_4_0", "XAF 4.0"
        XAF_3_2 = "XAF_3_2", "XAF 3.2"
        SAFT_1_30 = "SAFT_1_30", "SAF-T Financial 1.30"
        SAFT_1_10 = "SAFT_1_10", "SAF-T Financial 1.10"

    format = models.CharField(_("format"), max_length=9, choices=Format.choices)
    first_day = models.DateField(_("first day"))
    last_day = models.DateField(_("last day"))
    known_at = models.DateTimeField(_("as known at"))
    entries = models.PositiveIntegerField(_("entries"))
    lines = models.PositiveIntegerField(_("lines"))

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name = _("export of books")
        verbose_name_plural = _("exports of books")
        constraints = (
            models.CheckConstraint(condition=Q(first_day__lte=F("last_day")), name="export_days"),
            models.CheckConstraint(
                condition=Q(file_size__gt=0, sha256__regex="^[0-9a-f]{64}$"), name="export_measured"
            ),
        )
        indexes = (models.Index(fields=["administration", "-created_at"], name="export_newest"),)
        triggers = (stored_file_append_only, laws.no_truncate())


class EvidencePack(StoredFile):
    """What proves a period to somebody outside: a ZIP with a manifest of checksums.

    ``seal_head`` and ``seal_count`` are the chain of seals as it stood; ``facts`` is what the list tells of the pack.
    """

    class Type(models.TextChoices):
        VAT_EVIDENCE = "VAT_EVIDENCE", _("VAT evidence")
        AUDIT_TRAIL = "AUDIT_TRAIL", _("Audit trail")

    period = models.ForeignKey(Period, on_delete=models.PROTECT, related_name="+", verbose_name=_("period"))
    pack_type = models.CharField(_("type"), max_length=12, choices=Type.choices)
    seal_head = models.CharField(_("seal head"), max_length=64, blank=True)
    seal_count = models.PositiveIntegerField(_("rows sealed"), default=0)
    facts = models.JSONField(default=dict, encoder=DjangoJSONEncoder)

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name = _("evidence pack")
        verbose_name_plural = _("evidence packs")
        constraints = (
            *laws.same_administration("evidence_pack", "period"),
            models.CheckConstraint(condition=Q(file_size__gt=0, sha256__regex="^[0-9a-f]{64}$"), name="pack_measured"),
        )
        indexes = (models.Index(fields=["administration", "-created_at"], name="pack_newest"),)
        triggers = (stored_file_append_only, laws.no_truncate())
