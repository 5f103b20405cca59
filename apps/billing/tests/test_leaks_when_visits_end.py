"""A visit that ends on a later day than its own is looked at on the day on which it ended, and counts once."""

from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from apps.billing.models import ClinicSettings, Leak, Order, Visit
from apps.billing.reports.leaks.figures import LeaksOfDay, leaks_of
from apps.billing.services.charging import cancel_visit, close_visit
from apps.billing.services.leaks import dismiss_leak, refresh_leaks
from apps.billing.tests.leaking import billed, clinic_day, given, line, visit_of
from apps.core.money import ZERO


def refresh(clinic, day=None):
    wanted = clinic_day(clinic, day)
    refresh_leaks(wanted)
    return leaks_of(wanted)


def kept():
    return [(leak.rule, leak.day, leak.state) for leak in Leak.objects.order_by("day", "first_seen_at")]


def at(clinic, day, hour):
    return datetime.combine(day, time(hour), ZoneInfo(clinic.administration.time_zone))


@pytest.fixture
def stays(clinic):
    """Somebody who came yesterday, was still there when yesterday was looked at, and of whom nothing is billed."""
    visit = visit_of(clinic, clinic.yesterday, status="ACTIVE")
    Visit.objects.filter(pk=visit.pk).update(is_inpatient=True)
    assert refresh(clinic, clinic.yesterday) == LeaksOfDay()
    return visit


# Without a bill: L05 -------------------------------------------------------------------------------------------------


def test_a_visit_without_bill_leaks_on_the_day_on_which_it_ended(clinic, stays):
    close_visit(stays, by=clinic.receptionist)
    assert refresh(clinic) == LeaksOfDay(count=1, unpriced_count=1)
    assert kept() == [("L05", clinic.today, "OPEN")]


def test_it_counts_once_whichever_day_is_looked_at_again(clinic, stays):
    close_visit(stays, by=clinic.receptionist)
    for day in (clinic.today, clinic.yesterday, clinic.today, clinic.yesterday):
        refresh(clinic, day)
    assert kept() == [("L05", clinic.today, "OPEN")]


def test_the_close_that_ends_a_visit_of_an_earlier_day_lists_it(clinic):
    visit_of(clinic, clinic.yesterday, status="ACTIVE")
    close = clinic.close()
    assert (close.active_visits_closed, close.revenue_leaks_detected) == (1, 1)


@pytest.mark.parametrize("how", ["goes on", "billed", "cancelled", "covered"])
def test_a_visit_of_an_earlier_day_is_no_leak_when_it(clinic, stays, how):
    service = clinic.service("65.00")
    if how == "covered":
        given(stays, service, coverage_reason="BUNDLE")
    if how == "billed":
        clinic.pay(billed(clinic, stays, line(service, "65.00"), day=clinic.today), "65.00")
    if how == "cancelled":
        cancel_visit(stays, reason="wrong patient", by=clinic.manager)
    elif how != "goes on":
        close_visit(stays, by=clinic.receptionist)
    assert refresh(clinic) == LeaksOfDay()
    assert kept() == []


def test_it_is_resolved_by_its_bill(clinic, stays):
    close_visit(stays, by=clinic.receptionist)
    refresh(clinic)
    bill = billed(clinic, stays, line(clinic.service("65.00"), "65.00"), day=clinic.today)
    clinic.pay(bill, "65.00")
    assert refresh(clinic) == LeaksOfDay()
    assert kept() == [("L05", clinic.today, "RESOLVED")]
    assert Leak.objects.get().recovered_amount == Decimal("65.00")


def test_a_visit_that_ended_after_its_day_was_signed_is_found_the_next_day_and_is_of_the_day_it_ended(clinic, stays):
    close_visit(stays, by=clinic.receptionist)
    Visit.objects.filter(pk=stays.pk).update(ended_at=at(clinic, clinic.yesterday, 23))
    for _ in range(2):
        assert refresh(clinic) == LeaksOfDay(older_count=1)
    assert kept() == [("L05", clinic.yesterday, "OPEN")]


def test_a_visit_that_ended_longer_ago_was_looked_at_with_the_days_in_between(clinic, stays):
    close_visit(stays, by=clinic.receptionist)
    long_ago = clinic.today - timedelta(days=9)
    Visit.objects.filter(pk=stays.pk).update(date=long_ago, ended_at=at(clinic, long_ago + timedelta(days=2), 12))
    assert refresh(clinic) == LeaksOfDay()


