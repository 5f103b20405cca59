"""The VAT return of each quarter of a clinic's year, reckoned by hand in the table below."""

from datetime import date
from decimal import Decimal

import pytest

from apps.core.money import ZERO
from apps.ledger.models import Period, VatCode
from apps.ledger.services.posting import on_side, reverse_entry
from apps.ledger.tests.factories import open_test_books
from apps.periods.reports.vat_return import return_of, vat_return
from apps.periods.reports.vat_spans import span_of
from apps.periods.tests.vat_year import YEAR, open_vat_year

# Box: turnover, VAT, and both as they are declared; boxes that are not named are empty.
BY_HAND = {
    1: {
        "1a": ("1000.33", "210.07", 1000, 210),
        "1b": ("500.00", "45.00", 500, 45),
        "5a": (0, "255.07", 0, 255),
        "5b": (0, "72.01", 0, 73),  # 63.00 and 9.01; what comes back is rounded up
        "5c": (0, "183.06", 0, 182),
        "5g": (0, "183.06", 0, 182),
    },
    2: {
        "1a": ("-100.00", "-21.00", -100, -21),  # the credit note
        "3b": ("3250.00", 0, 3250, 0),
        "4a": ("1000.00", "210.00", 1000, 210),  # owed, and no 5b: its VAT is cost
        "4b": ("400.50", "84.11", 400, 84),
        "5a": (0, "273.11", 0, 273),
        "5b": (0, "84.11", 0, 85),
        "5c": (0, "189.00", 0, 188),
        "5g": (0, "189.00", 0, 188),
    },
    3: {
        "1a": ("2000.00", "420.00", 2000, 420),
        "5a": (0, "420.00", 0, 420),
        "5b": (0, "21.00", 0, 21),
        "5c": (0, "399.00", 0, 399),
        "5g": (0, "399.00", 0, 399),
    },
    4: {
        "1d": ("300.00", "63.00", 300, 63),  # of the whole year
        "1e": ("700.00", 0, 700, 0),
        "2a": ("600.00", "126.00", 600, 126),
        "3a": ("80.40", 0, 80, 0),
        "5a": (0, "189.00", 0, 189),
        "5b": (0, "126.00", 0, 126),
        "5c": (0, "63.00", 0, 63),
        "5g": (0, "63.00", 0, 63),
    },
}


def told(report):
    figures = {
        figure.box.code: (figure.turnover, figure.vat, figure.turnover_declared, figure.vat_declared)
        for figure in report.boxes
    }
    return {box: found for box, found in figures.items() if any(found)}


@pytest.mark.parametrize("quarter", BY_HAND)
def test_each_quarter_says_what_was_reckoned_by_hand(year, quarter):
    wanted = {box: tuple(map(Decimal, amounts)) for box, amounts in BY_HAND[quarter].items()}
    assert told(year.of(quarter)) == wanted


def test_the_form_has_all_its_boxes_in_their_order_also_when_nothing_happened(quiet):
    report = quiet.of(1)
    assert [box.box.code for box in report.boxes] == "1a 1b 1c 1d 1e 2a 3a 3b 3c 4a 4b 5a 5b 5c 5g".split()
    assert told(report) == {}
    assert (report.net, report.net_declared, report.turnover) == (0, 0, 0)


def test_totals_add_up_what_is_sold_owed_and_deducted(year):
    report = year.of(2)
    assert (report.turnover, report.owed, report.deducted) == (Decimal("3150.00"), Decimal("273.11"), Decimal("84.11"))
    assert (report.net, report.net_declared, report.rounding) == (189, 188, 1)


def test_exempt_care_stands_in_no_box_and_among_the_codes(year):
    report = year.of(1)
    exempt = next(code for code in report.codes if code.vat_code.code == "EXEMPT")
    assert (exempt.base, exempt.vat, exempt.transactions) == (10000, 0, 1)
    assert report.turnover == Decimal("1500.33")


def test_exempt_care_stands_in_the_box_that_somebody_gave_it(year):
    VatCode.objects.filter(administration=year.administration, code="EXEMPT").update(box_turnover="1e")
    assert told(year.of(1))["1e"] == (10000, 0, 10000, 0)


def test_a_box_counts_entries_not_lines(year):
    report = year.of(1)
    assert {code: box.transactions for code, box in report.by_code.items() if box.transactions} == {
        "1a": 1,
        "1b": 1,
        "5b": 2,
    }


