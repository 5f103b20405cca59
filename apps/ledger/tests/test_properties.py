"""Whatever is done to books, in whatever order and to whatever date, they are what the oracle says: now and then."""

from collections import Counter
from datetime import date

from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.ledger import checks
from apps.ledger.models import Allocation, JournalEntry, JournalLine, OpenItem, Seal
from apps.ledger.reports.open_items import open_items
from apps.ledger.reports.rolled_up import totals
from apps.ledger.reports.trial_balance import trial_balance
from apps.ledger.tests.random_books import SPAN, STEPS, Game

SETTINGS = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


@settings(max_examples=12, **SETTINGS)
@given(steps=st.lists(STEPS, min_size=2, max_size=9))
def test_random_books_are_what_the_oracle_says_at_every_date_and_moment(books, steps):
    with transaction.atomic():
        game = Game(books)
        for step in steps:
            game.play(step)
            hold(game)
        for moment, known in game.moments:
            for day in (*SPAN[::4], date.max):
                as_it_was(game, day, moment, known)
        assert [str(finding) for check in checks.ALL for finding in check(books.administration, date.max)] == []
        transaction.set_rollback(True)


def hold(game):
    """Now: the trial balance is zero, every account stands where it should, and control accounts equal open items."""
    administration = game.books.administration
    codes = {account.pk: account.code for account in game.accounts.values()}
    for day, found in zip(SPAN, totals(administration, SPAN), strict=True):
        expected = game.balances(day)
        assert {codes[account]: sums.balance for account, sums in found.items() if sums.balance} == expected
        assert sum(sums.balance for sums in found.values()) == 0
        assert owed(administration, day) == game.owed(day)
        for control in open_items(administration, day):
            assert control.open == control.balance == expected.get(control.account.code, 0)


def as_it_was(game, day, moment, known):
    """Then: what the books said at ``moment`` is what the oracle had been told by it."""
    report = trial_balance(game.books.administration, day, known_at=moment)
    assert {row.account.code: row.balance for row in report.rows if row.balance} == game.balances(day, known)
    assert owed(game.books.administration, day, known_at=moment) == game.owed(day, known)


def owed(administration, day, **then):
    sums = Counter()
    items = OpenItem.objects.filter(administration=administration).as_of(day, **then)
    for item in items.select_related("account", "party"):
        assert item.open * item.amount >= 0  # never settled beyond what it is
        assert abs(item.open) <= abs(item.amount)
        sums[item.account.code, item.party.code] += item.open
    return {key: amount for key, amount in sums.items() if amount}


def test_a_draft_counts_nowhere_until_it_is_posted(books):
    game = Game(books)
    game.play(("draft", SPAN[0], [("1310", 5, 0)]))
    assert (totals(books.administration, [date.max]), OpenItem.objects.count()) == ([{}], 0)
    game.play(("post draft", SPAN[0], 0))
    assert game.balances(SPAN[0]) == {"1310": 5, "1010": -5}
    hold(game)


def test_the_game_reaches_everything_it_is_about(books):
    """What the property is tried on posts, drafts, reverses, allocates, backdates, rolls up and seals."""
    game = Game(books)
    for step in (
        ("post", SPAN[7], [("1310", 10, 0)]),
        ("roll up", SPAN[0], None),
        ("post", SPAN[1], [("1310", -4, 0)]),  # backdated into a month that is rolled up
        ("allocate", SPAN[0], None),
        ("draft", SPAN[2], [("8000", -3, 0)]),
        ("draft", SPAN[2], [("8000", -3, 0)]),
        ("change draft", SPAN[3], (0, [("4100", 2, 0)])),
        ("post draft", SPAN[0], 0),
        ("delete draft", SPAN[0], 0),
        ("reverse", SPAN[8], 2),
        ("seal", SPAN[0], None),
    ):
        game.play(step)
        hold(game)
    assert game.balances(SPAN[3]) == {"1310": -4, "1010": 2, "4100": 2}
    assert game.balances(SPAN[8]) == {"1310": 6, "1010": -6}
    assert game.owed(SPAN[7]) == {("1310", "P-0"): 6}
    assert (JournalEntry.objects.count(), JournalLine.objects.count()) == (4, 8)
    assert (Allocation.objects.count(), Seal.objects.get().entries) == (1, 4)
    assert [item.open for item in OpenItem.objects.as_of(SPAN[6])] == [-4]  # allocated from the later date on
    as_it_was(game, SPAN[8], *game.moments[0])
    assert game.balances(SPAN[8], game.moments[0][1]) == {"1310": 10, "1010": -10}
