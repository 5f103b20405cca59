"""A table as a workbook: numbers are numbers, with the currency's digits; rows go to the file one by one."""

from decimal import Decimal
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from apps.core.money import currency, quantize
from apps.core.tables import Column, Kind, Row, Table

BOLD, PLAIN = Font(bold=True), Font()
TO_THE_RIGHT = Alignment(horizontal="right")
INDENTS = [Alignment(indent=level, wrap_text=False) for level in range(8)]
DATE = "yyyy-mm-dd"
A4 = 9  # as workbooks number sizes of paper


def write_xlsx(table: Table, file: IO[bytes]) -> None:
    """Write ``table`` to ``file`` as one sheet."""
    book = Workbook(write_only=True)
    sheet = _sheet(book, table)
    for row in table.rows:
        sheet.append(_cells(sheet, table, row))
    if table.footnote:
        sheet.append([])
        sheet.append([_text(sheet, table.footnote)])
    book.save(file)


def _sheet(book: Any, table: Table) -> Any:
    sheet = book.create_sheet(_name(table.title))
    for number, column in enumerate(table.columns, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = column.width + 2
    head = 1 + len(table.facts) + 2  # title, facts, an empty row, the heads of the columns
    sheet.freeze_panes = f"A{head + 1}"
    sheet.print_title_rows = f"{head}:{head}"
    sheet.page_setup.orientation = "landscape" if len(table.columns) > 6 else "portrait"
    sheet.page_setup.paperSize = A4
    sheet.append([_text(sheet, table.title, bold=True)])
    for what, which in table.facts:
        sheet.append([_text(sheet, what), _text(sheet, which)])
    sheet.append([])
    sheet.append([_head(sheet, column) for column in table.columns])
    return sheet


def _name(title: str) -> str:
    """A name that a sheet may have: 31 characters, none of []:*?/\\."""
    return "".join(letter for letter in title if letter not in "[]:*?/\\")[:31]


def _head(sheet: Any, column: Column) -> Any:
    cell = _text(sheet, column.title, bold=True)
    if column.kind in (Kind.AMOUNT, Kind.NUMBER):
        cell.alignment = TO_THE_RIGHT
    return cell


def _cells(sheet: Any, table: Table, row: Row) -> list[Any]:
    cells: list[Any] = []
    for position, (column, value) in enumerate(zip(table.columns, row.cells, strict=True)):
        if value is None:
            cells.append(None)
        elif column.kind == Kind.TEXT:
            cells.append(_text(sheet, str(value), bold=row.bold, level=0 if position else row.level))
        else:
            cells.append(_number(sheet, table, column, value, row))
    return cells


def _number(sheet: Any, table: Table, column: Column, value: Any, row: Row) -> Any:
    cell = WriteOnlyCell(sheet, quantize(Decimal(value), table.currency) if column.kind == Kind.AMOUNT else value)
    if column.kind == Kind.AMOUNT:
        digits = f"#,##0{'.' if currency(table.currency).digits else ''}{'0' * currency(table.currency).digits}"
        cell.number_format = f"{digits};({digits})"
    if column.kind == Kind.DATE:
        cell.number_format = DATE
    if row.bold:
        cell.font = BOLD
    return cell


def _text(sheet: Any, value: str, *, bold: bool = False, level: int = 0) -> Any:
    """Text that stays text: what begins like a formula is none."""
    cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", value))
    cell.data_type = "s"
    if bold:
        cell.font = BOLD
    if level:
        cell.alignment = INDENTS[min(level, len(INDENTS) - 1)]
    return cell
