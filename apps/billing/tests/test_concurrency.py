"""Many at once: one report per day, each payment in exactly one day. Real threads, real commits."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.db import close_old_connections, connections
from django.db.models import Count, Sum

from apps.billing.errors import DayChanged, NotFinalized
from apps.billing.models import ClinicDay, EndOfDayReconciliation, Payment, TopUp
from apps.billing.services.closing import close_day, finalize_day, reopen_day
from apps.billing.services.payments import refund_payment
from apps.billing.services.wallets import top_up
from apps.billing.tests.clinic import make_clinic
from apps.billing.tests.drawers import counted, drawer_of, take_cash
from apps.core.errors import DomainError


@pytest.fixture
def clinic(committed):
    return make_clinic()


def at_once(work, many):
    """Run ``work(i)`` in as many threads, each with a connection of its own; the answers in order."""

    def alone(i):
        close_old_connections()
        try:
            return work(i)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(many) as threads:
        return list(threads.map(alone, range(many)))


def test_fifty_parallel_closes_of_one_day_make_one_report(clinic):
    for back in range(5):
        day = clinic.today - timedelta(days=back)
        clinic.pay(clinic.bill("10.00", day=day), "10.00", day=day)

        closes = at_once(lambda i, day=day: close_day(clinic.administration, day, by=clinic.receptionist), 50)

        assert len({close.pk for close, _ in closes}) == 1
        assert [made for _, made in closes].count(True) == 1
    assert sorted(EndOfDayReconciliation.objects.values_list("number", flat=True)) == [1, 2, 3, 4, 5]


def test_payments_racing_with_the_close_are_each_in_exactly_one_day(clinic):
    """Cash comes in while the day is closed and finalized: it is in the day, or late in the next, and the entry
    says what the day holds."""
    bills = [clinic.bill("7.00", day=clinic.yesterday) for _ in range(24)]

    def work(i):
        if i == 12:
            close, _ = close_day(clinic.administration, clinic.yesterday, by=clinic.owner)
            return finalize_day(close, by=clinic.manager)
        return clinic.pay(bills[i], "7.00", day=clinic.yesterday)

    answers = at_once(work, 24)

    close = EndOfDayReconciliation.objects.get()
    in_the_day = Payment.objects.filter(clinic_day__date=clinic.yesterday)
    late = Payment.objects.filter(late_for__date=clinic.yesterday)
    assert in_the_day.count() + late.count() == 23
    assert close.total_cash == (in_the_day.aggregate(sum=Sum("amount"))["sum"] or 0)
    posted = sum(line.debit for line in close.entry.lines.filter(account__purpose="cash_drawer"))
    assert posted == close.total_cash
    assert len(answers) == 24
    by_day = ClinicDay.objects.annotate(sum=Sum("payments__amount"), rows=Count("payments"))
    assert sum(day.sum or 0 for day in by_day) == D(7) * 23
    assert sorted(Payment.objects.values_list("number", flat=True)) == list(range(1, 24))


def test_two_people_finalize_one_day_once(clinic):
    clinic.pay(clinic.bill("10.00"), "10.00")
    close = clinic.close()

    def work(i):
        try:
            return finalize_day(close, by=(clinic.manager, clinic.owner)[i % 2])
        except Exception as refusal:
            return refusal

    answers = at_once(work, 10)
    codes = [getattr(answer, "code", "done") for answer in answers]
    assert sorted(codes) == ["ALREADY_FINALIZED"] * 9 + ["done"]


def test_parallel_refunds_never_give_back_more_than_was_paid(clinic):
    payment = clinic.pay(clinic.bill("10.00"), "10.00")

    def work(i):
        try:
            refund_payment(payment, amount=D(3), reason="again", by=clinic.manager)
        except Exception:
            return False
        return True

    assert at_once(work, 8).count(True) == 3
    assert Payment.objects.aggregate(sum=Sum("amount"))["sum"] == D(1)


def test_parallel_payments_never_exceed_the_bill(clinic):
    bill = clinic.bill("10.00")

    def work(i):
        try:
            clinic.pay(bill, "6.00")
        except Exception as refusal:
            return refusal.code
        return "taken"

    assert sorted(at_once(work, 6)) == ["PAYMENT_BEYOND_BILL"] * 5 + ["taken"]


def test_one_idempotency_key_sent_at_once_takes_money_once(clinic):
    bill = clinic.bill("100.00")
    payments = at_once(lambda i: clinic.pay(bill, "5.00", idempotency_key="once"), 12)
    assert len({payment.pk for payment in payments}) == 1


def test_a_day_that_changed_while_it_was_read_is_not_signed(clinic):
    bill = clinic.bill("10.00")
    close = clinic.close()
    clinic.pay(bill, "10.00")
    with pytest.raises(DayChanged):
        finalize_day(close, by=clinic.manager, seen=close.updated_at)
    assert not ClinicDay.objects.filter(is_finalized=True).exists()


def test_fifty_who_reopen_one_day_at_once_begin_one_revision(clinic):
    clinic.pay(clinic.bill("10.00"), "10.00", "CARD")
    close = clinic.finalized()

    def work(i):
        try:
            return reopen_day(close, reason="A bill was forgotten.", by=clinic.owner).pk
        except NotFinalized as refusal:
            return refusal.code

    answers = at_once(work, 50)
    assert answers.count("NOT_FINALIZED") == 49
    assert sorted(EndOfDayReconciliation.objects.values_list("revision", flat=True)) == [1, 2]


def test_a_day_is_closed_once_while_everything_comes_in(clinic):
    """Fifty at once: payments, top-ups, cash movements, closes and a signature, and the entry holds the day."""
    drawer_of(clinic)
    bills = [clinic.bill("7.00") for _ in range(20)]
    shift = take_cash(clinic, "10.00").shift
    counted(shift, "110.00", by=clinic.receptionist)

    def work(i):
        try:
            if i % 5 == 4:
                return close_day(clinic.administration, clinic.today, by=clinic.receptionist)[0]
            if i == 25:
                close, _made = close_day(clinic.administration, clinic.today, by=clinic.receptionist)
                return finalize_day(close, by=clinic.manager)
            if i % 2:
                return top_up(clinic.patient(), method="CARD", amount=D(3), by=clinic.receptionist)
            return clinic.pay(bills[i % 20], "1.00", "CARD")
        except DomainError as refusal:
            return refusal.code

    at_once(work, 50)

    close = EndOfDayReconciliation.objects.get()
    rows = {
        "total_card": Payment.objects.filter(clinic_day=close.clinic_day, method="CARD"),
        "total_wallet_topups": TopUp.objects.filter(clinic_day=close.clinic_day),
    }
    assert close.status == "FINALIZED"
    for name, found in rows.items():
        assert getattr(close, name) == (found.aggregate(sum=Sum("amount"))["sum"] or 0)
    card = close.entry.lines.filter(account__purpose="card_in_transit")
    posted = sum(line.debit - line.credit for line in card)
    assert posted == close.total_card + close.total_wallet_topups
