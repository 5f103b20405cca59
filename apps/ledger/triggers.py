"""The laws of double entry that a constraint cannot say."""

import pgtrigger

from apps.core.laws import Law, append_only, refuse

INSERT_OR_UPDATE = pgtrigger.Insert | pgtrigger.Update

# SHARE: lines that are being posted elsewhere are waited for, and seen. With the owner's rights, as whoever locks
# a table needs the right to change it.
account_kept = Law(
    name="kept",
    when=pgtrigger.Before,
    operation=pgtrigger.Update,
    security="DEFINER",
    func=f"""
    IF (NEW.id, NEW.administration_id, NEW.type, NEW.control)
       IS DISTINCT FROM (OLD.id, OLD.administration_id, OLD.type, OLD.control) THEN
        LOCK TABLE ledger_journalline IN SHARE MODE;
        IF EXISTS (SELECT FROM ledger_journalline WHERE account_id = OLD.id) THEN
            {refuse("account_kept", "an account with lines keeps its type and its control flag")}
        END IF;
    END IF;
    RETURN NEW;
    """,
)

# FOR UPDATE: whoever posts into one of the periods around has ended, and whoever comes after sees this one.
period_fits = Law(
    name="fits",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    declare=[("around", "ledger_period%ROWTYPE")],
    func=f"""
    IF NEW.status <> 'OPEN' THEN
        {refuse("period_born_open", "a period is born open")}
    END IF;
    FOR around IN
        SELECT * FROM ledger_period other
        WHERE other.administration_id = NEW.administration_id AND other.type <> NEW.type
          AND other.first_day <= NEW.last_day AND other.last_day >= NEW.first_day
        ORDER BY other.id
        FOR UPDATE
    LOOP
        IF NOT (around.first_day <= NEW.first_day AND around.last_day >= NEW.last_day
                OR around.first_day >= NEW.first_day AND around.last_day <= NEW.last_day) THEN
            {refuse("periods_nest", "a larger period consists of whole smaller ones")}
        END IF;
    END LOOP;
    IF NEW.type = 'YEAR_END' AND NOT EXISTS (
        SELECT FROM ledger_period larger
        WHERE larger.administration_id = NEW.administration_id AND larger.type = 'YEAR'
          AND larger.last_day = NEW.last_day
    ) THEN
        {refuse("periods_nest", "year-end adjustments stand on the last day of a fiscal year")}
    END IF;
    IF NEW.type <> 'YEAR_END' AND EXISTS (
        SELECT FROM ledger_journalentry entry JOIN ledger_period larger ON larger.id = entry.period_id
        WHERE entry.administration_id = NEW.administration_id AND entry.status = 'POSTED'
          AND entry.date BETWEEN NEW.first_day AND NEW.last_day AND larger.type <> 'YEAR_END'
          AND larger.last_day - larger.first_day > NEW.last_day - NEW.first_day
    ) THEN
        {refuse("entry_in_smallest_period", "a larger period holds entries of these days already")}
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
        IF OLD.status <> 'OPEN' THEN
            {refuse("period_kept", "only an open period is removed")}
        END IF;
        RETURN OLD;
    END IF;
    IF (NEW.id, NEW.administration_id, NEW.type, NEW.first_day, NEW.last_day)
       IS DISTINCT FROM (OLD.id, OLD.administration_id, OLD.type, OLD.first_day, OLD.last_day) THEN
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

# ``dated``, ``in_open_period``, ``numbered``: triggers of one moment fire in alphabetical order. So the year is known
# when the number is taken, and nobody waits for a period while holding the counter of a journal.
entry_year = Law(
    name="dated",
    when=pgtrigger.Before,
    operation=INSERT_OR_UPDATE,
    condition=pgtrigger.Q(new__status="POSTED"),
    func="NEW.year := EXTRACT(YEAR FROM NEW.date); RETURN NEW;",
)

# FOR SHARE in the order of ids: finalizing a period (FOR UPDATE, in the same order) waits for the postings under way,
# and they for it. With the owner's rights, because whoever locks rows needs the right to update them.
period_open = Law(
    name="in_open_period",
    when=pgtrigger.Before,
    operation=INSERT_OR_UPDATE,
    condition=pgtrigger.Q(new__status="POSTED"),
    security="DEFINER",
    declare=[("own", "ledger_period%ROWTYPE"), ("blocking", "ledger_period%ROWTYPE")],
    func=f"""
    SELECT * INTO own FROM ledger_period WHERE id = NEW.period_id;
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
    IF NEW.date NOT BETWEEN own.first_day AND own.last_day OR own.type <> 'YEAR_END' AND EXISTS (
        SELECT FROM ledger_period smaller
        WHERE smaller.administration_id = own.administration_id AND smaller.type <> 'YEAR_END'
          AND NEW.date BETWEEN smaller.first_day AND smaller.last_day
          AND smaller.last_day - smaller.first_day < own.last_day - own.first_day
    ) THEN
        {refuse("entry_in_smallest_period", "an entry belongs to the smallest period that holds its date")}
    END IF;
    RETURN NEW;
    """,
)

# One deferred proof per entry, not per line. A service proves it early with ``prove_deferred``.
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
    IF NEW.reverses_id IS NOT NULL AND EXISTS (
        SELECT FROM ledger_journalline line JOIN ledger_journalentry entry ON entry.id = line.entry_id
        WHERE entry.id IN (NEW.id, NEW.reverses_id) AND entry.status = 'POSTED'
        GROUP BY line.account_id, line.party_id, line.vat_code_id
        HAVING sum(line.debit - line.credit) <> 0
    ) THEN
        {refuse("reversal_mirrors", "a reversal is the opposite of the posted entry it reverses")}
    END IF;
    IF EXISTS (
        SELECT FROM ledger_journalline line JOIN ledger_period period ON period.id = NEW.period_id
        WHERE line.entry_id = NEW.id AND line.vat_code_id IS NOT NULL AND period.type = 'YEAR_END'
    ) THEN
        {refuse("year_end_without_vat", "year-end adjustments carry no VAT")}
    END IF;
    RETURN NULL;
    """,
)

