"""A clinic with many days behind it: everything that happens in a clinic happened on them, and none was closed."""

from datetime import date, timedelta

from django.db import transaction
from django.utils import timezone

from apps.billing.demo.clinic import open_clinic, user_of
from apps.billing.demo.days import EVENING, Days
from apps.billing.demo.story import SHORT, Story
from apps.billing.models import Patient, Visit
from apps.billing.services.days import local_date
from apps.core.models import Administration, Membership
from apps.core.money import ZERO
from apps.ledger.services.opening import open_years

TURN = 20  # working days after which what makes days special begins anew


@transaction.atomic
def busy_clinic(days: int) -> tuple[Administration, list[date]]:
    """The clinic and its last ``days`` working days before today.

    Each has orders, discounts, payments in every way, cover that is claimed and answered by the insurer, drawers that
    were counted and emptied, a terminal's total, wallets, leaks, and a visit that nobody ended; every tenth a drawer
    that was short.
    """
    now = timezone.now()
    clinic = open_clinic()
    today = local_date(clinic, now)
    back = (today - timedelta(days=ago) for ago in range(1, 2 * days + 8))
    lived = [day for day in back if day.weekday() < 5][:days][::-1]
    open_years(clinic, (lived or [today])[0].year, today.year)
    made = Days(clinic, now)
    story = Story(clinic, made)
    patient = Patient.objects.filter(administration=clinic).latest("code")
    for number, day in enumerate(lived):
        made.make(day, short=SHORT if number % 10 == 3 else ZERO)
        story.tell(day, TURN - number % TURN)
        Visit.objects.create(
            administration=clinic,
            patient=patient,
            date=day,
            started_at=made.at(day, EVENING),
            registered_by=user_of(Membership.Role.RECEPTIONIST),
        )
    return clinic, lived
