"""Who is treated, who pays for them, and what care costs."""

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
from apps.core import laws
from apps.core.models import Owned, ScopedQuerySet
from apps.core.money import amount_field
from apps.ledger.models import Account, DateRange, Party, VatCode


class Patient(Owned):
    """A patient as the books know them: a code. The name stands in an erasable row beside it."""

    code = models.CharField(_("code"), max_length=64)
    party = models.OneToOneField(Party, on_delete=models.PROTECT, related_name="patient", editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    erased_at = models.DateTimeField(_("erased"), null=True, editable=False)

    class Meta:
        ordering = ("code",)
        verbose_name = _("patient")
        verbose_name_plural = _("patients")
        constraints = (
            laws.owned("patient"),
            *laws.same_administration("patient", "party"),
            models.UniqueConstraint(fields=["administration", "code"], name="patient_code"),
        )
        triggers = (triggers.patient_stays_erased,)

    def __str__(self) -> str:
        return self.code


class PatientIdentity(Owned):
    """Who a patient is. It never leaves billing, and is deleted when the patient asks for it."""

    patient = models.OneToOneField(Patient, on_delete=models.CASCADE, related_name="identity")
    name = models.CharField(_("name"), max_length=200)
    birth_date = models.DateField(_("birth date"), null=True, blank=True)
    email = models.EmailField(_("e-mail address"), blank=True)

    class Meta:
        verbose_name = _("identity")
        verbose_name_plural = _("identities")
        constraints = (*laws.same_administration("identity", "patient"),)
        triggers = (triggers.identity_of_nobody_erased,)

    def __str__(self) -> str:
        return self.name


class Payer(Owned):
    """An HMO or insurer that takes over part of a bill."""

    code = models.CharField(_("code"), max_length=64)
    name = models.CharField(_("name"), max_length=200)
    party = models.OneToOneField(Party, on_delete=models.PROTECT, related_name="payer", editable=False)
    method = models.CharField(
        _("kind"), max_length=9, choices=[("HMO", _("HMO")), ("INSURANCE", _("Insurance"))], default="INSURANCE"
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        ordering = ("name",)
        verbose_name = _("payer")
        verbose_name_plural = _("payers")
        constraints = (
            laws.owned("payer"),
            *laws.same_administration("payer", "party"),
            models.UniqueConstraint(fields=["administration", "code"], name="payer_code"),
        )

    def __str__(self) -> str:
        return self.name


class ServiceGroup(Owned):
    """Services whose revenue stands on one account."""

    code = models.CharField(_("code"), max_length=32)
    name = models.CharField(_("name"), max_length=100)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", verbose_name=_("revenue account"))

    class Meta:
        ordering = ("name",)
        verbose_name = _("service group")
        verbose_name_plural = _("service groups")
        constraints = (
            laws.owned("service_group"),
            *laws.same_administration("service_group", "account"),
            models.UniqueConstraint(fields=["administration", "code"], name="service_group_code"),
        )

    def __str__(self) -> str:
        return self.name


class Service(Owned):
    """Something the clinic does or hands out, with prices by date."""

    code = models.CharField(_("code"), max_length=32)
    name = models.CharField(_("name"), max_length=200)
    group = models.ForeignKey(ServiceGroup, on_delete=models.PROTECT, related_name="services", verbose_name=_("group"))
    vat_code = models.ForeignKey(VatCode, on_delete=models.PROTECT, related_name="+", verbose_name=_("VAT code"))
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        ordering = ("code",)
        verbose_name = _("service")
        verbose_name_plural = _("services")
        constraints = (
            laws.owned("service"),
            *laws.same_administration("service", "group", "vat_code"),
            models.UniqueConstraint(fields=["administration", "code"], name="service_code"),
        )

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class ServicePriceQuerySet(ScopedQuerySet):
    def on(self, day: date) -> Self:
        """The prices that hold on ``day``."""
        return self.filter(Q(valid_until=None) | Q(valid_until__gte=day), valid_from__lte=day)


class ServicePrice(Owned):
    """What a service costs from one day to another, in the book currency, including or excluding VAT."""

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="prices", verbose_name=_("service"))
    price = amount_field(verbose_name=_("price"), validators=[MinValueValidator(0)])
    includes_vat = models.BooleanField(_("includes VAT"), default=True)
    valid_from = models.DateField(_("valid from"))
    valid_until = models.DateField(_("valid until"), null=True, blank=True, help_text=_("The last day it holds."))
    created_at = models.DateTimeField(_("entered"), default=timezone.now, editable=False)

    objects = ServicePriceQuerySet.as_manager()

    class Meta:
        ordering = ("-valid_from",)
        verbose_name = _("price")
        verbose_name_plural = _("prices")
        constraints: Any = (
            *laws.same_administration("price", "service"),
            models.CheckConstraint(condition=Q(price__gte=0), name="price_not_negative"),
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gte=F("valid_from")), name="price_days"
            ),
            ExclusionConstraint(
                name="one_price_a_day",
                expressions=[
                    ("service", RangeOperators.EQUAL),
                    (DateRange("valid_from", "valid_until", RangeBoundary(True, True)), RangeOperators.OVERLAPS),
                ],
            ),
        )

    def __str__(self) -> str:
        return f"{self.service.code} {self.price}"
