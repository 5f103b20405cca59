"""The Celery application: workers and beat read everything from the settings, and say that they live."""

import logging
import os
from typing import Any

from celery import Celery, signals
from celery.beat import PersistentScheduler

from apps.core.health import leave_heartbeat
from apps.core.logs import request_id

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("daybook")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

logger = logging.getLogger(__name__)


class Scheduler(PersistentScheduler):
    """Beat, leaving its heartbeat in the loop that does its work, so that it is missed when that loop stands still."""

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        leave_heartbeat("beat")
        return super().tick(*args, **kwargs)


@signals.heartbeat_sent.connect
def worker_lives(**_: Any) -> None:
    leave_heartbeat("worker")


@signals.setup_logging.connect
def keep_logging(**_: Any) -> None:
    """Celery leaves logging alone when somebody listens here: the settings say how it is done."""


@signals.before_task_publish.connect
def send_request_id(headers: dict[str, Any], **_: Any) -> None:
    if request_id.get():
        headers["request_id"] = request_id.get()


@signals.task_prerun.connect
def take_request_id(task_id: str, task: Any, **_: Any) -> None:
    """A task that no request asked for goes by its own id."""
    request_id.set(task.request.get("request_id") or task_id)


@signals.task_postrun.connect
def forget_request_id(**_: Any) -> None:
    request_id.set("")


@signals.task_failure.connect
def tell_failure(sender: Any, exception: BaseException, **_: Any) -> None:
    known = {"event": "system.operation_failed", "task": sender.name}
    logger.error("Task %s failed", sender.name, exc_info=exception, extra=known)
