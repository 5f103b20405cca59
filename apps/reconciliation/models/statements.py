"""What a bank stated: files, statements and their lines."""

from typing import Any, Self

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core import laws
from apps.core.models import Administration, Job, Owned, ScopedQuerySet, Upload
from apps.core.money import amount_field, exchange_rate_field
from apps.ledger.models import Party
from apps.ledger.models.keys import named, person
from apps.reconciliation import triggers
from apps.reconciliation.models.banks import BankAccount


class StatementImport(Owned):
    """One file that was imported, and what came of it. The counts are empty until it ended."""

    bank_account = models.ForeignKey(
        BankAccount, on_delete=models.PROTECT, related_name="imports", verbose_name=_("bank account")
    )
    upload = models.ForeignKey(Upload, on_delete=models.PROTECT, related_name="+", verbose_name=_("file"))
    format = models.CharField(_("format"), max_length=20)
    mapping = models.CharField(_("CSV mapping"), max_length=100, blank=True)
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    lines_new = models.PositiveIntegerField(_("new"), null=True, editable=False)
    lines_known = models.PositiveIntegerField(_("known"), null=True, editable=False)
    lines_ambiguous = models.PositiveIntegerField(_("ambiguous"), null=True, editable=False)
    refusal = models.JSONField(_("refusal"), null=True, blank=True, editable=False)
    created_by = person(verbose_name=_("imported by"))
    created_at = models.DateTimeField(_("imported"), default=timezone.now, editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True, editable=False)
    withdrawn_by = person(verbose_name=_("withdrawn by"))
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, editable=False)
    withdrawn_because = models.CharField(_("why it was withdrawn"), max_length=300, blank=True, editable=False)

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name = _("statement import")
        verbose_name_plural = _("statement imports")
        constraints = (
            laws.owned("statement_import"),
            *laws.same_administration("statement_import", "bank_account", "upload"),
        )

    def __str__(self) -> str:
        return f"{self.upload.file_name}"


class StatementQuerySet(ScopedQuerySet):
    def in_order(self) -> Self:
        """As the bank wrote them: by date, and within one day as they came."""
        return self.order_by("date", "id")


