"""The laws of billing that a constraint cannot say, and the derived table of what is outstanding."""

from typing import Any

import pgtrigger

from apps.core.laws import Law, append_only, refuse

clinic_day_kept = Law(
    name="kept",
    when=pgtrigger.Before,
    operation=pgtrigger.Update | pgtrigger.Delete,
    func=f"""
    IF TG_OP = 'DELETE' OR (NEW.administration_id, NEW.date) IS DISTINCT FROM (OLD.administration_id, OLD.date) THEN
        {refuse("clinic_day_kept", "a clinic day keeps its date")}
    END IF;
    IF OLD.is_finalized THEN
        IF NEW.is_finalized OR NOT EXISTS (
            SELECT FROM billing_endofdayreconciliation
            WHERE clinic_day_id = OLD.id AND revision > 1 AND status = 'DRAFT'
        ) THEN
            {refuse("clinic_day_kept", "a finalized day stays finalized, unless a revision of its close was begun")}
        END IF;
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
    IF NEW.erased_at IS NOT NULL AND (EXISTS (SELECT FROM billing_patientidentity WHERE patient_id = NEW.id)
                                      OR EXISTS (SELECT FROM billing_cover WHERE patient_id = NEW.id)) THEN
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
cover_of_nobody_erased = identity_of_nobody_erased

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
       OR (original.payer_id, original.advance_id) IS DISTINCT FROM (NEW.payer_id, NEW.advance_id)
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

# What a bill owes moves by: its total and its credit notes, what was paid, what a payer took over, what became of that,
# and what was given up. Debt of a payer that is given up is a settlement of the claim.
MOVEMENTS_OF_A_BILL = """
    SELECT 'PATIENT' AS debtor, day.date, bill.gross AS amount
    FROM billing_bill bill JOIN billing_clinicday day ON day.id = bill.clinic_day_id
    WHERE bill.id = touched.bill_id
    UNION ALL
    SELECT 'PATIENT', day.date, bill.gross
    FROM billing_bill bill JOIN billing_clinicday day ON day.id = bill.clinic_day_id
    WHERE bill.credits_id = touched.bill_id
    UNION ALL
    SELECT debtor.name, day.date, CASE debtor.name WHEN 'PATIENT' THEN settlement.amount ELSE -settlement.amount END
    FROM billing_claim claim JOIN billing_claimsettlement settlement ON settlement.claim_id = claim.id
    JOIN billing_clinicday day ON day.id = settlement.clinic_day_id
    JOIN (VALUES ('PATIENT'), ('PAYER')) AS debtor (name) ON debtor.name = 'PAYER' OR settlement.kind = 'PATIENT'
    WHERE claim.bill_id = touched.bill_id
    UNION ALL
    SELECT 'PATIENT', day.date, -given_up.amount
    FROM billing_writeoff given_up JOIN billing_clinicday day ON day.id = given_up.clinic_day_id
    WHERE given_up.bill_id = touched.bill_id AND given_up.claim_id IS NULL AND given_up.approved_at IS NOT NULL
    UNION ALL
    SELECT debtor.name, day.date, CASE debtor.name WHEN 'PATIENT' THEN -payment.amount ELSE payment.amount END
    FROM billing_payment payment JOIN billing_clinicday day ON day.id = payment.clinic_day_id
    JOIN (VALUES ('PATIENT'), ('PAYER')) AS debtor (name)
      ON debtor.name = 'PATIENT' OR payment.method IN ('HMO', 'INSURANCE')
    WHERE payment.bill_id = touched.bill_id
"""


def _outstanding(touched: str, *, name: str = "outstanding", operation: Any = pgtrigger.Insert) -> Law:
    """Derive anew what the ``touched`` bills leave open, step by step; each bill is locked while that happens."""
    return Law(
        name=name,
        when=pgtrigger.After,
        operation=operation,
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
claim_settlement_outstanding = _outstanding(
    "SELECT bill_id FROM billing_claim WHERE id IN (SELECT claim_id FROM added)"
)
write_off_outstanding = _outstanding("SELECT bill_id FROM added WHERE approved_at IS NOT NULL")
write_off_outstanding_once_approved = _outstanding(
    "SELECT bill_id FROM added WHERE approved_at IS NOT NULL",
    name="outstanding_once_approved",
    operation=pgtrigger.Update,
)

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

# The clinic day is held alone by whoever reopens it.
close_revises = Law(
    name="revises",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    condition=pgtrigger.Q(new__revision__gt=1),
    func=f"""
    IF NOT EXISTS (
        SELECT FROM billing_endofdayreconciliation
        WHERE clinic_day_id = NEW.clinic_day_id AND revision = NEW.revision - 1
          AND status = 'FINALIZED' AND number = NEW.number
    ) THEN
        {refuse("close_revises", "a revision follows the finalized one before it, under its number")}
    END IF;
    RETURN NEW;
    """,
)

visit_versioned = Law(
    name="versioned",
    when=pgtrigger.Before,
    operation=pgtrigger.Update,
    func="""
    IF (NEW.patient_id, NEW.date, NEW.status, NEW.is_inpatient)
       IS DISTINCT FROM (OLD.patient_id, OLD.date, OLD.status, OLD.is_inpatient) THEN
        NEW.version := OLD.version + 1;
    END IF;
    RETURN NEW;
    """,
)

order_kept = Law(
    name="kept",
    when=pgtrigger.Before,
    operation=pgtrigger.Update | pgtrigger.Delete,
    func=f"""
    IF TG_OP = 'DELETE' THEN
        {refuse("order_kept", "an order is cancelled, never deleted")}
    END IF;
    IF (NEW.id, NEW.administration_id, NEW.visit_id, NEW.kind, NEW.ordered_on, NEW.ordered_at) IS DISTINCT FROM
       (OLD.id, OLD.administration_id, OLD.visit_id, OLD.kind, OLD.ordered_on, OLD.ordered_at) THEN
        {refuse("order_kept", "an order keeps its visit, its kind and its date")}
    END IF;
    IF to_jsonb(NEW) - 'reason' <> to_jsonb(OLD) - 'reason' THEN
        NEW.version := OLD.version + 1;
    END IF;
    RETURN NEW;
    """,
)

discount_kept = Law(
    name="kept",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
    func=f"""
    IF TG_OP = 'DELETE' THEN
        {refuse("discount_kept", "a discount is never deleted")}
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF OLD.approved_at IS NOT NULL
           OR to_jsonb(NEW) - '{{approved_by_id,approved_at}}'::text[]
              <> to_jsonb(OLD) - '{{approved_by_id,approved_at}}'::text[] THEN
            {refuse("discount_kept", "a discount never changes; all that happens to it is that it is approved, once")}
        END IF;
    END IF;
    IF NEW.approved_by_id = NEW.given_by_id AND NOT (
        SELECT single_sign_off FROM core_administration WHERE id = NEW.administration_id
    ) THEN
        {refuse("discount_second_person", "a discount is approved by somebody else than who gave it")}
    END IF;
    RETURN NEW;
    """,
)

# A shift is closed by its final count, and stays as it was.
shift_kept = Law(
    name="kept",
    when=pgtrigger.Before,
    operation=pgtrigger.Update | pgtrigger.Delete,
    func=f"""
    IF TG_OP = 'DELETE' OR OLD.closed_at IS NOT NULL OR to_jsonb(NEW) - 'closed_at' <> to_jsonb(OLD) - 'closed_at' THEN
        {refuse("shift_kept", "a shift stays as it was opened; its final count closes it, once")}
    END IF;
    IF NEW.closed_at IS NOT NULL AND NOT EXISTS (
        SELECT FROM billing_drawercount WHERE shift_id = NEW.id AND is_final
    ) THEN
        {refuse("shift_kept", "a shift is closed by its final count")}
    END IF;
    RETURN NEW;
    """,
)


def _shift_open(once_closed: str) -> Law:
    """Cash goes into an open shift of its own day. FOR SHARE: the final count waits for what is under way."""
    return Law(
        name="shift_open",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        declare=[("found", "record")],
        func=f"""
        IF NEW.shift_id IS NOT NULL THEN
            SELECT clinic_day_id, closed_at INTO found FROM billing_shift WHERE id = NEW.shift_id FOR SHARE;
            IF found.clinic_day_id <> NEW.clinic_day_id THEN
                {refuse("shift_of_the_day", "cash belongs to a shift of its own day")}
            END IF;
            IF found.closed_at IS NOT NULL THEN
                {once_closed}
            END IF;
        END IF;
        RETURN NEW;
        """,
    )


SHIFT_IS_COUNTED = refuse("shift_open", "the drawer of that shift was counted")
shift_open = _shift_open(SHIFT_IS_COUNTED)
cash_movement_shift_open = _shift_open(f"""
                IF NEW.kind <> 'DEPOSIT' THEN
                    {SHIFT_IS_COUNTED}
                END IF;
                NEW.after_count := TRUE;""")

cash_movement_append_only = append_only("cash_movement_append_only", "cash movements never change; enter the opposite")
count_append_only = append_only("count_append_only", "a counted drawer never changes")
terminal_batch_append_only = append_only(
    "terminal_batch_append_only", "terminal totals never change; enter a newer one"
)

NOT_ITS_PIECES = refuse("count_equals_denominations", "a count is the sum of its notes and coins")
count_adds_up = Law(
    name="adds_up",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    func=f"""
    IF jsonb_typeof(NEW.denominations) <> 'array' THEN
        {NOT_ITS_PIECES}
    END IF;
    IF NEW.denominations <> '[]' AND (
        SELECT sum(worth * pieces) IS DISTINCT FROM NEW.total
            OR NOT bool_and(coalesce(worth > 0 AND worth < 'Infinity' AND pieces >= 0, false))
        FROM jsonb_array_elements(NEW.denominations) AS piece
        CROSS JOIN LATERAL (
            SELECT (piece ->> 'value')::numeric AS worth, (piece ->> 'count')::integer AS pieces
        ) AS counted
    ) THEN
        {NOT_ITS_PIECES}
    END IF;
    RETURN NEW;
    """,
)

top_up_append_only = append_only(
    "top_up_append_only",
    "top-ups never change; pay the opposite",
    erasable="reason",
    once="EXISTS (SELECT FROM billing_patient WHERE id = NEW.patient_id AND erased_at IS NOT NULL)",
)

# The row of the wallet is the lock: two payments from one wallet wait for each other.
wallet_kept = Law(
    name="kept",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
    func=f"""
    IF TG_OP = 'DELETE' THEN
        {refuse("wallet_kept", "a wallet is never deleted")}
    END IF;
    IF pg_trigger_depth() < 2 THEN
        IF TG_OP = 'INSERT' THEN
            NEW.balance := 0;
        ELSIF (NEW.balance, NEW.patient_id) IS DISTINCT FROM (OLD.balance, OLD.patient_id) THEN
            {refuse("wallet_kept", "a wallet holds what its top-ups and payments add up to")}
        END IF;
    END IF;
    RETURN NEW;
    """,
)


def _moves_wallet(patient: str, amount: str, **when: Any) -> Law:
    return Law(
        name="moves_wallet",
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        func=f"""
        INSERT INTO billing_wallet AS wallet (id, administration_id, patient_id, balance)
        VALUES (gen_random_uuid(), NEW.administration_id, {patient}, {amount})
        ON CONFLICT (patient_id) DO UPDATE SET balance = wallet.balance + EXCLUDED.balance;
        RETURN NULL;
        """,
        **when,
    )


top_up_moves_wallet = _moves_wallet("NEW.patient_id", "NEW.amount")
payment_moves_wallet = _moves_wallet(
    "(SELECT patient_id FROM billing_bill WHERE id = NEW.bill_id)",
    "-NEW.amount",
    condition=pgtrigger.Q(new__method="WALLET"),
)


def _within_advance(own: str, amount: str, vat: str, *declare: tuple[str, str]) -> Law:
    """An advance is used and given back up to what was paid, and its VAT with it to the last cent.

    Its row is the lock: two who take of one advance wait for each other. ``own`` is asked first.
    """
    return Law(
        name="within_advance",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        condition=pgtrigger.Q(new__advance__isnull=False),
        declare=[("advance", "billing_topup%ROWTYPE"), ("rest", "record"), *declare],
        func=f"""
        {own}
        IF (SELECT date FROM billing_clinicday WHERE id = NEW.clinic_day_id) < (
            SELECT date FROM billing_clinicday WHERE id = advance.clinic_day_id
        ) THEN
            {refuse("advance_received_before", "an advance is used and given back once it was received")}
        END IF;
        SELECT advance.amount - {amount} - coalesce(sum(moved.amount), 0) AS amount,
               advance.vat - {vat} - coalesce(sum(moved.vat), 0) AS vat INTO rest
        FROM (SELECT -amount AS amount, -vat AS vat FROM billing_topup WHERE advance_id = NEW.advance_id
              UNION ALL
              SELECT amount, advance_vat FROM billing_payment WHERE advance_id = NEW.advance_id) AS moved;
        IF rest.amount NOT BETWEEN 0 AND advance.amount OR rest.vat NOT BETWEEN 0 AND advance.vat
           OR rest.amount = 0 AND rest.vat <> 0 OR rest.amount = advance.amount AND rest.vat <> advance.vat THEN
            {refuse("advance_within_left", "an advance is used and given back up to what was paid, its VAT with it")}
        END IF;
        RETURN NEW;
        """,
    )


HOLD_ADVANCE = "SELECT * INTO advance FROM billing_topup WHERE id = NEW.advance_id FOR NO KEY UPDATE;"
given_back_within_advance = _within_advance(
    f"""
        {HOLD_ADVANCE}
        IF (advance.patient_id, advance.service_id, advance.vat_code_id, advance.vat_rate, advance.amount > 0)
           IS DISTINCT FROM (NEW.patient_id, NEW.service_id, NEW.vat_code_id, NEW.vat_rate, TRUE) THEN
            {refuse("advance_given_back_as_paid", "an advance goes back to who paid it, with its VAT")}
        END IF;""",
    "-NEW.amount",
    "-NEW.vat",
)
# The bill is locked before the advance, as whoever takes a payment does.
drawn_within_advance = _within_advance(
    f"""
        SELECT patient_id INTO patient FROM billing_bill WHERE id = NEW.bill_id FOR NO KEY UPDATE;
        {HOLD_ADVANCE}
        IF (advance.patient_id, advance.service_id IS NOT NULL, advance.amount > 0)
           IS DISTINCT FROM (patient, TRUE, TRUE) OR NEW.amount > 0 AND NEW.amount + (
            SELECT coalesce(sum(payment.amount), 0)
            FROM billing_payment payment JOIN billing_topup other ON other.id = payment.advance_id
            WHERE payment.bill_id = NEW.bill_id AND other.service_id = advance.service_id
        ) > (
            SELECT coalesce(sum(gross), 0) FROM billing_billline
            WHERE bill_id = NEW.bill_id AND service_id = advance.service_id
        ) THEN
            {refuse("advance_pays_its_service", "an advance pays its service on a bill of its patient, and no more")}
        END IF;""",
    "NEW.amount",
    "NEW.advance_vat",
    ("patient", "uuid"),
)

claim_kept = Law(
    name="kept",
    when=pgtrigger.Before,
    operation=pgtrigger.Update | pgtrigger.Delete,
    func=f"""
    IF TG_OP = 'DELETE' OR (NEW.id, NEW.administration_id, NEW.number, NEW.bill_id, NEW.payer_id) IS DISTINCT FROM
       (OLD.id, OLD.administration_id, OLD.number, OLD.bill_id, OLD.payer_id) THEN
        {refuse("claim_kept", "a claim keeps its number, its bill and its payer, and is never deleted")}
    END IF;
    IF NEW IS DISTINCT FROM OLD THEN
        NEW.version := OLD.version + 1;
    END IF;
    RETURN NEW;
    """,
)
claim_step_append_only = append_only("claim_step_append_only", "what happened to a claim never changes")
remittance_append_only = append_only("remittance_append_only", "remittances never change; settle the opposite")
claim_settlement_append_only = append_only(
    "claim_settlement_append_only", "settlements never change; a negative one takes one back"
)

# The claim is locked first: two settlements of one claim wait for each other.
claim_settlement_within_open = Law(
    name="within_open",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    declare=[
        ("claim", "billing_claim%ROWTYPE"),
        ("original", "billing_claimsettlement%ROWTYPE"),
        ("settled", "numeric"),
        ("covered", "numeric"),
    ],
    func=f"""
    SELECT * INTO claim FROM billing_claim WHERE id = NEW.claim_id FOR NO KEY UPDATE;
    SELECT coalesce(sum(amount), 0) INTO covered FROM billing_payment
    WHERE bill_id = claim.bill_id AND payer_id = claim.payer_id AND method IN ('HMO', 'INSURANCE');
    SELECT coalesce(sum(amount), 0) INTO settled FROM billing_claimsettlement WHERE claim_id = claim.id;
    IF NEW.amount > 0 AND settled + NEW.amount > covered THEN
        {refuse("claim_settlement_within_open", "a claim is settled within what is open of it")}
    END IF;
    IF NEW.amount < 0 AND NEW.amount + (
        SELECT coalesce(sum(amount), 0) FROM billing_claimsettlement WHERE claim_id = claim.id AND kind = NEW.kind
    ) < 0 THEN
        {refuse("claim_settlement_within_open", "what is taken back of a settlement was settled before")}
    END IF;
    IF NEW.amount < 0 THEN
        SELECT * INTO original FROM billing_claimsettlement WHERE id = NEW.takes_back_id;
        IF (original.claim_id, original.kind, original.remittance_id, original.amount > 0)
           IS DISTINCT FROM (NEW.claim_id, NEW.kind, NEW.remittance_id, TRUE)
           OR original.amount + NEW.amount + (
            SELECT coalesce(sum(amount), 0) FROM billing_claimsettlement WHERE takes_back_id = original.id
        ) < 0 THEN
            {refuse("claim_settlement_takes_back", "a negative settlement takes back one of its claim, no more")}
        END IF;
    END IF;
    IF NEW.kind = 'PAID' THEN
        PERFORM FROM billing_remittance WHERE id = NEW.remittance_id FOR NO KEY UPDATE;
        IF NEW.amount + (
            SELECT coalesce(sum(amount), 0) FROM billing_claimsettlement
            WHERE remittance_id = NEW.remittance_id AND kind = 'PAID'
        ) > (SELECT amount FROM billing_remittance WHERE id = NEW.remittance_id) THEN
            {refuse("paid_within_remittance", "claims are paid within what the payer sent")}
        END IF;
    END IF;
    RETURN NEW;
    """,
)

write_off_kept = Law(
    name="kept",
    when=pgtrigger.Before,
    operation=pgtrigger.Update | pgtrigger.Delete,
    func=f"""
    IF TG_OP = 'DELETE' OR OLD.approved_at IS NOT NULL OR OLD.rejected_at IS NOT NULL
       OR (NEW.id, NEW.administration_id, NEW.bill_id, NEW.claim_id, NEW.amount, NEW.reason, NEW.proposed_by_id)
          IS DISTINCT FROM
          (OLD.id, OLD.administration_id, OLD.bill_id, OLD.claim_id, OLD.amount, OLD.reason, OLD.proposed_by_id) THEN
        {refuse("write_off_kept", "a write-off stays as it was proposed, and is decided once")}
    END IF;
    IF NEW.approved_by_id = NEW.proposed_by_id AND NOT (
        SELECT single_sign_off FROM core_administration WHERE id = NEW.administration_id
    ) THEN
        {refuse("write_off_second_person", "a write-off is approved by somebody else than who proposed it")}
    END IF;
    RETURN NEW;
    """,
)

write_off_day_open = Law(
    name="day_open",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert | pgtrigger.Update,
    condition=pgtrigger.Q(new__clinic_day__isnull=False),
    declare=[("finalized", "boolean")],
    func=f"""
    SELECT is_finalized INTO finalized FROM billing_clinicday WHERE id = NEW.clinic_day_id FOR SHARE;
    IF finalized THEN
        {refuse("clinic_day_open", "nothing is born into a finalized day")}
    END IF;
    RETURN NEW;
    """,
)

# What the provider confirmed once it does not take back: a refund or a chargeback is a payment of its own.
paystack_transaction_kept = Law(
    name="kept",
    when=pgtrigger.Before,
    operation=pgtrigger.Update | pgtrigger.Delete,
    func=f"""
    IF TG_OP = 'DELETE' OR OLD.status = 'success' AND (NEW.reference, NEW.amount, NEW.currency, NEW.paid_at)
       IS DISTINCT FROM (OLD.reference, OLD.amount, OLD.currency, OLD.paid_at) THEN
        {refuse("paystack_transaction_kept", "a payment that the provider confirmed never changes")}
    END IF;
    RETURN NEW;
    """,
)
