"""Random days against an oracle in memory: figures, entries, drawers and open items say what the oracle says."""

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal as D

from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from apps.billing import checks as billing_checks
from apps.billing.errors import AlreadyCredited
from apps.billing.models import Payment
from apps.billing.reports.tie_out import tie_out
from apps.billing.services.charging import Charge, credit_bill, issue_bill
from apps.billing.services.closing import close_day, finalize_day, reopen_day
from apps.billing.services.drawers import count_drawer, move_cash
from apps.billing.services.payments import refund_payment
from apps.billing.services.wallets import pay_out, top_up
from apps.billing.tests.drawers import cost_account, drawer_of
from apps.core.models import Administration
from apps.ledger import checks as ledger_checks
from apps.ledger.models import JournalLine, OpenItem

PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
ACCOUNTS = {
    "CASH": "cash_drawer",
    "CARD": "card_in_transit",
    "TRANSFER": "transfer_in_transit",
    "PAYSTACK": "paystack_in_transit",
    "WALLET": "wallet_liability",
    "HMO": "payer_receivable",
    "INSURANCE": "payer_receivable",
}
MONEY = ("CASH", "CARD", "TRANSFER", "PAYSTACK")
WHAT = ("bill", "bill", "pay", "pay", "pay", "refund", "credit", "top up", "top up", "pay out", "petty cash", "change")
STEP = st.tuples(st.sampled_from(WHAT), st.integers(0, 30), st.integers(1, 9_999))
DAY = st.tuples(st.lists(STEP, min_size=2, max_size=9), st.integers(-300, 300), st.booleans())


class World:
    """One clinic, and what should be true of it, reckoned apart from it."""

    def __init__(self, clinic):
        self.clinic = clinic
        self.cost = cost_account(clinic)
        self.bills, self.payments = [], []
        self.owed = Counter()  # by bill: patients
        self.covered = Counter()  # by bill and payer
        self.wallet = D(0)
        self.in_drawer = None

    def begin(self, on):
        self.on = on
        self.books, self.settled, self.topped = Counter(), Counter(), D(0)
        self.billed, self.refunds = D(0), D(0)
        self.shift = None

    def cash(self, amount):
        """Every movement of cash opens the shift of the day, with what was left in the drawer."""
        if self.in_drawer is None:
            self.in_drawer = D(100)
        self.in_drawer += amount

    def do(self, what, turn, amount):
        clinic, by = self.clinic, self.clinic.receptionist
        if what == "bill":
            code = ("EXEMPT", "HIGH")[turn % 2]
            charges = [Charge(clinic.service(str(amount), code))]
            bill = issue_bill(patient=clinic.patient(), charges=charges, day=self.on, by=by)
            self.bills.append(bill)
            self.bill(bill, bill.pk, 1)
        elif what == "credit" and self.bills and self.on == clinic.today:  # credit notes are of today
            bill = self.bills[turn % len(self.bills)]
            try:
                credit_bill(bill, reason="wrong", by=clinic.manager)
            except AlreadyCredited:
                return
            self.bill(bill, bill.pk, -1)
        elif what == "pay" and self.bills:
            bill, method = self.bills[turn % len(self.bills)], list(ACCOUNTS)[turn % len(ACCOUNTS)]
            if method == "WALLET":
                amount = min(amount, self.wallet)
            if amount:
                self.payments.append(clinic.pay(bill, str(amount), method, day=self.on, allow_excess=True))
                self.pay(bill.pk, method, amount)
        elif what == "refund" and self.payments:
            payment = self.payments.pop(turn % len(self.payments))
            back = min(amount, payment.amount)
            refund_payment(payment, amount=back, reason="back", by=clinic.manager, day=self.on)
            self.pay(payment.bill_id, payment.method, -back)
            self.refunds += back
        elif what == "top up":
            method = MONEY[turn % len(MONEY)]
            top_up(clinic.patient(), method=method, amount=amount, by=by, day=self.on)
            self.put_in(method, amount)
        elif what == "pay out" and self.wallet:
            method, amount = MONEY[turn % len(MONEY)], min(amount, self.wallet)
            pay_out(clinic.patient(), method=method, amount=amount, reason="leaves", by=clinic.manager, day=self.on)
            self.put_in(method, -amount)
        elif what in ("petty cash", "change") and (shift := self.open_shift()):
            kind, sign = ("PAY_OUT", 1) if what == "petty cash" else ("PAY_IN", -1)
            move_cash(shift, kind=kind, amount=amount, account=self.cost, reason="stamps", by=by)
            self.books[self.cost.purpose or self.cost.code] += sign * amount
            self.books["cash_drawer"] -= sign * amount
            self.cash(-sign * amount)

    def open_shift(self):
        return self.drawer.shifts.filter(closed_at=None, clinic_day__date=self.on).first()

    def bill(self, bill, of, sign):
        self.billed += sign * bill.net
        self.owed[of] += sign * bill.gross
        self.books["revenue_consultation"] -= sign * bill.net
        self.books["output_vat"] -= sign * bill.vat
        self.books["patient_receivable"] += sign * bill.gross

    def pay(self, bill, method, amount):
        self.settled[method] += amount
        self.owed[bill] -= amount
        self.books["patient_receivable"] -= amount
        self.books[ACCOUNTS[method]] += amount
        if method == "WALLET":
            self.wallet -= amount
        if method in Payment.COVER:
            self.covered[bill] += amount
        if method == "CASH":
            self.cash(amount)

    def put_in(self, method, amount):
        self.topped += amount
        self.wallet += amount
        self.books[ACCOUNTS[method]] += amount
        self.books["wallet_liability"] -= amount
        if method == "CASH":
            self.cash(amount)

    def count(self, difference, deposits):
        """Count the drawer, off by ``difference``, and bring half of it to the bank."""
        shift = self.open_shift()
        if shift is None:
            return
        difference = max(difference, -self.in_drawer)
        found = self.in_drawer + difference
        count = None
        while count is None or not count.is_final:
            count = count_drawer(shift, total=found, by=self.clinic.receptionist)
        assert (count.expected, count.difference) == (self.in_drawer, difference)
        self.books["cash_drawer"] += difference
        self.books["cash_over_short"] -= difference
        self.in_drawer = found
        deposit = (found / 2).quantize(D("0.01"))
        if deposits and deposit:
            move_cash(shift, kind="DEPOSIT", amount=deposit, by=self.clinic.receptionist)
            self.books["cash_drawer"] -= deposit
            self.books["deposit_in_transit"] += deposit
            self.in_drawer -= deposit

    def check(self, close):
        assert {name: getattr(close, f"total_{name.lower()}") for name in ACCOUNTS} == {
            name: self.settled[name] for name in ACCOUNTS
        }
        assert close.total_revenue == sum(self.settled.values())
        assert (close.total_wallet_topups, close.total_refunds) == (self.topped, self.refunds)
        assert close.money_in == sum((self.settled[method] for method in MONEY), D(0)) + self.topped
        assert close.total_billed == self.billed
        outstanding = close.breakdown["outstanding"]
        assert D(outstanding["patient"]) == sum((max(open_, D(0)) for open_ in self.owed.values()), D(0))
        assert D(outstanding["payer"]) == sum((max(open_, D(0)) for open_ in self.covered.values()), D(0))
        assert {one["code"] for one in close.mismatch_details} <= {"DRAWER_DIFFERS"}
        expected = {name: amount for name, amount in self.books.items() if amount}
        assert booked(close.entry) == expected
        for tied in tie_out(close.clinic_day).totals:
            assert tied.taken == self.settled[tied.method] + D(
                close.breakdown["top_ups"].get(tied.method, {"total": 0})["total"]
            )
            assert tied.books in (None, tied.taken)


