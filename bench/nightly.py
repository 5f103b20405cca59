"""The nightly close of many clinics through the real worker: closes per second with one and two worker processes.

1,000 administrations (``SIZE=`` says how many), each with a day of 100 visits, 100 bills and 100 payments in seven
methods. A figure is the time from the first request to the last close that is written; worker, broker and database
share the machine. Between two runs what was closed is put back by the owner of the tables.

nightly.1_worker   one worker process; limit: the same service called in a loop, without broker and worker
nightly.2_workers  two worker processes; limit: one

``worker_cpu`` and ``database_cpu`` say where the rest goes: milliseconds of processor time per close.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

import psutil  # noqa: E402
import psycopg  # noqa: E402

from apps.billing.models import NightlyClose, Payment  # noqa: E402
from apps.billing.services.catalogue import open_catalogue, register_patient, register_payer  # noqa: E402
from apps.billing.services.nightly import close_nightly  # noqa: E402
from apps.billing.tasks import close_nightly as close_nightly_task  # noqa: E402
from apps.core.models import Administration  # noqa: E402
from apps.ledger.services.opening import open_books, open_years  # noqa: E402
from bench import SIZE, end, figure, in_turn  # noqa: E402
from bench.books.loading import as_owner as owner_of_tables  # noqa: E402
from bench.books.loading import disabled, loaded  # noqa: E402
from tools.servers import ROOT  # noqa: E402

CLINICS = int(SIZE or 1000)
VISITS = 100
DAY = date(2026, 6, 1)
TABLES = ("billing_visit", "billing_bill", "billing_billline", "billing_payment")
WRITTEN = ("core_delivery", "billing_endofdayreconciliation", "billing_nightlyclose", "billing_leak", "core_event")

LOAD = """
INSERT INTO billing_clinicday (id, administration_id, date, is_finalized)
SELECT uuidv7(), id, %(day)s, false FROM core_administration;

CREATE TEMP TABLE new AS
SELECT uuidv7() AS bill, uuidv7() AS visit, n, patient.administration_id AS administration, patient.id AS patient,
       day.id AS day, vat.id AS vat, service_group.id AS service_group, payer.id AS payer,
       (ARRAY['CASH', 'CARD', 'TRANSFER', 'WALLET', 'PAYSTACK', 'HMO', 'INSURANCE'])[1 + n %% 7] AS method
FROM billing_patient patient
JOIN billing_clinicday day ON day.administration_id = patient.administration_id
JOIN ledger_vatcode vat ON vat.administration_id = patient.administration_id AND vat.code = 'EXEMPT'
JOIN billing_servicegroup service_group
  ON service_group.administration_id = patient.administration_id AND service_group.code = 'consultation'
JOIN billing_payer payer ON payer.administration_id = patient.administration_id
CROSS JOIN generate_series(1, %(visits)s) n;

INSERT INTO billing_visit (id, administration_id, patient_id, date, status, is_inpatient, reason, started_at,
                           closed_by_day_close, cancel_reason, version, idempotency_key, source)
SELECT visit, administration, patient, %(day)s, 'ACTIVE', false, '', %(day)s, false, '', 1, '', '' FROM new;

INSERT INTO billing_bill (id, administration_id, clinic_day_id, number, kind, patient_id, visit_id, line_count, net,
                          vat, gross, reason, issued_at, source)
SELECT bill, administration, day, n, 'BILL', patient, visit, 1, 30, 0, 30, '', now(), '' FROM new;

INSERT INTO billing_billline (id, administration_id, bill_id, position, group_id, code, description, quantity,
                              unit_price, discount, co_pay, coverage_reason, vat_code_id, vat_rate, net, vat, gross,
                              source)
SELECT uuidv7(), administration, bill, 1, service_group, 'C', 'Consultation', 1, 30, 0, 0, '', vat, 0, 30, 0, 30, ''
FROM new;

INSERT INTO billing_payment (id, administration_id, clinic_day_id, number, bill_id, kind, method, amount, payer_id,
                             reference, repeats_reference, reason, taken_at, idempotency_key, source)
SELECT uuidv7(), administration, day, n, bill, 'PAYMENT', method, 30,
       CASE WHEN method IN ('HMO', 'INSURANCE') THEN payer END, '', false, '', now(), '', ''
FROM new;

