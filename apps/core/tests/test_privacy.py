"""What is held about a user: taken along, erased, decided for every field of every table."""

from datetime import timedelta
from importlib import import_module
from threading import Barrier, Thread

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import IntegrityError, connection, models, transaction
from django.test import Client
from django.utils import timezone

from apps.core.errors import LastOwner, NotAllowed, OwnRole
from apps.core.events import record
from apps.core.models import Delivery, Event, IdempotentRequest, Job, Membership, User
from apps.core.privacy import RETENTION, Fate, Ground, kept_until, retention_in
from apps.core.services.privacy import erase_user, export_user, sessions_of
from apps.core.tasks import forget
from apps.core.tests.dump import places_of
from apps.core.tests.factories import AdministrationFactory, MembershipFactory, member, operator

Role = Membership.Role
EMAIL, NAME = "quintilla@xylander.example", "Quintilla Xylander"
PAGE = "/admin/core/user/{}/personal-data/".format

# Fields of these kinds hold no words: keys, numbers, moments, yes and no. What has choices holds one of them.
WORDLESS = (
    models.AutoField, models.UUIDField, models.BooleanField, models.IntegerField, models.DecimalField,
    models.DateTimeField, models.TimeField,
)  # fmt: skip


@pytest.fixture
def clinic(db):
    return AdministrationFactory()


@pytest.fixture
def owner(clinic):
    return member(clinic, Role.OWNER)


@pytest.fixture
def user(clinic):
    """Somebody who left traces wherever a user does."""
    user = member(clinic, Role.CASHIER, email=EMAIL, full_name=NAME, password="open-sesame-1")
    Client().force_login(user)
    User.objects.filter(pk=user.pk).update(last_login=timezone.now())
    event = record("core.tried", clinic, by=user)
    Delivery.objects.create(event=event, handler="nobody", last_error=f"SMTPRecipientsRefused: {{'{EMAIL}': 550}}")
    IdempotentRequest.objects.create(user=user, key=EMAIL, fingerprint="x", status=200, answer=NAME.encode())
    Job.objects.create(task="x", title=NAME, by=user, refusals=[{"what": EMAIL}], finished_at=timezone.now())
    return User.objects.get(pk=user.pk)


# Decided -------------------------------------------------------------------------------------------------------------


def decided():
    """Every app's decisions in one table."""
    modules = [import_module(f"{config.name}.privacy") for config in apps.get_app_configs() if ours(config)]
    return {label: fields for module in modules for label, fields in module.FIELDS.items()}


def ours(config):
    return config.name.startswith("apps.")


def test_every_field_that_can_hold_words_is_decided():
    found = {
        model._meta.label: {
            field.name
            for field in model._meta.concrete_fields
            if not (field.is_relation or field.choices or isinstance(field, WORDLESS))
        }
        for model in apps.get_models(include_auto_created=True)
    }
    assert {label: set(fields) for label, fields in decided().items()} == {
        label: names for label, names in found.items() if names
    }
    assert {fate for fields in decided().values() for fate in fields.values()} == set(Fate)


@pytest.mark.parametrize(("country", "years"), [("NL", 7), ("NO", 5), ("NG", 6), ("XX", 7)])
def test_the_books_are_kept_as_long_as_the_country_says(country, years):
    end = timezone.now().date().replace(month=12, day=31)
    assert kept_until(country, end) == end.replace(year=end.year + years)
    assert retention_in(country).source


def test_the_document_tells_the_same_retention(settings):
    told = (settings.BASE_DIR / "docs" / "privacy.md").read_text()
    for country, rule in RETENTION.items():
        assert f"| {country} | {rule.years} years | {rule.source} | {rule.authority} |" in told


# Taken along ---------------------------------------------------------------------------------------------------------


def test_a_user_takes_along_what_is_held(user, client, clinic):
    client.force_login(user)
    answer = client.get("/api/v1/auth/me/export")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert (answer.headers["X-Content-Type-Options"], answer.headers["Cache-Control"]) == ("nosniff", "no-store")
    held = {one["what"]: one for one in answer.json()["held"]}
    assert (held["Account"]["facts"][0]["email"], held["Account"]["facts"][0]["full_name"]) == (EMAIL, NAME)
    assert held["Roles"]["facts"] == [{"administration": clinic.name, "role": "cashier"}]
    assert [fact["what"] for fact in held["What you did"]["facts"]] == ["core.tried", "core.person_exported"]
    assert "AWR" in held["What you did"]["how_it_goes"]
    assert {"Sessions", "Jobs"} <= set(held)
    assert "Autoriteit Persoonsgegevens" in answer.json()["supervisory_authorities"]


