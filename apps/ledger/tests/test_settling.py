"""What settles an open item: payments, credits, write-offs, exchange differences."""

from datetime import date
from decimal import Decimal

import pytest

from apps.core.errors import NotAllowed
from apps.ledger.errors import (
    AccountIsControl,
    AllocationBeyondOpen,
    AllocationOfTwoParties,
    ItemSettled,
    NothingForeign,
    PeriodClosed,
)
from apps.ledger.models import Allocation, JournalEntry, OpenItem
from apps.ledger.reports.open_items import item_status
from apps.ledger.services.posting import reverse_entry
from apps.ledger.services.settling import allocate, write_off
from apps.ledger.tests.subledger import booked

MARCH_20 = date(2026, 3, 20)


def test_a_receipt_without_invoice_is_a_credit_until_it_is_allocated(ledger):
    received = ledger.paid(ledger.customer(), "150.00", MARCH_20)
    assert received.open == -150
    invoice = ledger.sold("100.00")
    (allocation,) = allocate(ledger.item(invoice), received, by=ledger.accountant)
    assert (allocation.amount, allocation.date) == (100, MARCH_20)  # the later of both
    assert (ledger.open(invoice), ledger.open(invoice, date(2026, 3, 19))) == (0, 100)
    assert OpenItem.objects.as_of().get(pk=received.pk).open == -50  # what was paid too much


def test_a_part_is_allocated_as_it_is_said(ledger):
    invoice, received = ledger.sold("100.00"), ledger.paid(ledger.customer(), "100.00")
    allocate(ledger.item(invoice), received, amount=Decimal("30.00"), by=ledger.accountant)
    assert ledger.open(invoice) == 70
    with pytest.raises(AllocationBeyondOpen) as refused:
        allocate(ledger.item(invoice), received, amount=Decimal("70.01"), by=ledger.accountant)
    assert refused.value.facts["open"].startswith("70.00")
    with pytest.raises(AllocationBeyondOpen):
        allocate(ledger.item(invoice), received, amount=Decimal("0.00"), by=ledger.accountant)


def test_what_is_settled_is_not_settled_again(ledger):
    invoice, received = ledger.sold("100.00"), ledger.paid(ledger.customer(), "100.00")
    allocate(ledger.item(invoice), received, by=ledger.accountant)
    with pytest.raises(ItemSettled):
        allocate(ledger.item(invoice), received, by=ledger.accountant)
    with pytest.raises(ItemSettled):
        write_off(ledger.item(invoice), account=ledger.account("4500"), by=ledger.accountant, reason="x")


def test_an_allocation_joins_a_debit_and_a_credit_of_one_party(ledger):
    invoice, other = ledger.sold("100.00"), ledger.paid(ledger.customer("C-2"), "100.00")
    for debit, credit in ((ledger.item(invoice), other), (other, ledger.item(invoice))):
        with pytest.raises(AllocationOfTwoParties):
            allocate(debit, credit, by=ledger.accountant)
    with pytest.raises(NotAllowed):
        allocate(ledger.item(invoice), other, by=ledger.books.owner)


def test_a_small_rest_is_written_off_by_an_entry_that_settles_it(ledger):
    invoice, received = ledger.sold("100.00"), ledger.paid(ledger.customer(), "99.50")
    allocate(ledger.item(invoice), received, by=ledger.accountant)
    account = ledger.account("4500")
    entry = write_off(ledger.item(invoice), account=account, by=ledger.accountant, reason="bank costs", date=MARCH_20)
    assert booked(entry) == {"1300": Decimal("-0.50"), "4500": Decimal("0.50")}
    assert (entry.date, "bank costs" in entry.memo) == (MARCH_20, True)
    assert (ledger.open(invoice), ledger.open(invoice, date(2026, 3, 19))) == (0, Decimal("0.50"))


def test_a_credit_is_written_off_to_the_other_side(ledger):
    invoice, paid = ledger.bought("100.00"), ledger.paid(ledger.supplier(), "99.50")
    allocate(paid, ledger.item(invoice), by=ledger.accountant)
    entry = write_off(ledger.item(invoice), account=ledger.account("4910"), by=ledger.accountant, reason="rounded")
    assert booked(entry) == {"1600": Decimal("0.50"), "4910": Decimal("-0.50")}
    assert ledger.open(invoice) == 0


def test_a_write_off_is_of_an_accountant_and_not_to_a_control_account(ledger):
    item = ledger.item(ledger.sold("100.00"))
    with pytest.raises(AccountIsControl):
        write_off(item, account=ledger.account("1310"), by=ledger.accountant, reason="x")
    with pytest.raises(NotAllowed):
        write_off(item, account=ledger.account("4500"), by=ledger.books.owner, reason="x")
    assert JournalEntry.objects.count() == 1


