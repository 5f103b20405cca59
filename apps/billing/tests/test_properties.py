"""Whatever a clinic does over three days, the figures follow from the rows and the books from the figures."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal as D

from django.db import transaction
from django.db.models import Sum
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from apps.billing import checks as billing_checks
from apps.billing.errors import AlreadyCredited
from apps.billing.models import Payment
from apps.billing.reports.day import day_figures
from apps.billing.services.charging import credit_bill
from apps.billing.services.days import day_for
from apps.billing.services.payments import refund_payment
from apps.ledger import checks as ledger_checks
from apps.ledger.models import Account, JournalLine, OpenItem

DAYS = 3
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # a failing example is small enough as it is
METHODS = [method for method in Payment.Method if method != Payment.Method.WALLET]

# Each step: what is done, on which of the days, to which row (by turn), for how many cents.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["bill", "pay", "pay", "refund", "credit"]),
        st.integers(0, DAYS - 1),
        st.integers(0, 30),
        st.integers(1, 9_999),
    ),
    min_size=3,
    max_size=14,
)


class Oracle:
    """What each bill owes on each day, kept in a dict."""

    def __init__(self):
        self.moves = defaultdict(lambda: defaultdict(D))

    def open(self, bill, day):
        return sum(amount for on, amount in self.moves[bill].items() if on <= day)

    def owed(self, day):
        return sum(max(self.open(bill, day), D(0)) for bill in self.moves)

    def credits(self, day):
        return sum(max(-self.open(bill, day), D(0)) for bill in self.moves)


def play(clinic, steps, days):
    """Do the steps and return the oracle, with what payers owe beside it."""
    oracle, payers = Oracle(), Oracle()
    bills, payments = [], []
    for what, day, turn, cents in steps:
        on, amount = days[day], D(cents) / 100
        if what == "bill" or not bills:
            bill = clinic.bill(str(amount), day=on)
            bills.append(bill)
            oracle.moves[bill.pk][on] += amount
        elif what == "pay":
            bill, method = bills[turn % len(bills)], METHODS[turn % len(METHODS)]
            payments.append(clinic.pay(bill, str(amount), method, day=on, allow_excess=True))
            oracle.moves[bill.pk][on] -= amount
            if method in Payment.COVER:
                payers.moves[bill.pk][on] += amount
        elif what == "refund" and payments:
            payment = payments.pop(turn % len(payments))
            back = min(amount, payment.amount)
            refund_payment(payment, amount=back, reason="back", by=clinic.manager, day=on)
            oracle.moves[payment.bill_id][on] += back
            if payment.method in Payment.COVER:
                payers.moves[payment.bill_id][on] -= back
        elif what == "credit":
            bill = bills[turn % len(bills)]
            try:
                credit_bill(bill, reason="wrong", by=clinic.manager)
            except AlreadyCredited:
                continue
            oracle.moves[bill.pk][days[-1]] -= bill.gross
    return oracle, payers


@given(steps=STEPS, order=st.permutations(range(DAYS)))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], phases=PHASES)
def test_figures_follow_from_rows_and_books_from_figures(clinic, steps, order):
    days = [clinic.today - timedelta(days=back) for back in reversed(range(DAYS))]
    with transaction.atomic():
        oracle, payers = play(clinic, steps, days)

        figures = [day_figures(day_for(clinic.administration, day)[0]) for day in days]
        assert sum(day.total_revenue for day in figures) == (Payment.objects.aggregate(sum=Sum("amount"))["sum"] or 0)
        for day, stated in zip(days, figures, strict=True):
            outstanding = stated.breakdown["outstanding"]
            assert D(outstanding["patient"]) == oracle.owed(day)
            assert D(outstanding["credits"]) == oracle.credits(day) + payers.credits(day)
            assert D(outstanding["payer"]) == payers.owed(day)
            assert not stated.has_mismatches

        for turn in order:  # days are signed in any order
            clinic.finalized(days[turn], by=clinic.owner)  # the manager refunds in this game

        for purpose, left in (("patient_receivable", oracle), ("payer_receivable", payers)):
            account = Account.objects.get(administration=clinic.administration, purpose=purpose)
            for day in days:
                items = OpenItem.objects.filter(account=account).as_of(day)
                balance = JournalLine.objects.filter(account=account).posted().up_to(day).balance()
                assert balance == sum((item.open for item in items), D(0)) == left.owed(day) - left.credits(day)
        findings = [
            str(finding)
            for check in (*billing_checks.ALL, *ledger_checks.ALL)
            for finding in check(clinic.administration, date.max)
        ]
        assert findings == []
        transaction.set_rollback(True)
