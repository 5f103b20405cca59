"""What follows an event a moment later."""

from django.core import mail

from apps.billing.models import ServiceGroup
from apps.billing.services.nightly import close_nightly
from apps.core.events import record
from apps.core.models import Administration, Delivery
from apps.core.services.delivery import deliver_due
from apps.ledger.models import Account, Period


def test_what_the_nightly_close_prepared_is_told_once_to_those_who_sign(clinic):
    for day in (clinic.yesterday, clinic.today):
        clinic.bill("10.00", day=day)
    close_nightly(clinic.administration, clinic.today)
    deliver_due()
    assert sorted(message.to[0] for message in mail.outbox) == sorted([clinic.manager.email, clinic.owner.email])
    assert {message.subject for message in mail.outbox} == {"Clinic Zuid: 2 days wait for your signature"}


def test_a_night_without_activity_is_told_to_nobody(clinic):
    close_nightly(clinic.administration, clinic.today)
    deliver_due()
    assert mail.outbox == []


def test_a_new_administration_gets_its_books_and_its_catalogue_once(db):
    administration = Administration.objects.create(name="New", country="NG", currency="NGN", time_zone="Africa/Lagos")
    event = record("core.administration_opened", administration)
    for _ in range(2):
        deliver_due()
        Delivery.objects.filter(event=event).update(delivered_at=None, next_attempt_at=event.at)
    assert Account.objects.get(administration=administration, purpose="cash_drawer").code == "1000"
    assert Period.objects.filter(administration=administration, type="MONTH").count() == 12
    assert ServiceGroup.objects.filter(administration=administration).count() == 6
