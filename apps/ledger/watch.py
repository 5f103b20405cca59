"""What an accountant is told of the ledger: what is wrong, and what somebody should look at.

The checks of ``LARGE`` read entries, lines or items of all times; given what was touched they read that alone and find
the same, since what is posted never changes. Those of ``ALL`` that are not among them read little whatever the history.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F, Sum

from apps.core.findings import RED, YELLOW, Finding, Findings, Touched
from apps.core.models import Administration
from apps.core.money import ZERO, currency, total
from apps.ledger.checks import depreciation_equals_schedule, depreciation_is_posted
from apps.ledger.models import Account, Invoice, JournalEntry, JournalLine, OpenItem
from apps.ledger.reports.balances import balances
from apps.ledger.reports.numbers import gaps

RECEIVABLES = (Account.Control.PATIENTS, Account.Control.PAYERS, Account.Control.CUSTOMERS)
# A year after it fell due an amount is late no more: the law takes it as not to be paid, and its VAT is reclaimed by
# who is owed and repaid by who owes (Wet OB article 29 paragraphs 2 and 7). Books that go on showing it are wrong.
RED_AFTER = 365
SUSPENSE = ("suspense", "opening_balance")
CASH = ("cash_drawer", "cash_safe")

# Entries ---------------------------------------------------------------------------------------------------------

UNBALANCED = """
SELECT entry_id, sum(debit), sum(credit) FROM ledger_journalline
WHERE administration_id = %(administration)s AND date <= %(as_of)s {touched}
GROUP BY entry_id HAVING sum(debit) <> sum(credit)
"""


def entries_balance(administration: Administration, as_of: date, touched: Touched | None = None) -> Findings:
    """Debits equal credits in every entry."""
    found = {entry: sums for entry, *sums in _rows(UNBALANCED, administration, as_of, touched)}
    for entry in _entries(found):
        debits, credits = found[entry.pk]
        facts = {"entry": str(entry), "debits": debits, "credits": credits}
        yield Finding("JOURNAL_UNBALANCED", entry, facts=facts, amount=debits - credits, since=entry.date)


# What no constraint lets in, and a restored or hand-mended database may hold.
ORPHANS = """
SELECT line.id FROM ledger_journalline line
LEFT JOIN ledger_journalentry entry ON entry.id = line.entry_id AND entry.administration_id = line.administration_id
WHERE line.administration_id = %(administration)s AND entry.id IS NULL
  AND (line.date IS NULL OR line.date <= %(as_of)s) {lines}
"""


def lines_have_entries(administration: Administration, as_of: date, touched: Touched | None = None) -> Findings:
    """Every line belongs to an entry. A line that was posted since has one, and it was looked up by that."""
    found = [line for (line,) in _rows(ORPHANS, administration, as_of, touched)]
    for line in JournalLine.objects.filter(pk__in=found).order_by("id"):
        amount = line.debit - line.credit
        names = {"account": line.account_id}
        yield Finding("ORPHAN_LINE", line, facts={"amount": amount}, amount=amount, since=line.date, names=names)


WITHOUT_ACCOUNT = """
SELECT line.entry_id, count(*), sum(line.debit - line.credit) FROM ledger_journalline line
LEFT JOIN ledger_account account
  ON account.id = line.account_id AND account.administration_id = line.administration_id
