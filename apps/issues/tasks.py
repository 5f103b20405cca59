"""Tasks of issues: each carries an id and can run twice."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from celery import shared_task
from django.db import OperationalError
from django.utils import timezone

from apps.core.models import Administration, Job
from apps.core.services.jobs import work_through
from apps.issues.models import ValidationRun
from apps.issues.services.recalculating import today
from apps.issues.services.validating import validate

again: dict[str, Any] = {"autoretry_for": (OperationalError,), "retry_backoff": True, "max_retries": 5}


@shared_task(**again)
def recalculate(job_id: str) -> None:
    """Validate the books that the job names, in the name of who asked; the job keeps the run."""

    def run(job: Job, administration: Administration) -> None:
        as_of = date.fromisoformat(job.arguments["as_of"])
        made = validate(administration, as_of, by=job.by, full=job.arguments["full"])
        job.arguments["validation_run"] = str(made.pk)

    work_through(job_id, _administration, run)


@shared_task
def validate_all() -> None:
    """Every night: ask for a whole validation of each administration."""
    night = timezone.now().date().isoformat()
    for pk in Administration.objects.values_list("pk", flat=True):
        validate_administration.delay(str(pk), night)


@shared_task(**again)
def validate_administration(administration_id: str, night: str) -> None:
    """Look at all of history of one administration, once a night; a message that comes twice is done once."""
    administration = Administration.objects.get(pk=administration_id)
    if not was_validated(administration, night):
        validate(administration, today(administration), full=True)


def was_validated(administration: Administration, night: str) -> bool:
    """Whether a whole run was made since the beginning of that date (UTC), by nobody's hand."""
    runs = ValidationRun.objects.filter(administration=administration, is_full=True, by=None, period=None)
    return bool(runs.filter(started_at__date__gte=night).exists())


def _administration(job: Job) -> Iterable[Administration]:
    return Administration.objects.visible_to(job.by).filter(pk=job.arguments["administration"])
