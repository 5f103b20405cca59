"""Tasks of the ledger: each can run twice."""

import logging
from collections.abc import Iterable
from datetime import date
from typing import Any

from celery import shared_task
from django.db import OperationalError

from apps.core.errors import DomainError
from apps.core.models import Administration, Job, Upload
from apps.core.services.jobs import work_through
from apps.ledger.models import Batch
from apps.ledger.services import backfilling, depreciating, importing, rolling_up

logger = logging.getLogger(__name__)

again: dict[str, Any] = {"autoretry_for": (OperationalError,), "retry_backoff": True, "max_retries": 5}


@shared_task(**again)
def roll_up_months() -> None:
    """Every minute: roll up what was posted since the minute before, wherever something was."""
    for administration in rolling_up.behind():
        rolling_up.roll_up(administration)


@shared_task(**again)
def preview_books(job_id: str) -> None:
    """Read the file of books that the job names; the job keeps what importing it would make."""

    def preview(job: Job, upload: Upload) -> None:
        shown = importing.preview_import(upload, by=job.by, day=_day(job))
        job.arguments["preview"] = shown.as_facts()

    work_through(job_id, _upload, preview)


@shared_task(**again)
def import_books(job_id: str) -> None:
    """Import the file of books that the job names, in the name of who asked."""
    work_through(job_id, _upload, lambda job, upload: importing.import_books(upload, by=job.by, day=_day(job)))


def _upload(job: Job) -> Iterable[Upload]:
    uploads = Upload.objects.visible_to(job.by).filter(pk=job.arguments["upload"])
    return uploads.select_related("administration")


def _day(job: Job) -> date | None:
    return date.fromisoformat(job.arguments["day"]) if job.arguments.get("day") else None


@shared_task(**again)
def backfill_history(job_id: str) -> None:
    """Do a large backfill, one control account after another, in the name of who asked."""
    work_through(
        job_id,
        lambda job: backfilling.backfilled_accounts(Batch.objects.get(pk=job.arguments["batch"]).administration),
        lambda job, account: backfilling.backfill_account(
            Batch.objects.select_related("administration").get(pk=job.arguments["batch"]), account, by=job.by
        ),
    )


@shared_task
def post_due_depreciation() -> None:
    """Every hour: ask for the depreciation of each administration that has a month behind it which is not posted."""
    for administration, month in depreciating.due_administrations():
        post_depreciation.delay(str(administration.pk), month.isoformat())


@shared_task(**again)
def post_depreciation(administration_id: str, month: str) -> None:
    """The depreciation of one administration up to ``month``. A refusal waits for a person: a check tells them."""
    administration = Administration.objects.get(pk=administration_id)
    try:
        depreciating.post_depreciation(administration, date.fromisoformat(month), by=None)
    except DomainError as refusal:
        logger.warning("depreciation of %s in %s waits: %s", administration_id, month, refusal.code)