def booked(entry):
    sums = Counter()
    for line in entry.lines.select_related("account") if entry else ():
        sums[line.account.purpose or line.account.code] += line.debit - line.credit
    assert not sum(sums.values())
    return {name: amount for name, amount in sums.items() if amount}


def prove(clinic):
    """Control accounts equal their open items, and every check of the books holds."""
    administration = Administration.objects.get(pk=clinic.administration.pk)
    for purpose in ("patient_receivable", "payer_receivable", "wallet_liability"):
        lines = JournalLine.objects.filter(administration=administration, account__purpose=purpose).posted()
        items = OpenItem.objects.filter(administration=administration, account__purpose=purpose).as_of()
        assert lines.balance() == sum((item.open for item in items), D(0))
    assert [
        str(finding)
        for check in (*billing_checks.ALL, *ledger_checks.ALL)
        for finding in check(administration, date.max)
    ] == []


@given(days=st.lists(DAY, min_size=1, max_size=3), reopened=st.integers(0, 2), added=st.integers(1, 9_999))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], phases=PHASES)
def test_whatever_happens_on_a_day_its_report_and_its_entry_say_so(clinic, days, reopened, added):
    with transaction.atomic():
        world, closes = World(clinic), []
        world.drawer = drawer_of(clinic)
        for back, (steps, difference, deposits) in zip(range(len(days) - 1, -1, -1), days, strict=True):
            world.begin(clinic.today - timedelta(days=back))
            for what, turn, cents in steps:
                world.do(what, turn, D(cents) / 100)
            world.count(D(difference) / 100, deposits)
            close, _made = close_day(clinic.administration, world.on, by=clinic.receptionist)
            closes.append(finalize_day(close, by=clinic.owner))
            world.check(closes[-1])
        prove(clinic)

        close = closes[reopened % len(closes)]
        revision = reopen_day(close, reason="A bill was forgotten.", by=clinic.manager)
        bill = clinic.bill(str(D(added) / 100), day=close.reconciliation_date)
        clinic.pay(bill, str(bill.gross), "CARD", day=close.reconciliation_date)
        final = finalize_day(revision, by=clinic.owner)
        assert final.total_revenue == close.total_revenue + bill.gross
        assert (final.reversal is None) == (close.entry is None)
        prove(clinic)
        transaction.set_rollback(True)
