"""CSV files as rows with names and line numbers."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

from django.utils.translation import gettext as _

from apps.billing.importing.errors import MappingError, hint


@dataclass(frozen=True)
class Format:
    """How numbers, moments and nothing are written in a file."""

    decimal: str = "."
    thousands: str = ""
    dates: tuple[str, ...] = ("iso",)
    time_zone: str = ""
    empty: tuple[str, ...] = ()


class Place(NamedTuple):
    """Where a row stands; ``line`` counts from 1, the header included."""

    file: str
    line: int


class Row(NamedTuple):
    place: Place
    values: dict[str, str]
    broken: str = ""  # why this row cannot be read, when it cannot


@dataclass(frozen=True)
class CsvFile:
    """What the mapping says about one kind of file; several files may match and are read one after the other."""

    name: str
    match: tuple[str, ...]
    encoding: str = "utf-8-sig"
    delimiter: str = ","
    quote: str = '"'
    skip: int = 0
    header: tuple[str, ...] = ()
    optional: bool = False
    format: Format = Format()
    where: list[Callable[[Row], bool]] = field(default_factory=list, compare=False)
    uses: dict[str, str] = field(default_factory=dict, compare=False)  # column -> the place in the mapping

    def with_format(self, **changes: object) -> "CsvFile":
        """This file, read with other formats. It shares ``uses``, so that its columns are still checked."""
        return replace(self, format=replace(self.format, **changes))  # type: ignore[arg-type]

    def paths(self, folder: Path) -> list[Path]:
        """The files in ``folder`` that match, without regard to case. Raises MappingError when there is none."""
        names = sorted(path.name for path in folder.iterdir() if path.is_file())
        found = [n for n in names if any(fnmatch(n.casefold(), glob.casefold()) for glob in self.match)]
        if not found and not self.optional:
            raise MappingError(
                _("files.{name}: no file in {folder} matches '{match}'.").format(
                    name=self.name, folder=folder, match="', '".join(self.match)
                )
                + hint(self.match[0], names)
            )
        return [folder / name for name in found]

    def check(self, folder: Path) -> None:
        """Raises MappingError unless every column that the mapping names is in every matching file."""
        for path in self.paths(folder):
            with path.open(encoding=self.encoding, newline="") as file:
                header = self._header(path, _Lines(path, self, file))
            for column, place in self.uses.items():
                if column in header:
                    continue
                wrong = [d for d in ";,\t|" if len(header) == 1 and d != self.delimiter and d in header[0]]
                raise MappingError(
                    _("{place}: {file} has no column '{column}'.").format(place=place, file=path.name, column=column)
                    + (
                        " " + _("Set delimiter = {char}.").format(char=repr(wrong[0]))
                        if wrong
                        else hint(column, header)
                    )
                )

    def rows(self, folder: Path) -> Iterator[Row]:
        """Every row of every matching file that the file's own filter lets through; blank lines are no rows."""
        for path in self.paths(folder):
            with path.open(encoding=self.encoding, newline="") as file:
                lines = _Lines(path, self, file)
                header = self._header(path, lines)
                for line, cells in self._cells(path, lines):
                    row = self._row(path, line, header, cells)
                    if row.broken or all(test(row) for test in self.where):
                        yield row

    def _row(self, path: Path, line: int, header: list[str], cells: list[str]) -> Row:
        while len(cells) > len(header) and not cells[-1].strip():
            cells.pop()
        broken = ""
        if len(cells) > len(header):
            broken = _("{found} values for {expected} columns").format(found=len(cells), expected=len(header))
        texts = ["" if text in self.format.empty else text for text in map(_clean, cells)]
        texts += [""] * (len(header) - len(cells))
        return Row(Place(path.name, line), dict(zip(header, texts, strict=False)), broken)

    def _header(self, path: Path, lines: "_Lines") -> list[str]:
        for _number in range(self.skip):
            next(lines, None)
        if self.header:
            return list(self.header)
        for _line, cells in self._cells(path, lines):
            seen: dict[str, int] = {}
            return [_numbered(cell.strip(), seen) for cell in cells]
        raise MappingError(_("{file} is empty.").format(file=path.name))

    def _cells(self, path: Path, lines: "_Lines") -> Iterator[tuple[int, list[str]]]:
        if self.quote:
            reader = csv.reader(lines, delimiter=self.delimiter, quotechar=self.quote)
        else:
            reader = csv.reader(lines, delimiter=self.delimiter, quoting=csv.QUOTE_NONE)
        while True:
            line = lines.count + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise MappingError(
                    _("{file}, line {line}: {error}.").format(file=path.name, line=line, error=error)
                ) from None
            if any(cell.strip() for cell in cells):
                yield line, cells


class _Lines:
    """The lines of a file and how many were read; bytes that are not of its encoding are told by file and line."""

    def __init__(self, path: Path, spec: CsvFile, file: Iterator[str]) -> None:
        self.path, self.spec, self.file, self.count = path, spec, file, 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            text = next(self.file)
        except UnicodeError as error:
            raise MappingError(
                _(
                    "{file} is not {encoding} (after line {line}: {error}). Set encoding in files.{name}; "
                    "older programs write cp1252 or latin-1."
                ).format(
                    file=self.path.name, encoding=self.spec.encoding, line=self.count, error=error, name=self.spec.name
                )
            ) from None
        self.count += 1
        return text


def _clean(cell: str) -> str:
    return cell.strip().replace("\0", "")  # the database has no such character


def _numbered(column: str, seen: dict[str, int]) -> str:
    """A column's name; the second of the same name is told apart as ``NAME (2)``."""
    seen[column] = seen.get(column, 0) + 1
    return column if seen[column] == 1 else f"{column} ({seen[column]})"
