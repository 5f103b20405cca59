"""Regular expressions of users, run bounded: one that does not end is given up."""

from collections.abc import Iterable, Iterator
from typing import Any

import regex

SECONDS = 0.2  # on one text; an honest pattern takes a thousandth of it


class DoesNotEnd(Exception):
    """A pattern took longer than SECONDS on one text."""


def find(pattern: str, text: str) -> "regex.Match[str] | None":
    """Where ``pattern`` holds in ``text``, whatever the case. Raises DoesNotEnd, and ``regex.error`` for what is no
    pattern."""
    try:
        return regex.search(pattern, text, flags=regex.IGNORECASE, timeout=SECONDS)
    except TimeoutError:
        raise DoesNotEnd(pattern) from None


class Patterns:
    """Rows with patterns in some of their fields. One whose pattern does not end, or is none, holds nowhere."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self._rows = list(rows)

    def holding(self, **texts: str) -> Iterator[Any]:
        """The rows of which every pattern holds: ``texts`` names the field of each and the text that it is held
        against.
        An empty pattern always holds."""
        for row in [*self._rows]:
            try:
                if all(not getattr(row, field) or find(getattr(row, field), text) for field, text in texts.items()):
                    yield row
            except (DoesNotEnd, regex.error):
                self._rows.remove(row)
