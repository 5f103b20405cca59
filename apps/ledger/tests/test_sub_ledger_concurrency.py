"""What two people do at once with invoices and what settles them."""

from decimal import Decimal

import pytest
from django.db import transaction

from apps.core.errors import DomainError
from apps.ledger.models import Allocation, Invoice, JournalEntry, OpenItem
from apps.ledger.services.settling import allocate, write_off
from apps.ledger.tests.subledger import open_sub_ledger
from apps.ledger.tests.test_concurrency import threads, until_blocked


@pytest.fixture
def ledger(committed):
    return open_sub_ledger()


def refused(work, *args, **more):
    """The code of the refusal, "" when there is none."""
    try:
        work(*args, **more)
    except DomainError as refusal:
        return refusal.code
    return ""


def test_invoices_issued_at_once_have_consecutive_numbers_and_their_items_know_them(ledger):
    customer = ledger.customer()
    with threads(4) as start:
        for issued in [start(lambda: ledger.sold("10.00", party=customer)) for _n in range(12)]:
            issued.result()
    invoices = Invoice.objects.order_by("number")
    assert [invoice.number for invoice in invoices] == list(range(1, 13))
    assert [ledger.item(invoice).reference for invoice in invoices] == [str(invoice) for invoice in invoices]


def test_the_same_supplier_reference_is_posted_once_by_two_people(ledger):
    supplier = ledger.supplier()
    with threads(2) as start:
        with transaction.atomic():
            ledger.bought("10.00", party=supplier)
            other = start(lambda: refused(ledger.bought, "10.00", party=supplier))
            until_blocked()
        assert other.result() == "DUPLICATE_INVOICE"
    assert (Invoice.objects.count(), JournalEntry.objects.count()) == (1, 1)


def test_two_people_do_not_settle_one_item_twice(ledger):
    invoice = ledger.sold("100.00")
    payments = [ledger.paid(ledger.customer(), "100.00") for _twice in range(2)]
    item = ledger.item(invoice)
    with threads(2) as start:
        with transaction.atomic():
            allocate(item, payments[0], by=ledger.accountant)
            other = start(lambda: refused(allocate, item, payments[1], by=ledger.accountant))
            until_blocked()
        assert other.result() == "ITEM_SETTLED"
    assert [one.amount for one in Allocation.objects.all()] == [100]


def test_two_people_do_not_write_off_one_item_twice(ledger):
    item = ledger.item(ledger.sold("100.00"))
    account = ledger.account("4500")

    def attempt():
        return refused(write_off, item, account=account, by=ledger.accountant, reason="x")

    with threads(2) as start:
        with transaction.atomic():
            assert attempt() == ""
            other = start(attempt)
            until_blocked()
        assert other.result() == "ITEM_SETTLED"
    assert not OpenItem.objects.as_of().exclude(open=0)


def test_two_credit_notes_at_once_do_not_credit_more_than_was_invoiced(ledger):
    invoice = ledger.sold("100.00")
    with threads(2) as start:
        with transaction.atomic():
            ledger.sold("60.00", credits=invoice)
            other = start(lambda: refused(ledger.sold, "60.00", credits=invoice))
            until_blocked()
        assert other.result() == "CREDIT_BEYOND_INVOICE"
    assert ledger.open(invoice) == Decimal(40)
