"""The laws of reconciliation, each broken by raw SQL."""

from decimal import Decimal

import pytest
from django.utils import timezone

from apps.ledger.tests.factories import EntryFactory
from apps.ledger.tests.laws import law_broken_by, law_broken_by_sql
from apps.reconciliation.models import ClearedLine, Clearing, Match, Statement, StatementLine
from apps.reconciliation.tests.bank import Bank


def booked(bank: Bank, line: StatementLine, amount: str, entry_line=None, **fields):
    clearing = Clearing.objects.create(administration=bank.books.administration, line=line)
    return Match(
        **{
            "administration": bank.books.administration,
            "clearing": clearing,
            "position": 1,
            "kind": Match.Kind.DUPLICATE if entry_line is None else Match.Kind.BOOKED,
            "amount": Decimal(amount),
            "book_amount": Decimal(amount),
            "entry_line": entry_line,
            **fields,
        }
    )


def test_a_match_leaves_the_rest_open_and_undoing_it_the_whole(bank: Bank) -> None:
    line = bank.line("100.00")
    match = booked(bank, line, "40.00")
    match.save()
    line.refresh_from_db()
    assert line.residual == Decimal("60.00")
    Clearing.objects.update(undone_at=timezone.now())
    line.refresh_from_db()
    match.refresh_from_db()
    assert (line.residual, match.active) == (Decimal("100.00"), False)


@pytest.mark.parametrize("amount", ["100.01", "-0.01"])
def test_a_match_stays_within_its_line(bank: Bank, amount: str) -> None:
    match = booked(bank, bank.line("100.00"), amount)
    assert law_broken_by(match.save) == "match_within_line"


def test_a_fee_and_a_payout_are_counted_together(bank: Bank) -> None:
    line = bank.line("97.00")
    fee = booked(bank, line, "-3.00")
    Match.objects.bulk_create([fee, booked(bank, line, "100.00", clearing=fee.clearing, position=2)])
    line.refresh_from_db()
    assert line.residual == 0


def test_an_entry_line_is_cleared_no_further_than_it_goes(bank: Bank) -> None:
    debit = EntryFactory(books=bank.books, amount="65.00").lines.get(debit__gt=0)
    booked(bank, bank.line("65.00"), "65.00", debit).save()
    assert ClearedLine.objects.get(entry_line=debit).cleared == Decimal("65.00")
    again = booked(bank, bank.line("1.00"), "1.00", debit)
    assert law_broken_by(again.save) == "match_within_entry_line"


@pytest.mark.parametrize(
    ("sql", "law"),
    [
        ("UPDATE reconciliation_statementline SET residual = 1", "line_residual"),
        ("UPDATE reconciliation_statementline SET amount = 1, residual = 1", "statement_line_kept"),
        ("UPDATE reconciliation_statementline SET label = 'rent'", "statement_line_kept"),
        ("UPDATE reconciliation_statement SET balance_start = 5", "statement_kept"),
        ("UPDATE reconciliation_statement SET is_valid = false", "statement_kept"),
        ("UPDATE reconciliation_statement SET line_total = 5", "statement_kept"),
        ("DELETE FROM reconciliation_statement", "statement_kept"),
        ("DELETE FROM reconciliation_statementline", "statement_line_kept"),
        ("UPDATE reconciliation_match SET amount = 1", "match_kept"),
        ("UPDATE reconciliation_match SET active = false", "match_kept"),
        ("DELETE FROM reconciliation_match", "match_kept"),
        ("UPDATE reconciliation_clearing SET reasons = '[1]'", "clearing_kept"),
        ("DELETE FROM reconciliation_clearing", "clearing_kept"),
        ("UPDATE reconciliation_clearedline SET cleared = 0", "cleared_line_derived"),
        ("DELETE FROM reconciliation_clearedline", "cleared_line_derived"),
        ("TRUNCATE reconciliation_match CASCADE", "ProgrammingError"),
    ],
)
def test_what_was_stated_and_matched_never_changes(bank: Bank, sql: str, law: str) -> None:
    debit = EntryFactory(books=bank.books, amount="65.00").lines.get(debit__gt=0)
    booked(bank, bank.line("65.00"), "65.00", debit).save()
    assert law_broken_by_sql(sql) == law


def test_a_statement_is_complete_when_start_and_lines_are_what_the_bank_says(bank: Bank) -> None:
    assert bank.statement("1.00", "2.00", end="3.00").is_complete is True
    assert bank.statement("2.00", start="3.00", end="6.00").is_complete is False
    assert bank.statement("2.00", start="6.00").is_complete is None


def test_a_statement_is_valid_when_it_begins_where_the_last_one_ended(bank: Bank) -> None:
    first = bank.statement("1.00", end="1.00")
    assert bank.statement("1.00", start="1.00", end="2.00").is_valid
    assert not bank.statement("1.00", start="5.00", end="6.00").is_valid
    assert first.is_valid
    earlier = bank.statement("1.00", start="0", end="9.00", day=first.date.replace(day=1))
    first.refresh_from_db()
    assert earlier.is_valid
    assert not first.is_valid
    earlier.lines.all().delete()
    Statement.objects.get(pk=earlier.pk).delete()
    first.refresh_from_db()
    assert first.is_valid
