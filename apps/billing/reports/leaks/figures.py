"""What leaked, by class: open with its age, and over time with what came in after all."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Count, Min, Q, Sum
from django.db.models.functions import TruncMonth

from apps.billing.models import ClinicDay, Leak
from apps.core.models import Administration
from apps.core.money import ZERO

OPEN = Leak.State.OPEN


@dataclass(frozen=True)
class LeaksOfDay:
    """Open leaks that became one on a day, and those of earlier days beside it. Amounts in the book currency; a leak
    without a price counts and adds nothing.
    """

    count: int = 0
    amount: Decimal = ZERO
    older_count: int = 0
    older_amount: Decimal = ZERO
    unpriced_count: int = 0


@dataclass(frozen=True)
class ClassOfLeaks:
    """The open leaks of one class on a day and before it. Amounts in the book currency; ``unpriced`` ones count and
    add nothing. ``oldest`` is the day of the oldest, ``age`` its age in days."""

    leak_class: str
    count: int
    amount: Decimal
    older_count: int
    older_amount: Decimal
    unpriced: int
    oldest: date
    age: int

    @property
    def word(self) -> str:
        return str(Leak.Class(self.leak_class).label)


@dataclass(frozen=True)
class MonthOfLeaks:
    """What became a leak in a month, of one class, and what of that came in after all; in the book currency."""

    month: date
    leak_class: str
    count: int
    amount: Decimal
    recovered: Decimal
    open: Decimal


def leaks_of(day: ClinicDay) -> LeaksOfDay:
    """What is open of ``day`` and from before it, as it was last kept."""
    mine, older = Q(day=day.date), Q(day__lt=day.date)
    open_ = Leak.objects.filter(administration=day.administration_id, state=OPEN, day__lte=day.date)
    sums = open_.aggregate(
        mine=Count("pk", filter=mine),
        mine_sum=Sum("amount", filter=mine, default=ZERO),
        older=Count("pk", filter=older),
        older_sum=Sum("amount", filter=older, default=ZERO),
        unpriced=Count("pk", filter=mine & Q(amount=None)),
    )
    return LeaksOfDay(
        count=sums["mine"],
        amount=sums["mine_sum"],
        older_count=sums["older"],
        older_amount=sums["older_sum"],
        unpriced_count=sums["unpriced"],
    )


def open_by_class(day: ClinicDay) -> list[ClassOfLeaks]:
    """Open leaks of ``day`` and from before it, by class."""
    return open_as_of(day.administration, day.date)


def open_as_of(administration: Administration, day: date) -> list[ClassOfLeaks]:
    """The same for any date."""
    mine, older = Q(day=day), Q(day__lt=day)
    rows = (
        Leak.objects.filter(administration=administration, state=OPEN, day__lte=day)
        .order_by()
        .values("leak_class")
        .annotate(
            mine=Count("pk", filter=mine),
            mine_sum=Sum("amount", filter=mine, default=ZERO),
            older=Count("pk", filter=older),
            older_sum=Sum("amount", filter=older, default=ZERO),
            unpriced=Count("pk", filter=Q(amount=None)),
            oldest=Min("day"),
        )
    )
    found = {
        row["leak_class"]: ClassOfLeaks(
            leak_class=row["leak_class"],
            count=row["mine"],
            amount=row["mine_sum"],
            older_count=row["older"],
            older_amount=row["older_sum"],
            unpriced=row["unpriced"],
            oldest=row["oldest"],
            age=(day - row["oldest"]).days,
        )
        for row in rows
    }
    return [found[name] for name in Leak.Class.values if name in found]


def by_month(administration: Administration, first: date, last: date) -> list[MonthOfLeaks]:
    """What became a leak from ``first`` to ``last``, by month and class, oldest first; dismissed ones were none."""
    rows = (
        Leak.objects.filter(administration=administration, day__range=(first, last))
        .exclude(state=Leak.State.DISMISSED)
        .order_by()
        .values("leak_class", month=TruncMonth("day"))
        .annotate(
            count=Count("pk"),
            sum=Sum("amount", default=ZERO),
            came=Sum("recovered_amount", default=ZERO),
            rest=Sum("amount", filter=Q(state=OPEN), default=ZERO),
        )
        .order_by("month", "leak_class")
    )
    return [
        MonthOfLeaks(row["month"], row["leak_class"], row["count"], row["sum"], row["came"], row["rest"])
        for row in rows
    ]
