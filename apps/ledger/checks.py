"""The laws of the ledger, proved again by reading: each check finds what the database should never have let in."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    UUIDField,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core.findings import YELLOW, Finding
from apps.core.models import Administration, Counter
from apps.core.money import ZERO, amount_field, total
from apps.ledger.models import (
    Account,
    Allocation,
    Batch,
    Depreciation,
    FixedAsset,
    Journal,
    JournalEntry,
    JournalLine,
    OpenItem,
    Period,
    Seal,
)
from apps.ledger.reports.depreciation import AssetRegisterRow, register
from apps.ledger.reports.seals import hashes, head_of
from apps.ledger.reports.sync_status import sync_status

Findings = Iterator[Finding]


def entries_balance(administration: Administration, as_of: date) -> Findings:
    """Debits equal credits in every entry."""
    lines = JournalLine.objects.filter(administration=administration).up_to(as_of).order_by().values("entry")
    sums = lines.annotate(debits=Sum("debit"), credits=Sum("credit")).exclude(debits=F("credits"))
    found = {row["entry"]: row for row in sums}
    for entry in _posted(administration, date.max).filter(pk__in=found):
        facts = {"debits": found[entry.pk]["debits"], "credits": found[entry.pk]["credits"]}
        yield Finding("JOURNAL_UNBALANCED", entry, _("debits are {debits}, credits {credits}"), facts=facts)


NOT_ANNOUNCED = """
SELECT entry.id, coalesce(line.lines, 0)
FROM ledger_journalentry entry
LEFT JOIN (
    SELECT entry_id, count(*) AS lines FROM ledger_journalline WHERE administration_id = %(administration)s GROUP BY 1
) line ON line.entry_id = entry.id
WHERE entry.administration_id = %(administration)s AND entry.status = 'POSTED' AND entry.date <= %(as_of)s
  AND (entry.line_count < 2 OR line.lines IS DISTINCT FROM entry.line_count)
"""


def entries_have_their_lines(administration: Administration, as_of: date) -> Findings:
    """Every entry has the lines it announced, two at least."""
    found = dict(_rows(NOT_ANNOUNCED, administration, as_of))
    for entry in _posted(administration, as_of).filter(pk__in=found):
        facts = {"announced": entry.line_count, "found": found[entry.pk]}
        yield Finding("ENTRY_LINES_NOT_ANNOUNCED", entry, _("{announced} lines announced, {found} found"), facts=facts)


DATED_OTHERWISE = """
SELECT DISTINCT entry.id FROM ledger_journalline line JOIN ledger_journalentry entry ON entry.id = line.entry_id
WHERE line.administration_id = %(administration)s AND entry.date <= %(as_of)s
  AND line.date IS DISTINCT FROM CASE entry.status WHEN 'POSTED' THEN entry.date END
