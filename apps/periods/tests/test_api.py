"""Periods over HTTP, each answer held against the OpenAPI document."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from jsonschema import Draft202012Validator
from rest_framework.test import APIClient
from uuid_utils.compat import uuid7

from apps.billing.tests.calling import document
from apps.billing.tests.test_closes_api import plain_schema
from apps.core.tests.factories import member
from apps.issues.models import Issue
from apps.periods.models import Snapshot
from apps.periods.tests.desk import open_desk

BASE = "/api/v1/accountant/clients/{client_id}/periods/"


class Caller:
    """``call("post", "{period_id}/review/", name="2026-03")`` as ``user``."""

    def __init__(self, desk, user):
        self.desk, self.http = desk, APIClient()
        self.http.force_authenticate(user)

    def __call__(self, method, path="{period_id}/", body=None, *, name="2026-03", key=None, **query):
        period = self.desk.period(name).pk
        address = (BASE + path).format(client_id=self.desk.administration.pk, period_id=period)
        shape = {} if method == "get" else {"format": "json"}
        headers = {"Idempotency-Key": key} if key else {}
        answer = getattr(self.http, method)(address, query if method == "get" else body, headers=headers, **shape)
        documented = document()["paths"][BASE + path][method]["responses"][str(answer.status_code)]
        schema = documented["content"]["application/json"]["schema"]
        whole = {**plain_schema(schema), "components": plain_schema(document()["components"])}
        Draft202012Validator(whole).validate(answer.json())
        return answer


@pytest.fixture
def call(desk):
    return Caller(desk, desk.accountant)


def code(answer):
    return answer.status_code, answer.json()["detail"]["code"]


# The list ------------------------------------------------------------------------------------------------------------


def test_the_list_is_newest_first_bounded_filtered_and_ordered(desk, call):
    said = call("get", "").json()
    assert (said["administration_id"], said["total_count"]) == (str(desk.administration.pk), 17)
    assert [one["name"] for one in said["periods"]][:3] == ["2026", "2026-Q4", "2026-12"]
    desk.finalized("2026-01")
    desk.review()
    names = {
        status: [one["name"] for one in call("get", "", status=status).json()["periods"]]
        for status in ("review", "FINALIZED")
    }
    assert names == {"review": ["2026-03"], "FINALIZED": ["2026-01"]}
    both = call("get", "", status=["REVIEW", "FINALIZED"], ordering="first_day").json()
    assert ([one["name"] for one in both["periods"]], both["total_count"]) == (["2026-01", "2026-03"], 2)
    first = call("get", "", limit=1, type="MONTH").json()
    assert ([one["name"] for one in first["periods"]], first["total_count"]) == (["2026-12"], 12)


def test_what_one_period_says_of_itself(desk, call):
    desk.finalized()
    said = call("get").json()["period"]
    step = desk.period().transitions.get(action="FINALIZE")
    assert (said["name"], said["period_type"], said["start_date"], said["end_date"]) == (
        "2026-03", "MONTH", "2026-03-01", "2026-03-31",
    )  # fmt: skip
    assert (said["status"], said["is_closed"], said["locked_at"]) == ("FINALIZED", True, None)
    assert said["finalized_at"][:19] == step.at.isoformat()[:19]
    assert said["created_at"] <= said["review_started_at"] <= said["finalized_at"]


@pytest.mark.parametrize(
    "query", [{"status": "DONE"}, {"limit": 0}, {"limit": 1001}, {"limit": "x"}, {"ordering": "notes"}]
)
def test_a_parameter_that_cannot_be_read_is_refused(call, query):
    answer = call("get", "", **query)
    assert answer.status_code in (400, 422)


# One after the other -------------------------------------------------------------------------------------------------


def test_from_open_to_locked(desk, call):
    desk.doubtful()
    reviewed = call("post", "{period_id}/review/", {"notes": "Quarterly review start"}).json()
    assert (reviewed["period"]["status"], reviewed["issues_found"]) == ("REVIEW", 1)
    assert reviewed["message"] == "Period review started. Found 1 issue."
    found = call("get").json()["validation"]
    (yellow,) = found["yellow_issues"]
    assert (found["run_id"], found["can_finalize"]) == (reviewed["validation_run_id"], False)
    assert found["validation_summary"] == {"total_issues": 1, "red_count": 0, "yellow_count": 1}

    refused = call("post", "{period_id}/finalize/", {})
    assert code(refused) == (400, "CANNOT_FINALIZE")
    assert refused.json()["detail"]["message"] == "Cannot finalize: 1 YELLOW issue must be acknowledged first."
    assert [one["id"] for one in refused.json()["detail"]["yellow_issues"]] == [yellow["id"]]

    sent = {"acknowledged_yellow_issues": [yellow["id"]], "notes": "Q1 2026 finalization complete"}
    final = call("post", "{period_id}/finalize/", sent).json()
    assert (final["period"]["status"], final["snapshot_id"]) == ("FINALIZED", str(Snapshot.objects.get().pk))
    assert code(call("post", "{period_id}/finalize/", {})) == (409, "ALREADY_FINALIZED")

    assert code(call("post", "{period_id}/lock/", {"notes": "x"})) == (400, "LOCK_NOT_CONFIRMED")
    locked = call("post", "{period_id}/lock/", {"confirm_irreversible": True, "notes": "Annual audit"}).json()
    assert locked["period"]["status"] == "LOCKED"
    assert locked["period"]["locked_at"]
    logs = call("get", "{period_id}/audit-logs/").json()
    assert [(one["action"], one["notes"]) for one in logs["logs"]] == [
        ("LOCK", "Annual audit"),
        ("FINALIZE", "Q1 2026 finalization complete"),
        ("REVIEW_START", "Quarterly review start"),
    ]
    assert (logs["total_count"], logs["logs"][1]["snapshot_id"]) == (3, final["snapshot_id"])
    assert {one["performed_by_id"] for one in logs["logs"]} == {str(desk.accountant.pk)}


def test_something_red_is_named_and_stays_to_be_looked_up(desk, call):
    desk.review()
    desk.wrong()
    detail = call("post", "{period_id}/finalize/", {}).json()["detail"]
    assert detail["message"] == "Cannot finalize: 1 RED issue must be resolved first."
    assert Issue.objects.get(pk=detail["red_issues"][0]["id"]).code == "NEGATIVE_CASH"
    assert [one["code"] for one in call("get").json()["validation"]["red_issues"]] == ["NEGATIVE_CASH"]


def test_the_snapshot_as_it_was_written(desk, call):
    assert code(call("get", "{period_id}/snapshot/")) == (404, "SNAPSHOT_MISSING")
    snapshot = desk.finalized()
    said = call("get", "{period_id}/snapshot/").json()
    assert (said["id"], said["snapshot_type"], said["sha256"]) == (str(snapshot.pk), "FINALIZATION", snapshot.sha256)
    assert said["summary"]["net_income"] == "65.00"
    assert said["issue_summary"] == {"total_issues": 0, "red_count": 0, "yellow_count": 0}
    kept = snapshot.says
    assert {name: said[name] for name in ("balance_sheet", "names", "vat_summary")} == {
        name: kept[name] for name in ("balance_sheet", "names", "vat_summary")
    }


def test_the_checklist(desk, call):
    desk.wrong()
    desk.review()
    said = call("get", "{period_id}/closing-checklist/").json()
    assert (said["client_name"], said["period_status"]) == (desk.administration.name, "REVIEW")
    assert (said["can_finalize"], said["blocking_items"], said["warning_items"]) == (False, 1, 1)
    assert (said["red_issues_count"], said["ar_reconciled"], said["vat_report_ready"]) == (1, True, True)
    assert (said["documents_posted_percent"], said["documents_pending_review"]) == ("100.0", 0)
    assert len(said["items"]) == 10


def test_reopened_by_another_person(desk, call):
    desk.finalized()
    assert code(call("post", "{period_id}/reopen/", {"reason": "Late."})) == (403, "REOPENED_BY_FINALIZER")
    other = Caller(desk, desk.second)
    assert other("post", "{period_id}/reopen/", {"reason": "Late."}).json()["period"]["status"] == "REVIEW"
    said = other("get").json()["period"]
    assert (said["finalized_at"], said["is_closed"]) == (None, False)


# Bad input, keys, people ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "body"),
    [
        ("review", {"notes": ["x"]}),
        ("finalize", {"acknowledged_yellow_issues": "all"}),
        ("finalize", {"acknowledged_yellow_issues": ["1"]}),
        ("lock", {"confirm_irreversible": "perhaps"}),
        ("reopen", {}),
        ("reopen", {"reason": "  "}),
    ],
)
def test_a_body_that_cannot_be_read_changes_nothing(desk, call, act, body):
    before = desk.period().status
    assert code(call("post", f"{{period_id}}/{act}/", body)) == (422, "VALIDATION_ERROR")
    assert desk.period().status == before


def test_unknown_ids_are_named(desk, call):
    desk.review()
    unknown = str(uuid7())
    answer = call("post", "{period_id}/finalize/", {"acknowledged_yellow_issues": [unknown]})
    assert code(answer) == (400, "ISSUE_NOT_OF_PERIOD")
    assert answer.json()["detail"]["ids"] == [unknown]


def test_a_warning_of_other_books_is_no_warning_of_these(desk, call):
    other = open_desk()
    other.sold()
    other.doubtful()
    (foreign,) = other.review().yellow
    desk.review()
    answer = call("post", "{period_id}/finalize/", {"acknowledged_yellow_issues": [str(foreign.pk)]})
    assert code(answer) == (400, "ISSUE_NOT_OF_PERIOD")


def test_a_finalization_that_is_sent_again_is_answered_again(desk, call):
    desk.review()
    first = call("post", "{period_id}/finalize/", {}, key="march")
    again = call("post", "{period_id}/finalize/", {}, key="march")
    assert (again.status_code, again.content) == (200, first.content)
    assert Snapshot.objects.count() == 1


def test_a_period_of_other_books_is_not_there(desk):
    other = open_desk()
    http = APIClient()
    http.force_authenticate(desk.accountant)
    for books, period in ((other, other), (desk, other), (other, desk)):
        address = BASE.format(client_id=books.administration.pk) + f"{period.period().pk}/"
        assert http.get(address).status_code == 404
    assert http.get(BASE.format(client_id="x")).status_code == 404


def test_a_manager_reads_and_does_not_close(desk):
    call = Caller(desk, member(desk.administration, "manager"))
    assert call("get").status_code == 200
    assert call("post", "{period_id}/review/", {}).status_code == 403
    assert call("post", "{period_id}/lock/", {"confirm_irreversible": True}).status_code == 403


def test_reading_costs_the_same_however_much_there_is(desk, call):
    desk.doubtful()
    desk.review()
    paths = ("", "{period_id}/", "{period_id}/closing-checklist/", "{period_id}/audit-logs/")

    def counts():
        found = []
        for path in paths:
            with CaptureQueriesContext(connection) as queries:
                call("get", path)
            found.append(len(queries))
        return found

    counts()  # the document is read once
    few = counts()
    for n in range(6):
        desk.sold("1.00", day=date(2026, 3, 4 + n))
    desk.saw("VAT_NEGATIVE", "YELLOW", part="2")
    desk.books.set_status("2026-01", "LOCKED")
    assert counts() == few
