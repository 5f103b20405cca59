"""Post and reverse journal entries."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.core.events import record
from apps.core.languages import language_of_books
from apps.core.laws import prove_deferred
from apps.core.models import Administration, User
from apps.core.money import ZERO, exact, total
from apps.ledger.errors import (
    EntryAlreadyReversed,
    EntryNotPosted,
    JournalUnbalanced,
    PeriodClosed,
    PeriodMissing,
    named_refusals,
)
from apps.ledger.models import Account, Journal, JournalEntry, JournalLine, OpenItem, Party, Period, VatCode
from apps.ledger.services.allocating import settle_documents


@dataclass(frozen=True)
class Document:
    """What an open item is about: ``type`` and ``id`` of its row elsewhere, ``reference`` as people call it."""

    type: str
    id: UUID
    reference: str = ""
    due_date: date | None = None


@dataclass(frozen=True)
class Line:
    """A line to be posted, in the book currency. On a control account it needs a party, and opens one item."""

    account: Account
    debit: Decimal = ZERO
    credit: Decimal = ZERO
    party: Party | None = None
    vat_code: VatCode | None = None
    memo: str = ""
    document: Document | None = None

    @property
    def amount(self) -> Decimal:
        """Debit less credit."""
        return self.debit - self.credit


@dataclass(frozen=True)
class Source:
    """What an entry comes from; a source is posted once."""

    type: str
    id: UUID


@named_refusals()
@transaction.atomic
def post_entry(
    *,
    administration: Administration,
    journal: Journal,
    date: date,
    memo: str,
    lines: Sequence[Line],
    by: User | None,
    source: Source | None = None,
    reverses: JournalEntry | None = None,
) -> JournalEntry:
    """Post a balanced entry into the smallest period that holds ``date``, with an open item for each control line.

    Amounts are in the administration's currency and no finer than its unit. Raises JournalUnbalanced,
    EntryLinesNotAnnounced, PeriodMissing, PeriodClosed, EntryOfSourceExists or ControlLineDiffersFromItems; the
    database keeps the same rules, so a caller who bypasses this function is refused as well.
    """
    for line in lines:
        exact(line.amount, administration.currency)
    debits, credits = total(line.debit for line in lines), total(line.credit for line in lines)
    if debits != credits:
        raise JournalUnbalanced(debits=debits, credits=credits)
    period = admitting_period(administration, date)

    entry = JournalEntry.objects.create(
        administration=administration,
        journal=journal,
        period=period,
        status=JournalEntry.Status.POSTED,
        date=date,
        memo=memo,
        line_count=len(lines),
        source_type=source.type if source else "",
        source_id=source.id if source else None,
        reverses=reverses,
        posted_by=by,
    )
    rows = [
        JournalLine(
            administration=administration,
            entry=entry,
            position=position,
            account=line.account,
            party=line.party,
            vat_code=line.vat_code,
            memo=line.memo,
            debit=line.debit,
            credit=line.credit,
        )
        for position, line in enumerate(lines, start=1)
    ]
    JournalLine.objects.bulk_create(rows)
    OpenItem.objects.bulk_create(_items(entry, zip(rows, lines, strict=True)))
    prove_deferred()  # runs the deferred laws now, so that a refusal names this call, then defers them again
    record("ledger.entry_posted", entry, by=by, date=date, amount=debits, lines=len(lines))
    entry.refresh_from_db(fields=["number", "year"])
    return entry


@named_refusals()
@transaction.atomic
def reverse_entry(entry: JournalEntry, *, by: User | None, reason: str, date: date | None = None) -> JournalEntry:
    """Post the opposite of ``entry``, settling what is still open of it.

    Dated ``date`` when given, otherwise the entry's own date if its period admits posting, otherwise the first
    open day after it; the memo says so. Raises EntryNotPosted, EntryAlreadyReversed, PeriodClosed or PeriodMissing.
    """
    if entry.status != JournalEntry.Status.POSTED:
        raise EntryNotPosted()
    if JournalEntry.objects.filter(reverses=entry).exists():
        raise EntryAlreadyReversed(entry=str(entry))
    day = date or first_open_day(entry.administration, entry.date)
    with language_of_books(entry.administration):
        memo = _("Reversal of %(entry)s: %(reason)s") % {"entry": entry, "reason": reason}
        if day != entry.date and date is None:
            memo += " " + _("(%(date)s no longer admits posting)") % {"date": entry.date}

    lines = entry.lines.select_related("account", "party", "vat_code").prefetch_related("open_items")
    reversal = post_entry(
        administration=entry.administration,
        journal=entry.journal,
        date=day,
        memo=memo,
        lines=[_opposite(line) for line in lines],
        by=by,
        reverses=entry,
    )
    settle_documents(entry.administration, [item.document_id for line in lines for item in line.open_items.all()])
    record("ledger.entry_reversed", entry, by=by, reversal=reversal.pk)
    return reversal


def admitting_period(administration: Administration, day: date) -> Period:
    """The smallest period that holds ``day``. Raises PeriodMissing, or PeriodClosed for it or a larger one."""
    period = Period.objects.covering(administration, day)
    if period is None:
        raise PeriodMissing(date=day)
    for around in Period.objects.around(period):
        if not around.admits_posting:
            raise PeriodClosed(period=str(around), status=around.status)
    return period


def first_open_day(administration: Administration, day: date) -> date:
    """``day`` if its periods admit posting, otherwise the first day after it that does.

    Raises PeriodMissing, or PeriodClosed when no later day admits posting either.
    """
    try:
        admitting_period(administration, day)
    except PeriodClosed as closed:
        later = Period.objects.filter(administration=administration, last_day__gt=day)
        periods = list(later.exclude(type=Period.Type.YEAR_END))
        for candidate in sorted({period.first_day for period in periods if period.first_day > day}):
            holding = [period for period in periods if period.first_day <= candidate <= period.last_day]
            if all(period.admits_posting for period in holding):
                return candidate
        raise closed
    return day


def _items(entry: JournalEntry, lines: Iterable[tuple[JournalLine, Line]]) -> Iterator[OpenItem]:
    for row, line in lines:
        if line.account.control and line.party:
            document = line.document
            yield OpenItem(
                administration_id=entry.administration_id,
                line=row,
                account=line.account,
                party=line.party,
                date=entry.date,
                amount=line.amount,
                document_type=document.type if document else "",
                document_id=document.id if document else row.pk,
                reference=document.reference if document else "",
                due_date=document.due_date if document else None,
            )


def _opposite(line: JournalLine) -> Line:
    item = next(iter(line.open_items.all()), None)
    return Line(
        account=line.account,
        debit=line.credit,
        credit=line.debit,
        party=line.party,
        vat_code=line.vat_code,
        memo=line.memo,
        document=Document(item.document_type, item.document_id, item.reference) if item else None,
    )
