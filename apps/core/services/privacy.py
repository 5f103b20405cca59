"""A user's own data: what is held, to take along, and its erasure. What they signed stays signed, by nobody's name."""

from collections.abc import Iterator
from typing import Any

from axes.models import AccessAttempt
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django_otp.plugins.otp_totp.models import TOTPDevice

from apps.core.errors import LastOwner, NotAllowed, OwnRole
from apps.core.events import record
from apps.core.models import (
    Administration,
    Delivery,
    Event,
    IdempotentRequest,
    Invitation,
    Job,
    Mail,
    Membership,
    OneTimeToken,
    User,
)
from apps.core.permissions import Act, may
from apps.core.privacy import Erasure, Held, PersonalData, retention_in
from apps.core.services import lockout


def may_answer_for(by: User, user: User) -> bool:
    """Whether ``by`` may hand out or erase what is held about ``user``.

    An operator may; whoever manages people may only where that is all there is of the person: of a colleague who also
    works elsewhere they end the membership, and of an operator they decide nothing.
    """
    if by.is_superuser and by.is_active:
        return True
    there = list(user.memberships.values_list("administration_id", flat=True))
    return bool(there) and not user.is_superuser and all(may(by, Act.MANAGE_PEOPLE, pk) for pk in there)


def data_of_user(user: User) -> PersonalData:
    """What is held about ``user``, now."""
    countries = sorted(set(_administrations(user).values_list("country", flat=True)))
    return PersonalData(
        person=str(user.pk),
        authorities=tuple(retention_in(country).authority for country in countries),
        held=tuple(held for held in _held(user, countries) if held.rows),
    )


@transaction.atomic
def export_user(user: User, *, by: User) -> PersonalData:
    """What is held about ``user``, to take along; that it was is recorded. Raises NotAllowed."""
    if by.pk != user.pk and not may_answer_for(by, user):
        raise NotAllowed()
    record("core.person_exported", user, by=by)
    return data_of_user(user)


@transaction.atomic
def erase_user(user: User, *, by: User, reason: str) -> Erasure:
    """Empty all that says who ``user`` is, end their roles and let them in no more; ``reason`` is a Ground.

    What they did stays, by "Erased person". Erasing again changes nothing. Raises NotAllowed, OwnRole for oneself, or
    LastOwner where an administration would be left without an owner.
    """
    user = User.objects.select_for_update().get(pk=user.pk)
    if not may_answer_for(by, user):
        raise NotAllowed()
    if by.pk == user.pk:
        raise OwnRole()
    if user.erased_at:
        return Erasure(erased=(), kept=data_of_user(user).held)
    _end_memberships(user, by)
    _forget(user)
    user.email, user.full_name = f"{user.pk}@erased.invalid", ""  # RFC 2606: an address of nobody, ever
    user.password = make_password(None)
    user.is_active = user.is_superuser = user.is_email_verified = False
    user.last_login, user.practice, user.erased_at = None, {}, timezone.now()
    user.save()
    record("core.person_erased", user, by=by, ground=reason)
    erased = (
        _("Name, e-mail address, password and second factor"),
        _("Roles, sessions, invitations, e-mails and kept answers"),
    )
    return Erasure(erased=erased, kept=data_of_user(user).held)


def _forget(user: User) -> None:
    """Delete what else knows the person: one line for each table."""
    IdempotentRequest.objects.filter(user=user).delete()
    Job.objects.filter(by=user, finished_at__isnull=False).delete()
    Delivery.objects.filter(last_error__icontains=user.email).update(last_error="")
    Session.objects.filter(pk__in=[session.pk for session in sessions_of(user)]).delete()
    OneTimeToken.objects.filter(user=user).delete()
    TOTPDevice.objects.filter(user=user).delete()
    Invitation.objects.filter(email=user.email).delete()
    Mail.objects.filter(address=user.email).delete()
    lockout.lift(user)


def sessions_of(user: User) -> Iterator[Session]:
    """The sessions in which ``user`` is signed in: only what is inside one tells whose it is."""
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        if session.get_decoded().get("_auth_user_id") == str(user.pk):
            yield session


