"""Fiscal years: calendar years, others, short and long first ones; adjustments at their end."""

from datetime import date

import pytest

from apps.core.errors import NotAllowed
from apps.core.models import Membership
from apps.core.tests.factories import AdministrationFactory, member
from apps.ledger.errors import FiscalYearInvalid, PeriodsOverlap
from apps.ledger.models import Period
from apps.ledger.services.fiscal_years import open_fiscal_year


@pytest.fixture
def administration(db):
    return AdministrationFactory(country="GB")


def names(administration, kind):
    found = Period.objects.filter(administration=administration, type=kind).order_by("first_day")
    return [f"{period} {period.first_day} {period.last_day}" for period in found]


def test_a_year_from_july_has_its_own_name_and_quarters(administration):
    year = open_fiscal_year(administration, date(2026, 7, 1))
    assert (str(year), year.last_day) == ("2026/2027", date(2027, 6, 30))
    assert names(administration, "QUARTER") == [
        "2026/2027-Q1 2026-07-01 2026-09-30",
        "2026/2027-Q2 2026-10-01 2026-12-31",
        "2026/2027-Q3 2027-01-01 2027-03-31",
        "2026/2027-Q4 2027-04-01 2027-06-30",
    ]
    months = names(administration, "MONTH")
    assert len(months) == 12
    assert (months[0], months[-1]) == ("2026-07 2026-07-01 2026-07-31", "2027-06 2027-06-01 2027-06-30")
    assert names(administration, "YEAR_END") == ["2026/2027 Year-end adjustments 2027-06-30 2027-06-30"]


def test_a_calendar_year_is_named_as_before(administration):
    open_fiscal_year(administration, date(2026, 1, 1))
    assert names(administration, "YEAR") == ["2026 2026-01-01 2026-12-31"]
    assert [name.split()[0] for name in names(administration, "QUARTER")] == [f"2026-Q{n}" for n in range(1, 5)]


def test_a_short_first_year_that_begins_within_a_month(administration):
    open_fiscal_year(administration, date(2026, 5, 12), 8)
    assert names(administration, "YEAR") == ["2026 2026-05-12 2026-12-31"]
    assert names(administration, "QUARTER") == [
        "2026-Q2 2026-05-12 2026-06-30",
        "2026-Q3 2026-07-01 2026-09-30",
        "2026-Q4 2026-10-01 2026-12-31",
    ]
    assert names(administration, "MONTH")[0] == "2026-05 2026-05-12 2026-05-31"


def test_a_long_first_year_has_five_quarters(administration):
    open_fiscal_year(administration, date(2026, 10, 1), 15)
    assert names(administration, "YEAR") == ["2026/2027 2026-10-01 2027-12-31"]
    assert [name.split()[0] for name in names(administration, "QUARTER")] == [f"2026/2027-Q{n}" for n in range(1, 6)]


def test_opening_it_again_adds_nothing(administration):
    year = open_fiscal_year(administration, date(2026, 7, 1))
    count = Period.objects.count()
    assert open_fiscal_year(administration, date(2026, 7, 1)) == year
    assert Period.objects.count() == count


def test_a_year_that_was_opened_before_gets_the_period_of_its_adjustments(books):
    before = Period.objects.count()
    open_fiscal_year(books.administration, date(2026, 1, 1))
    assert Period.objects.count() == before + 1
    assert Period.objects.get(type="YEAR_END").last_day == date(2026, 12, 31)


def test_years_that_overlap_are_refused(books):
    before = Period.objects.count()
    with pytest.raises(PeriodsOverlap):
        open_fiscal_year(books.administration, date(2026, 7, 1))
    assert Period.objects.count() == before


@pytest.mark.parametrize("months", [0, 25, -1])
def test_a_year_has_1_to_24_months(administration, months):
    with pytest.raises(FiscalYearInvalid):
        open_fiscal_year(administration, date(2026, 7, 1), months)


def test_only_who_keeps_the_accounts_opens_a_year(books):
    with pytest.raises(NotAllowed):
        open_fiscal_year(books.administration, date(2027, 1, 1), by=books.owner)
    accountant = member(books.administration, Membership.Role.ACCOUNTANT)
    assert str(open_fiscal_year(books.administration, date(2027, 1, 1), by=accountant)) == "2027"
