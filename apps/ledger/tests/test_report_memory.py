"""What takes whole books along takes them row by row."""

import tracemalloc
from datetime import date
from decimal import Decimal

import pytest

from apps.core.tables.as_csv import csv_parts
from apps.ledger.reports.account_ledger import account_ledger, whole_ledger
from apps.ledger.reports.journal import whole_journal
from apps.ledger.reports.tables import account_ledger_table, journal_table
from apps.ledger.services.posting import Line
from apps.ledger.tests.factories import EntryFactory

MARCH = (date(2026, 3, 1), date(2026, 3, 31))


def fill(books, lines):
    """One entry that takes in coin after coin."""
    coin = Line(books.account("cash_drawer"), debit=Decimal(1))
    taken = Line(books.account("revenue_consultation"), credit=Decimal(lines))
    EntryFactory(books=books, lines=[*[coin] * lines, taken])


@pytest.mark.parametrize(
    "table",
    [
        lambda books: account_ledger_table(whole_ledger(books.account("cash_drawer"), *MARCH)),
        lambda books: journal_table(whole_journal(books.administration, *MARCH)),
    ],
)
def test_memory_does_not_grow_with_the_book(books, table):
    def peak():
        made = table(books)
        tracemalloc.start()
        rows = sum(part.count(b"\r\n") for part in csv_parts(made))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return rows, most

    fill(books, 2_000)
    peak()  # what is imported and cached the first time
    few, before = peak()
    fill(books, 4_000)
    many, after = peak()
    assert many - few in (4_000, 4_001)  # the journal has the line of the revenue as well
    assert after < before + 1_000_000


def test_a_whole_ledger_ends_where_its_pages_end(books):
    fill(books, 30)
    cash = books.account("cash_drawer")
    whole = whole_ledger(cash, *MARCH)
    rows = list(whole.rows)
    assert (whole.opening, whole.count, len(rows)) == (0, 30, 30)
    assert rows[-1].balance == account_ledger(cash, *MARCH).closing == 30
