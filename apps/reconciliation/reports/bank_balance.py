"""What a bank says that an account held at the end of a day, and what the books and the bank do not share."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Case, Exists, F, OuterRef, Q, Sum, Value, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from apps.core.languages import language_of_books
from apps.core.money import ZERO, amount_field, quantize
from apps.ledger.models import ExchangeRate, JournalEntry, JournalLine
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
    """What one side has and the other had not yet: books less bank, in the book currency."""

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
    out: a description names the statement and the place of the line, in the language of the books. What a bank states
    in a foreign currency counts at the rate of ``day``; without one there is nothing to say.
    """
    first = Statement.objects.filter(bank_account=account).order_by("date", "id").first()
    if first is None:
        return []
    rate, currency = Decimal(1), account.administration.currency
    if account.currency != currency:
        known = ExchangeRate.objects.on(account.administration_id, account.currency, day)
        if known is None:
            return []
        rate = known.rate
    with language_of_books(account.administration):
        return [
            *_before_the_first(account, first, rate),
            *_only_at_the_bank(account, day, rate),
            *_only_in_the_books(account, day, first.first_date or first.date),
        ]


def words_of_line(line: StatementLine) -> str:
    """How a bank line is called beside the books."""
    return _("Bank line %(place)s of %(statement)s") % {"place": line.sequence, "statement": line.statement}


def words_of_entry(entry: JournalEntry) -> str:
    """How an entry is called beside the bank."""
    return _("%(entry)s, not on a statement yet") % {"entry": entry}


def _before_the_first(account: BankAccount, first: Statement, rate: Decimal) -> Iterator[TimingDifference]:
    began = first.first_date or first.date
    booked = JournalLine.objects.filter(account=account.account).before(began).balance()
    start = quantize(first.balance_start * rate, account.administration.currency)
    if booked != start:
        words = _("The books before the first statement, %(statement)s") % {"statement": first}
        yield TimingDifference(began, words, booked - start)


def _only_at_the_bank(account: BankAccount, day: date, rate: Decimal) -> Iterator[TimingDifference]:
    """A line is in the books from its own date, but where it was matched with what had been booked: from that."""
    shared = Q(clearings__matches__active=True) & ~Q(
        clearings__matches__kind=Match.Kind.BOOKED, clearings__matches__entry_line__date__gt=day
    )
    matched = Coalesce(Sum("clearings__matches__amount", filter=shared), Value(ZERO), output_field=amount_field())
    booked_later = Match.objects.filter(
        active=True, kind=Match.Kind.BOOKED, entry_line__account=account.account_id, entry_line__date__gt=day
    )
    lines = (
        StatementLine.objects.filter(bank_account=account, date__lte=day)
        .filter(~Q(residual=0) | Q(pk__in=booked_later.values("clearing__line")))
        .annotate(missing=matched - F("amount"))
        .exclude(missing=0)
        .select_related("statement")
        .in_order()
    )
    for line in lines.iterator():
        amount = quantize(line.missing * rate, account.administration.currency)
        if amount:
            yield TimingDifference(line.date, words_of_line(line), amount)


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
        yield TimingDifference(line.date, words_of_entry(line.entry), line.left)
