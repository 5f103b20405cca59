"""Sign-in: a password becomes tokens."""

from typing import Any

from django.contrib.auth import authenticate
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import RefreshToken

from apps.core.errors import EmailNotVerified, InvalidCredentials
from apps.core.rate_limits import hold


def tokens_for(*, email: str, password: str) -> dict[str, Any]:
    """Tokens for the person with that e-mail address and password.

    Raises InvalidCredentials, without telling whether the address is known, EmailNotVerified, or RateLimitExceeded
    after too many attempts from wherever.
    """
    hold("sign_in_account", key=email.lower())
    user = authenticate(username=email.lower(), password=password)
    if user is None:
        raise InvalidCredentials()
    if not user.is_email_verified:
        raise EmailNotVerified()
    refresh = RefreshToken.for_user(user)
    return {
        "access_token": str(refresh.access_token),
        "refresh_token": str(refresh),
        "token_type": "bearer",
        "expires_in": int(api_settings.ACCESS_TOKEN_LIFETIME.total_seconds()),
    }
