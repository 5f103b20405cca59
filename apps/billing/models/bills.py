"""Bills with their snapshot lines, payments and refunds, and what is outstanding on any date."""

from datetime import date
from typing import Any, Self

from django.contrib.postgres.fields import DateRangeField
from django.contrib.postgres.indexes import GistIndex
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.billing import triggers
from apps.billing.models.catalogue import Patient, Payer, Service, ServiceGroup
from apps.billing.models.days import ClinicDay, Visit
from apps.billing.models.orders import Coverage
from apps.core import laws
from apps.core.models import Owned, ScopedQuerySet, User
from apps.core.money import amount_field, rate_field
from apps.core.planner import any_date
from apps.ledger.models import VatCode


class Bill(Owned):
    """What was invoiced: never changed, corrected by a credit note (negative amounts) that points here."""

    class Kind(models.TextChoices):
        BILL = "BILL", _("Bill")
        CREDIT_NOTE = "CREDIT_NOTE", _("Credit note")

    clinic_day = models.ForeignKey(ClinicDay, on_delete=models.PROTECT, related_name="bills", verbose_name=_("day"))
    late_for = models.ForeignKey(
        ClinicDay,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="late_bills",
        verbose_name=_("late for"),
    )
    number = models.PositiveIntegerField(_("number"), null=True, editable=False)
    kind = models.CharField(_("kind"), max_length=11, choices=Kind.choices, default=Kind.BILL)
    credits = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="credit_notes", verbose_name=_("credits")
    )
    patient = models.ForeignKey(
        Patient, on_delete=models.PROTECT, related_name="bills", verbose_name=_("patient"), db_index=False
    )
    visit = models.ForeignKey(
        Visit, on_delete=models.PROTECT, null=True, blank=True, related_name="bills", verbose_name=_("visit")
    )
    line_count = models.PositiveIntegerField(editable=False)
    net = amount_field(verbose_name=_("before VAT"))
    vat = amount_field(verbose_name=_("VAT"))
    gross = amount_field(verbose_name=_("total"))
    payer = models.ForeignKey(
        Payer,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="bills",
        verbose_name=_("payer"),
        help_text=_("Whose tariff it is priced by, and who is asked to pay."),
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    issued_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    issued_at = models.DateTimeField(_("issued"), default=timezone.now)
    source = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("bill")
        verbose_name_plural = _("bills")
        constraints = (
            laws.owned("bill"),
            *laws.same_administration("bill", "clinic_day", "late_for", "patient", "visit", "credits", "payer"),
            models.UniqueConstraint(fields=["administration", "number"], name="bill_number"),
            models.UniqueConstraint(fields=["administration", "source"], condition=~Q(source=""), name="bill_source"),
            models.CheckConstraint(condition=Q(gross=F("net") + F("vat")), name="bill_adds_up"),
            models.CheckConstraint(
                condition=Q(kind="BILL", credits=None) | Q(kind="CREDIT_NOTE", credits__isnull=False, gross__lte=0),
                name="credit_note_names_its_bill",
            ),
        )
        indexes = (
            models.Index(fields=["clinic_day"], include=["kind", "net", "vat", "gross", "number"], name="bill_day"),
            models.Index(fields=["credits"], condition=Q(credits__isnull=False), name="bill_credits"),
            models.Index(fields=["patient"], include=["id"], name="bill_patient"),
        )
        triggers = (
            triggers.bill_append_only,
            triggers.day_open,
            *laws.numbered("'bill'"),
            triggers.bill_complete,
            triggers.bill_outstanding,
            laws.no_truncate(),
        )

    def __str__(self) -> str:
        return f"{'CN' if self.kind == self.Kind.CREDIT_NOTE else 'B'}-{self.number or 0:06d}"


class BillLine(Owned):
    """One service on a bill, with the price, VAT and names of its day: a snapshot."""

    bill = models.ForeignKey(Bill, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveIntegerField()
    service = models.ForeignKey(
        Service, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("service")
    )
    group = models.ForeignKey(ServiceGroup, on_delete=models.PROTECT, related_name="+", verbose_name=_("group"))
    code = models.CharField(_("code"), max_length=32, blank=True)
    description = models.CharField(_("description"), max_length=200)
    quantity = models.DecimalField(_("quantity"), max_digits=12, decimal_places=3, default=1)
    order = models.ForeignKey(
        "billing.Order", on_delete=models.PROTECT, null=True, blank=True, related_name="lines", verbose_name=_("order")
    )
    unit_price = amount_field(verbose_name=_("unit price"))
    discount = amount_field(
        default=0, verbose_name=_("discount"), help_text=_("Off quantity times unit price, VAT as in the price.")
    )
    co_pay = amount_field(
        default=0, verbose_name=_("co-pay"), help_text=_("What the patient pays of it when a payer covers the rest.")
    )
    coverage_reason = models.CharField(
        _("costs nothing"), max_length=14, choices=Coverage.choices, blank=True, default=""
    )
    vat_code = models.ForeignKey(VatCode, on_delete=models.PROTECT, related_name="+", verbose_name=_("VAT code"))
    vat_rate = rate_field(verbose_name=_("VAT rate (%)"))
    net = amount_field(verbose_name=_("before VAT"))
    vat = amount_field(verbose_name=_("VAT"))
    gross = amount_field(verbose_name=_("total"))
    source = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        ordering = ("position",)
        verbose_name = _("bill line")
        verbose_name_plural = _("bill lines")
        constraints = (
            laws.owned("bill_line"),
            *laws.same_administration("bill_line", "bill", "service", "group", "vat_code", "order"),
            models.UniqueConstraint(fields=["bill", "position"], name="bill_line_position"),
            models.CheckConstraint(condition=Q(gross=F("net") + F("vat")), name="bill_line_adds_up"),
        )
        triggers = (triggers.bill_line_append_only, triggers.bill_line_announced, laws.no_truncate())

    def __str__(self) -> str:
        return self.description


class Discount(Owned):
    """Why a line costs less than its price, who gave that away, and who approved it."""

    line = models.OneToOneField(BillLine, on_delete=models.PROTECT, related_name="given", verbose_name=_("bill line"))
    amount = amount_field(verbose_name=_("discount"))
    percentage = rate_field(verbose_name=_("of the price (%)"))
    reason = models.CharField(_("reason"), max_length=200)
    given_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("given by")
    )
    given_at = models.DateTimeField(_("given"), default=timezone.now)
    approved_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("approved by")
    )
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True, editable=False)
    source = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("discount")
        verbose_name_plural = _("discounts")
        constraints: Any = (
            *laws.same_administration("discount", "line"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="discount_positive"),
            models.UniqueConstraint(
                fields=["administration", "source"], condition=~Q(source=""), name="discount_source"
            ),
        )
        triggers = (triggers.discount_kept, laws.no_truncate())

    def __str__(self) -> str:
        return f"{self.line} {self.amount}"


