"""Tasks of periods: each can run twice."""

import logging
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from celery import shared_task
from django.db import OperationalError
from django.utils import timezone

from apps.core.errors import DomainError
from apps.core.models import Administration, Job
from apps.core.services.jobs import work_through
from apps.ledger.models import Period
from apps.periods.errors import CannotFinalize
from apps.periods.services import exporting, packing, storing
from apps.periods.services.finalizing import finalize_period
from apps.periods.services.reviewing import review_period
from apps.periods.services.years import open_ahead

logger = logging.getLogger(__name__)

again: dict[str, Any] = {"autoretry_for": (OperationalError,), "retry_backoff": True, "max_retries": 5}


@shared_task(**again)
def open_years_ahead() -> None:
    """Every day: see to it that every administration has periods to the end of its next fiscal year."""
    for administration in Administration.objects.all():
        try:
            open_ahead(administration, timezone.localdate(timezone=ZoneInfo(administration.time_zone)))
        except DomainError as refusal:
            facts = {"administration": str(administration.pk), "code": refusal.code}
            logger.warning("No year is opened ahead: %s", refusal.code, extra=facts)


@shared_task(**again)
def review(job_id: str) -> None:
    """Begin the review of the period that the job names, in the name of who asked."""

    def begin(job: Job, period: Period) -> None:
        if period.admits_posting:
            review_period(period, by=job.by, notes=job.arguments["notes"])

    work_through(job_id, _period, begin)


@shared_task(**again)
def finalize(job_id: str) -> None:
    """Finalize the period that the job names, in the name of who asked."""

    def close(job: Job, period: Period) -> None:
        if period.admits_posting:
            ids = [UUID(pk) for pk in job.arguments["acknowledged"]]
            try:
                finalize_period(period, by=job.by, acknowledged=ids, notes=job.arguments["notes"])
            except CannotFinalize as refusal:  # listed here, so that what was found stays to be looked at
                job.refusals.append({"what": str(period), **refusal.detail()})

    work_through(job_id, _period, close)


def export_books(job_id: str) -> None:
    """Write the export that the job names, in the name of who asked."""

    def export(job: Job, administration: Administration) -> None:
        asked = job.arguments
        exporting.export_books(
            administration,
            asked["format"],
            date.fromisoformat(asked["first_day"]),
            date.fromisoformat(asked["last_day"]),
            known_at=datetime.fromisoformat(asked["known_at"]),
            by=job.by,
            key=UUID(asked["export"]),
        )

    work_through(job_id, _administration, export)


@shared_task(**again)
def pack_period(job_id: str) -> None:
    """Make the evidence pack that the job names, in the name of who asked."""

    def pack(job: Job, period: Period) -> None:
        packing.pack_period(period, job.arguments["pack_type"], by=job.by, key=UUID(job.arguments["pack"]))

    work_through(job_id, _period, pack)


@shared_task
def sweep_files() -> None:
    """Every night: remove files that no row names."""
    storing.sweep()


def _administration(job: Job) -> Iterable[Administration]:
    return Administration.objects.visible_to(job.by).filter(pk=job.arguments["administration"])


def _period(job: Job) -> Iterable[Period]:
    periods = Period.objects.visible_to(job.by).filter(pk=job.arguments["period"])
    found: Iterable[Period] = periods.select_related("administration")
    return found
