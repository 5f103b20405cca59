"""The laws of reconciliation that a constraint cannot say."""

import pgtrigger

from apps.core.laws import Law, refuse

INSERT_OR_DELETE = pgtrigger.Insert | pgtrigger.Delete
EVERY = pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete

# What the database derives is let through; the rest of a row stays byte for byte.
statement_kept = Law(
    name="kept",
    when=pgtrigger.Before,
    operation=pgtrigger.Update | pgtrigger.Delete,
    func=f"""
    IF TG_OP = 'DELETE' THEN
        IF OLD.line_count > 0 THEN
            {refuse("statement_kept", "a statement with lines stays")}
        END IF;
        RETURN OLD;
    END IF;
    IF OLD.confirmed_at IS NULL THEN
        OLD.confirmed_at := NEW.confirmed_at;
        OLD.confirmed_by_id := NEW.confirmed_by_id;
        OLD.confirmed_because := NEW.confirmed_because;
    END IF;
    IF OLD.month IS NOT NULL THEN  -- put together by Daybook from one file after another
        OLD.balance_start := NEW.balance_start;
        OLD.balance_end_real := NEW.balance_end_real;
        OLD.date := NEW.date;
        OLD.first_date := NEW.first_date;
    END IF;
    IF pg_trigger_depth() > 1 THEN
        OLD.line_count := NEW.line_count;
        OLD.line_total := NEW.line_total;
        OLD.is_valid := NEW.is_valid;
    END IF;
    OLD.balance_end := NEW.balance_end;
    OLD.is_complete := NEW.is_complete;
    IF NEW *= OLD THEN
        RETURN NEW;
    END IF;
    {refuse("statement_kept", "what a bank stated never changes; its totals are derived")}
    """,
)

# Each statement begins where the one before it ended: by date, and within one day as they came.
_FOLLOWS = """
        UPDATE reconciliation_statement statement SET is_valid = follows.valid
        FROM (
            SELECT id, coalesce(balance_start = lag(coalesce(balance_end_real, balance_end))
                                OVER (PARTITION BY bank_account_id ORDER BY date, id), true) AS valid
            FROM reconciliation_statement
            WHERE bank_account_id IN (SELECT bank_account_id FROM touched)
        ) follows
        WHERE statement.id = follows.id AND statement.is_valid IS DISTINCT FROM follows.valid;
        RETURN NULL;
"""


def _continuity(
    name: str, operation: pgtrigger.Operation, rows: pgtrigger.Referencing, condition: pgtrigger.Condition | None = None
) -> Law:
    return Law(
        name=name,
        when=pgtrigger.After,
        operation=operation,
        level=pgtrigger.Statement,
        referencing=rows,
        condition=condition,
        func=_FOLLOWS,
    )


statement_continuity = (
    _continuity("continuity", pgtrigger.Insert, pgtrigger.Referencing(new="touched")),
    _continuity("continuity_removed", pgtrigger.Delete, pgtrigger.Referencing(old="touched")),
    # What a law itself updates does not come back here: it sees to continuity at once.
    _continuity(
        "continuity_moved",
        pgtrigger.Update,
        pgtrigger.Referencing(new="touched"),
        pgtrigger.Condition("pg_trigger_depth() < 1"),
    ),
)

statement_line_kept = Law(
    name="kept",
    when=pgtrigger.Before,
    operation=pgtrigger.Update | pgtrigger.Delete,
    func=f"""
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT FROM reconciliation_clearing WHERE line_id = OLD.id) THEN
            {refuse("statement_line_kept", "a bank line that was ever matched stays")}
        END IF;
        RETURN OLD;
    END IF;
    OLD.party_id := NEW.party_id;
    OLD.to_check := NEW.to_check;
    OLD.residual := NEW.residual;
    IF NEW.looks_like_id IS NULL THEN  -- a person said that they differ, or the other one was withdrawn
        OLD.looks_like_id := NULL;
    END IF;
    IF NEW *= OLD THEN
        RETURN NEW;
    END IF;
    {refuse("statement_line_kept", "what a bank stated never changes")}
    """,
)

# The rows say what is open; nobody sets it.
statement_line_residual = Law(
    name="residual",
    when=pgtrigger.After,
    operation=pgtrigger.UpdateOf("residual"),
    func=f"""
    IF NEW.residual <> OLD.residual AND NEW.residual <> NEW.amount - (
        SELECT coalesce(sum(match.amount), 0) FROM reconciliation_match match
        JOIN reconciliation_clearing clearing ON clearing.id = match.clearing_id
        WHERE clearing.line_id = NEW.id AND match.active
    ) THEN
        {refuse("line_residual", "what is open of a bank line is its amount less its matches")}
    END IF;
    RETURN NULL;
    """,
)

_BORN_OPEN = f"""
        IF EXISTS (SELECT FROM touched WHERE residual <> amount) THEN
            {refuse("line_residual", "a new bank line is open as a whole")}
        END IF;
"""


