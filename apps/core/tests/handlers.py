"""Handlers for tests in which the worker is a process of its own."""

import random
import time

from apps.core.models import Administration, Event


def leave_a_row(event: Event) -> None:
    """One row for each time that it happened, with time to be killed before and after."""
    time.sleep(random.uniform(0, 0.03))
    Administration.objects.create(name=f"effect of {event.pk}", country="NL")
    time.sleep(random.uniform(0, 0.03))
