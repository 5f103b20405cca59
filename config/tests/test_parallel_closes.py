"""Fifty at once close each of many days over HTTP, in a clinic where everything happens: one report a day.

``make test ARGS="config/tests/test_parallel_closes.py -s" SIZE=100`` is the whole of it: 100 days.
"""

import os
import statistics
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

import pytest
from django.core.management import call_command
from django.db.models import Sum

from apps.billing.demo.clinic import user_of
from apps.billing.models import EndOfDayReconciliation, Payment
from apps.billing.tests.busy import busy_clinic
from apps.core.models import Event
from config.tests.over_http import CLOSES, Caller, token_of

DAYS = int(os.environ.get("SIZE", "3"))
AT_ONCE = 50


@pytest.fixture
def clinic(committed):
    return busy_clinic(DAYS)


@pytest.fixture
def at_once(clinic, site):
    """Fifty people with a connection each: ``at_once(method, path, body)`` answers what each of them was told."""
    tokens = cycle([token_of(user_of("receptionist")), token_of(user_of("cashier"))])
    callers = [Caller(site.port, token) for token, _turn in zip(tokens, range(AT_ONCE), strict=False)]
    gate = threading.Barrier(AT_ONCE)

    def ask(caller, *asked):
        gate.wait()
        return caller(*asked)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        yield lambda *asked: list(threads.map(lambda caller: ask(caller, *asked), callers))


def test_fifty_at_once_close_a_day_with_one_report_and_no_error(clinic, at_once, site):
    administration, days = clinic
    manager = Caller(site.port, token_of(user_of("manager")))
    made, took = {}, []
    for day in days:
        began = time.perf_counter()
        answers = at_once("POST", CLOSES, {"reconciliation_date": day.isoformat()})
        took.append(time.perf_counter() - began)
        assert Counter(answer.status for answer in answers) == {201: 1, 200: AT_ONCE - 1}, day
        (made[day],) = {answer.body["id"] for answer in answers}
        signed = manager("POST", f"{CLOSES}{made[day]}/finalize/", {})
        assert (signed.status, signed.body["status"]) == (200, "FINALIZED"), signed
    middle = statistics.median(took)
    print(f"{DAYS} days closed by {AT_ONCE} at once: median {middle:.2f} s, longest {max(took):.2f} s a day")

    closes = EndOfDayReconciliation.objects.filter(administration=administration)
    assert {close.reconciliation_date: str(close.pk) for close in closes} == made
    assert sorted(closes.values_list("number", flat=True)) == list(range(1, DAYS + 1))
    assert sum(close.active_visits_closed for close in closes) == DAYS
    assert Event.objects.filter(name="billing.day_prepared").count() == DAYS
    taken = Payment.objects.aggregate(sum=Sum("amount"))["sum"]
    assert sum(close.total_revenue for close in closes) == taken
    # What makes the days busy is in them.
    assert all(close.breakdown["drawers"] for close in closes)
    assert sum(close.revenue_leaks_detected for close in closes) >= DAYS / 10
    call_command("verify_books")
