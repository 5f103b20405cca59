"""What a bank says that an account held at the end of a day, and what the books and the bank do not share."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Case, Exists, F, OuterRef, Q, Sum, Value, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from apps.core.money import ZERO, amount_field
from apps.ledger.models import JournalEntry, JournalLine
from apps.reconciliation.models import BankAccount, Match, Statement, StatementLine

BANK_CLEARING = "bank_clearing"  # the source of the entry that a clearing posts


@dataclass(frozen=True, slots=True)
class BankBalance:
    """``amount`` in the account's currency at the end of a day, as ``statement`` says; ``known_to`` is its last day."""

    amount: Decimal
    statement: Statement
    known_to: date


@dataclass(frozen=True, slots=True)
class TimingDifference:
    """What one side has and the other had not yet: books less bank, in the account's currency."""

    date: date
    description: str
    amount: Decimal


def bank_balance(account: BankAccount, day: date) -> BankBalance | None:
    """What the last statement that reaches ``day``, or ended before it, says; None before the first one.

    Within a statement it is the start and the lines up to that day.
    """
    statements = Statement.objects.filter(bank_account=account)
    around = statements.filter(first_date__lte=day, date__gt=day).order_by("date", "id").first()
    if around:
        lines = around.lines.filter(date__lte=day).aggregate(sum=Coalesce(Sum("amount"), Value(ZERO)))["sum"]
        return BankBalance(around.balance_start + lines, around, day)
    last = statements.filter(date__lte=day).order_by("-date", "-id").first()
    if last is None:
        return None
    return BankBalance(last.balance_end if last.balance_end_real is None else last.balance_end_real, last, last.date)


def timing_differences(account: BankAccount, day: date) -> list[TimingDifference]:
    """Bank lines that the books did not have at the end of ``day``, and lines of the books that the bank had not.

    Their sum is what the balances differ by, unless a statement is missing or does not add up. Texts of the bank stay
    out: a description names the statement and the place of the line.
    """
    first = Statement.objects.filter(bank_account=account).order_by("date", "id").first()
    if first is None:
        return []
    return [
        *_before_the_first(account, first),
        *_only_at_the_bank(account, day),
        *_only_in_the_books(account, day, first.first_date or first.date),
    ]


def _before_the_first(account: BankAccount, first: Statement) -> Iterator[TimingDifference]:
    began = first.first_date or first.date
    booked = JournalLine.objects.filter(account=account.account).before(began).balance()
    if booked != first.balance_start:
        words = _("The books before the first statement, %(statement)s") % {"statement": first}
        yield TimingDifference(began, words, booked - first.balance_start)


def _only_at_the_bank(account: BankAccount, day: date) -> Iterator[TimingDifference]:
    """A line is in the books from its own date, but where it was matched with what had been booked: from that."""
    shared = Q(clearings__matches__active=True) & ~Q(
        clearings__matches__kind=Match.Kind.BOOKED, clearings__matches__entry_line__date__gt=day
    )
    matched = Coalesce(Sum("clearings__matches__amount", filter=shared), Value(ZERO), output_field=amount_field())
    lines = (
        StatementLine.objects.filter(bank_account=account, date__lte=day)
        .annotate(missing=matched - F("amount"))
        .exclude(missing=0)
        .select_related("statement")
        .in_order()
    )
    for line in lines.iterator():
        words = _("Bank line %(place)s of %(statement)s") % {"place": line.sequence, "statement": line.statement}
        yield TimingDifference(line.date, words, line.missing)


def _only_in_the_books(account: BankAccount, day: date, since: date) -> Iterator[TimingDifference]:
    ours = JournalEntry.objects.filter(
        Q(source_type=BANK_CLEARING) | Q(reverses__source_type=BANK_CLEARING), pk=OuterRef("entry_id")
    )
    cleared = Sum(
        Case(When(matches__active=True, matches__clearing__line__date__lte=day, then="matches__book_amount")),
    )
    lines = (
        JournalLine.objects.filter(account=account.account, date__gte=since, date__lte=day)
        .exclude(Exists(ours))
        .annotate(left=F("debit") - F("credit") - Coalesce(cleared, Value(ZERO), output_field=amount_field()))
        .exclude(left=0)
        .select_related("entry__journal")
        .order_by("date", "id")
    )
    for line in lines.iterator():
        words = _("%(entry)s, not on a statement yet") % {"entry": line.entry}
        yield TimingDifference(line.date, words, line.left)
