"""Post and reverse journal entries."""

import json
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection, transaction
from django.utils.translation import gettext as _
from uuid_utils.compat import uuid7

from apps.core.events import EVENT, announce, in_statement, record
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
from apps.ledger.models import Account, Batch, Journal, JournalEntry, JournalLine, Party, Period, VatCode
from apps.ledger.services.allocating import settle_documents


@dataclass(frozen=True)
class Document:
    """What an open item is about: ``type`` and ``id`` of its row elsewhere, ``reference`` as people call it."""

    type: str
    id: UUID
    reference: str = ""
    due_date: date | None = None


@dataclass(frozen=True)
class Item:
    """An open item of a line: ``amount`` in the book currency, a debit is positive; due when ``document`` says."""

    document: Document
    amount: Decimal
    amount_currency: Decimal | None = None


@dataclass(frozen=True)
class Line:
    """A line to be posted, in the book currency. On a control account it needs a party, and opens its ``items``: one
    of the whole amount about ``document`` unless they are given. Imported history gives none: ``()``.

    ``amount_currency`` is the amount in the foreign ``currency``, a debit is positive. A line with a VAT code says what
    it is in the return; its tax point is the entry's date and its VAT period the entry's period unless given.
    """

    account: Account
    debit: Decimal = ZERO
    credit: Decimal = ZERO
    party: Party | None = None
    vat_code: VatCode | None = None
    memo: str = ""
    document: Document | None = None
    items: tuple[Item, ...] | None = None
    currency: str = ""
    amount_currency: Decimal | None = None
    exchange_rate: Decimal | None = None
    vat_role: str = ""
    vat_base: Decimal | None = None
    tax_point: date | None = None
    vat_period: Period | None = None
    corrected_period: Period | None = None

    @property
    def amount(self) -> Decimal:
        """Debit less credit."""
        return self.debit - self.credit


def on_side(account: Account, amount: Decimal, **more: Any) -> Line:
    """A line with ``amount`` on its side: a debit, or a credit when it is negative."""
    return Line(account, debit=max(amount, ZERO), credit=max(-amount, ZERO), **more)


@dataclass(frozen=True)
class Source:
    """What an entry comes from; a source is posted once."""

    type: str
    id: UUID | None


# One statement for an entry with all that belongs to it: posting costs one round trip and one commit. The laws are
# triggers on these tables like on any others.
POST = f"""
WITH subject AS (
    INSERT INTO ledger_journalentry (
        id, administration_id, journal_id, period_id, status, date, memo, reference, line_count, source_type, source_id,
        reverses_id, batch_id, created_by_id, approved_by_id, posted_by_id, created_at
    ) VALUES (
        %(id)s::uuid, %(administration)s::uuid, %(journal)s::uuid, %(period)s::uuid, 'POSTED', %(date)s::date,
        %(memo)s, %(reference)s, %(line_count)s, %(source_type)s, %(source_id)s::uuid, %(reverses)s::uuid,
        %(batch)s::uuid, %(by)s::uuid, NULL, %(by)s::uuid, now()
    ) RETURNING id, number, year, period_id, posted_at
), line AS (
    INSERT INTO ledger_journalline (
        id, administration_id, entry_id, position, date, account_id, party_id, memo, debit, credit, currency,
        amount_currency, exchange_rate, vat_code_id, vat_role, vat_base, tax_point, vat_period_id, corrected_period_id
    )
    SELECT line.id, %(administration)s::uuid, subject.id, position, %(date)s::date, account, party, coalesce(memo, ''),
           coalesce(debit, 0), coalesce(credit, 0), coalesce(currency, ''), amount_currency, exchange_rate, vat_code,
           coalesce(vat_role, ''), vat_base,
           CASE WHEN vat_code IS NOT NULL THEN coalesce(tax_point, %(date)s::date) END,
           CASE WHEN vat_code IS NOT NULL THEN coalesce(vat_period, subject.period_id) END, corrected_period
    FROM subject, jsonb_to_recordset(%(lines)s::jsonb) AS line (
        id uuid, position integer, account uuid, party uuid, memo text, debit numeric, credit numeric, currency text,
        amount_currency numeric, exchange_rate numeric, vat_code uuid, vat_role text, vat_base numeric, tax_point date,
        vat_period uuid, corrected_period uuid
    )
), item AS (
    INSERT INTO ledger_openitem (
        id, administration_id, line_id, account_id, party_id, date, due_date, amount, currency, amount_currency,
        document_type, document_id, reference, created_at
    )
    SELECT item.id, %(administration)s::uuid, line, account, party, %(date)s::date, due_date, amount,
           coalesce(currency, ''), amount_currency, coalesce(document_type, ''), document,
           coalesce(reference, ''), subject.posted_at
    FROM subject, jsonb_to_recordset(%(items)s::jsonb) AS item (
        id uuid, line uuid, account uuid, party uuid, due_date date, amount numeric, currency text,
        amount_currency numeric, document_type text, document uuid, reference text
    )
), {EVENT}
SELECT number, year, period_id, posted_at FROM subject
"""  # noqa: S608  # nosec B608


