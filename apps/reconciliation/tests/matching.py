"""Short words for what a bank line is matched with."""

from datetime import date
from decimal import Decimal

from apps.ledger.models import JournalLine, OpenItem
from apps.ledger.services.posting import Line, on_side
from apps.ledger.tests.factories import EntryFactory
from apps.ledger.tests.subledger import SubLedger
from apps.reconciliation.models import StatementLine
from apps.reconciliation.services.clearing import Kind, Part
from apps.reconciliation.tests.bank import Bank

D = Decimal


def item(ledger: SubLedger, amount: str, **invoice) -> OpenItem:
    """What a customer owes."""
    return ledger.item(ledger.sold(amount, **invoice))


def owed(ledger: SubLedger, amount: str, reference: str = "F-1", **invoice) -> OpenItem:
    """What we owe a supplier."""
    return ledger.item(ledger.bought(amount, reference=reference, **invoice))


def of_item(found: OpenItem, amount: str) -> Part:
    return Part(Kind.ITEM, D(amount), open_item=found)


def open_of(found: OpenItem, day: date | None = None) -> Decimal:
    return OpenItem.objects.as_of(day).get(pk=found.pk).open


def left_of(line: StatementLine) -> Decimal:
    line.refresh_from_db()
    return line.residual


def on_bank(bank: Bank, amount: str, day: date = date(2026, 3, 5)) -> JournalLine:
    """A line on the bank's own account that somebody typed or imported; money in is positive."""
    lines = [
        on_side(bank.account.account, D(amount)),
        on_side(bank.books.account("revenue_other"), -D(amount)),
    ]
    return EntryFactory(books=bank.books, date=day, lines=lines).lines.get(account=bank.account.account)


def in_transit(bank: Bank, amount: str, purpose: str = "card_in_transit") -> JournalLine:
    """Money that somebody paid and that is on its way."""
    lines = [
        Line(bank.books.account(purpose), debit=D(amount)),
        Line(bank.books.account("revenue_consultation"), credit=D(amount)),
    ]
    return EntryFactory(books=bank.books, lines=lines).lines.get(position=1)
