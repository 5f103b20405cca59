"""What went into a wallet and out of it, and where a wallet and its movements disagree."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from apps.billing.models import ClinicDay, Payment, TopUp, Wallet
from apps.core.money import ZERO, text

# What a mismatch says to a person; a report keeps its code and facts.
MISMATCHES = {
    "WALLET_DIFFERS": _("The wallet of {patient} holds {balance}, its movements add up to {amount}."),
    "WALLET_OVERDRAWN": _("The wallet of {patient} is overdrawn: {amount}."),
    "WALLET_STATED_DIFFERS": _("An earlier system stated {stated} in the wallet of {patient}, its movements {amount}."),
}


@dataclass(frozen=True)
class Movement:
    """One line of a wallet: a top-up or money paid out (W-...), or a bill paid from it or given back (R-...).

    Amounts are in the book currency, positive into the wallet; ``balance`` is what was in it afterwards.
    """

    id: UUID
    is_payment: bool
    number: int
    date: date
    method: str
    amount: Decimal
    reference: str
    reason: str
    bill_id: UUID | None
    bill_number: int | None
    balance: Decimal

    @property
    def document(self) -> str:
        return f"{'R' if self.is_payment else 'W'}-{self.number:06d}"


def movements_of(wallet: Wallet, *, most: int = 200, before: UUID | None = None) -> list[Movement]:
    """The movements of ``wallet``, newest first, ``most`` of them, those older than the movement ``before``.

    They run in the order in which they were entered, so that a balance never changes afterwards.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT * FROM (
                SELECT moved.*, sum(amount) OVER (ORDER BY id) AS balance FROM (
                    SELECT top_up.id, false AS is_payment, top_up.number, day.date, top_up.method, top_up.amount,
                           top_up.reference, top_up.reason, NULL::uuid AS bill_id, NULL::integer AS bill_number
                    FROM billing_topup top_up JOIN billing_clinicday day ON day.id = top_up.clinic_day_id
                    WHERE top_up.patient_id = %(patient)s
                    UNION ALL
                    SELECT payment.id, true, payment.number, day.date, payment.method, -payment.amount,
                           payment.reference, payment.reason, bill.id, bill.number
                    FROM billing_bill bill JOIN billing_payment payment ON payment.bill_id = bill.id
                    JOIN billing_clinicday day ON day.id = payment.clinic_day_id
                    WHERE bill.patient_id = %(patient)s AND payment.method = 'WALLET'
                ) AS moved
            ) AS running
            WHERE %(before)s::uuid IS NULL OR id < %(before)s::uuid
            ORDER BY id DESC LIMIT %(most)s
            """,
            {"patient": wallet.patient_id, "before": before, "most": most},
        )
        return [Movement(*row) for row in cursor.fetchall()]


def with_movements(wallets: QuerySet[Wallet]) -> QuerySet[Any]:
    """Each wallet with ``moved``, what its movements add up to, and ``stated``, what they did on ``stated_on``."""
    topped = TopUp.objects.filter(patient=OuterRef("patient"))
    spent = Payment.objects.filter(bill__patient=OuterRef("patient"), method=Payment.Method.WALLET)
    until = Q(clinic_day__date__lte=OuterRef("stated_on"))
    return wallets.annotate(
        moved=_sum(topped, "patient") - _sum(spent, "bill__patient"),
        moved_then=_sum(topped.filter(until), "patient") - _sum(spent.filter(until), "bill__patient"),
    )


def mismatches_of(day: ClinicDay) -> Iterator[dict[str, Any]]:
    """Wallets that moved on ``day`` and do not hold what their movements add up to, or less than nothing; and those
    whose balance in an earlier system was of that date and is another. Each as {code, patient, facts}."""
    code = day.administration.currency
    topped = TopUp.objects.filter(clinic_day=day, patient=OuterRef("patient"))
    spent = Payment.objects.filter(clinic_day=day, method=Payment.Method.WALLET, bill__patient=OuterRef("patient"))
    wallets = with_movements(
        Wallet.objects.filter(
            Exists(topped) | Exists(spent) | Q(stated_on=day.date), administration=day.administration_id
        ).select_related("patient")
    ).order_by("patient__code")
    for wallet in wallets:
        facts = {"wallet_id": str(wallet.pk), "patient": wallet.patient.code}
        if wallet.balance != wallet.moved:
            balances = {"balance": text(wallet.balance, code), "amount": text(wallet.moved, code)}
            yield {"code": "WALLET_DIFFERS", **facts, **balances}
        if wallet.balance < 0:
            yield {"code": "WALLET_OVERDRAWN", **facts, "amount": text(wallet.balance, code)}
        if wallet.stated_on == day.date and wallet.stated_balance != wallet.moved_then:
            balances = {"stated": text(wallet.stated_balance or ZERO, code), "amount": text(wallet.moved_then, code)}
            yield {"code": "WALLET_STATED_DIFFERS", **facts, **balances}


def _sum(rows: QuerySet[Any], of: str) -> Any:
    return Coalesce(Subquery(rows.order_by().values(of).annotate(sum=Sum("amount")).values("sum")), ZERO)