# What the report of a day reads of a payment, so that it reads an index and no row.
_IN_THE_REPORT = ("kind", "amount", "number", "late_for", "repeats_reference")


class Payment(Owned):
    """Money or cover accepted on a bill, or given back: positive for a payment, negative for a refund."""

    class Method(models.TextChoices):
        CASH = "CASH", _("Cash")
        CARD = "CARD", _("Card")
        TRANSFER = "TRANSFER", _("Transfer")
        WALLET = "WALLET", _("Wallet")
        PAYSTACK = "PAYSTACK", _("Paystack")
        HMO = "HMO", _("HMO")
        INSURANCE = "INSURANCE", _("Insurance")

    COVER = (Method.HMO, Method.INSURANCE)

    class Kind(models.TextChoices):
        PAYMENT = "PAYMENT", _("Payment")
        REFUND = "REFUND", _("Refund")
        CHARGEBACK = "CHARGEBACK", _("Chargeback")

    clinic_day = models.ForeignKey(ClinicDay, on_delete=models.PROTECT, related_name="payments", verbose_name=_("day"))
    late_for = models.ForeignKey(
        ClinicDay,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="late_payments",
        verbose_name=_("late for"),
    )
    number = models.PositiveIntegerField(_("receipt"), null=True, editable=False)
    bill = models.ForeignKey(Bill, on_delete=models.PROTECT, related_name="payments", verbose_name=_("bill"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.PAYMENT)
    method = models.CharField(_("method"), max_length=9, choices=Method.choices)
    amount = amount_field(verbose_name=_("amount"))
    payer = models.ForeignKey(
        Payer, on_delete=models.PROTECT, null=True, blank=True, related_name="payments", verbose_name=_("payer")
    )
    refunds = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="refunded_by", verbose_name=_("refunds")
    )
    reference = models.CharField(
        _("reference"), max_length=100, blank=True, help_text=_("Terminal, transfer or authorisation reference.")
    )
    repeats_reference = models.BooleanField(
        _("repeats a reference"), default=False, editable=False, help_text=_("Seen at birth, so no close searches.")
    )
    advance = models.ForeignKey(
        "billing.TopUp",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="drawn",
        verbose_name=_("from advance"),
        help_text=_("What was paid for a service of the bill before it was given."),
    )
    advance_vat = amount_field(
        null=True,
        blank=True,
        verbose_name=_("VAT declared before"),
        help_text=_("Of the amount, when the advance was received."),
    )
    shift = models.ForeignKey(
        "billing.Shift",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="payments",
        verbose_name=_("shift"),
        help_text=_("Whose drawer the cash is in."),
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    taken_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("taken by")
    )
    taken_at = models.DateTimeField(_("taken"), default=timezone.now)
    idempotency_key = models.CharField(max_length=200, blank=True, editable=False)
    source = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        constraints = (
            laws.owned("payment"),
            *laws.same_administration(
                "payment", "clinic_day", "late_for", "bill", "payer", "refunds", "shift", "advance"
            ),
            models.UniqueConstraint(fields=["administration", "number"], name="payment_number"),
            models.UniqueConstraint(
                fields=["administration", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="payment_idempotency_key",
            ),
            models.UniqueConstraint(
                fields=["administration", "source"], condition=~Q(source=""), name="payment_source"
            ),
            models.CheckConstraint(
                condition=Q(kind="PAYMENT", amount__gt=0, refunds=None)
                | Q(kind__in=["REFUND", "CHARGEBACK"], amount__lt=0, refunds__isnull=False),
                name="payment_sign",
            ),
            models.CheckConstraint(
                condition=Q(method__in=["HMO", "INSURANCE"], payer__isnull=False)
                | (~Q(method__in=["HMO", "INSURANCE"]) & Q(payer=None)),
                name="cover_names_its_payer",
            ),
            models.CheckConstraint(condition=Q(shift=None) | Q(method="CASH"), name="payment_shift_is_cash"),
            models.CheckConstraint(
                condition=Q(advance=None, advance_vat=None)
                | Q(advance__isnull=False, advance_vat__isnull=False, method="WALLET")
                & (
                    Q(advance_vat__gte=0, advance_vat__lte=F("amount"))
                    | Q(advance_vat__lte=0, advance_vat__gte=F("amount"))
                ),
                name="advance_drawn_by_wallet",
            ),
        )
        indexes = (
            models.Index(fields=["clinic_day", "method"], include=_IN_THE_REPORT, name="payment_day"),
            models.Index(fields=["advance"], condition=Q(advance__isnull=False), name="payment_advance"),
            models.Index(fields=["clinic_day"], condition=Q(advance__isnull=False), name="payment_advance_day"),
            models.Index(
                fields=["administration", "method", "reference"], condition=~Q(reference=""), name="payment_reference"
            ),
            models.Index(
                fields=["bill"], include=["amount", "clinic_day"], condition=Q(method="WALLET"), name="payment_wallet"
            ),
        )
        triggers = (
            triggers.payment_append_only,
            triggers.day_open,
            triggers.shift_open,
            *laws.numbered("'payment'"),
            triggers.refund_within_payment,
            triggers.drawn_within_advance,
            triggers.reference_repeated,
            triggers.payment_outstanding,
            triggers.payment_moves_wallet,
            laws.no_truncate(),
        )

    def __str__(self) -> str:
        return f"R-{self.number or 0:06d}"


class OutstandingQuerySet(ScopedQuerySet):
    def now(self) -> Self:
        """What stands open after everything that is known."""
        return self.filter(during__upper_inf=True)

    def as_of(self, day: date) -> Self:
        """What stood open at the end of ``day``."""
        return self.filter(during__contains=any_date(day))


class Outstanding(models.Model):
    """What a bill left open, from one business date until another: derived from bills and payments by a trigger.

    Positive is owed by the ``debtor``; negative is a credit of theirs. A bill that is settled on its own day has
    no row, so a date's total costs what is open on it, not what history holds.
    """

    class Debtor(models.TextChoices):
        PATIENT = "PATIENT", _("Patient")
        PAYER = "PAYER", _("Payer")

    administration = models.ForeignKey("core.Administration", on_delete=models.PROTECT, related_name="+")
    bill = models.ForeignKey(Bill, on_delete=models.PROTECT, related_name="outstanding", verbose_name=_("bill"))
    # The bill's own, so that a date's total reads this table alone.
    clinic_day = models.ForeignKey(ClinicDay, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    visit = models.ForeignKey(Visit, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+")
    debtor = models.CharField(_("debtor"), max_length=7, choices=Debtor.choices)
    amount = amount_field(verbose_name=_("open"))
    during = DateRangeField(_("during"))

    objects: Any = OutstandingQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        verbose_name = _("outstanding")
        verbose_name_plural = _("outstanding")
        indexes = (
            GistIndex(fields=["administration", "during"], name="outstanding_during"),
            models.Index(fields=["bill"], name="outstanding_bill"),
        )

    def __str__(self) -> str:
        return f"{self.bill} {self.amount}"
