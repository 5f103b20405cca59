"""Many at one drawer at once: each payment in exactly one shift, no count that misses one. Real threads and commits;
and what raw SQL cannot do to a drawer."""

from decimal import Decimal as D

import pytest
from django.db import connection
from django.db.models import Sum

from apps.billing.errors import CountKept, DrawerHasShift, OwnShiftOnly
from apps.billing.models import DrawerCount, Payment, Shift
from apps.billing.services.drawers import count_drawer, move_cash, open_shift
from apps.billing.tests.clinic import make_clinic
from apps.billing.tests.drawers import counted, drawer_of, petty_cash, take_cash
from apps.billing.tests.test_concurrency import at_once
from apps.billing.tests.test_laws import law_broken_by, sql


def or_refusal(work):
    """``work`` that answers its refusal."""

    def tried(i):
        try:
            return work(i)
        except (CountKept, DrawerHasShift, OwnShiftOnly) as refusal:
            return refusal

    return tried


@pytest.fixture
def busy(committed):
    return make_clinic()


def test_cash_taken_at_once_opens_one_shift(busy):
    drawer_of(busy)
    bills = [busy.bill("7.00") for _turn in range(12)]
    payments = at_once(lambda i: busy.pay(bills[i], "7.00"), 12)
    [shift] = Shift.objects.all()
    assert {payment.shift_id for payment in payments} == {shift.pk}


def test_payments_that_race_with_counts_are_each_in_the_one_shift_or_in_the_next(busy):
    """Every count expects exactly the payments of its shift; no payment is refused, and none is in no shift."""
    drawer = drawer_of(busy)
    busy.pay(busy.bill("7.00"), "7.00")
    bills = [busy.bill("7.00") for _turn in range(24)]

    def work(i):
        if i % 6 == 3:
            shift = Shift.objects.filter(drawer=drawer).order_by("-opened_at").first()
            return count_drawer(shift, total=D(0), by=busy.manager)
        return busy.pay(bills[i], "7.00")

    answers = at_once(or_refusal(work), 24)

    payments = [answer for answer in answers if isinstance(answer, Payment)]
    assert len(payments) == 20
    assert all(payment.shift_id for payment in payments)
    for shift in Shift.objects.filter(closed_at=None):
        counted(shift, "0.00", by=busy.manager)
    for count in DrawerCount.objects.filter(is_final=True).select_related("shift"):
        paid = Payment.objects.filter(shift=count.shift).aggregate(sum=Sum("amount"))["sum"] or D(0)
        assert count.expected == count.shift.opening_float + paid
    assert Payment.objects.filter(shift__isnull=False).count() == 21


def test_of_counts_at_once_one_is_final(busy):
    drawer_of(busy)
    shift = busy.pay(busy.bill("7.00"), "7.00").shift
    answers = at_once(or_refusal(lambda i: count_drawer(shift, total=D(i), by=busy.manager)), 6)
    finals = [answer for answer in answers if isinstance(answer, DrawerCount) and answer.is_final]
    assert len(finals) == 1
    assert DrawerCount.objects.filter(is_final=True).count() == 1
    assert DrawerCount.objects.count() == 2, "the first asked for a second, the second was final, the others too late"


def test_of_two_who_open_a_shift_one_has_it(busy):
    drawer = drawer_of(busy)
    answers = at_once(or_refusal(lambda i: open_shift(drawer, opening_float=None, by=busy.manager)), 4)
    assert sorted(type(answer).__name__ for answer in answers) == ["DrawerHasShift"] * 3 + ["Shift"]


def test_deposits_at_once_stay_within_what_was_counted(busy):
    drawer_of(busy)
    shift = busy.pay(busy.bill("7.00"), "7.00").shift
    counted(shift, "107.00", by=busy.manager)

    def deposit(_i):
        try:
            return move_cash(shift, kind="DEPOSIT", amount=D(40), by=busy.manager).amount
        except Exception as refusal:
            return type(refusal).__name__

    assert sorted(map(str, at_once(deposit, 5))) == ["40.00", "40.00", *["DepositBeyondCount"] * 3]


def test_a_count_and_petty_cash_at_once_agree(busy):
    drawer_of(busy)
    shift = busy.pay(busy.bill("7.00"), "7.00").shift

    def work(i):
        if i == 2:
            return counted(shift, "0.00", by=busy.manager)
        try:
            return petty_cash(shift, busy, "1.00", by=busy.manager).amount
        except Exception as refusal:
            return type(refusal).__name__

    answers = at_once(work, 6)
    paid_out = sum(answer for answer in answers if isinstance(answer, D))
    assert DrawerCount.objects.get(is_final=True).expected == D(107) - paid_out
    assert {answer for answer in answers if isinstance(answer, str)} <= {"ShiftClosed"}


