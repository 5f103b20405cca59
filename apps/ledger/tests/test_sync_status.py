"""The proof of the sub-ledgers: a difference is explained line by line, or it is RED."""

from datetime import date
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.ledger import checks
from apps.ledger.models import Batch, JournalLine, OpenItem
from apps.ledger.reports.open_items import open_items
from apps.ledger.reports.sync_status import sync_status
from apps.ledger.services.invoicing import InvoicedLine
from apps.ledger.services.posting import Line, Source, reverse_entry
from apps.ledger.tests.factories import new_id
from apps.ledger.tests.subledger import open_sub_ledger

DECEMBER = date(2026, 12, 31)
FEBRUARY = date(2026, 2, 10)


def proof(ledger, code="1600", day=DECEMBER):
    return next(one for one in sync_status(ledger.administration, day).accounts if one.account.code == code)


def by_hand(ledger, amount, day=FEBRUARY, source=None):
    """Somebody writes to the suppliers' account; a credit is what we owe."""
    lines = [
        Line(ledger.books.account("supplier_payable"), credit=Decimal(amount), party=ledger.supplier()),
        Line(ledger.cost, debit=Decimal(amount)),
    ]
    return ledger.post(lines, day, "GEN", source=source or Source("manual", None))


@pytest.fixture
def seed_002(db):
    """Document 002: 46,000 NOK on the suppliers' account, 25,000 of it in the sub-ledger."""
    ledger = open_sub_ledger(country="NO", currency="NOK", time_zone="Europe/Oslo", chart="no")
    supplier = ledger.supplier()
    ledger.history(supplier, "-12000.00", date(2026, 1, 12))
    ledger.history(supplier, "-4000.00", date(2026, 1, 20), source=Source("ehf_invoice", new_id()))
    ledger.history(supplier, "-1500.00", date(2026, 1, 30), source=Source("manual", None))
    by_hand(ledger, "3500.00", date(2026, 2, 11))
    for number, day in enumerate((10, 11)):
        ledger.bought(
            InvoicedLine(ledger.cost, Decimal("12500.00")), reference=f"TEST-{number}", day=date(2026, 2, day)
        )
    return ledger


def test_the_example_of_document_002_is_explained_to_the_last_krone(seed_002):
    status = sync_status(seed_002.administration, DECEMBER)
    suppliers = next(one for one in status.accounts if one.account.code == "2400")
    assert (suppliers.gl_balance, suppliers.ledger_balance, suppliers.difference) == (-46000, -25000, -21000)
    assert suppliers.explained_amounts == {"BEFORE_SYNC": -12000, "NO_VALID_SOURCE": -4000, "MANUAL": -5000}
    assert [(one.kind, one.line.date.isoformat(), one.amount) for one in suppliers.explained] == [
        ("BEFORE_SYNC", "2026-01-12", -12000),
        ("NO_VALID_SOURCE", "2026-01-20", -4000),
        ("MANUAL", "2026-01-30", -1500),
        ("MANUAL", "2026-02-11", -3500),
    ]
    assert sum(one.amount for one in suppliers.explained) == suppliers.difference
    assert (suppliers.unexplained, status.is_proved) == (0, True)


@pytest.mark.parametrize(
    ("day", "books", "sub_ledger"),
    [
        (date(2026, 1, 11), 0, 0),
        (date(2026, 1, 12), -12000, 0),
        (date(2026, 2, 9), -17500, 0),
        (date(2026, 2, 10), -30000, -12500),
        (date(2026, 2, 11), -46000, -25000),
    ],
)
def test_it_is_explained_at_every_past_date(seed_002, day, books, sub_ledger):
    suppliers = proof(seed_002, "2400", day)
    assert (suppliers.gl_balance, suppliers.ledger_balance, suppliers.unexplained) == (books, sub_ledger, 0)


def test_a_manual_entry_that_was_settled_explains_nothing_any_more(ledger):
    entry = by_hand(ledger, "100.00")
    assert proof(ledger).explained_amounts == {"MANUAL": -100}
    reverse_entry(entry, by=ledger.accountant, reason="typed twice")
    assert (proof(ledger).explained, proof(ledger).difference) == ((), 0)


def test_an_entry_that_names_an_invoice_which_is_not_there_has_no_valid_source(ledger):
    by_hand(ledger, "100.00", source=Source("vendor_invoice", new_id()))
    assert proof(ledger).explained_amounts == {"NO_VALID_SOURCE": -100}


def test_history_dated_after_its_import_explains_nothing(ledger):
    batch = ledger.imported()
    ledger.history(ledger.supplier(), "-10.00", FEBRUARY, batch=batch)
    later = Batch(administration=ledger.administration, kind="IMPORT", title="x", created_at="2026-01-05T10:00:00Z")
    later.save()
    ledger.history(ledger.supplier(), "-7.00", FEBRUARY, batch=later)
    assert (proof(ledger).explained_amounts, proof(ledger).unexplained) == ({"BEFORE_SYNC": -10}, -7)


def test_the_reversal_of_history_has_no_open_items_either(ledger):
    entry = ledger.history(ledger.supplier(), "-10.00", FEBRUARY)
    reverse_entry(entry, by=ledger.accountant, reason="never was")
    assert not OpenItem.objects.exists()
    assert (proof(ledger).gl_balance, proof(ledger).unexplained) == (0, 0)


