"""The log tells what happened, in which request, by whom, and never a name, an address or a secret."""

import json
import logging
import re
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime
from http.cookiejar import CookieJar
from logging.config import dictConfig

import pytest
from celery import current_app

from apps.billing.models import PatientIdentity
from apps.billing.tests.clinic import PASSWORD, make_clinic
from apps.core import logs
from apps.core.events import record
from apps.core.logs import redact
from apps.core.tests.factories import AdministrationFactory, UserFactory
from apps.ledger.services.posting import reverse_entry

NAME = "Zeb\u00f6dia O'Quill-\u017bak"
PARTS = ("Zeb", "Quill", "\u017bak", "\\u017b")
WRONG_PASSWORD = "wrong-horse-77"
FALLS = """
    CREATE FUNCTION fall() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'cannot save %', NEW.name USING DETAIL = NEW.name; END $$;
    CREATE TRIGGER falls BEFORE INSERT ON billing_patientidentity FOR EACH ROW WHEN (NEW.name LIKE '%bad')
        EXECUTE FUNCTION fall();
"""


class Browser:
    """A person's browser, as far as forms go."""

    def __init__(self, url):
        self.url = url
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def open(self, path, fields=None, **headers):
        sent = urllib.parse.urlencode(fields).encode() if fields else None
        request = urllib.request.Request(self.url + path, sent, headers | {"Referer": self.url + path})
        try:
            return self.opener.open(request, timeout=20)
        except urllib.error.HTTPError as refused:
            return refused

    def send(self, path, **fields):
        """Fill in the page's form, with what it holds hidden, and send it."""
        page = self.open(path).read().decode()
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)"(?: value="([^"]*)")?', page))
        return self.open(path, hidden | fields)


def lines_of(log):
    return [json.loads(line) for line in log.read_text().splitlines()]


def waiting_for(log, wanted):
    deadline = time.monotonic() + 20
    while not (found := [line for line in lines_of(log) if wanted(line)]):
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    return found


# -- the site, driven ---------------------------------------------------------------------------------------------


def test_nothing_that_people_type_reaches_the_log_of_the_site(site, committed, owner_connection):
    owner_connection.execute(FALLS)
    clinic = make_clinic()
    service, me = clinic.service("65.00"), clinic.receptionist
    browser = Browser(site.url)
    browser.send("/admin/login/", username=me.email, password=WRONG_PASSWORD)
    assert browser.send("/admin/login/", username=me.email, password=PASSWORD).url == f"{site.url}/admin/"

    visit = {"charges-0-service": service.code, "charges-0-quantity": "1", "charges-TOTAL_FORMS": "1"}
    visit |= {"tenders-0-method": "CASH", "tenders-0-amount": "65", "tenders-TOTAL_FORMS": "1", "new_patient": "on"}
    shown = browser.open("/admin/billing/visit/add/").read().decode()
    assert "charges-0-service" in shown
    browser.send("/admin/billing/patient/add/", name=NAME, code="P-9")
    assert PatientIdentity.objects.get(patient__code="P-9").name == NAME
    registered = browser.send("/admin/billing/visit/add/", patient="P-9", **visit)
    assert "/visit/" in registered.url
    assert registered.url != f"{site.url}/admin/billing/visit/add/"
    search = urllib.parse.urlencode({"q": NAME, "token": "t0ken-in-query"})
    browser.open(f"/admin/billing/patient/?{search}")
    browser.open(f"/account/{urllib.parse.quote(NAME)}/zeb@mail.example/?token=t0ken-in-query")
    fell = browser.send("/admin/billing/patient/add/", name=f"{NAME} bad", code="P-10")
    assert fell.status == 500

    stranger = Browser(site.url)
    given = stranger.open("/api/v1/auth/token/", {"username": me.email, "password": PASSWORD})
    tokens = json.loads(given.read())
    assert stranger.open("/api/v1/auth/me/", Authorization=f"Bearer {tokens['access_token']}").status == 200
    stranger.open("/api/v1/auth/token/", {"username": me.email, "password": WRONG_PASSWORD})
    with socket.create_connection(("127.0.0.1", site.port)) as line:
        line.sendall(b"GET /?token=t0ken-in-query nonsense zeb@mail.example\r\n\r\n")
        line.recv(1000)

    written = site.log.read_text()
    for never in (*PARTS, me.email, me.email.split("@")[1], "zeb@", "mail.example", PASSWORD, WRONG_PASSWORD):
        assert never not in written, never
    for never in ("t0ken-in-query", *tokens["access_token"].split("."), *tokens["refresh_token"].split(".")):
        assert never not in written, never

    lines = lines_of(site.log)  # every line is one JSON object, gunicorn's too
    assert {"apps.core.middleware", "apps.core.events", "django.request", "gunicorn.error"} <= {
        line["logger"] for line in lines
    }
    for line in lines:
        assert {"timestamp", "severity", "logger", "message"} <= set(line)
        assert datetime.fromisoformat(line["timestamp"]).utcoffset().seconds == 0
        assert line["severity"] in ("INFO", "WARN", "ERROR")

    (failure,) = [line for line in lines if line["severity"] == "ERROR" and line["logger"] == "django.request"]
    assert failure["message"] == "Internal Server Error: /admin/billing/patient/add/"
    assert failure["event"] == "system.operation_failed"
    assert "register_patient" in failure["exception"]
    assert "psycopg.errors.RaiseException P0001" in failure["exception"]
    access = [line for line in lines if line["logger"] == "apps.core.middleware"]
    (of_failure,) = [line for line in access if line["request_id"] == failure["request_id"]]
    assert (of_failure["method"], of_failure["route"], of_failure["status"]) == (
        "POST",
        "/admin/billing/patient/add/",
        500,
    )
    assert of_failure["user_id"] == str(me.pk)
    assert of_failure["duration_ms"] > 0
    (registering,) = [line for line in lines if line.get("event") == "billing.visit_registered"]
    assert registering["client_id"] == str(clinic.administration.pk)
    assert registering["entity_type"] == "visit"
    assert registering["user_id"] == str(me.pk)
    assert [line for line in access if line["request_id"] == registering["request_id"]]
    (by_token,) = [line for line in access if line["route"] == "/api/v1/auth/me/"]
    assert by_token["user_id"] == str(me.pk)


def test_one_line_for_each_request_and_its_id_in_the_answer(site):
    for number in range(5):
        answer = Browser(site.url).open("/api/schema/", **{"X-Request-ID": f"ask-{number}"})
        assert answer.headers["X-Request-ID"] == f"ask-{number}"
    asked = [line["request_id"] for line in lines_of(site.log) if line.get("route") == "/api/schema/"]
    assert asked == [f"ask-{number}" for number in range(5)]


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "els@clinic.example", "a\u00e9", "a_b", "a\nb"])
def test_an_id_that_could_be_anything_is_not_taken_over(client, db, given):
    made = client.get("/nowhere/", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f-]{36}", made)
    assert client.get("/nowhere/", headers={"X-Request-ID": "x" * 64}).headers["X-Request-ID"] == "x" * 64


