"""What changed since the last run: as little as there is, when that is all that can have changed."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.db.models import Count, Q

from apps.core.findings import Touched
from apps.core.models import Administration, Counter
from apps.issues.models import Issue, ValidationRun
from apps.ledger.models import Batch, JournalEntry

# Beyond that many entries it costs no more to look at all of them.
MOST = 10_000


def marks_of(administration: Administration) -> dict[str, Any]:
    """The last number of every series, and how many batches were made and reversed.

    Numbers are given in the order of commits and without a gap, so whatever is posted later stands beyond them. Read
    them before anything is looked at.
    """
    batches = Batch.objects.filter(administration=administration)
    counts = batches.aggregate(made=Count("pk"), reversed=Count("reversed_at"))
    return {
        "numbers": dict(Counter.objects.filter(administration=administration).values_list("series", "last")),
        "batches": [counts["made"], counts["reversed"]],
    }


def touched_since(last: ValidationRun | None, as_of: date, marks: Mapping[str, Any]) -> Touched | None:
    """What a run ``as_of`` that date has to look at after ``last``; None when it is everything.

    That is so without a run before, after one that looked at a later date, and where a batch was made or reversed: an
    import or a backfill, which give old lines open items or take them away.
    """
    if last is None or last.as_of > as_of or last.marks.get("batches") != marks["batches"]:
        return None
    before: dict[str, int] = last.marks["numbers"]
    posted = Q(date__gt=last.as_of)
    for series, number in marks["numbers"].items():
        kind, *of = series.split(":")
        if kind == "entry" and number > before.get(series, 0):
            posted |= Q(journal=of[0], year=of[1], number__gt=before.get(series, 0))
    entries = JournalEntry.objects.filter(posted, administration=last.administration_id, date__lte=as_of).posted()
    found = list(entries.order_by().values_list("pk", flat=True)[: MOST + 1])
    if len(found) > MOST:
        return None
    open_issues = Issue.objects.filter(administration=last.administration_id).open()
    rows = list(open_issues.order_by().values_list("subject_id", "part"))
    return Touched(
        since=last.as_of,
        entries=tuple(found),
        subjects=tuple({subject for subject, _part in rows}),
        parts=frozenset(part for _subject, part in rows),
        marks=before,
    )
