"""Files that Daybook made: kept with their checksum, and proved before a byte of them goes out."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from tempfile import TemporaryFile
from typing import Any, BinaryIO
from uuid import uuid4

from django.core.files import File
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from apps.core.events import record
from apps.core.models import Administration, User
from apps.core.permissions import Act, require
from apps.core.services.uploads import storage
from apps.periods.exports.errors import StoredFileDamaged
from apps.periods.models import BooksExport, EvidencePack
from apps.periods.models.stored import StoredFile

LEFT_BEHIND_AFTER = timedelta(days=1)  # longer than any transaction that may still name the file
_PART = 1024 * 1024


@contextmanager
def kept(row: StoredFile) -> Iterator[BinaryIO]:
    """A file to write into. What was written is stored at the end of the block, and ``row`` measured and saved.

    The folder is apart from what people send, so that its sweep leaves it alone.
    """
    with TemporaryFile() as file:
        yield file
        row.file_size, row.sha256 = measured(file)
        file.seek(0)
        row.stored_as = storage().save(f"made/{row.administration_id}/{uuid4().hex}", File(file))
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except BaseException:
        storage().delete(row.stored_as)
        raise


def measured(file: BinaryIO) -> tuple[int, str]:
    """Size and SHA-256 of all of ``file``, read in parts."""
    digest, size = hashlib.sha256(), 0
    file.seek(0)
    while part := file.read(_PART):
        digest.update(part)
        size += len(part)
    return size, digest.hexdigest()


def open_proved(row: Any, *, by: User) -> BinaryIO:
    """The content of ``row``, proved to be what was made, and counted as a download.

    Raises NotAllowed, or StoredFileDamaged where the stored file is another one or gone: that is recorded as well.
    """
    require(by, Act.READ_LEDGER, row.administration_id)
    file: Any = None
    try:
        file = storage().open(row.stored_as)
        found = measured(file)
    except FileNotFoundError:
        found = (0, "")
    if found != (row.file_size, row.sha256):
        if file is not None:
            file.close()
        with transaction.atomic():
            record("periods.stored_file_damaged", row, by=by, expected=row.sha256, found=found[1])
        raise StoredFileDamaged(file=row.file_name)
    file.seek(0)
    with transaction.atomic():
        type(row).objects.filter(pk=row.pk).update(download_count=F("download_count") + 1)
        record("periods.file_downloaded", row, by=by, sha256=row.sha256)
    opened: BinaryIO = file
    return opened


def sweep() -> int:
    """Remove stored files that no row names, and return how many: what a rollback, or a worker that died, left behind.

    Only in the folders of administrations that exist here, so that a wrong or empty database costs no file.
    """
    files, removed = storage(), 0
    before = timezone.now() - LEFT_BEHIND_AFTER
    for administration in Administration.objects.values_list("pk", flat=True):
        folder = f"made/{administration}"
        for stored_as in _stored(files, folder):
            known = any(kind.objects.filter(stored_as=stored_as).exists() for kind in (BooksExport, EvidencePack))
            if known or files.get_modified_time(stored_as) > before:
                continue
            files.delete(stored_as)
            removed += 1
    return removed


def _stored(files: Any, folder: str) -> list[str]:
    try:
        return [f"{folder}/{name}" for name in files.listdir(folder)[1]]
    except FileNotFoundError:
        return []
