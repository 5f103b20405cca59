"""An account reconciliation holds the balance of the books against another source, and a second person signs it."""

from datetime import date
from decimal import Decimal
from io import BytesIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.core.errors import AmountHasTooManyDigits, NotAllowed
from apps.core.models import Event, Upload
from apps.core.services.uploads import storage
from apps.core.tests.factories import MembershipFactory, UserFactory
from apps.ledger.models import OpenItem
from apps.ledger.services.posting import Line
from apps.ledger.tests.factories import EntryFactory, on_account
from apps.ledger.tests.laws import law_broken_by_sql
from apps.reconciliation.errors import (
    AccountNotReconciled,
    AlreadyApproved,
    BalanceMoved,
    DatesReversed,
    DifferenceUnexplained,
    OwnReconciliation,
    ReconciliationAtWork,
    ReconciliationFrozen,
)
from apps.reconciliation.models import ReconciliationSuspension
from apps.reconciliation.services.account_reconciling import (
    approve_reconciliation,
    attach,
    begin_reconciliation,
    detach,
    explain,
    propose_items,
    remove_item,
    resolve_item,
    suspend_moved,
    update_reconciliation,
)
from apps.reconciliation.tests.bank import Bank

D = Decimal
AMOUNTS = st.lists(st.integers(-500, 500).filter(bool), max_size=5)
FEBRUARY, MARCH = (date(2026, 2, 1), date(2026, 2, 28)), (date(2026, 3, 1), date(2026, 3, 31))


def booked(bank: Bank, amount: str, day: date, account: str = "bank"):
    """EUR ``amount`` from the till into ``account``."""
    value = D(amount)
    lines = [
        Line(bank.books.account(account), debit=max(value, D(0)), credit=max(-value, D(0))),
        Line(bank.books.account("cash_drawer"), debit=max(-value, D(0)), credit=max(value, D(0))),
    ]
    return EntryFactory(books=bank.books, date=day, lines=lines)


def begun(bank: Bank, account: str = "bank", days=MARCH, **fields):
    return begin_reconciliation(
        bank.books.account(account), period_start=days[0], period_end=days[1], by=bank.accountant, **fields
    )


@pytest.fixture
def second(bank: Bank):
    user = UserFactory()
    MembershipFactory(administration=bank.books.administration, user=user, role="accountant")
    return user


def test_opening_is_what_was_posted_before_and_closing_what_was_posted_up_to_the_last_day(bank: Bank) -> None:
    booked(bank, "100.00", date(2026, 2, 28))
    booked(bank, "30.00", date(2026, 3, 1))
    booked(bank, "7.00", date(2026, 3, 31))
    booked(bank, "1000.00", date(2026, 4, 1))
    found = begun(bank)
    assert (found.opening_balance, found.closing_balance) == (D(100), D(137))


@pytest.mark.parametrize(("expected", "difference", "status"), [("137", "0", "reconciled"), ("130", "7", "pending")])
def test_a_difference_of_zero_makes_it_reconciled_and_another_pending(bank, expected, difference, status) -> None:
    booked(bank, "137.00", date(2026, 3, 1))
    found = begun(bank, expected_balance=D("1"))
    found = update_reconciliation(found, by=bank.accountant, expected_balance=D(expected), notes="counted")
    found.refresh_from_db()
    assert (found.difference, found.status, found.notes) == (D(difference), status, "counted")
    assert (found.reconciled_by == bank.accountant) is (status == "reconciled")
    assert (found.reconciled_at is not None) is (status == "reconciled")


def test_reconciled_becomes_pending_again_when_the_balance_should_be_another(bank: Bank) -> None:
    booked(bank, "137.00", date(2026, 3, 1))
    found = begun(bank, expected_balance=D("137"))
    assert found.status == "reconciled"
    found = update_reconciliation(found, by=bank.accountant, expected_balance=None, notes="")
    assert (found.status, found.reconciled_at) == ("pending", None)


def test_what_a_bank_account_should_hold_is_what_its_statement_says_on_that_day(bank: Bank) -> None:
    bank.statement("100.00", "-40.00", start="10.00", end="70.00", first=MARCH[0])
    assert begun(bank).expected_balance == D(70)


def test_within_a_statement_it_is_the_start_and_the_lines_up_to_that_day(bank: Bank) -> None:
    statement = bank.statement(start="10.00", end="75.00", day=date(2026, 4, 10), first=date(2026, 3, 15))
    bank.lines(statement, "60.00", date=date(2026, 3, 20))
    bank.lines(statement, "5.00", date=date(2026, 4, 2))
    assert begun(bank).expected_balance == D(70)


