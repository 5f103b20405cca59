"""Every law of the ledger, broken with raw SQL: as the application role, as the owner, and with pgtrigger's switch."""

from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from apps.ledger.models import Account, Allocation, Journal, JournalEntry, JournalLine, OpenItem, Period
from apps.ledger.services.allocating import settle_documents
from apps.ledger.services.opening import open_years
from apps.ledger.services.posting import Source, reverse_entry
from apps.ledger.tests.factories import EntryFactory, draft, new_id, on_account, open_test_books, paid_later
from apps.ledger.tests.laws import every_trigger, law_broken_by, law_broken_by_owner, law_broken_by_sql

CASH_SALE = "(1, %(cash)s::uuid, NULL::uuid, 65, 0), (2, %(revenue)s::uuid, NULL::uuid, 0, 65)"
OPPOSITE = "(1, %(cash)s::uuid, NULL::uuid, 0, 65), (2, %(revenue)s::uuid, NULL::uuid, 65, 0)"
ON_ACCOUNT = "(1, %(patients)s::uuid, %(party)s::uuid, 65, 0), (2, %(revenue)s::uuid, NULL::uuid, 0, 65)"
NO_ITEM = "false"


def entry_row(**columns: Any) -> str:
    """A statement that inserts a posted entry, which announces two lines unless ``columns`` say otherwise."""
    values = {
        "id": "gen_random_uuid()",
        "administration_id": "%(administration)s",
        "journal_id": "%(journal)s",
        "period_id": "%(march)s",
        "status": "'POSTED'",
        "date": "'2026-03-03'",
        "memo": "''",
        "line_count": "2",
        "source_type": "''",
        "created_at": "now()",
        **columns,
    }
    return f"INSERT INTO ledger_journalentry ({', '.join(values)}) VALUES ({', '.join(values.values())}) RETURNING *"


def posting(lines: str = CASH_SALE, *, item: str = NO_ITEM, item_amount: str = "65", **columns: Any) -> str:
    """One statement that posts an entry with its lines, and an open item for each line for which ``item`` holds."""
    return f"""
        WITH entry AS (
            {entry_row(**columns)}
        ), line AS (
            INSERT INTO ledger_journalline (id, administration_id, entry_id, position, account_id, party_id,
                                            memo, debit, credit)
            SELECT gen_random_uuid(), %(administration)s, entry.id, row.position, row.account, row.party, '',
                   row.debit, row.credit
            FROM entry, (VALUES {lines}) AS row (position, account, party, debit, credit)
            RETURNING *
        )
        INSERT INTO ledger_openitem (id, administration_id, line_id, account_id, party_id, date, amount,
                                     document_type, reference)
        SELECT gen_random_uuid(), %(administration)s, line.id, line.account_id, line.party_id, entry.date,
               {item_amount}, '', ''
        FROM entry, line WHERE {item}
    """


def adding_line(entry: str, account: str = "cash", debit: str = "5", credit: str = "0") -> str:
    return f"""
        INSERT INTO ledger_journalline (id, administration_id, entry_id, position, account_id, memo, debit, credit)
        VALUES (gen_random_uuid(), %(administration)s, %({entry})s, 9, %({account})s, '', {debit}, {credit})
    """


def adding_item(line: str, account: str, *amounts: str) -> str:
    return f"""
        INSERT INTO ledger_openitem (id, administration_id, line_id, account_id, party_id, date, amount,
                                     document_type, reference)
        SELECT gen_random_uuid(), %(administration)s, %({line})s, %({account})s, %(party)s, '2026-03-03', amount, '', ''
        FROM unnest(ARRAY[{", ".join(amounts)}]) amount
    """


def allocating(debit: str, credit: str, amount: str = "10", day: str = "2026-03-05") -> str:
    return f"""
        INSERT INTO ledger_allocation (id, administration_id, debit_id, credit_id, amount, date, created_at)
        VALUES (gen_random_uuid(), %(administration)s, %({debit})s, %({credit})s, {amount}, '{day}', now())
    """


def adding_period(kind: str, first: str, last: str, status: str = "OPEN") -> str:
    return f"""
        INSERT INTO ledger_period (id, administration_id, type, name, first_day, last_day, status)
        VALUES (gen_random_uuid(), %(administration)s, '{kind}', 'new', '{first}', '{last}', '{status}')
    """


