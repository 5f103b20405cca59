"""A day of the whole site: real server, real worker, real HTTP, from the token to the signed entry."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from celery import Celery

from apps.billing.models import ClinicDay, EndOfDayReconciliation
from apps.billing.tests.clinic import PASSWORD, make_clinic
from apps.core.models import Event, Job

BASE = "/api/v1/billing/reconciliation"


class Http:
    """What curl would do: a token by form, then JSON with a bearer."""

    def __init__(self, url, user):
        self.url = url
        form = urllib.parse.urlencode({"username": user.email, "password": PASSWORD}).encode()
        with urllib.request.urlopen(f"{url}/api/v1/auth/token", form) as answer:
            self.token = json.load(answer)["access_token"]

    def __call__(self, method, path, body=None, **headers):
        request = urllib.request.Request(
            f"{self.url}{BASE}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", **headers},
        )
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)


@pytest.fixture
def clinic(committed):
    return make_clinic()


def test_the_source_document_from_curl(clinic, site):
    clinic.pay(clinic.bill("65.00"), "65.00")
    desk, manager = Http(site.url, clinic.receptionist), Http(site.url, clinic.manager)
    day = clinic.today.isoformat()

    status, close = desk("POST", "/", {"reconciliation_date": day, "close_active_visits": True})
    assert (status, close["status"], close["total_cash"]) == (201, "DRAFT", "65.00")
    assert desk("GET", f"/{close['id']}/")[1]["total_revenue"] == "65.00"
    assert desk("POST", f"/{close['id']}/refresh/")[0] == 200
    status, final = manager("POST", f"/{close['id']}/finalize/", {"notes": "All payments verified"})
    assert (status, final["status"], final["notes"]) == (200, "FINALIZED", "All payments verified")
    assert desk("GET", "/today/")[1]["id"] == close["id"]
    summary = desk("GET", f"/summary/?start_date={day[:8]}01&end_date={day}")[1]
    assert summary["total_revenue"] == "65.00"
    assert manager("POST", f"/{close['id']}/finalize/", {})[0] == 409


def test_an_idempotency_key_answers_the_first_answer_again(clinic, site):
    desk = Http(site.url, clinic.receptionist)
    body = {"reconciliation_date": clinic.today.isoformat()}
    first = desk("POST", "/", body, **{"Idempotency-Key": "close-today"})
    again = desk("POST", "/", body, **{"Idempotency-Key": "close-today"})
    other = desk("POST", "/", {"reconciliation_date": "2026-01-15"}, **{"Idempotency-Key": "close-today"})
    assert first[0] == 201  # also the second time: the first answer, not a second close
    assert again == first
    assert (other[0], other[1]["detail"]["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_the_worker_prepares_and_finalizes_what_a_job_names(clinic, worker, process_env):
    for back in (clinic.yesterday, clinic.today):
        clinic.pay(clinic.bill("10.00", day=back), "10.00", day=back)
    queue = Celery(broker=process_env["REDIS_URL"])

    def work(task, **arguments):
        job = Job.objects.create(task=f"apps.billing.tasks.{task}", title=task, by=clinic.manager, arguments=arguments)
        queue.send_task(job.task, [str(job.pk)])
        deadline = time.monotonic() + 30
        while job.state not in ("DONE", "FAILED") and time.monotonic() < deadline:
            time.sleep(0.1)
            job.refresh_from_db()
        return job

    prepared = work("prepare_days", days=[str(pk) for pk in ClinicDay.objects.values_list("pk", flat=True)])
    assert (prepared.state, prepared.done, prepared.refusals) == ("DONE", 2, [])

    closes = [str(pk) for pk in EndOfDayReconciliation.objects.values_list("pk", flat=True)]
    refused = work("finalize_days", closes=closes)
    assert {refusal["code"] for refusal in refused.refusals} == {"SECOND_PERSON_REQUIRED"}  # the manager prepared

    queue.send_task("apps.billing.tasks.close_nightly", [str(clinic.administration.pk), clinic.today.isoformat()])
    deadline = time.monotonic() + 30
    while not Event.objects.filter(name="billing.nightly_close_ended").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert EndOfDayReconciliation.objects.count() == 2