# Raw SQL -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def counted_shift(clinic):
    drawer_of(clinic)
    shift = take_cash(clinic, "7.00").shift
    petty_cash(shift, clinic, "1.00")
    counted(shift, "106.00", by=clinic.manager)
    return shift


@pytest.mark.parametrize(
    ("statement", "law"),
    [
        ("UPDATE billing_drawercount SET total = total + 1, difference = difference + 1", "count_append_only"),
        ("DELETE FROM billing_drawercount", "count_append_only"),
        ("UPDATE billing_cashmovement SET amount = 99", "cash_movement_append_only"),
        ("DELETE FROM billing_cashmovement", "cash_movement_append_only"),
        ("UPDATE billing_shift SET closed_at = NULL", "shift_kept"),
        ("UPDATE billing_shift SET opening_float = opening_float + 1", "shift_kept"),
        ("DELETE FROM billing_shift", "shift_kept"),
        ("UPDATE billing_payment SET shift_id = NULL", "payment_append_only"),
    ],
)
def test_raw_sql_changes_nothing_that_was_counted(counted_shift, statement, law):
    assert law_broken_by(lambda: sql(statement)) == law


COPY = """
    INSERT INTO billing_{table} SELECT (jsonb_populate_record(row, %s::jsonb || jsonb_build_object(
        'id', gen_random_uuid(), 'idempotency_key', ''))).* FROM billing_{table} row LIMIT 1
"""


def copied(table, changed):
    sql(COPY.format(table=table), changed)


def test_raw_sql_adds_nothing_to_a_counted_drawer(clinic, counted_shift):
    assert law_broken_by(lambda: copied("cashmovement", '{"number": null}')) == "shift_open"
    assert law_broken_by(lambda: copied("payment", '{"number": null}')) == "shift_open"
    assert law_broken_by(lambda: copied("drawercount", '{"attempt": 9}')) == "one_final_count_per_shift"


def test_raw_sql_counts_nothing_that_does_not_add_up(clinic, counted_shift):
    worse = '{"attempt": 9, "is_final": false, "expected": 1, "difference": 1}'
    assert law_broken_by(lambda: copied("drawercount", worse)) == "final_count_has_difference"
    for pieces in (  # 106.00 was counted
        '[{"value": "5.00", "count": 1}]',
        '[{"value": "53.00", "count": 3}, {"value": "53.00", "count": -1}]',
        '[{"value": "106.00", "count": 1}, {"value": "5.00"}]',
        '[{"value": "106.00", "count": 1}, {"value": "-5.00", "count": 0}]',
        '{"value": "106.00", "count": 1}',
    ):
        wrong = f'{{"attempt": 9, "denominations": {pieces}}}'
        assert law_broken_by(lambda wrong=wrong: copied("drawercount", wrong)) == "count_equals_denominations"
    assert law_broken_by(lambda: copied("drawercount", '{"revision": 2, "difference": 9}')) == (
        "final_count_has_difference"
    )


def test_raw_sql_closes_no_shift_without_a_count_and_opens_no_second_one(clinic, counted_shift):
    take_cash(clinic, "1.00")
    assert law_broken_by(lambda: sql("UPDATE billing_shift SET closed_at = now() WHERE closed_at IS NULL")) == (
        "shift_kept"
    )
    second = """
        INSERT INTO billing_shift SELECT (jsonb_populate_record(row, jsonb_build_object(
            'id', gen_random_uuid(), 'closed_at', NULL))).* FROM billing_shift row LIMIT 1
    """
    assert law_broken_by(lambda: sql(second)) == "one_open_shift_per_drawer"


def test_raw_sql_puts_no_cash_of_one_day_into_a_shift_of_another(clinic, counted_shift):
    take_cash(clinic, "1.00", day=clinic.yesterday)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM billing_clinicday WHERE date = %s AND administration_id = %s",
            [clinic.yesterday, clinic.administration.pk],
        )
        yesterday = cursor.fetchone()[0]
    moved = f'{{"number": null, "clinic_day_id": "{yesterday}"}}'
    assert law_broken_by(lambda: copied("cashmovement", moved)) == "shift_of_the_day"
