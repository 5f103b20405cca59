"""What payers agreed to pay, whom they cover, what was claimed from them and how that was settled."""

from datetime import date
from typing import Any, Self

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeBoundary, RangeOperators
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.billing import triggers
from apps.billing.models.bills import Bill
from apps.billing.models.catalogue import Patient, Payer, Service
from apps.billing.models.days import ClinicDay
from apps.core import laws
from apps.core.models import Owned, ScopedQuerySet, User
from apps.core.money import amount_field
from apps.ledger.models import DateRange, JournalEntry


def _person(label: Any) -> Any:
    return models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=label
    )


class TariffQuerySet(ScopedQuerySet):
    def on(self, day: date) -> Self:
        """The tariffs that hold on ``day``."""
        return self.filter(Q(valid_until=None) | Q(valid_until__gte=day), valid_from__lte=day)


class Tariff(Owned):
    """What a payer agreed to pay for a service from one day to another, and the part that the patient pays."""

    payer = models.ForeignKey(Payer, on_delete=models.CASCADE, related_name="tariffs", verbose_name=_("payer"))
    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="tariffs", verbose_name=_("service"))
    price = amount_field(verbose_name=_("price"), validators=[MinValueValidator(0)])
    co_pay = amount_field(
        default=0, verbose_name=_("co-pay"), validators=[MinValueValidator(0)], help_text=_("Of it, by the patient.")
    )
    includes_vat = models.BooleanField(_("includes VAT"), default=True)
    valid_from = models.DateField(_("valid from"))
    valid_until = models.DateField(_("valid until"), null=True, blank=True, help_text=_("The last day it holds."))

    objects = TariffQuerySet.as_manager()

    class Meta:
        ordering = ("payer", "service", "-valid_from")
        verbose_name = _("tariff")
        verbose_name_plural = _("tariffs")
        constraints: Any = (
            *laws.same_administration("tariff", "payer", "service"),
            models.CheckConstraint(condition=Q(price__gte=F("co_pay"), co_pay__gte=0), name="co_pay_within_price"),
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gte=F("valid_from")), name="tariff_days"
            ),
            ExclusionConstraint(
                name="one_tariff_a_day",
                expressions=[
                    ("payer", RangeOperators.EQUAL),
                    ("service", RangeOperators.EQUAL),
                    (DateRange("valid_from", "valid_until", RangeBoundary(True, True)), RangeOperators.OVERLAPS),
                ],
            ),
        )

    def __str__(self) -> str:
        return f"{self.payer} {self.service.code} {self.price}"


class Cover(Owned):
    """That a payer covers a patient, under a member number. It says who the patient is, and is erased with them."""

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="covers", verbose_name=_("patient"))
    payer = models.ForeignKey(Payer, on_delete=models.PROTECT, related_name="covers", verbose_name=_("payer"))
    member_number = models.CharField(_("member number"), max_length=64, blank=True)
    plan = models.CharField(_("plan"), max_length=100, blank=True)
    valid_from = models.DateField(_("valid from"))
    valid_until = models.DateField(_("valid until"), null=True, blank=True)
    source = models.CharField(max_length=200, blank=True, editable=False)

    objects = TariffQuerySet.as_manager()

    class Meta:
        ordering = ("patient", "-valid_from")
        verbose_name = _("cover")
        verbose_name_plural = _("covers")
        constraints: Any = (
            laws.owned("cover"),
            *laws.same_administration("cover", "patient", "payer"),
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gte=F("valid_from")), name="cover_days"
            ),
            models.UniqueConstraint(fields=["administration", "source"], condition=~Q(source=""), name="cover_source"),
        )
        triggers = (triggers.cover_of_nobody_erased,)

    def __str__(self) -> str:
        return str(self.payer)


