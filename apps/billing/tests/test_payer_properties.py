"""Whatever payers send, keep back and take back: what is open of bills equals the control accounts on every date."""

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from apps.billing import checks as billing_checks
from apps.billing.errors import (
    PaidBeyondRemittance,
    SettlementBeyondClaim,
    TakenBackBeyondSettled,
    WriteOffBeyondOpen,
)
from apps.billing.models import Claim, ClaimSettlement, Outstanding, Remittance
from apps.billing.reports.claims import ageing, claim_of
from apps.billing.services.catalogue import register_payer
from apps.billing.services.claims import reject_claim, resubmit_claim
from apps.billing.services.remitting import Settlement, assign_remittance, take_back
from apps.billing.services.writing_off import approve, propose
from apps.billing.tests.covered import balance, claimed, items, remit
from apps.ledger import checks as ledger_checks

DAYS = 4
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # a failing example is small enough as it is
KINDS = ("PAID", "PAID", "PATIENT", "ADJUSTMENT", "WITHHOLDING")

# Each step: what is done, on which day, to which row (by turn), for how many cents, what becomes of it.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["claim", "claim", "remit", "remit", "assign", "back", "write_off", "reject", "pay", "sign"]),
        st.integers(0, DAYS - 1),
        st.integers(0, 30),
        st.integers(1, 9_999),
        st.sampled_from(KINDS),
    ),
    min_size=4,
    max_size=14,
)


class Oracle:
    """What patients and payers owe of each bill, and what of each remittance is not assigned, in dicts."""

    def __init__(self):
        self.patient, self.payer, self.spare = (defaultdict(lambda: defaultdict(D)) for _ in range(3))

    @staticmethod
    def open(moves, day):
        sums = {row: sum((amount for on, amount in by_day.items() if on <= day), D(0)) for row, by_day in moves.items()}
        return {row: amount for row, amount in sums.items() if amount}

    def settle(self, rows):
        """Take over what the services wrote; how much that may be is asked of the oracle before."""
        for row in rows:
            on, bill = row.clinic_day.date, row.claim.bill_id
            self.payer[bill][on] -= row.amount
            if row.kind == "PATIENT":
                self.patient[bill][on] += row.amount
            if row.kind == "PAID":
                self.spare[row.remittance_id][on] -= row.amount

    def left(self, moves, row):
        return sum(moves[row].values(), D(0))


