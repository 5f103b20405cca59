"""Open fiscal years: calendar years, others, and a first one that is short or long."""

from collections.abc import Iterator
from datetime import date, timedelta

from django.db import transaction

from apps.core.events import record
from apps.core.languages import language_of_books
from apps.core.models import Administration, User
from apps.core.permissions import Act, require
from apps.ledger.errors import FiscalYearInvalid, named_refusals
from apps.ledger.models import Period


@named_refusals()
@transaction.atomic
def open_fiscal_year(
    administration: Administration, first_day: date, months: int = 12, *, by: User | None = None
) -> Period:
    """Months, quarters and the fiscal year that begins on ``first_day`` and ends with a calendar month, and the period
    of its year-end adjustments on the last day; what is there stays. Returns the year.

    A first year may be short or long, and may begin within a month, which then counts as the first of ``months``.
    Quarters end with the year, and every three months before. Raises NotAllowed, FiscalYearInvalid or PeriodsOverlap.
    """
    if by is not None:
        require(by, Act.KEEP_ACCOUNTS, administration.pk)
    if not 1 <= months <= 24:
        raise FiscalYearInvalid()
    wanted = [
        Period(administration=administration, type=kind, name=name, first_day=start, last_day=end)
        for kind, name, start, end in _fiscal_periods(administration, first_day, months)
    ]
    known = {
        (period.type, period.first_day, period.last_day): period
        for period in Period.objects.filter(administration=administration, last_day__gte=first_day)
    }
    periods = [known.get((one.type, one.first_day, one.last_day), one) for one in wanted]
    missing = [period for period in periods if period._state.adding]
    Period.objects.bulk_create(missing)
    year = next(period for period in periods if period.type == Period.Type.YEAR)
    if missing:
        record("ledger.fiscal_year_opened", year, by=by, first_day=first_day, last_day=year.last_day)
    return year


def _fiscal_periods(
    administration: Administration, first_day: date, months: int
) -> Iterator[tuple[str, str, date, date]]:
    """The year before its adjustments: those stand on the last day of a year that is there."""
    starts = [first_day]
    for _month in range(months):
        starts.append(_next_month(starts[-1]))
    ends = [start - timedelta(days=1) for start in starts[1:]]
    year = str(ends[-1].year) if first_day.year == ends[-1].year else f"{first_day.year}/{ends[-1].year}"
    yield Period.Type.YEAR, year, first_day, ends[-1]
    with language_of_books(administration):
        adjustments = f"{year} {Period.Type.YEAR_END.label}"
    yield Period.Type.YEAR_END, adjustments[:40], ends[-1], ends[-1]
    for start, end in zip(starts, ends, strict=False):
        yield Period.Type.MONTH, f"{end:%Y-%m}", start, end
    quarters = [(starts[max(last - 2, 0)], ends[last]) for last in reversed(range(months - 1, -1, -3))]
    number = max(4 - len(quarters), 0)
    for n, (start, end) in enumerate(quarters, start=number + 1):
        yield Period.Type.QUARTER, f"{year}-Q{n}", start, end


def _next_month(day: date) -> date:
    """The first day of the month after that of ``day``."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)
