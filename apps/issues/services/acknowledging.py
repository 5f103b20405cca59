"""Acknowledge an issue: a person looked, and lets it stand at this amount."""

from django.db import transaction
from django.utils import timezone

from apps.core.events import record
from apps.core.findings import RED
from apps.core.models import User
from apps.core.permissions import Act, require
from apps.issues.errors import IssueMustBeMended, IssueResolved
from apps.issues.models import Issue


@transaction.atomic
def acknowledge(issue: Issue, *, by: User, note: str = "") -> Issue:
    """Let ``issue`` stand, until its amount moves by more than the materiality of the administration.

    Said again, the new amount and note take the place of the old; the events keep all of them. Raises NotAllowed,
    IssueResolved or IssueMustBeMended.
    """
    require(by, Act.CLOSE_PERIODS, issue.administration_id)
    held: Issue = Issue.objects.select_for_update(of=("self",)).select_related("administration").get(pk=issue.pk)
    if held.resolved_at is not None:
        raise IssueResolved()
    if held.severity == RED:
        raise IssueMustBeMended()
    held.acknowledged_by, held.acknowledged_at = by, timezone.now()
    held.acknowledged_amount, held.acknowledged_note = held.amount, note.strip()
    held.save(update_fields=["acknowledged_by", "acknowledged_at", "acknowledged_amount", "acknowledged_note"])
    record("issues.issue_acknowledged", held, by=by, code=held.code, amount=held.amount)
    return held
