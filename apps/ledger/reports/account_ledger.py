"""Account ledger: the lines of one account with a running balance, page by page."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from django.db.models import Q

from apps.core.money import total
from apps.ledger.models import Account, JournalLine


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
    account: Account, since: date | None, until: date, *, limit: int = 200, after: UUID | None = None
) -> AccountLedger:
    """Up to ``limit`` posted lines of ``account``, from ``since`` (or the beginning) until ``until``, both inclusive.

    ``after`` is the ``next`` of the page before. Raises JournalLine.DoesNotExist for one that is not of the account.
    """
    posted = JournalLine.objects.filter(account=account).posted()
    opening = posted.before(since).balance() if since else total(())
    page, brought_forward = posted.up_to(until), opening
    if since:
        page = page.since(since)
    if after:
        last = posted.select_related("entry").get(pk=after)
        brought_forward = posted.exclude(_later_than(last)).balance()
        page = page.filter(_later_than(last))

    found = list(
        page.select_related("entry__journal", "entry__reversal__journal", "party").order_by(
            "entry__date", "entry_id", "position"
        )[: limit + 1]
    )
    rows, balance = [], brought_forward
    for line in found[:limit]:
        balance += line.debit - line.credit
        rows.append(LedgerRow(line, balance))
    return AccountLedger(
        account=account,
        since=since,
        until=until,
        opening=opening,
        closing=posted.up_to(until).balance(),
        brought_forward=brought_forward,
        rows=tuple(rows),
        next=rows[-1].line.pk if len(found) > limit else None,
    )


def _later_than(line: JournalLine) -> Q:
    same_day = Q(entry__date=line.entry.date)
    later = Q(entry__date__gt=line.entry.date) | same_day & Q(entry__gt=line.entry_id)
    return later | Q(entry=line.entry_id, position__gt=line.position)
