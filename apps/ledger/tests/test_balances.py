"""Properties of any books: whatever is posted, settled and reversed, the figures hold at every date."""

from datetime import date, timedelta
from decimal import Decimal

from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.ledger import checks
from apps.ledger.models import JournalEntry
from apps.ledger.reports.open_items import open_items
from apps.ledger.reports.trial_balance import trial_balance
from apps.ledger.services.allocating import settle_documents
from apps.ledger.services.posting import Document, Line, reverse_entry
from apps.ledger.tests.factories import EntryFactory, new_id

FIRST = date(2026, 3, 1)
DAYS = 12
BILLS = [new_id() for _bill in range(4)]
PURPOSES = ("cash_drawer", "revenue_consultation", "patient_receivable", "payer_receivable", "wallet_liability")

cents = st.integers(-50_000, 50_000).filter(bool).map(lambda cents: Decimal(cents) / 100)
line = st.tuples(st.sampled_from(PURPOSES), cents, st.integers(0, 3))
entry = st.tuples(st.integers(0, DAYS - 1), st.lists(line, min_size=1, max_size=4), st.booleans())


def post(books, day, lines):
    """An entry of ``lines``, balanced by what is left to the safe."""
    rest = -sum(amount for _purpose, amount, _bill in lines)
    posted = [
        Line(
            books.account(purpose),
            debit=max(amount, Decimal(0)),
            credit=max(-amount, Decimal(0)),
            party=books.party(f"P-{bill % 2}") if books.account(purpose).control else None,
            document=Document("bill", BILLS[bill]),
        )
        for purpose, amount, bill in [*lines, ("cash_safe", rest, 0)]
        if amount
    ]
    if len(posted) > 1:
        EntryFactory(books=books, date=FIRST + timedelta(days=day), lines=posted)
        settle_documents(books.administration, BILLS)


def balances(books, as_of):
    return {row.account.code: row.balance for row in trial_balance(books.administration, as_of).rows if row.balance}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=st.lists(entry, min_size=1, max_size=6))
def test_the_figures_of_any_books_hold_at_every_date(books, entries):
    with transaction.atomic():
        for day, lines, _reversed in entries:
            post(books, day, lines)
        for day in range(DAYS + 1):
            as_of = FIRST + timedelta(days=day)
            assert trial_balance(books.administration, as_of).balance == 0
            assert {control.difference for control in open_items(books.administration, as_of)} == {0}
        assert [finding for check in checks.ALL for finding in check(books.administration, as_of)] == []
        transaction.set_rollback(True)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=st.lists(entry, min_size=1, max_size=5))
def test_reversing_restores_every_balance(books, entries):
    with transaction.atomic():
        for day, lines, wrong in entries:
            if not wrong:
                post(books, day, lines)
        right, last = balances(books, FIRST + timedelta(days=DAYS)), JournalEntry.objects.count()
        for day, lines, wrong in entries:
            if wrong:
                post(books, day, lines)
        for mistake in JournalEntry.objects.order_by("number")[last:]:
            reverse_entry(mistake, by=books.owner, reason="property")
        assert balances(books, FIRST + timedelta(days=DAYS)) == right
        for day in range(DAYS + 1):
            differences = [
                control.difference for control in open_items(books.administration, FIRST + timedelta(days=day))
            ]
            assert set(differences) == {0}
        transaction.set_rollback(True)
