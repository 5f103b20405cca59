"""The life of an issue: the same row and age however often it is seen, acknowledged until its amount moves."""

from datetime import date, timedelta
from decimal import Decimal
from threading import Thread

import pytest
from django.db import connection

from apps.core.errors import NotAllowed
from apps.core.findings import RED
from apps.core.models import Event
from apps.issues.errors import IssueMustBeMended, IssueResolved
from apps.issues.models import Issue, Sighting, ValidationRun
from apps.issues.reports.found import found as found_by
from apps.issues.reports.found import latest_run
from apps.issues.services.acknowledging import acknowledge
from apps.issues.services.validating import validate
from apps.issues.tests.validated import A_DAY, MARCH_31, cash, the_issue
from apps.ledger.tests.subledger import open_sub_ledger

D = Decimal
SUSPENSE = "SUSPENSE_NOT_EMPTY"


def lives(administration):
    return list(Issue.objects.filter(administration=administration).values_list("id", "first_seen_at"))


def events(name):
    return Event.objects.filter(name=name).count()


def test_ids_and_ages_survive_a_hundred_runs(ledger):
    cash(ledger, "65.00", MARCH_31, into="suspense")
    ledger.sold("100.00", due_date=date(2026, 3, 10))
    validate(ledger.administration, MARCH_31)
    born = lives(ledger.administration)
    for number in range(100):
        run = validate(ledger.administration, MARCH_31, full=number % 10 == 0)
        assert (run.issues_found, run.new_count, run.resolved_count) == (2, 0, 0)
    assert lives(ledger.administration) == born
    assert Sighting.objects.count() == 2 * 101
    issue = the_issue(ledger.administration, SUSPENSE)
    assert issue.last_seen_at == ValidationRun.objects.latest("id").started_at
    assert events("issues.issue_found") == 2


def test_an_issue_is_resolved_and_comes_back_as_itself(ledger):
    cash(ledger, "65.00", MARCH_31, into="suspense")
    first = validate(ledger.administration, MARCH_31)
    issue = the_issue(ledger.administration, SUSPENSE)
    cash(ledger, "-65.00", MARCH_31, into="suspense")
    second = validate(ledger.administration, MARCH_31)
    assert (second.issues_found, second.resolved_count) == (0, 1)
    issue.refresh_from_db()
    assert issue.resolved_at == second.started_at
    cash(ledger, "30.00", MARCH_31, into="suspense")
    third = validate(ledger.administration, MARCH_31)
    again = the_issue(ledger.administration, SUSPENSE)
    assert (again.pk, again.first_seen_at, again.reopened_at) == (issue.pk, first.started_at, third.started_at)
    assert (again.resolved_at, again.amount, third.new_count) == (None, D("-30.00"), 0)
    names = ("issues.issue_found", "issues.issue_resolved", "issues.issue_reopened")
    assert [events(name) for name in names] == [1, 1, 1]
    assert events("issues.validated") == 3


def test_a_run_resolves_only_what_its_date_reaches(ledger):
    cash(ledger, "65.00", MARCH_31, into="suspense")
    validate(ledger.administration, MARCH_31)
    validate(ledger.administration, MARCH_31 - A_DAY)
    assert the_issue(ledger.administration, SUSPENSE).resolved_at is None


def test_what_a_run_found_stays_what_it_was(ledger):
    march = ledger.books.period("2026-03")
    cash(ledger, "65.00", MARCH_31, into="suspense")
    run = validate(ledger.administration, MARCH_31, by=ledger.accountant, period=march)
    acknowledge(the_issue(ledger.administration, SUSPENSE), by=ledger.accountant)
    cash(ledger, "35.00", date(2026, 4, 1), into="suspense")
    cash(ledger, "-200.00", date(2026, 4, 1))
    later = validate(ledger.administration, date(2026, 4, 1))
    assert latest_run(march) == run
    (seen,) = found_by(run).yellow
    assert (found_by(run).red, seen.amount, seen.is_acknowledged) == ((), D("-65.00"), True)
    ((red,), (yellow,)) = found_by(later).red, found_by(later).yellow
    assert (red.severity, yellow.amount, yellow.is_acknowledged) == (RED, D("-100.00"), False)


