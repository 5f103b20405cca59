"""Tasks of reconciliation: each carries an id and can run twice."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from celery import shared_task
from django.db import OperationalError, transaction
from django.utils import timezone

from apps.core.errors import DomainError
from apps.core.models import Administration, Job
from apps.core.services.jobs import work_through
from apps.reconciliation.models import MatchingRun, StatementImport, StatementLine
from apps.reconciliation.services import running, suspending
from apps.reconciliation.services.importing import import_statements, note_refusal

again: dict[str, Any] = {"autoretry_for": (OperationalError,), "retry_backoff": True, "max_retries": 5}
A_NIGHT = timedelta(hours=20)  # a message that comes twice in one night is done once


@shared_task(**again)
def import_statement_file(job_id: str) -> None:
    """Import the statement file that the job names, in the name of who asked."""
    work_through(job_id, _import, _import_or_note)


@shared_task(**again)
def match_lines(job_id: str) -> None:
    """Go through the open lines that the job names, in spans that were fixed when it began."""
    run = MatchingRun.objects.select_related("administration", "by").get(job_id=job_id)
    work_through(
        job_id,
        lambda job: job.arguments["batches"],
        lambda job, batch: running.match_batch(run, *map(UUID, batch)),
    )
    run.refresh_from_db()
    if run.ended_at is None:
        running.end_run(run)


@shared_task
def match_open_lines() -> None:
    """Every night: ask for a run over what is open in each administration that has bank lines."""
    for pk in StatementLine.objects.open().order_by().values_list("administration", flat=True).distinct():
        match_administration.delay(str(pk))


@shared_task(**again)
def match_administration(administration_id: str) -> None:
    """Match what is beyond doubt in one administration, once a night: what was signed or booked since the import."""
    administration = Administration.objects.get(pk=administration_id)
    running.match_all(administration, since=timezone.now() - A_NIGHT)


@shared_task(**again)
def suspend_moved() -> None:
    """Every hour: suspend account reconciliations that a later posting moved."""
    for administration in Administration.objects.all():
        suspending.suspend_moved(administration)


def _import(job: Job) -> Iterable[StatementImport]:
    imports = StatementImport.objects.visible_to(job.by).filter(pk=job.arguments["statement_import"])
    return imports.select_related("administration", "upload")


def _import_or_note(job: Job, statement_import: StatementImport) -> None:
    """The refusal stays with the import as well, so it is no refusal of the job's item: both rows are kept."""
    try:
        with transaction.atomic():
            import_statements(statement_import, by=job.by)
    except DomainError as refusal:
        note_refusal(statement_import, refusal)
        job.refusals.append({"what": str(statement_import), **refusal.detail()})