"""


def lines_are_dated_as_their_entries(administration: Administration, as_of: date) -> Findings:
    """Every line of a posted entry has its date, by which reports read it; lines of drafts have none."""
    found = [entry for (entry,) in _rows(DATED_OTHERWISE, administration, as_of)]
    for entry in JournalEntry.objects.filter(pk__in=found).select_related("journal").order_by("date", "id"):
        facts = {"date": entry.date}
        yield Finding("LINE_DATED_OTHERWISE", entry, _("is dated {date}, and a line of it is not"), facts=facts)


def entries_are_in_their_period(administration: Administration, as_of: date) -> Findings:
    """Every entry belongs to the smallest period that holds its date; adjustments at year-end to their own."""
    periods = {period.pk: period for period in Period.objects.filter(administration=administration)}
    ordinary = [period for period in periods.values() if period.type != Period.Type.YEAR_END]
    days = _posted(administration, as_of).order_by().values_list("date", "period").distinct()
    wrong = Q()
    for day, key in days:
        own = periods[key]
        around = [
            period.last_day - period.first_day for period in ordinary if period.first_day <= day <= period.last_day
        ]
        inside = own.first_day <= day <= own.last_day
        if not inside or (own in ordinary and own.last_day - own.first_day != min(around)):
            wrong |= Q(date=day, period=key)
    for entry in _posted(administration, as_of).filter(wrong) if wrong else ():
        facts = {"date": entry.date, "period": str(periods[entry.period_id])}
        yield Finding("ENTRY_OUTSIDE_PERIOD", entry, _("dated {date}, but in period {period}"), facts=facts)


def reversals_mirror(administration: Administration, as_of: date) -> Findings:
    """A reversal and the entry it reverses cancel out, account by account, party by party."""
    reversals = _posted(administration, as_of).filter(reverses__isnull=False)
    either = Q(entry=OuterRef("pk")) | Q(entry=OuterRef("reverses"))
    left = JournalLine.objects.filter(either).posted().order_by().values("account", "party", "vat_code")
    left = left.annotate(left=Sum(F("debit") - F("credit"))).exclude(left=0)
    for entry in reversals.filter(Exists(left)).select_related("reverses__journal"):
        yield Finding(
            "REVERSAL_DIFFERS", entry, _("is not the opposite of {reversed}"), facts={"reversed": str(entry.reverses)}
        )


def numbers_have_no_gap(administration: Administration, as_of: date) -> Findings:
    """The numbers of each journal and year run from 1 to the last one given; whatever the date, none is missing."""
    given = dict(Counter.objects.filter(administration=administration).values_list("series", "last"))
    numbered = JournalEntry.objects.filter(administration=administration).posted().order_by().values("journal", "year")
    found = {
        f"entry:{row['journal']}:{row['year']}": row
        for row in numbered.annotate(entries=Count("number", distinct=True), first=Min("number"), last=Max("number"))
    }
    journals = {str(journal.pk): journal for journal in Journal.objects.filter(administration=administration)}
    for series in sorted({*found, *(series for series in given if series.startswith("entry:"))}):
        _entry, journal, year = series.split(":")
        row = found.get(series, {"entries": 0, "first": None, "last": 0})
        last = max(row["last"], given.get(series, 0))
        if row["entries"] != last:
            facts = {"year": year, "entries": row["entries"], "last": last}
            message = _("{year} has {entries} entries, but {last} numbers were given")
            yield Finding("NUMBER_GAP", journals[journal], message, facts=facts)


def lines_are_one_sided(administration: Administration, as_of: date) -> Findings:
    """A line is a debit or a credit, never both, never neither."""
    for line in _lines(administration, as_of).exclude(Q(debit__gt=0, credit=0) | Q(debit=0, credit__gt=0)):
        facts = {"debit": line.debit, "credit": line.credit}
        yield Finding("LINE_NOT_ONE_SIDED", line.entry, _("a line has debit {debit} and credit {credit}"), facts=facts)


def control_lines_equal_items(administration: Administration, as_of: date) -> Findings:
    """A line on a control account names a party and equals the open items that name it.

    Imported history may be without, or without any more: the proof of the sub-ledger lists it.
    """
    lines = _lines(administration, as_of).exclude(account__control="").select_related("account")
    imported = Q(entry__batch__kind=Batch.Kind.IMPORT)
    items = OpenItem.objects.filter(
        line=OuterRef("pk"), account=OuterRef("account"), party=OuterRef("whose"), date=OuterRef("entry__date")
    )
    whose = Case(
        When(
            imported & Q(party=None), then=Subquery(OpenItem.objects.filter(line=OuterRef("pk")).values("party_id")[:1])
        ),
        default=F("party_id"),
        output_field=UUIDField(),
    )
    sums = items.order_by().values("line").annotate(sum=Sum("amount")).values("sum")
    lines = lines.annotate(whose=whose, items=_or_zero(Subquery(sums)))
    for line in lines.exclude(items=F("debit") - F("credit")).exclude(imported, items=0):
        facts = {"account": line.account.code, "line": line.debit - line.credit, "items": line.items}
        message = _("a line on {account} is {line}, its open items {items}")
        yield Finding("CONTROL_LINE_DIFFERS_FROM_ITEMS", line.entry, message, facts=facts)


def items_stand_on_control_lines(administration: Administration, as_of: date) -> Findings:
    """Every open item names a posted line on a control account, with that line's account, party and date."""
    items = OpenItem.objects.filter(administration=administration, date__lte=as_of).exclude(
        line__account__control__gt="",
        line__entry__status=JournalEntry.Status.POSTED,
        account=F("line__account"),
        party=Coalesce("line__party_id", _of_import("party_id"), output_field=UUIDField()),
        date=F("line__entry__date"),
    )
    for item in items.select_related("party"):
        yield Finding("OPEN_ITEM_WITHOUT_LINE", item, _("does not have the account, party and date of a posted line"))


