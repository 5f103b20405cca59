"""What is known of the last validation of some books."""

from dataclasses import dataclass

from apps.core.models import Administration, Job
from apps.issues.models import ValidationRun

RECALCULATE = "apps.issues.tasks.recalculate"


@dataclass(frozen=True, slots=True)
class Recalculation:
    """The last job that somebody asked for, and the last run of all."""

    job: Job | None
    run: ValidationRun | None


def last_recalculation(administration: Administration) -> Recalculation:
    """Two queries."""
    jobs = Job.objects.filter(task=RECALCULATE, arguments__administration=str(administration.pk))
    runs = ValidationRun.objects.filter(administration=administration)
    return Recalculation(jobs.order_by("-id").first(), runs.order_by("-id").first())
