"""Tasks of billing: each carries an id and can run twice."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.db import OperationalError
from django.utils import timezone
from django.utils.translation import override

from apps.billing.errors import ProviderUnreachable
from apps.billing.models import ClinicDay, EndOfDayReconciliation, PaystackEvent, PaystackTransaction
from apps.billing.services import catching_up, closing, importing, nightly, paystack
from apps.billing.services.provider_refunds import fetch_refunds
from apps.core.models import Administration, Job, Upload
from apps.core.services.jobs import work_through

again: dict[str, Any] = {"autoretry_for": (OperationalError,), "retry_backoff": True, "max_retries": 5}
# The provider may be away for longer than a database: asked again after 1, 2, 4, ... seconds, ten minutes at most.
ask_again: dict[str, Any] = {
    "autoretry_for": (OperationalError, ProviderUnreachable),
    "retry_backoff": True,
    "retry_backoff_max": 600,
    "max_retries": 8,
    "soft_time_limit": 300,
}
# How far back the provider is asked for what no message told: it repeats a message for three days itself.
PAYMENTS_SINCE, PAYOUTS_SINCE = timedelta(days=4), timedelta(days=14)


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


@shared_task(**again)
def import_clinic(job_id: str) -> None:
    """Import the kept files that the job names into its administration, in the name of who asked; the job keeps how
    much was added and which rows were not."""
    work_through(job_id, _administration, _import)


def _administration(job: Job) -> Any:
    return Administration.objects.visible_to(job.by).filter(pk=job.arguments["administration"])


def _import(job: Job, administration: Administration) -> None:
    uploads = Upload.objects.filter(administration=administration, purpose=importing.PURPOSE)
    files = uploads.filter(pk__in=job.arguments["files"])
    kept = importing.Kept(uploads.get(pk=job.arguments["mapping"]), list(files.order_by("pk")))
    with override(job.by.language or settings.LANGUAGE_CODE):  # a row's reason is put together as it is read
        done = importing.import_files(kept, administration=administration, by=job.by)
    job.arguments["made"] = done.made
    job.refusals += [{"what": where, **refusal.detail()} for where, refusal in done.left_out]


@shared_task(**ask_again)
def handle_provider_message(message_id: str) -> None:
    """Ask the provider about the payment that a message of its names."""
    paystack.handle_message(PaystackEvent.objects.select_related("administration").get(pk=message_id))


@shared_task
def ask_providers() -> None:
    """Every ten minutes: ask for what was paid in each administration that the provider is connected to."""
    for administration_id in settings.PAYSTACK_SECRET_KEYS:
        catch_up_with_provider.delay(administration_id)


@shared_task(**ask_again)
def catch_up_with_provider(administration_id: str) -> None:
    """Messages that wait, references that people typed, payments of the last days, payouts and refunds of the last
    weeks."""
    administration = Administration.objects.filter(pk=UUID(administration_id)).first()
    if administration is None:
        return
    now = timezone.now()
    for message in catching_up.waiting_messages(administration):
        paystack.handle_message(message)
    catching_up.fetch_transactions(administration, now - PAYMENTS_SINCE)
    catching_up.ask_about_typed(administration, now - PAYMENTS_SINCE)
    catching_up.fetch_settlements(administration, now - PAYOUTS_SINCE)
    fetch_refunds(administration, since=now - PAYOUTS_SINCE)


@shared_task(**ask_again)
def ask_about_reference(administration_id: str, reference: str) -> None:
    """Ask the provider about a reference that somebody has just typed."""
    catching_up.ask_about(Administration.objects.get(pk=administration_id), reference)


@shared_task(**again)
def verify_provider_payments(job_id: str) -> None:
    """Ask the provider again about the payments that the job names, in the name of who asked."""
    work_through(
        job_id,
        lambda job: (
            PaystackTransaction.objects.visible_to(job.by)
            .filter(pk__in=job.arguments["payments"])
            .select_related("administration")
            .order_by("id")
        ),
        lambda job, row: paystack.verify(row.administration, row.reference),
    )
