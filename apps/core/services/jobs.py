"""Jobs: long work that a person started, with progress they can watch and refusals they can read."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.core.errors import DomainError
from apps.core.models import Job, User
from apps.core.worker import ask

Item = TypeVar("Item")

# A job that did not move for so long has lost its worker.
STALLED_AFTER = timedelta(minutes=2)
# As long as somebody may come back to what a job refused.
KEPT_FOR = timedelta(days=90)


def start_job(task: str, *, title: str, by: User, arguments: dict[str, Any], total: int = 0) -> Job:
    """A job that the worker takes up once this transaction commits. ``task`` is the task's full name, ``title`` is
    marked with gettext_noop and may name the total as ``%(count)s``."""
    job = Job.objects.create(task=task, title=title, by=by, arguments=arguments, total=total)
    ask(task, str(job.pk))
    return job


def work_through(job_id: str, items: Callable[[Job], Iterable[Item]], work: Callable[[Job, Item], Any]) -> None:
    """Do ``work`` for each of the job's ``items``, in their order; a refusal is listed and the next item goes on.

    An item and the count of it are one transaction: a job whose worker died goes on where it was, and nothing is
    done twice. A job that another worker is busy with is left to it.
    """
    if not _claimed(job_id):
        return
    job = Job.objects.select_related("by").get(pk=job_id)
    todo = list(items(job))
    job.total = len(todo)
    try:
        for item in todo[job.done :]:
            with transaction.atomic():
                # Held while the item is done: one that takes longer than STALLED_AFTER is not done by two.
                if Job.objects.select_for_update().get(pk=job.pk).done != job.done:
                    return  # another worker has taken over
                _do(job, item, work)
                job.done += 1
                job.moved_at = timezone.now()
                job.save()
    except Exception:
        _end(job, Job.State.FAILED)
        raise
    _end(job, Job.State.DONE)


def resume_stalled() -> int:
    """Ask again for jobs whose worker or message was lost, and return how many there were."""
    lost = _unfinished(timezone.now() - STALLED_AFTER)
    for job in lost:
        ask(job.task, str(job.pk))
    return len(lost)


def forget() -> int:
    """Delete what ended so long ago that nobody comes back to it, and return how many there were."""
    return Job.objects.filter(finished_at__lt=timezone.now() - KEPT_FOR).delete()[0]


def _unfinished(moved_before: Any) -> Any:
    return Job.objects.filter(state__in=(Job.State.WAITING, Job.State.RUNNING), moved_at__lt=moved_before)


def _claimed(job_id: str) -> bool:
    """Whether the job is ours now: it waits, it failed, or whoever had it is gone."""
    free = ~Q(state__in=(Job.State.RUNNING, Job.State.DONE)) | Q(
        state=Job.State.RUNNING, moved_at__lt=timezone.now() - STALLED_AFTER
    )
    return bool(Job.objects.filter(free, pk=job_id).update(state=Job.State.RUNNING, moved_at=timezone.now()))


def _do(job: Job, item: Item, work: Callable[[Job, Item], Any]) -> None:
    try:
        with transaction.atomic():
            work(job, item)
    except DomainError as refusal:
        job.refusals.append({"what": str(item), **refusal.detail()})


def _end(job: Job, state: str) -> None:
    Job.objects.filter(pk=job.pk).update(state=state, total=job.total, finished_at=timezone.now())
