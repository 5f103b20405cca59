"""Money between two accounts of our own: two lines, two clearings that know each other, nothing guessed."""

from datetime import date, timedelta
from decimal import Decimal as D

import pytest

from apps.core.errors import ForeignRow, NotAllowed
from apps.ledger.errors import PeriodClosed
from apps.ledger.models import JournalLine
from apps.ledger.tests.factories import open_test_books
from apps.reconciliation import checks
from apps.reconciliation.errors import BankLineAlreadyReconciled, NotOneTransfer
from apps.reconciliation.models import Clearing, MatchingOutcome
from apps.reconciliation.reports.transfers import transfers_for
from apps.reconciliation.services.bank_accounts import open_bank_account
from apps.reconciliation.services.clearing import Kind, Part, clear, undo
from apps.reconciliation.services.running import batches_of, begin_run, end_run, match_batch
from apps.reconciliation.services.transferring import transfer
from apps.reconciliation.tests.bank import Bank, open_test_bank
from apps.reconciliation.tests.matching import left_of

OURS, SAVINGS = "NL91ABNA0417164300", "NL02INGB0000000001"
DAY = date(2026, 3, 10)


@pytest.fixture
def savings(bank) -> Bank:
    account = open_bank_account(bank.books.administration, name="Savings", iban=SAVINGS)
    return Bank(bank.books, account, bank.accountant)


def lines(bank: Bank, savings: Bank, amount: str = "500.00", *, days: int = 1, to: str = "", of: str = ""):
    """Money out of ours and into the savings account; whom each names."""
    out = bank.line(f"-{amount}", date=DAY, counterparty_iban=to)
    return out, savings.line(amount, date=DAY + timedelta(days=days), counterparty_iban=of)


def run_over(bank: Bank, account=None):
    run = begin_run(bank.books.administration, by=None, bank_account=account)
    for batch in batches_of(run):
        match_batch(run, *batch)
    return end_run(run)


def on_its_way(bank: Bank, day: date | None = None) -> D:
    rows = JournalLine.objects.filter(administration=bank.books.administration, account__purpose="own_transfers")
    return rows.up_to(day or date(2026, 12, 31)).balance()


@pytest.mark.parametrize(("to", "of"), [(SAVINGS, OURS), (SAVINGS, ""), ("", OURS)])
def test_daybook_joins_both_sides_where_one_names_the_others_account(bank, savings, to, of):
    out, into = lines(bank, savings, to=to, of=of)
    run = run_over(bank)
    assert (run.matched, left_of(out), left_of(into)) == (2, 0, 0)
    sent, arrived = Clearing.objects.get(line=out), Clearing.objects.get(line=into)
    assert (sent.other_side, arrived.other_side, sent.by) == (arrived, sent, None)
    assert (sent.entry.date, arrived.entry.date) == (DAY, DAY + timedelta(days=1))
    assert (on_its_way(bank, DAY), on_its_way(bank)) == (D(500), 0)
    assert {one.clearing for one in MatchingOutcome.objects.filter(outcome="MATCHED")} == {sent, arrived}
    assert not [one for check in checks.ALL for one in check(bank.books.administration, date(2026, 3, 31))]


def test_our_own_name_says_so_as_well(bank, savings):
    out, _into = lines(bank, savings)
    named = savings.line("70.00", date=DAY, counterparty_name=bank.books.administration.name)
    other = bank.line("-70.00", date=DAY)
    assert transfers_for([other])[other.pk][0].by_itself
    run_over(bank)
    assert (left_of(named), left_of(other), left_of(out)) == (0, 0, D(-500))


def test_an_amount_alone_is_a_proposal(bank, savings):
    out, into = lines(bank, savings)
    (side,) = transfers_for([out])[out.pk]
    assert (side.other, side.by_itself, side.score) == (into.pk, False, 24)
    assert run_over(bank).matched == 0
    transfer(out, into, by=bank.accountant)
    assert (left_of(out), left_of(into), on_its_way(bank)) == (0, 0, 0)


def test_equal_amounts_several_times_are_a_tie(bank, savings):
    """Two went out and one came in: which of them it was is nobody's guess."""
    first, into = lines(bank, savings, to=SAVINGS, of=OURS)
    second = bank.line("-500.00", date=DAY, counterparty_iban=SAVINGS)
    for line, sides in ((first, 1), (second, 1), (into, 2)):
        found = transfers_for([line])[line.pk]
        assert (len(found), [side.by_itself for side in found]) == (sides, [False] * sides)
        assert "SEVERAL" in {reason.code for reason in found[0].reasons}
    run = run_over(bank)
    assert (run.matched, on_its_way(bank)) == (0, 0)
    assert [left_of(line) for line in (first, second, into)] == [D(-500), D(-500), D(500)]


