"""/metrics/ counts requests and what waits, for whoever may ask, and names no person and no address."""

import urllib.request
from datetime import timedelta

import pytest
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from apps.billing.tests.clinic import make_clinic
from apps.core.events import record
from apps.core.models import Delivery, Event, Job
from apps.core.tests.factories import AdministrationFactory, UserFactory


def read(text):
    """``{(name, label values in the order of their names): value}``"""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scrape(client, **headers):
    answer = client.get("/metrics/", headers=headers)
    assert answer.status_code == 200
    return read(answer.content.decode())


def count(samples, route, method="GET", status="200"):
    return samples.get(("daybook_request_duration_seconds_count", method, route, status), 0)


# -- who may ask --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers", [{"X-Forwarded-For": "127.0.0.1"}, {"X-Forwarded-Proto": "https"}, {"Forwarded": "for=1"}]
)
def test_without_a_token_only_this_machine_itself_is_answered(client, db, headers):
    assert client.get("/metrics/", REMOTE_ADDR="127.0.0.1").status_code == 200
    assert client.get("/metrics/", REMOTE_ADDR="::1").status_code == 200
    assert client.get("/metrics/", REMOTE_ADDR="10.0.0.7").status_code == 404
    assert client.get("/metrics/", REMOTE_ADDR="127.0.0.1", headers=headers).status_code == 404


def test_with_a_token_it_is_the_token_that_counts(client, db, settings):
    settings.METRICS_TOKEN = "f00d-f00d"
    assert client.get("/metrics/").status_code == 404
    for given in ("Bearer f00d-f00", "Bearer ", "f00d-f00d", "Basic f00d-f00d", "Bearer f00d-f00d\u00e9"):
        assert client.get("/metrics/", headers={"Authorization": given}).status_code == 404, given
    proxied = {"Authorization": "Bearer f00d-f00d", "X-Forwarded-For": "10.0.0.7"}
    assert client.get("/metrics/", headers=proxied, REMOTE_ADDR="10.0.0.8").status_code == 200


def test_it_is_only_read(client, db):
    assert client.post("/metrics/").status_code == 405


# -- requests -----------------------------------------------------------------------------------------------------


def test_requests_are_counted_by_route_method_and_status(client, db):
    before = scrape(client)
    client.get("/admin/billing/bill/els@clinic.example/change/?token=abc")
    client.get("/nobody/els@clinic.example/")
    client.generic("BREW", "/health/")
    client.get("/health")
    after = scrape(client)
    added = {series: value - before.get(series, 0) for series, value in after.items() if series[0].endswith("_count")}
    assert {series[1:]: times for series, times in added.items() if times} == {
        ("GET", "/admin/billing/bill/<object_id>/change/", "302"): 1,
        ("GET", "unmatched", "404"): 1,
        ("other", "/health/", "405"): 1,
        ("GET", "/health/", "200"): 1,
        ("GET", "/metrics/", "200"): 1,
    }
    assert "els@" not in repr(after)


def test_both_processes_of_the_site_add_up(site):
    def ask(path):
        return urllib.request.urlopen(f"{site.url}{path}", timeout=10).read().decode()

    before = count(read(ask("/metrics/")), "/api/schema/")
    for _ in range(40):  # each on a connection of its own, which either process may take
        ask("/api/schema/")
    assert count(read(ask("/metrics/")), "/api/schema/") - before == 40


# -- what waits ---------------------------------------------------------------------------------------------------


def test_what_waits_and_what_gave_up_is_read_when_asked(client, db, settings):
    settings.EVENT_HANDLERS = {"core.tried": ["somewhere.handler"]}
    clinic, person, now = AdministrationFactory(), UserFactory(), timezone.now()
    for _ in range(3):
        record("core.tried", clinic)
    old = Event.objects.create(
        name="core.tried", subject_type="core.Administration", subject_id=clinic.pk, at=now - timedelta(hours=2)
    )
    Delivery.objects.create(event=old, handler="somewhere.handler")
    last = Delivery.objects.order_by("pk")[:1].get()
    Delivery.objects.filter(pk=last.pk).update(gave_up_at=now)
    for state, how_many in (("WAITING", 2), ("FAILED", 1)):
        for _ in range(how_many):
            Job.objects.create(task="t", title="t", by=person, state=state)
    seen = scrape(client)
    assert seen["daybook_deliveries", "waiting"] == 3
    assert seen["daybook_deliveries", "gave_up"] == 1
    assert seen["daybook_oldest_delivery_seconds",] == pytest.approx(2 * 60 * 60, abs=60)
    assert {state: seen["daybook_jobs", state] for state in ("waiting", "running", "done", "failed")} == {
        "waiting": 2,
        "running": 0,
        "done": 0,
        "failed": 1,
    }
    assert seen["daybook_healthy", "database"] == 1


def test_day_closes_that_wait_for_a_signature_are_counted(client, db):
    clinic = make_clinic()
    clinic.close()
    clinic.finalized(clinic.yesterday)
    assert scrape(client)["daybook_day_closes_waiting",] == 1


def test_a_database_that_is_away_is_said_and_the_counts_still_come(client, db, monkeypatch):
    from django.db import connection

    monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
    monkeypatch.setitem(connection.settings_dict, "PORT", 1)
    connection.close()
    try:
        client.get("/health/")
        seen = scrape(client)
    finally:
        monkeypatch.undo()
    assert seen["daybook_healthy", "database"] == 0
    assert count(seen, "/health/", status="503") >= 1
    assert not [name for name in seen if name[0] == "daybook_jobs"]


def test_a_scrape_takes_few_queries(client, db, django_assert_max_num_queries):
    client.get("/metrics/")
    with django_assert_max_num_queries(7):
        client.get("/metrics/")
