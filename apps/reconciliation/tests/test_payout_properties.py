"""Whatever is taken apart, matched by hand, signed, undone, in any order: in transit is what no bank line brought."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from apps.billing.models import ClinicDay, Payment
from apps.billing.tests.clinic import Clinic, make_clinic
from apps.core.errors import DomainError
from apps.ledger import checks as ledger_checks
from apps.ledger.models import JournalLine
from apps.reconciliation import checks
from apps.reconciliation.models import Clearing, Match
from apps.reconciliation.services.clearing import Kind, Part, clear, undo
from apps.reconciliation.services.unpacking import unpack
from apps.reconciliation.tests.bank import Bank
from apps.reconciliation.tests.matching import left_of
from apps.reconciliation.tests.paying_out import Provider, balance, bank_of

PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
PAYOUTS = (("30.00", "12.50"), ("20.00",), ("8.75", "5.00", "1.00"))

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["unpack", "unpack", "sign", "by_hand", "as_a_day", "undo"]),
        st.integers(0, len(PAYOUTS) - 1),
        st.integers(0, 5),
    ),
    min_size=3,
    max_size=10,
)


class Game:
    """Payouts whose payments were taken on two days; a line on the bank for each, and some of a day as a whole."""

    def __init__(self, clinic: Clinic, bank: Bank) -> None:
        self.clinic, self.bank = clinic, bank
        self.days = [clinic.today - timedelta(days=2), clinic.yesterday]
        provider = Provider(clinic)
        self.lines = []
        for number, amounts in enumerate(PAYOUTS):
            paid = [
                provider.paid(amount, day=self.days[(number + at) % 2], fee="0.10") for at, amount in enumerate(amounts)
            ]
            provider.payout(f"{number}", *paid)
            net = sum(map(D, amounts)) - D("0.10") * len(amounts)
            self.lines.append(bank.line(f"{net}", label=f"PSTK_{number}", date=clinic.today))
        self.wholes = [bank.line("99.00", label="days", date=clinic.today) for _day in self.days]
        self.payments = list(Payment.objects.order_by("id"))

    def play(self, what: str, which: int, of: int) -> None:
        try:
            with transaction.atomic():
                getattr(self, what)(which, of)
        except DomainError:
            pass  # refused as a whole: what must hold holds all the same

    def unpack(self, which: int, of: int) -> None:
        unpack(self.lines[which], by=self.bank.accountant)

    def sign(self, which: int, of: int) -> None:
        self.clinic.finalized(self.days[of % 2])

    def by_hand(self, which: int, of: int) -> None:
        payment = self.payments[of]
        clear(self.lines[which], [Part(Kind.TRANSIT, payment.amount, payment=payment)], by=self.bank.accountant)

    def as_a_day(self, which: int, of: int) -> None:
        """Somebody clears a signed day's line, or a part of it."""
        rows = JournalLine.objects.filter(account__purpose="paystack_in_transit", entry__source_type="day_close")
        line = rows.filter(date=self.days[of % 2]).first()
        if line is not None:
            amount = D(of + 1)
            clear(self.wholes[of % 2], [Part(Kind.TRANSIT, amount, entry_line=line)], by=self.bank.accountant)

    def undo(self, which: int, of: int) -> None:
        standing = list(Clearing.objects.filter(undone_at=None).order_by("id"))
        if standing:
            undo(standing[of % len(standing)], by=self.bank.accountant)

    def holds(self) -> None:
        for line in (*self.lines, *self.wholes):
            matched = sum((match.amount for match in Match.objects.filter(clearing__line=line, active=True)), D(0))
            assert left_of(line) == line.amount - matched
        active = Match.objects.filter(active=True, kind=Kind.TRANSIT)
        brought = sum((match.book_amount for match in active), D(0))
        signed = ClinicDay.objects.filter(is_finalized=True)
        taken = sum((one.amount for one in self.payments if one.clinic_day in signed), D(0))
        assert balance(self.clinic, "paystack_in_transit") == taken - brought
        for day in ClinicDay.objects.all():  # no more is brought of a day than was taken on it
            its = active.filter(payment__clinic_day=day) | active.filter(entry_line__date=day.date)
            whole = sum((one.amount for one in self.payments if one.clinic_day_id == day.pk), D(0))
            assert sum((match.book_amount for match in its), D(0)) <= whole
        every = (*checks.ALL, *ledger_checks.ALL)
        assert [str(one) for check in every for one in check(self.clinic.administration, self.clinic.today)] == []


@pytest.fixture
def clinic(db) -> Clinic:
    return make_clinic()


@pytest.fixture
def bank(clinic) -> Bank:
    return bank_of(clinic)


@given(steps=STEPS)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], phases=PHASES)
def test_in_transit_is_what_no_bank_line_brought(clinic, bank, steps):
    with transaction.atomic():
        game = Game(clinic, bank)
        for step in steps:
            game.play(*step)
        game.holds()
        transaction.set_rollback(True)
