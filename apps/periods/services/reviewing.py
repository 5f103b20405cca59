"""Begin the review of a period: the engine runs, and posting goes on."""

from django.db import transaction

from apps.billing.errors import AlreadyFinalized
from apps.core.events import record
from apps.core.models import User
from apps.core.permissions import Act, require
from apps.ledger.errors import named_refusals
from apps.ledger.models import Period
from apps.periods.models import Transition
from apps.periods.reports.verdicts import Verdict
from apps.periods.services.holding import held, step
from apps.periods.services.judging import judge


@named_refusals()
@transaction.atomic
def review_period(period: Period, *, by: User, notes: str = "") -> Verdict:
    """Bring ``period`` from OPEN to REVIEW and run every check. In review already, the checks run again.

    The periods inside stay as they are. Raises NotAllowed or AlreadyFinalized.
    """
    require(by, Act.CLOSE_PERIODS, period.administration_id)
    period, _inside = held(period)
    if not period.admits_posting:
        raise AlreadyFinalized(period=str(period), status=period.status)
    if period.status == Period.Status.OPEN:
        step(period, Transition.Action.REVIEW_START, Period.Status.REVIEW, by=by, notes=notes.strip())
        record("period.review_started", period, by=by)
    return judge(period, by=by)
