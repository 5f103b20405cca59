"""Asking the worker for a task, from inside a transaction."""

import logging
from dataclasses import dataclass

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)

# At once: the broker may have been started anew since this process last spoke to it.
ONCE_MORE = {"max_retries": 1, "interval_start": 0, "interval_max": 0}


@dataclass(frozen=True)
class Asked:
    """A task and what it is asked with, to be sent to the broker."""

    task: str
    arguments: tuple[str, ...] = ()

    def __call__(self) -> None:
        try:
            current_app.send_task(self.task, args=list(self.arguments), retry_policy=ONCE_MORE)
        except OperationalError as error:  # the commit stands, and so must its answer; beat asks again
            log.warning("the broker is away, %s waits for beat: %s", self.task, error)


def ask(task: str, *arguments: str) -> None:
    """Ask the worker for ``task``, by its full name, once this transaction commits; once, however often it is asked.

    Nothing is lost and nobody is failed by a broker that is away: ask only for what beat finds as well.
    """
    asked = Asked(task, arguments)
    if asked not in [waiting for _savepoints, waiting, _robust in transaction.get_connection().run_on_commit]:
        transaction.on_commit(asked)
