"""/health tells the truth about every part, soon, and tells nobody where the parts are."""

import os
import signal
import socket
import time

import pytest
import redis
from django.db import connection
from django.utils.dateparse import parse_datetime

from apps.core import health
from conftest import process
from tools.dev import BEAT

NEITHER = "Neither worker nor scheduler is at work: jobs, e-mails and nightly closes wait"


@pytest.fixture(autouse=True)
def _no_heartbeat(settings):
    with redis.Redis.from_url(settings.CELERY_BROKER_URL) as broker:
        broker.delete("daybook:heartbeat:worker", "daybook:heartbeat:beat")


@pytest.fixture
def hanging():
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def asked(client):
    began = time.monotonic()
    answer = client.get("/health")
    assert time.monotonic() - began < health.DATABASE_WAIT + health.BROKER_WAIT + 0.5
    return answer


def state_of(answer):
    return {name: part["status"] for name, part in answer.json()["components"].items()}


def test_everything_at_work_is_healthy(client, db):
    health.leave_heartbeat("worker")
    health.leave_heartbeat("beat")
    answer = asked(client)
    assert answer.status_code == 200
    said = answer.json()
    assert parse_datetime(said.pop("timestamp"))
    assert said == {
        "status": "healthy",
        "components": {
            "database": {"status": "healthy", "message": "Connected"},
            "redis": {"status": "healthy", "message": "Connected"},
            "migrations": {"status": "healthy", "message": "Up to date"},
            "background_tasks": {"status": "healthy", "message": "Worker and scheduler are at work"},
        },
    }


@pytest.mark.parametrize(
    ("alive", "words"), [("worker", "The scheduler is not at work"), ("beat", "No worker is at work"), ("", NEITHER)]
)
def test_work_that_nobody_takes_up_is_a_warning_in_words_while_the_site_serves(client, db, alive, words):
    if alive:
        health.leave_heartbeat(alive)
    answer = asked(client)
    assert (answer.status_code, answer.json()["status"]) == (200, "warning")
    assert answer.json()["components"]["background_tasks"]["message"].startswith(words)
    assert set(state_of(answer).values()) == {"healthy", "warning"}


def test_a_broker_that_is_away_is_unhealthy_and_its_address_stays_untold(client, db, settings):
    settings.CELERY_BROKER_URL = "redis://:secret@127.0.0.1:1/0"
    answer = asked(client)
    assert (answer.status_code, answer.json()["status"]) == (503, "unhealthy")
    assert state_of(answer)["redis"] == "unhealthy"
    assert state_of(answer)["background_tasks"] == "unknown"
    assert b"secret" not in answer.content
    assert b"127.0.0.1" not in answer.content


def test_a_broker_that_hangs_is_not_waited_for(client, db, settings, hanging):
    settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{hanging}/0"
    answer = asked(client)
    assert answer.status_code == 503
    assert state_of(answer)["redis"] == "unhealthy"
    health.leave_heartbeat("worker")  # nor does a worker stop for it


@pytest.mark.parametrize("how", ["away", "hanging"])
def test_a_database_that_does_not_answer_is_unhealthy(client, db, monkeypatch, hanging, how):
    monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
    monkeypatch.setitem(connection.settings_dict, "PORT", hanging if how == "hanging" else 1)
    answer = asked(client)
    assert (answer.status_code, answer.json()["status"]) == (503, "unhealthy")
    assert state_of(answer)["database"] == "unhealthy"
    assert state_of(answer)["migrations"] == "unknown"
    assert b"127.0.0.1" not in answer.content


def test_a_migration_that_waits_is_unhealthy(client, committed, owner_connection):
    owner_connection.execute("DELETE FROM django_migrations WHERE id = (SELECT max(id) FROM django_migrations)")
    answer = asked(client)
    assert answer.status_code == 503
    assert answer.json()["components"]["migrations"] == {"status": "unhealthy", "message": "1 migration waits"}


def test_worker_and_beat_are_each_missed_when_they_die_or_hang(client, worker, process_env, tmp_path):
    def until_status(worker_lives, beat_lives):
        deadline = time.monotonic() + health.HEARTBEAT_LASTS + 15
        wanted = health._background_tasks(worker_lives, beat_lives).message
        while asked(client).json()["components"]["background_tasks"]["message"] != wanted:
            assert time.monotonic() < deadline, (wanted, asked(client).json())
            time.sleep(0.2)

    until_status(True, False)
    with process(BEAT.format(schedule=tmp_path / "beat"), process_env, tmp_path / "beat.log") as beat:
        until_status(True, True)
        os.kill(beat.pid, signal.SIGSTOP)  # lives, but does nothing
        until_status(True, False)
        os.kill(beat.pid, signal.SIGCONT)
        os.killpg(worker.pid, signal.SIGKILL)
        until_status(False, True)
