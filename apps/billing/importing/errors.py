"""What can be wrong with a mapping or a folder (everything stops) and with a row (the row is refused)."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from django.utils.translation import gettext as _


class MappingError(Exception):
    """The mapping, or the folder it is held against, cannot be used: one sentence that names the place."""


class Refused(Exception):
    """One row cannot be imported. ``field`` is the mapping's name for what is wrong, when a column is not known."""

    def __init__(self, reason: str, *, column: str = "", value: Any = "", field: str = "") -> None:
        self.reason, self.column, self.value, self.field = reason, column, str(value), field
        super().__init__(reason)


def hint(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown ``name``: the nearest known one, or all of them."""
    names = list(known)
    near = get_close_matches(name, names, n=1, cutoff=0.6) or [
        other for other in names if other.casefold() == name.casefold()
    ]
    if near:
        return " " + _("Did you mean '{name}'?").format(name=near[0])
    return " " + _("There are: {names}.").format(names=", ".join(names)) if names else ""