def test_every_export_is_recorded_without_a_name(user, owner):
    export_user(user, by=owner)
    event = Event.objects.get(name="core.person_exported")
    assert (event.subject_id, event.by, event.facts) == (user.pk, owner, {})


def test_one_s_own_page_shows_and_hands_out_nothing_of_others(user, owner, client):
    client.force_login(user)
    page = client.get("/admin/personal-data/")
    assert EMAIL in page.content.decode()
    assert "Erase for good" not in page.content.decode()
    file = client.post("/admin/personal-data/")
    assert file.json()["person"] == str(user.pk)
    assert owner.email not in file.content.decode()


# Erased --------------------------------------------------------------------------------------------------------------


def test_after_erasure_the_user_stands_nowhere_in_the_database(user, owner):
    assert places_of(EMAIL, NAME)  # the search finds what is there
    erasure = erase_user(user, by=owner, reason=Ground.NOT_NEEDED)
    assert places_of(EMAIL, NAME) == set()
    assert erasure.erased
    assert [held.title for held in erasure.kept] == ["What you did"]


def test_what_an_erased_user_signed_stays_signed_by_nobody_s_name(user, owner):
    before = Event.objects.get(name="core.tried")
    erase_user(user, by=owner, reason=Ground.NOT_NEEDED)
    after = Event.objects.get(name="core.tried")
    assert (after.by_id, after.at, after.facts) == (user.pk, before.at, before.facts)
    assert str(after.by) == "Erased person"
    erased = Event.objects.get(name="core.person_erased")
    assert (erased.subject_id, erased.by, erased.facts) == (user.pk, owner, {"ground": "NOT_NEEDED"})


def test_an_erased_user_comes_in_no_more(user, owner, client):
    client.force_login(user)
    assert client.get("/api/v1/auth/me/").status_code == 200
    erase_user(user, by=owner, reason=Ground.NOT_NEEDED)
    assert list(sessions_of(user)) == []
    assert client.get("/api/v1/auth/me/").status_code == 401
    assert client.post("/api/v1/auth/token/", {"username": EMAIL, "password": "open-sesame-1"}).status_code == 401


def test_erasing_twice_changes_nothing_more(user, owner):
    erase_user(user, by=owner, reason=Ground.NOT_NEEDED)
    first = User.objects.filter(pk=user.pk).values().get()
    assert erase_user(user, by=operator(), reason=Ground.OBJECTION).erased == ()
    assert User.objects.filter(pk=user.pk).values().get() == first
    assert Event.objects.filter(name="core.person_erased").count() == 1


@pytest.mark.parametrize(
    "change",
    ["email = 'x@y.example'", "full_name = 'x'", "is_active = true", "is_superuser = true", "password = 'md5$x'"],
)
def test_the_database_keeps_an_erased_user_nobody(user, owner, change):
    erase_user(user, by=owner, reason=Ground.NOT_NEEDED)
    with pytest.raises(IntegrityError) as refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE core_user SET {change} WHERE id = %s", [user.pk])
    assert refused.value.__cause__.diag.constraint_name == "erased_person_is_nobody"


def test_the_last_owner_stays_until_there_is_another(owner, clinic):
    with pytest.raises(LastOwner):
        erase_user(owner, by=operator(), reason=Ground.NOT_NEEDED)
    assert User.objects.get(pk=owner.pk).email == owner.email
    member(clinic, Role.OWNER, is_active=False)
    with pytest.raises(LastOwner):
        erase_user(owner, by=operator(), reason=Ground.NOT_NEEDED)
    member(clinic, Role.OWNER)
    erase_user(owner, by=operator(), reason=Ground.NOT_NEEDED)
    assert Event.objects.filter(name="core.membership_ended", administration=clinic).count() == 1


