"""Dates as banks write them."""

import re
from datetime import date, datetime

from apps.reconciliation.formats.values import EARLIEST, LATEST

# What is recognised where a mapping does not say it. Days and months that could be either are told apart by the file.
FORMATS = (
    "%Y-%m-%d",
    "%d-%m-%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%Y%m%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%d.%m.%y",
    "%d-%m-%y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d %b %Y",
    "%d %b %y",
    "%d-%b-%Y",
    "%b %d, %Y",
)
_TIME = re.compile(r"[T ,]+\d{1,2}:\d\d.*$")


class Dates:
    """Reads dates of one format, each text once: a statement has few days and many lines."""

    def __init__(self, format_: str) -> None:
        self.format = format_
        self._known: dict[str, date] = {}

    def read(self, text: str) -> date:
        """The day of ``text``; a time of day behind it is left out. Raises ValueError."""
        known = self._known.get(text)
        if known is None:
            known = self._known[text] = _read(text, self.format)
        return known


class Recognised:
    """Which formats every date so far fits."""

    def __init__(self) -> None:
        self.formats: tuple[str, ...] = FORMATS
        self._seen: set[str] = set()

    def see(self, text: str) -> None:
        """Take one more date into account. Raises ValueError for one that fits no format that the others fit."""
        if text in self._seen:
            return
        self._seen.add(text)
        fitting = tuple(format_ for format_ in self.formats if _fits(text, format_))
        if not fitting:
            raise ValueError(f"no date: {text}")
        self.formats = fitting


def _fits(text: str, format_: str) -> bool:
    try:
        _read(text, format_)
    except ValueError:
        return False
    return True


def _read(text: str, format_: str) -> date:
    plain = text if "%H" in format_ else _TIME.sub("", text)
    found = datetime.strptime(plain, format_).date()  # noqa: DTZ007 - a day, not a moment
    if not EARLIEST <= found <= LATEST:
        raise ValueError(f"no date: {text}")
    return found
