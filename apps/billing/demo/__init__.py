"""The demo clinic of ``make run``: invented people, believable days, the same every time for the same date.

What happens every day is written as rows with times of its own, as an import writes them; what makes a day special,
every close and every signature goes through the services, in the name of the people who would do it.
"""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from apps.billing.demo.clinic import COLLEAGUE, OPERATOR, PASSWORD, PEOPLE, SOURCE, email_of, open_clinic, user_of
from apps.billing.demo.days import Days
from apps.billing.demo.story import Story
from apps.billing.models import ClinicDay, EndOfDayReconciliation, NightlyClose
from apps.billing.services.closing import close_day, finalize_day
from apps.billing.services.days import local_date
from apps.billing.services.leaks import refresh_leaks
from apps.billing.services.nightly import close_nightly
from apps.core.events import record
from apps.core.models import Administration, Delivery, Membership
from apps.ledger.demo import keep_demo_books
from apps.ledger.services.opening import open_years

__all__ = [
    "COLLEAGUE",
    "OPERATOR",
    "PASSWORD",
    "PEOPLE",
    "demo_clinic",
    "email_of",
    "make_demo",
    "real_administrations",
]

DAYS = 91


def demo_clinic() -> Administration | None:
    return Administration.objects.filter(source=SOURCE).first()


def real_administrations() -> bool:
    """Whether there are books here that the demo did not open."""
    return Administration.objects.exclude(source=SOURCE).exists()


def make_demo(now: datetime | None = None, *, days: int = DAYS) -> Administration:
    """The demo clinic as it stands at ``now``, with ``days`` behind it: made when it is not there, given a morning when
    today is still empty.

    Earlier days are closed and signed, but for the last one: the nightly job prepared it, and it waits for the manager.
    """
    now = now or timezone.now()
    clinic = demo_clinic()
    if clinic is not None:
        today = local_date(clinic, now)
        if not ClinicDay.objects.filter(administration=clinic, date=today).exists():
            with transaction.atomic():
                open_years(clinic, today.year, today.year)
                Days(clinic, now).make(today)
        return clinic
    with transaction.atomic():
        clinic = open_clinic()
        today = local_date(clinic, now)
        past = [today - timedelta(days=back) for back in range(days, 0, -1)]
        past = [day for day in past if day.weekday() < 5]
        open_years(clinic, past[0].year, today.year)
        _live(clinic, past, today, Days(clinic, now))
        keep_demo_books(clinic, since=past[0], today=today, by=user_of(Membership.Role.ACCOUNTANT))
        record("billing.demo_made", clinic, days=len(past) + 1)
        _told_long_ago(clinic)
    return clinic


def _told_long_ago(clinic: Administration) -> None:
    """Three months of letters would be sent at once: of days that are past they were read when they came."""
    letters = Delivery.objects.filter(event__administration=clinic, handler__startswith="apps.billing.handlers.mail_")
    letters.update(delivered_at=timezone.now())


def _live(clinic: Administration, past: list[date], today: date, days: Days) -> None:
    """Day after day: what happened, and then its close, prepared by the receptionist and signed by the manager."""
    receptionist, manager = user_of(Membership.Role.RECEPTIONIST), user_of(Membership.Role.MANAGER)
    story = Story(clinic, days)
    for ago, day in zip(range(len(past), 0, -1), past, strict=True):
        days.make(day, short=story.short_of(ago))
        story.tell(day, ago)
        if ago > 1:
            close, _made = close_day(clinic, day, by=receptionist)
            finalize_day(close, by=manager, note=story.note_of(ago))
    _at_its_hour(close_nightly(clinic, today - timedelta(days=1)))
    refresh_leaks(days.make(today))


def _at_its_hour(night: NightlyClose) -> None:
    """The night, and the draft that it left, at the closing time of the clinic. What is signed keeps the moment of its
    signature: that is a law."""
    clinic = night.administration
    begun = datetime.combine(night.date, clinic.closing_time, ZoneInfo(clinic.time_zone))
    NightlyClose.objects.filter(pk=night.pk).update(started_at=begun, finished_at=begun + timedelta(seconds=3))
    drafts = EndOfDayReconciliation.objects.filter(administration=clinic, prepared_by=None, status="DRAFT")
    drafts.update(prepared_at=begun + timedelta(seconds=2))
