"""What the payment provider confirmed, against what the books took for it."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

from apps.billing.models import Leak
from apps.billing.reports.leaks.finding import Found, Scope
from apps.billing.reports.leaks.recovered import sums, within

# What was taken under a reference: payments less what was given back of them, and top-ups of the patient it names.
TAKEN = """
SELECT coalesce(sum(amount), 0) AS amount, max(date) AS last_on
FROM (
    SELECT payment.amount + coalesce(back.amount, 0) AS amount, day.date
    FROM billing_payment payment JOIN billing_clinicday day ON day.id = payment.clinic_day_id
    LEFT JOIN LATERAL (SELECT sum(amount) AS amount FROM billing_payment WHERE refunds_id = payment.id) back ON true
    WHERE payment.administration_id = %(a)s AND payment.method = 'PAYSTACK' AND payment.reference = stated.reference
      AND payment.reference <> '' AND payment.kind = 'PAYMENT'
    UNION ALL
    SELECT top_up.amount, day.date
    FROM billing_topup top_up JOIN billing_clinicday day ON day.id = top_up.clinic_day_id
    WHERE top_up.patient_id = stated.patient_id AND top_up.method = 'PAYSTACK'
      AND top_up.reference = stated.reference
) one
"""
TRANSACTIONS = f"""
WITH asked AS (
    SELECT known.id FROM generate_series(0, %(last)s - %(first)s) AS later CROSS JOIN LATERAL (
        SELECT id FROM billing_paystacktransaction
        WHERE administration_id = %(a)s AND paid_on = %(first)s + later OFFSET 0
    ) known
    WHERE %(by_day)s
    UNION
    SELECT known.id
    FROM (
        SELECT reference FROM billing_clinicday day
        JOIN billing_payment payment ON payment.clinic_day_id = day.id AND payment.method = 'PAYSTACK'
        WHERE %(by_day)s AND day.administration_id = %(a)s AND day.date BETWEEN %(first)s AND %(last)s
        UNION
        SELECT reference FROM billing_clinicday day
        JOIN billing_topup top_up ON top_up.clinic_day_id = day.id AND top_up.method = 'PAYSTACK'
        WHERE %(by_day)s AND day.administration_id = %(a)s AND day.date BETWEEN %(first)s AND %(last)s
    ) used
    CROSS JOIN LATERAL (
        SELECT id FROM billing_paystacktransaction
        WHERE administration_id = %(a)s AND reference = used.reference AND used.reference <> '' OFFSET 0
    ) known
    UNION
    SELECT id FROM billing_paystacktransaction
    WHERE NOT %(by_day)s AND administration_id = %(a)s AND id = ANY(%(ids)s)
)
SELECT stated.id, stated.paid_on, stated.amount, stated.bill_id, bill.visit_id, stated.reference,
       taken.amount AS taken, taken.last_on, back.amount AS given_back
FROM asked CROSS JOIN LATERAL (SELECT * FROM billing_paystacktransaction WHERE id = asked.id OFFSET 0) stated
CROSS JOIN LATERAL ({TAKEN}) taken
CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount), 0) AS amount FROM billing_paystackrefund
    WHERE transaction_id = stated.id AND status = 'processed' OFFSET 0
) back
LEFT JOIN LATERAL (SELECT visit_id FROM billing_bill WHERE id = stated.bill_id OFFSET 0) bill ON true
WHERE stated.status = 'success' AND stated.paid_on IS NOT NULL AND taken.amount <> stated.amount
"""  # noqa: S608 - TAKEN is ours


def disagreeing(scope: Scope) -> list[dict[str, Any]]:
    """Confirmed payments of which another amount was taken than the provider states."""
    return scope.rows(TRANSACTIONS, "paystack_transaction")


def _stated(row: dict[str, Any], day: Any, amount: Decimal) -> Found:
    back = {"given_back": str(row["given_back"])} if row["given_back"] else {}
    return Found(
        id=row["id"],
        day=day,
        amount=amount,
        version=f"{row['taken'].normalize():f}",
        visit=row["visit_id"],
        bill=row["bill_id"],
        facts={"stated": str(row["amount"]), "taken": str(row["taken"]), **back},
    )


def confirmed_and_not_taken(scope: Scope) -> Iterator[Found]:
    """L20 of the provider. It confirmed money, and kept it, that no payment and no top-up took, or took less of."""
    for row in scope.once(disagreeing):
        short = row["amount"] - row["given_back"] - row["taken"]
        if short > 0 and scope.admits(row["paid_on"]):
            yield _stated(row, row["paid_on"], short)


def taken_beyond_reference(scope: Scope) -> Iterator[Found]:
    """L24. More was taken under a provider's reference than it confirmed."""
    for row in scope.once(disagreeing):
        if row["taken"] > row["amount"] and scope.admits(row["last_on"]):
            yield _stated(row, row["last_on"], row["taken"] - row["amount"])


