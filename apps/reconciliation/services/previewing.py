"""What importing a file would add: what is new in it, and what is suspect, before anything is written."""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import BinaryIO

from apps.core.errors import DomainError
from apps.core.models import User
from apps.core.money import ZERO
from apps.core.permissions import Act, require
from apps.reconciliation.errors import BankStatementIncomplete, BankStatementInvalid
from apps.reconciliation.formats import ParsedLine
from apps.reconciliation.models import BankAccount, Statement
from apps.reconciliation.services.arranging import Planned, arrange, keeps_months
from apps.reconciliation.services.surveying import AMBIGUOUS, KNOWN, NEW, Survey, survey


@dataclass(frozen=True)
class ShownStatement:
    """A statement as a file would add to it; ``lines_new`` are counted with those that look like known ones."""

    name: str
    date: datetime.date
    first_date: datetime.date
    balance_start: Decimal
    balance_end: Decimal
    balance_end_real: Decimal | None
    lines_new: int
    lines_ambiguous: int
    is_new: bool
    is_valid: bool
    is_complete: bool | None


@dataclass(frozen=True)
class ShownLine:
    line: ParsedLine
    state: str  # NEW, KNOWN or AMBIGUOUS


@dataclass(frozen=True)
class Preview:
    """What importing a file would add. ``account`` is as the file names it; ``others`` are accounts that it is about as
    well, with how many lines they have there; ``not_booked`` counts what the bank only announces. ``is_cut``: only the
    beginning of the file was read."""

    format: str
    mapping: str
    account: str
    currency: str
    lines_new: int
    lines_known: int
    lines_ambiguous: int
    statements: tuple[ShownStatement, ...]
    lines: tuple[ShownLine, ...]
    others: dict[str, int]
    not_booked: int
    is_cut: bool

    @property
    def warnings(self) -> tuple[DomainError, ...]:
        return tuple(warning for statement in self.statements for warning in warnings_of(statement))


def preview(
    file: BinaryIO, bank_account: BankAccount, *, by: User, format: str = "", mapping: str = "", most: int | None = None
) -> Preview:
    """What importing ``file`` would add, and what is suspect in it; writes nothing. Of a long file ``most`` lines.

    Raises NotAllowed, StatementFileInvalid, StatementOfAnotherAccount, BankCurrencyMismatch or CsvMappingUnknown.
    """
    require(by, Act.MATCH_BANK, bank_account.administration_id)
    found = survey(file, bank_account, by=by, format=format, mapping=mapping, keeps=False, most=most)
    states = {NEW: "NEW", KNOWN: "KNOWN", AMBIGUOUS: "AMBIGUOUS"}
    return Preview(
        format=found.opened.format.name,
        mapping=found.opened.mapping.name if found.opened.mapping else "",
        account=found.account,
        currency=bank_account.currency,
        lines_new=found.count(NEW),
        lines_known=found.count(KNOWN),
        lines_ambiguous=found.count(AMBIGUOUS),
        statements=tuple(_shown(found, arrange(found))),
        lines=tuple(ShownLine(line, states[flag]) for line, flag in zip(found.shown, found.flags, strict=False)),
        others=found.others,
        not_booked=found.not_booked,
        is_cut=found.is_cut,
    )


def warnings_of(statement: Statement | ShownStatement) -> Iterator[DomainError]:
    """What is wrong with the balances of a statement, as the refusals that confirming it silently would raise."""
    facts = {"statement": statement.name}
    if not statement.is_valid:
        yield BankStatementInvalid(**facts, balance_start=statement.balance_start)
    if statement.is_complete is False:
        yield BankStatementIncomplete(
            **facts, balance_end=statement.balance_end, balance_end_real=statement.balance_end_real
        )


def _shown(found: Survey, planned: Sequence[Planned]) -> Iterator[ShownStatement]:
    by_month = keeps_months(found)
    for at, one in enumerate(planned):
        there = one.existing
        start = one.start
        end = start + one.total + (there.line_total if there else ZERO)
        yield ShownStatement(
            name=one.name,
            date=one.date,
            first_date=one.first_date,
            balance_start=start,
            balance_end=end,
            balance_end_real=one.end,
            lines_new=len(one.lines),
            lines_ambiguous=sum(found.flags[line] == AMBIGUOUS for line in one.lines),
            is_new=there is None,
            is_valid=by_month or _follows(found.bank_account, one, planned[:at]),
            is_complete=None if one.end is None else one.end == end,
        )


def _follows(account: BankAccount, one: Planned, earlier: Sequence[Planned]) -> bool:
    """Whether it would begin where the statement before it ends, as the law will say."""
    known = Statement.objects.filter(bank_account=account, date__lte=one.date).in_order().reverse().first()
    before = [(planned.date, planned.balance_end if planned.end is None else planned.end) for planned in earlier]
    if known is not None:
        end = known.balance_end if known.balance_end_real is None else known.balance_end_real
        before.insert(0, (known.date, end))
    last = max((day for day, _end in before if day <= one.date), default=None)
    return last is None or [end for day, end in before if day == last][-1] == one.start