@named_refusals()
def post_entry(
    *,
    administration: Administration,
    journal: Journal,
    date: date,
    memo: str,
    lines: Sequence[Line],
    by: User | None,
    reference: str = "",
    source: Source | None = None,
    reverses: JournalEntry | None = None,
    period: Period | None = None,
    batch: Batch | None = None,
) -> JournalEntry:
    """Post a balanced entry into the smallest period that holds ``date``, with the open items of its control lines.

    Amounts are in the administration's currency and no finer than its unit. ``period`` names one of year-end
    adjustments. Raises JournalUnbalanced, EntryLinesNotAnnounced, PeriodMissing, PeriodClosed, EntryOfSourceExists or
    ControlLineDiffersFromItems; the database keeps the same rules, so a caller who bypasses this function is refused
    as well. Outside of a transaction the entry is one of its own; inside of one, what is refused is undone and the
    rest stays.
    """
    for line in lines:
        exact(line.amount, administration.currency)
    debits, credits = total(line.debit for line in lines), total(line.credit for line in lines)
    if debits != credits:
        raise JournalUnbalanced(debits=debits, credits=credits)
    entry = JournalEntry(
        administration=administration,
        journal=journal,
        period=period,
        status=JournalEntry.Status.POSTED,
        date=date,
        memo=memo,
        reference=reference,
        line_count=len(lines),
        source_type=source.type if source else "",
        source_id=source.id if source else None,
        reverses=reverses,
        batch=batch,
        created_by=by,
        posted_by=by,
    )
    event = in_statement("ledger.entry_posted", entry, date=date, amount=debits, lines=len(lines))
    nested = connection.in_atomic_block
    with transaction.atomic() if nested else nullcontext():
        _write(entry, lines, event)
        if nested:
            prove_deferred()  # runs the deferred laws now, so that a refusal names this call, then defers them again
    announce("ledger.entry_posted", entry, by=by)
    return entry


def _write(entry: JournalEntry, lines: Sequence[Line], event: dict[str, Any]) -> None:
    rows = [line_of(position, line) for position, line in enumerate(lines, start=1)]
    items = [item for row, line in zip(rows, lines, strict=True) for item in items_of(row["id"], line)]
    facts = {
        "id": entry.pk,
        "administration": entry.administration_id,
        "journal": entry.journal_id,
        "period": entry.period_id,
        "date": entry.date,
        "memo": entry.memo,
        "reference": entry.reference,
        "line_count": entry.line_count,
        "source_type": entry.source_type,
        "source_id": entry.source_id,
        "reverses": entry.reverses_id,
        "batch": entry.batch_id,
        "by": entry.posted_by_id,
        "lines": _json(rows),
        "items": _json(items),
        **event,
    }
    database: Any = transaction.get_connection()
    database.ensure_connection()
    database.validate_no_broken_transaction()
    # A cursor of psycopg's own: Django's writes the values into the text, so that no plan would ever be kept.
    with database.wrap_database_errors, psycopg.Cursor(database.connection) as cursor:
        cursor.execute(POST, facts, prepare=True)
        ((entry.number, entry.year, entry.period_id, entry.posted_at),) = cursor.fetchall()
    entry._state.adding, entry._state.db = False, database.alias


