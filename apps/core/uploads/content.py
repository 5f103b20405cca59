"""What all judges of content share."""

import re
from collections.abc import Iterator
from typing import BinaryIO

CHUNK = 64 * 1024  # bytes read at a time

_MARKUP = r"<(?:script|html|iframe)[\s>/]|<!doctype\s+(?:html|svg)|<svg(?:\s+\w|>)|<\?php\s"
MARKUP = re.compile(_MARKUP, re.IGNORECASE)
MARKUP_BYTES = re.compile(_MARKUP.encode(), re.IGNORECASE)


class OtherKind(Exception):
    """The content is not of the kind that the name says."""


def pieces(file: BinaryIO, *, overlap: int = 0) -> Iterator[bytes]:
    """``file`` from its start, piece by piece; each begins with the last ``overlap`` bytes of the one before."""
    file.seek(0)
    kept = b""
    while chunk := file.read(CHUNK):
        piece = kept + chunk
        yield piece
        kept = piece[-overlap:] if overlap else b""


def holds_markup(file: BinaryIO) -> bool:
    """Whether a web page or a script hides somewhere in a file that has no reason to hold any."""
    return any(MARKUP_BYTES.search(piece) for piece in pieces(file, overlap=64))
