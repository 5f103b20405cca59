"""Account reconciliations: a balance-sheet account, a period, and its proof."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core import laws
from apps.core.models import Owned, Upload
from apps.core.money import amount_field
from apps.ledger.models import Account
from apps.ledger.models.keys import person
from apps.reconciliation import triggers


class AccountReconciliation(Owned):
    """The balance of one balance-sheet account over a period, held against what it should be. Book currency.

    ``opening_balance`` is the sum of the posted lines before ``period_start``, ``closing_balance`` that up to and
    including ``period_end``; debits are positive. ``difference`` is closing less expected. It is approved by another
    person than who prepared it, at a difference of zero or one that its items explain; an approved one never changes.
    """

    class Type(models.TextChoices):
        BANK = "bank", _("Bank")
        RECEIVABLES = "receivables", _("Receivables")
        PAYABLES = "payables", _("Payables")
        INVENTORY = "inventory", _("Inventory")
        OTHER = "other", _("Other")

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        RECONCILED = "reconciled", _("Reconciled")
        APPROVED = "approved", _("Approved")

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="reconciliations", verbose_name=_("account")
    )
    type = models.CharField(_("type"), max_length=11, choices=Type.choices)
    period_start = models.DateField(_("from"))
    period_end = models.DateField(_("to"))
    opening_balance = amount_field(verbose_name=_("opening balance"))
    closing_balance = amount_field(verbose_name=_("closing balance"))
    expected_balance = amount_field(verbose_name=_("expected balance"), null=True, blank=True)
    difference = models.GeneratedField(
        expression=F("closing_balance") - F("expected_balance"),
        output_field=amount_field(null=True),
        db_persist=True,
        verbose_name=_("difference"),
    )
    explained = amount_field(verbose_name=_("explained"), default=0, editable=False)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.PENDING)
    notes = models.TextField(_("notes"), blank=True)
    previous = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("previous")
    )
    created_by = person(verbose_name=_("prepared by"))
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    reconciled_by = person(verbose_name=_("reconciled by"))
    reconciled_at = models.DateTimeField(_("reconciled"), null=True, blank=True, editable=False)
    approved_by = person(verbose_name=_("approved by"))
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True, editable=False)

    class Meta:
        ordering = ("-period_end", "account__code", "-id")
        verbose_name = _("account reconciliation")
        verbose_name_plural = _("account reconciliations")
        constraints = (
            laws.owned("account_reconciliation"),
            *laws.same_administration("account_reconciliation", "account", "previous"),
            models.CheckConstraint(condition=Q(period_start__lte=F("period_end")), name="account_reconciliation_dates"),
            models.UniqueConstraint(
                fields=["account", "period_start", "period_end"],
                condition=~Q(status="approved"),
                name="one_account_reconciliation_at_work",
            ),
            models.CheckConstraint(
                name="account_reconciliation_status",
                condition=Q(status="pending", reconciled_at=None, approved_at=None)
                | Q(status="reconciled", reconciled_at__isnull=False, approved_at=None, expected_balance__isnull=False)
                | Q(
                    status="approved",
                    approved_at__isnull=False,
                    expected_balance__isnull=False,
                    explained=F("closing_balance") - F("expected_balance"),
                ),
            ),
        )
        indexes = (
            models.Index(fields=["account", "period_start", "period_end"], name="account_reconciliation_account"),
            models.Index(fields=["administration", "-period_end"], name="account_reconciliation_period"),
        )
        triggers = (triggers.account_reconciliation_kept, laws.no_truncate())

    def __str__(self) -> str:
        return f"{self.account} {self.period_start} / {self.period_end}"


class ReconcilingItem(Owned):
    """A part of the difference, and what it is: a line that one side has and the other not yet. Book currency.

    ``date`` is when it arose, so that its age shows; it goes on into the next period until ``resolved_on``.
    """

    reconciliation = models.ForeignKey(AccountReconciliation, on_delete=models.CASCADE, related_name="items")
    date = models.DateField(_("date"))
    description = models.CharField(_("description"), max_length=300)
    amount = amount_field(verbose_name=_("amount"))
    carried_from = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("carried from")
    )
    resolved_on = models.DateField(_("resolved on"), null=True, blank=True)
    created_by = person(verbose_name=_("by"))
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("date", "id")
        verbose_name = _("reconciling item")
        verbose_name_plural = _("reconciling items")
        constraints = (
            laws.owned("reconciling_item"),
            *laws.same_administration("reconciling_item", "reconciliation", "carried_from"),
            models.CheckConstraint(condition=~Q(amount=0), name="reconciling_item_amount"),
        )
        triggers = (triggers.reconciling_item_kept, triggers.reconciling_item_explains, laws.no_truncate())

    def __str__(self) -> str:
        return self.description


class ReconciliationAttachment(Owned):
    """A document that proves a balance: a bank's letter, a count, a statement."""

    reconciliation = models.ForeignKey(AccountReconciliation, on_delete=models.CASCADE, related_name="attachments")
    upload = models.OneToOneField(Upload, on_delete=models.PROTECT, related_name="+", verbose_name=_("file"))

    class Meta:
        ordering = ("-id",)
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")
        constraints = (
            laws.owned("reconciliation_attachment"),
            *laws.same_administration("reconciliation_attachment", "reconciliation", "upload"),
        )
        triggers = (triggers.reconciliation_attachment_kept,)

    def __str__(self) -> str:
        return str(self.upload)


class ReconciliationSuspension(Owned):
    """A later posting moved the balance of an approved reconciliation. The stamp stays; the proof no longer holds."""

    reconciliation = models.ForeignKey(AccountReconciliation, on_delete=models.PROTECT, related_name="suspensions")
    closing_balance = amount_field(verbose_name=_("closing balance since"))
    found_at = models.DateTimeField(_("found"), default=timezone.now, editable=False)
    replaced_by = models.ForeignKey(
        AccountReconciliation, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ("-found_at",)
        verbose_name = _("suspension")
        verbose_name_plural = _("suspensions")
        constraints = (
            laws.owned("reconciliation_suspension"),
            *laws.same_administration("reconciliation_suspension", "reconciliation", "replaced_by"),
        )
        triggers = (triggers.suspension_kept, laws.no_truncate())

    def __str__(self) -> str:
        return f"{self.reconciliation}"
