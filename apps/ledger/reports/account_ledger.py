"""Account ledger: the lines of one account with a running balance, page by page."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Q

from apps.core.money import ZERO, total
from apps.ledger.models import Account, JournalLine
from apps.ledger.reports.balances import balances
from apps.ledger.reports.figures import LinesOf

AT_ONCE = 1000  # rows in memory


@dataclass(frozen=True)
class LedgerRow:
    """A line and what the account stood at after it."""

    line: JournalLine
    balance: Decimal


@dataclass(frozen=True)
class AccountLedger:
    """Lines dated ``since`` to ``until``, in the order of date and entry.

    ``opening`` and ``closing`` are those of the whole span; ``brought_forward`` and ``carried_forward`` those of this
    page. ``next`` is the line to continue after, None on the last page.
    """

    account: Account
    since: date | None
    until: date
    opening: Decimal
    closing: Decimal
    brought_forward: Decimal
    rows: tuple[LedgerRow, ...]
    next: UUID | None
    known_at: datetime | None = None

    @property
    def carried_forward(self) -> Decimal:
        return self.rows[-1].balance if self.rows else self.brought_forward

    @property
    def debit(self) -> Decimal:
        """Debits on this page."""
        return total(row.line.debit for row in self.rows)

    @property
    def credit(self) -> Decimal:
        """Credits on this page."""
        return total(row.line.credit for row in self.rows)


def account_ledger(
    account: Account,
    since: date | None,
    until: date,
    *,
    limit: int = 200,
    after: UUID | None = None,
    known_at: datetime | None = None,
) -> AccountLedger:
    """Up to ``limit`` posted lines of ``account``, from ``since`` (or the beginning) until ``until``, both inclusive,
    of what was posted by ``known_at``.

    ``after`` is the ``next`` of the page before. Raises JournalLine.DoesNotExist for one that is not of the account.
    """
    span = LinesOf((account,), since, until, known_at)
    opening, closing = _ends(span)
    page, brought_forward = span.posted(), opening
    if after:
        last = span.posted().get(pk=after)
        brought_forward = closing - page.filter(_later_than(last)).balance()
        page = page.filter(_later_than(last))

    found = list(_in_order(page)[: limit + 1])
    rows = list(_running(found[:limit], brought_forward))
    return AccountLedger(
        account=account,
        since=since,
        until=until,
        opening=opening,
        closing=closing,
        brought_forward=brought_forward,
        rows=tuple(rows),
        next=rows[-1].line.pk if len(found) > limit else None,
        known_at=known_at,
    )


@dataclass(frozen=True)
class WholeLedger:
    """All lines of an account in a span, read as they are taken: memory does not grow with their number."""

    account: Account
    since: date | None
    until: date
    known_at: datetime | None
    opening: Decimal
    count: int
    rows: Iterator[LedgerRow]


def whole_ledger(account: Account, since: date | None, until: date, *, known_at: datetime | None = None) -> WholeLedger:
    """The same as all pages of ``account_ledger``, for a file."""
    span = LinesOf((account,), since, until, known_at)
    opening, _closing = _ends(span)
    rows = _running(_in_order(span.posted()).iterator(chunk_size=AT_ONCE), opening)
    return WholeLedger(account, since, until, known_at, opening, span.posted().count(), rows)


def _ends(span: LinesOf) -> tuple[Decimal, Decimal]:
    """What the account stood at before and after the span."""
    [account] = span.accounts
    found = balances(account.administration, span.until, span.since, span.known_at, accounts=[account])
    return (found[0].opening, found[0].balance) if found else (ZERO, ZERO)


def _in_order(lines: Any) -> Any:
    return lines.select_related("entry__journal", "entry__reversal__journal", "party").order_by(
        "date", "entry_id", "position"
    )


def _running(lines: Iterable[JournalLine], balance: Decimal) -> Iterator[LedgerRow]:
    for line in lines:
        balance += line.debit - line.credit
        yield LedgerRow(line, balance)


def _later_than(line: JournalLine) -> Q:
    same_day = Q(date=line.date)
    later = Q(date__gt=line.date) | same_day & Q(entry__gt=line.entry_id)
    return later | Q(entry=line.entry_id, position__gt=line.position)
