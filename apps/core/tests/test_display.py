from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.template import engines
from django.utils import translation

from apps.core.display import NOTHING, amount, clock, day, figure, moment, money, status


@pytest.mark.parametrize(
    ("language", "shown"),
    [("en", "3,205.40"), ("nl", "3.205,40"), ("nb", "3\N{NO-BREAK SPACE}205,40")],
)
def test_an_amount_has_the_separators_of_the_language(language, shown):
    with translation.override(language):
        assert figure(Decimal("3205.4"), "EUR") == shown


def test_a_negative_amount_stands_in_parentheses():
    assert figure(Decimal("-12.5"), "EUR") == "(12.50)"
    assert 'class="amount negative"' in amount(Decimal("-12.5"), "EUR")


def test_what_rounds_to_zero_is_not_negative():
    assert figure(Decimal("-0.004"), "EUR") == "0.00"


def test_an_amount_has_the_digits_of_its_currency():
    assert figure(Decimal("1200"), "JPY") == "1,200"
    assert money(Decimal("1.5"), "KWD") == "KWD\N{NO-BREAK SPACE}1.500"


def test_no_amount_is_a_dash():
    assert NOTHING in amount(None, "EUR")
    assert money(None, "EUR") == NOTHING


@pytest.mark.parametrize(
    ("language", "shown"),
    [("en", "Tuesday 3 March 2026"), ("nl", "dinsdag 3 maart 2026"), ("nb", "tirsdag 3. mars 2026")],
)
def test_a_date_is_shown_with_its_weekday_in_the_language(language, shown):
    with translation.override(language):
        assert day(date(2026, 3, 3)) == shown


def test_a_moment_is_shown_on_the_clock_of_the_administration():
    at = datetime(2026, 3, 3, 23, 30, tzinfo=UTC)
    assert moment(at, "Europe/Amsterdam") == "Wed 4 Mar 2026 00:30"
    assert moment(at, "Africa/Lagos") == "Wed 4 Mar 2026 00:30"
    assert moment(at, "UTC") == "Tue 3 Mar 2026 23:30"


def test_a_state_is_a_word_with_an_icon():
    shown = status("FINALIZED", "Finalized")
    assert "Finalized" in shown
    assert 'aria-hidden="true">verified<' in shown


def test_a_word_from_outside_is_escaped():
    assert "<script>" not in status("<script>")


def test_templates_show_amounts_and_dates_by_the_same_functions():
    page = engines["django"].from_string("{% load daybook %}{{ sum|money:'EUR' }}, {{ on|day }}")
    shown = page.render({"sum": Decimal("3205.4"), "on": date(2026, 3, 3)})
    assert shown == "EUR\N{NO-BREAK SPACE}3,205.40, Tuesday 3 March 2026"


def test_a_moment_beside_its_own_day_is_a_clock_and_beside_another_day_whole():
    late = datetime(2026, 3, 3, 23, 30, tzinfo=UTC)  # past midnight in Amsterdam
    assert clock(late, date(2026, 3, 4), "Europe/Amsterdam") == "00:30"
    assert clock(late, date(2026, 3, 3), "Europe/Amsterdam") == "Wed 4 Mar 2026 00:30"
