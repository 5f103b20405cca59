"""CSV: a chart of accounts, a trial balance or journal entries, told apart by the names of the columns.

Separated by semicolon, comma or tab; amounts with a decimal comma or point; UTF-8, UTF-16 with a mark, or Windows-1252.
How numbers are written is found out from the whole file, so that 1.234 is never guessed.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import BinaryIO, NamedTuple

from django.utils.translation import gettext as _

from apps.core.money import ZERO
from apps.ledger.importing.books import (
    MOST_PROBLEMS,
    Head,
    Problem,
    ReadAccount,
    ReadEntry,
    ReadJournal,
    ReadLine,
    Unreadable,
)
from apps.ledger.models import Account

# What a column may be called, in English, Dutch and Norwegian; compared in small letters, without what joins words.
COLUMNS = {
    "code": "code accountcode rekening rekeningnummer grootboekrekening konto kontonummer accountnumber",
    "account": "account",
    "name": "name accountname naam rekeningnaam navn kontonavn",
    "type": "type accounttype soort kontotype",
    "place": "place",
    "control": "control",
    "standard_code": "standardcode rgs rgscode standardaccount standardkonto",
    "entry": "entry entrynumber boeking boekstuknummer bilag bilagsnummer voucher transaction",
    "number": "number nummer",
    "journal": "journal journalcode dagboek dagboekcode",
    "date": "date datum dato",
    "description": "description memo omschrijving beskrivelse tekst text",
    "debit": "debit debet",
    "credit": "credit kredit",
    "amount": "amount bedrag beløp belop",
    "balance": "balance saldo",
    "party": "party relatie part",
    "vat_code": "vatcode btwcode mvakode",
    "reference": "reference referentie referanse",
}
_CALLED = {name: column for column, names in COLUMNS.items() for name in names.split()}
AMOUNTS = ("debit", "credit", "amount", "balance")
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_DATES = (
    (re.compile(r"(\d{4})[-/.]?(\d\d)[-/.]?(\d\d)"), (1, 2, 3)),
    (re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})"), (3, 2, 1)),
)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


class Row(NamedTuple):
    line: int
    cells: dict[str, str]


def recognises(head: bytes) -> bool:
    """Whether a file that begins like this may be a table."""
    return not head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith((b"<", b"PK", b"%PDF"))


def read(file: BinaryIO) -> "Csv":
    """The file with everything but its entries. Raises Unreadable."""
    return Csv(file)


class Csv:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.problems: list[Problem] = []
        self.head = Head()
        self._encoding = _encoding(file)
        self._dialect = ";"
        columns = self._columns()
        self._decimal = self._decimal_mark()
        if {"debit", "credit"} <= columns or columns & {"amount", "balance"}:
            if columns & {"entry", "number"}:
                self.format = _("Entries as CSV")
                self._read_journals()
            else:
                self.format = _("Trial balance as CSV")
                self.head.opening = self._trial_balance()
        elif {"code", "name"} <= columns:
            self.format = _("Chart of accounts as CSV")
            self.head.accounts = list(self._accounts())
        else:
            raise Unreadable(
                1,
                _(
                    "A chart has the columns code, name and type; a trial balance code, debit and credit; entries "
                    "entry, date, account, debit and credit."
                ),
            )

    def findings(self) -> Iterator[Problem]:
        """A trial balance balances."""
        opening = self.head.opening
        if opening:
            difference = sum((line.debit - line.credit for line in opening.lines), ZERO)
            if difference:
                reason = _("Debits and credits of the trial balance differ by %(amount)s.")
                yield Problem(opening.line, reason % {"amount": difference})

    def entries(self) -> Iterator[ReadEntry]:
        if not self.head.journals:
            return
        seen: set[tuple[str, str]] = set()
        group: list[Row] = []
        for row in self._rows():
            if group and _entry_of(row) != _entry_of(group[0]):
                yield self._entry(group, seen)
                group = []
            group.append(row)
        if group:
            yield self._entry(group, seen)

    # Rows -------------------------------------------------------------------------------------------------------------

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        self._file.seek(0)
        text = io.TextIOWrapper(_Kept(self._file), encoding=self._encoding, newline="")  # type: ignore[type-var]
        rows = csv.reader(text, delimiter=self._dialect, strict=True)
        line = 1
        try:
            for cells in rows:
                if any(cell.strip() for cell in cells):
                    yield line, [cell.strip() for cell in cells]
                line = rows.line_num + 1
        except csv.Error as error:
            raise Unreadable(rows.line_num, _("This is no CSV: %(error)s") % {"error": error}) from error
        except UnicodeDecodeError as error:
            raise Unreadable(line, _("This is no text in UTF-8 or Windows-1252.")) from error

    def _columns(self) -> set[str]:
        """Find the separator and the columns. Raises Unreadable for an empty file."""
        self._file.seek(0)
        first = self._file.readline(65536).decode(self._encoding.replace("utf-16", "utf-16-le"), "replace")
        self._dialect = max(";\t,", key=first.count)
        for _line, cells in self._lines():
            self._header = [_CALLED.get(re.sub(r"[\s_.\-/\ufeff]", "", cell.casefold()), "") for cell in cells]
            columns = {column for column in self._header if column}
            if "account" in columns and "code" not in columns:
                self._header = ["code" if column == "account" else column for column in self._header]
                columns = columns - {"account"} | {"code"}
            return columns
        raise Unreadable(1, _("The file is empty."))

    def _rows(self) -> Iterator[Row]:
        lines = self._lines()
        next(lines, None)
        for line, cells in lines:
            if len(cells) > len(self._header) and any(cells[len(self._header) :]):
                reason = _("%(found)s values for %(expected)s columns.")
                self._refuse(line, reason % {"found": len(cells), "expected": len(self._header)})
                continue
            yield Row(line, {column: cell for column, cell in zip(self._header, cells, strict=False) if column})

    def _decimal_mark(self) -> str:
        """The mark before the cents: whatever stands last in a number that has both, or is not followed by three
        digits; where no number tells, the comma in a file with semicolons."""
        for row in self._rows():
            for column in AMOUNTS:
                marks = re.findall(r"[.,]", text := row.cells.get(column, ""))
                if len(set(marks)) == 2:
                    return marks[-1]
                if len(marks) == 1 and len(text.rstrip("-) ").rpartition(marks[0])[2]) != 3:
                    return marks[0]
        return "," if self._dialect == ";" else "."

    def _refuse(self, line: int, reason: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(line, reason))

    def _amount(self, row: Row, column: str) -> Decimal:
        text = row.cells.get(column, "")
        if not text or text == "-":
            return ZERO
        plain = re.sub(r"[\s\u00a0\u202f']", "", text)
        negative = plain.startswith("-") or plain.endswith("-") or (plain.startswith("(") and plain.endswith(")"))
        plain = plain.strip("-()").replace("." if self._decimal == "," else ",", "").replace(self._decimal, ".")
        if not _NUMBER.fullmatch(plain):
            self._refuse(row.line, _("“%(text)s” is no amount.") % {"text": text})
            return ZERO
        return -Decimal(plain) if negative else Decimal(plain)

    def _sides(self, row: Row) -> tuple[Decimal, Decimal]:
        """Debit and credit, neither negative: a negative debit is a credit."""
        if "debit" in self._header:
            amount = self._amount(row, "debit") - self._amount(row, "credit")
        else:
            amount = self._amount(row, "amount" if "amount" in self._header else "balance")
        return max(amount, ZERO), max(-amount, ZERO)

    def _day(self, row: Row) -> date | None:
        text = row.cells.get("date", "")
        for pattern, (year, month, day) in _DATES:
            found = pattern.fullmatch(text[:10])
            if found:
                try:
                    return date(int(found[year]), int(found[month]), int(found[day]))
                except ValueError:
                    break
        if text:
            self._refuse(row.line, _("“%(text)s” is no date.") % {"text": text})
        return None

    # What the rows are ------------------------------------------------------------------------------------------------

    def _accounts(self) -> Iterator[ReadAccount]:
        for row in self._rows():
            said = row.cells
            type_ = said.get("type", "").upper()
            place = said.get("place", "").upper()
            control = said.get("control", "").upper()
            for text, known in ((type_, Account.Type), (place, Account.Place), (control, Account.Control)):
                if text and text not in known.values:
                    choices = ", ".join(known.values)
                    self._refuse(row.line, _("“%(text)s” is none of %(choices)s.") % {"text": text, "choices": choices})
            if type_ and type_ in Account.Type.values:
                place = place or Account.PLACES[type_][0]
            yield ReadAccount(
                line=row.line,
                code=said.get("code", ""),
                name=said.get("name", "") or said.get("code", ""),
                type=type_,
                place=place,
                control=control,
                standard_code=said.get("standard_code", ""),
            )

    def _trial_balance(self) -> ReadEntry | None:
        lines, day, first = [], None, 0
        for row in self._rows():
            first = first or row.line
            day = day or self._day(row)
            if row.cells.get("name"):
                self.head.accounts.append(ReadAccount(row.line, row.cells.get("code", ""), row.cells["name"]))
            debit, credit = self._sides(row)
            if debit or credit:
                lines.append(ReadLine(row.line, row.cells.get("code", ""), debit, credit))
        return ReadEntry(first, "OPN", "", day, "", tuple(lines)) if lines else None

    def _read_journals(self) -> None:
        codes: dict[str, int] = {}
        for row in self._rows():
            codes.setdefault(row.cells.get("journal", "") or "GEN", row.line)
        self.head.journals = [ReadJournal(line, code, code) for code, line in codes.items()]

    def _entry(self, rows: list[Row], seen: set[tuple[str, str]]) -> ReadEntry:
        first = rows[0]
        journal, number = _entry_of(first)
        if not number:
            self._refuse(first.line, _("The entry has no number."))
        elif (journal, number) in seen:
            reason = _("Entry %(number)s continues here; the rows of an entry stand together.")
            self._refuse(first.line, reason % {"number": number})
        seen.add((journal, number))
        day = self._day(first)
        for row in rows[1:]:
            if row.cells.get("date") and self._day(row) != day:
                self._refuse(row.line, _("The rows of an entry have one date."))
        return ReadEntry(
            line=first.line,
            journal=journal or "GEN",
            number=first.cells.get("reference") or number,
            date=day,
            memo=first.cells.get("description", ""),
            lines=tuple(self._line(row) for row in rows),
        )

    def _line(self, row: Row) -> ReadLine:
        debit, credit = self._sides(row)
        said = row.cells
        return ReadLine(
            line=row.line,
            account=said.get("code", ""),
            debit=debit,
            credit=credit,
            party=said.get("party", ""),
            vat_code=said.get("vat_code", ""),
            memo=said.get("description", ""),
        )


class _Kept(io.BufferedIOBase):
    """A file that outlives whoever reads it as text."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        return self._file.read(-1 if size is None else size)

    read1 = read


def _entry_of(row: Row) -> tuple[str, str]:
    return row.cells.get("journal", ""), row.cells.get("entry") or row.cells.get("number", "")


def _encoding(file: BinaryIO) -> str:
    file.seek(0)
    start = file.read(4)
    for mark, name in _BOMS:
        if start.startswith(mark):
            return name
    decode = codecs.getincrementaldecoder("utf-8")()
    file.seek(0)
    try:
        while piece := file.read(65536):
            decode.decode(piece)
        decode.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"
