"""XML of CAMT as texts by path, without a tree: lxml tells of each element, the leaves of the part at hand are kept.

So memory does not grow with the file, and whatever a hostile one is full of meets a limit here. A document type is
refused, no entity is resolved, nothing is fetched.
"""

from collections.abc import Iterator, Mapping
from typing import BinaryIO

from django.utils.translation import gettext as _
from lxml import etree

from apps.core.uploads.content import pieces
from apps.reconciliation.formats.values import Entry, plain, refuse, shown

STATEMENTS = frozenset(("Stmt", "Rpt", "Ntfctn"))
LONGEST = 256 * 1024  # characters of text in one part
LONGEST_TAG = 1024 * 1024  # bytes in which no element begins
DEEPEST = 100
MOST_ELEMENTS = 20_000  # in one part, or between two
MOST_PATHS = 5_000  # different elements, by their place
_PARTS = STATEMENTS | {"Bal", "Ntry", "TxDtls"}
_SKIPPED = frozenset(("PstlAdr", "CtctDtls"))


class Texts(dict[str, str]):
    """What the leaves of a part say, by their path of local names; a repeated one has a line for each. The currency of
    an amount stands under its path and ``@``."""

    def first(self, *paths: str) -> str:
        """The first of ``paths`` that says something; its first line where it is repeated."""
        for path in paths:
            if text := self.get(path):
                return text.partition("\n")[0] if "\n" in text else text
        return ""


def parts(file: BinaryIO) -> Iterator[tuple[str, Texts, Texts]]:
    """Name and texts of every statement, balance, entry and detail as it ends, and the texts so far of what holds it.

    Raises StatementFileInvalid.
    """
    target = _Target()
    parser = etree.XMLParser(target=target, resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False)
    still, seen = 0, 0
    try:
        for piece in pieces(file):
            parser.feed(piece)
            ended, target.ended = target.ended, []
            yield from ended
            still, seen = still + len(piece) if seen == target.elements else 0, target.elements
            if still > LONGEST_TAG:
                target.refuse(_("a tag or comment without end."))
        parser.close()
    except etree.XMLSyntaxError as error:
        said = shown((error.msg or "").partition(", line ")[0], 160)
        refuse(error.lineno or 1, _("the XML is damaged: %(error)s") % {"error": said})


class _Place:
    """An element by the names above it: whether it is a part, its path within its part, and what was met below it."""

    __slots__ = ("below", "in_statement", "is_part", "is_skipped", "name", "path")

    def __init__(self, name: str, above: "_Place | None") -> None:
        self.name, self.below = name, dict[str, _Place]()
        self.in_statement: bool = name in STATEMENTS or (above is not None and above.in_statement)
        self.is_part = self.in_statement and name in _PARTS
        self.is_skipped: bool = name in _SKIPPED or (above is not None and above.is_skipped)
        self.path: str = name if above is None or above.is_part else f"{above.path}/{name}"


class _Target:
    """What lxml tells of the elements. It raises what it refuses through ``feed``."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, Texts, Texts]] = []
        self.elements = 0
        self._place = _Place("", None)
        self._above: list[_Place] = []
        self._texts, self._held = Texts(), list[Texts]()
        self._text = ""
        self._length = self._entries = self._paths = 0
        self._most = MOST_ELEMENTS

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        refuse(1, _("a document type or entities are not read."))

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        above = self._place
        place = above.below.get(tag)
        if place is None:
            place = self._met(tag)
        self.elements += 1
        if self.elements > self._most:
            self.refuse(_("more elements than any entry has."))
        self._above.append(above)
        self._place, self._text = place, ""
        if place.is_part:
            self._held.append(self._texts)
            self._texts = Texts()
        elif attributes and "Ccy" in attributes:
            self._texts.setdefault(f"{place.path}@", attributes["Ccy"][:8])

    def data(self, text: str) -> None:
        if self._text:
            text = self._text + text
            if len(text) > LONGEST:
                self.refuse(_("more text than any bank writes."))
        self._text = text

    def end(self, tag: str) -> None:
        place, text = self._place, self._text
        if text:
            self._text = ""
            if not (text.isspace() or place.is_skipped):
                self._keep(place.path, plain(text))
        if place.is_part:
            texts, self._texts = self._texts, self._held.pop()
            self.ended.append((place.name, texts, self._texts))
            self._length, self._most = 0, self.elements + MOST_ELEMENTS
            self._entries += place.name == "Ntry"
        self._place = self._above.pop()

    def close(self) -> None:
        """The document ended."""

    def _met(self, tag: str) -> _Place:
        if len(self._above) > DEEPEST:
            self.refuse(_("more levels than any message has."))
        self._paths += 1
        if self._paths > MOST_PATHS:
            self.refuse(_("more kinds of elements than any message has."))
        place = self._place.below[tag] = _Place(tag.rpartition("}")[2], self._place)
        return place

    def _keep(self, path: str, text: str) -> None:
        texts = self._texts
        self._length += len(text)
        if self._length > LONGEST:
            self.refuse(_("more text than any bank writes."))
        texts[path] = f"{texts[path]}\n{text}" if path in texts else text

    def refuse(self, problem: str) -> None:
        refuse(Entry(self._entries + 1), problem)
