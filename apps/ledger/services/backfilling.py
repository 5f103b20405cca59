"""Backfill: imported history on control accounts gets open items, where it plainly is a registered invoice or its
payment.

A line is matched by the id of its source, or by exact reference, party and amount; whatever is less certain, or fits
twice, is proposed with a score and left to a person. The items of a run are one batch, which can be reversed.
"""

import re
from calendar import monthrange
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from difflib import SequenceMatcher
from enum import StrEnum
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.core.events import record
from apps.core.languages import language_of_books
from apps.core.laws import prove_deferred
from apps.core.locks import hold_key
from apps.core.models import Administration, User
from apps.core.money import ZERO, quantize
from apps.core.permissions import Act, require
from apps.ledger.errors import BackfillNotProved, BackfillSettled, BatchKept, NoBackfill, named_refusals
from apps.ledger.models import Account, Allocation, Batch, Invoice, JournalLine, OpenItem
from apps.ledger.reports.sync_status import history_without_items, sync_status
from apps.ledger.services.allocating import settle_documents

KINDS = {Account.Control.SUPPLIERS: Invoice.Kind.VENDOR, Account.Control.CUSTOMERS: Invoice.Kind.CUSTOMER}
CERTAIN, EXACT = Decimal("1.00"), Decimal("0.95")
HIGHEST_PROPOSAL, LEAST_PROPOSAL = Decimal("0.90"), Decimal("0.50")
# What a proposal scores for an equal amount, the party, the date and the reference.
AMOUNT, PARTY, DATE, REFERENCE = Decimal("0.40"), Decimal("0.20"), Decimal("0.15"), Decimal("0.20")
NEAR = 30  # days
MOST_SCORED = 50  # invoices of one amount, the nearest in time
# A shorter reference may stand in a text by chance.
SHORTEST_REFERENCE = 4


class Reason(StrEnum):
    """Why a line seems to belong to an invoice, or why that is not enough."""

    SOURCE_ID = "SOURCE_ID"
    REFERENCE = "REFERENCE"
    PARTY = "PARTY"
    AMOUNT = "AMOUNT"
    DATE = "DATE"
    AMOUNT_DIFFERS = "AMOUNT_DIFFERS"
    AMBIGUOUS = "AMBIGUOUS"
    INVOICE_NOT_MATCHED = "INVOICE_NOT_MATCHED"


@dataclass(frozen=True)
class Match:
    """A line and the invoice that it books or pays, how certain that is, and why."""

    line: JournalLine
    invoice: Invoice
    confidence: Decimal
    reasons: tuple[Reason, ...]

    @property
    def date(self) -> date:
        """The line's: it is posted."""
        day: date = self.line.date  # type: ignore[assignment]
        return day


@dataclass
class Plan:
    """Every line of history without open items, once."""

    matched: list[Match] = field(default_factory=list)
    proposed: list[Match] = field(default_factory=list)
    unmatched: list[JournalLine] = field(default_factory=list)


def plan_backfill(administration: Administration, accounts: Iterable[Account] | None = None) -> Plan:
    """What a backfill would do, on ``accounts`` or on all control accounts of customers and suppliers."""
    plan = Plan()
    if accounts is None:
        accounts = backfilled_accounts(administration)
    for account in accounts:
        _Matching(administration, account, plan).run()
    return plan


def backfilled_accounts(administration: Administration) -> list[Account]:
    return list(Account.objects.filter(administration=administration, control__in=KINDS).order_by("code"))


def history_of(administration: Administration) -> int:
    """How many lines a backfill looks at."""
    return _history(administration, backfilled_accounts(administration)).count()


@transaction.atomic
def backfill(administration: Administration, *, by: User, dry_run: bool = True) -> tuple[Batch | None, Plan]:
    """Match history and, unless it is a ``dry_run``, write the open items of what matched: a batch, if there is any.

    Raises NotAllowed, and BackfillNotProved where the books would not prove at a month end since.
    """
    require(by, Act.KEEP_ACCOUNTS, administration.pk)
    hold_key("backfill", administration.pk)
    plan = plan_backfill(administration)
    if dry_run or not plan.matched:
        return None, plan
    batch = open_batch(administration, by=by)
    _write(batch, plan, by)
    return batch, plan


def open_batch(administration: Administration, *, by: User) -> Batch:
    """An empty batch, to which ``backfill_account`` adds. Raises NotAllowed."""
    require(by, Act.KEEP_ACCOUNTS, administration.pk)
    with language_of_books(administration):
        title = _("Backfill of %(date)s") % {"date": timezone.localdate()}
    batch: Batch = Batch.objects.create(
        administration=administration, kind=Batch.Kind.BACKFILL, title=title, created_by=by
    )
    return batch


