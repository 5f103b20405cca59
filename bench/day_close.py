"""The report of one busy day on top of a long history, against the bare SQL of the same totals and rules.

The day: 10,000 visits, 10,000 bills with 30,000 lines for as many orders, 15,000 payments in seven methods; 2 in 100
orders are on no bill, 1 in 100 lines is below its price, 1 in 100 discounted above the limit, and what else rules look
for is there as well. The history: one million older payments on as many bills and orders (``SIZE=`` says how many), a
tenth of them paid a day late, 500 still open; cover of the past is taken as paid by its payers the next day (that of
yesterday at once), its rows of what is outstanding are ended by hand. Every patient once put enough into a wallet.

day_close.report   ours: refresh_leaks() and day_figures(); limit: hand-written SQL of the same totals and rules
day_close.history  the report with the whole history; limit: the same with a tenth of it
day_close.memory   the most memory that the report takes, with the whole history; limit: with a tenth of it
"""

import os
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

import psycopg  # noqa: E402
from django.db import connection  # noqa: E402

from apps.billing.models import ClinicDay, Leak  # noqa: E402
from apps.billing.reports.day import day_figures  # noqa: E402
from apps.billing.services.catalogue import open_catalogue, register_payer, service_group  # noqa: E402
from apps.billing.services.leaks import refresh_leaks  # noqa: E402
from apps.core.models import Administration  # noqa: E402
from apps.ledger.models import VatCode  # noqa: E402
from apps.ledger.services.opening import open_books  # noqa: E402
from bench import SIZE, end, figure, milliseconds  # noqa: E402

HISTORY = int(SIZE or 1_000_000)
DAY = "2026-06-01"
TABLES = (
    "billing_visit",
    "billing_order",
    "billing_bill",
    "billing_billline",
    "billing_discount",
    "billing_payment",
    "billing_paystacktransaction",
    "billing_topup",
    "billing_wallet",
)
SERVICES = 100

# Document i of the history lies on one of the thousand days before the day, that of today on the day itself.
DATE_OF = "date '2026-06-01' - 1 - (i % 1000)::int"
# A tenth is paid a day late, but nothing of yesterday: the day's own payments are numbered in one go, as they come.
DELAY = "(i % 10 = 0 AND i % 1000 > 0)::int"

