"""What must always be true of reconciliation, proved again by reading."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Q, Subquery, Sum, Value, Window
from django.db.models.functions import Coalesce, Lag
from django.utils.translation import gettext_lazy as _

from apps.core.findings import Finding
from apps.core.models import Administration
from apps.core.money import ZERO, amount_field
from apps.ledger.models import JournalEntry, JournalLine
from apps.reconciliation.models import ClearedLine, Clearing, FullReconcile, Match, Statement, StatementLine

Findings = Iterator[Finding]
Kind = Match.Kind

# What a match of one of these kinds is against stands on one account; the others may have tax beside it.
ON_ONE_ACCOUNT = (Kind.ITEM, Kind.TRANSIT, Kind.TRANSFER, Kind.EXCHANGE)
NOT_POSTED = (Kind.BOOKED, Kind.DUPLICATE)


def residuals_are_what_is_not_matched(administration: Administration, as_of: date) -> Findings:
    """What is open of a bank line is its amount less its matches."""
    active = Match.objects.filter(clearing__line=OuterRef("pk"), active=True)
    lines = _lines(administration, as_of).annotate(matched=_sum(active, "clearing__line", "amount"))
    for line in lines.exclude(residual=F("amount") - F("matched")):
        facts = {"open": line.residual, "reckoned": line.amount - line.matched}
        yield Finding("LINE_RESIDUAL_DIFFERS", line, _("{open} is open, {reckoned} by its matches"), facts=facts)


def matches_count_until_undone(administration: Administration, as_of: date) -> Findings:
    """A match counts as long as its clearing was not undone, and a line of a set that is complete has nothing open."""
    matches = Match.objects.filter(administration=administration, clearing__line__date__lte=as_of)
    undone = Q(active=True, clearing__undone_at__isnull=False) | Q(active=False, clearing__undone_at=None)
    for match in matches.filter(undone).select_related("clearing__line"):
        message = _("was undone, and a match of it counts, or the reverse")
        yield Finding("MATCH_NOT_AS_ITS_CLEARING", match.clearing, message)
    sets = FullReconcile.objects.filter(administration=administration, dissolved_at=None)
    standing = matches.filter(full_reconcile=OuterRef("pk"))
    broken = standing.filter(Q(active=False) | ~Q(clearing__line__residual=0))
    for full in sets.filter(Exists(broken)):
        yield Finding("FULL_RECONCILE_OPEN", full, _("is a set with something open"))


def cleared_lines_are_what_matches_cleared(administration: Administration, as_of: date) -> Findings:
    """What is cleared of an entry line is the sum of its matches, of its own sign, and no more than it is."""
    active = Match.objects.filter(entry_line=OuterRef("entry_line"), active=True)
    rows = ClearedLine.objects.filter(administration=administration, entry_line__date__lte=as_of)
    rows = rows.annotate(
        matched=_sum(active, "entry_line", "book_amount"), booked=F("entry_line__debit") - F("entry_line__credit")
    )
    wrong = ~Q(cleared=F("matched")) | ~Q(amount=F("booked")) | Q(cleared__gt=F("amount"), amount__gt=0)
    for row in rows.filter(wrong | Q(cleared__lt=F("amount"), amount__lt=0)).select_related(
        "entry_line__entry__journal"
    ):
        facts = {"cleared": row.cleared, "matched": row.matched, "booked": row.booked}
        message = _("a line of {booked} is cleared for {cleared}, its matches are {matched}")
        yield Finding("CLEARED_LINE_DIFFERS", row.entry_line.entry, message, facts=facts)
    known = rows.values("entry_line")
    missing = Match.objects.filter(administration=administration, active=True, entry_line__date__lte=as_of)
    for match in missing.exclude(entry_line__in=known).select_related("entry_line__entry__journal"):
        facts = {"cleared": ZERO, "matched": match.book_amount}
        message = _("{matched} is matched, {cleared} cleared")
        yield Finding("CLEARED_LINE_DIFFERS", match.entry_line.entry, message, facts=facts)


def clearings_equal_their_entries(administration: Administration, as_of: date) -> Findings:
    """The entry of a clearing is dated its line's date and moves the bank's account by what its matches say; what they
    are against stands there for the same amount."""
    clearings = Clearing.objects.filter(administration=administration, line__date__lte=as_of)
    clearings = clearings.select_related("line__bank_account", "entry")
    booked = _booked(administration, as_of)
    matches = defaultdict(list)
    for match in Match.objects.filter(administration=administration, clearing__line__date__lte=as_of):
        matches[match.clearing_id].append(match)
    for clearing in clearings:
        found = booked.get(clearing.entry_id, {}) if clearing.entry_id else {}
        said = _said(clearing, matches[clearing.pk])
        wrong = {account for account, amount in said.items() if found.get(account, ZERO) != amount}
        dated = clearing.entry is None or clearing.entry.date == clearing.line.date
        if wrong or not dated:
            facts = {"said": sum((said[one] for one in wrong), ZERO)}
            facts["booked"] = sum((found.get(one, ZERO) for one in wrong), ZERO)
            yield Finding("CLEARING_DIFFERS_FROM_ENTRY", clearing, _("says {said}, its entry {booked}"), facts=facts)


def what_was_reversed_is_not_matched(administration: Administration, as_of: date) -> Findings:
    """An entry that was reversed clears no bank line: neither the clearing's own nor one that stood on the account."""
    standing = Clearing.objects.filter(administration=administration, line__date__lte=as_of, undone_at=None)
    own = Q(entry__reversal__isnull=False)
    other = Match.objects.filter(clearing=OuterRef("pk"), kind=Kind.BOOKED, entry_line__entry__reversal__isnull=False)
    for clearing in standing.filter(own | Exists(other)).select_related("line"):
        yield Finding("CLEARING_REVERSED", clearing, _("stands, and its entry was reversed"))


