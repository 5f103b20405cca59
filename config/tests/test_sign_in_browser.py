"""Coming in, in a real browser: registration to second factor, invitation, lockout. E-mails come by SMTP."""

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from apps.core.models import Membership, User
from apps.core.tests.authenticator import code_of
from apps.core.tests.factories import AdministrationFactory, member

SHOTS = Path(__file__).resolve().parents[2] / "var" / "screenshots"
SIZES = {"wide": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
PASSWORD = "open-sesame-1"
ELS = "els@practice.example"
Role = Membership.Role


@pytest.fixture(params=SIZES)
def person(request, site, worker, new_context):
    """A person at a browser of one size; no page may fail in its scripts or scroll sideways."""

    class Person:
        def __init__(self):
            self.page = new_context(viewport=SIZES[request.param]).new_page()
            self.page.set_default_timeout(10_000)
            self.page.on("pageerror", lambda error: pytest.fail(f"{self.page.url}: {error}"))

        def opens(self, path):
            self.page.goto(site.url + path)

        def fills(self, **fields):
            for label, value in fields.items():
                self.page.get_by_label(label.replace("_", " ")).fill(value)

        def presses(self, name):
            with self.page.expect_navigation():
                self.page.get_by_role("button", name=name, exact=True).click()

        def reads(self, words):
            self.page.get_by_text(words).first.wait_for()

        def looks(self, name):
            SHOTS.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=SHOTS / f"{name}-{request.param}.png", full_page=True)
            assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} scrolls sideways"

        def signs_in(self, email, password=PASSWORD):
            self.opens("/admin/")
            self.fills(**{"E-mail_address": email, "Password": password})
            self.presses("Sign in")

    return Person


def test_from_registration_to_the_second_factor(person, post_office):
    els = person()
    els.opens("/account/register/")
    els.fills(**{"Full_name": "Els", "E-mail_address": ELS, "Password": PASSWORD, "Name_of_the_practice": "Praktijk"})
    els.looks("register")
    els.presses("Register")
    els.reads("Look into your mail")

    els.signs_in(ELS)
    els.reads("Please verify your e-mail address")
    els.opens(post_office.link_to(ELS, "Verify"))
    els.looks("verify")
    els.presses("This address is mine")
    els.signs_in(ELS)
    els.page.wait_for_url("**/admin/")

    # She sets up her app. The page shows the key once; the app answers with codes.
    els.opens("/account/second-factor/set-up/")
    els.looks("second-factor")
    device = User.objects.get(email=ELS).totpdevice_set.get()
    assert els.page.locator(".secret").inner_text().replace(" ", "") in device.config_url
    els.fills(Your_password=PASSWORD, Code_of_the_new_app="000000")
    els.presses("Set up")
    els.reads("This code is wrong")
    els.fills(Your_password=PASSWORD, Code_of_the_new_app=code_of(device))
    els.presses("Set up")
    els.looks("recovery-codes")
    codes = els.page.locator(".codes li").all_inner_texts()
    assert len(set(codes)) == 10

    # From another place it takes the password and a code; one of the recovery codes does, once.
    elsewhere = person()
    elsewhere.signs_in(ELS)
    elsewhere.reads("Your code")
    elsewhere.opens("/admin/")
    elsewhere.reads("Sign in")
    elsewhere.signs_in(ELS)
    elsewhere.fills(Code=codes[0])
    elsewhere.presses("Go on")
    elsewhere.page.wait_for_url("**/admin/")
    third = person()
    third.signs_in(ELS)
    third.fills(Code=codes[0])
    third.presses("Go on")
    third.reads("This code is wrong")
    post_office.letter_to(ELS, "second factor was changed")