def _statement_totals(
    name: str, operation: pgtrigger.Operation, sign: str, rows: pgtrigger.Referencing, first: str = ""
) -> Law:
    return Law(
        name=name,
        when=pgtrigger.After,
        operation=operation,
        level=pgtrigger.Statement,
        referencing=rows,
        func=f"""
        {first}
        UPDATE reconciliation_statement statement
        SET line_count = line_count {sign} sums.lines, line_total = line_total {sign} sums.amount
        FROM (SELECT statement_id, count(*) AS lines, sum(amount) AS amount FROM touched GROUP BY 1) sums
        WHERE statement.id = sums.statement_id;
        {_FOLLOWS}
        """,
    )


statement_line_added = _statement_totals(
    "added", pgtrigger.Insert, "+", pgtrigger.Referencing(new="touched"), _BORN_OPEN
)
statement_line_removed = _statement_totals("removed", pgtrigger.Delete, "-", pgtrigger.Referencing(old="touched"))

match_kept = Law(
    name="kept",
    when=pgtrigger.Before,
    operation=pgtrigger.Update | pgtrigger.Delete,
    func=f"""
    IF TG_OP = 'UPDATE' THEN
        IF OLD.active AND NOT NEW.active AND pg_trigger_depth() > 1 THEN
            OLD.active := false;
        END IF;
        IF OLD.full_reconcile_id IS NULL OR EXISTS (
            SELECT FROM reconciliation_fullreconcile
            WHERE id = OLD.full_reconcile_id AND dissolved_at IS NOT NULL
        ) THEN
            OLD.full_reconcile_id := NEW.full_reconcile_id;
        END IF;
        IF NEW *= OLD THEN
            RETURN NEW;
        END IF;
    END IF;
    {refuse("match_kept", "a match never changes; undo its clearing")}
    """,
)

# Added up once for a statement, so that a payout less its fee may be written in any order.
match_counts = Law(
    name="counts",
    when=pgtrigger.After,
    operation=pgtrigger.Insert,
    level=pgtrigger.Statement,
    referencing=pgtrigger.Referencing(new="added"),
    func=f"""
    IF EXISTS (
        SELECT FROM added JOIN reconciliation_clearing clearing ON clearing.id = added.clearing_id
        WHERE NOT added.active OR clearing.undone_at IS NOT NULL
    ) THEN
        {refuse("match_kept", "what was undone takes no further matches")}
    END IF;
    UPDATE reconciliation_statementline line SET residual = residual - sums.amount
    FROM (
        SELECT clearing.line_id, sum(added.amount) AS amount
        FROM added JOIN reconciliation_clearing clearing ON clearing.id = added.clearing_id GROUP BY 1 ORDER BY 1
    ) sums
    WHERE line.id = sums.line_id AND sums.amount <> 0;
    INSERT INTO reconciliation_clearedline AS known (id, administration_id, entry_line_id, amount, cleared)
    SELECT gen_random_uuid(), line.administration_id, line.id, line.debit - line.credit, sum(added.book_amount)
    FROM added JOIN ledger_journalline line ON line.id = added.entry_line_id
    GROUP BY line.id, line.administration_id, line.debit, line.credit ORDER BY line.id
    ON CONFLICT (entry_line_id) DO UPDATE SET cleared = known.cleared + EXCLUDED.cleared;
    RETURN NULL;
    """,
)

clearing_kept = Law(
    name="kept",
    when=pgtrigger.Before,
    operation=pgtrigger.Update | pgtrigger.Delete,
    func=f"""
    IF TG_OP = 'UPDATE' THEN
        IF OLD.undone_at IS NULL AND NEW.undone_at IS NOT NULL THEN
            OLD.undone_at := NEW.undone_at;
            OLD.undone_by_id := NEW.undone_by_id;
            OLD.reversal_id := NEW.reversal_id;
        END IF;
        IF OLD.entry_id IS NULL AND OLD.undone_at IS NULL THEN
            OLD.entry_id := NEW.entry_id;
        END IF;
        IF OLD.other_side_id IS NULL THEN
            OLD.other_side_id := NEW.other_side_id;
        END IF;
        IF NEW *= OLD THEN
            RETURN NEW;
        END IF;
    END IF;
    {refuse("clearing_kept", "a clearing never changes; it is undone once")}
    """,
)