@pytest.mark.parametrize("quarter", BY_HAND)
def test_each_box_lists_the_lines_that_it_adds_up(year, quarter):
    for figure in year.of(quarter).boxes:
        turnover, vat = ZERO, ZERO
        for line in figure.lines.posted():
            if line.vat_role == "BASE":
                turnover += line.vat_amount
            else:
                sign = -1 if line.vat_role == "DEDUCTIBLE" and figure.box.code in ("5c", "5g") else 1
                vat += sign * line.vat_amount
        assert (turnover, vat) == (figure.turnover, figure.vat), figure.box.code


def test_private_use_waits_for_the_last_return_of_the_year(year):
    assert [year.of(quarter).by_code["1d"].vat for quarter in (1, 2, 3, 4)] == [0, 0, 0, 63]
    assert vat_return(year.period(str(YEAR))).by_code["1d"].vat == 63


def test_the_quarters_add_up_to_the_year(year):
    whole = vat_return(year.period(str(YEAR)))
    for code, figure in whole.by_code.items():
        parts = [year.of(quarter).by_code[code] for quarter in (1, 2, 3, 4)]
        assert figure.vat == sum(part.vat for part in parts), code
        assert figure.turnover == sum(part.turnover for part in parts), code


def test_a_month_is_its_own_return_and_the_months_add_up_to_the_quarter(year):
    months = [vat_return(year.period(f"{YEAR}-0{month}")) for month in (4, 5, 6)]
    assert [month.net for month in months] == [0, 189, 0]


def test_the_return_says_what_was_known_at_a_moment(year):
    moment = year.taxed("10.00", "HIGH", date(YEAR, 3, 1)).posted_at
    year.taxed("1000.00", "HIGH", date(YEAR, 3, 1))
    assert year.of(1, moment).by_code["1a"].turnover == Decimal("1010.33")
    assert year.of(1).by_code["1a"].turnover == Decimal("2010.33")


def test_a_reversal_in_a_later_quarter_changes_the_return_that_was_wrong(year):
    entry = year.taxed("50.00", "HIGH", date(YEAR, 2, 1))
    before = told(year.of(3))
    reverse_entry(entry, by=year.accountant, reason="typed twice", date=date(YEAR, 8, 1))
    assert told(year.of(3)) == before
    assert year.of(1).by_code["1a"].turnover == Decimal("1000.33")


def test_a_fiscal_quarter_beside_the_calendar_has_the_return_of_the_quarter_that_ends_in_it(quiet):
    period = quiet.period(f"{YEAR}-Q1")
    period.first_day, period.last_day = date(YEAR, 2, 1), date(YEAR, 4, 30)
    span = span_of(period)
    assert (span.name, span.first_day, span.last_day) == (f"{YEAR}-Q1", date(YEAR, 1, 1), date(YEAR, 3, 31))


def test_norway_has_a_line_for_each_standard_code_with_deductions_on_a_line_of_their_own(db):
    year = open_vat_year(chart="no", country="NO", currency="NOK")
    account = year.ledger.cost
    for net, code in (("1000.00", "ABROAD_IN_COST"), ("500.00", "ABROAD_IN"), ("80.00", "INPUT_HIGH")):
        line = year.ledger.line(net, code, account=account.code)
        party = year.ledger.supplier("S-1", country="SE")
        year.ledger.bought(line, day=date(YEAR, 3, 5), party=party, reference=code)
    revenue = year.ledger.books.account("revenue_consultation")
    year.post(_exempt(year, revenue), date(YEAR, 4, 9))
    report = vat_return(year.period(f"{YEAR}-Q1"))
    assert told(report) == {
        "87": (1000, 250, 1000, 250),
        "86": (500, 125, 500, 125),
        "86F": (0, 125, 0, 125),
        "1": (0, 20, 0, 20),
    }
    assert report.net == 230
    assert vat_return(year.period(f"{YEAR}-Q2")).by_code["6"].turnover == 700


def _exempt(year, revenue):
    code = year.ledger.code("EXEMPT")
    amount = Decimal(700)
    return [
        on_side(year.ledger.books.account("bank"), amount),
        on_side(revenue, -amount, vat_code=code, vat_role="BASE"),
    ]


def test_the_return_takes_as_many_queries_for_many_lines(year, django_assert_num_queries):
    for _entry in range(3):
        year.taxed("10.00", "HIGH", date(YEAR, 2, 1))
    with django_assert_num_queries(6):
        return_of(year.quarter(1))


def test_other_books_are_not_counted(year):
    other = open_test_books().administration
    assert told(return_of(span_of(_period_of(other)))) == {}


def _period_of(administration):
    return Period.objects.get(administration=administration, name="2026-Q1")