# FOR SHARE here and below: whoever posts a draft waits until its lines stand still, and they wait for the posting.
line_append_only = Law(
    name="append_only",
    when=pgtrigger.Before,
    operation=pgtrigger.Update | pgtrigger.Delete,
    func=f"""
    PERFORM FROM ledger_journalentry WHERE id = OLD.entry_id AND status <> 'POSTED' FOR SHARE;
    IF EXISTS (SELECT FROM ledger_journalentry WHERE id = OLD.entry_id AND status = 'POSTED') THEN
        {refuse("line_append_only", "lines of posted entries never change")}
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF NEW.entry_id <> OLD.entry_id THEN
        {refuse("line_append_only", "a line stays with its entry")}
    END IF;
    RETURN NEW;
    """,
)

# A posted entry announced its lines: it takes those and not one more, whoever brings it. A line of an entry that
# cannot be seen yet is refused by its foreign key, at once.
line_announced = Law(
    name="announced",
    when=pgtrigger.After,
    operation=pgtrigger.Insert,
    level=pgtrigger.Statement,
    referencing=pgtrigger.Referencing(new="added"),
    func=f"""
    PERFORM FROM ledger_journalentry
    WHERE id IN (SELECT entry_id FROM added) AND status <> 'POSTED' ORDER BY id FOR SHARE;
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
          AND (line.debit > 0) = (NEW.amount > 0)  -- so that no pair of items that cancel out joins them later
          AND line.debit - line.credit = (SELECT sum(amount) FROM ledger_openitem WHERE line_id = line.id)
    ) THEN
        {refuse("control_line_equals_items", "the open items of a line have its account, party, date, side and amount")}
    END IF;
    RETURN NULL;
    """,
)

allocation_append_only = append_only("allocation_append_only", "allocations never change")

# FOR UPDATE in the order of ids: two allocations of one item wait for each other. Who makes several at once locks all
# items first, in that order.
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
