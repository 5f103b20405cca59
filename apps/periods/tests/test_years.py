"""Periods ahead: to the end of the next fiscal year, whatever day it is."""

from datetime import date

import pytest

from apps.core.models import Administration
from apps.core.tests.factories import AdministrationFactory
from apps.ledger.models import Period
from apps.ledger.services.fiscal_years import open_fiscal_year
from apps.periods.services.years import open_ahead
from apps.periods.tasks import open_years_ahead


def years(administration):
    rows = Period.objects.filter(administration=administration, type="YEAR").order_by("first_day")
    return [(one.first_day, one.last_day) for one in rows]


def test_there_are_periods_to_the_end_of_the_next_year_and_none_twice(desk):
    assert [one.name for one in open_ahead(desk.administration, date(2026, 3, 3))] == ["2027"]
    assert open_ahead(desk.administration, date(2026, 12, 31)) == []
    kinds = Period.objects.filter(administration=desk.administration, first_day__year=2027).values_list(
        "type", flat=True
    )
    assert sorted(kinds) == ["MONTH"] * 12 + ["QUARTER"] * 4 + ["YEAR", "YEAR_END"]
    assert [one.name for one in open_ahead(desk.administration, date(2027, 1, 1))] == ["2028"]


def test_another_fiscal_year_goes_on_as_it_began(db):
    administration = AdministrationFactory()
    open_fiscal_year(administration, date(2025, 10, 1), 9)  # a short first year
    open_ahead(administration, date(2026, 6, 30))
    assert years(administration) == [
        (date(2025, 10, 1), date(2026, 6, 30)),
        (date(2026, 7, 1), date(2027, 6, 30)),
    ]


def test_books_that_slept_are_brought_up_to_today(desk):
    assert [one.name for one in open_ahead(desk.administration, date(2029, 5, 1))] == ["2027", "2028", "2029", "2030"]


def test_books_that_never_began_are_left_alone(db):
    assert open_ahead(AdministrationFactory(), date(2026, 3, 3)) == []


@pytest.mark.usefixtures("desk")
def test_one_that_cannot_be_opened_keeps_no_other_from_it(desk, caplog):
    first = AdministrationFactory()
    open_fiscal_year(first, date(2026, 1, 1))
    span = {"first_day": date(2027, 1, 15), "last_day": date(2027, 2, 14)}
    Period.objects.create(administration=first, type="MONTH", name="odd", **span)
    open_years_ahead()
    assert "PERIODS_OVERLAP" in caplog.text
    assert max(years(desk.administration))[1].year > 2026
    assert Administration.objects.count() >= 2
