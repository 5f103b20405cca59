"""An account reconciliation holds the balance of the books against another source, and a second person signs it."""

from datetime import date
from decimal import Decimal
from io import BytesIO

import pytest

from apps.core.errors import AmountHasTooManyDigits, NotAllowed
from apps.core.models import Event, Upload
from apps.core.services.uploads import storage
from apps.core.tests.factories import MembershipFactory, UserFactory
from apps.ledger.models import OpenItem
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
    ReconciliationChanged,
    ReconciliationFrozen,
)
from apps.reconciliation.models import ReconciliationSuspension
from apps.reconciliation.reports.preparing import last_event
from apps.reconciliation.services.account_reconciling import (
    approve_reconciliation,
    attach,
    begin_reconciliation,
    change_item,
    detach,
    explain,
    propose_items,
    remove_item,
    resolve_item,
    update_reconciliation,
)
from apps.reconciliation.services.suspending import suspend_moved
from apps.reconciliation.tests.bank import Bank
from apps.reconciliation.tests.proofs import MARCH, begun, booked

D = Decimal


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


def test_whoever_said_what_it_should_be_helped_to_prepare_it_also_where_it_did_not_agree(bank: Bank, second) -> None:
    booked(bank, "137.00", date(2026, 3, 1))
    found = begun(bank, expected_balance=D("1"))
    explain(found, date=MARCH[1], description="Cheque", amount=D("7"), by=bank.accountant)
    update_reconciliation(found, by=second, expected_balance=D("130"), notes="")
    with pytest.raises(OwnReconciliation):
        approve_reconciliation(found, by=second)
    assert approve_reconciliation(found, by=bank.books.owner).status == "approved"


def test_whoever_added_an_item_that_is_gone_helped_to_prepare_it(bank: Bank, second) -> None:
    booked(bank, "137.00", date(2026, 3, 1))
    found = begun(bank, expected_balance=D("137"))
    remove_item(explain(found, date=MARCH[1], description="Cheque", amount=D("7"), by=second), by=bank.accountant)
    with pytest.raises(OwnReconciliation):
        approve_reconciliation(found, by=second)


def test_a_person_approves_what_they_have_seen(bank: Bank, second) -> None:
    booked(bank, "137.00", date(2026, 3, 1))
    found = begun(bank, expected_balance=D("137"))
    seen = last_event(found).pk
    update_reconciliation(found, by=bank.accountant, expected_balance=D("137"), notes="Another letter")
    with pytest.raises(ReconciliationChanged):
        approve_reconciliation(found, by=second, seen=seen)
    assert approve_reconciliation(found, by=second, seen=last_event(found).pk).status == "approved"


def test_an_approved_one_that_moved_is_suspended_when_its_period_is_reconciled_again(bank: Bank, second) -> None:
    booked(bank, "137.00", date(2026, 3, 1))
    found = approve_reconciliation(begun(bank, expected_balance=D("137")), by=second)
    with pytest.raises(ReconciliationAtWork):
        begun(bank)
    booked(bank, "1.00", MARCH[1])
    again = begun(bank, expected_balance=D("138"))
    assert ReconciliationSuspension.objects.get().reconciliation == found
    approve_reconciliation(again, by=second)
    assert ReconciliationSuspension.objects.get().replaced_by == again


def test_reconciled_again_it_takes_over_what_was_said_before(bank: Bank, second) -> None:
    booked(bank, "137.00", date(2026, 3, 1), account="suspense")
    found = begun(bank, "suspense", expected_balance=D("130"), notes="Counted")
    explain(found, date=date(2026, 3, 9), description="Cheque", amount=D("7"), by=bank.accountant)
    approve_reconciliation(found, by=second)
    booked(bank, "1.00", MARCH[1], account="suspense")
    again = begun(bank, "suspense")
    assert (again.expected_balance, again.notes, again.closing_balance) == (D(130), "Counted", D(138))
    assert [(item.description, item.date, item.amount) for item in again.items.all()] == [
        ("Cheque", date(2026, 3, 9), D(7))
    ]


def test_without_an_expected_balance_nothing_is_approved(bank: Bank, second) -> None:
    booked(bank, "137.00", date(2026, 3, 1), account="suspense")
    with pytest.raises(DifferenceUnexplained) as refused:
        approve_reconciliation(begun(bank, "suspense"), by=second)
    assert refused.value.facts == {"difference": D(137), "explained": D(0)}


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
        lambda: change_item(item, date=MARCH[1], description="x", amount=D("1"), by=bank.accountant),
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
