"""A clinic that is connected to the payment provider, for tests."""

import time
from decimal import Decimal as D

from apps.billing.models import ClinicDay, PaystackEvent
from apps.billing.reports.paystack import mismatches_of
from apps.billing.services import paystack as services
from apps.billing.tasks import handle_provider_message

EMAIL = "somebody@patients.example"


def connected(clinic, provider, settings):
    settings.PAYSTACK_SECRET_KEYS = {str(clinic.administration.pk): provider.key}
    settings.PAYSTACK_URL = provider.url
    return clinic


def message_about(clinic, provider, reference, event="charge.success"):
    body = provider.message(event, {"reference": reference, "amount": 999_999, "at": time.monotonic_ns()})
    services.take_message(clinic.administration.pk, body, provider.signed(body))
    return PaystackEvent.objects.filter(administration=clinic.administration).latest("id")


def handled(message):
    """The message once somebody asked the provider about it."""
    handle_provider_message(str(message.pk))
    message.refresh_from_db()
    return message


def linked(clinic, bill, amount=None):
    amount = None if amount is None else D(amount)
    return services.initialize_payment(bill, email=EMAIL, amount=amount, by=clinic.receptionist).reference


def today_of(clinic):
    return ClinicDay.objects.get_or_create(administration=clinic.administration, date=clinic.today)[0]


def codes(clinic):
    return [found["code"] for found in mismatches_of(today_of(clinic))]
