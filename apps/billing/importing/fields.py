"""What a mapping says about a field, as a function of a row: text, number, moment or flag."""

import operator
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.utils.translation import gettext as _

from apps.billing.importing.errors import MappingError, Refused, hint
from apps.billing.importing.files import CsvFile, Format, Row
from apps.core.money import CURRENCIES

Moment = date | datetime
Read = Callable[[Row], Any]
TEXT, NUMBER, MOMENT, FLAG = "text", "number", "moment", "flag"

BASES = ("column", "template", "value", "first", "sum", "product", "difference", "look_up")
TEXT_STEPS = ("pattern", "case", "map", "otherwise")
NUMBER_STEPS = ("scale", "absolute", "negate", "round")
FORMATS = ("decimal", "thousands", "dates", "time_zone")
KEYS = (*BASES, *TEXT_STEPS, "default", *NUMBER_STEPS, *FORMATS)
LOOK_UP_KEYS = ("key", "in", "by", "take")
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "above": operator.gt, "below": operator.lt, "at_least": operator.ge, "at_most": operator.le,
}  # fmt: skip
CONDITIONS = ("empty", "not", "matches", *COMPARISONS)

TEMPLATE_COLUMN = re.compile(r"\{([^{}]+)\}")
PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")
CURRENCY = "|".join((*CURRENCIES, r"[A-Z]{0,2}[$€£¥₦₹₽₩₺₫฿₴₱₲₪₵₸﷼]", *r"kr\.? rs\.? fr\.? r zł kč ft lei лв".split()))
CURRENCY_BEFORE = re.compile(rf"^(?:{CURRENCY})\s*", re.IGNORECASE)
CURRENCY_AFTER = re.compile(rf"\s*(?:{CURRENCY})$", re.IGNORECASE)


@dataclass(frozen=True)
class Field:
    """A compiled field. ``read`` answers None when the row says nothing, and raises Refused."""

    read: Read
    columns: tuple[str, ...] = ()
    computed: bool = False  # a product: it may be finer than the currency and is rounded


