"""Secrets that a person gets once, by e-mail or on a page: 256 random bits, kept as SHA-256 (OWASP ASVS 11.5.1)."""

import hashlib
import secrets
from datetime import timedelta

from django.utils import timezone

from apps.core.errors import InvalidToken
from apps.core.models import OneTimeToken, User

Purpose = OneTimeToken.Purpose
LASTS = {Purpose.VERIFY_EMAIL: timedelta(days=2), Purpose.RESET_PASSWORD: timedelta(hours=1)}


def new_secret() -> str:
    """256 random bits that travel in a link."""
    return secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """What is kept of a secret. It has no structure to guess, so a fast hash serves."""
    return hashlib.sha256(secret.encode()).hexdigest()


def issue(user: User, purpose: str) -> str:
    """A new secret for ``user``; earlier ones for the same purpose end with it."""
    void(user, purpose)
    secret = new_secret()
    OneTimeToken.objects.create(
        user=user, purpose=purpose, digest=digest_of(secret), expires_at=timezone.now() + LASTS[Purpose(purpose)]
    )
    return secret


def redeem(secret: str, purpose: str) -> User:
    """Whose secret it is; it cannot be used again, unless the transaction around is rolled back.

    Raises InvalidToken for one that is unknown, used, too old, or meant for something else, all alike.
    """
    now = timezone.now()
    token = (
        OneTimeToken.objects.select_for_update(of=("self",))
        .select_related("user")
        .filter(digest=digest_of(secret), purpose=purpose, used_at=None, expires_at__gt=now, user__is_active=True)
        .first()
    )
    if token is None:
        raise InvalidToken()
    token.used_at = now
    token.save(update_fields=["used_at"])
    return token.user


def void(user: User, purpose: str) -> None:
    """End what ``user`` was given for ``purpose`` and did not use."""
    OneTimeToken.objects.filter(user=user, purpose=purpose, used_at=None).delete()


def forget() -> int:
    """Delete what ended a month ago, and return how many there were. Recovery codes have no end of their own."""
    return OneTimeToken.objects.filter(expires_at__lt=timezone.now() - timedelta(days=30)).delete()[0]
