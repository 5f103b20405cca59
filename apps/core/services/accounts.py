"""Registration, verification and passwords. What is asked about an address is answered alike whether it is known."""

from django.contrib.auth.password_validation import validate_password
from django.db import IntegrityError, transaction

from apps.core import one_time
from apps.core.errors import EmailAlreadyRegistered, NotAllowed
from apps.core.events import record
from apps.core.models import Administration, Membership, OneTimeToken, User
from apps.core.services import lockout, mail

Purpose = OneTimeToken.Purpose

# A role of power is given, never taken: nobody registers as anything else.
REGISTERS_AS = (User.Role.ZZP, User.Role.ACCOUNTANT)
# Where a practice is -> its currency (ISO 4217) and its time zone (IANA).
COUNTRIES = {
    "NL": ("EUR", "Europe/Amsterdam"),
    "NO": ("NOK", "Europe/Oslo"),
    "NG": ("NGN", "Africa/Lagos"),
}


@transaction.atomic
def register(
    *, email: str, password: str, full_name: str, role: str, language: str, practice: dict[str, str] | None = None
) -> User:
    """A new person, who cannot sign in before the link in the e-mail was followed.

    ``practice`` may say ``name`` and ``country`` of the administration that a practice owner gets once verified.
    Raises NotAllowed, or EmailAlreadyRegistered: the contract wants registration to say so.
    """
    if role not in REGISTERS_AS:
        raise NotAllowed()
    try:
        with transaction.atomic():
            user = User.objects.create_user(
                email, password, full_name=full_name, role=role, language=language, practice=practice or {}
            )
    except IntegrityError as error:
        raise EmailAlreadyRegistered() from error
    record("core.person_registered", user, role=role)
    mail.ask("verify_email", user.email, language=language)
    return user


@transaction.atomic
def resend_verification(*, email: str, language: str) -> None:
    """Ask for another verification e-mail; only an address that waits for one gets it."""
    mail.ask("verify_email", email, language=language)


@transaction.atomic
def verify_email(secret: str) -> User:
    """The address is the person's own. Raises InvalidToken."""
    user = one_time.redeem(secret, Purpose.VERIFY_EMAIL)
    _verified(user)
    return user


@transaction.atomic
def forgot_password(*, email: str, language: str) -> None:
    """Ask for a link to choose a new password; only the address of an active person gets it."""
    mail.ask("reset_password", email, language=language)


@transaction.atomic
def reset_password(secret: str, password: str) -> User:
    """Choose a new password with the link from the e-mail, which also proves the address.

    Raises InvalidToken, or ValidationError for a password against the rules, which leaves the link good.
    """
    user = one_time.redeem(secret, Purpose.RESET_PASSWORD)
    change_password(user, password)
    _verified(user)
    lockout.lift(user)
    return user


@transaction.atomic
def change_password(user: User, password: str) -> None:
    """A new password ends every other session and token of ``user``, and is told by e-mail.

    Raises ValidationError for one against the rules.
    """
    choose_password(user, password)
    record("core.password_changed", user, by=user)
    mail.ask("password_changed", user.email, language=user.language, name=user.full_name)


def choose_password(user: User, password: str) -> None:
    """Set the password without a word about it. Raises ValidationError for one against the rules."""
    validate_password(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    one_time.void(user, Purpose.RESET_PASSWORD)


def _verified(user: User) -> None:
    if user.is_email_verified:
        return
    practice, user.practice, user.is_email_verified = user.practice, {}, True
    user.save(update_fields=["is_email_verified", "practice"])
    record("core.email_verified", user, by=user)
    if user.role == User.Role.ZZP and not user.memberships.exists():
        _open_practice(user, practice)


def _open_practice(owner: User, practice: dict[str, str]) -> Administration:
    """Who registers as a practice owner works alone until they invite others: one person may also sign."""
    country = practice.get("country", "NL")
    currency, time_zone = COUNTRIES[country]
    administration = Administration.objects.create(
        name=practice.get("name") or owner.full_name,
        country=country,
        currency=currency,
        time_zone=time_zone,
        single_sign_off=True,
    )
    Membership.objects.create(administration=administration, user=owner, role=Membership.Role.OWNER)
    record("core.administration_opened", administration, by=owner, owner=owner.pk)
    return administration
