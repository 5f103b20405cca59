"""Whether the site can serve, and whether what it hands on is taken up.

Worker and beat each leave a heartbeat in the broker from their own loop (``config/celery.py``), so that one that
died or hangs is missed within ``HEARTBEAT_LASTS``, whatever the other does.
"""

from dataclasses import dataclass
from functools import cache

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from redis.backoff import NoBackoff
from redis.retry import Retry

HEALTHY, WARNING, UNHEALTHY, UNKNOWN = "healthy", "warning", "unhealthy", "unknown"
STATUSES = (HEALTHY, WARNING, UNHEALTHY, UNKNOWN)

HEARTBEAT_LASTS = 15  # seconds; a worker beats every 2, beat at least every 5
DATABASE_WAIT = 2  # seconds, the least that libpq takes
BROKER_WAIT = 1  # seconds


@dataclass(frozen=True)
class Component:
    """The state of one part, in a word and in a sentence without addresses, versions or secrets."""

    status: str
    message: str


def components() -> dict[str, Component]:
    """Every part that Daybook needs; answers within ``DATABASE_WAIT`` + ``BROKER_WAIT`` whatever hangs."""
    database, migrations = _database()
    broker, background_tasks = _broker()
    return {"database": database, "redis": broker, "migrations": migrations, "background_tasks": background_tasks}


def overall(parts: dict[str, Component]) -> str:
    """``unhealthy`` when the site cannot serve, ``warning`` when something that it hands on lies still."""
    found = {part.status for part in parts.values()}
    return next((status for status in (UNHEALTHY, WARNING) if status in found), HEALTHY)


def leave_heartbeat(who: str) -> None:
    """Say that ``who`` ("worker" or "beat") is at work; it is forgotten after ``HEARTBEAT_LASTS`` seconds."""
    try:
        with _connection() as broker:
            broker.set(_key(who), 1, ex=HEARTBEAT_LASTS)
    except redis.RedisError:
        pass  # a heartbeat that cannot be left is missed


def _database() -> tuple[Component, Component]:
    """Database and migrations, asked on a connection of their own: an old one could wait for a server that hangs."""
    fresh = connection.copy()
    fresh.settings_dict["OPTIONS"] = {**fresh.settings_dict["OPTIONS"], "connect_timeout": DATABASE_WAIT}
    try:
        return Component(HEALTHY, _("Connected")), _migrations(fresh)
    except DatabaseError:
        return Component(UNHEALTHY, _("No answer")), Component(UNKNOWN, _("The database cannot be asked"))
    finally:
        fresh.close()


def _migrations(fresh: BaseDatabaseWrapper) -> Component:
    waiting = len(_known_migrations() - set(MigrationRecorder(fresh).applied_migrations()))
    if waiting:
        return Component(UNHEALTHY, ngettext("%d migration waits", "%d migrations wait", waiting) % waiting)
    return Component(HEALTHY, _("Up to date"))


@cache
def _known_migrations() -> set[tuple[str, str]]:
    """Those of the code, which does not change while it runs."""
    return set(MigrationLoader(None).graph.nodes)


def _broker() -> tuple[Component, Component]:
    try:
        with _connection() as broker:
            worker, beat = broker.mget(_key("worker"), _key("beat"))
    except redis.RedisError:
        return Component(UNHEALTHY, _("No answer")), Component(UNKNOWN, _("The broker cannot be asked"))
    return Component(HEALTHY, _("Connected")), _background_tasks(bool(worker), bool(beat))


def _background_tasks(worker: bool, beat: bool) -> Component:
    if worker and beat:
        return Component(HEALTHY, _("Worker and scheduler are at work"))
    if beat:
        return Component(WARNING, _("No worker is at work: jobs, e-mails and nightly closes wait"))
    if worker:
        return Component(WARNING, _("The scheduler is not at work: e-mails and nightly closes wait"))
    return Component(WARNING, _("Neither worker nor scheduler is at work: jobs, e-mails and nightly closes wait"))


def _connection() -> redis.Redis:
    return redis.Redis.from_url(
        settings.CELERY_BROKER_URL,
        socket_timeout=BROKER_WAIT,
        socket_connect_timeout=BROKER_WAIT,
        retry=Retry(NoBackoff(), 0),
    )


def _key(who: str) -> str:
    return f"daybook:heartbeat:{who}"
