"""Export the books in the format of a tax administration."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop
from uuid_utils.compat import uuid7

from apps.core.events import record
from apps.core.models import Administration, Job, User
from apps.core.permissions import Act, require
from apps.core.services.jobs import start_job
from apps.ledger.reports.fiscal_years import fiscal_year
from apps.ledger.services.purposes import account_for
from apps.periods.exports import FORMATS, formats_of
from apps.periods.exports.errors import ExportBeyondYear, ExportNeedsNumber, ExportSpanBackwards, FormatNotOfCountry
from apps.periods.exports.extract import extract
from apps.periods.models import BooksExport
from apps.periods.services.storing import kept

TASK = "apps.periods.tasks.export_books"


@transaction.atomic
def ask_for_export(
    administration: Administration,
    format: str,
    first_day: date,
    last_day: date,
    *,
    by: User,
    known_at: datetime | None = None,
) -> Job:
    """A job that exports the books from ``first_day`` to ``last_day`` as they are known now, or were at ``known_at``.

    Whoever reads the ledger may take it along. Raises NotAllowed, FormatNotOfCountry, ExportSpanBackwards,
    ExportBeyondYear or ExportNeedsNumber.
    """
    require(by, Act.READ_LEDGER, administration.pk)
    offered = formats_of(administration.country)
    if format not in offered:
        raise FormatNotOfCountry(
            country=administration.country,
            format=FORMATS[format].name,
            offered=", ".join(one.name for one in offered.values()) or "CSV",
        )
    if last_day < first_day:
        raise ExportSpanBackwards(first_day=first_day, last_day=last_day)
    if last_day > fiscal_year(administration, first_day).last_day:
        raise ExportBeyondYear(first_day=first_day, last_day=last_day)
    if not (administration.vat_number or administration.organization_number):
        raise ExportNeedsNumber(administration=administration.name)
    now = timezone.now()
    arguments: dict[str, Any] = {
        "export": str(uuid7()),
        "administration": str(administration.pk),
        "format": format,
        "first_day": first_day.isoformat(),
        "last_day": last_day.isoformat(),
        "known_at": min(known_at or now, now).isoformat(),
    }
    return start_job(TASK, title=gettext_noop("Export books"), by=by, arguments=arguments, total=1)


def export_books(
    administration: Administration,
    format: str,
    first_day: date,
    last_day: date,
    *,
    known_at: datetime,
    by: User,
    key: UUID | None = None,
    made_at: datetime | None = None,
) -> BooksExport:
    """Write the export and keep it, in memory that does not grow with the books; ``key`` is what it will be known by.

    The same books, ``known_at`` and ``made_at`` give the same bytes. Raises NotAllowed.
    """
    require(by, Act.READ_LEDGER, administration.pk)
    if key and (made := BooksExport.objects.filter(pk=key).first()):
        return made  # a worker that died had kept it
    form, made_at = FORMATS[format], made_at or timezone.now()
    result = account_for(administration, "unappropriated_result")
    with transaction.atomic():
        books = extract(administration, first_day, last_day, known_at, result)
        export = BooksExport(
            id=key or uuid7(),
            administration=administration,
            format=format,
            first_day=first_day,
            last_day=last_day,
            known_at=known_at,
            entries=books.entries,
            lines=books.lines,
            file_name=f"{format.lower()}-{first_day}-{last_day}.{form.ending}",
            file_type="application/xml",
            created_by=by,
            created_at=made_at,
        )
        with kept(export) as file:
            form.write(books, file, made_at)
        facts = {"format": format, "first_day": first_day, "last_day": last_day, "sha256": export.sha256}
        record("periods.books_exported", export, by=by, lines=books.lines, **facts)
    return export
