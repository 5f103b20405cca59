"""Accounts, periods, journals, entries, lines and open items."""

from datetime import date
from typing import Any, Self

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.db.models import F, Func, OuterRef, Q, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core import laws
from apps.core.models import Owned, ScopedQuerySet, User
from apps.core.money import ZERO, amount_field, rate_field
from apps.ledger import triggers


class Account(Owned):
    """A general ledger account. A control account is one whose every line names a party and equals open items."""

    class Type(models.TextChoices):
        ASSET = "ASSET", _("Asset")
        LIABILITY = "LIABILITY", _("Liability")
        EQUITY = "EQUITY", _("Equity")
        REVENUE = "REVENUE", _("Revenue")
        EXPENSE = "EXPENSE", _("Expense")

    class Control(models.TextChoices):
        PATIENTS = "PATIENTS", _("Patients")
        PAYERS = "PAYERS", _("Payers")
        CUSTOMERS = "CUSTOMERS", _("Customers")
        SUPPLIERS = "SUPPLIERS", _("Suppliers")
        WALLETS = "WALLETS", _("Wallets")

    code = models.CharField(_("code"), max_length=16)
    name = models.CharField(_("name"), max_length=200)
    type = models.CharField(_("type"), max_length=9, choices=Type.choices)
    control = models.CharField(_("control account of"), max_length=9, choices=Control.choices, blank=True)
    purpose = models.CharField(
        _("purpose"), max_length=40, blank=True, help_text=_("What Daybook posts here by itself, such as cash_drawer.")
    )

    class Meta:
        ordering = ("code",)
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        constraints = (
            laws.owned("account"),
            models.UniqueConstraint(fields=["administration", "code"], name="account_code"),
            models.UniqueConstraint(
                fields=["administration", "purpose"], condition=~Q(purpose=""), name="one_account_per_purpose"
            ),
        )
        triggers = (triggers.account_kept, laws.no_truncate())

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class VatCode(Owned):
    """A VAT rate as it is used on a line; the return's boxes come with the returns."""

    code = models.CharField(_("code"), max_length=16)
    name = models.CharField(_("name"), max_length=100)
    rate = rate_field(verbose_name=_("rate (%)"))
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("output VAT account")
    )

    class Meta:
        ordering = ("code",)
        verbose_name = _("VAT code")
        verbose_name_plural = _("VAT codes")
        constraints = (
            laws.owned("vat_code"),
            *laws.same_administration("vat_code", "account"),
            models.UniqueConstraint(fields=["administration", "code"], name="vat_code_code"),
            models.CheckConstraint(condition=Q(rate__gte=0, rate__lte=100), name="vat_code_rate"),
            models.CheckConstraint(condition=Q(rate=0) | Q(account__isnull=False), name="vat_code_has_account"),
        )

    def __str__(self) -> str:
        return f"{self.code} ({self.rate.normalize():f} %)"


class Party(Owned):
    """Somebody who owes or is owed. A patient is known here by code only; the name stays in billing."""

    class Kind(models.TextChoices):
        PATIENT = "PATIENT", _("Patient")
        PAYER = "PAYER", _("Payer")
        CUSTOMER = "CUSTOMER", _("Customer")
        SUPPLIER = "SUPPLIER", _("Supplier")

    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    code = models.CharField(_("code"), max_length=64)
    name = models.CharField(_("name"), max_length=200, blank=True)

    class Meta:
        ordering = ("code",)
        verbose_name = _("party")
        verbose_name_plural = _("parties")
        constraints = (
            laws.owned("party"),
            models.UniqueConstraint(fields=["administration", "kind", "code"], name="party_code"),
        )

    def __str__(self) -> str:
        return self.name or self.code


class PeriodQuerySet(ScopedQuerySet):
    def around(self, period: "Period") -> Self:
        """``period`` and every larger one that contains it. Year-end adjustments stand outside their last month."""
        larger = Q(first_day__lte=period.first_day, last_day__gte=period.last_day)
        larger &= Q(type=Period.Type.YEAR) if period.type == Period.Type.YEAR_END else ~Q(type=Period.Type.YEAR_END)
        return self.filter(Q(pk=period.pk) | larger, administration=period.administration_id)

    def covering(self, administration: Any, day: date) -> "Period | None":
        """The smallest ordinary period of ``administration`` that holds ``day``."""
        return (
            self.filter(administration=administration, first_day__lte=day, last_day__gte=day)
            .exclude(type=Period.Type.YEAR_END)
            .order_by(F("last_day") - F("first_day"))
            .first()
        )


