"""Lock and reopen: who, when, and what stays."""

from datetime import date

import pytest

from apps.billing.errors import ReasonRequired
from apps.core.errors import NotAllowed
from apps.core.models import Administration
from apps.core.tests.factories import member
from apps.ledger.errors import PeriodClosed, PeriodLocked
from apps.periods.errors import LargerPeriodFinalized, LockNotConfirmed, PeriodNotFinalized, ReopenedByFinalizer
from apps.periods.models import Snapshot, Transition
from apps.periods.reports.snapshot import differences
from apps.periods.services.locking import lock_period
from apps.periods.services.reopening import reopen_period

WHY = "An invoice of March came in."


def reopen(desk, name="2026-03", by=None, reason=WHY):
    return reopen_period(desk.period(name), by=by or desk.second, reason=reason)


# Lock ----------------------------------------------------------------------------------------------------------------


def test_a_lock_takes_the_smaller_periods_along_and_nothing_is_posted(desk):
    desk.finalized("2026-Q1")
    desk.lock("2026-Q1")
    assert desk.statuses("2026-01", "2026-02", "2026-03", "2026-Q1", "2026") == ["LOCKED"] * 4 + ["OPEN"]
    assert Transition.objects.filter(action="LOCK", along_with=desk.period("2026-Q1")).count() == 3
    with pytest.raises(PeriodClosed):
        desk.sold()


def test_a_month_that_was_locked_before_stays_as_it_is(desk):
    desk.finalized("2026-02")
    desk.lock("2026-02")
    desk.finalized("2026-Q1")
    desk.lock("2026-Q1")
    assert desk.period("2026-02").transitions.filter(action="LOCK").count() == 1


def test_a_lock_asks_whether_it_is_meant(desk):
    desk.finalized()
    with pytest.raises(LockNotConfirmed):
        lock_period(desk.period(), by=desk.accountant, confirm_irreversible=False)
    assert desk.period().status == "FINALIZED"


@pytest.mark.parametrize("status", ["OPEN", "REVIEW"])
def test_only_a_finalized_period_is_locked(desk, status):
    desk.books.set_status("2026-03", status)
    with pytest.raises(PeriodNotFinalized):
        desk.lock()


def test_a_locked_period_is_neither_locked_again_nor_reopened(desk):
    desk.finalized()
    desk.lock()
    with pytest.raises(PeriodLocked):
        desk.lock()
    with pytest.raises(PeriodLocked):
        reopen(desk)


@pytest.mark.parametrize(("role", "may"), [("owner", True), ("accountant", True), ("manager", False), ("admin", False)])
def test_who_locks(desk, role, may):
    desk.finalized()
    somebody = member(desk.administration, role)
    if may:
        assert lock_period(desk.period(), by=somebody, confirm_irreversible=True).status == "LOCKED"
    else:
        with pytest.raises(NotAllowed):
            lock_period(desk.period(), by=somebody, confirm_irreversible=True)


# Reopen --------------------------------------------------------------------------------------------------------------


def test_a_finalized_period_goes_back_to_review_and_its_snapshot_stays(desk):
    first = desk.finalized()
    reopen(desk)
    desk.sold("35.00")
    second = desk.finalize()
    assert list(Snapshot.objects.order_by("known_at")) == [first, second]
    assert [one.says["summary"]["net_income"] for one in (first, second)] == ["65.00", "100.00"]
    assert differences(first) == differences(second) == []
    step = desk.period().transitions.get(action="REOPEN")
    assert (step.by, step.notes, step.from_status, step.to_status) == (desk.second, WHY, "FINALIZED", "REVIEW")


def test_the_owner_reopens_as_a_second_person(desk):
    desk.finalized()
    assert reopen(desk, by=desk.owner).status == "REVIEW"


def test_whoever_finalized_does_not_reopen(desk):
    desk.finalized()
    with pytest.raises(ReopenedByFinalizer):
        reopen(desk, by=desk.accountant)


def test_in_a_one_person_practice_the_same_person_reopens(desk):
    Administration.objects.filter(pk=desk.administration.pk).update(single_sign_off=True)
    desk.finalized()
    assert reopen(desk, by=desk.accountant).status == "REVIEW"


def test_reopening_says_why(desk):
    desk.finalized()
    with pytest.raises(ReasonRequired):
        reopen(desk, reason="  ")


@pytest.mark.parametrize("status", ["OPEN", "REVIEW"])
def test_only_a_finalized_period_is_reopened(desk, status):
    desk.books.set_status("2026-03", status)
    with pytest.raises(PeriodNotFinalized):
        reopen(desk)


def test_a_month_inside_a_finalized_quarter_waits_for_the_quarter(desk):
    desk.finalized("2026-Q1")
    with pytest.raises(LargerPeriodFinalized, match="2026-Q1"):
        reopen(desk, "2026-03")
    reopen(desk, "2026-Q1")
    assert desk.statuses("2026-02", "2026-03") == ["FINALIZED", "FINALIZED"]
    reopen(desk, "2026-03")
    desk.sold("1.00", day=date(2026, 3, 9))
    with pytest.raises(PeriodClosed):
        desk.sold("1.00", day=date(2026, 2, 9))
    desk.finalize("2026-Q1")
    assert desk.period("2026-03").status == "FINALIZED"
