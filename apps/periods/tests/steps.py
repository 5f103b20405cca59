"""Periods that stand somewhere already, for tests that are about something else."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.core.models import Membership, User
from apps.issues.models import Issue, Sighting, ValidationRun
from apps.ledger.models import Period
from apps.ledger.services.sealing import seal
from apps.periods.models import Snapshot, Transition
from apps.periods.reports.snapshot import canonical, contents, digest
from apps.periods.services.holding import step

Action, Status = Transition.Action, Period.Status
ONWARD = {
    Status.OPEN: (Action.REVIEW_START, Status.REVIEW),
    Status.REVIEW: (Action.FINALIZE, Status.FINALIZED),
    Status.FINALIZED: (Action.LOCK, Status.LOCKED),
}


@transaction.atomic
def brought_to(period: Period, status: str, by: User | None = None) -> Period:
    """``period`` brought to ``status`` step by step, without anything that its workflows ask for."""
    by = by or User.objects.filter(memberships__administration=period.administration_id).first() or _somebody(period)
    while period.status != status:
        action, to = ONWARD[Status(period.status)]
        step(period, action, to, by=by, snapshot=_snapshot(period, by) if action == Action.FINALIZE else None)
    return period


def all_brought_to(periods: Any, status: str) -> None:
    """Each of ``periods`` that is not there yet."""
    for period in periods.select_related("administration"):
        brought_to(period, status)


def _snapshot(period: Period, by: User) -> Snapshot:
    sealed = seal(period.administration, reason=f"period:{period.name}", by=None)
    known_at = timezone.now()
    nothing = {"run": None, "red": 0, "yellow": 0, "acknowledged": []}
    sealing = {"head": sealed.head, "entries": sealed.entries, "documents": sealed.documents}
    content = canonical(contents(period, known_at, issues=nothing, seal=sealing))
    return Snapshot.objects.create(
        administration=period.administration,
        period=period,
        known_at=known_at,
        content=content,
        sha256=digest(content),
        seal=sealed,
        made_by=by,
    )


def saw(period: Period, code: str, severity: str, **issue: Any) -> Issue:
    """A run for ``period`` that found one issue, whatever the books say."""
    owned, seen = {"administration": period.administration}, severity == "RED"
    run = _run(period, red_count=int(seen), yellow_count=int(not seen), new_count=1)
    about = {"subject_type": "core.Administration", "subject_id": period.administration_id}
    when = {"first_seen_at": run.ended_at, "last_seen_at": run.ended_at, "since": period.first_day}
    found: Issue = Issue.objects.create(**owned, code=code, severity=severity, **about, **when, **issue)
    Sighting.objects.create(**owned, run=run, issue=found, severity=severity, amount=found.amount)
    return found


def saw_nothing(period: Period) -> None:
    _run(period, red_count=0, yellow_count=0, new_count=0)


def _run(period: Period, **counts: int) -> ValidationRun:
    now = timezone.now()
    run: ValidationRun = ValidationRun.objects.create(
        administration=period.administration,
        as_of=period.last_day,
        period=period,
        started_at=now,
        ended_at=now,
        resolved_count=0,
        **counts,
    )
    return run


def _somebody(period: Period) -> User:
    user: User = User.objects.create_user(f"closer-{period.administration_id}@example.org", full_name="Closer")
    Membership.objects.create(administration=period.administration, user=user, role=Membership.Role.ACCOUNTANT)
    return user