def statements_are_their_lines(administration: Administration, as_of: date) -> Findings:
    """Count and sum of a statement are those of its lines, and its end is its start and that sum."""
    statements = Statement.objects.filter(administration=administration, date__lte=as_of)
    of = StatementLine.objects.filter(statement=OuterRef("pk"))
    count = of.order_by().values("statement").annotate(count=Count("pk")).values("count")
    statements = statements.annotate(lines_found=Coalesce(Subquery(count), 0), found=_sum(of, "statement", "amount"))
    wrong = ~Q(line_count=F("lines_found")) | ~Q(line_total=F("found"))
    wrong |= ~Q(balance_end=F("balance_start") + F("line_total"))
    for statement in statements.filter(wrong):
        facts = {"count": statement.line_count, "total": statement.line_total}
        facts |= {"found": statement.lines_found, "sum": statement.found}
        message = _("says {count} lines of {total}; there are {found} of {sum}")
        yield Finding("STATEMENT_TOTALS_DIFFER", statement, message, facts=facts)


def statements_continue(administration: Administration, as_of: date) -> Findings:
    """A statement is valid when it begins where the one before it ended, complete when it ends where the bank says."""
    before = Window(
        Lag(Coalesce("balance_end_real", "balance_end")),
        partition_by="bank_account",
        order_by=("date", "id"),
    )
    statements: Any = Statement.objects.filter(administration=administration).annotate(begins_at=before)
    for statement in statements.order_by("date", "id"):
        valid = statement.begins_at in (None, statement.balance_start)
        stated = statement.balance_end_real
        complete = None if stated is None else stated == statement.balance_start + statement.line_total
        if statement.date <= as_of and (statement.is_valid, statement.is_complete) != (valid, complete):
            facts = {"valid": valid, "complete": complete}
            message = _("is valid: {valid}, complete: {complete}; it says otherwise")
            yield Finding("STATEMENT_CONTINUITY_DIFFERS", statement, message, facts=facts)


def _lines(administration: Administration, as_of: date) -> Any:
    return StatementLine.objects.filter(administration=administration, date__lte=as_of)


def _sum(rows: Any, key: str, amount: str) -> Any:
    """The sum of ``amount`` over the ``rows`` of one ``key``."""
    sums = rows.order_by().values(key).annotate(sum=Sum(amount)).values("sum")
    return Coalesce(Subquery(sums), Value(ZERO), output_field=amount_field())


def _booked(administration: Administration, as_of: date) -> dict[UUID, dict[UUID, Decimal]]:
    """What the entries of clearings did to each account, debit less credit."""
    entries = JournalEntry.objects.filter(administration=administration, source_type="bank_clearing", date__lte=as_of)
    lines = JournalLine.objects.filter(entry__in=entries).order_by().values("entry", "account")
    booked: defaultdict[UUID, dict[UUID, Decimal]] = defaultdict(dict)
    for row in lines.annotate(sum=Sum(F("debit") - F("credit"))):
        booked[row["entry"]][row["account"]] = row["sum"]
    return booked


def _said(clearing: Clearing, matches: list[Match]) -> dict[UUID, Decimal]:
    """What the matches say of the bank's account, and of those accounts that nothing else of the clearing moves."""
    said: defaultdict[UUID, Decimal] = defaultdict(Decimal)
    mixed = {match.account_id for match in matches if match.kind not in (*ON_ONE_ACCOUNT, *NOT_POSTED)}
    for match in matches:
        if match.kind not in NOT_POSTED:
            said[clearing.line.bank_account.account_id] += match.book_amount
            if match.account_id and match.kind in ON_ONE_ACCOUNT:
                said[match.account_id] -= match.book_amount
    return {account: amount for account, amount in said.items() if account not in mixed}


ALL: tuple[Callable[[Administration, date], Findings], ...] = (
    residuals_are_what_is_not_matched,
    matches_count_until_undone,
    cleared_lines_are_what_matches_cleared,
    clearings_equal_their_entries,
    what_was_reversed_is_not_matched,
    statements_are_their_lines,
    statements_continue,
)
