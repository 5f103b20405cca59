"""The fiscal year of a day."""

from dataclasses import dataclass
from datetime import date, timedelta

from apps.core.models import Administration
from apps.ledger.models import Period


@dataclass(frozen=True)
class FiscalYear:
    """Its days, both inclusive, and what it is called."""

    name: str
    first_day: date
    last_day: date


def fiscal_year(administration: Administration, day: date) -> FiscalYear:
    """The period of type YEAR that holds ``day``. Where none does, a year goes on from the one before (or begins like
    the one after); without any it is the calendar year."""
    years = list(Period.objects.filter(administration=administration, type=Period.Type.YEAR).order_by("first_day"))
    for year in years:
        if year.first_day <= day <= year.last_day:
            return FiscalYear(year.name, year.first_day, year.last_day)
    before = [year.last_day + timedelta(days=1) for year in years if year.last_day < day]
    start = before[-1] if before else years[0].first_day if years else date(day.year, 1, 1)
    first = _in_year(start, day.year)
    if first > day:
        first = _in_year(start, day.year - 1)
    last = _in_year(start, first.year + 1) - timedelta(days=1)
    name = str(first.year) if first.year == last.year else f"{first.year}/{last.year}"
    return FiscalYear(name, first, last)


def _in_year(start: date, year: int) -> date:
    """The same day of another year; 1 March for 29 February, and no day before the first or after the last of all."""
    if not date.min.year <= year <= date.max.year:
        return date.min if year < date.min.year else date.max
    return date(year, 3, 1) if (start.month, start.day) == (2, 29) else start.replace(year=year)
