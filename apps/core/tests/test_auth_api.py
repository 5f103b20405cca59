"""The contract's area ``auth``, answer by answer."""

import pytest
from rest_framework.test import APIClient

from apps.core.models import Event, User
from apps.core.tests.factories import UserFactory
from apps.core.tests.mailbox import secret_for

pytestmark = pytest.mark.django_db
AUTH = "/api/v1/auth"
NEW = {"email": "Els@Practice.example", "password": "open-sesame-1", "full_name": "Els", "role": "zzp"}


@pytest.fixture
def api():
    return APIClient()


def test_from_registration_to_me(api, no_limits):
    answer = api.post(f"{AUTH}/register", NEW)
    assert (answer.status_code, answer.json()["message"]) == (201, "Check your email to verify your account")
    signing_in = {"username": NEW["email"], "password": NEW["password"]}
    refused = api.post(f"{AUTH}/token", signing_in, format="multipart")
    assert (refused.status_code, refused.json()["detail"]["code"]) == (403, "EMAIL_NOT_VERIFIED")
    assert "hint" in refused.json()["detail"]

    verified = api.get(f"{AUTH}/verify-email?token={secret_for('els@practice.example')}")
    assert (verified.status_code, verified.json()) == (
        200,
        {"message": "Email verified successfully", "verified": True},
    )
    access = api.post(f"{AUTH}/token", signing_in, format="multipart").json()["access_token"]
    me = api.get(f"{AUTH}/me", HTTP_AUTHORIZATION=f"Bearer {access}").json()
    assert me["id"] == answer.json()["user_id"]
    assert (me["email"], me["role"], me["is_email_verified"]) == ("els@practice.example", "zzp", True)
    assert [membership["role"] for membership in me["memberships"]] == ["owner"]


def test_from_a_forgotten_password_to_a_new_one(api, no_limits):
    UserFactory(email="els@practice.example", password=NEW["password"])
    asked = api.post(f"{AUTH}/forgot-password", {"email": NEW["email"]})
    assert asked.json()["message"] == "If an account with this email exists, a password reset email has been sent."
    secret = secret_for("els@practice.example")
    weak = api.post(f"{AUTH}/reset-password", {"token": secret, "new_password": "short"})
    assert (weak.status_code, weak.json()["detail"]["code"]) == (422, "VALIDATION_ERROR")
    assert "new_password" in weak.json()["detail"]["fields"]
    good = {"token": secret, "new_password": "another-sesame-2"}
    assert api.post(f"{AUTH}/reset-password", good).json() == {"message": "Password reset successfully"}
    again = api.post(f"{AUTH}/reset-password", good)
    assert (again.status_code, again.json()["detail"]["code"]) == (400, "INVALID_TOKEN")
    form = {"username": NEW["email"], "password": "another-sesame-2"}
    assert api.post(f"{AUTH}/token", form, format="multipart").status_code == 200


@pytest.mark.parametrize("path", ["forgot-password", "resend-verification"])
@pytest.mark.parametrize("verified", [True, False])
def test_what_is_asked_of_an_address_is_answered_byte_for_byte_alike(api, path, verified, no_limits):
    UserFactory(email="known@practice.example", is_email_verified=verified)
    known, unknown = (
        api.post(f"{AUTH}/{path}", {"email": email}) for email in ("known@practice.example", "nobody@practice.example")
    )
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)


def test_an_address_is_registered_once(api, no_limits):
    UserFactory(email="els@practice.example")
    answer = api.post(f"{AUTH}/register", NEW)
    assert (answer.status_code, answer.json()["detail"]["code"]) == (400, "EMAIL_ALREADY_REGISTERED")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("role", "admin"), ("role", "staff"), ("role", "nonsense"), ("email", "no address"), ("email", ""),
        ("password", "short-1"), ("password", "no-digits-here"), ("password", "123456789012"),
        ("password", "password123"), ("password", "x1" * 65), ("full_name", ""), ("full_name", "x" * 201),
        ("full_name", "Els\x00"), ("country", "XX"),
    ],
)  # fmt: skip
def test_a_registration_that_cannot_be_taken_is_422_by_field_and_registers_nobody(api, field, value, no_limits):
    answer = api.post(f"{AUTH}/register", NEW | {field: value})
    assert (answer.status_code, answer.json()["detail"]["code"]) == (422, "VALIDATION_ERROR")
    assert list(answer.json()["detail"]["fields"]) == [field]
    assert not User.objects.exists()


@pytest.mark.parametrize("form", [False, True])
def test_a_body_larger_than_any_that_makes_sense_is_refused_unread(api, form, no_limits):
    much = "x" * 3_000_000
    if form:
        kind = "application/x-www-form-urlencoded"
        answer = api.post(f"{AUTH}/token", f"username={much}&password=x", content_type=kind)
    else:
        answer = api.post(f"{AUTH}/register", NEW | {"full_name": much})
    assert (answer.status_code, answer.json()["detail"]["code"]) == (413, "BODY_TOO_LARGE")


def test_a_role_may_be_left_out(api, no_limits):
    assert api.post(f"{AUTH}/register", {key: NEW[key] for key in NEW if key != "role"}).status_code == 201
    assert User.objects.get().role == "zzp"


def test_what_the_server_owns_is_not_taken_from_a_registration(api, no_limits):
    more = {"is_superuser": True, "is_email_verified": True, "is_active": False, "access_version": 9, "id": "1"}
    assert api.post(f"{AUTH}/register", NEW | more).status_code == 201
    user = User.objects.get()
    assert (user.is_superuser, user.is_email_verified, user.is_active, user.access_version) == (False, False, True, 0)


@pytest.mark.parametrize("query", ["", "?token=", "?token=nonsense", "?token=" + "x" * 300])
def test_a_link_that_is_none_verifies_nothing(api, query):
    answer = api.get(f"{AUTH}/verify-email{query}")
    assert answer.status_code == 400
    assert answer.json()["detail"]["code"] in ("INVALID_TOKEN", "INVALID_PARAMETER")


def test_a_token_that_came_along_does_not_stand_in_the_way(api, no_limits):
    answer = api.post(f"{AUTH}/register", NEW, HTTP_AUTHORIZATION="Bearer nonsense")
    assert answer.status_code == 201


def test_the_mail_is_in_the_language_of_the_request(api, no_limits):
    api.post(f"{AUTH}/register", NEW, HTTP_ACCEPT_LANGUAGE="nb")
    assert User.objects.get().language == "nb"


def test_no_event_names_an_address_or_a_person(api, no_limits):
    api.post(f"{AUTH}/register", NEW)
    api.get(f"{AUTH}/verify-email?token={secret_for('els@practice.example')}")
    for event in Event.objects.all():
        assert "els" not in str(event.facts).lower()
