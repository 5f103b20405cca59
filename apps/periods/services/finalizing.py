"""Finalize a period: nothing red, every warning acknowledged, then a snapshot, and no posting any more."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.billing.errors import AlreadyFinalized
from apps.core.events import record
from apps.core.findings import RED
from apps.core.models import User
from apps.core.permissions import Act, require
from apps.ledger.errors import named_refusals
from apps.ledger.models import Period, Seal
from apps.ledger.services.revaluing import revalue
from apps.ledger.services.sealing import seal
from apps.periods.errors import CannotFinalize
from apps.periods.models import Snapshot, Transition
from apps.periods.reports.checklist import anomalies, unfinished_days
from apps.periods.reports.snapshot import canonical, contents, digest
from apps.periods.reports.verdicts import Seen, Verdict
from apps.periods.services.holding import held, hold_still, step
from apps.periods.services.judging import acknowledge_all, judge, still_open

Status = Period.Status


def finalize_period(
    period: Period, *, by: User, acknowledged: Collection[UUID] = (), notes: str = ""
) -> tuple[Period, Snapshot]:
    """Bring ``period`` from REVIEW to FINALIZED, and the smaller ones inside it along, each with its snapshot.

    ``acknowledged`` are the ids of the warnings that the person takes as they are, beside those acknowledged before.
    What the engine found stands when the period is refused, so that each issue can be looked up by its id.

    Raises NotAllowed, AlreadyFinalized, CannotFinalize, IssueNotOfPeriod, and what the revaluation of foreign
    currency raises: ExchangeRateMissing, AccountMissing, PeriodClosed or PeriodMissing for the next day.
    """
    require(by, Act.CLOSE_PERIODS, period.administration_id)
    made, refusal = _finalize(period, by=by, acknowledged={*acknowledged}, notes=notes.strip())
    if refusal:
        raise refusal
    return made


@named_refusals()
@transaction.atomic
def _finalize(period: Period, *, by: User, acknowledged: set[UUID], notes: str) -> tuple[Any, CannotFinalize | None]:
    period, smaller = held(period)
    if not period.admits_posting:
        raise AlreadyFinalized(period=str(period), status=period.status)
    if period.status != Status.REVIEW:
        return None, refused(period, _("the review of %(period)s was not begun.") % {"period": period})
    verdict = judge(period, by=by)
    acknowledge_all(verdict, acknowledged, period, by=by, note=notes)
    if why := _why_not(period, verdict, acknowledged):
        return None, refused(period, why, verdict, acknowledged)
    taken = [one for one in smaller if one.admits_posting]
    if _admits_its_last_day(period):
        revalue(period.administration, period.last_day, by=by)
    hold_still(period)
    sealed = seal(period.administration, reason=f"period:{period.name}", by=by)
    known_at = _now()
    facts = {
        "issues": {
            "run": str(verdict.run.pk),
            "red": len(verdict.red),
            "yellow": len(verdict.yellow),
            "acknowledged": sorted(str(issue.pk) for issue in verdict.yellow),
        },
        "seal": {"head": sealed.head, "entries": sealed.entries, "documents": sealed.documents},
    }
    snapshots = [_keep(one, known_at, sealed, facts, by) for one in (*taken, period)]
    _close(taken, period, snapshots, by=by, notes=notes)
    return (period, snapshots[-1]), None


def refused(
    period: Period, why: str, verdict: Verdict | None = None, acknowledged: Collection[UUID] = ()
) -> CannotFinalize:
    """The refusal, with what the run found beside the words."""
    red = verdict.red if verdict else ()
    yellow = still_open(verdict, acknowledged) if verdict else ()
    return CannotFinalize(
        why=why,
        period=str(period),
        red_issues=[told(seen) for seen in red],
        yellow_issues=[told(seen) for seen in yellow],
    )


def told(seen: Seen) -> dict[str, str]:
    """An issue as the refusal tells it."""
    return {"id": str(seen.pk), "code": seen.code, "title": seen.title, "description": seen.description}


def _why_not(period: Period, verdict: Verdict, acknowledged: set[UUID]) -> str:
    """The first reason, in words; nothing where the period may be finalized."""
    if red := len(verdict.red):
        return ngettext(
            "%(count)s RED issue must be resolved first.", "%(count)s RED issues must be resolved first.", red
        ) % {"count": red}
    if wrong := sum(one.severity == RED for one in anomalies(period)):
        return ngettext(
            "%(count)s red VAT anomaly must be mended first.",
            "%(count)s red VAT anomalies must be mended first.",
            wrong,
        ) % {"count": wrong}
    if days := unfinished_days(period).count():
        return ngettext("%(count)s day is not finalized.", "%(count)s days are not finalized.", days) % {"count": days}
    if left := len(still_open(verdict, acknowledged)):
        return ngettext(
            "%(count)s YELLOW issue must be acknowledged first.",
            "%(count)s YELLOW issues must be acknowledged first.",
            left,
        ) % {"count": left}
    return ""


def _admits_its_last_day(period: Period) -> bool:
    """Whether an entry on the last day could still be posted: otherwise it was revalued when that was closed."""
    if period.type == Period.Type.YEAR_END:
        return False
    smallest = Period.objects.covering(period.administration, period.last_day)
    return smallest is not None and all(one.admits_posting for one in Period.objects.around(smallest))


def _now() -> datetime:
    """By the clock of the database, as the moments that it is held against."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def _keep(period: Period, known_at: datetime, sealed: Seal, facts: dict[str, Any], by: User) -> Snapshot:
    content = canonical(contents(period, known_at, **facts))
    return Snapshot.objects.create(
        administration=period.administration,
        period=period,
        known_at=known_at,
        content=content,
        sha256=digest(content),
        seal=sealed,
        made_by=by,
    )


def _close(taken: Sequence[Period], period: Period, snapshots: Sequence[Snapshot], *, by: User, notes: str) -> None:
    for one, snapshot in zip((*taken, period), snapshots, strict=True):
        along = {"along_with": period} if one.pk != period.pk else {"notes": notes}
        step(one, Transition.Action.FINALIZE, Status.FINALIZED, by=by, snapshot=snapshot, **along)
        record("period.finalized", one, by=by, snapshot=snapshot.pk, sha256=snapshot.sha256)
