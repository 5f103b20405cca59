"""A run that looks only at what changed finds exactly what one finds that looks at everything."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.core.errors import DomainError
from apps.issues.models import Issue, ValidationRun
from apps.issues.services.acknowledging import acknowledge
from apps.issues.services.validating import validate
from apps.issues.tests.validated import MARCH_31, cash, found, taxed_by_hand
from apps.ledger.models import JournalEntry, OpenItem
from apps.ledger.services.backfilling import backfill
from apps.ledger.services.posting import Source, reverse_entry
from apps.ledger.services.settling import allocate
from apps.reconciliation.tests.bank import open_test_bank

FIRST = date(2026, 3, 1)
TODAY = date(2026, 12, 1)  # imported history of this day is after its import
ACTS = (
    *(
        "sell",
        "buy",
        "sell",
        "tomorrow",
        "pay",
        "settle",
        "reverse",
        "suspend",
        "drawer",
        "tax",
        "history",
        "backfill",
        "statement",
    ),
    *("tomorrow", "look_back", "acknowledge"),
)
act = st.tuples(st.sampled_from(ACTS), st.integers(0, 30), st.integers(1, 50_000), st.integers(0, 5))


class Office:
    """Does one thing after another to the books; what is refused is left."""

    def __init__(self, ledger):
        self.ledger, self.bank, self.count, self.as_of = ledger, open_test_bank(ledger.books), 0, MARCH_31
        self.administration = ledger.administration

    def do(self, what, day, cents, which):
        self.count += 1
        try:
            with transaction.atomic():
                getattr(self, what)(FIRST + timedelta(days=day), Decimal(cents) / 100, which)
        except DomainError:
            return

    def sell(self, day, amount, which):
        self.ledger.sold(str(amount), day=day, due_date=day + timedelta(days=which * 20))

    def buy(self, day, amount, which):
        line = self.ledger.line(str(amount), "INPUT_HIGH")
        self.ledger.bought(line, day=day, reference=f"F-{self.count}", due_date=day + timedelta(days=which * 20))

    def pay(self, day, amount, which):
        self.ledger.paid(self.ledger.customer() if which % 2 else self.ledger.supplier(), str(amount), day)

    def settle(self, day, amount, which):
        debits = OpenItem.objects.as_of().filter(open__gt=0).order_by("id")
        for debit in debits:
            credit = OpenItem.objects.as_of().filter(open__lt=0, account=debit.account_id, party=debit.party_id).first()
            if credit:
                allocate(debit, credit, by=self.ledger.accountant)
                return

    def reverse(self, day, amount, which):
        entries = list(JournalEntry.objects.posted().filter(reversal=None, reverses=None).order_by("id"))
        if entries:
            reverse_entry(entries[which % len(entries)], by=self.ledger.accountant, reason="Wrong")

    def suspend(self, day, amount, which):
        cash(self.ledger, str(amount if which % 2 else -amount), day, into="suspense")

    def drawer(self, day, amount, which):
        cash(self.ledger, str(amount if which % 2 else -amount), day)

    def tax(self, day, amount, which):
        taxed_by_hand(self.ledger, ("21.00", "19.00", "-21.00")[which % 3], day)

    def history(self, day, amount, which):
        party = self.ledger.supplier()
        dated = TODAY if which % 2 else day
        invoice = self.ledger.registered(party, str(amount), dated, f"H-{self.count}", due=day)
        self.ledger.history(party, str(-amount), dated, source=Source("vendor_invoice", invoice.pk))

    def backfill(self, day, amount, which):
        backfill(self.administration, by=self.ledger.accountant, dry_run=False)

    def statement(self, day, amount, which):
        self.bank.statement(str(amount), start=str(which % 2), day=day, name=f"{self.count}")

    def tomorrow(self, day, amount, which):
        self.as_of = TODAY if which == 5 else self.as_of + timedelta(days=which * 9)

    def look_back(self, day, amount, which):
        """The run of an earlier period comes in between."""
        validate(self.administration, min(self.as_of, day))

    def acknowledge(self, day, amount, which):
        issue = Issue.objects.open().filter(severity="YELLOW").order_by("id").first()
        if issue:
            acknowledge(issue, by=self.ledger.accountant)


def state(administration):
    columns = ("code", "subject_id", "part", "severity", "amount", "since", "facts")
    issues = Issue.objects.filter(administration=administration)
    return sorted(map(repr, issues.values_list(*columns, Q(resolved_at=None))))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(act, min_size=1, max_size=10))
def test_whatever_happens_a_run_over_what_changed_equals_a_whole_one(ledger, acts):
    with transaction.atomic():
        office = Office(ledger)
        validate(office.administration, office.as_of, full=True)
        for one in acts:
            office.do(*one)
            validate(office.administration, office.as_of)
            changed = state(office.administration)
            with transaction.atomic():
                again = validate(office.administration, office.as_of, full=True)
                assert state(office.administration) == changed
                assert (again.new_count, again.resolved_count) == (0, 0)
                transaction.set_rollback(True)
        transaction.set_rollback(True)


def test_a_run_over_what_changed_is_one(ledger):
    """The one after it looks at what was posted in between, whatever its date was."""
    cash(ledger, "65.00", date(2026, 5, 5), into="suspense")
    taxed_by_hand(ledger, "9.00", MARCH_31)
    assert validate(ledger.administration, date(2026, 3, 30)).is_full
    run = validate(ledger.administration, MARCH_31)
    assert (run.is_full, run.issues_found) == (False, 1)
    assert found(ledger.administration, date(2026, 5, 5), full=False) == ["SUSPENSE_NOT_EMPTY", "VAT_RATE_MISMATCH"]


def test_an_item_becomes_overdue_while_nothing_is_posted(ledger):
    ledger.sold("100.00", due_date=date(2026, 4, 10))
    assert found(ledger.administration) == []
    assert found(ledger.administration, date(2026, 4, 10), full=False) == []
    assert found(ledger.administration, date(2026, 4, 11), full=False) == ["OVERDUE_RECEIVABLE"]
    assert not ValidationRun.objects.first().is_full


@pytest.mark.parametrize("reason", ["nothing before", "an earlier date", "an import", "too much", "asked"])
def test_a_run_looks_at_everything_where_it_must(ledger, reason, monkeypatch):
    if reason != "nothing before":
        validate(ledger.administration, MARCH_31)
    if reason == "an import":
        ledger.history(ledger.supplier(), "-10.00", MARCH_31)
    if reason == "too much":
        monkeypatch.setattr("apps.issues.services.looking_back.MOST", 1)
        cash(ledger, "1.00", MARCH_31)
        cash(ledger, "1.00", MARCH_31)
    as_of = date(2026, 2, 28) if reason == "an earlier date" else MARCH_31
    assert validate(ledger.administration, as_of, full=reason == "asked").is_full


def test_ten_entries_more_do_not_make_a_run_ask_more(ledger):
    """The same number of statements after one entry and after ten."""
    validate(ledger.administration, MARCH_31)
    asked = []
    for entries in (1, 10):
        for _ in range(entries):
            cash(ledger, "65.00", MARCH_31)
        with CaptureQueriesContext(connection) as queries:
            validate(ledger.administration, MARCH_31)
        asked.append(len(queries))
    assert asked[0] == asked[1]
    assert ValidationRun.objects.filter(is_full=False).count() == 2
