"""Leaks over HTTP."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.billing.models import Leak
from apps.billing.services.leaks import refresh_leaks
from apps.billing.tests.clinic import make_clinic
from apps.billing.tests.leaking import clinic_day, given, visit_of

LEAKS = "/api/v1/billing/leaks/"


def api(person):
    client = APIClient()
    client.force_authenticate(person)
    return client


@pytest.fixture
def leaking(clinic):
    """A laboratory result of today for 65, an imaging report of yesterday without a price, a visit without a bill."""
    given(visit_of(clinic), clinic.service("65.00"))
    given(visit_of(clinic, clinic.yesterday), None, "IMAGING")
    visit_of(clinic)
    refresh_leaks(clinic_day(clinic, clinic.yesterday))
    refresh_leaks(clinic_day(clinic))
    return clinic


def codes(answer):
    assert answer.status_code == 200, answer.json()
    return sorted(row["rule"] for row in answer.json()["results"])


def test_a_leak_says_what_it_is_worth_and_what_to_do(leaking):
    leak = Leak.objects.get(rule="L01")
    row = api(leaking.cashier).get(f"{LEAKS}{leak.pk}/").json()
    assert (row["amount"], row["currency"], row["age_days"], row["state"]) == ("65.00", "EUR", 0, "OPEN")
    assert (row["title"], row["what_to_do"]) == (
        "Lab result without bill",
        "Bill the order, or say why it costs nothing.",
    )
    assert (row["entity_type"], row["entity_id"]) == ("order", str(leak.entity_id))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["L01", "L02", "L05"]),
        ("rule=l02", ["L02"]),
        ("leak_class=unbilled", ["L01", "L02", "L05"]),
        ("leak_class=UNPAID", []),
        ("state=dismissed", []),
    ],
)
def test_leaks_are_filtered(leaking, query, found):
    assert codes(api(leaking.accountant).get(f"{LEAKS}?{query}")) == found


def test_leaks_are_filtered_by_day_and_ordered_and_paged(leaking):
    client = api(leaking.owner)
    assert codes(client.get(f"{LEAKS}?start_date={leaking.today}")) == ["L01", "L05"]
    assert codes(client.get(f"{LEAKS}?end_date={leaking.yesterday}")) == ["L02"]
    page = client.get(f"{LEAKS}?ordering=rule&limit=2").json()
    assert [row["rule"] for row in page["results"]] == ["L01", "L02"]
    assert [row["rule"] for row in client.get(page["next"]).json()["results"]] == ["L05"]


@pytest.mark.parametrize(
    "query", ["state=gone", "leak_class=X", "start_date=never", "ordering=amount", "administration_id=x"]
)
def test_what_cannot_be_asked_is_refused(leaking, query):
    answer = api(leaking.owner).get(f"{LEAKS}?{query}")
    assert (answer.status_code, answer.json()["detail"]["code"]) == (400, "INVALID_PARAMETER")


def test_open_leaks_by_class(leaking):
    (row,) = api(leaking.receptionist).get(f"{LEAKS}summary/").json()
    assert row == {
        "leak_class": "UNBILLED",
        "count": 2,
        "amount": "65.00",
        "older_count": 1,
        "older_amount": "0.00",
        "unpriced": 2,
        "oldest": leaking.yesterday.isoformat(),
        "age": 1,
    }


def test_a_manager_dismisses_with_a_reason_once(leaking):
    leak = Leak.objects.get(rule="L01")
    client = api(leaking.manager)
    assert client.post(f"{LEAKS}{leak.pk}/dismiss/", {"reason": "  "}).status_code == 422
    assert client.post(f"{LEAKS}{leak.pk}/dismiss/", {}).status_code == 422
    row = client.post(f"{LEAKS}{leak.pk}/dismiss/", {"reason": "A study."}).json()
    assert (row["state"], row["reason"], row["age_days"], row["what_to_do"]) == ("DISMISSED", "A study.", None, "")
    again = client.post(f"{LEAKS}{leak.pk}/dismiss/", {"reason": "A study."})
    assert (again.status_code, again.json()["detail"]["code"]) == (409, "LEAK_NOT_OPEN")


def test_who_may_not_approve_may_not_dismiss_and_a_stranger_finds_nothing(leaking):
    leak = Leak.objects.get(rule="L01")
    for person, status in ((leaking.receptionist, 403), (leaking.accountant, 403), (make_clinic("Else").owner, 404)):
        assert api(person).post(f"{LEAKS}{leak.pk}/dismiss/", {"reason": "x"}).status_code == status
    assert codes(api(make_clinic("Other").owner).get(LEAKS)) == []


def test_a_list_asks_no_more_of_the_database_when_it_grows(leaking):
    client = api(leaking.owner)

    def asked():
        with CaptureQueriesContext(connection) as queries:
            client.get(LEAKS)
        return len(queries)

    asked()  # the person's roles are read once
    few = asked()
    for _n in range(5):
        given(visit_of(leaking), leaking.service("65.00"))
    refresh_leaks(clinic_day(leaking))
    assert asked() == few