class Compiler:
    """Compiles fields of the files of one mapping, over one folder."""

    def __init__(self, files: dict[str, CsvFile], folder: Path) -> None:
        self.files, self.folder = files, folder

    def field(self, said: Any, kind: str, file: CsvFile | None, place: str) -> Field:
        """The field that the mapping describes as ``said`` at ``place``. Raises MappingError."""
        said = _table(said, file)
        check_keys(said, KEYS, place)
        bases = [key for key in BASES if key in said]
        if len(bases) != 1:
            raise MappingError(_("{place}: give exactly one of {keys}.").format(place=place, keys=", ".join(BASES)))
        if file is None and bases != ["value"]:
            raise MappingError(_("{place}: without a file there are only constants.").format(place=place))
        if file is not None:
            file = file.with_format(**read_formats({key: said[key] for key in FORMATS if key in said}, place))

        worded = any(key in said for key in TEXT_STEPS)
        base = getattr(self, f"_{bases[0]}")(said[bases[0]], TEXT if worded else kind, file, place)
        read = base.read
        if worded:
            read = _worded(read, said, place)
        if "default" in said:
            default = said["default"]
            read = _or_else(read, default)
        read = _converted(read, kind, file.format if file else Format(), base.columns)
        if kind == NUMBER:
            read = _calculated(read, said, place)
        return Field(read, base.columns, base.computed)

    def condition(self, said: Any, file: CsvFile, place: str) -> Callable[[Row], bool]:
        """``where``: a table of columns, all of which must hold, or a list of such tables, one of which must."""
        if isinstance(said, list):
            choices = [self.condition(choice, file, place) for choice in said]
            return lambda row: any(choice(row) for choice in choices)
        if not isinstance(said, dict):
            raise MappingError(_("{place}: a table of columns, or a list of such tables.").format(place=place))
        tests = [self._test(column, wanted, file, place) for column, wanted in said.items()]
        return lambda row: all(test(row) for test in tests)

    def _test(self, column: str, wanted: Any, file: CsvFile, place: str) -> Callable[[Row], bool]:
        text = self._column(column, TEXT, file, place).read
        if not isinstance(wanted, dict):
            texts = _texts(wanted)
            return lambda row: (text(row) or "") in texts
        check_keys(wanted, CONDITIONS, f"{place}.{column}")
        number = self.field({"column": column}, NUMBER, file, place).read
        tests = [_condition(key, bound, text, number, place) for key, bound in wanted.items()]
        return lambda row: all(test(row) for test in tests)

    # What a field starts from. Each answers a Field whose value is text or already of the kind asked for.

    def _column(self, said: Any, kind: str, file: CsvFile, place: str) -> Field:
        name = str(said).strip()
        file.uses.setdefault(name, place)
        return Field(lambda row: row.values[name] or None, (name,))

    def _template(self, said: str, kind: str, file: CsvFile, place: str) -> Field:
        columns = tuple(name.strip() for name in TEMPLATE_COLUMN.findall(said))
        for name in columns:
            file.uses.setdefault(name, place)

        def read(row: Row) -> str | None:
            if not any(row.values[name] for name in columns):
                return None
            filled = TEMPLATE_COLUMN.sub(lambda found: row.values[found[1].strip()], said)
            return " ".join(filled.split())

        return Field(read, columns)

    def _value(self, said: Any, kind: str, file: CsvFile | None, place: str) -> Field:
        return Field(lambda row: said if said != "" else None)

    def _first(self, said: list[Any], kind: str, file: CsvFile, place: str) -> Field:
        parts = self._parts(said, kind, file, place)
        return Field(
            lambda row: next((value for part in parts if (value := part.read(row)) is not None), None),
            _columns(parts),
            any(part.computed for part in parts),
        )

    def _sum(self, said: list[Any], kind: str, file: CsvFile, place: str) -> Field:
        parts = self._parts(said, NUMBER, file, place)

        def read(row: Row) -> Decimal | None:
            values = [value for part in parts if (value := part.read(row)) is not None]
            return sum(values, Decimal(0)) if values else None

        return Field(read, _columns(parts), any(part.computed for part in parts))

    def _product(self, said: list[Any], kind: str, file: CsvFile, place: str) -> Field:
        parts = self._parts(said, NUMBER, file, place)

        def read(row: Row) -> Decimal | None:
            product = Decimal(1)
            for part in parts:
                value = part.read(row)
                if value is None:
                    return None
                product *= value
            return product

        return Field(read, _columns(parts), computed=True)

    def _difference(self, said: list[Any], kind: str, file: CsvFile, place: str) -> Field:
        parts = self._parts(said, NUMBER, file, place)

        def read(row: Row) -> Decimal | None:
            first = parts[0].read(row)
            return first if first is None else first - sum((part.read(row) or 0 for part in parts[1:]), Decimal(0))

        return Field(read, _columns(parts), any(part.computed for part in parts))

    def _parts(self, said: Any, kind: str, file: CsvFile, place: str) -> list[Field]:
        if not isinstance(said, list) or not said:
            raise MappingError(_("{place}: a list of columns.").format(place=place))
        return [self.field(part, kind, file, place) for part in said]

    def _look_up(self, said: dict[str, Any], kind: str, file: CsvFile, place: str) -> Field:
        check_keys(said, LOOK_UP_KEYS, place, required=LOOK_UP_KEYS)
        if said["in"] not in self.files:
            raise MappingError(
                _("{place}: there is no [files.{name}].").format(place=place, name=said["in"])
                + hint(said["in"], self.files)
            )
        other = self.files[said["in"]]
        key = self.field(said["key"], TEXT, file, place)
        by = self.field(said["by"], TEXT, other, place).read
        take = self.field(said["take"], kind, other, place).read

        @cache
        def index() -> dict[str, Any]:
            found: dict[str, Any] = {}
            for row in other.rows(self.folder):
                with suppress(Refused):  # what cannot be read there is not found
                    if not row.broken and (name := by(row)) is not None:
                        found.setdefault(name, take(row))
            return found

        return Field(lambda row: index().get(key.read(row)), key.columns)


CASES: dict[str, Callable[[str], str]] = {"upper": str.upper, "lower": str.lower, "": str}

# Steps ---------------------------------------------------------------------------------------------------------------


def _worded(read: Read, said: dict[str, Any], place: str) -> Read:
    """pattern, case and map, in this order."""
    pattern = _pattern(said["pattern"], place) if "pattern" in said else None
    case = CASES.get(said.get("case", ""))
    words = said.get("map", {})
    if case is None or not isinstance(words, dict):
        raise MappingError(_("{place}: case is upper or lower, map is a table.").format(place=place))
    exact = {str(key).strip(): value for key, value in words.items()}
    folded = {key.casefold(): value for key, value in exact.items()}
    otherwise = said.get("otherwise")

    def step(row: Row) -> Any:
        value = read(row)
        if value is None:
            return None
        text = str(value)
        if pattern is not None:
            found = pattern.search(text)
            text = (found[1] if pattern.groups else found[0]) if found else ""
        text = case(text)
        if not text:
            return None
        return exact.get(text, folded.get(text.casefold(), text if otherwise is None else otherwise))

    return step


