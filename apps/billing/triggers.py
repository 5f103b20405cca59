"""The laws of billing that a constraint cannot say, and the derived table of what is outstanding."""

import pgtrigger

from apps.core.laws import Law, append_only, refuse

clinic_day_kept = Law(
    name="kept",
    when=pgtrigger.Before,
    operation=pgtrigger.Update | pgtrigger.Delete,
    func=f"""
    IF TG_OP = 'DELETE' OR OLD.is_finalized
       OR (NEW.administration_id, NEW.date) IS DISTINCT FROM (OLD.administration_id, OLD.date) THEN
        {refuse("clinic_day_kept", "a clinic day keeps its date, and a finalized one stays finalized")}
    END IF;
    RETURN NEW;
    """,
)

patient_stays_erased = Law(
    name="stays_erased",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert | pgtrigger.Update,
    func=f"""
    IF TG_OP = 'UPDATE' THEN
        IF OLD.erased_at IS NOT NULL AND NEW.erased_at IS DISTINCT FROM OLD.erased_at THEN
            {refuse("patient_erased", "an erased patient stays erased")}
        END IF;
    END IF;
    IF NEW.erased_at IS NOT NULL AND EXISTS (SELECT FROM billing_patientidentity WHERE patient_id = NEW.id) THEN
        {refuse("patient_erased", "a patient is erased when nothing says who they are")}
    END IF;
    RETURN NEW;
    """,
)

# FOR SHARE: whoever names a patient waits for the erasure under way, and finds the patient erased.
identity_of_nobody_erased = Law(
    name="of_nobody_erased",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert | pgtrigger.Update,
    declare=[("erased", "timestamptz")],
    func=f"""
    SELECT erased_at INTO erased FROM billing_patient WHERE id = NEW.patient_id FOR SHARE;
    IF erased IS NOT NULL THEN
        {refuse("patient_erased", "an erased patient gets no name again")}
    END IF;
    RETURN NEW;
    """,
)

bill_append_only = append_only(
    "bill_append_only",
    "bills never change; a credit note corrects them",
    erasable="reason",
    once="EXISTS (SELECT FROM billing_patient WHERE id = NEW.patient_id AND erased_at IS NOT NULL)",
)
bill_line_append_only = append_only("bill_append_only", "bill lines never change; a credit note corrects them")
payment_append_only = append_only(
    "payment_append_only",
    "payments never change; a refund corrects them",
    erasable="reason",
    once="""
        EXISTS (SELECT FROM billing_bill bill JOIN billing_patient patient ON patient.id = bill.patient_id
                WHERE bill.id = NEW.bill_id AND patient.erased_at IS NOT NULL)
    """,
)

# FOR SHARE: closing the day waits for what is under way, and what comes then finds the day finalized.
day_open = Law(
    name="day_open",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    declare=[("finalized", "boolean")],
    func=f"""
    SELECT is_finalized INTO finalized FROM billing_clinicday WHERE id = NEW.clinic_day_id FOR SHARE;
    IF finalized THEN
        {refuse("clinic_day_open", "nothing is born into a finalized day")}
    END IF;
    RETURN NEW;
    """,
)

bill_complete = Law(
    name="complete",
    when=pgtrigger.After,
    operation=pgtrigger.Insert,
    timing=pgtrigger.Deferred,
    declare=[("found", "record")],
    func=f"""
    SELECT count(*) AS lines, coalesce(sum(net), 0) AS net, coalesce(sum(vat), 0) AS vat INTO found
    FROM billing_billline WHERE bill_id = NEW.id;
    IF (found.lines, found.net, found.vat) IS DISTINCT FROM (NEW.line_count::bigint, NEW.net, NEW.vat) THEN
        {refuse("bill_equals_lines", "a bill is the sum of the lines it announced")}
    END IF;
    RETURN NULL;
    """,
)

bill_line_announced = Law(
    name="announced",
    when=pgtrigger.After,
    operation=pgtrigger.Insert,
    level=pgtrigger.Statement,
    referencing=pgtrigger.Referencing(new="added"),
    func=f"""
    IF EXISTS (
        SELECT FROM billing_bill bill WHERE bill.id IN (SELECT bill_id FROM added)
          AND bill.line_count < (SELECT count(*) FROM billing_billline line WHERE line.bill_id = bill.id)
    ) THEN
        {refuse("bill_equals_lines", "a bill takes no further lines")}
    END IF;
    RETURN NULL;
    """,
)