LOAD = """
INSERT INTO billing_clinicday (id, administration_id, date, is_finalized)
SELECT uuidv7(), %(a)s, date '2026-06-01' - d, false FROM generate_series(0, 1001) d ON CONFLICT DO NOTHING;

CREATE TEMP TABLE new_bill AS
SELECT uuidv7() AS id, uuidv7() AS visit_id, i, {date} AS date,
       patient.id AS patient_id
FROM generate_series(%(from)s::int, %(to)s::int) i
JOIN billing_patient patient ON patient.administration_id = %(a)s AND patient.code = 'P-' || i %% %(patients)s;
CREATE INDEX ON new_bill (i);
CREATE TEMP TABLE new_line AS
SELECT uuidv7() AS id, uuidv7() AS order_id, new.id AS bill_id, new.visit_id, new.i, new.date, position,
       service.id AS service_id, service.code
FROM new_bill new CROSS JOIN generate_series(1, {lines}) position
JOIN billing_service service
  ON service.administration_id = %(a)s AND service.code = 'S' || (i + position) %% %(services)s;

INSERT INTO billing_visit (id, administration_id, patient_id, date, status, is_inpatient, reason, started_at, ended_at,
                           closed_by_day_close, cancel_reason, version, idempotency_key, source)
SELECT visit_id, %(a)s, patient_id, date, 'CLOSED', false, '', date, date, false, '', 1, '', '' FROM new_bill;
INSERT INTO billing_order (id, administration_id, visit_id, kind, service_id, code, description, quantity, is_emergency,
                           coverage_reason, ordered_on, ordered_at, completed_quantity, completed_on, completed_at,
                           reason, version, idempotency_key, source)
SELECT order_id, %(a)s, visit_id, (ARRAY['LAB', 'IMAGING', 'PHARMACY'])[position], service_id, code, code, 1, false, '',
       date, date, 1, date, date, '', 1, '', ''
FROM new_line;

INSERT INTO billing_bill (id, administration_id, clinic_day_id, number, kind, patient_id, visit_id, line_count, net,
                          vat, gross, reason, issued_at, source)
SELECT new.id, %(a)s, day.id, i, 'BILL', patient_id, visit_id, {lines}, 30, 0, 30, '', now(), ''
FROM new_bill new JOIN billing_clinicday day ON day.administration_id = %(a)s AND day.date = new.date;

INSERT INTO billing_billline (id, administration_id, bill_id, position, group_id, service_id, order_id, code,
                              description, quantity, unit_price, discount, co_pay, coverage_reason, vat_code_id,
                              vat_rate, net, vat, gross, source)
SELECT id, %(a)s, bill_id, position, %(group)s, service_id, order_id, code, 'Consultation', 1, 30.0 / {lines}, 0, 0, '',
       %(vat)s, 0, 30.0 / {lines}, 0, 30.0 / {lines}, ''
FROM new_line;

INSERT INTO billing_payment (id, administration_id, clinic_day_id, number, bill_id, kind, method, amount, payer_id,
                             reference, repeats_reference, reason, taken_at, idempotency_key, source)
SELECT uuidv7(), %(a)s, day.id, row_number() OVER (ORDER BY i, part) + %(paid)s, new.id, 'PAYMENT', method,
       30.0 / parts, CASE WHEN method IN ('HMO', 'INSURANCE') THEN %(payer)s::uuid END, 'T' || i || '-' || part, false,
       '', now(), '', ''
FROM (SELECT *, {parts} AS parts FROM new_bill) new
CROSS JOIN LATERAL generate_series(1, parts) part
CROSS JOIN LATERAL (SELECT (ARRAY['CASH','CARD','TRANSFER','WALLET','PAYSTACK','HMO','INSURANCE'])
                           [1 + (i + part) %% 7] AS method) m
JOIN billing_clinicday day ON day.administration_id = %(a)s AND day.date = new.date + {delay}
WHERE i %% {open_every} <> 0;

INSERT INTO billing_paystacktransaction (id, administration_id, reference, provider_id, status, amount, fees, currency,
                                         paid_on, verified_at, bill_id, source)
SELECT uuidv7(), %(a)s, payment.reference, '', 'success', payment.amount, 0, 'EUR', new.date, now(), new.id, ''
FROM new_bill new JOIN billing_payment payment ON payment.bill_id = new.id AND payment.method = 'PAYSTACK';

INSERT INTO billing_wallet AS wallet (id, administration_id, patient_id, balance)
SELECT uuidv7(), %(a)s, patient_id, -sum(payment.amount)
FROM new_bill new JOIN billing_payment payment ON payment.bill_id = new.id AND payment.method = 'WALLET'
GROUP BY patient_id
ON CONFLICT (patient_id) DO UPDATE SET balance = wallet.balance + EXCLUDED.balance;
DROP TABLE new_bill, new_line;
"""

