"""XLSX: a zip archive of XML parts (ECMA-376). Its directory is held against what is really there, byte by byte.

Part names are allowed by extension, so that macros (``vbaProject.bin``), controls, embedded programs and further
archives have no name under which they could come.
"""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO

from django.utils.translation import gettext as _

from apps.core.errors import FileDamaged, FileRefused
from apps.core.uploads.content import CHUNK, OtherKind
from apps.core.uploads.markup import Name, Reader, read

MOST_PARTS = 2_000
MOST_BYTES = 100 * 1024 * 1024  # of all parts together, unpacked
MOST_RATIO = 200  # unpacked to packed; deflate reaches 1032
SMALL = 10 * 1024 * 1024  # a workbook of few repeated cells may pack better than that, up to here
MOST_DIRECTORY = 512 * 1024  # bytes, read whole by zipfile

_PART = re.compile(
    r"(?!.*\.\.)(?:[\w\[\]() .,%+-]+/)*"
    r"(?:[\w\[\]() .,%+-]*\.(?:xml|rels|vml|png|jpe?g|gif|bmp|emf|wmf|tiff?)|printerSettings\d*\.bin|\w+/?)",
    re.IGNORECASE,
)
# What a part may not be, whatever its name: the last word of a relationship's type (ECMA-376 part 1, 12 and 15).
_ACTIVE = re.compile(
    r"/(?:vbaProject\w*|xl\w*Macrosheet|dialogsheet|oleObject|package|control|activeXControl\w*|externalLink\w*"
    r"|connections|queryTable|webextension\w*|extensibility|attachedToolbars)$",
    re.IGNORECASE,
)
_NEEDED = {"[Content_Types].xml", "xl/workbook.xml"}
_END = struct.Struct("<4s4H2LH")
_LOCAL = struct.Struct("<4s5H3L2H")
_STORED, _DEFLATED = 0, 8
_SECRET = 0x1 | 0x40 | 0x2000  # flags: encrypted, strongly, the directory too


def check_workbook(file: BinaryIO) -> None:
    """Raises OtherKind for another archive, FileRefused for what is not let in, FileDamaged."""
    parts = _directory(file)
    names = [part.orig_filename for part in parts]
    if not set(names) >= _NEEDED:
        raise OtherKind
    if len({name.lower() for name in names}) < len(names):
        raise FileRefused(what=_("two parts of one name"))
    for name in names:
        if not _PART.fullmatch(name):
            raise FileRefused(what=_("macros or embedded files"))
    if any(part.flag_bits & _SECRET for part in parts):
        raise FileRefused(what=_("a password"))
    _check_sizes(parts)
    for part, start in _starts(file, parts):
        _check_part(part, _unpacked(file, part, start))