INSERT INTO billing_outstanding (administration_id, bill_id, clinic_day_id, visit_id, debtor, amount, during)
SELECT administration, bill, day, visit, 'PAYER', 30, daterange(%(day)s, NULL) FROM new
WHERE method IN ('HMO', 'INSURANCE');
DROP TABLE new;
"""


def main() -> None:
    with loaded(f"clinics_{CLINICS}", Path(__file__).read_text(), f"{CLINICS} clinics", load) as database:
        os.environ["DATABASE_URL"] = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{database}").geturl()
        measure([*Administration.objects.all()])
    end()


def load(own: "psycopg.Connection[Any]") -> None:
    for number in range(CLINICS):
        open_clinic(number)
    as_owner(LOAD, {"day": DAY, "visits": VISITS})
    own.execute("VACUUM (ANALYZE, FREEZE)")


def measure(clinics: list[Administration]) -> None:
    cpu: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
    rates = in_turn(
        3,
        bare=lambda: in_a_loop(clinics),
        one=lambda: through_worker(clinics, 1, cpu[1]),
        two=lambda: through_worker(clinics, 2, cpu[2]),
    )
    figure("nightly.1_worker", rates["one"], rates["bare"], "closes/s", "higher", 0.5, **_said(cpu[1]))
    figure("nightly.2_workers", rates["two"], rates["one"], "closes/s", "higher", 1.2, **_said(cpu[2]))


def open_clinic(number: int) -> None:
    """A clinic with books, a catalogue, a payer and one patient."""
    administration = Administration.objects.create(name=f"Clinic {number}", country="NL", currency="EUR")
    open_books(administration, chart="nl")
    open_years(administration, DAY.year, DAY.year)
    open_catalogue(administration)
    register_payer(administration, code="ZK", name="Zorgkas")
    register_patient(administration, code="P-1")


def closes_per_second(clinics: list[Administration], close: Callable[[], None]) -> float:
    began = time.perf_counter()
    close()
    took = time.perf_counter() - began
    runs = NightlyClose.objects.filter(date=DAY, state=NightlyClose.State.DONE, closes=1).count()
    assert runs == len(clinics), f"{runs} of {len(clinics)} clinics were closed"
    return len(clinics) / took


def in_a_loop(clinics: list[Administration]) -> float:
    def close() -> None:
        for administration in clinics:
            close_nightly(administration, DAY)

    with put_back():
        return closes_per_second(clinics, close)


def through_worker(clinics: list[Administration], processes: int, cpu: list[tuple[float, float]]) -> float:
    with put_back(), worker(processes) as running:

        def close() -> None:
            for administration in clinics:
                close_nightly_task.delay(str(administration.pk), DAY.isoformat())
            while NightlyClose.objects.exclude(state=NightlyClose.State.RUNNING).count() < len(clinics):
                time.sleep(0.05)

        before = _processor_time(running)
        rate = closes_per_second(clinics, close)
        after = _processor_time(running)
        cpu.append((after[0] - before[0], after[1] - before[1]))
        return rate


@contextmanager
def worker(processes: int) -> Iterator[psutil.Process]:
    """A worker with that many processes, ready to work."""
    command = f"celery -q -A config worker --purge -c {processes} -l warning --without-gossip --without-mingle".split()
    started = subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, stdout=sys.stderr)
    try:
        running = psutil.Process(started.pid)
        while len(running.children()) < processes:
            assert started.poll() is None, "the worker did not start"
            time.sleep(0.1)
        time.sleep(2)  # its processes import the application
        yield running
    finally:
        started.terminate()
        started.wait(30)


def _processor_time(worker: psutil.Process) -> tuple[float, float]:
    """Seconds that the worker's processes and those of the database have used, ended ones included."""
    database = [one.info for one in psutil.process_iter(["name", "pid", "ppid", "cpu_times"])]
    database = [one for one in database if (one["name"] or "").startswith("postgres") and one["cpu_times"]]
    known = {one["pid"] for one in database}
    first = [one for one in database if one["ppid"] not in known]
    return (
        sum(sum(one.cpu_times()[:2]) for one in (worker, *worker.children(recursive=True))),
        sum(sum(one["cpu_times"][:2]) for one in database) + sum(sum(one["cpu_times"][2:4]) for one in first),
    )


def _said(cpu: list[tuple[float, float]]) -> dict[str, float]:
    worker, database = (sorted(times)[len(times) // 2] * 1000 / CLINICS for times in zip(*cpu, strict=True))
    return {"worker_cpu": round(worker, 1), "database_cpu": round(database, 1)}


@contextmanager
def put_back() -> Iterator[None]:
    """Everything that a night writes is removed afterwards, and its visits are open again."""
    try:
        yield
    finally:
        assert Payment.objects.count() == CLINICS * VISITS
        gone = "".join(f"DELETE FROM {table};" for table in WRITTEN)
        as_owner(
            f"{gone}UPDATE billing_visit SET status = 'ACTIVE', ended_at = NULL, closed_by_day_close = false;"
            "DELETE FROM core_counter WHERE series = 'day_close'",
            {},
        )
        with owner_of_tables() as owner:
            owner.execute("VACUUM ANALYZE")


def as_owner(statements: str, values: dict[str, Any]) -> None:
    """Run statements as the owner of the tables, in one transaction that sets the laws of what they write aside."""
    tables = (*TABLES, *WRITTEN, "core_counter")
    with owner_of_tables() as owner, owner.transaction(), disabled(owner, tables):
        psycopg.ClientCursor(owner).execute(statements, values)


if __name__ == "__main__":
    main()
