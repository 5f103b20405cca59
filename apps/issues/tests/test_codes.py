"""Each code of the ledger: it appears, it just does not, and it is resolved by itself."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from apps.core.findings import RED, YELLOW
from apps.issues.services.validating import validate
from apps.issues.tests.validated import A_DAY, MARCH_31, cash, codes, found, taxed_by_hand, the_issue
from apps.issues.words import WORDS, told
from apps.ledger.models import JournalLine
from apps.ledger.reports.sync_status import sync_status
from apps.ledger.services.allocating import settle_documents
from apps.ledger.services.backfilling import backfill
from apps.ledger.services.depreciating import post_depreciation
from apps.ledger.services.posting import Source, reverse_entry
from apps.ledger.services.settling import allocate
from apps.ledger.tests.assets import registered
from apps.ledger.tests.factories import EntryFactory
from apps.ledger.tests.subledger import open_sub_ledger

DUE = date(2026, 3, 10)
D = Decimal


def test_books_in_order_have_no_issue(ledger):
    cash(ledger, "65.00", MARCH_31)
    ledger.bought(ledger.line("100.00", "INPUT_HIGH"), due_date=MARCH_31)
    assert found(ledger.administration) == []


# Sub-ledgers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("party", "code", "amount"),
    [("customer", "AR_RECON_MISMATCH", "200.00"), ("supplier", "AP_RECON_MISMATCH", "-200")],
)
def test_a_control_account_that_is_not_proved(ledger, party, code, amount):
    """A line dated after its own import is no history: nothing explains it until a backfill gives it its open item."""
    who, day = getattr(ledger, party)(), date(2026, 12, 1)
    ledger.history(who, amount, MARCH_31)
    assert found(ledger.administration, day) == []  # explained, line by line
    late = ledger.history(who, amount, day)
    assert found(ledger.administration, day - A_DAY) == []
    assert found(ledger.administration, day) == [code]
    issue = the_issue(ledger.administration, code)
    assert (issue.severity, issue.amount, issue.since) == (RED, D(amount), day)
    assert D(issue.facts["difference"]) == D(amount)
    proof = next(one for one in sync_status(ledger.administration, day).accounts if one.account.pk == issue.account_id)
    assert proof.unexplained == D(amount)
    reverse_entry(late, by=ledger.accountant, reason="No history")
    assert found(ledger.administration, day) == []
    assert the_issue(ledger.administration, code).resolved_at is not None


def test_a_backfill_of_explained_history_is_looked_at_whole_and_proves_as_before(ledger):
    invoice = ledger.registered(ledger.supplier(), "200.00", MARCH_31, "F-77", due=MARCH_31)
    ledger.history(ledger.supplier(), "-200.00", MARCH_31, source=Source("vendor_invoice", invoice.pk))
    assert found(ledger.administration) == []
    backfill(ledger.administration, by=ledger.accountant, dry_run=False)
    run = validate(ledger.administration, MARCH_31 + A_DAY)
    assert run.is_full
    assert codes(ledger.administration) == ["OVERDUE_PAYABLE"]  # its due date came with the open item


@pytest.mark.parametrize("kind", ["OVERDUE_RECEIVABLE", "OVERDUE_PAYABLE"])
def test_what_is_past_its_due_date(ledger, kind):
    receivable = kind == "OVERDUE_RECEIVABLE"
    invoice = (ledger.sold if receivable else ledger.bought)("100.00", due_date=DUE)
    assert found(ledger.administration, DUE) == []
    assert found(ledger.administration, DUE + A_DAY) == [kind]
    issue = the_issue(ledger.administration, kind)
    assert (issue.severity, issue.amount, issue.since) == (YELLOW, D("100.00"), DUE + A_DAY)
    assert (issue.open_item_id, issue.party_id) == (ledger.item(invoice).pk, invoice.party_id)
    assert "is open for 1 days since" in told(issue).description

    found(ledger.administration, DUE + timedelta(days=365))
    assert the_issue(ledger.administration, kind).severity == YELLOW
    found(ledger.administration, DUE + timedelta(days=366))
    assert the_issue(ledger.administration, kind).severity == RED

    half = ledger.paid(invoice.party, "40.00", DUE)
    settle(ledger, invoice, half)
    assert found(ledger.administration, DUE + A_DAY) == [kind]
    assert the_issue(ledger.administration, kind).amount == D("60.00")
    settle(ledger, invoice, ledger.paid(invoice.party, "60.00", DUE))
    assert found(ledger.administration, DUE + A_DAY) == []


def settle(ledger, invoice, payment):
    item = ledger.item(invoice)
    pair = (item, payment) if item.amount > 0 else (payment, item)
    allocate(*pair, by=ledger.accountant)
    settle_documents(ledger.administration, [])


def test_a_credit_is_nobodys_delay(ledger):
    ledger.paid(ledger.customer(), "10.00", DUE)
    invoice = ledger.sold("100.00", due_date=date(2026, 12, 31))
    ledger.sold("100.00", credits=invoice, due_date=DUE)
    assert found(ledger.administration) == []


# Fixed assets --------------------------------------------------------------------------------------------------------


def test_depreciation_that_is_not_posted(ledger):
    asset = registered(ledger.books)
    assert found(ledger.administration, date(2026, 1, 30)) == []
    assert found(ledger.administration, date(2026, 2, 28)) == ["DEPRECIATION_NOT_POSTED"]
    issue = the_issue(ledger.administration, "DEPRECIATION_NOT_POSTED")
    assert (issue.severity, issue.amount, issue.fixed_asset_id) == (YELLOW, D("200.00"), asset.pk)
    assert issue.since == date(2026, 1, 31)
    post_depreciation(ledger.administration, date(2026, 2, 1), by=ledger.accountant)
    assert found(ledger.administration, date(2026, 2, 28)) == []


# VAT -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("vat", "expected"), [("21.00", []), ("21.21", []), ("21.22", ["VAT_RATE_MISMATCH"])])
def test_vat_that_is_not_its_rate(ledger, vat, expected):
    """Rounding is let pass: five cents, or a hundredth of the tax."""
    taxed_by_hand(ledger, vat, MARCH_31)
    assert found(ledger.administration) == expected


def test_vat_of_another_rate_is_resolved_by_reversing_the_entry(ledger):
    entry = taxed_by_hand(ledger, "9.00", MARCH_31)
    assert found(ledger.administration, MARCH_31 - A_DAY) == []
    assert found(ledger.administration) == ["VAT_RATE_MISMATCH"]
    issue = the_issue(ledger.administration, "VAT_RATE_MISMATCH")
    assert (issue.severity, issue.amount, issue.entry_id) == (YELLOW, D("-12.00"), entry.pk)
    reverse_entry(entry, by=ledger.accountant, reason="Wrong rate")
    assert found(ledger.administration, full=False) == []


def test_vat_that_is_taken_back_without_a_credit_note(ledger):
    line = ledger.line("100.00", "INPUT_HIGH")
    invoice = ledger.bought(line)
    ledger.bought(ledger.line("100.00", "INPUT_HIGH"), reference="C-1", credits=invoice)
    assert found(ledger.administration) == []
    entry = taxed_by_hand(ledger, "-21.00", MARCH_31)
    assert found(ledger.administration) == ["VAT_NEGATIVE"]
    issue = the_issue(ledger.administration, "VAT_NEGATIVE")
    assert (issue.severity, issue.amount, issue.entry_id) == (YELLOW, D("-21.00"), entry.pk)
    reverse_entry(entry, by=ledger.accountant, reason="Should be a credit note")
    assert found(ledger.administration) == []


# Balances ------------------------------------------------------------------------------------------------------------


def test_suspense_that_is_not_empty_since_it_last_was(ledger):
    for day, amount in ((1, "10.00"), (5, "-10.00"), (9, "65.00"), (12, "5.00")):
        cash(ledger, amount, date(2026, 3, day), into="suspense")
    assert found(ledger.administration, date(2026, 3, 5)) == []
    assert found(ledger.administration) == ["SUSPENSE_NOT_EMPTY"]
    issue = the_issue(ledger.administration, "SUSPENSE_NOT_EMPTY")
    assert (issue.severity, issue.amount, issue.since) == (YELLOW, D("-70.00"), date(2026, 3, 9))
    cash(ledger, "-70.00", MARCH_31, into="suspense")
    assert found(ledger.administration) == []


def test_cash_below_nothing(ledger):
    cash(ledger, "65.00", date(2026, 3, 1))
    cash(ledger, "-65.00", date(2026, 3, 2))
    assert found(ledger.administration) == []
    cash(ledger, "-0.01", date(2026, 3, 3))
    assert found(ledger.administration) == ["NEGATIVE_CASH"]
    issue = the_issue(ledger.administration, "NEGATIVE_CASH")
    assert (issue.severity, issue.amount, issue.since) == (RED, D("-0.01"), date(2026, 3, 3))
    cash(ledger, "0.01", MARCH_31)
    assert found(ledger.administration) == []


def test_books_of_others_are_left_alone(ledger):
    other = open_sub_ledger()
    cash(other, "65.00", MARCH_31, into="suspense")
    assert found(ledger.administration) == []
    assert codes(other.administration) == []
    EntryFactory(books=ledger.books)
    assert JournalLine.objects.count() == 4
    assert set(WORDS) >= set(found(other.administration))
