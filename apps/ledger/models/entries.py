"""Journals, entries and lines, and the months they are rolled up into."""

from datetime import date, datetime
from typing import Any, Self

from django.db import models
from django.db.models import Q, Sum, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core import laws
from apps.core.models import Owned, ScopedQuerySet, Upload, User
from apps.core.money import ZERO, amount_field, exchange_rate_field
from apps.ledger import triggers
from apps.ledger.models.accounts import Account, Party, VatCode
from apps.ledger.models.keys import administration_of_many, named, person
from apps.ledger.models.periods import Period


class Journal(Owned):
    """A book of entries with its own numbers: day takings, general, bank."""

    class Type(models.TextChoices):
        GENERAL = "GENERAL", _("General")
        DAY = "DAY", _("Day takings")
        SALES = "SALES", _("Sales")
        PURCHASES = "PURCHASES", _("Purchases")
        BANK = "BANK", _("Bank")
        OPENING = "OPENING", _("Opening balance")

    code = models.CharField(_("code"), max_length=8)
    name = models.CharField(_("name"), max_length=100)
    type = models.CharField(
        _("type"), max_length=9, choices=Type.choices, default=Type.GENERAL, db_default=Type.GENERAL
    )

    class Meta:
        ordering = ("code",)
        verbose_name = _("journal")
        verbose_name_plural = _("journals")
        constraints = (
            laws.owned("journal"),
            models.UniqueConstraint(fields=["administration", "code"], name="journal_code"),
        )

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Batch(Owned):
    """Rows that came into the books together: imported history, or open items given to it later (a backfill).

    Lines of imported history may stand on a control account without open items; the proof of the sub-ledger lists them.
    """

    class Kind(models.TextChoices):
        IMPORT = "IMPORT", _("Import")
        BACKFILL = "BACKFILL", _("Backfill")

    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    title = models.CharField(_("title"), max_length=200)
    upload = models.ForeignKey(
        Upload, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("file")
    )
    created_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("made by")
    )
    created_at = models.DateTimeField(_("made"), default=timezone.now, editable=False)
    reversed_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("reversed by")
    )
    reversed_at = models.DateTimeField(_("reversed"), null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        constraints = (
            laws.owned("batch"),
            *laws.same_administration("batch", "upload"),
            models.CheckConstraint(
                condition=Q(reversed_at=None, reversed_by=None) | Q(reversed_at__isnull=False),
                name="batch_reversed_by_somebody",
            ),
        )
        triggers = (triggers.batch_kept, laws.no_truncate())

    def __str__(self) -> str:
        return self.title


class JournalEntryQuerySet(ScopedQuerySet):
    def posted(self) -> Self:
        return self.filter(status=JournalEntry.Status.POSTED)

    def up_to(self, day: date) -> Self:
        """Entries dated on or before ``day``."""
        return self.filter(date__lte=day)


class JournalEntry(Owned):
    """A balanced entry. Once posted it never changes; it is reversed by another entry that points here."""

    class Status(models.TextChoices):
        DRAFT = "DRAFT", _("Draft")
        POSTED = "POSTED", _("Posted")

    administration = administration_of_many()
    journal = named(Journal, related_name="entries", verbose_name=_("journal"), db_index=False)
    period = named(Period, related_name="entries", verbose_name=_("period"))
    status = models.CharField(_("status"), max_length=6, choices=Status.choices, default=Status.DRAFT)
    date = models.DateField(_("date"))
    year = models.PositiveSmallIntegerField(_("year"), null=True, editable=False)
    number = models.PositiveIntegerField(_("number"), null=True, editable=False)
    memo = models.CharField(_("memo"), max_length=300)
    reference = models.CharField(_("reference"), max_length=64, blank=True, default="", db_default="")
    line_count = models.PositiveIntegerField(default=0, editable=False)
    source_type = models.CharField(_("source"), max_length=40, blank=True)
    source_id = models.UUIDField(null=True, blank=True)
    reverses = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="reversal", verbose_name=_("reverses")
    )
    batch = named(Batch, null=True, blank=True, related_name="entries", verbose_name=_("batch"))
    created_by = person(verbose_name=_("drafted by"))
    approved_by = person(verbose_name=_("approved by"))
    posted_by = person(verbose_name=_("posted by"))
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    posted_at = models.DateTimeField(
        _("posted"), null=True, editable=False, help_text="By the clock of the database; nobody else sets it."
    )

    objects = JournalEntryQuerySet.as_manager()

    class Meta:
        ordering = ("-date", "-id")
        verbose_name = _("journal entry")
        verbose_name_plural = _("journal entries")
        constraints = (
            laws.owned("entry"),
            *laws.same_administration("entry", "journal", "period", "reverses", "batch"),
            models.UniqueConstraint(fields=["journal", "year", "number"], name="entry_number"),
            models.CheckConstraint(
                condition=Q(status="POSTED", number__isnull=False, year__isnull=False)
                | Q(status="DRAFT", number=None, year=None),
                name="entry_numbered_when_posted",
            ),
            models.UniqueConstraint(
                fields=["administration", "source_type", "source_id"],
                condition=~Q(source_type=""),
                name="one_entry_per_source",
            ),
        )
        indexes = (
            models.Index(fields=["administration", "-date", "-id"], name="entry_date"),
            models.Index(fields=["administration", "posted_at"], name="entry_posted"),
        )
        triggers = (
            triggers.entry_append_only,
            triggers.entry_year,
            *laws.numbered(
                "'entry:' || NEW.journal_id || ':' || NEW.year", when="NEW.status = 'POSTED'", also_on_update=True
            ),
            triggers.period_open,
            triggers.entry_complete,
            laws.no_truncate(),
        )

    def __str__(self) -> str:
        return f"{self.journal.code}-{self.year}-{self.number:04d}" if self.number else str(_("draft"))