IN_APRIL = {"period_id": "%(april)s", "date": "'2026-04-02'"}
IN_MAY = {"period_id": "%(may)s", "date": "'2026-05-02'"}
IN_JULY = {"period_id": "%(july)s", "date": "'2026-07-02'"}
IN_2027 = {"period_id": "%(january)s", "date": "'2027-01-02'"}
NOWHERE = {"period_id": "gen_random_uuid()"}

ATTEMPTS = {
    # An entry balances and has the lines it announced.
    "post what does not balance": ("entry_balanced", posting(CASH_SALE.replace("0, 65", "0, 64"))),
    "post fewer lines than announced": ("entry_lines_announced", posting(line_count="3")),
    "post more lines than announced": ("entry_lines_announced", posting(line_count="1")),
    "post without lines": ("entry_lines_announced", entry_row(line_count="0")),
    "post one line": ("entry_lines_announced", posting("(1, %(cash)s::uuid, NULL::uuid, 65, 0)", line_count="1")),
    "add a line to a posted entry": ("entry_lines_announced", adding_line("entry")),
    "add a line to an entry that cannot be seen": ("line_entry_same_administration", adding_line("nothing")),
    "post a draft with other lines than it has": (
        "entry_lines_announced",
        "UPDATE ledger_journalentry SET status = 'POSTED', line_count = 3 WHERE id = %(draft)s",
    ),
    "a line of both sides": ("line_one_sided", adding_line("draft", debit="5", credit="5")),
    "a line of no side": ("line_one_sided", adding_line("draft", debit="0", credit="0")),
    "a negative line": ("line_one_sided", adding_line("draft", debit="-5", credit="0")),
    # What is posted never changes.
    "change a posted entry": ("entry_append_only", "UPDATE ledger_journalentry SET memo = 'x' WHERE id = %(entry)s"),
    "unpost an entry": ("entry_append_only", "UPDATE ledger_journalentry SET status = 'DRAFT' WHERE id = %(entry)s"),
    "delete a posted entry": ("entry_append_only", "DELETE FROM ledger_journalentry WHERE id = %(entry)s"),
    "change a posted line": ("line_append_only", "UPDATE ledger_journalline SET memo = 'x' WHERE id = %(line)s"),
    "delete a posted line": ("line_append_only", "DELETE FROM ledger_journalline WHERE id = %(line)s"),
    "move a line to a posted entry": (
        "line_append_only",
        "UPDATE ledger_journalline SET entry_id = %(entry)s, position = 9 WHERE id = %(draft_line)s",
    ),
    # Periods admit posting, or not.
    "post into a finalized month": ("period_open", posting(**IN_APRIL)),
    "post into a locked month": ("period_open", posting(**IN_MAY)),
    "post into an open month of a locked quarter": ("period_open", posting(**IN_JULY)),
    "post into an open month of a locked year": ("period_open", posting(**IN_2027)),
    "post into a period that does not hold the date": ("entry_in_smallest_period", posting(date="'2026-02-03'")),
    "post into a larger period": ("entry_in_smallest_period", posting(period_id="%(quarter)s")),
    "post into a period that cannot be seen": ("entry_period_same_administration", posting(**NOWHERE)),
    "post a draft into a finalized month": (
        "period_open",
        "UPDATE ledger_journalentry SET status = 'POSTED', line_count = 2, period_id = %(april)s, date = '2026-04-02'"
        " WHERE id = %(draft)s",
    ),
    "open a locked period": ("period_locked", "UPDATE ledger_period SET status = 'OPEN' WHERE id = %(may)s"),
    "finalize a locked period": ("period_locked", "UPDATE ledger_period SET status = 'FINALIZED' WHERE id = %(may)s"),
    "rename a locked period": ("period_locked", "UPDATE ledger_period SET name = 'x' WHERE id = %(may)s"),
    "delete a locked period": ("period_locked", "DELETE FROM ledger_period WHERE id = %(may)s"),
    "delete a finalized period": ("period_kept", "DELETE FROM ledger_period WHERE id = %(april)s"),
    "move the days of a period": (
        "period_kept",
        "UPDATE ledger_period SET last_day = '2026-03-30' WHERE id = %(march)s",
    ),
    "two months that overlap": ("periods_do_not_overlap", adding_period("MONTH", "2026-03-15", "2026-03-20")),
    "a period across the edge of a larger one": (
        "periods_nest",
        adding_period("TWO_MONTH", "2026-03-01", "2026-04-30"),
    ),
    "year-end adjustments in the middle of a year": (
        "periods_nest",
        adding_period("YEAR_END", "2026-06-30", "2026-06-30"),
    ),
    "year-end adjustments of a month": ("year_end_is_one_day", adding_period("YEAR_END", "2026-12-01", "2026-12-31")),
    "a period that ends before it begins": ("period_days", adding_period("MONTH", "2028-02-01", "2028-01-01")),
    "a period that is born finalized": (
        "period_born_open",
        adding_period("MONTH", "2028-01-01", "2028-01-31", "FINALIZED"),
    ),
    "a month under entries of its year": (
        "entry_in_smallest_period",
        adding_period("MONTH", "2028-01-01", "2028-01-31"),
    ),
    # Reversals and sources.
    "reverse a second time": ("ledger_journalentry_reverses_id_key", posting(OPPOSITE, reverses_id="%(reversed)s")),
    "reverse with other lines": ("reversal_mirrors", posting(CASH_SALE, reverses_id="%(entry)s")),
    "reverse a draft": ("reversal_mirrors", posting(OPPOSITE, reverses_id="%(draft)s")),
    "post a source twice": ("one_entry_per_source", posting(source_type="'day_close'", source_id="%(source)s")),
    # Control lines equal the open items that name them.
    "a control line without an item": ("control_line_equals_items", posting(ON_ACCOUNT)),
    "a control line without a party": (
        "control_line_equals_items",
        posting(ON_ACCOUNT.replace("%(party)s", "NULL")),
    ),
    "a control line with an item of another amount": (
        "control_line_equals_items",
        posting(ON_ACCOUNT, item="line.party_id IS NOT NULL", item_amount="64"),
    ),
    "a second item of a control line": ("control_line_equals_items", adding_item("control_line", "patients", "5")),
    "two more items that cancel out": (
        "control_line_equals_items",
        adding_item("control_line", "patients", "5", "-5"),
    ),
    "an item of an ordinary line": ("control_line_equals_items", adding_item("line", "cash", "65")),
    "change an open item": ("open_item_append_only", "UPDATE ledger_openitem SET amount = 1 WHERE id = %(bill)s"),
    "delete an open item": ("open_item_append_only", "DELETE FROM ledger_openitem WHERE id = %(bill)s"),
    "an account stops being a control account": (
        "account_kept",
        "UPDATE ledger_account SET control = '' WHERE id = %(patients)s",
    ),
    "an account changes its type": ("account_kept", "UPDATE ledger_account SET type = 'EQUITY' WHERE id = %(cash)s"),
    # Allocations.
    "allocate more than the bill leaves open": ("allocation_within_open", allocating("bill", "payment", "61")),
    "allocate more than the payment leaves open": ("allocation_within_open", allocating("large_bill", "payment", "41")),
    "allocate to another party": ("allocation_of_one_party", allocating("bill", "payment_of_another")),
    "allocate two debits": ("allocation_of_one_party", allocating("bill", "large_bill")),
    "allocate before the payment": ("allocation_of_one_party", allocating("bill", "payment", day="2026-03-03")),
    "allocate what cannot be seen": ("allocation_debit_same_administration", allocating("nothing", "nothing")),
    "allocate nothing": ("allocation_amount", allocating("bill", "payment", "0")),
    "change an allocation": (
        "allocation_append_only",
        "UPDATE ledger_allocation SET amount = 1 WHERE id = %(allocation)s",
    ),
    "delete an allocation": ("allocation_append_only", "DELETE FROM ledger_allocation WHERE id = %(allocation)s"),
    # Rows of other books.
    "a journal of other books": ("entry_journal_same_administration", posting(journal_id="%(foreign_journal)s")),
    "a draft in a period of other books": (
        "entry_period_same_administration",
        "UPDATE ledger_journalentry SET period_id = %(foreign_march)s WHERE id = %(draft)s",
    ),
    "an account of other books": ("line_account_same_administration", adding_line("draft", account="foreign_cash")),
    "a line in an entry of other books": ("line_entry_same_administration", adding_line("foreign_draft")),
    "a draft that reverses an entry of other books": (
        "entry_reverses_same_administration",
        "UPDATE ledger_journalentry SET reverses_id = %(foreign_entry)s WHERE id = %(draft)s",
    ),
    "an item in other books": (
        "open_item_account_same_administration",
        adding_item("line", "foreign_cash", "65"),
    ),
    # Numbers come from the database.
    "number a draft": (
        "entry_numbered_when_posted",
        "UPDATE ledger_journalentry SET number = 7, year = 2026 WHERE id = %(draft)s",
    ),
    "move a counter": ("counter_counts_documents", "UPDATE core_counter SET last = last + 1"),
    "delete a counter": ("counter_counts_documents", "DELETE FROM core_counter"),
}

