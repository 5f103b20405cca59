"""The nightly close: at each administration's own closing time, once per local date."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.utils import timezone

from apps.billing.models import ClinicDay, EndOfDayReconciliation, NightlyClose, Visit
from apps.billing.services import nightly
from apps.billing.services.charging import close_visit
from apps.billing.services.closing import cancel_day
from apps.billing.tests.clinic import make_clinic
from apps.core.models import Event


def at(*moment):
    return datetime(*moment, tzinfo=UTC)


@pytest.mark.parametrize(
    ("closing", "zone", "now", "due"),
    [
        (time(23), "Europe/Amsterdam", at(2026, 7, 1, 20, 59), date(2026, 6, 30)),
        (time(23), "Europe/Amsterdam", at(2026, 7, 1, 21, 0), date(2026, 7, 1)),
        (time(23), "Europe/Amsterdam", at(2026, 1, 15, 21, 59), date(2026, 1, 14)),
        (time(23), "Europe/Amsterdam", at(2026, 1, 15, 22, 0), date(2026, 1, 15)),
        (time(20), "Pacific/Auckland", at(2026, 1, 15, 7, 0), date(2026, 1, 15)),
        # after midnight: it closes the evening before
        (time(2), "Africa/Lagos", at(2026, 1, 15, 0, 59), date(2026, 1, 13)),
        (time(2), "Africa/Lagos", at(2026, 1, 15, 1, 0), date(2026, 1, 14)),
        # the clock goes from 02:00 to 03:00: 02:30 never comes, 03:00 is past it
        (time(2, 30), "Europe/Amsterdam", at(2026, 3, 29, 0, 59), date(2026, 3, 27)),
        (time(2, 30), "Europe/Amsterdam", at(2026, 3, 29, 1, 0), date(2026, 3, 28)),
    ],
)
def test_a_day_is_due_when_the_wall_clock_there_passes_the_closing_time(db, closing, zone, now, due):
    clinic = make_clinic(closing_time=closing, time_zone=zone)
    assert nightly.due_date(clinic.administration, now) == due


def test_the_hour_that_comes_twice_closes_once(db):
    clinic = make_clinic(closing_time=time(2, 30))
    first, second = at(2026, 10, 25, 0, 45), at(2026, 10, 25, 1, 45)  # both 02:45 on the wall
    (administration, day) = nightly.due_administrations(first)[0]
    nightly.close_nightly(administration, day)
    assert day == date(2026, 10, 24)
    assert nightly.due_administrations(second) == []
    assert NightlyClose.objects.filter(administration=clinic.administration).count() == 1


def test_it_prepares_every_day_with_activity_that_has_no_close_and_a_person_signs(clinic):
    days = [clinic.today - timedelta(days=back) for back in (3, 1)]
    for day in days:
        clinic.pay(clinic.bill("10.00", day=day), "10.00", day=day)

    run = nightly.close_nightly(clinic.administration, clinic.yesterday)

    closes = EndOfDayReconciliation.objects.order_by("reconciliation_date")
    assert [close.reconciliation_date for close in closes] == days
    assert {(close.status, close.prepared_by) for close in closes} == {("DRAFT", None)}
    assert (run.state, run.closes) == ("DONE", 2)


def test_it_runs_once_per_date_whoever_fires_it(clinic):
    clinic.bill("10.00", day=clinic.yesterday)
    for _ in range(3):
        nightly.close_nightly(clinic.administration, clinic.yesterday)
    assert EndOfDayReconciliation.objects.count() == NightlyClose.objects.count() == 1
    assert Event.objects.filter(name="billing.day_prepared").count() == 1


def test_days_without_activity_need_no_close(clinic):
    assert nightly.close_nightly(clinic.administration, clinic.yesterday).closes == 0
    assert not EndOfDayReconciliation.objects.exists()


def test_what_cannot_be_closed_is_said_and_the_other_days_go_on(clinic):
    ClinicDay.objects.create(administration=clinic.administration, date=clinic.today + timedelta(days=1))
    clinic.bill("10.00")

    run = nightly.close_nightly(clinic.administration, clinic.today + timedelta(days=1))

    assert (run.state, run.closes) == ("REFUSED", 1)
    assert [refusal["code"] for refusal in run.refusals] == ["DAY_IN_FUTURE"]
    assert Event.objects.get(name="billing.nightly_close_ended").facts["refusals"] == run.refusals


def test_a_visit_that_a_person_closed_stays_closed_and_counts_once(clinic):
    visit = Visit.objects.create(
        administration=clinic.administration, patient=clinic.patient(), date=clinic.today, registered_by=None
    )
    close_visit(visit, by=clinic.receptionist)
    close_visit(visit, by=clinic.receptionist)
    assert clinic.close().active_visits_closed == 0
    assert Event.objects.filter(name="billing.visit_closed").count() == 1


def test_a_night_whose_worker_died_is_asked_for_again_after_a_while(clinic):
    now = timezone.now()
    (_, day) = nightly.due_administrations(now)[0]
    run = NightlyClose.objects.create(administration=clinic.administration, date=day)
    assert nightly.due_administrations(now) == []
    NightlyClose.objects.filter(pk=run.pk).update(started_at=now - timedelta(minutes=11))
    assert nightly.due_administrations(now) == [(clinic.administration, day)]


def test_a_close_that_was_taken_back_and_forgotten_is_prepared_again(clinic):
    close = cancel_day(clinic.close(clinic.yesterday), by=clinic.receptionist, reason="too early")
    nightly.close_nightly(clinic.administration, clinic.yesterday)
    close.refresh_from_db()
    assert (close.status, close.prepared_by) == ("DRAFT", None)


def test_a_signed_day_is_left_alone(clinic):
    clinic.finalized(clinic.yesterday)
    assert nightly.close_nightly(clinic.administration, clinic.yesterday).closes == 0
