"""The contract area end_of_day over HTTP, each answer held against the OpenAPI document."""

from datetime import timedelta
from uuid import uuid4

import pytest
import yaml
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from jsonschema import Draft202012Validator
from rest_framework.test import APIClient

from apps.billing.reconciliation_service import ReconciliationService
from apps.billing.tests.clinic import PASSWORD, make_clinic

BASE = "/api/v1/billing/reconciliation/"
DOCUMENT = yaml.safe_load((settings.BASE_DIR / "docs" / "openapi.yaml").read_text())


def plain_schema(node):
    """OpenAPI 3.0 as JSON Schema: ``nullable`` becomes a type."""
    if isinstance(node, list):
        return [plain_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: plain_schema(value) for key, value in node.items()}
    if node.pop("nullable", False):
        return {"anyOf": [node, {"type": "null"}]}
    return node


def assert_documented(answer, method, path):
    """The status is documented for the operation and the body has its shape."""
    operation = DOCUMENT["paths"][path][method]
    documented = operation["responses"][str(answer.status_code)]
    schema = documented["content"]["application/json"]["schema"]
    whole = {**plain_schema(schema), "components": plain_schema(DOCUMENT["components"])}
    Draft202012Validator(whole).validate(answer.json())


class Caller:
    """A client that signs in as the source document does and checks every answer."""

    def __init__(self, user):
        self.http = APIClient()
        token = self.http.post("/api/v1/auth/token", {"username": user.email, "password": PASSWORD}, format="multipart")
        self.http.credentials(HTTP_AUTHORIZATION=f"Bearer {token.json()['access_token']}")

    def __call__(self, method, path="", body=None, query=None, **named):
        address = BASE + path.format(**named)
        answer = getattr(self.http, method)(
            address, body if method != "get" else query, format=None if method == "get" else "json"
        )
        assert_documented(answer, method, BASE + path)
        return answer


@pytest.fixture
def call(clinic):
    return Caller(clinic.receptionist)


@pytest.fixture
def sign(clinic):
    return Caller(clinic.manager)


def test_the_examples_of_the_source_document_work_as_written(clinic, call, sign):
    clinic.pay(clinic.bill("65.00"), "65.00")
    day = clinic.today.isoformat()

    created = call("post", "", {"reconciliation_date": day, "close_active_visits": True})
    assert created.status_code == 201
    close = created.json()
    assert (close["number"], close["status"], close["total_revenue"]) == ("Z-000001", "DRAFT", "65.00")
    assert close["prepared_by"] == str(clinic.receptionist.pk)
    assert close["administration_id"] == str(clinic.administration.pk)

    again = call("post", "", {"reconciliation_date": day})
    assert (again.status_code, again.json()["id"]) == (200, close["id"])
    assert call("get", "{id}/", id=close["id"]).json()["total_cash"] == "65.00"
    assert call("post", "{id}/refresh/", id=close["id"]).status_code == 200
    assert sign("post", "{id}/review/", {"notes": "looked"}, id=close["id"]).json()["reviewed_by"]
    final = sign("post", "{id}/finalize/", {"notes": "All payments verified"}, id=close["id"])
    assert (final.status_code, final.json()["status"]) == (200, "FINALIZED")
    assert final.json()["notes"] == "looked\nAll payments verified"

    refused = sign("post", "{id}/finalize/", {}, id=close["id"])
    assert (refused.status_code, refused.json()["detail"]["code"]) == (409, "ALREADY_FINALIZED")
    noted = call("patch", "{id}/", {"notes": "slip filed"}, id=close["id"])
    assert noted.json()["notes"].endswith("slip filed")
    assert len(noted.json()["note_entries"]) == 3
    assert call("get", "today/").json()["id"] == close["id"]
    start, end = clinic.today.replace(day=1).isoformat(), day
    summed = call("get", "summary/", query={"start_date": start, "end_date": end}).json()
    assert (summed["total_reconciliations"], summed["total_revenue"], summed["total_cash"]) == (1, "65.00", "65.00")
    assert summed["previous"]["total_revenue"] == "0.00"


def test_a_cancelled_close_is_created_again_with_201(clinic, call):
    close = call("post", "", {"reconciliation_date": clinic.today.isoformat()}).json()
    assert call("post", "{id}/cancel/", {"reason": "too early"}, id=close["id"]).json()["status"] == "CANCELLED"
    today = clinic.today.isoformat()
    range_ = {"start_date": today, "end_date": today}
    assert call("get", "summary/", query=range_).json()["days_without_close"] == [today]
    again = call("post", "", {"reconciliation_date": today})
    assert (again.status_code, again.json()["id"]) == (201, close["id"])
    assert call("get", "summary/", query=range_).json()["days_without_close"] == []