PROTECTED = ("account", "period", "journalentry", "journalline", "openitem", "allocation")


def scene() -> dict[str, Any]:
    """Books in which each attempt has something to break; the names that the attempts use, with their ids."""
    books, foreign = open_test_books(), open_test_books()
    party, bill, large_bill = books.party("P-1"), new_id(), new_id()
    source = new_id()
    entry = EntryFactory(books=books, source=Source("day_close", source))
    reversed_ = EntryFactory(books=books)
    reverse_entry(reversed_, by=books.owner, reason="typed twice")
    EntryFactory(books=books, lines=on_account(books, "100.00", party, bill))
    EntryFactory(books=books, lines=on_account(books, "500.00", party, large_bill))
    later = EntryFactory(books=books, date=entry.date.replace(day=5), lines=paid_later(books, "40.00", party, bill))
    settle_documents(books.administration, [bill])
    another = EntryFactory(books=books, lines=paid_later(books, "40.00", books.party("P-2"), new_id()))
    credit = EntryFactory(
        books=books, date=entry.date.replace(day=5), lines=paid_later(books, "40.00", party, new_id())
    )
    drafted = draft(books)

    open_years(books.administration, 2027, 2027)
    Period.objects.create(
        administration=books.administration, type="YEAR", name="2028", first_day="2028-01-01", last_day="2028-12-31"
    )
    EntryFactory(books=books, date=entry.date.replace(year=2028, month=1))
    books.set_status("2026-04", "FINALIZED")
    for locked in ("2026-05", "2026-Q3", "2027"):
        books.set_status(locked, "LOCKED")

    items = {item.document_id: item.pk for item in OpenItem.objects.filter(amount__gt=0)}
    found: dict[str, Any] = {
        "administration": books.administration.pk,
        "journal": books.journal.pk,
        "cash": books.account("cash_drawer").pk,
        "revenue": books.account("revenue_consultation").pk,
        "patients": books.account("patient_receivable").pk,
        "party": party.pk,
        "nothing": UUID(int=0),
        "source": source,
        "entry": entry.pk,
        "line": entry.lines.first().pk,
        "control_line": OpenItem.objects.get(pk=items[bill]).line_id,
        "reversed": reversed_.pk,
        "draft": drafted.pk,
        "draft_line": drafted.lines.first().pk,
        "bill": items[bill],
        "large_bill": items[large_bill],
        "paid": OpenItem.objects.get(line__entry=later).pk,
        "payment": OpenItem.objects.get(line__entry=credit).pk,
        "payment_of_another": OpenItem.objects.get(line__entry=another).pk,
        "allocation": Allocation.objects.get().pk,
        "foreign_journal": Journal.objects.get(administration=foreign.administration, code="DAY").pk,
        "foreign_march": foreign.period("2026-03").pk,
        "foreign_cash": foreign.account("cash_drawer").pk,
        "foreign_entry": EntryFactory(books=foreign).pk,
        "foreign_draft": draft(foreign).pk,
    }
    names = {
        "march": "2026-03",
        "april": "2026-04",
        "may": "2026-05",
        "july": "2026-07",
        "quarter": "2026-Q1",
        "january": "2027-01",
    }
    return found | {word: books.period(name).pk for word, name in names.items()}


