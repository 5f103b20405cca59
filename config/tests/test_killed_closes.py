"""Days are closed while web, worker and database are killed (SIGKILL): none lost, none doubled.

``make test ARGS="config/tests/test_killed_closes.py -s" SIZE=200`` is the whole of it: 200 closes. PostgreSQL and
Valkey are the test's own and keep what was committed, as in production. The nightly close is asked for again by the
test, as beat asks for a night whose worker was lost.
"""

import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal as D
from itertools import groupby
from operator import itemgetter

import environ
import psutil
import pytest
from celery import Celery
from django.core.management import call_command
from django.db import connections
from django.db.models import Sum

from apps.billing.demo.clinic import user_of
from apps.billing.models import EndOfDayReconciliation, Patient, Payment, Service
from apps.billing.reports.sealed import seal_reason
from apps.billing.services.charging import Charge, issue_bill
from apps.billing.services.days import local_date
from apps.billing.tests.busy import busy_clinic
from apps.core.models import Event
from apps.ledger.models import JournalEntry, Seal
from config.tests.over_http import CLOSES, PAYMENTS, Caller, token_of
from conftest import OWNER_URL, url_of
from tools.dev import WEB, WORKER
from tools.servers import ROOT, Servers, free_port
from tools.supervisor import Part, Supervisor

