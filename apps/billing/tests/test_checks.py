"""Each check finds the row that was tampered with behind the laws' back."""

from datetime import date

import pytest

from apps.billing import checks
from apps.billing.models import Bill, Payment
from apps.billing.services.drawers import count_drawer
from apps.billing.services.payments import refund_payment
from apps.billing.tests.clinic import make_clinic
from apps.billing.tests.drawers import drawer_of, take_cash
from apps.core.money import ZERO


def codes(clinic):
    return [finding.code for check in checks.ALL for finding in check(clinic.administration, date.max)]


@pytest.fixture
def busy(owned):
    clinic = make_clinic()
    late_paid, covered = clinic.bill("40.00", day=clinic.yesterday), clinic.bill("25.00")
    clinic.finalized(clinic.yesterday)
    drawer_of(clinic)
    shift, pieces = take_cash(clinic, "8.00").shift, [{"value": "50", "count": 2}, {"value": "2", "count": 4}]
    count_drawer(shift, total=None, denominations=pieces, by=clinic.receptionist)
    payment = clinic.pay(late_paid, "40.00", "CARD")
    clinic.pay(covered, "25.00", "HMO")
    refund_payment(payment, amount=payment.amount / 4, reason="part not done", by=clinic.owner)
    clinic.finalized()
    return clinic


def test_sound_books_have_no_findings(busy):
    assert codes(busy) == []


@pytest.mark.parametrize(
    ("tampering", "found"),
    [
        ("UPDATE billing_payment SET amount = amount + 1 WHERE method = 'CARD' AND amount > 0",
         {"DAY_CLOSE_DIFFERS_FROM_PAYMENTS", "OUTSTANDING_DIFFERS", "SEALED_DOCUMENT_CHANGED"}),
        ("UPDATE billing_bill SET net = net + 1, gross = gross + 1",
         {"DAY_CLOSE_DIFFERS_FROM_BILLS", "OUTSTANDING_DIFFERS", "SEALED_DOCUMENT_CHANGED"}),
        ("UPDATE billing_endofdayreconciliation SET total_cash = total_cash + 5, total_card = total_card - 5",
         {"DAY_CLOSE_DIFFERS_FROM_PAYMENTS", "DAY_CLOSE_NOT_POSTED", "SEALED_DOCUMENT_CHANGED"}),
        ("UPDATE billing_endofdayreconciliation SET entry_id = NULL",
         {"DAY_CLOSE_NOT_POSTED", "SEALED_DOCUMENT_CHANGED"}),
        ("UPDATE billing_outstanding SET amount = amount + 1 WHERE upper_inf(during)", {"OUTSTANDING_DIFFERS"}),
        ("DELETE FROM billing_outstanding", {"OUTSTANDING_DIFFERS"}),
        ("UPDATE billing_payment SET number = 99 WHERE number = 2",
         {"NUMBER_GAP", "SEALED_DOCUMENT_CHANGED"}),
        ("UPDATE billing_drawercount SET total = total - 8, difference = difference - 8",
         {"COUNT_DIFFERS_FROM_PIECES", "DAY_CLOSE_NOT_POSTED", "SEALED_DOCUMENT_CHANGED"}),
        ("UPDATE billing_drawercount SET denominations = denominations - 0",
         {"COUNT_DIFFERS_FROM_PIECES", "SEALED_DOCUMENT_CHANGED"}),
        ("UPDATE billing_drawercount SET denominations = jsonb_set(denominations, '{0,count}', '\"two\"')",
         {"COUNT_DIFFERS_FROM_PIECES", "SEALED_DOCUMENT_CHANGED"}),
    ],
)  # fmt: skip
def test_a_check_finds_what_was_changed_behind_the_laws(busy, owned, tampering, found):
    for table in ("billing_payment", "billing_bill", "billing_endofdayreconciliation", "billing_drawercount"):
        owned.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    owned.execute(tampering)
    assert set(codes(busy)) == found


def test_a_refund_of_an_earlier_payment_leaves_the_bill_open_again(busy):
    (kept,) = Bill.objects.get(number=1).outstanding.filter(during__upper_inf=True)
    assert kept.amount == 10
    assert sum((payment.amount for payment in Payment.objects.filter(bill__number=1)), ZERO) == 30
