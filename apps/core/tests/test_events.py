import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from apps.core.errors import AlreadyMember
from apps.core.events import record
from apps.core.models import Administration, Delivery, Event, Membership
from apps.core.services import delivery as deliveries
from apps.core.services.delivery import ENDED_WITHOUT_A_WORD, KEPT_FOR, MOST_ATTEMPTS, deliver_due, retry
from apps.core.tasks import forget
from apps.core.tests.factories import AdministrationFactory, MembershipFactory, UserFactory

HEARD: list[Event] = []


def hear(event):
    HEARD.append(event)


def hear_slowly(event):
    time.sleep(0.05)
    HEARD.append(event)


def hear_very_slowly(event):
    time.sleep(0.6)
    HEARD.append(event)


def write_and_fail(event):
    AdministrationFactory(name="half done")
    raise RuntimeError("the mail server is away")


def break_a_law(event):
    AdministrationFactory(name="half done")
    MembershipFactory(administration=event.administration, user=event.by)


def break_a_law_and_go_on(event):
    try:
        break_a_law(event)
    except DatabaseError:
        HEARD.append(event)


def break_a_law_that_speaks_at_commit(event):
    Membership.objects.create(administration=event.administration, user_id=event.pk, role=Membership.Role.OWNER)


def refuse_by_name(event):
    raise AlreadyMember(person="Anna Invented")


def take_the_process_down(event):
    AdministrationFactory(name="half done")
    os.kill(os.getpid(), signal.SIGKILL)


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


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (write_and_fail, "RuntimeError at"),
        (break_a_law, "IntegrityError (one_role_per_membership) at"),
        (break_a_law_and_go_on, "TransactionManagementError at"),
        (break_a_law_that_speaks_at_commit, "IntegrityError (core_membership_user_id_"),
        (refuse_by_name, "ALREADY_MEMBER at apps/core/tests/test_events.py:"),
    ],
)
def test_a_failed_delivery_undoes_what_its_handler_wrote_and_says_why_without_a_name(db, handlers, handler, said):
    handlers(handler, hear)
    membership = MembershipFactory(user__email="anna@clinic.example")
    event = record("core.tried", membership, by=membership.user)
    deliver_due()
    failed = Delivery.objects.get(delivered_at=None)
    assert failed.last_error.startswith(said)
    assert "nna" not in failed.last_error
    assert "away" not in failed.last_error
    assert not Administration.objects.filter(name="half done").exists()
    assert Membership.objects.count() == 1
    assert HEARD[-1] == event  # and the next one had its turn


def test_a_failed_delivery_waits_longer_each_time(db, handlers):
    handlers(write_and_fail)
    record("core.tried", AdministrationFactory())
    waits = []
    for _ in range(5):
        Delivery.objects.update(next_attempt_at=timezone.now())
        deliver_due()
        waits.append((Delivery.objects.get().next_attempt_at - timezone.now()).total_seconds())
    assert [round(wait) for wait in waits] == [1, 4, 16, 60, 60]


def test_a_handler_that_takes_its_process_down_is_counted_and_given_up(committed, handlers, process_env):
    handlers(take_the_process_down)
    record("core.tried", AdministrationFactory())
    handlers(hear)
    record("core.tried", AdministrationFactory())
    Delivery.objects.filter(handler__endswith="down").update(attempts=MOST_ATTEMPTS - 1)
    dispatch = "from apps.core.services.delivery import deliver_due; deliver_due()"
    died = subprocess.run([sys.executable, "manage.py", "shell", "-v", "0", "-c", dispatch], env=process_env)
    assert died.returncode == -signal.SIGKILL
    poison = Delivery.objects.get(handler__endswith="down")
    assert (poison.attempts, poison.last_error, poison.delivered_at) == (MOST_ATTEMPTS, ENDED_WITHOUT_A_WORD, None)
    Delivery.objects.update(next_attempt_at=timezone.now())
    deliver_due()
    poison.refresh_from_db()
    assert poison.gave_up_at
    assert len(HEARD) == 1
    assert not Administration.objects.filter(name="half done").exists()


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


def test_deliveries_are_made_in_the_order_of_their_events(db, handlers):
    handlers(hear)
    events = [record("core.tried", AdministrationFactory()) for _ in range(5)]
    deliver_due()
    assert events == HEARD


def test_what_was_delivered_long_ago_is_forgotten_and_what_gave_up_is_not(db, handlers):
    handlers(hear)
    for _ in range(3):
        record("core.tried", AdministrationFactory())
    old, new, gave_up = Delivery.objects.order_by("pk")
    long_ago = timezone.now() - KEPT_FOR - timedelta(seconds=1)
    Delivery.objects.filter(pk=old.pk).update(delivered_at=long_ago)
    Delivery.objects.filter(pk=new.pk).update(delivered_at=timezone.now())
    Delivery.objects.filter(pk=gave_up.pk).update(gave_up_at=long_ago)
    forget()
    assert list(Delivery.objects.order_by("pk")) == [new, gave_up]
    assert Event.objects.count() == 3


def test_the_dispatcher_is_asked_for_once_per_transaction_and_only_after_its_commit(
    db, handlers, django_capture_on_commit_callbacks
):
    handlers(hear, hear_slowly)
    with django_capture_on_commit_callbacks() as asked, transaction.atomic():
        record("core.tried", AdministrationFactory())
        record("core.tried", AdministrationFactory())
    assert [ask.task for ask in asked if hasattr(ask, "task")] == ["apps.core.tasks.deliver_events"]
    with django_capture_on_commit_callbacks() as asked, transaction.atomic():
        record("core.tried", AdministrationFactory())
        transaction.set_rollback(True)
    assert asked == []  # nor does the log tell it


def test_a_delivery_that_takes_longer_than_the_wait_is_not_begun_twice(committed, handlers, monkeypatch):
    monkeypatch.setattr(deliveries, "WAITS", [timedelta(milliseconds=200)] * 5)
    handlers(hear_very_slowly)
    record("core.tried", AdministrationFactory())
    dispatch_at_once(4, apart=0.15)  # two of them while it is heard, after the wait
    assert len(HEARD) == 1
    assert Delivery.objects.get().attempts == 1


def test_many_dispatchers_deliver_each_event_once(committed, handlers):
    handlers(hear_slowly)
    clinic = AdministrationFactory()
    events = [record("core.tried", clinic) for _ in range(12)]
    dispatch_at_once(4)
    assert sorted(event.pk for event in HEARD) == sorted(event.pk for event in events)
    assert not Delivery.objects.filter(delivered_at=None).exists()


def dispatch_at_once(count, apart=0.0):
    together = threading.Barrier(count)

    def dispatch(number):
        together.wait()
        time.sleep(number * apart)
        try:
            deliver_due()
        finally:
            connection.close()

    threads = [threading.Thread(target=dispatch, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