def _or_else(read: Read, default: Any) -> Read:
    def step(row: Row) -> Any:
        value = read(row)
        return default if value is None or value == "" else value

    return step


def _converted(read: Read, kind: str, format: Format, columns: tuple[str, ...]) -> Read:
    column = ", ".join(columns)

    def step(row: Row) -> Any:
        value = read(row)
        if value is None or value == "":
            return None
        try:
            return CONVERSIONS[kind](value, format)
        except ValueError as error:
            raise Refused(str(error), column=column, value=value) from None

    return step


def _calculated(read: Read, said: dict[str, Any], place: str) -> Read:
    """scale, absolute, negate and round, in this order."""
    scale = _constant(said.get("scale", 1), place)
    absolute, negate, digits = said.get("absolute", False), said.get("negate", False), said.get("round")
    if scale == 1 and not absolute and not negate and digits is None:
        return read

    def step(row: Row) -> Decimal | None:
        value = read(row)
        if value is None:
            return None
        value *= scale
        value = abs(value) if absolute else value
        value = -value if negate else value
        return value if digits is None else value.quantize(Decimal(1).scaleb(-int(digits)), ROUND_HALF_UP)

    return step


# Texts become values -------------------------------------------------------------------------------------------------


def text_of(value: Any, format: Format) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def number_of(value: Any, format: Format) -> Decimal:
    """A number as people and programs write it: signs, parentheses, currencies, separators. Raises ValueError."""
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return Decimal(value)
    if format.decimal == "." and PLAIN.fullmatch(str(value)):
        return Decimal(value)
    text = (
        re.sub(r"\s", " ", str(value))
        .replace("\N{MINUS SIGN}", "-")
        .replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
        .strip()
    )
    negative = text.startswith("(") and text.endswith(")")
    bare = _without_currency(text[1:-1] if negative else text).removesuffix("%").strip()
    bare = re.sub(re.escape(format.decimal) + r"[-\N{EN DASH}]+$", "", bare)  # 125,-
    for sign in "+-":
        if bare.startswith(sign) or bare.endswith(sign):
            negative = negative or sign == "-"
            bare = _without_currency(bare.removeprefix(sign).removesuffix(sign))
            break
    whole = r"\d+"
    if format.thousands:
        mark = re.escape(format.thousands)
        whole = rf"\d+|\d{{1,3}}(?:{mark}\d{{2,3}})*{mark}\d{{3}}"
    if not re.fullmatch(rf"(?:{whole})?(?:{re.escape(format.decimal)}\d*)?", bare) or not re.search(r"\d", bare):
        raise ValueError(
            _("not a number written with decimal '{decimal}' and thousands '{thousands}'").format(
                decimal=format.decimal, thousands=format.thousands
            )
        )
    plain = bare.replace(format.thousands, "") if format.thousands else bare
    number = Decimal(plain.replace(format.decimal, "."))
    return -number if negative else number


def _without_currency(text: str) -> str:
    """``text`` without a currency's symbol or code before or after it."""
    return CURRENCY_AFTER.sub("", CURRENCY_BEFORE.sub("", text.strip())).strip()


def moment_of(value: Any, format: Format) -> Moment:
    """A date, or a datetime that is aware when the text or the mapping says its zone. Raises ValueError."""
    if isinstance(value, date):
        return value
    text = str(value)
    for layout in format.dates:
        try:
            moment = _parsed(text, layout)
        except (ValueError, OverflowError, InvalidOperation):
            continue
        if isinstance(moment, datetime) and moment.tzinfo is None and format.time_zone:
            return moment.replace(tzinfo=ZoneInfo(format.time_zone))
        return moment
    raise ValueError(_("not a date written as {formats}").format(formats=" or ".join(format.dates)))


