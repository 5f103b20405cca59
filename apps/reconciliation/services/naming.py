"""From what a person points at to the parts of a bank line."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.db import transaction

from apps.billing.models import Bill, Payment
from apps.billing.services.payments import owed
from apps.core.models import User
from apps.core.money import ZERO, quantize, total
from apps.ledger.errors import named_refusals
from apps.ledger.models import Account, JournalLine, OpenItem
from apps.ledger.reports.open_items import left_in_currency
from apps.ledger.services.purposes import account_for
from apps.reconciliation.errors import EntryNotClearable, MatchBeyondEntry
from apps.reconciliation.models import Clearing, ReconciliationModel, StatementLine
from apps.reconciliation.reports.clearable import IN_TRANSIT, OWN_TRANSFERS, left_to_clear
from apps.reconciliation.services.clearing import Kind, Part, clear, hold_line
from apps.reconciliation.services.rules import within_tolerance
from apps.reconciliation.services.valuing import worth


@dataclass(frozen=True)
class Named:
    """One of the four, and how much of it in the account's currency: as much as there is, unless said."""

    amount: Decimal | None = None
    entry_line: JournalLine | None = None
    open_item: OpenItem | None = None
    payment: Payment | None = None
    bill: Bill | None = None


@named_refusals()
@transaction.atomic
def match(
    line: StatementLine,
    named: Sequence[Named],
    *,
    by: User,
    in_full: bool = False,
    difference_account: Account | None = None,
    model: ReconciliationModel | None = None,
    further: Sequence[Part] = (),
) -> Clearing:
    """Match ``line`` with what ``named`` points at, as much of each as there is unless it says how much; and with
    ``further`` parts, which say all of themselves.

    ``in_full``: the open items are paid in full, whatever the line is; the difference is written off, to
    ``difference_account`` or to differences of payments. ``model``: so they are as far as its tolerance goes. Raises
    MatchBeyondEntry where nothing is left to be matched, EntryNotClearable, and what ``clear`` raises.
    """
    line = hold_line(line.pk)
    parts = list(_parts(line, named))
    if in_full:
        parts = _paid_in_full(line, parts, difference_account)
    elif model is not None:
        items = [_opened(part.open_item) for part in parts if part.open_item]
        parts = within_tolerance(line, items, model) or parts
    return clear(line, [*parts, *further], by=by, model=model)


def _parts(line: StatementLine, named: Sequence[Named]) -> Iterator[Part]:
    left = line.residual
    for one in named:
        parts = list(_of(line, one))
        if not parts:
            raise MatchBeyondEntry(asked=str(one.amount or line.residual), open="0")
        for part in _as_much(parts, one.amount, left):
            left -= part.amount
            yield part


def _as_much(parts: list[Part], amount: Decimal | None, left: Decimal) -> Iterator[Part]:
    """``parts`` in turn until ``amount`` is spent, the last one with all that is more; without one, what is left."""
    spare = amount if amount is not None else left
    for number, part in enumerate(parts, start=1):
        same_way = (part.amount > 0) == (spare > 0)
        share = min(part.amount, spare, key=abs) if same_way else part.amount
        if amount is not None and number == len(parts):
            share = spare
        if share:
            spare -= share
            yield replace(part, amount=share)


def _of(line: StatementLine, named: Named) -> Iterator[Part]:
    """The parts that it may be, each with all that is open of it."""
    if named.bill is not None:
        yield Part(Kind.TRANSIT, _told(line, owed(named.bill)), bill=named.bill)
    elif named.payment is not None:
        yield Part(Kind.TRANSIT, _told(line, named.payment.amount), payment=named.payment)
    elif named.open_item is not None:
        yield from _of_item(line, _opened(named.open_item))
    elif named.entry_line is not None:
        yield from _of_entry_line(line, named.entry_line)


def _of_entry_line(line: StatementLine, entry_line: JournalLine) -> Iterator[Part]:
    account = entry_line.account
    if account.control:
        for item in OpenItem.objects.as_of().filter(line=entry_line).exclude(open=0).order_by("id"):
            yield from _of_item(line, item)
        return
    kinds = {OWN_TRANSFERS: Kind.TRANSFER, **dict.fromkeys(IN_TRANSIT, Kind.TRANSIT)}
    kind = Kind.BOOKED if account.pk == line.bank_account.account_id else kinds.get(account.purpose)
    if kind is None:
        raise EntryNotClearable(account=str(account))
    if left := left_to_clear([entry_line])[entry_line.pk]:
        yield Part(kind, _told(line, left, entry_line), entry_line=entry_line)


def _of_item(line: StatementLine, item: Any) -> Iterator[Part]:
    if item.open:
        in_its_currency = item.currency and item.currency == line.bank_account.currency
        amount = left_in_currency(item) if in_its_currency else _told(line, item.open)
        yield Part(Kind.ITEM, amount, open_item=item)


def _opened(item: OpenItem) -> OpenItem:
    opened: OpenItem = OpenItem.objects.as_of().select_related("account", "party").get(pk=item.pk)
    return opened


def _told(line: StatementLine, booked: Decimal, entry_line: JournalLine | None = None) -> Decimal:
    """What ``booked`` of the book currency is in the account's: at the rate of the line, or at its own where the entry
    line names that currency."""
    currency = line.bank_account.currency
    if entry_line is not None and entry_line.currency == currency and entry_line.amount_currency:
        return quantize(booked * entry_line.amount_currency / (entry_line.debit - entry_line.credit), currency)
    rate = worth(line)
    return quantize(booked * rate.amount / rate.books, currency)


def _paid_in_full(line: StatementLine, parts: list[Part], account: Account | None) -> list[Part]:
    full = [next(iter(_of_item(line, _opened(part.open_item))), part) if part.open_item else part for part in parts]
    rest = line.residual - total(part.amount for part in full)
    if rest == ZERO:
        return full
    account = account or account_for(line.administration, "payment_difference")
    return [*full, Part(Kind.WRITE_OFF, rest, account=account)]
