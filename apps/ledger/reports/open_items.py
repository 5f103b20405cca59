"""Open items as of a date, per control account, held against the account's balance."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import groupby
from typing import Any

from django.db.models import F, Q, Sum, Value
from django.db.models.functions import Coalesce

from apps.core.models import Administration
from apps.core.money import ZERO, amount_field, quantize, total
from apps.ledger.models import Account, Allocation, OpenItem, Party


class ItemStatus(StrEnum):
    """What an item is at a date. One that is due and not settled is overdue, however much was paid of it."""

    OPEN = "open"
    PARTIALLY_PAID = "partially_paid"
    PAID = "paid"
    OVERDUE = "overdue"


def item_status(original: Decimal, left: Decimal, due_date: date | None, as_of: date) -> ItemStatus:
    """The status at the end of ``as_of``; due on a day means overdue from the next."""
    if not left:
        return ItemStatus.PAID
    if due_date and due_date < as_of:
        return ItemStatus.OVERDUE
    return ItemStatus.OPEN if left == original else ItemStatus.PARTIALLY_PAID


def in_status(items: Any, status: str, as_of: date) -> Any:
    """Those of ``items``, read ``as_of`` that day, that are in ``status``. OPEN takes whatever is not settled."""
    overdue = Q(due_date__lt=as_of)
    conditions = {
        ItemStatus.OPEN: ~Q(open=0),
        ItemStatus.PARTIALLY_PAID: ~Q(open=0) & ~Q(open=F("amount")) & (~overdue | Q(due_date=None)),
        ItemStatus.PAID: Q(open=0),
        ItemStatus.OVERDUE: ~Q(open=0) & overdue,
    }
    return items.filter(conditions[ItemStatus(status)])


@dataclass(frozen=True)
class OpenItemRow:
    """What one document of a party leaves owing; positive is a debit."""

    item: OpenItem
    party: Party
    original: Decimal
    open: Decimal
    status: ItemStatus


@dataclass(frozen=True)
class ControlAccount:
    """A control account with its open items and its balance in the books."""

    account: Account
    balance: Decimal
    rows: tuple[OpenItemRow, ...]

    @property
    def open(self) -> Decimal:
        return total(row.open for row in self.rows)

    @property
    def difference(self) -> Decimal:
        """Zero: every line on the account equals its open items."""
        return self.balance - self.open


def open_items(
    administration: Administration, as_of: date, known_at: datetime | None = None
) -> tuple[ControlAccount, ...]:
    """What each party owed, or was owed, at the end of ``as_of``: every control account, in two queries.

    An allocation counts from the later of both items' dates, so that any past date still ties out. ``known_at``: from
    what stood in the books by that moment.
    """
    items = (
        OpenItem.objects.filter(administration=administration)
        .as_of(as_of, known_at)
        .exclude(open=0)
        .select_related("party", "line__entry__journal")
        .order_by("account_id", "party__code", "date", "id")
    )
    rows = {
        account: tuple(OpenItemRow(item, item.party, item.amount, item.open, _status(item, as_of)) for item in group)
        for account, group in groupby(items, key=lambda item: item.account_id)
    }
    return tuple(
        ControlAccount(account, balance, rows.get(account.pk, ()))
        for account, balance in control_accounts(administration, as_of, known_at)
    )


def left_in_currency(item: Any) -> Decimal:
    """What is open of a foreign ``item``, read with what is ``open`` of it, in its own currency and with its sign.

    Whole settlements in that currency say how much of it they were. Where others settled it too, allocations being in
    the book currency, the same part of it is left as of its amount in the books.
    """
    if not item.open:
        return ZERO
    left, settled = item.amount_currency, item.amount
    taken = Allocation.objects.filter(Q(debit=item.pk) | Q(credit=item.pk)).select_related("debit", "credit")
    for allocation in taken:
        other = allocation.credit if allocation.debit_id == item.pk else allocation.debit
        if other.currency == item.currency and abs(other.amount) == allocation.amount:
            left += other.amount_currency
            settled += other.amount
    if settled != item.open:
        left = item.amount_currency * item.open / item.amount
    return quantize(left, item.currency)


def control_accounts(
    administration: Administration, as_of: date, known_at: datetime | None = None
) -> list[tuple[Account, Decimal]]:
    """Every control account with its balance in the books, from its lines alone."""
    posted = Q(lines__date__lte=as_of)
    if known_at is not None:
        posted &= Q(lines__entry__posted_at__lte=known_at)
    balance = Sum("lines__debit", filter=posted) - Sum("lines__credit", filter=posted)
    accounts = Account.objects.filter(administration=administration).exclude(control="").order_by("code")
    balances = accounts.annotate(balance=Coalesce(balance, Value(ZERO), output_field=amount_field()))
    return [(account, account.balance) for account in balances]


def _status(item: Any, as_of: date) -> ItemStatus:
    return item_status(item.amount, item.open, item.due_date, as_of)
