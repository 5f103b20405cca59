"""How far a bank account, or one of its statements, is matched, and how the bank stands beside the books."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, Sum

from apps.core.money import ZERO
from apps.ledger.models import JournalLine
from apps.ledger.reports.balances import balances
from apps.reconciliation.models import BankAccount, Clearing, Statement, StatementLine
from apps.reconciliation.reports.bank_balance import BankBalance, bank_balance

COUNTED = 10_000  # what Daybook matched by itself is counted no further than this


@dataclass(frozen=True, slots=True)
class Progress:
    """``lines`` in all, those matched ``by_itself`` (no more than COUNTED), those ``left``, and what is open of these:
    money in and, below zero, money out, in the account's currency."""

    lines: int
    by_itself: int
    left: int
    money_in: Decimal
    money_out: Decimal

    @property
    def open(self) -> Decimal:
        return self.money_in + self.money_out


@dataclass(frozen=True, slots=True)
class Standing:
    """The account on the last day that the bank speaks of, in its currency; ``bank`` is None before the first one.

    ``unmatched`` is what is open of lines up to that day: the bank has it, the books have not. ``otherwise`` is what
    else the two do not share.
    """

    day: date
    bank: BankBalance | None
    booked: Decimal
    unmatched: Decimal

    @property
    def between(self) -> Decimal:
        """Books less bank."""
        return self.booked - self.bank.amount if self.bank else ZERO

    @property
    def left_out(self) -> Decimal:
        """What the books lack of the lines that are left: a part of what is between."""
        return -self.unmatched

    @property
    def otherwise(self) -> Decimal:
        return self.between + self.unmatched if self.bank else ZERO


def progress(account: BankAccount, statement: Statement | None = None) -> Progress:
    """Of ``account``, or of one ``statement``: three queries. What is matched already is counted by its statements."""
    of: dict[str, Any] = {"statement": statement} if statement else {"bank_account": account}
    left = StatementLine.objects.filter(**of).open().order_by().aggregate(**_LEFT)
    by_itself = Clearing.objects.filter(
        administration=account.administration_id,
        by=None,
        undone_at=None,
        **{f"line__{key}": row for key, row in of.items()},
    )
    lines = statement.line_count if statement else _lines_of(account)
    return Progress(
        lines, by_itself.order_by()[:COUNTED].count(), left["count"], left["into"] or ZERO, left["out"] or ZERO
    )


def standing(account: BankAccount, today: date) -> Standing:
    """How bank and books stand beside each other on the last day that the bank speaks of."""
    bank = bank_balance(account, today)
    day = bank.known_to if bank else today
    unmatched = StatementLine.objects.filter(bank_account=account, date__lte=day).open().order_by()
    return Standing(day, bank, _booked(account, day), unmatched.aggregate(sum=Sum("residual"))["sum"] or ZERO)


_LEFT = {
    "count": Count("pk"),
    "into": Sum("residual", filter=Q(residual__gt=0)),
    "out": Sum("residual", filter=Q(residual__lt=0)),
}


def _lines_of(account: BankAccount) -> int:
    statements = Statement.objects.filter(bank_account=account).order_by()
    return statements.aggregate(sum=Sum("line_count"))["sum"] or 0


def _booked(account: BankAccount, day: date) -> Decimal:
    """What the ledger account stood at, in the currency of the bank account."""
    if account.currency == account.administration.currency:
        return next((one.balance for one in balances(account.administration, day, accounts=[account.account])), ZERO)
    lines = JournalLine.objects.filter(account=account.account, currency=account.currency).up_to(day)
    return lines.aggregate(sum=Sum("amount_currency"))["sum"] or ZERO
