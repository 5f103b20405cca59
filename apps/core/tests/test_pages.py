"""The pages around signing in, by Django's client; a browser goes through them in config/tests/test_browser.py."""

import pytest
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

from apps.core.models import Membership, User
from apps.core.services import invitations, second_factor
from apps.core.tests.authenticator import app_of, code_of
from apps.core.tests.factories import AdministrationFactory, UserFactory, member
from apps.core.tests.mailbox import secret_for

pytestmark = pytest.mark.django_db
PASSWORD = "open-sesame-1"
Role = Membership.Role


@pytest.fixture(autouse=True)
def fast_hashes(settings, no_limits):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def clinic():
    return AdministrationFactory(name="Clinic Zuid")


@pytest.fixture
def person(clinic):
    return member(clinic, Role.MANAGER, password=PASSWORD)


def give_password(client, person, **more):
    return client.post("/admin/login/?next=/admin/core/job/", {"username": person.email, "password": PASSWORD, **more})


def signed_in(client):
    return "_auth_user_id" in client.session


def test_a_password_signs_in_and_leads_where_one_wanted_to_go(client, person):
    assert give_password(client, person).headers["Location"] == "/admin/core/job/"
    assert signed_in(client)


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_nobody_is_led_to_another_site(client, person, wanted):
    answer = client.post(f"/admin/login/?next={wanted}", {"username": person.email, "password": PASSWORD})
    assert answer.headers["Location"] == "/admin/"


def test_with_a_second_factor_the_password_signs_nobody_in(client, person):
    app = app_of(person)
    answer = give_password(client, person)
    assert answer.headers["Location"].startswith("/account/second-factor/?next=")
    assert not signed_in(client)
    assert client.get("/admin/").status_code == 302
    assert client.post("/account/second-factor/", {"code": "000000"}).status_code == 401
    app.refresh_from_db()
    app.throttle_reset()
    assert client.post("/account/second-factor/", {"code": code_of(app)}).status_code == 302
    assert signed_in(client)


def test_half_signed_in_ends_after_ten_minutes_and_with_a_new_password(client, person):
    app = app_of(person)
    give_password(client, person)
    session = client.session
    session["half_signed_in"] |= {"at": session["half_signed_in"]["at"] - 601}
    session.save()
    assert client.post("/account/second-factor/", {"code": code_of(app)}).headers["Location"] == "/admin/login/"
    give_password(client, person)
    User.objects.filter(pk=person.pk).update(is_active=False)
    assert client.post("/account/second-factor/", {"code": code_of(app)}).headers["Location"] == "/admin/login/"


def test_where_the_clinic_wants_it_signing_in_goes_through_setting_it_up(client, clinic, person):
    clinic.second_factor_required = True
    clinic.save()
    assert give_password(client, person).headers["Location"].startswith("/account/second-factor/set-up/")
    assert not signed_in(client)
    page = client.get("/account/second-factor/set-up/")
    assert "<svg" in page.content.decode()
    answer = client.post("/account/second-factor/set-up/", {"code": code_of(TOTPDevice.objects.get(user=person))})
    assert len(answer.context["codes"]) == 10
    assert signed_in(client)
    assert client.get("/admin/").status_code == 200


def test_the_set_up_secret_is_shown_to_nobody_else(person):
    assert Client().get("/account/second-factor/set-up/").headers["Location"] == "/admin/login/"


def test_somebody_signed_in_sets_it_up_and_stays_signed_in_here_only(client, person):
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    elsewhere = Client()
    elsewhere.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    client.get("/account/second-factor/set-up/")
    code = {"code": code_of(TOTPDevice.objects.get(user=person))}
    wrong = client.post("/account/second-factor/set-up/", code | {"proof": "not-it-1234"})
    assert "proof" in wrong.context["form"].errors
    client.post("/account/second-factor/set-up/", code | {"proof": PASSWORD})
    assert client.get("/account/").status_code == 200
    assert elsewhere.get("/account/").status_code == 302


def test_another_app_takes_a_code_of_the_one_that_it_replaces(client, person):
    old = app_of(person)
    client.force_login(User.objects.get(pk=person.pk), backend="django.contrib.auth.backends.ModelBackend")
    client.get("/account/second-factor/set-up/")
    new = TOTPDevice.objects.get(user=person, confirmed=False)
    stolen = client.post("/account/second-factor/set-up/", {"code": code_of(new), "proof": PASSWORD})
    assert stolen.status_code == 401
    assert TOTPDevice.objects.get(user=person, confirmed=True) == old
    old.refresh_from_db()
    old.throttle_reset()
    client.post("/account/second-factor/set-up/", {"code": code_of(new), "proof": code_of(old)})
    assert TOTPDevice.objects.get(user=person, confirmed=True) == new


