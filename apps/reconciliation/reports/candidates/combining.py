"""Several amounts that together are one: the fewest that are, found within a budget and never guessed."""

import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate

ITEMS = 40  # of one party, of which a combination is sought
MOST = 6  # items in a combination, unless it is all there are
NODES = 20_000


class Budget:
    """What looking for combinations may cost for all lines together: seconds of work, however busy the machine is."""

    def __init__(self, seconds: float = 1.0) -> None:
        self._left = seconds
        self._began: float | None = None

    @contextmanager
    def at_work(self) -> Iterator[None]:
        self._began = time.thread_time()
        try:
            yield
        finally:
            self._left -= time.thread_time() - self._began
            self._began = None

    @property
    def is_spent(self) -> bool:
        worked = 0.0 if self._began is None else time.thread_time() - self._began
        return worked >= self._left


@dataclass(frozen=True)
class Combination:
    """Which of the amounts; ``is_alone`` unless as few others would do as well."""

    chosen: tuple[int, ...]
    is_alone: bool


def fewest(amounts: Sequence[int], total: int, budget: Budget) -> Combination | None:
    """The fewest of ``amounts``, all above zero, that are ``total``: two of them at least. None when there are none, or
    when it cannot be told within ``budget``."""
    if not 1 < len(amounts) <= ITEMS or min(amounts) <= 0:
        return None
    if sum(amounts) == total:  # nothing less than all of them can be as much
        return Combination(tuple(range(len(amounts))), True)
    if sum(amounts) < total or budget.is_spent:
        return None
    with budget.at_work():
        search = _Search(amounts, budget)
        for count in range(2, min(MOST, len(amounts) - 1) + 1):
            found = search.of(count, total)
            if search.is_spent:
                return None
            if found:
                return Combination(tuple(sorted(found[0])), len(found) == 1)
    return None


class _Search:
    """Depth first from the largest amount down, cut off where the rest can be neither reached nor kept below."""

    def __init__(self, amounts: Sequence[int], budget: Budget) -> None:
        self._order = sorted(range(len(amounts)), key=lambda at: -amounts[at])
        self._falling = [amounts[at] for at in self._order]
        self._rising = self._falling[::-1]
        self._sums = [0, *accumulate(self._falling)]
        self._smallest = [0, *accumulate(self._rising)]
        self._nodes = NODES
        self._budget = budget

    @property
    def is_spent(self) -> bool:
        return self._nodes <= 0

    def of(self, count: int, total: int) -> list[list[int]]:
        """The first two ways in which ``count`` amounts are ``total``."""
        found: list[list[int]] = []
        self._descend(0, count, total, [], found)
        return found

    def _descend(self, start: int, count: int, rest: int, chosen: list[int], found: list[list[int]]) -> None:
        self._nodes -= 1
        if not self._nodes % 1000 and self._budget.is_spent:
            self._nodes = 0
        if self.is_spent or len(found) > 1:
            return
        size = len(self._falling)
        if count == 1:
            at = max(start, size - bisect_left(self._rising, rest + 1))  # the first that is not larger than the rest
            while at < size and self._falling[at] == rest and len(found) < 2:
                found.append([*chosen, self._order[at]])
                at += 1
            return
        if rest < self._smallest[count]:
            return
        for at in range(start, size - count + 1):
            if self._sums[at + count] - self._sums[at] < rest:  # even the largest that are left do not reach it
                return
            if self._falling[at] < rest:
                self._descend(at + 1, count - 1, rest - self._falling[at], [*chosen, self._order[at]], found)