class Claim(Owned):
    """What a payer is asked to pay of one bill: the cover that was accepted on it. C-000123."""

    class Status(models.TextChoices):
        DRAFT = "DRAFT", _("Draft")
        SUBMITTED = "SUBMITTED", _("Submitted")
        REJECTED = "REJECTED", _("Rejected")
        PAID = "PAID", _("Settled")

    number = models.PositiveIntegerField(_("number"), null=True, editable=False)
    payer = models.ForeignKey(Payer, on_delete=models.PROTECT, related_name="claims", verbose_name=_("payer"))
    bill = models.ForeignKey(Bill, on_delete=models.PROTECT, related_name="claims", verbose_name=_("bill"))
    status = models.CharField(_("status"), max_length=9, choices=Status.choices, default=Status.DRAFT)
    authorisation = models.CharField(_("authorisation code"), max_length=64, blank=True)
    submitted_on = models.DateField(_("submitted on"), null=True, blank=True)
    submissions = models.PositiveSmallIntegerField(_("times submitted"), default=0, editable=False)
    answered_on = models.DateField(_("answered on"), null=True, blank=True)
    reason = models.CharField(_("reason of rejection"), max_length=200, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False, help_text="Moves with every change of the facts.")
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    source = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("claim")
        verbose_name_plural = _("claims")
        constraints: Any = (
            laws.owned("claim"),
            *laws.same_administration("claim", "payer", "bill"),
            models.UniqueConstraint(fields=["administration", "number"], name="claim_number"),
            models.UniqueConstraint(fields=["bill", "payer"], name="one_claim_per_bill_and_payer"),
            models.CheckConstraint(
                condition=Q(status="DRAFT") | Q(submitted_on__isnull=False), name="claim_sent_has_a_date"
            ),
            models.UniqueConstraint(fields=["administration", "source"], condition=~Q(source=""), name="claim_source"),
        )
        indexes = (models.Index(fields=["administration", "status"], name="claim_status"),)
        triggers = (triggers.claim_kept, *laws.numbered("'claim'"), laws.no_truncate())

    def __str__(self) -> str:
        return f"C-{self.number or 0:06d}"