class Statement(Owned):
    """A bank's statement: where its balance began, its lines, and where the bank says that it ended.

    Amounts are in the account's currency. ``balance_start`` and ``balance_end_real`` are as the bank stated, less what
    lines that an earlier import brought already count; without a stated start it is the end of the statement before.
    ``balance_end`` is start plus lines. *Complete*: that is what the bank says; empty when the bank says nothing.
    *Valid*: it begins where the statement before it ended; the first one always is. Both are derived, never set.

    Where Daybook makes a statement of each month (``month``, its first day) it grows with every file: it begins where
    the one before it ended, and the bank's ending balance is what the newest file says, or nothing.
    """

    bank_account = models.ForeignKey(
        BankAccount, on_delete=models.PROTECT, related_name="statements", verbose_name=_("bank account")
    )
    statement_import = models.ForeignKey(
        StatementImport, on_delete=models.PROTECT, null=True, blank=True, related_name="statements"
    )
    name = models.CharField(_("statement"), max_length=100)
    reference = models.CharField(_("bank's id"), max_length=100, blank=True)
    date = models.DateField(_("date"))
    first_date = models.DateField(_("from"), null=True, blank=True)
    month = models.DateField(_("month"), null=True, blank=True, editable=False)
    balance_start = amount_field(verbose_name=_("starting balance"))
    balance_end_real = amount_field(verbose_name=_("ending balance by the bank"), null=True, blank=True)
    line_count = models.PositiveIntegerField(_("lines"), default=0, editable=False)
    line_total = amount_field(verbose_name=_("sum of the lines"), default=0, editable=False)
    balance_end = models.GeneratedField(
        expression=F("balance_start") + F("line_total"),
        output_field=amount_field(verbose_name=_("ending balance")),
        db_persist=True,
        verbose_name=_("ending balance"),
    )
    is_complete: Any = models.GeneratedField(
        expression=Q(balance_end_real=F("balance_start") + F("line_total")),  # type: ignore[arg-type]
        output_field=models.BooleanField(null=True),
        db_persist=True,
        verbose_name=_("complete"),
    )
    is_valid = models.BooleanField(_("valid"), default=True, editable=False)
    confirmed_by = person(verbose_name=_("confirmed by"))
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True, editable=False)
    confirmed_because = models.CharField(_("why it is right"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("imported"), default=timezone.now, editable=False)

    objects = StatementQuerySet.as_manager()

    class Meta:
        ordering = ("-date", "-id")
        verbose_name = _("bank statement")
        verbose_name_plural = _("bank statements")
        constraints = (
            laws.owned("statement"),
            *laws.same_administration("statement", "bank_account", "statement_import"),
            models.UniqueConstraint(fields=["administration", "bank_account", "id"], name="statement_of_its_account"),
            models.UniqueConstraint(fields=["bank_account", "month"], name="one_statement_per_month"),
            models.CheckConstraint(name="statement_month_begins", condition=Q(month=None) | Q(month__day=1)),
        )
        indexes = (models.Index(fields=["bank_account", "date", "id"], name="statement_order"),)
        triggers = (triggers.statement_kept, *triggers.statement_continuity, laws.no_truncate())

    def __str__(self) -> str:
        return self.name


class StatementLineQuerySet(ScopedQuerySet):
    def open(self) -> Self:
        """Lines that are not, or not wholly, matched."""
        return self.exclude(residual=0)

    def of_import(self, statement_import: "StatementImport") -> Self:
        """Those that the file brought."""
        brought = Q(statement__statement_import=statement_import, statement_import=None)
        return self.filter(brought | Q(statement_import=statement_import))

    def in_order(self) -> Self:
        """By date, statement and place in it: the order of the running balance."""
        return self.order_by("date", "statement__date", "statement_id", "sequence")


class StatementLine(Owned):
    """One movement on the account, as the bank tells it: money in is positive, in the account's currency.

    ``label`` is what the payer wrote, ``reference`` a structured reference (KID, RF, betalingskenmerk) without blanks,
    ``note`` whatever else the bank says. ``foreign_currency`` and ``foreign_amount`` are the amount that was paid where
    it was another currency, ``exchange_rate`` the bank's. ``fingerprint`` is the bank's own id, or the content, and
    ``occurrence`` counts equal ones: equal lines are legitimate. ``residual`` is the amount less its matches; derived.
    ``statement_import`` is the file that brought it where several files make one statement.
    """

    # The statement's key carries it, and the account: one check for each row, not three.
    administration = models.ForeignKey(
        Administration,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
        verbose_name=_("administration"),
    )
    bank_account = named(BankAccount, related_name="lines", verbose_name=_("bank account"), db_index=False)
    statement = named(Statement, related_name="lines", verbose_name=_("statement"), db_index=False)
    statement_import = named(
        StatementImport, null=True, blank=True, related_name="lines", verbose_name=_("import"), db_index=False
    )
    sequence = models.PositiveIntegerField(_("place"), editable=False)
    date = models.DateField(_("date"))
    value_date = models.DateField(_("value date"), null=True, blank=True)
    amount = amount_field(verbose_name=_("amount"))
    foreign_currency = models.CharField(_("foreign currency"), max_length=3, blank=True)
    foreign_amount = amount_field(verbose_name=_("foreign amount"), null=True, blank=True)
    exchange_rate = exchange_rate_field(verbose_name=_("exchange rate"), null=True, blank=True)
    label = models.TextField(_("description"), blank=True)
    reference = models.CharField(_("structured reference"), max_length=100, blank=True)
    note = models.TextField(_("note"), blank=True)
    end_to_end_id = models.CharField(_("end-to-end id"), max_length=100, blank=True)
    bank_id = models.CharField(_("bank's id"), max_length=100, blank=True)
    transaction_type = models.CharField(_("type"), max_length=60, blank=True)
    counterparty_name = models.CharField(_("counterparty"), max_length=200, blank=True)
    counterparty_iban = models.CharField(_("their IBAN or number"), max_length=34, blank=True)
    is_reversal = models.BooleanField(_("reversal"), default=False)
    party = named(Party, null=True, blank=True, verbose_name=_("party"), db_index=False)
    to_check = models.BooleanField(_("to check"), default=False)
    looks_like = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("looks like"),
    )
    fingerprint = models.CharField(max_length=64, editable=False)
    occurrence = models.PositiveSmallIntegerField(default=1, editable=False)
    residual = amount_field(verbose_name=_("open"), editable=False)

    objects = StatementLineQuerySet.as_manager()

    class Meta:
        ordering = ("-date", "-statement_id", "-sequence")
        verbose_name = _("bank line")
        verbose_name_plural = _("bank lines")
        constraints = (
            laws.owned("statement_line"),
            laws.SameAdministration(
                field="statement", along=("bank_account",), name="statement_line_statement_same_administration"
            ),
            *laws.same_administration("statement_line", "statement_import", "party", "looks_like"),
            models.UniqueConstraint(fields=["bank_account", "fingerprint", "occurrence"], name="statement_line_once"),
            models.UniqueConstraint(fields=["statement", "sequence"], name="statement_line_place"),
            models.CheckConstraint(
                name="match_within_line",
                condition=Q(amount__gte=0, residual__gte=0, residual__lte=F("amount"))
                | Q(amount__lt=0, residual__lte=0, residual__gte=F("amount")),
            ),
            models.CheckConstraint(
                name="bank_currency_mismatch",
                condition=Q(foreign_currency="", foreign_amount=None)
                | Q(~Q(foreign_currency=""), foreign_amount__isnull=False),
            ),
        )
        indexes = (
            models.Index(fields=["bank_account", "date", "statement", "sequence"], name="statement_line_order"),
            models.Index(fields=["bank_account", "date"], condition=~Q(residual=0), name="statement_line_open"),
        )
        triggers = (
            triggers.statement_line_kept,
            triggers.statement_line_residual,
            triggers.statement_line_added,
            triggers.statement_line_removed,
            laws.no_truncate(),
        )

    def __str__(self) -> str:
        return f"{self.date} {self.amount}"