@pytest.mark.parametrize(
    ("materiality", "moved", "still"), [("0", "0.01", False), ("5", "5.00", True), ("5", "5.01", False)]
)
def test_it_stays_acknowledged_until_its_amount_moves_beyond_the_materiality(ledger, materiality, moved, still):
    administration = ledger.administration
    administration.materiality = D(materiality)
    administration.save()
    cash(ledger, "65.00", MARCH_31, into="suspense")
    validate(administration, MARCH_31)
    acknowledge(the_issue(administration, SUSPENSE), by=ledger.accountant, note=" A transfer ")
    for _ in range(3):
        validate(administration, MARCH_31)
    issue = the_issue(administration, SUSPENSE)
    assert (issue.is_acknowledged, issue.acknowledged_amount) == (True, D("-65.00"))
    assert (issue.acknowledged_by, issue.acknowledged_note) == (ledger.accountant, "A transfer")
    cash(ledger, moved, MARCH_31, into="suspense")
    validate(administration, MARCH_31)
    issue = the_issue(administration, SUSPENSE)
    assert issue.is_acknowledged is still
    assert list(Issue.objects.acknowledged()) == ([issue] if still else [])
    if not still:
        assert acknowledge(issue, by=ledger.accountant).is_acknowledged  # asked again, and answered
    assert events("issues.issue_acknowledged") == 1 + (not still)


def test_what_is_red_or_gone_is_not_acknowledged(ledger):
    cash(ledger, "-1.00", MARCH_31, into="suspense")
    validate(ledger.administration, MARCH_31)
    with pytest.raises(IssueMustBeMended):
        acknowledge(the_issue(ledger.administration, "NEGATIVE_CASH"), by=ledger.accountant)
    cash(ledger, "1.00", MARCH_31, into="suspense")
    validate(ledger.administration, MARCH_31)
    with pytest.raises(IssueResolved):
        acknowledge(the_issue(ledger.administration, SUSPENSE), by=ledger.accountant)


def test_whoever_may_not_close_periods_neither_validates_nor_acknowledges(ledger):
    cash(ledger, "65.00", MARCH_31, into="suspense")
    validate(ledger.administration, MARCH_31)
    owner = ledger.books.owner
    with pytest.raises(NotAllowed):
        validate(ledger.administration, MARCH_31, by=owner)
    with pytest.raises(NotAllowed):
        acknowledge(the_issue(ledger.administration, SUSPENSE), by=owner)


def test_an_acknowledged_issue_that_turns_red_asks_again(ledger):
    ledger.sold("100.00", due_date=date(2026, 3, 10))
    validate(ledger.administration, MARCH_31)
    acknowledge(the_issue(ledger.administration, "OVERDUE_RECEIVABLE"), by=ledger.accountant)
    validate(ledger.administration, date(2026, 3, 10) + timedelta(days=366))
    issue = the_issue(ledger.administration, "OVERDUE_RECEIVABLE")
    assert (issue.severity, issue.is_acknowledged) == (RED, False)


def test_runs_of_one_administration_wait_for_each_other(committed):
    """Ten at once: each issue is there once, and each run saw it."""
    ledger = open_sub_ledger()
    cash(ledger, "65.00", MARCH_31, into="suspense")
    failed = []

    def run():
        try:
            validate(ledger.administration, MARCH_31)
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [Thread(target=run) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert (Issue.objects.count(), ValidationRun.objects.count(), Sighting.objects.count()) == (1, 10, 10)
    assert sum(ValidationRun.objects.values_list("new_count", flat=True)) == 1
