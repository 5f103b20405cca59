"""What a seal covers of an entry, byte for byte, and the chain that follows. ``docs/seals.md`` says it in words.

The bytes are JSON as PostgreSQL writes it: of every column that matters, in this order, amounts and rates with all
their digits. A test holds these lists against the columns of the models.
"""

from dataclasses import dataclass

from apps.core.models import Administration
from apps.ledger.models import Seal

ENTRY = (
    "id administration_id journal_id period_id date year number line_count source_type source_id reverses_id batch_id "
    "created_by_id approved_by_id posted_by_id created_at posted_at"
).split()
LINE = (
    "id administration_id position date account_id party_id debit credit currency amount_currency exchange_rate "
    "vat_code_id vat_role vat_base tax_point vat_period_id corrected_period_id"
).split()
ENTRY_TEXTS, LINE_TEXT = ("memo", "reference"), "memo"

MOMENTS = ("created_at", "posted_at")
AMOUNTS = ("debit", "credit", "amount_currency", "exchange_rate", "vat_base")


def _json(row: str, columns: list[str]) -> str:
    """SQL of the JSON array of ``columns``: moments in UTC with microseconds, amounts as text, so that no setting of
    a session shows in them."""

    def value(column: str) -> str:
        if column in MOMENTS:
            return f"to_char({row}.{column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
        return f"{row}.{column}::text" if column in AMOUNTS else f"{row}.{column}"

    return f"json_build_array({', '.join(map(value, columns))})::text"


def hashes(entries: str, *passed: str) -> str:
    """SQL that answers ``entry_id``, ``text_hash``, ``erased`` and ``hash`` of each row of the SQL ``entries``, which
    has the columns of a journal entry, ``salt`` and ``kept_text_hash``; other columns of it are ``passed`` along.

    Text counts by a hash salted with ``salt``. Once it is erased the salt is empty, and what counts is the hash that
    was kept; ``erased`` says that no text is left.
    """
    columns = "".join(f", {column}" for column in passed)
    texts = " || ', ' || ".join(f"to_json(subject.{text})" for text in ENTRY_TEXTS)
    blank = " AND ".join(f"subject.{text} = ''" for text in ENTRY_TEXTS)
    # OFFSET 0: the hash of a text is reckoned once, not wherever it is named.
    return f"""
        SELECT entry_id, text_hash, erased{columns},
               sha256(convert_to(
                   '[' || facts || ', "' || encode(text_hash, 'hex') || '", [' || lines || ']]', 'UTF8'
               )) AS hash
        FROM (
            SELECT subject.id AS entry_id, {_json("subject", ENTRY)} AS facts{columns},
                   coalesce(line.lines, '') AS lines,
                   {blank} AND coalesce(line.blank, TRUE) AS erased,
                   CASE WHEN subject.salt = '' THEN subject.kept_text_hash ELSE sha256(subject.salt || convert_to(
                       '[' || {texts} || ', [' || coalesce(line.texts, '') || ']]', 'UTF8'
                   )) END AS text_hash
            FROM ({entries}) subject
            CROSS JOIN LATERAL (
                SELECT bool_and({LINE_TEXT} = '') AS blank,
                       string_agg({_json("line", LINE)}, ', ' ORDER BY line.position, line.id) AS lines,
                       string_agg(to_json({LINE_TEXT})::text, ', ' ORDER BY line.position, line.id) AS texts
                FROM ledger_journalline line WHERE line.entry_id = subject.id
            ) line
            OFFSET 0
        ) canonical
    """  # noqa: S608  # nosec B608


def head_of(previous_head: str, hashes: str, place: str) -> str:
    """SQL of the head that follows ``previous_head`` when ``hashes`` are added, in the order of their ``place``."""
    chained = f"decode({previous_head}, 'hex') || coalesce(string_agg({hashes}, ''::bytea ORDER BY {place}), '')"
    return f"encode(sha256({chained}), 'hex')"


@dataclass(frozen=True)
class Head:
    """Where the chain of an administration stands: what is printed and mailed, so that a cut tail shows."""

    entries: int = 0
    head: str = ""


def head(administration: Administration) -> Head:
    """The head of the last seal, and how many entries it covers; no entries and no head where nothing was sealed."""
    last = Seal.objects.filter(administration=administration).order_by("-number").first()
    return Head(last.entries, last.head) if last else Head()
