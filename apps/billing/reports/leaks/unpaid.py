"""What was billed and nobody paid; cash that did not go where it should."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

from apps.billing.models import Leak
from apps.billing.reports.leaks.finding import Found, Scope
from apps.billing.reports.leaks.recovered import sums, within

# A bill whose visit is still going on is not owed yet. What was refunded after the bill had been paid is a new fact.
OWING = """
SELECT bill.id, day.date AS day, bill.visit_id, bill.number, bill.payer_id, owed.amount AS owed,
       co_pay.amount AS co_pay, paid.amount AS paid, 1 + paid.refunds AS version,
       EXISTS (
           SELECT FROM billing_cover cover
           WHERE cover.patient_id = bill.patient_id AND cover.valid_from <= day.date
             AND (cover.valid_until IS NULL OR cover.valid_until >= day.date)
       ) AS covered
FROM (
    SELECT bill.* FROM billing_clinicday day JOIN billing_bill bill ON bill.clinic_day_id = day.id
    WHERE %(by_day)s AND day.administration_id = %(a)s AND day.date BETWEEN %(first)s AND %(last)s
    UNION ALL
    SELECT * FROM billing_bill WHERE NOT %(by_day)s AND administration_id = %(a)s AND id = ANY(%(ids)s)
) bill
CROSS JOIN LATERAL (
    SELECT sum(amount) AS amount FROM billing_outstanding
    WHERE bill_id = bill.id AND debtor = 'PATIENT' AND upper_inf(during)
) owed
JOIN billing_clinicday day ON day.id = bill.clinic_day_id
LEFT JOIN billing_visit visit ON visit.id = bill.visit_id
CROSS JOIN LATERAL (SELECT coalesce(sum(co_pay), 0) AS amount FROM billing_billline WHERE bill_id = bill.id) co_pay
CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount) FILTER (WHERE payer_id IS NULL), 0) AS amount,
           count(*) FILTER (WHERE kind <> 'PAYMENT') AS refunds
    FROM billing_payment WHERE bill_id = bill.id
) paid
WHERE bill.kind = 'BILL' AND owed.amount > 0 AND coalesce(visit.status, 'CLOSED') = 'CLOSED'
ORDER BY bill.id
"""


def owing_bills(scope: Scope) -> list[dict[str, Any]]:
    """Bills of closed visits of which the patient still owes something, each with its co-pay."""
    return scope.rows(OWING, "bill")


def _owing(row: dict[str, Any], amount: Decimal) -> Found:
    return Found(
        id=row["id"],
        day=row["day"],
        amount=amount,
        version=str(row["version"]),
        visit=row["visit_id"],
        bill=row["id"],
        facts={"bill": row["number"]},
    )


def closed_owing(scope: Scope) -> Iterator[Found]:
    """L15. The visit is over, the patient owes, and no payer and no cover stands behind it."""
    for row in scope.once(owing_bills):
        if row["visit_id"] and row["payer_id"] is None and not row["covered"]:
            yield _owing(row, row["owed"])


def co_pay_not_taken(scope: Scope) -> Iterator[Found]:
    """L19. The patient's own part of what a payer covers was not taken."""
    for row in scope.once(owing_bills):
        open_ = min(row["owed"], row["co_pay"] - row["paid"])
        if row["payer_id"] is not None and open_ > 0:
            yield _owing(row, open_)


PAID_SINCE = """
SELECT leak.id, sum(payment.amount) AS amount
FROM billing_leak leak JOIN billing_payment payment ON payment.bill_id = leak.entity_id
WHERE leak.id = ANY(%s) AND payment.taken_at > leak.first_seen_at AND payment.payer_id IS NULL
GROUP BY leak.id
"""


def paid_since(leaks: list[Leak]) -> dict[UUID, Decimal]:
    """What the patient paid on the bill of each leak after it was first seen."""
    return within(leaks, sums(PAID_SINCE, leaks))


