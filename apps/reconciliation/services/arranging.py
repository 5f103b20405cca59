"""Which statements the new lines of a file become, and where their balances begin and end."""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby

from apps.core.money import ZERO
from apps.reconciliation.models import BankAccount, Statement
from apps.reconciliation.services.surveying import KNOWN, Part, Survey


@dataclass
class Planned:
    """A statement to be, with its new lines as the file has them. ``end`` is what the bank says, where it says it.

    ``month`` is set where Daybook makes statements of months; ``existing`` is the one of that month, if it is there.
    """

    lines: Sequence[int]
    name: str
    first_date: datetime.date
    date: datetime.date
    start: Decimal
    end: Decimal | None
    total: Decimal
    reference: str = ""
    month: datetime.date | None = None
    existing: Statement | None = None

    @property
    def balance_end(self) -> Decimal:
        """Where it ends by its lines."""
        return self.start + self.total


def arrange(survey: Survey) -> list[Planned]:
    """The statements of the file that have new lines.

    Known lines before and after the new ones move the balances that the bank states, so that these go on from, and
    lead to, the statements that have the known ones. With known lines in between, each run of new ones is a statement.
    """
    if keeps_months(survey):
        return list(_months(survey))
    planned: list[Planned] = []
    for part in survey.parts:
        for run in _runs(survey, part):
            planned.append(_planned(survey, part, run, planned))
    return planned


def keeps_months(survey: Survey) -> bool:
    """Whether the lines go to statements of months: a list of lines for an account that is kept so."""
    by_month = survey.bank_account.statements_kept == BankAccount.Statements.BY_MONTH
    return by_month and not survey.opened.format.has_statements


# As the file has them ------------------------------------------------------------------------------------------------


@dataclass
class _Run:
    """New lines that follow one another; ``before`` and ``after`` are the sums of the part's other lines."""

    lines: Sequence[int]
    before: Decimal
    total: Decimal
    after: Decimal = ZERO
    is_last: bool = True  # no new line comes after them
    is_end: bool = True  # no line at all


def _runs(survey: Survey, part: Part) -> list[_Run]:
    every = range(part.first, part.last)
    if every and KNOWN not in survey.flags[part.first : part.last]:
        return [_Run(every, ZERO, part.total)]
    if part.start is None:
        new = [line for line in every if survey.flags[line] != KNOWN]
        return [_Run(new, ZERO, survey.total(new))] if new else []
    runs: list[_Run] = []
    before = ZERO
    for is_known, group in groupby(_in_order(survey, every), key=lambda line: survey.flags[line] == KNOWN):
        lines = list(group)
        total = survey.total(lines)
        if is_known:
            for run in runs[-1:]:
                run.is_end = False
        else:
            for run in runs:
                run.is_last = False
            runs.append(_Run(lines, before, total))
        before += total
    for run in runs:
        run.after = before - run.before - run.total
    return runs


def _in_order(survey: Survey, lines: range) -> Iterator[int]:
    """The order of the file; within a day known lines first, since their statement came first."""
    for _day, group in groupby(lines, key=lambda line: survey.dates[line]):
        yield from sorted(group, key=lambda line: survey.flags[line] != KNOWN)


def _planned(survey: Survey, part: Part, run: _Run, earlier: Sequence[Planned]) -> Planned:
    days = [survey.dates[line] for line in run.lines]
    first_day, last_day = date.fromordinal(min(days)), date.fromordinal(max(days))
    whole = len(run.lines) == part.last - part.first
    planned = Planned(
        lines=run.lines,
        name=(part.begins.name or part.begins.reference or span(first_day, last_day))[:100],
        reference=part.begins.reference[:100],
        first_date=(part.begins.first_date if whole else None) or first_day,
        date=(part.ends.date if run.is_end else None) or last_day,
        start=ZERO,
        end=None,
        total=run.total,
    )
    if part.start is None:
        planned.start = _unstated(survey.bank_account, planned, earlier)
    else:
        planned.start = part.start + run.before
        if part.end is not None:
            planned.end = part.end - run.after if run.is_last else planned.balance_end
    return planned


def span(first: date, last: date) -> str:
    """The name of a statement that has none."""
    return f"{first}" if first == last else f"{first} \N{EN DASH} {last}"


def _unstated(account: BankAccount, planned: Planned, earlier: Sequence[Planned]) -> Decimal:
    """Where the statement before it ended; for the first one, what is left of where the next one begins; or nothing."""
    statements = Statement.objects.filter(bank_account=account)
    before = [(one.date, one.end, one.balance_end) for one in earlier if one.date <= planned.date]
    known = statements.filter(date__lte=planned.date).in_order().reverse().first()
    if known is not None and not any(day >= known.date for day, *_ends in before):
        before = [(known.date, known.balance_end_real, known.balance_end)]
    if before:
        _day, stated, ended = max(before, key=lambda one: one[0])
        return ended if stated is None else stated
    following = statements.in_order().first()
    return following.balance_start - planned.total if following else ZERO


# One for each month --------------------------------------------------------------------------------------------------


def _months(survey: Survey) -> Iterator[Planned]:
    lines: dict[date, list[int]] = {}
    for line, flag in enumerate(survey.flags):
        if flag != KNOWN:
            lines.setdefault(survey.day(line).replace(day=1), []).append(line)
    there = Statement.objects.filter(bank_account=survey.bank_account, month__in=lines)
    existing = {statement.month: statement for statement in there}
    for month in sorted(lines):
        days = [survey.day(line) for line in lines[month]]
        known = existing.get(month)
        if known is not None:
            days += [known.first_date or known.date, known.date]
        yield Planned(
            lines=lines[month],
            name=f"{month:%Y-%m}",
            first_date=min(days),
            date=max(days),
            start=known.balance_start if known else ZERO,
            end=None,
            total=survey.total(lines[month]),
            month=month,
            existing=known,
        )
