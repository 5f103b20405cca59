"""The event log: one row in the transaction of the fact, delivered a moment after its commit."""

from typing import Any

from django.conf import settings
from django.db import models

from apps.core.models import Administration, Delivery, Event, User
from apps.core.worker import ask


def record(name: str, subject: models.Model, *, by: User | None = None, **facts: Any) -> Event:
    """Record that ``name`` happened to ``subject``, with one delivery for each handler that ``EVENT_HANDLERS`` names.

    Call it inside the transaction that makes the fact. ``facts`` must be JSON values, dates, Decimals or UUIDs,
    and never a person's name.
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
    return event