def control_balances_equal_items(administration: Administration, as_of: date) -> Findings:
    """The balance of a control account is the sum of what is open on it, and of the history that has no open items."""
    for proof in sync_status(administration, as_of, limit=0).accounts:
        if proof.unexplained:
            facts = {"balance": proof.gl_balance, "open": proof.gl_balance - proof.unexplained, "date": as_of}
            message = _("the balance is {balance}, the open items {open} on {date}")
            yield Finding("CONTROL_BALANCE_DIFFERS", proof.account, message, facts=facts)


BEYOND_OPEN = """
SELECT item.id, item.amount - settled.amount
FROM (
    SELECT debit_id AS id, sum(amount) AS amount FROM ledger_allocation
    WHERE administration_id = %(administration)s GROUP BY 1
    UNION ALL
    SELECT credit_id, -sum(amount) FROM ledger_allocation WHERE administration_id = %(administration)s GROUP BY 1
) settled
JOIN ledger_openitem item ON item.id = settled.id
WHERE sign(item.amount) * (item.amount - settled.amount) < 0
"""


def allocations_are_within_items(administration: Administration, as_of: date) -> Findings:
    """What was allocated of an item stays within its amount."""
    found = dict(_rows(BEYOND_OPEN, administration, as_of))
    for item in OpenItem.objects.filter(pk__in=found).select_related("party"):
        facts = {"amount": item.amount, "open": found[item.pk]}
        yield Finding("ALLOCATION_BEYOND_OPEN", item, _("of {amount} more than all was settled: {open}"), facts=facts)


def allocations_join_one_party(administration: Administration, as_of: date) -> Findings:
    """An allocation joins a debit and a credit of one party and account, from the later of their dates."""
    allocations = Allocation.objects.filter(administration=administration).exclude(
        debit__amount__gt=0,
        credit__amount__lt=0,
        debit__account=F("credit__account"),
        debit__party=F("credit__party"),
        date=Greatest("debit__date", "credit__date"),
    )
    for allocation in allocations.select_related("debit__party", "credit__party"):
        facts = {"debit": str(allocation.debit), "credit": str(allocation.credit)}
        yield Finding("ALLOCATION_OF_TWO_PARTIES", allocation, _("joins {debit} and {credit}"), facts=facts)


def periods_nest(administration: Administration, as_of: date) -> Findings:
    """A larger period consists of whole smaller ones."""
    across = Period.objects.filter(
        administration=OuterRef("administration"),
        first_day__lt=OuterRef("first_day"),
        last_day__gte=OuterRef("first_day"),
        last_day__lt=OuterRef("last_day"),
    )
    for period in Period.objects.filter(Exists(across), administration=administration):
        yield Finding("PERIODS_OVERLAP", period, _("begins inside a period that ends before it"))


def depreciation_equals_schedule(administration: Administration, as_of: date) -> Findings:
    """What was posted of each month of an asset is what its schedule says, and stands in its entry."""
    in_entry = JournalLine.objects.filter(
        entry=OuterRef("entry"), account=OuterRef("asset__depreciation_account"), credit=OuterRef("amount")
    )
    posted = Depreciation.objects.filter(administration=administration, entry__date__lte=as_of).standing()
    elsewhere = set(posted.exclude(Exists(in_entry)).values_list("pk", flat=True))
    for row in _assets(administration):
        scheduled = {one.scheduled.month: one.scheduled.amount for one in row.months}
        for one in row.posted:
            if one.entry.date <= as_of and (one.pk in elsewhere or one.amount != scheduled.get(one.month)):
                facts = {
                    "month": f"{one.month:%Y-%m}",
                    "posted": one.amount,
                    "scheduled": scheduled.get(one.month, ZERO),
                    "entry": str(one.entry),
                }
                message = _("{month}: {posted} was written off with {entry}, {scheduled} is scheduled")
                off = one.amount - scheduled.get(one.month, ZERO)
                yield Finding(
                    "DEPRECIATION_MISMATCH", row.asset, message, facts=facts, amount=off, since=one.entry.date
                )


