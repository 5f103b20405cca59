"""A VAT return is filed, frozen and corrected; the figures by hand stand in test_vat_return.py."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from apps.core.errors import NotAllowed
from apps.core.models import Event
from apps.ledger.models import JournalEntry, JournalLine, Period
from apps.ledger.services.posting import on_side, reverse_entry
from apps.periods.errors import (
    ReturnFiled,
    VatAlreadyFiled,
    VatByPaymentNotKept,
    VatNotFiled,
    VatNothingToCorrect,
    VatPeriodOpen,
    VatRegistrationKept,
    VatReturnNotReady,
    VatSpanDiffers,
    VatSpanNotOver,
)
from apps.periods.models import VatFiling
from apps.periods.reports.vat_filed import carriable, correction_of, deadlines, is_filed, state_of
from apps.periods.reports.vat_return import return_of
from apps.periods.reports.vat_spans import filing_span, span_at
from apps.periods.services.filing import file_correction, file_return
from apps.periods.services.registering import register_vat
from apps.periods.services.reopening import reopen_period
from apps.periods.tests.steps import all_brought_to, brought_to
from apps.periods.tests.vat_year import YEAR, open_vat_year


def file(year, quarter, **more):
    year.shut(quarter)
    return file_return(year.quarter(quarter), by=year.accountant, **more)


def entry_of(filing):
    return JournalEntry.objects.get(source_type="vat_filing", source_id=filing.pk)


def booked(entry):
    return {line.account.code: line.debit - line.credit for line in entry.lines.select_related("account")}


def balance(year, code):
    return JournalLine.objects.filter(account=year.ledger.account(code)).posted().balance()


def boxes(filing):
    return {box.box: (box.turnover, box.vat) for box in filing.boxes.all() if box.turnover or box.vat}


# Filing ---------------------------------------------------------------------------------------------------------------


def test_filing_keeps_the_boxes_in_whole_euros_and_who_filed_when(year):
    filing = file(year, 1, reference="12345.67", note="In time")
    assert boxes(filing) == {"1a": (1000, 210), "1b": (500, 45), "5b": (0, 73)}
    assert (filing.declared, filing.exact, filing.revision, filing.kind) == (182, Decimal("183.06"), 0, "RETURN")
    assert (filing.filed_by, filing.reference, str(filing)) == (year.accountant, "12345.67", f"{YEAR}-Q1")
    assert state_of(year.quarter(1)) == "FILED"
    assert Event.objects.filter(name="periods.vat_filed", subject_id=filing.pk, by=year.accountant).exists()


def test_filing_empties_the_vat_accounts_and_posts_the_rounding_difference(year):
    filing = file(year, 1)
    assert booked(entry_of(filing)) == {
        "1520": Decimal("210.07"),
        "1521": Decimal("45.00"),
        "1500": Decimal("-72.01"),
        "1530": Decimal("-182.00"),
        "4910": Decimal("-1.06"),
    }


def test_the_entry_stands_on_the_last_day_while_that_admits_posting_and_on_the_first_open_day_after_it(year):
    year.shut(1, "REVIEW")
    assert entry_of(file_return(year.quarter(1), by=year.accountant)).date == date(YEAR, 3, 31)
    assert entry_of(file(year, 2)).date == date(YEAR, 7, 1)


def test_a_year_of_returns_leaves_nothing_on_the_vat_accounts_but_what_is_declared(year):
    declared = sum(file(year, quarter).declared for quarter in (1, 2, 3, 4))
    assert declared == 182 + 188 + 399 + 63
    assert {code: balance(year, code) for code in ("1500", "1520", "1521", "1522", "1524", "1525", "1526")} == (
        dict.fromkeys(("1500", "1520", "1521", "1522", "1524", "1525", "1526"), 0)
    )
    assert balance(year, "1530") == -declared


def test_what_was_filed_is_what_the_books_say_as_known_then(year):
    filing = file(year, 2)
    year.taxed("5000.00", "HIGH", date(YEAR, 7, 2), vat_period=year.period(f"{YEAR}-05"))
    known = return_of(year.quarter(2), filing.filed_at)
    for box in filing.boxes.all():
        assert (box.exact_turnover, box.exact_vat) == (known.by_code[box.box].turnover, known.by_code[box.box].vat)


def test_an_empty_return_is_filed_without_an_entry(quiet):
    filing = file(quiet, 1)
    assert (filing.declared, boxes(filing)) == (0, {})
    assert not JournalEntry.objects.filter(source_id=filing.pk).exists()


def test_without_invoices_the_total_is_nothing_in_every_state(quiet):
    """Case H2."""
    states = {state_of(quiet.quarter(1)): quiet.of(1).net_declared}
    quiet.shut(1, "REVIEW")
    states[state_of(quiet.quarter(1))] = quiet.of(1).net_declared
    filing = file_return(quiet.quarter(1), by=quiet.accountant)
    states[state_of(quiet.quarter(1))] = filing.declared
    assert states == {"DRAFT": 0, "READY": 0, "FILED": 0}


def test_a_return_is_filed_once(year):
    file(year, 1)
    with pytest.raises(VatAlreadyFiled):
        file(year, 1)


def test_an_open_period_is_a_draft_and_is_not_filed(year):
    assert state_of(year.quarter(1)) == "DRAFT"
    with pytest.raises(VatPeriodOpen) as refused:
        file_return(year.quarter(1), by=year.accountant)
    assert f"{YEAR}-01" in str(refused.value)
    year.shut(1, "REVIEW")
    assert state_of(year.quarter(1)) == "READY"


def test_a_review_of_the_quarter_stands_for_its_months(year):
    brought_to(year.period(f"{YEAR}-Q1"), "REVIEW")
    assert state_of(year.quarter(1)) == "READY"


def test_red_anomalies_keep_a_return_from_being_filed(year):
    entry = year.taxed("1000.00", "HIGH", date(YEAR, 2, 1), vat="0.01")
    year.shut(1, "REVIEW")
    with pytest.raises(VatReturnNotReady):
        file_return(year.quarter(1), by=year.accountant)
    reverse_entry(entry, by=year.accountant, reason="mended")
    assert file_return(year.quarter(1), by=year.accountant).declared == 182


def test_only_the_span_that_is_filed_here_is_filed(year):
    month = span_at(year.administration, "MONTH", date(YEAR, 2, 1))
    with pytest.raises(VatSpanDiffers):
        file_return(month, by=year.accountant)


def test_a_span_that_is_not_over_is_not_filed(year):
    span = filing_span(year.administration, timezone.localdate())
    with pytest.raises(VatSpanNotOver):
        file_return(span, by=year.accountant)


def test_vat_by_payment_is_not_filed_from_figures_by_invoice(year):
    register_vat(year.administration, since=date(YEAR, 1, 1), by=year.accountant, basis="CASH")
    with pytest.raises(VatByPaymentNotKept):
        file(year, 1)


def test_who_may_not_close_periods_files_nothing(year):
    year.shut(1)
    with pytest.raises(NotAllowed):
        file_return(year.quarter(1), by=year.ledger.books.owner)


def test_a_registration_stays_under_the_returns_that_were_filed_by_it(year):
    file(year, 1)
    with pytest.raises(VatRegistrationKept):
        register_vat(year.administration, since=date(YEAR, 3, 1), by=year.accountant, frequency="MONTH")
    register_vat(year.administration, since=date(YEAR, 4, 1), by=year.accountant, frequency="MONTH")


def test_a_filed_return_covers_its_months_and_its_quarter_not_the_year(year):
    file(year, 1)
    names = {name: is_filed(year.period(name)) for name in (f"{YEAR}-01", f"{YEAR}-Q1", f"{YEAR}-04", str(YEAR))}
    assert names == {f"{YEAR}-01": True, f"{YEAR}-Q1": True, f"{YEAR}-04": False, str(YEAR): False}


# Corrections ----------------------------------------------------------------------------------------------------------


def late_sale(year, net, month=5, day=None):
    """A sale of an earlier quarter that is posted when that is shut: it carries the VAT period that it belongs to."""
    return year.taxed(net, "HIGH", day or date(YEAR, 10, 2), vat_period=year.period(f"{YEAR}-{month:02d}"))


def test_books_that_still_say_what_was_filed_need_no_correction(year):
    file(year, 1)
    assert correction_of(year.quarter(1)) is None
    with pytest.raises(VatNothingToCorrect):
        file_correction(year.quarter(1), by=year.accountant)


def test_what_was_posted_and_taken_back_since_is_no_correction(year):
    file(year, 2)
    reverse_entry(late_sale(year, "10.00"), by=year.accountant, reason="typed twice")
    assert correction_of(year.quarter(2)) is None


def test_a_later_change_shows_beside_what_was_filed_and_leaves_that_as_it_was(year):
    filing = file(year, 2)
    entry = late_sale(year, "100.00")
    correction = correction_of(year.quarter(2))
    change = next(one for one in correction.boxes if one.box == "1a")
    assert (change.turnover_filed, change.turnover, change.turnover_change) == (-100, 0, 100)
    assert (change.vat_filed, change.vat, change.vat_change) == (-21, 0, 21)
    assert {line.entry for line in correction.lines.posted()} == {entry}
    assert boxes(VatFiling.objects.get(pk=filing.pk))["1a"] == (-100, -21)


@pytest.mark.parametrize(("net", "needs_form"), [("4761.90", False), ("4761.95", True), ("-4761.95", True)])
def test_above_a_thousand_euros_net_the_return_is_filed_anew_within_eight_weeks(year, net, needs_form):
    file(year, 2)
    entry = late_sale(year, net)  # 21 % of 4,761.90 is 1,000.00, of 4,761.95 a cent more
    correction = correction_of(year.quarter(2))
    assert correction.needs_form is needs_form
    due = (entry.posted_at + timedelta(weeks=8)).date() if needs_form else None
    assert correction.due in (due, due and due + timedelta(days=1))  # by the administration's own clock


def test_filing_anew_says_the_whole_return_and_posts_the_difference(year):
    first = file(year, 2)
    late_sale(year, "10000.00")
    second = file_correction(year.quarter(2), by=year.accountant, note="Found an invoice")
    assert boxes(second) == {
        "1a": (9900, 2079),
        "3b": (3250, 0),
        "4a": (1000, 210),
        "4b": (400, 84),
        "5b": (0, 85),
    }
    assert (second.revision, second.kind, second.declared) == (1, "CORRECTION", 2288)
    assert booked(entry_of(second)) == {"1520": 2100, "1530": -2100}
    assert VatFiling.objects.get(pk=first.pk).declared == 188
    assert state_of(year.quarter(2)) == "CORRECTED"
    assert correction_of(year.quarter(2)) is None


def test_nothing_that_was_not_filed_is_corrected(year):
    with pytest.raises(VatNotFiled):
        file_correction(year.quarter(1), by=year.accountant)


def test_the_next_return_carries_a_small_correction(year):
    first = file(year, 1)
    low = next(line.entry for line in JournalLine.objects.filter(vat_code=year.ledger.code("LOW")))
    reverse_entry(low, by=year.accountant, reason="never happened", date=date(YEAR, 8, 20))
    file(year, 2)
    assert [one.filed for one in carriable(year.quarter(3))] == [first]
    third = file(year, 3, carry=True)
    assert boxes(third) == {"1a": (2000, 420), "1b": (-500, -45), "5b": (0, 21)}
    assert (third.declared, third.exact) == (354, 399)
    assert booked(entry_of(third)) == {"1520": 420, "1521": -45, "1500": -21, "1530": -354}
    carried = VatFiling.objects.get(kind="CARRIED")
    assert (carried.first_day, carried.revision, carried.carried_in) == (date(YEAR, 1, 1), 1, third)
    assert [correction_of(year.quarter(quarter)) for quarter in (1, 2, 3)] == [None, None, None]
    assert carriable(year.quarter(4)) == []


def test_a_return_carries_nothing_unless_asked(year):
    file(year, 1)
    late_sale(year, "100.00", month=2)
    assert boxes(file(year, 3)) == {"1a": (2000, 420), "5b": (0, 21)}
    assert correction_of(year.quarter(1)).net == 21


def test_small_corrections_are_carried_only_as_far_as_they_stay_small_together(year):
    file(year, 1)
    file(year, 2)
    late_sale(year, "3000.00", month=2)
    late_sale(year, "3000.00", month=5)
    assert [one.filed.first_day for one in carriable(year.quarter(3))] == [date(YEAR, 4, 1)]


def test_a_large_correction_is_never_carried(year):
    file(year, 1)
    late_sale(year, "10000.00", month=2)
    assert carriable(year.quarter(2)) == []


def test_filing_anew_goes_on_carrying_what_the_return_carried(year):
    file(year, 1)
    late_sale(year, "100.00", month=2)
    file(year, 3, carry=True)
    late_sale(year, "10000.00", month=8)
    again = file_correction(year.quarter(3), by=year.accountant)
    assert boxes(again)["1a"] == (12100, 2541)
    assert booked(entry_of(again)) == {"1520": 2100, "1530": -2100}


def test_norway_sends_a_changed_term_anew_whatever_it_comes_to(db):
    year = open_vat_year(chart="no", country="NO", currency="NOK")
    span = filing_span(year.administration, date(YEAR, 1, 1))
    periods = Period.objects.filter(administration=year.administration, last_day__lte=span.last_day)
    all_brought_to(periods, "FINALIZED")
    file_return(span, by=year.accountant)
    line = year.ledger.line("80.00", "INPUT_HIGH", account=year.ledger.cost.code)
    bought = year.ledger.bought(line, day=date(YEAR, 3, 2))
    reverse_entry(bought.entry, by=year.accountant, reason="another term's")
    entry = year.ledger.code("INPUT_HIGH")
    year.post(
        [
            on_side(entry.input_account, Decimal("20.00"), vat_code=entry, vat_role="DEDUCTIBLE", **of_january(year)),
            on_side(year.ledger.cost, Decimal("80.00"), vat_code=entry, vat_role="BASE", **of_january(year)),
            on_side(year.ledger.books.account("bank"), Decimal("-100.00")),
        ],
        date(YEAR, 3, 3),
    )
    correction = correction_of(span)
    assert (correction.net, correction.needs_form, correction.due) == (-20, True, None)
    assert carriable(filing_span(year.administration, date(YEAR, 3, 1))) == []
    assert file_correction(span, by=year.accountant).declared == -20


def of_january(year):
    return {"vat_period": year.period(f"{YEAR}-01")}


# Deadlines ------------------------------------------------------------------------------------------------------------


def test_returns_that_must_be_filed_are_listed_with_the_days_that_are_left(year):
    file(year, 1)
    found = deadlines(year.administration, date(YEAR, 7, 24))
    assert [(one.span.name, one.state, one.days_left, one.is_late) for one in found] == [
        (f"{YEAR}-Q3", "DRAFT", 99, False),
        (f"{YEAR}-Q2", "DRAFT", 7, False),
        (f"{YEAR}-Q1", "FILED", -85, False),
    ]


def test_a_return_that_was_not_filed_in_time_is_late(year):
    found = {one.span.name: one.is_late for one in deadlines(year.administration, date(YEAR, 8, 1))}
    assert found == {f"{YEAR}-Q3": False, f"{YEAR}-Q2": True, f"{YEAR}-Q1": True}


def test_who_must_not_file_has_no_deadline(year):
    register_vat(year.administration, since=date(YEAR, 1, 1), by=year.accountant, scheme="KOR", is_obliged=False)
    assert deadlines(year.administration, date(YEAR, 8, 1)) == []


def test_a_period_whose_return_is_filed_is_not_reopened(year):
    year.shut(1)
    file_return(year.quarter(1), by=year.accountant)
    with pytest.raises(ReturnFiled):
        reopen_period(year.period(f"{YEAR}-Q1"), by=year.accountant, reason="An invoice came late.")
