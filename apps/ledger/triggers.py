"""The laws of double entry that a constraint cannot say."""

import pgtrigger

from apps.core.laws import Law, append_only, refuse

INSERT_OR_UPDATE = pgtrigger.Insert | pgtrigger.Update

account_kept = Law(
    name="kept",
    when=pgtrigger.Before,
    operation=pgtrigger.Update,
    func=f"""
    IF (NEW.administration_id, NEW.type, NEW.control) IS DISTINCT FROM (OLD.administration_id, OLD.type, OLD.control)
       AND EXISTS (SELECT FROM ledger_journalline WHERE account_id = OLD.id) THEN
        {refuse("account_kept", "an account with lines keeps its type and its control flag")}
    END IF;
    RETURN NEW;
    """,
)

period_kept = Law(
    name="kept",
    when=pgtrigger.Before,
    operation=pgtrigger.Update | pgtrigger.Delete,
    func=f"""
    IF OLD.status = 'LOCKED' THEN
        {refuse("period_locked", "a locked period never changes")}
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF (NEW.administration_id, NEW.type, NEW.first_day, NEW.last_day)
       IS DISTINCT FROM (OLD.administration_id, OLD.type, OLD.first_day, OLD.last_day) THEN
        {refuse("period_kept", "a period keeps its type and its days")}
    END IF;
    RETURN NEW;
    """,
)

entry_append_only = Law(
    name="append_only",
    when=pgtrigger.Before,
    operation=pgtrigger.Update | pgtrigger.Delete,
    condition=pgtrigger.Q(old__status="POSTED"),
    func=refuse("entry_append_only", "posted entries never change"),
)

# Runs before ``numbered``, by its name: triggers of one moment fire in alphabetical order.
entry_year = Law(
    name="dated",
    when=pgtrigger.Before,
    operation=INSERT_OR_UPDATE,
    condition=pgtrigger.Q(new__status="POSTED"),
    func="NEW.year := EXTRACT(YEAR FROM NEW.date); RETURN NEW;",
)

# FOR SHARE: finalizing a period waits for the postings under way, and they for it. With the owner's rights,
# because whoever locks rows needs the right to update them.
period_open = Law(
    name="period_open",
    when=pgtrigger.Before,
    operation=INSERT_OR_UPDATE,
    condition=pgtrigger.Q(new__status="POSTED"),
    security="DEFINER",
    declare=[("own", "ledger_period%ROWTYPE"), ("blocking", "ledger_period%ROWTYPE")],
    func=f"""
    SELECT * INTO own FROM ledger_period WHERE id = NEW.period_id FOR SHARE;
    IF NEW.date NOT BETWEEN own.first_day AND own.last_day OR own.type <> 'YEAR_END' AND EXISTS (
        SELECT FROM ledger_period smaller
        WHERE smaller.administration_id = own.administration_id AND smaller.type <> 'YEAR_END'
          AND NEW.date BETWEEN smaller.first_day AND smaller.last_day
          AND smaller.last_day - smaller.first_day < own.last_day - own.first_day
    ) THEN
        {refuse("entry_in_smallest_period", "an entry belongs to the smallest period that holds its date")}
    END IF;
    FOR blocking IN
        SELECT * FROM ledger_period larger
        WHERE larger.administration_id = own.administration_id
          AND larger.first_day <= own.first_day AND larger.last_day >= own.last_day
          AND (larger.id = own.id
               OR CASE WHEN own.type = 'YEAR_END' THEN larger.type = 'YEAR' ELSE larger.type <> 'YEAR_END' END)
        ORDER BY larger.id
        FOR SHARE
    LOOP
        IF blocking.status NOT IN ('OPEN', 'REVIEW') THEN
            {refuse("period_open", "the period does not admit posting")}
        END IF;
    END LOOP;
    RETURN NEW;
    """,
)

