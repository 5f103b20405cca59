"""Several amounts that together are one: the fewest, and never a guess."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from apps.reconciliation.reports.candidates.combining import Budget, fewest

AMOUNTS = st.lists(st.integers(1, 30), min_size=2, max_size=9)


def every(amounts, total):
    """All ways in which some of ``amounts``, two at least, are ``total``; those of fewest first."""
    places = range(len(amounts))
    return [
        chosen
        for count in range(2, len(amounts) + 1)
        for chosen in combinations(places, count)
        if sum(amounts[at] for at in chosen) == total
    ]


@given(AMOUNTS, st.data())
def test_the_fewest_that_add_up_are_found_and_a_tie_is_told(amounts, data):
    total = data.draw(st.integers(1, sum(amounts)))
    found, ways = fewest(amounts, total, Budget()), every(amounts, total)
    fewest_of_all = min(map(len, ways), default=0)
    if not 2 <= fewest_of_all <= 6 and fewest_of_all != len(amounts):
        assert found is None  # more than six are a guess, unless they are all there is
    else:
        assert found is not None
        assert found.chosen in ways
        assert len(found.chosen) == fewest_of_all
        assert found.is_alone == (sum(len(way) == fewest_of_all for way in ways) == 1)


@given(AMOUNTS)
def test_all_of_them_are_no_tie(amounts):
    found = fewest(amounts, sum(amounts), Budget())
    assert found is not None
    assert (found.chosen, found.is_alone) == (tuple(range(len(amounts))), True)


def test_out_of_time_nothing_is_told():
    assert fewest([1, 2, 4], 5, Budget()) is not None
    assert fewest([1, 2, 4], 5, Budget(seconds=0)) is None


def test_after_so_many_steps_it_is_given_up():
    alike = [2_000_000 + 1_000 * step for step in range(34)]
    those = [2_017_000 + step for step in (1, 2, 4, 8, 16, 32)]  # these six alone are their sum
    assert fewest(those + alike[:6], sum(those), Budget()) is not None
    assert fewest(those + alike, sum(those), Budget()) is None


def test_of_very_many_items_nothing_is_put_together():
    assert fewest([1] * 41, 2, Budget()) is None
