"""Invitations: a role in an administration, offered by e-mail and taken with the link in it."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from apps.core import one_time
from apps.core.errors import AlreadyInvited, AlreadyMember, InvalidToken, InvitedAsAnother, NotAllowed, OwnRole
from apps.core.events import record
from apps.core.models import Administration, Invitation, Membership, User
from apps.core.permissions import STAFF, Act, may, require
from apps.core.rate_limits import hold
from apps.core.services import mail
from apps.core.services.accounts import choose_password

LASTS = timedelta(days=7)
OPEN: dict[str, None] = {"accepted_at": None, "withdrawn_at": None}


def roles_to_give(user: User, administration_id: object) -> list[str]:
    """The roles that ``user`` may offer in that administration."""
    if may(user, Act.MANAGE_PEOPLE, administration_id):  # type: ignore[arg-type]
        return list(Membership.Role)
    return sorted(STAFF) if may(user, Act.INVITE, administration_id) else []  # type: ignore[arg-type]


@transaction.atomic
def invite(
    administration: Administration, *, email: str, role: str, by: User, full_name: str = "", language: str = "en"
) -> Invitation:
    """Offer ``role`` to whoever reads the mail of ``email``, known to Daybook or not.

    Raises NotAllowed, OwnRole, AlreadyMember, AlreadyInvited, or RateLimitExceeded after twenty in an hour.
    """
    require(by, Act.INVITE, administration.pk)
    if role not in roles_to_give(by, administration.pk):
        raise NotAllowed()
    return offer(administration, email=email, role=role, by=by, full_name=full_name, language=language)


def offer(
    administration: Administration, *, email: str, role: str, by: User, full_name: str = "", language: str = "en"
) -> Invitation:
    """As ``invite``, for a caller who has decided that ``by`` may."""
    email = email.lower()
    if email == by.email:
        raise OwnRole()
    known = administration.memberships.filter(user__email=email).select_related("user").first()
    if known is not None:
        raise AlreadyMember(person=str(known.user))
    hold("invitation", key=str(by.pk))
    _end_the_old(administration, email)
    if Invitation.objects.filter(administration=administration, email=email, **OPEN).exists():
        raise AlreadyInvited(email=email)
    invitation = Invitation.objects.create(
        administration=administration,
        email=email,
        full_name=full_name,
        role=role,
        language=language,
        invited_by=by,
        expires_at=timezone.now() + LASTS,
    )
    record("core.person_invited", invitation, by=by, role=role)
    mail.ask("invitation", email, language=language, invitation=invitation.pk)
    return invitation


@transaction.atomic
def send_again(invitation: Invitation, *, by: User) -> None:
    """A new link, good for as long as the first one was; the old one ends. Raises NotAllowed or InvalidToken."""
    invitation = _held(invitation)
    _may_handle(invitation, by)
    hold("invitation", key=str(by.pk))
    invitation.expires_at = timezone.now() + LASTS
    invitation.save(update_fields=["expires_at"])
    mail.ask("invitation", invitation.email, language=invitation.language, invitation=invitation.pk)


@transaction.atomic
def withdraw(invitation: Invitation, *, by: User) -> None:
    """End an invitation that nobody took. Raises NotAllowed, or InvalidToken when it ended already."""
    invitation = _held(invitation)
    _may_handle(invitation, by)
    invitation.withdrawn_at = timezone.now()
    invitation.save(update_fields=["withdrawn_at"])
    record("core.invitation_withdrawn", invitation, by=by)


def find(secret: str) -> Invitation:
    """The open invitation that the link leads to. Raises InvalidToken."""
    invitation = (
        Invitation.objects.select_related("administration", "invited_by")
        .filter(digest=one_time.digest_of(secret), expires_at__gt=timezone.now(), **OPEN)
        .first()
    )
    if invitation is None:
        raise InvalidToken()
    return invitation


def signs_in_first(invitation: Invitation) -> bool:
    """Whether the invited person has an account that is theirs beyond doubt, and so signs in to accept."""
    return User.objects.filter(email=invitation.email, is_email_verified=True).exists()


@transaction.atomic
def accept(secret: str, *, by: User) -> Membership:
    """Take the role as the person who is signed in. Raises InvalidToken, InvitedAsAnother or AlreadyMember."""
    invitation = _held(find(secret))
    if by.email != invitation.email:
        raise InvitedAsAnother(email=invitation.email)
    if Membership.objects.filter(administration=invitation.administration, user=by).exists():
        raise AlreadyMember(person=str(by))
    membership = Membership.objects.create(administration=invitation.administration, user=by, role=invitation.role)
    invitation.accepted_at = timezone.now()
    invitation.save(update_fields=["accepted_at"])
    record(
        "core.member_added", membership, by=by, person=by.pk, role=membership.role, invited_by=invitation.invited_by_id
    )
    return membership


@transaction.atomic
def accept_as_new(secret: str, *, full_name: str, password: str) -> User:
    """Take the role as somebody new: the link has proved the address. Whatever was registered on it without proof
    gets this name and password.

    Raises InvalidToken, or ValidationError for a password against the rules, which leaves the link good.
    """
    invitation = find(secret)
    if signs_in_first(invitation):
        raise InvitedAsAnother(email=invitation.email)
    user, _ = User.objects.get_or_create(email=invitation.email, defaults={"role": _kind(invitation.role)})
    user.full_name, user.language = full_name, invitation.language
    user.is_email_verified = True
    user.save(update_fields=["full_name", "language", "is_email_verified"])
    choose_password(user, password)
    accept(secret, by=user)
    return user


def _kind(role: str) -> str:
    kinds = {Membership.Role.OWNER: User.Role.ZZP, Membership.Role.ACCOUNTANT: User.Role.ACCOUNTANT}
    return kinds.get(Membership.Role(role), User.Role.STAFF)


def _held(invitation: Invitation) -> Invitation:
    """The same invitation, locked. Raises InvalidToken when it has ended."""
    held = Invitation.objects.select_for_update(of=("self",)).filter(pk=invitation.pk, **OPEN).first()
    if held is None:
        raise InvalidToken()
    return held


def _may_handle(invitation: Invitation, by: User) -> None:
    if invitation.role not in roles_to_give(by, invitation.administration_id):
        raise NotAllowed()


def _end_the_old(administration: Administration, email: str) -> None:
    """An invitation whose time is over stands in nobody's way."""
    now = timezone.now()
    old = Invitation.objects.filter(administration=administration, email=email, expires_at__lte=now, **OPEN)
    old.update(withdrawn_at=now)