# One deferred proof per entry, not per line. A service proves it early with ``prove_balanced``.
entry_complete = Law(
    name="complete",
    when=pgtrigger.After,
    operation=INSERT_OR_UPDATE,
    timing=pgtrigger.Deferred,
    condition=pgtrigger.Q(new__status="POSTED"),
    declare=[("found", "record")],
    func=f"""
    SELECT count(*) AS lines, sum(debit) AS debits, sum(credit) AS credits INTO found
    FROM ledger_journalline WHERE entry_id = NEW.id;
    IF found.lines <> NEW.line_count OR found.lines < 2 THEN
        {refuse("entry_lines_announced", "an entry has exactly the lines it announced, two at least")}
    END IF;
    IF found.debits <> found.credits THEN
        {refuse("entry_balanced", "debits equal credits")}
    END IF;
    IF EXISTS (
        SELECT FROM ledger_journalline line JOIN ledger_account account ON account.id = line.account_id
        WHERE line.entry_id = NEW.id AND account.control <> '' AND line.debit - line.credit IS DISTINCT FROM
              (SELECT sum(item.amount) FROM ledger_openitem item WHERE item.line_id = line.id)
    ) THEN
        {refuse("control_line_equals_items", "a line on a control account equals the open items that name it")}
    END IF;
    RETURN NULL;
    """,
)

line_append_only = Law(
    name="append_only",
    when=pgtrigger.Before,
    operation=pgtrigger.Update | pgtrigger.Delete,
    func=f"""
    IF EXISTS (SELECT FROM ledger_journalentry WHERE id = OLD.entry_id AND status = 'POSTED') THEN
        {refuse("line_append_only", "lines of posted entries never change")}
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
    """,
)

# A posted entry announced its lines: it takes those and not one more, whoever brings it.
line_announced = Law(
    name="announced",
    when=pgtrigger.After,
    operation=pgtrigger.Insert,
    level=pgtrigger.Statement,
    referencing=pgtrigger.Referencing(new="added"),
    func=f"""
    IF EXISTS (
        SELECT FROM ledger_journalentry entry
        WHERE entry.id IN (SELECT entry_id FROM added) AND entry.status = 'POSTED'
          AND entry.line_count < (SELECT count(*) FROM ledger_journalline line WHERE line.entry_id = entry.id)
    ) THEN
        {refuse("entry_lines_announced", "a posted entry takes no further lines")}
    END IF;
    RETURN NULL;
    """,
)

open_item_append_only = append_only("open_item_append_only", "open items never change; allocations settle them")

open_item_equals_line = Law(
    name="equals_line",
    when=pgtrigger.After,
    operation=pgtrigger.Insert,
    timing=pgtrigger.Deferred,
    func=f"""
    IF NOT EXISTS (
        SELECT FROM ledger_journalline line
        JOIN ledger_journalentry entry ON entry.id = line.entry_id
        JOIN ledger_account account ON account.id = line.account_id
        WHERE line.id = NEW.line_id AND account.control <> '' AND entry.status = 'POSTED'
          AND (line.account_id, line.party_id, entry.date) = (NEW.account_id, NEW.party_id, NEW.date)
          AND line.debit - line.credit = (SELECT sum(item.amount) FROM ledger_openitem item WHERE item.line_id = line.id)
    ) THEN
        {refuse("control_line_equals_items", "the open items of a line have its account, party, date and amount")}
    END IF;
    RETURN NULL;
    """,
)

allocation_append_only = append_only("allocation_append_only", "allocations never change")

# FOR UPDATE in the order of ids: two allocations of one item wait for each other and never deadlock.
allocation_within_open = Law(
    name="within_open",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    declare=[("debit", "ledger_openitem%ROWTYPE"), ("credit", "ledger_openitem%ROWTYPE")],
    func=f"""
    PERFORM FROM ledger_openitem WHERE id IN (NEW.debit_id, NEW.credit_id) ORDER BY id FOR UPDATE;
    SELECT * INTO debit FROM ledger_openitem WHERE id = NEW.debit_id;
    SELECT * INTO credit FROM ledger_openitem WHERE id = NEW.credit_id;
    IF debit.amount < 0 OR credit.amount > 0
       OR (debit.account_id, debit.party_id) IS DISTINCT FROM (credit.account_id, credit.party_id)
       OR NEW.date <> greatest(debit.date, credit.date) THEN
        {refuse("allocation_of_one_party", "an allocation joins a debit and a credit of one party and account")}
    END IF;
    IF NEW.amount > debit.amount - (SELECT coalesce(sum(amount), 0) FROM ledger_allocation WHERE debit_id = debit.id)
       OR NEW.amount > -credit.amount - (SELECT coalesce(sum(amount), 0) FROM ledger_allocation
                                         WHERE credit_id = credit.id) THEN
        {refuse("allocation_within_open", "an allocation stays within what is open")}
    END IF;
    RETURN NEW;
    """,
)
