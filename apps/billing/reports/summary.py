"""What the day closes of a range add up to, beside the range before it."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from apps.billing.errors import RangeReversed
from apps.billing.models import ClinicDay, EndOfDayReconciliation
from apps.billing.reports.drawers import days_hidden
from apps.core.models import Administration
from apps.core.money import ZERO

_SUMMED = (
    "total_revenue",
    "total_cash",
    "total_wallet",
    "total_paystack",
    "total_hmo",
    "total_insurance",
    "total_card",
    "total_transfer",
)


@dataclass(frozen=True)
class Summary:
    """Day closes from ``start_date`` to ``end_date`` inclusive, drafts included and cancelled ones not.

    Amounts are in the book currency. ``total_outstanding`` is a balance, so it is the last close's and not a sum;
    ``days_without_close`` are dates with activity; ``previous`` is the range of the same length before. While
    ``cash_hidden`` a day of the range waits for a count, and no door shows what would tell its cash.
    """

    administration: Administration
    start_date: date
    end_date: date
    total_reconciliations: int
    total_revenue: Decimal
    total_cash: Decimal
    total_wallet: Decimal
    total_paystack: Decimal
    total_hmo: Decimal
    total_insurance: Decimal
    total_card: Decimal
    total_transfer: Decimal
    total_outstanding: Decimal
    total_revenue_leaks: int
    total_revenue_leaks_amount: Decimal
    days_without_close: list[date]
    cash_hidden: bool
    previous: "Summary | None"


def summary(administration: Administration, start: date, end: date) -> Summary:
    """The day closes of ``administration`` from ``start`` to ``end``. Raises RangeReversed."""
    if end < start:
        raise RangeReversed(start_date=start, end_date=end)
    length = end - start + timedelta(days=1)
    return _summary(administration, start, end, _summary(administration, start - length, end - length, None))


def _summary(administration: Administration, start: date, end: date, previous: Summary | None) -> Summary:
    closes = (
        EndOfDayReconciliation.objects.current()
        .filter(administration=administration, reconciliation_date__range=(start, end))
        .exclude(status=EndOfDayReconciliation.Status.CANCELLED)
        .order_by("reconciliation_date")
    )
    sums: dict[str, Any] = closes.order_by().aggregate(
        **{name: Sum(name, default=ZERO) for name in _SUMMED},
        total_revenue_leaks=Sum("revenue_leaks_detected", default=0),
        total_revenue_leaks_amount=Sum("revenue_leaks_amount", default=ZERO),
    )
    last = closes.last()
    unsigned = closes.exclude(status=EndOfDayReconciliation.Status.FINALIZED)  # a signed day was counted
    open_days = ClinicDay.objects.filter(administration=administration, date__range=(start, end)).without_close()
    return Summary(
        administration=administration,
        start_date=start,
        end_date=end,
        total_reconciliations=closes.count(),
        total_outstanding=last.total_outstanding if last else ZERO,
        days_without_close=list(open_days.order_by("date").values_list("date", flat=True)),
        cash_hidden=bool(days_hidden(unsigned.values_list("clinic_day", flat=True))),
        previous=previous,
        **sums,
    )
