"""Registration, verification and passwords: what is asked of an address tells nothing about it."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from apps.core import one_time
from apps.core.errors import EmailAlreadyRegistered, InvalidToken, NotAllowed
from apps.core.models import Administration, Event, Mail, Membership, OneTimeToken, User
from apps.core.services import accounts, mail
from apps.core.tests.factories import UserFactory
from apps.core.tests.mailbox import delivered, secret_for

pytestmark = pytest.mark.django_db
PASSWORD = "open-sesame-1"
ADDRESS = "els@practice.example"


def register(**more):
    asked = {"email": ADDRESS, "password": PASSWORD, "full_name": "Els", "role": "zzp", "language": "nl"}
    return accounts.register(**asked | more)


def test_registration_makes_a_person_who_is_not_verified_and_sends_a_link():
    user = register(email="Els@Practice.example")
    assert (user.email, user.is_email_verified, user.check_password(PASSWORD)) == (ADDRESS, False, True)
    (message,) = delivered()
    assert message.to == [ADDRESS]
    assert "/account/verify-email/?token=" in message.body


@pytest.mark.parametrize("role", ["admin", "staff", "owner"])
def test_a_role_of_power_is_never_taken_by_registering(role):
    with pytest.raises(NotAllowed):
        register(role=role)


@pytest.mark.parametrize("verified", [True, False])
def test_an_address_is_registered_once_whatever_its_case(verified):
    UserFactory(email=ADDRESS, is_email_verified=verified)
    with pytest.raises(EmailAlreadyRegistered):
        register(email="ELS@practice.example")


def test_verification_opens_the_administration_of_a_practice_owner():
    user = register(practice={"name": "Praktijk Els", "country": "NO"})
    accounts.verify_email(secret_for(ADDRESS))
    user.refresh_from_db()
    membership = user.memberships.select_related("administration").get()
    administration = membership.administration
    assert (user.is_email_verified, user.practice, membership.role) == (True, {}, Membership.Role.OWNER)
    assert (administration.name, administration.currency, administration.time_zone) == (
        "Praktijk Els",
        "NOK",
        "Europe/Oslo",
    )
    assert administration.single_sign_off
    assert Event.objects.filter(name="core.administration_opened", administration=administration).count() == 1


def test_verification_opens_nothing_for_an_accountant():
    register(role="accountant")
    accounts.verify_email(secret_for(ADDRESS))
    assert not Administration.objects.exists()


def test_a_link_serves_once():
    register()
    secret = secret_for(ADDRESS)
    accounts.verify_email(secret)
    with pytest.raises(InvalidToken):
        accounts.verify_email(secret)
    assert Administration.objects.count() == 1


def test_a_link_ends_with_its_time_with_a_newer_one_and_with_the_person():
    user = register()
    first = secret_for(ADDRESS)
    accounts.resend_verification(email=ADDRESS, language="nl")
    second = secret_for(ADDRESS)
    for ended in (first, "nonsense", ""):
        with pytest.raises(InvalidToken):
            accounts.verify_email(ended)
    User.objects.filter(pk=user.pk).update(is_active=False)
    with pytest.raises(InvalidToken):
        accounts.verify_email(second)


def test_a_verification_link_is_good_for_two_days_and_a_reset_link_for_one_hour():
    user = UserFactory()
    for purpose, lasts in ((one_time.Purpose.VERIFY_EMAIL, 48), (one_time.Purpose.RESET_PASSWORD, 1)):
        one_time.issue(user, purpose)
        token = OneTimeToken.objects.get(purpose=purpose)
        assert abs(token.expires_at - token.created_at - timedelta(hours=lasts)) < timedelta(seconds=5)


def test_a_token_past_its_time_is_refused():
    user = UserFactory()
    digest = one_time.digest_of("late")
    ended = timezone.now() - timedelta(seconds=1)
    OneTimeToken.objects.create(user=user, purpose="RESET_PASSWORD", digest=digest, expires_at=ended)
    with pytest.raises(InvalidToken):
        accounts.reset_password("late", PASSWORD)


def test_a_link_for_one_purpose_does_not_serve_another():
    UserFactory(email=ADDRESS)
    accounts.forgot_password(email=ADDRESS, language="en")
    with pytest.raises(InvalidToken):
        accounts.verify_email(secret_for(ADDRESS))


def test_the_database_holds_digests_and_no_secret():
    register()
    secret = secret_for(ADDRESS)
    with connection.cursor() as cursor:
        for table in ("core_onetimetoken", "core_mail", "core_event", "core_user"):
            cursor.execute(f"SELECT string_agg(t::text, '') FROM {table} t")
            assert secret not in (cursor.fetchone()[0] or "")


@pytest.mark.parametrize(
    "change", ["used_at = NULL", "used_at = now()", "expires_at = now() + interval '1 year', used_at = now()"]
)
def test_the_database_refuses_to_use_a_token_twice_or_to_change_it(change):
    user = register()
    accounts.verify_email(secret_for(ADDRESS))
    one_time.issue(user, one_time.Purpose.RESET_PASSWORD)
    with pytest.raises(IntegrityError) as refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE core_onetimetoken SET {change}")
    assert refused.value.__cause__.diag.constraint_name == "token_used_once"


def test_what_is_asked_about_an_address_writes_the_same_whether_it_is_known():
    UserFactory(email=ADDRESS)
    counted = []
    for address in (ADDRESS, "nobody@practice.example"):
        for ask in (accounts.forgot_password, accounts.resend_verification):
            with connection.execute_wrapper(lambda run, sql, *args: counted.append(sql.split()[0]) or run(sql, *args)):
                ask(email=address, language="en")
    assert counted[: len(counted) // 2] == counted[len(counted) // 2 :]


def test_an_address_that_nobody_has_gets_no_mail_and_is_not_kept():
    accounts.forgot_password(email="nobody@practice.example", language="en")
    accounts.resend_verification(email="nobody@practice.example", language="en")
    assert delivered() == []
    assert not Mail.objects.exists()


def test_an_address_that_is_verified_gets_no_second_verification():
    UserFactory(email=ADDRESS)
    accounts.resend_verification(email=ADDRESS, language="en")
    assert delivered() == []


def test_a_new_password_by_mail_ends_every_other_link_and_is_told():
    user = UserFactory(email=ADDRESS, is_email_verified=False, role="accountant")
    accounts.forgot_password(email=ADDRESS, language="en")
    accounts.reset_password(secret_for(ADDRESS), "another-sesame-2")
    user.refresh_from_db()
    assert user.check_password("another-sesame-2")
    assert user.is_email_verified  # the link has proved the address
    assert delivered()[-1].subject == "Your password was changed"


@pytest.mark.parametrize("weak", ["short-1", "no-digits-here", "12345678901", "password123", "els@practice1", ""])
def test_a_password_against_the_rules_is_refused_and_the_link_stays_good(weak):
    UserFactory(email=ADDRESS)
    accounts.forgot_password(email=ADDRESS, language="en")
    secret = secret_for(ADDRESS)
    with pytest.raises(ValidationError):
        accounts.reset_password(secret, weak)
    accounts.reset_password(secret, PASSWORD)


def test_mail_is_in_the_language_of_its_reader(settings):
    register(language="nl")
    assert User.objects.get().language == "nl"
    settings.SITE_URL = "https://books.example"
    (message,) = delivered()
    assert message.subject == "Bevestig uw e-mailadres"
    assert "https://books.example/account/verify-email/?token=" in message.body


def test_a_mail_is_sent_once_and_says_nothing_afterwards():
    register()
    assert len(delivered()) == 1
    sent = Mail.objects.get()
    mail.send(sent)
    assert len(delivered()) == 1
    assert sent.facts == {}


def test_old_mail_is_forgotten():
    register()
    Mail.objects.update(asked_at=timezone.now() - timedelta(days=31))
    assert mail.forget() == 1


def test_an_e_mail_service_is_named_by_the_environment():
    ask = "from django.core.mail import get_connection as c; print(type(c()).__module__, c().server_token)"
    named = {"EMAIL_SERVICE": "postmark", "ANYMAIL_POSTMARK_SERVER_TOKEN": "the-token"}
    line = [sys.executable, "manage.py", "shell", "-v", "0", "-c", ask]
    told = subprocess.run(
        line, cwd=settings.BASE_DIR, env=os.environ | named, capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["anymail.backends.postmark", "the-token"]
