"""The nightly close: each administration at its own local closing time, once per local date."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from apps.billing.models import ClinicDay, NightlyClose
from apps.billing.services.closing import close_day
from apps.core.errors import DomainError
from apps.core.events import record
from apps.core.models import Administration
from apps.ledger.models import Period
from apps.ledger.services.opening import open_years

NOON = time(12)
# A run that has not ended by then has lost its worker, and is asked for again.
LOST_AFTER = timedelta(minutes=10)


def due_date(administration: Administration, now: datetime | None = None) -> date:
    """The last local date whose closing time has come, by the wall clock there, whatever daylight saving does.

    A closing time before noon belongs to the evening before: at 02:00 the clinic closes yesterday.
    """
    local = (now or timezone.now()).astimezone(ZoneInfo(administration.time_zone))
    days = 0 if local.time() >= administration.closing_time else 1
    return local.date() - timedelta(days=days + (administration.closing_time < NOON))


def due_administrations(now: datetime | None = None) -> list[tuple[Administration, date]]:
    """Administrations whose closing time has come and that were not closed for that date, with the date."""
    now = now or timezone.now()
    due = [(administration, due_date(administration, now)) for administration in Administration.objects.all()]
    run = set(
        NightlyClose.objects.filter(date__in={day for _, day in due})
        .exclude(state=NightlyClose.State.RUNNING, started_at__lt=now - LOST_AFTER)
        .values_list("administration", "date")
    )
    return [(administration, day) for administration, day in due if (administration.pk, day) not in run]


def close_nightly(administration: Administration, day: date) -> NightlyClose:
    """Prepare the close of every day up to ``day`` that has activity and none yet; a person signs them later.

    Safe to run twice and by two workers at once: a close is made once. What cannot be closed is listed with its
    reason, and the other days go on.
    """
    run, _ = NightlyClose.objects.get_or_create(administration=administration, date=day)
    if run.state != NightlyClose.State.RUNNING:
        return run
    if not Period.objects.covering(administration, day):
        open_years(administration, day.year, day.year)

    made, refusals = 0, []
    for waiting in ClinicDay.objects.filter(administration=administration).up_to(day).without_close().order_by("date"):
        try:
            _, created = close_day(administration, waiting.date, by=None)
        except DomainError as refusal:
            said = {name: str(fact) for name, fact in refusal.detail().items()}
            refusals.append({**said, "date": waiting.date.isoformat()})
        else:
            made += created
    return _ended(run, made, refusals)


@transaction.atomic
def _ended(run: NightlyClose, made: int, refusals: list[dict[str, str]]) -> NightlyClose:
    """Whoever comes first says how the night went; a second worker made nothing."""
    run = NightlyClose.objects.select_for_update().get(pk=run.pk)
    if run.state == NightlyClose.State.RUNNING:
        run.closes, run.refusals = made, refusals
        run.state = NightlyClose.State.REFUSED if refusals else NightlyClose.State.DONE
        run.finished_at = timezone.now()
        run.save()
        record("billing.nightly_close_ended", run, closes=made, refusals=refusals)
    return run