def test_a_write_off_that_is_reversed_leaves_the_debt_again(ledger):
    invoice = ledger.sold("100.00")
    entry = write_off(ledger.item(invoice), account=ledger.account("4500"), by=ledger.accountant, reason="x")
    reverse_entry(entry, by=ledger.accountant, reason="they pay after all")
    assert [item.open for item in OpenItem.objects.as_of().exclude(open=0)] == [100]


def in_dollars(ledger, sell=True, total="100.00", rate="0.90"):
    made = ledger.sold if sell else ledger.bought
    return made(total, currency="USD", exchange_rate=Decimal(rate))


def differences():
    """What was posted to each account as exchange differences, entry by entry."""
    return [booked(entry) for entry in JournalEntry.objects.filter(source_type="exchange_difference").order_by("id")]


@pytest.mark.parametrize(
    ("sell", "paid", "posted"),
    [
        (True, "95.00", {"1300": 5, "8900": -5}),  # received more: a gain
        (True, "88.00", {"1300": -2, "4920": 2}),  # received less: a loss
        (False, "95.00", {"1600": -5, "4920": 5}),  # paid more: a loss
        (False, "88.00", {"1600": 2, "8900": -2}),  # paid less: a gain
        (True, "90.00", None),
    ],
)
def test_settling_a_foreign_item_posts_what_the_rate_made_of_it(ledger, sell, paid, posted):
    invoice = in_dollars(ledger, sell)
    payment = ledger.paid(
        ledger.customer() if sell else ledger.supplier(), paid, MARCH_20, currency="USD", in_currency="100.00"
    )
    items = (ledger.item(invoice), payment) if sell else (payment, ledger.item(invoice))
    allocate(*items, by=ledger.accountant)
    assert differences() == ([posted] if posted else [])
    assert not OpenItem.objects.as_of().exclude(open=0)
    assert OpenItem.objects.as_of(date(2026, 3, 19)).exclude(open=0).count() == 1  # until the payment it was owed


def test_a_foreign_item_is_settled_in_parts_each_at_its_rate(ledger):
    invoice = in_dollars(ledger)
    for amount, in_currency in (("38.00", "40.00"), ("57.60", "60.00")):  # 0.95, then 0.96
        payment = ledger.paid(ledger.customer(), amount, MARCH_20, currency="USD", in_currency=in_currency)
        allocate(ledger.item(invoice), payment, by=ledger.accountant)
    assert differences() == [{"1300": 2, "8900": -2}, {"1300": Decimal("3.60"), "8900": Decimal("-3.60")}]
    assert not OpenItem.objects.as_of().exclude(open=0)


def test_an_amount_is_in_the_currency_of_both_items(ledger):
    invoice = in_dollars(ledger)
    payment = ledger.paid(ledger.customer(), "95.00", currency="USD", in_currency="100.00")
    allocate(ledger.item(invoice), payment, amount=Decimal("50.00"), by=ledger.accountant)
    assert (ledger.open(invoice), OpenItem.objects.as_of().get(pk=payment.pk).open) == (45, Decimal("-47.50"))
    with pytest.raises(AllocationBeyondOpen):
        allocate(ledger.item(invoice), payment, amount=Decimal("50.01"), by=ledger.accountant)


def test_a_foreign_item_that_was_paid_in_the_book_currency_is_settled_fully_when_somebody_says_so(ledger):
    invoice, payment = in_dollars(ledger), ledger.paid(ledger.customer(), "88.00", MARCH_20)
    allocate(ledger.item(invoice), payment, by=ledger.accountant, fully=True)
    assert differences() == [{"1300": -2, "4920": 2}]
    assert ledger.open(invoice) == 0


def test_nothing_is_settled_fully_where_no_rate_can_differ(ledger):
    invoice, payment = ledger.sold("100.00"), ledger.paid(ledger.customer(), "88.00")
    with pytest.raises(NothingForeign):
        allocate(ledger.item(invoice), payment, by=ledger.accountant, fully=True)


def test_an_exchange_difference_needs_an_open_day(ledger):
    invoice, payment = in_dollars(ledger), ledger.paid(ledger.customer(), "88.00", MARCH_20)
    for period in ("2026-03", "2026-Q2", "2026-Q3", "2026-Q4"):
        ledger.books.set_status(period, "LOCKED")
    with pytest.raises(PeriodClosed):
        allocate(ledger.item(invoice), payment, by=ledger.accountant, fully=True)
    assert not Allocation.objects.exists()


@pytest.mark.parametrize(
    ("left", "day", "status"),
    [
        ("100", date(2026, 3, 31), "open"),
        ("40", date(2026, 3, 31), "partially_paid"),
        ("0", date(2026, 5, 1), "paid"),
        ("100", date(2026, 4, 1), "overdue"),
        ("40", date(2026, 4, 1), "overdue"),
    ],
)
def test_the_status_of_an_item_at_a_date(left, day, status):
    assert item_status(Decimal(100), Decimal(left), date(2026, 3, 31), day) == status
