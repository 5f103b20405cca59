"""Entries and seals as a pack tells them, so that every hash can be reckoned again without the books.

``docs/seals.md`` says what is hashed. Texts go with the salt of their hash; one that was erased left neither, and
counts by the hash that was kept.
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import connection

from apps.core.models import Administration
from apps.ledger.models import JournalEntry, JournalLine, Seal
from apps.ledger.reports.seals import ENTRY, LINE

AT_ONCE = 500  # entries in memory

# The hashes of a seal, in the order in which its head takes them.
HASHES = """
    SELECT seal.number, everything.hash FROM ledger_seal seal CROSS JOIN LATERAL (
        SELECT hash, position FROM ledger_sealedentry WHERE seal_id = seal.id
        UNION ALL SELECT hash, position FROM ledger_sealeddocument WHERE seal_id = seal.id
    ) everything
    WHERE seal.administration_id = %s AND seal.number BETWEEN %s AND %s ORDER BY seal.number, everything.position
"""


def entries(chosen: Any) -> Iterator[dict[str, Any]]:
    """The posted entries of ``chosen`` with their lines, in the order of their numbers, as their hashes take them."""
    ordered = chosen.select_related("journal", "sealed__seal").order_by("journal__code", "year", "number")
    rows = ordered.iterator(chunk_size=AT_ONCE)
    while chunk := [row for _at, row in zip(range(AT_ONCE), rows, strict=False)]:
        lines = JournalLine.objects.filter(entry__in=[row.pk for row in chunk]).order_by("entry_id", "position", "id")
        of = {key: list(group) for key, group in groupby(lines, key=lambda line: line.entry_id)}
        for row in chunk:
            yield _told(row, of.get(row.pk, []))


def seals(administration: Administration, first: int, last: int) -> Iterator[dict[str, Any]]:
    """The seals numbered ``first`` to ``last`` with every hash that they cover."""
    found = Seal.objects.filter(administration=administration, number__gte=first, number__lte=last).order_by("number")
    with connection.chunked_cursor() as cursor:
        cursor.execute(HASHES, [administration.pk, first, last])
        rows = (row for chunk in iter(lambda: cursor.fetchmany(AT_ONCE * 10), []) for row in chunk)
        hashes = groupby(rows, key=lambda row: row[0])
        number, held = next(hashes, (None, None))
        for seal in found.iterator():
            mine: list[str] = []
            if number == seal.number and held is not None:
                mine = [bytes(row[1]).hex() for row in held]
                number, held = next(hashes, (None, None))
            yield {
                "number": seal.number,
                "previous_head": seal.previous_head,
                "head": seal.head,
                "entries": seal.entries,
                "documents": seal.documents,
                "reason": seal.reason,
                "made_at": moment(seal.made_at),
                "hashes": mine,
            }


def _told(entry: JournalEntry, lines: list[JournalLine]) -> dict[str, Any]:
    sealed = getattr(entry, "sealed", None)
    told: dict[str, Any] = {
        "number": str(entry),
        "entry": facts_of(entry, ENTRY),
        "lines": [facts_of(line, LINE) for line in lines],
        "texts": [entry.memo, entry.reference, [line.memo for line in lines]],
        "sealed": None,
    }
    if sealed is not None:
        told["sealed"] = {
            "seal": sealed.seal.number,
            "position": sealed.position,
            "salt": bytes(sealed.salt).hex(),
            "text_hash": bytes(sealed.text_hash).hex(),
            "hash": bytes(sealed.hash).hex(),
        }
    return told


def facts_of(row: Any, columns: list[str]) -> list[Any]:
    """The values of ``columns`` as JSON has them: amounts with all digits of their column, moments in UTC."""
    return [_plain(getattr(row, column)) for column in columns]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value) if isinstance(value, UUID | date) else value


def moment(value: datetime) -> str:
    """With microseconds, in UTC."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


# Reckoned again: these take what a pack tells, and nothing else. -----------------------------------------------------


def text_hash_of(told: dict[str, Any]) -> str:
    """What the texts of an entry hash to; the hash that was kept where they were erased with their salt."""
    sealed = told["sealed"]
    if not sealed["salt"]:
        return str(sealed["text_hash"])
    written = json.dumps(told["texts"], ensure_ascii=False)
    return hashlib.sha256(bytes.fromhex(sealed["salt"]) + written.encode()).hexdigest()


def hash_of(told: dict[str, Any]) -> str:
    """What an entry hashes to with its lines."""
    written = json.dumps([told["entry"], text_hash_of(told), told["lines"]], ensure_ascii=False)
    return hashlib.sha256(written.encode()).hexdigest()


def head_of(seal: dict[str, Any]) -> str:
    """The head that follows from the one before and from the hashes of ``seal``."""
    return hashlib.sha256(bytes.fromhex(seal["previous_head"]) + bytes.fromhex("".join(seal["hashes"]))).hexdigest()
