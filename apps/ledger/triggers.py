"""The laws of double entry that a constraint cannot say."""

import pgtrigger

from apps.core.laws import Law, append_only, refuse

PERIOD_FACTS = ("'period'", "around.name", "'status'", "around.status")
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
    func="""
    NEW.year := EXTRACT(YEAR FROM NEW.date);
    IF TG_OP = 'UPDATE' THEN  -- the lines of a draft get their date while it still is one
        UPDATE ledger_journalline SET date = NEW.date WHERE entry_id = NEW.id;
    END IF;
    RETURN NEW;
    """,
)

# FOR SHARE in the order of ids: finalizing a period (FOR UPDATE, in the same order) waits for the postings under way,
# and they for it. With the owner's rights, because whoever locks rows needs the right to update them. An entry that
# names no period gets the smallest that holds its date.
period_open = Law(
    name="in_open_period",
    when=pgtrigger.Before,
    operation=INSERT_OR_UPDATE,
    condition=pgtrigger.Q(new__status="POSTED"),
    security="DEFINER",
    declare=[("own", "ledger_period%ROWTYPE"), ("around", "ledger_period%ROWTYPE")],
    func=f"""
    IF NEW.period_id IS NOT NULL THEN
        SELECT * INTO own FROM ledger_period WHERE id = NEW.period_id;
        IF NOT FOUND THEN
            RETURN NEW;  -- its foreign key says so
        END IF;
    END IF;
    FOR around IN
        SELECT * FROM ledger_period
        WHERE administration_id = NEW.administration_id AND NEW.date BETWEEN first_day AND last_day
        ORDER BY id
        FOR SHARE
    LOOP
        IF around.type <> 'YEAR_END' AND own.type IS DISTINCT FROM 'YEAR_END'
           AND (own.id IS NULL OR around.last_day - around.first_day < own.last_day - own.first_day) THEN
            IF NEW.period_id IS NOT NULL THEN
                {refuse("entry_in_smallest_period", "an entry belongs to the smallest period that holds its date")}
            END IF;
            own := around;
        END IF;
        IF around.status NOT IN ('OPEN', 'REVIEW') AND (around.id = own.id OR around.type <> 'YEAR_END')
           AND (own.type IS DISTINCT FROM 'YEAR_END' OR around.type IN ('YEAR', 'YEAR_END')) THEN
            {refuse("period_open", "the period does not admit posting", *PERIOD_FACTS)}
        END IF;
    END LOOP;
    IF own.id IS NULL THEN
        {refuse("period_missing", "no period holds the date of the entry", "'date'", "NEW.date")}
    END IF;
    IF NEW.date NOT BETWEEN own.first_day AND own.last_day THEN
        {refuse("entry_in_smallest_period", "an entry is dated inside its period")}
    END IF;
    NEW.period_id := own.id;
    NEW.posted_at := clock_timestamp();  -- once the periods are held: later than whatever was read while it waited
    RETURN NEW;
    """,
)