def test_of_two_last_owners_erased_at_once_one_stays(committed):
    clinic = AdministrationFactory()
    owners, by, start, refused = [member(clinic, Role.OWNER) for _ in range(2)], operator(), Barrier(2), []

    def erase(owner):
        start.wait()
        try:
            erase_user(owner, by=by, reason=Ground.NOT_NEEDED)
        except LastOwner as refusal:
            refused.append(refusal)
        finally:
            connection.close()

    threads = [Thread(target=erase, args=[owner]) for owner in owners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert Membership.objects.filter(administration=clinic, role=Role.OWNER).count() == 1


# Who may -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", Role)
def test_whoever_manages_people_answers_for_those_who_work_nowhere_else(user, clinic, role):
    by = member(clinic, role)
    if role in (Role.OWNER, Role.ADMIN):
        assert erase_user(user, by=by, reason=Ground.OBJECTION).erased
    else:
        for attempt in (lambda: erase_user(user, by=by, reason=Ground.OBJECTION), lambda: export_user(user, by=by)):
            with pytest.raises(NotAllowed):
                attempt()


def test_a_user_who_works_elsewhere_is_erased_by_operators_alone(user, owner):
    MembershipFactory(user=user)
    for attempt in (erase_user, export_user):
        with pytest.raises(NotAllowed):
            attempt(user, by=owner, **({"reason": Ground.OBJECTION} if attempt is erase_user else {}))
    assert erase_user(user, by=operator(), reason=Ground.OBJECTION).erased


def test_nobody_erases_themselves_and_no_owner_an_operator(owner, clinic):
    with pytest.raises(OwnRole):
        erase_user(owner, by=owner, reason=Ground.OBJECTION)
    boss = operator()
    MembershipFactory(user=boss, administration=clinic)
    with pytest.raises(NotAllowed):
        erase_user(boss, by=owner, reason=Ground.OBJECTION)


def test_the_page_says_what_happens_then_what_is_kept(user, owner, client):
    client.force_login(owner)
    page = client.get(f"/admin/core/user/{user.pk}/change/").content.decode()
    assert PAGE(user.pk) in page
    before = client.get(PAGE(user.pk)).content.decode()
    assert EMAIL in before
    assert "It cannot be undone" in before
    assert client.post(PAGE(user.pk), {"reason": ""}).status_code == 200
    assert User.objects.get(pk=user.pk).erased_at is None
    after = client.post(PAGE(user.pk), {"reason": "CONSENT"}).content.decode()
    assert "Name, e-mail address, password and second factor" in after
    assert "AWR art. 52(4)" in after
    assert EMAIL not in after
    assert client.get(PAGE(user.pk)).status_code == 404  # nobody of this clinic any more


def test_a_refusal_stands_on_the_page_with_its_way_out(owner, client):
    client.force_login(operator())
    page = client.post(PAGE(owner.pk), {"reason": "CONSENT"}).content.decode()
    assert "is the last owner of" in page
    assert "Give somebody else the role" in page


def test_an_erased_user_is_not_changed_in_the_admin(user, owner, client):
    erase_user(user, by=owner, reason=Ground.NOT_NEEDED)
    client.force_login(operator())
    client.post(f"/admin/core/user/{user.pk}/change/", {"full_name": "Back", "role": "staff", "is_active": "on"})
    assert User.objects.get(pk=user.pk).full_name == ""
    page = client.get(PAGE(user.pk)).content.decode()
    assert "Erase for good" not in page
    assert "Erased on" in page


# Passes --------------------------------------------------------------------------------------------------------------


def test_what_nobody_asks_for_again_is_forgotten(user):
    now = timezone.now()
    Job.objects.update(finished_at=now - timedelta(days=91))
    IdempotentRequest.objects.update(asked_at=now - timedelta(days=8))
    Session.objects.update(expire_date=now - timedelta(seconds=1))
    Job.objects.create(task="x", title="Under way", by=user, created_at=now - timedelta(days=91))
    forget()
    assert [job.title for job in Job.objects.all()] == ["Under way"]
    assert not IdempotentRequest.objects.exists()
    assert not Session.objects.exists()


def test_the_admin_keeps_no_log_that_repeats_names(client, owner, clinic):
    client.force_login(owner)
    new = {"email": "new@clinic.example", "full_name": NAME, "language": "nl", "role": "cashier"}
    assert client.post("/admin/core/invitation/add/", {**new, "administration": clinic.pk}).status_code == 302
    membership = MembershipFactory(administration=clinic, role="cashier")
    page = f"/admin/core/membership/{membership.pk}"
    changed = {"administration": clinic.pk, "role": "manager"}
    assert client.post(f"{page}/change/", changed).status_code == 302
    assert client.post(f"{page}/delete/", {"post": "yes"}).status_code == 302
    assert not Membership.objects.filter(pk=membership.pk).exists()
    assert not LogEntry.objects.exists()
