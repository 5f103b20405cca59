"""CSV as rows with their line numbers, in the encodings and with the separators that banks write."""

import codecs
import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from tempfile import TemporaryFile
from typing import BinaryIO, Literal, NamedTuple

from django.utils.translation import gettext as _

from apps.reconciliation.errors import StatementFileInvalid
from apps.reconciliation.formats.values import refuse

DELIMITERS = (";", ",", "\t", "|")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_PIECE = 64 * 1024  # bytes
_BLOCK = 1000  # rows


class Row(NamedTuple):
    """``line`` counts from 1; a row with quoted line ends has that of its beginning."""

    line: int
    cells: list[str]


def encoding_of(file: BinaryIO) -> str:
    """By its mark, otherwise UTF-16 or UTF-8 if all of it is, otherwise Windows-1252."""
    file.seek(0)
    start = file.read(_PIECE)
    for mark, name in _BOMS:
        if start.startswith(mark):
            return name
    if len(start) > 1 and start[1::2].count(0) > len(start) // 4:
        return "utf-16-le"
    if len(start) > 1 and start[0::2].count(0) > len(start) // 4:
        return "utf-16-be"
    return next((name for name in ("utf-8", "cp1252") if _decodes(file, name)), "latin-1")


def _decodes(file: BinaryIO, encoding: str) -> bool:
    decode = codecs.getincrementaldecoder(encoding)()
    file.seek(0)
    try:
        while piece := file.read(_PIECE):
            decode.decode(piece)
        decode.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def rows(file: BinaryIO, encoding: str, delimiter: str) -> Iterator[Row]:
    """The rows that are not blank, their cells without blanks around them. Raises StatementFileInvalid."""
    file.seek(0)
    text = io.TextIOWrapper(_Kept(file), encoding=encoding, newline="")  # type: ignore[type-var]
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL
    if delimiter == "\t" and not _quotes(file, encoding):
        quoting = csv.QUOTE_NONE  # the apostrophes and quotes of such a file are text
    reader = csv.reader(text, delimiter=delimiter, quoting=quoting, strict=True)
    line = 1
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                yield Row(line, stripped)
            line = reader.line_num + 1
    except csv.Error as error:
        refuse(line, _("this is no CSV (%(error)s).") % {"error": error})
    except UnicodeError:
        refuse(line, _("this is no text in %(name)s.") % {"name": encoding})


def _quotes(file: BinaryIO, encoding: str) -> bool:
    start = file.read(_PIECE).decode(encoding, "replace")
    file.seek(0)
    return start.lstrip("\ufeff \r\n").startswith('"')


def delimiter_of(file: BinaryIO, encoding: str) -> str:
    """The separator by which most rows of the beginning have equally many cells; a semicolon when none does."""
    return max(DELIMITERS, key=lambda delimiter: _regularity(beginning(file, encoding, delimiter)))


def _regularity(start: Sequence[Row]) -> tuple[int, int]:
    counts = [len(row.cells) for row in start if len(row.cells) > 1]
    if not counts:
        return 0, 0
    usual = max(set(counts), key=counts.count)
    return counts.count(usual), usual


def beginning(file: BinaryIO, encoding: str, delimiter: str, most: int = 30) -> list[Row]:
    """The first rows, as far as these can be read so."""
    found: list[Row] = []
    with suppress(StatementFileInvalid):
        found.extend(islice(rows(file, encoding, delimiter), most))
    return found


def backwards(forth: Iterator[Row]) -> Iterator[Row]:
    """The last row first, however many there are: they wait in a file."""
    with TemporaryFile() as kept:
        places = []
        while block := list(islice(forth, _BLOCK)):
            places.append(kept.tell())
            kept.write(json.dumps(block).encode() + b"\n")
        for place in reversed(places):
            kept.seek(place)
            yield from (Row(*row) for row in reversed(json.loads(kept.readline())))


class _Kept(io.BufferedIOBase):
    """A file that outlives whoever reads it as text."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        return self._file.read(-1 if size is None else size)

    def read1(self, size: int = -1) -> bytes:
        return self.read(size)
