"""Trial balance: what stands on every account at the end of a day."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from apps.core.models import Administration
from apps.core.money import ZERO, total
from apps.ledger.models import Account
from apps.ledger.reports.balances import AccountBalance, balances


@dataclass(frozen=True, slots=True)
class TrialBalanceRow:
    """One account: what it stood at before ``since``, its movements, and its balance; positive is a debit.

    ``earlier`` is its balance at the date compared with, None when there is none.
    """

    account: Account
    opening: Decimal
    debit: Decimal
    credit: Decimal
    earlier: Decimal | None = None

    @property
    def balance(self) -> Decimal:
        return self.opening + self.debit - self.credit

    @property
    def difference(self) -> Decimal | None:
        return None if self.earlier is None else self.balance - self.earlier


@dataclass(frozen=True)
class TrialBalance:
    """All accounts that ever moved up to ``as_of``; movements from ``since``, or from the beginning."""

    administration: Administration
    as_of: date
    since: date | None
    rows: tuple[TrialBalanceRow, ...]
    known_at: datetime | None = None
    compare_to: date | None = None

    @property
    def opening(self) -> Decimal:
        return total(row.opening for row in self.rows)

    @property
    def debit(self) -> Decimal:
        return total(row.debit for row in self.rows)

    @property
    def credit(self) -> Decimal:
        return total(row.credit for row in self.rows)

    @property
    def balance(self) -> Decimal:
        """Zero, as long as every entry balances."""
        return total(row.balance for row in self.rows)

    @property
    def earlier(self) -> Decimal | None:
        """Zero as well; None when nothing is compared."""
        return total(row.earlier or ZERO for row in self.rows) if self.compare_to else None


def trial_balance(
    administration: Administration,
    as_of: date,
    since: date | None = None,
    *,
    known_at: datetime | None = None,
    compare_to: date | None = None,
) -> TrialBalance:
    """The balance of every account at the end of ``as_of``, from what was posted by ``known_at``."""
    now = balances(administration, as_of, since, known_at)
    past: dict[UUID, AccountBalance] = {}
    if compare_to:
        past = {row.account.pk: row for row in balances(administration, compare_to, known_at=known_at)}
        known = {row.account.pk for row in now}
        gone = [AccountBalance(row.account) for key, row in past.items() if key not in known]
        now = tuple(sorted([*now, *gone], key=lambda row: row.account.code))
    rows = tuple(
        TrialBalanceRow(
            row.account,
            row.opening,
            row.debit,
            row.credit,
            past.get(row.account.pk, AccountBalance(row.account)).balance if compare_to else None,
        )
        for row in now
    )
    return TrialBalance(administration, as_of, since, rows, known_at, compare_to)
