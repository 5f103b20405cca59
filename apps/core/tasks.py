"""Tasks of core: the dispatcher, and what may be forgotten."""

from celery import shared_task

from apps.core import idempotency
from apps.core.services import delivery, jobs, uploads


@shared_task
def deliver_events() -> None:
    """Deliver the events that are due."""
    delivery.deliver_due()


@shared_task
def resume_jobs() -> None:
    """Ask again for jobs whose worker died or whose message was lost."""
    jobs.resume_stalled()


@shared_task
def forget_answers() -> None:
    """Forget the answers of Idempotency-Keys that nobody sends again."""
    idempotency.forget()


@shared_task
def sweep_uploads() -> None:
    """Remove stored files that no row names."""
    uploads.sweep()
