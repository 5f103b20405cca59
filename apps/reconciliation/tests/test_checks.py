"""Each check finds what was changed behind the laws' back."""

import re
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from django.db import connection, transaction

from apps.ledger.services.posting import reverse_entry
from apps.ledger.tests.factories import open_test_books
from apps.ledger.tests.subledger import SubLedger
from apps.reconciliation import checks
from apps.reconciliation.services.clearing import Kind, Part, clear, undo
from apps.reconciliation.tests.bank import open_test_bank
from apps.reconciliation.tests.matching import D, in_transit, item, of_item, on_bank

# What somebody who may switch triggers off could do, and the codes of what is found.
TAMPERING = {
    "UPDATE reconciliation_statementline SET residual = 1 WHERE amount = 100": {
        "LINE_RESIDUAL_DIFFERS", "FULL_RECONCILE_OPEN",
    },
    "UPDATE reconciliation_statementline SET residual = residual + 1 WHERE amount = 70": {"LINE_RESIDUAL_DIFFERS"},
    "UPDATE reconciliation_statementline SET amount = 71, residual = residual + 1 WHERE amount = 70": {
        "STATEMENT_TOTALS_DIFFER"
    },
    "UPDATE reconciliation_statementline SET date = '2026-03-30' WHERE amount = 100": {"CLEARING_DIFFERS_FROM_ENTRY"},
    "DELETE FROM reconciliation_statementline WHERE amount = 7": {"STATEMENT_TOTALS_DIFFER"},
    "UPDATE reconciliation_match SET active = false WHERE amount = 100": {
        "LINE_RESIDUAL_DIFFERS", "MATCH_NOT_AS_ITS_CLEARING", "FULL_RECONCILE_OPEN", "CLEARED_LINE_DIFFERS",
    },
    "UPDATE reconciliation_match SET active = true WHERE amount = 33": {
        "LINE_RESIDUAL_DIFFERS", "MATCH_NOT_AS_ITS_CLEARING", "CLEARED_LINE_DIFFERS",
    },
    "UPDATE reconciliation_match SET book_amount = 99 WHERE amount = 100": {
        "CLEARED_LINE_DIFFERS", "CLEARING_DIFFERS_FROM_ENTRY",
    },
    "UPDATE reconciliation_match SET account_id = (SELECT id FROM ledger_account WHERE purpose = 'deposit_in_transit')"
    " WHERE kind = 'TRANSIT'": {"CLEARING_DIFFERS_FROM_ENTRY"},
    "UPDATE reconciliation_clearedline SET cleared = cleared - 1 WHERE amount = 100": {"CLEARED_LINE_DIFFERS"},
    "UPDATE reconciliation_clearedline SET amount = 200, cleared = 100 WHERE amount = 100": {"CLEARED_LINE_DIFFERS"},
    "DELETE FROM reconciliation_clearedline WHERE amount = 100": {"CLEARED_LINE_DIFFERS"},
    "UPDATE reconciliation_clearing SET entry_id = NULL WHERE undone_at IS NULL": {"CLEARING_DIFFERS_FROM_ENTRY"},
    "UPDATE reconciliation_fullreconcile SET dissolved_at = NULL": {"FULL_RECONCILE_OPEN"},
    "UPDATE ledger_journalline SET debit = 1000 WHERE debit = 97": {"CLEARING_DIFFERS_FROM_ENTRY"},
    "UPDATE reconciliation_statement SET line_total = 5 WHERE balance_start = 500": {"STATEMENT_TOTALS_DIFFER"},
    "UPDATE reconciliation_statement SET line_count = 5 WHERE balance_start = 500": {"STATEMENT_TOTALS_DIFFER"},
    "UPDATE reconciliation_statement SET is_valid = NOT is_valid WHERE balance_start = 500": {
        "STATEMENT_CONTINUITY_DIFFERS"
    },
    "UPDATE reconciliation_statement SET balance_end_real = 8 WHERE balance_start = 500": {
        "STATEMENT_CONTINUITY_DIFFERS"
    },
}  # fmt: skip
TABLES = (
    *(f"reconciliation_{table}" for table in ("statement", "statementline", "clearing", "match")),
    *("reconciliation_clearedline", "reconciliation_fullreconcile", "ledger_journalline"),
)
CONSTRAINTS = {
    "reconciliation_clearedline": "match_within_entry_line",
    "reconciliation_statementline": "match_within_line",
    "reconciliation_clearing": "clearing_undone_whole",
}


