"""Each check finds the row that was tampered with, once the triggers are out of the way."""

import re
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.ledger import checks
from apps.ledger.management.commands.verify_books import book_checks
from apps.ledger.models import OpenItem
from apps.ledger.services.allocating import settle_documents
from apps.ledger.services.posting import reverse_entry
from apps.ledger.tests.factories import EntryFactory, new_id, on_account, open_test_books, paid_later
from apps.ledger.tests.test_seals import TAMPERING as SEALS

# What somebody who may switch triggers off could do, and the codes of what is found.
TAMPERING = {
    "UPDATE ledger_journalline SET debit = 99 WHERE id = %(line)s": ["JOURNAL_UNBALANCED"],
    "DELETE FROM ledger_journalline WHERE entry_id = %(entry)s": ["ENTRY_LINES_NOT_ANNOUNCED"],
    "UPDATE ledger_journalentry SET line_count = 3 WHERE id = %(entry)s": ["ENTRY_LINES_NOT_ANNOUNCED"],
    "UPDATE ledger_journalentry SET date = '2026-04-03' WHERE id = %(entry)s": [
        "LINE_DATED_OTHERWISE", "ENTRY_OUTSIDE_PERIOD",
    ],
    "UPDATE ledger_journalline SET date = '2026-03-04' WHERE id = %(line)s": ["LINE_DATED_OTHERWISE"],
    "UPDATE ledger_journalentry SET period_id = %(quarter)s WHERE id = %(entry)s": ["ENTRY_OUTSIDE_PERIOD"],
    "UPDATE ledger_journalline SET account_id = %(safe)s WHERE entry_id = %(reversed)s AND position = 1": [
        "REVERSAL_DIFFERS"
    ],
    "DELETE FROM ledger_journalline WHERE entry_id = %(last)s; DELETE FROM ledger_journalentry WHERE id = %(last)s": [
        "NUMBER_GAP"
    ],
    "UPDATE ledger_journalentry SET number = 99 WHERE id = %(entry)s": ["NUMBER_GAP"],
    "UPDATE ledger_openitem SET amount = 99 WHERE id = %(bill)s": [
        "CONTROL_LINE_DIFFERS_FROM_ITEMS", "CONTROL_BALANCE_DIFFERS",
    ],
    "UPDATE ledger_openitem SET party_id = %(another)s WHERE id = %(bill)s": [
        "CONTROL_LINE_DIFFERS_FROM_ITEMS", "OPEN_ITEM_WITHOUT_LINE", "ALLOCATION_OF_TWO_PARTIES",
    ],
    "UPDATE ledger_account SET control = 'CUSTOMERS' WHERE id = %(cash)s": [
        *["CONTROL_LINE_DIFFERS_FROM_ITEMS"] * 5, "CONTROL_BALANCE_DIFFERS",
    ],
    "UPDATE ledger_account SET control = '' WHERE id = %(patients)s": ["OPEN_ITEM_WITHOUT_LINE"] * 2,
    "UPDATE ledger_allocation SET amount = 999": ["ALLOCATION_BEYOND_OPEN"] * 2,
    "UPDATE ledger_allocation SET date = '2026-03-01'": ["CONTROL_BALANCE_DIFFERS", "ALLOCATION_OF_TWO_PARTIES"],
    "INSERT INTO ledger_period (id, administration_id, type, name, first_day, last_day, status) VALUES"
    " (gen_random_uuid(), %(administration)s, 'TWO_MONTH', 'x', '2026-02-01', '2026-04-30', 'OPEN')": [
        "PERIODS_OVERLAP", "PERIODS_OVERLAP",
    ],
}  # fmt: skip
TABLES = ("account", "period", "journalentry", "journalline", "openitem", "allocation")


@pytest.fixture
def books(owned):
    return open_test_books()


