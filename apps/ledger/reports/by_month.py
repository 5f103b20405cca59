"""The result month by month: the trend that a chart shows."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Sum, Value
from django.db.models.functions import TruncMonth

from apps.core.models import Administration
from apps.core.money import ZERO
from apps.ledger.models import JournalLine
from apps.ledger.reports.statements import RESULT_PLACES


@dataclass(frozen=True)
class MonthResult:
    """Income less costs from ``first_day`` to ``last_day``: a month, or the part of it that was asked for."""

    first_day: date
    last_day: date
    amount: Decimal


def result_by_month(
    administration: Administration, since: date, until: date, *, known_at: datetime | None = None
) -> tuple[MonthResult, ...]:
    """Every month from ``since`` until ``until``, those without a line too, from what was posted by ``known_at``."""
    lines: Any = JournalLine.objects.filter(administration=administration, account__place__in=RESULT_PLACES)
    lines = lines.since(since).up_to(until)
    if known_at:
        lines = lines.known_at(known_at)
    sums = lines.order_by().annotate(month=TruncMonth("date")).values("month")
    found = {row["month"]: row["sum"] for row in sums.annotate(sum=Sum("credit") - Sum("debit", default=Value(ZERO)))}
    months, first = [], since
    while first <= until:
        following = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
        last = min(following - timedelta(days=1), until)
        months.append(MonthResult(first, last, found.get(first.replace(day=1), ZERO)))
        first = following
    return tuple(months)
