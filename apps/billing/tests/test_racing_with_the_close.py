"""Whatever comes in while a day is counted, closed and signed is in exactly one day. Real threads, real commits."""

import random
from collections import Counter
from decimal import Decimal as D

import pytest
from django.db.models import Q, Sum

from apps.billing.errors import CashNotCounted, DayFinalized, ShiftClosed
from apps.billing.models import Bill, CashMovement, ClinicDay, DrawerCount, Payment, Remittance, Shift, TopUp
from apps.billing.services.closing import close_day, finalize_day
from apps.billing.services.drawers import move_cash
from apps.billing.services.payments import refund_payment
from apps.billing.services.wallets import pay_out, top_up
from apps.billing.tests.clinic import make_clinic
from apps.billing.tests.covered import balance, claimed, remit
from apps.billing.tests.drawers import counted, drawer_of, petty_cash, take_cash
from apps.billing.tests.test_concurrency import at_once
from apps.billing.tests.test_day_oracle import ACCOUNTS, booked, prove
from apps.ledger.models import Account

EACH = 4  # of every kind of thing that comes in


@pytest.fixture
def clinic(committed):
    clinic = make_clinic()
    drawer_of(clinic)
    return clinic


@pytest.fixture
def shift(clinic):
    """The open drawer of today."""
    return take_cash(clinic, "10.00").shift


@pytest.fixture
def coming(clinic, shift):
    """What comes in, by kind: each ``make(i)`` writes one row, and the drawer's movements may come too late."""
    desk, manager = clinic.receptionist, clinic.manager
    patient = clinic.patient()
    bills = [clinic.bill("9.00") for _turn in range(EACH)]
    paid = [clinic.pay(clinic.bill("5.00"), "5.00", "CARD") for _turn in range(EACH)]
    claims = [claimed(clinic, "8.00", day=clinic.yesterday) for _turn in range(EACH)]
    private = Account.objects.filter(administration=clinic.administration, type="EQUITY").first()
    top_up(patient, method="CARD", amount=D(100), by=desk)

    def in_drawer():
        return Shift.objects.filter(closed_at=None, clinic_day__date=clinic.today).first() or shift

    def change(_i):
        return move_cash(in_drawer(), kind="PAY_IN", amount=D(20), account=private, reason="change", by=desk)

    return {
        "cash": lambda i: clinic.pay(bills[i], "4.00"),
        "card": lambda i: clinic.pay(bills[i], "3.00", "CARD"),
        "wallet": lambda i: clinic.pay(bills[i], "2.00", "WALLET"),
        "refund": lambda i: refund_payment(paid[i], amount=D("1.50"), reason="back", by=manager),
        "top-up": lambda i: top_up(patient, method=("CASH", "CARD")[i % 2], amount=D(6), by=desk),
        "pay-out": lambda i: pay_out(patient, method="CARD", amount=D("0.75"), reason="leaves", by=manager),
        "bill": lambda i: clinic.bill("7.00"),
        "remittance": lambda i: remit(clinic, "8.00", (claims[i], "PAID", "8.00")),
        "petty cash": lambda i: petty_cash(in_drawer(), clinic, "0.50"),
        "change": change,
    }


def sign(clinic):
    """Close today and sign it, counting every drawer that cash has opened meanwhile."""
    close, _made = close_day(clinic.administration, clinic.today, by=clinic.receptionist)
    while True:
        for shift in Shift.objects.filter(closed_at=None, clinic_day=close.clinic_day):
            counted(shift, "50.00", by=clinic.manager)
        try:
            return finalize_day(close, by=clinic.owner)
        except CashNotCounted:
            continue


def summed(rows, field="amount", **which):
    return rows.filter(**which).aggregate(sum=Sum(field, default=D(0)))["sum"]