clearing_undone = Law(
    name="undone",
    when=pgtrigger.After,
    operation=pgtrigger.UpdateOf("undone_at"),
    func="""
    IF OLD.undone_at IS NULL AND NEW.undone_at IS NOT NULL THEN
        UPDATE reconciliation_clearedline known SET cleared = known.cleared - sums.amount
        FROM (
            SELECT entry_line_id, sum(book_amount) AS amount FROM reconciliation_match
            WHERE clearing_id = NEW.id AND active AND entry_line_id IS NOT NULL GROUP BY 1 ORDER BY 1
        ) sums
        WHERE known.entry_line_id = sums.entry_line_id;
        UPDATE reconciliation_match SET active = false WHERE clearing_id = NEW.id AND active;
        UPDATE reconciliation_statementline line
        SET residual = line.amount - (
            SELECT coalesce(sum(match.amount), 0) FROM reconciliation_match match
            JOIN reconciliation_clearing clearing ON clearing.id = match.clearing_id
            WHERE clearing.line_id = line.id AND match.active
        )
        WHERE line.id = NEW.line_id;
    END IF;
    RETURN NULL;
    """,
)

full_reconcile_kept = Law(
    name="kept",
    when=pgtrigger.Before,
    operation=pgtrigger.Update | pgtrigger.Delete,
    func=f"""
    IF TG_OP = 'UPDATE' THEN
        IF OLD.dissolved_at IS NULL THEN
            OLD.dissolved_at := NEW.dissolved_at;
        END IF;
        IF NEW *= OLD THEN
            RETURN NEW;
        END IF;
    END IF;
    {refuse("full_reconcile_kept", "a full reconcile stays; it is dissolved once")}
    """,
)

cleared_line_derived = Law(
    name="derived",
    when=pgtrigger.Before,
    operation=EVERY,
    condition=pgtrigger.Condition("pg_trigger_depth() < 1"),
    func=refuse("cleared_line_derived", "what is cleared of an entry line is derived from its matches"),
)

account_reconciliation_kept = Law(
    name="kept",
    when=pgtrigger.Before,
    operation=pgtrigger.Update | pgtrigger.Delete,
    func=f"""
    IF OLD.status = 'approved' THEN
        {refuse("account_reconciliation_kept", "an approved account reconciliation never changes")}
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF (NEW.administration_id, NEW.account_id, NEW.period_start, NEW.period_end)
       IS DISTINCT FROM (OLD.administration_id, OLD.account_id, OLD.period_start, OLD.period_end) THEN
        {refuse("account_reconciliation_kept", "an account reconciliation keeps its account and its period")}
    END IF;
    IF NEW.explained <> (
        SELECT coalesce(sum(amount), 0) FROM reconciliation_reconcilingitem
        WHERE reconciliation_id = NEW.id AND resolved_on IS NULL
    ) THEN
        {refuse("account_reconciliation_explained", "what is explained is the sum of the open items")}
    END IF;
    RETURN NEW;
    """,
)


def _of_approved(law: str, words: str) -> Law:
    """Nothing is added to, changed in or taken from what belongs to an approved account reconciliation."""
    return Law(
        name="kept",
        when=pgtrigger.Before,
        operation=EVERY,
        func=f"""
        PERFORM FROM reconciliation_accountreconciliation
        WHERE id IN (CASE WHEN TG_OP <> 'INSERT' THEN OLD.reconciliation_id END,
                     CASE WHEN TG_OP <> 'DELETE' THEN NEW.reconciliation_id END)
        FOR NO KEY UPDATE;
        IF EXISTS (
            SELECT FROM reconciliation_accountreconciliation
            WHERE id IN (CASE WHEN TG_OP <> 'INSERT' THEN OLD.reconciliation_id END,
                         CASE WHEN TG_OP <> 'DELETE' THEN NEW.reconciliation_id END)
              AND status = 'approved'
        ) THEN
            {refuse(law, words)}
        END IF;
        RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
        """,
    )


reconciling_item_kept = _of_approved("reconciling_item_kept", "the items of an approved reconciliation never change")
reconciliation_attachment_kept = _of_approved(
    "reconciliation_attachment_kept", "the documents of an approved reconciliation stay"
)

reconciling_item_explains = Law(
    name="explains",
    when=pgtrigger.After,
    operation=EVERY,
    declare=[("of", "uuid")],
    func="""
    of := CASE WHEN TG_OP = 'DELETE' THEN OLD.reconciliation_id ELSE NEW.reconciliation_id END;
    UPDATE reconciliation_accountreconciliation SET explained = (
        SELECT coalesce(sum(amount), 0) FROM reconciliation_reconcilingitem
        WHERE reconciliation_id = of AND resolved_on IS NULL
    ) WHERE id = of;
    RETURN NULL;
    """,
)

suspension_kept = Law(
    name="kept",
    when=pgtrigger.Before,
    operation=pgtrigger.Update | pgtrigger.Delete,
    func=f"""
    IF TG_OP = 'UPDATE' THEN
        IF OLD.replaced_by_id IS NULL THEN
            OLD.replaced_by_id := NEW.replaced_by_id;
        END IF;
        IF NEW *= OLD THEN
            RETURN NEW;
        END IF;
    END IF;
    {refuse("suspension_kept", "a suspension stays; a new reconciliation replaces what it suspended")}
    """,
)