@transaction.atomic
def backfill_account(batch: Batch, account: Account, *, by: User) -> None:
    """The part of a large backfill that is one account. Raises what ``backfill`` does."""
    require(by, Act.KEEP_ACCOUNTS, batch.administration_id)
    hold_key("backfill", batch.administration_id)
    _write(batch, plan_backfill(batch.administration, [account]), by)


@named_refusals()
@transaction.atomic
def reverse_backfill(batch: Batch, *, by: User) -> Batch:
    """Take a backfill back: each of its items gets its opposite, and its lines are history without items again.

    Raises NotAllowed, NoBackfill, BatchKept when it was reversed before, or BackfillSettled when one of its items was
    settled with one of another batch.
    """
    require(by, Act.KEEP_ACCOUNTS, batch.administration_id)
    hold_key("backfill", batch.administration_id)
    batch = Batch.objects.select_for_update().get(pk=batch.pk)
    if batch.kind != Batch.Kind.BACKFILL:
        raise NoBackfill(batch=str(batch))
    if batch.reversed_at:
        raise BatchKept()
    items = list(OpenItem.objects.filter(batch=batch).order_by("id").select_for_update())
    outside = Allocation.objects.filter(Q(debit__batch=batch) | Q(credit__batch=batch)).exclude(
        debit__batch=batch, credit__batch=batch
    )
    if settled := outside.count():
        raise BackfillSettled(count=settled)
    OpenItem.objects.bulk_create(
        OpenItem(
            administration_id=item.administration_id,
            line_id=item.line_id,
            account_id=item.account_id,
            party_id=item.party_id,
            date=item.date,
            due_date=item.due_date,
            amount=-item.amount,
            currency=item.currency,
            amount_currency=item.amount_currency and -item.amount_currency,
            document_type=item.document_type,
            document_id=item.document_id,
            reference=item.reference,
            batch=batch,
        )
        for item in items
    )
    settle_documents(batch.administration, {item.document_id for item in items})
    batch.reversed_at, batch.reversed_by = timezone.now(), by
    batch.save(update_fields=["reversed_at", "reversed_by"])
    prove_deferred()
    _prove(batch.administration, [item.date for item in items])
    record("ledger.backfill_reversed", batch, by=by, items=len(items))
    return batch


# Writing -------------------------------------------------------------------------------------------------------------


@named_refusals()
def _write(batch: Batch, plan: Plan, by: User) -> None:
    OpenItem.objects.bulk_create(
        OpenItem(
            administration_id=batch.administration_id,
            line=match.line,
            account_id=match.line.account_id,
            party_id=match.invoice.party_id,
            date=match.date,
            due_date=match.invoice.due_date,
            amount=match.line.debit - match.line.credit,
            currency=match.line.currency,
            amount_currency=match.line.amount_currency,
            document_type=match.invoice.document_type,
            document_id=match.invoice.pk,
            reference=str(match.invoice)[:64],
            batch=batch,
        )
        for match in plan.matched
    )
    settle_documents(batch.administration, {match.invoice.pk for match in plan.matched})
    prove_deferred()
    _prove(batch.administration, [match.date for match in plan.matched])
    record("ledger.backfilled", batch, by=by, items=len(plan.matched))


def _prove(administration: Administration, dates: list[date]) -> None:
    """Control account = open items + history that is listed, at the end of every month since the first date."""
    for day in month_ends(min(dates), max([*dates, timezone.localdate()])) if dates else ():
        for proof in sync_status(administration, day, limit=0).accounts:
            if proof.unexplained:
                raise BackfillNotProved(
                    date=day.isoformat(), account=str(proof.account), unexplained=str(proof.unexplained)
                )


def month_ends(first: date, last: date) -> Iterator[date]:
    """The last days of the months from that of ``first`` to that of ``last``."""
    year, month = first.year, first.month
    while (year, month) <= (last.year, last.month):
        yield date(year, month, monthrange(year, month)[1])
        year, month = year + month // 12, month % 12 + 1


# Matching ------------------------------------------------------------------------------------------------------------


def _history(administration: Administration, accounts: list[Account]) -> QuerySet[Any, Any]:
    lines = history_without_items(administration, date.max).filter(account__in=accounts)
    return lines.filter(entry__reversal=None, entry__reverses=None)


