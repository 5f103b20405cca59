"""What accounts stood at: the one reading of balances that every report shares."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from apps.core.models import Administration
from apps.ledger.models import Account
from apps.ledger.reports.rolled_up import NOTHING, Totals, totals


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """The posted debits and credits of one account: before the first day asked for, and from then on."""

    account: Account
    before: Totals = NOTHING
    up_to: Totals = NOTHING

    @property
    def opening(self) -> Decimal:
        """Positive is a debit."""
        return self.before.balance

    @property
    def debit(self) -> Decimal:
        """Debits from the first day asked for."""
        return self.up_to.debit - self.before.debit

    @property
    def credit(self) -> Decimal:
        """Credits from the first day asked for."""
        return self.up_to.credit - self.before.credit

    @property
    def balance(self) -> Decimal:
        """Positive is a debit."""
        return self.up_to.balance


def balances(
    administration: Administration,
    as_of: date,
    since: date | None = None,
    known_at: datetime | None = None,
    accounts: Iterable[Account] | None = None,
) -> tuple[AccountBalance, ...]:
    """Every account (of ``accounts``) with lines up to ``as_of``, by code; what moved from ``since`` told apart.

    Only what was posted by ``known_at`` counts, when given. Two queries.
    """
    days = [as_of] if since is None or since == date.min else [as_of, since - timedelta(days=1)]
    up_to, *earlier = totals(administration, days, accounts=accounts, known_at=known_at)
    before = earlier[0] if earlier else {}
    chart = Account.objects.filter(administration=administration).order_by("code")
    return tuple(
        AccountBalance(account, before.get(account.pk, NOTHING), up_to[account.pk])
        for account in (chart if accounts is None else chart.filter(pk__in=[account.pk for account in accounts]))
        if account.pk in up_to
    )
