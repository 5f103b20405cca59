"""Text: CSV, and bank statements as MT940 and OFX. In the encodings that banks and spreadsheets write."""

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

from django.utils.translation import gettext as _

from apps.core.errors import FileRefused
from apps.core.uploads.content import MARKUP, OtherKind, pieces

_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0e-\x19\x1b-\x1f\x7f]")  # 1A ends a file of DOS
_OVERLAP = 64  # characters
_MT940_FIELD = re.compile(r"^:\d\d[A-Z]?:", re.MULTILINE)
_OFX = re.compile(r"\s*(?:OFXHEADER\s*:|<OFX>|<\?xml[^>]*\?>\s*<(?:\?OFX\s|OFX>))")
_DECLARATION = re.compile(r"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)


def check_csv(file: BinaryIO) -> None:
    """Any text that is no web page. Raises OtherKind."""
    for number, text in enumerate(_texts(file)):
        if number == 0 and text.lstrip().startswith(("<", "#!", "%!", "{\\rtf")):
            raise OtherKind


def check_mt940(file: BinaryIO) -> None:
    """Text with fields such as ``:20:`` at the start of a line (SWIFT MT940). Raises OtherKind."""
    fields = [bool(_MT940_FIELD.search(text)) for text in _texts(file)]
    if not any(fields):
        raise OtherKind


def check_ofx(file: BinaryIO) -> None:
    """OFX 1 is SGML with a header of its own, OFX 2 is XML; banks mix them, so neither is parsed here.

    Raises OtherKind, or FileRefused for a document type.
    """
    started = False
    for number, text in enumerate(_texts(file)):
        started = started or bool(number == 0 and _OFX.match(text))
        if _DECLARATION.search(text):
            raise FileRefused(what=_("a document type or entities"))
    if not started:
        raise OtherKind


def _texts(file: BinaryIO) -> Iterator[str]:
    """The text piece by piece, each with the end of the one before. Raises OtherKind where it is not text."""
    decode = codecs.getincrementaldecoder(_encoding(file))()
    kept = ""
    try:
        for piece in pieces(file):
            text = kept + decode.decode(piece)
            if _UNPRINTABLE.search(text) or MARKUP.search(text):
                raise OtherKind
            yield text
            kept = text[-_OVERLAP:]
        decode.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise OtherKind from error


def _encoding(file: BinaryIO) -> str:
    file.seek(0)
    start = file.read(4)
    for bom, name in _BOMS:
        if start.startswith(bom):
            return name
    decode = codecs.getincrementaldecoder("utf-8")()
    try:
        for piece in pieces(file):
            decode.decode(piece)
        decode.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"
