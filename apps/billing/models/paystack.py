"""What the payment provider confirmed. Nothing is believed that it did not."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.billing import triggers
from apps.billing.models.bills import Bill
from apps.billing.models.catalogue import Patient, Service
from apps.core import laws
from apps.core.models import Owned
from apps.core.money import amount_field


class PaystackEvent(Owned):
    """A signed message of the provider, taken once: its digest is its name. It is a hint to ask, never a proof."""

    digest = models.CharField(max_length=64, editable=False, help_text="SHA-256 of the body as it came.")
    event = models.CharField(_("event"), max_length=64)
    reference = models.CharField(_("reference"), max_length=100, blank=True)
    received_at = models.DateTimeField(_("received"), default=timezone.now)
    handled_at = models.DateTimeField(_("handled"), null=True, blank=True)
    refusal = models.CharField(_("refusal"), max_length=200, blank=True)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("provider message")
        verbose_name_plural = _("provider messages")
        constraints: Any = (models.UniqueConstraint(fields=["administration", "digest"], name="paystack_event_once"),)
        indexes = (
            models.Index(
                fields=["administration", "received_at"], condition=Q(handled_at=None), name="paystack_event_waiting"
            ),
            models.Index(fields=["administration", "received_at"], name="paystack_event_day"),
            models.Index(fields=["administration", "event", "reference"], name="paystack_event_about"),
        )

    def __str__(self) -> str:
        return f"{self.event} {self.reference}"


class PaystackSettlement(Owned):
    """A payout of the provider to the clinic's bank account: payments less fees and what went back, in ``currency``."""

    provider_id = models.CharField(_("provider's id"), max_length=64)
    status = models.CharField(_("status"), max_length=32)
    currency = models.CharField(_("currency"), max_length=3)
    settled_on = models.DateField(_("settled on"), null=True, blank=True)
    gross = amount_field(verbose_name=_("payments"))
    fees = amount_field(verbose_name=_("fees"))
    net = amount_field(verbose_name=_("paid out"))
    verified_at = models.DateTimeField(_("verified"), default=timezone.now)

    class Meta:
        ordering = ("-settled_on", "-id")
        verbose_name = _("provider settlement")
        verbose_name_plural = _("provider settlements")
        constraints: Any = (
            laws.owned("paystack_settlement"),
            models.UniqueConstraint(fields=["administration", "provider_id"], name="paystack_settlement_once"),
        )

    def __str__(self) -> str:
        return f"PSTK_{self.provider_id}"


class PaystackTransaction(Owned):
    """A payment as the provider states it, asked for by reference; what it is for, if we know."""

    reference = models.CharField(_("reference"), max_length=100)
    provider_id = models.CharField(_("provider's id"), max_length=64, blank=True)
    status = models.CharField(_("status"), max_length=32)
    amount = amount_field(verbose_name=_("amount"))
    fees = amount_field(default=0, verbose_name=_("fees"))
    currency = models.CharField(_("currency"), max_length=3)
    paid_on = models.DateField(_("paid on"), null=True, blank=True, help_text=_("The administration's local date."))
    paid_at = models.DateTimeField(_("paid"), null=True, blank=True)
    verified_at = models.DateTimeField(_("verified"), default=timezone.now)
    bill = models.ForeignKey(
        Bill,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="paystack_transactions",
        verbose_name=_("bill"),
    )
    patient = models.ForeignKey(
        Patient,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="paystack_transactions",
        verbose_name=_("patient"),
        help_text=_("Whose wallet it tops up."),
    )
    service = models.ForeignKey(
        Service,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("for service"),
        help_text=_("What the patient pays for in advance."),
    )
    settlement = models.ForeignKey(
        PaystackSettlement,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="transactions",
        verbose_name=_("settlement"),
    )
    source = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("provider payment")
        verbose_name_plural = _("provider payments")
        constraints: Any = (
            laws.owned("paystack_transaction"),
            *laws.same_administration("paystack_transaction", "bill", "patient", "service", "settlement"),
            models.UniqueConstraint(fields=["administration", "reference"], name="paystack_transaction_once"),
        )
        indexes = (models.Index(fields=["administration", "paid_on"], name="paystack_transaction_day"),)
        triggers = (triggers.paystack_transaction_kept,)

    def __str__(self) -> str:
        return self.reference


class PaystackRefund(Owned):
    """Money that the provider gave back of a payment, as it states it. A person enters it as a refund here."""

    PROCESSED = "processed"

    provider_id = models.CharField(_("provider's id"), max_length=64)
    transaction = models.ForeignKey(
        PaystackTransaction,
        on_delete=models.PROTECT,
        related_name="refunds",
        verbose_name=_("provider payment"),
    )
    status = models.CharField(_("status"), max_length=32)
    amount = amount_field(verbose_name=_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    refunded_on = models.DateField(
        _("given back on"), null=True, blank=True, help_text=_("The administration's local date.")
    )
    settlement = models.ForeignKey(
        PaystackSettlement,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="refunds",
        verbose_name=_("deducted from"),
    )
    verified_at = models.DateTimeField(_("verified"), default=timezone.now)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("provider refund")
        verbose_name_plural = _("provider refunds")
        constraints: Any = (
            *laws.same_administration("paystack_refund", "transaction", "settlement"),
            models.UniqueConstraint(fields=["administration", "provider_id"], name="paystack_refund_once"),
        )
        indexes = (models.Index(fields=["administration", "refunded_on"], name="paystack_refund_day"),)

    def __str__(self) -> str:
        return self.provider_id
