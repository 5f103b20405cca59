"""Patients' wallets: what they paid in before it was due, for anything or for one taxed service."""

from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.billing import triggers
from apps.billing.models.bills import Payment
from apps.billing.models.catalogue import Patient, Service
from apps.billing.models.days import ClinicDay
from apps.billing.models.drawers import Shift
from apps.core import laws
from apps.core.models import Owned, User
from apps.core.money import amount_field, rate_field
from apps.ledger.models import VatCode


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


# All of it or nothing: a check passes where it is unknown, so what must be there is asked for.
NO_ADVANCE = Q(service=None, vat_code=None, vat_rate=None, net=None, vat=None, advance=None)
_WHOLE = Q(
    *(Q(**{f"{name}__isnull": False}) for name in ("service", "vat_code", "vat_rate", "net", "vat")),
    vat_rate__gt=0,
    amount=F("net") + F("vat"),
)
ADVANCE = _WHOLE & Q(amount__gt=0, net__gt=0, vat__gte=0, advance=None)
GIVEN_BACK = _WHOLE & Q(amount__lt=0, net__lte=0, vat__lte=0, advance__isnull=False)


class TopUp(Owned):
    """Money that a patient put into their wallet, or took out again (negative): never a payment of a bill.

    With a ``service`` it is an advance: paid for that one service before it is given. Its VAT is due on receipt, so the
    ``amount`` is split into ``net`` and ``vat`` by the VAT code of its day; see ``services/advances.py``. It pays bills
    with that service alone. What is given back of it (negative) names the ``advance`` and takes its VAT along.
    """

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
    service = models.ForeignKey(
        Service,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="advances",
        verbose_name=_("for service"),
    )
    vat_code = models.ForeignKey(
        VatCode,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="+",
        verbose_name=_("VAT code"),
    )
    vat_rate = rate_field(null=True, blank=True, verbose_name=_("VAT rate (%)"))
    net = amount_field(null=True, blank=True, verbose_name=_("before VAT"))
    vat = amount_field(null=True, blank=True, verbose_name=_("VAT"))
    advance = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="given_back",
        verbose_name=_("gives back"),
    )
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
            *laws.same_administration(
                "top_up", "clinic_day", "late_for", "patient", "shift", "service", "vat_code", "advance"
            ),
            models.UniqueConstraint(fields=["administration", "number"], name="top_up_number"),
            models.CheckConstraint(condition=~Q(amount=0), name="top_up_of_something"),
            models.CheckConstraint(condition=Q(shift=None) | Q(method="CASH"), name="top_up_shift_is_cash"),
            models.CheckConstraint(condition=NO_ADVANCE | ADVANCE | GIVEN_BACK, name="advance_whole"),
            models.UniqueConstraint(
                fields=["administration", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="top_up_idempotency_key",
            ),
            models.UniqueConstraint(fields=["administration", "source"], condition=~Q(source=""), name="top_up_source"),
        )
        indexes = (
            models.Index(fields=["administration", "reference"], condition=~Q(reference=""), name="top_up_reference"),
            models.Index(fields=["patient", "service"], condition=Q(service__isnull=False), name="advance_of_patient"),
            models.Index(fields=["advance"], condition=Q(advance__isnull=False), name="advance_given_back"),
        )
        triggers = (
            triggers.top_up_append_only,
            triggers.day_open,
            triggers.shift_open,
            triggers.given_back_within_advance,
            *laws.numbered("'top_up'"),
            triggers.top_up_moves_wallet,
            laws.no_truncate(),
        )

    def __str__(self) -> str:
        return f"W-{self.number or 0:06d}"
