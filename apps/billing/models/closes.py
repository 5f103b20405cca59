"""The day close: the end-of-day report of a clinic day, and its notes."""

from typing import Any, Self

from django.db import models
from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.billing import triggers
from apps.billing.models.days import ClinicDay
from apps.core import laws
from apps.core.models import Owned, ScopedQuerySet, User
from apps.core.money import amount_field
from apps.ledger.models import JournalEntry

# A later revision that was taken back leaves the one before it as it was.
TAKEN_BACK = Q(revision__gt=1, status="CANCELLED")


class DayCloseQuerySet(ScopedQuerySet):
    def current(self) -> Self:
        """The close that holds for each day: its newest revision that was not taken back."""
        of_the_day = EndOfDayReconciliation.objects.exclude(TAKEN_BACK).filter(clinic_day=OuterRef("clinic_day"))
        return self.filter(pk=Subquery(of_the_day.order_by("-revision").values("pk")[:1]))


def _figure(label: Any) -> models.DecimalField:
    return amount_field(default=0, verbose_name=label)


def _person(label: Any) -> Any:
    return models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=label
    )


class EndOfDayReconciliation(Owned):
    """A day close, Z-000412. Amounts are in the book currency; once finalized it never changes.

    Each ``total_<method>`` is what bills were settled with by that method less its refunds; ``total_revenue`` is
    the sum of the seven and called "Settled" on screens. ``breakdown`` holds the parts that the figures are made of.
    """

    class Status(models.TextChoices):
        DRAFT = "DRAFT", _("Draft")
        FINALIZED = "FINALIZED", _("Finalized")
        CANCELLED = "CANCELLED", _("Cancelled")

    clinic_day = models.ForeignKey(ClinicDay, on_delete=models.PROTECT, related_name="closes", verbose_name=_("day"))
    reconciliation_date = models.DateField(_("date"), editable=False, help_text=_("The date of its clinic day."))
    number = models.PositiveIntegerField(_("number"), null=True, editable=False)
    revision = models.PositiveSmallIntegerField(_("revision"), default=1, editable=False)
    status = models.CharField(_("status"), max_length=9, choices=Status.choices, default=Status.DRAFT)

    total_revenue = _figure(_("settled"))
    total_cash = _figure(_("cash"))
    total_card = _figure(_("card"))
    total_transfer = _figure(_("transfer"))
    total_wallet = _figure(_("wallet"))
    total_paystack = _figure(_("Paystack"))
    total_hmo = _figure(_("HMO"))
    total_insurance = _figure(_("insurance"))
    total_refunds = _figure(_("refunds"))
    total_wallet_topups = _figure(_("wallet top-ups"))
    money_in = _figure(_("money in"))
    total_billed = _figure(_("billed before VAT"))
    total_outstanding = _figure(_("outstanding"))
    outstanding_visits_count = models.PositiveIntegerField(_("visits with outstanding"), default=0)
    revenue_leaks_detected = models.PositiveIntegerField(_("leaks"), default=0)
    revenue_leaks_amount = _figure(_("leaks amount"))
    total_visits = models.PositiveIntegerField(_("visits"), default=0)
    active_visits_closed = models.PositiveIntegerField(_("visits closed"), default=0)
    has_mismatches = models.BooleanField(_("has mismatches"), default=False)
    mismatch_details: Any = models.JSONField(_("mismatches"), default=list)
    breakdown: Any = models.JSONField(_("breakdown"), default=dict)

    prepared_by = _person(_("prepared by"))
    prepared_at = models.DateTimeField(_("prepared"), null=True)
    reviewed_by = _person(_("reviewed by"))
    reviewed_at = models.DateTimeField(_("reviewed"), null=True, blank=True)
    finalized_by = _person(_("finalized by"))
    finalized_at = models.DateTimeField(_("finalized"), null=True, blank=True)
    single_sign_off = models.BooleanField(
        _("signed by one person"), default=False, help_text=_("Prepared and finalized by the same person.")
    )
    entry = models.OneToOneField(
        JournalEntry, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("journal entry")
    )
    reopened_by = _person(_("reopened by"))
    reopened_at = models.DateTimeField(_("reopened"), null=True, blank=True)
    reopen_reason = models.CharField(_("why reopened"), max_length=1000, blank=True)
    reversal = models.OneToOneField(
        JournalEntry,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("reversal of the revision before"),
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects = DayCloseQuerySet.as_manager()

    class Meta:
        ordering = ("-reconciliation_date", "-revision")
        verbose_name = _("day close")
        verbose_name_plural = _("day closes")
        constraints = (
            laws.owned("day_close"),
            *laws.same_administration("day_close", "clinic_day", "entry", "reversal"),
            models.UniqueConstraint(fields=["clinic_day", "revision"], name="one_close_per_revision"),
            models.UniqueConstraint(fields=["administration", "number", "revision"], name="day_close_number"),
            models.CheckConstraint(
                condition=~Q(status="FINALIZED") | Q(finalized_by__isnull=False, finalized_at__isnull=False),
                name="finalized_close_is_signed",
            ),
            models.CheckConstraint(
                condition=Q(
                    total_revenue=models.F("total_cash")
                    + models.F("total_card")
                    + models.F("total_transfer")
                    + models.F("total_wallet")
                    + models.F("total_paystack")
                    + models.F("total_hmo")
                    + models.F("total_insurance")
                ),
                name="settled_is_the_sum_of_methods",
            ),
            models.CheckConstraint(
                condition=Q(revision=1) | Q(reopened_at__isnull=False) & ~Q(reopen_reason=""),
                name="revision_has_a_reason",
            ),
        )
        indexes = (models.Index(fields=["administration", "-reconciliation_date"], name="day_close_date"),)
        triggers = (
            triggers.close_append_only,
            triggers.close_dated,
            triggers.close_revises,
            *laws.numbered("'day_close'", when="NEW.revision = 1"),
            laws.no_truncate(),
        )

    def finalize(self, user: User, notes: str = "") -> "EndOfDayReconciliation":
        """Finalize this day close as ``user``: the source document's spelling of ``closing.finalize_day``."""
        from apps.billing.services.closing import finalize_day

        return finalize_day(self, by=user, note=notes)

    def __str__(self) -> str:
        return f"Z-{self.number or 0:06d}" + (f" r{self.revision}" if self.revision > 1 else "")


class CloseNote(Owned):
    """A note on a day close. Notes are added, also to a finalized close, and never changed."""

    close = models.ForeignKey(EndOfDayReconciliation, on_delete=models.PROTECT, related_name="note_entries")
    text = models.TextField(_("note"))
    by = _person(_("by"))
    at = models.DateTimeField(_("at"), default=timezone.now, editable=False)

    class Meta:
        ordering = ("id",)
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        constraints = (*laws.same_administration("close_note", "close"),)
        triggers = (laws.append_only("close_note_append_only", "notes are added, never changed"), laws.no_truncate())

    def __str__(self) -> str:
        return self.text[:60]
