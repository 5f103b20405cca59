"""What the consistency engine is asked when a period is reviewed or finalized: the one place where closing calls it."""

from collections.abc import Collection, Iterable
from uuid import UUID

from apps.core.models import User
from apps.issues.services.acknowledging import acknowledge
from apps.issues.services.validating import validate
from apps.ledger.models import Period
from apps.periods.errors import IssueNotOfPeriod
from apps.periods.reports.verdicts import Seen, Verdict, verdict_of


def judge(period: Period, *, by: User | None) -> Verdict:
    """Run every check over the books up to the end of ``period``, now."""
    return verdict_of(validate(period.administration, period.last_day, by=by, period=period))


def acknowledge_all(verdict: Verdict, ids: Iterable[UUID], period: Period, *, by: User, note: str = "") -> None:
    """Acknowledge the warnings of ``verdict`` that ``ids`` name. Raises IssueNotOfPeriod for any other."""
    named = {*ids}
    known = {seen.pk: seen for seen in verdict.yellow}
    if unknown := named - set(known):
        raise IssueNotOfPeriod(period=str(period), ids=sorted(map(str, unknown)))
    for pk in sorted(named):
        if not known[pk].is_acknowledged:
            acknowledge(known[pk].issue, by=by, note=note[:1000])


def still_open(verdict: Verdict, named: Collection[UUID]) -> list[Seen]:
    """The warnings that nobody acknowledged, neither before nor by ``named``."""
    return [seen for seen in verdict.unacknowledged if seen.pk not in named]