def _parsed(text: str, layout: str) -> Moment:
    if layout == "iso":
        try:
            return date.fromisoformat(text)
        except ValueError:
            return datetime.fromisoformat(text)
    if layout in ("epoch", "epoch_ms"):
        return datetime.fromtimestamp(0, UTC) + timedelta(seconds=float(text) / (1000 if layout == "epoch_ms" else 1))
    if layout == "excel":
        days = Decimal(text)
        moment = datetime(1899, 12, 30) + timedelta(seconds=round(days * 86400))
        return moment.date() if days == int(days) else moment
    moment = datetime.strptime(text, layout)
    return moment if re.search(r"%[HIMScTX]", layout) else moment.date()


def flag_of(value: Any, format: Format) -> bool:
    """Yes or no, in the words of a few languages. Raises ValueError."""
    text = str(value).casefold()
    if text in ("1", "true", "t", "yes", "y", "x", "ja", "j", "oui", "o"):
        return True
    if text in ("0", "false", "f", "no", "n", "nee", "nei", "nein", "non"):
        return False
    raise ValueError(_("neither yes nor no"))


CONVERSIONS: dict[str, Callable[[Any, Format], Any]] = {
    TEXT: text_of,
    NUMBER: number_of,
    MOMENT: moment_of,
    FLAG: flag_of,
}


# Reading the mapping -------------------------------------------------------------------------------------------------


def check_keys(said: Any, known: tuple[str, ...], place: str, required: tuple[str, ...] = ()) -> None:
    """Raises MappingError for a key that means nothing here, or one that is missing."""
    if not isinstance(said, dict):
        raise MappingError(_("{place}: a table was expected.").format(place=place))
    for key in said:
        if key not in known:
            raise MappingError(
                _("{place}: '{key}' means nothing here.").format(place=place, key=key) + hint(key, known)
            )
    for key in required:
        if key not in said:
            raise MappingError(_("{place}: '{key}' is missing.").format(place=place, key=key))


def read_formats(said: dict[str, Any], place: str) -> dict[str, Any]:
    """The keys of a Format, checked."""
    formats = dict(said)
    if "thousands" in formats:
        formats["thousands"] = re.sub(r"\s", " ", formats["thousands"]).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    if "dates" in formats:
        formats["dates"] = (formats["dates"],) if isinstance(formats["dates"], str) else tuple(formats["dates"])
    if "empty" in formats:
        formats["empty"] = (formats["empty"],) if isinstance(formats["empty"], str) else tuple(formats["empty"])
    if formats.get("time_zone") and formats["time_zone"] not in available_timezones():
        raise MappingError(
            _("{place}: '{zone}' is no IANA time zone.").format(place=place, zone=formats["time_zone"])
            + hint(formats["time_zone"], available_timezones())
        )
    if formats.get("decimal", ".") == formats.get("thousands"):
        raise MappingError(_("{place}: decimal and thousands are the same.").format(place=place))
    return formats


def _table(said: Any, file: CsvFile | None) -> dict[str, Any]:
    """A field said shortly, as a table: a column, a template of columns, or a constant."""
    if isinstance(said, dict):
        return said
    if isinstance(said, str) and file is not None:
        return {"template": said} if TEMPLATE_COLUMN.search(said) else {"column": said}
    return {"value": said}


def _pattern(said: Any, place: str) -> re.Pattern[str]:
    try:
        return re.compile(said)
    except (re.error, TypeError) as error:
        raise MappingError(_("{place}: {error} in {said}.").format(place=place, error=error, said=said)) from None


def _constant(said: Any, place: str) -> Decimal:
    try:
        return Decimal(str(said))
    except InvalidOperation:
        raise MappingError(_("{place}: {said} is not a number.").format(place=place, said=said)) from None


def _texts(said: Any) -> tuple[str, ...]:
    return tuple(str(one) for one in (said if isinstance(said, list) else [said]))


def _columns(parts: list[Field]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(column for part in parts for column in part.columns))


def _condition(key: str, bound: Any, text: Read, number: Read, place: str) -> Callable[[Row], bool]:
    """One test of ``where`` on the text or the number of a column; what is no number passes none of its tests."""
    if key == "empty":
        return lambda row: (text(row) is None) == bool(bound)
    if key == "not":
        texts = _texts(bound)
        return lambda row: (text(row) or "") not in texts
    if key == "matches":
        pattern = _pattern(bound, place)
        return lambda row: bool(pattern.search(text(row) or ""))
    limit, compare = _constant(bound, place), COMPARISONS[key]

    def test(row: Row) -> bool:
        try:
            value = number(row)
        except Refused:
            return False
        return value is not None and compare(value, limit)

    return test
