"""Clinic days: which one something is born into, and how it is held while that happens."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from apps.billing.models import ClinicDay
from apps.core.models import Administration


def local_date(administration: Administration, moment: datetime | None = None) -> date:
    """The administration's own date at ``moment`` (now, when not given)."""
    return (moment or timezone.now()).astimezone(ZoneInfo(administration.time_zone)).date()


def day_for(administration: Administration, day: date) -> tuple[ClinicDay, ClinicDay | None]:
    """The clinic day into which something dated ``day`` is born, held shared until the transaction ends.

    When that day is finalized it is the next open one, and the second value is the day it is late for: the next
    day with activity that is not finalized, otherwise today, otherwise the day after the last finalized one.
    """
    wanted = held = _held(administration, day, "SHARE")
    while held.is_finalized:
        held = _held(administration, _next_open(administration, held.date), "SHARE")
    return held, (wanted if wanted != held else None)


def held_alone(administration: Administration, day: date) -> ClinicDay:
    """The clinic day of ``day``, locked against everything that would be born into it."""
    return _held(administration, day, "UPDATE")


def _held(administration: Administration, day: date, mode: str) -> ClinicDay:
    held = _locked(administration, day, mode)
    if held is None:
        ClinicDay.objects.bulk_create([ClinicDay(administration=administration, date=day)], ignore_conflicts=True)
        held = _locked(administration, day, mode)
    assert held is not None  # noqa: S101 - days are never deleted
    held.administration = administration
    return held


def _locked(administration: Administration, day: date, mode: str) -> ClinicDay | None:
    # Django has no FOR SHARE. The row is read once the lock is held: what a close under way decided is seen.
    rows = ClinicDay.objects.raw(
        f"SELECT * FROM billing_clinicday WHERE administration_id = %s AND date = %s FOR {mode}",  # noqa: S608
        [administration.pk, day],
    )
    return next(iter(rows), None)


def _next_open(administration: Administration, day: date) -> date:
    later = ClinicDay.objects.filter(administration=administration, date__gt=day).order_by("date")
    waiting = later.filter(is_finalized=False).first()
    if waiting:
        return waiting.date
    last = later.last()
    return max(local_date(administration), (last.date if last else day) + timedelta(days=1))