# Of each drawer and day the last final count; what it held above the standard float should have gone to the bank.
# Deposits pay the oldest cash first; what was late from the day before already counts there.
COUNTED = """
    SELECT final.shift_id, final.total, final.counted_at, day.date
    FROM billing_shift shift JOIN billing_clinicday day ON day.id = shift.clinic_day_id
    JOIN billing_drawercount final ON final.shift_id = shift.id AND final.is_final
    WHERE shift.drawer_id = asked.drawer_id AND day.date {which} asked.date
    ORDER BY day.date DESC, final.counted_at DESC LIMIT 1
"""
DEPOSITED = """
    SELECT coalesce(sum(movement.amount), 0) AS amount
    FROM billing_clinicday day JOIN billing_cashmovement movement ON movement.clinic_day_id = day.id
    JOIN billing_shift shift ON shift.id = movement.shift_id
    WHERE day.administration_id = %(a)s AND day.date >= {count}.date AND movement.kind = 'DEPOSIT'
      AND shift.drawer_id = asked.drawer_id AND movement.at > {count}.counted_at
"""
DEPOSITS = f"""
WITH asked AS MATERIALIZED (
    SELECT shift.drawer_id, day.date FROM billing_clinicday day JOIN billing_shift shift ON shift.clinic_day_id = day.id
    WHERE %(by_day)s AND day.administration_id = %(a)s
      AND day.date BETWEEN %(first)s - %(within)s AND %(last)s - %(within)s
    UNION
    SELECT shift.drawer_id, day.date FROM billing_shift shift JOIN billing_clinicday day ON day.id = shift.clinic_day_id
    WHERE NOT %(by_day)s AND shift.administration_id = %(a)s AND shift.id = ANY(%(ids)s)
)
SELECT now.shift_id AS id, now.date + %(within)s AS day, drawer.code, now.total, since.amount AS deposited,
       greatest(now.total - drawer.standard_float - since.amount, 0)
       - greatest(coalesce(before.total - drawer.standard_float - since_before.amount, 0), 0) AS amount
FROM asked JOIN billing_drawer drawer ON drawer.id = asked.drawer_id
CROSS JOIN LATERAL ({COUNTED.format(which="=")}) now
LEFT JOIN LATERAL ({COUNTED.format(which="<")}) before ON true
CROSS JOIN LATERAL ({DEPOSITED.format(count="now")}) since
CROSS JOIN LATERAL ({DEPOSITED.format(count="before")}) since_before
"""  # noqa: S608 - both parts are ours


def deposit_late(scope: Scope) -> Iterator[Found]:
    """L30. What was counted above the standard float is not at the bank in the days that the clinic gives itself."""
    for row in scope.rows(DEPOSITS, "shift", within=scope.limits.deposit_within_days):
        if row["amount"] > 0 and scope.admits(row["day"]):
            yield Found(row["id"], row["day"], row["amount"], facts={"drawer": row["code"]})


DEPOSITED_SINCE = """
SELECT leak.id, sum(movement.amount) AS amount
FROM billing_leak leak JOIN billing_shift counted ON counted.id = leak.entity_id
JOIN billing_shift shift ON shift.drawer_id = counted.drawer_id
JOIN billing_cashmovement movement ON movement.shift_id = shift.id AND movement.kind = 'DEPOSIT'
WHERE leak.id = ANY(%s) AND movement.at > leak.first_seen_at GROUP BY leak.id
"""


def deposited_since(leaks: list[Leak]) -> dict[UUID, Decimal]:
    """What was brought to the bank from the drawer after each leak was first seen."""
    return within(leaks, sums(DEPOSITED_SINCE, leaks))


FLOATS = """
SELECT shift.id, day.date AS day, drawer.code, shift.opening_float, shift.retained
FROM billing_shift shift JOIN billing_clinicday day ON day.id = shift.clinic_day_id
JOIN billing_drawer drawer ON drawer.id = shift.drawer_id
WHERE day.administration_id = %(a)s AND shift.retained <> shift.opening_float
  AND (%(by_day)s AND day.date BETWEEN %(first)s AND %(last)s OR NOT %(by_day)s AND shift.id = ANY(%(ids)s))
"""


def float_differs(scope: Scope) -> Iterator[Found]:
    """L31. A drawer was opened with something else than the shift before left in it."""
    for row in scope.rows(FLOATS, "shift"):
        facts = {"drawer": row["code"], "float": str(row["opening_float"]), "retained": str(row["retained"])}
        yield Found(row["id"], row["day"], abs(row["retained"] - row["opening_float"]), facts=facts)