def test_a_password_alone_replaces_no_second_factor_that_is_set_up(client, person):
    app = app_of(person)
    give_password(client, person)
    thiefs = second_factor.begin(person)
    for answer in (
        client.get("/account/second-factor/set-up/"),
        client.post("/account/second-factor/set-up/", {"code": code_of(thiefs)}),
    ):
        assert answer.headers["Location"] == "/account/second-factor/"
    assert not signed_in(client)
    assert TOTPDevice.objects.get(user=person, confirmed=True) == app


def test_new_recovery_codes_take_the_second_factor(client, person):
    app = app_of(person)
    client.force_login(User.objects.get(pk=person.pk), backend="django.contrib.auth.backends.ModelBackend")
    assert client.post("/account/recovery-codes/", {"code": "000000"}).status_code == 401
    app.refresh_from_db()
    app.throttle_reset()
    assert len(client.post("/account/recovery-codes/", {"code": code_of(app)}).context["codes"]) == 10


def test_a_wrong_password_and_an_unknown_address_are_told_alike(client, person):
    pages = [
        client.post("/admin/login/", {"username": email, "password": "wrong-sesame-1"})
        for email in (person.email, "nobody@clinic.example")
    ]
    assert [page.status_code for page in pages] == [401, 401]
    told = [page.context["refusal"] for page in pages]
    assert told[0] == told[1]


def test_a_locked_account_says_how_long(client, person):
    for _ in range(10):
        client.post("/admin/login/", {"username": person.email, "password": "wrong-sesame-1"})
    answer = give_password(client, person)
    assert answer.status_code == 429
    assert "Wait 15 minutes" in answer.content.decode()
    assert int(answer["Retry-After"]) > 0


def test_registering_by_page_and_verifying_with_a_button(client):
    form = {
        "email": "els@practice.example", "password": PASSWORD, "full_name": "Els", "role": "zzp",
        "practice_name": "Praktijk Els", "country": "NL",
    }  # fmt: skip
    assert "els@practice.example" in client.post("/account/register/", form).content.decode()
    link = f"/account/verify-email/?token={secret_for('els@practice.example')}"
    for _ in range(2):
        client.get(link)  # a mail scanner
    assert not User.objects.get().is_email_verified
    assert client.post(link).status_code == 200
    assert User.objects.get().memberships.get().administration.name == "Praktijk Els"
    assert client.post(link).status_code == 400


def test_nobody_registers_as_an_operator(client):
    form = {"email": "els@practice.example", "password": PASSWORD, "full_name": "Els", "role": "admin", "country": "NL"}
    assert "role" in client.post("/account/register/", form).context["form"].errors
    assert not User.objects.exists()


def test_a_new_password_by_page(client, person):
    client.post("/account/forgot-password/", {"email": person.email})
    link = f"/account/reset-password/?token={secret_for(person.email)}"
    assert "password" in client.post(link, {"password": "short"}).context["form"].errors
    assert client.post(link, {"password": "another-sesame-2"}).status_code == 200
    person.refresh_from_db()
    assert person.check_password("another-sesame-2")


def test_changing_ones_password_takes_the_old_one_and_ends_other_sessions(client, person):
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    elsewhere = Client()
    elsewhere.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    wrong = {"current": "not-it-1234", "password": "another-sesame-2"}
    assert "current" in client.post("/account/change-password/", wrong).context["form"].errors
    client.post("/account/change-password/", wrong | {"current": PASSWORD})
    assert client.get("/account/").status_code == 200
    assert elsewhere.get("/account/").status_code == 302


def test_an_invitation_leads_somebody_new_through_name_and_password(client, clinic, person):
    invitations.invite(clinic, email="new@clinic.example", role=Role.CASHIER, by=person, full_name="New")
    link = f"/account/invitation/?token={secret_for('new@clinic.example')}"
    page = client.get(link)
    assert "Clinic Zuid" in page.content.decode()
    assert page.context["form"]["full_name"].value() == "New"
    client.post(link, {"full_name": "New", "password": PASSWORD})
    assert User.objects.get(email="new@clinic.example").memberships.get().role == Role.CASHIER


def test_an_invitation_leads_somebody_known_through_signing_in_and_back(client, clinic, person):
    known = UserFactory(email="known@clinic.example", password=PASSWORD)
    invitations.invite(clinic, email=known.email, role=Role.CASHIER, by=person)
    link = f"/account/invitation/?token={secret_for(known.email)}"
    to_sign_in = client.get(link).headers["Location"]
    back = client.post(to_sign_in, {"username": known.email, "password": PASSWORD}).headers["Location"]
    assert back == link
    assert client.post(back).headers["Location"] == "/admin/"
    assert known.memberships.get().administration == clinic


def test_the_account_page_says_where_one_works_and_what_one_did(client, clinic, person):
    give_password(client, person)
    page = client.get("/account/").content.decode()
    for told in (person.full_name, "Clinic Zuid · Manager", "core.signed_in"):
        assert told in page


def test_the_language_that_one_chooses_is_the_language_of_ones_mail(client, person):
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    client.post("/i18n/setlang/", {"language": "nb", "next": "/admin/"})
    person.refresh_from_db()
    assert person.language == "nb"
