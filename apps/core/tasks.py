"""Tasks of core: the dispatcher, and what may be forgotten."""

from celery import shared_task
from django.core.management import call_command

from apps.core import idempotency, one_time
from apps.core.services import delivery, jobs, lockout, mail, uploads


@shared_task(soft_time_limit=60, time_limit=90)
def deliver_events() -> None:
    """Deliver the events that are due. A handler that hangs is cut off, counted, and the next one has its turn."""
    delivery.deliver_due()


@shared_task
def resume_jobs() -> None:
    """Ask again for jobs whose worker died or whose message was lost."""
    jobs.resume_stalled()


@shared_task
def forget() -> None:
    """Forget what nobody asks for any more, from kept answers to ended sessions and files that no row names."""
    idempotency.forget()
    jobs.forget()
    delivery.forget()
    mail.forget()
    one_time.forget()
    lockout.forget()
    uploads.sweep()
    call_command("clearsessions")
