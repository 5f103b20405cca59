from datetime import date
from decimal import Decimal

import pytest

from apps.ledger.models import JournalLine, OpenItem
from apps.ledger.reports.account_ledger import account_ledger
from apps.ledger.reports.open_items import open_items
from apps.ledger.reports.trial_balance import trial_balance
from apps.ledger.services.allocating import settle_documents
from apps.ledger.services.posting import Line, reverse_entry
from apps.ledger.tests.factories import EntryFactory, draft, new_id, on_account, open_test_books, paid_later

MARCH_31 = date(2026, 3, 31)


def march(day):
    return date(2026, 3, day)


@pytest.fixture
def march_books(books):
    """Cash 65 on the 2nd; a bill of 100 on the 3rd, of which 40 is paid on the 5th; cash 10 on 1 April."""
    party, bill = books.party("P-1"), new_id()
    EntryFactory(books=books, date=march(2))
    EntryFactory(books=books, date=march(3), lines=on_account(books, "100.00", party, bill, "B-000001"))
    EntryFactory(books=books, date=march(5), lines=paid_later(books, "40.00", party, bill, "B-000001"))
    settle_documents(books.administration, [bill])
    EntryFactory(books=books, date=date(2026, 4, 1), amount="10.00")
    draft(books)
    EntryFactory(books=open_test_books(), amount="999.00")
    return books


def figures(report):
    return {row.account.code: (row.opening, row.debit, row.credit, row.balance) for row in report.rows}


def test_a_trial_balance_sums_posted_lines_up_to_its_date(march_books):
    report = trial_balance(march_books.administration, MARCH_31)
    assert figures(report) == {"1000": (0, 105, 0, 105), "1310": (0, 100, 40, 60), "8000": (0, 0, 165, -165)}
    assert (report.debit, report.credit, report.balance) == (205, 205, 0)


def test_a_trial_balance_tells_what_stood_before_from_what_moved(march_books):
    report = trial_balance(march_books.administration, date(2026, 4, 30), since=march(5))
    assert figures(report) == {"1000": (65, 50, 0, 115), "1310": (100, 0, 40, 60), "8000": (-165, 0, 10, -175)}
    assert (report.opening, report.balance) == (0, 0)


def test_a_trial_balance_is_two_queries(march_books, django_assert_num_queries):
    """The figures in one, of one moment; the chart in the other."""
    with django_assert_num_queries(2):
        figures(trial_balance(march_books.administration, MARCH_31))


def test_a_trial_balance_without_entries_is_empty(books):
    report = trial_balance(books.administration, MARCH_31)
    assert (report.rows, report.debit, report.balance) == ((), 0, 0)


def test_a_reversal_and_what_it_reverses_both_count(books):
    entry = EntryFactory(books=books)
    reverse_entry(entry, by=books.owner, reason="typed twice")
    assert figures(trial_balance(books.administration, MARCH_31)) == {"1000": (0, 65, 65, 0), "8000": (0, 65, 65, 0)}


def test_an_account_ledger_runs_from_opening_to_closing(march_books):
    report = account_ledger(march_books.account("cash_drawer"), march(3), date(2026, 4, 30))
    assert (report.opening, report.closing, report.next) == (65, 115, None)
    assert [(row.line.entry.date, row.line.debit, row.balance) for row in report.rows] == [
        (march(5), 40, 105),
        (date(2026, 4, 1), 10, 115),
    ]


def test_an_account_ledger_continues_page_by_page(march_books):
    cash = march_books.account("cash_drawer")
    pages, after = [], None
    while True:
        page = account_ledger(cash, None, date(2026, 12, 31), limit=1, after=after)
        pages.append((page.brought_forward, page.rows[0].line.debit, page.carried_forward))
        if not (after := page.next):
            break
    assert pages == [(0, 65, 65), (65, 40, 105), (105, 10, 115)]
    assert (page.opening, page.closing) == (0, 115)


def test_an_account_ledger_keeps_the_order_of_lines_of_one_day_and_one_entry(books):
    for amount in ("1.00", "2.00"):
        EntryFactory(books=books, lines=_in_two_coins(books, amount))
    cash, seen, after = books.account("cash_drawer"), [], None
    while True:
        page = account_ledger(cash, None, MARCH_31, limit=1, after=after)
        seen += [(row.line.entry.number, row.line.position) for row in page.rows]
        if not (after := page.next):
            break
    assert seen == [(1, 1), (1, 2), (2, 1), (2, 2)]


def test_an_account_ledger_does_not_continue_after_a_line_of_another_account(march_books):
    other = JournalLine.objects.filter(account__code="1310").first()
    with pytest.raises(JournalLine.DoesNotExist):
        account_ledger(march_books.account("cash_drawer"), None, MARCH_31, after=other.pk)


def test_an_account_ledger_takes_as_many_queries_for_many_lines(books, django_assert_max_num_queries):
    for _entry in range(12):
        EntryFactory(books=books)
    cash = books.account("cash_drawer")
    with django_assert_max_num_queries(4):
        assert len([str(row.line.entry) for row in account_ledger(cash, march(1), MARCH_31).rows]) == 12


@pytest.mark.parametrize(
    ("as_of", "open_"),
    [(march(2), []), (march(3), [Decimal(100)]), (march(4), [Decimal(100)]), (march(5), [Decimal(60)])],
)
def test_open_items_tie_out_at_every_date(march_books, as_of, open_):
    patients = next(
        control for control in open_items(march_books.administration, as_of) if control.account.code == "1310"
    )
    assert [row.open for row in patients.rows] == open_
    assert (patients.balance, patients.difference) == (sum(open_), 0)


def test_open_items_name_party_and_document(march_books):
    [row] = [row for control in open_items(march_books.administration, MARCH_31) for row in control.rows]
    assert (row.party.code, row.item.reference, row.original, row.open) == ("P-1", "B-000001", 100, 60)


def test_open_items_take_as_many_queries_for_many_items(books, django_assert_num_queries):
    for number in range(5):
        EntryFactory(books=books, lines=on_account(books, "100.00", books.party(f"P-{number}"), new_id()))
    with django_assert_num_queries(2):
        rows = [row for control in open_items(books.administration, MARCH_31) for row in control.rows]
        assert len([(row.party.code, str(row.item.line.entry)) for row in rows]) == 5
    assert OpenItem.objects.count() == 5


def _in_two_coins(books, amount):
    half = Decimal(amount) / 2
    cash = Line(books.account("cash_drawer"), debit=half)
    return [cash, cash, Line(books.account("revenue_consultation"), credit=Decimal(amount))]
