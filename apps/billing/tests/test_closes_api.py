"""The contract area end_of_day over HTTP, each answer held against the OpenAPI document."""

from datetime import date, timedelta
from decimal import Decimal as D
from runpy import run_path
from uuid import uuid4

import pytest
import yaml
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from jsonschema import Draft202012Validator
from rest_framework.test import APIClient

from apps.billing.models import Visit
from apps.billing.reconciliation_service import ReconciliationService
from apps.billing.tests.clinic import PASSWORD, make_clinic
from apps.ledger.services.opening import open_years

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


# The examples of the source document, letter by letter ---------------------------------------------------------------


def test_the_requests_of_the_source_document_work_letter_by_letter(clinic, call, sign):
    """The date is the document's; each figure is of what was taken on it."""
    day = date(2026, 1, 15)
    open_years(clinic.administration, 2026, 2026)
    clinic.fill_wallet("5.00", day=day)
    bill = clinic.bill("150.00", day=day)
    paid = {"CASH": "65.00", "WALLET": "5.00", "PAYSTACK": "20.00", "HMO": "30.00", "INSURANCE": "10.00"}
    for method, amount in paid.items():
        clinic.pay(bill, amount, method, day=day)
    visit = Visit.objects.create(administration=clinic.administration, patient=clinic.patient(), date=day)

    created = call("post", "", {"reconciliation_date": "2026-01-15", "close_active_visits": True})
    assert created.status_code == 201
    id_ = created.json()["id"]
    got = call("get", "{id}/", id=id_).json()
    assert {method: got[f"total_{method.lower()}"] for method in paid} == paid
    assert (got["total_revenue"], got["total_outstanding"], got["outstanding_visits_count"]) == ("130.00", "60.00", 0)
    assert (got["total_visits"], got["active_visits_closed"], got["revenue_leaks_detected"]) == (1, 1, 1)
    assert (got["has_mismatches"], got["mismatch_details"], got["status"]) == (False, [], "DRAFT")
    visit.refresh_from_db()
    assert visit.status == "CLOSED"

    clinic.pay(bill, "20.00", "CASH", day=day)
    refreshed = call("post", "{id}/refresh/", id=id_).json()
    assert (refreshed["total_cash"], refreshed["total_outstanding"]) == ("85.00", "40.00")
    final = sign("post", "{id}/finalize/", {"notes": "All payments verified"}, id=id_)
    assert (final.status_code, final.json()["status"], final.json()["notes"]) == (
        200,
        "FINALIZED",
        "All payments verified",
    )
    assert [final.json()[f"{step}_by"] for step in ("prepared", "reviewed", "finalized")] == [
        str(clinic.receptionist.pk),
        None,
        str(clinic.manager.pk),
    ]
    january = call("get", "summary/", query={"start_date": "2026-01-01", "end_date": "2026-01-31"}).json()
    assert (january["total_reconciliations"], january["total_revenue"], january["total_cash"]) == (1, "150.00", "85.00")
    clinic.close()
    assert call("get", "today/").json()["reconciliation_date"] == clinic.today.isoformat()


SHELL = """\
from apps.billing.reconciliation_service import ReconciliationService
from django.utils import timezone

# Create reconciliation for today
reconciliation = ReconciliationService.create_reconciliation(
    reconciliation_date=timezone.now().date(),
    prepared_by_id=user.id,
    close_active_visits=True
)

# Review the reconciliation
print(f"Total Revenue: {reconciliation.total_revenue}")
print(f"Cash: {reconciliation.total_cash}")
print(f"Outstanding: {reconciliation.total_outstanding}")
print(f"Revenue Leaks: {reconciliation.revenue_leaks_detected}")

# Finalize
reconciliation.finalize(user)
"""


def test_the_shell_example_of_the_source_document_works_letter_by_letter(db, tmp_path, capsys):
    # One person prepares and signs in the example, and it takes its date from the server's clock.
    clinic = make_clinic(time_zone="UTC", single_sign_off=True)
    clinic.pay(clinic.bill("80.00"), "65.00")
    example = tmp_path / "example.py"
    example.write_text(SHELL)

    said = run_path(str(example), {"user": clinic.owner})

    printed = dict(line.split(": ") for line in capsys.readouterr().out.splitlines())
    assert {word: D(figure) for word, figure in printed.items()} == {
        "Total Revenue": D(65),
        "Cash": D(65),
        "Outstanding": D(15),
        "Revenue Leaks": D(0),
    }
    found = ReconciliationService.get_reconciliation_for_date(said["reconciliation"].reconciliation_date)
    assert (found.pk, found.status, found.finalized_by) == (said["reconciliation"].pk, "FINALIZED", clinic.owner)
    assert (found.entry.lines.count(), found.single_sign_off) == (3, True)


def test_every_method_of_the_service_of_the_source_document_is_there_from_the_shell(clinic):
    clinic.pay(clinic.bill("65.00"), "40.00")
    made = ReconciliationService.create_reconciliation(clinic.today, prepared_by_id=clinic.receptionist.pk)
    again = ReconciliationService.create_reconciliation(clinic.today, prepared_by_id=clinic.manager.pk)
    assert (again.pk, again.prepared_by) == (made.pk, clinic.receptionist)
    clinic.pay(clinic.bill("10.00"), "10.00", "CARD")
    refreshed = ReconciliationService.refresh_reconciliation(made.pk, refreshed_by_id=clinic.receptionist.pk)
    assert (refreshed.pk, refreshed.total_revenue, refreshed.total_outstanding) == (made.pk, D(50), D(25))
    assert ReconciliationService.get_reconciliation_for_date(clinic.today).pk == made.pk
    assert ReconciliationService.get_reconciliation_for_date(clinic.yesterday) is None
    summed = ReconciliationService.get_reconciliation_summary(clinic.yesterday, clinic.today)
    assert (summed.total_reconciliations, summed.total_revenue, summed.total_cash) == (1, D(50), D(40))
