"""Tasks of billing: each carries an id and can run twice."""

from datetime import date
from typing import Any

from celery import shared_task
from django.db import OperationalError

from apps.billing.models import ClinicDay, EndOfDayReconciliation
from apps.billing.services import closing, nightly
from apps.core.models import Administration
from apps.core.services.jobs import work_through

again: dict[str, Any] = {"autoretry_for": (OperationalError,), "retry_backoff": True, "max_retries": 5}


@shared_task
def close_due_days() -> None:
    """Every minute: ask for the nightly close of each administration whose closing time has come."""
    for administration, day in nightly.due_administrations():
        close_nightly.delay(str(administration.pk), day.isoformat())


@shared_task(**again)
def close_nightly(administration_id: str, day: str) -> None:
    """The nightly close of one administration."""
    nightly.close_nightly(Administration.objects.get(pk=administration_id), date.fromisoformat(day))


@shared_task(**again)
def prepare_days(job_id: str) -> None:
    """Prepare the closes of the clinic days that the job names, in the name of who asked."""
    work_through(
        job_id,
        lambda job: (
            ClinicDay.objects.visible_to(job.by)
            .filter(pk__in=job.arguments["days"])
            .select_related("administration")
            .order_by("date")
        ),
        lambda job, day: closing.close_day(day.administration, day.date, by=job.by),
    )


@shared_task(**again)
def finalize_days(job_id: str) -> None:
    """Finalize the day closes that the job names, in the name of who asked."""
    work_through(
        job_id,
        lambda job: (
            EndOfDayReconciliation.objects.visible_to(job.by)
            .filter(pk__in=job.arguments["closes"])
            .select_related("administration")
            .order_by("reconciliation_date")
        ),
        lambda job, close: closing.finalize_day(close, by=job.by),
    )