def test_what_a_control_account_should_hold_are_its_open_items(bank: Bank) -> None:
    party = bank.books.party("P-1")
    EntryFactory(books=bank.books, lines=on_account(bank.books, "65.00", party, party.pk))
    control = OpenItem.objects.get().account
    found = begin_reconciliation(control, period_start=MARCH[0], period_end=MARCH[1], by=bank.accountant)
    assert (found.closing_balance, found.expected_balance, found.type) == (D(65), D(65), "receivables")


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


def test_another_person_approves_at_a_difference_of_zero(bank: Bank, second) -> None:
    booked(bank, "137.00", date(2026, 3, 1))
    found = approve_reconciliation(begun(bank, expected_balance=D("137")), by=second)
    assert (found.status, found.approved_by) == ("approved", second)
    assert Event.objects.filter(name="reconciliation.approved", subject_id=found.pk, by=second).exists()
    with pytest.raises(AlreadyApproved):
        approve_reconciliation(found, by=second)


def test_whoever_prepared_it_does_not_approve_unless_one_person_may_sign_alone(bank: Bank) -> None:
    booked(bank, "137.00", date(2026, 3, 1))
    found = begun(bank, expected_balance=D("137"))
    with pytest.raises(OwnReconciliation):
        approve_reconciliation(found, by=bank.accountant)
    bank.books.administration.single_sign_off = True
    bank.books.administration.save()
    assert approve_reconciliation(found, by=bank.accountant).status == "approved"
    assert Event.objects.get(name="reconciliation.approved").facts == {"alone": True}


def test_an_owner_who_added_an_item_helped_to_prepare_it(bank: Bank, second) -> None:
    booked(bank, "137.00", date(2026, 3, 1))
    found = begun(bank, expected_balance=D("130"))
    explain(found, date=MARCH[1], description="Cheque on its way", amount=D("7"), by=second)
    with pytest.raises(OwnReconciliation):
        approve_reconciliation(found, by=second)


def test_a_difference_is_approved_once_its_items_explain_it_to_the_cent(bank: Bank, second) -> None:
    booked(bank, "137.00", date(2026, 3, 1))
    found = begun(bank, expected_balance=D("130"))
    wrong = explain(found, date=MARCH[1], description="Cheque on its way", amount=D("6.99"), by=bank.accountant)
    with pytest.raises(DifferenceUnexplained) as refused:
        approve_reconciliation(found, by=second)
    assert (refused.value.facts["difference"], refused.value.facts["explained"]) == ("7.0000", "6.9900")
    remove_item(wrong, by=bank.accountant)
    explain(found, date=MARCH[1], description="Cheque on its way", amount=D("7"), by=bank.accountant)
    assert approve_reconciliation(found, by=second).status == "approved"


def test_a_balance_that_moved_while_it_was_looked_at_is_not_approved(bank: Bank, second) -> None:
    booked(bank, "137.00", date(2026, 3, 1))
    found = begun(bank, expected_balance=D("137"))
    booked(bank, "1.00", date(2026, 3, 31))
    with pytest.raises(BalanceMoved):
        approve_reconciliation(found, by=second)
    assert update_reconciliation(found, by=bank.accountant, expected_balance=D("138"), notes="").status == "reconciled"


def test_a_later_posting_suspends_what_was_approved_and_its_stamp_stays(bank: Bank, second) -> None:
    booked(bank, "137.00", date(2026, 3, 1))
    found = approve_reconciliation(begun(bank, expected_balance=D("137")), by=second)
    booked(bank, "50.00", date(2026, 4, 1))
    assert suspend_moved(bank.books.administration) == []
    booked(bank, "-2.00", date(2026, 2, 1))
    (suspension,) = suspend_moved(bank.books.administration)
    assert (suspension.reconciliation, suspension.closing_balance) == (found, D(135))
    assert suspend_moved(bank.books.administration) == []
    found.refresh_from_db()
    assert (found.status, found.closing_balance) == ("approved", D(137))
    again = approve_reconciliation(begun(bank, expected_balance=D("135")), by=second)
    assert ReconciliationSuspension.objects.get().replaced_by == again


def test_where_nothing_can_be_posted_any_more_nothing_is_read(bank: Bank, second, django_assert_num_queries) -> None:
    booked(bank, "137.00", date(2026, 3, 1))
    approve_reconciliation(begun(bank, expected_balance=D("137")), by=second)
    for month in ("2026-01", "2026-02", "2026-03"):
        bank.books.set_status(month, "FINALIZED")
    with django_assert_num_queries(2):
        assert suspend_moved(bank.books.administration) == []


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


