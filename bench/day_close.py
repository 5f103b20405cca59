"""The report of one busy day on top of a long history, against the bare SQL of the same totals.

The day: 10,000 visits, 10,000 bills with 30,000 lines, 15,000 payments in seven methods. The history: one million
older payments on as many bills (``SIZE=`` says how many), a tenth of them paid a day late, 500 still open; cover of
the past is taken as paid by its payers (remittances are not built yet, so its rows are ended by hand).

day_close.report   ours: day_figures(); limit: hand-written SQL of payments by method, bills, visits, outstanding
day_close.growth   the report with the whole history; limit: the same with a tenth of it
"""

import os
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

import psycopg  # noqa: E402
from django.db import connection  # noqa: E402

from apps.billing.models import ClinicDay  # noqa: E402
from apps.billing.reports.day import day_figures  # noqa: E402
from apps.billing.services.catalogue import open_catalogue, register_payer, service_group  # noqa: E402
from apps.core.models import Administration  # noqa: E402
from apps.ledger.models import VatCode  # noqa: E402
from apps.ledger.services.opening import open_books  # noqa: E402
from bench import SIZE, end, figure, milliseconds  # noqa: E402

HISTORY = int(SIZE or 1_000_000)
DAY = "2026-06-01"
TABLES = ("billing_visit", "billing_bill", "billing_billline", "billing_payment")

# Document i of the history lies on one of the thousand days before the day, that of today on the day itself.
DATE_OF = "date '2026-06-01' - 1 - (i % 1000)::int"
# A tenth is paid a day late, but nothing of yesterday: the day's own payments are numbered in one go, as they come.
DELAY = "(i % 10 = 0 AND i % 1000 > 0)::int"

LOAD = """
INSERT INTO billing_clinicday (id, administration_id, date, is_finalized)
SELECT uuidv7(), %(a)s, date '2026-06-01' - d, false FROM generate_series(0, 1001) d ON CONFLICT DO NOTHING;

CREATE TEMP TABLE new_bill AS
SELECT uuidv7() AS id, uuidv7() AS visit_id, i, {date} AS date,
       (ARRAY(SELECT id FROM billing_patient WHERE administration_id = %(a)s ORDER BY id))[1 + i %% 100] AS patient_id
FROM generate_series(%(from)s::int, %(to)s::int) i;
CREATE INDEX ON new_bill (i);

INSERT INTO billing_visit (id, administration_id, patient_id, date, status, is_inpatient, reason, started_at, ended_at,
                           closed_by_day_close, idempotency_key, source)
SELECT visit_id, %(a)s, patient_id, date, 'CLOSED', false, '', date, date, false, '', '' FROM new_bill;

INSERT INTO billing_bill (id, administration_id, clinic_day_id, number, kind, patient_id, visit_id, line_count, net,
                          vat, gross, reason, issued_at, source)
SELECT new.id, %(a)s, day.id, i, 'BILL', patient_id, visit_id, {lines}, 30, 0, 30, '', now(), ''
FROM new_bill new JOIN billing_clinicday day ON day.administration_id = %(a)s AND day.date = new.date;

INSERT INTO billing_billline (id, administration_id, bill_id, position, group_id, code, description, quantity,
                              unit_price, vat_code_id, vat_rate, net, vat, gross, source)
SELECT uuidv7(), %(a)s, id, position, %(group)s, 'C', 'Consultation', 1, 30.0 / {lines}, %(vat)s, 0, 30.0 / {lines}, 0,
       30.0 / {lines}, ''
FROM new_bill, generate_series(1, {lines}) position;

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
DROP TABLE new_bill;
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
  AND payment.method IN ('HMO', 'INSURANCE');
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


def main() -> None:
    administration = Administration.objects.create(name="Busy", country="NL", currency="EUR")
    open_books(administration, chart="nl")
    open_catalogue(administration)
    patients(administration)
    named: dict[str, Any] = {
        "a": administration.pk,
        "day": DAY,
        "group": service_group(administration, "consultation").pk,
        "vat": VatCode.objects.get(administration=administration, code="EXEMPT").pk,
        "payer": register_payer(administration, code="ZK", name="Zorgkas").pk,
    }
    tenth = HISTORY // 10
    load(named, 1, tenth, date=DATE_OF, lines=1, parts="1", delay=DELAY, open_every=max(tenth // 50, 2))
    load(
        named,
        HISTORY + 1,
        HISTORY + 10_000,
        date=f"date '{DAY}'",
        lines=3,
        parts="1 + i % 2",
        delay="0",
        open_every=10**9,
    )
    day = ClinicDay.objects.select_related("administration").get(administration=administration, date=DAY)
    few = milliseconds(lambda: day_figures(day))
    load(
        named,
        tenth + 1,
        HISTORY,
        date=DATE_OF,
        lines=1,
        parts="1",
        delay=DELAY,
        open_every=max((HISTORY - tenth) // 450, 2),
    )
    prove(named, day)
    bare = milliseconds(lambda: bare_sql(named, day))
    ours = milliseconds(lambda: day_figures(day))
    figure("day_close.report", ours, bare, "ms", "lower", 2.0)
    figure("day_close.growth", ours, few, "ms", "lower", 1.5)
    end()


def patients(administration: Administration) -> None:
    from apps.billing.services.catalogue import register_patient

    for number in range(100):
        register_patient(administration, code=f"P-{number}")


def load(named: dict[str, Any], first: int, last: int, **shape: object) -> None:
    """Write documents ``first`` to ``last`` as the owner, with the laws and their derived rows set aside: set by
    hand below, and compared with what the service computes."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner, owner.cursor() as cursor:
        client = psycopg.ClientCursor(owner)
        paid = owner.execute("SELECT coalesce(max(number), 0) FROM billing_payment").fetchone()
        values = {**named, "from": first, "to": last, "paid": paid[0] if paid else 0}
        escaped = {name: str(text).replace("%", "%%") for name, text in shape.items()}
        with owner.transaction():
            for table in TABLES:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            client.execute((LOAD.format(**escaped) + OUTSTANDING), values)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for table in TABLES:
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        owner.execute("VACUUM ANALYZE")


def prove(named: dict[str, Any], day: ClinicDay) -> None:
    """The figures measured are the right ones: the same as the bare SQL's, and nothing disagrees."""
    figures = day_figures(day)
    payments, bills, visits, outstanding = bare_sql(named, day)
    assert figures.total_revenue == sum(row[2] for row in payments)
    assert figures.total_billed == sum(row[1] for row in bills) == 300_000
    assert figures.total_visits == visits[0][0] == 10_000
    assert figures.total_outstanding == outstanding[0][0] + outstanding[0][1]
    assert not figures.has_mismatches, figures.mismatch_details


def bare_sql(named: dict[str, Any], day: ClinicDay) -> list[list[tuple[Any, ...]]]:
    answers = []
    with connection.cursor() as cursor:
        for statement in BARE:
            cursor.execute(statement, {**named, "d": day.pk})
            answers.append(cursor.fetchall())
    return answers


if __name__ == "__main__":
    main()