def _end_memberships(user: User, by: User) -> None:
    for membership in user.memberships.select_related("administration").order_by("administration_id"):
        if membership.role == Membership.Role.OWNER:
            # Locked: of two last owners who are erased at once, the second is found to be the last.
            owners = Membership.objects.select_for_update(of=("self",)).select_related("user").order_by("pk")
            owners = owners.filter(administration=membership.administration_id, role=Membership.Role.OWNER)
            if not any(owner.user.is_active and owner.user_id != user.pk for owner in owners):
                raise LastOwner(person=str(user), administration=str(membership.administration))
        record("core.membership_ended", membership, by=by, person=user.pk, role=membership.role)
        membership.delete()


def _administrations(user: User) -> Any:
    """Where the person works, and where they did something."""
    acted = Event.objects.filter(by=user).order_by().values("administration")
    return Administration.objects.filter(Q(memberships__user=user) | Q(pk__in=acted)).distinct()


def _held(user: User, countries: list[str]) -> Iterator[Held]:
    managers = _("You, whoever manages people where you work, and operators")
    yield Held(
        pgettext("of a person", "Account"),
        _("To let you in and to say who did what."),
        managers,
        _("Erased when you ask."),
        {"email": _("e-mail address"), "full_name": _("name"), "role": _("kind"), "created_at": _("registered"),
         "last_login": _("last sign-in")},
        [] if user.erased_at else [
            {"email": user.email, "full_name": user.full_name, "role": user.role, "created_at": user.created_at,
             "last_login": user.last_login, "is_email_verified": user.is_email_verified, "is_active": user.is_active}
        ],
    )  # fmt: skip
    yield Held(
        _("Roles"),
        _("To let you do your work, and nothing else."),
        managers,
        _("End with the account."),
        {"administration": _("administration"), "role": _("role")},
        [{"administration": str(one.administration), "role": one.role}
         for one in user.memberships.select_related("administration")],
    )  # fmt: skip
    yield Held(
        _("Sessions"),
        _("To keep you signed in."),
        _("Nobody"),
        _("Deleted when they end, and with the account."),
        {"until": _("until")},
        [{"until": session.expire_date} for session in sessions_of(user)],
    )
    yield Held(
        _("Second factor"),
        _("To let nobody else in."),
        _("Whoever manages people where you work sees that there is one; its secret nobody sees"),
        _("Deleted with the account."),
        {"set_up": _("set up")},
        [{"set_up": device.created_at} for device in TOTPDevice.objects.filter(user=user, confirmed=True)],
    )
    yield Held(
        _("Invitations"),
        _("To offer you a role."),
        _("Whoever invites people there"),
        _("Deleted with the account."),
        {"administration": _("administration"), "role": _("role"), "invited": _("invited")},
        [{"administration": str(one.administration), "role": one.role, "invited": one.created_at}
         for one in Invitation.objects.filter(email=user.email).select_related("administration")],
    )  # fmt: skip
    yield Held(
        _("E-mails"),
        _("To send them and to know that they were sent."),
        _("Operators"),
        _("Deleted after thirty days, and with the account. What they said is not kept."),
        {"kind": _("kind"), "sent": _("sent")},
        [{"kind": one.kind, "sent": one.sent_at} for one in Mail.objects.filter(address=user.email)],
    )
    yield Held(
        _("Failed sign-ins"),
        _("To lock the account against guessing."),
        _("Operators"),
        _("Deleted with the next sign-in from there, after a day, and with the account."),
        {"at": _("when"), "where": _("where"), "times": _("times")},
        [{"at": one.attempt_time, "where": one.ip_address, "times": one.failures_since_start}
         for one in AccessAttempt.objects.filter(username=user.email)],
    )  # fmt: skip
    yield Held(
        _("Jobs"),
        _("To show you how far your long work is."),
        _("You and operators"),
        _("Deleted ninety days after they ended, and with the account."),
        {"title": _("title"), "created_at": _("started")},
        [{"title": job.title, "created_at": job.created_at} for job in Job.objects.filter(by=user)],
    )
    laws = [f"{country}: {retention_in(country).years} ({retention_in(country).source})" for country in countries]
    yield Held(
        _("What you did"),
        _("Who posted, signed and changed something is part of the books: without it they prove nothing."),
        _("Managers, owners and accountants of that administration"),
        _(
            "Kept with the books, under a key without your name once you are erased; "
            "years after the end of the financial year: %(laws)s. GDPR article 17(3)(b)."
        )
        % {"laws": "; ".join(laws) or "-"},
        {"at": _("when"), "what": _("what"), "administration": _("where")},
        [{"at": at, "what": name, "administration": where} for at, name, where in
         Event.objects.filter(by=user).order_by("id").values_list("at", "name", "administration__name")],
    )  # fmt: skip
