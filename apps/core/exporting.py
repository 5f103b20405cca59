"""A list as a CSV file: the rows and the columns that the person sees, as text that a spreadsheet cannot run."""

import csv
import re
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from html import unescape
from itertools import chain, islice
from typing import Any

from django.contrib.admin.utils import label_for_field, lookup_field
from django.db import models, transaction
from django.db.models import Count
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone, translation
from django.utils.html import strip_tags
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from apps.core.display import NOTHING, Figure, Shown
from apps.core.events import record
from apps.core.models import Administration, User
from apps.core.money import quantize

AT_ONCE = 1000  # rows in memory
RUNS = tuple("=+-@\t\r\n\0")  # what a formula may begin with (OWASP ASVS 1.2.10)
NUMBER = re.compile(r"-?\d+(\.\d+)?")


def export(page: Any, request: HttpRequest, rows: models.QuerySet[Any]) -> StreamingHttpResponse:
    """``rows`` of the list of ``page`` as a file, which is recorded with their number."""
    user: Any = request.user
    _record(rows, user)
    name = f"{page.opts.model_name}-{timezone.localdate().isoformat()}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingHttpResponse(_parts(page, request, rows), content_type="text/csv; charset=utf-8", headers=headers)


@transaction.atomic
def _record(rows: models.QuerySet[Any], by: User) -> None:
    """In each administration whose rows leave: how many, and of what; otherwise with the person."""
    model = rows.model
    counts = {None: rows.count()}
    if "administration" in {field.name for field in model._meta.fields}:
        these = model._base_manager.filter(pk__in=rows.order_by().values("pk")).order_by()
        counts = dict(these.values_list("administration").annotate(Count("pk")))
    for administration, count in counts.items():
        subject = Administration(pk=administration) if administration else by
        record("core.list_exported", subject, by=by, list=model._meta.label, rows=count)


def _parts(page: Any, request: HttpRequest, rows: models.QuerySet[Any]) -> Iterator[bytes]:
    """The file in parts of AT_ONCE rows. What has amounts says their currency in a last column."""
    columns, language = list(page.get_list_display(request)), translation.get_language()
    chunks = _chunks(rows)
    first = next(chunks, [])
    with translation.override(language):
        heads = [capfirst(str(label_for_field(column, page.model, page))) for column in columns]
        page.complete(first)
        has_amounts = any(isinstance(value, Figure) for value in _values(page, columns, first[0])) if first else False
        yield "\N{BYTE ORDER MARK}".encode() + _line([*heads, _("Currency")] if has_amounts else heads)
    for chunk in chain([first], chunks):
        page.complete(chunk)
        with translation.override(language):
            lines = [_line(_cells(_values(page, columns, row), has_amounts)) for row in chunk]
        yield b"".join(lines)


def _chunks(rows: models.QuerySet[Any]) -> Iterator[list[Any]]:
    each = rows.iterator(chunk_size=AT_ONCE)
    while chunk := list(islice(each, AT_ONCE)):
        yield chunk


def _values(page: Any, columns: list[Any], row: Any) -> list[Any]:
    """What the columns say of ``row``: values where they are known, otherwise what the page shows."""
    values = []
    for column in columns:
        field, _attribute, value = lookup_field(column, row, page)
        if isinstance(value, Shown):
            value = value.value
        elif choices := getattr(field, "flatchoices", None):
            value = dict(choices).get(value, value)
        values.append(value)
    return values


def _cells(values: list[Any], with_currency: bool) -> list[str]:
    cells = [harmless(text_of(value)) for value in values]
    if with_currency:
        cells.append(next((value.currency for value in values if isinstance(value, Figure)), ""))
    return cells


def text_of(value: Any) -> str:
    """A value as text for machines: plain decimals, ISO 8601, no HTML; empty for nothing."""
    if value is None or value == NOTHING:
        return ""
    if isinstance(value, Figure):
        return "" if value.amount is None else f"{quantize(value.amount, value.currency):f}"
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return unescape(strip_tags(value)) if isinstance(value, SafeString) else str(value)


def harmless(text: str) -> str:
    """``text`` so that no spreadsheet takes it for a formula. A number stays one."""
    return f"'{text}" if text.startswith(RUNS) and not NUMBER.fullmatch(text) else text


class _Echo:
    """Lets the writer give its line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def _line(cells: list[str]) -> bytes:
    line: str = csv.writer(_Echo()).writerow(cells)
    return line.encode()
