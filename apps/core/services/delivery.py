"""Deliver what the event log holds to the handlers that ``EVENT_HANDLERS`` names, at least once."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from apps.core.models import Delivery

MOST_ATTEMPTS = 10


def deliver_due(limit: int = 500) -> int:
    """Try up to ``limit`` deliveries that are due and return how many were; several dispatchers may run at once."""
    tried = 0
    while tried < limit and _deliver_one():
        tried += 1
    return tried


def retry(delivery: Delivery) -> None:
    """Let a delivery that gave up be tried again, from now on, as if it were new."""
    Delivery.objects.filter(pk=delivery.pk, delivered_at=None).update(
        attempts=0, gave_up_at=None, next_attempt_at=timezone.now()
    )


@transaction.atomic
def _deliver_one() -> bool:
    """Claim one delivery, run its handler and mark it in one transaction: a database effect happens exactly once."""
    delivery = (
        Delivery.objects.select_for_update(skip_locked=True)
        .filter(delivered_at=None, gave_up_at=None, next_attempt_at__lte=timezone.now())
        .order_by("next_attempt_at")
        .first()
    )
    if delivery is None:
        return False
    delivery.attempts += 1
    try:
        with transaction.atomic():
            import_string(delivery.handler)(delivery.event)
    except Exception as error:  # the reason is kept beside the event, and tried again later
        delivery.last_error = f"{type(error).__name__}: {error}"
        delivery.next_attempt_at = timezone.now() + timedelta(seconds=2**delivery.attempts)
        if delivery.attempts >= MOST_ATTEMPTS:
            delivery.gave_up_at = timezone.now()
    else:
        delivery.delivered_at = timezone.now()
    delivery.save()
    return True
