"""Statements: valid and complete by law, confirmed by a person, typed and mended by hand, with running balances."""

import datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.errors import AmountHasTooManyDigits, NotAllowed
from apps.core.models import Event
from apps.ledger.tests.factories import EntryFactory
from apps.ledger.tests.laws import law_broken_by, law_broken_by_sql
from apps.reconciliation.errors import (
    BankCurrencyMismatch,
    BankStatementIncomplete,
    BankStatementInvalid,
    StatementKept,
    StatementNotTyped,
)
from apps.reconciliation.models import Clearing, Match, Statement, StatementLine
from apps.reconciliation.reports.running import running_balances
from apps.reconciliation.services.statements import (
    TypedLine,
    add_line,
    confirm_statement,
    remove_line,
    remove_statement,
    type_statement,
)
from apps.reconciliation.tests.files import csv_of, imported, row

D = Decimal


def january(day):
    return datetime.date(2026, 1, day)


def typed(bank, *lines, start="0", end=None, day=None, name="1"):
    """A statement with a line of each day and amount, dated its last line unless told otherwise."""
    rows = [TypedLine(january(on), D(amount), label=f"line {on}") for on, amount in lines]
    return type_statement(
        bank.account,
        name=name,
        date=day or max(line.date for line in rows),
        balance_start=D(start),
        balance_end_real=None if end is None else D(end),
        lines=rows,
        by=bank.accountant,
    )


def state(statement):
    statement.refresh_from_db()
    return statement.is_valid, statement.is_complete


# Typed ---------------------------------------------------------------------------------------------------------------


def test_a_statement_is_complete_with_its_lines_and_not_without_one_of_them(bank):
    statement = typed(bank, (10, "1"), (11, "2"), end="3")
    assert state(statement) == (True, True)
    remove_line(statement.lines.get(amount=1), by=bank.accountant)
    assert state(statement) == (True, False)
    add_line(statement, TypedLine(january(12), D(1)), by=bank.accountant)
    assert state(statement) == (True, True)


def test_an_earlier_statement_makes_a_later_one_begin_elsewhere(bank):
    later = typed(bank, (11, "2"), (12, "1"), end="3")
    earlier = typed(bank, (10, "1"), end="1")
    assert (state(earlier), state(later)) == ((True, True), (False, True))
    remove_statement(earlier, by=bank.accountant)
    assert state(later) == (True, True)


def test_a_statement_goes_on_from_the_one_before_it_whatever_days_are_between(bank):
    typed(bank, (10, "-5"), end="-5")
    assert state(typed(bank, (25, "2"), start="-5", end="-3")) == (True, True)
    assert state(typed(bank, (28, "2"), start="2", end="4")) == (False, True)


@pytest.mark.parametrize(
    ("start", "end", "is_complete"), [("0", "9", True), ("26", "9", False), ("26", "35", True), ("26", None, None)]
)
def test_complete_is_start_and_lines_against_what_the_bank_says(bank, start, end, is_complete):
    assert typed(bank, (10, "2"), (11, "3"), (12, "4"), start=start, end=end).is_complete is is_complete


def test_a_line_of_nothing_is_reconciled_at_once(bank):
    statement = typed(bank, (10, "0"))
    assert statement.lines.get().residual == 0
    assert not StatementLine.objects.open().exists()


def test_equal_lines_may_be_typed(bank):
    statement = typed(bank, (10, "5"), (10, "5"))
    add_line(statement, TypedLine(january(10), D(5), label="line 10"), by=bank.accountant)
    assert list(statement.lines.values_list("occurrence", flat=True).order_by("sequence")) == [1, 2, 3]


def test_what_came_from_a_file_is_not_mended_by_hand(bank):
    statement = imported(bank, csv_of(row(2, "5.00"))).statements[0]
    with pytest.raises(StatementNotTyped):
        add_line(statement, TypedLine(january(2), D(1)), by=bank.accountant)
    with pytest.raises(StatementNotTyped):
        remove_line(statement.lines.get(), by=bank.accountant)
    with pytest.raises(StatementNotTyped):
        remove_statement(statement, by=bank.accountant)


def test_a_typed_line_that_was_matched_stays(bank):
    statement = typed(bank, (10, "65"))
    debit = EntryFactory(books=bank.books, amount="65.00").lines.get(debit__gt=0)
    clearing = Clearing.objects.create(administration=bank.books.administration, line=statement.lines.get())
    facts = {"clearing": clearing, "position": 1, "kind": Match.Kind.BOOKED, "amount": D(65), "book_amount": D(65)}
    Match.objects.create(administration=bank.books.administration, entry_line=debit, **facts)
    with pytest.raises(StatementKept):
        remove_line(statement.lines.get(), by=bank.accountant)
    with pytest.raises(StatementKept):
        remove_statement(statement, by=bank.accountant)


def test_what_is_typed_is_held_to_the_account(bank):
    with pytest.raises(AmountHasTooManyDigits):
        typed(bank, (10, "1.005"))
    with pytest.raises(BankCurrencyMismatch):
        add_line(typed(bank, (10, "1")), TypedLine(january(2), D(1), foreign_currency="USD"), by=bank.accountant)


