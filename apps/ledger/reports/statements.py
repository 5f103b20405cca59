"""What balance sheet and profit and loss account have in common: sections of accounts, beside those of earlier."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from apps.core.money import ZERO
from apps.ledger.models import Account
from apps.ledger.reports.figures import Figure, LinesOf, sum_of

Place = Account.Place
RESULT_PLACES = frozenset(
    {
        Place.REVENUE,
        Place.COST_OF_GOODS_SOLD,
        Place.OPERATING_EXPENSES,
        Place.OTHER_INCOME,
        Place.OTHER_EXPENSES,
    }
)
DEBIT_TYPES = frozenset({Account.Type.ASSET, Account.Type.EXPENSE})


@dataclass(frozen=True)
class Standing:
    """What one row stands at on one date, or moved in one span."""

    account: Account | None
    name: str
    place: str
    debit: Decimal
    credit: Decimal
    lines: tuple[LinesOf, ...]
    on_debit_side: bool

    @property
    def amount(self) -> Decimal:
        """Positive on the side where the row stands."""
        return self.debit - self.credit if self.on_debit_side else self.credit - self.debit


Standings = Mapping[UUID | str, Standing]


@dataclass(frozen=True)
class StatementRow:
    """An account, or a computed result. ``balance`` is positive on the side of its section: a debit for assets and
    costs, a credit for liabilities, equity and income. ``account`` is None where the chart has none for it."""

    account: Account | None
    name: str
    debit: Decimal
    credit: Decimal
    balance: Figure
    computed: bool = False


@dataclass(frozen=True)
class Section:
    """The accounts of one place on the reports."""

    place: str
    rows: tuple[StatementRow, ...]
    compared: bool

    @property
    def name(self) -> str:
        return str(Place(self.place).label)

    @property
    def total(self) -> Figure:
        return sum_of((row.balance for row in self.rows), self.compared)


def section(place: str, now: Standings, earlier: Standings | None) -> Section:
    """The rows of ``place`` in both, in the order of codes; what is computed comes last."""
    before = earlier or {}
    keys = [key for key, standing in {**before, **now}.items() if standing.place == place]
    both = [(key, now.get(key), before.get(key)) for key in keys]
    rows = [
        _row(key, current, past, compared=earlier is not None)
        for key, current, past in sorted(both, key=lambda row: _order(row[0], row[1] or row[2]))
    ]
    return Section(place, tuple(rows), earlier is not None)


def _row(key: UUID | str, current: Standing | None, past: Standing | None, *, compared: bool) -> StatementRow:
    said = current or past
    assert said is not None  # noqa: S101 - the key is of one of the two
    return StatementRow(
        account=said.account,
        name=said.name,
        debit=current.debit if current else ZERO,
        credit=current.credit if current else ZERO,
        balance=Figure(
            amount=current.amount if current else ZERO,
            lines=current.lines if current else (),
            earlier=(past.amount if past else ZERO) if compared else None,
            earlier_lines=past.lines if past else (),
        ),
        computed=isinstance(key, str),
    )


def _order(key: UUID | str, said: Standing | None) -> tuple[bool, str]:
    return isinstance(key, str), said.account.code if said and said.account else ""