@pytest.mark.parametrize("switch", ["", "SET LOCAL pgtrigger.ignore = '{}'"], ids=["", "pgtrigger.ignore"])
def test_the_application_role_breaks_no_law(db, switch):
    facts = scene()
    if switch:
        with connection.cursor() as cursor:
            cursor.execute(switch.format(every_trigger()))
    refused = {attempt: law_broken_by_sql(sql, facts) for attempt, (_law, sql) in ATTEMPTS.items()}
    assert refused == {attempt: law for attempt, (law, _sql) in ATTEMPTS.items()}


@pytest.mark.parametrize("switch", ["", "SET pgtrigger.ignore = '{}'"], ids=["", "pgtrigger.ignore"])
def test_the_owner_of_the_tables_breaks_no_law(committed, owner_connection, switch):
    facts = scene()
    if switch:
        owner_connection.execute(switch.format(every_trigger()))
    refused = {attempt: law_broken_by_owner(owner_connection, sql, facts) for attempt, (_law, sql) in ATTEMPTS.items()}
    assert refused == {attempt: law for attempt, (law, _sql) in ATTEMPTS.items()}


@pytest.mark.parametrize("table", PROTECTED)
def test_a_protected_table_is_never_emptied(committed, owner_connection, table):
    emptied = f"TRUNCATE ledger_{table} CASCADE"
    assert law_broken_by_owner(owner_connection, emptied) == "no_truncate"
    assert law_broken_by_sql(emptied) == "ProgrammingError"  # the application has not even the right