def _directory(file: BinaryIO) -> list[zipfile.ZipInfo]:
    """The entries, once the archive is known to begin and end with itself and to list no more than a workbook has."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END.size - 20))
    tail = file.read()
    end = tail[-_END.size :]
    if len(end) < _END.size or not end.startswith(b"PK\x05\x06"):
        raise FileDamaged()  # cut off, or with something behind it
    _mark, _disk, _first, _here, count, length, offset, _comment = _END.unpack(end)
    if tail.startswith(b"PK\x06\x07") or offset + length + _END.size != size:
        raise FileRefused(what=_("a directory of another shape than workbooks have"))
    if count > MOST_PARTS or length > MOST_DIRECTORY:
        raise FileRefused(what=_("more parts than a workbook has"))
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
        raise FileDamaged() from error
    if len(parts) != count:
        raise FileDamaged()
    return parts


def _check_sizes(parts: list[zipfile.ZipInfo]) -> None:
    """What the directory itself admits to."""
    packed, unpacked = sum(part.compress_size for part in parts), sum(part.file_size for part in parts)
    if unpacked > MOST_BYTES or (unpacked > SMALL and unpacked > MOST_RATIO * packed):
        raise FileRefused(what=_("more than it says: it unpacks to %(size)s MB") % {"size": unpacked >> 20})


def _starts(file: BinaryIO, parts: list[zipfile.ZipInfo]) -> Iterator[tuple[zipfile.ZipInfo, int]]:
    """Each part with the place of its first byte. Parts do not share bytes: so a small file unpacks to much."""
    free = 0
    for part in sorted(parts, key=lambda part: part.header_offset):
        file.seek(part.header_offset)
        header = file.read(_LOCAL.size)
        if part.header_offset < free or (not free and part.header_offset) or len(header) < _LOCAL.size:
            raise FileRefused(what=_("parts that overlap"))
        mark, _version, flags, method, *_rest, name_length, extra_length = _LOCAL.unpack(header)
        name = file.read(name_length).decode("utf-8" if part.flag_bits & 0x800 else "cp437", "replace")
        if (mark, flags, method, name) != (b"PK\x03\x04", part.flag_bits, part.compress_type, part.orig_filename):
            raise FileRefused(what=_("parts that its directory describes wrongly"))
        start = part.header_offset + _LOCAL.size + name_length + extra_length
        free = start + part.compress_size
        yield part, start


def _unpacked(file: BinaryIO, part: zipfile.ZipInfo, start: int) -> Iterator[bytes]:
    """The content of ``part``, never more than it admits to, with its size and its checksum proved."""
    if part.compress_type not in (_STORED, _DEFLATED):
        raise FileRefused(what=_("parts packed in another way than workbooks are"))
    inflate = zlib.decompressobj(-15) if part.compress_type == _DEFLATED else None
    left, size, checksum = part.compress_size, 0, 0
    file.seek(start)
    while left:
        packed = file.read(min(CHUNK, left))
        left -= len(packed)
        if not packed:
            raise FileDamaged()
        for piece in _inflated(inflate, packed):
            size += len(piece)
            checksum = zlib.crc32(piece, checksum)
            if size > part.file_size:
                raise FileRefused(what=_("more than it says"))
            yield piece
    whole = inflate is None or (inflate.eof and not inflate.unused_data)
    if not whole or (size, checksum) != (part.file_size, part.CRC):
        raise FileDamaged()


def _inflated(inflate: Any, packed: bytes) -> Iterator[bytes]:
    if inflate is None:
        yield packed
        return
    try:
        while piece := inflate.decompress(packed, CHUNK):
            yield piece
            packed = inflate.unconsumed_tail
    except zlib.error as error:
        raise FileDamaged() from error


class _Prolog(Reader):
    """Reads as far as the first element: a document type can only stand before it."""

    def startElementNS(self, name: Name, qname: str | None, attrs: Any) -> None:
        self.done = True


class _Relations(Reader):
    """What a part refers to, and of what kinds the parts are. A link that a person clicks may lead outside."""

    def startElementNS(self, name: Name, qname: str | None, attrs: Any) -> None:
        self.moved = True
        said = {local: str(attrs.getValue((space, local))) for space, local in attrs.getNames()}
        kind = said.get("Type", "")
        outside = said.get("TargetMode", "").lower() == "external"
        if outside and not kind.endswith("/hyperlink"):
            raise FileRefused(what=_("links to other files"))
        if _ACTIVE.search(kind) or re.search("macro|vbaProject", said.get("ContentType", ""), re.IGNORECASE):
            raise FileRefused(what=_("macros, connections or embedded files"))


def _check_part(part: zipfile.ZipInfo, content: Iterator[bytes]) -> None:
    """Reads it to its end, whatever it is: only then its size and checksum are proved."""
    first = next(content, b"")
    if first.startswith(b"PK\x03\x04"):
        raise FileRefused(what=_("an archive inside"))
    name = part.orig_filename.lower()
    if name.endswith(".rels") or name == "[content_types].xml":
        read(chain([first], content), _Relations())
    elif name.endswith(".xml"):
        read(chain([first], content), _Prolog())
    for _piece in content:
        pass
