"""Validate because somebody asked: at once where that costs little, otherwise as a job of the worker's."""

from datetime import date
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext_noop

from apps.core.models import Administration, Counter, Job, User
from apps.core.permissions import Act, require
from apps.core.services.jobs import start_job
from apps.issues.models import ValidationRun
from apps.issues.reports.runs import RECALCULATE
from apps.issues.services.looking_back import marks_of, touched_since
from apps.issues.services.validating import validate

# Books of more entries than this are not looked at as a whole while a request waits.
SMALL = 2_000


def today(administration: Administration) -> date:
    """The date that the administration's clock shows."""
    return timezone.localdate(timezone=ZoneInfo(administration.time_zone))


@transaction.atomic
def recalculate(administration: Administration, *, by: User, full: bool = False) -> ValidationRun | Job:
    """The run, or the job that will make it: a whole look at books that are not small. Raises NotAllowed."""
    require(by, Act.CLOSE_PERIODS, administration.pk)
    as_of = today(administration)
    whole = full or _is_whole(administration, as_of)
    if whole and _entries(administration) > SMALL:
        return start_job(
            RECALCULATE,
            title=gettext_noop("Validation of the books"),
            by=by,
            arguments={"administration": str(administration.pk), "as_of": as_of.isoformat(), "full": full},
            total=1,
        )
    return validate(administration, as_of, by=by, full=full)


def _is_whole(administration: Administration, as_of: date) -> bool:
    """Whether a run now has to look at everything."""
    last = ValidationRun.objects.filter(administration=administration).order_by("-id").first()
    return touched_since(last, as_of, marks_of(administration)) is None


def _entries(administration: Administration) -> int:
    """How many entries were posted, by the counters: without counting them."""
    counters = Counter.objects.filter(administration=administration, series__startswith="entry:")
    return counters.aggregate(entries=Sum("last"))["entries"] or 0