@pytest.mark.parametrize(
    "act", [typed, lambda bank, *lines: confirm_statement(Statement.objects.get(), by=bank.accountant)]
)
def test_only_whoever_matches_the_bank_types_or_confirms(bank, act):
    typed(bank, (10, "1"))
    stranger = type(bank)(bank.books, bank.account, bank.books.owner)
    with pytest.raises(NotAllowed):
        act(stranger, (11, "1"))


# Confirmed -----------------------------------------------------------------------------------------------------------


def test_a_statement_that_bridges_and_adds_up_is_confirmed(bank):
    statement = confirm_statement(typed(bank, (10, "1"), end="1"), by=bank.accountant)
    assert (statement.confirmed_by, statement.confirmed_because) == (bank.accountant, "")
    assert Event.objects.get(name="bank.statement.confirmed").facts == {"is_valid": True, "is_complete": True}


def test_one_that_does_not_is_confirmed_with_the_reason_alone(bank):
    first = typed(bank, (10, "1"), end="5")
    with pytest.raises(BankStatementIncomplete):
        confirm_statement(first, by=bank.accountant, because="  ")
    second = typed(bank, (11, "1"), start="9", end="10")
    with pytest.raises(BankStatementInvalid):
        confirm_statement(second, by=bank.accountant)
    confirmed = confirm_statement(second, by=bank.accountant, because="The bank changed its numbering.")
    assert confirmed.confirmed_because == "The bank changed its numbering."
    again = confirm_statement(confirmed, by=bank.accountant, because="Other words.")
    assert again.confirmed_because == "The bank changed its numbering."


# Running balance -----------------------------------------------------------------------------------------------------


def test_the_balance_after_each_line_is_by_date_and_within_a_day_by_place(bank):
    lines = [(10, "8"), (10, "7"), (11, "6"), (12, "5"), (12, "4"), (12, "3"), (13, "2"), (13, "1")]
    statement = typed(bank, *lines)
    newest_first = statement.lines.order_by("-date", "-sequence")
    running = running_balances(newest_first)
    assert [running[line.pk] for line in newest_first] == [D(each) for each in (36, 35, 33, 30, 26, 21, 15, 8)]


def test_balances_of_many_lines_are_one_query(bank):
    typed(bank, (10, "8"), start="100")
    typed(bank, *[(day, "1") for day in range(11, 28)], start="108")
    lines = list(StatementLine.objects.in_order())
    with CaptureQueriesContext(connection) as queries:
        running = running_balances(lines)
    assert len(queries) == 1
    assert [running[line.pk] for line in lines] == [D(each) for each in range(108, 126)]


# Laws ----------------------------------------------------------------------------------------------------------------


def test_a_line_is_of_the_account_of_its_statement(bank):
    typed(bank, (10, "1"))
    other = bank.books.account("bank")
    sql = "UPDATE reconciliation_statementline SET bank_account_id = gen_random_uuid()"
    assert law_broken_by_sql(sql) == "statement_line_kept"
    line = StatementLine.objects.get()
    line.pk, line.occurrence, line.sequence, line.bank_account_id = None, 2, 2, other.pk
    assert (
        law_broken_by(lambda: StatementLine.objects.bulk_create([line]))
        == "statement_line_statement_same_administration"
    )


def test_a_month_has_one_statement_and_begins_on_its_first_day(bank):
    fields = {"administration": bank.books.administration, "bank_account": bank.account, "date": january(9)}
    fields |= {"name": "2026-01", "balance_start": D(0)}
    Statement.objects.create(**fields, month=january(1))
    assert law_broken_by(lambda: Statement.objects.create(**fields, month=january(1))) == "one_statement_per_month"
    assert law_broken_by(lambda: Statement.objects.create(**fields, month=january(2))) == "statement_month_begins"


def test_only_a_statement_of_a_month_takes_other_balances_and_validity_follows(bank):
    fields = {"administration": bank.books.administration, "bank_account": bank.account, "name": "x"}
    Statement.objects.create(**fields, date=january(9), balance_start=D(0), balance_end_real=D(5))
    month = Statement.objects.create(**fields, date=january(31), balance_start=D(5), month=january(1))
    assert state(month)[0]
    Statement.objects.filter(pk=month.pk).update(balance_start=D(6))
    assert not state(month)[0]
    sql = "UPDATE reconciliation_statement SET balance_start = 7 WHERE month IS NULL"
    assert law_broken_by_sql(sql) == "statement_kept"


def test_what_a_line_looks_like_is_forgotten_and_never_changed(bank):
    statement = typed(bank, (10, "1"), (11, "1"))
    first, second = statement.lines.order_by("sequence")
    sql = f"UPDATE reconciliation_statementline SET looks_like_id = '{first.pk}' WHERE id = '{second.pk}'"
    assert law_broken_by_sql(sql) == "statement_line_kept"
