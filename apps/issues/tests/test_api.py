"""The issues of the contract area ledger over HTTP, each answer held against the OpenAPI document."""

from datetime import date
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator
from rest_framework.test import APIClient

from apps.billing.tests.test_closes_api import plain_schema
from apps.core.models import Job
from apps.issues.models import Issue, ValidationRun
from apps.issues.services import recalculating
from apps.issues.services.validating import validate
from apps.issues.tasks import recalculate, validate_administration, validate_all
from apps.issues.tests.validated import MARCH_31, cash, taxed_by_hand, the_issue

BASE = "/api/v1/accountant/"


@pytest.fixture(scope="module")
def document():
    return SchemaGenerator().get_schema(request=None, public=True)


@pytest.fixture
def call(ledger, document):
    """A request as the accountant, its answer held against the OpenAPI document."""
    http = APIClient()
    http.force_authenticate(ledger.accountant)

    def ask(method, path, body=None, query=None, **named):
        named = {"client_id": ledger.administration.pk, **named}
        shape = {} if method == "get" else {"format": "json"}
        answer = getattr(http, method)(BASE + path.format(**named), query if method == "get" else body, **shape)
        documented = document["paths"][BASE + path][method]["responses"][str(answer.status_code)]
        schema = documented["content"]["application/json"]["schema"]
        whole = {**plain_schema(schema), "components": plain_schema(document["components"])}
        Draft202012Validator(whole).validate(answer.json())
        return answer

    ask.http = http
    return ask


@pytest.fixture
def troubled(ledger):
    """Books with a red issue and two yellow ones."""
    cash(ledger, "-65.00", MARCH_31, into="suspense")
    taxed_by_hand(ledger, "9.00", date(2026, 3, 3))
    validate(ledger.administration, MARCH_31)
    return ledger


ISSUES = "clients/{client_id}/issues/"


def shown(answer):
    return [issue["issue_code"] for issue in answer.json()["issues"]]


def test_issues_are_listed_the_red_ones_first_with_what_to_do(troubled, call):
    answer = call("get", ISSUES)
    said = answer.json()
    assert (said["total_issues"], said["red_count"], said["yellow_count"]) == (3, 1, 2)
    assert (said["client_id"], said["next"]) == (str(troubled.administration.pk), None)
    assert shown(answer) == ["NEGATIVE_CASH", "VAT_RATE_MISMATCH", "SUSPENSE_NOT_EMPTY"]
    issue = said["issues"][0]
    assert (issue["severity"], issue["amount_discrepancy"], issue["is_resolved"]) == ("RED", "-65.00", False)
    assert issue["account_id"] == str(troubled.books.account("cash_drawer").pk)
    assert issue["title"] == "1000 Kas holds less than nothing"
    assert "The balance is (65.00)" in issue["description"].replace("EUR\N{NO-BREAK SPACE}", "")
    assert issue["why"]
    assert issue["suggested_action"]
    assert said["issues"][1]["journal_entry_id"] is not None
    assert (issue["document_id"], issue["resolved_at"]) == (None, None)


def test_issues_are_filtered_and_ordered(troubled, call):
    assert shown(call("get", ISSUES, query={"severity": "YELLOW"})) == ["VAT_RATE_MISMATCH", "SUSPENSE_NOT_EMPTY"]
    assert shown(call("get", ISSUES, query={"code": "NEGATIVE_CASH"})) == ["NEGATIVE_CASH"]
    assert shown(call("get", ISSUES, query={"ordering": "size"}))[0] == "VAT_RATE_MISMATCH"
    cash(troubled, "65.00", MARCH_31, into="suspense")
    validate(troubled.administration, MARCH_31)
    assert shown(call("get", ISSUES)) == ["VAT_RATE_MISMATCH"]
    everything = call("get", ISSUES, query={"include_resolved": "true"}).json()
    assert everything["total_issues"] == 3
    assert {issue["issue_code"] for issue in everything["issues"] if issue["is_resolved"]} == {
        "NEGATIVE_CASH",
        "SUSPENSE_NOT_EMPTY",
    }


def test_issues_come_in_pages_that_a_link_leads_to(troubled, call):
    first = call("get", ISSUES, query={"limit": 2})
    assert len(shown(first)) == 2
    assert first.json()["total_issues"] == 3
    following = first.json()["next"]
    assert first.headers["Link"] == f'<{following}>; rel="next"'
    rest = call.http.get(following).json()
    assert ([issue["issue_code"] for issue in rest["issues"]], rest["next"]) == (["SUSPENSE_NOT_EMPTY"], None)


@pytest.mark.parametrize("query", [{"severity": "GREEN"}, {"code": "NOTHING"}, {"ordering": "acknowledged_note"}])
def test_a_bad_parameter_is_refused(troubled, call, query):
    answer = call("get", ISSUES, query=query)
    assert (answer.status_code, answer.json()["detail"]["code"]) == (400, "INVALID_PARAMETER")


