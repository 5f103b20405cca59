"""Patients' wallets: what they paid in before it was due."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.billing import triggers
from apps.billing.models.bills import Payment
from apps.billing.models.catalogue import Patient
from apps.billing.models.days import ClinicDay
from apps.billing.models.drawers import Shift
from apps.core import laws
from apps.core.models import Owned, User
from apps.core.money import amount_field


class Wallet(Owned):
    """What a patient has in their wallet: top-ups less what bills were paid with, kept by triggers.

    ``stated_balance`` is what an earlier system said it held on ``stated_on``; a check compares the two.
    """

    patient = models.OneToOneField(Patient, on_delete=models.PROTECT, related_name="wallet", verbose_name=_("patient"))
    balance = amount_field(default=0, verbose_name=_("balance"), editable=False)
    stated_balance = amount_field(null=True, editable=False, verbose_name=_("balance elsewhere"))
    stated_on = models.DateField(_("on"), null=True, editable=False)

    class Meta:
        ordering = ("patient",)
        verbose_name = _("wallet")
        verbose_name_plural = _("wallets")
        constraints = (laws.owned("wallet"), *laws.same_administration("wallet", "patient"))
        indexes = (
            models.Index(
                fields=["administration", "stated_on"], condition=Q(stated_on__isnull=False), name="wallet_stated"
            ),
        )
        triggers = (triggers.wallet_kept,)

    def __str__(self) -> str:
        return str(self.patient)


class TopUp(Owned):
    """Money that a patient put into their wallet, or took out again (negative): never a payment of a bill."""

    class Method(models.TextChoices):
        CASH = Payment.Method.CASH.value, Payment.Method.CASH.label
        CARD = Payment.Method.CARD.value, Payment.Method.CARD.label
        TRANSFER = Payment.Method.TRANSFER.value, Payment.Method.TRANSFER.label
        PAYSTACK = Payment.Method.PAYSTACK.value, Payment.Method.PAYSTACK.label

    clinic_day = models.ForeignKey(ClinicDay, on_delete=models.PROTECT, related_name="top_ups", verbose_name=_("day"))
    late_for = models.ForeignKey(
        ClinicDay,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="late_top_ups",
        verbose_name=_("late for"),
    )
    number = models.PositiveIntegerField(_("receipt"), null=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="top_ups", verbose_name=_("patient"))
    method = models.CharField(_("method"), max_length=9, choices=Method.choices)
    amount = amount_field(verbose_name=_("amount"))
    shift = models.ForeignKey(
        Shift, on_delete=models.PROTECT, null=True, blank=True, related_name="top_ups", verbose_name=_("shift")
    )
    reference = models.CharField(_("reference"), max_length=100, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    taken_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("taken by")
    )
    taken_at = models.DateTimeField(_("taken"), default=timezone.now)
    idempotency_key = models.CharField(max_length=200, blank=True, editable=False)
    source = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("wallet top-up")
        verbose_name_plural = _("wallet top-ups")
        constraints: Any = (
            laws.owned("top_up"),
            *laws.same_administration("top_up", "clinic_day", "late_for", "patient", "shift"),
            models.UniqueConstraint(fields=["administration", "number"], name="top_up_number"),
            models.CheckConstraint(condition=~Q(amount=0), name="top_up_of_something"),
            models.CheckConstraint(condition=Q(shift=None) | Q(method="CASH"), name="top_up_shift_is_cash"),
            models.UniqueConstraint(
                fields=["administration", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="top_up_idempotency_key",
            ),
            models.UniqueConstraint(fields=["administration", "source"], condition=~Q(source=""), name="top_up_source"),
        )
        indexes = (
            models.Index(fields=["administration", "reference"], condition=~Q(reference=""), name="top_up_reference"),
        )
        triggers = (
            triggers.top_up_append_only,
            triggers.day_open,
            triggers.shift_open,
            *laws.numbered("'top_up'"),
            triggers.top_up_moves_wallet,
            laws.no_truncate(),
        )

    def __str__(self) -> str:
        return f"W-{self.number or 0:06d}"