def depreciation_is_posted(administration: Administration, as_of: date) -> Findings:
    """Every month of a schedule that is over by ``as_of``, and over today, is posted."""
    today = timezone.localdate(timezone=ZoneInfo(administration.time_zone))
    for row in _assets(administration):
        left = [one.scheduled for one in row.months if one.posted is None]
        due = [one for one in left if one.last_day <= as_of and one.last_day < today]
        if due:
            amount = total(one.amount for one in due)
            facts = {"months": len(due), "first": f"{due[0].month:%Y-%m}", "amount": amount}
            message = _("{months} months are not depreciated, from {first}: {amount}")
            yield Finding(
                "DEPRECIATION_NOT_POSTED",
                row.asset,
                message,
                YELLOW,
                facts,
                amount=amount,
                since=due[0].last_day,
            )


def _assets(administration: Administration) -> tuple[AssetRegisterRow, ...]:
    return register(FixedAsset.objects.filter(administration=administration).with_accounts())


def _posted(administration: Administration, as_of: date) -> QuerySet[Any]:
    entries = JournalEntry.objects.filter(administration=administration)
    return entries.posted().up_to(as_of).select_related("journal").order_by("date", "id")


def _lines(administration: Administration, as_of: date) -> QuerySet[Any]:
    lines = JournalLine.objects.filter(administration=administration).posted().up_to(as_of)
    return lines.select_related("entry__journal").order_by("entry__date", "entry_id", "position")


def _of_import(column: str) -> Case:
    """The item's own ``column`` where its line is imported history."""
    imported = When(line__entry__batch__kind=Batch.Kind.IMPORT, then=F(column))
    return Case(imported, output_field=UUIDField())


def _or_zero(expression: Any) -> Coalesce:
    return Coalesce(expression, Value(ZERO), output_field=amount_field())


SEALED = hashes(
    """
    SELECT entry.*, sealed.salt, sealed.text_hash AS kept_text_hash, sealed.hash AS kept_hash, sealed.seal_id,
           sealed.position AS place, sealed.entry_id AS sealed_entry_id
    FROM ledger_sealedentry sealed LEFT JOIN ledger_journalentry entry ON entry.id = sealed.entry_id
    WHERE sealed.administration_id = %(administration)s
    """,
    *("salt", "kept_text_hash", "kept_hash", "seal_id", "place", "sealed_entry_id"),
)
CHANGED = f"""
SELECT sealed_entry_id, seal_id, entry_id IS NULL FROM ({SEALED}) sealed
WHERE hash IS DISTINCT FROM kept_hash OR text_hash <> kept_text_hash OR salt = '' AND NOT erased
ORDER BY seal_id, place
"""  # noqa: S608  # nosec B608


def sealed_entries_are_unchanged(administration: Administration, as_of: date) -> Findings:
    """Every entry that was sealed is there, and it and its lines are what they were, byte for byte, whatever the date.

    A text that was erased left its hash behind and took its salt along; no other text stands in its place.
    """
    found = _rows(CHANGED, administration)
    entries = JournalEntry.objects.select_related("journal").in_bulk([entry for entry, _seal, _gone in found])
    seals = Seal.objects.in_bulk([seal for _entry, seal, gone in found if gone])
    for entry, seal, gone in found:
        if gone:
            facts = {"entry": entry}
            yield Finding("SEALED_ENTRY_MISSING", seals[seal], _("its entry {entry} is gone"), facts=facts)
        else:
            facts = {"seal": seal}
            yield Finding("SEALED_ENTRY_CHANGED", entries[entry], _("is not what was sealed"), facts=facts)


CHAIN = f"""
WITH sealed AS (
    SELECT seal_id, hash, position, TRUE AS is_entry FROM ledger_sealedentry
    WHERE administration_id = %(administration)s
    UNION ALL
    SELECT seal_id, hash, position, FALSE FROM ledger_sealeddocument WHERE administration_id = %(administration)s
)
SELECT seal.id, seal.number, (seal.entries, seal.documents)::text, seal.head,
       {head_of("seal.previous_head", "sealed.hash", "sealed.position")} AS follows,
       seal.previous_head = coalesce(lag(seal.head) OVER (ORDER BY seal.number), '') AS joined,
       (coalesce(lag(seal.entries) OVER (ORDER BY seal.number), 0) + count(*) FILTER (WHERE sealed.is_entry),
        coalesce(lag(seal.documents) OVER (ORDER BY seal.number), 0) + count(*) FILTER (WHERE NOT sealed.is_entry)
       )::text AS counted,
       coalesce(lag(seal.number) OVER (ORDER BY seal.number), 0) + 1 AS expected
FROM ledger_seal seal LEFT JOIN sealed ON sealed.seal_id = seal.id
WHERE seal.administration_id = %(administration)s
GROUP BY seal.id ORDER BY seal.number
"""  # noqa: S608  # nosec B608


