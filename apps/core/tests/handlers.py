"""Handlers for tests in which the worker is a process of its own."""

import random
import time

from apps.core.events import record
from apps.core.models import Event

EFFECT = "core.effect_seen"


def leave_a_row(event: Event) -> None:
    """One row for each time that it happened, with time to be killed before and after."""
    time.sleep(random.uniform(0, 0.02))
    record(EFFECT, event)
    time.sleep(random.uniform(0, 0.02))
