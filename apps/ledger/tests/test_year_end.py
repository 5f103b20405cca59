"""Opening balances with their items, the result of a year and its appropriation, adjustments at its end."""

from datetime import date
from decimal import Decimal as D

import pytest

from apps.core.errors import NotAllowed, SecondPersonRequired
from apps.core.models import Membership
from apps.core.tests.factories import member
from apps.ledger import checks
from apps.ledger.errors import (
    EntryOfSourceExists,
    JournalUnbalanced,
    NotAFiscalYear,
    OpeningBalanceExists,
    OpeningItemsDiffer,
    PeriodClosed,
    ResultExceeded,
    YearEndWithVat,
)
from apps.ledger.models import JournalLine, OpenItem
from apps.ledger.reports.result import result_of, year_result
from apps.ledger.services.drafts import post_draft
from apps.ledger.services.fiscal_years import open_fiscal_year
from apps.ledger.services.posting import Document, Line, reverse_entry
from apps.ledger.services.year_end import OpeningItem, appropriate_result, opening_balance, post_adjustment
from apps.ledger.tests.assets import account
from apps.ledger.tests.factories import EntryFactory, cash_sale, new_id

JANUARY_1, DECEMBER_31 = date(2026, 1, 1), date(2026, 12, 31)


@pytest.fixture
def accountant(books):
    return member(books.administration, Membership.Role.ACCOUNTANT)


@pytest.fixture
def year(books):
    return open_fiscal_year(books.administration, JANUARY_1)


# Opening balance -----------------------------------------------------------------------------------------------------


def opening(books, accountant, items=None, **balances):
    party = books.party("C-1")
    receivable = books.account("customer_receivable")
    if items is None:
        items = [
            OpeningItem(receivable, party, D(60), Document("opening", new_id(), "2025-17", date(2026, 1, 15))),
            OpeningItem(receivable, party, D(40), Document("opening", new_id(), "2025-18", date(2026, 1, 30))),
            OpeningItem(receivable, party, D(-10), Document("opening", new_id(), "CN-3")),
        ]
    stood = {"bank": D(500), "customer_receivable": D(90), "unappropriated_result": D(-590)} | balances
    return opening_balance(
        books.administration,
        JANUARY_1,
        balances={books.account(purpose): amount for purpose, amount in stood.items()},
        items=items,
        by=accountant,
    )


def test_an_opening_balance_brings_its_open_items(books, accountant):
    entry = opening(books, accountant)
    assert str(entry) == "OPN-2026-0001"
    items = OpenItem.objects.filter(administration=books.administration).order_by("-amount")
    assert [(item.amount, item.reference, item.due_date) for item in items] == [
        (D(60), "2025-17", date(2026, 1, 15)),
        (D(40), "2025-18", date(2026, 1, 30)),
        (D(-10), "CN-3", None),
    ]
    assert [finding for check in checks.ALL for finding in check(books.administration, DECEMBER_31)] == []


def test_items_that_do_not_make_up_the_control_account_are_refused(books, accountant):
    with pytest.raises(OpeningItemsDiffer) as refusal:
        opening(books, accountant, customer_receivable=D(91), bank=D(499))
    assert (refusal.value.facts["balance"], refusal.value.facts["items"]) == (D(91), D(90))
    with pytest.raises(OpeningItemsDiffer):
        opening(books, accountant, items=[])
    assert not JournalLine.objects.exists()


def test_an_opening_balance_balances(books, accountant):
    with pytest.raises(JournalUnbalanced):
        opening(books, accountant, bank=D(499))


def test_a_second_opening_balance_waits_for_the_reversal_of_the_first(books, accountant):
    first = opening(books, accountant)
    with pytest.raises(OpeningBalanceExists):
        opening(books, accountant)
    reverse_entry(first, by=accountant, reason="figures of last year changed")
    assert opening(books, accountant).number == 3


def test_items_in_a_foreign_currency_keep_it(books, accountant):
    foreign = {"currency": "USD", "amount_currency": D(100)}
    document = Document("opening", new_id(), "US-1")
    opening(books, accountant, items=[OpeningItem(
        books.account("customer_receivable"), books.party("C-2"), D(90), document, **foreign
    )])  # fmt: skip
    item = OpenItem.objects.get()
    assert (item.currency, item.amount_currency) == ("USD", D(100))
    assert (item.line.currency, item.line.amount_currency) == ("USD", D(100))


def test_only_who_keeps_the_accounts_opens_them(books):
    with pytest.raises(NotAllowed):
        opening(books, books.owner)


# Result --------------------------------------------------------------------------------------------------------------


def spent(books, amount, day=date(2026, 6, 1)):
    lines = [Line(account(books, "4100"), debit=D(amount)), Line(books.account("bank"), credit=D(amount))]
    return EntryFactory(books=books, lines=lines, date=day)


