"""A table as a PDF on A4: whose books, which report and as of when on every page, page x of y, negatives in
parentheses."""

from datetime import date
from pathlib import Path
from typing import IO, Any

import reportlab
from django.utils import timezone
from django.utils.translation import gettext as _
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.units import mm
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from apps.core.display import figure, moment
from apps.core.tables import Column, Kind, Row, Table

FONTS = Path(reportlab.__file__).parent / "fonts"
PLAIN, BOLD = "Vera", "VeraBd"
SIZE, LEADING, INDENT, GAP = 7.5, 10.0, 8.0, 6.0  # points
MARGIN = 15 * mm
HEAD = 16 * mm  # between the margin and the facts
FOOT = 8 * mm

Cells = list[tuple[Column, list[str]]]


def write_pdf(table: Table, file: IO[bytes]) -> None:
    """Write ``table``, whose rows are all in memory at once, to ``file``."""
    for name in (PLAIN, BOLD):
        if name not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(TTFont(name, FONTS / f"{name}.ttf"))
    _Print(table, file).all()


class _Print:
    """One table on its way to paper: where the columns stand, and how far down the page we are."""

    def __init__(self, table: Table, file: IO[bytes]) -> None:
        self.table = table
        self.width, self.height = landscape(A4) if sum(column.width for column in table.columns) > 100 else A4
        self.canvas = Canvas(file, pagesize=(self.width, self.height), pageCompression=1)
        self.canvas.setTitle(table.title)
        self.canvas.setAuthor(table.facts[0][1] if table.facts else "")
        self.canvas.setCreator("Daybook")
        self.printed = moment(timezone.now(), "UTC")
        between = self.width - 2 * MARGIN - GAP * (len(table.columns) - 1)
        share = between / sum(column.width for column in table.columns)
        self.widths = [column.width * share for column in table.columns]
        self.top = self.height - MARGIN - HEAD - LEADING * len(table.facts)

    def all(self) -> None:
        laid = [(row, self._laid(row)) for row in self.table.rows]
        pages = self._pages(laid)
        for number, page in enumerate(pages, start=1):
            self._frame(number, len(pages))
            down = self.top - 2 * LEADING
            for row, cells in page:
                self._row(cells, down, bold=row.bold, level=row.level)
                down -= self._height(cells)
            if number == len(pages) and self.table.footnote:
                self._note(down - LEADING)
            self.canvas.showPage()
        self.canvas.save()

    def _pages(self, laid: list[tuple[Row, Cells]]) -> list[list[tuple[Row, Cells]]]:
        room = self.top - 2 * LEADING - MARGIN - FOOT - 3 * LEADING
        pages: list[list[tuple[Row, Cells]]] = [[]]
        left = room
        for row, cells in laid:
            if pages[-1] and self._height(cells) > left:
                pages.append([])
                left = room
            pages[-1].append((row, cells))
            left -= self._height(cells)
        return pages

    def _laid(self, row: Row) -> Cells:
        """Each cell as the lines of text that it takes."""
        cells = []
        for position, (column, value) in enumerate(zip(self.table.columns, row.cells, strict=True)):
            room = self.widths[position] - (0 if position else row.level * INDENT)
            shown = self._shown(column, value)
            lines = [shown] if column.kind != Kind.TEXT else simpleSplit(shown, BOLD, SIZE, room) or [""]
            cells.append((column, lines))
        return cells

    def _shown(self, column: Column, value: Any) -> str:
        if value is None:
            return ""
        if column.kind == Kind.AMOUNT:
            return figure(value, self.table.currency)
        return value.isoformat() if isinstance(value, date) else str(value)

    def _height(self, cells: Cells) -> float:
        return LEADING * max(len(lines) for _column, lines in cells)

    def _row(self, cells: Cells, down: float, *, bold: bool, level: int = 0) -> None:
        self.canvas.setFont(BOLD if bold else PLAIN, SIZE)
        left = MARGIN
        for position, ((column, lines), width) in enumerate(zip(cells, self.widths, strict=True)):
            for number, line in enumerate(lines):
                if column.kind in (Kind.AMOUNT, Kind.NUMBER):
                    self.canvas.drawRightString(left + width, down - number * LEADING, line)
                else:
                    indent = 0 if position else level * INDENT
                    self.canvas.drawString(left + indent, down - number * LEADING, line)
            left += width + GAP

    def _frame(self, number: int, pages: int) -> None:
        """What stands on every page."""
        canvas, right = self.canvas, self.width - MARGIN
        canvas.setFont(BOLD, 12)
        canvas.drawString(MARGIN, self.height - MARGIN - 10, self.table.title)
        canvas.setFont(PLAIN, SIZE)
        for line, (what, which) in enumerate(self.table.facts):
            canvas.drawString(MARGIN, self.height - MARGIN - 24 - line * LEADING, f"{what}: {which}")
        heads = [(column, [column.title]) for column in self.table.columns]
        self._row(heads, self.top, bold=True)
        canvas.setLineWidth(0.5)
        canvas.line(MARGIN, self.top - 4, right, self.top - 4)
        canvas.setFont(PLAIN, SIZE)
        canvas.drawString(MARGIN, MARGIN, _("Printed %(moment)s UTC") % {"moment": self.printed})
        of = _("Page %(page)s of %(pages)s") % {"page": number, "pages": pages}
        canvas.drawRightString(right, MARGIN, of)

    def _note(self, down: float) -> None:
        self.canvas.setFont(PLAIN, SIZE)
        for number, line in enumerate(simpleSplit(self.table.footnote, PLAIN, SIZE, self.width - 2 * MARGIN)):
            self.canvas.drawString(MARGIN, down - number * LEADING, line)
