"""Seal the books: chain the hashes of what was posted, so that whoever changes it later is found out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from apps.core.events import record
from apps.core.locks import hold_key
from apps.core.models import Administration, User
from apps.ledger.errors import named_refusals
from apps.ledger.models import Seal, SealedDocument
from apps.ledger.reports.seals import Kind, document_hashes, hashes, head_of

# Numbers are given in the order of commits and without a gap, and a counter is seen only with the entries that it
# counted: so what lies between the last number that was sealed and the counter is exactly what is new.
FRESH = """
    SELECT entry.*, uuid_send(gen_random_uuid()) AS salt, ''::bytea AS kept_text_hash,
           row_number() OVER (ORDER BY entry.journal_id, entry.year, entry.number) AS place
    FROM (
        SELECT split_part(series, ':', 2)::uuid AS journal_id, split_part(series, ':', 3)::integer AS year, last
        FROM core_counter WHERE administration_id = %(administration)s AND series LIKE 'entry:%%'
    ) series
    LEFT JOIN LATERAL (
        SELECT number FROM ledger_journalentry known
        WHERE known.journal_id = series.journal_id AND known.year = series.year
          AND EXISTS (SELECT FROM ledger_sealedentry WHERE entry_id = known.id)
        ORDER BY number DESC LIMIT 1
    ) sealed ON TRUE
    JOIN ledger_journalentry entry ON entry.journal_id = series.journal_id AND entry.year = series.year
     AND entry.number > coalesce(sealed.number, 0) AND entry.number <= series.last
"""


@dataclass(frozen=True)
class Fresh:
    """Documents of one kind that are not sealed yet: ``rows`` is the SQL of their table's rows with a ``place``."""

    kind: Kind
    rows: str


def _unsealed(turn: int, fresh: Fresh) -> str:
    label = fresh.kind.label
    rows = f"""
        SELECT candidate.*, uuid_send(gen_random_uuid()) AS salt, ''::bytea AS kept_text_hash
        FROM ({fresh.rows}) candidate
        WHERE NOT EXISTS (SELECT FROM ledger_sealeddocument known
                          WHERE known.document_id = candidate.id AND known.kind = '{label}')
    """  # noqa: S608  # nosec B608
    return f"""
        SELECT {turn} AS turn, '{label}' AS kind, document_id, text_hash, hash, salt, place
        FROM ({document_hashes(fresh.kind, rows, "salt", "place")}) fresh
    """  # noqa: S608  # nosec B608


def _statement(documents: Sequence[Fresh]) -> str:
    unsealed = [_unsealed(turn, fresh) for turn, fresh in enumerate(documents)]
    nothing = (
        "SELECT 0 AS turn, '' AS kind, NULL::uuid AS document_id, ''::bytea AS text_hash, ''::bytea AS hash,"
        " ''::bytea AS salt, 0 AS place WHERE FALSE"
    )
    return f"""
WITH last AS (
    SELECT head, entries, documents FROM ledger_seal WHERE administration_id = %(administration)s
    ORDER BY number DESC LIMIT 1
), hashed AS MATERIALIZED (
    {hashes(FRESH, "salt", "place")}
), document AS MATERIALIZED (
    SELECT *, row_number() OVER (ORDER BY turn, place) + (SELECT count(*) FROM hashed) AS position
    FROM ({" UNION ALL ".join(unsealed) or nothing}) unsealed
), everything AS (
    SELECT hash, place FROM hashed UNION ALL SELECT hash, position FROM document
), seal AS (
    INSERT INTO ledger_seal (
        id, administration_id, number, head, previous_head, entries, documents, reason, made_at, made_by_id
    )
    SELECT gen_random_uuid(), %(administration)s, 0,
           {head_of("coalesce((SELECT head FROM last), '')", "hash", "place")}, coalesce((SELECT head FROM last), ''),
           coalesce((SELECT entries FROM last), 0) + (SELECT count(*) FROM hashed),
           coalesce((SELECT documents FROM last), 0) + (SELECT count(*) FROM document), %(reason)s, now(), %(by)s
    FROM everything
    RETURNING id
), sealed AS (
    INSERT INTO ledger_sealedentry (id, administration_id, seal_id, entry_id, position, hash, salt, text_hash)
    SELECT gen_random_uuid(), %(administration)s, seal.id, entry_id, place, hash, salt, text_hash
    FROM seal, hashed
), sealed_documents AS (
    INSERT INTO ledger_sealeddocument (
        id, administration_id, seal_id, kind, document_id, position, hash, salt, text_hash
    )
    SELECT gen_random_uuid(), %(administration)s, seal.id, kind, document_id, position, hash, salt, text_hash
    FROM seal, document
)
SELECT id FROM seal
"""  # noqa: S608  # nosec B608


@named_refusals()
@transaction.atomic
def seal(
    administration: Administration, *, reason: str, by: User | None, documents: Sequence[Fresh] = (), **facts: Any
) -> Seal:
    """Chain everything that was posted since the last seal; where nothing was, the link says just that.

    ``documents`` join it, those of them that no seal holds yet; ``facts`` are the parameters of their SQL.
    ``reason`` names the occasion, such as ``day_close:Z-000412``. Two at once wait for each other and make one chain.
    """
    hold_key("seal", administration.pk)
    with connection.cursor() as cursor:
        cursor.execute(
            _statement(documents),
            {"administration": administration.pk, "reason": reason, "by": by.pk if by else None, **facts},
        )
        made: Seal = Seal.objects.get(pk=cursor.fetchone()[0])
    record(
        "ledger.books_sealed",
        made,
        by=by,
        head=made.head,
        entries=made.entries,
        documents=made.documents,
        reason=reason,
    )
    return made


def forget_texts(kind: Kind, documents: Iterable[UUID]) -> None:
    """Take the salts of ``documents`` whose texts were erased: nobody finds out what they said, and the seal holds."""
    SealedDocument.objects.filter(kind=kind.label, document_id__in=[*documents]).update(salt=b"")