@pytest.mark.parametrize(
    ("account", "days", "fields", "error"),
    [
        ("bank", (MARCH[1], MARCH[0]), {}, DatesReversed),
        ("revenue_consultation", MARCH, {}, AccountNotReconciled),
        ("bank", MARCH, {"expected_balance": D("1.001")}, AmountHasTooManyDigits),
    ],
)
def test_what_cannot_be_reconciled_is_refused(bank: Bank, account, days, fields, error) -> None:
    with pytest.raises(error):
        begun(bank, account, days, **fields)


def test_an_account_has_one_reconciliation_of_a_period_at_work(bank: Bank) -> None:
    first = begun(bank)
    with pytest.raises(ReconciliationAtWork) as refused:
        begun(bank)
    assert refused.value.facts == {"id": str(first.pk)}


def test_a_manager_reads_and_approves_and_does_not_prepare(bank: Bank) -> None:
    manager = UserFactory()
    MembershipFactory(administration=bank.books.administration, user=manager, role="manager")
    with pytest.raises(NotAllowed):
        begin_reconciliation(bank.books.account("bank"), period_start=MARCH[0], period_end=MARCH[1], by=manager)


def test_a_document_goes_with_its_file(bank: Bank, django_capture_on_commit_callbacks) -> None:
    found = begun(bank)
    kept = attach(found, BytesIO(b"date,amount\n2026-03-31,70.00\n"), name="bank.csv", by=bank.accountant)
    stored = kept.upload.stored_as
    assert storage().exists(stored)
    with django_capture_on_commit_callbacks(execute=True):
        detach(kept, by=bank.accountant)
    assert not storage().exists(stored)
    assert not Upload.objects.exists()


@pytest.fixture
def approved(bank: Bank, second):
    booked(bank, "137.00", date(2026, 3, 1))
    found = begun(bank, expected_balance=D("130"))
    explain(found, date=MARCH[1], description="Cheque", amount=D("7"), by=bank.accountant)
    attach(found, BytesIO(b"date,amount\n2026-03-31,70.00\n"), name="bank.csv", by=bank.accountant)
    found = approve_reconciliation(found, by=second)
    booked(bank, "1.00", MARCH[1])
    suspend_moved(bank.books.administration)
    return found


def test_an_approved_one_is_frozen_in_every_service(bank: Bank, approved) -> None:
    item, attachment = approved.items.get(), approved.attachments.get()
    for attempt in (
        lambda: update_reconciliation(approved, by=bank.accountant, expected_balance=D("1"), notes=""),
        lambda: explain(approved, date=MARCH[1], description="x", amount=D("1"), by=bank.accountant),
        lambda: propose_items(approved, by=bank.accountant),
        lambda: remove_item(item, by=bank.accountant),
        lambda: resolve_item(item, on=MARCH[1], by=bank.accountant),
        lambda: attach(approved, BytesIO(b"a,b\n1,2\n"), name="x.csv", by=bank.accountant),
        lambda: detach(attachment, by=bank.accountant),
    ):
        with pytest.raises(ReconciliationFrozen):
            attempt()


@pytest.mark.parametrize(
    ("sql", "law"),
    [
        ("UPDATE reconciliation_accountreconciliation SET notes = 'x'", "account_reconciliation_kept"),
        ("UPDATE reconciliation_accountreconciliation SET status = 'pending'", "account_reconciliation_kept"),
        ("DELETE FROM reconciliation_accountreconciliation", "account_reconciliation_kept"),
        ("UPDATE reconciliation_reconcilingitem SET amount = 1", "reconciling_item_kept"),
        ("DELETE FROM reconciliation_reconcilingitem", "reconciling_item_kept"),
        ("DELETE FROM reconciliation_reconciliationattachment", "reconciliation_attachment_kept"),
        ("UPDATE reconciliation_reconciliationsuspension SET closing_balance = 0", "suspension_kept"),
        ("DELETE FROM reconciliation_reconciliationsuspension", "suspension_kept"),
    ],
)
def test_raw_sql_changes_nothing_of_an_approved_one(approved, sql: str, law: str) -> None:
    assert law_broken_by_sql(sql) == law


@pytest.mark.parametrize(
    ("sql", "law"),
    [
        (
            "UPDATE reconciliation_accountreconciliation SET status = 'approved', approved_at = now()",
            "account_reconciliation_status",
        ),
        ("UPDATE reconciliation_accountreconciliation SET explained = 7", "account_reconciliation_explained"),
        ("UPDATE reconciliation_accountreconciliation SET period_end = '2026-05-01'", "account_reconciliation_kept"),
    ],
)
def test_raw_sql_does_not_approve_what_is_not_explained(bank: Bank, sql: str, law: str) -> None:
    booked(bank, "137.00", date(2026, 3, 1))
    begun(bank, expected_balance=D("130"))
    assert law_broken_by_sql(sql) == law
