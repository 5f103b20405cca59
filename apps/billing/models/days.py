"""The clinic day, its visits, and the nightly close."""

from datetime import date
from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.billing import triggers
from apps.billing.models.catalogue import Patient
from apps.core import laws
from apps.core.models import Owned, ScopedQuerySet, User


class ClinicDayQuerySet(ScopedQuerySet):
    def up_to(self, day: date) -> Self:
        """Days on or before ``day``."""
        return self.filter(date__lte=day)

    def without_close(self) -> Self:
        """Days that have activity and no day close: nobody prepared one, or it was taken back."""
        return self.filter(is_finalized=False).exclude(closes__status="DRAFT")


class ClinicDay(Owned):
    """One administration and business date: the lock and the owner of everything born into it.

    Whoever adds to it holds the row shared; closing holds it alone.
    """

    date = models.DateField(_("date"))
    is_finalized = models.BooleanField(_("finalized"), default=False, editable=False)

    objects = ClinicDayQuerySet.as_manager()

    class Meta:
        ordering = ("-date",)
        verbose_name = _("clinic day")
        verbose_name_plural = _("clinic days")
        constraints = (
            laws.owned("clinic_day"),
            models.UniqueConstraint(fields=["administration", "date"], name="one_clinic_day_per_date"),
        )
        indexes = (
            models.Index(fields=["administration", "date"], condition=Q(is_finalized=False), name="clinic_day_open"),
        )
        triggers = (triggers.clinic_day_kept, laws.no_truncate())

    def __str__(self) -> str:
        return self.date.isoformat()  # kept in lists of refusals, so in nobody's language


class Visit(Owned):
    """A patient's visit. A closed visit still takes payments."""

    class Status(models.TextChoices):
        ACTIVE = "ACTIVE", _("Active")
        CLOSED = "CLOSED", _("Closed")
        CANCELLED = "CANCELLED", _("Cancelled")

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="visits", verbose_name=_("patient"))
    date = models.DateField(_("date"), help_text=_("The administration's local date at which it began."))
    status = models.CharField(_("status"), max_length=9, choices=Status.choices, default=Status.ACTIVE)
    is_inpatient = models.BooleanField(_("inpatient"), default=False, help_text=_("Stays open at the day close."))
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    closed_by_day_close = models.BooleanField(default=False, editable=False)
    ended_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    cancel_reason = models.CharField(_("why cancelled"), max_length=200, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False, help_text="Moves with every change of the facts.")
    registered_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    idempotency_key = models.CharField(max_length=200, blank=True, editable=False)
    source = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        ordering = ("-started_at",)
        verbose_name = _("visit")
        verbose_name_plural = _("visits")
        constraints = (
            laws.owned("visit"),
            *laws.same_administration("visit", "patient"),
            models.CheckConstraint(
                condition=Q(status="ACTIVE", ended_at=None)
                | Q(status__in=["CLOSED", "CANCELLED"], ended_at__isnull=False),
                name="visit_closed_has_end",
            ),
            models.UniqueConstraint(
                fields=["administration", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="visit_idempotency_key",
            ),
            models.UniqueConstraint(fields=["administration", "source"], condition=~Q(source=""), name="visit_source"),
        )
        indexes = (
            models.Index(fields=["administration", "date", "status"], name="visit_date"),
            models.Index(fields=["administration", "date"], condition=Q(status="ACTIVE"), name="visit_active"),
            models.Index(fields=["administration", "ended_at"], name="visit_ended"),
            models.Index(
                fields=["administration", "ended_at"], condition=Q(status="CANCELLED"), name="visit_cancelled"
            ),
        )
        triggers = (triggers.visit_versioned,)

    def __str__(self) -> str:
        return f"{self.patient} · {self.date}"


class NightlyClose(Owned):
    """One run of the nightly close: one per administration and local date, whoever fires it."""

    class State(models.TextChoices):
        RUNNING = "RUNNING", _("Running")
        DONE = "DONE", _("Done")
        REFUSED = "REFUSED", _("Could not close")

    date = models.DateField(_("date"))
    state = models.CharField(_("state"), max_length=7, choices=State.choices, default=State.RUNNING)
    closes = models.PositiveIntegerField(_("days prepared"), default=0)
    refusals: Any = models.JSONField(_("could not close"), default=list)
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        ordering = ("-date",)
        verbose_name = _("nightly close")
        verbose_name_plural = _("nightly closes")
        constraints = (models.UniqueConstraint(fields=["administration", "date"], name="one_nightly_close_per_date"),)

    def __str__(self) -> str:
        return f"{self.administration} {self.date}"