# One deferred proof per entry, not per line. A service proves it early with ``prove_deferred``. An IF inside an IF,
# here and below, where the outer one is mostly false: PostgreSQL would plan the two as one anew for every row.
entry_complete = Law(
    name="complete",
    when=pgtrigger.After,
    operation=INSERT_OR_UPDATE,
    timing=pgtrigger.Deferred,
    condition=pgtrigger.Q(new__status="POSTED"),
    declare=[("found", "record")],
    func=f"""
    SELECT count(*) AS lines, sum(line.debit) AS debits, sum(line.credit) AS credits,
           bool_and(line.date IS NOT DISTINCT FROM NEW.date) AS dated,
           bool_or(line.vat_code_id IS NOT NULL) AS vat,
           bool_or((SELECT control FROM ledger_account WHERE id = line.account_id) <> ''
                   AND line.debit - line.credit IS DISTINCT FROM
                   (SELECT sum(item.amount) FROM ledger_openitem item WHERE item.line_id = line.id)) AS without_items
    INTO found
    FROM ledger_journalline line
    WHERE line.entry_id = NEW.id;
    IF found.lines <> NEW.line_count OR found.lines < 2 THEN
        {refuse("entry_lines_announced", "an entry has exactly the lines it announced, two at least")}
    END IF;
    IF found.debits <> found.credits THEN
        {refuse("entry_balanced", "debits equal credits")}
    END IF;
    IF NOT found.dated THEN
        {refuse("line_dated_as_entry", "a line has the date of its entry")}
    END IF;
    IF found.without_items AND NOT EXISTS (
        SELECT FROM ledger_batch batch WHERE batch.id = NEW.batch_id AND batch.kind = 'IMPORT'
    ) THEN
        {refuse("control_line_equals_items", "a line on a control account equals the open items that name it")}
    END IF;
    IF found.vat AND EXISTS (
        SELECT FROM ledger_period period WHERE period.id = NEW.period_id AND period.type = 'YEAR_END'
    ) THEN
        {refuse("year_end_without_vat", "year-end adjustments carry no VAT")}
    END IF;
    IF NEW.reverses_id IS NOT NULL THEN
        IF EXISTS (
            SELECT FROM ledger_journalline line JOIN ledger_journalentry entry ON entry.id = line.entry_id
            WHERE entry.id IN (NEW.id, NEW.reverses_id) AND entry.status = 'POSTED'
            GROUP BY line.account_id, line.party_id, line.vat_code_id, line.vat_role
            HAVING sum(line.debit - line.credit) <> 0
        ) THEN
            {refuse("reversal_mirrors", "a reversal is the opposite of the posted entry it reverses")}
        END IF;
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
    IF NEW.date IS DISTINCT FROM OLD.date AND pg_trigger_depth() < 2 THEN
        {refuse("line_dated_as_entry", "a line gets its date when its entry is posted")}
    END IF;
    RETURN NEW;
    """,
)

BEYOND = """bool_or(status = 'POSTED' AND line_count <
                   (SELECT count(*) FROM ledger_journalline line WHERE line.entry_id = entry.id))"""

# A posted entry announced its lines: it takes those and not one more, whoever brings it. A line of an entry that
# cannot be seen yet is refused by its foreign key, at once.
line_announced = Law(
    name="announced",
    when=pgtrigger.After,
    operation=pgtrigger.Insert,
    level=pgtrigger.Statement,
    referencing=pgtrigger.Referencing(new="added"),
    declare=[("found", "record")],
    func=f"""
    SELECT bool_or(status <> 'POSTED') AS drafts, {BEYOND} AS beyond INTO found
    FROM ledger_journalentry entry WHERE id IN (SELECT entry_id FROM added);
    IF found.drafts THEN
        PERFORM FROM ledger_journalentry
        WHERE id IN (SELECT entry_id FROM added) AND status <> 'POSTED' ORDER BY id FOR SHARE;
        SELECT bool_or(status <> 'POSTED' AND dated) AS dated, {BEYOND} AS beyond INTO found
        FROM ledger_journalentry entry
        JOIN (SELECT entry_id, bool_or(date IS NOT NULL) AS dated FROM added GROUP BY 1) line
          ON line.entry_id = entry.id;
        IF found.dated THEN
            {refuse("line_dated_as_entry", "the lines of a draft have no date yet")}
        END IF;
    END IF;
    IF found.beyond THEN
        {refuse("entry_lines_announced", "a posted entry takes no further lines")}
    END IF;
    RETURN NULL;
    """,
)

open_item_append_only = append_only("open_item_append_only", "open items never change; allocations settle them")

# By the clock of the database. A moment inside of this transaction is taken as said: that of the entry it comes with.
open_item_dated = Law(
    name="dated",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    func="""
    IF NEW.created_at NOT BETWEEN now() AND clock_timestamp() THEN
        NEW.created_at := clock_timestamp();
    END IF;
    RETURN NEW;
    """,
)

