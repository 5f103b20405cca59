"""Write a pack: files into a ZIP, part by part, each with its checksum."""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any, BinaryIO

from django.core.serializers.json import DjangoJSONEncoder

from apps.core.exporting import harmless
from apps.periods.packs import MANIFEST

AT_ONCE = 1000  # rows in memory


class Zipping:
    """A ZIP being written. The same files and ``made_at`` give the same bytes."""

    def __init__(self, file: BinaryIO, made_at: datetime) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)
        self._moment = made_at.astimezone(UTC)
        self.files: dict[str, dict[str, Any]] = {}

    def add(self, name: str, parts: Iterable[bytes]) -> None:
        """The file ``name`` of ``parts``."""
        digest, size = hashlib.sha256(), 0
        with self._zip.open(self._told(name), "w", force_zip64=True) as inside:
            for part in parts:
                inside.write(part)
                digest.update(part)
                size += len(part)
        self.files[name] = {"sha256": digest.hexdigest(), "bytes": size}

    def rows(self, name: str, heads: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
        """A CSV file: plain decimals, ISO dates, nothing that a spreadsheet would run."""
        self.add(name, _csv(heads, rows))

    def lines(self, name: str, values: Iterable[Any]) -> None:
        """A file with one JSON value a line."""
        self.add(name, (told(value) + b"\n" for value in values))

    def json(self, name: str, value: Any) -> None:
        self.add(name, [told(value, indent=2) + b"\n"])

    def end(self, **facts: Any) -> None:
        """Write the manifest, which names every file before it, and close."""
        manifest = {**facts, "files": self.files}
        with self._zip.open(self._told(MANIFEST), "w") as inside:
            inside.write(told(manifest, indent=2) + b"\n")
        self._zip.close()

    def _told(self, name: str) -> zipfile.ZipInfo:
        told = zipfile.ZipInfo(name, self._moment.timetuple()[:6])
        told.compress_type = zipfile.ZIP_DEFLATED
        told.external_attr = 0o600 << 16
        return told


def told(value: Any, indent: int | None = None) -> bytes:
    """``value`` as JSON, the way PostgreSQL and ``docs/seals.md`` write it."""
    return json.dumps(value, ensure_ascii=False, indent=indent, cls=DjangoJSONEncoder).encode()


def _csv(heads: Iterable[str], rows: Iterable[Iterable[Any]]) -> Iterator[bytes]:
    waiting = iter(rows)
    chunk: list[Iterable[Any]] = [list(heads)]
    while chunk:
        written = io.StringIO(newline="")
        csv.writer(written).writerows([harmless("" if cell is None else str(cell)) for cell in row] for row in chunk)
        yield written.getvalue().encode()
        chunk = list(islice(waiting, AT_ONCE))
