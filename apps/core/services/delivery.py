"""Deliver what the event log holds to the handlers that ``EVENT_HANDLERS`` names.

A delivery is claimed in one transaction and made in the next. The claim counts the attempt and says when the next one
is due, so that a handler which takes its whole process down is counted as well and gives up like any other. Handler
and mark are one transaction under the row's lock: what a handler writes to the database happens exactly once. What it
tells the world outside, a mail, may be told twice: whoever dies between sending and committing sends again.
"""

import logging
import time
import traceback
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from apps.core.errors import DomainError
from apps.core.laws import prove_deferred
from apps.core.models import Delivery
from apps.core.worker import ask

log = logging.getLogger(__name__)

# Seed 004: one second at first, a minute at most, five retries. Fourfold, so that they outlast a restart of a server:
# 1, 4, 16, 60 and 60 seconds. Without jitter: deliveries are made one after the other, however many are due.
WAITS = [timedelta(seconds=min(4**retry, 60)) for retry in range(5)]
MOST_ATTEMPTS = 1 + len(WAITS)
KEPT_FOR = timedelta(days=30)
ENDED_WITHOUT_A_WORD = "The worker ended in the middle."


def deliver_due(seconds: float = 20) -> int:
    """Make the deliveries that are due, oldest first, for so long at most; return how many were tried.

    Several dispatchers may run at once. Each event is then tried in its turn, but not awaited by the next.
    """
    tried, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        delivery = _claim()
        if delivery is None:
            break
        if not delivery.gave_up_at:
            _deliver(delivery)
        tried += 1
    return tried


def retry(delivery: Delivery) -> None:
    """Let a delivery that gave up be tried again, from now on, as if it were new."""
    Delivery.objects.filter(pk=delivery.pk, delivered_at=None).update(
        attempts=0, gave_up_at=None, next_attempt_at=timezone.now()
    )
    ask("apps.core.tasks.deliver_events")


def forget() -> int:
    """Delete what was delivered long ago, and return how many there were. The events stay, and so does what gave up."""
    return Delivery.objects.filter(delivered_at__lt=timezone.now() - KEPT_FOR).delete()[0]


@transaction.atomic
def _claim() -> Delivery | None:
    """The next delivery that is due, with this attempt counted; given up when every attempt was used."""
    delivery: Delivery | None = (
        Delivery.objects.select_for_update(skip_locked=True)
        .filter(delivered_at=None, gave_up_at=None, next_attempt_at__lte=timezone.now())
        .order_by("next_attempt_at", "pk")
        .first()
    )
    if delivery is None:
        return None
    if delivery.attempts >= MOST_ATTEMPTS:
        delivery.gave_up_at = timezone.now()
    else:
        delivery.next_attempt_at = timezone.now() + WAITS[min(delivery.attempts, len(WAITS) - 1)]
        delivery.attempts += 1
        delivery.last_error = ENDED_WITHOUT_A_WORD  # true until something better is known
    delivery.save()
    return delivery


@transaction.atomic
def _deliver(claimed: Delivery) -> None:
    """Run the handler and mark the delivery, unless another attempt began meanwhile."""
    delivery = (
        Delivery.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("event")
        .filter(pk=claimed.pk, attempts=claimed.attempts, delivered_at=None, gave_up_at=None)
        .first()
    )
    if delivery is None:
        return
    try:
        with transaction.atomic():
            import_string(delivery.handler)(delivery.event)
            prove_deferred()  # what a law has against it is said here, not at the commit of the mark
    except Exception as error:
        delivery.last_error = what_went_wrong(error)
        log.warning("%s of event %s: %s", delivery.handler, delivery.event_id, delivery.last_error)
        if delivery.attempts >= MOST_ATTEMPTS:
            delivery.gave_up_at = timezone.now()
    else:
        delivery.delivered_at, delivery.last_error = timezone.now(), ""
    delivery.save()


def what_went_wrong(error: BaseException) -> str:
    """What kind of error, and where. Never its own words: they may hold an address, a name or a row."""
    kind = error.code if isinstance(error, DomainError) else type(error).__qualname__
    law = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_ours(frame.filename)]
    where = f"{Path(ours[-1].filename).relative_to(settings.BASE_DIR)}:{ours[-1].lineno}" if ours else ""
    return " ".join([kind, *([f"({law})"] if law else []), *([f"at {where}"] if where else [])])


def _is_ours(filename: str) -> bool:
    path = Path(filename)
    return path.is_relative_to(settings.BASE_DIR / "apps")