class ClaimStep(Owned):
    """Something that happened to a claim, as it was then."""

    claim = models.ForeignKey(Claim, on_delete=models.PROTECT, related_name="steps", verbose_name=_("claim"))
    status = models.CharField(_("status"), max_length=9, choices=Claim.Status.choices)
    day = models.DateField(_("date"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    by = _person(_("by"))
    at = models.DateTimeField(_("at"), default=timezone.now, editable=False)

    class Meta:
        ordering = ("id",)
        verbose_name = _("step of a claim")
        verbose_name_plural = _("steps of claims")
        constraints = (*laws.same_administration("claim_step", "claim"),)
        triggers = (triggers.claim_step_append_only, laws.no_truncate())

    def __str__(self) -> str:
        return f"{self.claim} {self.status}"


class Remittance(Owned):
    """Money of a payer that came by bank, for one or more claims: never a payment of the day. RM-000012."""

    clinic_day = models.ForeignKey(
        ClinicDay, on_delete=models.PROTECT, related_name="remittances", verbose_name=_("day")
    )
    late_for = models.ForeignKey(
        ClinicDay,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="late_remittances",
        verbose_name=_("late for"),
    )
    number = models.PositiveIntegerField(_("number"), null=True, editable=False)
    payer = models.ForeignKey(Payer, on_delete=models.PROTECT, related_name="remittances", verbose_name=_("payer"))
    received_on = models.DateField(_("received on"))
    reference = models.CharField(_("reference"), max_length=100, blank=True)
    amount = amount_field(verbose_name=_("received"))
    entry = models.OneToOneField(
        JournalEntry, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("journal entry")
    )
    by = _person(_("by"))
    at = models.DateTimeField(_("at"), default=timezone.now, editable=False)
    idempotency_key = models.CharField(max_length=200, blank=True, editable=False)
    source = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("remittance")
        verbose_name_plural = _("remittances")
        constraints: Any = (
            laws.owned("remittance"),
            *laws.same_administration("remittance", "clinic_day", "late_for", "payer", "entry"),
            models.UniqueConstraint(fields=["administration", "number"], name="remittance_number"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="remittance_not_negative"),
            models.CheckConstraint(condition=Q(entry__isnull=False) | ~Q(source=""), name="remittance_is_posted"),
            models.UniqueConstraint(
                fields=["administration", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="remittance_idempotency_key",
            ),
            models.UniqueConstraint(
                fields=["administration", "source"], condition=~Q(source=""), name="remittance_source"
            ),
        )
        triggers = (
            triggers.remittance_append_only,
            triggers.day_open,
            *laws.numbered("'remittance'"),
            laws.no_truncate(),
        )

    def __str__(self) -> str:
        return f"RM-{self.number or 0:06d}"


class ClaimSettlement(Owned):
    """What became of part of a claim: the payer paid it, or where the shortfall went. Never more than is open."""

    class Kind(models.TextChoices):
        PAID = "PAID", _("Paid")
        PATIENT = "PATIENT", _("Back to the patient")
        ADJUSTMENT = "ADJUSTMENT", _("Contractual adjustment")
        WITHHOLDING = "WITHHOLDING", _("Withholding tax")
        WRITE_OFF = "WRITE_OFF", _("Write-off")

    clinic_day = models.ForeignKey(
        ClinicDay, on_delete=models.PROTECT, related_name="claim_settlements", verbose_name=_("day")
    )
    claim = models.ForeignKey(Claim, on_delete=models.PROTECT, related_name="settlements", verbose_name=_("claim"))
    remittance = models.ForeignKey(
        Remittance,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="settlements",
        verbose_name=_("remittance"),
    )
    kind = models.CharField(_("kind"), max_length=11, choices=Kind.choices)
    amount = amount_field(verbose_name=_("amount"), help_text=_("Negative takes an earlier one back."))
    takes_back = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="taken_back_by",
        verbose_name=_("takes back"),
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    entry = models.ForeignKey(
        JournalEntry, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("journal entry")
    )
    by = _person(_("by"))
    approved_by = _person(_("approved by"))
    at = models.DateTimeField(_("at"), default=timezone.now, editable=False)
    source = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        ordering = ("id",)
        verbose_name = _("settlement of a claim")
        verbose_name_plural = _("settlements of claims")
        constraints: Any = (
            laws.owned("claim_settlement"),
            *laws.same_administration("claim_settlement", "clinic_day", "claim", "remittance", "entry", "takes_back"),
            models.CheckConstraint(condition=~Q(amount=0), name="claim_settlement_of_something"),
            models.CheckConstraint(
                condition=Q(takes_back=None) | Q(amount__lt=0), name="claim_settlement_taken_back_is_negative"
            ),
            models.CheckConstraint(
                condition=~Q(kind="PAID") | Q(remittance__isnull=False), name="paid_claim_names_its_remittance"
            ),
            models.UniqueConstraint(
                fields=["administration", "source"], condition=~Q(source=""), name="claim_settlement_source"
            ),
        )
        triggers = (
            triggers.claim_settlement_append_only,
            triggers.day_open,
            triggers.claim_settlement_within_open,
            triggers.claim_settlement_outstanding,
            laws.no_truncate(),
        )

    def __str__(self) -> str:
        return f"{self.claim} {self.kind}"


class WriteOff(Owned):
    """Debt that is given up: somebody proposes it with a reason, somebody else approves it, and then it is posted.

    With a ``claim`` it is the payer's debt of the bill, otherwise the patient's.
    """

    bill = models.ForeignKey(Bill, on_delete=models.PROTECT, related_name="write_offs", verbose_name=_("bill"))
    claim = models.ForeignKey(
        Claim, on_delete=models.PROTECT, null=True, blank=True, related_name="write_offs", verbose_name=_("claim")
    )
    amount = amount_field(verbose_name=_("amount"))
    reason = models.CharField(_("reason"), max_length=200)
    proposed_by = _person(_("proposed by"))
    proposed_at = models.DateTimeField(_("proposed"), default=timezone.now, editable=False)
    approved_by = _person(_("approved by"))
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True, editable=False)
    rejected_by = _person(_("rejected by"))
    rejected_at = models.DateTimeField(_("rejected"), null=True, blank=True, editable=False)
    clinic_day = models.ForeignKey(
        ClinicDay,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="write_offs",
        verbose_name=_("day"),
        help_text=_("The day that it took effect on, once approved."),
    )
    entry = models.OneToOneField(
        JournalEntry, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("journal entry")
    )
    source = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("write-off")
        verbose_name_plural = _("write-offs")
        constraints: Any = (
            laws.owned("write_off"),
            *laws.same_administration("write_off", "bill", "claim", "clinic_day", "entry"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="write_off_positive"),
            models.CheckConstraint(
                condition=Q(approved_at=None, clinic_day=None, entry=None)
                | Q(approved_at__isnull=False, clinic_day__isnull=False, rejected_at=None),
                name="write_off_takes_effect_once_approved",
            ),
            models.UniqueConstraint(
                fields=["administration", "source"], condition=~Q(source=""), name="write_off_source"
            ),
        )
        triggers = (
            triggers.write_off_kept,
            triggers.write_off_day_open,
            triggers.write_off_outstanding,
            triggers.write_off_outstanding_once_approved,
            laws.no_truncate(),
        )

    def __str__(self) -> str:
        return f"{self.bill} {self.amount}"
