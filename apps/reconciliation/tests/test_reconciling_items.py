"""Reconciling items: what one side has and the other has not, proposed, said otherwise, carried and resolved."""

from datetime import date
from decimal import Decimal

import pytest
from django.utils.translation import override
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.core.errors import AmountHasTooManyDigits
from apps.ledger.models import ExchangeRate
from apps.reconciliation.errors import (
    DifferenceUnexplained,
    TooManyDifferences,
)
from apps.reconciliation.services.account_reconciling import (
    MOST_PROPOSED,
    approve_reconciliation,
    change_item,
    explain,
    propose_items,
    remove_item,
    resolve_item,
    update_reconciliation,
)
from apps.reconciliation.services.clearing import Kind, Part, clear
from apps.reconciliation.services.undoing import undo
from apps.reconciliation.tests.bank import Bank
from apps.reconciliation.tests.proofs import FEBRUARY, MARCH, begun, booked

D = Decimal
AMOUNTS = st.lists(st.integers(-500, 500).filter(bool), max_size=5)


def test_books_less_bank_is_the_sum_of_what_only_one_of_them_has(bank: Bank) -> None:
    booked(bank, "10.00", date(2026, 2, 1))
    bank.statement("100.00", "-40.00", start="10.00", end="70.00", first=MARCH[0])
    booked(bank, "25.00", date(2026, 3, 30))
    found = begun(bank)
    items = propose_items(found, by=bank.accountant)
    assert [item.amount for item in items] == [D(-100), D(40), D(25)]
    found.refresh_from_db()
    assert found.difference == found.explained == D(-35)
    assert propose_items(found, by=bank.accountant) == []


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(AMOUNTS, AMOUNTS)
def test_what_is_proposed_always_explains_the_difference(bank: Bank, at_the_bank, in_the_books) -> None:
    """Each example goes on from the last one: the statements of a bank follow each other."""
    last = bank.account.statements.in_order().last()
    start = last.balance_end if last else D(0)
    bank.statement(*(f"{amount}.00" for amount in at_the_bank), start=str(start))
    for amount in in_the_books:
        booked(bank, f"{amount}.00", date(2026, 3, 31))
    found = begin_again(bank)
    propose_items(found, by=bank.accountant)
    found.refresh_from_db()
    assert found.explained == found.difference


def begin_again(bank: Bank):
    """The reconciliation of March, begun anew without its items."""
    at_work = bank.books.account("bank").reconciliations.first()
    if at_work:
        at_work.items.all().delete()
        at_work.delete()
    return begun(bank)


def test_an_item_is_said_otherwise_and_what_is_explained_follows(bank: Bank) -> None:
    booked(bank, "137.00", date(2026, 3, 1))
    found = begun(bank, expected_balance=D("130"))
    item = explain(found, date=MARCH[1], description="Cheque", amount=D("5"), by=bank.accountant)
    change_item(item, date=MARCH[0], description="Cheque 12", amount=D("7"), by=bank.accountant)
    found.refresh_from_db()
    item.refresh_from_db()
    assert (item.date, item.description, found.explained) == (MARCH[0], "Cheque 12", D(7))
    with pytest.raises(AmountHasTooManyDigits):
        change_item(item, date=MARCH[0], description="Cheque", amount=D("7.001"), by=bank.accountant)


def test_what_was_matched_since_it_was_carried_forward_is_resolved(bank: Bank, second) -> None:
    line = bank.line("100.00", date=date(2026, 2, 20))
    first = begun(bank, days=FEBRUARY)
    propose_items(first, by=bank.accountant)
    approve_reconciliation(first, by=second)
    following = begun(bank)
    assert [(item.amount, item.resolved_on) for item in following.items.all()] == [(D(-100), None)]
    clear(line, [Part(Kind.MODEL, D(100), account=bank.books.account("suspense"))], by=bank.accountant)
    assert propose_items(following, by=bank.accountant) == []
    assert following.items.get().resolved_on == MARCH[1]
    following = update_reconciliation(following, by=bank.accountant, expected_balance=D(100), notes="")
    following.refresh_from_db()
    assert (following.difference, following.explained) == (0, 0)


