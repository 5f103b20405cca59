"""Lines that were billed for less than the tariff or the price list says."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

from apps.billing.models import Leak
from apps.billing.reports.leaks.finding import Found, Scope
from apps.billing.reports.leaks.recovered import sums, within

# The service date is that of the order, for a line without one that of the bill. Discounts that are on record explain
# what they take off; whether they may is a rule of its own. A line of a bill that was credited whole says nothing.
LINES = """
WITH bills AS MATERIALIZED (
    SELECT bill.id, bill.visit_id, bill.payer_id, bill.number, day.date AS day, coalesce(late.date, day.date) AS date
    FROM billing_clinicday day JOIN billing_bill bill ON bill.clinic_day_id = day.id
    LEFT JOIN billing_clinicday late ON late.id = bill.late_for_id
    WHERE %(by_day)s AND day.administration_id = %(a)s AND day.date BETWEEN %(first)s AND %(last)s
      AND bill.kind = 'BILL'
    UNION ALL
    SELECT bill.id, bill.visit_id, bill.payer_id, bill.number, day.date, coalesce(late.date, day.date)
    FROM billing_bill bill JOIN billing_clinicday day ON day.id = bill.clinic_day_id
    LEFT JOIN billing_clinicday late ON late.id = bill.late_for_id
    WHERE NOT %(by_day)s AND bill.administration_id = %(a)s AND bill.kind = 'BILL'
      AND bill.id IN (SELECT bill_id FROM billing_billline WHERE id = ANY(%(ids)s))
), lines AS (
    SELECT bills.id AS bill_id, bills.visit_id, bills.payer_id, bills.number, bills.day, bills.date,
           line.id, line.service_id, line.order_id, line.code, line.quantity, line.unit_price, line.discount,
           line.net, line.gross, line.vat_rate
    FROM bills CROSS JOIN LATERAL (
        SELECT id, service_id, order_id, code, quantity, unit_price, discount, net, gross, vat_rate
        FROM billing_billline WHERE bill_id = bills.id AND coverage_reason = '' OFFSET 0
    ) line
    WHERE %(by_day)s OR line.id = ANY(%(ids)s)
), given AS (
    SELECT lines.*, coalesce(given.completed_on, lines.date) AS service_date,
           coalesce(given.payer_id, lines.payer_id) AS agreed_with
    FROM lines LEFT JOIN LATERAL (
        SELECT payer_id, completed_on, coverage_reason FROM billing_order WHERE id = lines.order_id OFFSET 0
    ) given ON true
    WHERE coalesce(given.coverage_reason, '') = ''
), priced AS (
    SELECT given.*, coalesce(tariff.price, price.price) * quantity AS asked,
           CASE WHEN tariff.id IS NULL THEN price.includes_vat ELSE tariff.includes_vat END AS includes_vat
    FROM given
    LEFT JOIN billing_tariff tariff
      ON tariff.payer_id = given.agreed_with AND tariff.service_id = given.service_id
     AND given.service_date >= tariff.valid_from AND given.service_date <= coalesce(tariff.valid_until, 'infinity')
    LEFT JOIN billing_serviceprice price
      ON price.service_id = given.service_id
     AND given.service_date >= price.valid_from AND given.service_date <= coalesce(price.valid_until, 'infinity')
), short AS (
    SELECT priced.*, CASE WHEN includes_vat THEN gross ELSE net END AS got,
           CASE WHEN includes_vat THEN 1 ELSE 1 + vat_rate / 100 END AS with_vat
    FROM priced
    WHERE gross <= 0 OR asked - discount > CASE WHEN includes_vat THEN gross ELSE net END OR discount > 0
)
SELECT short.id, short.bill_id, short.visit_id, short.number, short.code, short.day, short.gross,
       short.asked, short.got, short.with_vat, given.id AS discount_id, given.amount AS discount, given.percentage,
       given.approved_at IS NULL AS unapproved, given.approved_by_id = given.given_by_id AS by_giver