def test_the_result_is_revenue_less_expenses_of_the_year(books, accountant, year):
    EntryFactory(books=books, lines=cash_sale(books, "1000.00"))
    spent(books, "300.00")
    following = open_fiscal_year(books.administration, date(2027, 1, 1))
    spent(books, "50.00", date(2027, 1, 1))
    assert result_of(year) == D(700)
    assert result_of(following) == D(-50)
    assert year_result(following).left == D(650)


def appropriate(books, accountant, year, source=None, **shares):
    return appropriate_result(
        books.administration,
        year,
        shares={account(books, code.removeprefix("a")): D(amount) for code, amount in shares.items()},
        date=DECEMBER_31,
        by=accountant,
        source=source or new_id(),
    )


def test_a_profit_goes_to_reserves_and_a_dividend(books, accountant, year):
    EntryFactory(books=books, lines=cash_sale(books, "1000.00"))
    entry = appropriate(books, accountant, year, a0510="600", a1750="300")
    assert {str(line) for line in entry.lines.all()} == {"0520 900.0000", "0510 -600.0000", "1750 -300.0000"}
    found = year_result(year)
    assert (found.result, found.booked, found.left) == (D(1000), D(-900), D(100))


def test_no_more_is_drawn_than_there_is(books, accountant, year):
    EntryFactory(books=books, lines=cash_sale(books, "1000.00"))
    appropriate(books, accountant, year, a0510="600")
    with pytest.raises(ResultExceeded) as refusal:
        appropriate(books, accountant, year, a0510="400.01")
    assert (refusal.value.facts["asked"], refusal.value.facts["left"]) == (D("400.01"), D(400))
    with pytest.raises(ResultExceeded):
        appropriate(books, accountant, year, a0510="-1")
    appropriate(books, accountant, year, a0510="400")


def test_a_dividend_may_take_from_reserves_what_the_year_did_not_bring(books, accountant, year):
    EntryFactory(books=books, lines=cash_sale(books, "1000.00"))
    appropriate(books, accountant, year, a0510="-500", a1750="1500")
    assert year_result(year).left == 0


def test_a_loss_is_charged_to_reserves(books, accountant, year):
    spent(books, "300.00")
    with pytest.raises(ResultExceeded):
        appropriate(books, accountant, year, a0510="1")
    appropriate(books, accountant, year, a0510="-300")
    assert year_result(year).left == 0


def test_what_the_books_opened_with_is_there_to_be_appropriated(books, accountant, year):
    opening(books, accountant)
    appropriate(books, accountant, year, a0510="590")


def test_a_decision_is_posted_once(books, accountant, year):
    EntryFactory(books=books, lines=cash_sale(books, "1000.00"))
    source = new_id()
    appropriate(books, accountant, year, source, a0510="100")
    with pytest.raises(EntryOfSourceExists):
        appropriate(books, accountant, year, source, a0510="100")


# Adjustments ---------------------------------------------------------------------------------------------------------


def adjust(books, by, year, amount="80.00", source=None, **rent):
    lines = [Line(account(books, "4100"), debit=D(amount), **rent), Line(account(books, "1750"), credit=D(amount))]
    facts = {"lines": lines, "memo": "Rent of December", "source": source or new_id()}
    return post_adjustment(books.administration, year, by=by, **facts)


def test_an_adjustment_stands_on_the_last_day_after_its_month_is_closed(books, accountant, year):
    for name in ("2026-12", "2026-Q4"):
        books.set_status(name, "LOCKED")
    entry = adjust(books, accountant, year)
    assert (entry.date, entry.period.type) == (DECEMBER_31, "YEAR_END")
    assert (result_of(year), year_result(year).adjustments) == (D(-80), D(-80))
    reversal = reverse_entry(entry, by=accountant, reason="paid already")
    assert (reversal.date, reversal.period) == (DECEMBER_31, entry.period)


def test_an_adjustment_waits_for_no_year_that_is_closed(books, accountant, year):
    books.set_status("2026", "LOCKED")
    with pytest.raises(PeriodClosed):
        adjust(books, accountant, year)


def test_adjustments_carry_no_vat(books, accountant, year):
    with pytest.raises(YearEndWithVat):
        adjust(books, accountant, year, vat_code=books.vat)


def test_a_year_without_a_period_for_adjustments_takes_none(books, accountant):
    with pytest.raises(NotAFiscalYear):
        adjust(books, accountant, books.period("2026"))
    open_fiscal_year(books.administration, JANUARY_1)
    with pytest.raises(NotAFiscalYear):
        adjust(books, accountant, books.period("2026-12"))


def test_above_the_limit_an_adjustment_waits_for_a_second_person(books, accountant, year):
    books.administration.manual_entry_limit = D(50)
    books.administration.save()
    draft = adjust(books, accountant, year)
    assert (draft.status, draft.period.type) == ("DRAFT", "YEAR_END")
    with pytest.raises(SecondPersonRequired):
        post_draft(draft, by=accountant)
    posted = post_draft(draft, by=books.owner)
    assert (posted.status, posted.period.type) == ("POSTED", "YEAR_END")
