"""The app on a person's phone."""

from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from apps.core.services import second_factor


def app_of(person):
    """An app that was set up; the code that did it does not stand in the way of the next one."""
    device = second_factor.begin(person)
    second_factor.set_up(person, code_of(device))
    TOTPDevice.objects.filter(user=person).update(last_t=-1)
    return TOTPDevice.objects.get(user=person)


def code_of(device, ahead=0):
    """What the app shows now, or ``ahead`` steps of 30 seconds later."""
    return f"{totp(device.bin_key, t0=-30 * ahead):06}"
