"""Validate the books: look, and keep what was found as issues with a life of their own."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.core.events import record, record_all
from apps.core.findings import RED, Finding
from apps.core.locks import hold_key
from apps.core.models import Administration, User
from apps.core.money import quantize
from apps.core.permissions import Act, require
from apps.issues.engine import look
from apps.issues.models import Issue, Sighting, ValidationRun
from apps.issues.services.looking_back import marks_of, touched_since
from apps.ledger.models import Period

# How the rows that a finding may be about are called in an issue.
LINKS = {
    "ledger.JournalEntry": "entry",
    "ledger.Account": "account",
    "ledger.Party": "party",
    "ledger.OpenItem": "open_item",
    "ledger.FixedAsset": "fixed_asset",
}
SEEN = ("severity", "facts", "amount", "since", *LINKS.values())


@dataclass
class Changes:
    """What became of issues in a run."""

    found: list[Issue] = field(default_factory=list)
    new: list[Issue] = field(default_factory=list)
    reopened: list[Issue] = field(default_factory=list)
    moved: list[Issue] = field(default_factory=list)
    resolved: list[Issue] = field(default_factory=list)


@transaction.atomic
def validate(
    administration: Administration,
    as_of: date,
    *,
    by: User | None = None,
    period: Period | None = None,
    full: bool = False,
) -> ValidationRun:
    """Look at the books as of the end of ``as_of`` and keep what is found; ``full`` looks at all of history again.

    Without it a run looks at what was posted or changed since the last one, and finds the same. One run at a time in
    an administration: a second one waits until the transaction of the first has ended. An issue that is true since
    ``as_of`` or before, and is not found, is resolved; one from later is left alone. Raises NotAllowed.
    """
    if by is not None:
        require(by, Act.CLOSE_PERIODS, administration.pk)
    hold_key("validate", administration.pk)
    began, marks = timezone.now(), marks_of(administration)
    last = ValidationRun.objects.filter(administration=administration).order_by("-id").first()
    touched = None if full else touched_since(last, as_of, marks)
    findings = list(look(administration, as_of, touched))
    changes = _kept(administration, as_of, findings, began)
    red = sum(issue.severity == RED for issue in changes.found)
    run: ValidationRun = ValidationRun.objects.create(
        administration=administration,
        as_of=as_of,
        period=period,
        is_full=touched is None,
        by=by,
        started_at=began,
        ended_at=max(timezone.now(), began),
        red_count=red,
        yellow_count=len(changes.found) - red,
        new_count=len(changes.new),
        resolved_count=len(changes.resolved),
        marks=marks,
    )
    Sighting.objects.bulk_create(
        (
            Sighting(administration=administration, run=run, issue=issue, severity=issue.severity, amount=issue.amount)
            for issue in changes.found
        ),
        batch_size=1000,
    )
    _tell(run, changes, by)
    return run


def _kept(administration: Administration, as_of: date, findings: Iterable[Finding], at: datetime) -> Changes:
    """Write what was found: new issues, others as they are now, and those that are gone."""
    fingerprints = {_fingerprint(finding): finding for finding in findings}
    mine = Issue.objects.filter(administration=administration).select_for_update()
    subjects = {subject for _code, _type, subject, _part in fingerprints}
    known = {issue.fingerprint: issue for issue in mine.filter(Q(resolved_at=None) | Q(subject_id__in=subjects))}
    changes = Changes()
    for fingerprint, finding in fingerprints.items():
        _see(administration, as_of, known.get(fingerprint), finding, changes, at)
    found = {issue.pk for issue in changes.found}
    changes.resolved = [
        issue
        for issue in known.values()
        if issue.resolved_at is None and issue.since <= as_of and issue.pk not in found
    ]
    for issue in changes.resolved:
        issue.resolved_at = at
    Issue.objects.bulk_create(changes.new, batch_size=1000)
    rewritten = {issue.pk: issue for issue in (*changes.moved, *changes.reopened)}
    Issue.objects.bulk_update(rewritten.values(), [*SEEN, "resolved_at", "reopened_at"], batch_size=500)
    Issue.objects.filter(pk__in=[issue.pk for issue in changes.resolved]).update(resolved_at=at)
    seen = [issue.pk for issue in changes.found]
    Issue.objects.filter(pk__in=seen, last_seen_at__lt=at).update(last_seen_at=at)
    return changes


def _see(
    administration: Administration,
    as_of: date,
    issue: Issue | None,
    finding: Finding,
    changes: Changes,
    at: datetime,
) -> None:
    seen = _seen(administration, as_of, finding)
    if issue is None:
        code, subject_type, subject, part = _fingerprint(finding)
        identity = {"code": code, "subject_type": subject_type, "subject_id": subject, "part": part}
        issue = Issue(administration=administration, **identity, **seen, first_seen_at=at, last_seen_at=at)
        changes.new.append(issue)
        changes.found.append(issue)
        return
    if any(getattr(issue, name) != value for name, value in seen.items()):
        changes.moved.append(issue)
    for name, value in seen.items():
        setattr(issue, name, value)
    if issue.resolved_at is not None:
        issue.resolved_at, issue.reopened_at = None, at
        changes.reopened.append(issue)
    issue.last_seen_at = max(issue.last_seen_at, at)
    changes.found.append(issue)


def _seen(administration: Administration, as_of: date, finding: Finding) -> dict[str, Any]:
    """What an issue says of ``finding``, as the database will give it back."""
    subject = finding.subject
    links: dict[str, Any] = dict.fromkeys(f"{name}_id" for name in LINKS.values())
    links |= {f"{name}_id": pk for name, pk in finding.names.items()}
    own = LINKS.get(subject._meta.label)
    if own:
        links[f"{own}_id"] = subject.pk
    amount = None if finding.amount is None else quantize(Decimal(finding.amount), administration.currency)
    return {
        "severity": finding.severity.value,
        "facts": json.loads(json.dumps(finding.facts, cls=DjangoJSONEncoder)),
        "amount": amount,
        "since": min(finding.since or as_of, as_of),
        **links,
    }


def _fingerprint(finding: Finding) -> tuple[Any, ...]:
    return finding.code, finding.subject._meta.label, finding.subject.pk, finding.part


def _tell(run: ValidationRun, changes: Changes, by: User | None) -> None:
    for name, issues in (
        ("issues.issue_found", changes.new),
        ("issues.issue_reopened", changes.reopened),
        ("issues.issue_resolved", changes.resolved),
    ):
        told = ({"code": one.code, "severity": one.severity, "amount": one.amount, "run": run.pk} for one in issues)
        record_all(name, zip(issues, told, strict=True), by=by)
    record(
        "issues.validated",
        run,
        by=by,
        as_of=run.as_of,
        full=run.is_full,
        red=run.red_count,
        yellow=run.yellow_count,
        new=run.new_count,
        resolved=run.resolved_count,
    )
