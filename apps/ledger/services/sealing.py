"""Seal the books: chain the hashes of what was posted, so that whoever changes it later is found out."""

from django.db import connection, transaction

from apps.core.events import record
from apps.core.locks import hold_key
from apps.core.models import Administration, User
from apps.ledger.errors import named_refusals
from apps.ledger.models import Seal
from apps.ledger.reports.seals import hashes, head_of

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
SEAL = f"""
WITH last AS (
    SELECT head, entries FROM ledger_seal WHERE administration_id = %(administration)s ORDER BY number DESC LIMIT 1
), hashed AS MATERIALIZED (
    {hashes(FRESH, "salt", "place")}
), seal AS (
    INSERT INTO ledger_seal (id, administration_id, number, head, previous_head, entries, reason, made_at, made_by_id)
    SELECT gen_random_uuid(), %(administration)s, 0,
           {head_of("coalesce((SELECT head FROM last), '')", "hash", "place")}, coalesce((SELECT head FROM last), ''),
           coalesce((SELECT entries FROM last), 0) + count(*), %(reason)s, now(), %(by)s
    FROM hashed
    RETURNING id
), sealed AS (
    INSERT INTO ledger_sealedentry (id, administration_id, seal_id, entry_id, position, hash, salt, text_hash)
    SELECT gen_random_uuid(), %(administration)s, seal.id, entry_id, place, hash, salt, text_hash
    FROM seal, hashed
)
SELECT id FROM seal
"""  # noqa: S608  # nosec B608


@named_refusals()
@transaction.atomic
def seal(administration: Administration, *, reason: str, by: User | None) -> Seal:
    """Chain everything that was posted since the last seal; where nothing was, the link says just that.

    ``reason`` names the occasion, such as ``day_close:Z-000412``. Two at once wait for each other and make one chain.
    """
    hold_key("seal", administration.pk)
    with connection.cursor() as cursor:
        cursor.execute(SEAL, {"administration": administration.pk, "reason": reason, "by": by.pk if by else None})
        made: Seal = Seal.objects.get(pk=cursor.fetchone()[0])
    record("ledger.books_sealed", made, by=by, head=made.head, entries=made.entries, reason=reason)
    return made
