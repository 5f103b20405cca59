"""A file that was made, as the answer to a request."""

from typing import Any

from django.http import FileResponse


def as_download(row: Any, file: Any) -> FileResponse:
    """``file`` of ``row``: whatever is in it, no browser runs it here or guesses what it is."""
    answer = FileResponse(file, as_attachment=True, filename=row.file_name, content_type=row.file_type)
    answer["Content-Length"] = str(row.file_size)
    answer["Content-Security-Policy"] = "sandbox; default-src 'none'"
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, no-store"
    return answer
