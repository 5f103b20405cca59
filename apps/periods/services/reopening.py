"""Reopen a finalized period for review, before its VAT return is filed."""

from django.db import transaction

from apps.billing.errors import ReasonRequired
from apps.core.events import record
from apps.core.models import User
from apps.core.permissions import Act, require
from apps.ledger.errors import PeriodLocked, named_refusals
from apps.ledger.models import Period
from apps.periods.errors import LargerPeriodFinalized, PeriodNotFinalized, ReopenedByFinalizer, ReturnFiled
from apps.periods.models import Transition
from apps.periods.reports.vat_filed import is_filed
from apps.periods.services.holding import held, step

Status = Period.Status


@named_refusals()
@transaction.atomic
def reopen_period(period: Period, *, by: User, reason: str) -> Period:
    """Bring ``period`` from FINALIZED back to REVIEW. Its snapshot stays; finalizing it again makes another one.

    The smaller periods inside stay finalized: each is reopened by itself, once none around it is finalized. Who
    reopens is another than who finalized, unless one person signs everything there.

    Raises NotAllowed, ReasonRequired, PeriodLocked, PeriodNotFinalized, LargerPeriodFinalized, ReturnFiled or
    ReopenedByFinalizer.
    """
    require(by, Act.LOCK_PERIODS, period.administration_id)
    if not reason.strip():
        raise ReasonRequired()
    period, _inside = held(period)
    if period.status == Status.LOCKED:
        raise PeriodLocked(period=str(period), status=period.status)
    if period.status != Status.FINALIZED:
        raise PeriodNotFinalized(period=str(period), status=period.status)
    for larger in Period.objects.around(period).exclude(pk=period.pk):
        if not larger.admits_posting:
            raise LargerPeriodFinalized(period=str(period), larger=str(larger))
    if is_filed(period):
        raise ReturnFiled(period=str(period))
    finalized = period.transitions.filter(action=Transition.Action.FINALIZE).latest("number")
    if finalized.by_id == by.pk and not period.administration.single_sign_off:
        raise ReopenedByFinalizer(period=str(period))
    step(period, Transition.Action.REOPEN, Status.REVIEW, by=by, notes=reason.strip())
    record("period.reopened", period, by=by)
    return period