def plain(text: str) -> str:
    """``text`` in capitals without anything but letters and digits, as references are compared."""
    return re.sub(r"[^A-Z0-9]", "", text.upper())


@dataclass
class _Matching:
    """The lines of one control account against the registered invoices of its kind."""

    administration: Administration
    account: Account
    plan: Plan

    def run(self) -> None:
        lines = list(
            _history(self.administration, [self.account])
            .select_related("entry__journal", "party", "administration")
            .order_by("date", "entry_id", "position")
        )
        left = self._accept(lines, self._by_source, CERTAIN)
        left = self._accept(left, self._by_reference, EXACT)
        for line in left:
            best = max(self._scored(line), key=lambda match: match.confidence, default=None)
            if best:
                self.plan.proposed.append(best)
            else:
                self.plan.unmatched.append(line)

    # The invoices

    @cached_property
    def invoices(self) -> list[Invoice]:
        return list(
            Invoice.objects.filter(
                administration=self.administration, kind=KINDS[Account.Control(self.account.control)], entry=None
            )
            .select_related("party", "administration")
            .order_by("invoice_date", "id")
        )

    @cached_property
    def by_id(self) -> dict[UUID, Invoice]:
        return {invoice.pk: invoice for invoice in self.invoices}

    @cached_property
    def by_word(self) -> dict[str, list[Invoice]]:
        words = defaultdict(list)
        for invoice in self.invoices:
            for word in {plain(invoice.reference), plain(str(invoice))}:
                if len(word) >= SHORTEST_REFERENCE:
                    words[word].append(invoice)
        return words

    @cached_property
    def by_amount(self) -> dict[Decimal, list[Invoice]]:
        amounts = defaultdict(list)
        for invoice in self.invoices:
            amounts[abs(self.owing(invoice))].append(invoice)
        return amounts

    @cached_property
    def booked(self) -> dict[UUID, Decimal]:
        """What open items of earlier runs say of each invoice: the whole of it on one side, payments on the other."""
        items = OpenItem.objects.filter(account=self.account, document_id__in=list(self.by_id))
        sums: dict[UUID, Decimal] = defaultdict(Decimal)
        for document, amount in items.filter(batch__reversed_at=None).values_list("document_id", "amount"):
            if (amount > 0) == (self.owing(self.by_id[document]) > 0):
                sums[document] += amount
        return sums

    @cached_property
    def paid(self) -> dict[UUID, Decimal]:
        items = OpenItem.objects.filter(account=self.account, document_id__in=list(self.by_id), batch__reversed_at=None)
        sums: dict[UUID, Decimal] = defaultdict(Decimal)
        for document, amount in items.values_list("document_id", "amount"):
            if (amount > 0) != (self.owing(self.by_id[document]) > 0):
                sums[document] += amount
        return sums

    def owing(self, invoice: Invoice) -> Decimal:
        """What the invoice is on the control account, a debit is positive, in the book currency."""
        amount = quantize(invoice.total_amount * (invoice.exchange_rate or 1), self.administration.currency)
        return -amount if invoice.kind == Invoice.Kind.VENDOR else amount

    # The levels

    def _accept(
        self, lines: list[JournalLine], candidates: Callable[[JournalLine], list[Invoice]], confidence: Decimal
    ) -> list[JournalLine]:
        """Match what fits one invoice and nothing else, invoices before their payments; answers what is left."""
        left = lines
        for pays in (False, True):
            fitting = {line.pk: [one for one in candidates(line) if self._fits(line, one, pays=pays)] for line in left}
            wanted = Counter(invoice.pk for found in fitting.values() for invoice in found)
            rest = []
            for line in left:
                found = fitting[line.pk]
                # By the id of its source a line is certain, and several payments may each name their invoice.
                single = len(found) == 1 and (wanted[found[0].pk] == 1 or (confidence == CERTAIN and pays))
                if single and self._fits(line, found[0], pays=pays):
                    self._take(line, found[0], confidence, pays=pays)
                else:
                    rest.append(line)
            left = rest
        return left

    def _fits(self, line: JournalLine, invoice: Invoice, *, pays: bool) -> bool:
        amount, owing = line.debit - line.credit, self.owing(invoice)
        if line.party_id not in (None, invoice.party_id):
            return False
        if not pays:
            return amount == owing and not self.booked[invoice.pk]
        within = abs(self.paid[invoice.pk] + amount) <= abs(owing)
        return (amount > 0) != (owing > 0) and within and bool(self.booked[invoice.pk])

    def _take(self, line: JournalLine, invoice: Invoice, confidence: Decimal, *, pays: bool) -> None:
        sums = self.paid if pays else self.booked
        sums[invoice.pk] += line.debit - line.credit
        first = Reason.SOURCE_ID if confidence == CERTAIN else Reason.REFERENCE
        reasons = [first, *([Reason.PARTY] if line.party_id else [])]
        if abs(line.debit - line.credit) == abs(self.owing(invoice)):
            reasons.append(Reason.AMOUNT)
        self.plan.matched.append(Match(line, invoice, confidence, tuple(reasons)))

    def _by_source(self, line: JournalLine) -> list[Invoice]:
        source = line.entry.source_id
        return [self.by_id[source]] if source in self.by_id else []

    def _by_reference(self, line: JournalLine) -> list[Invoice]:
        """Invoices of the line's party and amount whose reference stands in it, as a word of its own."""
        found = {invoice.pk: invoice for word in _words(line) for invoice in self.by_word.get(word, ())}
        amount = abs(line.debit - line.credit)
        return [
            invoice
            for invoice in found.values()
            if invoice.party_id == line.party_id and abs(self.owing(invoice)) == amount
        ]

    def _scored(self, line: JournalLine) -> Iterator[Match]:
        amount = line.debit - line.credit
        same = sorted(self.by_amount.get(abs(amount), ()), key=lambda invoice: _days(line, invoice.invoice_date))
        near = {invoice.pk: invoice for invoice in same[:MOST_SCORED]}
        near |= {invoice.pk: invoice for word in _words(line) for invoice in self.by_word.get(word, ())}
        near |= {invoice.pk: invoice for invoice in self._by_source(line)}
        scored = [match for match in (self._score(line, invoice) for invoice in near.values()) if match]
        best = max((match.confidence for match in scored), default=ZERO)
        several = [match for match in scored if match.confidence == best]
        for match in several:
            if len(several) > 1:
                match = Match(match.line, match.invoice, match.confidence, (*match.reasons, Reason.AMBIGUOUS))
            yield match

    def _score(self, line: JournalLine, invoice: Invoice) -> Match | None:
        """How much speaks for it; None when too little does, or something plainly against."""
        amount, owing = line.debit - line.credit, self.owing(invoice)
        pays = (amount > 0) != (owing > 0)
        if line.party_id not in (None, invoice.party_id) or (not pays and self.booked[invoice.pk]):
            return None
        score, reasons = ZERO, []
        if line.entry.source_id == invoice.pk:
            score, reasons = score + AMOUNT, [Reason.SOURCE_ID]
        if abs(amount) == abs(owing):
            score, reasons = score + AMOUNT, [*reasons, Reason.AMOUNT]
        else:
            reasons.append(Reason.AMOUNT_DIFFERS)
        if line.party_id:
            score, reasons = score + PARTY, [*reasons, Reason.PARTY]
        else:
            score += PARTY * _alike(f"{line.memo} {line.entry.memo}", invoice.party.name)
        if (likeness := max((_alike(word, invoice.reference) for word in _words(line)), default=ZERO)) > 0:
            score += REFERENCE * likeness
            reasons += [Reason.REFERENCE] if likeness == 1 else []
        expected = invoice.due_date if pays else invoice.invoice_date
        days = _days(line, expected)
        if days < NEAR:
            score, reasons = score + DATE * (NEAR - days) / NEAR, [*reasons, Reason.DATE]
        if pays and not self.booked[invoice.pk]:
            reasons.append(Reason.INVOICE_NOT_MATCHED)
        confidence = min(score, HIGHEST_PROPOSAL).quantize(LEAST_PROPOSAL)
        return Match(line, invoice, confidence, tuple(reasons)) if confidence >= LEAST_PROPOSAL else None


def _days(line: JournalLine, day: date) -> int:
    """How many days a line is away from ``day``."""
    return abs((line.date - day).days) if line.date else NEAR


def _words(line: JournalLine) -> set[str]:
    """The reference of a line's entry, and each word of what is written there."""
    texts = [line.entry.reference, line.memo, line.entry.memo]
    words = {plain(word) for text in texts for word in (text, *re.split(r"[\s,;:()]+", text))}
    return {word for word in words if len(word) >= SHORTEST_REFERENCE}


def _alike(one: str, other: str) -> Decimal:
    """From 0 to 1, how much two texts have in common."""
    one, other = plain(one), plain(other)
    if not (one and other):
        return ZERO
    return Decimal(str(SequenceMatcher(None, one, other).ratio()))
