"""Several open things that one line clears together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from apps.reconciliation.reports.candidates.combining import Budget, fewest
from apps.reconciliation.reports.candidates.deciding import is_identified
from apps.reconciliation.reports.candidates.evidence import (
    AMOUNT,
    DOCUMENT,
    OLDEST_FIRST,
    PARTIAL,
    SURPLUS,
    TOGETHER,
    TOLERANCE,
    reason,
)
from apps.reconciliation.reports.candidates.shapes import Reason
from apps.reconciliation.reports.candidates.sources import Open

FITS = {AMOUNT, TOLERANCE, PARTIAL, SURPLUS}


@dataclass(slots=True)
class Scored:
    """An open thing, by its place among all, with what the line would clear of it, and why. ``is_known``: not by its
    amount alone."""

    place: int
    open: Open
    points: int
    clears: int
    reasons: Sequence[Reason]
    is_known: bool = True

    def rank(self) -> tuple[int, date, int]:
        """The best first; of equals the oldest."""
        return (-self.points, self.open.date, self.place)


@dataclass(frozen=True, slots=True)
class Together:
    """What together is the line, oldest first; nobody when one thing is. ``is_alone``: nothing else is as well."""

    members: tuple[Scored, ...] = ()
    is_alone: bool = True


def combined(want: int, scored: Sequence[Scored], owned: Iterable[Scored], budget: Budget) -> Together:
    """What a line is when no single thing that is identified is all of it.

    What it names, when that adds up to it; else the fewest of ``owned``, which are all of one party, that do; else the
    oldest of those until the line is used up, the last of them in part, which is no more than a proposal.
    """
    for one in scored:
        if one.is_known and one.clears == want and _is_whole(one) and is_identified(one.reasons):
            return Together()
    known = [one for one in scored if one.is_known and not one.open.currency]
    named = [one for one in known if any(told.code in DOCUMENT for told in one.reasons)]
    of_one = len(named) > 1 and len({one.open.party for one in named}) == 1
    if of_one and sum(one.open.amount for one in named) == want:
        return Together(tuple(_part(one, one.open.amount, len(named)) for one in _oldest(named)))
    its = _oldest(owned)
    amounts = [abs(one.open.amount) for one in its]
    fitting = [at for at, amount in enumerate(amounts) if amount < abs(want)]
    found = fewest([amounts[at] for at in fitting], abs(want), budget)
    if found:
        chosen = [its[fitting[at]] for at in found.chosen]
        everything = len(chosen) == len(its)
        members = tuple(_part(one, one.open.amount, len(chosen), everything) for one in chosen)
        return Together(members) if found.is_alone else Together((), is_alone=False)
    return _used_up(want, its)


def _used_up(want: int, its: Sequence[Scored]) -> Together:
    members: list[Scored] = []
    rest = abs(want)
    for one in its:
        if not rest:
            break
        clears = min(rest, abs(one.open.amount))
        rest -= clears
        members.append(_part(one, clears if want > 0 else -clears, 0))
    if rest or len(members) < 2:
        return Together()
    return Together(tuple(members), is_alone=False)


def _part(one: Scored, clears: int, count: int, everything: bool = False) -> Scored:
    """``one`` as a part of several: that they are the line together counts, no more how much each is of it."""
    fits = reason(TOGETHER, items=count, all=everything) if count else reason(OLDEST_FIRST)
    reasons = [fits if told.code in FITS else told for told in one.reasons]
    return Scored(one.place, one.open, sum(told.points for told in reasons), clears, reasons, one.is_known)


def _oldest(those: Iterable[Scored]) -> list[Scored]:
    return sorted(those, key=lambda one: (one.open.date, one.place))


def _is_whole(one: Scored) -> bool:
    return any(told.code == AMOUNT for told in one.reasons)