# A date without a clinic day of its own ------------------------------------------------------------------------------


@pytest.fixture
def friday(clinic):
    """The clinic day before today, with a weekend in between."""
    friday = clinic.today - timedelta(days=3)
    clinic_day(clinic, friday), clinic_day(clinic)
    return friday


def test_what_ended_while_the_clinic_was_closed_is_found_with_the_day_that_follows(clinic, friday):
    visit = visit_of(clinic, friday, status="ACTIVE")
    refresh(clinic, friday)
    close_visit(visit, by=clinic.receptionist)
    Visit.objects.filter(pk=visit.pk).update(ended_at=at(clinic, clinic.yesterday, 12))
    assert refresh(clinic) == LeaksOfDay(older_count=1)
    assert kept() == [("L05", clinic.yesterday, "OPEN")]


def test_a_time_that_ran_out_while_the_clinic_was_closed_is_found_with_the_day_that_follows(clinic, friday):
    ClinicSettings.objects.create(administration=clinic.administration, emergency_within_days=2)
    given(visit_of(clinic, friday), clinic.service("200.00"), "PROCEDURE", is_emergency=True)
    assert refresh(clinic, friday) == LeaksOfDay()
    assert refresh(clinic) == LeaksOfDay(older_count=1, older_amount=Decimal("200.00"))
    assert kept() == [("L25", clinic.yesterday, "OPEN")]


# Cancelled with completed care: L27 ----------------------------------------------------------------------------------


@pytest.fixture
def excused(clinic):
    """A laboratory result of yesterday that is on no bill, and of which the manager said that it is none to bill."""
    order = given(visit_of(clinic, clinic.yesterday), clinic.service("65.00"))
    refresh(clinic, clinic.yesterday)
    dismiss_leak(Leak.objects.get(), reason="The patient pays tomorrow.", by=clinic.manager)
    return order


def test_care_of_a_visit_that_is_cancelled_later_leaks_on_the_day_of_the_cancellation(clinic, excused):
    assert refresh(clinic) == LeaksOfDay()
    cancel_visit(excused.visit, reason="never came", by=clinic.manager)
    for day in (clinic.today, clinic.yesterday, clinic.today):
        refresh(clinic, day)
    assert kept() == [("L01", clinic.yesterday, "DISMISSED"), ("L27", clinic.today, "OPEN")]
    assert refresh(clinic) == LeaksOfDay(count=1, amount=Decimal("65.00"))


def test_a_closed_visit_that_is_cancelled_ended_with_the_cancellation(clinic, excused):
    before = at(clinic, clinic.yesterday, 12)
    Visit.objects.filter(pk=excused.visit_id).update(ended_at=before)
    visit = cancel_visit(excused.visit, reason="never came", by=clinic.manager)
    assert visit.ended_at > before
    assert visit.ended_by == clinic.manager
    assert refresh(clinic).count == 1


@pytest.mark.parametrize("how", ["nothing was given", "it costs nothing", "it goes on"])
def test_a_cancelled_visit_of_an_earlier_day_is_no_leak_when(clinic, excused, how):
    if how == "nothing was given":
        Order.objects.filter(pk=excused.pk).update(completed_at=None, completed_on=None, completed_quantity=None)
    if how == "it costs nothing":
        Order.objects.filter(pk=excused.pk).update(coverage_reason="CAPITATION")
    if how != "it goes on":
        cancel_visit(excused.visit, reason="never came", by=clinic.manager)
    assert refresh(clinic) == LeaksOfDay()


def test_it_is_resolved_when_the_care_is_billed_on_another_visit(clinic, excused):
    cancel_visit(excused.visit, reason="registered twice", by=clinic.manager)
    refresh(clinic)
    bill = billed(clinic, visit_of(clinic), line(excused.service, "65.00", order=excused))
    clinic.pay(bill, "65.00")
    assert refresh(clinic) == LeaksOfDay()
    leak = Leak.objects.get(rule="L27")
    assert (leak.state, leak.recovered_amount) == ("RESOLVED", Decimal("65.00"))
    assert Leak.objects.get(rule="L01").recovered_amount == ZERO
