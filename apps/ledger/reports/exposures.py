"""What is kept in a foreign currency, and what it is worth at a rate."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Count, F, Max, Q, Sum

from apps.core.models import Administration
from apps.core.money import ZERO, quantize
from apps.ledger.errors import ExchangeRateMissing
from apps.ledger.models import Account, ExchangeRate, JournalLine, OpenItem, VatCode


@dataclass(frozen=True)
class Exposure:
    """What stands on ``account`` in a foreign currency: ``amount`` of it, ``booked`` in the book currency.

    A debit is positive. ``rate`` is the last one up to the day asked for.
    """

    account: Account
    currency: str
    amount: Decimal
    booked: Decimal
    rate: ExchangeRate

    @property
    def value(self) -> Decimal:
        """The amount at the rate, in the book currency."""
        return quantize(self.amount * self.rate.rate, self.rate.administration.currency)

    @property
    def difference(self) -> Decimal:
        """What the books lack: positive is a gain."""
        return self.value - self.booked

    @property
    def words(self) -> str:
        return f"{self.currency} {self.amount.normalize():f} @ {self.rate.rate.normalize():f} ({self.rate.date})"


def exposures(administration: Administration, as_of: date) -> tuple[Exposure, ...]:
    """Open foreign items by control account, and the accounts that are kept in a foreign currency, at ``as_of``.

    An item that is settled in part has the same part of its foreign amount left, since an allocation is in the book
    currency. Raises ExchangeRateMissing.
    """
    amounts = {**_of_items(administration, as_of), **_of_accounts(administration, as_of)}
    accounts = Account.objects.in_bulk({account for account, _currency in amounts})
    found = []
    for (account, currency), (amount, booked) in amounts.items():
        if amount or booked:
            rate = ExchangeRate.objects.on(administration, currency, as_of)
            if rate is None:
                raise ExchangeRateMissing(currency=currency, date=as_of)
            rate.administration = administration
            found.append(Exposure(accounts[account], currency, amount, booked, rate))
    return tuple(sorted(found, key=lambda one: (one.account.code, one.currency)))


def _of_items(administration: Administration, as_of: date) -> dict[tuple[object, str], tuple[Decimal, Decimal]]:
    sums: dict[tuple[object, str], tuple[Decimal, Decimal]] = defaultdict(lambda: (ZERO, ZERO))
    items = OpenItem.objects.filter(administration=administration).exclude(currency__in=("", administration.currency))
    for item in items.as_of(as_of).exclude(open=0).iterator():
        amount, booked = sums[item.account_id, item.currency]
        left = quantize(item.amount_currency * item.open / item.amount, item.currency)
        sums[item.account_id, item.currency] = (amount + left, booked + item.open)
    return sums


def _of_accounts(administration: Administration, as_of: date) -> dict[tuple[object, str], tuple[Decimal, Decimal]]:
    """Money and debts kept in a foreign currency: accounts of the balance sheet all of whose lines are in it. A bank
    account in the book currency that was paid in another, and tax on a foreign invoice, are not among them."""
    taxes = VatCode.objects.filter(administration=administration)
    kept = (
        JournalLine.objects.filter(administration=administration, account__control="")
        .filter(Q(account__place=Account.Place.CURRENT_ASSETS) | Q(account__type=Account.Type.LIABILITY))
        .exclude(account__in=taxes.exclude(account=None).values("account"))
        .exclude(account__in=taxes.exclude(input_account=None).values("input_account"))
        .up_to(as_of)
        .order_by()
        .values("account")
        .annotate(
            currencies=Count("currency", distinct=True),
            one=Max("currency"),
            amount=Sum("amount_currency"),
            booked=Sum(F("debit") - F("credit")),
        )
        .filter(currencies=1)
        .exclude(one__in=("", administration.currency))
    )
    return {(row["account"], row["one"]): (row["amount"], row["booked"]) for row in kept}
