"""Periods ahead: nobody finds that tomorrow has no period."""

from datetime import date, timedelta

from apps.core.models import Administration
from apps.ledger.models import Period
from apps.ledger.reports.fiscal_years import fiscal_year
from apps.ledger.services.fiscal_years import open_fiscal_year

MOST_YEARS = 20  # in one go: books that slept longer are opened by hand


def open_ahead(administration: Administration, today: date) -> list[Period]:
    """Open fiscal years of twelve months, each after the last one, until the one after that of ``today``; returns
    those that are new. Books without a year are left alone: where they begin is for a person to say.

    Raises PeriodsOverlap where periods of those days stand otherwise.
    """
    last = Period.objects.filter(administration=administration, type=Period.Type.YEAR).order_by("last_day").last()
    if last is None:
        return []
    until = fiscal_year(administration, fiscal_year(administration, today).last_day + timedelta(days=1)).last_day
    opened: list[Period] = []
    while last.last_day < until and len(opened) < MOST_YEARS:
        last = open_fiscal_year(administration, last.last_day + timedelta(days=1))
        opened.append(last)
    return opened