# What is wrong on the day: the orders, lines and discounts that the rules are to find.
LEAKING = """
INSERT INTO billing_order (id, administration_id, visit_id, kind, service_id, code, description, quantity, is_emergency,
                           coverage_reason, ordered_on, ordered_at, completed_quantity, completed_on, completed_at,
                           reason, version, idempotency_key, source)
SELECT uuidv7(), %(a)s, visit.id, (ARRAY['LAB', 'IMAGING', 'PROCEDURE', 'CONSULTATION'])[1 + n / 16 %% 4], service.id,
       service.code, service.code, 1, false, '', visit.date, visit.date, 1, visit.date, visit.date, '', 1, '', ''
FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM billing_visit
      WHERE administration_id = %(a)s AND date = %(day)s) visit
JOIN billing_service service ON service.administration_id = %(a)s AND service.code = 'S' || n %% %(services)s
WHERE n %% 16 = 0;

UPDATE billing_billline SET unit_price = 9, discount = 0, net = net - 1, gross = gross - 1 WHERE id IN (
    SELECT line.id FROM billing_billline line JOIN billing_bill bill ON bill.id = line.bill_id
    WHERE bill.clinic_day_id = %(d)s AND bill.number %% 33 = 0 AND line.position = 1
);
UPDATE billing_billline SET discount = 3, net = net - 3, gross = gross - 3 WHERE id IN (
    SELECT line.id FROM billing_billline line JOIN billing_bill bill ON bill.id = line.bill_id
    WHERE bill.clinic_day_id = %(d)s AND bill.number %% 33 = 1 AND line.position = 2
);
INSERT INTO billing_discount (id, administration_id, line_id, amount, percentage, reason, given_at, source)
SELECT uuidv7(), %(a)s, line.id, 3, 30, 'known', now(), ''
FROM billing_billline line JOIN billing_bill bill ON bill.id = line.bill_id
WHERE bill.clinic_day_id = %(d)s AND line.discount = 3;
UPDATE billing_bill bill SET net = lines.net, gross = lines.gross
FROM (SELECT bill_id, sum(net) AS net, sum(gross) AS gross FROM billing_billline GROUP BY bill_id) lines
WHERE lines.bill_id = bill.id AND bill.clinic_day_id = %(d)s AND bill.net <> lines.net;
INSERT INTO billing_outstanding (administration_id, bill_id, clinic_day_id, visit_id, debtor, amount, during)
SELECT administration_id, id, clinic_day_id, visit_id, 'PATIENT', gross - 30, daterange(%(day)s, NULL)
FROM billing_bill WHERE clinic_day_id = %(d)s AND gross <> 30;
UPDATE billing_payment SET repeats_reference = true WHERE clinic_day_id = %(d)s AND number %% 1500 = 0;
"""

OUTSTANDING = """
INSERT INTO billing_outstanding (administration_id, bill_id, clinic_day_id, visit_id, debtor, amount, during)
SELECT bill.administration_id, bill.id, bill.clinic_day_id, bill.visit_id, 'PATIENT', 30,
       daterange(day.date, min(paid_on.date))
FROM billing_bill bill JOIN billing_clinicday day ON day.id = bill.clinic_day_id
LEFT JOIN billing_payment payment ON payment.bill_id = bill.id
LEFT JOIN billing_clinicday paid_on ON paid_on.id = payment.clinic_day_id
WHERE bill.administration_id = %(a)s AND bill.number BETWEEN %(from)s AND %(to)s
GROUP BY bill.id, day.date HAVING min(paid_on.date) IS DISTINCT FROM day.date;
INSERT INTO billing_outstanding (administration_id, bill_id, clinic_day_id, visit_id, debtor, amount, during)
SELECT payment.administration_id, payment.bill_id, bill.clinic_day_id, bill.visit_id, 'PAYER', payment.amount,
       daterange(day.date, CASE WHEN day.date < %(day)s THEN day.date + 1 END)
FROM billing_payment payment JOIN billing_clinicday day ON day.id = payment.clinic_day_id
JOIN billing_bill bill ON bill.id = payment.bill_id
WHERE bill.administration_id = %(a)s AND bill.number BETWEEN %(from)s AND %(to)s
  AND payment.method IN ('HMO', 'INSURANCE') AND day.date <> %(day)s::date - 1;
"""

PATIENTS = """
INSERT INTO ledger_party (id, administration_id, kind, code, name)
SELECT uuidv7(), %(a)s, 'PATIENT', 'P-' || n, '' FROM generate_series(0, %(patients)s - 1) n;
INSERT INTO billing_patient (id, administration_id, code, party_id, created_at)
SELECT uuidv7(), %(a)s, code, id, now() FROM ledger_party WHERE administration_id = %(a)s AND kind = 'PATIENT';
INSERT INTO billing_service (id, administration_id, code, name, group_id, vat_code_id, is_active)
SELECT uuidv7(), %(a)s, 'S' || n, 'Service', %(group)s, %(vat)s, true FROM generate_series(0, %(services)s - 1) n;
INSERT INTO billing_serviceprice (id, administration_id, service_id, price, includes_vat, valid_from, created_at)
SELECT uuidv7(), %(a)s, id, 10, true, date '2000-01-01', now() FROM billing_service WHERE administration_id = %(a)s;

WITH first_day AS (
    INSERT INTO billing_clinicday (id, administration_id, date, is_finalized)
    VALUES (uuidv7(), %(a)s, date '2026-06-01' - 1001, false) RETURNING id
)
INSERT INTO billing_topup (id, administration_id, clinic_day_id, number, patient_id, method, amount, reference, reason,
                           taken_at, idempotency_key, source)
SELECT uuidv7(), %(a)s, first_day.id, row_number() OVER (), patient.id, 'CARD', 10000, '', '', now(), '', ''
FROM first_day CROSS JOIN billing_patient patient WHERE patient.administration_id = %(a)s;
INSERT INTO billing_wallet (id, administration_id, patient_id, balance)
SELECT uuidv7(), %(a)s, patient_id, amount FROM billing_topup WHERE administration_id = %(a)s;
"""

