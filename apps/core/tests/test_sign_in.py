"""Signing in by the API: passwords, lockout, second factor, and what ends a token at once."""

from datetime import timedelta

import jwt
import pytest
from django.conf import settings as site_settings
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from apps.core.models import Membership, User
from apps.core.services import people, second_factor
from apps.core.tests.authenticator import app_of, code_of
from apps.core.tests.factories import AdministrationFactory, UserFactory, member, operator

pytestmark = pytest.mark.django_db
AUTH, ME = "/api/v1/auth", "/api/v1/auth/me"
PASSWORD = "open-sesame-1"
Role = Membership.Role


@pytest.fixture(autouse=True)
def fast_hashes(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def api():
    return APIClient()


@pytest.fixture
def clinic():
    return AdministrationFactory()


@pytest.fixture
def person(clinic):
    return member(clinic, Role.MANAGER, password=PASSWORD)


def token(api, person, password=PASSWORD, **more):
    return api.post(f"{AUTH}/token", {"username": person.email, "password": password, **more}, format="multipart")


def code_in(answer):
    return answer.status_code, answer.json()["detail"]["code"]


def me(api, access):
    return api.get(ME, HTTP_AUTHORIZATION=f"Bearer {access}")


# Tokens --------------------------------------------------------------------------------------------------------------


def test_a_refresh_token_gives_a_new_access_token(api, person):
    given = token(api, person).json()
    answer = api.post(f"{AUTH}/token/refresh", {"refresh_token": given["refresh_token"]})
    assert answer.status_code == 200
    assert answer.json()["token_type"] == "bearer"
    assert me(api, answer.json()["access_token"]).json()["email"] == person.email


@pytest.mark.parametrize("which", ["nonsense", "access_token", "expired"])
def test_what_is_no_refresh_token_refreshes_nothing(api, person, which):
    given = token(api, person).json()
    old = RefreshToken.for_user(person)
    old.set_exp(lifetime=-timedelta(seconds=1))
    sent = {"nonsense": "x.y.z", "access_token": given["access_token"], "expired": str(old)}[which]
    answer = api.post(f"{AUTH}/token/refresh", {"refresh_token": sent})
    assert code_in(answer) == (401, "INVALID_TOKEN")
    assert answer["WWW-Authenticate"] == "Bearer"


def forged(person, algorithm, key):
    claims = AccessToken.for_user(person).payload | {"version": person.access_version}
    return jwt.encode(claims, key, algorithm=algorithm)


@pytest.mark.parametrize(
    ("algorithm", "key"), [("none", None), ("HS512", site_settings.SECRET_KEY), ("HS256", "x" * 64)]
)
def test_the_algorithm_and_the_key_are_pinned(api, person, algorithm, key):
    assert code_in(me(api, forged(person, algorithm, key))) == (401, "INVALID_TOKEN")


def test_the_pinned_ones_are_taken(api, person):
    assert me(api, forged(person, "HS256", site_settings.SECRET_KEY)).status_code == 200


ENDINGS = {
    "a new password": lambda person, owner: (person.set_password("another-sesame-2"), person.save()),
    "deactivation": lambda person, owner: User.objects.filter(pk=person.pk).update(is_active=False),
    "deactivation and back": lambda person, owner: (
        User.objects.filter(pk=person.pk).update(is_active=False),
        User.objects.filter(pk=person.pk).update(is_active=True),
    ),
    "another role": lambda person, owner: people.change_role(person.memberships.get(), role=Role.CASHIER, by=owner),
    "the end of a membership": lambda person, owner: people.end_membership(person.memberships.get(), by=owner),
    "rights as an operator": lambda person, owner: User.objects.filter(pk=person.pk).update(is_superuser=True),
    "another kind": lambda person, owner: User.objects.filter(pk=person.pk).update(role="accountant"),
    "a second factor": lambda person, owner: app_of(person),
    "a second factor that the clinic wants": lambda person, owner: type(
        person.memberships.get().administration
    ).objects.update(second_factor_required=True),
    "a membership where a second factor is wanted": lambda person, owner: Membership.objects.create(
        user=person, administration=AdministrationFactory(second_factor_required=True), role=Role.CASHIER
    ),
    "a save of an old copy": lambda person, owner: (
        people.change_role(person.memberships.get(), role=Role.CASHIER, by=owner),
        User(**{field.attname: getattr(person, field.attname) for field in User._meta.concrete_fields}).save(
            force_update=True
        ),
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_ends_tokens_and_sessions_at_once(api, clinic, person, ending):
    given = token(api, person).json()
    browser = Client()
    browser.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    assert me(api, given["access_token"]).status_code == browser.get("/account/").status_code == 200
    ENDINGS[ending](person, member(clinic, Role.OWNER))
    assert code_in(me(api, given["access_token"])) == (401, "INVALID_TOKEN")
    refreshed = api.post(f"{AUTH}/token/refresh", {"refresh_token": given["refresh_token"]})
    assert code_in(refreshed) == (401, "INVALID_TOKEN")
    assert browser.get("/account/").status_code == 302


def test_what_does_not_concern_rights_ends_nothing(api, person):
    given = token(api, person).json()
    User.objects.filter(pk=person.pk).update(full_name="Other", language="nl")
    Membership.objects.create(user=person, administration=AdministrationFactory(), role=Role.CASHIER)
    assert me(api, given["access_token"]).status_code == 200


# Lockout -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [True, False])
def test_ten_failures_lock_an_address_for_a_quarter_of_an_hour_known_or_not(api, person, known, no_limits):
    who = person if known else UserFactory.build(email="nobody@clinic.example")
    for _ in range(10):
        assert code_in(token(api, who, "wrong")) == (401, "INVALID_CREDENTIALS")
    locked = token(api, who)
    assert code_in(locked) == (429, "SIGN_IN_LOCKED")
    assert 890 <= int(locked["Retry-After"]) <= 900
    assert locked.json()["detail"]["minutes"] == 15


def test_a_lock_holds_where_the_failures_came_from_and_nowhere_else(api, person, no_limits):
    for _ in range(10):
        token(api, person, "wrong")
    assert code_in(token(api, person)) == (429, "SIGN_IN_LOCKED")
    elsewhere = APIClient(REMOTE_ADDR="192.0.2.7")
    assert token(elsewhere, person).status_code == 200


@pytest.mark.parametrize(("another", "status"), [("2001:db8::2", 429), ("2001:db8:0:1::1", 200)])
def test_an_ipv6_network_of_one_subscriber_is_one_place(person, another, status, no_limits):
    for _ in range(10):
        token(APIClient(REMOTE_ADDR="2001:db8::1"), person, "wrong")
    assert token(APIClient(REMOTE_ADDR=another), person).status_code == status


def test_a_lock_ends_by_itself(api, person, settings, no_limits):
    settings.AXES_COOLOFF_TIME = timedelta(seconds=0)
    for _ in range(11):
        token(api, person, "wrong")
    assert token(api, person).status_code == 200


def test_success_forgets_the_failures_before_it(api, person, no_limits):
    for _ in range(3):
        for _ in range(9):
            token(api, person, "wrong")
        assert token(api, person).status_code == 200


# Second factor -------------------------------------------------------------------------------------------------------


def test_a_password_alone_does_not_do_with_a_second_factor(api, person):
    app_of(person)
    assert code_in(token(api, person)) == (401, "SECOND_FACTOR_REQUIRED")
    assert code_in(token(api, person, otp="000000")) == (401, "WRONG_SECOND_FACTOR")


def test_a_wrong_password_says_nothing_of_the_second_factor(api, person):
    app_of(person)
    assert code_in(token(api, person, "wrong")) == (401, "INVALID_CREDENTIALS")


def test_the_code_of_the_app_signs_in_once(api, person):
    app = app_of(person)
    code = code_of(app)
    assert token(api, person, otp=code).status_code == 200
    assert code_in(token(api, person, otp=code)) == (401, "WRONG_SECOND_FACTOR")


def test_wrong_codes_slow_the_next_ones_down(api, person):
    app = app_of(person)
    token(api, person, otp="000000")
    assert code_in(token(api, person, otp=code_of(app))) == (401, "WRONG_SECOND_FACTOR")


def test_a_recovery_code_signs_in_once_in_any_spelling(api, person):
    app_of(person)
    first, second, *_ = second_factor.new_recovery_codes(person)
    assert token(api, person, otp=first.lower().replace("-", " ")).status_code == 200
    assert code_in(token(api, person, otp=first)) == (401, "WRONG_SECOND_FACTOR")
    second_factor.new_recovery_codes(person)
    assert code_in(token(api, person, otp=second)) == (401, "WRONG_SECOND_FACTOR")


def test_where_a_clinic_wants_a_second_factor_nobody_signs_in_without(api, clinic, person):
    clinic.second_factor_required = True
    clinic.save()
    assert code_in(token(api, person)) == (403, "SECOND_FACTOR_NOT_SET_UP")
    app = app_of(person)
    assert token(api, person, otp=code_of(app)).status_code == 200


def test_an_operator_needs_a_second_factor_in_production(api, settings):
    person = operator(password=PASSWORD)
    settings.OPERATORS_NEED_SECOND_FACTOR = True
    assert code_in(token(api, person)) == (403, "SECOND_FACTOR_NOT_SET_UP")


# Sessions ------------------------------------------------------------------------------------------------------------


def rewind(browser, key, by):
    session = browser.session
    session[key] = timezone.now().timestamp() - by.total_seconds()
    session.save()


@pytest.mark.parametrize(
    ("key", "by", "status"),
    [
        ("seen", timedelta(minutes=29), 200),
        ("seen", timedelta(minutes=31), 302),
        ("began", timedelta(hours=11, minutes=59), 200),
        ("began", timedelta(hours=12, minutes=1), 302),
    ],
)
def test_a_session_ends_after_half_an_hour_idle_and_twelve_hours_in_any_case(person, key, by, status):
    browser = Client()
    browser.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    browser.get("/account/")
    rewind(browser, key, by)
    assert browser.get("/account/").status_code == status


def test_what_a_page_asks_by_itself_keeps_no_session_awake(person):
    browser = Client()
    browser.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    browser.get("/account/")
    rewind(browser, "seen", timedelta(minutes=20))
    before = browser.session["seen"]
    browser.get("/account/", headers={"X-Background": "1"})
    assert browser.session["seen"] == before
    browser.get("/account/")
    assert browser.session["seen"] > before + 1000
