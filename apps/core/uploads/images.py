"""PNG and JPEG. Headers and checksums are read; no pixel is ever decoded, so that no picture can fill the memory."""

import zipfile
from typing import BinaryIO

from django.utils.translation import gettext as _
from PIL import Image, PngImagePlugin

from apps.core.errors import FileDamaged, FileRefused
from apps.core.uploads.content import OtherKind, holds_markup, pieces

MOST_PIXELS = 64_000_000  # a good telephone takes 50 million
LONGEST_SIDE = 20_000
_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_JPEG_SCAN, _JPEG_END = b"\xff\xda", b"\xff\xd9"

Image.MAX_IMAGE_PIXELS = None  # the limit is ours, below
PngImagePlugin.MAX_TEXT_MEMORY = 4 * 1024 * 1024  # bytes of compressed remarks, unpacked


def check_png(file: BinaryIO) -> None:
    """Ends where it says that it ends: what follows may be another file, or the part that somebody cropped away."""
    _check_header(file, "PNG")
    size = file.seek(0, 2)
    end = _find(file, _PNG_END)
    if end < 0:
        raise FileDamaged()
    if end + len(_PNG_END) != size:
        raise FileRefused(what=_("something after the end of the picture"))
    _check_nothing_hides(file)


def check_jpeg(file: BinaryIO) -> None:
    """Has its end. Telephones write small pictures and films behind it, so what follows is searched, not refused."""
    _check_header(file, "JPEG")
    scan = _find(file, _JPEG_SCAN)
    if scan < 0 or _find(file, _JPEG_END, after=scan) < 0:
        raise FileDamaged()
    _check_nothing_hides(file)


def _check_header(file: BinaryIO, kind: str) -> None:
    file.seek(0)
    try:
        with Image.open(file, formats=[kind]) as picture:
            width, height = picture.size
            if width * height > MOST_PIXELS or max(width, height) > LONGEST_SIDE:
                raise FileRefused(what=_("%(width)s x %(height)s pixels") % {"width": width, "height": height})
            picture.verify()  # of a PNG: the checksum of every chunk
    except FileRefused:
        raise
    except Exception as error:  # Pillow promises no more than that
        raise FileDamaged() from error


def _check_nothing_hides(file: BinaryIO) -> None:
    file.seek(0)
    if holds_markup(file) or zipfile.is_zipfile(file):
        raise OtherKind


def _find(file: BinaryIO, sought: bytes, *, after: int = 0) -> int:
    """Where ``sought`` first stands at or behind ``after``; -1 where it does not."""
    begin, overlap = 0, len(sought) - 1
    for piece in pieces(file, overlap=overlap):
        found = piece.find(sought, max(0, after - begin))
        if found >= 0:
            return begin + found
        begin += len(piece) - overlap
    return -1
