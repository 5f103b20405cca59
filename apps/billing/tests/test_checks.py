"""Each check finds the row that was tampered with behind the laws' back."""

from datetime import date

import pytest

from apps.billing import checks
from apps.billing.models import Bill, Payment
from apps.billing.services.payments import refund_payment
from apps.billing.tests.clinic import make_clinic
from apps.core.money import ZERO


def codes(clinic):
    return [finding.code for check in checks.ALL for finding in check(clinic.administration, date.max)]


@pytest.fixture
def busy(committed):
    clinic = make_clinic()
    late_paid, covered = clinic.bill("40.00", day=clinic.yesterday), clinic.bill("25.00")
    clinic.finalized(clinic.yesterday)
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
        ("UPDATE billing_endofdayreconciliation SET total_cash = 5, total_card = total_card - 5",
         {"DAY_CLOSE_DIFFERS_FROM_PAYMENTS", "DAY_CLOSE_NOT_POSTED", "SEALED_DOCUMENT_CHANGED"}),
        ("UPDATE billing_endofdayreconciliation SET entry_id = NULL",
         {"DAY_CLOSE_NOT_POSTED", "SEALED_DOCUMENT_CHANGED"}),
        ("UPDATE billing_outstanding SET amount = amount + 1 WHERE upper_inf(during)", {"OUTSTANDING_DIFFERS"}),
        ("DELETE FROM billing_outstanding", {"OUTSTANDING_DIFFERS"}),
        ("UPDATE billing_payment SET number = 99 WHERE number = 2",
         {"NUMBER_GAP", "SEALED_DOCUMENT_CHANGED"}),
    ],
)  # fmt: skip
def test_a_check_finds_what_was_changed_behind_the_laws(busy, owner_connection, tampering, found):
    for table in ("billing_payment", "billing_bill", "billing_endofdayreconciliation"):
        owner_connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    owner_connection.execute(tampering)
    owner_connection.commit()
    assert set(codes(busy)) == found


def test_a_refund_of_an_earlier_payment_leaves_the_bill_open_again(busy):
    (kept,) = Bill.objects.get(number=1).outstanding.filter(during__upper_inf=True)
    assert kept.amount == 10
    assert sum((payment.amount for payment in Payment.objects.filter(bill__number=1)), ZERO) == 30
