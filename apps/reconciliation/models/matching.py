"""What bank lines were matched with."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.billing.models import Payment
from apps.core import laws
from apps.core.models import Job, Owned
from apps.core.money import amount_field
from apps.ledger.models import Account, JournalEntry, JournalLine, OpenItem
from apps.ledger.models.keys import administration_of_many, named, person
from apps.reconciliation import triggers
from apps.reconciliation.models.banks import BankAccount
from apps.reconciliation.models.rules import ReconciliationModel
from apps.reconciliation.models.statements import StatementLine


class Clearing(Owned):
    """One act on a bank line: what it was matched with, the entry that it posted, and whether it was undone.

    By nobody: Daybook did it by itself, with ``score`` and ``reasons``. ``other_side`` is the clearing of the
    other account's line, when money went between accounts of our own. Undoing reverses the entry; the rows stay.
    """

    line = models.ForeignKey(
        StatementLine, on_delete=models.PROTECT, related_name="clearings", verbose_name=_("bank line")
    )
    entry = models.OneToOneField(
        JournalEntry, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("entry")
    )
    model = models.ForeignKey(
        ReconciliationModel, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("model")
    )
    other_side = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("other side")
    )
    score = models.PositiveSmallIntegerField(_("score"), null=True, blank=True)
    reasons = models.JSONField(_("reasons"), default=list)
    by = person(verbose_name=_("by"))
    created_at = models.DateTimeField(_("made"), default=timezone.now, editable=False)
    reversal = models.OneToOneField(
        JournalEntry, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("reversal")
    )
    undone_by = person(verbose_name=_("undone by"))
    undone_at = models.DateTimeField(_("undone"), null=True, blank=True, editable=False)

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name = _("clearing")
        verbose_name_plural = _("clearings")
        constraints = (
            laws.owned("clearing"),
            *laws.same_administration("clearing", "line", "entry", "model", "other_side", "reversal"),
            models.CheckConstraint(
                name="clearing_undone_whole",
                condition=Q(undone_at=None, undone_by=None, reversal=None)
                | Q(undone_at__isnull=False, entry=None, reversal=None)
                | Q(undone_at__isnull=False, entry__isnull=False, reversal__isnull=False),
            ),
        )
        triggers = (triggers.clearing_kept, triggers.clearing_undone, laws.no_truncate())

    def __str__(self) -> str:
        return f"{self.line}"


class FullReconcile(Owned):
    """A set of matches by which lines and entries net to zero; dissolved when one of them is undone."""

    created_at = models.DateTimeField(_("reached"), default=timezone.now, editable=False)
    dissolved_at = models.DateTimeField(_("dissolved"), null=True, blank=True, editable=False)

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name = _("full reconcile")
        verbose_name_plural = _("full reconciles")
        constraints = (laws.owned("full_reconcile"),)
        triggers = (triggers.full_reconcile_kept, laws.no_truncate())

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d}"


class Match(Owned):
    """What a part of a bank line is (a partial reconcile).

    ``amount`` is that part in the account's currency, with the line's sign unless it goes against it, as a fee that was
    kept does; ``book_amount`` the same in the book currency. It clears ``entry_line`` as far as that goes, whose
    balance has the same sign: money in clears a debit. ``active`` is derived: its clearing was not undone.
    """

    class Kind(models.TextChoices):
        ITEM = "ITEM", _("Open item")
        TRANSIT = "TRANSIT", _("Money in transit")
        BOOKED = "BOOKED", _("Already booked on the bank account")
        MODEL = "MODEL", _("Booked by a model")
        WRITE_OFF = "WRITE_OFF", _("Written off")
        FEE = "FEE", _("Fee")
        EXCHANGE = "EXCHANGE", _("Exchange difference")
        TRANSFER = "TRANSFER", _("Own account")
        DUPLICATE = "DUPLICATE", _("The same as another line")

    administration = administration_of_many()
    clearing = models.ForeignKey(Clearing, on_delete=models.PROTECT, related_name="matches")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(_("kind"), max_length=9, choices=Kind.choices)
    amount = amount_field(verbose_name=_("amount"))
    book_amount = amount_field(verbose_name=_("amount in the books"))
    account = named(Account, null=True, blank=True, verbose_name=_("account"), db_index=False)
    entry_line = named(JournalLine, null=True, blank=True, related_name="matches", verbose_name=_("entry line"))
    open_item = named(OpenItem, null=True, blank=True, related_name="matches", verbose_name=_("open item"))
    payment = models.ForeignKey(
        Payment, on_delete=models.PROTECT, null=True, blank=True, related_name="matches", verbose_name=_("payment")
    )
    exchange_entry = named(JournalEntry, null=True, blank=True, verbose_name=_("exchange difference"), db_index=False)
    full_reconcile = models.ForeignKey(
        FullReconcile, on_delete=models.PROTECT, null=True, blank=True, related_name="matches", editable=False
    )
    active = models.BooleanField(default=True, editable=False)

    class Meta:
        ordering = ("clearing", "position")
        verbose_name = _("match")
        verbose_name_plural = _("matches")
        constraints = (
            laws.owned("match"),
            *laws.same_administration(
                "match", "clearing", "account", "entry_line", "open_item", "payment", "exchange_entry", "full_reconcile"
            ),
            models.UniqueConstraint(fields=["clearing", "position"], name="match_position"),
            models.UniqueConstraint(fields=["payment"], condition=Q(active=True), name="payment_cleared_once"),
            models.CheckConstraint(
                name="match_says_what",
                condition=Q(kind="ITEM", entry_line__isnull=False, open_item__isnull=False)
                | Q(kind="BOOKED", entry_line__isnull=False)
                | Q(kind="TRANSIT", account__isnull=False)
                | Q(kind__in=("MODEL", "WRITE_OFF", "FEE", "EXCHANGE", "TRANSFER"), account__isnull=False)
                | Q(kind="DUPLICATE"),
            ),
        )
        triggers = (triggers.match_kept, triggers.match_counts, laws.no_truncate())

    def __str__(self) -> str:
        return f"{self.kind} {self.amount}"


class ClearedLine(Owned):
    """How much of an entry line bank lines have cleared, in the book currency: never more than there is. Derived."""

    entry_line = models.OneToOneField(
        JournalLine, on_delete=models.PROTECT, related_name="cleared", db_constraint=False
    )
    amount = amount_field()
    cleared = amount_field()

    class Meta:
        constraints = (
            *laws.same_administration("cleared_line", "entry_line"),
            models.CheckConstraint(
                name="match_within_entry_line",
                condition=Q(amount__gt=0, cleared__gte=0, cleared__lte=F("amount"))
                | Q(amount__lt=0, cleared__lte=0, cleared__gte=F("amount")),
            ),
        )
        triggers = (triggers.cleared_line_derived,)

    def __str__(self) -> str:
        return f"{self.cleared} / {self.amount}"


class MatchingRun(Owned):
    """One time that Daybook went through open lines by itself; the counts are empty until it ended."""

    bank_account = models.ForeignKey(
        BankAccount, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("bank account")
    )
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    by = person(verbose_name=_("asked by"))
    created_at = models.DateTimeField(_("begun"), default=timezone.now, editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True, editable=False)
    matched = models.PositiveIntegerField(_("matched"), null=True, blank=True)
    left = models.PositiveIntegerField(_("left"), null=True, blank=True)
    ambiguous = models.PositiveIntegerField(_("ambiguous"), null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name = _("matching run")
        verbose_name_plural = _("matching runs")
        constraints = (
            laws.owned("matching_run"),
            *laws.same_administration("matching_run", "bank_account"),
        )

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M}"


class MatchingOutcome(Owned):
    """What a run did with one line, or why it left it."""

    class Outcome(models.TextChoices):
        MATCHED = "MATCHED", _("Matched")
        AMBIGUOUS = "AMBIGUOUS", _("Several fit equally")
        NEEDS_PERSON = "NEEDS_PERSON", _("A person decides")
        LEFT = "LEFT", _("Nothing fits")

    administration = administration_of_many()
    run = models.ForeignKey(MatchingRun, on_delete=models.CASCADE, related_name="outcomes")
    line = models.ForeignKey(StatementLine, on_delete=models.CASCADE, related_name="outcomes")
    outcome = models.CharField(_("outcome"), max_length=12, choices=Outcome.choices)
    clearing = models.ForeignKey(Clearing, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    reasons = models.JSONField(_("reasons"), default=list)

    class Meta:
        ordering = ("run", "id")
        verbose_name = _("outcome")
        verbose_name_plural = _("outcomes")
        constraints = (
            laws.owned("matching_outcome"),
            *laws.same_administration("matching_outcome", "run", "line", "clearing"),
            models.UniqueConstraint(fields=["run", "line"], name="one_outcome_per_line"),
        )

    def __str__(self) -> str:
        return f"{self.outcome} {self.line_id}"