class DateRange(Func):
    """daterange(first, last, '[]') of two date columns."""

    function = "daterange"
    output_field = DateRangeField()


class Period(Owned):
    """A span of days and its status. Only the workflows of apps/periods change the status."""

    class Type(models.TextChoices):
        MONTH = "MONTH", _("Month")
        TWO_MONTH = "TWO_MONTH", _("Two months")
        QUARTER = "QUARTER", _("Quarter")
        YEAR = "YEAR", _("Year")
        YEAR_END = "YEAR_END", _("Year-end adjustments")

    class Status(models.TextChoices):
        OPEN = "OPEN", _("Open")
        REVIEW = "REVIEW", _("In review")
        FINALIZED = "FINALIZED", _("Finalized")
        LOCKED = "LOCKED", _("Locked")

    type = models.CharField(_("type"), max_length=9, choices=Type.choices)
    name = models.CharField(_("name"), max_length=40)
    first_day = models.DateField(_("first day"))
    last_day = models.DateField(_("last day"))
    status = models.CharField(_("status"), max_length=9, choices=Status.choices, default=Status.OPEN)

    objects = PeriodQuerySet.as_manager()

    class Meta:
        ordering = ("-first_day", "type")
        verbose_name = _("period")
        verbose_name_plural = _("periods")
        constraints = (
            laws.owned("period"),
            models.CheckConstraint(condition=Q(first_day__lte=F("last_day")), name="period_days"),
            models.CheckConstraint(
                condition=~Q(type="YEAR_END") | Q(first_day=F("last_day")), name="year_end_is_one_day"
            ),
            ExclusionConstraint(
                name="periods_do_not_overlap",
                expressions=[
                    ("administration", RangeOperators.EQUAL),
                    ("type", RangeOperators.EQUAL),
                    (DateRange("first_day", "last_day", RangeBoundary(True, True)), RangeOperators.OVERLAPS),
                ],
            ),
        )
        triggers = (triggers.period_fits, triggers.period_kept, laws.no_truncate())

    def __str__(self) -> str:
        return self.name

    @property
    def admits_posting(self) -> bool:
        return self.status in (self.Status.OPEN, self.Status.REVIEW)