def _json(rows: list[dict[str, Any]]) -> str:
    """Rows as the statement reads them, which knows what a column is that is not there."""
    return json.dumps(
        [{name: value for name, value in row.items() if value is not None and value != ""} for row in rows], default=str
    )


def line_of(position: int, line: Line) -> dict[str, Any]:
    """A line as a row, with a key of its own."""
    return {
        "id": uuid7(),
        "position": position,
        "account": line.account.pk,
        "party": line.party and line.party.pk,
        "memo": line.memo,
        "debit": line.debit,
        "credit": line.credit,
        "currency": line.currency,
        "amount_currency": line.amount_currency,
        "exchange_rate": line.exchange_rate,
        "vat_code": line.vat_code and line.vat_code.pk,
        "vat_role": line.vat_role or (JournalLine.VatRole.BASE.value if line.vat_code else ""),
        "vat_base": line.vat_base,
        "tax_point": line.tax_point,
        "vat_period": line.vat_period and line.vat_period.pk,
        "corrected_period": line.corrected_period and line.corrected_period.pk,
    }


def items_of(key: UUID, line: Line) -> Iterator[dict[str, Any]]:
    """The open items of the line that has ``key``, as rows."""
    if line.account.control and line.party:
        whole = Item(line.document or Document("", key), line.amount, line.amount_currency)
        for item in (whole,) if line.items is None else line.items:
            yield {
                "id": uuid7(),
                "line": key,
                "account": line.account.pk,
                "party": line.party.pk,
                "due_date": item.document.due_date,
                "amount": item.amount,
                "currency": line.currency,
                "amount_currency": item.amount_currency,
                "document_type": item.document.type,
                "document": item.document.id,
                "reference": item.document.reference,
            }


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
    adjustments = _adjustments_again(entry) if date is None else None
    day = date or (entry.date if adjustments else first_open_day(entry.administration, entry.date))
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
        period=adjustments,
        batch=entry.batch,
    )
    settle_documents(entry.administration, [item.document_id for line in lines for item in line.open_items.all()])
    record("ledger.entry_reversed", entry, by=by, reversal=reversal.pk)
    return reversal


def _adjustments_again(entry: JournalEntry) -> Period | None:
    """The period of year-end adjustments that holds ``entry``, where its reversal belongs while that is open."""
    if entry.period.type != Period.Type.YEAR_END:
        return None
    return entry.period if all(around.admits_posting for around in Period.objects.around(entry.period)) else None


def admitting_period(administration: Administration, day: date) -> Period:
    """The smallest period that holds ``day``. Raises PeriodMissing, or PeriodClosed for it or a larger one."""
    period = Period.objects.covering(administration, day)
    if period is None:
        raise PeriodMissing(date=day)
    admitting(period)
    return period


def admitting(period: Period) -> None:
    """Raises PeriodClosed for ``period`` or a larger one that does not admit posting."""
    for around in Period.objects.around(period):
        if not around.admits_posting:
            raise PeriodClosed(period=str(around), status=around.status)


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


def _opposite(line: JournalLine) -> Line:
    # The items of a backfill that was reversed cancel out, and the opposite of history without items has none.
    items = list(line.open_items.all())
    items = items if total(item.amount for item in items) else []
    return Line(
        account=line.account,
        debit=line.credit,
        credit=line.debit,
        party=line.party,
        vat_code=line.vat_code,
        memo=line.memo,
        items=tuple(
            Item(
                Document(item.document_type, item.document_id, item.reference, item.due_date),
                -item.amount,
                item.amount_currency and -item.amount_currency,
            )
            for item in items
        ),
        currency=line.currency,
        amount_currency=line.amount_currency and -line.amount_currency,
        exchange_rate=line.exchange_rate,
        vat_role=line.vat_role,
        vat_base=line.vat_base and -line.vat_base,
        tax_point=line.tax_point,
        vat_period=line.vat_period,
        corrected_period=line.corrected_period,
    )
