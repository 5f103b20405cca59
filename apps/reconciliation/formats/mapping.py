"""Which column of a CSV is what: mappings that come with Daybook, those that people make, and which one fits a file.

A column is named by its heading or by its position from 1. ``"Date|Datum"`` is whichever heading is there, ``"Tag|"``
may be missing, and a list is several columns whose texts are joined. Headings are compared without regard to case and
blanks, and ``Betrag (EUR)`` or ``Amount CZK`` are found as ``Betrag`` and ``Amount``.
"""

import codecs
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.core.money import CURRENCIES

SHIPPED = Path(__file__).parent / "mappings"
LARGEST_POSITION = 200

# What a column may be; amounts are in the account's currency unless they are called foreign.
FIELDS: dict[str, Any] = {
    "date": gettext_lazy("Date"),
    "amount": gettext_lazy("Amount"),
    "debit": gettext_lazy("Debit: money out"),
    "credit": gettext_lazy("Credit: money in"),
    "indicator": gettext_lazy("Debit or credit"),
    "balance": gettext_lazy("Balance after the line"),
    "balance_before": gettext_lazy("Balance before the line"),
    "value_date": gettext_lazy("Value date"),
    "label": gettext_lazy("Description"),
    "reference": gettext_lazy("Structured reference"),
    "note": gettext_lazy("Note"),
    "counterparty_name": gettext_lazy("Counterparty"),
    "counterparty_iban": gettext_lazy("Their IBAN or number"),
    "end_to_end_id": gettext_lazy("End-to-end id"),
    "bank_id": gettext_lazy("Bank's id"),
    "transaction_type": gettext_lazy("Type"),
    "account": gettext_lazy("Our account"),
    "currency": gettext_lazy("Currency"),
    "foreign_currency": gettext_lazy("Foreign currency"),
    "foreign_amount": gettext_lazy("Foreign amount"),
    "exchange_rate": gettext_lazy("Exchange rate"),
}
NEEDED = {
    "AS_WRITTEN": ("amount",),
    "INVERSE": ("amount",),
    "INDICATOR": ("amount", "indicator"),
    "TWO_COLUMNS": ("debit", "credit"),
}  # by sign; "" is recognised by the columns that there are
_CODE = re.compile(r"^(.+?)[\s_]*\(?\b([a-z]{3})\b\)?$")

Column = str | int | list[str | int]


@dataclass(frozen=True)
class CsvReading:
    """How a bank's CSV is read: the fields of ``models.CsvMapping``. Empty date format, decimal mark and sign, which
    only shipped ones have, are recognised in the file."""

    name: str
    bank: str = ""
    encoding: str = ""
    delimiter: str = ""
    skip_rows: int = 0
    skip_footer: int = 0
    has_headings: bool = True
    date_format: str = ""
    decimal_mark: str = ""
    sign: str = ""
    debit_words: str = ""
    columns: Mapping[str, Column] = field(default_factory=dict)

    @classmethod
    def of(cls, row: Any) -> "CsvReading":
        """The same of a row of ``models.CsvMapping``, or of anything that has the fields."""
        return cls(**{one.name: getattr(row, one.name) for one in fields(cls)})

    def words_for_debit(self) -> set[str]:
        return {word.strip().casefold() for word in self.debit_words.split(",") if word.strip()}


def problems(mapping: CsvReading) -> Iterator[str]:
    """What is wrong with a mapping that somebody made; nothing when it can be used."""
    for name, column in mapping.columns.items():
        parts = column if isinstance(column, list) else [column]
        if name not in FIELDS:
            yield _("There is no field “%(name)s”; one of %(known)s.") % {"name": name, "known": ", ".join(FIELDS)}
        elif not parts or not all(_names(part, mapping.has_headings) for part in parts):
            words = _("“%(name)s” is a heading or a position from 1, or a list of these.")
            yield words % {"name": name} if mapping.has_headings else _("Without headings, columns have positions.")
    for name in ("date", *NEEDED.get(mapping.sign, ("amount",))):
        if not mapping.columns.get(name):
            yield _("A column for “%(name)s” is needed.") % {"name": FIELDS[name]}
    if mapping.sign == "INDICATOR" and not mapping.words_for_debit():
        yield _("Say which words mean debit.")
    if mapping.decimal_mark not in (",", "."):
        yield _("The decimal mark is a comma or a point.")
    if not _reads_days(mapping.date_format):
        yield _("“%(format)s” says no day, month and year, such as %%d-%%m-%%Y.") % {"format": mapping.date_format}
    try:
        codecs.lookup(mapping.encoding or "utf-8")
    except LookupError:
        yield _("There is no encoding “%(name)s”.") % {"name": mapping.encoding}


