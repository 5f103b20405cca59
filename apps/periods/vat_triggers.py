"""Laws of VAT that a constraint cannot say."""

import pgtrigger

from apps.core.laws import Law, append_only, refuse

# What a return was reckoned by stays as it was. A registration holds from its day until the next one's.
registration_kept = Law(
    name="kept",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
    declare=[("touched", "date"), ("books", "uuid")],
    func=f"""
    IF TG_OP = 'UPDATE' AND NEW.administration_id <> OLD.administration_id THEN
        {refuse("vat_registration_kept", "a registration stays with its administration")}
    END IF;
    IF TG_OP = 'INSERT' THEN
        touched := NEW.since; books := NEW.administration_id;
    ELSIF TG_OP = 'UPDATE' THEN
        touched := least(NEW.since, OLD.since); books := NEW.administration_id;
    ELSE
        touched := OLD.since; books := OLD.administration_id;
    END IF;
    IF EXISTS (SELECT FROM periods_vatfiling WHERE administration_id = books AND last_day >= touched) THEN
        {refuse("vat_registration_kept", "a return was filed under what held on these days")}
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
    """,
)

filing_append_only = append_only("vat_filing_append_only", "a filed VAT return never changes")
filed_box_append_only = append_only("vat_filing_append_only", "the boxes of a filed VAT return never change")

# FOR UPDATE of the one before it: two revisions of a span wait for each other.
filing_follows = Law(
    name="follows",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    condition=pgtrigger.Q(new__revision__gt=0),
    func=f"""
    PERFORM FROM periods_vatfiling
    WHERE administration_id = NEW.administration_id AND first_day = NEW.first_day AND last_day = NEW.last_day
      AND revision = NEW.revision - 1 AND filed_at <= NEW.filed_at
    FOR UPDATE;
    IF NOT FOUND THEN
        {refuse("vat_filing_follows", "a revision follows the one before it, of the same days")}
    END IF;
    RETURN NEW;
    """,
)

_COMPLETE = """
    SELECT filing.box_count, filing.declared, count(box.id) AS boxes INTO found
    FROM periods_vatfiling filing LEFT JOIN periods_filedbox box ON box.filing_id = filing.id
    WHERE filing.id = {filing} GROUP BY filing.id;
    IF found.boxes <> found.box_count THEN
        {refusal}
    END IF;
    RETURN NULL;
"""
_INCOMPLETE = refuse("vat_filing_complete", "a filed return has exactly the boxes that it was filed with")

# Deferred: the boxes come after the return, in the same transaction, and none comes later.
filing_complete = Law(
    name="complete",
    when=pgtrigger.After,
    operation=pgtrigger.Insert,
    timing=pgtrigger.Deferred,
    declare=[("found", "record")],
    func=_COMPLETE.format(filing="NEW.id", refusal=_INCOMPLETE),
)
filed_box_counted = Law(
    name="counted",
    when=pgtrigger.After,
    operation=pgtrigger.Insert,
    timing=pgtrigger.Deferred,
    declare=[("found", "record")],
    func=_COMPLETE.format(filing="NEW.filing_id", refusal=_INCOMPLETE),
)
