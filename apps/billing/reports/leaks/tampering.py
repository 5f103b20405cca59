"""Money and documents that somebody moved in a way that hides something."""

from collections.abc import Iterator
from typing import Any

from apps.billing.reports import wallets
from apps.billing.reports.leaks.finding import Found, Scope
from apps.core.money import ZERO

# That a refund names its original, gives back no more than it and goes by its method is a law of the database.
REFUNDS = """
SELECT refund.id, day.date AS day, -refund.amount AS amount, bill.visit_id, bill.id AS bill_id, refund.number,
       original.number AS original
FROM billing_payment refund JOIN billing_clinicday day ON day.id = refund.clinic_day_id
JOIN billing_payment original ON original.id = refund.refunds_id
JOIN billing_bill bill ON bill.id = refund.bill_id
WHERE day.administration_id = %(a)s AND refund.administration_id = %(a)s AND refund.kind = 'REFUND'
  AND refund.taken_by_id = original.taken_by_id
  AND (%(by_day)s AND day.date BETWEEN %(first)s AND %(last)s OR NOT %(by_day)s AND refund.id = ANY(%(ids)s))
"""


def refunded_by_cashier(scope: Scope) -> Iterator[Found]:
    """L13. Whoever took the money gave it back; where one person may sign alone that is nobody else's to do."""
    if scope.administration.single_sign_off:
        return
    for row in scope.rows(REFUNDS, "payment"):
        facts = {"number": row["number"], "original": row["original"]}
        yield Found(row["id"], row["day"], row["amount"], visit=row["visit_id"], bill=row["bill_id"], facts=facts)


LATE = """
SELECT row.id, 'payment' AS entity, day.date AS day, abs(row.amount) AS amount, row.number, row.bill_id,
       late.date AS late_for
FROM billing_clinicday day JOIN billing_payment row ON row.clinic_day_id = day.id
JOIN billing_clinicday late ON late.id = row.late_for_id
WHERE day.administration_id = %(a)s
  AND (%(by_day)s AND day.date BETWEEN %(first)s AND %(last)s OR NOT %(by_day)s AND row.id = ANY(%(ids)s))
UNION ALL
SELECT row.id, 'bill', day.date, abs(row.gross), row.number, row.id, late.date
FROM billing_clinicday day JOIN billing_bill row ON row.clinic_day_id = day.id
JOIN billing_clinicday late ON late.id = row.late_for_id
WHERE day.administration_id = %(a)s
  AND (%(by_day)s AND day.date BETWEEN %(first)s AND %(last)s OR NOT %(by_day)s AND row.id = ANY(%(ids)s))
UNION ALL
SELECT row.id, 'top_up', day.date, abs(row.amount), row.number, NULL, late.date
FROM billing_clinicday day JOIN billing_topup row ON row.clinic_day_id = day.id
JOIN billing_clinicday late ON late.id = row.late_for_id
WHERE day.administration_id = %(a)s
  AND (%(by_day)s AND day.date BETWEEN %(first)s AND %(last)s OR NOT %(by_day)s AND row.id = ANY(%(ids)s))
"""


def backdated(scope: Scope) -> list[dict[str, Any]]:
    """Payments, bills and top-ups that were entered for a day that was signed already."""
    return scope.rows(LATE, "payment", "bill", "top_up")


def _late(scope: Scope, entity: str) -> Iterator[Found]:
    for row in scope.once(backdated):
        if row["entity"] == entity:
            facts = {"number": row["number"], "late_for": row["late_for"].isoformat()}
            yield Found(row["id"], row["day"], row["amount"], bill=row["bill_id"], facts=facts)


def payment_backdated(scope: Scope) -> Iterator[Found]:
    """L14 of a payment or refund. It was entered for a day that was signed already."""
    return _late(scope, "payment")


def bill_backdated(scope: Scope) -> Iterator[Found]:
    """L14 of a bill or credit note."""
    return _late(scope, "bill")


def top_up_backdated(scope: Scope) -> Iterator[Found]:
    """L14 of a wallet top-up."""
    return _late(scope, "top_up")


def wallet_disagrees(scope: Scope) -> Iterator[Found]:
    """L21. A wallet holds something else than its movements add up to, or than an earlier system stated, or less than
    what was paid in advance for services."""
    for row in scope.rows(wallets.DIFFERING, "wallet"):
        off = row["balance"] - row["movements"]
        day = row["last_on"] or row["stated_on"] or scope.last
        if not off and row["stated_balance"] not in (None, row["movements_then"]):
            # what it was said to hold, against what moved until then
            off, day = row["stated_balance"] - row["movements_then"], row["stated_on"]
        if not off and row["earmarked"]:
            off = min(row["balance"] - row["earmarked"], ZERO)
        if not off:
            continue  # overdrawn, which is no leak
        names = ("balance", "movements", "movements_then", "earmarked")
        facts = {name: str(row[name]) for name in names if row[name] is not None}
        yield Found(row["id"], day, abs(off), version=f"{off.normalize():f}", facts=facts)


