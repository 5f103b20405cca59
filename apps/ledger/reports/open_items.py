"""Open items as of a date, per control account, held against the account's balance."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby

from django.db.models import Q, Sum, Value
from django.db.models.functions import Coalesce

from apps.core.models import Administration
from apps.core.money import ZERO, amount_field, total
from apps.ledger.models import Account, JournalEntry, OpenItem, Party


@dataclass(frozen=True)
class OpenItemRow:
    """What one document of a party leaves owing; positive is a debit."""

    item: OpenItem
    party: Party
    original: Decimal
    open: Decimal


@dataclass(frozen=True)
class ControlAccount:
    """A control account with its open items and its balance in the books."""

    account: Account
    balance: Decimal
    rows: tuple[OpenItemRow, ...]

    @property
    def open(self) -> Decimal:
        return total(row.open for row in self.rows)

    @property
    def difference(self) -> Decimal:
        """Zero: every line on the account equals its open items."""
        return self.balance - self.open


def open_items(administration: Administration, as_of: date) -> tuple[ControlAccount, ...]:
    """What each party owed, or was owed, at the end of ``as_of``: every control account, in two queries.

    An allocation counts from the later of both items' dates, so that any past date still ties out.
    """
    items = (
        OpenItem.objects.filter(administration=administration)
        .as_of(as_of)
        .exclude(open=0)
        .select_related("party", "line__entry__journal")
        .order_by("account_id", "party__code", "date", "id")
    )
    rows = {
        account: tuple(OpenItemRow(item, item.party, item.amount, item.open) for item in group)
        for account, group in groupby(items, key=lambda item: item.account_id)
    }
    return tuple(
        ControlAccount(account, balance, rows.get(account.pk, ()))
        for account, balance in _control_accounts(administration, as_of)
    )


def _control_accounts(administration: Administration, as_of: date) -> list[tuple[Account, Decimal]]:
    posted = Q(lines__entry__status=JournalEntry.Status.POSTED, lines__entry__date__lte=as_of)
    balance = Sum("lines__debit", filter=posted) - Sum("lines__credit", filter=posted)
    accounts = Account.objects.filter(administration=administration).exclude(control="").order_by("code")
    balances = accounts.annotate(balance=Coalesce(balance, Value(ZERO), output_field=amount_field()))
    return [(account, account.balance) for account in balances]
