"""Properties of any sub-ledger: whatever is invoiced, paid, credited, reversed and written off, control = items."""

from datetime import date, timedelta
from decimal import Decimal

from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.ledger import checks
from apps.ledger.models import JournalEntry, OpenItem
from apps.ledger.reports.open_items import open_items
from apps.ledger.reports.sync_status import sync_status
from apps.ledger.reports.trial_balance import trial_balance
from apps.ledger.services.posting import reverse_entry
from apps.ledger.services.settling import allocate, write_off

FIRST, DAYS = date(2026, 3, 1), 10
ACTS = ("buy", "sell", "pay", "credit", "allocate", "write_off", "reverse", "history", "dollars", "pay_dollars")

cents = st.integers(1, 50_000).map(lambda cents: Decimal(cents) / 100)
act = st.tuples(
    st.sampled_from(ACTS), st.integers(0, DAYS - 1), cents, st.integers(0, 7), st.sampled_from(["0.8", "1", "1.3"])
)


class Desk:
    """Does one act after another; what cannot be done at that moment is left."""

    def __init__(self, ledger):
        self.ledger, self.count, self.invoices = ledger, 0, []

    def do(self, what, day, amount, which, rate):
        self.count += 1
        getattr(self, what)(FIRST + timedelta(days=day), amount, which, Decimal(rate))

    def party(self, which):
        return self.ledger.supplier(f"S-{which % 2}") if which % 4 < 2 else self.ledger.customer(f"C-{which % 2}")

    def invoice(self, day, amount, which, **terms):
        party = self.party(which)
        make = self.ledger.bought if party.kind == "SUPPLIER" else self.ledger.sold
        more = {"reference": f"F-{self.count}"} if party.kind == "SUPPLIER" else {}
        made = make(str(amount), day=day, party=party, **more, **terms)
        return made

    def buy(self, day, amount, which, rate):
        code = "INPUT_HIGH" if which % 2 else "INPUT_HIGH_COST"
        line = self.ledger.line(str(amount), code)
        self.invoices.append(self.ledger.bought(line, day=day, reference=f"F-{self.count}"))

    def sell(self, day, amount, which, rate):
        self.invoices.append(self.invoice(day, amount, 2 + which % 2))

    def dollars(self, day, amount, which, rate):
        if amount * rate >= Decimal("0.01"):
            self.invoice(day, amount, which, currency="USD", exchange_rate=rate)

    def pay(self, day, amount, which, rate):
        self.ledger.paid(self.party(which), str(amount), day)

    def pay_dollars(self, day, amount, which, rate):
        booked = (amount * rate).quantize(Decimal("0.01"))
        if booked:
            self.ledger.paid(self.party(which), str(booked), day, currency="USD", in_currency=str(amount))

    def credit(self, day, amount, which, rate):
        if not self.invoices:
            return
        invoice = self.invoices.pop(which % len(self.invoices))
        make = self.ledger.bought if invoice.kind == "VENDOR" else self.ledger.sold
        part = min(amount, invoice.net_amount)
        more = {"reference": f"C-{self.count}"} if invoice.kind == "VENDOR" else {}
        account = "4200" if invoice.kind == "VENDOR" else "8090"
        make(self.ledger.line(str(part), account=account), day=day, party=invoice.party, credits=invoice, **more)

    def allocate(self, day, amount, which, rate):
        pairs = [
            (debit, credit)
            for debit in OpenItem.objects.as_of().filter(open__gt=0).order_by("id")
            for credit in OpenItem.objects.as_of().filter(open__lt=0, account=debit.account_id, party=debit.party_id)
        ]
        if pairs:
            debit, credit = pairs[which % len(pairs)]
            fully = bool(debit.currency or credit.currency) and which % 2 == 0
            allocate(debit, credit, by=self.ledger.accountant, fully=fully)

    def write_off(self, day, amount, which, rate):
        items = list(OpenItem.objects.as_of().exclude(open=0).order_by("id"))
        if items:
            item = items[which % len(items)]
            write_off(item, account=self.ledger.account("4500"), by=self.ledger.accountant, reason="p", date=day)

    def reverse(self, day, amount, which, rate):
        entries = list(JournalEntry.objects.filter(reversal=None, reverses=None).order_by("id"))
        if entries:
            backdated = day if which % 2 else None
            entry = entries[which % len(entries)]
            self.invoices = [invoice for invoice in self.invoices if invoice.entry_id != entry.pk]
            reverse_entry(entry, by=self.ledger.accountant, reason="p", date=backdated)

    def history(self, day, amount, which, rate):
        self.ledger.history(self.party(which), str(-amount if which % 2 else amount), day)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(act, min_size=2, max_size=10))
def test_control_accounts_equal_their_items_at_every_date(ledger, acts):
    with transaction.atomic():
        desk = Desk(ledger)
        for one in acts:
            desk.do(*one)
        for day in range(-1, DAYS + 1):
            as_of = FIRST + timedelta(days=day)
            assert trial_balance(ledger.administration, as_of).balance == 0
            for proof in sync_status(ledger.administration, as_of).accounts:
                assert proof.unexplained == 0
                assert sum(one.amount for one in proof.explained) == proof.difference
                history = proof.explained_amounts.get("BEFORE_SYNC", 0)
                items = next(one for one in open_items(ledger.administration, as_of) if one.account == proof.account)
                assert items.difference == history
        assert [str(finding) for check in checks.ALL for finding in check(ledger.administration, as_of)] == []
        transaction.set_rollback(True)
