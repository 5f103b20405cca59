"""Sign-in: a password, and perhaps a code, become tokens or a session."""

from typing import Any

from django.contrib.auth import authenticate
from django.http import HttpRequest
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import RefreshToken

from apps.core.errors import EmailNotVerified, InvalidCredentials
from apps.core.models import User
from apps.core.rate_limits import hold
from apps.core.services import lockout, second_factor

VERSION = "version"  # the claim that holds User.access_version


def check_password(request: HttpRequest, *, email: str, password: str) -> User:
    """The person with that e-mail address and password; what else they owe is the caller's to ask.

    Raises SignInLocked, RateLimitExceeded after too many attempts from wherever, InvalidCredentials, without telling
    whether the address is known, or EmailNotVerified.
    """
    email = email.lower()
    lockout.check(request, email)
    hold("sign_in_account", key=email)
    user: Any = authenticate(request, username=email, password=password)
    if user is None:
        raise InvalidCredentials()
    if not user.is_email_verified:
        raise EmailNotVerified()
    return user


def tokens_for(request: HttpRequest, *, email: str, password: str, code: str = "") -> dict[str, Any]:
    """Tokens for the person with that e-mail address and password, and with that code of their second factor.

    Raises what ``check_password`` and ``second_factor.prove`` raise.
    """
    user = check_password(request, email=email, password=password)
    second_factor.prove(user, code)
    lockout.forgive(request, user)
    refresh = refresh_token(user)
    return _answer(refresh.access_token) | {"refresh_token": str(refresh)}


def refresh_token(user: User) -> RefreshToken:
    """A token that is good until the person's password or rights change."""
    token = RefreshToken.for_user(user)
    token[VERSION] = user.access_version
    return token


def refreshed(token: str) -> dict[str, Any]:
    """A new access token for a refresh token. Raises AuthenticationFailed when it has ended or was revoked."""
    try:
        refresh = RefreshToken(token)  # type: ignore[arg-type]
        Bearer().get_user(refresh)
    except TokenError as error:
        raise AuthenticationFailed() from error
    return _answer(refresh.access_token)


def _answer(access: Any) -> dict[str, Any]:
    lasts = int(api_settings.ACCESS_TOKEN_LIFETIME.total_seconds())
    return {"access_token": str(access), "token_type": "bearer", "expires_in": lasts}


class Bearer(JWTAuthentication):
    """A token is good while the person is active and has the password and the rights that it was given on."""

    def get_user(self, validated_token: Any) -> Any:
        user: Any = super().get_user(validated_token)
        if validated_token.get(VERSION) != user.access_version:
            raise AuthenticationFailed()
        return user
