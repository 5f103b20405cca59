"""The rollup of months: equal to the lines whenever it ran, and whoever posts meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal

from django.db import connection
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.core.money import ZERO
from apps.ledger.models import AccountMonth, JournalEntry, JournalLine, RolledUp
from apps.ledger.reports import rolled_up
from apps.ledger.reports.rolled_up import NOTHING, Totals
from apps.ledger.services.posting import reverse_entry
from apps.ledger.services.rolling_up import behind, roll_up
from apps.ledger.tests.factories import MARCH_3, EntryFactory, open_test_books
from apps.ledger.tests.laws import law_broken_by

DAYS = st.integers(0, 364).map(lambda n: date(2026, 1, 1) + timedelta(days=n))


def totals(administration, day):
    return rolled_up.totals(administration, [day])[0]


def account_totals(account, day):
    (found,) = rolled_up.totals(account.administration, [day], accounts=[account])
    return found.get(account.pk, NOTHING)


def from_lines(books, day):
    lines = JournalLine.objects.filter(administration=books.administration).up_to(day)
    sums = lines.order_by().values("account").annotate(debits=Sum("debit"), credits=Sum("credit"))
    return {row["account"]: Totals(row["debits"], row["credits"]) for row in sums}


def test_a_day_reads_the_same_before_and_after_rolling_up(books):
    for day in (date(2026, 1, 31), MARCH_3, date(2026, 3, 31), date(2026, 4, 1)):
        EntryFactory(books=books, date=day)
    before = totals(books.administration, date(2026, 3, 31))
    assert roll_up(books.administration) == 4
    assert totals(books.administration, date(2026, 3, 31)) == before == from_lines(books, date(2026, 3, 31))
    assert before[books.account("cash_drawer").pk] == Totals(Decimal("195.00"), ZERO)


def test_what_is_rolled_up_is_rolled_up_once(books):
    EntryFactory(books=books)
    assert [roll_up(books.administration), roll_up(books.administration)] == [1, 0]
    assert AccountMonth.objects.get(account=books.account("cash_drawer")).debit == Decimal("65.00")
    assert [str(mark) for mark in RolledUp.objects.all()] == ["GEN-2026-0001"]


def test_what_is_posted_into_a_month_that_is_rolled_up_counts_at_once(books):
    EntryFactory(books=books, date=date(2026, 5, 5))
    roll_up(books.administration)
    EntryFactory(books=books, date=MARCH_3, amount="10.00")
    assert totals(books.administration, date(2026, 12, 31)) == from_lines(books, date(2026, 12, 31))
    assert account_totals(books.account("cash_drawer"), date(2026, 4, 30)).balance == Decimal("10.00")
    assert behind() == [books.administration]


def test_an_account_that_never_moved_stands_at_nothing(books):
    assert account_totals(books.account("bank"), date.max) == Totals(ZERO, ZERO)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.tuples(st.sampled_from(("post", "reverse", "roll up")), DAYS, st.integers(1, 9999)), max_size=12)
)
def test_the_rollup_equals_the_lines_at_every_date(db, steps):
    books = open_test_books()
    for step, day, cents in steps:
        if step == "roll up":
            roll_up(books.administration)
        elif step == "post":
            EntryFactory(books=books, date=day, amount=Decimal(cents) / 100)
        else:
            entries = JournalEntry.objects.filter(administration=books.administration)
            entry = entries.filter(reverses=None, reversal=None).order_by("?").first()
            if entry:
                reverse_entry(entry, by=books.owner, reason="typed twice")
    for day in {day for _step, day, _cents in steps} | {date(2026, 6, 30), date.max}:
        expected = from_lines(books, day)
        assert totals(books.administration, day) == expected
        cash = books.account("cash_drawer")
        assert account_totals(cash, day) == expected.get(cash.pk, Totals())


def test_rolling_up_while_others_post_loses_and_doubles_nothing(committed):
    books = open_test_books()

    def post(n):
        try:
            EntryFactory(books=books, date=date(2026, 1 + n % 6, 5), amount="1.00")
        finally:
            connection.close()

    def roll(_n):
        try:
            roll_up(books.administration)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        for n in range(60):
            threads.submit(post, n)
            threads.submit(roll, n)
    assert account_totals(books.account("cash_drawer"), date.max).debit == Decimal("60.00")
    roll_up(books.administration)
    assert AccountMonth.objects.filter(account=books.account("cash_drawer")).aggregate(sum=Sum("debit"))["sum"] == 60


def test_an_account_that_moved_is_not_taken_out_of_the_chart(books):
    """The months go with their account, and an account with lines never goes."""
    EntryFactory(books=books)
    roll_up(books.administration)
    assert law_broken_by(lambda: books.account("cash_drawer").delete()) is not None