BARE = (
    "SELECT method, kind, sum(amount), count(*) FROM billing_payment WHERE clinic_day_id = %(d)s GROUP BY 1, 2",
    "SELECT kind, sum(net), sum(vat), sum(gross), count(*) FROM billing_bill WHERE clinic_day_id = %(d)s GROUP BY 1",
    "SELECT count(*) FROM billing_visit WHERE administration_id = %(a)s AND date = %(day)s",
    """SELECT sum(amount) FILTER (WHERE amount > 0 AND debtor = 'PATIENT'),
              sum(amount) FILTER (WHERE amount > 0 AND debtor = 'PAYER'),
              sum(amount) FILTER (WHERE amount > 0 AND clinic_day_id = %(d)s),
              sum(amount) FILTER (WHERE amount < 0),
              count(DISTINCT visit_id) FILTER (WHERE amount > 0)
       FROM billing_outstanding WHERE administration_id = %(a)s AND during @> %(day)s::date""",
)

# The same rules, each as somebody would write it for this one day: count and sum.
BARE_RULES = {
    "L01 L02 L03 L04 L05": """
        SELECT given.kind, count(*), sum((given.completed_quantity - coalesce(billed.quantity, 0)) * price.price)
        FROM billing_order given JOIN billing_visit visit ON visit.id = given.visit_id
        LEFT JOIN (
            SELECT line.order_id, sum(line.quantity) AS quantity
            FROM billing_billline line JOIN billing_bill bill ON bill.id = line.bill_id
            WHERE bill.clinic_day_id = %(d)s GROUP BY 1
        ) billed ON billed.order_id = given.id
        LEFT JOIN billing_serviceprice price ON price.service_id = given.service_id
          AND given.completed_on BETWEEN price.valid_from AND coalesce(price.valid_until, 'infinity')
        WHERE given.administration_id = %(a)s AND given.completed_on = %(day)s AND given.coverage_reason = ''
          AND NOT given.is_emergency AND visit.status <> 'CANCELLED'
          AND given.completed_quantity > coalesce(billed.quantity, 0)
        GROUP BY 1""",
    "L05 of visits": """
        SELECT 'L05', count(*), 0 FROM billing_visit visit
        WHERE administration_id = %(a)s AND date = %(day)s AND status = 'CLOSED'
          AND NOT EXISTS (SELECT FROM billing_bill WHERE visit_id = visit.id)
          AND NOT EXISTS (SELECT FROM billing_order WHERE visit_id = visit.id)""",
    "L25": """
        SELECT 'L25', count(*), 0 FROM billing_order given
        WHERE administration_id = %(a)s AND is_emergency AND cancelled_at IS NULL AND ordered_on = %(day)s::date - 2
          AND NOT EXISTS (SELECT FROM billing_billline WHERE order_id = given.id)""",
    "L27": """
        SELECT 'L27', count(*), 0 FROM billing_visit visit JOIN billing_order given ON given.visit_id = visit.id
        WHERE visit.administration_id = %(a)s AND date = %(day)s AND status = 'CANCELLED'
          AND given.completed_on IS NOT NULL""",
    "L07 L08": """
        SELECT CASE WHEN line.gross > 0 THEN 'L07' ELSE 'L08' END, count(*),
               sum(coalesce(tariff.price, price.price) * line.quantity - line.gross - coalesce(discount.amount, 0))
        FROM billing_bill bill JOIN billing_billline line ON line.bill_id = bill.id
        LEFT JOIN billing_order given ON given.id = line.order_id
        LEFT JOIN billing_discount discount ON discount.line_id = line.id
        LEFT JOIN billing_tariff tariff ON tariff.service_id = line.service_id
          AND tariff.payer_id = coalesce(given.payer_id, bill.payer_id)
          AND coalesce(given.completed_on, %(day)s) BETWEEN tariff.valid_from
              AND coalesce(tariff.valid_until, 'infinity')
        LEFT JOIN billing_serviceprice price ON price.service_id = line.service_id
          AND coalesce(given.completed_on, %(day)s) BETWEEN price.valid_from AND coalesce(price.valid_until, 'infinity')
        WHERE bill.clinic_day_id = %(d)s AND bill.kind = 'BILL' AND line.coverage_reason = ''
          AND coalesce(given.coverage_reason, '') = ''
          AND (line.gross <= 0 OR line.gross + coalesce(discount.amount, 0)
               < coalesce(tariff.price, price.price) * line.quantity)
        GROUP BY 1""",
    "L09": """
        SELECT 'L09', count(*), sum(discount.amount)
        FROM billing_bill bill JOIN billing_billline line ON line.bill_id = bill.id
        JOIN billing_discount discount ON discount.line_id = line.id
        WHERE bill.clinic_day_id = %(d)s AND discount.percentage > 10
          AND (discount.approved_at IS NULL OR discount.approved_by_id = discount.given_by_id)""",
    "L10 L11 L12": """
        SELECT 'L10', count(*), -sum(note.gross)
        FROM billing_bill note JOIN billing_bill original ON original.id = note.credits_id
        WHERE note.clinic_day_id = %(d)s AND note.kind = 'CREDIT_NOTE'
          AND EXISTS (SELECT FROM billing_payment WHERE bill_id = original.id AND kind = 'PAYMENT')""",
    "L13 L26": """
        SELECT 'L13', count(*), -sum(refund.amount)
        FROM billing_payment refund JOIN billing_payment original ON original.id = refund.refunds_id
        WHERE refund.clinic_day_id = %(d)s AND refund.kind = 'REFUND'
          AND (refund.taken_by_id = original.taken_by_id OR EXISTS (
              SELECT FROM billing_payment again WHERE again.bill_id = refund.bill_id
                AND again.clinic_day_id = refund.clinic_day_id AND again.method <> refund.method))""",
    "L14": """
        SELECT 'L14', count(*), sum(amount) FROM (
            SELECT amount FROM billing_payment WHERE clinic_day_id = %(d)s AND late_for_id IS NOT NULL
            UNION ALL SELECT gross FROM billing_bill WHERE clinic_day_id = %(d)s AND late_for_id IS NOT NULL
            UNION ALL SELECT amount FROM billing_topup WHERE clinic_day_id = %(d)s AND late_for_id IS NOT NULL) late""",
    "L21": """
        SELECT 'L21', count(*), 0 FROM billing_wallet wallet
        WHERE patient_id IN (SELECT bill.patient_id FROM billing_payment payment
                             JOIN billing_bill bill ON bill.id = payment.bill_id
                             WHERE payment.clinic_day_id = %(d)s AND payment.method = 'WALLET')
          AND balance <> (SELECT coalesce(-sum(payment.amount), 0) FROM billing_bill bill
                          JOIN billing_payment payment ON payment.bill_id = bill.id
                          WHERE bill.patient_id = wallet.patient_id AND payment.method = 'WALLET')
                       + (SELECT coalesce(sum(amount), 0) FROM billing_topup WHERE patient_id = wallet.patient_id)""",
    "L22 of payments": """
        SELECT 'L22', count(*), 0 FROM (SELECT number, lag(number) OVER (ORDER BY number) AS before
                                        FROM billing_payment WHERE clinic_day_id = %(d)s) numbers
        WHERE number > 1 AND before IS DISTINCT FROM number - 1 AND NOT EXISTS (
            SELECT FROM billing_payment WHERE administration_id = %(a)s AND number = numbers.number - 1)""",
    "L22 of bills": """
        SELECT 'L22', count(*), 0 FROM (SELECT number, lag(number) OVER (ORDER BY number) AS before
                                        FROM billing_bill WHERE clinic_day_id = %(d)s) numbers
        WHERE number > 1 AND before IS DISTINCT FROM number - 1 AND NOT EXISTS (
            SELECT FROM billing_bill WHERE administration_id = %(a)s AND number = numbers.number - 1)""",
    "L20 L24": """
        SELECT CASE WHEN sum(payment.amount) > max(stated.amount) THEN 'L24' ELSE 'L20' END, count(*), 0
        FROM billing_paystacktransaction stated
        LEFT JOIN billing_payment payment ON payment.administration_id = stated.administration_id
          AND payment.method = 'PAYSTACK' AND payment.reference = stated.reference
        WHERE stated.administration_id = %(a)s AND stated.paid_on = %(day)s AND stated.status = 'success'
        GROUP BY stated.id HAVING coalesce(sum(payment.amount), 0) <> max(stated.amount)""",
    "L20 of payments": """
        SELECT 'L20', count(*), sum(amount) FROM billing_payment payment
        WHERE clinic_day_id = %(d)s AND method = 'PAYSTACK' AND kind = 'PAYMENT' AND NOT EXISTS (
            SELECT FROM billing_paystacktransaction stated WHERE stated.administration_id = %(a)s
              AND stated.reference = payment.reference AND stated.status = 'success')""",
    "L15 L19": """
        SELECT 'L15', count(*), sum(owed.amount) FROM billing_bill bill
        JOIN billing_outstanding owed ON owed.bill_id = bill.id AND debtor = 'PATIENT' AND upper_inf(during)
        WHERE bill.clinic_day_id = %(d)s AND bill.kind = 'BILL' AND owed.amount > 0""",
    "L16": """
        SELECT 'L16', count(DISTINCT bill.id), sum(payment.amount) FROM billing_clinicday day
        JOIN billing_bill bill ON bill.clinic_day_id = day.id
        JOIN billing_payment payment ON payment.bill_id = bill.id AND payment.method IN ('HMO', 'INSURANCE')
        WHERE day.administration_id = %(a)s AND day.date = %(day)s::date - 7 AND NOT EXISTS (
            SELECT FROM billing_claim WHERE bill_id = bill.id AND submitted_on IS NOT NULL)""",
    "L17": """
        SELECT 'L17', count(*), 0 FROM billing_claim
        WHERE administration_id = %(a)s AND status = 'REJECTED' AND answered_on = %(day)s::date - 14""",
    "L18": """
        SELECT 'L18', count(*), 0 FROM billing_claimsettlement settled JOIN billing_claim claim
          ON claim.id = settled.claim_id WHERE settled.clinic_day_id = %(d)s AND settled.kind = 'PAID'""",
    "L29": "SELECT 'L29', count(*), sum(amount) FROM billing_writeoff WHERE clinic_day_id = %(d)s",
    "L28": """
        SELECT 'L28', count(*), 0 FROM billing_serviceprice low JOIN billing_serviceprice before
          ON before.service_id = low.service_id AND before.valid_until = low.valid_from - 1 AND before.price > low.price
        WHERE low.administration_id = %(a)s""",
    "L30 L31": """
        SELECT 'L30', count(*), 0 FROM billing_shift shift JOIN billing_clinicday day ON day.id = shift.clinic_day_id
        WHERE day.administration_id = %(a)s AND day.date IN (%(day)s, %(day)s::date - 3)""",
}


