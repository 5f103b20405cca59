"""Care that was given and is on no bill, order line by order line."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from apps.billing.models import Leak
from apps.billing.reports.leaks import corrections
from apps.billing.reports.leaks.finding import Found, Scope
from apps.billing.reports.leaks.recovered import sums, within
from apps.core.models import Administration

# Orders of the days are held against the standing bills of the same days; those of which not just that is billed are
# looked at closely. So are emergencies whose time is up, what a credit note took back, and orders of visits that were
# cancelled. Each order is then held against the lines that name it, and what it still needs against the lines of its
# visit that name none (imported ones): same service, quantity for quantity, the oldest order first.
# EXCEPT, and LATERAL ... OFFSET 0: they cost the same however few rows the planner expects of a day that it does not
# know yet. A join may be planned for one row and run for thousands.
ORDERS = """
WITH asked AS MATERIALIZED (
    SELECT given.id, given.visit_id
    FROM (
        SELECT given.id, given.completed_quantity
        FROM generate_series(0, %(last)s - %(first)s) AS later CROSS JOIN LATERAL (
            SELECT id, completed_quantity FROM billing_order
            WHERE administration_id = %(a)s AND completed_on = %(first)s + later AND coverage_reason = '' OFFSET 0
        ) given
        WHERE %(by_day)s
        EXCEPT
        SELECT line.order_id, sum(line.quantity)
        FROM billing_clinicday day JOIN billing_bill bill ON bill.clinic_day_id = day.id AND bill.kind = 'BILL'
        CROSS JOIN LATERAL (SELECT order_id, quantity FROM billing_billline WHERE bill_id = bill.id OFFSET 0) line
        LEFT JOIN LATERAL (SELECT true AS found FROM billing_bill WHERE credits_id = bill.id LIMIT 1) credited ON true
        WHERE %(by_day)s AND day.administration_id = %(a)s AND day.date BETWEEN %(first)s AND %(last)s
          AND credited.found IS NULL
        GROUP BY line.order_id
    ) differing
    CROSS JOIN LATERAL (SELECT id, visit_id FROM billing_order WHERE id = differing.id OFFSET 0) given
    UNION
    SELECT id, visit_id FROM billing_order
    WHERE %(by_day)s AND administration_id = %(a)s AND is_emergency AND cancelled_at IS NULL
      AND ordered_on BETWEEN %(first)s - %(emergency)s AND %(last)s - %(emergency)s
    UNION
    SELECT taken_back.id, taken_back.visit_id
    FROM billing_clinicday day JOIN billing_bill note ON note.clinic_day_id = day.id AND note.kind = 'CREDIT_NOTE'
    JOIN billing_billline line ON line.bill_id = note.id JOIN billing_order taken_back ON taken_back.id = line.order_id
    WHERE %(by_day)s AND day.administration_id = %(a)s AND day.date BETWEEN %(first)s AND %(last)s
    UNION
    SELECT given.id, given.visit_id
    FROM billing_visit visit JOIN billing_order given ON given.visit_id = visit.id
    WHERE %(by_day)s AND visit.administration_id = %(a)s AND visit.status = 'CANCELLED'
      AND visit.ended_at >= %(since)s AND visit.ended_at < %(until)s
    UNION
    SELECT id, visit_id FROM billing_order WHERE NOT %(by_day)s AND administration_id = %(a)s AND id = ANY(%(ids)s)
), given AS MATERIALIZED (
    SELECT given.*, coalesce(given.service_id, named.id) AS priced_as,
           coalesce(coalesce(given.service_id, named.id)::text, nullif('code ' || given.code, 'code ')) AS same,
           coalesce(completed_quantity, CASE WHEN is_emergency THEN given.quantity ELSE 0 END) AS given
    FROM (SELECT DISTINCT visit_id FROM asked) visit
    CROSS JOIN LATERAL (SELECT * FROM billing_order WHERE visit_id = visit.visit_id OFFSET 0) given
    LEFT JOIN billing_service named
      ON given.service_id IS NULL AND named.administration_id = %(a)s AND named.code = given.code AND given.code <> ''
    WHERE given.cancelled_at IS NULL AND given.coverage_reason = ''
), named AS (
    SELECT given.id, sum(line.quantity) AS quantity,
           max(day.date) FILTER (WHERE bill.kind = 'CREDIT_NOTE') AS credited_on,
           array_agg(DISTINCT bill.id) FILTER (WHERE bill.kind = 'CREDIT_NOTE') AS credit_notes
    FROM given
    CROSS JOIN LATERAL (SELECT bill_id, quantity FROM billing_billline WHERE order_id = given.id OFFSET 0) line
    JOIN billing_bill bill ON bill.id = line.bill_id
    JOIN billing_clinicday day ON day.id = bill.clinic_day_id AND day.date <= %(billed_by)s
    GROUP BY given.id
), unnamed AS (
    SELECT bill.visit_id,
           coalesce(coalesce(line.service_id, named.id)::text, nullif('code ' || line.code, 'code ')) AS same,
           sum(line.quantity) AS quantity
    FROM (SELECT DISTINCT visit_id FROM asked) visit
    CROSS JOIN LATERAL (
        SELECT id, visit_id, clinic_day_id FROM billing_bill WHERE visit_id = visit.visit_id OFFSET 0
    ) bill
    JOIN billing_clinicday day ON day.id = bill.clinic_day_id AND day.date <= %(billed_by)s
    CROSS JOIN LATERAL (
        SELECT service_id, code, quantity FROM billing_billline WHERE bill_id = bill.id AND order_id IS NULL OFFSET 0
    ) line
    LEFT JOIN billing_service named
      ON line.service_id IS NULL AND named.administration_id = %(a)s AND named.code = line.code AND line.code <> ''
    GROUP BY 1, 2
), needed AS (
    SELECT given.*, named.credited_on, named.credit_notes,
           greatest(given.given - coalesce(named.quantity, 0), 0) AS needs
    FROM given LEFT JOIN named ON named.id = given.id
), shared AS (
    SELECT needed.*,
           least(needs, greatest(sum(needs) OVER (
               PARTITION BY needed.visit_id, needed.same ORDER BY ordered_at, needed.id
           ) - coalesce(unnamed.quantity, 0), 0)) AS missing
    FROM needed LEFT JOIN unnamed ON unnamed.visit_id = needed.visit_id AND unnamed.same = needed.same
)
SELECT shared.id, shared.version, shared.kind, shared.is_emergency, shared.visit_id, shared.code,
       visit.status AS visit_status, visit.date AS visit_date, shared.given, missing, credit_notes, credited_on,
       CASE WHEN visit.status = 'CANCELLED' THEN greatest(completed_on, timezone(%(zone)s, visit.ended_at)::date)
            WHEN is_emergency THEN greatest(ordered_on + %(emergency)s, credited_on)
            ELSE greatest(completed_on, credited_on)
       END AS day,
       missing * unit.price AS amount, missing * unit.net AS net, shared.completed_on, shared.priced_as