def test_the_account_that_is_named_tells_equal_amounts_apart(bank, savings):
    third = Bank(
        bank.books, open_bank_account(bank.books.administration, name="Third", iban="NL20INGB0001234567"), None
    )
    out, into = lines(bank, savings, to=SAVINGS)
    also = third.line("500.00", date=DAY)
    assert [side.other for side in transfers_for([out])[out.pk]] == [into.pk]
    assert run_over(bank).matched == 2
    assert left_of(also) == D(500)


@pytest.mark.parametrize(
    ("amount", "days", "to"),
    [("499.99", 1, SAVINGS), ("500.00", 6, SAVINGS), ("500.00", 1, "NL86INGB0002445588")],
)
def test_another_amount_another_week_or_somebody_else_is_no_transfer(bank, savings, amount, days, to):
    out = bank.line("-500.00", date=DAY, counterparty_iban=to)
    savings.line(amount, date=DAY + timedelta(days=days))
    assert transfers_for([out]) == {}
    assert run_over(bank).matched == 0


@pytest.mark.parametrize("fields", [{"to_check": True}, {"looks_like": True}])
def test_a_side_that_waits_for_a_person_waits(bank, savings, fields):
    if "looks_like" in fields:
        fields = {"looks_like": savings.line("1.00")}
    out = bank.line("-500.00", date=DAY, counterparty_iban=SAVINGS)
    savings.line("500.00", date=DAY, counterparty_iban=OURS, **fields)
    assert not transfers_for([out])[out.pk][0].by_itself
    assert run_over(bank, bank.account).matched == 0


def test_both_sides_are_undone_together(bank, savings):
    out, into = lines(bank, savings)
    transfer(into, out, by=bank.accountant)
    undo(Clearing.objects.get(line=into), by=bank.accountant)
    assert (left_of(out), left_of(into), on_its_way(bank)) == (D(-500), D(500), 0)
    assert Clearing.objects.filter(undone_at=None).count() == 0
    transfer(out, into, by=bank.accountant)
    assert on_its_way(bank) == 0


def test_what_arrived_before_it_left_by_the_banks_dates_is_one_too(bank, savings):
    out, into = lines(bank, savings, days=-2)
    transfer(out, into, by=bank.accountant)
    assert (on_its_way(bank, DAY - timedelta(days=1)), on_its_way(bank)) == (D(-500), 0)


def test_a_closed_period_refuses_both_sides(bank, savings):
    out, into = lines(bank, savings, days=-14)
    bank.books.set_status("2026-02", "FINALIZED")
    with pytest.raises(PeriodClosed):
        transfer(out, into, by=bank.accountant)
    assert not Clearing.objects.exists()


def test_lines_that_are_not_one_transfer_are_refused(bank, savings):
    out, into = lines(bank, savings)
    pairs = [
        (out, bank.line("500.00")),  # of one account
        (out, savings.line("400.00")),
        (out, savings.line("-500.00")),
        (out, out),
    ]
    for one, other in pairs:
        with pytest.raises(NotOneTransfer):
            transfer(one, other, by=bank.accountant)
    clear(out, [Part(Kind.MODEL, D(-1), account=bank.books.account("provider_fees"))], by=bank.accountant)
    with pytest.raises(NotOneTransfer):
        transfer(out, into, by=bank.accountant)
    clear(into, [Part(Kind.TRANSFER, D(500))], by=bank.accountant)
    with pytest.raises((BankLineAlreadyReconciled, NotOneTransfer)):
        transfer(into, out, by=bank.accountant)


def test_another_currency_is_left_to_a_person(bank):
    dollars = Bank(
        bank.books, open_bank_account(bank.books.administration, name="USD", currency="USD"), bank.accountant
    )
    out, into = bank.line("-500.00", date=DAY), dollars.line("500.00", date=DAY)
    assert transfers_for([out]) == {}
    with pytest.raises(NotOneTransfer):
        transfer(out, into, by=bank.accountant)


def test_a_line_of_other_books_is_no_side_of_ours(bank):
    other = open_test_bank(open_test_books(), iban=SAVINGS)
    out = bank.line("-500.00", date=DAY, counterparty_iban=SAVINGS)
    into = other.line("500.00", date=DAY, counterparty_iban=OURS)
    assert transfers_for([out]) == {}
    with pytest.raises(ForeignRow):
        transfer(out, into, by=bank.accountant)


def test_whoever_may_not_match_transfers_nothing(bank, savings):
    out, into = lines(bank, savings)
    with pytest.raises(NotAllowed):
        transfer(out, into, by=bank.books.owner)


def test_one_account_asks_for_no_other_sides(bank, django_assert_num_queries):
    line = bank.line("-500.00")
    with django_assert_num_queries(1):
        transfers_for([line])


def test_other_sides_of_many_lines_are_found_in_as_many_queries_as_of_one(bank, savings, django_assert_num_queries):
    one = lines(bank, savings, "1.00")[0]
    many = [lines(bank, savings, f"{cents}.00", to=SAVINGS)[0] for cents in range(2, 12)]
    for asked in ([one], many):
        with django_assert_num_queries(3):
            found = transfers_for(asked)
        assert len(found) == len(asked)
