"""The closing checklist: each item where it blocks, where it just does not, and where it resolves."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.billing.tests.clinic import make_clinic
from apps.core import display
from apps.issues.services.acknowledging import acknowledge
from apps.ledger.models import Period
from apps.ledger.services.posting import reverse_entry
from apps.ledger.tests.factories import open_test_books
from apps.periods.errors import CannotFinalize
from apps.periods.reports.checklist import checklist
from apps.periods.reports.verdicts import last_verdict
from apps.periods.services.finalizing import finalize_period
from apps.periods.tests.steps import brought_to
from apps.periods.tests.vat_year import YEAR
from apps.reconciliation.services.account_reconciling import approve_reconciliation
from apps.reconciliation.services.clearing import Part, clear
from apps.reconciliation.tests.bank import open_test_bank
from apps.reconciliation.tests.proofs import begun, booked

D = Decimal


def found(desk, name="2026-03"):
    period = desk.period(name)
    return checklist(period, last_verdict(period))


def item(desk, key, name="2026-03"):
    return found(desk, name).item(key)


def test_the_contract_s_seven_and_ours_in_order(desk):
    assert [one.name for one in found(desk).items] == [
        "Documents Posted",
        "Critical Issues",
        "Warning Issues",
        "VAT Report Ready",
        "AR Reconciled",
        "AP Reconciled",
        "Asset Schedules Consistent",
        "Days Closed",
        "Bank Reconciled",
        "Account Reconciliations",
    ]


def test_before_the_first_run_nothing_is_called_done_that_nobody_looked_at(desk):
    listed = found(desk)
    assert {one.key for one in listed.items if one.details == "Not checked yet: begin the review"} == {
        "critical_issues",
        "warning_issues",
        "ar_reconciled",
        "ap_reconciled",
        "assets_consistent",
    }
    assert not listed.can_finalize
    assert [one.key for one in listed.blocking] == ["critical_issues"]


def test_no_document_waits(desk):
    assert (item(desk, "documents_posted").status, item(desk, "documents_posted").details) == (
        "PASSED",
        "No document waits",
    )


def test_critical_issues(desk):
    desk.wrong()
    desk.review()
    assert (item(desk, "critical_issues").status, item(desk, "critical_issues").value) == ("FAILED", "1")
    assert not found(desk).can_finalize
    desk.moved("cash_drawer", "bank", "935.00")  # the drawer stands at zero: just not negative
    desk.review()
    assert item(desk, "critical_issues").status == "PASSED"
    assert found(desk).can_finalize


def test_warning_issues(desk):
    desk.doubtful()
    (seen,) = desk.review().yellow
    warned = item(desk, "warning_issues")
    assert (warned.status, warned.value, warned.required) == ("WARNING", "1 unacknowledged", False)
    assert not found(desk).can_finalize
    acknowledge(seen.issue, by=desk.accountant)
    assert item(desk, "warning_issues").status == "PASSED"
    assert found(desk).can_finalize


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("ar_reconciled", "AR_RECON_MISMATCH"),
        ("ap_reconciled", "AP_RECON_MISMATCH"),
        ("assets_consistent", "DEPRECIATION_MISMATCH"),
    ],
)
@pytest.mark.parametrize("severity", ["RED", "YELLOW"])
def test_items_that_the_engine_answers(desk, key, code, severity):
    desk.review()
    assert item(desk, key).status == "PASSED"
    issue = desk.saw(code, severity)
    assert item(desk, key).status == {"RED": "FAILED", "YELLOW": "WARNING"}[severity]
    others = {"ar_reconciled", "ap_reconciled", "assets_consistent"} - {key}
    assert {item(desk, other).status for other in others} == {"PASSED"}
    if severity == "YELLOW":
        acknowledge(issue, by=desk.accountant)
        assert item(desk, key).status == "PASSED"
    desk.saw_nothing()
    assert item(desk, key).status == "PASSED"


@pytest.mark.parametrize(("vat", "status"), [("210.00", "PASSED"), ("0", "WARNING"), ("0.01", "FAILED")])
def test_the_vat_of_the_period(quiet, vat, status):
    def asked(name):
        return checklist(quiet.period(name), None).item("vat_report_ready").status

    entry = quiet.taxed("1000.00", "HIGH", date(YEAR, 2, 28), vat=vat)
    assert (asked(f"{YEAR}-02"), asked(f"{YEAR}-Q1"), asked(f"{YEAR}-03")) == (status, status, "PASSED")
    reverse_entry(entry, by=quiet.accountant, reason="mended")
    assert asked(f"{YEAR}-02") == "PASSED"


def test_a_period_with_red_vat_is_not_finalized(quiet):
    entry = quiet.taxed("1000.00", "HIGH", date(YEAR, 2, 28), vat="0.01")
    period = brought_to(quiet.period(f"{YEAR}-02"), "REVIEW")

    def finalized():
        warnings = last_verdict(period).unacknowledged if last_verdict(period) else ()
        return finalize_period(period, by=quiet.accountant, acknowledged=[one.pk for one in warnings])

    for _once in range(2):  # the first run finds what is to be acknowledged
        with pytest.raises(CannotFinalize) as refused:
            finalized()
    assert "1 red VAT anomaly" in str(refused.value)
    reverse_entry(entry, by=quiet.accountant, reason="mended")
    assert finalized()[0].status == "FINALIZED"


def test_days_closed(db):
    clinic = make_clinic()
    period = Period.objects.covering(clinic.administration, clinic.yesterday)
    other = Period.objects.covering(clinic.administration, period.first_day - timedelta(days=1))
    clinic.pay(clinic.bill("65.00", day=clinic.yesterday), "65.00", method="CARD", day=clinic.yesterday)

    def days(of):
        return checklist(of, None).item("days_closed")

    assert (days(period).status, days(period).value, days(period).required) == ("FAILED", "1", True)
    assert days(other).status == "PASSED"
    clinic.finalized(clinic.yesterday)
    assert days(period).status == "PASSED"


@pytest.fixture
def bank(db):
    return open_test_bank(open_test_books())


def ask(bank, key, name="2026-03"):
    return checklist(bank.books.period(name), None).item(key)


def test_bank_reconciled(bank):
    assert (ask(bank, "bank_reconciled").status, ask(bank, "bank_reconciled").details) == (
        "PASSED",
        "No bank statements",
    )
    line = bank.line("70.00")
    after = bank.statement(day=date(2026, 4, 1), start="70")
    warned = ask(bank, "bank_reconciled")
    assert (warned.status, warned.details, warned.value, warned.required) == (
        "WARNING",
        "ING: 1 line open",
        "0/1",
        False,
    )
    assert ask(bank, "bank_reconciled", "2026-02").status == "PASSED"  # the line is of a later day
    clear(line, [Part("WRITE_OFF", D(70), account=bank.books.account("suspense"))], by=bank.accountant)
    assert (ask(bank, "bank_reconciled").status, ask(bank, "bank_reconciled").value) == ("PASSED", "1/1")
    assert ask(bank, "bank_reconciled", "2026-04").details == f"ING: read until {display.short_day(after.date)}"


def test_account_reconciliations(bank):
    booked(bank, "100.00", date(2026, 3, 1))
    warned = ask(bank, "accounts_reconciled")
    assert (warned.status, warned.details, warned.value) == ("WARNING", "Not approved: 1000, 1100", "0/2")
    assert ask(bank, "accounts_reconciled", "2026-02").status == "PASSED"
    approve_reconciliation(begun(bank, expected_balance=D(100)), by=bank.books.owner)
    assert ask(bank, "accounts_reconciled").details == "Not approved: 1000"
    approve_reconciliation(begun(bank, "cash_drawer", expected_balance=D(-100)), by=bank.books.owner)
    assert ask(bank, "accounts_reconciled").status == "PASSED"
    booked(bank, "1.00", date(2026, 3, 31))
    assert ask(bank, "accounts_reconciled").status == "WARNING"


def test_every_item_leads_to_a_page_that_the_accountant_may_open(desk, client):
    client.force_login(desk.accountant)
    for one in found(desk).items:
        assert client.get(one.link).status_code == 200, one.link


def test_a_list_costs_the_same_however_much_was_posted_and_found(desk):
    desk.doubtful()
    desk.review()
    with CaptureQueriesContext(connection) as few:
        found(desk)
    for n in range(8):
        desk.doubtful(day=date(2026, 2, 1 + n))
        desk.saw("VAT_NEGATIVE", "YELLOW", amount=n, part=str(n))
    with CaptureQueriesContext(connection) as many:
        found(desk)
    assert len(many) <= len(few)
