"""XML, read as a stream: no DTD and so no entities, nothing from elsewhere, nothing that a browser would run."""

from collections.abc import Iterable
from typing import Any, BinaryIO
from xml.sax import SAXException  # nosec B406
from xml.sax.handler import ContentHandler, feature_namespaces  # nosec B406

from defusedxml.common import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser
from django.utils.translation import gettext as _

from apps.core.errors import FileDamaged, FileRefused
from apps.core.uploads.content import OtherKind, pieces

DEEPEST = 100
MOST_ELEMENTS = 1_000_000
MOST_IN_BOOKS = 20_000_000  # a year of a large company as an audit file
MOST_NAMES = 5_000  # the parser keeps every name that it ever saw
LONGEST_TOKEN = 256 * 1024  # bytes of one tag or comment, which the parser holds whole

# In whatever document they stand: what a browser would run, and what fetches or rewrites.
_FOREIGN = {
    "http://www.w3.org/1999/xhtml",
    "http://www.w3.org/2000/svg",
    "http://www.w3.org/1999/XSL/Transform",
    "http://www.w3.org/2001/XInclude",
}
_PAGES = {"html", "svg", "xhtml"}

Name = tuple[str | None, str]


class Reader(ContentHandler):
    """Notices that something was read, so that a single endless tag is noticed too."""

    moved = False
    done = False  # the rest need not be parsed

    def startElementNS(self, name: Name, qname: str | None, attrs: Any) -> None:
        self.moved = True

    def endElementNS(self, name: Name, qname: str | None) -> None:
        self.moved = True

    def characters(self, content: str) -> None:
        self.moved = True


class Document(Reader):
    """An XML file that somebody sends."""

    def __init__(self, most_elements: int = MOST_ELEMENTS) -> None:
        super().__init__()
        self.most_elements = most_elements
        self.depth = self.elements = 0
        self.names: set[Any] = set()

    def startElementNS(self, name: Name, qname: str | None, attrs: Any) -> None:
        self.moved = True
        namespace, local = name
        if namespace in _FOREIGN or (self.elements == 0 and local.lower() in _PAGES):
            raise OtherKind
        self.elements += 1
        self.depth += 1
        self.names.add(name)
        self.names.update(attrs.getNames())
        if self.depth > DEEPEST or self.elements > self.most_elements or len(self.names) > MOST_NAMES:
            raise FileRefused(what=_("more levels, elements or names of elements than any document has"))

    def endElementNS(self, name: Name, qname: str | None) -> None:
        self.moved = True
        self.depth -= 1

    def processingInstruction(self, target: str, data: str) -> None:
        if target.lower() == "xml-stylesheet":
            raise FileRefused(what=_("a style sheet"))


def check_xml(file: BinaryIO) -> None:
    """Well-formed, and within limits.

    Raises OtherKind for a web page or a picture written as XML, FileRefused or FileDamaged.
    """
    read(pieces(file), Document())


def check_books(file: BinaryIO) -> None:
    """The same for an audit file, which may be long. Raises OtherKind, FileRefused or FileDamaged."""
    read(pieces(file), Document(MOST_IN_BOOKS))


def read(parts: Iterable[bytes], reader: Reader) -> None:
    """Read XML by ``reader``, to the end. Raises FileRefused or FileDamaged, and whatever the reader raises."""
    parser = DefusedExpatParser(forbid_dtd=True)
    parser.setFeature(feature_namespaces, 1)
    parser.setContentHandler(reader)
    still = 0
    try:
        for part in parts:
            if reader.done:
                continue  # to its end all the same: whoever unpacks it proves its size
            reader.moved = False
            parser.feed(part)
            still = 0 if reader.moved else still + len(part)
            if still > LONGEST_TOKEN:
                raise FileRefused(what=_("a tag or comment without end"))
        if not reader.done:
            parser.close()
    except DefusedXmlException as error:
        raise FileRefused(what=_("a document type or entities")) from error
    except SAXException as error:
        raise FileDamaged() from error
