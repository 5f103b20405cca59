"""The one way in: is this the file that its name says, and may it stay?"""

import hashlib
from dataclasses import dataclass
from typing import BinaryIO

from apps.core.errors import FileDamaged, FileTooLarge, FileTypeNotAllowed
from apps.core.uploads.content import OtherKind, pieces
from apps.core.uploads.kinds import KINDS, MB, PURPOSES, Purpose
from apps.core.uploads.names import cleaned, extension


@dataclass(frozen=True)
class Inspected:
    """What is known of a file that may stay; ``size`` in bytes, as counted."""

    name: str
    media_type: str
    size: int
    sha256: str


def inspect(file: BinaryIO, *, name: str, purpose: str) -> Inspected:
    """Judge a file that can be read more than once, for one of ``kinds.PURPOSES``.

    Raises FileNameRefused, FileTypeNotAllowed, FileTooLarge, FileDamaged or FileRefused.
    """
    wanted = PURPOSES[purpose]
    name = cleaned(name)
    found = extension(name)
    if found not in wanted.extensions:
        raise _other_kind(found, wanted)
    size, digest = _measured(file, wanted.most_bytes)
    kind = KINDS[found]
    file.seek(0)
    try:
        if not file.read(len(kind.starts)).startswith(kind.starts):
            raise OtherKind
        wanted.checks.get(found, kind.check)(file)
    except OtherKind:
        raise _other_kind(found, wanted) from None
    file.seek(0)
    return Inspected(name=name, media_type=kind.media_type, size=size, sha256=digest)


def _measured(file: BinaryIO, most: int) -> tuple[int, str]:
    """Bytes and SHA-256, counted while reading. Raises FileTooLarge, or FileDamaged for an empty file."""
    size, digest = 0, hashlib.sha256()
    for piece in pieces(file):
        size += len(piece)
        if size > most:
            raise FileTooLarge(limit=most // MB)
        digest.update(piece)
    if not size:
        raise FileDamaged()
    return size, digest.hexdigest()


def _other_kind(found: str, wanted: Purpose) -> FileTypeNotAllowed:
    return FileTypeNotAllowed(found=found, allowed=", ".join(wanted.extensions))
