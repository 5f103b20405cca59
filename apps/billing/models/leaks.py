"""Leaks: care that was given and not, or not fully, billed, claimed or paid."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.billing.models.bills import Bill
from apps.billing.models.days import Visit
from apps.core import laws
from apps.core.models import Owned, User
from apps.core.money import amount_field


class Leak(Owned):
    """One leak that a rule found. Its fingerprint is rule, entity and version of the entity: the same facts, once."""

    class Class(models.TextChoices):
        UNBILLED = "UNBILLED", _("Unbilled")
        UNDERBILLED = "UNDERBILLED", _("Underbilled")
        TAMPERED = "TAMPERED", _("Tampered")
        UNPAID = "UNPAID", _("Unpaid")
        UNCLAIMED = "UNCLAIMED", _("Unclaimed")

    class State(models.TextChoices):
        OPEN = "OPEN", _("Open")
        RESOLVED = "RESOLVED", _("Resolved")
        DISMISSED = "DISMISSED", _("Dismissed")

    rule = models.CharField(_("rule"), max_length=8)
    leak_class = models.CharField(_("class"), max_length=11, choices=Class.choices)
    entity_type = models.CharField(_("about"), max_length=40)
    entity_id = models.UUIDField()
    version = models.CharField(max_length=64, default="1")
    day = models.DateField(_("day"), help_text=_("The local date on which it became a leak."))
    amount = amount_field(null=True, blank=True, verbose_name=_("amount"), help_text=_("Empty: unpriced."))
    facts: Any = models.JSONField(_("facts"), default=dict, help_text=_("Codes and numbers, never a name."))
    visit = models.ForeignKey(
        Visit, on_delete=models.PROTECT, null=True, blank=True, related_name="leaks", verbose_name=_("visit")
    )
    bill = models.ForeignKey(
        Bill, on_delete=models.PROTECT, null=True, blank=True, related_name="leaks", verbose_name=_("bill")
    )
    state = models.CharField(_("state"), max_length=9, choices=State.choices, default=State.OPEN)
    first_seen_at = models.DateTimeField(_("first seen"), default=timezone.now)
    last_seen_at = models.DateTimeField(_("last seen"), default=timezone.now)
    resolved_at = models.DateTimeField(_("resolved"), null=True, blank=True)
    resolved_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("resolved by")
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    recovered_amount = amount_field(default=0, verbose_name=_("recovered"))

    class Meta:
        ordering = ("-day", "rule", "id")
        verbose_name = _("leak")
        verbose_name_plural = _("leaks")
        constraints: Any = (
            laws.owned("leak"),
            *laws.same_administration("leak", "visit", "bill"),
            models.UniqueConstraint(
                fields=["administration", "rule", "entity_type", "entity_id", "version"], name="leak_fingerprint"
            ),
            models.CheckConstraint(
                condition=Q(state="OPEN", resolved_at=None) | (~Q(state="OPEN") & Q(resolved_at__isnull=False)),
                name="leak_resolved_has_a_moment",
            ),
        )
        indexes = (
            models.Index(fields=["administration", "day"], name="leak_day"),
            models.Index(fields=["administration"], condition=Q(state="OPEN"), name="leak_open"),
        )

    def __str__(self) -> str:
        return f"{self.rule} {self.day}"
