"""What a run found, as that run saw it."""

from dataclasses import dataclass
from decimal import Decimal

from apps.core.findings import RED
from apps.issues.models import Issue, Sighting, ValidationRun
from apps.ledger.models import Period


@dataclass(frozen=True, slots=True)
class Seen:
    """An issue with the severity and the amount that the run saw; acknowledged, if it was as just that."""

    issue: Issue
    severity: str
    amount: Decimal | None
    is_acknowledged: bool


@dataclass(frozen=True, slots=True)
class Found:
    """All that a run saw, the oldest first."""

    run: ValidationRun
    red: tuple[Seen, ...]
    yellow: tuple[Seen, ...]


def found(run: ValidationRun) -> Found:
    """One query, whatever happened to the issues since."""
    sightings = Sighting.objects.filter(run=run).select_related("issue__administration")
    seen = [
        Seen(
            issue=one.issue,
            severity=one.severity,
            amount=one.amount,
            is_acknowledged=one.issue.acknowledges(one.severity, one.amount, one.issue.administration.materiality),
        )
        for one in sightings.order_by("issue__since", "issue_id")
    ]
    return Found(
        run, tuple(one for one in seen if one.severity == RED), tuple(one for one in seen if one.severity != RED)
    )


def latest_run(period: Period) -> ValidationRun | None:
    """The last run for ``period``."""
    run: ValidationRun | None = ValidationRun.objects.filter(period=period).order_by("-id").first()
    return run