def test_the_list_asks_no_more_when_it_grows(troubled, call):
    def asked():
        with CaptureQueriesContext(connection) as queries:
            call("get", ISSUES)
        return len(queries)

    asked()  # who may read is asked once
    before = asked()
    for day in range(10, 20):
        taxed_by_hand(troubled, "9.00", date(2026, 3, day))
    validate(troubled.administration, MARCH_31)
    assert asked() == before
    assert Issue.objects.count() == 13


def test_one_issue_is_acknowledged_and_its_history_read(troubled, call):
    issue = the_issue(troubled.administration, "SUSPENSE_NOT_EMPTY")
    assert call("get", "issues/{issue_id}/", issue_id=issue.pk).json()["is_acknowledged"] is False
    done = call("post", "issues/{issue_id}/acknowledge/", {"note": "A transfer"}, issue_id=issue.pk).json()
    assert (done["is_acknowledged"], done["acknowledged_note"]) == (True, "A transfer")
    assert done["acknowledged_amount"] == "65.00"
    assert shown(call("get", ISSUES, query={"acknowledged": "true"})) == ["SUSPENSE_NOT_EMPTY"]
    assert shown(call("get", ISSUES, query={"acknowledged": "false"})) == ["NEGATIVE_CASH", "VAT_RATE_MISMATCH"]
    (seen,) = call("get", "issues/{issue_id}/sightings/", issue_id=issue.pk).json()["results"]
    assert (seen["severity"], seen["amount"], seen["as_of"]) == ("YELLOW", "65.00", "2026-03-31")
    red = the_issue(troubled.administration, "NEGATIVE_CASH")
    refused = call("post", "issues/{issue_id}/acknowledge/", {}, issue_id=red.pk)
    assert (refused.status_code, refused.json()["detail"]["code"]) == (409, "ISSUE_MUST_BE_MENDED")
    long = call("post", "issues/{issue_id}/acknowledge/", {"note": "x" * 1001}, issue_id=issue.pk)
    assert (long.status_code, long.json()["detail"]["code"]) == (422, "VALIDATION_ERROR")
    assert call("get", "issues/{issue_id}/", issue_id=uuid4()).status_code == 404


RECALCULATE = "clients/{client_id}/journal/recalculate/"


def test_a_small_book_is_validated_while_the_request_waits(ledger, call):
    cash(ledger, "65.00", timezone.localdate(), into="suspense")
    said = call("post", RECALCULATE, {"force": True}).json()
    run = ValidationRun.objects.get()
    assert (said["success"], said["validation_run_id"], said["issues_found"]) == (True, str(run.pk), 1)
    assert (said["message"], run.by, run.is_full) == (
        "Validation completed. Found 1 issue.",
        ledger.accountant,
        True,
    )
    assert call("post", RECALCULATE, {}).json()["issues_found"] == 1
    assert ValidationRun.objects.first().is_full is False
    (newest, _first) = call("get", "clients/{client_id}/validation-runs/").json()["results"]
    assert (newest["is_full"], newest["yellow_count"], newest["new_count"]) == (False, 1, 0)
    bad = call("post", RECALCULATE, {"force": "perhaps"})
    assert (bad.status_code, bad.json()["detail"]["code"]) == (422, "VALIDATION_ERROR")


def test_a_large_book_is_looked_at_whole_by_the_worker_and_after_that_at_once(ledger, call, monkeypatch):
    monkeypatch.setattr(recalculating, "SMALL", 0)
    cash(ledger, "65.00", timezone.localdate(), into="suspense")
    started = call("post", RECALCULATE, {})
    assert (started.status_code, started.json()["validation_run_id"]) == (202, None)
    where = call("get", "clients/{client_id}/journal/recalculation/").json()
    assert (where["state"], where["done"], where["total"], where["validation_run"]) == ("WAITING", 0, 1, None)
    assert started.json()["task_url"].endswith("/journal/recalculation/")
    job = Job.objects.get()
    recalculate(str(job.pk))
    where = call("get", "clients/{client_id}/journal/recalculation/").json()
    assert (where["task_id"], where["state"], where["done"]) == (str(job.pk), "DONE", 1)
    assert where["validation_run"]["issues_found"] == 1
    recalculate(str(job.pk))
    assert ValidationRun.objects.count() == 1
    assert call("post", RECALCULATE, {}).status_code == 200
    assert call("post", RECALCULATE, {"force": True}).status_code == 202


def test_every_administration_is_validated_once_a_night(ledger):
    cash(ledger, Decimal("65.00"), timezone.localdate(), into="suspense")
    night = timezone.now().date().isoformat()
    for _ in range(2):
        validate_administration(str(ledger.administration.pk), night)
    run = ValidationRun.objects.get()
    assert (run.is_full, run.by, run.issues_found, run.as_of) == (
        True,
        None,
        1,
        recalculating.today(run.administration),
    )
    assert validate_all.name == "apps.issues.tasks.validate_all"
