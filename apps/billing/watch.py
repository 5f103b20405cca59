"""What an accountant is told of the clinic's days: what is not in the books yet, and what may never come into them."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, Min, OuterRef, Subquery, Sum
from django.utils import timezone

from apps.billing.models import (
    Bill,
    CashMovement,
    Claim,
    ClinicDay,
    EndOfDayReconciliation,
    Leak,
    Payment,
    Remittance,
    TopUp,
)
from apps.core.findings import RED, YELLOW, Finding, Findings, Touched
from apps.core.models import Administration
from apps.ledger.reports.numbers import gaps

# A day waits for its signature over a weekend; after that its revenue is missing from the books.
RED_AFTER = 3
NUMBERED: dict[str, Any] = {
    "bill": Bill.objects.all(),
    "payment": Payment.objects.all(),
    "top_up": TopUp.objects.all(),
    "cash_movement": CashMovement.objects.all(),
    "claim": Claim.objects.all(),
    "remittance": Remittance.objects.all(),
    "day_close": EndOfDayReconciliation.objects.filter(revision=1),
}


def days_are_closed(administration: Administration, as_of: date) -> Findings:
    """Every day that is over and on which something happened is signed, and so in the books."""
    drafts = EndOfDayReconciliation.objects.filter(clinic_day=OuterRef("pk"), status="DRAFT")
    billed = Bill.objects.filter(clinic_day=OuterRef("pk")).order_by().values("clinic_day").annotate(sum=Sum("gross"))
    today = timezone.localdate(timezone=ZoneInfo(administration.time_zone))
    over = min(as_of, today - timedelta(days=1))
    days: Any = ClinicDay.objects.filter(administration=administration, is_finalized=False, date__lte=over)
    days = days.annotate(is_prepared=Exists(drafts), billed=Subquery(billed.values("sum")))
    for day in days.order_by("date"):
        late = (over - day.date).days
        facts = {"day": day.date, "prepared": day.is_prepared, "billed": day.billed or 0}
        severity = RED if late >= RED_AFTER else YELLOW
        yield Finding("DAY_NOT_CLOSED", day, "", severity, facts, amount=day.billed, since=day.date)


def leaks_are_settled(administration: Administration, as_of: date) -> Findings:
    """No leak is open: one finding for each class of them."""
    leaks = Leak.objects.filter(administration=administration, state=Leak.State.OPEN, day__lte=as_of)
    rows = leaks.order_by("leak_class").values("leak_class")
    for row in rows.annotate(count=Count("pk"), sum=Sum("amount"), first=Min("day")):
        facts = {"class": row["leak_class"], "count": row["count"], "amount": row["sum"] or 0}
        yield Finding(
            "LEAKS_OPEN", administration, "", YELLOW, facts, row["sum"], since=row["first"], part=row["leak_class"]
        )


def numbers_are_whole(administration: Administration, as_of: date, touched: Touched | None = None) -> Findings:
    """No number of a bill, a receipt, a top-up, a cash movement, a claim, a remittance or a close is missing."""

    def rows_of(series: str) -> Any:
        rows = NUMBERED.get(series)
        return None if rows is None else rows.filter(administration=administration)

    for gap in gaps(administration, rows_of, touched):
        kind = NUMBERED[gap.series].model._meta.label
        facts = {"kind": kind, "year": "", "missing": gap.last - gap.above - gap.found, "last": gap.last}
        yield Finding("NUMBER_GAP", administration, facts=facts, part=gap.series)


LARGE: list[Callable[..., Findings]] = [numbers_are_whole]
ALL: list[Callable[..., Findings]] = [*LARGE, days_are_closed, leaks_are_settled]
