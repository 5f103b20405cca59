"""The outbox of e-mails: asked for in the transaction of the fact, written and sent a moment later.

Sending is at least once: a worker that dies between the mail server's "accepted" and its own commit sends again.
A kind is a template, ``templates/mail/<kind>.txt``, whose first line is the subject.
"""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation

from apps.core import display, one_time
from apps.core.errors import told_again
from apps.core.events import record
from apps.core.models import Invitation, Mail, Membership, OneTimeToken, User

KEPT_FOR = timedelta(days=30)


def ask(kind: str, address: str, *, language: str, **facts: Any) -> Mail:
    """Ask for an e-mail; ``facts`` are JSON values for its template. Nothing is looked up about the address."""
    mail = Mail.objects.create(kind=kind, address=address.lower(), language=language, facts=facts)
    record("core.mail_asked", mail, kind=kind)
    return mail


def send(mail: Mail) -> None:
    """Put the e-mail together in its reader's language and send it; one that nobody should get is dropped."""
    if mail.sent_at:
        return
    facts = FACTS.get(mail.kind, _as_asked)(mail)
    if facts is None:
        mail.delete()
        return
    with translation.override(facts.get("language") or mail.language or settings.LANGUAGE_CODE):
        facts["refusals"] = [(day_of(kept), told_again(kept)) for kept in facts.get("refusals", ())]
        text = render_to_string(f"mail/{mail.kind}.txt", {**facts, "site": settings.SITE_URL})
    subject, _, body = text.strip().partition("\n")
    EmailMessage(subject.strip(), body.strip() + "\n", to=[mail.address]).send()
    mail.sent_at, mail.facts = timezone.now(), {}
    mail.save(update_fields=["sent_at", "facts"])


def day_of(refusal: dict[str, Any]) -> str:
    """The day that a kept refusal is about, as people write it."""
    return display.day(date.fromisoformat(refusal["date"]))


def forget() -> int:
    """Delete what was asked longer ago than anybody asks about, and return how many there were."""
    return Mail.objects.filter(asked_at__lt=timezone.now() - KEPT_FOR).delete()[0]


def link(page: str, secret: str) -> str:
    """The address of a page that takes a secret. From the settings, never from a request's Host header."""
    return f"{settings.SITE_URL}{reverse(page)}?token={secret}"


# What each kind says -------------------------------------------------------------------------------------------------


def _as_asked(mail: Mail) -> dict[str, Any] | None:
    return dict(mail.facts)


def _verification(mail: Mail) -> dict[str, Any] | None:
    user = User.objects.filter(email=mail.address, is_active=True, is_email_verified=False).first()
    return _with_link(user, "verify_email_page", OneTimeToken.Purpose.VERIFY_EMAIL)


def _reset(mail: Mail) -> dict[str, Any] | None:
    user = User.objects.filter(email=mail.address, is_active=True).first()
    return _with_link(user, "reset_password_page", OneTimeToken.Purpose.RESET_PASSWORD)


def _with_link(user: User | None, page: str, purpose: str) -> dict[str, Any] | None:
    if user is None:
        return None
    return {"name": user.full_name, "link": link(page, one_time.issue(user, purpose)), "language": user.language}


def _invitation(mail: Mail) -> dict[str, Any] | None:
    invitation = (
        Invitation.objects.select_related("administration", "invited_by")
        .filter(pk=mail.facts["invitation"], accepted_at=None, withdrawn_at=None)
        .first()
    )
    if invitation is None:
        return None
    secret = one_time.new_secret()
    invitation.digest = one_time.digest_of(secret)
    invitation.save(update_fields=["digest"])
    return {
        "administration": invitation.administration.name,
        "by": str(invitation.invited_by),
        "role": Membership.Role(invitation.role).label,  # lazy: said in the language of the mail
        "until": invitation.expires_at,
        "link": link("invitation_page", secret),
        "language": invitation.language,
    }


FACTS: dict[str, Callable[[Mail], dict[str, Any] | None]] = {
    "verify_email": _verification,
    "reset_password": _reset,
    "invitation": _invitation,
}