def test_the_laws_let_through_what_is_right(db):
    """The same statements, kept: what the attempts are refused for is the one thing that is wrong with them."""
    facts = scene()
    kept = {
        "a cash sale": posting(),
        "a bill on account": posting(ON_ACCOUNT, item="line.party_id IS NOT NULL"),
        "a reversal": posting(OPPOSITE, reverses_id="%(entry)s"),
        "an allocation": allocating("large_bill", "payment", "40"),
        "a line of a draft, taken away again": adding_line("draft")
        + "; DELETE FROM ledger_journalline WHERE position = 9",
        "a draft posted": "UPDATE ledger_journalentry SET status = 'POSTED', line_count = 2 WHERE id = %(draft)s",
        "a period": adding_period("MONTH", "2029-01-01", "2029-01-31"),
    }
    assert {what: law_broken_by_sql(sql, facts) for what, sql in kept.items()} == dict.fromkeys(kept)


def test_the_object_mapper_breaks_no_law(books):
    entry = EntryFactory(books=books)
    line = entry.lines.first()
    extra = JournalLine(
        administration=books.administration, entry=entry, position=9, account=books.account("cash_drawer"), debit=5
    )
    line.debit = 99
    assert law_broken_by(lambda: JournalLine.objects.bulk_create([extra])) == "entry_lines_announced"
    assert law_broken_by(lambda: JournalLine.objects.bulk_update([line], ["debit"])) == "line_append_only"
    assert law_broken_by(lambda: JournalLine.objects.update(debit=1)) == "line_append_only"
    assert law_broken_by(lambda: JournalLine.objects.all()._raw_delete("default")) == "line_append_only"
    assert law_broken_by(lambda: JournalEntry.objects.update(memo="x")) == "entry_append_only"
    assert law_broken_by(lambda: JournalEntry.objects.all()._raw_delete("default")) == "entry_append_only"
    assert law_broken_by(lambda: Account.objects.update(type="ASSET")) == "account_kept"


def test_a_number_that_is_given_by_hand_is_not_taken(db):
    facts = scene()
    last = JournalEntry.objects.get(pk=facts["reversed"]).number
    assert law_broken_by_sql(posting(number="999", year="1999", memo="'by hand'"), facts) is None
    entry = JournalEntry.objects.get(memo="by hand")
    assert (entry.year, entry.number) == (2026, JournalEntry.objects.filter(journal=entry.journal, year=2026).count())
    assert entry.number > last


def test_a_number_that_a_session_pretends_was_given_is_refused(db):
    facts = scene()
    pretended = f"entry:{facts['journal']}:2026"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('daybook.n' || md5(%s || %s), '41', TRUE)", [str(facts["administration"]), pretended]
        )
    assert law_broken_by_sql(posting(), facts) == "numbers_without_gaps"
