"""Tasks of core: the dispatcher, and what may be forgotten."""

from celery import shared_task
from django.contrib.sessions.models import Session
from django.utils import timezone

from apps.core import idempotency
from apps.core.services import delivery, jobs


@shared_task
def deliver_events() -> None:
    """Deliver the events that are due."""
    delivery.deliver_due()


@shared_task
def resume_jobs() -> None:
    """Ask again for jobs whose worker died or whose message was lost."""
    jobs.resume_stalled()


@shared_task
def forget_what_passed() -> None:
    """Forget what nobody asks for again: answers of Idempotency-Keys, ended jobs, sessions that ran out."""
    idempotency.forget()
    jobs.forget()
    Session.objects.filter(expire_date__lt=timezone.now()).delete()
