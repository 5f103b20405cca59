"""A report as a table, whatever file it becomes: CSV, a workbook or a PDF.

Rows may be an iterator: CSV and workbook take them one by one, so that memory does not grow with their number.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.utils.text import slugify


class Kind(StrEnum):
    """What a column holds: text, amounts in the table's currency (Decimal), whole numbers, or dates."""

    TEXT = "text"
    AMOUNT = "amount"
    NUMBER = "number"
    DATE = "date"


@dataclass(frozen=True)
class Column:
    """``width`` is about how many characters it shows."""

    title: str
    kind: Kind = Kind.TEXT
    width: int = 14


@dataclass(frozen=True)
class Row:
    """A cell for each column, None where there is nothing. A total or a heading is ``bold``; ``level`` indents."""

    cells: tuple[Any, ...]
    level: int = 0
    bold: bool = False


@dataclass(frozen=True)
class Table:
    """``facts`` are told above the columns, as pairs of what and which: of whose books, as of when, known when.

    ``count`` is about how many rows there are, for who must know before reading them.
    """

    name: str
    title: str
    facts: tuple[tuple[str, str], ...]
    columns: tuple[Column, ...]
    rows: Iterable[Row]
    count: int
    currency: str
    footnote: str = ""

    def file_name(self, ending: str) -> str:
        return f"{slugify(self.name)}.{ending}"
