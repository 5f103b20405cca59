"""The event log: one row in the transaction of the fact, told and delivered a moment after its commit."""

import logging
import re
from typing import Any

from django.conf import settings
from django.db import models, transaction

from apps.core.models import Administration, Delivery, Event, User
from apps.core.worker import ask

logger = logging.getLogger(__name__)

# Names that the structured log has from elsewhere; every other event goes by its own.
LOGGED_AS = {
    "ledger.entry_posted": "journal_entry.created",
    "ledger.entry_reversed": "journal_entry.reversed",
}


def record(name: str, subject: models.Model, *, by: User | None = None, **facts: Any) -> Event:
    """Record that ``name`` happened to ``subject``, with one delivery for each handler that ``EVENT_HANDLERS`` names.

    Call it inside the transaction that makes the fact. ``facts`` must be JSON values, dates, Decimals or UUIDs,
    and never a person's name. Once the transaction commits, the log tells it too.
    """
    of_itself = subject.pk if isinstance(subject, Administration) else None
    event = Event.objects.create(
        name=name,
        administration_id=getattr(subject, "administration_id", of_itself),
        subject_type=subject._meta.label,
        subject_id=subject.pk,
        by=by,
        facts=facts,
    )
    handlers = settings.EVENT_HANDLERS.get(name, ())
    if handlers:
        Delivery.objects.bulk_create(Delivery(event=event, handler=handler) for handler in handlers)
        ask("apps.core.tasks.deliver_events")
    transaction.on_commit(lambda: _tell(event, subject))
    return event


def _tell(event: Event, subject: models.Model) -> None:
    name = LOGGED_AS.get(event.name, event.name)
    about = {
        "event": name,
        "entity_type": re.sub(r"(?<=[a-z])(?=[A-Z])", "_", subject._meta.object_name or "").lower(),
        "entity_id": event.subject_id,
        "client_id": event.administration_id,
        "period_id": getattr(subject, "period_id", None),
        "user_id": event.by_id,
    }
    # The subject's own words may be a person's name.
    logger.info(re.sub(r"[._]", " ", name).capitalize(), extra=about)