SIZE = int(os.environ.get("SIZE", "10"))  # closes: of the days before today, and of today
KILLS = max(6, SIZE // 3)
AT_ONCE = 4  # days that are being closed at any moment
PATIENCE = 1800  # seconds: nothing is killed while nothing gets done, so whatever is slow is only slow
WAYS = ("web", "worker", "web and worker")


# PostgreSQL and Valkey of the test's own -------------------------------------------------------------------------


@pytest.fixture
def servers(tmp_path, template_database):
    servers, started = Servers(tmp_path / "servers", durable=True), Supervisor()
    servers.start_valkey(started)
    servers.start_postgres(started)
    servers.create_roles()
    tables, programs = tmp_path / "tables", servers.programs()
    subprocess.run([programs / "pg_dump", "-Fc", "-f", tables, url_of(template_database, OWNER_URL)], check=True)
    subprocess.run([programs / "pg_restore", "-d", servers.database_url("admin"), tables], check=True)
    servers.parts = {part.name: part for part in started.parts}
    yield servers
    started.end(started.parts)
    if servers.home != servers.folder:
        shutil.rmtree(servers.home, ignore_errors=True)


@pytest.fixture
def own_env(servers):
    env = os.environ | {"DATABASE_URL": servers.database_url("application"), "REDIS_URL": servers.redis_url}
    env |= {"EMAIL_URL": "dummymail://", "LOG_LEVEL": "WARNING"}
    del env["DATABASE_OWNER_URL"]
    return env


@pytest.fixture
def own_database(own_env, django_db_setup, django_db_blocker):
    """Django speaks with that server for as long as the test runs."""
    settings = connections["default"].settings_dict
    before = dict(settings)
    connections["default"].close()
    settings.update(environ.Env.db_url_config(own_env["DATABASE_URL"]), OPTIONS=before["OPTIONS"])
    with django_db_blocker.unblock():
        yield
        connections.close_all()
    settings.update(before)


# What is killed --------------------------------------------------------------------------------------------------


@pytest.fixture
def parts(servers, own_env, own_database, tmp_path):
    """Web, worker and database, by name."""
    port = free_port()
    lines = {"web": WEB.format(host="127.0.0.1", port=port), "worker": f"{WORKER} --without-gossip --without-mingle"}
    parts = {"database": servers.parts["postgres"]}
    for name, line in lines.items():
        log = str(tmp_path / f"{name}.log")
        parts[name] = Part(name, [sys.executable, "-m", *line.split()], own_env, cwd=str(ROOT), log=log)
        parts[name].port = port
    yield parts
    for name in lines:
        if parts[name].process:
            parts[name].kill_group()
            parts[name].process.wait()


def kill(part):
    """End a part with all its processes, as a machine that loses its power does."""
    main = psutil.Process(part.process.pid)
    main.suspend()  # it starts no other meanwhile
    for process in [*main.children(recursive=True), main]:
        end(process)
    part.process.wait()


def kill_one_of(part):
    """End one process of a part: the part stays, and mends itself."""
    children = psutil.Process(part.process.pid).children(recursive=True)
    if children:
        end(random.choice(children))


def end(process):
    try:
        process.kill()
    except psutil.NoSuchProcess:
        pass


def kill_at_random(parts, work):
    """Kill one after the other, each kind at least once, as more and more of ``work`` is done; what was killed.

    A part that ends is started again, as the supervisor does: always by this thread, with which its parts would end.
    """
    victims, killed = [(name, how) for how in (kill, kill_one_of) for name in parts], []
    while not all(one.done() for one in work):
        time.sleep(random.uniform(0, 0.3))
        if len(killed) < KILLS and sum(one.done() for one in work) >= SIZE * len(killed) // KILLS:
            name, how = victims[len(killed)] if len(killed) < len(victims) else random.choice(victims)
            how(parts[name])
            killed.append(name if how is kill else f"a process of {name}")
        for part in parts.values():
            if part.died():
                part.kill_group()
                part.start()
    return Counter(killed)


# Who closes ------------------------------------------------------------------------------------------------------


class Desk:
    """People who close days through the site and ask the worker for its night, whatever is killed meanwhile."""

    def __init__(self, clinic, port, broker):
        self.clinic, self.port = clinic, port
        self.tokens = {role: token_of(user_of(role)) for role in ("receptionist", "manager")}
        self.queue = Celery(broker=broker)
        self.prepared, self.paid = {}, set()  # what was answered

    def caller(self, role):
        return Caller(self.port, self.tokens[role])

    def close(self, day, way):
        """Have ``day`` prepared by the site, by the worker or by both at once, and sign it."""
        receptionist, manager = self.caller("receptionist"), self.caller("manager")
        if "worker" in way:
            self.ask_for_the_night(day)
        if "web" in way:
            for key in (f"close-{day}", ""):  # without a key it is safe as well
                made = receptionist.until_answered("POST", CLOSES, {"reconciliation_date": day.isoformat()}, key)
                assert made.status in (200, 201), made
                assert made.body["id"] == self.prepared.setdefault(day, made.body["id"])
        else:
            self.prepared[day] = self.found(receptionist, day)
        path = f"{CLOSES}{self.prepared[day]}/finalize/"
        signed = manager.until_answered("POST", path, {}, random.choice([f"sign-{day}", ""]))
        assert signed.status == 200 or signed.code == "ALREADY_FINALIZED", signed  # it was, and the answer was lost

    def ask_for_the_night(self, day):
        self.queue.send_task("apps.billing.tasks.close_nightly", [str(self.clinic.pk), day.isoformat()])

    def found(self, caller, day):
        """The close of ``day`` once the worker made it; asked for again and again, as beat does."""
        began = asked = time.monotonic()
        while time.monotonic() - began < PATIENCE:
            answer = caller.until_answered("GET", f"{CLOSES}?start_date={day}&end_date={day}", seconds=PATIENCE)
            if answer.body["results"]:
                return answer.body["results"][0]["id"]
            if time.monotonic() - asked > 5:
                self.ask_for_the_night(day)
                asked = time.monotonic()
            time.sleep(0.2)
        raise AssertionError(f"the worker did not close {day}")

    def pay(self, bill):
        """A payment of today: of today's day, or late in the next one once that is signed."""
        body = {"bill_id": str(bill.pk), "method": "CARD", "amount": "10.00"}
        answer = self.caller("receptionist").until_answered("POST", PAYMENTS, body, f"pay-{bill.pk}")
        assert answer.status == 201, answer
        self.paid.add(answer.body["id"])


def bills_of_today(clinic):
    """One for each day that is closed, to be paid meanwhile."""
    patient = Patient.objects.filter(administration=clinic, covers=None).earliest("code")
    service = Service.objects.get(administration=clinic, code="C10")
    receptionist = user_of("receptionist")
    return [issue_bill(patient=patient, charges=[Charge(service)], by=receptionist) for _turn in range(SIZE)]


def test_days_are_closed_once_while_web_worker_and_database_are_killed(parts, servers):
    clinic, days = busy_clinic(SIZE - 1)
    days.append(local_date(clinic))
    before = set(Payment.objects.values_list("pk", flat=True))
    bills = bills_of_today(clinic)
    desk = Desk(clinic, parts["web"].port, servers.redis_url)
    order = random.sample(range(SIZE), SIZE)

    def work(number):
        desk.pay(bills[number])
        desk.close(days[number], WAYS[number % len(WAYS)])

    for name in ("web", "worker"):
        parts[name].start()
    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        asked = [threads.submit(work, number) for number in order]
        killed = kill_at_random(parts, asked)
    for done in asked:
        done.result()
    print(f"{SIZE} closes in {time.monotonic() - began:.0f} s; killed: {dict(killed)}")

    connections.close_all()
    servers.wait_for_postgres()
    assert set(killed) >= {"web", "worker", "database"}
    closed_once(clinic, days, desk)
    paid_once(clinic, before, desk)
    call_command("verify_books")


def closed_once(clinic, days, desk):
    """One report a day, the one that was answered; numbers without a gap; one entry, one seal, one event of each."""
    closes = EndOfDayReconciliation.objects.filter(administration=clinic)
    assert {close.reconciliation_date: str(close.pk) for close in closes} == desk.prepared
    assert sorted(close.reconciliation_date for close in closes) == days
    assert {(close.revision, close.status) for close in closes} == {(1, "FINALIZED")}
    assert sorted(close.number for close in closes) == list(range(1, SIZE + 1))
    entries = JournalEntry.objects.filter(administration=clinic, source_type="day_close")
    assert {entry.source_id: entry.pk for entry in entries} == {close.pk: close.entry_id for close in closes}
    assert len(entries) == SIZE
    for _year, rows in groupby(sorted(entries.values_list("year", "number")), itemgetter(0)):
        numbers = [number for _year, number in rows]
        assert numbers == list(range(1, len(numbers) + 1))
    reasons = Counter(Seal.objects.filter(administration=clinic).values_list("reason", flat=True))
    assert reasons == Counter({seal_reason(close): 1 for close in closes})
    for name in ("billing.day_prepared", "billing.day_finalized"):
        told = Counter(Event.objects.filter(name=name).values_list("subject_id", flat=True))
        assert told == Counter({close.pk: 1 for close in closes}), name


def paid_once(clinic, before, desk):
    """Every payment that was answered is there once and in one day, and the days add up to the payments."""
    payments = Payment.objects.filter(administration=clinic)
    assert {str(pk) for pk in set(payments.values_list("pk", flat=True)) - before} == desk.paid
    assert len(desk.paid) == SIZE
    assert sorted(payments.values_list("number", flat=True)) == list(range(1, len(before) + SIZE + 1))
    closes = EndOfDayReconciliation.objects.filter(administration=clinic)
    late = payments.filter(late_for__date=local_date(clinic)).aggregate(sum=Sum("amount", default=D(0)))["sum"]
    stated = sum(close.total_revenue for close in closes)
    assert stated + late == payments.aggregate(sum=Sum("amount"))["sum"]