@pytest.fixture
def facts(books):
    party, bill = books.party("P-1"), new_id()
    entry = EntryFactory(books=books)
    reversed_ = EntryFactory(books=books)
    reverse_entry(reversed_, by=books.owner, reason="typed twice")
    EntryFactory(books=books, lines=on_account(books, "100.00", party, bill))
    EntryFactory(books=books, date=entry.date.replace(day=5), lines=paid_later(books, "40.00", party, bill))
    settle_documents(books.administration, [bill])
    last = EntryFactory(books=books)
    return {
        "administration": books.administration.pk,
        "entry": entry.pk,
        "line": entry.lines.get(position=1).pk,
        "reversed": reversed_.pk,
        "last": last.pk,
        "quarter": books.period("2026-Q1").pk,
        "safe": books.account("cash_safe").pk,
        "cash": books.account("cash_drawer").pk,
        "patients": books.account("patient_receivable").pk,
        "another": books.party("P-2").pk,
        "bill": OpenItem.objects.get(amount=100).pk,
    }


def found(books, as_of="2026-03-31"):
    return [finding.code for check in checks.ALL for finding in check(books.administration, as_of)]


@pytest.mark.parametrize("tampering", TAMPERING)
def test_a_check_finds_what_was_tampered_with(books, facts, owned, tampering):
    assert found(books) == []
    for table in TABLES:
        owned.execute(f"ALTER TABLE ledger_{table} DISABLE TRIGGER USER")
    owned.execute(tampering, facts) if ";" not in tampering else [
        owned.execute(statement, facts) for statement in tampering.split(";")
    ]
    as_of = "2026-03-04" if tampering.startswith("UPDATE ledger_allocation SET date") else "2026-12-31"
    assert found(books, as_of) == TAMPERING[tampering]


def test_a_line_of_both_sides_is_found(books, facts, owned):
    owned.execute("ALTER TABLE ledger_journalline DISABLE TRIGGER USER, DROP CONSTRAINT line_one_sided")
    owned.execute("UPDATE ledger_journalline SET debit = 66, credit = 1 WHERE id = %(line)s", facts)
    assert found(books) == ["LINE_NOT_ONE_SIDED"]


def test_every_check_is_shown_to_find_something():
    shown = {code for codes in (TAMPERING | SEALS).values() for code in codes}
    shown |= {"LINE_NOT_ONE_SIDED", "ROLLUP_DIFFERS"}  # each with a test of its own, here and beside the seals
    shown |= {"DEPRECIATION_MISMATCH", "DEPRECIATION_NOT_POSTED"}  # test_depreciating.py
    said = set(re.findall(r'Finding\(\s*"([A-Z_]+)"', Path(checks.__file__).read_text()))
    assert shown == said


def test_verify_books_says_how_much_it_proved(books, facts, capsys):
    call_command("verify_books")
    assert capsys.readouterr().out == f"{len(book_checks())} laws hold over 6 entries\n"


def test_verify_books_ends_with_1_when_a_law_is_broken(books, facts, owned, capsys):
    owned.execute("ALTER TABLE ledger_journalline DISABLE TRIGGER USER")
    owned.execute("UPDATE ledger_journalline SET debit = 99 WHERE id = %(line)s", facts)
    with pytest.raises(CommandError, match="1 finding") as refusal:
        call_command("verify_books", administration=str(books.administration.pk))
    assert refusal.value.returncode == 1
    line = capsys.readouterr().out
    assert line.startswith("RED JOURNAL_UNBALANCED")
    assert "GEN-2026-0001: debits are 99.0000, credits 65.0000" in line


def test_verify_books_proves_one_administration_up_to_a_day(books, facts, capsys):
    EntryFactory(books=open_test_books())
    call_command("verify_books", administration=str(books.administration.pk), as_of="2026-03-04")
    assert "over 5 entries" in capsys.readouterr().out


def test_verify_books_knows_no_other_administration(books):
    for unknown in ("x", "00000000-0000-0000-0000-000000000000"):
        with pytest.raises(CommandError, match="no administration"):
            call_command("verify_books", administration=unknown)
