"""What a payout of the provider is made of: the payments that it pays out, its fees, and what it gave back."""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import F

from apps.billing.models import Payment, PaystackRefund, PaystackSettlement, PaystackTransaction, TopUp
from apps.core.money import total


@dataclass(frozen=True)
class PaidOut:
    """A payment that a payout pays out, with its fees, and the receipts by which it was taken here."""

    stated: PaystackTransaction
    receipts: tuple[Payment | TopUp, ...]


@dataclass(frozen=True)
class Deducted:
    """What the provider gave back and deducted from a payout, and the refunds that were entered for that payment."""

    stated: PaystackRefund
    receipts: tuple[Payment | TopUp, ...]


@dataclass(frozen=True)
class Payout:
    """A payout by its parts. Amounts are in its own ``currency``, each positive; ``net`` came to the bank account."""

    settlement: PaystackSettlement
    currency: str
    gross: Decimal
    fees: Decimal
    net: Decimal
    payments: tuple[PaidOut, ...]
    refunds: tuple[Deducted, ...]

    @property
    def refunded(self) -> Decimal:
        return total(one.stated.amount for one in self.refunds)

    @property
    def unexplained(self) -> Decimal:
        """What the net lacks or has too much beside payments, fees and refunds: a chargeback, or something unknown."""
        return self.net - (total(one.stated.amount for one in self.payments) - self.fees - self.refunded)


def payout_of(settlement: PaystackSettlement) -> Payout:
    """``settlement`` by its parts, in a fixed number of queries."""
    paid = list(settlement.transactions.filter(currency=settlement.currency).order_by("paid_at", "id"))
    back = list(settlement.refunds.filter(status=PaystackRefund.PROCESSED).select_related("transaction").order_by("id"))
    taken = _receipts(settlement.administration_id, {one.reference for one in paid})
    given = _given_back(settlement.administration_id, {one.transaction.reference for one in back})
    return Payout(
        settlement=settlement,
        currency=settlement.currency,
        gross=settlement.gross,
        fees=settlement.fees,
        net=settlement.net,
        payments=tuple(PaidOut(one, tuple(taken[one.reference])) for one in paid),
        refunds=tuple(Deducted(one, tuple(given[one.transaction.reference])) for one in back),
    )


def _receipts(administration: UUID, references: set[str]) -> dict[str, list[Any]]:
    of: dict[str, Any] = {"administration": administration, "method": "PAYSTACK", "reference__in": references}
    found: dict[str, list[Any]] = defaultdict(list)
    for rows in (
        Payment.objects.filter(**of, kind=Payment.Kind.PAYMENT).select_related("administration"),
        TopUp.objects.filter(**of, amount__gt=0).select_related("administration"),
    ):
        for row in rows.order_by("id"):
            found[row.reference].append(row)
    return found


def _given_back(administration: UUID, references: set[str]) -> dict[str, list[Any]]:
    """Refunds and chargebacks by the reference of what they give back, and money paid out of wallets by it."""
    of: dict[str, Any] = {"administration": administration, "method": "PAYSTACK"}
    found: dict[str, list[Any]] = defaultdict(list)
    refunds = Payment.objects.filter(**of, refunds__reference__in=references).annotate(paid_by=F("refunds__reference"))
    paid_out = TopUp.objects.filter(**of, amount__lt=0, reference__in=references).annotate(paid_by=F("reference"))
    for rows in (refunds, paid_out):
        for row in rows.select_related("administration").order_by("id"):
            found[row.paid_by].append(row)
    return found