open_item_equals_line = Law(
    name="equals_line",
    when=pgtrigger.After,
    operation=pgtrigger.Insert,
    timing=pgtrigger.Deferred,
    func=f"""
    IF EXISTS (
        SELECT FROM ledger_journalline line JOIN ledger_account account ON account.id = line.account_id
        WHERE line.id = NEW.line_id AND account.control <> ''
          AND (line.account_id, line.party_id, line.date) = (NEW.account_id, NEW.party_id, NEW.date)
          AND (line.debit > 0) = (NEW.amount > 0)  -- so that no pair of items that cancel out joins them later
          AND line.debit - line.credit = (SELECT sum(amount) FROM ledger_openitem WHERE line_id = line.id)
    ) THEN
        RETURN NULL;
    END IF;
    IF NEW.batch_id IS NOT NULL THEN  -- imported history gets its items later, and loses them if that is reversed
        IF EXISTS (
            SELECT FROM ledger_journalline line
            JOIN ledger_account account ON account.id = line.account_id
            JOIN ledger_journalentry entry ON entry.id = line.entry_id
            JOIN ledger_batch batch ON batch.id = entry.batch_id AND batch.kind = 'IMPORT'
            WHERE line.id = NEW.line_id AND account.control <> ''
              AND (line.account_id, line.date) = (NEW.account_id, NEW.date)
              AND coalesce(line.party_id, NEW.party_id) = NEW.party_id
              AND (SELECT sum(amount) FROM ledger_openitem WHERE line_id = line.id) IN (0, line.debit - line.credit)
        ) THEN
            RETURN NULL;
        END IF;
    END IF;
    {refuse("control_line_equals_items", "the open items of a line have its account, party, date, side and amount")}
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
    NEW.created_at := clock_timestamp();
    RETURN NEW;
    """,
)

batch_kept = Law(
    name="kept",
    when=pgtrigger.Before,
    operation=pgtrigger.Update | pgtrigger.Delete,
    func=f"""
    IF TG_OP = 'DELETE' OR OLD.reversed_at IS NOT NULL
       OR (NEW.id, NEW.administration_id, NEW.kind, NEW.title, NEW.upload_id, NEW.created_by_id, NEW.created_at)
          IS DISTINCT FROM
          (OLD.id, OLD.administration_id, OLD.kind, OLD.title, OLD.upload_id, OLD.created_by_id, OLD.created_at) THEN
        {refuse("batch_kept", "a batch stays; all that happens to it is that it is reversed, once")}
    END IF;
    RETURN NEW;
    """,
)

invoice_append_only = append_only("invoice_append_only", "posted invoices never change")
invoice_line_append_only = append_only("invoice_append_only", "lines of posted invoices never change")

# Its lines add up to it, and its open item is what it says.
invoice_complete = Law(
    name="complete",
    when=pgtrigger.After,
    operation=pgtrigger.Insert,
    timing=pgtrigger.Deferred,
    declare=[("found", "record")],
    func=f"""
    SELECT coalesce(sum(net), 0) AS net, coalesce(sum(vat), 0) AS vat, count(*) AS lines INTO found
    FROM ledger_invoiceline WHERE invoice_id = NEW.id;
    IF found.lines > 0 AND (found.net, found.vat) IS DISTINCT FROM (NEW.net_amount, NEW.vat_amount) THEN
        {refuse("invoice_equals_lines", "the lines of an invoice add up to it")}
    END IF;
    IF NEW.entry_id IS NOT NULL AND found.lines = 0 THEN
        {refuse("invoice_equals_lines", "a posted invoice has lines")}
    END IF;
    IF NEW.entry_id IS NOT NULL
       AND (CASE NEW.kind WHEN 'VENDOR' THEN -NEW.total_amount ELSE NEW.total_amount END) IS DISTINCT FROM (
        SELECT coalesce(sum(CASE WHEN NEW.currency = '' THEN item.amount ELSE item.amount_currency END), 0)
        FROM ledger_openitem item JOIN ledger_journalline line ON line.id = item.line_id
        WHERE line.entry_id = NEW.entry_id AND item.document_id = NEW.id AND item.party_id = NEW.party_id
    ) THEN
        {refuse("invoice_equals_item", "the open item of an invoice has its party and its total")}
    END IF;
    RETURN NULL;
    """,
)

# An invoice takes no line after its own transaction: what it adds up to was proved then.
invoice_line_counted = Law(
    name="counted",
    when=pgtrigger.After,
    operation=pgtrigger.Insert,
    timing=pgtrigger.Deferred,
    func=f"""
    IF NOT EXISTS (
        SELECT FROM ledger_invoice invoice WHERE invoice.id = NEW.invoice_id
          AND (invoice.net_amount, invoice.vat_amount) =
              (SELECT sum(net), sum(vat) FROM ledger_invoiceline WHERE invoice_id = invoice.id)
    ) THEN
        {refuse("invoice_equals_lines", "the lines of an invoice add up to it")}
    END IF;
    RETURN NULL;
    """,
)

