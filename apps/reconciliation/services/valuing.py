"""What a bank line is worth in the books, and in the currency of what it pays."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from apps.core.models import Administration
from apps.core.money import quantize, shares, total
from apps.ledger.models import ExchangeRate
from apps.ledger.services.invoicing import rate_on
from apps.reconciliation.models import StatementLine

RATE = Decimal("0.00000001")


@dataclass(frozen=True)
class Worth:
    """The rate of one bank line: ``amount`` of the account's currency is ``books``. It is the one that the statement
    implies, of what was paid and what arrived, otherwise that of the dated table, which is ``table`` then."""

    line: StatementLine
    amount: Decimal
    books: Decimal
    table: ExchangeRate | None = None

    @property
    def administration(self) -> Administration:
        return self.line.administration

    @property
    def currency(self) -> str:
        """The account's."""
        return self.line.bank_account.currency

    @property
    def foreign(self) -> bool:
        """Whether the account is kept in another currency than the books."""
        return self.currency != self.administration.currency

    @property
    def rate(self) -> Decimal:
        """What one unit of the account's currency is worth in the books."""
        return (self.books / self.amount).quantize(RATE)

    def of(self, amount: Decimal) -> Decimal:
        """``amount`` of the account's currency in the books."""
        return quantize(amount * self.books / self.amount, self.administration.currency)

    def shared(self, amounts: Sequence[Decimal]) -> list[Decimal]:
        """``amounts`` that are cleared next, in the books: together with what was cleared before they are what the
        whole is worth, to the last digit."""
        before = self.line.amount - self.line.residual
        worth = self.of(before + total(amounts)) - self.of(before)
        return shares(worth, amounts, self.administration.currency)

    def paid(self, part: Decimal, share: Decimal, rest: Decimal, currency: str) -> Decimal:
        """How much of ``rest``, of ``currency``, a ``part`` of the line pays that is ``share`` in the books; all above
        zero. What is the rest when it is told in the line's digits, pays the rest: the two currencies round apart.

        Raises ExchangeRateMissing.
        """
        if currency == self.currency:
            return part
        if currency == self.line.foreign_currency:
            known, other, unit, against = self.line.amount, self.line.foreign_amount, self.currency, part
        else:
            rate = rate_on(self.administration, currency, self.line.date)
            known, other, unit, against = rate.rate, Decimal(1), self.administration.currency, share
        assert other is not None  # noqa: S101 - a law: a foreign currency has its amount
        if quantize(rest * abs(known / other), unit) == against:
            return rest
        return quantize(against * abs(other / known), currency)

    @property
    def words(self) -> str:
        """The rate that the dated table said, for a memo; empty otherwise."""
        if self.table is None:
            return ""
        named = f"{self.currency} {self.table.rate.normalize():f}, {self.table.source} {self.table.date}"
        return f" ({named})".replace(",  ", ", ")


def worth(line: StatementLine) -> Worth:
    """The rate of ``line``. Raises ExchangeRateMissing."""
    books, account = line.administration.currency, line.bank_account.currency
    if account == books:
        return Worth(line, Decimal(1), Decimal(1))
    if line.foreign_currency == books and line.foreign_amount:
        return Worth(line, abs(line.amount), abs(line.foreign_amount))
    table = rate_on(line.administration, account, line.date)
    return Worth(line, Decimal(1), table.rate, table)
