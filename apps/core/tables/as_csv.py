"""A table as CSV: plain decimals, ISO dates, nothing that a spreadsheet would run."""

import csv
from collections.abc import Iterator
from datetime import date
from itertools import islice
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from apps.core.exporting import AT_ONCE, harmless
from apps.core.money import text
from apps.core.tables import Column, Kind, Row, Table


def csv_parts(table: Table) -> Iterator[bytes]:
    """The file in parts of AT_ONCE rows, in the language of whoever asked. A table with amounts says their currency in
    a last column."""
    language = translation.get_language()
    amounts = any(column.kind == Kind.AMOUNT for column in table.columns)
    heads = [column.title for column in table.columns]
    yield "\N{BYTE ORDER MARK}".encode() + _lines([[*heads, _("Currency")] if amounts else heads])
    rows = iter(table.rows)
    while True:
        with translation.override(language):
            chunk = [[*_cells(table, row), *([table.currency] if amounts else [])] for row in islice(rows, AT_ONCE)]
        if not chunk:
            return
        yield _lines(chunk)


def _cells(table: Table, row: Row) -> list[str]:
    return [harmless(_text(column, cell, table)) for column, cell in zip(table.columns, row.cells, strict=True)]


def _text(column: Column, cell: Any, table: Table) -> str:
    if cell is None:
        return ""
    if column.kind == Kind.AMOUNT:
        return text(cell, table.currency)
    return cell.isoformat() if isinstance(cell, date) else str(cell)


class _Lines(list[str]):
    """Keeps what the writer of the standard library gives away."""

    write = list[str].append


def _lines(rows: list[list[str]]) -> bytes:
    written = _Lines()
    csv.writer(written).writerows(rows)
    return "".join(written).encode()