FROM shared JOIN billing_visit visit ON visit.id = shared.visit_id
LEFT JOIN LATERAL (
    SELECT price * CASE WHEN includes_vat THEN 1 ELSE 1 + rate / 100 END AS price,
           price / CASE WHEN includes_vat THEN 1 + rate / 100 ELSE 1 END AS net
    FROM (
        SELECT 1 AS place, price, includes_vat, service_id FROM billing_tariff
        WHERE payer_id = shared.payer_id AND service_id = shared.priced_as
          AND valid_from <= coalesce(completed_on, ordered_on)
          AND (valid_until IS NULL OR valid_until >= coalesce(completed_on, ordered_on))
        UNION ALL
        SELECT 2, price, includes_vat, service_id FROM billing_serviceprice
        WHERE service_id = shared.priced_as AND valid_from <= coalesce(completed_on, ordered_on)
          AND (valid_until IS NULL OR valid_until >= coalesce(completed_on, ordered_on))
    ) agreed
    JOIN billing_service service ON service.id = agreed.service_id
    JOIN ledger_vatcode vat ON vat.id = service.vat_code_id
    ORDER BY place LIMIT 1
) unit ON true
WHERE missing > 0 AND shared.id IN (SELECT id FROM asked)
ORDER BY shared.ordered_at, shared.id
"""


def unbilled_orders(scope: Scope) -> list[dict[str, Any]]:
    """Orders of which more was given than is billed, each with what is ``missing`` and what that is worth.

    What a credit note took back in a way that is a leak of its own counts there, and so not here. In a range of days
    the day may be that of the credit note; an order whose day is another is left out.
    """
    rows = [row for row in _orders(scope) if scope.admits(row["day"], ended=row["visit_status"] == "CANCELLED")]
    notes = {note for row in rows for note in row["credit_notes"] or ()}
    counted = corrections.counted(scope, notes) if notes else set()
    return [row for row in rows if not counted & set(row["credit_notes"] or ())]


def unbilled_as_of(administration: Administration, first: date, last: date) -> list[dict[str, Any]]:
    """Orders completed from ``first`` to ``last`` of which more was given than was billed by the end of ``last``, each
    with what is missing before VAT (``net``, None without a price); emergencies and what was taken back included."""
    rows = _orders(Scope(administration, first, last), billed_by=last)
    return [
        row
        for row in rows
        if row["completed_on"] and first <= row["completed_on"] <= last and row["visit_status"] != "CANCELLED"
    ]


def _orders(scope: Scope, billed_by: date = date.max) -> list[dict[str, Any]]:
    within = scope.limits.emergency_within_days
    return scope.rows(ORDERS, "order", emergency=within, billed_by=billed_by, **scope.ended)


def _of(scope: Scope, kind: str) -> Iterator[Found]:
    for row in scope.once(unbilled_orders):
        if row["kind"] == kind and not row["is_emergency"] and row["visit_status"] != "CANCELLED":
            yield _found(row)


def _found(row: dict[str, Any]) -> Found:
    notes = len(row["credit_notes"] or ())  # what was billed and taken back is another fact than what never was
    return Found(
        id=row["id"],
        version=f"{row['version']}-{notes}" if notes else str(row["version"]),
        day=row["day"],
        amount=row["amount"],
        visit=row["visit_id"],
        facts={"code": row["code"], "given": str(row["given"].normalize()), "missing": str(row["missing"].normalize())},
    )


def lab_result(scope: Scope) -> Iterator[Found]:
    """L01. A laboratory result that is on no bill."""
    return _of(scope, "LAB")


def imaging_report(scope: Scope) -> Iterator[Found]:
    """L02. An imaging report that is on no bill."""
    return _of(scope, "IMAGING")


def dispensed_above_billed(scope: Scope) -> Iterator[Found]:
    """L03. More was given out than is billed: the difference."""
    return _of(scope, "PHARMACY")


def procedure(scope: Scope) -> Iterator[Found]:
    """L04. A procedure that was done and is on no bill."""
    return _of(scope, "PROCEDURE")


def consultation(scope: Scope) -> Iterator[Found]:
    """L05 of an order. A consultation that was signed and is on no bill."""
    return _of(scope, "CONSULTATION")


def emergency(scope: Scope) -> Iterator[Found]:
    """L25. Care that went before its bill, and no bill followed in the days that the clinic gives itself."""
    for row in scope.once(unbilled_orders):
        if row["is_emergency"] and row["visit_status"] != "CANCELLED":
            yield _found(row)


def cancelled_visit(scope: Scope) -> Iterator[Found]:
    """L27. Care that was completed on a visit which was cancelled, and is on no bill."""
    for row in scope.once(unbilled_orders):
        if row["visit_status"] == "CANCELLED":
            yield _found(row)


# A visit of an emergency that may still be billed waits for it; one whose orders all cost nothing owes nothing. One of
# an earlier day that ended on these is asked for by its end: while it went on, the refresh of its own day passed it by.
VISITS = """
WITH unbilled AS MATERIALIZED (
    SELECT id FROM billing_visit
    WHERE %(by_day)s AND administration_id = %(a)s AND date BETWEEN %(first)s AND %(last)s AND status = 'CLOSED'
    UNION
    SELECT id FROM billing_visit
    WHERE %(by_day)s AND administration_id = %(a)s AND ended_at >= %(since)s AND ended_at < %(until)s
      AND date < %(first)s AND status = 'CLOSED'
    UNION
    SELECT id FROM billing_visit
    WHERE NOT %(by_day)s AND administration_id = %(a)s AND id = ANY(%(ids)s) AND status = 'CLOSED'
    EXCEPT
    SELECT bill.visit_id
    FROM billing_clinicday day JOIN billing_bill bill ON bill.clinic_day_id = day.id AND bill.kind = 'BILL'
    WHERE %(by_day)s AND day.administration_id = %(a)s AND day.date BETWEEN %(first)s - 1 AND %(last)s
)
SELECT visit.id, visit.version,
       CASE WHEN visit.date < %(first)s THEN greatest(visit.date, timezone(%(zone)s, visit.ended_at)::date)
            ELSE visit.date
       END AS day