WHERE line.administration_id = %(administration)s AND line.date <= %(as_of)s AND account.id IS NULL {touched}
GROUP BY 1
"""


def lines_have_accounts(administration: Administration, as_of: date, touched: Touched | None = None) -> Findings:
    """Every line stands on an account of these books."""
    found = {entry: sums for entry, *sums in _rows(WITHOUT_ACCOUNT, administration, as_of, touched)}
    for entry in _entries(found):
        lines, amount = found[entry.pk]
        facts = {"entry": str(entry), "lines": lines, "amount": amount}
        yield Finding("MISSING_ACCOUNT", entry, facts=facts, amount=amount, since=entry.date)


# VAT -------------------------------------------------------------------------------------------------------------

# What each entry owes or deducts by a code, positive, beside the base that it was reckoned on. An entry that was
# reversed is mended, and its reversal is no fault of its own.
VAT = """
SELECT line.entry_id, line.vat_code_id, line.vat_role, code.rate,
       CASE line.vat_role WHEN 'DEDUCTIBLE' THEN code.deductible ELSE 100 END AS part,
       sum(CASE line.vat_role WHEN 'DEDUCTIBLE' THEN line.debit - line.credit ELSE line.credit - line.debit END) AS tax,
       sum(line.vat_base) AS base, bool_or(line.corrected_period_id IS NOT NULL) AS corrects
FROM ledger_journalline line
JOIN ledger_vatcode code ON code.id = line.vat_code_id
JOIN ledger_journalentry entry ON entry.id = line.entry_id
WHERE line.administration_id = %(administration)s AND line.date <= %(as_of)s
  AND line.vat_role IN ('TAX', 'DEDUCTIBLE') AND entry.reverses_id IS NULL
  AND NOT EXISTS (SELECT FROM ledger_journalentry reversal WHERE reversal.reverses_id = line.entry_id) {line_touched}
GROUP BY line.entry_id, line.vat_code_id, line.vat_role, code.rate, code.deductible
"""
# Rounding moves a cent a line, and at most a hundredth of the tax where a day adds up many.
OFF_RATE = f"""
SELECT entry_id, sum(tax), sum(base * rate * part / 10000) FROM ({VAT}) vat
WHERE base IS NOT NULL AND abs(tax - base * rate * part / 10000)
      > greatest(%(units)s, abs(base * rate * part / 10000) / 100)
GROUP BY 1
"""  # noqa: S608  # nosec B608
# Credit notes give VAT back, corrections and signed days (credit notes among their bills) may.
NEGATIVE = f"""
SELECT vat.entry_id, sum(vat.tax) FROM ({VAT}) vat
JOIN ledger_journalentry entry ON entry.id = vat.entry_id
LEFT JOIN ledger_invoice invoice ON invoice.entry_id = vat.entry_id
WHERE vat.tax < 0 AND NOT vat.corrects AND entry.source_type <> 'day_close'
  AND invoice.type IS DISTINCT FROM 'CREDIT_NOTE'
GROUP BY 1
"""  # noqa: S608  # nosec B608


def vat_follows_its_rate(administration: Administration, as_of: date, touched: Touched | None = None) -> Findings:
    """The VAT of every entry is its base times the rate of its code, as far as rounding goes."""
    units = 5 * currency(administration.currency).unit
    found = {entry: sums for entry, *sums in _rows(OFF_RATE, administration, as_of, touched, units=units)}
    for entry in _entries(found):
        tax, reckoned = found[entry.pk]
        facts = {"entry": str(entry), "vat": tax, "reckoned": reckoned.quantize(Decimal("0.0001"))}
        amount = facts["vat"] - facts["reckoned"]
        yield Finding("VAT_RATE_MISMATCH", entry, "", YELLOW, facts, amount=amount, since=entry.date)


def vat_is_not_negative(administration: Administration, as_of: date, touched: Touched | None = None) -> Findings:
    """Nothing but a credit note, a correction or a reversal takes VAT back."""
    found = dict(_rows(NEGATIVE, administration, as_of, touched))
    for entry in _entries(found):
        facts = {"entry": str(entry), "vat": found[entry.pk]}
        yield Finding("VAT_NEGATIVE", entry, "", YELLOW, facts, amount=found[entry.pk], since=entry.date)


# Open items --------------------------------------------------------------------------------------------------------

# Lines on control accounts that are not what their open items say. Imported history may be without: it is explained.
DIFFERING = """
SELECT line.account_id, line.date, sum(line.debit - line.credit - coalesce(item.amount, 0)) AS differs
FROM ledger_journalline line
JOIN ledger_account account ON account.id = line.account_id AND account.control <> ''
JOIN ledger_journalentry entry ON entry.id = line.entry_id
LEFT JOIN ledger_batch batch ON batch.id = entry.batch_id AND batch.kind = 'IMPORT'
{items}
WHERE line.administration_id = %(administration)s AND line.date <= %(as_of)s
  AND line.debit - line.credit <> coalesce(item.amount, 0)
  AND (batch.id IS NULL OR coalesce(item.amount, 0) <> 0
       OR line.date > ((batch.created_at + interval '1 day') AT TIME ZONE 'UTC')::date) {only}