def test_the_explanation_lists_so_many_lines_and_counts_all(ledger):
    for _n in range(5):
        by_hand(ledger, "1.00")
    one = next(
        one for one in sync_status(ledger.administration, DECEMBER, limit=2).accounts if one.account.code == "1600"
    )
    assert (len(one.explained), one.explained_count, one.explained_amounts, one.unexplained) == (
        2,
        5,
        {"MANUAL": -5},
        0,
    )


def test_the_proof_takes_as_many_queries_for_many_lines(ledger, django_assert_num_queries):
    def ask(queries):
        with django_assert_num_queries(queries):
            status = sync_status(ledger.administration, DECEMBER)
            assert [str(one.line.entry) for account in status.accounts for one in account.explained]

    by_hand(ledger, "1.00")
    ledger.history(ledger.supplier(), "-10.00", FEBRUARY)
    ask(8)
    for _n in range(5):
        by_hand(ledger, "1.00")
        ledger.history(ledger.supplier(), "-10.00", FEBRUARY)
    ask(8)


def test_another_administration_is_not_counted(ledger):
    by_hand(open_sub_ledger(), "99.00")
    assert not any(one.gl_balance for one in sync_status(ledger.administration, DECEMBER).accounts)


# What nothing explains is RED ----------------------------------------------------------------------------------------

TAMPERINGS = {
    "an item is gone": "DELETE FROM ledger_openitem WHERE id = %(item)s",
    "an item is another amount": "UPDATE ledger_openitem SET amount = amount - 1 WHERE id = %(item)s",
    "a manual item is another amount": "UPDATE ledger_openitem SET amount = amount - 1 WHERE id = %(manual)s",
    "a line is another amount": "UPDATE ledger_journalline SET credit = credit + 1 WHERE id = %(line)s",
    "a line is on another account": "UPDATE ledger_journalline SET account_id = %(cost)s WHERE id = %(line)s",
    "a line of history is gone from its batch": "UPDATE ledger_journalentry SET batch_id = NULL WHERE id = %(history)s",
    "an item has moved in time": "UPDATE ledger_openitem SET date = '2027-01-01' WHERE id = %(item)s",
    "an item is on another account": "UPDATE ledger_openitem SET account_id = %(customers)s WHERE id = %(item)s",
}


TABLES = ("journalentry", "journalline", "openitem", "allocation")


@pytest.fixture
def told(owned):
    """Books in which each kind of line stands, and the names that the tamperings use."""
    ledger = open_sub_ledger()
    invoice = ledger.bought("100.00")
    manual, history = by_hand(ledger, "10.00"), ledger.history(ledger.supplier(), "-5.00", FEBRUARY)
    return ledger, {
        "item": ledger.item(invoice).pk,
        "manual": OpenItem.objects.get(line__entry=manual).pk,
        "line": JournalLine.objects.get(entry=invoice.entry, account__code="1600").pk,
        "history": history.pk,
        "cost": ledger.account("4200").pk,
        "customers": ledger.account("1300").pk,
    }


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_what_was_tampered_with_is_red(told, owned, tampering):
    ledger, facts = told
    assert verified(ledger) == (0, "6 control accounts are proved")
    for table in TABLES:
        owned.execute(f"ALTER TABLE ledger_{table} DISABLE TRIGGER USER")
    owned.execute(TAMPERINGS[tampering], facts)
    assert proof(ledger).unexplained
    status, said = verified(ledger)
    assert (status, said.startswith("RED ")) == (1, True)
    codes = [finding.code for finding in checks.control_balances_equal_items(ledger.administration, DECEMBER)]
    assert set(codes) == {"CONTROL_BALANCE_DIFFERS"}


def verified(ledger):
    """The exit status of the command, and the first line that is RED, or the last."""
    out = StringIO()
    try:
        call_command(
            "verify_ledger_sync", "--administration", str(ledger.administration.pk), "--as-of", "2026-12-31", stdout=out
        )
    except CommandError as error:
        red = [line for line in out.getvalue().splitlines() if line.startswith("RED")]
        return error.returncode, red[0]
    return 0, out.getvalue().splitlines()[-1]


def test_the_command_lists_what_explains_a_difference(seed_002):
    out = StringIO()
    call_command("verify_ledger_sync", "--lines", "--as-of", "2026-12-31", stdout=out)
    said = out.getvalue()
    assert "books -46000.00, sub-ledger -25000.00, difference -21000.00, unexplained 0.00" in said
    assert "  BEFORE_SYNC -12000.00\n" in said
    assert "2026-02-11 GEN-2026-0004 MANUAL -3500.00" in said


@pytest.mark.parametrize("wrong", ["nothing", "01a1fc9d-cb26-7274-b495-4ec0721764c3"])
def test_the_command_refuses_an_administration_that_is_not_there(db, wrong):
    with pytest.raises(CommandError, match="There is no administration") as refused:
        call_command("verify_ledger_sync", "--administration", wrong)
    assert refused.value.returncode == 2


def test_no_law_is_broken_by_imported_history(seed_002):
    findings = [str(finding) for check in checks.ALL for finding in check(seed_002.administration, DECEMBER)]
    assert findings == []
    suppliers = next(one for one in open_items(seed_002.administration, DECEMBER) if one.account.code == "2400")
    assert suppliers.difference == -17500  # the report of open items shows what is not in it
