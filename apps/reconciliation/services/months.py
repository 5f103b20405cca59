"""Statements of months, which grow with every file: each begins where the one before it ended."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from django.db.models import QuerySet, Sum, Value
from django.db.models.functions import Coalesce

from apps.core.money import ZERO
from apps.reconciliation.models import BankAccount, Statement, StatementLine
from apps.reconciliation.services.arranging import Planned
from apps.reconciliation.services.surveying import KNOWN, Part, Survey


def stated_end(account: BankAccount, month: date, day: date, balance: Decimal) -> Decimal:
    """What the bank's ``balance`` at the end of ``day`` makes of the end of ``month``, by the lines in between."""
    over = month_after(month)
    lines = StatementLine.objects.filter(bank_account=account)
    if day < over:
        return balance + _sum(lines.filter(date__gt=day, date__lt=over))
    return balance - _sum(lines.filter(date__gte=over, date__lte=day))


def month_after(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def carry(account: BankAccount, since: date) -> None:
    """Let each month from ``since`` on begin where the statement before it ended."""
    statements = Statement.objects.filter(bank_account=account)
    before = statements.filter(date__lt=since).in_order().reverse().first()
    for statement in statements.filter(date__gte=since).in_order():
        if before is not None and statement.month is not None:
            end = before.balance_end if before.balance_end_real is None else before.balance_end_real
            if statement.balance_start != end:
                move(statement, balance_start=end)
        before = statement


def open_first(account: BankAccount, opening: Decimal) -> None:
    """Let the first month begin with ``opening``, where no other statement is before it."""
    first = Statement.objects.filter(bank_account=account).in_order().first()
    if first is not None and first.month is not None and first.balance_start != opening:
        move(first, balance_start=opening)
        carry(account, first.date)


def move(statement: Statement, **facts: Decimal | date | None) -> None:
    """Change what the law lets change of a statement of a month."""
    for name, fact in facts.items():
        setattr(statement, name, fact)
    statement.save(update_fields=[*facts])
    statement.refresh_from_db()


def _sum(lines: QuerySet[StatementLine]) -> Decimal:
    total: Decimal = lines.aggregate(sum=Coalesce(Sum("amount"), Value(ZERO)))["sum"]
    return total


class Opening:
    """With how much the first month begins: what older lines leave of it, and what the bank says when it first does."""

    def __init__(self, found: Survey) -> None:
        self._found, self._account = found, found.bank_account
        self._statements = Statement.objects.filter(bank_account=self._account)
        self._first = self._statements.in_order().first()
        self._was_stated = self._statements.exclude(balance_end_real=None).exists()

    def carry(self, planned: Sequence[Planned]) -> None:
        """Set the balances of the months that grew, and of those after them."""
        for one in planned:
            if one.existing is not None:
                move(one.existing, date=one.date, first_date=one.first_date, balance_end_real=None)
        if planned:
            open_first(self._account, self._opening())
            carry(self._account, planned[0].first_date.replace(day=1))
        part = next((part for part in reversed(self._found.parts) if part.end is not None), None)
        if part is not None and part.last > part.first:
            self._state(part, part.end or ZERO)

    def _opening(self) -> Decimal:
        first, found = self._first, self._found
        if first is None or first.month is None:
            return ZERO
        begins = (first.first_date or first.date).toordinal()
        new = (line for line, flag in enumerate(found.flags) if flag != KNOWN)
        return first.balance_start - found.total(line for line in new if found.dates[line] < begins)

    def _state(self, part: Part, balance: Decimal) -> None:
        """The bank says ``balance`` at the end of ``part``: the months of its lines end with what follows from it."""
        days = self._found.dates[part.first : part.last]
        first_day, last_day = date.fromordinal(min(days)), date.fromordinal(max(days))
        grown = list(self._statements.filter(month__lte=last_day, date__gte=first_day).in_order())
        ends = [stated_end(self._account, one.month or one.date, last_day, balance) for one in grown]
        first = self._statements.in_order().first()
        if not self._was_stated and first is not None:
            open_first(self._account, first.balance_start + ends[-1] - grown[-1].balance_end)
        for one, end in zip(grown, ends, strict=True):
            move(one, balance_end_real=end)
        carry(self._account, first_day.replace(day=1))
