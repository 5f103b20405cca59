"""Account reconciliations of the test bank, and what was posted for them."""

from datetime import date
from decimal import Decimal

from apps.ledger.services.posting import Line
from apps.ledger.tests.factories import EntryFactory
from apps.reconciliation.services.account_reconciling import begin_reconciliation
from apps.reconciliation.tests.bank import Bank

FEBRUARY, MARCH = (date(2026, 2, 1), date(2026, 2, 28)), (date(2026, 3, 1), date(2026, 3, 31))


def booked(bank: Bank, amount: str, day: date, account: str = "bank"):
    """EUR ``amount`` from the till into ``account``."""
    value = Decimal(amount)
    lines = [
        Line(bank.books.account(account), debit=max(value, Decimal(0)), credit=max(-value, Decimal(0))),
        Line(bank.books.account("cash_drawer"), debit=max(-value, Decimal(0)), credit=max(value, Decimal(0))),
    ]
    return EntryFactory(books=bank.books, date=day, lines=lines)


def begun(bank: Bank, account: str = "bank", days=MARCH, **fields):
    return begin_reconciliation(
        bank.books.account(account), period_start=days[0], period_end=days[1], by=bank.accountant, **fields
    )