class JournalLineQuerySet(ScopedQuerySet):
    def posted(self) -> Self:
        """Lines of posted entries: those are the ones with a date."""
        return self.filter(date__isnull=False)

    def up_to(self, day: date) -> Self:
        """Posted lines dated on or before ``day``."""
        return self.filter(date__lte=day)

    def since(self, day: date) -> Self:
        """Posted lines dated on or after ``day``."""
        return self.filter(date__gte=day)

    def before(self, day: date) -> Self:
        """Posted lines dated before ``day``."""
        return self.filter(date__lt=day)

    def known_at(self, moment: datetime) -> Self:
        """Lines that were posted by ``moment``."""
        return self.filter(entry__posted_at__lte=moment)

    def balance(self) -> Any:
        """Debits less credits of these lines, in the book currency."""
        return self.aggregate(balance=Coalesce(Sum("debit") - Sum("credit"), Value(ZERO)))["balance"]


class JournalLine(Owned):
    """One side of an entry: a debit or a credit, never both, never neither, in the book currency.

    ``date`` is the entry's once it is posted, and nothing before. ``amount_currency`` is the same amount in the foreign
    ``currency`` (a debit is positive) and ``exchange_rate`` what one unit of it was worth. A VAT line says whether it
    is the base, the tax owed or the tax deducted; ``vat_base`` is what a tax was reckoned on. It counts in the return
    of ``vat_period``; a correction also names the period it corrects.
    """

    class VatRole(models.TextChoices):
        BASE = "BASE", _("Base")
        TAX = "TAX", _("VAT owed")
        DEDUCTIBLE = "DEDUCTIBLE", _("VAT deducted")

    administration = administration_of_many()
    entry = named(JournalEntry, related_name="lines", db_index=False)
    position = models.PositiveIntegerField()
    date = models.DateField(_("date"), null=True, editable=False)
    account = named(Account, related_name="lines", verbose_name=_("account"), db_index=False)
    party = named(Party, null=True, blank=True, related_name="lines", verbose_name=_("party"), db_index=False)
    memo = models.CharField(_("memo"), max_length=300, blank=True)
    debit = amount_field(default=0, verbose_name=_("debit"))
    credit = amount_field(default=0, verbose_name=_("credit"))
    currency = models.CharField(_("currency"), max_length=3, blank=True, default="", db_default="")
    amount_currency = amount_field(verbose_name=_("amount in currency"), null=True, blank=True)
    exchange_rate = exchange_rate_field(verbose_name=_("exchange rate"), null=True, blank=True)
    vat_code = named(VatCode, null=True, blank=True, verbose_name=_("VAT code"), db_index=False)
    vat_role = models.CharField(_("VAT"), max_length=10, choices=VatRole.choices, blank=True, default="", db_default="")
    vat_base = amount_field(verbose_name=_("VAT base"), null=True, blank=True)
    tax_point = models.DateField(_("tax point"), null=True, blank=True)
    vat_period = named(Period, null=True, blank=True, verbose_name=_("VAT period"), db_index=False)
    corrected_period = named(Period, null=True, blank=True, verbose_name=_("corrected VAT period"), db_index=False)

    objects = JournalLineQuerySet.as_manager()

    class Meta:
        ordering = ("position",)
        verbose_name = _("journal line")
        verbose_name_plural = _("journal lines")
        constraints = (
            laws.owned("line"),
            *laws.same_administration(
                "line", "entry", "account", "party", "vat_code", "vat_period", "corrected_period"
            ),
            models.UniqueConstraint(fields=["entry", "position"], name="line_position"),
            models.CheckConstraint(
                condition=Q(debit__gt=0, credit=0) | Q(debit=0, credit__gt=0), name="line_one_sided"
            ),
            models.CheckConstraint(
                name="line_currency",
                condition=Q(currency="", amount_currency=None, exchange_rate=None)
                | Q(~Q(currency=""), amount_currency__isnull=False, amount_currency__gte=0, debit__gt=0)
                | Q(~Q(currency=""), amount_currency__isnull=False, amount_currency__lte=0, credit__gt=0),
            ),
            models.CheckConstraint(
                name="line_vat",
                condition=Q(vat_code=None, vat_role="", vat_base=None, vat_period=None, corrected_period=None)
                | Q(vat_code__isnull=False, tax_point__isnull=False, vat_period__isnull=False) & ~Q(vat_role=""),
            ),
        )
        indexes = (
            models.Index(
                fields=["account", "date"],
                include=("debit", "credit"),
                condition=Q(date__isnull=False),
                name="line_account_date",
            ),
            models.Index(
                fields=["administration", "date", "account"],
                include=("debit", "credit"),
                condition=Q(date__isnull=False),
                name="line_date_account",
            ),
            models.Index(fields=["party", "date"], condition=Q(party__isnull=False), name="line_party_date"),
            models.Index(
                fields=["vat_period", "vat_code"], condition=Q(vat_code__isnull=False), name="line_vat_period"
            ),
        )
        triggers = (triggers.line_append_only, triggers.line_announced, laws.no_truncate())

    def __str__(self) -> str:
        return f"{self.account.code} {self.debit - self.credit}"


