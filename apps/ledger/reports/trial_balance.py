"""Trial balance: what stands on every account at the end of a day."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Q, Sum, Value
from django.db.models.functions import Coalesce

from apps.core.models import Administration
from apps.core.money import ZERO, amount_field, total
from apps.ledger.models import Account, JournalEntry


@dataclass(frozen=True)
class TrialBalanceRow:
    """One account: what it stood at before ``since``, its movements, and its balance; positive is a debit."""

    account: Account
    opening: Decimal
    debit: Decimal
    credit: Decimal

    @property
    def balance(self) -> Decimal:
        return self.opening + self.debit - self.credit


@dataclass(frozen=True)
class TrialBalance:
    """All accounts that ever moved up to ``as_of``; movements from ``since``, or from the beginning."""

    administration: Administration
    as_of: date
    since: date | None
    rows: tuple[TrialBalanceRow, ...]

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


def trial_balance(administration: Administration, as_of: date, since: date | None = None) -> TrialBalance:
    """The balance of every account at the end of ``as_of``, from posted entries, in one query."""
    moved = Q(lines__entry__status=JournalEntry.Status.POSTED, lines__entry__date__lte=as_of)
    before = moved & Q(lines__entry__date__lt=since or date.min)
    inside = moved & Q(lines__entry__date__gte=since or date.min)
    accounts = (
        Account.objects.filter(moved, administration=administration)
        .annotate(
            before_debit=_sum("lines__debit", before),
            before_credit=_sum("lines__credit", before),
            debit=_sum("lines__debit", inside),
            credit=_sum("lines__credit", inside),
        )
        .order_by("code")
    )
    rows = (
        TrialBalanceRow(account, account.before_debit - account.before_credit, account.debit, account.credit)
        for account in accounts
    )
    return TrialBalance(administration, as_of, since, tuple(rows))


def _sum(column: str, condition: Q) -> Any:
    return Coalesce(Sum(column, filter=condition), Value(ZERO), output_field=amount_field())