def test_amounts_are_strings_with_the_digits_of_the_currency(db):
    yen = make_clinic(currency="JPY")
    yen.pay(yen.bill("650"), "650")
    close = Caller(yen.receptionist)("post", "", {"reconciliation_date": yen.today.isoformat()}).json()
    assert (close["total_revenue"], close["breakdown"]["methods"]["CASH"]["gross"]) == ("650", "650")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reconciliation_date": "yesterday"},
        {"reconciliation_date": "2026-13-01"},
        {"reconciliation_date": "2026-01-15", "administration_id": "x"},
    ],
)
def test_a_body_that_cannot_be_taken_is_422_with_its_fields(call, body):
    refused = call("post", "", body)
    assert (refused.status_code, refused.json()["detail"]["code"]) == (422, "VALIDATION_ERROR")
    assert refused.json()["detail"]["fields"]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("", {"status": "open"}),
        ("", {"start_date": "soon"}),
        ("", {"ordering": "administration__name"}),
        ("", {"has_mismatches": "perhaps", "administration_id": "x"}),
        ("summary/", {}),
        ("summary/", {"start_date": "2026-02-01", "end_date": "2026-01-01"}),
        ("today/", {"administration_id": "x"}),
    ],
)
def test_a_bad_parameter_is_400(call, path, query):
    refused = call("get", path, query=query)
    assert refused.status_code == 400
    assert refused.json()["detail"]["code"] in ("INVALID_PARAMETER", "RANGE_REVERSED")


def test_a_day_that_has_not_come_is_refused(clinic, call):
    refused = call("post", "", {"reconciliation_date": (clinic.today + timedelta(days=1)).isoformat()})
    assert (refused.status_code, refused.json()["detail"]["code"]) == (400, "DAY_IN_FUTURE")


def test_who_works_in_several_clinics_says_which(clinic, call):
    other = make_clinic("Clinic Noord")
    other.administration.memberships.create(user=clinic.receptionist, role="receptionist")
    day = clinic.today.isoformat()

    refused = call("post", "", {"reconciliation_date": day})
    assert (refused.status_code, refused.json()["detail"]["code"]) == (400, "ADMINISTRATION_REQUIRED")
    made = call("post", "", {"reconciliation_date": day, "administration_id": str(other.administration.pk)})
    assert made.json()["administration_id"] == str(other.administration.pk)
    mine = call("get", "", query={"administration_id": str(clinic.administration.pk)})
    assert mine.json()["results"] == []


def test_a_foreign_close_and_a_missing_one_answer_the_same_404(clinic, call):
    foreign = make_clinic("Elsewhere").close()
    answers = [
        call(method, path, {"notes": "x", "reason": "x"}, id=pk)
        for pk in (foreign.pk, uuid4())
        for method, path in [
            ("get", "{id}/"),
            ("patch", "{id}/"),
            ("post", "{id}/finalize/"),
            ("post", "{id}/refresh/"),
            ("post", "{id}/review/"),
            ("post", "{id}/cancel/"),
        ]
    ]
    assert {(answer.status_code, answer.content) for answer in answers} == {(404, answers[0].content)}
    body = {"reconciliation_date": "2026-01-15", "administration_id": str(foreign.administration_id)}
    assert call("post", "", body).status_code == 404


def test_a_list_filters_orders_and_pages(clinic, call):
    closes = [clinic.close(clinic.today - timedelta(days=back)) for back in range(5)]
    clinic.finalized(clinic.today - timedelta(days=4))

    def dates(**query):
        return [row["reconciliation_date"] for row in call("get", "", query=query).json()["results"]]

    newest_first = [close.reconciliation_date.isoformat() for close in closes]
    assert dates() == newest_first
    assert dates(status="finalized") == newest_first[4:]
    assert dates(start_date=newest_first[2]) == newest_first[:3]
    assert dates(end_date=newest_first[2], has_mismatches="false") == newest_first[2:]
    assert dates(ordering="reconciliation_date") == newest_first[::-1]
    assert dates(ordering="-number") == newest_first[::-1]
    page = call("get", "", query={"limit": 2}).json()
    following = call.http.get(page["next"]).json()
    assert [row["reconciliation_date"] for row in following["results"]] == newest_first[2:4]


def test_a_list_costs_the_same_queries_however_many_rows_it_has(clinic, call):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            call("get", "")
        return len(captured)

    clinic.close()
    one = queries()
    for back in range(1, 6):
        clinic.finalized(clinic.today - timedelta(days=back))
    assert queries() == one


def test_without_a_token_nothing_is_told(clinic):
    refused = APIClient().get(BASE)
    assert (refused.status_code, refused.json()["detail"]["code"]) == (401, "NOT_AUTHENTICATED")


def test_each_address_answers_with_and_without_its_slash(clinic, call):
    day = {"reconciliation_date": clinic.today.isoformat()}
    close = call.http.post(BASE.rstrip("/"), day, format="json")
    assert close.status_code == 201
    assert call.http.get(f"{BASE}{close.json()['id']}").status_code == 200
    assert call.http.get(f"{BASE}today").status_code == 200


def test_the_shell_example_of_the_source_document_works_as_written(db):
    # One person prepares and signs in the example, and it takes its date from the server's clock.
    clinic = make_clinic(time_zone="UTC", single_sign_off=True)
    user = clinic.owner
    clinic.pay(clinic.bill("65.00"), "65.00")
    reconciliation = ReconciliationService.create_reconciliation(
        reconciliation_date=timezone.now().date(), prepared_by_id=user.id, close_active_visits=True
    )
    assert f"{reconciliation.total_revenue:.2f} {reconciliation.total_cash:.2f}" == "65.00 65.00"
    assert reconciliation.revenue_leaks_detected == 0
    reconciliation.finalize(user)
    found = ReconciliationService.get_reconciliation_for_date(reconciliation.reconciliation_date)
    assert found.status == "FINALIZED"