def main() -> None:
    administration = Administration.objects.create(name="Busy", country="NL", currency="EUR")
    open_books(administration, chart="nl")
    open_catalogue(administration)
    named: dict[str, Any] = {
        "a": administration.pk,
        "day": DAY,
        "group": service_group(administration, "consultation").pk,
        "vat": VatCode.objects.get(administration=administration, code="EXEMPT").pk,
        "payer": register_payer(administration, code="ZK", name="Zorgkas").pk,
        "patients": max(HISTORY // 10, 10_000),
        "services": SERVICES,
    }
    as_owner(PATIENTS, named)
    tenth = HISTORY // 10
    load(named, 1, tenth, date=DATE_OF, lines=1, parts="1", delay=DELAY, open_every=max(tenth // 50, 2))
    load(
        named,
        tenth + 1,
        tenth + 10_000,
        date=f"date '{DAY}'",
        lines=3,
        parts="1 + i % 2",
        delay="0",
        open_every=10**9,
    )
    day = ClinicDay.objects.select_related("administration").get(administration=administration, date=DAY)
    named["d"] = day.pk
    as_owner(LEAKING, named)
    few, few_memory = quickest(lambda: report(day)), peak(lambda: report(day))
    load(
        named,
        tenth + 10_001,
        HISTORY + 10_000,
        date=DATE_OF,
        lines=1,
        parts="1",
        delay=DELAY,
        open_every=max((HISTORY - tenth) // 450, 2),
    )
    prove(named, day)
    bare = quickest(lambda: bare_sql(named, day))
    ours, memory = quickest(lambda: report(day)), peak(lambda: report(day))
    figure("day_close.report", ours, bare, "ms", "lower", 3.0)
    figure("day_close.history", ours, few, "ms", "lower", 1.5)
    figure("day_close.memory", memory, few_memory, "MB", "lower", 1.2)
    end()


def report(day: ClinicDay) -> None:
    """What preparing a close computes: its leaks, kept, and its figures."""
    refresh_leaks(day)
    day_figures(day)


def quickest(work: Callable[[], Any], runs: int = 5) -> float:
    """The least time of ``work`` in milliseconds: what is compared was measured minutes apart, and what else the
    machine did then only adds to it."""
    return min(milliseconds(work, runs=1, warm=0) for _ in range(runs))


def peak(work: Callable[[], Any]) -> float:
    """The most MB that Python and the driver hold for ``work``."""
    tracemalloc.start()
    work()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / 1024 / 1024


def as_owner(sql: str, values: dict[str, Any], derived: str = "") -> None:
    """Run ``sql`` as the owner, with the laws and the rows they derive set aside; what it changed is analysed."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner, owner.cursor() as cursor:
        client = psycopg.ClientCursor(owner)
        with owner.transaction():
            for table in TABLES:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            client.execute(sql, values)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for table in TABLES:
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        owner.execute("VACUUM ANALYZE")


def load(named: dict[str, Any], first: int, last: int, **shape: object) -> None:
    """Write documents ``first`` to ``last``; what the laws would derive is set by hand below, and compared with what
    the service computes."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"]) as owner:
        numbered = "SELECT coalesce(max(number), 0) FROM billing_payment WHERE administration_id = %(a)s"
        paid = owner.execute(numbered, named).fetchone()
    values = {**named, "from": first, "to": last, "paid": paid[0] if paid else 0}
    escaped = {name: str(text).replace("%", "%%") for name, text in shape.items()}
    as_owner(LOAD.format(**escaped) + OUTSTANDING, values)


def prove(named: dict[str, Any], day: ClinicDay) -> None:
    """The figures measured are the right ones: the same as the bare SQL's, leaks by leaks and mismatches included."""
    report(day)
    figures = day_figures(day)
    payments, bills, visits, outstanding, *rules = bare_sql(named, day)
    assert figures.total_revenue == sum(row[2] for row in payments)
    assert figures.total_billed == sum(row[1] for row in bills)
    assert figures.total_visits == visits[0][0] == 10_000
    assert figures.total_outstanding == outstanding[0][0] + outstanding[0][1]
    assert {mismatch["code"] for mismatch in figures.mismatch_details} == {"REFERENCE_REPEATED"}
    kinds = {"LAB": "L01", "IMAGING": "L02", "PHARMACY": "L03", "PROCEDURE": "L04", "CONSULTATION": "L05"}
    bare: Counter[str] = Counter()
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in (row for rows in rules for row in rows if row[1]):
        bare[kinds.get(row[0], row[0])] += row[1]
        sums[kinds.get(row[0], row[0])] += Decimal(row[2])
    found: Counter[str] = Counter()
    worth: defaultdict[str, Decimal] = defaultdict(Decimal)
    for leak in Leak.objects.filter(administration=day.administration, state=Leak.State.OPEN):
        found[leak.rule] += 1
        worth[leak.rule] += leak.amount or Decimal(0)
    assert found == bare, (found, bare)
    assert worth == sums, (worth, sums)
    assert len(found) > 6, found


def bare_sql(named: dict[str, Any], day: ClinicDay) -> list[list[tuple[Any, ...]]]:
    answers = []
    with connection.cursor() as cursor:
        for statement in (*BARE, *BARE_RULES.values()):
            cursor.execute(statement, named)
            answers.append(cursor.fetchall())
    return answers


if __name__ == "__main__":
    main()
