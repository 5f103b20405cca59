import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from apps.core.events import record
from apps.core.models import Delivery, Event
from apps.core.services.delivery import MOST_ATTEMPTS, deliver_due, retry
from apps.core.tests.factories import AdministrationFactory, UserFactory

HEARD: list[Event] = []


def hear(event):
    HEARD.append(event)


def hear_slowly(event):
    time.sleep(0.05)
    HEARD.append(event)


def write_and_fail(event):
    AdministrationFactory(name="half done")
    raise RuntimeError("the mail server is away")


@pytest.fixture(autouse=True)
def _nothing_heard():
    HEARD.clear()


@pytest.fixture
def handlers(settings):
    def name(*functions):
        settings.EVENT_HANDLERS = {"core.tried": [f"{__name__}.{function.__name__}" for function in functions]}

    return name


def test_an_event_says_what_happened_to_what_by_whom(db):
    clinic, person = AdministrationFactory(), UserFactory()
    event = record("core.tried", clinic, by=person, colour="green")
    assert (event.administration, event.subject_type, event.subject_id) == (clinic, "core.Administration", clinic.pk)
    assert (event.by, event.facts) == (person, {"colour": "green"})


def test_an_event_is_part_of_the_transaction_of_its_fact(db):
    with transaction.atomic():
        record("core.tried", AdministrationFactory())
        transaction.set_rollback(True)
    assert not Event.objects.exists()


def test_an_event_is_delivered_to_its_handler_once(db, handlers):
    handlers(hear)
    event = record("core.tried", AdministrationFactory())
    deliver_due()
    deliver_due()
    assert [event] == HEARD
    assert Delivery.objects.get().delivered_at


def test_an_event_that_nobody_hears_has_no_delivery(db, settings):
    settings.EVENT_HANDLERS = {}
    record("core.tried", AdministrationFactory())
    assert not Delivery.objects.exists()


def test_each_handler_has_a_delivery_of_its_own_and_one_that_fails_does_not_stop_the_other(db, handlers):
    handlers(write_and_fail, hear)
    record("core.tried", AdministrationFactory())
    deliver_due()
    assert len(HEARD) == 1
    assert Delivery.objects.filter(delivered_at=None).count() == 1


def test_a_failed_delivery_undoes_what_its_handler_wrote_and_keeps_the_reason(db, handlers):
    handlers(write_and_fail)
    clinic = AdministrationFactory()
    record("core.tried", clinic)
    deliver_due()
    assert not type(clinic).objects.filter(name="half done").exists()
    assert Delivery.objects.get().last_error == "RuntimeError: the mail server is away"


def test_a_failed_delivery_waits_longer_each_time(db, handlers):
    handlers(write_and_fail)
    record("core.tried", AdministrationFactory())
    waits = []
    for _ in range(3):
        Delivery.objects.update(next_attempt_at=timezone.now())
        deliver_due()
        waits.append((Delivery.objects.get().next_attempt_at - timezone.now()).total_seconds())
    assert [round(wait) for wait in waits] == [2, 4, 8]


def test_a_delivery_that_keeps_failing_is_given_up_and_no_longer_tried(db, handlers):
    handlers(write_and_fail)
    record("core.tried", AdministrationFactory())
    for _ in range(MOST_ATTEMPTS + 2):
        Delivery.objects.update(next_attempt_at=timezone.now())
        deliver_due()
    delivery = Delivery.objects.get()
    assert delivery.gave_up_at
    assert delivery.attempts == MOST_ATTEMPTS


def test_a_delivery_that_was_given_up_can_be_tried_again(db, handlers):
    handlers(hear)
    record("core.tried", AdministrationFactory())
    long_ago = timezone.now() - timedelta(days=1)
    Delivery.objects.update(gave_up_at=long_ago, attempts=MOST_ATTEMPTS)
    deliver_due()
    assert HEARD == []
    retry(Delivery.objects.get())
    deliver_due()
    assert len(HEARD) == 1


def test_many_dispatchers_deliver_each_event_once(committed, handlers):
    handlers(hear_slowly)
    clinic = AdministrationFactory()
    events = [record("core.tried", clinic) for _ in range(12)]
    together = threading.Barrier(4)

    def dispatch():
        together.wait()
        try:
            deliver_due()
        finally:
            connection.close()

    threads = [threading.Thread(target=dispatch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(event.pk for event in HEARD) == sorted(event.pk for event in events)
    assert not Delivery.objects.filter(delivered_at=None).exists()