def _names(part: Any, has_headings: bool) -> bool:
    if isinstance(part, int) and not isinstance(part, bool):
        return 1 <= part <= LARGEST_POSITION
    return has_headings and isinstance(part, str) and bool(part.strip("| ")) and len(part) <= 1000


def _reads_days(format_: str) -> bool:
    day = datetime(2026, 11, 21)  # noqa: DTZ001 - any day will do
    try:
        return datetime.strptime(day.strftime(format_), format_).date() == day.date()  # noqa: DTZ007
    except ValueError:
        return False


@cache
def shipped() -> tuple[CsvReading, ...]:
    """The mappings that come with Daybook, the general one last."""
    found = []
    for path in sorted(SHIPPED.glob("*.toml"), key=lambda path: (path.stem == "general", path.stem)):
        with path.open("rb") as file:
            found.append(CsvReading(**{"name": path.stem, **tomllib.load(file)}))
    return tuple(found)


# Columns of a file ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Columns:
    """Where the fields of a mapping stand in a file, counted from 0; the currency that the amount's heading names."""

    places: Mapping[str, tuple[int, ...]]
    currency: str = ""


class ColumnMissing(Exception):
    """The file has no column for ``field``, which the mapping calls ``column``."""

    def __init__(self, field_: str, column: Any) -> None:
        super().__init__(field_)
        self.field, self.column = field_, column


def columns_of(mapping: CsvReading, headings: Sequence[str] | None) -> Columns:
    """Where the fields stand below ``headings``; None for a file without. Raises ColumnMissing."""
    known = _Headings(headings or ())
    places: dict[str, tuple[int, ...]] = {}
    for name, column in mapping.columns.items():
        parts = column if isinstance(column, list) else [column]
        found = tuple(place for part in parts if (place := known.place(part)) is not None)
        if found:
            places[name] = found
        elif not all(isinstance(part, str) and part.endswith("|") for part in parts):
            raise ColumnMissing(name, column)
    needed = NEEDED[mapping.sign] if mapping.sign else ("amount",)
    if not mapping.sign and "amount" not in places:
        needed = NEEDED["TWO_COLUMNS"]
    for name in ("date", *needed):
        if name not in places:
            raise ColumnMissing(name, "")
    amount = next((places[name][0] for name in ("amount", "credit") if name in places), None)
    return Columns(places, known.currency(amount) if headings else "")


class _Headings:
    """The headings of a file, in small letters: as they are, and without the currency behind them."""

    def __init__(self, headings: Sequence[str]) -> None:
        self.exact: dict[str, int] = {}
        self.shorter: dict[str, int] = {}
        self.codes: dict[int, str] = {}
        for place, heading in enumerate(headings):
            plain = _plain(heading)
            self.exact.setdefault(plain, place)
            found = _CODE.match(plain)
            if found and found[2].upper() in CURRENCIES:
                self.shorter.setdefault(found[1].strip(), place)
                self.codes[place] = found[2].upper()

    def place(self, part: str | int) -> int | None:
        if isinstance(part, int):
            return part - 1
        wanted = [_plain(name) for name in part.split("|") if name.strip()]
        found = [known[name] for known in (self.exact, self.shorter) for name in wanted if name in known]
        return found[0] if found else None

    def currency(self, place: int | None) -> str:
        return "" if place is None else self.codes.get(place, "")


def _plain(heading: str) -> str:
    return " ".join(heading.strip("\ufeff \"'").casefold().split())
