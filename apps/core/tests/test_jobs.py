"""Jobs go on where they were, whatever happens to their worker."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from apps.core.errors import NotAllowed
from apps.core.models import Job
from apps.core.services import jobs
from apps.core.services.jobs import resume_stalled, work_through
from apps.core.tests.factories import UserFactory

LONG_AGO = timezone.now() - timedelta(hours=1)


@pytest.fixture
def job(db):
    return Job.objects.create(task="apps.core.tasks.deliver_events", title="Letters", by=UserFactory())


class Worked(list):
    """A worker that notes what it did and refuses or breaks where it is told to."""

    def __init__(self, refuses="", breaks=""):
        self.refuses, self.breaks = refuses, breaks

    def __call__(self, job, letter):
        if letter == self.refuses:
            raise NotAllowed()
        if letter == self.breaks:
            raise RuntimeError(letter)
        self.append(letter)


def run(job, worked):
    work_through(str(job.pk), lambda job: "abc", worked)
    job.refresh_from_db()


def test_every_item_is_done_once_and_counted(job):
    worked = Worked()
    run(job, worked)
    run(job, worked)
    assert (worked, job.state, job.done, job.total) == (["a", "b", "c"], "DONE", 3, 3)


def test_a_refusal_is_listed_and_the_next_item_goes_on(job):
    worked = Worked(refuses="b")
    run(job, worked)
    assert (worked, job.state, job.done) == (["a", "c"], "DONE", 3)
    assert [(refusal["what"], refusal["code"]) for refusal in job.refusals] == [("b", "NOT_ALLOWED")]


def test_a_job_that_broke_goes_on_where_it_was(job):
    with pytest.raises(RuntimeError):
        run(job, Worked(breaks="b"))
    job.refresh_from_db()
    assert (job.state, job.done) == ("FAILED", 1)

    again = Worked()
    run(job, again)
    assert (again, job.state, job.done) == (["b", "c"], "DONE", 3)


def test_a_job_whose_worker_died_is_asked_for_again_and_goes_on(job):
    Job.objects.filter(pk=job.pk).update(state="RUNNING", done=2, moved_at=LONG_AGO)
    assert resume_stalled() == 1
    worked = Worked()
    run(job, worked)
    assert (worked, job.state) == (["c"], "DONE")
    assert resume_stalled() == 0


def test_a_job_that_another_worker_is_busy_with_is_left_to_it(job):
    Job.objects.filter(pk=job.pk).update(state="RUNNING", done=1, moved_at=timezone.now())
    worked = Worked()
    run(job, worked)
    assert (worked, job.state, job.done) == ([], "RUNNING", 1)
    assert resume_stalled() == 0


def test_an_item_that_takes_longer_than_a_worker_may_be_silent_is_not_done_by_two(committed):
    job = Job.objects.create(task="apps.core.tasks.deliver_events", title="Letters", by=UserFactory())
    begun, worked = threading.Event(), []

    def slowly(job, letter):
        worked.append(letter)
        begun.set()
        time.sleep(0.3)

    first = threading.Thread(target=lambda: (work_through(str(job.pk), lambda job: "ab", slowly), connection.close()))
    first.start()
    begun.wait(10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "STALLED_AFTER", timedelta(0))  # as if the first had been silent for minutes
        work_through(str(job.pk), lambda job: "ab", slowly)
    first.join()
    job.refresh_from_db()
    assert (worked, job.state, job.done) == (["a", "b"], "DONE", 2)
