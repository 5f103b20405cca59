"""The closing page: what blocks, and from OPEN to LOCKED without leaving it."""

from datetime import date
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.core.models import Job
from apps.core.tests.factories import member
from apps.issues.models import Issue
from apps.periods import tasks
from apps.periods.admin import closing
from apps.periods.models import Snapshot, Transition
from apps.periods.tests.desk import open_desk
from apps.periods.tests.test_locking import reopen


def as_(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def closer(desk):
    return as_(desk.accountant)


def address(desk, act="closing", name="2026-03"):
    return reverse(f"admin:periods_{act}", args=[desk.period(name).pk])


def text_of(answer, status=200):
    assert answer.status_code == status, answer
    return answer.content.decode().replace("\N{NO-BREAK SPACE}", " ")


def press(client, desk, act, status=302, name="2026-03", key=None, **typed):
    answer = client.post(address(desk, act, name), {"key": key or str(uuid4()), **typed})
    assert answer.status_code == status, answer.content.decode()
    return answer


def test_from_open_to_locked_without_leaving_the_page(desk, closer):
    desk.doubtful()
    assert "Begin the review" in text_of(closer.get(address(desk)))
    press(closer, desk, "review", notes="As every month.")
    shown = text_of(closer.get(address(desk)))
    assert "Not yet: 1 warning waits to be acknowledged." in shown
    warning = Issue.objects.get()
    assert f'value="{warning.pk}"' in shown
    press(closer, desk, "acknowledge", issues=[str(warning.pk)], notes="Known to the owner.")
    assert "Yes, finalize" in text_of(closer.get(address(desk)))
    press(closer, desk, "finalize")
    shown = text_of(closer.get(address(desk)))
    assert Snapshot.objects.get().sha256 in shown
    press(closer, desk, "lock", word=" lock ", notes="Audit.")
    shown = text_of(closer.get(address(desk)))
    assert "Locked: it never changes." in shown
    assert [step.action for step in desk.period().transitions.order_by("number")] == [
        "REVIEW_START",
        "FINALIZE",
        "LOCK",
    ]
    for words in ("Review begun", "Finalized", "Locked", "As every month.", "Audit."):
        assert words in shown


@pytest.mark.parametrize("typed", ["", "yes", "unlock", "LOC"])
def test_without_the_word_nothing_is_locked(desk, closer, typed):
    desk.finalized()
    press(closer, desk, "lock", 400, word=typed, notes="Audit.")
    assert desk.period().status == "FINALIZED"


def test_what_was_typed_stays_where_the_word_was_wrong(desk, closer):
    desk.finalized()
    shown = text_of(press(closer, desk, "lock", 400, word="yes", notes="Annual audit"), 400)
    assert "The word is LOCK." in shown
    assert "Annual audit" in shown


def test_something_that_came_up_since_is_shown_where_finalizing_is_refused(desk, closer):
    desk.review()
    desk.wrong()
    shown = text_of(press(closer, desk, "finalize", 400), 400)
    assert "1 RED issue must be resolved first" in shown
    assert Issue.objects.get().code == "NEGATIVE_CASH"
    assert f'id="issue-{Issue.objects.get().pk}"' in shown
    assert "Not yet: Critical Issues." in shown


def test_one_press_that_is_sent_twice_is_done_once(desk, closer):
    desk.review()
    key = str(uuid4())
    press(closer, desk, "finalize", key=key)
    press(closer, desk, "finalize", key=key)
    assert Snapshot.objects.count() == 1


def test_what_was_posted_since_the_review_is_listed_with_its_entry(desk, closer):
    desk.review()
    entry = desk.sold("3.00")
    shown = text_of(closer.get(address(desk)))
    assert "Posted since the review began" in shown
    assert reverse("admin:ledger_journalentry_change", args=[entry.pk]) in shown


def test_whoever_finalized_is_told_that_another_reopens(desk, closer):
    desk.finalized()
    assert "You finalized it: another person reopens it." in text_of(closer.get(address(desk)))
    other = as_(desk.second)
    press(other, desk, "reopen", reason="Late invoice.")
    assert desk.period().status == "REVIEW"
    assert "Late invoice." in text_of(closer.get(address(desk)))


def test_reopening_without_a_reason_is_refused_beside_the_field(desk):
    desk.finalized()
    assert "This field is required." in text_of(press(as_(desk.second), desk, "reopen", 400, reason=" "), 400)


def test_a_manager_reads_and_presses_nothing(desk):
    manager = as_(member(desk.administration, "manager"))
    desk.review()
    shown = text_of(manager.get(address(desk)))
    assert "The accountant finalizes it." in shown
    assert "Yes, finalize" not in shown
    for act in ("review", "acknowledge", "finalize", "lock", "reopen"):
        press(manager, desk, act, 403)
    assert desk.period().transitions.count() == 1


def test_the_owner_locks_as_a_second_person(desk):
    desk.finalized()
    press(as_(desk.owner), desk, "lock", word="LOCK")
    assert Transition.objects.get(action="LOCK").by == desk.owner


def test_a_period_of_other_books_is_not_there(desk, closer):
    other = open_desk()
    assert closer.get(address(other)).status_code == 404
    press(closer, other, "review", 404)


def test_the_snapshot_is_handed_out_byte_for_byte(desk, closer):
    assert closer.get(address(desk, "snapshot")).status_code == 404
    snapshot = desk.finalized()
    answer = closer.get(address(desk, "snapshot"))
    assert answer.content == bytes(snapshot.content)
    assert answer["Content-Disposition"].startswith("attachment")


def test_the_sidebar_leads_to_the_oldest_month_that_is_not_closed(desk, closer):
    desk.books.set_status("2026-01", "FINALIZED")
    assert closer.get(reverse("admin:periods_next")).url == address(desk, name="2026-02")


def test_large_books_are_closed_by_the_worker_while_the_page_says_so(desk, closer, monkeypatch):
    monkeypatch.setattr(closing, "LONG", 0)
    answer = press(closer, desk, "review")
    job = Job.objects.get(task="apps.periods.tasks.review")
    assert answer.url == reverse("admin:core_job_change", args=[job.pk])
    assert job.arguments["period"] == str(desk.period().pk)
    assert "under way" in text_of(closer.get(address(desk)))
    assert desk.period().status == "OPEN"


def test_the_page_costs_the_same_however_much_there_is(desk, closer):
    desk.doubtful()
    desk.review()
    desk.sold("1.00")

    def cost():
        with CaptureQueriesContext(connection) as queries:
            text_of(closer.get(address(desk)))
        return len(queries)

    cost()
    few = cost()
    for n in range(6):
        desk.sold("1.00", day=date(2026, 3, 4 + n))
    desk.finalized("2026-01")
    reopen(desk, "2026-01")
    assert cost() == few


def test_tasks_close_in_the_name_of_who_asked(desk):
    period = str(desk.period().pk)
    for task, more in (("review", {}), ("finalize", {"acknowledged": []})):
        job = Job.objects.create(
            task=f"apps.periods.tasks.{task}",
            title="x",
            by=desk.accountant,
            arguments={"period": period, "notes": "by night", **more},
            total=1,
        )
        for _twice in range(2):
            getattr(tasks, task)(str(job.pk))
        job.refresh_from_db()
        assert (job.state, job.refusals) == ("DONE", [])
    assert [step.notes for step in desk.period().transitions.order_by("number")] == ["by night", "by night"]
    assert {step.by for step in desk.period().transitions.all()} == {desk.accountant}


def test_what_the_worker_was_refused_is_listed_and_what_it_found_stays(desk):
    desk.review()
    desk.wrong()
    arguments = {"period": str(desk.period().pk), "notes": "", "acknowledged": []}
    job = Job.objects.create(
        task=closing.TASKS["finalize"], title="x", by=desk.accountant, arguments=arguments, total=1
    )
    tasks.finalize(str(job.pk))
    job.refresh_from_db()
    assert [(one["what"], one["code"]) for one in job.refusals] == [("2026-03", "CANNOT_FINALIZE")]
    assert Issue.objects.get().code == "NEGATIVE_CASH"
