"""The event log: one row in the transaction of the fact, told and delivered a moment after its commit."""

import json
import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models, transaction
from uuid_utils.compat import uuid7

from apps.core.models import Administration, Delivery, Event, User
from apps.core.worker import ask

logger = logging.getLogger(__name__)

# Names that the structured log has from elsewhere; every other event goes by its own.
LOGGED_AS = {
    "ledger.entry_posted": "journal_entry.created",
    "ledger.entry_reversed": "journal_entry.reversed",
}


# The same as ``record``, as parts of a statement that also writes the fact: see ``in_statement``.
EVENT = """
event AS (
    INSERT INTO core_event (id, name, administration_id, subject_type, subject_id, by_id, facts, at)
    SELECT %(event)s::uuid, %(event_name)s, %(administration)s::uuid, %(event_subject)s, id, %(by)s::uuid,
           %(event_facts)s::jsonb, now()
    FROM subject
), delivery AS (
    INSERT INTO core_delivery (event_id, handler, attempts, next_attempt_at, last_error)
    SELECT %(event)s::uuid, handler, 0, now(), '' FROM subject, unnest(%(handlers)s::text[]) AS handler
)"""


def in_statement(name: str, subject: models.Model, **facts: Any) -> dict[str, Any]:
    """What ``EVENT`` takes; its ``subject`` is a part of the statement that has the row's ``id``.

    Whoever runs the statement calls ``announce`` afterwards.
    """
    return {
        "event": uuid7(),
        "event_name": name,
        "event_subject": subject._meta.label,
        "event_facts": json.dumps(facts, cls=DjangoJSONEncoder),
        "handlers": _handlers(name),
    }


def record(name: str, subject: models.Model, *, by: User | None = None, **facts: Any) -> Event:
    """Record that ``name`` happened to ``subject``, with one delivery for each handler that ``EVENT_HANDLERS`` names.

    Call it inside the transaction that makes the fact. ``facts`` must be JSON values, dates, Decimals or UUIDs,
    and never a person's name. Once the transaction commits, the log tells it too.
    """
    (event,) = record_all(name, [(subject, facts)], by=by)
    return event


def record_all(
    name: str, subjects: Iterable[tuple[models.Model, Mapping[str, Any]]], *, by: User | None = None
) -> list[Event]:
    """``record`` for many subjects, each with its own facts, in one statement."""
    subjects = list(subjects)
    events = Event.objects.bulk_create(
        Event(
            name=name,
            administration_id=_administration(subject),
            subject_type=subject._meta.label,
            subject_id=subject.pk,
            by=by,
            facts=dict(facts),
        )
        for subject, facts in subjects
    )
    handlers = _handlers(name)
    Delivery.objects.bulk_create(Delivery(event=event, handler=handler) for event in events for handler in handlers)
    for subject, _facts in subjects:
        announce(name, subject, by=by)
    return events


def announce(name: str, subject: models.Model, *, by: User | None = None) -> None:
    """Have a written event delivered and told in the log, once the transaction commits."""
    if _handlers(name):
        ask("apps.core.tasks.deliver_events")
    if logger.isEnabledFor(logging.INFO):
        subject_id = subject.pk  # deleted with its row by then, perhaps
        transaction.on_commit(lambda: _tell(name, subject, subject_id, by))


def _handlers(name: str) -> list[str]:
    return list(settings.EVENT_HANDLERS.get(name, ()))


def _administration(subject: models.Model) -> Any:
    of_itself = subject.pk if isinstance(subject, Administration) else None
    return getattr(subject, "administration_id", of_itself)


def _tell(event: str, subject: models.Model, subject_id: Any, by: User | None) -> None:
    name = LOGGED_AS.get(event, event)
    about = {
        "event": name,
        "entity_type": re.sub(r"(?<=[a-z])(?=[A-Z])", "_", subject._meta.object_name or "").lower(),
        "entity_id": subject_id,
        "client_id": _administration(subject),
        "period_id": getattr(subject, "period_id", None),
        "user_id": by and by.pk,
    }
    # The subject's own words may be a person's name.
    logger.info(re.sub(r"[._]", " ", name).capitalize(), extra=about)
