"""What a seal covers of an entry, byte for byte, and the chain that follows. ``docs/seals.md`` says it in words.

The bytes are JSON as PostgreSQL writes it: of every column that matters, in this order, amounts and rates with all
their digits. A test holds these lists against the columns of the models.
"""

from dataclasses import dataclass
from typing import Any

from django.db import models

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


@dataclass(frozen=True)
class Kind:
    """What a seal covers of documents of one model: its columns, its free texts, and the rows that are part of it.

    ``later`` are columns that the model got after documents of it were sealed. They count by their names, where they
    are filled: what was sealed before has nothing there, and proves as it did.
    """

    model: type[models.Model]
    columns: str
    texts: str = ""
    parts: "Parts | None" = None
    later: str = ""

    @property
    def label(self) -> str:
        return self.model._meta.label_lower


@dataclass(frozen=True)
class Parts:
    """Rows of ``model`` that point with ``of`` at their document, in the order of ``order``."""

    model: type[models.Model]
    of: str
    order: str
    columns: str


def _value(row: str, model: type[models.Model], column: str) -> str:
    """SQL of a column, written as ``_json`` does by its type."""
    fields: dict[str | None, Any] = {field.column: field for field in model._meta.concrete_fields}
    if isinstance(fields[column], models.DateTimeField):
        return f"to_char({row}.{column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
    return f"{row}.{column}::text" if isinstance(fields[column], models.DecimalField) else f"{row}.{column}"


def _list_of(row: str, model: type[models.Model], columns: str) -> str:
    """SQL of the JSON array of ``columns``."""
    return f"json_build_array({', '.join(_value(row, model, column) for column in columns.split())})::text"


def _filled(row: str, model: type[models.Model], columns: str) -> str:
    """SQL of ``, `` and the JSON object of those of ``columns`` that are filled; empty when none is."""
    if not columns:
        return "''"
    named = ", ".join(f"'{column}', {_value(row, model, column)}" for column in columns.split())
    any_ = ", ".join(f"{row}.{column}" for column in columns.split())
    return f"CASE WHEN num_nonnulls({any_}) > 0 THEN ', ' || json_strip_nulls(json_build_object({named})) ELSE '' END"


def document_hashes(kind: Kind, rows: str, *passed: str) -> str:
    """SQL that answers ``document_id``, ``text_hash``, ``erased`` and ``hash`` of each row of the SQL ``rows``.

    ``rows`` has the columns of a document of ``kind``, ``salt`` and ``kept_text_hash``; others are ``passed`` along.
    """
    columns = "".join(f", {column}" for column in passed)
    texts = kind.texts.split()
    written = " || ', ' || ".join(f"to_json(subject.{text})" for text in texts) or "''"
    blank = " AND ".join(f"subject.{text} = ''" for text in texts) or "TRUE"
    parts = "''"
    if kind.parts:
        parts = f"""
            (SELECT coalesce(string_agg({_list_of("part", kind.parts.model, kind.parts.columns)}, ', '
                                        ORDER BY part.{kind.parts.order}, part.id), '')
             FROM {kind.parts.model._meta.db_table} part WHERE part.{kind.parts.of} = subject.id)"""  # noqa: S608
    return f"""
        SELECT document_id, text_hash, erased{columns},
               sha256(convert_to(
                   '[' || facts || ', "' || encode(text_hash, 'hex') || '", [' || parts || ']' || later || ']', 'UTF8'
               )) AS hash
        FROM (
            SELECT subject.id AS document_id, {_list_of("subject", kind.model, kind.columns)} AS facts{columns},
                   {parts} AS parts, {_filled("subject", kind.model, kind.later)} AS later, {blank} AS erased,
                   CASE WHEN subject.salt = '' THEN subject.kept_text_hash
                        ELSE sha256(subject.salt || convert_to('[' || {written} || ']', 'UTF8')) END AS text_hash
            FROM ({rows}) subject
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
    documents: int = 0

    @property
    def rows(self) -> int:
        """The count that is printed beside the head: entries and documents."""
        return self.entries + self.documents


def head(administration: Administration) -> Head:
    """The head of the last seal, and how much it covers; nothing and no head where nothing was sealed."""
    last = Seal.objects.filter(administration=administration).order_by("-number").first()
    return Head(last.entries, last.head, last.documents) if last else Head()
