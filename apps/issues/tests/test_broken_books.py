"""Codes of what only a broken database can hold: the owner of the tables puts the laws aside."""

from datetime import date
from decimal import Decimal

import pytest

from apps.billing.tests.clinic import make_clinic
from apps.core.findings import RED
from apps.issues.tests.validated import MARCH_31, cash, found, the_issue
from apps.issues.words import told
from apps.ledger.services.depreciating import post_depreciation
from apps.ledger.tests.assets import registered
from apps.ledger.tests.laws import law_broken_by_sql
from apps.ledger.tests.subledger import open_sub_ledger

D = Decimal


@pytest.fixture
def ledger(owned):
    return open_sub_ledger()


@pytest.mark.parametrize("table", ["issue", "validationrun", "sighting"])
def test_no_table_is_emptied_not_even_by_its_owner(ledger, table):
    assert law_broken_by_sql(f"TRUNCATE issues_{table} CASCADE") == "no_truncate"


def test_an_unbalanced_entry(owned, ledger):
    entry = cash(ledger, "65.00", MARCH_31)
    line = entry.lines.get(position=1)
    for amount, expected in ((D("65.01"), ["JOURNAL_UNBALANCED"]), (D("65.00"), [])):
        owned.execute("ALTER TABLE ledger_journalline DISABLE TRIGGER USER")
        owned.execute("UPDATE ledger_journalline SET debit = %s WHERE id = %s", [amount, line.pk])
        assert found(ledger.administration) == expected
    issue = the_issue(ledger.administration, "JOURNAL_UNBALANCED")
    assert (issue.severity, issue.amount, issue.entry_id) == (RED, D("0.01"), entry.pk)
    assert "Difference: EUR\N{NO-BREAK SPACE}0.01" in told(issue).description
    assert issue.resolved_at is not None


def test_a_line_without_an_entry(owned, ledger):
    entry = cash(ledger, "65.00", MARCH_31)
    owned.execute("ALTER TABLE ledger_journalline DISABLE TRIGGER USER, DROP CONSTRAINT line_entry_same_administration")
    owned.execute("UPDATE ledger_journalline SET entry_id = gen_random_uuid() WHERE position = 1")
    assert "ORPHAN_LINE" in found(ledger.administration)
    issue = the_issue(ledger.administration, "ORPHAN_LINE")
    assert (issue.severity, issue.amount, issue.since) == (RED, D("65.00"), MARCH_31)
    owned.execute("UPDATE ledger_journalline SET entry_id = %s WHERE position = 1", [entry.pk])
    assert found(ledger.administration) == []


def test_a_line_on_an_account_that_is_not_there(owned, ledger):
    entry = cash(ledger, "65.00", MARCH_31)
    cash_account = ledger.books.account("cash_drawer")
    table = "ALTER TABLE ledger_journalline DISABLE TRIGGER USER, DROP CONSTRAINT line_account_same_administration"
    owned.execute(table)
    owned.execute("UPDATE ledger_journalline SET account_id = gen_random_uuid() WHERE position = 1")
    assert "MISSING_ACCOUNT" in found(ledger.administration)
    issue = the_issue(ledger.administration, "MISSING_ACCOUNT")
    assert (issue.severity, issue.amount, issue.entry_id) == (RED, D("65.00"), entry.pk)
    owned.execute("UPDATE ledger_journalline SET account_id = %s WHERE position = 1", [cash_account.pk])
    assert found(ledger.administration) == []


def test_a_number_that_is_missing(owned, ledger):
    entry = cash(ledger, "65.00", MARCH_31)
    for table in ("journalentry", "journalline"):
        owned.execute(f"ALTER TABLE ledger_{table} DISABLE TRIGGER USER")
    owned.execute("UPDATE ledger_journalentry SET number = 99")
    assert found(ledger.administration) == ["NUMBER_GAP"]
    issue = the_issue(ledger.administration, "NUMBER_GAP")
    assert (issue.severity, issue.facts["missing"], issue.facts["last"]) == (RED, 1, 1)
    assert told(issue).title == "Numbers are missing: journal entries 2026"
    owned.execute("UPDATE ledger_journalentry SET number = %s", [entry.number])
    assert found(ledger.administration) == []


def test_a_number_of_a_bill_that_is_missing(owned):
    clinic = make_clinic()
    clinic.bill("65.00")
    owned.execute("ALTER TABLE billing_bill DISABLE TRIGGER USER")
    owned.execute("UPDATE billing_bill SET number = 7")
    assert found(clinic.administration, clinic.today) == ["NUMBER_GAP"]
    assert told(the_issue(clinic.administration, "NUMBER_GAP")).title == "Numbers are missing: bills "
    owned.execute("UPDATE billing_bill SET number = 1")
    assert found(clinic.administration, clinic.today) == []


def test_depreciation_that_differs_from_its_schedule(owned, ledger):
    registered(ledger.books)
    post_depreciation(ledger.administration, date(2026, 2, 1), by=ledger.accountant)
    for amount, expected in ((D("99.00"), ["DEPRECIATION_MISMATCH"]), (D("100.00"), [])):
        owned.execute("ALTER TABLE ledger_depreciation DISABLE TRIGGER USER")
        owned.execute("UPDATE ledger_depreciation SET amount = %s", [amount])
        assert found(ledger.administration, date(2026, 2, 28)) == expected
    issue = the_issue(ledger.administration, "DEPRECIATION_MISMATCH")
    assert (issue.severity, issue.amount, issue.facts["months"]) == (RED, D("-2.00"), 2)
