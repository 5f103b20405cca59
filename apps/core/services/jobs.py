"""Jobs: long work that a person started, with progress they can watch and refusals they can read."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from django.utils import timezone

from apps.core.errors import DomainError
from apps.core.models import Job

Item = TypeVar("Item")


def work_through(job_id: str, items: Callable[[Job], Iterable[Item]], work: Callable[[Job, Item], Any]) -> None:
    """Do ``work`` for each of the job's ``items``; a refusal is listed and the next item goes on.

    Running it twice is safe where ``work`` is: what was done answers again or refuses.
    """
    job = Job.objects.select_related("by").get(pk=job_id)
    if job.state == Job.State.DONE:
        return
    job.state, job.done, job.refusals = Job.State.RUNNING, 0, []
    todo = list(items(job))
    job.total = len(todo)
    job.save()
    try:
        for item in todo:
            try:
                work(job, item)
            except DomainError as refusal:
                job.refusals.append({"what": str(item), **refusal.detail()})
            job.done += 1
            job.save(update_fields=["done", "refusals"])
    except Exception:
        job.state, job.finished_at = Job.State.FAILED, timezone.now()
        job.save()
        raise
    job.state, job.finished_at = Job.State.DONE, timezone.now()
    job.save()
