"""PDF (ISO 32000-1): a scan for what acts by itself, not a proof that nothing does.

Looked for, in the file as it stands and in its compressed object streams, with the escapes that the format allows in
names: JavaScript, programs to launch, forms that post or fetch, rich media, XFA. Looked into: the beginning of every
stream, for programs and archives; the names of embedded files. An embedded XML is welcome, since that is what Factur-X
and ZUGFeRD are. Passwords are refused: nothing could be looked for behind them.

Not found: what somebody hides behind rare filters or in a viewer's bug. Therefore a PDF is only ever downloaded, never
shown by us, and a virus scanner can stand behind this. The file is held in memory whole, up to what its purpose takes;
streams are unpacked in pieces.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from django.utils.translation import gettext as _

from apps.core.errors import FileDamaged, FileRefused
from apps.core.uploads.content import CHUNK, MARKUP_BYTES, OtherKind
from apps.core.uploads.names import RUNNABLE, extension

MOST_UNPACKED = 64 * 1024 * 1024  # bytes of object streams
MOST_STREAMS = 50_000
_LONGEST_NAME = 256


def _name(word: str) -> bytes:
    """The PDF name ``/word``, each letter as it is or as ``#`` and its code (7.3.5)."""
    letters = (f"(?:{letter}|(?i:#{ord(letter):02x}))" for letter in word)
    return f"/{''.join(letters)}(?![A-Za-z0-9#])".encode()


_ACTS = ("JavaScript", "Launch", "RichMedia", "SubmitForm", "ImportData", "GoToE", "Rendition")
_ACTIVE = re.compile(b"|".join((
    *map(_name, _ACTS),
    _name("XFA") + rb"(?=\s*[\[\d(<])",
    _name("JS") + rb"(?=\s*(?:\(|<[0-9A-Fa-f<]|\d+\s+\d+\s+R))",
)))  # fmt: skip
_PASSWORD = re.compile(_name("Encrypt") + rb"(?=\s*(?:<<|\d+\s+\d+\s+R))")
_FILE_NAME = re.compile(rb"/U?F\s*(?:\(((?:[^()\\]|\\.){1,256})\)|<([0-9A-Fa-f\s]{2,1024})>)", re.DOTALL)
_STREAM = re.compile(rb"(?<!end)stream\r?\n")
_OBJECTS = re.compile(_name("ObjStm") + rb"|" + _name("First"))
_LIKE_OBJECTS = re.compile(rb"\s*(?:%[^\r\n]*[\r\n]\s*)*\d+\s+\d+\s")  # numbers and offsets come first
_PREDICTED = re.compile(rb"/Predictor\s*(?!1\b)\d")
_PROGRAM = re.compile(
    rb"\x7fELF|PK\x03\x04|\xd0\xcf\x11\xe0|\xca\xfe\xba\xbe|[\xfe\xca]\xed\xfa[\xce\xcf]|[\xce\xcf]\xfa\xed\xfe"
    rb"|Rar!|7z\xbc\xaf|#!\s*/|MZ(?=[\s\S]{0,2000}(?:PE\0\0|This program))"
)


def check_pdf(file: BinaryIO) -> None:
    """Raises OtherKind for a file that is also something else, FileRefused for what acts, FileDamaged."""
    file.seek(0)
    content = file.read()
    if MARKUP_BYTES.search(content, 0, 1024) or zipfile.is_zipfile(file):
        raise OtherKind
    if b"%%EOF" not in content[-1024:] or b"startxref" not in content[-2048:]:
        raise FileDamaged()
    if _PASSWORD.search(content):
        raise FileRefused(what=_("a password"))
    _check_objects(content)
    unpacked = 0
    for objects in _object_streams(content):
        unpacked += len(objects)
        if unpacked > MOST_UNPACKED:
            raise FileRefused(what=_("more than it says"))
        _check_objects(objects)


def _check_objects(objects: bytes) -> None:
    if _ACTIVE.search(objects):
        raise FileRefused(what=_("JavaScript, a program to start or a form that sends itself"))
    for plain, coded in _FILE_NAME.findall(objects):
        name = re.sub(rb"\\(.)", rb"\1", plain) or _from_hex(coded)
        if extension(name.replace(b"\0", b"").decode("latin-1").strip()) in RUNNABLE:
            raise FileRefused(what=_("an embedded program"))


def _from_hex(digits: bytes) -> bytes:
    packed = b"".join(digits.split()).decode()
    return bytes.fromhex(packed + "0" * (len(packed) % 2))


def _object_streams(content: bytes) -> Iterator[bytes]:
    """The object streams (7.5.7) unpacked, in pieces that overlap; of the others the beginning is seen."""
    for count, found in enumerate(_STREAM.finditer(content)):
        if count == MOST_STREAMS:
            raise FileRefused(what=_("more streams than a document has"))
        pieces = _inflated(content, found.end())
        unpacked = next(pieces, b"")
        if _PROGRAM.match(unpacked or content[found.end() : found.end() + CHUNK]):
            raise FileRefused(what=_("an embedded program"))
        about = content[max(0, found.start() - 4096) : found.start()]
        about = about[about.rfind(b"endobj") + 1 :]
        objects = _OBJECTS.search(about)
        if objects and (_PREDICTED.search(about) or (b"/Filter" in about and not unpacked)):
            raise FileRefused(what=_("objects packed in a way that hides them"))
        if objects or _LIKE_OBJECTS.match(unpacked):
            yield unpacked  # what is not packed was searched where it stands
            yield from pieces


def _inflated(content: bytes, start: int) -> Iterator[bytes]:
    """What stands at ``start``, unpacked as far as it can be, whatever the dictionary before it says."""
    inflate = zlib.decompressobj()
    kept = b""
    try:
        for at in range(start, len(content), CHUNK):
            packed = content[at : at + CHUNK]
            while piece := inflate.decompress(packed, CHUNK):
                yield kept + piece
                kept = piece[-_LONGEST_NAME:]
                packed = inflate.unconsumed_tail
            if inflate.eof:
                return
    except zlib.error:
        return
