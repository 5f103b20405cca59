"""A bank line by its parts, with the reasons for them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

from apps.billing.models import Payment
from apps.core.money import ZERO, total
from apps.ledger.models import Account, JournalLine
from apps.reconciliation.models import Match, ReconciliationModel
from apps.reconciliation.reports.candidates import Reason
from apps.reconciliation.reports.candidates.evidence import CLEARLY


@dataclass(frozen=True)
class Share:
    """A part of a line. ``amount`` has the line's sign; a fee and a refund that were deducted are negative.

    ``kind`` is that of its match, ``called`` the document as people call it. It clears a ``payment``, or a part of the
    ``entry_line`` of a day; a fee goes to ``account``, or to provider's fees where there is none.
    """

    what: str  # PAYMENT, TOP_UP, REFUND, DAY or FEE
    kind: str
    amount: Decimal
    called: str
    payment: Payment | None = None
    entry_line: JournalLine | None = None
    account: Account | None = None


@dataclass(frozen=True)
class Unpacked:
    """One way to take a line apart: a payout of the provider, or days of card takings.

    ``key`` names it among the ways of its line, ``called`` is what people call it. ``amount`` is what is open of the
    line. Reasons below no points say what keeps Daybook from applying it by itself. ``is_identified``: something says
    that the line is this, beside its amount; ``is_alone``: no other way fits as well; ``by_itself``: nobody must look.
    """

    line: UUID
    key: str
    called: str
    amount: Decimal
    shares: tuple[Share, ...]
    reasons: tuple[Reason, ...]
    is_identified: bool
    waits: bool = False  # a model, or none, says that a person decides
    is_alone: bool = True
    model: ReconciliationModel | None = None

    @property
    def points(self) -> int:
        return sum(reason.points for reason in self.reasons)

    @property
    def score(self) -> int:
        """0 to 100."""
        return min(max(self.points, 0), 100)

    @property
    def gross(self) -> Decimal:
        """What was paid, before anything was deducted."""
        return total(one.amount for one in self.shares if one.kind == Match.Kind.TRANSIT and one.amount > 0)

    @property
    def refunded(self) -> Decimal:
        """What was given back and deducted, positive."""
        return -total(one.amount for one in self.shares if one.kind == Match.Kind.TRANSIT and one.amount < 0)

    @property
    def fees(self) -> Decimal:
        """What was kept, positive."""
        return -total(one.amount for one in self.shares if one.kind == Match.Kind.FEE)

    @property
    def unexplained(self) -> Decimal:
        """What the line has beyond its parts, or, negative, lacks."""
        return self.amount - total(one.amount for one in self.shares)

    @property
    def by_itself(self) -> bool:
        fits = self.unexplained == ZERO and bool(self.shares) and not any(one.points < 0 for one in self.reasons)
        return fits and self.is_identified and self.is_alone and not self.waits


def ranked(ways: Sequence[Unpacked]) -> tuple[Unpacked, ...]:
    """The best first. It is alone when it outdoes all others clearly."""
    first, *others = sorted(ways, key=lambda way: (-way.points, way.key))
    alone = not others or first.points - others[0].points >= CLEARLY
    return (replace(first, is_alone=alone), *(replace(way, is_alone=False) for way in others))