def test_an_owner_invites_and_somebody_new_comes_in(person, committed, post_office):
    clinic = AdministrationFactory(name="Clinic Zuid")
    member(clinic, Role.OWNER, email="owner@clinic.example", full_name="Otto", password=PASSWORD)
    owner = person()
    owner.signs_in("owner@clinic.example")
    owner.opens("/admin/core/invitation/add/")
    owner.page.locator("[name=email]").fill(ELS)
    owner.page.locator("[name=role]").select_option(Role.RECEPTIONIST)
    owner.looks("invite")
    owner.presses("Save")
    owner.reads("Waiting")
    owner.looks("invitations")

    els = person()
    els.opens(post_office.link_to(ELS, "Clinic Zuid invites you"))
    els.reads("Otto invites you to Clinic Zuid as Receptionist.")
    els.fills(Full_name="Els", Password="short")
    els.presses("Accept")
    els.reads("at least 10 characters")
    els.fills(Password=PASSWORD)
    els.looks("invitation")
    els.presses("Accept")
    els.signs_in(ELS)
    els.page.wait_for_url("**/admin/")
    els.opens("/account/")
    els.reads("Clinic Zuid · Receptionist")
    els.looks("account")


def test_ten_wrong_passwords_lock_the_door_and_a_new_password_opens_it(person, committed, post_office, no_limits):
    member(AdministrationFactory(), Role.MANAGER, email=ELS, password=PASSWORD)
    els = person()
    for _ in range(10):
        els.signs_in(ELS, "wrong-sesame-1")
        els.reads("Incorrect e-mail address or password.")
        no_limits()
    els.signs_in(ELS)
    els.reads("Wait 15 minutes")
    els.looks("locked")

    els.opens("/account/forgot-password/")
    els.fills(**{"E-mail_address": ELS})
    els.presses("Send a link")
    els.opens(post_office.link_to(ELS, "new password"))
    els.fills(Password="another-sesame-2")
    els.presses("Choose")
    no_limits()
    els.signs_in(ELS, "another-sesame-2")
    els.page.wait_for_url("**/admin/")


# The same by a program, as the contract writes it ---------------------------------------------------------------------


def ask(site, path, *, method="GET", **request):
    """Status and JSON of an answer of the API."""
    asked = urllib.request.Request(f"{site.url}/api/v1/auth/{path}", method=method, **request)
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def post(site, path, body):
    return ask(site, path, method="POST", data=json.dumps(body).encode(), headers={"Content-Type": "application/json"})


def sign_in(site, password):
    form = urllib.parse.urlencode({"username": ELS, "password": password}).encode()
    return ask(site, "token", method="POST", data=form)


def secret_in(link):
    return re.search(r"token=([\w-]+)", link).group(1)


def test_the_whole_flow_by_a_real_client_with_its_mail_by_smtp(site, worker, post_office):
    new = {"email": ELS, "password": PASSWORD, "full_name": "Els", "role": "zzp"}
    assert post(site, "register", new)[0] == 201
    first = secret_in(post_office.link_to(ELS, "Verify"))
    assert sign_in(site, PASSWORD)[1]["detail"]["code"] == "EMAIL_NOT_VERIFIED"

    assert post(site, "resend-verification", {"email": ELS})[0] == 200
    second = secret_in(post_office.link_to(ELS, "Verify"))
    assert second != first
    assert ask(site, f"verify-email?token={first}")[1]["detail"]["code"] == "INVALID_TOKEN"
    assert ask(site, f"verify-email?token={second}") == (
        200,
        {"message": "Email verified successfully", "verified": True},
    )

    status, tokens = sign_in(site, PASSWORD)
    assert status == 200
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert ask(site, "me", headers=bearer)[1]["memberships"][0]["role"] == "owner"
    status, fresh = post(site, "token/refresh", {"refresh_token": tokens["refresh_token"]})
    assert (status, set(fresh)) == (200, {"access_token", "token_type", "expires_in"})

    assert post(site, "forgot-password", {"email": ELS})[0] == 200
    reset = secret_in(post_office.link_to(ELS, "new password"))
    changed = {"token": reset, "new_password": "another-sesame-2"}
    assert post(site, "reset-password", changed) == (200, {"message": "Password reset successfully"})
    assert ask(site, "me", headers=bearer)[1]["detail"]["code"] == "INVALID_TOKEN"
    assert sign_in(site, PASSWORD)[1]["detail"]["code"] == "INVALID_CREDENTIALS"
    assert sign_in(site, "another-sesame-2")[0] == 200
