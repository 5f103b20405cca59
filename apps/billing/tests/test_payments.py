"""Payments: taken in parts, given back by a second person, taken back by a bank; wallets and cover."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.db import transaction
from django.db.models import Sum
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from apps.billing.errors import (
    NotChargedBack,
    PayerOfAnotherKind,
    PaymentBeyondBill,
    PaymentNotPositive,
    RefundBeyondPayment,
    RefundNeedsAnother,
    WalletBeyondBalance,
)
from apps.billing.models import Bill, Claim, Outstanding, Payment, Wallet
from apps.billing.reports.day import day_figures
from apps.billing.services.days import day_for
from apps.billing.services.payments import Tender, charge_back, owed, refund_payment, take_payment
from apps.billing.services.wallets import balance_of
from apps.billing.tests.clinic import make_clinic
from apps.billing.tests.test_concurrency import at_once
from apps.core.errors import AmountHasTooManyDigits, IdempotencyKeyOfAnother, NotAllowed
from apps.core.models import Event

PHASES = (Phase.explicit, Phase.reuse, Phase.generate)


def refund(clinic, payment, amount, **more):
    return refund_payment(payment, **{"amount": D(amount), "reason": "Not done", "by": clinic.manager, **more})


# Cover ---------------------------------------------------------------------------------------------------------------


def test_cover_is_claimed_from_its_payer_with_the_authorisation(clinic):
    bill = clinic.bill("100.00")
    tender = Tender("HMO", D(60), clinic.payer("HMO"), authorisation="AUTH-1")
    take_payment(bill, tender=tender, by=clinic.receptionist)
    clinic.pay(bill, "10.00", "HMO")

    claim = Claim.objects.get()
    assert (claim.bill, claim.payer, claim.authorisation) == (bill, clinic.payer("HMO"), "AUTH-1")


@pytest.mark.parametrize("method", ["CASH", "CARD", "TRANSFER", "PAYSTACK"])
def test_money_is_claimed_from_nobody(clinic, method):
    clinic.pay(clinic.bill("100.00"), "60.00", method)
    assert not Claim.objects.exists()


def test_a_payer_covers_by_its_own_kind(clinic):
    bill = clinic.bill("100.00")
    for method, payer in (("HMO", clinic.payer()), ("INSURANCE", clinic.payer("HMO"))):
        with pytest.raises(PayerOfAnotherKind):
            take_payment(bill, tender=Tender(method, D(5), payer), by=clinic.receptionist)
    assert not Payment.objects.exists()


# Wallets -------------------------------------------------------------------------------------------------------------


def test_a_wallet_pays_what_is_in_it_and_no_more(clinic):
    clinic.fill_wallet("50.00")
    bill = clinic.bill("80.00")
    with pytest.raises(WalletBeyondBalance) as refused:
        clinic.pay(bill, "50.01", "WALLET")
    assert refused.value.facts == {"amount": D("50.01"), "balance": D(50)}
    clinic.pay(bill, "50.00", "WALLET")
    assert (balance_of(bill.patient), owed(bill)) == (D(0), D(30))
    with pytest.raises(WalletBeyondBalance):
        clinic.pay(bill, "0.01", "WALLET")


def test_somebody_without_a_wallet_pays_nothing_from_it(clinic):
    with pytest.raises(WalletBeyondBalance):
        clinic.pay(clinic.bill("80.00"), "1.00", "WALLET")
    assert not Wallet.objects.exists()


def test_a_refund_of_a_wallet_payment_goes_back_into_the_wallet(clinic):
    clinic.fill_wallet("50.00")
    refund(clinic, clinic.pay(clinic.bill("50.00"), "50.00", "WALLET"), "20.00")
    assert balance_of(clinic.patient()) == D(20)


def test_two_spendings_of_one_wallet_wait_for_each_other(committed):
    clinic = make_clinic()
    clinic.fill_wallet("10.00")
    bills = [clinic.bill("6.00") for _ in range(6)]

    def work(i):
        try:
            clinic.pay(bills[i], "6.00", "WALLET")
        except Exception as refusal:
            return refusal.code
        return "taken"

    assert sorted(at_once(work, 6)) == ["WALLET_BEYOND_BALANCE"] * 5 + ["taken"]
    assert balance_of(clinic.patient()) == D(4)


# Refunds and chargebacks ---------------------------------------------------------------------------------------------


def test_nobody_gives_back_the_cash_that_they_took(clinic):
    own = clinic.pay(clinic.bill("20.00"), "20.00", by=clinic.manager)
    with pytest.raises(RefundNeedsAnother):
        refund(clinic, own, "5.00")
    assert refund(clinic, own, "5.00", by=clinic.owner).taken_by == clinic.owner
    card = clinic.pay(clinic.bill("20.00"), "20.00", "CARD", by=clinic.manager)
    assert refund(clinic, card, "5.00").amount == D(-5)


def test_where_one_person_signs_alone_they_give_back_their_own_cash(clinic):
    clinic.administration.single_sign_off = True
    clinic.administration.save()
    own = clinic.pay(clinic.bill("20.00"), "20.00", by=clinic.owner)
    own.refresh_from_db()
    assert refund(clinic, own, "5.00", by=clinic.owner).amount == D(-5)


@pytest.mark.parametrize("role", ["receptionist", "cashier", "accountant", "admin"])
def test_who_may_not_approve_gives_nothing_back(clinic, role):
    payment = clinic.pay(clinic.bill("20.00"), "20.00", "CARD")
    with pytest.raises(NotAllowed):
        refund(clinic, payment, "5.00", by=clinic.people[role])
    with pytest.raises(NotAllowed):
        charge_back(payment, amount=D(5), reason="x", by=clinic.people[role])


def test_a_refund_is_never_more_than_is_left_and_of_a_payment(clinic):
    payment = clinic.pay(clinic.bill("20.00"), "15.00", "CARD")
    back = refund(clinic, payment, "10.00", reference="T-9")
    assert (back.method, back.refunds, back.reference) == ("CARD", payment, "T-9")
    for amount, of in (("5.01", payment), ("1.00", back)):
        with pytest.raises(RefundBeyondPayment):
            refund(clinic, of, amount)
    with pytest.raises(PaymentNotPositive):
        refund(clinic, payment, "-1.00")
    with pytest.raises(AmountHasTooManyDigits):
        refund(clinic, payment, "1.001")
    refund(clinic, payment, "5.00")
    assert owed(payment.bill) == D(20)


@pytest.mark.parametrize("method", ["CARD", "PAYSTACK"])
def test_what_a_bank_takes_back_leaves_the_bill_open_again(clinic, method):
    payment = clinic.pay(clinic.bill("20.00", day=clinic.yesterday), "20.00", method, day=clinic.yesterday)
    back = charge_back(payment, amount=D("7.50"), reason="Disputed", by=clinic.manager, reference="CB-1")
    assert (back.kind, back.amount, back.method, back.reference) == ("CHARGEBACK", D("-7.50"), method, "CB-1")
    assert (back.clinic_day.date, owed(payment.bill)) == (clinic.today, D("7.50"))
    assert Event.objects.get(name="billing.payment_charged_back").facts["amount"] == "-7.50"
    with pytest.raises(RefundBeyondPayment):
        refund(clinic, payment, "12.51")


@pytest.mark.parametrize("method", ["CASH", "TRANSFER", "HMO", "INSURANCE"])
def test_no_bank_takes_back_what_it_never_moved(clinic, method):
    payment = clinic.pay(clinic.bill("20.00"), "20.00", method)
    with pytest.raises(NotChargedBack):
        charge_back(payment, amount=D(5), reason="x", by=clinic.manager)


def test_the_same_key_gives_back_once(clinic):
    payment = clinic.pay(clinic.bill("20.00"), "20.00", "CARD")
    first = refund(clinic, payment, "5.00", idempotency_key="k-1")
    assert refund(clinic, payment, "5.00", idempotency_key="k-1") == first
    with pytest.raises(IdempotencyKeyOfAnother):
        refund(clinic, payment, "6.00", idempotency_key="k-1")
    assert Payment.objects.filter(kind="REFUND").count() == 1


# Split payments ------------------------------------------------------------------------------------------------------

PARTS = st.lists(
    st.tuples(st.sampled_from([method.value for method in Payment.Method]), st.integers(1, 6_000)),
    min_size=1,
    max_size=8,
)


@given(owing=st.integers(1, 20_000), wallet=st.integers(0, 5_000), parts=PARTS, back=st.integers(1, 6_000))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], phases=PHASES)
def test_however_a_bill_is_paid_in_parts_nothing_is_paid_twice_or_lost(clinic, owing, wallet, parts, back):
    """What is refused and what is left follow from a count kept beside it; days and debtors follow from the rows."""
    with transaction.atomic():
        if wallet:
            clinic.fill_wallet(str(D(wallet) / 100), day=clinic.yesterday)
        bill = clinic.bill(str(D(owing) / 100))
        left, in_wallet, covered, taken = owing, wallet, 0, []
        for method, cents in parts:
            try:
                taken.append(clinic.pay(bill, str(D(cents) / 100), method))
            except PaymentBeyondBill:
                assert cents > left
            except WalletBeyondBalance:
                assert cents > in_wallet
            else:
                left -= cents
                in_wallet -= cents if method == "WALLET" else 0
                covered += cents if method in Payment.COVER else 0
        if taken:
            first = taken[0]
            part = min(D(back) / 100, first.amount)
            refund(clinic, first, str(part))
            left += int(part * 100)
            in_wallet += int(part * 100) if first.method == "WALLET" else 0
            covered -= int(part * 100) if first.method in Payment.COVER else 0

        assert owed(bill) == D(left) / 100
        assert balance_of(bill.patient) == D(in_wallet) / 100
        payer = Outstanding.objects.now().filter(bill=bill, debtor=Outstanding.Debtor.PAYER)
        assert (payer.aggregate(sum=Sum("amount"))["sum"] or 0) == D(covered) / 100
        figures = day_figures(day_for(clinic.administration, clinic.today)[0])
        assert figures.total_revenue == D(owing - left) / 100
        assert not figures.has_mismatches
        transaction.set_rollback(True)


def test_a_bill_of_yesterday_is_paid_into_today(clinic):
    bill = clinic.bill("20.00", day=clinic.today - timedelta(days=3))
    clinic.pay(bill, "20.00")
    assert Payment.objects.get().clinic_day.date == clinic.today
    assert Bill.objects.get().clinic_day.date == clinic.today - timedelta(days=3)
