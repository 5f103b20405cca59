"""The days of a return and when it is due, as the tax administrations say."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.models import Administration
from apps.ledger.models import Period
from apps.periods.errors import VatSpanWithoutReturn
from apps.periods.models.vat import Frequency
from apps.periods.reports.vat_spans import MONTHS, due_date, filing_span, span_at, span_of, standing
from apps.periods.services.registering import register_vat


def span(country, frequency, day):
    return span_at(Administration(country=country), frequency, day)


@pytest.mark.parametrize(
    ("country", "frequency", "day", "name", "due"),
    [
        ("NL", "MONTH", date(2025, 1, 9), "2025-01", date(2025, 2, 28)),
        ("NL", "MONTH", date(2024, 1, 9), "2024-01", date(2024, 2, 29)),
        ("NL", "QUARTER", date(2025, 3, 31), "2025-Q1", date(2025, 4, 30)),
        ("NL", "QUARTER", date(2025, 12, 1), "2025-Q4", date(2026, 1, 31)),
        ("NL", "YEAR", date(2025, 6, 1), "2025", date(2026, 3, 31)),
        ("NO", "TWO_MONTH", date(2025, 2, 1), "2025-T1", date(2025, 4, 10)),
        ("NO", "TWO_MONTH", date(2025, 4, 1), "2025-T2", date(2025, 6, 10)),
        ("NO", "TWO_MONTH", date(2025, 5, 1), "2025-T3", date(2025, 8, 31)),
        ("NO", "TWO_MONTH", date(2025, 8, 1), "2025-T4", date(2025, 10, 10)),
        ("NO", "TWO_MONTH", date(2025, 9, 1), "2025-T5", date(2025, 12, 10)),
        ("NO", "TWO_MONTH", date(2025, 11, 1), "2025-T6", date(2026, 2, 10)),
        ("NO", "YEAR", date(2025, 11, 1), "2025", date(2026, 3, 10)),
        ("NG", "MONTH", date(2025, 11, 1), "2025-11", None),
    ],
)
def test_a_return_is_due_on_the_day_that_the_law_names(country, frequency, day, name, due):
    found = span(country, frequency, day)
    assert (found.name, due_date(found)) == (name, due)


@given(st.sampled_from(Frequency.values), st.dates(date(2000, 1, 1), date(2100, 12, 31)))
def test_spans_follow_each_other_without_a_gap_by_whole_months(frequency, day):
    found = span("NL", frequency, day)
    assert found.first_day <= day <= found.last_day
    assert found.before().last_day == found.first_day - timedelta(days=1)
    months = (found.last_day.year - found.first_day.year) * 12 + found.last_day.month - found.first_day.month + 1
    assert (months, found.first_day.day, (found.last_day + timedelta(days=1)).day) == (MONTHS[frequency], 1, 1)


def fiscal(kind, first, last):
    return Period(administration=Administration(country="NL"), type=kind, first_day=first, last_day=last)


@pytest.mark.parametrize(
    ("kind", "first", "last", "wanted"),
    [
        ("MONTH", date(2025, 5, 1), date(2025, 5, 31), "2025-05"),
        ("MONTH", date(2025, 5, 20), date(2025, 5, 31), "2025-05"),  # a first month that began late
        ("QUARTER", date(2025, 2, 1), date(2025, 4, 30), "2025-Q1"),
        ("QUARTER", date(2025, 4, 1), date(2025, 6, 30), "2025-Q2"),
        ("YEAR", date(2024, 7, 1), date(2025, 6, 30), "2024"),
        ("YEAR", date(2024, 11, 1), date(2025, 12, 31), "2025"),  # a long first year
        ("QUARTER", date(2025, 2, 1), date(2025, 2, 28), "2025-Q1"),  # a short first quarter, in which none ends
    ],
)
def test_a_return_follows_the_calendar_whatever_the_fiscal_year_is(kind, first, last, wanted):
    assert span_of(fiscal(kind, first, last)).name == wanted


def test_year_end_adjustments_have_no_return():
    with pytest.raises(VatSpanWithoutReturn):
        span_of(fiscal("YEAR_END", date(2025, 12, 31), date(2025, 12, 31)))


def test_what_is_usual_in_the_country_is_assumed_until_something_was_said(quiet):
    assert standing(quiet.administration, date(2025, 5, 1)).frequency == "QUARTER"
    register_vat(quiet.administration, since=date(2025, 4, 1), by=quiet.accountant, frequency="MONTH")
    register_vat(quiet.administration, since=date(2025, 7, 1), by=quiet.accountant, frequency="YEAR", scheme="KOR")
    names = [filing_span(quiet.administration, date(2025, month, 1)).name for month in (3, 4, 6, 7)]
    assert names == ["2025-Q1", "2025-04", "2025-06", "2025"]
    assert standing(quiet.administration, date(2025, 12, 1)).scheme == "KOR"
