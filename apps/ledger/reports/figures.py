"""A figure of a report: its amount, what it was earlier, and the lines that it adds up."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from apps.core.money import ZERO
from apps.ledger.models import Account, JournalLine


@dataclass(frozen=True)
class LinesOf:
    """The posted lines of ``accounts`` from ``since`` (or the beginning) until ``until``, as known at a moment."""

    accounts: tuple[Account, ...]
    since: date | None
    until: date
    known_at: datetime | None = None

    def posted(self) -> Any:
        """The lines themselves."""
        lines = JournalLine.objects.filter(account__in=self.accounts).up_to(self.until)
        if self.since:
            lines = lines.since(self.since)
        return lines.known_at(self.known_at) if self.known_at else lines


@dataclass(frozen=True)
class Figure:
    """``amount`` in the book currency and the lines behind it; ``earlier`` is what it was at the date or in the span
    compared with, None when nothing is compared.

    Debits less credits of the lines are the amount, or its opposite on the credit side of a report.
    """

    amount: Decimal
    lines: tuple[LinesOf, ...] = ()
    earlier: Decimal | None = None
    earlier_lines: tuple[LinesOf, ...] = ()

    @property
    def difference(self) -> Decimal | None:
        """How much more it is than it was earlier."""
        return None if self.earlier is None else self.amount - self.earlier

    def __add__(self, other: "Figure") -> "Figure":
        return self._with(other, 1)

    def __sub__(self, other: "Figure") -> "Figure":
        return self._with(other, -1)

    def _with(self, other: "Figure", sign: int) -> "Figure":
        return Figure(
            amount=self.amount + sign * other.amount,
            lines=joined(*self.lines, *other.lines),
            earlier=None if self.earlier is None else self.earlier + sign * (other.earlier or ZERO),
            earlier_lines=joined(*self.earlier_lines, *other.earlier_lines),
        )


def nothing(compared: bool) -> Figure:
    """No amount, and none earlier."""
    return Figure(ZERO, earlier=ZERO if compared else None)


def sum_of(figures: Iterable[Figure], compared: bool) -> Figure:
    return sum(figures, nothing(compared))


def joined(*parts: LinesOf) -> tuple[LinesOf, ...]:
    """The same lines, those of one span together."""
    spans: dict[Any, tuple[Account, ...]] = {}
    for part in parts:
        span = (part.since, part.until, part.known_at)
        known = spans.get(span, ())
        spans[span] = known + tuple(account for account in part.accounts if account not in known)
    return tuple(LinesOf(accounts, *span) for span, accounts in spans.items())