FROM unbilled
CROSS JOIN LATERAL (SELECT id, version, date, ended_at FROM billing_visit WHERE id = unbilled.id OFFSET 0) visit
LEFT JOIN LATERAL (
    SELECT true AS found FROM billing_bill bill WHERE bill.visit_id = visit.id AND bill.kind = 'BILL' LIMIT 1
) billed ON true
LEFT JOIN LATERAL (
    SELECT true AS found FROM billing_order given
    WHERE given.visit_id = visit.id AND given.cancelled_at IS NULL
      AND (given.completed_at IS NOT NULL OR given.is_emergency OR given.coverage_reason <> '')
    LIMIT 1
) finer ON true
WHERE billed.found IS NULL AND finer.found IS NULL
ORDER BY visit.id
"""


def visit_without_bill(scope: Scope) -> Iterator[Found]:
    """L05 of a visit. It was closed, nothing is billed, and nothing finer says what was given."""
    for row in scope.rows(VISITS, "visit", **scope.ended):
        yield Found(row["id"], row["day"], None, version=str(row["version"]), visit=row["id"])


BILLED_SINCE = """
SELECT leak.id, sum(line.gross) AS gross
FROM billing_leak leak JOIN billing_order given ON given.id = leak.entity_id
CROSS JOIN LATERAL (
    SELECT line.gross FROM billing_billline line JOIN billing_bill bill ON bill.id = line.bill_id
    WHERE line.order_id = given.id AND bill.issued_at > leak.first_seen_at
    UNION ALL
    SELECT line.gross FROM billing_bill bill JOIN billing_billline line ON line.bill_id = bill.id
    WHERE bill.visit_id = given.visit_id AND line.order_id IS NULL AND bill.issued_at > leak.first_seen_at
      AND (line.service_id = given.service_id OR line.code = given.code AND line.code <> '')
) line
WHERE leak.id = ANY(%s) GROUP BY leak.id
"""
VISIT_BILLED_SINCE = """
SELECT leak.id, sum(bill.gross) AS gross
FROM billing_leak leak JOIN billing_bill bill ON bill.visit_id = leak.entity_id
WHERE leak.id = ANY(%s) AND bill.issued_at > leak.first_seen_at GROUP BY leak.id
"""


def billed_since(leaks: list[Leak]) -> dict[UUID, Decimal]:
    """What was billed for the order of each leak after it was first seen, up to what it was about."""
    return within(leaks, sums(BILLED_SINCE, leaks))


def visit_billed_since(leaks: list[Leak]) -> dict[UUID, Decimal]:
    """What was billed for the visit of each leak after it was first seen."""
    return within(leaks, sums(VISIT_BILLED_SINCE, leaks))
