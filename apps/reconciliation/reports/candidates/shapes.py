"""What is answered about a bank line: its candidates, each with a score and the reasons for it."""

import datetime
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple, overload
from uuid import UUID


class Reason(NamedTuple):
    """Why a candidate fits: ``code`` such as REFERENCE, END_TO_END_ID, IBAN, AMOUNT, DATE, NAME, LEARNED, and facts.

    ``points`` below nothing speak against it. Facts never hold a text, a name or an account number of the bank's.
    """

    code: str
    points: int
    facts: dict[str, Any]


class Candidate(NamedTuple):
    """One way to explain a line, as a whole or in part. ``amount`` is what it would clear, with the line's sign, in the
    account's currency. ``score`` is 0 to 100. Of the keys, those that it has: an open item or an entry line, a payment
    in transit, a bill that nobody has paid yet, the line of another account of our own."""

    kind: str
    amount: Decimal
    score: int
    reasons: tuple[Reason, ...]
    entry_line: UUID | None = None
    open_item: UUID | None = None
    payment: UUID | None = None
    bill: UUID | None = None
    account: UUID | None = None
    party: UUID | None = None
    document: str = ""
    date: datetime.date | None = None
    other_line: UUID | None = None


class Ranked(Sequence[Candidate]):
    """Candidates in their order. They are scored; ``shape`` puts each into its shape when somebody looks at it, since
    most are the rivals of one that is beyond doubt."""

    __slots__ = ("_scored", "_shape")

    def __init__(self, scored: Iterable[Any], shape: Callable[[Any], Candidate]) -> None:
        self._scored = list(scored)
        self._shape = shape

    def __len__(self) -> int:
        return len(self._scored)

    @overload
    def __getitem__(self, at: int) -> Candidate: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Candidate, ...]: ...
    def __getitem__(self, at: int | slice) -> Candidate | tuple[Candidate, ...]:
        if isinstance(at, slice):
            return tuple(self[place] for place in range(len(self))[at])
        if not isinstance(self._scored[at], Candidate):
            self._scored[at] = self._shape(self._scored[at])
        candidate: Candidate = self._scored[at]
        return candidate


@dataclass(frozen=True, slots=True)
class Candidates:
    """The ranked candidates of one line, ten at most; ``combination`` are the indices of those that together are the
    whole line when no single one is. ``is_ambiguous``: the best is not alone, so nothing is applied by itself.

    ``model`` is the model for open items that holds for the line; ``needs_person``: such models say that a person
    decides about it.
    """

    line: UUID
    ranked: Sequence[Candidate]
    combination: tuple[int, ...]
    is_ambiguous: bool
    model: UUID | None = None
    needs_person: bool = False
