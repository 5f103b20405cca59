"""Lock a finalized period, for good."""

from django.db import transaction

from apps.core.events import record
from apps.core.models import User
from apps.core.permissions import Act, require
from apps.ledger.errors import PeriodLocked, named_refusals
from apps.ledger.models import Period
from apps.periods.errors import LockNotConfirmed, PeriodNotFinalized
from apps.periods.models import Transition
from apps.periods.services.holding import held, step

Status = Period.Status


@named_refusals()
@transaction.atomic
def lock_period(period: Period, *, by: User, confirm_irreversible: bool, notes: str = "") -> Period:
    """Bring ``period`` from FINALIZED to LOCKED, and the smaller ones inside it along. There is no way back.

    Raises NotAllowed, LockNotConfirmed, PeriodLocked or PeriodNotFinalized.
    """
    require(by, Act.LOCK_PERIODS, period.administration_id)
    if not confirm_irreversible:
        raise LockNotConfirmed(period=str(period))
    period, smaller = held(period)
    if period.status == Status.LOCKED:
        raise PeriodLocked(period=str(period), status=period.status)
    for one in (*smaller, period):
        if one.admits_posting:
            raise PeriodNotFinalized(period=str(one), status=one.status)
    for one in smaller:
        if one.status == Status.FINALIZED:
            step(one, Transition.Action.LOCK, Status.LOCKED, by=by, along_with=period)
            record("period.locked", one, by=by)
    step(period, Transition.Action.LOCK, Status.LOCKED, by=by, notes=notes.strip())
    record("period.locked", period, by=by)
    return period
