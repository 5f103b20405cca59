"""The API's area ``auth``: registration, verification, passwords, tokens, and who is signed in."""

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import parsers, permissions, serializers, status
from rest_framework.decorators import api_view, authentication_classes, parser_classes, permission_classes
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import sign_in
from apps.core.models import Membership, User
from apps.core.parsers import FormBody, JsonBody
from apps.core.password_rules import LONGEST
from apps.core.privacy import attachment
from apps.core.rate_limits import limited
from apps.core.services import accounts, privacy

NO_STORE = {"Cache-Control": "no-store"}


def open_to_all(view: Any) -> Any:
    """Asked by whoever is not signed in; a token or a session that came along is not even looked at."""
    return permission_classes([permissions.AllowAny])(authentication_classes([])(view))


def password_field() -> serializers.CharField:
    return serializers.CharField(trim_whitespace=False, max_length=LONGEST, write_only=True)


class MessageSerializer(serializers.Serializer[Any]):
    message = serializers.CharField()


class EmailSerializer(serializers.Serializer[Any]):
    email = serializers.EmailField()


# Registration --------------------------------------------------------------------------------------------------------


class RegistrationSerializer(EmailSerializer):
    """Somebody new. A role of power is given, never taken: ``admin`` is refused."""

    email = serializers.EmailField(max_length=254)
    password = password_field()
    full_name = serializers.CharField(max_length=200)
    role = serializers.ChoiceField(
        [(role.value, role.label) for role in accounts.REGISTERS_AS], default=User.Role.ZZP, help_text="zzp, accountant"
    )
    practice_name = serializers.CharField(max_length=200, required=False, help_text="Of the zzp's administration.")
    country = serializers.ChoiceField(sorted(accounts.COUNTRIES), required=False, help_text="ISO 3166-1; else NL.")

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        someone = User(email=asked["email"], full_name=asked["full_name"])
        refuse_weak("password", asked["password"], someone)
        return asked


class RegisteredSerializer(MessageSerializer):
    user_id = serializers.UUIDField()


@extend_schema(
    summary="Register", tags=["auth"], request=RegistrationSerializer, responses={201: RegisteredSerializer}, auth=[]
)
@limited("register")
@api_view(["POST"])
@open_to_all
def register(request: Request) -> Response:
    """Register as a practice owner (zzp) or an accountant. A link in an e-mail opens the account."""
    asked = _asked(RegistrationSerializer, request)
    practice = {
        key: asked[given] for key, given in (("name", "practice_name"), ("country", "country")) if given in asked
    }
    user = accounts.register(
        email=asked["email"],
        password=asked["password"],
        full_name=asked["full_name"],
        role=asked["role"],
        language=get_language() or "en",
        practice=practice,
    )
    answer = {"message": _("Check your email to verify your account"), "user_id": user.pk}
    return Response(RegisteredSerializer(answer).data, status=status.HTTP_201_CREATED)


@extend_schema(
    summary="Send the verification e-mail again",
    tags=["auth"],
    request=EmailSerializer,
    responses={200: MessageSerializer},
    auth=[],
)
@limited("resend_verification")
@api_view(["POST"])
@open_to_all
def resend_verification(request: Request) -> Response:
    """Ask for another verification e-mail. The answer is the same whether or not the address is known."""
    accounts.resend_verification(email=_asked(EmailSerializer, request)["email"], language=get_language() or "en")
    words = _("If an account with this email exists and is not yet verified, a verification email has been sent.")
    return _said(words)


class VerifiedSerializer(MessageSerializer):
    verified = serializers.BooleanField()


class SecretSerializer(serializers.Serializer[Any]):
    token = serializers.CharField(max_length=200)


@extend_schema(
    summary="Verify an e-mail address",
    tags=["auth"],
    parameters=[OpenApiParameter("token", str, required=True, description="From the e-mail.")],
    responses={200: VerifiedSerializer},
    auth=[],
)
@limited("verify_email")
@api_view(["GET"])
@open_to_all
def verify_email(request: Request) -> Response:
    """Verify the address with the token from the e-mail; it serves once. A practice owner's administration opens."""
    form = SecretSerializer(data=request.query_params)
    form.is_valid(raise_exception=True)
    accounts.verify_email(form.validated_data["token"])
    answer = {"message": _("Email verified successfully"), "verified": True}
    return Response(VerifiedSerializer(answer).data, headers=NO_STORE)


# Passwords -----------------------------------------------------------------------------------------------------------


@extend_schema(
    summary="Ask for a new password",
    tags=["auth"],
    request=EmailSerializer,
    responses={200: MessageSerializer},
    auth=[],
)
@limited("forgot_password")
@api_view(["POST"])
@open_to_all
def forgot_password(request: Request) -> Response:
    """Ask for a link to choose a new password. The answer is the same whether or not the address is known."""
    accounts.forgot_password(email=_asked(EmailSerializer, request)["email"], language=get_language() or "en")
    return _said(_("If an account with this email exists, a password reset email has been sent."))