class Game:
    def __init__(self, clinic):
        self.clinic, self.oracle = clinic, Oracle()
        self.days = [clinic.today - timedelta(days=back) for back in reversed(range(DAYS))]
        self.payers = [clinic.payer(), register_payer(clinic.administration, code="HM", name="Hygeia")]
        self.claims, self.remittances, self.signed = [], [], set()

    def play(self, what, day, turn, cents, kind):
        getattr(self, what)(self.days[day], turn, D(cents) / 100, kind)

    def claim(self, day, turn, amount, kind):
        price = amount + D(turn)
        claim = claimed(self.clinic, str(price), cover=str(amount), day=day, payer=self.payers[turn % 2])
        self.claims.append(claim)
        self.oracle.patient[claim.bill_id][claim.bill.clinic_day.date] += price - amount
        on = claim.bill.payments.get().clinic_day.date
        self.oracle.payer[claim.bill_id][on] += amount

    def remit(self, day, turn, amount, kind):
        claim = self.pick(self.claims, turn)
        payer = claim.payer if claim else self.payers[0]
        parts = [(claim, kind, str(amount))] if claim and turn % 3 else []
        sent = D(turn) + (amount if kind == "PAID" else D(0)) + (D(1) if not parts else D(0))
        beyond = bool(parts) and amount > self.oracle.left(self.oracle.payer, claim.bill_id)
        if beyond:
            with pytest.raises(SettlementBeyondClaim):
                remit(self.clinic, str(sent), *parts, on=day, payer=payer)
            return
        remittance = remit(self.clinic, str(sent), *parts, on=day, payer=payer)
        self.remittances.append(remittance)
        self.oracle.spare[remittance.pk][remittance.clinic_day.date] += sent
        self.oracle.settle(remittance.settlements.all())

    def assign(self, day, turn, amount, kind):
        remittance = self.pick(self.remittances, turn)
        claim = self.pick([one for one in self.claims if remittance and one.payer_id == remittance.payer_id], turn)
        if not (remittance and claim):
            return
        part = [Settlement(claim, kind, amount)]
        refusal = None
        if kind == "PAID" and amount > self.oracle.left(self.oracle.spare, remittance.pk):
            refusal = PaidBeyondRemittance
        elif amount > self.oracle.left(self.oracle.payer, claim.bill_id):
            refusal = SettlementBeyondClaim
        if refusal:
            with pytest.raises(refusal):
                assign_remittance(remittance, settlements=part, by=self.clinic.accountant, on=day)
            return
        self.oracle.settle(assign_remittance(remittance, settlements=part, by=self.clinic.accountant, on=day))

    def back(self, day, turn, amount, kind):
        settlement = self.pick(list(ClaimSettlement.objects.filter(amount__gt=0).order_by("id")), turn)
        if settlement is None:
            return
        alike = ClaimSettlement.objects.filter(
            claim=settlement.claim, kind=settlement.kind, remittance=settlement.remittance
        )
        left = min(settlement.amount, sum((row.amount for row in alike), D(0)))
        arguments = {"amount": amount, "reason": "wrong", "by": self.clinic.manager, "on": day}
        if amount > left:
            with pytest.raises(TakenBackBeyondSettled):
                take_back(settlement, **arguments)
            return
        self.oracle.settle([take_back(settlement, **arguments)])

    def write_off(self, day, turn, amount, kind):
        claim = self.pick(self.claims, turn)
        if claim is None:
            return
        of_payer = turn % 2 == 0
        moves = self.oracle.payer if of_payer else self.oracle.patient
        arguments = {"claim": claim if of_payer else None, "amount": amount, "reason": "gone"}
        if amount > self.oracle.left(moves, claim.bill_id):
            with pytest.raises(WriteOffBeyondOpen):
                propose(claim.bill, by=self.clinic.accountant, **arguments)
            return
        done = approve(propose(claim.bill, by=self.clinic.accountant, **arguments), by=self.clinic.manager)
        moves[claim.bill_id][done.clinic_day.date] -= amount

    def reject(self, day, turn, amount, kind):
        claim = self.pick(list(Claim.objects.filter(status="SUBMITTED").order_by("id")), turn)
        if claim:
            reject_claim(claim, reason="not covered", by=self.clinic.manager)
            if turn % 2:
                resubmit_claim(claim, by=self.clinic.manager)

    def pay(self, day, turn, amount, kind):
        claim = self.pick(self.claims, turn)
        if claim:
            payment = self.clinic.pay(claim.bill, str(amount), "CARD", day=day, allow_excess=True)
            self.oracle.patient[claim.bill_id][payment.clinic_day.date] -= amount

    def sign(self, day, turn, amount, kind):
        """A day is finalized in between: what comes for it later is born into the next."""
        if day != self.clinic.today and day not in self.signed:
            self.clinic.finalized(day, by=self.clinic.owner)
            self.signed.add(day)

    @staticmethod
    def pick(rows, turn):
        return rows[turn % len(rows)] if rows else None


@given(steps=STEPS, order=st.permutations(range(DAYS)))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], phases=PHASES)
def test_what_is_open_equals_the_control_accounts_on_every_date(clinic, steps, order):
    with transaction.atomic():
        game = Game(clinic)
        oracle = game.oracle
        for step in steps:
            game.play(*step)

        for claim in Claim.objects.all():
            open_ = oracle.left(oracle.payer, claim.bill_id)
            assert claim_of(claim).open == open_
            assert (claim.status == "PAID") == (open_ == 0)
        for day in game.days:
            for debtor, moves in (("PATIENT", oracle.patient), ("PAYER", oracle.payer)):
                kept = Outstanding.objects.as_of(day).filter(debtor=debtor).values_list("bill", "amount")
                assert dict(kept) == oracle.open(moves, day)
        aged = ageing(clinic.administration, clinic.today)
        assert sum((row.total for row in aged), D(0)) == sum(oracle.open(oracle.payer, clinic.today).values(), D(0))

        for turn in order:
            if game.days[turn] not in game.signed:  # days are signed in any order
                clinic.finalized(game.days[turn], by=clinic.owner)
        for day in game.days:
            patients = {("bill", bill): amount for bill, amount in oracle.open(oracle.patient, day).items()}
            payers = {("bill", bill): amount for bill, amount in oracle.open(oracle.payer, day).items()}
            payers |= {("remittance", pk): -amount for pk, amount in oracle.open(oracle.spare, day).items()}
            for purpose, wanted in (("patient_receivable", patients), ("payer_receivable", payers)):
                assert items(clinic, purpose, day) == wanted
                assert balance(clinic, purpose, day) == sum(wanted.values(), D(0))
        received = sum((remittance.amount for remittance in Remittance.objects.all()), D(0))
        assert balance(clinic, "payer_in_transit") == received
        findings = [
            str(finding)
            for check in (*billing_checks.ALL, *ledger_checks.ALL)
            for finding in check(clinic.administration, clinic.today)
        ]
        assert findings == []
        transaction.set_rollback(True)