# The original is locked first: two refunds of one payment wait for each other.
refund_within_payment = Law(
    name="refund_within_payment",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    condition=pgtrigger.Q(new__refunds__isnull=False),
    declare=[("original", "billing_payment%ROWTYPE")],
    func=f"""
    SELECT * INTO original FROM billing_payment WHERE id = NEW.refunds_id FOR NO KEY UPDATE;
    IF (original.kind, original.bill_id, original.method) IS DISTINCT FROM ('PAYMENT', NEW.bill_id, NEW.method)
       OR original.payer_id IS DISTINCT FROM NEW.payer_id
       OR original.amount + NEW.amount + (SELECT coalesce(sum(amount), 0) FROM billing_payment
                                          WHERE refunds_id = original.id) < 0 THEN
        {refuse("refund_within_payment", "a refund gives back part of one payment, by its method, and no more")}
    END IF;
    RETURN NEW;
    """,
)

reference_repeated = Law(
    name="reference_repeated",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    func="""
    NEW.repeats_reference := NEW.reference <> '' AND NEW.kind = 'PAYMENT' AND EXISTS (
        SELECT FROM billing_payment
        WHERE administration_id = NEW.administration_id AND method = NEW.method AND reference = NEW.reference
          AND reference <> '' AND kind = 'PAYMENT'
    );
    RETURN NEW;
    """,
)

# What a bill owes moves by: its total and its credit notes, what was paid, and what a payer took over.
MOVEMENTS_OF_A_BILL = """
    SELECT 'PATIENT' AS debtor, day.date, bill.gross AS amount
    FROM billing_bill bill JOIN billing_clinicday day ON day.id = bill.clinic_day_id
    WHERE bill.id = touched.bill_id
    UNION ALL
    SELECT 'PATIENT', day.date, bill.gross
    FROM billing_bill bill JOIN billing_clinicday day ON day.id = bill.clinic_day_id
    WHERE bill.credits_id = touched.bill_id
    UNION ALL
    SELECT debtor.name, day.date, CASE debtor.name WHEN 'PATIENT' THEN -payment.amount ELSE payment.amount END
    FROM billing_payment payment JOIN billing_clinicday day ON day.id = payment.clinic_day_id
    JOIN (VALUES ('PATIENT'), ('PAYER')) AS debtor (name)
      ON debtor.name = 'PATIENT' OR payment.method IN ('HMO', 'INSURANCE')
    WHERE payment.bill_id = touched.bill_id
"""


def _outstanding(touched: str) -> Law:
    """Derive anew what the ``touched`` bills leave open, step by step; each bill is locked while that happens."""
    return Law(
        name="outstanding",
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        level=pgtrigger.Statement,
        referencing=pgtrigger.Referencing(new="added"),
        func=f"""
        PERFORM FROM billing_bill WHERE id IN ({touched}) ORDER BY id FOR NO KEY UPDATE;
        DELETE FROM billing_outstanding WHERE bill_id IN ({touched});
        INSERT INTO billing_outstanding (administration_id, bill_id, clinic_day_id, visit_id, debtor, amount, during)
        SELECT administration_id, bill_id, clinic_day_id, visit_id, debtor, open, daterange(date, next_date)
        FROM (
            SELECT touched.*, debtor, date,
                   sum(sum(amount)) OVER (PARTITION BY touched.bill_id, debtor ORDER BY date) AS open,
                   lead(date) OVER (PARTITION BY touched.bill_id, debtor ORDER BY date) AS next_date
            FROM (SELECT id AS bill_id, administration_id, clinic_day_id, visit_id FROM billing_bill
                  WHERE id IN ({touched})) AS touched
            CROSS JOIN LATERAL ({MOVEMENTS_OF_A_BILL}) AS movement
            GROUP BY touched.bill_id, administration_id, clinic_day_id, visit_id, debtor, date
        ) AS step
        WHERE open <> 0;
        RETURN NULL;
        """,
    )


bill_outstanding = _outstanding("SELECT coalesce(credits_id, id) FROM added")
payment_outstanding = _outstanding("SELECT bill_id FROM added")

close_dated = Law(
    name="dated",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    func="""
    SELECT date INTO NEW.reconciliation_date FROM billing_clinicday WHERE id = NEW.clinic_day_id;
    RETURN NEW;
    """,
)

close_append_only = Law(
    name="append_only",
    when=pgtrigger.Before,
    operation=pgtrigger.Update | pgtrigger.Delete,
    func=f"""
    IF TG_OP = 'DELETE' OR OLD.status = 'FINALIZED'
       OR (NEW.administration_id, NEW.clinic_day_id, NEW.reconciliation_date, NEW.number, NEW.revision) IS DISTINCT FROM
          (OLD.administration_id, OLD.clinic_day_id, OLD.reconciliation_date, OLD.number, OLD.revision) THEN
        {refuse("close_append_only", "a finalized day close never changes, and none is deleted")}
    END IF;
    RETURN NEW;
    """,
)