FROM short LEFT JOIN LATERAL (SELECT * FROM billing_discount WHERE line_id = short.id OFFSET 0) given ON true
WHERE NOT EXISTS (
    SELECT FROM billing_bill note JOIN billing_bill original ON original.id = note.credits_id
    WHERE note.credits_id = short.bill_id AND note.gross = -original.gross
)
ORDER BY short.id
"""
OF_DISCOUNTS = "SELECT line_id AS id FROM billing_discount WHERE %(a)s = administration_id AND id = ANY(%(ids)s)"


def suspect_lines(scope: Scope) -> list[dict[str, Any]]:
    """Lines that are for nothing, below what was agreed, or discounted, each with its discount."""
    if scope.among is not None:
        lines = [row["id"] for row in scope.rows(OF_DISCOUNTS, "discount")]
        among = {"line": [*scope.among.get("line", ()), *lines]}
        return Scope(scope.administration, scope.first, scope.last, among).rows(LINES, "line")
    return scope.rows(LINES)


def _line(row: dict[str, Any], amount: Decimal | None) -> Found:
    facts = {"bill": row["number"], "code": row["code"]}
    return Found(row["id"], row["day"], amount, visit=row["visit_id"], bill=row["bill_id"], facts=facts)


def below_price(scope: Scope) -> Iterator[Found]:
    """L07. A line costs less than the tariff or price of its service date, and no discount says why."""
    for row in scope.once(suspect_lines):
        if row["gross"] > 0 and row["asked"] is not None:
            rounded = scope.rounded(row["asked"])
            short = rounded - (row["discount"] or 0) - row["got"]
            if short > 0:
                yield _line(row, short * row["with_vat"])


def for_nothing(scope: Scope) -> Iterator[Found]:
    """L08. A line costs nothing, and neither a coverage reason, a discount nor the price list says why."""
    for row in scope.once(suspect_lines):
        if row["gross"] <= 0 and row["discount_id"] is None and row["asked"] != 0:
            yield _line(row, None if row["asked"] is None else row["asked"] * row["with_vat"])


def discount_over_limit(scope: Scope) -> Iterator[Found]:
    """L09. A discount above the clinic's limit that nobody approved, or whoever gave it did."""
    alone_may = scope.administration.single_sign_off
    for row in scope.once(suspect_lines):
        if row["discount_id"] is None or row["percentage"] <= scope.limits.discount_limit:
            continue
        if row["unapproved"] or (row["by_giver"] and not alone_may):
            facts = {"bill": row["number"], "code": row["code"], "percentage": str(row["percentage"].normalize())}
            amount = row["discount"] * (row["with_vat"] or 1)
            yield Found(row["discount_id"], row["day"], amount, visit=row["visit_id"], bill=row["bill_id"], facts=facts)


# Lowered is below the price before it, restored is that price again. Only days on which the lower one held are read.
LOWERED = """
WITH lowered AS MATERIALIZED (
    SELECT low.id, low.service_id, low.price, low.valid_from, low.valid_until, before.price AS usual,
           greatest(after.valid_from, (after.created_at AT TIME ZONE %(zone)s)::date) AS day,
           CASE WHEN low.includes_vat THEN 1 ELSE 0 END AS includes_vat
    FROM billing_serviceprice low
    JOIN billing_serviceprice before ON before.service_id = low.service_id AND before.valid_until = low.valid_from - 1
    JOIN billing_serviceprice after ON after.service_id = low.service_id AND after.valid_from = low.valid_until + 1
    WHERE low.administration_id = %(a)s AND low.price < before.price AND after.price = before.price
      AND (before.includes_vat, after.includes_vat) = (low.includes_vat, low.includes_vat)
      AND (%(by_day)s OR low.id = ANY(%(ids)s))
)
SELECT lowered.id, lowered.day, service.code, lowered.price, lowered.usual,
       sum((lowered.usual - line.unit_price) * line.quantity
           * CASE lowered.includes_vat WHEN 1 THEN 1 ELSE 1 + line.vat_rate / 100 END) AS amount,
       count(*) AS lines
FROM lowered JOIN billing_service service ON service.id = lowered.service_id
JOIN billing_clinicday day
  ON day.administration_id = %(a)s AND day.date BETWEEN lowered.valid_from AND lowered.valid_until
JOIN billing_bill bill ON bill.clinic_day_id = day.id AND bill.kind = 'BILL'
JOIN billing_billline line ON line.bill_id = bill.id AND line.service_id = lowered.service_id
WHERE lowered.day <= %(last)s AND (NOT %(by_day)s OR lowered.day >= %(first)s) AND line.unit_price < lowered.usual
  AND line.coverage_reason = '' AND NOT EXISTS (SELECT FROM billing_bill note WHERE note.credits_id = bill.id)
GROUP BY lowered.id, lowered.day, service.code, lowered.price, lowered.usual
"""


def price_restored(scope: Scope) -> Iterator[Found]:
    """L28. A price was lowered, something was billed by it, and it was put back."""
    for row in scope.rows(LOWERED, "price", zone=scope.administration.time_zone):
        facts = {"code": row["code"], "price": str(row["price"]), "usual": str(row["usual"]), "lines": row["lines"]}
        yield Found(row["id"], row["day"], row["amount"], facts=facts)


AGAIN_SINCE = """
SELECT leak.id, sum(again.gross) - max(line.gross) AS gross
FROM billing_leak leak JOIN billing_billline line ON line.id = leak.entity_id
JOIN billing_bill bill ON bill.id = line.bill_id
CROSS JOIN LATERAL (
    SELECT anew.gross FROM billing_billline anew JOIN billing_bill later ON later.id = anew.bill_id
    WHERE anew.order_id = line.order_id AND later.kind = 'BILL' AND later.issued_at > leak.first_seen_at
    UNION ALL
    SELECT anew.gross FROM billing_bill later JOIN billing_billline anew ON anew.bill_id = later.id
    WHERE line.order_id IS NULL AND later.visit_id = bill.visit_id AND later.kind = 'BILL'
      AND anew.service_id = line.service_id AND later.issued_at > leak.first_seen_at
) again
WHERE leak.id = ANY(%s) GROUP BY leak.id
"""


def billed_again(leaks: list[Leak]) -> dict[UUID, Decimal]:
    """What the same care was billed for after the leak was first seen, above what it had been billed for."""
    return within(leaks, sums(AGAIN_SINCE, leaks))
