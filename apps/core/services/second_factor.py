"""The second factor: a time-based code (TOTP, RFC 6238) from an app, and recovery codes for the day it is lost."""

import base64
import secrets

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from apps.core import one_time
from apps.core.errors import SecondFactorNotSetUp, SecondFactorRequired, WrongSecondFactor
from apps.core.events import record
from apps.core.models import Administration, OneTimeToken, User
from apps.core.services import mail

RECOVERY_CODES = 10


def is_set_up(user: User) -> bool:
    """Whether ``user`` signs in with a code."""
    return TOTPDevice.objects.filter(user=user, confirmed=True).exists()


def is_required(user: User) -> bool:
    """Whether ``user`` must sign in with a code: an administration of theirs says so, or they are an operator."""
    asked = Administration.objects.filter(memberships__user=user, second_factor_required=True)
    return bool(user.is_superuser and settings.OPERATORS_NEED_SECOND_FACTOR) or asked.exists()


@transaction.atomic
def begin(user: User) -> TOTPDevice:
    """The secret for the person's app; it counts only after a first code. Asking again shows the same one."""
    device: TOTPDevice
    device, _ = TOTPDevice.objects.get_or_create(user=user, confirmed=False, defaults={"name": "app"})
    return device


def readable_secret(device: TOTPDevice) -> str:
    """The secret in groups of four, for whoever types it into the app."""
    letters = base64.b32encode(device.bin_key).decode()
    return " ".join(letters[i : i + 4] for i in range(0, len(letters), 4))


@transaction.atomic
def set_up(user: User, code: str) -> list[str]:
    """Confirm the app with its first code; it replaces an earlier one and ends other sessions and tokens.

    Returns recovery codes, shown once. Raises WrongSecondFactor.
    """
    device = TOTPDevice.objects.select_for_update().filter(user=user, confirmed=False).first()
    if device is None or not device.verify_token(_digits(code)):
        raise WrongSecondFactor()  # nobody guesses a secret that the page shows: its slowing down may be rolled back
    TOTPDevice.objects.filter(user=user, confirmed=True).delete()
    device.confirmed = True
    device.save(update_fields=["confirmed"])
    _changed(user)
    record("core.second_factor_set_up", user, by=user)
    return new_recovery_codes(user)


def prove(user: User, code: str) -> None:
    """The code of the app, or a recovery code, which is then used up.

    Raises SecondFactorRequired without a code, SecondFactorNotSetUp where one must be set up first, and
    WrongSecondFactor: for a wrong code, one that was used before, or one that comes too soon after wrong ones.
    """
    if not is_set_up(user):
        if is_required(user):
            raise SecondFactorNotSetUp()
        return
    if not code:
        raise SecondFactorRequired()
    if not (_app_says(user, code) or _recovered(user, code)):
        raise WrongSecondFactor()


@transaction.atomic
def new_recovery_codes(user: User) -> list[str]:
    """Ten codes of 140 random bits that replace the earlier ones. Kept as SHA-256, so they are shown only now."""
    one_time.void(user, OneTimeToken.Purpose.RECOVERY_CODE)
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    OneTimeToken.objects.bulk_create(
        OneTimeToken(user=user, purpose=OneTimeToken.Purpose.RECOVERY_CODE, digest=one_time.digest_of(_plain(code)))
        for code in codes
    )
    return codes


@transaction.atomic
def remove(user: User, *, by: User) -> None:
    """Take the second factor away: the phone and the recovery codes are lost. Ends every session and token."""
    TOTPDevice.objects.filter(user=user).delete()
    one_time.void(user, OneTimeToken.Purpose.RECOVERY_CODE)
    _changed(user)
    record("core.second_factor_removed", user, by=by)


def _changed(user: User) -> None:
    User.objects.filter(pk=user.pk).update(access_version=F("access_version") + 1)
    user.refresh_from_db(fields=["access_version"])
    mail.ask("second_factor_changed", user.email, language=user.language, name=user.full_name)


@transaction.atomic
def _app_says(user: User, code: str) -> bool:
    """Locked, so that of two requests with one code only one passes; a wrong one slows the next ones down."""
    device = TOTPDevice.objects.select_for_update().get(user=user, confirmed=True)
    return bool(device.verify_token(_digits(code)))


@transaction.atomic
def _recovered(user: User, code: str) -> bool:
    spent = OneTimeToken.objects.filter(
        user=user,
        purpose=OneTimeToken.Purpose.RECOVERY_CODE,
        digest=one_time.digest_of(_plain(code)),
        used_at=None,
    ).update(used_at=timezone.now())
    if spent:
        record("core.recovery_code_used", user, by=user)
    return bool(spent)


def _recovery_code() -> str:
    letters = base64.b32encode(secrets.token_bytes(20)).decode()[:28]
    return "-".join(letters[i : i + 4] for i in range(0, 28, 4))


def _plain(code: str) -> str:
    return code.replace("-", "").replace(" ", "").upper()


def _digits(code: str) -> str:
    return code.replace(" ", "")
