"""Files that people send: taken in, removed, and what was left behind swept away."""

import logging
from datetime import timedelta
from typing import Any, BinaryIO
from uuid import uuid4

from django.conf import settings
from django.core.files import File
from django.core.files.storage import Storage, storages
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.module_loading import import_string

from apps.core.events import record
from apps.core.models import Administration, Upload, User
from apps.core.permissions import Act, may, require, roles_of
from apps.core.uploads.checks import inspect
from apps.core.uploads.kinds import PURPOSES

logger = logging.getLogger(__name__)

LEFT_BEHIND_AFTER = timedelta(days=1)  # longer than any transaction that may still name the file


def storage() -> Storage:
    """Where the files are: a folder or a bucket."""
    return storages["uploads"]


def store_upload(file: BinaryIO, *, administration: Administration, purpose: str, name: str, by: User) -> Upload:
    """Judge a file, have it scanned where a scanner is set up, and keep it for one of ``uploads.kinds.PURPOSES``.

    The file can be read more than once. It is stored before its row is written: what a rollback leaves behind
    ``sweep`` removes. Raises NotAllowed, whatever ``checks.inspect`` raises, FileInfected or ScannerUnavailable.
    """
    require(by, Act.UPLOAD_FILES, administration.pk)
    found = inspect(file, name=name, purpose=purpose)
    verdict = import_string(settings.UPLOAD_SCANNER)(file) if settings.UPLOAD_SCANNER else ""
    file.seek(0)
    stored_as = storage().save(f"{administration.pk}/{uuid4().hex}", File(file))
    with transaction.atomic():
        upload = Upload.objects.create(
            administration=administration,
            purpose=purpose,
            file_name=found.name,
            file_type=found.media_type,
            file_size=found.size,
            sha256=found.sha256,
            stored_as=stored_as,
            scan_verdict=verdict,
            uploaded_by=by,
        )
        facts = {"purpose": purpose, "file_type": found.media_type, "file_size": found.size, "sha256": found.sha256}
        record("core.file_uploaded", upload, by=by, **facts)
    return upload


def readable_by(user: User, rows: Any) -> Any:
    """Of ``rows`` those that ``user`` may read: what some files are for is not for everybody who reads files."""
    for name, purpose in PURPOSES.items():
        if purpose.read_act != Act.READ_FILES:
            allowed = [pk for pk in roles_of(user) if may(user, purpose.read_act, pk)]
            rows = rows.exclude(~Q(administration__in=allowed), purpose=name)
    return rows


@transaction.atomic
def delete_upload(upload: Upload, *, by: User) -> None:
    """Remove a file that nothing names any more; its content goes once that is committed.

    Raises NotAllowed, or ProtectedError while something names it: the app whose row that is refuses first.
    """
    require(by, Act.UPLOAD_FILES, upload.administration_id)
    record("core.file_deleted", upload, by=by, sha256=upload.sha256)
    stored_as = upload.stored_as
    upload.delete()
    # Should the storage not answer just then, the sweep does it.
    transaction.on_commit(lambda: storage().delete(stored_as), robust=True)


def sweep() -> int:
    """Remove stored files that no row names, and return how many: of rollbacks, or deleted while the storage was away.

    Only in the folders of administrations that exist here, so that a wrong or empty database costs no file.
    """
    files, removed = storage(), 0
    before = timezone.now() - LEFT_BEHIND_AFTER
    for administration in Administration.objects.values_list("pk", flat=True):
        for stored_as in _stored(files, f"{administration}"):
            if Upload.objects.filter(stored_as=stored_as).exists() or files.get_modified_time(stored_as) > before:
                continue
            files.delete(stored_as)
            removed += 1
    if removed:
        logger.info("uploads_swept removed=%d", removed)
    return removed


def _stored(files: Storage, folder: str) -> list[str]:
    try:
        return [f"{folder}/{name}" for name in files.listdir(folder)[1]]
    except FileNotFoundError:
        return []
