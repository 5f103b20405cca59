"""Every law of the ledger, broken with raw SQL: as the application role, as the owner, and with pgtrigger's switch."""

import re
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction

from apps.core.errors import DomainError, ForeignRow, refusal_for
from apps.core.laws import prove_deferred
from apps.ledger.models import (
    Account,
    Allocation,
    Batch,
    Depreciation,
    Disposal,
    ExchangeRate,
    FixedAsset,
    Invoice,
    InvoiceLine,
    Journal,
    JournalEntry,
    JournalLine,
    OpenItem,
    Period,
    Seal,
    SealedDocument,
    SealedEntry,
    VatCode,
)
from apps.ledger.services.allocating import settle_documents
from apps.ledger.services.opening import open_years
from apps.ledger.services.posting import Source, reverse_entry
from apps.ledger.tests import attempts
from apps.ledger.tests.factories import Books, EntryFactory, draft, new_id, on_account, open_test_books, paid_later
from apps.ledger.tests.laws import every_trigger, law_broken_by, law_broken_by_owner, law_broken_by_sql

MARCH = date(2026, 3, 3)
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


def posting(
    lines: str = CASH_SALE, *, item: str = NO_ITEM, item_amount: str = "65", day: str = "entry.date", **columns: Any
) -> str:
    """One statement that posts an entry with its lines, and an open item for each line for which ``item`` holds."""
    return f"""
        WITH entry AS (
            {entry_row(**columns)}
        ), line AS (
            INSERT INTO ledger_journalline (id, administration_id, entry_id, position, date, account_id, party_id,
                                            memo, debit, credit)
            SELECT gen_random_uuid(), %(administration)s, entry.id, row.position, {day}, row.account, row.party, '',
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
    "date a line of a draft": (
        "line_dated_as_entry",
        "UPDATE ledger_journalline SET date = '2026-03-03' WHERE id = %(draft_line)s",
    ),
    "post lines without a date": ("line_dated_as_entry", posting(day="NULL::date")),
    "post lines of another date": ("line_dated_as_entry", posting(day="'2026-03-04'::date")),
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
    "an account changes its type": (
        "account_kept",
        "UPDATE ledger_account SET type = 'EQUITY', place = 'EQUITY' WHERE id = %(cash)s",
    ),
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
    "post where no period holds the date": (
        "period_missing",
        posting(period_id="NULL", date="'2031-03-03'"),
    ),
    "move a counter": ("counter_counts_documents", "UPDATE core_counter SET last = last + 1"),
    "delete a counter": ("counter_counts_documents", "DELETE FROM core_counter"),
}

ATTEMPTS |= attempts.ATTEMPTS

PROTECTED = ("account", "period", "journalentry", "journalline", "openitem", "allocation", *attempts.PROTECTED)

# Laws that no attempt can reach, each with the reason; every other one of the registry is attempted above.
UNREACHABLE = {
    "entry_number": "numbered: the database gives the number, whatever a statement says",
    "invoice_number": "the same",
    "seal_number": "the same",
    "numbers_without_gaps": "a session that pretends a number was given: a test of its own below",
    "allocation_credit_same_administration": "allocation_of_one_party says it first",
    "no_truncate": "TRUNCATE as owner and as application: a test of its own below",
}


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
    found |= {word: books.period(name).pk for word, name in names.items()}
    found |= {"other_draft": _taxed_at_year_end(books).pk}
    return found | attempts.documents(books, foreign)


def _taxed_at_year_end(books: Books) -> JournalEntry:
    """A draft of year-end adjustments with a VAT line."""
    day = date(2026, 12, 31)
    period = Period.objects.create(
        administration=books.administration, type="YEAR_END", name="2026 adjustments", first_day=day, last_day=day
    )
    entry = draft(books, day)
    JournalEntry.objects.filter(pk=entry.pk).update(period=period)
    entry.lines.filter(position=1).update(vat_code=books.vat, vat_role="BASE", tax_point=day, vat_period=period)
    return entry


def laws_of_the_registry() -> set[str]:
    """Names of the constraints of every model of the ledger, of its unique columns, and of what its triggers raise."""
    laws = set()
    for model in apps.get_app_config("ledger").get_models():
        table = model._meta.db_table
        laws |= {constraint.name for constraint in model._meta.constraints}
        laws |= {f"{table}_{field.column}_key" for field in model._meta.local_fields if field.one_to_one}
        for trigger in getattr(model._meta, "triggers", ()):
            laws |= set(re.findall(r"CONSTRAINT = '(\w+)'", trigger.render_func(model)))
    return laws


def test_every_law_of_the_ledger_is_attempted():
    owned = {law for law in laws_of_the_registry() if law.endswith("_owned")}  # (administration, id): id is unique
    attempted = {law for law, _sql in ATTEMPTS.values()}
    assert laws_of_the_registry() - owned - attempted - set(UNREACHABLE) == set()
    assert set(UNREACHABLE) & attempted == set()


def test_every_protected_table_of_the_ledger_is_tried_to_be_emptied():
    kept = {
        model._meta.model_name
        for model in apps.get_app_config("ledger").get_models()
        if any(trigger.name == "no_truncate" for trigger in getattr(model._meta, "triggers", ()))
    }
    assert kept == set(PROTECTED)


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


def test_a_protected_table_is_never_emptied(owner_connection):
    emptied = {table: f"TRUNCATE ledger_{table} CASCADE" for table in PROTECTED}
    by_owner = {table: law_broken_by_owner(owner_connection, sql) for table, sql in emptied.items()}
    assert by_owner == dict.fromkeys(PROTECTED, "no_truncate")
    refused = {table: law_broken_by_sql(sql) for table, sql in emptied.items()}
    assert refused == dict.fromkeys(PROTECTED, "ProgrammingError")  # the application has not even the right


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
        **attempts.KEPT,
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
    assert law_broken_by(lambda: Account.objects.update(type="ASSET", place="CURRENT_ASSETS")) == "account_kept"


# What a tool that knows no service might try on rows that never change, and the law that refuses all of it.
KEPT_ROWS = {
    JournalEntry: ("entry_append_only", {"memo": "x"}),
    JournalLine: ("line_append_only", {"debit": 1}),
    OpenItem: ("open_item_append_only", {"amount": 1}),
    Allocation: ("allocation_append_only", {"amount": 1}),
    Batch: ("batch_kept", {"title": "another"}),
    Invoice: ("invoice_append_only", {"description": "x"}),
    InvoiceLine: ("invoice_append_only", {"net": 1}),
    Depreciation: ("depreciation_append_only", {"amount": 1}),
    Disposal: ("disposal_append_only", {"proceeds": 1}),
    Seal: ("seal_append_only", {"head": "x"}),
    SealedEntry: ("seal_append_only", {"salt": b""}),
    SealedDocument: ("seal_append_only", {"hash": b"y"}),
}


@pytest.mark.parametrize("model", KEPT_ROWS, ids=lambda model: model.__name__)
def test_no_tool_changes_or_deletes_what_never_changes(db, model):
    scene()
    law, change = KEPT_ROWS[model]
    rows = model.objects.filter(status="POSTED") if model is JournalEntry else model.objects.all()
    rows = rows.exclude(date=None) if model is JournalLine else rows
    row = rows.first()
    for name, value in change.items():
        setattr(row, name, value)
    attempts = {
        "update": lambda: rows.update(**change),
        "save": row.save,
        "bulk_update": lambda: model.objects.bulk_update([row], change),
        "raw delete": lambda: rows._raw_delete("default"),
    }
    over_it = {"update_conflicts": True, "unique_fields": ["id"], "update_fields": list(change)}
    assert law_broken_by(lambda: model.objects.bulk_create([row], **over_it))  # by this law, or by one of new rows
    assert {how: law_broken_by(attempt) for how, attempt in attempts.items()} == dict.fromkeys(attempts, law)


def test_every_table_that_never_changes_is_tried_with_every_tool():
    kept = {
        model
        for model in apps.get_app_config("ledger").get_models()
        for trigger in getattr(model._meta, "triggers", ())
        if trigger.name == "append_only"
    }
    assert kept | {Batch} == set(KEPT_ROWS)


def test_rows_made_in_bulk_break_no_law(db):
    facts = scene()
    mine = {"administration_id": facts["administration"]}
    dated = {"invoice_date": MARCH, "due_date": MARCH, "tax_point": MARCH, "year": 2026, "party_id": facts["supplier"]}
    made = {
        "an account": Account(**mine, code="9999", type="ASSET", place="EQUITY"),
        "a VAT code": VatCode(**mine, code="NEW", rate=-1, account_id=facts["cash"]),
        "an exchange rate": ExchangeRate(**mine, currency="USD", date=MARCH, rate=0),
        "an invoice": Invoice(**mine, **dated, kind="VENDOR", net_amount=1, vat_amount=1, total_amount=1),
        "an invoice line": InvoiceLine(
            **mine, invoice_id=facts["history"], position=9, account_id=facts["cash"], net=1
        ),
        "an asset": FixedAsset(
            **mine, code="A-9", cost=0, life_months=1, acquired_on=MARCH, in_use_from=MARCH, account_id=facts["cash"],
            depreciation_account_id=facts["cash"], expense_account_id=facts["cash"],
        ),
        "a depreciation": Depreciation(
            **mine, asset_id=facts["asset"], month="2026-04-01", amount=9999, entry_id=facts["entry"]
        ),
        "a disposal": Disposal(**mine, asset_id=facts["sold_asset"], date=MARCH, entry_id=facts["entry"]),
        "a seal": Seal(**mine, head="x", previous_head="x", entries=99),
    }  # fmt: skip
    refused = {what: law_broken_by(lambda row=row: type(row).objects.bulk_create([row])) for what, row in made.items()}
    assert refused == {
        "an account": "account_place_fits_type",
        "a VAT code": "vat_code_rate",
        "an exchange rate": "exchange_rate_positive",
        "an invoice": "invoice_total_is_net_and_vat",
        "an invoice line": "invoice_equals_lines",
        "an asset": "fixed_asset_value",
        "a depreciation": "depreciation_within_cost",
        "a disposal": "disposal_once",
        "a seal": "seal_chained",
    }


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


# What is not claimed by a refusal is a bug if somebody ever sees it: the answer is INTERNAL_ERROR, and it is logged.
BUGS_IF_SEEN = {
    "open_item_amount": "items are made with their line, and a line of nothing is refused first",
    "allocation_amount": "services allocate what is open, which is above zero",
    "period_days": "periods are made from years and months, not from days that somebody types",
    "line_position": "services number the lines",
    "invoice_line_position": "the same",
    "entry_number": "the database gives numbers",
    "entry_numbered_when_posted": "the same",
    "invoice_number": "the same",
    "seal_number": "the same",
    "sealed_entry_position": "sealing numbers what it seals",
    "sealed_document_position": "the same",
    "document_sealed_once": "sealing takes what no seal holds yet, and holds the key of the books' chain",
    "ledger_sealedentry_entry_id_key": "sealing holds the key of the books' chain",
    "ledger_invoice_entry_id_key": "an invoice is written with its entry",
    "ledger_disposal_entry_id_key": "a disposal is written with its entry",
    "one_row_per_month": "rolling up holds a lock and adds to the row that is there",
    "one_mark_per_series": "the same",
    "fixed_asset_code": "the door of fixed assets says it",
}


def test_every_law_that_somebody_can_run_into_is_claimed_by_a_refusal():
    """Rows of other books are claimed as one, by the ending of the name."""
    unclaimed = {
        law
        for law in laws_of_the_registry() - set(DomainError.by_constraint)
        if not law.endswith(("_owned", "_same_administration"))
    }
    assert unclaimed - set(BUGS_IF_SEEN) == set()
    assert set(BUGS_IF_SEEN) - laws_of_the_registry() == set()


def run(sql: str, facts: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, facts)
        prove_deferred()


def test_what_the_database_refuses_leaves_as_the_refusal_that_claims_it(db):
    """The one handler, given what PostgreSQL really says."""
    facts, said, expected = scene(), {}, {}
    for attempt, (law, sql) in ATTEMPTS.items():
        with pytest.raises(IntegrityError) as refused, transaction.atomic():
            run(sql, facts)
        refusal = refusal_for(refused.value)
        said[attempt] = refusal and refusal.detail()["code"]
        kind = ForeignRow if law.endswith("_same_administration") else DomainError.by_constraint.get(law)
        expected[attempt] = kind and kind.code
    assert said == expected
    assert {ATTEMPTS[attempt][0] for attempt, code in said.items() if code is None} <= set(BUGS_IF_SEEN)