def test_too_many_requests_are_told_by_their_event(rf, caplog):
    from django.http import HttpResponse

    from apps.core.middleware import observe

    request = rf.get("/api/v1/auth/token/")
    request.resolver_match = None
    observe(lambda request: HttpResponse(status=429))(request)
    (line,) = caplog.records
    assert (line.levelname, line.event) == ("WARNING", "system.rate_limit_exceeded")


# -- the worker ---------------------------------------------------------------------------------------------------


def test_a_task_carries_the_id_of_its_request_and_fails_without_words(worker, tmp_path):
    log = tmp_path / "worker.log"
    asked = logs.request_id.set("from-the-web")
    current_app.send_task("apps.billing.tasks.finalize_days", args=["els@clinic.example"])
    logs.request_id.reset(asked)
    current_app.send_task("apps.billing.tasks.finalize_days", args=["zeb@clinic.example"], task_id="its-own-id")
    waiting_for(log, lambda line: line.get("request_id") == "its-own-id")
    (failure,) = waiting_for(log, lambda line: line.get("request_id") == "from-the-web")
    assert failure["event"] == "system.operation_failed"
    assert failure["task"] == "apps.billing.tasks.finalize_days"
    assert failure["exception"].endswith("django.core.exceptions.ValidationError")
    assert "clinic.example" not in log.read_text()
    assert all(line["severity"] in ("INFO", "WARN", "ERROR") for line in lines_of(log))


# -- events -------------------------------------------------------------------------------------------------------


def told(caplog):
    return [record for record in caplog.records if record.name == "apps.core.events"]


def test_an_event_is_told_once_its_transaction_commits(db, caplog, django_capture_on_commit_callbacks):
    caplog.set_level(logging.INFO)
    clinic, person = AdministrationFactory(name=NAME), UserFactory(full_name=NAME)
    with django_capture_on_commit_callbacks(execute=True):
        record("core.tried", clinic, by=person, reason=NAME)
        assert not told(caplog)
    (line,) = told(caplog)
    assert (line.event, line.entity_type, line.entity_id) == ("core.tried", "administration", clinic.pk)
    assert (line.client_id, line.user_id, line.getMessage()) == (clinic.pk, person.pk, "Core tried")
    with django_capture_on_commit_callbacks(execute=False):
        record("core.tried", clinic)
    assert len(told(caplog)) == 1


