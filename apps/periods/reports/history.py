"""What became of a period: its transitions, and the moments that they stand for."""

from dataclasses import dataclass
from typing import Any

from django.db.models import F, OuterRef, QuerySet, Subquery

from apps.core.models import User
from apps.ledger.models import JournalEntry, Period
from apps.periods.models import Snapshot, Transition

MOST_LISTED = 50
Action, Status = Transition.Action, Period.Status


@dataclass(frozen=True)
class PostedSince:
    """Entries that were posted into a period since its review began: the newest of ``count``."""

    entries: tuple[JournalEntry, ...]
    count: int


def with_moments(periods: QuerySet[Period]) -> QuerySet[Any]:
    """``periods`` with the moments of their newest review, finalization and lock."""

    def newest(action: str) -> Subquery:
        steps = Transition.objects.filter(period=OuterRef("pk"), action=action).order_by("-number")
        return Subquery(steps.values("at")[:1])

    return periods.annotate(
        review_started_at=newest(Action.REVIEW_START),
        finalized_at=newest(Action.FINALIZE),
        locked_at=newest(Action.LOCK),
    )


def posted_since_review(period: Period) -> PostedSince:
    """What was posted into ``period``, still in review, since that began or was taken up again."""
    began = period.transitions.filter(to_status=Status.REVIEW).order_by("-number").first()
    if began is None or period.status != Status.REVIEW:
        return PostedSince((), 0)
    entries = JournalEntry.objects.filter(
        administration=period.administration_id,
        date__gte=period.first_day,
        date__lte=period.last_day,
        posted_at__gt=began.at,
    ).posted()
    if period.type == Period.Type.YEAR_END:
        entries = entries.filter(period=period)
    newest = entries.select_related("journal", "posted_by").order_by("-posted_at", "-id")
    return PostedSince(tuple(newest[:MOST_LISTED]), entries.count())


def snapshot_of(period: Period) -> Snapshot | None:
    """The newest one; earlier ones stay with the transitions that made them."""
    found: Snapshot | None = period.snapshots.select_related("seal").order_by("-known_at").first()
    return found


def finalized_by(period: Period) -> User | None:
    step = period.transitions.filter(action=Action.FINALIZE).select_related("by").order_by("-number").first()
    return step.by if step else None


def timeline(period: Period) -> QuerySet[Transition]:
    """Newest first, with who did it."""
    return period.transitions.select_related("by", "along_with").order_by(F("number").desc())