def test_whatever_races_with_the_close_is_in_exactly_one_day(clinic, coming):
    asked = [(kind, i) for kind in coming for i in range(EACH)]
    random.shuffle(asked)
    asked.insert(len(asked) // 3, ("sign", 0))

    def work(turn):
        kind, i = asked[turn]
        if kind == "sign":
            return sign(clinic)
        try:
            return coming[kind](i)
        except (ShiftClosed, DayFinalized) as refusal:  # the drawer was counted: its cash is moved no more
            return refusal

    answers = dict(zip(asked, at_once(work, len(asked)), strict=True))

    close = answers.pop(("sign", 0))
    today, written = close.clinic_day, Counter()
    for (kind, _i), row in answers.items():
        if isinstance(row, ShiftClosed | DayFinalized):
            assert kind in ("petty cash", "change")
            continue
        written[type(row)] += 1
        assert row.clinic_day == today or row.late_for == today  # in the day, or late in the next
        assert row.clinic_day != today or getattr(row, "late_for", None) is None
    assert written[Payment] == 4 * EACH
    assert (written[TopUp], written[Bill], written[Remittance]) == (2 * EACH, EACH, EACH)
    assert CashMovement.objects.count() == written[CashMovement]

    the_day_holds_its_rows(close)
    the_days_add_up_to_the_rows(clinic, close)
    the_entry_holds_the_day(close)
    for remittance in Remittance.objects.select_related("entry", "clinic_day"):
        assert remittance.entry.date == remittance.clinic_day.date
    assert balance(clinic, "payer_in_transit") == D(8) * EACH
    prove(clinic)


def the_day_holds_its_rows(close):
    day = {"clinic_day": close.clinic_day}
    for method in ACCOUNTS:
        assert getattr(close, f"total_{method.lower()}") == summed(Payment.objects, method=method, **day), method
    assert close.total_refunds == -summed(Payment.objects, kind="REFUND", **day)
    assert close.total_wallet_topups == summed(TopUp.objects, **day)
    assert close.total_billed == summed(Bill.objects, "net", **day)
    (drawer,) = close.breakdown["drawers"]
    assert D(drawer["payments"]) == summed(Payment.objects, method="CASH", **day)
    assert D(drawer["top_ups"]) == summed(TopUp.objects, method="CASH", **day)
    assert D(drawer["pay_ins"]) == summed(CashMovement.objects, kind="PAY_IN", **day)
    assert D(drawer["pay_outs"]) == summed(CashMovement.objects, kind="PAY_OUT", **day)
    assert D(drawer["difference"]) == summed(DrawerCount.objects, "difference", is_final=True, **day)


def the_days_add_up_to_the_rows(clinic, close):
    """What is not in the day is late for it, and nothing is in both or in neither."""
    for rows, field in ((Payment.objects, "amount"), (TopUp.objects, "amount"), (Bill.objects, "gross")):
        days = ClinicDay.objects.filter(administration=clinic.administration)
        assert sum(summed(rows, field, clinic_day=day) for day in days) == summed(rows, field)
        late = rows.filter(~Q(clinic_day=close.clinic_day), clinic_day__date__gt=clinic.today)
        assert set(late.values_list("late_for", flat=True)) <= {close.clinic_day.pk}
        assert sorted(rows.values_list("number", flat=True)) == list(range(1, rows.count() + 1))
    stated = close.total_revenue + summed(Payment.objects, clinic_day__date__lt=clinic.today)
    assert stated + summed(Payment.objects, late_for=close.clinic_day) == summed(Payment.objects)


def the_entry_holds_the_day(close):
    day = {"clinic_day": close.clinic_day}
    found = booked(close.entry)
    moved = summed(CashMovement.objects, kind="PAY_IN", **day) - summed(CashMovement.objects, kind="PAY_OUT", **day)
    differences = summed(DrawerCount.objects, "difference", is_final=True, **day)
    cash_put_in = summed(TopUp.objects, method="CASH", **day)
    assert found["cash_drawer"] == close.total_cash + cash_put_in + moved + differences
    assert found["card_in_transit"] == close.total_card + summed(TopUp.objects, method="CARD", **day)
    assert found["wallet_liability"] == close.total_wallet - close.total_wallet_topups
    assert found["revenue_consultation"] == -close.total_billed
