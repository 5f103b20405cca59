"""CSV of banks, read by a mapping: an account's lines in the order in which they happened."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import BinaryIO, NoReturn

from django.utils.translation import gettext as _

from apps.core.money import CURRENCIES, ZERO
from apps.reconciliation.errors import StatementFileInvalid
from apps.reconciliation.formats import Parsed, ParsedLine, StatementBegins, StatementEnds
from apps.reconciliation.formats.dates import Dates, Recognised
from apps.reconciliation.formats.mapping import FIELDS, ColumnMissing, Columns, CsvReading, columns_of
from apps.reconciliation.formats.numbers import decimal_mark_of, read_amount
from apps.reconciliation.formats.tables import (
    DELIMITERS,
    Row,
    backwards,
    beginning,
    delimiter_of,
    encoding_of,
    rows,
)
from apps.reconciliation.formats.values import account_number, line_of, refuse, said, shown

_HEAD = 30  # rows among which the headings stand
_TRIED = 5  # rows by which a mapping without headings is recognised
_TEXTS = ("label", "reference", "note", "end_to_end_id", "bank_id", "transaction_type", "counterparty_name")
_SIDES = ("debit", "credit")
_AMOUNTS = ("amount", "debit", "credit", "balance", "balance_before")


def parse(file: BinaryIO, mapping: CsvReading) -> Parsed:
    """The statements of ``file``, one for each account that its rows name in turn.

    The file is read twice: whether it is newest first, and what the mapping leaves to be recognised, the whole of it
    tells. Raises StatementFileInvalid.
    """
    sheet = open_sheet(file, mapping)
    survey = _survey(sheet)
    read = _Lines(sheet, survey)
    forth = sheet.rows()
    begun: StatementBegins | None = None
    for row in backwards(forth) if survey.newest_first else forth:
        begins = read.account(row)
        if begun is None or begins.iban != begun.iban:
            if begun is not None:
                yield StatementEnds()
            begun = begins
            yield begun
        yield read.line(row, begun.currency)
    if begun is not None:
        yield StatementEnds()


def recognise(file: BinaryIO, among: Sequence[CsvReading]) -> CsvReading | None:
    """The mapping of ``among`` that fits ``file`` with the most columns; the first of those that fit equally."""
    encoding = encoding_of(file)
    starts = {delimiter: beginning(file, encoding, delimiter, _HEAD) for delimiter in DELIMITERS}
    best: tuple[int, CsvReading | None] = (0, None)
    for mapping in among:
        fitting = max(
            (_fitting(file, mapping, starts[one]) for one in DELIMITERS if mapping.delimiter in ("", one)), default=0
        )
        if fitting > best[0]:
            best = fitting, mapping
    return best[1]


def _fitting(file: BinaryIO, mapping: CsvReading, start: Sequence[Row]) -> int:
    """By how many columns ``mapping`` fits; 0 when it does not."""
    if mapping.has_headings:
        found = _headings(mapping, start)
        return len(found[1].places) if found else 0
    width = max(place for places in columns_of(mapping, None).places.values() for place in places) + 1
    tried = start[mapping.skip_rows : mapping.skip_rows + _TRIED]
    if not tried or any(len(row.cells) != width for row in tried):
        return 0
    try:
        for part in islice(parse(file, mapping), _TRIED):
            del part
    except StatementFileInvalid:
        return 0
    return width


# The sheet -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sheet:
    """A file with what is known of it before its rows are read; ``headings`` as they stand there."""

    file: BinaryIO
    mapping: CsvReading
    encoding: str
    delimiter: str
    columns: Columns
    headings: tuple[str, ...] = ()
    first_line: int = 0  # of the rows below the headings

    def rows(self) -> Iterator[Row]:
        """The rows that are lines: below the headings, above the footer."""
        waiting: deque[Row] = deque()
        left = 0 if self.mapping.has_headings else self.mapping.skip_rows
        for row in rows(self.file, self.encoding, self.delimiter):
            if row.line < self.first_line:
                continue
            if left:
                left -= 1
                continue
            waiting.append(row)
            if len(waiting) > self.mapping.skip_footer:
                yield waiting.popleft()

    def text(self, row: Row, field: str) -> str:
        """What stands in the column, or in the columns, of ``field``; empty where there is none."""
        places = self.columns.places.get(field, ())
        texts = (row.cells[place] for place in places if place < len(row.cells))
        return " ".join(" ".join(texts).split())


def open_sheet(file: BinaryIO, mapping: CsvReading) -> Sheet:
    """Find encoding, separator and columns. Raises StatementFileInvalid where the columns are not there."""
    encoding = mapping.encoding or encoding_of(file)
    delimiters = (mapping.delimiter,) if mapping.delimiter else DELIMITERS
    if not mapping.has_headings:
        delimiter = mapping.delimiter or delimiter_of(file, encoding)
        return Sheet(file, mapping, encoding, delimiter, columns_of(mapping, None))
    for delimiter in delimiters:
        found = _headings(mapping, beginning(file, encoding, delimiter, mapping.skip_rows + _HEAD))
        if found:
            row, columns = found
            return Sheet(file, mapping, encoding, delimiter, columns, tuple(row.cells), row.line + 1)
    _refuse_headings(file, mapping, encoding)


def _headings(mapping: CsvReading, start: Sequence[Row]) -> tuple[Row, Columns] | None:
    for row in start[mapping.skip_rows :]:
        with suppress(ColumnMissing):
            return row, columns_of(mapping, row.cells)
    return None


def _refuse_headings(file: BinaryIO, mapping: CsvReading, encoding: str) -> NoReturn:
    start = next(rows(file, encoding, mapping.delimiter or delimiter_of(file, encoding)), Row(1, []))
    try:
        columns_of(mapping, start.cells)
    except ColumnMissing as missing:
        words = _("there is no column “%(column)s” for “%(field)s”.")
        name = str(missing.column or FIELDS[missing.field]).strip("|").replace("|", ", ")
        refuse(start.line, words % {"column": name, "field": FIELDS[missing.field]})
    refuse(start.line, _("there are no headings that this mapping names."))


# What the whole of it tells ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Survey:
    date_format: str
    decimal_mark: str
    sign: str
    newest_first: bool


def _survey(sheet: Sheet) -> _Survey:
    """Read all rows once. Raises StatementFileInvalid where there are none, or where dates or signs stay unclear."""
    mapping = sheet.mapping
    recognised = None if mapping.date_format else Recognised()
    mark = mapping.decimal_mark or decimal_mark_of(sheet.text(row, field) for row in sheet.rows() for field in _AMOUNTS)
    first: str | None = None
    last = ""
    chain = _Chain(sheet, mark)
    for row in sheet.rows():
        last = sheet.text(row, "date")
        first = last if first is None else first
        if recognised:
            try:
                recognised.see(last)
            except ValueError:
                _refuse(row, _("“%(text)s” is no date."), last)
        chain.see(row)
    if first is None:
        refuse(sheet.first_line or 1, _("there is no movement in it."))
    dates = Dates(mapping.date_format or _one_format(sheet, recognised.formats if recognised else ()))
    try:
        began, ended = dates.read(first), dates.read(last)
    except ValueError:
        newest_first = False  # the row is refused when it is read
    else:
        newest_first = began > ended or (began == ended and chain.runs_backwards)
    return _Survey(dates.format, mark, mapping.sign or _sign(sheet), newest_first)


def _one_format(sheet: Sheet, formats: Sequence[str]) -> str:
    if len(formats) == 1:
        return formats[0]
    row = next(sheet.rows())
    words = _("its dates, such as “%(text)s”, can be read in two ways. Choose a mapping that says how.")
    _refuse(row, words, sheet.text(row, "date"))


def _sign(sheet: Sheet) -> str:
    if "amount" not in sheet.columns.places:
        return "TWO_COLUMNS"
    return "INDICATOR" if "indicator" in sheet.columns.places else "AS_WRITTEN"


class _Chain:
    """Whether balances run from row to row upwards rather than down: of a day whose rows are newest first."""

    def __init__(self, sheet: Sheet, mark: str) -> None:
        self._sheet, self._mark = sheet, mark
        self._before: tuple[Decimal, Decimal] | None = None
        self._down = self._up = 0

    @property
    def runs_backwards(self) -> bool:
        return self._up > self._down

    def see(self, row: Row) -> None:
        balance, amount = self._sheet.text(row, "balance"), self._sheet.text(row, "amount")
        if not (balance and amount):
            return
        try:
            here = read_amount(balance, self._mark), abs(read_amount(amount, self._mark))
        except ValueError:
            return
        if self._before:
            moved = abs(here[0] - self._before[0])
            self._down += moved == here[1]
            self._up += moved == self._before[1]
        self._before = here


def _refuse(row: Row, words: str, text: str) -> NoReturn:
    refuse(row.line, words % {"text": shown(text)})


# Lines ---------------------------------------------------------------------------------------------------------------


class _Lines:
    """Reads the rows of a sheet."""

    def __init__(self, sheet: Sheet, survey: _Survey) -> None:
        self._sheet, self._mark = sheet, survey.decimal_mark
        self._dates = Dates(survey.date_format)
        self._debits, self._credit = sheet.mapping.words_for_debit(), ""
        self._width = len(sheet.headings)
        self._signed: Callable[[Row], Decimal] = {
            "AS_WRITTEN": lambda row: self._number(row, "amount"),
            "INVERSE": lambda row: -self._number(row, "amount"),
            "INDICATOR": self._by_indicator,
            "TWO_COLUMNS": self._of_two_columns,
        }[survey.sign]
        self._inverse = survey.sign == "INVERSE"

    def account(self, row: Row) -> StatementBegins:
        currency = self._currency(row, "currency") or self._sheet.columns.currency
        return StatementBegins(iban=account_number(self._sheet.text(row, "account")), currency=currency)

    def line(self, row: Row, currency: str) -> ParsedLine:
        """Raises StatementFileInvalid, which names the row, for whatever is not plainly what its column says."""
        if self._width and any(row.cells[self._width :]):
            words = _("%(found)s values for %(expected)s columns.")
            refuse(row.line, words % {"found": len(row.cells), "expected": self._width})
        day, amount = self._day(row, self._sheet.text(row, "date")), self._signed(row)
        texts = {name: self._sheet.text(row, name) for name in _TEXTS if name in self._sheet.columns.places}
        texts |= {name: said(texts[name]) for name in ("bank_id", "end_to_end_id") if name in texts}
        valued = self._sheet.text(row, "value_date")
        return line_of(
            date=day,
            amount=amount,
            row=row.line,
            value_date=self._day(row, valued) if valued else None,
            counterparty_iban=account_number(self._sheet.text(row, "counterparty_iban")),
            balance_after=self._balance(row, amount),
            **texts,
            **self._foreign(row, amount, currency),
        )

    def _day(self, row: Row, text: str) -> date:
        try:
            return self._dates.read(text)
        except ValueError:
            _refuse(row, _("“%(text)s” is no date."), text)

    def _number(self, row: Row, field: str) -> Decimal:
        text = self._sheet.text(row, field)
        try:
            return read_amount(text, self._mark)
        except ValueError:
            _refuse(row, _("“%(text)s” is no amount."), text)

    def _by_indicator(self, row: Row) -> Decimal:
        amount, word = self._number(row, "amount"), self._sheet.text(row, "indicator").casefold()
        if word and word in self._debits:
            return -abs(amount)
        if not word or (self._credit and word != self._credit) or amount < 0:
            _refuse(row, _("“%(text)s” is neither debit nor credit."), self._sheet.text(row, "indicator"))
        self._credit = word
        return amount

    def _of_two_columns(self, row: Row) -> Decimal:
        """Debits may be written with a minus of their own; a credit is never negative."""
        texts = [self._sheet.text(row, name) for name in _SIDES]
        debit, credit = (self._number(row, name) if text else ZERO for name, text in zip(_SIDES, texts, strict=True))
        if not any(texts) or (debit and credit) or credit < 0:
            _refuse(row, _("a line has a debit or a credit, not “%(text)s”."), " / ".join(texts))
        return credit - abs(debit)

    def _balance(self, row: Row, amount: Decimal) -> Decimal | None:
        if self._sheet.text(row, "balance"):
            return self._number(row, "balance")
        return self._number(row, "balance_before") + amount if self._sheet.text(row, "balance_before") else None

    def _currency(self, row: Row, field: str) -> str:
        code = self._sheet.text(row, field).upper()
        if code and code not in CURRENCIES:
            _refuse(row, _("“%(text)s” is no currency."), code)
        return code

    def _foreign(self, row: Row, amount: Decimal, currency: str) -> dict[str, object]:
        """What was paid in another currency: its amount has the line's sign. A row in another currency than its
        statement is foreign without an amount, which the import refuses."""
        code = self._currency(row, "foreign_currency")
        own = self._currency(row, "currency")
        if not code or code == (currency or own):
            return {"foreign_currency": own} if currency and own and own != currency else {}
        foreign: dict[str, object] = {"foreign_currency": code}
        if self._sheet.text(row, "foreign_amount"):
            foreign["foreign_amount"] = abs(self._number(row, "foreign_amount")).copy_sign(amount)
        if self._sheet.text(row, "exchange_rate"):
            foreign["exchange_rate"] = self._number(row, "exchange_rate") or None
        return foreign