# A clinic that has no word of the provider at all enters what it sees there by hand.
UNCONFIRMED = """
SELECT payment.id, day.date AS day, payment.amount + coalesce(back.amount, 0) AS amount, payment.number,
       payment.bill_id, bill.visit_id
FROM billing_clinicday day JOIN billing_payment payment
  ON payment.clinic_day_id = day.id AND payment.method = 'PAYSTACK' AND payment.kind = 'PAYMENT'
LEFT JOIN LATERAL (
    SELECT true AS found FROM billing_paystacktransaction stated
    WHERE stated.administration_id = %(a)s AND stated.reference = payment.reference AND stated.status = 'success'
      AND payment.reference <> ''
    LIMIT 1
) confirmed ON true
LEFT JOIN LATERAL (SELECT sum(amount) AS amount FROM billing_payment WHERE refunds_id = payment.id) back
  ON confirmed.found IS NULL
JOIN billing_bill bill ON bill.id = payment.bill_id
WHERE day.administration_id = %(a)s AND confirmed.found IS NULL AND payment.amount + coalesce(back.amount, 0) > 0
  AND (%(by_day)s AND day.date BETWEEN %(first)s AND %(last)s OR NOT %(by_day)s AND payment.id = ANY(%(ids)s))
  AND EXISTS (SELECT FROM billing_paystacktransaction WHERE administration_id = %(a)s)
"""


def taken_and_not_confirmed(scope: Scope) -> Iterator[Found]:
    """L20 of a payment. The provider never confirmed it."""
    for row in scope.rows(UNCONFIRMED, "payment"):
        facts = {"number": row["number"]}
        yield Found(row["id"], row["day"], row["amount"], visit=row["visit_id"], bill=row["bill_id"], facts=facts)


CONFIRMED = """
SELECT leak.id, leak.amount FROM billing_leak leak JOIN billing_payment payment ON payment.id = leak.entity_id
WHERE leak.id = ANY(%s) AND EXISTS (
    SELECT FROM billing_paystacktransaction stated
    WHERE stated.administration_id = payment.administration_id AND stated.reference = payment.reference
      AND stated.status = 'success'
)
"""


def confirmed_since(leaks: list[Leak]) -> dict[UUID, Decimal]:
    """What the provider confirmed after all."""
    return within(leaks, sums(CONFIRMED, leaks))


TAKEN_SINCE = """
SELECT leak.id, sum(one.amount) AS amount
FROM billing_leak leak JOIN billing_paystacktransaction stated ON stated.id = leak.entity_id
CROSS JOIN LATERAL (
    SELECT amount, taken_at FROM billing_payment
    WHERE administration_id = stated.administration_id AND method = 'PAYSTACK' AND reference = stated.reference
      AND reference <> ''
    UNION ALL
    SELECT amount, taken_at FROM billing_topup
    WHERE patient_id = stated.patient_id AND method = 'PAYSTACK' AND reference = stated.reference
) one
WHERE leak.id = ANY(%s) AND one.taken_at > leak.first_seen_at GROUP BY leak.id
"""


def taken_since(leaks: list[Leak]) -> dict[UUID, Decimal]:
    """What was taken under the reference after each leak was first seen."""
    return within(leaks, sums(TAKEN_SINCE, leaks))