GROUP BY 1, 2 ORDER BY 1, 2
"""
ALL_ITEMS = """LEFT JOIN (
    SELECT line_id, sum(amount) AS amount FROM ledger_openitem WHERE administration_id = %(administration)s GROUP BY 1
) item ON item.line_id = line.id"""
ITEMS_OF_LINE = """LEFT JOIN LATERAL (
    SELECT sum(amount) AS amount FROM ledger_openitem WHERE line_id = line.id
) item ON TRUE"""


def control_accounts_are_proved(
    administration: Administration, as_of: date, touched: Touched | None = None
) -> Findings:
    """The balance of a control account is what is open on it, and history that is explained line by line.

    An account that was proved stays so as long as no new line on it differs from its items.
    """
    only, accounts = "", None
    if touched is not None:
        statement = DIFFERING.format(items=ITEMS_OF_LINE, only="AND line.entry_id = ANY(%(entries)s)")
        differing = {account for account, *_rest in _rows(statement, administration, as_of, touched)}
        accounts = [*differing, *touched.subjects]
        only = "AND line.account_id = ANY(%(accounts)s)"
        known = Account.objects.filter(administration=administration, pk__in=accounts).exclude(control="")
        if not known.exists():
            return
    statement = DIFFERING.format(items=ALL_ITEMS, only=only)
    found: defaultdict[UUID, list[tuple[date, Decimal]]] = defaultdict(list)
    for account, day, differs in _rows(statement, administration, as_of, accounts=accounts):
        found[account].append((day, differs))
    unproved = {account: total(amount for _day, amount in days) for account, days in found.items()}
    named = Account.objects.filter(pk__in=[account for account, amount in unproved.items() if amount])
    for row in balances(administration, as_of, accounts=named):
        amount = unproved[row.account.pk]
        facts = {"account": str(row.account), "balance": row.balance, "open": row.balance - amount}
        code = "AR_RECON_MISMATCH" if row.account.control in RECEIVABLES else "AP_RECON_MISMATCH"
        since = _unbroken(found[row.account.pk], lambda balance: balance != 0)
        yield Finding(code, row.account, "", RED, {**facts, "difference": amount}, amount=amount, since=since)


OVERDUE = """
SELECT item.*, item.amount - coalesce(debit.amount, 0) + coalesce(credit.amount, 0) AS open, account.control
FROM ledger_openitem item
JOIN ledger_account account ON account.id = item.account_id
{settled}
WHERE item.administration_id = %(administration)s AND item.date <= %(as_of)s AND item.due_date < %(as_of)s
  AND (item.amount - coalesce(debit.amount, 0) + coalesce(credit.amount, 0))
      * CASE WHEN account.control IN ('SUPPLIERS', 'WALLETS') THEN -1 ELSE 1 END > 0 {only}
ORDER BY item.due_date, item.id
"""
ALL_SETTLED = """
LEFT JOIN (SELECT debit_id, sum(amount) AS amount FROM ledger_allocation
           WHERE administration_id = %(administration)s AND date <= %(as_of)s GROUP BY 1) debit
  ON debit.debit_id = item.id
