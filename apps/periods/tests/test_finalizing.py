"""Review and finalize: what blocks, what is taken along, what is written."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from uuid_utils.compat import uuid7

from apps.billing.errors import AlreadyFinalized
from apps.billing.tests.clinic import make_clinic
from apps.core.errors import NotAllowed
from apps.core.models import Event
from apps.core.tests.factories import member
from apps.issues.models import Issue
from apps.ledger.errors import ExchangeRateMissing, PeriodClosed
from apps.ledger.models import ExchangeRate, JournalEntry, Period, Seal
from apps.ledger.services.fiscal_years import open_fiscal_year
from apps.ledger.tests.test_revaluing import rate, received
from apps.periods.errors import CannotFinalize, IssueNotOfPeriod
from apps.periods.models import Snapshot, Transition
from apps.periods.reports.history import posted_since_review
from apps.periods.services.finalizing import finalize_period
from apps.periods.services.reviewing import review_period

D = Decimal


def steps(period):
    return [(one.action, one.from_status, one.to_status) for one in period.transitions.order_by("number")]


# Review --------------------------------------------------------------------------------------------------------------


def test_a_review_runs_the_engine_and_posting_goes_on(desk):
    desk.doubtful()
    verdict = desk.review()
    assert [seen.code for seen in verdict.yellow] == ["SUSPENSE_NOT_EMPTY"]
    assert desk.period().status == "REVIEW"
    assert steps(desk.period()) == [("REVIEW_START", "OPEN", "REVIEW")]
    desk.sold("10.00")


def test_what_was_posted_since_the_review_began_is_listed(desk):
    assert posted_since_review(desk.period()).count == 0
    desk.review()
    assert posted_since_review(desk.period()).count == 0
    later = desk.sold("10.00")
    desk.sold("11.00", day=date(2026, 4, 1))
    found = posted_since_review(desk.period())
    assert (found.count, [entry.pk for entry in found.entries]) == (1, [later.pk])


def test_a_review_again_runs_the_checks_again_and_tells_no_new_step(desk):
    desk.review()
    desk.doubtful()
    assert len(desk.review().yellow) == 1
    assert steps(desk.period()) == [("REVIEW_START", "OPEN", "REVIEW")]


@pytest.mark.parametrize("status", ["FINALIZED", "LOCKED"])
def test_a_closed_period_is_not_reviewed(desk, status):
    desk.books.set_status("2026-03", status)
    with pytest.raises(AlreadyFinalized):
        desk.review()


@pytest.mark.parametrize("role", ["manager", "owner", "cashier", "admin"])
def test_only_an_accountant_reviews_and_finalizes(desk, role):
    somebody = member(desk.administration, role)
    with pytest.raises(NotAllowed):
        review_period(desk.period(), by=somebody)
    desk.review()
    with pytest.raises(NotAllowed):
        finalize_period(desk.period(), by=somebody)
    assert desk.period().status == "REVIEW"


# What blocks ---------------------------------------------------------------------------------------------------------


def test_without_a_review_nothing_is_finalized(desk):
    with pytest.raises(CannotFinalize, match="review"):
        desk.finalize()
    assert not Snapshot.objects.exists()


def test_something_red_blocks_and_is_named_by_an_id_that_stays(desk):
    desk.review()
    desk.wrong()
    with pytest.raises(CannotFinalize) as refused:
        desk.finalize()
    detail = refused.value.detail()
    assert detail["message"] == "Cannot finalize: 1 RED issue must be resolved first."
    (red,) = detail["red_issues"]
    assert Issue.objects.get(pk=red["id"]).code == red["code"] == "NEGATIVE_CASH"
    assert (desk.period().status, Snapshot.objects.count()) == ("REVIEW", 0)


def test_a_warning_blocks_until_it_is_acknowledged_by_its_id(desk):
    desk.doubtful()
    (warning,) = desk.review().yellow
    with pytest.raises(CannotFinalize) as refused:
        desk.finalize()
    assert [one["id"] for one in refused.value.facts["yellow_issues"]] == [str(warning.pk)]
    snapshot = desk.finalize(acknowledged=[warning.pk])
    assert snapshot.says["issues"]["acknowledged"] == [str(warning.pk)]
    assert (snapshot.says["issues"]["red"], snapshot.says["issues"]["yellow"]) == (0, 1)
    assert Issue.objects.get(pk=warning.pk).acknowledged_by == desk.accountant


def test_a_warning_that_is_gone_blocks_no_longer(desk):
    desk.doubtful()
    desk.review()
    desk.settled()
    assert desk.finalize().says["issues"]["yellow"] == 0


def test_a_warning_whose_amount_moved_is_acknowledged_anew(desk):
    desk.doubtful()
    (warning,) = desk.review().yellow
    with pytest.raises(CannotFinalize):
        desk.finalize()
    desk.finalize(acknowledged=[warning.pk])
    desk.doubtful("7.00", day=date(2026, 4, 2))
    (again,) = desk.review("2026-04").yellow
    assert (again.pk, again.is_acknowledged) == (warning.pk, False)
    with pytest.raises(CannotFinalize):
        desk.finalize("2026-04")


def test_an_id_that_is_no_warning_of_the_period_is_refused_with_it(desk):
    desk.doubtful()
    desk.review()
    unknown = uuid7()
    with pytest.raises(IssueNotOfPeriod, match=str(unknown)):
        desk.finalize(acknowledged=[unknown])
    assert Issue.objects.get().acknowledged_at is None


def test_a_day_that_is_not_finalized_blocks(db):
    clinic = make_clinic()
    accountant = member(clinic.administration, "accountant")
    clinic.bill("65.00", day=clinic.yesterday)
    period = Period.objects.covering(clinic.administration, clinic.yesterday)
    review_period(period, by=accountant)
    with pytest.raises(CannotFinalize) as refused:
        finalize_period(period, by=accountant)
    assert "1 day is not finalized" in str(refused.value) or refused.value.facts["red_issues"]


# What is done --------------------------------------------------------------------------------------------------------


def test_finalizing_writes_one_snapshot_one_step_and_one_seal_and_nothing_is_posted_any_more(desk):
    snapshot = desk.finalized()
    assert steps(desk.period()) == [("REVIEW_START", "OPEN", "REVIEW"), ("FINALIZE", "REVIEW", "FINALIZED")]
    assert desk.period().transitions.get(action="FINALIZE").snapshot == snapshot
    seal = Seal.objects.get()
    assert (snapshot.seal, snapshot.says["seal"]) == (seal, {"head": seal.head, "entries": 1, "documents": 0})
    assert Event.objects.get(name="period.finalized").facts["sha256"] == snapshot.sha256
    with pytest.raises(PeriodClosed):
        desk.sold()
    desk.sold(day=date(2026, 4, 1))


def test_a_second_finalization_is_refused(desk):
    desk.finalized()
    with pytest.raises(AlreadyFinalized) as refused:
        desk.finalize()
    assert (refused.value.code, refused.value.status) == ("ALREADY_FINALIZED", 409)
    assert Snapshot.objects.count() == 1


def test_the_smaller_periods_inside_go_along_each_with_its_own_snapshot(desk):
    desk.finalized("2026-02")
    desk.finalized("2026-Q1")
    months = ["2026-01", "2026-02", "2026-03"]
    assert desk.statuses(*months, "2026-Q1", "2026", "2026-04") == ["FINALIZED"] * 4 + ["OPEN"] * 2
    quarter = desk.period("2026-Q1")
    along = Transition.objects.filter(along_with=quarter)
    assert {(step.period.name, step.from_status) for step in along} == {("2026-01", "OPEN"), ("2026-03", "OPEN")}
    kept = {one.period.name: one.says for one in Snapshot.objects.all()}
    assert sorted(kept) == sorted([*months, "2026-Q1"])
    incomes = {name: said["summary"]["net_income"] for name, said in kept.items()}
    assert incomes == {"2026-01": "0.00", "2026-02": "0.00", "2026-03": "65.00", "2026-Q1": "65.00"}


def test_year_end_adjustments_go_along_with_their_year_and_not_with_its_last_quarter(desk):
    open_fiscal_year(desk.administration, date(2026, 1, 1))
    open_fiscal_year(desk.administration, date(2027, 1, 1))
    adjustments = Period.objects.get(administration=desk.administration, type="YEAR_END", last_day=date(2026, 12, 31))
    desk.finalized("2026-Q4")
    adjustments.refresh_from_db()
    assert adjustments.status == "OPEN"
    desk.finalized("2026")
    adjustments.refresh_from_db()
    assert adjustments.status == "FINALIZED"
    assert set(desk.statuses("2026-01", "2026-Q1", "2026")) == {"FINALIZED"}


def test_foreign_money_is_revalued_on_the_last_day_and_turned_back_the_next(desk):
    received(desk.books, 100, 90)
    rate(desk.books, "USD", "0.95")
    snapshot = desk.finalized()
    found = JournalEntry.objects.filter(date__gte=date(2026, 3, 31)).order_by("date")
    assert [entry.date for entry in found] == [date(2026, 3, 31), date(2026, 4, 1)]
    assert snapshot.says["summary"]["net_income"] == "160.00"  # 65 and 90, and 5 more for 100 dollars at 0.95
    assert snapshot.says["seal"]["entries"] == JournalEntry.objects.count() == 4


def test_without_a_rate_for_foreign_money_nothing_is_finalized(desk):
    received(desk.books, 100, 90)
    desk.review()
    with pytest.raises(ExchangeRateMissing):
        desk.finalize()
    assert (desk.period().status, Snapshot.objects.count()) == ("REVIEW", 0)


def test_foreign_money_is_not_revalued_again_with_the_quarter(desk):
    received(desk.books, 100, 90)
    rate(desk.books, "USD", "0.95")
    desk.finalized("2026-03")
    ExchangeRate.objects.filter(administration=desk.administration).update(rate=D("0.99"))
    desk.finalized("2026-Q1")
    assert JournalEntry.objects.filter(source_type="revaluation").count() == 1


def test_the_period_after_need_not_be_open_where_nothing_is_revalued(desk):
    last = Period.objects.get(administration=desk.administration, name="2026-12")
    assert not Period.objects.filter(first_day=last.last_day + timedelta(days=1)).exists()
    desk.finalized("2026-12")
