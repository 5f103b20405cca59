"""A table of a pack."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Listing:
    """A CSV file: its name, the heads of its columns, and its rows, read as they are taken."""

    name: str
    heads: tuple[str, ...]
    rows: Iterable[Iterable[Any]]


def person(one: Any) -> str:
    """Who it was, as the pack says it; nothing where Daybook did it by itself."""
    return one.full_name if one else ""


def plain(amount: Any) -> str:
    """With all digits of its column."""
    return "" if amount is None else f"{amount:f}"
