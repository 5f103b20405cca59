"""What the database keeps of issues, tried by raw SQL."""

import pytest
from django.db import connection

from apps.issues.models import Issue, Sighting, ValidationRun
from apps.issues.services.acknowledging import acknowledge
from apps.issues.services.validating import validate
from apps.issues.tests.validated import MARCH_31, cash, the_issue
from apps.ledger.tests.factories import open_test_books
from apps.ledger.tests.laws import law_broken_by_sql


@pytest.fixture
def issue(ledger):
    cash(ledger, "65.00", MARCH_31, into="suspense")
    validate(ledger.administration, MARCH_31)
    return the_issue(ledger.administration, "SUSPENSE_NOT_EMPTY")


@pytest.mark.parametrize(
    "change",
    [
        "code = 'ORPHAN_LINE'",
        "subject_type = 'ledger.Party'",
        "subject_id = gen_random_uuid()",
        "part = 'x'",
        "first_seen_at = first_seen_at - interval '1 day'",
        "last_seen_at = last_seen_at - interval '1 day'",
    ],
)
def test_an_issue_keeps_what_it_is_about_and_its_age(issue, change):
    assert law_broken_by_sql(f"UPDATE issues_issue SET {change}") == "issue_kept"


def test_an_issue_is_never_deleted(issue):
    assert law_broken_by_sql("DELETE FROM issues_issue") == "issue_kept"


def test_a_fingerprint_is_there_once(issue):
    copied = ", ".join(field.column for field in Issue._meta.concrete_fields if field.column != "id")
    again = f"INSERT INTO issues_issue (id, {copied}) SELECT gen_random_uuid(), {copied} FROM issues_issue"
    assert law_broken_by_sql(again) == "issue_fingerprint"


@pytest.mark.parametrize("table", ["validationrun", "sighting"])
def test_runs_and_sightings_are_only_added(issue, table):
    law = {"validationrun": "validation_run_append_only", "sighting": "sighting_append_only"}[table]
    assert law_broken_by_sql(f"DELETE FROM issues_{table}") == law
    column = {"validationrun": "red_count = 9", "sighting": "amount = 1"}[table]
    assert law_broken_by_sql(f"UPDATE issues_{table} SET {column}") == law


def test_a_run_sees_an_issue_once(issue):
    columns = ", ".join(field.column for field in Sighting._meta.concrete_fields if field.column != "id")
    again = f"INSERT INTO issues_sighting (id, {columns}) SELECT gen_random_uuid(), {columns} FROM issues_sighting"
    assert law_broken_by_sql(again) == "one_sighting_per_run"


def test_somebody_acknowledged_it(issue):
    assert law_broken_by_sql("UPDATE issues_issue SET acknowledged_note = 'x'") == "issue_acknowledged_by_somebody"
    assert law_broken_by_sql("UPDATE issues_issue SET acknowledged_at = now()") == "issue_acknowledged_by_somebody"


def test_an_issue_is_seen_last_after_it_was_first(issue):
    columns = [field.column for field in Issue._meta.concrete_fields]
    values = {"id": "gen_random_uuid()", "part": "'y'", "first_seen_at": "first_seen_at + interval '1 day'"}
    chosen = ", ".join(values.get(column, column) for column in columns)
    later = f"INSERT INTO issues_issue ({', '.join(columns)}) SELECT {chosen} FROM issues_issue"
    assert law_broken_by_sql(later) == "issue_seen_in_order"


def test_a_run_ends_after_it_began(ledger):
    validate(ledger.administration, MARCH_31)
    columns = [field.column for field in ValidationRun._meta.concrete_fields]
    values = {"id": "gen_random_uuid()", "ended_at": "started_at - interval '1 second'"}
    chosen = ", ".join(values.get(column, column) for column in columns)
    sooner = f"INSERT INTO issues_validationrun ({', '.join(columns)}) SELECT {chosen} FROM issues_validationrun"
    assert law_broken_by_sql(sooner) == "validation_run_ends"


def test_rows_name_rows_of_their_own_administration(ledger, issue):
    foreign = open_test_books().account("suspense")
    facts = {"account": foreign.pk}
    assert law_broken_by_sql("UPDATE issues_issue SET account_id = %(account)s", facts) == (
        "issue_account_same_administration"
    )


def test_what_is_acknowledged_may_change_by_the_service(ledger, issue):
    assert acknowledge(issue, by=ledger.accountant, note="A transfer").acknowledged_note == "A transfer"
    with connection.cursor() as cursor:
        cursor.execute("SELECT acknowledged_amount FROM issues_issue")
        assert cursor.fetchone()[0] == -65
