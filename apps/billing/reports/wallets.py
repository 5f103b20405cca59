"""What went into a wallet and out of it, and where a wallet and its movements disagree."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from apps.billing.models import ClinicDay, Patient, Payment, TopUp, Wallet
from apps.core.money import ZERO, text

# What a mismatch says to a person; a report keeps its code and facts.
MISMATCHES = {
    "WALLET_DIFFERS": _("The wallet of {patient} holds {balance}, its movements add up to {amount}."),
    "WALLET_OVERDRAWN": _("The wallet of {patient} is overdrawn: {amount}."),
    "WALLET_BELOW_ADVANCES": _("The wallet of {patient} holds {balance}; {amount} of it was paid for services."),
    "WALLET_STATED_DIFFERS": _("An earlier system stated {stated} in the wallet of {patient}, its movements {amount}."),
}


@dataclass(frozen=True)
class Movement:
    """One line of a wallet: a top-up or money paid out (W-...), or a bill paid from it or given back (R-...).

    Amounts are in the book currency, positive into the wallet; ``balance`` is what was in it afterwards. ``service`` is
    the code of what it was paid for in advance, and ``vat`` what of the amount is its VAT.
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
    service: str | None
    vat: Decimal | None
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
                           top_up.reference, top_up.reason, NULL::uuid AS bill_id, NULL::integer AS bill_number,
                           service.code AS service, top_up.vat
                    FROM billing_topup top_up JOIN billing_clinicday day ON day.id = top_up.clinic_day_id
                    LEFT JOIN billing_service service ON service.id = top_up.service_id
                    WHERE top_up.patient_id = %(patient)s
                    UNION ALL
                    SELECT payment.id, true, payment.number, day.date, payment.method, -payment.amount,
                           payment.reference, payment.reason, bill.id, bill.number, service.code, -payment.advance_vat
                    FROM billing_bill bill JOIN billing_payment payment ON payment.bill_id = bill.id
                    JOIN billing_clinicday day ON day.id = payment.clinic_day_id
                    LEFT JOIN billing_topup advance ON advance.id = payment.advance_id
                    LEFT JOIN billing_service service ON service.id = advance.service_id
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
    """Each wallet with ``moved``, what its movements add up to."""
    topped = TopUp.objects.filter(patient=OuterRef("patient"))
    spent = Payment.objects.filter(bill__patient=OuterRef("patient"), method=Payment.Method.WALLET)
    return wallets.annotate(moved=_sum(topped, "patient") - _sum(spent, "bill__patient"))