def test_what_was_matched_and_undone_again_is_proposed_again(bank: Bank) -> None:
    line = bank.line("100.00", date=date(2026, 3, 20))
    found = begun(bank)
    propose_items(found, by=bank.accountant)
    clearing = clear(line, [Part(Kind.MODEL, D(100), account=bank.books.account("suspense"))], by=bank.accountant)
    propose_items(found, by=bank.accountant)
    undo(clearing, by=bank.accountant)
    assert [item.amount for item in propose_items(found, by=bank.accountant)] == [D(-100)]


def test_an_unmatched_statement_is_matched_and_not_explained(bank: Bank) -> None:
    bank.statement(*["1.00"] * (MOST_PROPOSED + 1), first=MARCH[0])
    found = begun(bank)
    with pytest.raises(TooManyDifferences):
        propose_items(found, by=bank.accountant)
    assert not found.items.exists()


def test_items_are_proposed_in_the_language_of_the_books_whoever_reads(bank: Bank) -> None:
    bank.line("100.00", date=date(2026, 3, 20))
    found = begun(bank)
    with override("en"):
        propose_items(found, by=bank.accountant)
    with override("nb"):
        assert propose_items(found, by=bank.accountant) == []


def test_what_a_foreign_bank_states_is_proposed_at_the_rate_of_the_last_day(bank: Bank) -> None:
    bank.account.currency = "USD"
    bank.account.save()
    ExchangeRate.objects.create(
        administration=bank.books.administration, currency="USD", date=MARCH[0], rate=D("0.9"), source="ECB"
    )
    bank.statement("100.00", start="0", end="100.00", first=MARCH[0])
    found = begun(bank)
    assert found.expected_balance == D(90)
    assert [item.amount for item in propose_items(found, by=bank.accountant)] == [D(-90)]
    found.refresh_from_db()
    assert found.difference == found.explained == D(-90)


def test_a_difference_is_approved_once_its_items_explain_it_to_the_cent(bank: Bank, second) -> None:
    booked(bank, "137.00", date(2026, 3, 1))
    found = begun(bank, expected_balance=D("130"))
    wrong = explain(found, date=MARCH[1], description="Cheque on its way", amount=D("6.99"), by=bank.accountant)
    with pytest.raises(DifferenceUnexplained) as refused:
        approve_reconciliation(found, by=second)
    assert (refused.value.facts["difference"], refused.value.facts["explained"]) == (D("7.00"), D("6.99"))
    remove_item(wrong, by=bank.accountant)
    explain(found, date=MARCH[1], description="Cheque on its way", amount=D("7"), by=bank.accountant)
    assert approve_reconciliation(found, by=second).status == "approved"


def test_what_was_not_resolved_is_carried_into_the_next_period_with_its_date(bank: Bank, second) -> None:
    booked(bank, "137.00", date(2026, 2, 1))
    first = begun(bank, days=FEBRUARY, expected_balance=D("130"))
    explain(first, date=date(2026, 2, 27), description="Cheque", amount=D("5"), by=bank.accountant)
    done = explain(first, date=date(2026, 2, 26), description="Fee", amount=D("2"), by=bank.accountant)
    approve_reconciliation(first, by=second)
    following = begun(bank, expected_balance=D("137"))
    assert [(item.description, item.date) for item in following.items.all()] == [
        ("Fee", done.date),
        ("Cheque", date(2026, 2, 27)),
    ]
    resolve_item(following.items.get(description="Fee"), on=date(2026, 3, 2), by=bank.accountant)
    following.refresh_from_db()
    assert (following.explained, following.previous) == (D(5), first)