def seals_make_one_chain(administration: Administration, as_of: date) -> Findings:
    """Each seal follows from the one before it and from the hashes of its entries, and none is missing up to the last
    number that was given. The heads that were printed and mailed say whether the whole chain was made anew.
    """
    last = 0
    broken = []
    for key, number, entries, head, follows, joined, counted, expected in _rows(CHAIN, administration):
        if head != follows or not joined or entries != counted or number != expected:
            broken.append(key)
        last = number
    for seal in Seal.objects.filter(pk__in=broken).order_by("number"):
        yield Finding("SEAL_BROKEN", seal, _("does not follow from the seal before it and from its entries"))
    given = Counter.objects.filter(administration=administration, series="seal").values_list("last", flat=True).first()
    if (given or 0) != last:
        facts = {"given": given or 0, "last": last}
        yield Finding("SEAL_MISSING", administration, _("{given} seals were made, the last one is {last}"), facts=facts)


ROLLED_UP = """
SELECT coalesce(month.account_id, moved.account_id), coalesce(month.month, moved.month),
       coalesce(month.debit, 0), coalesce(month.credit, 0), coalesce(moved.debit, 0), coalesce(moved.credit, 0)
FROM (
    SELECT account_id, month, debit, credit FROM ledger_accountmonth WHERE administration_id = %(administration)s
) month
FULL JOIN (
    SELECT account_id, date_trunc('month', date)::date AS month, sum(debit) AS debit, sum(credit) AS credit FROM (
        SELECT account_id, date, debit, credit FROM ledger_journalline
        WHERE administration_id = %(administration)s AND date IS NOT NULL
        UNION ALL  -- less what is beyond the marks
        SELECT line.account_id, line.date, -line.debit, -line.credit
        FROM ledger_journalentry entry
        LEFT JOIN ledger_rolledup mark ON mark.journal_id = entry.journal_id AND mark.year = entry.year
        JOIN ledger_journalline line ON line.entry_id = entry.id
        WHERE entry.administration_id = %(administration)s AND entry.number > coalesce(mark.number, 0)
          AND line.date IS NOT NULL
    ) line
    GROUP BY 1, 2
) moved ON moved.account_id = month.account_id AND moved.month = month.month
WHERE (coalesce(month.debit, 0), coalesce(month.credit, 0)) <> (coalesce(moved.debit, 0), coalesce(moved.credit, 0))
ORDER BY 2, 1
"""


def rollup_equals_lines(administration: Administration, as_of: date) -> Findings:
    """The months that reports add up are the sums of the lines up to the marks; whatever the date."""
    found = _rows(ROLLED_UP, administration)
    accounts = Account.objects.in_bulk([account for account, *_sums in found])
    for account, month, debit, credit, debits, credits in found:
        facts = {"month": f"{month:%Y-%m}", "kept": f"{debit} / {credit}", "lines": f"{debits} / {credits}"}
        message = _("{month} is kept as {kept}, its lines add up to {lines}")
        yield Finding("ROLLUP_DIFFERS", accounts[account], message, facts=facts)


def _rows(statement: str, administration: Administration, as_of: date = date.max) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"administration": administration.pk, "as_of": as_of})
        return cursor.fetchall()


ALL: list[Callable[[Administration, date], Findings]] = [
    entries_balance,
    entries_have_their_lines,
    lines_are_dated_as_their_entries,
    entries_are_in_their_period,
    reversals_mirror,
    numbers_have_no_gap,
    lines_are_one_sided,
    control_lines_equal_items,
    items_stand_on_control_lines,
    control_balances_equal_items,
    allocations_are_within_items,
    allocations_join_one_party,
    periods_nest,
    depreciation_equals_schedule,
    depreciation_is_posted,
    sealed_entries_are_unchanged,
    seals_make_one_chain,
    rollup_equals_lines,
]
