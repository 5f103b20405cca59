"""Care that was ordered on a visit, and its completion."""

from datetime import date
from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.billing import triggers
from apps.billing.models.catalogue import Payer, Service
from apps.billing.models.days import Visit
from apps.core import laws
from apps.core.models import Owned, ScopedQuerySet, User


class Coverage(models.TextChoices):
    """Why care that was given costs nothing, so that it is no leak."""

    BUNDLE = "BUNDLE", _("Part of a bundle")
    CAPITATION = "CAPITATION", _("Capitation")
    FREE_FOLLOW_UP = "FREE_FOLLOW_UP", _("Free follow-up")


class OrderQuerySet(ScopedQuerySet):
    def completed_between(self, first: date, last: date) -> Self:
        """Orders whose care was given from ``first`` to ``last``, local dates, inclusive."""
        return self.filter(completed_on__range=(first, last))


class Order(Owned):
    """One service ordered on a visit, and whether it was given: one order line, billed once."""

    class Kind(models.TextChoices):
        CONSULTATION = "CONSULTATION", _("Consultation")
        LAB = "LAB", _("Laboratory test")
        IMAGING = "IMAGING", _("Imaging")
        PHARMACY = "PHARMACY", _("Medicine")
        PROCEDURE = "PROCEDURE", _("Procedure")

    visit = models.ForeignKey(Visit, on_delete=models.PROTECT, related_name="orders", verbose_name=_("visit"))
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    service = models.ForeignKey(
        Service, on_delete=models.PROTECT, null=True, blank=True, related_name="orders", verbose_name=_("service")
    )
    code = models.CharField(_("code"), max_length=32, blank=True)
    description = models.CharField(_("description"), max_length=200)
    quantity = models.DecimalField(_("quantity"), max_digits=12, decimal_places=3, default=1)
    payer = models.ForeignKey(
        Payer,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="orders",
        verbose_name=_("payer"),
        help_text=_("Whose tariff it is billed by."),
    )
    is_emergency = models.BooleanField(
        _("emergency override"), default=False, help_text=_("Given before it was billed or paid.")
    )
    coverage_reason = models.CharField(_("costs nothing"), max_length=14, choices=Coverage.choices, blank=True)
    ordered_on = models.DateField(_("ordered on"), help_text=_("The administration's local date."))
    ordered_at = models.DateTimeField(_("ordered"), default=timezone.now)
    ordered_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("ordered by")
    )
    completed_quantity = models.DecimalField(
        _("given"), max_digits=12, decimal_places=3, null=True, blank=True, help_text=_("What was really given out.")
    )
    completed_on = models.DateField(_("completed on"), null=True, blank=True)
    completed_at = models.DateTimeField(_("completed"), null=True, blank=True)
    completed_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("completed by")
    )
    cancelled_at = models.DateTimeField(_("cancelled"), null=True, blank=True)
    cancelled_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("cancelled by")
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False, help_text="Moves with every change of the facts.")
    idempotency_key = models.CharField(max_length=200, blank=True, editable=False)
    source = models.CharField(max_length=200, blank=True, editable=False)

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ("-ordered_at", "-id")
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        constraints: Any = (
            laws.owned("order"),
            *laws.same_administration("order", "visit", "service", "payer"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="order_of_something"),
            models.CheckConstraint(
                condition=Q(completed_at=None, completed_on=None, completed_quantity=None)
                | Q(
                    completed_at__isnull=False,
                    completed_on__isnull=False,
                    completed_quantity__isnull=False,
                    completed_quantity__gte=0,
                    cancelled_at=None,
                ),
                name="order_completed_or_not",
            ),
            models.UniqueConstraint(
                fields=["administration", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="order_idempotency_key",
            ),
            models.UniqueConstraint(fields=["administration", "source"], condition=~Q(source=""), name="order_source"),
        )
        indexes = (
            models.Index(
                fields=["administration", "completed_on"],
                condition=Q(completed_on__isnull=False),
                name="order_completed",
            ),
            models.Index(
                fields=["administration", "ordered_on"],
                condition=Q(is_emergency=True, cancelled_at=None),
                name="order_emergency",
            ),
        )
        triggers = (triggers.order_kept, laws.no_truncate())

    def __str__(self) -> str:
        return self.description
