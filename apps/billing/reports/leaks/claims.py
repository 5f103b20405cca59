"""What payers were not asked for, did not answer for, or paid short."""

from collections.abc import Iterator
from decimal import Decimal
from uuid import UUID

from apps.billing.models import Leak
from apps.billing.reports.leaks.finding import Found, Scope
from apps.billing.reports.leaks.recovered import sums, within

# The days run from the bill. Where cover was accepted that is what is claimed; otherwise what the payer named on the
# bill would pay: all that is owed but the patient's own part.
NOT_CLAIMED = """
SELECT bill.id, day.date + %(within)s AS day, bill.visit_id, bill.number, 1 + cover.taken_back AS version,
       CASE WHEN cover.accepted > 0 THEN cover.amount ELSE owed.amount - co_pay.amount END AS amount
FROM (
    SELECT bill.* FROM billing_clinicday day JOIN billing_bill bill ON bill.clinic_day_id = day.id
    WHERE %(by_day)s AND day.administration_id = %(a)s
      AND day.date BETWEEN %(first)s - %(within)s AND %(last)s - %(within)s
    UNION ALL
    SELECT * FROM billing_bill WHERE NOT %(by_day)s AND administration_id = %(a)s AND id = ANY(%(ids)s)
) bill
JOIN billing_clinicday day ON day.id = bill.clinic_day_id
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE kind = 'PAYMENT') AS accepted,
           count(*) FILTER (WHERE kind <> 'PAYMENT') AS taken_back,
           coalesce(sum(amount), 0) AS amount
    FROM billing_payment WHERE bill_id = bill.id AND payer_id IS NOT NULL
) cover
LEFT JOIN LATERAL (
    SELECT true AS found FROM billing_claim WHERE bill_id = bill.id AND submitted_on IS NOT NULL LIMIT 1
) sent ON true
LEFT JOIN LATERAL (
    SELECT coalesce(sum(amount), 0) AS amount FROM billing_outstanding
    WHERE bill_id = bill.id AND debtor = 'PATIENT' AND upper_inf(during)
) owed ON bill.payer_id IS NOT NULL
LEFT JOIN LATERAL (
    SELECT coalesce(sum(co_pay), 0) AS amount FROM billing_billline WHERE bill_id = bill.id
) co_pay ON bill.payer_id IS NOT NULL
WHERE bill.kind = 'BILL' AND sent.found IS NULL
  AND CASE WHEN cover.accepted > 0 THEN cover.amount ELSE owed.amount - co_pay.amount END > 0
ORDER BY bill.id
"""


def not_claimed(scope: Scope) -> Iterator[Found]:
    """L16. A payer covers it, and was not asked in the days that the clinic gives itself."""
    for row in scope.rows(NOT_CLAIMED, "bill", within=scope.limits.claim_within_days):
        if scope.admits(row["day"]):
            facts = {"bill": row["number"]}
            amount, version = row["amount"], str(row["version"])
            yield Found(row["id"], row["day"], amount, version, visit=row["visit_id"], bill=row["id"], facts=facts)


REJECTED = """
SELECT claim.id, claim.answered_on + %(within)s AS day, claim.number, claim.version, claim.bill_id, bill.visit_id,
       cover.amount - settled.amount AS amount
FROM billing_claim claim JOIN billing_bill bill ON bill.id = claim.bill_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount), 0) AS amount FROM billing_payment
    WHERE bill_id = claim.bill_id AND payer_id = claim.payer_id
) cover
CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount), 0) AS amount FROM billing_claimsettlement WHERE claim_id = claim.id
) settled
WHERE claim.administration_id = %(a)s AND claim.status = 'REJECTED' AND cover.amount > settled.amount
  AND (%(by_day)s AND claim.answered_on BETWEEN %(first)s - %(within)s AND %(last)s - %(within)s
       OR NOT %(by_day)s AND claim.id = ANY(%(ids)s))
"""


