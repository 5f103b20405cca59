"""The laws of the ledger, proved again by reading: each check finds what the database should never have let in."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce, Greatest
from django.utils.translation import gettext_lazy as _

from apps.core.findings import Finding
from apps.core.models import Administration, Counter
from apps.core.money import ZERO, amount_field
from apps.ledger.models import Allocation, Journal, JournalEntry, JournalLine, OpenItem, Period
from apps.ledger.reports.open_items import open_items

Findings = Iterator[Finding]


def entries_balance(administration: Administration, as_of: date) -> Findings:
    """Debits equal credits in every entry."""
    for entry in _entries(administration, as_of).exclude(debits=F("credits")):
        facts = {"debits": entry.debits, "credits": entry.credits}
        yield Finding("JOURNAL_UNBALANCED", entry, _("debits are {debits}, credits {credits}"), facts=facts)


def entries_have_their_lines(administration: Administration, as_of: date) -> Findings:
    """Every entry has the lines it announced, two at least."""
    wrong = _entries(administration, as_of).exclude(found=F("line_count"), found__gte=2)
    for entry in wrong:
        facts = {"announced": entry.line_count, "found": entry.found}
        yield Finding("ENTRY_LINES_NOT_ANNOUNCED", entry, _("{announced} lines announced, {found} found"), facts=facts)


def entries_are_in_their_period(administration: Administration, as_of: date) -> Findings:
    """Every entry belongs to the smallest period that holds its date; adjustments at year-end to their own."""
    around = Q(
        first_day__lte=OuterRef("date"), last_day__gte=OuterRef("date"), administration=OuterRef("administration")
    )
    days = F("last_day") - F("first_day")
    smallest = Period.objects.filter(around).exclude(type=Period.Type.YEAR_END).annotate(days=days).order_by("days")
    entries = (
        _posted(administration, as_of)
        .select_related("period")
        .annotate(smallest=Subquery(smallest.values("days")[:1]), own=F("period__last_day") - F("period__first_day"))
    )
    outside = Q(date__lt=F("period__first_day")) | Q(date__gt=F("period__last_day"))
    too_large = ~Q(period__type=Period.Type.YEAR_END) & ~Q(own=F("smallest"))
    for entry in entries.filter(outside | too_large):
        facts = {"date": entry.date, "period": str(entry.period)}
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
    """A line on a control account names a party and equals the open items that name it."""
    lines = _lines(administration, as_of).exclude(account__control="").select_related("account")
    items = OpenItem.objects.filter(
        line=OuterRef("pk"), account=OuterRef("account"), party=OuterRef("party"), date=OuterRef("entry__date")
    )
    sums = items.order_by().values("line").annotate(sum=Sum("amount")).values("sum")
    for line in lines.annotate(items=_or_zero(Subquery(sums))).exclude(items=F("debit") - F("credit")):
        facts = {"account": line.account.code, "line": line.debit - line.credit, "items": line.items}
        message = _("a line on {account} is {line}, its open items {items}")
        yield Finding("CONTROL_LINE_DIFFERS_FROM_ITEMS", line.entry, message, facts=facts)


def items_stand_on_control_lines(administration: Administration, as_of: date) -> Findings:
    """Every open item names a posted line on a control account, with that line's account, party and date."""
    items = OpenItem.objects.filter(administration=administration, date__lte=as_of).exclude(
        line__account__control__gt="",
        line__entry__status=JournalEntry.Status.POSTED,
        account=F("line__account"),
        party=F("line__party"),
        date=F("line__entry__date"),
    )
    for item in items.select_related("party"):
        yield Finding("OPEN_ITEM_WITHOUT_LINE", item, _("does not have the account, party and date of a posted line"))


def control_balances_equal_items(administration: Administration, as_of: date) -> Findings:
    """The balance of a control account is the sum of what is open on it, at this date."""
    for control in open_items(administration, as_of):
        if control.difference:
            facts = {"balance": control.balance, "open": control.open, "date": as_of}
            message = _("the balance is {balance}, the open items {open} on {date}")
            yield Finding("CONTROL_BALANCE_DIFFERS", control.account, message, facts=facts)


def allocations_are_within_items(administration: Administration, as_of: date) -> Findings:
    """What was allocated of an item stays within its amount."""
    items = OpenItem.objects.filter(administration=administration).as_of().select_related("party")
    for item in items.filter(Q(amount__gt=0, open__lt=0) | Q(amount__lt=0, open__gt=0)):
        facts = {"amount": item.amount, "open": item.open}
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


def _posted(administration: Administration, as_of: date) -> QuerySet[Any]:
    entries = JournalEntry.objects.filter(administration=administration)
    return entries.posted().up_to(as_of).select_related("journal").order_by("date", "id")


def _entries(administration: Administration, as_of: date) -> QuerySet[Any]:
    return _posted(administration, as_of).annotate(
        found=Count("lines"), debits=_or_zero(Sum("lines__debit")), credits=_or_zero(Sum("lines__credit"))
    )


def _lines(administration: Administration, as_of: date) -> QuerySet[Any]:
    lines = JournalLine.objects.filter(administration=administration).posted().up_to(as_of)
    return lines.select_related("entry__journal").order_by("entry__date", "entry_id", "position")


def _or_zero(expression: Any) -> Coalesce:
    return Coalesce(expression, Value(ZERO), output_field=amount_field())


ALL: list[Callable[[Administration, date], Findings]] = [
    entries_balance,
    entries_have_their_lines,
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
]