class AccountMonth(Owned):
    """The posted debits and credits of one account in one month, as far as ``RolledUp`` says. Derived from the lines.

    A report at any date adds the months before it to the lines of its own month and to what was posted since.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    month = models.DateField(help_text="Its first day.")
    debit = amount_field(default=0)
    credit = amount_field(default=0)

    class Meta:
        constraints = (
            *laws.same_administration("account_month", "account"),
            models.UniqueConstraint(
                fields=["administration", "month", "account"], include=("debit", "credit"), name="one_row_per_month"
            ),
        )

    def __str__(self) -> str:
        return f"{self.account.code} {self.month:%Y-%m}"


class RolledUp(Owned):
    """Up to which number the entries of a journal and year stand in ``AccountMonth``.

    Numbers are given in the order of commits and without a gap, so the entries beyond it are those not yet added.
    """

    journal = models.ForeignKey(Journal, on_delete=models.CASCADE, related_name="+")
    year = models.PositiveSmallIntegerField()
    number = models.PositiveIntegerField()

    class Meta:
        constraints = (
            *laws.same_administration("rolled_up", "journal"),
            models.UniqueConstraint(fields=["journal", "year"], name="one_mark_per_series"),
        )

    def __str__(self) -> str:
        return f"{self.journal.code}-{self.year}-{self.number:04d}"