def test_entries_are_told_by_the_names_of_the_structured_log(db, caplog, django_capture_on_commit_callbacks):
    caplog.set_level(logging.INFO)
    clinic = make_clinic()
    clinic.bill("65.00")
    with django_capture_on_commit_callbacks(execute=True):
        entry = clinic.finalized().entry
        reversal = reverse_entry(entry, by=clinic.accountant, reason="Wrong day")
    (made, reversing), (reversed_,) = (
        [line for line in told(caplog) if line.event == name]
        for name in ("journal_entry.created", "journal_entry.reversed")
    )
    assert (made.entity_type, made.entity_id, made.period_id) == ("journal_entry", entry.pk, entry.period_id)
    assert reversed_.entity_id == entry.pk
    assert reversing.entity_id == reversal.pk
    assert reversed_.user_id == clinic.accountant.pk


def test_a_closed_period_that_refuses_is_told(db, caplog):
    from apps.core.errors import tell
    from apps.ledger.errors import PeriodClosed, PeriodMissing

    tell(PeriodClosed(period="March", status="locked"))
    tell(PeriodMissing(date="2026-03-01"))
    (line,) = caplog.records
    assert (line.levelname, line.event) == ("WARNING", "period.posting_blocked")


# -- the second line of defence -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "from Els.van-Dam+x@clinic.example.org to",
        "els%40clinic.example",
        "Authorization: Bearer SECRETabc.def-1",
        "eyJhbGciSECRET.eyJzdWIiSECRET.c2lnSECRET",
        "password=SECRET&next=/",
        "{'new_password': 'SECRET words', 'a': 1}",
        'token="SECRET"',
        "csrfmiddlewaretoken: SECRET",
        "/account/verify/?key=SECRET&a=b",
        "redis://:SECRET@10.0.0.1:6379/0",
        '{"refresh_token":"SECRET"}',
    ],
)
def test_what_looks_like_an_address_or_a_secret_is_struck_out(text):
    struck = redact(text)
    assert "SECRET" not in struck
    assert not re.search("els|clinic", struck, re.I)
    assert "[removed]" in struck


@pytest.mark.parametrize("text", ["Day closed: 3 of 4 visits", "GET /admin/core/job/<object_id>/ 200 in 1.5 ms"])
def test_what_is_neither_stays(text):
    assert redact(text) == text


@pytest.fixture
def written(tmp_path):
    """What the settings' handler writes, in either format."""

    def write(form, tell):
        settings = logs.settings_for(level="INFO", form=form)
        file = tmp_path / form
        settings["handlers"]["console"] = settings["handlers"]["console"] | {"class": "logging.FileHandler"}
        del settings["handlers"]["console"]["stream"]
        settings["handlers"]["console"]["filename"] = str(file)
        settings["loggers"] = {"tried": {"handlers": ["console"], "level": "INFO", "propagate": False}}
        settings["root"] = {}
        dictConfig(settings)
        try:
            tell(logging.getLogger("tried"))
        finally:
            logging.getLogger("tried").handlers[0].close()
            logging.getLogger("tried").handlers.clear()
        return file.read_text()

    return write


def trouble(logger):
    try:
        try:
            raise KeyError(NAME)
        except KeyError as error:
            raise ValueError(f"no {NAME}, token=SECRET") from error
    except ValueError:
        logger.exception("Trouble for %s", "els@clinic.example", extra={"request": NAME, "user_id": 7, "body": NAME})


def test_an_exception_is_told_by_its_type_and_place(written):
    line = json.loads(written("json", trouble))
    assert set(line) == {"timestamp", "severity", "logger", "message", "user_id", "exception"}
    assert line["message"] == "Trouble for [removed]"
    assert line["exception"].index("builtins.KeyError") < line["exception"].index("builtins.ValueError")
    assert "raise KeyError(NAME)" in line["exception"]
    assert not [part for part in (*PARTS, "SECRET\n") if part in line["exception"]]


def test_readable_lines_are_as_discreet(written):
    lines = written("line", trouble)
    assert "ERROR tried Trouble for [removed]" in lines
    assert "builtins.ValueError" in lines
    assert not [part for part in PARTS if part in lines]
