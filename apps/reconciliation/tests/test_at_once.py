"""Two accountants at the same time: one wins, the other is told."""

from datetime import date

import pytest
from django.db import connection, transaction

from apps.billing.tests.clinic import make_clinic
from apps.core.tests.factories import member
from apps.ledger.models import JournalEntry, OpenItem
from apps.ledger.tests.factories import open_test_books
from apps.ledger.tests.subledger import SubLedger
from apps.ledger.tests.test_concurrency import threads, until_blocked
from apps.reconciliation.errors import (
    BankLineAlreadyReconciled,
    BankLineNotMatched,
    MatchBeyondEntry,
    NotOneTransfer,
    PayoutUnexplained,
)
from apps.reconciliation.models import Clearing
from apps.reconciliation.services.bank_accounts import open_bank_account
from apps.reconciliation.services.clearing import Kind, Part, clear, undo
from apps.reconciliation.services.transferring import transfer
from apps.reconciliation.services.unpacking import unpack
from apps.reconciliation.tests.bank import Bank, open_test_bank
from apps.reconciliation.tests.matching import D, in_transit, item, left_of, of_item, open_of
from apps.reconciliation.tests.paying_out import Provider, balance, bank_of


@pytest.fixture
def bank(committed):
    return open_test_bank(open_test_books())


@pytest.fixture
def ledger(bank):
    return SubLedger(bank.books, bank.accountant)


def told_after(first, second):
    """``second`` begins while ``first`` is not committed yet; the refusal that it gets, if any."""
    with threads(1) as start:
        with transaction.atomic():
            first()
            running = start(second)
            until_blocked()
        return running.exception()


def test_one_item_is_matched_by_one_of_two_accountants(bank, ledger):
    invoice, other = item(ledger, "100.00"), member(ledger.administration, "accountant")
    lines = [bank.line("100.00"), bank.line("100.00")]
    refused = told_after(
        lambda: clear(lines[0], [of_item(invoice, "100")], by=bank.accountant),
        lambda: clear(lines[1], [of_item(invoice, "100")], by=other),
    )
    assert isinstance(refused, MatchBeyondEntry)
    assert refused.detail()["hint"] == "Load the candidates again."
    assert [left_of(line) for line in lines] == [0, 100]
    assert open_of(invoice) == 0
    assert JournalEntry.objects.filter(source_type="bank_clearing").count() == 1


def test_one_line_is_matched_by_one_of_two_accountants(bank, ledger):
    items, line = [item(ledger, "100.00"), item(ledger, "100.00")], bank.line("100.00")
    refused = told_after(
        lambda: clear(line, [of_item(items[0], "100")], by=bank.accountant),
        lambda: clear(line, [of_item(items[1], "100")], by=bank.accountant),
    )
    assert isinstance(refused, BankLineAlreadyReconciled)
    assert [open_of(one) for one in items] == [0, 100]


def test_money_in_transit_arrives_once_at_the_same_time(bank):
    card, lines = in_transit(bank, "100.00"), [bank.line("100.00"), bank.line("100.00")]
    parts = [Part(Kind.TRANSIT, D(100), entry_line=card)]
    refused = told_after(
        lambda: clear(lines[0], parts, by=bank.accountant), lambda: clear(lines[1], parts, by=bank.accountant)
    )
    assert isinstance(refused, MatchBeyondEntry)


def test_a_match_is_undone_once(bank, ledger):
    clearing = clear(bank.line("100.00"), [of_item(item(ledger, "100.00"), "100")], by=bank.accountant)
    refused = told_after(
        lambda: undo(clearing, by=bank.accountant),
        lambda: undo(Clearing.objects.get(pk=clearing.pk), by=bank.accountant),
    )
    assert isinstance(refused, BankLineNotMatched)
    assert JournalEntry.objects.filter(reverses=clearing.entry_id).count() == 1


def test_a_transfer_is_made_once_from_whichever_side(bank):
    savings = Bank(bank.books, open_bank_account(bank.books.administration, name="Savings"), bank.accountant)
    out, into = bank.line("-100.00"), savings.line("100.00")
    refused = told_after(
        lambda: transfer(out, into, by=bank.accountant), lambda: transfer(into, out, by=bank.accountant)
    )
    assert isinstance(refused, NotOneTransfer)
    assert JournalEntry.objects.filter(source_type="bank_clearing").count() == 2


@pytest.mark.parametrize(("is_signed", "refusal"), [(True, PayoutUnexplained), (False, MatchBeyondEntry)])
def test_a_payout_comes_once_at_the_same_time(committed, is_signed, refusal):
    clinic = make_clinic()
    bank, provider = bank_of(clinic), Provider(clinic)
    provider.payout("359143", provider.paid("65.00", fee="0.65"))
    if is_signed:
        clinic.finalized(clinic.yesterday)
    lines = [bank.line("64.35", label="PSTK_359143", date=clinic.today) for _twice in range(2)]
    refused = told_after(lambda: unpack(lines[0], by=bank.accountant), lambda: unpack(lines[1], by=bank.accountant))
    assert isinstance(refused, refusal)
    assert [left_of(line) for line in lines] == [0, D("64.35")]
    assert balance(clinic, "paystack_in_transit") == (0 if is_signed else D(-65))


def test_matches_and_undoings_of_the_same_items_wait_for_each_other_and_never_deadlock(bank, ledger):
    """Four threads match two invoices of one party, in opposite orders, and undo that again."""
    invoices = [item(ledger, "400.00", day=date(2026, 3, day)) for day in (4, 5)]
    lines = [bank.line("100.00") for _turn in range(4)]

    def match_and_undo(turn):
        order = invoices if turn % 2 else invoices[::-1]
        for _again in range(2):
            open_items = OpenItem.objects.as_of().exclude(open=0).filter(document_id__in=[i.document_id for i in order])
            chosen = sorted(open_items, key=lambda one: one.open, reverse=bool(turn % 2))[:2]
            parts = [of_item(one, str(min(one.open, D(10)))) for one in chosen]
            try:
                clearing = clear(lines[turn], parts, by=bank.accountant)
            except MatchBeyondEntry:
                continue
            undo(clearing, by=bank.accountant)

    with threads(4) as start:
        for running in [start(match_and_undo, turn) for turn in range(4)]:
            running.result()
    assert [left_of(line) for line in lines] == [100] * 4
    assert sum(one.open for one in OpenItem.objects.as_of()) == 800
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        assert cursor.fetchone() == (0,)