def rejection_rests(scope: Scope) -> Iterator[Found]:
    """L17. A claim was rejected, and neither sent again nor settled otherwise in time."""
    for row in scope.rows(REJECTED, "claim", within=scope.limits.resubmit_within_days):
        if scope.admits(row["day"]):
            facts = {"claim": row["number"]}
            yield Found(
                row["id"],
                row["day"],
                row["amount"],
                str(row["version"]),
                visit=row["visit_id"],
                bill=row["bill_id"],
                facts=facts,
            )


# What the payer paid, what the contract takes off, tax, and what the patient pays instead explain a claim; what was
# written off or rests does not.
SHORT = """
SELECT claim.id, settled.day, claim.number, claim.bill_id, bill.visit_id, cover.amount AS covered,
       cover.amount - settled.amount AS amount
FROM (
    SELECT claim_id AS id FROM billing_clinicday day
    JOIN billing_claimsettlement settlement ON settlement.clinic_day_id = day.id AND settlement.kind = 'PAID'
    WHERE %(by_day)s AND day.administration_id = %(a)s AND day.date BETWEEN %(first)s AND %(last)s
    UNION
    SELECT id FROM billing_claim WHERE NOT %(by_day)s AND administration_id = %(a)s AND id = ANY(%(ids)s)
) asked
JOIN billing_claim claim ON claim.id = asked.id JOIN billing_bill bill ON bill.id = claim.bill_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount), 0) AS amount FROM billing_payment
    WHERE bill_id = claim.bill_id AND payer_id = claim.payer_id
) cover
CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount) FILTER (WHERE kind <> 'WRITE_OFF'), 0) AS amount,
           coalesce(sum(amount) FILTER (WHERE kind = 'PAID'), 0) AS paid,
           max(day.date) FILTER (WHERE kind = 'PAID') AS day
    FROM billing_claimsettlement settlement JOIN billing_clinicday day ON day.id = settlement.clinic_day_id
    WHERE claim_id = claim.id
) settled
WHERE settled.paid > 0 AND cover.amount > settled.amount
ORDER BY claim.id
"""


def paid_short(scope: Scope) -> Iterator[Found]:
    """L18. A payer paid less than was covered, beyond what contract, tax and the patient's part explain."""
    for row in scope.rows(SHORT, "claim"):
        if scope.admits(row["day"]):
            facts = {"claim": row["number"], "covered": str(row["covered"])}
            yield Found(row["id"], row["day"], row["amount"], visit=row["visit_id"], bill=row["bill_id"], facts=facts)


SETTLED_SINCE = """
SELECT leak.id, sum(settlement.amount) AS amount
FROM billing_leak leak JOIN billing_claimsettlement settlement ON settlement.claim_id = leak.entity_id
WHERE leak.id = ANY(%s) AND settlement.at > leak.first_seen_at AND settlement.kind = 'PAID'
GROUP BY leak.id
"""
SENT_AGAIN = """
SELECT leak.id, leak.amount FROM billing_leak leak JOIN billing_claim claim ON claim.id = leak.entity_id
WHERE leak.id = ANY(%s) AND claim.status IN ('SUBMITTED', 'PAID')
"""
CLAIMED = """
SELECT leak.id, leak.amount FROM billing_leak leak
WHERE leak.id = ANY(%s) AND EXISTS (
    SELECT FROM billing_claim claim WHERE claim.bill_id = leak.entity_id AND claim.submitted_on IS NOT NULL
)
"""


def settled_since(leaks: list[Leak]) -> dict[UUID, Decimal]:
    """What the payer paid on the claim of each leak after it was first seen."""
    return within(leaks, sums(SETTLED_SINCE, leaks))


def sent_again(leaks: list[Leak]) -> dict[UUID, Decimal]:
    """What is with the payer again."""
    return within(leaks, sums(SENT_AGAIN, leaks))


def claimed_since(leaks: list[Leak]) -> dict[UUID, Decimal]:
    """What was claimed after all."""
    return within(leaks, sums(CLAIMED, leaks))
