"""Periods as a fact: dates and a status."""

from datetime import date
from typing import Any, Self

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from apps.core import laws
from apps.core.models import Owned, ScopedQuerySet
from apps.ledger import triggers


class PeriodQuerySet(ScopedQuerySet):
    def around(self, period: "Period") -> Self:
        """``period`` and every larger one that contains it. Year-end adjustments stand outside their last month."""
        larger = Q(first_day__lte=period.first_day, last_day__gte=period.last_day)
        larger &= Q(type=Period.Type.YEAR) if period.type == Period.Type.YEAR_END else ~Q(type=Period.Type.YEAR_END)
        return self.filter(Q(pk=period.pk) | larger, administration=period.administration_id)

    def covering(self, administration: Any, day: date) -> "Period | None":
        """The smallest ordinary period of ``administration`` that holds ``day``."""
        return (
            self.filter(administration=administration, first_day__lte=day, last_day__gte=day)
            .exclude(type=Period.Type.YEAR_END)
            .order_by(F("last_day") - F("first_day"))
            .first()
        )


class DateRange(Func):
    """daterange(first, last, '[]') of two date columns."""

    function = "daterange"
    output_field = DateRangeField()


class Period(Owned):
    """A span of days and its status. Only the workflows of apps/periods change the status."""

    class Type(models.TextChoices):
        MONTH = "MONTH", _("Month")
        TWO_MONTH = "TWO_MONTH", _("Two months")
        QUARTER = "QUARTER", _("Quarter")
        YEAR = "YEAR", _("Year")
        YEAR_END = "YEAR_END", _("Year-end adjustments")

    class Status(models.TextChoices):
        OPEN = "OPEN", _("Open")
        REVIEW = "REVIEW", _("In review")
        FINALIZED = "FINALIZED", _("Finalized")
        LOCKED = "LOCKED", _("Locked")

    type = models.CharField(_("type"), max_length=9, choices=Type.choices)
    name = models.CharField(_("name"), max_length=40)
    first_day = models.DateField(_("first day"))
    last_day = models.DateField(_("last day"))
    status = models.CharField(_("status"), max_length=9, choices=Status.choices, default=Status.OPEN)

    objects = PeriodQuerySet.as_manager()

    class Meta:
        ordering = ("-first_day", "type")
        verbose_name = _("period")
        verbose_name_plural = _("periods")
        constraints = (
            laws.owned("period"),
            models.CheckConstraint(condition=Q(first_day__lte=F("last_day")), name="period_days"),
            models.CheckConstraint(
                condition=~Q(type="YEAR_END") | Q(first_day=F("last_day")), name="year_end_is_one_day"
            ),
            ExclusionConstraint(
                name="periods_do_not_overlap",
                expressions=[
                    ("administration", RangeOperators.EQUAL),
                    ("type", RangeOperators.EQUAL),
                    (DateRange("first_day", "last_day", RangeBoundary(True, True)), RangeOperators.OVERLAPS),
                ],
            ),
        )
        triggers = (triggers.period_fits, triggers.period_kept, laws.no_truncate())

    def __str__(self) -> str:
        return self.name

    @property
    def admits_posting(self) -> bool:
        return self.status in (self.Status.OPEN, self.Status.REVIEW)