# The first of each run of numbers is held against the number before it. Two documents never have one number: a law.
GAPS_OF = """
SELECT '{entity}' AS entity, gap.* FROM (
    WITH numbers AS (
        SELECT row.id, row.number, day.date AS day, lag(row.number) OVER (ORDER BY row.number) AS before
        FROM billing_clinicday day JOIN {table} row ON row.clinic_day_id = day.id
        WHERE day.administration_id = %(a)s AND day.date BETWEEN %(first)s AND %(last)s AND %(by_day)s
        UNION ALL
        SELECT row.id, row.number, day.date, NULL
        FROM {table} row JOIN billing_clinicday day ON day.id = row.clinic_day_id
        WHERE NOT %(by_day)s AND row.administration_id = %(a)s AND row.id = ANY(%(ids)s)
    ), firsts AS MATERIALIZED (
        SELECT * FROM numbers WHERE number > 1 AND before IS DISTINCT FROM number - 1
    )
    SELECT firsts.id, firsts.day, firsts.number, firsts.number - 1 - coalesce(below.number, 0) AS missing
    FROM firsts LEFT JOIN LATERAL (
        SELECT number FROM {table} WHERE administration_id = %(a)s AND number < firsts.number
        ORDER BY number DESC LIMIT 1
    ) below ON true
    WHERE coalesce(below.number, 0) <> firsts.number - 1
) gap
"""
NUMBERED = {"bill": "billing_bill", "payment": "billing_payment", "top_up": "billing_topup"}
GAPS = "UNION ALL".join(
    GAPS_OF.replace("{entity}", entity).replace("{table}", table) for entity, table in NUMBERED.items()
)


def gaps(scope: Scope) -> list[dict[str, Any]]:
    """Documents before whose number others are missing."""
    return scope.rows(GAPS, *NUMBERED)


def _gaps(scope: Scope, entity: str) -> Iterator[Found]:
    for row in scope.once(gaps):
        if row["entity"] == entity:
            facts = {"number": row["number"], "missing": row["missing"]}
            yield Found(row["id"], row["day"], None, version=str(row["missing"]), facts=facts)


def bill_number_gap(scope: Scope) -> Iterator[Found]:
    """L22 of bills. Numbers before this one belong to no bill."""
    return _gaps(scope, "bill")


def receipt_number_gap(scope: Scope) -> Iterator[Found]:
    """L22 of payments."""
    return _gaps(scope, "payment")


def top_up_number_gap(scope: Scope) -> Iterator[Found]:
    """L22 of wallet top-ups."""
    return _gaps(scope, "top_up")


REPOSTED = """
SELECT refund.id, day.date AS day, bill.visit_id, bill.id AS bill_id, refund.number, refund.method,
       least(-refund.amount, again.amount) AS amount, again.method AS other
FROM billing_clinicday day
JOIN billing_payment refund ON refund.clinic_day_id = day.id AND refund.kind = 'REFUND'
JOIN billing_bill bill ON bill.id = refund.bill_id
CROSS JOIN LATERAL (
    SELECT sum(amount) AS amount, min(method) AS method FROM billing_payment
    WHERE bill_id = refund.bill_id AND clinic_day_id = refund.clinic_day_id AND kind = 'PAYMENT'
      AND method <> refund.method AND number > refund.number
) again
WHERE day.administration_id = %(a)s AND again.amount > 0
  AND (%(by_day)s AND day.date BETWEEN %(first)s AND %(last)s OR NOT %(by_day)s AND refund.id = ANY(%(ids)s))
"""


def method_changed(scope: Scope) -> Iterator[Found]:
    """L26. A payment was given back and, the same day, taken again by another method: the receipt says something else
    than the drawer."""
    for row in scope.rows(REPOSTED, "payment"):
        facts = {"number": row["number"], "from": row["method"], "to": row["other"]}
        yield Found(row["id"], row["day"], row["amount"], visit=row["visit_id"], bill=row["bill_id"], facts=facts)


WRITTEN_OFF = """
SELECT given_up.id, day.date AS day, given_up.amount, bill.visit_id, bill.id AS bill_id, bill.number
FROM billing_clinicday day JOIN billing_writeoff given_up ON given_up.clinic_day_id = day.id
JOIN billing_bill bill ON bill.id = given_up.bill_id
WHERE day.administration_id = %(a)s AND given_up.approved_at IS NOT NULL
  AND (%(by_day)s AND day.date BETWEEN %(first)s AND %(last)s OR NOT %(by_day)s AND given_up.id = ANY(%(ids)s))
  AND EXISTS (
      SELECT FROM billing_payment cash
      WHERE cash.method = 'CASH' AND cash.kind = 'PAYMENT'
        AND cash.taken_by_id IN (given_up.proposed_by_id, given_up.approved_by_id)
        AND (cash.clinic_day_id = given_up.clinic_day_id OR cash.bill_id = given_up.bill_id)
  )
"""


def written_off_by_taker(scope: Scope) -> Iterator[Found]:
    """L29. Debt was given up by somebody who took cash for that bill, or on that day."""
    if scope.administration.single_sign_off:
        return
    for row in scope.rows(WRITTEN_OFF, "write_off"):
        facts = {"bill": row["number"]}
        yield Found(row["id"], row["day"], row["amount"], visit=row["visit_id"], bill=row["bill_id"], facts=facts)
