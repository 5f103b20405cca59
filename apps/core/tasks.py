"""Tasks of core: the dispatcher, and what may be forgotten."""

from celery import shared_task

from apps.core import idempotency
from apps.core.services import delivery, jobs


@shared_task(soft_time_limit=60, time_limit=90)
def deliver_events() -> None:
    """Deliver the events that are due. A handler that hangs is cut off, counted, and the next one has its turn."""
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
def forget_deliveries() -> None:
    """Forget that events were delivered long ago; the events themselves are kept for good."""
    delivery.forget()