def found(bank, as_of=date(2026, 12, 31)):
    return {finding.code for check in checks.ALL for finding in check(bank.books.administration, as_of)}


@pytest.fixture
def busy(committed):
    """An invoice that was paid, a payout with its fee, a voucher, what was undone, a line that is half open."""
    bank = open_test_bank(open_test_books())
    ledger = SubLedger(bank.books, bank.accountant)
    clear(bank.line("100.00"), [of_item(item(ledger, "100.00"), "100")], by=bank.accountant)
    parts = [Part(Kind.TRANSIT, D(100), entry_line=in_transit(bank, "100.00")), Part(Kind.FEE, D(-3))]
    clear(bank.line("97.00"), parts, by=None)
    clear(bank.line("40.00"), [Part(Kind.BOOKED, D(40), entry_line=on_bank(bank, "40.00"))], by=bank.accountant)
    undo(clear(bank.line("33.00"), [of_item(item(ledger, "33.00"), "33")], by=bank.accountant), by=bank.accountant)
    clear(bank.line("70.00"), [of_item(item(ledger, "50.00"), "50")], by=bank.accountant)
    bank.statement("7.00", start="500", end="507", day=date(2026, 4, 30))
    bank.statement("1.00", start="507", end="508", day=date(2026, 5, 31))
    return bank


@contextmanager
def owning_the_tables(own):
    """Django as the owner of the tables, who may put the laws aside within a transaction."""
    connection.close()
    settings = connection.settings_dict
    before = settings["USER"], settings["PASSWORD"]
    settings["USER"], settings["PASSWORD"] = own.info.user, own.info.password
    try:
        yield
    finally:
        connection.close()
        settings["USER"], settings["PASSWORD"] = before


def test_each_check_finds_what_was_tampered_with(busy, owner_connection):
    assert found(busy) == set()
    seen = {}
    with owning_the_tables(owner_connection):
        for tampering in TAMPERING:
            with transaction.atomic(), connection.cursor() as cursor:
                for table in TABLES:
                    cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
                for table, law in CONSTRAINTS.items():
                    cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {law}")
                cursor.execute(tampering)
                seen[tampering] = found(busy)
                transaction.set_rollback(True)
    assert seen == TAMPERING
    assert found(busy) == set()


def test_a_match_with_an_entry_that_was_reversed_is_found(bank, ledger):
    voucher = on_bank(bank, "40.00")
    clear(bank.line("40.00"), [Part(Kind.BOOKED, D(40), entry_line=voucher)], by=bank.accountant)
    own = clear(bank.line("100.00"), [of_item(item(ledger, "100.00"), "100")], by=bank.accountant)
    assert found(bank) == set()
    for entry in (voucher.entry, own.entry):
        reverse_entry(entry, by=bank.accountant, reason="wrong")
        assert found(bank) == {"CLEARING_REVERSED"}


def test_what_is_later_is_not_looked_at(bank):
    bank.statement("7.00", start="500", end="507", day=date(2026, 4, 30))
    assert found(bank, date(2026, 3, 31)) == set()


def test_every_check_is_shown_to_find_something():
    shown = {code for codes in TAMPERING.values() for code in codes} | {"CLEARING_REVERSED"}
    assert shown == set(re.findall(r'Finding\("([A-Z_]+)"', Path(checks.__file__).read_text()))