# What a depreciation was reckoned from stays as it was.
fixed_asset_kept = Law(
    name="kept",
    when=pgtrigger.Before,
    operation=pgtrigger.Update,
    func=f"""
    IF (NEW.id, NEW.administration_id, NEW.account_id, NEW.depreciation_account_id, NEW.acquired_on, NEW.in_use_from,
        NEW.cost, NEW.opening_depreciation)
       IS DISTINCT FROM
       (OLD.id, OLD.administration_id, OLD.account_id, OLD.depreciation_account_id, OLD.acquired_on, OLD.in_use_from,
        OLD.cost, OLD.opening_depreciation)
       AND EXISTS (SELECT FROM ledger_depreciation WHERE asset_id = OLD.id) THEN
        {refuse("fixed_asset_kept", "an asset that was depreciated keeps its cost, its dates and its accounts")}
    END IF;
    RETURN NEW;
    """,
)

depreciation_append_only = append_only("depreciation_append_only", "depreciations never change; reverse the entry")

# The asset's row is the lock: two months of one asset wait for each other.
depreciation_within_cost = Law(
    name="within_cost",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    declare=[("asset", "ledger_fixedasset%ROWTYPE")],
    func=f"""
    SELECT * INTO asset FROM ledger_fixedasset WHERE id = NEW.asset_id FOR UPDATE;
    IF EXISTS (
        SELECT FROM ledger_depreciation earlier
        WHERE earlier.asset_id = NEW.asset_id AND earlier.month = NEW.month
          AND NOT EXISTS (SELECT FROM ledger_journalentry WHERE reverses_id = earlier.entry_id)
    ) THEN
        {refuse("one_depreciation_per_month", "a month of an asset is depreciated once")}
    END IF;
    IF NEW.amount > asset.cost - asset.residual_value - asset.opening_depreciation - (
        SELECT coalesce(sum(amount), 0) FROM ledger_depreciation earlier
        WHERE earlier.asset_id = NEW.asset_id
          AND NOT EXISTS (SELECT FROM ledger_journalentry WHERE reverses_id = earlier.entry_id)
    ) THEN
        {refuse("depreciation_within_cost", "an asset is written off to its residual value, not below")}
    END IF;
    RETURN NEW;
    """,
)

disposal_append_only = append_only("disposal_append_only", "disposals never change; reverse the entry")

disposal_once = Law(
    name="once",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    func=f"""
    PERFORM FROM ledger_fixedasset WHERE id = NEW.asset_id FOR UPDATE;
    IF EXISTS (
        SELECT FROM ledger_disposal earlier WHERE earlier.asset_id = NEW.asset_id
          AND NOT EXISTS (SELECT FROM ledger_journalentry WHERE reverses_id = earlier.entry_id)
    ) THEN
        {refuse("disposal_once", "an asset is disposed of once")}
    END IF;
    RETURN NEW;
    """,
)

seal_append_only = append_only("seal_append_only", "seals never change")
sealed_entry_append_only = append_only("seal_append_only", "what was sealed never changes")
# A salt may go, never come: what stands there then proves only if no text is left.
sealed_document_append_only = append_only(
    "seal_append_only", "what was sealed never changes", erasable="salt", once="TRUE"
)

# The counter of the seals is held until commit, so that the chain grows one link at a time.
seal_chained = Law(
    name="chained",
    when=pgtrigger.After,
    operation=pgtrigger.Insert,
    func=f"""
    IF NEW.number > 1 AND NOT EXISTS (
        SELECT FROM ledger_seal WHERE administration_id = NEW.administration_id
          AND number = NEW.number - 1 AND head = NEW.previous_head
          AND entries <= NEW.entries AND documents <= NEW.documents
    ) OR NEW.number = 1 AND NEW.previous_head <> '' THEN
        {refuse("seal_chained", "a seal follows the one before it")}
    END IF;
    RETURN NULL;
    """,
)
