"""Try a mapping on the beginning of a CSV file, without writing anything."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import BinaryIO

from apps.core.money import ZERO
from apps.reconciliation.errors import StatementFileInvalid
from apps.reconciliation.formats import ParsedLine, csv
from apps.reconciliation.formats.mapping import CsvReading, problems
from apps.reconciliation.formats.tables import beginning, delimiter_of, encoding_of

LINES, SHOWN, RAW = 10_000, 20, 5


@dataclass(frozen=True)
class Trial:
    """What a mapping makes of a file: why it cannot be read, or its first lines, and what all of them come to."""

    headings: tuple[str, ...] = ()
    raw: tuple[tuple[str, ...], ...] = ()  # the first rows as they stand in the file
    problems: tuple[str, ...] = ()
    lines: Sequence[ParsedLine] = field(default_factory=tuple)
    count: int = 0
    money_in: Decimal = ZERO
    money_out: Decimal = ZERO
    first_day: date | None = None
    last_day: date | None = None


def try_mapping(file: BinaryIO, mapping: CsvReading) -> Trial:
    """Read the first lines of ``file`` by ``mapping``; what is wrong with either is said, not raised."""
    headings, raw = _as_it_stands(file, mapping)
    wrong = tuple(problems(mapping))
    if wrong:
        return Trial(headings, raw, wrong)
    try:
        lines = [part for part in islice(csv.parse(file, mapping), LINES) if isinstance(part, ParsedLine)]
    except StatementFileInvalid as refusal:
        return Trial(headings, raw, (str(refusal),))
    days = [line.date for line in lines]
    return Trial(
        headings=headings,
        raw=raw,
        lines=lines[:SHOWN],
        count=len(lines),
        money_in=sum((line.amount for line in lines if line.amount > 0), ZERO),
        money_out=sum((line.amount for line in lines if line.amount < 0), ZERO),
        first_day=min(days, default=None),
        last_day=max(days, default=None),
    )


def _as_it_stands(file: BinaryIO, mapping: CsvReading) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """The headings that the mapping names, otherwise the row with the most cells, and the first rows below."""
    try:
        encoding = mapping.encoding or encoding_of(file)
        delimiter = mapping.delimiter or delimiter_of(file, encoding)
        rows = [tuple(row.cells) for row in beginning(file, encoding, delimiter)]
    except LookupError:  # an encoding that is not there, which ``problems`` tells
        return (), ()
    at = mapping.skip_rows
    if not mapping.has_headings:
        return (), tuple(rows[at : at + RAW])
    widest = max((len(row) for row in rows), default=0)
    heading = next((place for place, row in enumerate(rows[at:], at) if len(row) == widest), at)
    return (rows[heading] if heading < len(rows) else ()), tuple(rows[heading + 1 : heading + 1 + RAW])
