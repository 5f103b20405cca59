"""The pages of issues: what is wrong, what to do, and who let it stand."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.issues.models import Issue, ValidationRun
from apps.issues.services.validating import validate
from apps.issues.tests.validated import cash, the_issue

LIST = "/admin/issues/issue/"


@pytest.fixture
def page(ledger):
    client = Client()
    client.force_login(ledger.accountant)
    return client


@pytest.fixture
def issue(ledger):
    cash(ledger, "65.00", timezone.localdate(), into="suspense")
    validate(ledger.administration, timezone.localdate())
    return the_issue(ledger.administration, "SUSPENSE_NOT_EMPTY")


def text(answer):
    return answer.content.decode()


def test_the_list_says_what_is_wrong_and_leads_to_it(page, issue):
    shown = text(page.get(LIST))
    assert "1990 Vraagposten is not empty" in shown
    assert reverse("admin:issues_issue_validate") in shown
    one = text(page.get(reverse("admin:issues_issue_change", args=[issue.pk])))
    assert "Go through its lines" in one
    assert reverse("admin:ledger_account_ledger", args=[issue.account_id]) in one
    assert reverse("admin:issues_issue_acknowledge", args=[issue.pk]) in one


@pytest.mark.parametrize(
    ("state", "there"), [("open", 1), ("asks", 1), ("acknowledged", 0), ("resolved", 0), ("all", 1)]
)
def test_the_list_is_filtered_by_state(page, issue, state, there):
    assert page.get(LIST, {"state": state}).context["cl"].result_count == there
    assert page.get(LIST, {"code": "SUSPENSE_NOT_EMPTY"}).context["cl"].result_count == 1
    assert page.get(LIST, {"code": "NEGATIVE_CASH"}).context["cl"].result_count == 0


def test_an_issue_is_acknowledged_with_a_note_once(page, issue):
    address = reverse("admin:issues_issue_acknowledge", args=[issue.pk])
    assert "1990 Vraagposten" in text(page.get(address))
    for _ in range(2):
        answer = page.post(address, {"key": "k-1", "note": "A transfer"})
        assert answer.headers["Location"] == reverse("admin:issues_issue_change", args=[issue.pk])
    issue.refresh_from_db()
    assert (issue.acknowledged_note, issue.is_acknowledged) == ("A transfer", True)
    assert page.get(LIST, {"state": "acknowledged"}).context["cl"].result_count == 1
    assert "A transfer" in text(page.get(answer.headers["Location"]))


def test_the_books_are_validated_from_the_page(page, ledger):
    cash(ledger, "65.00", timezone.localdate(), into="suspense")
    address = reverse("admin:issues_issue_validate")
    assert page.get(address).status_code == 200
    answer = page.post(address, {"key": "k-1", "force": "on"})
    assert answer.headers["Location"] == LIST
    assert (Issue.objects.count(), ValidationRun.objects.get().is_full) == (1, True)
    runs = text(page.get("/admin/issues/validationrun/"))
    assert "all of history" in runs
    run = ValidationRun.objects.get()
    assert page.get(reverse("admin:issues_validationrun_change", args=[run.pk])).status_code == 200
