"""Post many entries at once: by COPY, under the same laws."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection, transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from apps.core.events import record
from apps.core.laws import prove_deferred
from apps.core.models import Administration, User
from apps.core.money import exact, total
from apps.ledger.errors import JournalUnbalanced, PeriodMissing, named_refusals
from apps.ledger.models import Batch, Journal, JournalEntry, JournalLine, OpenItem, Period
from apps.ledger.services.posting import Line, Source, items_of, line_of

# Entries that are written, proved and forgotten together: what is held in memory however many there are.
CHUNK = 5_000


@dataclass(frozen=True)
class Entry:
    """An entry to be posted, as ``post_entry`` takes it."""

    journal: Journal
    date: date
    memo: str
    lines: Sequence[Line]
    reference: str = ""
    source: Source | None = None


ENTRY = (
    "id administration_id journal_id period_id status date memo reference line_count source_type source_id batch_id "
    "created_by_id posted_by_id created_at"
).split()
LINE = (
    "id administration_id entry_id position date account_id party_id memo debit credit currency amount_currency "
    "exchange_rate vat_code_id vat_role vat_base tax_point vat_period_id corrected_period_id"
).split()
ITEM = (
    "id administration_id line_id account_id party_id date due_date amount currency amount_currency document_type "
    "document_id reference created_at"
).split()


@named_refusals()
@transaction.atomic
def post_entries(
    administration: Administration, entries: Iterable[Entry], *, by: User | None, batch: Batch | None = None
) -> int:
    """Post ``entries``, all of them or none, and return how many there were.

    Raises what ``post_entry`` does, for the first that breaks a rule. One event tells of them all.
    """
    smallest, periods = _smallest_first(administration), dict[date, UUID]()
    waiting, posted = iter(entries), 0
    while chunk := list(islice(waiting, CHUNK)):
        for entry in chunk:
            _check(administration, entry)
            if entry.date not in periods:
                periods[entry.date] = _period(smallest, entry.date)
        _write(administration, [(uuid7(), entry, periods[entry.date]) for entry in chunk], by, batch)
        prove_deferred()
        posted += len(chunk)
    if posted:
        record("ledger.entries_posted", batch or administration, by=by, entries=posted)
    return posted


def _check(administration: Administration, entry: Entry) -> None:
    for line in entry.lines:
        exact(line.amount, administration.currency)
    debits, credits = total(line.debit for line in entry.lines), total(line.credit for line in entry.lines)
    if debits != credits:
        raise JournalUnbalanced(debits=debits, credits=credits)


def _smallest_first(administration: Administration) -> list[Period]:
    periods = Period.objects.filter(administration=administration).exclude(type=Period.Type.YEAR_END)
    return sorted(periods, key=lambda period: period.last_day - period.first_day)


def _period(periods: list[Period], day: date) -> UUID:
    for period in periods:
        if period.first_day <= day <= period.last_day:
            return period.pk
    raise PeriodMissing(date=day)


def _write(
    administration: Administration, chunk: list[tuple[UUID, Entry, UUID]], by: User | None, batch: Batch | None
) -> None:
    now, clinic = timezone.now(), administration.pk
    author, batch_id = by and by.pk, batch and batch.pk
    _copy(
        JournalEntry,
        ENTRY,
        (
            (key, clinic, entry.journal.pk, period, "POSTED", entry.date, entry.memo, entry.reference, len(entry.lines))
            + ((entry.source.type, entry.source.id) if entry.source else ("", None))
            + (batch_id, author, author, now)
            for key, entry, period in chunk
        ),
    )
    lines = [
        (key, entry, period, line_of(position, line), line)
        for key, entry, period in chunk
        for position, line in enumerate(entry.lines, start=1)
    ]
    _copy(JournalLine, LINE, _lines(clinic, lines))
    # Their moment is after the periods are held, as that of the entries is.
    _copy(OpenItem, ITEM, _items(clinic, timezone.now(), lines))


def _lines(clinic: UUID, lines: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    for key, entry, period, row, _line in lines:
        taxed = row["vat_code"] is not None
        yield (
            row["id"],
            clinic,
            key,
            row["position"],
            entry.date,
            row["account"],
            row["party"],
            row["memo"],
            row["debit"],
            row["credit"],
            row["currency"],
            row["amount_currency"],
            row["exchange_rate"],
            row["vat_code"],
            row["vat_role"],
            row["vat_base"],
            (row["tax_point"] or entry.date) if taxed else None,
            (row["vat_period"] or period) if taxed else None,
            row["corrected_period"],
        )


def _items(clinic: UUID, now: Any, lines: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    for _key, entry, _period, row, line in lines:
        for item in items_of(row["id"], line):
            yield (
                item["id"],
                clinic,
                item["line"],
                item["account"],
                item["party"],
                entry.date,
                item["due_date"],
                item["amount"],
                item["currency"],
                item["amount_currency"],
                item["document_type"],
                item["document"],
                item["reference"],
                now,
            )


def _copy(model: Any, columns: list[str], rows: Iterable[tuple[Any, ...]]) -> None:
    statement = f"COPY {model._meta.db_table} ({', '.join(columns)}) FROM STDIN"
    with (
        connection.wrap_database_errors,
        psycopg.Cursor(connection.connection) as cursor,
        cursor.copy(statement) as copy,
    ):
        for row in rows:
            copy.write_row(row)
