"""How much of an entry line bank lines have not cleared yet."""

from collections import defaultdict
from collections.abc import Collection
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import F, Sum

from apps.billing.models import EndOfDayReconciliation, Payment, TopUp
from apps.core.money import ZERO
from apps.ledger.models import Account, JournalLine
from apps.reconciliation.models import ClearedLine, Match

# Accounts by purpose, on which money stands between whoever paid and the bank.
IN_TRANSIT = ("card_in_transit", "transfer_in_transit", "paystack_in_transit", "payer_in_transit", "deposit_in_transit")
OWN_TRANSFERS = "own_transfers"
BY_METHOD: dict[str, str] = {
    Payment.Method.CARD: "card_in_transit",
    Payment.Method.TRANSFER: "transfer_in_transit",
    Payment.Method.PAYSTACK: "paystack_in_transit",
}
METHODS = {purpose: method for method, purpose in BY_METHOD.items()}


def left_to_clear(lines: Collection[JournalLine]) -> dict[UUID, Decimal]:
    """What is left of each of ``lines``, with its sign: a debit is positive. In a fixed number of queries.

    Nothing is left of an entry that was reversed. A signed day that was reopened stands in the books again, less what
    was cleared of its earlier revision; and a payment that was cleared by itself, perhaps before its day was signed, is
    part of its day's line.
    """
    keys = [line.pk for line in lines]
    named = ("pk", "entry", "account", "account__purpose", "entry__reverses", "entry__reversal")
    rows = JournalLine.objects.filter(pk__in=keys).values_list(*named)
    cleared = dict(ClearedLine.objects.filter(entry_line__in=keys).values_list("entry_line", "cleared"))
    left = {line.pk: line.debit - line.credit - cleared.get(line.pk, ZERO) for line in lines}
    in_transit: dict[UUID, tuple[UUID, UUID]] = {}
    for pk, entry, account, purpose, reverses, reversal in rows:
        if reverses or reversal:
            left[pk] = ZERO
        elif purpose in IN_TRANSIT:
            in_transit[pk] = (entry, account)
    of_days = _left_of_days(in_transit)
    return {pk: _nearer(own, of_days.get(pk, own)) for pk, own in left.items()}


def left_of_clinic_days(days: set[UUID], account: Account) -> defaultdict[UUID, Decimal]:
    """What is left in transit on ``account`` of each of ``days``: all revisions, less whatever was cleared of them."""
    left: defaultdict[UUID, Decimal] = defaultdict(Decimal)
    for (day, on), amount in [*_booked(days), *_paid(days)]:
        if on == account.pk:
            left[day] += amount
    return left


def cleared_as_a_whole(days: set[UUID], method: str, account: Account) -> set[UUID]:
    """Those of the signed ``days`` of which bank lines have cleared other than single payments of ``method``, so that
    these are not, or not all, in transit on ``account`` any more. Top-ups are cleared as a part of their day."""
    left = left_of_clinic_days(days, account)
    brought = Match.objects.filter(payment__clinic_day__in=days, active=True).values("payment")
    payments = Payment.objects.filter(clinic_day__in=days, method=method).exclude(pk__in=brought)
    single, top_ups = _by_day(payments), _by_day(TopUp.objects.filter(clinic_day__in=days, method=method))
    return {day for day in days if not min(top_ups[day], ZERO) <= left[day] - single[day] <= max(top_ups[day], ZERO)}


def _by_day(rows: Any) -> defaultdict[UUID, Decimal]:
    sums = rows.order_by().values("clinic_day").annotate(sum=Sum("amount"))
    return defaultdict(Decimal, {row["clinic_day"]: row["sum"] for row in sums})


def _nearer(own: Decimal, whole: Decimal) -> Decimal:
    """What is left of a line, but no more than is left of its whole day, where that has the same sign."""
    if (own > 0) != (whole > 0):
        return ZERO
    return min(own, whole, key=abs)


def _left_of_days(lines: dict[UUID, tuple[UUID, UUID]]) -> dict[UUID, Decimal]:
    """What is left of the day and account of each line that comes from a day's close: all revisions together. ``lines``
    names the entry and the account of each."""
    own = EndOfDayReconciliation.objects.filter(entry__in={entry for entry, _account in lines.values()})
    day_of: dict[UUID, UUID] = dict(own.values_list("entry", "clinic_day"))
    if not day_of:
        return {}
    left: defaultdict[tuple[UUID, UUID], Decimal] = defaultdict(Decimal)
    for (day, account), amount in [*_booked(set(day_of.values())), *_paid(set(day_of.values()))]:
        left[day, account] += amount
    return {pk: left[day_of[entry], account] for pk, (entry, account) in lines.items() if entry in day_of}


def _booked(days: set[UUID]) -> list[tuple[tuple[UUID, UUID], Decimal]]:
    closes = EndOfDayReconciliation.objects.filter(clinic_day__in=days)
    entries = {
        entry: day for day, *pair in closes.values_list("clinic_day", "entry", "reversal") for entry in pair if entry
    }
    rows = (
        JournalLine.objects.filter(entry__in=entries, account__purpose__in=IN_TRANSIT)
        .order_by()
        .values("entry", "account")
        .annotate(booked=Sum(F("debit") - F("credit")), cleared=Sum("cleared__cleared"))
    )
    return [((entries[row["entry"]], row["account"]), row["booked"] - (row["cleared"] or ZERO)) for row in rows]


def _paid(days: set[UUID]) -> list[tuple[tuple[UUID, UUID], Decimal]]:
    alone = Match.objects.filter(active=True, payment__clinic_day__in=days, entry_line=None).order_by()
    rows: Any = alone.values("payment__clinic_day", "account").annotate(cleared=Sum("book_amount"))
    return [((row["payment__clinic_day"], row["account"]), -row["cleared"]) for row in rows]
