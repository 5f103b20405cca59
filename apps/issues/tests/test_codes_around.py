"""Each code of the clinic and of the bank: it appears, it just does not, and it is resolved by itself."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from uuid_utils.compat import uuid7

from apps.billing.models import Leak
from apps.billing.services.leaks import dismiss_leak
from apps.billing.tests.clinic import make_clinic
from apps.core.findings import RED, YELLOW
from apps.issues.engine import CHECKS, look
from apps.issues.tests.validated import MARCH_31, cash, found, the_issue
from apps.issues.words import told
from apps.reconciliation.services.account_reconciling import (
    approve_reconciliation,
    begin_reconciliation,
    explain,
    update_reconciliation,
)
from apps.reconciliation.services.statements import confirm_statement
from apps.reconciliation.services.suspending import suspend_moved
from apps.reconciliation.tests.bank import open_test_bank

D = Decimal


@pytest.fixture
def clinic(db):
    return make_clinic()


@pytest.fixture
def bank(ledger):
    return open_test_bank(ledger.books)


def test_a_day_that_is_not_closed(clinic):
    clinic.bill("65.00", day=clinic.today)
    assert found(clinic.administration, clinic.today) == []
    clinic.bill("65.00", day=clinic.yesterday)
    assert found(clinic.administration, clinic.today) == ["DAY_NOT_CLOSED"]
    issue = the_issue(clinic.administration, "DAY_NOT_CLOSED")
    assert (issue.severity, issue.amount, issue.since) == (YELLOW, D("65.00"), clinic.yesterday)
    assert "prepared: no" in told(issue).description
    clinic.close(clinic.yesterday)
    found(clinic.administration, clinic.today)
    assert "prepared: yes" in told(the_issue(clinic.administration, "DAY_NOT_CLOSED")).description
    clinic.finalized(clinic.yesterday)
    assert "DAY_NOT_CLOSED" not in found(clinic.administration, clinic.today)


@pytest.mark.parametrize(("days", "severity"), [(3, YELLOW), (4, RED)])
def test_a_day_that_nobody_signed_for_long_is_red(clinic, days, severity):
    clinic.bill("65.00", day=clinic.today - timedelta(days=days))
    found(clinic.administration, clinic.today)
    assert the_issue(clinic.administration, "DAY_NOT_CLOSED").severity == severity


def test_leaks_that_are_open_by_class(clinic):
    leak = {"rule": "L05", "leak_class": "UNBILLED", "entity_type": "visit", "day": clinic.yesterday}
    leaks = [
        Leak.objects.create(administration=clinic.administration, entity_id=uuid7(), amount=amount, **leak)
        for amount in (10, 5)
    ]
    assert found(clinic.administration, clinic.yesterday - timedelta(days=1)) == []
    assert found(clinic.administration, clinic.today) == ["LEAKS_OPEN"]
    issue = the_issue(clinic.administration, "LEAKS_OPEN")
    assert (issue.severity, issue.amount, issue.part) == (YELLOW, D("15.00"), "UNBILLED")
    assert told(issue).title == "Open leaks: Unbilled"
    for one in leaks:
        dismiss_leak(one, reason="A study.", by=clinic.manager)
    assert found(clinic.administration, clinic.today) == []


def test_a_statement_that_does_not_follow(ledger, bank):
    bank.statement("10.00", start="0", day=date(2026, 3, 10))
    bank.statement("10.00", start="10.00", day=date(2026, 3, 20))
    assert found(ledger.administration) == []
    wrong = bank.statement("10.00", start="21.00", day=MARCH_31)
    assert found(ledger.administration, date(2026, 3, 30)) == []
    assert found(ledger.administration) == ["STATEMENT_INVALID"]
    issue = the_issue(ledger.administration, "STATEMENT_INVALID")
    assert (issue.severity, issue.subject_id, issue.since) == (RED, wrong.pk, MARCH_31)
    confirm_statement(wrong, by=bank.accountant, because="The bank merged two accounts.")
    assert found(ledger.administration) == []


def test_a_statement_that_does_not_add_up(ledger, bank):
    bank.statement("10.00", end="10.00", day=date(2026, 3, 10))
    assert found(ledger.administration) == []
    wrong = bank.statement("10.00", start="10.00", end="20.01", day=MARCH_31)
    assert found(ledger.administration) == ["STATEMENT_INCOMPLETE"]
    issue = the_issue(ledger.administration, "STATEMENT_INCOMPLETE")
    assert (issue.severity, issue.amount, issue.account_id) == (RED, D("-0.01"), bank.account.account_id)
    bank.lines(wrong, "0.01")
    assert found(ledger.administration) == []


def test_a_balance_that_is_not_explained_and_one_that_moved(ledger, bank):
    cash(ledger, "65.00", MARCH_31)
    drawer, march = ledger.books.account("cash_drawer"), {"period_start": date(2026, 3, 1), "period_end": MARCH_31}
    begun = begin_reconciliation(drawer, **march, by=ledger.accountant)
    assert found(ledger.administration) == []  # nobody said yet what is expected
    update_reconciliation(begun, expected_balance=D("60.00"), notes="", by=ledger.accountant)
    assert found(ledger.administration, date(2026, 3, 30)) == []
    assert found(ledger.administration) == ["BALANCE_UNEXPLAINED"]
    issue = the_issue(ledger.administration, "BALANCE_UNEXPLAINED")
    assert (issue.severity, issue.amount, issue.account_id) == (YELLOW, D("5.00"), drawer.pk)
    explain(begun, date=MARCH_31, description="In the safe", amount=D("5.00"), by=ledger.accountant)
    assert found(ledger.administration) == []

    approve_reconciliation(begun, by=ledger.books.owner)
    cash(ledger, "7.00", MARCH_31)
    suspend_moved(ledger.administration)
    assert found(ledger.administration) == ["BALANCE_MOVED"]
    moved = the_issue(ledger.administration, "BALANCE_MOVED")
    assert (moved.severity, moved.amount) == (YELLOW, D("7.00"))
    begin_reconciliation(drawer, **march, by=ledger.accountant)
    assert "BALANCE_MOVED" not in found(ledger.administration)


def test_every_check_is_named_once():
    assert len(set(CHECKS)) == len(CHECKS)


def test_looking_writes_nothing(ledger, django_assert_max_num_queries):
    with django_assert_max_num_queries(40):
        assert list(look(ledger.administration, MARCH_31)) == []
