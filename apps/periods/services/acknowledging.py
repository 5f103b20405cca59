"""Acknowledge warnings of a period, between two runs."""

from collections.abc import Collection
from uuid import UUID

from django.db import transaction

from apps.core.models import User
from apps.core.permissions import Act, require
from apps.ledger.models import Period
from apps.periods.errors import IssueNotOfPeriod
from apps.periods.reports.verdicts import last_verdict
from apps.periods.services.judging import acknowledge_all


@transaction.atomic
def acknowledge_warnings(period: Period, ids: Collection[UUID], *, by: User, note: str = "") -> int:
    """Take the warnings that ``ids`` name as they are, and return how many. Raises NotAllowed or IssueNotOfPeriod."""
    require(by, Act.CLOSE_PERIODS, period.administration_id)
    verdict = last_verdict(period)
    if verdict is None:
        raise IssueNotOfPeriod(period=str(period), ids=sorted(map(str, ids)))
    acknowledge_all(verdict, ids, period, by=by, note=note.strip())
    return len({*ids})
