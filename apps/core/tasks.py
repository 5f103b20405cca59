"""Tasks of core: the dispatcher."""

from celery import shared_task

from apps.core.services import delivery


@shared_task
def deliver_events() -> None:
    """Deliver the events that are due."""
    delivery.deliver_due()
