"""Properties of the reports over any books: posted, backdated, settled and reversed, held against a list in memory."""

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal

from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.ledger.models import Account, Allocation, JournalEntry, OpenItem
from apps.ledger.reports.account_ledger import account_ledger
from apps.ledger.reports.ageing import Kind, ageing, open_totals
from apps.ledger.reports.balance_sheet import balance_sheet
from apps.ledger.reports.open_items import open_items
from apps.ledger.reports.profit_and_loss import profit_and_loss
from apps.ledger.reports.trial_balance import trial_balance
from apps.ledger.services.allocating import settle_documents
from apps.ledger.services.opening import open_years
from apps.ledger.services.posting import Document, Line, reverse_entry
from apps.ledger.tests.factories import EntryFactory, draft, new_id

# Two weeks around the turn of the year: the result of one year becomes that of the years before.
FIRST, DAYS = date(2025, 12, 26), 13
BILLS = [new_id() for _bill in range(3)]
CODES = ("1000", "1100", "1310", "1600", "0700", "0510", "0520", "4100", "7000", "8000", "8090")

cents = st.integers(-90_000, 90_000).filter(bool).map(lambda cents: Decimal(cents) / 100)
line = st.tuples(st.sampled_from(CODES), cents, st.integers(0, 2))
posting = st.tuples(st.just("post"), st.integers(0, DAYS - 1), st.lists(line, min_size=1, max_size=4))
reversing = st.tuples(st.just("reverse"), st.integers(0, DAYS - 1), st.integers(0, 9))
drafting = st.tuples(st.just("draft"), st.integers(0, DAYS - 1), st.none())


class Oracle:
    """Every posted line, as (when it was posted, its date, code, amount), told by whoever posts."""

    def __init__(self, books):
        self.books, self.lines, self.moments = books, [], []
        self.accounts = {row.code: row for row in Account.objects.filter(administration=books.administration)}
        for code, place in (
            ("7000", "COST_OF_GOODS_SOLD"),
            ("8090", "OTHER_INCOME"),
            ("0700", "LONG_TERM_LIABILITIES"),
        ):
            Account.objects.filter(pk=self.accounts[code].pk).update(place=place)

    def act(self, action, day, what):
        day = FIRST + timedelta(days=day)
        entry = getattr(self, action)(day, what)
        self.moments.append(now())
        if entry is not None:
            for row in entry.lines.select_related("account"):
                self.lines.append((self.moments[-1], entry.date, row.account.code, row.debit - row.credit))

    def post(self, day, amounts):
        rest = -sum(amount for _code, amount, _bill in amounts)
        lines = [
            Line(
                self.accounts[code],
                debit=max(amount, Decimal(0)),
                credit=max(-amount, Decimal(0)),
                party=self.books.party(f"P-{bill % 2}") if self.accounts[code].control else None,
                document=Document("bill", BILLS[bill], due_date=day + timedelta(days=2 * bill)),
            )
            for code, amount, bill in [*amounts, ("1010", rest, 0)]
            if amount
        ]
        if len(lines) < 2:
            return None
        entry = EntryFactory(books=self.books, date=day, lines=lines)
        settle_documents(self.books.administration, BILLS)
        return entry

    def reverse(self, day, which):
        entries = JournalEntry.objects.posted().filter(administration=self.books.administration, reversal=None)
        entry = entries.order_by("id")[which : which + 1].first()
        return entry and reverse_entry(entry, by=self.books.owner, reason="wrong", date=max(day, entry.date))

    def draft(self, day, _nothing):
        draft(self.books, day)

    def balances(self, as_of, known_at):
        sums = Counter()
        for posted, day, code, amount in self.lines:
            if posted <= known_at and day <= as_of:
                sums[code] += amount
        return {code: amount for code, amount in sums.items() if amount}


def now():
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=st.lists(st.one_of(posting, posting, reversing, drafting), min_size=1, max_size=6))
def test_the_reports_of_any_books_agree_with_a_list_in_memory_at_every_date_and_moment(books, actions):
    administration = books.administration
    with transaction.atomic():
        open_years(administration, 2025, 2025)
        oracle = Oracle(books)
        for action in actions:
            oracle.act(*action)
        for known_at in (*oracle.moments, None):
            for day in range(0, DAYS + 1, 1 if known_at is None else 4):
                hold(oracle, FIRST + timedelta(days=day), known_at)
        transaction.set_rollback(True)


def hold(oracle, as_of, known_at):
    """Every report of the date and the moment says what the oracle says."""
    administration = oracle.books.administration
    expected = oracle.balances(as_of, known_at or oracle.moments[-1])

    report = trial_balance(administration, as_of, known_at=known_at)
    assert {row.account.code: row.balance for row in report.rows if row.balance} == expected
    assert report.balance == 0

    sheet = balance_sheet(administration, as_of, known_at=known_at, compare_to=FIRST)
    assert sheet.is_balanced
    assert sheet.total_assets.amount == sum(expected.get(code, 0) for code in ("1000", "1010", "1100", "1310"))
    assert sheet.total_liabilities.amount == -sum(expected.get(code, 0) for code in ("0700", "1600"))
    income = profit_and_loss(administration, date(2025, 1, 1), as_of, known_at=known_at)
    costs = ("4100", "7000", "8000", "8090")
    assert income.net_income.amount == -sum(expected.get(code, 0) for code in costs)
    of_years = [row.balance.amount for row in sheet.equity.rows if row.account and row.account.code == "0520"]
    assert sum(of_years) == income.net_income.amount - expected.get("0520", 0)

    for code in ("1000", "8000"):
        ledger = account_ledger(oracle.accounts[code], FIRST, as_of, known_at=known_at)
        assert ledger.closing == expected.get(code, 0) == ledger.carried_forward

    receivables = ageing(administration, Kind.RECEIVABLE, as_of, known_at=known_at, compare_to=FIRST)
    payables = ageing(administration, Kind.PAYABLE, as_of, known_at=known_at)
    assert receivables.open == expected.get("1310", 0)
    assert payables.open == -expected.get("1600", 0)
    for aged in (receivables, payables):
        assert sum(aged.buckets.values()) == aged.open == aged.original - aged.paid
        assert sum(party.open for party in aged.parties) == aged.open
    if known_at is None:
        assert open_totals(administration, as_of) == {Kind.RECEIVABLE: receivables.open, Kind.PAYABLE: payables.open}
        assert all(control.difference == 0 for control in open_items(administration, as_of))


def test_the_random_books_are_not_all_empty(books):
    """What the property above is tried on has reversals, settled bills and backdated entries in it."""
    open_years(books.administration, 2025, 2025)
    oracle = Oracle(books)
    oracle.act("post", 9, [("1310", Decimal(5), 0)])
    oracle.act("post", 3, [("1310", Decimal(-2), 0), ("8000", Decimal(-3), 1)])
    oracle.act("reverse", 11, 0)
    assert (OpenItem.objects.count(), Allocation.objects.count()) == (3, 2)
    assert oracle.balances(FIRST + timedelta(days=10), oracle.moments[1]) == {"1310": 3, "8000": -3}
    assert len(oracle.lines) == 7
    hold(oracle, FIRST + timedelta(days=12), None)