LEFT JOIN (SELECT credit_id, sum(amount) AS amount FROM ledger_allocation
           WHERE administration_id = %(administration)s AND date <= %(as_of)s GROUP BY 1) credit
  ON credit.credit_id = item.id
"""
SETTLED_OF_ITEM = """
LEFT JOIN LATERAL (
    SELECT sum(amount) AS amount FROM ledger_allocation WHERE debit_id = item.id AND date <= %(as_of)s) debit ON TRUE
LEFT JOIN LATERAL (
    SELECT sum(amount) AS amount FROM ledger_allocation WHERE credit_id = item.id AND date <= %(as_of)s) credit ON TRUE
"""
# Items are settled and never opened again: what was not overdue is by its age alone, or because it is new.
MAY_BE_OVERDUE = """AND item.id IN (
    SELECT unnest(%(subjects)s::uuid[])
    UNION SELECT new.id FROM ledger_journalline line JOIN ledger_openitem new ON new.line_id = line.id
          WHERE line.entry_id = ANY(%(entries)s)
    {aged}
)"""
AGED = """UNION SELECT old.id FROM ledger_openitem old
    WHERE old.administration_id = %(administration)s AND old.due_date >= %(since)s AND old.due_date < %(as_of)s"""


def items_are_paid_in_time(administration: Administration, as_of: date, touched: Touched | None = None) -> Findings:
    """Nothing that is open is past the date on which it was due; what has no due date is never late."""
    settled, only = ALL_SETTLED, ""
    if touched is not None:
        settled = SETTLED_OF_ITEM
        only = MAY_BE_OVERDUE.format(aged=AGED if touched.since < as_of else "")
    statement, facts = OVERDUE.format(settled=settled, only=only), _facts(administration, as_of, touched)
    items: Any = OpenItem.objects.raw(statement, facts)
    for item in items:
        late = (as_of - item.due_date).days
        receivable = item.control in RECEIVABLES
        told = {"reference": item.reference, "due": item.due_date, "days": late, "open": abs(item.open)}
        yield Finding(
            "OVERDUE_RECEIVABLE" if receivable else "OVERDUE_PAYABLE",
            item,
            severity=RED if late > RED_AFTER else YELLOW,
            facts=told,
            amount=abs(item.open),
            since=item.due_date + timedelta(days=1),
            names={"account": item.account_id, "party": item.party_id},
        )


# Numbers, balances, assets -----------------------------------------------------------------------------------------


def numbers_are_whole(administration: Administration, as_of: date, touched: Touched | None = None) -> Findings:
    """No number of an entry or of an invoice of ours is missing, whatever the date."""
    for gap in gaps(administration, lambda series: _numbered(administration, series), touched):
        kind = JournalEntry if gap.series.startswith("entry:") else Invoice
        year = gap.series.rpartition(":")[2]
        facts = {"kind": kind._meta.label, "year": year, "missing": gap.last - gap.above - gap.found, "last": gap.last}
        yield Finding("NUMBER_GAP", administration, facts=facts, part=gap.series)


def _numbered(administration: Administration, series: str) -> Any:
    kind, _colon, of = series.partition(":")
    if kind == "entry":
        journal, _colon, year = of.partition(":")
        return JournalEntry.objects.filter(journal=UUID(journal), year=year)
    if kind == "invoice":
        return Invoice.objects.filter(administration=administration, year=of)
    return None


def suspense_is_empty(administration: Administration, as_of: date) -> Findings:
    """What nobody knew where to put, and the balance that books were opened with, was taken up by its account."""
    for account, balance in _balances_of(administration, SUSPENSE, as_of):
        if balance:
            since = _since(account, as_of, lambda stood: stood != 0)
            facts = {"account": str(account), "balance": balance}
            yield Finding("SUSPENSE_NOT_EMPTY", account, "", YELLOW, facts, amount=balance, since=since)


def cash_is_not_negative(administration: Administration, as_of: date) -> Findings:
    """No drawer and no safe holds less than nothing."""
    for account, balance in _balances_of(administration, CASH, as_of):
        if balance < 0:
            since = _since(account, as_of, lambda stood: stood < 0)
            facts = {"account": str(account), "balance": balance}
            yield Finding("NEGATIVE_CASH", account, "", RED, facts, amount=balance, since=since)


def assets_are_depreciated(administration: Administration, as_of: date) -> Findings:
    """Every month of a schedule that is over is posted."""
    yield from depreciation_is_posted(administration, as_of)


def depreciation_is_as_scheduled(administration: Administration, as_of: date) -> Findings:
    """What was posted of each asset is what its schedule says: one finding for all its months."""
    months: defaultdict[Any, list[Finding]] = defaultdict(list)
    for finding in depreciation_equals_schedule(administration, as_of):
        months[finding.subject].append(finding)
    for asset, found in months.items():
        posted, scheduled = (total(one.facts[name] for one in found) for name in ("posted", "scheduled"))
        facts = {"months": len(found), "first": found[0].facts["month"], "posted": posted, "scheduled": scheduled}
        since = min(one.since for one in found if one.since)
        yield Finding("DEPRECIATION_MISMATCH", asset, "", RED, facts, amount=posted - scheduled, since=since)


def _entries(found: Any) -> Any:
    return JournalEntry.objects.filter(pk__in=list(found)).select_related("journal").order_by("date", "id")


def _balances_of(
    administration: Administration, purposes: tuple[str, ...], as_of: date
) -> Iterator[tuple[Account, Decimal]]:
    accounts = list(Account.objects.filter(administration=administration, purpose__in=purposes))
    for row in balances(administration, as_of, accounts=accounts) if accounts else ():
        yield row.account, row.balance


def _since(account: Account, as_of: date, wrong: Callable[[Decimal], bool]) -> date | None:
    days = JournalLine.objects.filter(account=account).up_to(as_of).order_by("date").values_list("date")
    return _unbroken(days.annotate(moved=Sum(F("debit") - F("credit"))), wrong)


def _unbroken(days: Any, wrong: Callable[[Decimal], bool]) -> date | None:
    """Since which of the ``days`` the balance is ``wrong`` without a break, given what moved it on each."""
    balance, since = ZERO, None
    for day, moved in days:
        balance += moved
        since = (since or day) if wrong(balance) else None
    return since


def _facts(administration: Administration, as_of: date, touched: Touched | None, **more: Any) -> dict[str, Any]:
    looked = {"entries": list(touched.entries), "subjects": list(touched.subjects)} if touched else {}
    since = touched.since if touched else None
    return {"administration": administration.pk, "as_of": as_of, "since": since, **looked, **more}


def _rows(
    statement: str, administration: Administration, as_of: date, touched: Touched | None = None, **more: Any
) -> list[Any]:
    """The rows of ``statement``, of all of history or of what was touched."""
    either = "= ANY(%(entries)s::uuid[] || %(subjects)s::uuid[])"
    narrowed = {
        "touched": f"AND entry_id {either}",
        "line_touched": f"AND line.entry_id {either}",
        "lines": "AND line.id = ANY(%(subjects)s)",
    }
    with connection.cursor() as cursor:
        text = statement.format(**(narrowed if touched else dict.fromkeys(narrowed, "")))
        cursor.execute(text, _facts(administration, as_of, touched, **more))
        return cursor.fetchall()


LARGE: list[Callable[..., Findings]] = [
    entries_balance,
    lines_have_entries,
    lines_have_accounts,
    vat_follows_its_rate,
    vat_is_not_negative,
    control_accounts_are_proved,
    items_are_paid_in_time,
    numbers_are_whole,
]
ALL: list[Callable[..., Findings]] = [
    *LARGE,
    suspense_is_empty,
    cash_is_not_negative,
    assets_are_depreciated,
    depreciation_is_as_scheduled,
]