class NewPasswordSerializer(SecretSerializer):
    new_password = password_field()


@extend_schema(
    summary="Choose a new password",
    tags=["auth"],
    request=NewPasswordSerializer,
    responses={200: MessageSerializer},
    auth=[],
)
@limited("reset_password")
@api_view(["POST"])
@open_to_all
def reset_password(request: Request) -> Response:
    """Choose a new password with the token from the e-mail; it serves once. Sessions and tokens so far end."""
    asked = _asked(NewPasswordSerializer, request)
    try:
        accounts.reset_password(asked["token"], asked["new_password"])
    except ValidationError as weak:
        raise serializers.ValidationError({"new_password": weak.messages}) from weak
    return _said(_("Password reset successfully"))


# Tokens --------------------------------------------------------------------------------------------------------------


class TokenRequestSerializer(serializers.Serializer[Any]):
    """Sign-in by form, as OAuth 2's password grant writes it: the e-mail address is the username."""

    username = serializers.CharField(max_length=254)
    password = password_field()
    otp = serializers.CharField(
        max_length=40, required=False, help_text="The code of the second factor, or a recovery code."
    )


class AccessSerializer(serializers.Serializer[Any]):
    access_token = serializers.CharField()
    token_type = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds until the access token ends.")


class TokenSerializer(AccessSerializer):
    refresh_token = serializers.CharField()


@extend_schema(
    summary="Sign in",
    tags=["auth"],
    request={"application/x-www-form-urlencoded": TokenRequestSerializer},
    responses={200: TokenSerializer},
    auth=[],
)
@limited("token")
@api_view(["POST"])
@open_to_all
@parser_classes([FormBody, parsers.MultiPartParser, JsonBody])
def token(request: Request) -> Response:
    """Exchange an e-mail address and a password, and the code of a second factor, for tokens."""
    asked = _asked(TokenRequestSerializer, request)
    tokens = sign_in.tokens_for(
        request._request, email=asked["username"], password=asked["password"], code=asked.get("otp", "")
    )
    return Response(TokenSerializer(tokens).data, headers=NO_STORE)


class RefreshRequestSerializer(serializers.Serializer[Any]):
    refresh_token = serializers.CharField()


@extend_schema(
    summary="A new access token",
    tags=["auth"],
    request=RefreshRequestSerializer,
    responses={200: AccessSerializer},
    auth=[],
)
@api_view(["POST"])
@open_to_all
def refresh(request: Request) -> Response:
    """Exchange a refresh token for a new access token."""
    tokens = sign_in.refreshed(_asked(RefreshRequestSerializer, request)["refresh_token"])
    return Response(AccessSerializer(tokens).data, headers=NO_STORE)


# Who is signed in ----------------------------------------------------------------------------------------------------


class MembershipSerializer(serializers.ModelSerializer[Membership]):
    administration_name = serializers.CharField(source="administration.name")

    class Meta:
        model = Membership
        fields = ("administration_id", "administration_name", "role")


class MeSerializer(serializers.ModelSerializer[User]):
    memberships = MembershipSerializer(many=True)

    class Meta:
        model = User
        fields = (
            "id", "email", "full_name", "role", "is_active", "is_email_verified", "language", "created_at",
            "memberships",
        )  # fmt: skip


@extend_schema(summary="Who is signed in", tags=["auth"], responses={200: MeSerializer})
@api_view(["GET"])
def me(request: Request) -> Response:
    """Who is signed in, and in which administrations with which role."""
    asking: Any = request.user
    user = User.objects.prefetch_related("memberships__administration").get(pk=asking.pk)
    return Response(MeSerializer(user).data)


class HeldSerializer(serializers.Serializer[Any]):
    what = serializers.CharField()
    why = serializers.CharField()
    seen_by = serializers.CharField()
    how_it_goes = serializers.CharField()
    facts = serializers.ListField(child=serializers.DictField())


class PersonalDataSerializer(serializers.Serializer[Any]):
    person = serializers.CharField()
    made_at = serializers.DateTimeField()
    rights = serializers.CharField()
    supervisory_authorities = serializers.ListField(child=serializers.CharField())
    held = HeldSerializer(many=True)


@extend_schema(summary="What is held about me", tags=["auth"], responses={200: PersonalDataSerializer})
@api_view(["GET"])
def me_export(request: Request) -> Response:
    """All that is held about whoever is signed in, as a file (GDPR articles 15 and 20)."""
    user: Any = request.user
    data = privacy.export_user(user, by=user)
    return Response(data.as_dict(), headers=attachment(f"personal-data-{user.pk}.json"))


def refuse_weak(field: str, password: str, user: User) -> None:
    """Raises the serializer's ValidationError on ``field`` for a password against the rules."""
    try:
        validate_password(password, user)
    except ValidationError as weak:
        raise serializers.ValidationError({field: weak.messages}) from weak


def _asked(form: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    filled = form(data=request.data)
    filled.is_valid(raise_exception=True)
    return filled.validated_data


def _said(message: str) -> Response:
    return Response(MessageSerializer({"message": message}).data)