# Wallets that moved from one date to another, those that an earlier system stated on one of them, or named ones; of
# these the ones that do not hold what all their movements add up to, hold less than nothing or than what was paid in
# advance for services, or moved to something else than was stated by the date of that. LATERAL ... OFFSET 0 keeps the
# planner from reading the bills of all patients.
DIFFERING = """
WITH moved AS MATERIALIZED (
    SELECT patient_id FROM billing_clinicday day JOIN billing_topup top_up ON top_up.clinic_day_id = day.id
    WHERE %(by_day)s AND day.administration_id = %(a)s AND day.date BETWEEN %(first)s AND %(last)s
    UNION
    SELECT bill.patient_id FROM billing_clinicday day
    JOIN billing_payment payment ON payment.clinic_day_id = day.id AND payment.method = 'WALLET'
    CROSS JOIN LATERAL (SELECT patient_id FROM billing_bill WHERE id = payment.bill_id OFFSET 0) bill
    WHERE %(by_day)s AND day.administration_id = %(a)s AND day.date BETWEEN %(first)s AND %(last)s
    UNION
    SELECT patient_id FROM billing_wallet WHERE administration_id = %(a)s
      AND (%(by_day)s AND stated_on BETWEEN %(first)s AND %(last)s OR NOT %(by_day)s AND id = ANY(%(ids)s))
), suspect AS MATERIALIZED (
    SELECT wallet.*, moves.balance AS movements, advances.earmarked
    FROM moved CROSS JOIN LATERAL (
        SELECT id, patient_id, balance, stated_balance, stated_on FROM billing_wallet
        WHERE patient_id = moved.patient_id OFFSET 0
    ) wallet
    CROSS JOIN LATERAL (
        SELECT coalesce((SELECT sum(amount) FROM billing_topup WHERE patient_id = wallet.patient_id), 0)
             - coalesce((
                   SELECT sum(payment.amount)
                   FROM (SELECT id FROM billing_bill WHERE patient_id = wallet.patient_id OFFSET 0) bill
                   CROSS JOIN LATERAL (
                       SELECT amount FROM billing_payment WHERE bill_id = bill.id AND method = 'WALLET' OFFSET 0
                   ) payment
               ), 0) AS balance OFFSET 0
    ) moves
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount - coalesce(used.amount_of_it, 0)), 0) AS earmarked
        FROM (
            SELECT id, amount FROM billing_topup
            WHERE patient_id = wallet.patient_id AND service_id IS NOT NULL OFFSET 0
        ) advance
        CROSS JOIN LATERAL (
            SELECT sum(amount) AS amount_of_it FROM billing_payment WHERE advance_id = advance.id OFFSET 0
        ) used
    ) advances
    WHERE wallet.balance <> moves.balance OR wallet.balance < 0 OR wallet.balance < advances.earmarked
       OR wallet.stated_balance IS NOT NULL
)
SELECT suspect.*, dated.until_then AS movements_then, dated.last_on
FROM suspect CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount) FILTER (WHERE date <= suspect.stated_on), 0) AS until_then, max(date) AS last_on
    FROM (
        SELECT top_up.amount, day.date FROM billing_topup top_up
        JOIN billing_clinicday day ON day.id = top_up.clinic_day_id WHERE top_up.patient_id = suspect.patient_id
        UNION ALL
        SELECT -payment.amount, day.date
        FROM (SELECT id FROM billing_bill WHERE patient_id = suspect.patient_id OFFSET 0) bill
        CROSS JOIN LATERAL (
            SELECT amount, clinic_day_id FROM billing_payment WHERE bill_id = bill.id AND method = 'WALLET' OFFSET 0
        ) payment
        JOIN billing_clinicday day ON day.id = payment.clinic_day_id
    ) movement
) dated
WHERE suspect.balance <> suspect.movements OR suspect.balance < 0 OR suspect.balance < suspect.earmarked
   OR suspect.stated_balance <> dated.until_then
"""


def mismatches_of(day: ClinicDay) -> Iterator[dict[str, Any]]:
    """Wallets that moved on ``day`` and do not hold what their movements add up to, less than nothing, or less than
    what was paid for services; and those whose balance in an earlier system was of that date and is another. Each as
    {code, patient, facts}."""
    code = day.administration.currency
    asked: dict[str, Any] = {"a": day.administration_id, "first": day.date, "last": day.date, "by_day": True, "ids": []}
    with connection.cursor() as cursor:
        cursor.execute(DIFFERING, asked)
        names = [column.name for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    patients = Patient.objects.in_bulk([row["patient_id"] for row in rows])
    for row in sorted(rows, key=lambda row: patients[row["patient_id"]].code):
        facts = {"wallet_id": str(row["id"]), "patient": patients[row["patient_id"]].code}
        if row["balance"] != row["movements"]:
            balances = {"balance": text(row["balance"], code), "amount": text(row["movements"], code)}
            yield {"code": "WALLET_DIFFERS", **facts, **balances}
        if row["balance"] < 0:
            yield {"code": "WALLET_OVERDRAWN", **facts, "amount": text(row["balance"], code)}
        elif row["balance"] < row["earmarked"]:
            balances = {"balance": text(row["balance"], code), "amount": text(row["earmarked"], code)}
            yield {"code": "WALLET_BELOW_ADVANCES", **facts, **balances}
        if row["stated_on"] == day.date and row["stated_balance"] != row["movements_then"]:
            balances = {"stated": text(row["stated_balance"], code), "amount": text(row["movements_then"], code)}
            yield {"code": "WALLET_STATED_DIFFERS", **facts, **balances}


def _sum(rows: QuerySet[Any], of: str) -> Any:
    return Coalesce(Subquery(rows.order_by().values(of).annotate(sum=Sum("amount")).values("sum")), ZERO)