class Journal(Owned):
    """A book of entries with its own numbers: day takings, general, bank."""

    code = models.CharField(_("code"), max_length=8)
    name = models.CharField(_("name"), max_length=100)

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

    journal = models.ForeignKey(Journal, on_delete=models.PROTECT, related_name="entries", verbose_name=_("journal"))
    period = models.ForeignKey(Period, on_delete=models.PROTECT, related_name="entries", verbose_name=_("period"))
    status = models.CharField(_("status"), max_length=6, choices=Status.choices, default=Status.DRAFT)
    date = models.DateField(_("date"))
    year = models.PositiveSmallIntegerField(_("year"), null=True, editable=False)
    number = models.PositiveIntegerField(_("number"), null=True, editable=False)
    memo = models.CharField(_("memo"), max_length=300)
    line_count = models.PositiveIntegerField(default=0, editable=False)
    source_type = models.CharField(_("source"), max_length=40, blank=True)
    source_id = models.UUIDField(null=True, blank=True)
    reverses = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="reversal", verbose_name=_("reverses")
    )
    posted_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("posted by")
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    objects = JournalEntryQuerySet.as_manager()

    class Meta:
        ordering = ("-date", "-id")
        verbose_name = _("journal entry")
        verbose_name_plural = _("journal entries")
        constraints = (
            laws.owned("entry"),
            *laws.same_administration("entry", "journal", "period", "reverses"),
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
        indexes = (models.Index(fields=["administration", "-date", "-id"], name="entry_date"),)
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
        return self.filter(entry__status=JournalEntry.Status.POSTED)

    def up_to(self, day: date) -> Self:
        """Lines of entries dated on or before ``day``."""
        return self.filter(entry__date__lte=day)

    def since(self, day: date) -> Self:
        """Lines of entries dated on or after ``day``."""
        return self.filter(entry__date__gte=day)

    def before(self, day: date) -> Self:
        """Lines of entries dated before ``day``."""
        return self.filter(entry__date__lt=day)

    def balance(self) -> Any:
        """Debits less credits of these lines, in the book currency."""
        return self.aggregate(balance=Coalesce(Sum("debit") - Sum("credit"), Value(ZERO)))["balance"]


class JournalLine(Owned):
    """One side of an entry: a debit or a credit, never both, never neither."""

    entry = models.ForeignKey(JournalEntry, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveIntegerField()
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="lines", verbose_name=_("account"))
    party = models.ForeignKey(
        Party, on_delete=models.PROTECT, null=True, blank=True, related_name="lines", verbose_name=_("party")
    )
    vat_code = models.ForeignKey(VatCode, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    memo = models.CharField(_("memo"), max_length=300, blank=True)
    debit = amount_field(default=0, verbose_name=_("debit"))
    credit = amount_field(default=0, verbose_name=_("credit"))

    objects = JournalLineQuerySet.as_manager()

    class Meta:
        ordering = ("position",)
        verbose_name = _("journal line")
        verbose_name_plural = _("journal lines")
        constraints = (
            laws.owned("line"),
            *laws.same_administration("line", "entry", "account", "party", "vat_code"),
            models.UniqueConstraint(fields=["entry", "position"], name="line_position"),
            models.CheckConstraint(
                condition=Q(debit__gt=0, credit=0) | Q(debit=0, credit__gt=0), name="line_one_sided"
            ),
        )
        triggers = (triggers.line_append_only, triggers.line_announced, laws.no_truncate())

    def __str__(self) -> str:
        return f"{self.account.code} {self.debit - self.credit}"


class OpenItemQuerySet(ScopedQuerySet):
    def as_of(self, day: date | None = None) -> Self:
        """Items dated up to ``day``, each with what is ``open`` of it then: positive for a debit, negative for a
        credit. Without a day: as of now."""
        settled = Allocation.objects.all()
        items = self
        if day is not None:
            settled = settled.filter(date__lte=day)
            items = items.filter(date__lte=day)

        def allocated(side: str) -> Any:
            sums = settled.filter(**{side: OuterRef("pk")}).order_by().values(side).annotate(sum=Sum("amount"))
            return Coalesce(Subquery(sums.values("sum")), Value(ZERO), output_field=amount_field())

        return items.annotate(open=F("amount") - allocated("debit") + allocated("credit"))


class OpenItem(Owned):
    """What one line on a control account leaves owing: a debit (positive) or a credit (negative) of one party.

    ``document_type`` and ``document_id`` name what it is about, such as a bill; items of one document settle
    each other. ``reference`` is the number people call it by.
    """

    line = models.ForeignKey(JournalLine, on_delete=models.PROTECT, related_name="open_items")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="open_items", verbose_name=_("account"))
    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="open_items", verbose_name=_("party"))
    date = models.DateField(_("date"))
    due_date = models.DateField(_("due date"), null=True, blank=True)
    amount = amount_field(verbose_name=_("amount"))
    document_type = models.CharField(max_length=40, blank=True)
    document_id = models.UUIDField(null=True, blank=True)
    reference = models.CharField(_("reference"), max_length=64, blank=True)

    objects = OpenItemQuerySet.as_manager()

    class Meta:
        ordering = ("date", "id")
        verbose_name = _("open item")
        verbose_name_plural = _("open items")
        constraints = (
            laws.owned("open_item"),
            *laws.same_administration("open_item", "line", "account", "party"),
            models.CheckConstraint(condition=~Q(amount=0), name="open_item_amount"),
        )
        indexes = (
            models.Index(fields=["administration", "document_id"], name="open_item_document"),
            models.Index(fields=["account", "party", "date"], name="open_item_party"),
        )
        triggers = (triggers.open_item_append_only, triggers.open_item_equals_line, laws.no_truncate())

    def __str__(self) -> str:
        return self.reference or str(self.party)


class Allocation(Owned):
    """A credit item settles a debit item of the same party and account, from the later of their dates."""

    debit = models.ForeignKey(OpenItem, on_delete=models.PROTECT, related_name="allocations_as_debit")
    credit = models.ForeignKey(OpenItem, on_delete=models.PROTECT, related_name="allocations_as_credit")
    amount = amount_field()
    date = models.DateField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("date", "id")
        verbose_name = _("allocation")
        verbose_name_plural = _("allocations")
        constraints = (
            *laws.same_administration("allocation", "debit", "credit"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="allocation_amount"),
        )
        triggers = (triggers.allocation_append_only, triggers.allocation_within_open, laws.no_truncate())

    def __str__(self) -> str:
        return f"{self.amount} {self.debit_id} ← {self.credit_id}"
