"""Whatever is done at a drawer, what it says follows from what was done, to the cent."""

import itertools
from decimal import Decimal as D

from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from apps.billing.models import DrawerCount, Payment, Shift, TopUp
from apps.billing.reports.drawers import cash_hidden, drawers_of, expected_in, in_no_drawer
from apps.billing.services.drawers import count_drawer, hand_over, move_cash, open_shift
from apps.billing.services.payments import refund_payment
from apps.billing.tests.drawers import cost_account, day_of, drawer_of, take_cash, top_up_cash
from apps.ledger.models import Account

PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["pay", "pay", "pay", "top_up", "refund", "pay_in", "pay_out", "deposit", "count", "hand_over", "open"]
        ),
        st.integers(1, 9_999),
        st.integers(-1_500, 1_500),
    ),
    min_size=3,
    max_size=14,
)


class Till:
    """The drawer as a person would keep it: what should be in it, and what is."""

    def __init__(self, opening):
        self.expected = self.there = opening
        self.differences = []
        self.counted_at_last = None

    def move(self, amount):
        self.expected += amount
        self.there += amount

    def count(self, found):
        self.differences.append(found - self.expected)
        self.expected = self.there = self.counted_at_last = found


def play(clinic, drawer, steps):
    """Do the steps, and keep a till beside them."""
    till, given_back = Till(D(100)), {}
    bank = Account.objects.get(administration=clinic.administration, purpose="bank")
    by = clinic.receptionist

    def shift():
        found = Shift.objects.filter(drawer=drawer, closed_at=None).first()
        return found or open_shift(drawer, opening_float=None, by=by)

    for what, cents, off in steps:
        amount = D(cents) / 100
        if what == "pay":
            take_cash(clinic, str(amount))
            till.move(amount)
        elif what == "top_up":
            top_up_cash(clinic, str(amount))
            till.move(amount)
        elif what == "refund":
            payment = Payment.objects.filter(kind="PAYMENT").exclude(pk__in=given_back).order_by("-id").first()
            if payment:
                refund_payment(payment, amount=payment.amount, reason="x", by=clinic.manager)
                given_back[payment.pk] = True
                till.move(-payment.amount)
        elif what == "pay_in":
            move_cash(shift(), kind="PAY_IN", amount=amount, account=bank, reason="Change", by=by)
            till.move(amount)
        elif what == "pay_out":
            account = cost_account(clinic)
            move_cash(shift(), kind="PAY_OUT", amount=amount, account=account, reason="Stamps", by=by)
            till.move(-amount)
        elif what == "deposit":
            last = Shift.objects.filter(drawer=drawer).order_by("-opened_at", "-id").first()
            if last and last.closed_at:  # out of what was counted
                amount = min(amount, till.there)
                if amount > 0:
                    move_cash(last, kind="DEPOSIT", amount=amount, by=by)
            else:
                move_cash(shift(), kind="DEPOSIT", amount=amount, by=by)
            till.move(-max(amount, D(0)))
        elif what == "open" and not Shift.objects.filter(drawer=drawer, closed_at=None).exists():
            open_shift(drawer, opening_float=None, by=by)
        elif what in ("count", "hand_over"):
            found = max(till.expected + D(off) / 100, D(0))
            counted_shift, expected = shift(), till.expected
            assert expected_in(counted_shift) == expected
            how = (
                (lambda at=counted_shift, found=found: count_drawer(at, total=found, by=by))
                if what == "count"
                else (lambda at=counted_shift, found=found: hand_over(at, to=clinic.cashier, total=found, by=by)[0])
            )
            count = how()
            assert count.is_final is (abs(found - expected) <= 5)
            count = count if count.is_final else how()
            assert (count.is_final, count.expected, count.difference) == (True, expected, found - expected)
            till.count(found)
    return till


@settings(
    max_examples=25,
    deadline=None,
    phases=PHASES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_a_drawer_says_what_was_done_to_it(clinic, steps):
    with transaction.atomic():
        drawer = drawer_of(clinic)
        till = play(clinic, drawer, steps)
        shifts = list(Shift.objects.filter(drawer=drawer).order_by("opened_at", "id"))
        if shifts:
            day = day_of(clinic)
            [said] = drawers_of(day)
            counts = DrawerCount.objects.filter(is_final=True)
            # What should be there now, and what every count so far was off by.
            assert said.expected - said.deposits_after_count + sum(till.differences) == till.there
            assert sorted(count.difference for count in counts) == sorted(till.differences)
            cash = {"method": "CASH", "clinic_day": day}
            paid = sum(payment.amount for payment in Payment.objects.filter(**cash))
            put_in = sum(one.amount for one in TopUp.objects.filter(**cash))
            assert (said.payments - said.refunds, said.top_ups) == (paid, put_in)
            assert all(payment.shift for payment in Payment.objects.filter(**cash))
            assert in_no_drawer(paid + put_in, [said]) == 0
            waits = shifts[-1].closed_at is None
            assert cash_hidden(day) is waits
            assert (said.counted is None) is waits
            if not waits:
                assert said.counted == till.counted_at_last
                assert said.difference == sum(till.differences)
                assert said.retained == till.there
            for before, after in itertools.pairwise(shifts):
                assert after.opening_float == after.retained
                assert after.opened_at > before.opened_at
        transaction.set_rollback(True)
