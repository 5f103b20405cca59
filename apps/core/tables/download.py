"""A table as the answer to a request: a file that is taken along, and recorded as such."""

from collections.abc import Callable
from tempfile import TemporaryFile
from typing import IO

from django.db import transaction
from django.http import FileResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from apps.core.errors import ReportTooLong
from apps.core.events import record
from apps.core.models import Administration, User
from apps.core.tables import Table
from apps.core.tables.as_csv import csv_parts
from apps.core.tables.as_pdf import write_pdf
from apps.core.tables.as_xlsx import write_xlsx

TYPES = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}
MOST_ROWS = {"xlsx": 100_000, "pdf": 5_000}  # some ten seconds of work; a hundred pages
WRITERS: dict[str, Callable[[Table, IO[bytes]], None]] = {"xlsx": write_xlsx, "pdf": write_pdf}


def download(table: Table, ending: str, *, administration: Administration, by: User) -> HttpResponseBase:
    """``table`` as a file of ``TYPES``. That it left is recorded. Raises ReportTooLong beyond ``MOST_ROWS``."""
    kind = TYPES[ending]
    if ending in MOST_ROWS and table.count > MOST_ROWS[ending]:
        raise ReportTooLong(rows=table.count, most=MOST_ROWS[ending], format=ending.upper())
    answer: HttpResponseBase
    if ending == "csv":
        answer = StreamingHttpResponse(csv_parts(table), content_type=f"{kind}; charset=utf-8")
    else:
        file = TemporaryFile()  # noqa: SIM115 - the answer closes it
        WRITERS[ending](table, file)
        file.seek(0)
        answer = FileResponse(file, content_type=kind)
    answer["Content-Disposition"] = f'attachment; filename="{table.file_name(ending)}"'
    answer["Content-Security-Policy"] = "sandbox; default-src 'none'"
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, no-store"
    with transaction.atomic():
        record("core.report_exported", administration, by=by, report=table.name, format=ending, rows=table.count)
    return answer
