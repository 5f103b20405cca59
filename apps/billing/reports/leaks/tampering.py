"""Money and documents that somebody moved in a way that hides something."""

from collections.abc import Iterator

from apps.billing.reports.leaks.finding import Found, Scope

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
WHERE day.administration_id = %(a)s AND %(entity)s = 'payment'
  AND (%(by_day)s AND day.date BETWEEN %(first)s AND %(last)s OR NOT %(by_day)s AND row.id = ANY(%(ids)s))
UNION ALL
SELECT row.id, 'bill', day.date, abs(row.gross), row.number, row.id, late.date
FROM billing_clinicday day JOIN billing_bill row ON row.clinic_day_id = day.id
JOIN billing_clinicday late ON late.id = row.late_for_id
WHERE day.administration_id = %(a)s AND %(entity)s = 'bill'
  AND (%(by_day)s AND day.date BETWEEN %(first)s AND %(last)s OR NOT %(by_day)s AND row.id = ANY(%(ids)s))
UNION ALL
SELECT row.id, 'top_up', day.date, abs(row.amount), row.number, NULL, late.date
FROM billing_clinicday day JOIN billing_topup row ON row.clinic_day_id = day.id
JOIN billing_clinicday late ON late.id = row.late_for_id
WHERE day.administration_id = %(a)s AND %(entity)s = 'top_up'
  AND (%(by_day)s AND day.date BETWEEN %(first)s AND %(last)s OR NOT %(by_day)s AND row.id = ANY(%(ids)s))
"""


def _late(scope: Scope, entity: str) -> Iterator[Found]:
    for row in scope.rows(LATE, entity, entity=entity):
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


# Only wallets that moved on these days, and those that an earlier system stated on one of them.
WALLETS = """
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
)
SELECT wallet.id, wallet.balance, wallet.stated_balance, wallet.stated_on, moves.balance AS movements,
       moves.stated AS movements_then, moves.last_on
FROM moved CROSS JOIN LATERAL (SELECT * FROM billing_wallet WHERE patient_id = moved.patient_id OFFSET 0) wallet
CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount), 0) AS balance,
           coalesce(sum(amount) FILTER (WHERE date <= wallet.stated_on), 0) AS stated, max(date) AS last_on
    FROM (
        SELECT top_up.amount, day.date FROM billing_topup top_up
        JOIN billing_clinicday day ON day.id = top_up.clinic_day_id WHERE top_up.patient_id = moved.patient_id
        UNION ALL
        SELECT -payment.amount, day.date
        FROM (SELECT id FROM billing_bill WHERE patient_id = moved.patient_id OFFSET 0) bill
        CROSS JOIN LATERAL (
            SELECT amount, clinic_day_id FROM billing_payment WHERE bill_id = bill.id AND method = 'WALLET' OFFSET 0
        ) payment
        JOIN billing_clinicday day ON day.id = payment.clinic_day_id
    ) movement
) moves
WHERE wallet.balance <> moves.balance OR wallet.stated_balance <> moves.stated
"""


def wallet_disagrees(scope: Scope) -> Iterator[Found]:
    """L21. A wallet holds something else than its movements add up to, or than an earlier system stated."""
    for row in scope.rows(WALLETS, "wallet"):
        off = row["balance"] - row["movements"]
        day = row["last_on"] or row["stated_on"] or scope.last
        if not off:  # what it was said to hold, against what moved until then
            off, day = row["stated_balance"] - row["movements_then"], row["stated_on"]
        facts = {name: str(row[name]) for name in ("balance", "movements", "movements_then") if row[name] is not None}
        yield Found(row["id"], day, abs(off), version=f"{off.normalize():f}", facts=facts)


# The first of each run of numbers is held against the number before it. Two documents never have one number: a law.
GAPS = """
WITH numbers AS (
    SELECT row.id, row.number, day.date AS day, lag(row.number) OVER (ORDER BY row.number) AS before
    FROM billing_clinicday day JOIN {table} row ON row.clinic_day_id = day.id
    WHERE day.administration_id = %(a)s AND day.date BETWEEN %(first)s AND %(last)s AND %(by_day)s
    UNION ALL
    SELECT row.id, row.number, day.date, NULL FROM {table} row JOIN billing_clinicday day ON day.id = row.clinic_day_id
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
"""
BILL_GAPS = GAPS.replace("{table}", "billing_bill")
PAYMENT_GAPS = GAPS.replace("{table}", "billing_payment")
TOP_UP_GAPS = GAPS.replace("{table}", "billing_topup")


def _gaps(scope: Scope, sql: str, entity: str) -> Iterator[Found]:
    for row in scope.rows(sql, entity):
        facts = {"number": row["number"], "missing": row["missing"]}
        yield Found(row["id"], row["day"], None, version=str(row["missing"]), facts=facts)


def bill_number_gap(scope: Scope) -> Iterator[Found]:
    """L22 of bills. Numbers before this one belong to no bill."""
    return _gaps(scope, BILL_GAPS, "bill")


def receipt_number_gap(scope: Scope) -> Iterator[Found]:
    """L22 of payments."""
    return _gaps(scope, PAYMENT_GAPS, "payment")


def top_up_number_gap(scope: Scope) -> Iterator[Found]:
    """L22 of wallet top-ups."""
    return _gaps(scope, TOP_UP_GAPS, "top_up")


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
