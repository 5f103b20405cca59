"""What credit notes took back after money came in or the day was signed, and what nobody billed again."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

from apps.billing.models import Leak
from apps.billing.reports.leaks.finding import Found, Scope
from apps.billing.reports.leaks.recovered import sums, within

# Of a visit (without one: of the patient and date) everything that was taken back counts together, and so does what
# was billed after the first of it; what is short of that is laid to the newest credit notes. Lines that cost nothing
# by agreement are not counted.
CORRECTIONS = """
WITH asked AS MATERIALIZED (
    SELECT note.id, note.visit_id, note.patient_id, note.clinic_day_id
    FROM billing_clinicday day JOIN billing_bill note ON note.clinic_day_id = day.id AND note.kind = 'CREDIT_NOTE'
    WHERE %(by_day)s AND day.administration_id = %(a)s AND day.date BETWEEN %(first)s AND %(last)s
    UNION ALL
    SELECT id, visit_id, patient_id, clinic_day_id FROM billing_bill
    WHERE NOT %(by_day)s AND administration_id = %(a)s AND id = ANY(%(ids)s) AND kind = 'CREDIT_NOTE'
), together AS MATERIALIZED (
    SELECT bill.*
    FROM (SELECT DISTINCT visit_id FROM asked WHERE visit_id IS NOT NULL) visit
    JOIN billing_bill bill ON bill.visit_id = visit.visit_id
    UNION ALL
    SELECT bill.*
    FROM (SELECT DISTINCT patient_id, clinic_day_id FROM asked WHERE visit_id IS NULL) mine
    JOIN billing_bill bill ON bill.patient_id = mine.patient_id AND bill.visit_id IS NULL
     AND bill.clinic_day_id = mine.clinic_day_id
), credit AS MATERIALIZED (
    SELECT note.id, note.visit_id, note.patient_id, note.number, note.clinic_day_id, note.issued_at, note.gross,
           original.id AS original_id, original.gross AS original_gross, credited.gross AS credited, money.refunded,
           money.paid
    FROM together note JOIN billing_bill original ON original.id = note.credits_id
    CROSS JOIN LATERAL (
        SELECT coalesce(-sum(line.gross), 0) AS gross
        FROM billing_billline line LEFT JOIN billing_order given ON given.id = line.order_id
        WHERE line.bill_id = note.id AND line.coverage_reason = '' AND coalesce(given.coverage_reason, '') = ''
    ) credited
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount) FILTER (WHERE kind = 'PAYMENT' AND taken_at < note.issued_at), 0) AS paid,
               coalesce(-sum(amount) FILTER (WHERE kind = 'REFUND'), 0) AS refunded
        FROM billing_payment WHERE bill_id = original.id
    ) money
    WHERE note.kind = 'CREDIT_NOTE' AND (
        money.paid > 0 OR EXISTS (
            SELECT FROM billing_endofdayreconciliation signed
            WHERE signed.clinic_day_id = original.clinic_day_id AND signed.status = 'FINALIZED'
              AND signed.finalized_at < note.issued_at
        )
    )
), shortfall AS (
    SELECT coalesce(credit.visit_id, credit.patient_id) AS whose, credit.clinic_day_id_of AS day_id,
           sum(credit.credited) - coalesce(max(again.gross), 0) AS amount
    FROM (
        SELECT *, CASE WHEN visit_id IS NULL THEN clinic_day_id END AS clinic_day_id_of,
               min(issued_at) OVER (PARTITION BY coalesce(visit_id, patient_id),
                                    CASE WHEN visit_id IS NULL THEN clinic_day_id END) AS since
        FROM credit
    ) credit
    LEFT JOIN LATERAL (
        SELECT sum(bill.gross) AS gross FROM together bill
        WHERE bill.kind = 'BILL' AND bill.issued_at > credit.since
          AND coalesce(bill.visit_id, bill.patient_id) = coalesce(credit.visit_id, credit.patient_id)
          AND (credit.visit_id IS NOT NULL OR bill.clinic_day_id = credit.clinic_day_id)
    ) again ON true
    GROUP BY 1, 2
)
SELECT credit.id, day.date AS day, credit.visit_id, credit.original_id, credit.number, credit.credited, credit.paid,
       credit.refunded, -credit.gross = credit.original_gross AS whole,
       least(credit.credited, greatest(shortfall.amount + credit.credited - sum(credit.credited) OVER (
           PARTITION BY shortfall.whose, shortfall.day_id ORDER BY credit.issued_at DESC, credit.id DESC
       ), 0)) AS missing
FROM credit JOIN billing_clinicday day ON day.id = credit.clinic_day_id
JOIN shortfall ON shortfall.whose = coalesce(credit.visit_id, credit.patient_id)
 AND shortfall.day_id IS NOT DISTINCT FROM CASE WHEN credit.visit_id IS NULL THEN credit.clinic_day_id END
"""


def taken_back(scope: Scope) -> list[dict[str, Any]]:
    """Credit notes on bills that were paid or whose day was signed, of which something was not billed again."""
    rows = scope.rows(CORRECTIONS, "bill")
    asked = set((scope.among or {}).get("bill", ()))
    within = [row for row in rows if row["id"] in asked] if scope.among is not None else rows
    return [row for row in within if row["missing"] > 0 and scope.admits(row["day"])]


def counted(scope: Scope, notes: Iterable[UUID]) -> set[UUID]:
    """Those of the credit ``notes`` that are a leak of their own."""
    alone = Scope(scope.administration, scope.first, scope.last, {"bill": list(notes)})
    return {row["id"] for row in taken_back(alone)}


def _of(scope: Scope, code: str) -> Iterator[Found]:
    for row in scope.once(taken_back):
        if code_of(row) == code:
            yield Found(
                id=row["id"],
                day=row["day"],
                amount=row["missing"],
                visit=row["visit_id"],
                bill=row["original_id"],
                facts={"number": row["number"], "paid": str(row["paid"]), "refunded": str(row["refunded"])},
            )


def code_of(row: dict[str, Any]) -> str:
    """The one rule that counts this credit note."""
    if row["paid"] and row["whole"] and row["missing"] == row["credited"]:
        return "L11" if row["refunded"] else "L10"
    return "L12"


def void_after_payment(scope: Scope) -> Iterator[Found]:
    """L10. A bill was credited after it was paid, the money was kept, and nothing was billed instead."""
    return _of(scope, "L10")


def removed_without_repost(scope: Scope) -> Iterator[Found]:
    """L11. A bill was credited, its money given back, and nothing was billed instead."""
    return _of(scope, "L11")


def cut_after_payment(scope: Scope) -> Iterator[Found]:
    """L12. Part of a bill was taken off after it was paid, or after its day was signed."""
    return _of(scope, "L12")


REPOSTED_SINCE = """
SELECT leak.id, sum(again.gross) AS gross
FROM billing_leak leak JOIN billing_bill note ON note.id = leak.entity_id
JOIN billing_bill again ON again.patient_id = note.patient_id AND again.visit_id IS NOT DISTINCT FROM note.visit_id
WHERE leak.id = ANY(%s) AND again.kind = 'BILL' AND again.issued_at > leak.first_seen_at GROUP BY leak.id
"""


def reposted_since(leaks: list[Leak]) -> dict[UUID, Decimal]:
    """What was billed on the same visit after each leak was first seen."""
    return within(leaks, sums(REPOSTED_SINCE, leaks))
