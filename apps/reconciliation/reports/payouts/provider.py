"""Bank lines that are payouts of Paystack: the one whose number stands in the text, by its payments, fees, refunds."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from apps.billing.models import EndOfDayReconciliation, Payment, PaystackSettlement, TopUp
from apps.billing.paystack import PAID
from apps.billing.reports.payouts import Payout, payout_of
from apps.core.money import text, total
from apps.ledger.models import Account, JournalLine
from apps.reconciliation.models import BankAccount, Match, StatementLine
from apps.reconciliation.reports.candidates import Reason, evidence
from apps.reconciliation.reports.candidates.evidence import reason
from apps.reconciliation.reports.candidates.parties import texts_of
from apps.reconciliation.reports.clearable import cleared_as_a_whole, left_to_clear
from apps.reconciliation.reports.payouts.shapes import Share, Unpacked

METHOD = Payment.Method.PAYSTACK
PURPOSE = "paystack_in_transit"
NUMBER = re.compile(r"PSTK[\W_]{0,3}([0-9A-Z]{1,64})", re.IGNORECASE)
PROVIDER = re.compile(r"paystack|pstk", re.IGNORECASE)
PAID_OUT = ("success", "processed")
WITHIN = timedelta(days=14)  # from the payout to its line, where nothing but net and name speak for it

Receipt = Payment | TopUp


def provider_payouts(account: BankAccount, lines: Sequence[StatementLine]) -> dict[UUID, tuple[Unpacked, ...]]:
    """The payouts that ``lines`` name by their number; for one that names the provider alone, those of its amount."""
    theirs = {line: texts for line in lines if PROVIDER.search(texts := " ".join(_texts(line)))}
    if not theirs:
        return {}
    numbers = {line: {one.upper() for one in NUMBER.findall(texts)} for line, texts in theirs.items()}
    payouts = PaystackSettlement.objects.filter(administration=account.administration_id)
    named = {
        row.provider_id.upper(): row
        for row in payouts.filter(provider_id__in={form for those in numbers.values() for form in _forms(those)})
    }
    found: dict[UUID, tuple[Unpacked, ...]] = {}
    for line in theirs:
        rows = [named[number] for number in sorted(numbers[line]) if number in named]
        if rows:
            found[line.pk] = tuple(_unpacked(account, line, row, is_named=True) for row in rows)
        elif not numbers[line]:
            since = payouts.filter(net=line.residual, settled_on__range=(line.date - WITHIN, line.date))
            found[line.pk] = tuple(_unpacked(account, line, row, is_named=False) for row in since[:5])
    return {line: ways for line, ways in found.items() if ways}


def _texts(line: StatementLine) -> Iterator[str]:
    yield from texts_of(line)
    yield line.end_to_end_id
    yield line.counterparty_name


def _forms(numbers: Collection[str]) -> set[str]:
    return {form for number in numbers for form in (number, number.lower())}


def _unpacked(account: BankAccount, line: StatementLine, settlement: PaystackSettlement, *, is_named: bool) -> Unpacked:
    payout = payout_of(settlement)
    parts = _Parts(account, payout)
    shares = tuple(parts.shares())
    why = [reason(evidence.PAYOUT, payout=str(settlement)) if is_named else reason(evidence.NAME)]
    if payout.net == line.residual:
        why.append(reason(evidence.AMOUNT))
    if settlement.settled_on and (dated := evidence.of_movement(line.date, settlement.settled_on)):
        why.append(dated)
    against = [*_against(account, line, payout), *parts.against]
    if rest := line.residual - total(one.amount for one in shares):
        against.append(reason(evidence.UNEXPLAINED, amount=text(rest, account.currency)))
    return Unpacked(
        line=line.pk,
        key=str(settlement.pk),
        called=str(settlement),
        amount=line.residual,
        shares=shares,
        reasons=(*why, *against),
        is_identified=is_named,
    )


def _against(account: BankAccount, line: StatementLine, payout: Payout) -> Iterator[Reason]:
    """What is not as it should be of the payout as the provider states it."""
    if payout.settlement.status.lower() not in PAID_OUT:
        yield reason(evidence.NOT_PAID_OUT)
    if payout.currency != account.currency:
        yield reason(evidence.OTHER_CURRENCY, currency=payout.currency)
    if payout.net != line.residual:
        yield reason(evidence.OTHER_NET, net=text(payout.net, account.currency))
    if payout.fees != total(one.stated.fees for one in payout.payments):
        yield reason(evidence.FEES_UNSURE)
    if not all(one.stated.status in PAID for one in payout.payments):
        yield reason(evidence.NOT_VERIFIED)


class _Parts:
    """The parts of a payout that the books know: of each receipt what it clears. ``against``: what they do not know."""

    def __init__(self, account: BankAccount, payout: Payout) -> None:
        self.against: list[Reason] = []
        self._payout, self._account = payout, account
        receipts = [receipt for paid in payout.payments for receipt in paid.receipts]
        receipts += [receipt for back in payout.refunds for receipt in back.receipts]
        payments = [one.pk for one in receipts if isinstance(one, Payment)]
        matched = Match.objects.filter(payment__in=payments, active=True)
        self._cleared = set(matched.values_list("payment", flat=True))
        self._books = _Books(account, {receipt.clinic_day_id for receipt in receipts})

    def shares(self) -> Iterator[Share]:
        if self._payout.currency != self._books.currency:
            return
        for paid in self._payout.payments:
            yield from self._of(paid.stated.amount, paid.stated.reference, paid.receipts)
        for back in self._payout.refunds:
            yield from self._of(-back.stated.amount, back.stated.transaction.reference, back.receipts)
        if self._payout.fees:
            yield Share("FEE", Match.Kind.FEE, -self._payout.fees, str(self._payout.settlement))

    def _of(self, stated: Decimal, reference: str, receipts: Sequence[Receipt]) -> Iterator[Share]:
        """The receipts that are what the provider states, none of them cleared before. Of one payment that was given
        back in parts the oldest of that amount."""
        free = [one for one in receipts if one.pk not in self._cleared]
        if total(one.amount for one in free) != stated:
            free = [one for one in free if one.amount == stated][:1]
        if not free:
            code = evidence.CLEARED_BEFORE if receipts and len(receipts) == len(self._known(receipts)) else ""
            self.against.append(
                reason(code or evidence.NOT_TAKEN, reference=reference, amount=text(stated, self._account.currency))
            )
            return
        self._cleared.update(one.pk for one in free)
        for one in free:
            share = self._books.share(one)
            if share is None:
                self.against.append(reason(evidence.NOT_IN_TRANSIT, document=str(one)))
            else:
                yield share

    def _known(self, receipts: Sequence[Receipt]) -> list[Receipt]:
        return [one for one in receipts if one.pk in self._cleared]


class _Books:
    """What the books have in transit of the days of a payout.

    A payment is cleared by itself, before its day is signed as well; of a day that somebody cleared as a whole it is
    not in transit any more. A top-up is part of its signed day's line.
    """

    def __init__(self, account: BankAccount, days: set[UUID]) -> None:
        self.currency = account.currency
        self._signed: set[UUID] = set()
        self._taken: set[UUID] = set()
        self._lines: defaultdict[UUID, list[JournalLine]] = defaultdict(list)
        self._left: dict[UUID, Decimal] = {}
        transit = Account.objects.filter(administration=account.administration_id, purpose=PURPOSE).first()
        if not days or transit is None:
            return
        closes = EndOfDayReconciliation.objects.filter(clinic_day__in=days, entry__isnull=False)
        day_of: dict[Any, UUID] = dict(closes.values_list("entry", "clinic_day"))
        self._signed = set(day_of.values())
        lines = JournalLine.objects.filter(entry__in=day_of, account=transit).order_by("entry", "-position")
        rows = list(lines.select_related("account"))
        self._left = left_to_clear(rows)
        for row in rows:
            self._lines[day_of[row.entry_id]].append(row)
        self._taken = cleared_as_a_whole(self._signed, METHOD, transit)

    def share(self, receipt: Receipt) -> Share | None:
        what = "PAYMENT" if receipt.amount > 0 else "REFUND"
        if isinstance(receipt, Payment):
            if receipt.clinic_day_id in self._taken:
                return None
            return Share(what, Match.Kind.TRANSIT, receipt.amount, str(receipt), payment=receipt)
        for line in self._lines[receipt.clinic_day_id]:
            left = self._left[line.pk]
            if (left > 0) == (receipt.amount > 0) and abs(left) >= abs(receipt.amount):
                self._left[line.pk] -= receipt.amount
                what = "TOP_UP" if receipt.amount > 0 else "REFUND"
                return Share(what, Match.Kind.TRANSIT, receipt.amount, str(receipt), entry_line=line)
        return None
