"""Money between accounts of our own: the line of another account by which the same amount went the other way."""

import datetime
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from apps.core.models import Administration
from apps.reconciliation.models import BankAccount, StatementLine
from apps.reconciliation.reports.candidates import Reason, evidence
from apps.reconciliation.reports.candidates.evidence import reason
from apps.reconciliation.reports.candidates.texts import account_forms, name_key

WITHIN = timedelta(days=5)  # between the two lines: a weekend, a holiday, and a day at either bank


@dataclass(frozen=True)
class OtherSide:
    """The line of another account that may be the other side of one. ``by_itself``: both name the other's account, or
    one does and nothing speaks against it, and neither has another line that it may belong to."""

    line: UUID
    other: UUID
    other_account: UUID
    date: datetime.date
    amount: Decimal  # of the line
    reasons: tuple[Reason, ...]
    by_itself: bool

    @property
    def score(self) -> int:
        """0 to 100."""
        return min(max(sum(one.points for one in self.reasons), 0), 100)


def transfers_for(lines: Sequence[StatementLine]) -> dict[UUID, tuple[OtherSide, ...]]:
    """The other sides of each of ``lines``, which are all of one account, the best first; in a fixed number of queries.

    Both lines are open as a whole, in one currency, opposite to the cent and a few days apart. A counterparty that is
    another account than that of the other line speaks against it for good. Several of an amount are a tie: each is
    listed, none is applied.
    """
    whole = [line for line in lines if line.residual and line.residual == line.amount]
    if not whole:
        return {}
    mine = whole[0].bank_account_id
    accounts = BankAccount.objects.filter(administration=whole[0].administration_id).in_bulk()
    if len(accounts) < 2 or mine not in accounts:
        return {}
    of = Administration.objects.get(pk=whole[0].administration_id)
    edges = list(_edges(whole, accounts, mine, name_key(of.name)))
    count: defaultdict[UUID, int] = defaultdict(int)
    for one, other, _why in edges:
        count[one.pk] += 1
        count[other.pk] += 1
    wanted = {line.pk for line in whole}
    found: defaultdict[UUID, list[OtherSide]] = defaultdict(list)
    for one, other, why in edges:
        for line, its in ((one, other), (other, one)):
            if line.pk in wanted:
                found[line.pk].append(_side(line, its, why, is_tie=count[one.pk] > 1 or count[other.pk] > 1))
    return {
        pk: tuple(sorted(sides, key=lambda side: (-side.score, side.date, side.other))) for pk, sides in found.items()
    }


def _side(line: StatementLine, other: StatementLine, why: Sequence[Reason], *, is_tie: bool) -> OtherSide:
    reasons = [*why]
    if is_tie:
        reasons.append(reason(evidence.SEVERAL))
    if other.to_check or other.looks_like_id:
        reasons.append(reason(evidence.TO_CHECK))
    identified = any(one.code in (evidence.IBAN, evidence.OWN_NAME) for one in reasons)
    sure = identified and not any(one.points < 0 for one in reasons)
    return OtherSide(line.pk, other.pk, other.bank_account_id, other.date, line.amount, tuple(reasons), sure)


def _edges(
    lines: Sequence[StatementLine], accounts: dict[UUID, BankAccount], mine: UUID, name: str
) -> Iterator[tuple[StatementLine, StatementLine, list[Reason]]]:
    """Every pair of lines that may belong together, of those that ``lines`` may be one of or a rival of."""
    first, last = min(line.date for line in lines), max(line.date for line in lines)
    amounts = {sign * line.amount for line in lines for sign in (1, -1)}
    rows = (
        StatementLine.objects.open()
        .filter(
            administration=lines[0].administration_id,
            bank_account__in=[pk for pk, one in accounts.items() if one.currency == accounts[mine].currency],
            amount__in=amounts,
            date__range=(first - 2 * WITHIN, last + 2 * WITHIN),
        )
        .only(
            *("id", "administration_id", "bank_account_id", "date", "amount", "residual", "to_check", "looks_like_id"),
            *("counterparty_iban", "counterparty_name"),
        )
    )
    by_amount: defaultdict[Decimal, list[StatementLine]] = defaultdict(list)
    for row in rows:
        if row.residual == row.amount:
            by_amount[row.amount].append(row)
    forms = {pk: account_forms(one.iban) if one.iban else set() for pk, one in accounts.items()}
    for amount in sorted(amount for amount in by_amount if amount < 0):
        for out in by_amount[amount]:
            for into in by_amount.get(-amount, ()):
                if out.bank_account_id != into.bank_account_id and abs(out.date - into.date) <= WITHIN:
                    why = _why(out, into, forms, name)
                    if why is not None:
                        yield out, into, why


def _why(out: StatementLine, into: StatementLine, forms: dict[UUID, set[str]], name: str) -> list[Reason] | None:
    """What speaks for the two being one transfer; None where a counterparty is somebody else."""
    told = [_names(out, forms[into.bank_account_id]), _names(into, forms[out.bank_account_id])]
    if False in told:
        return None
    why = [reason(evidence.AMOUNT)]
    if True in told:
        why.append(reason(evidence.IBAN, evidence.POINTS[evidence.IBAN] + evidence.FURTHER * (told.count(True) - 1)))
    elif any(name and name_key(line.counterparty_name) == name for line in (out, into)):
        why.append(reason(evidence.OWN_NAME))
    if dated := evidence.of_movement(out.date, into.date):
        why.append(dated)
    return why


def _names(line: StatementLine, forms: set[str]) -> bool | None:
    """Whether the counterparty of ``line`` is the account of these forms; None where the line, or the account, does not
    say."""
    if not line.counterparty_iban or not forms:
        return None
    return bool(account_forms(line.counterparty_iban) & forms)
