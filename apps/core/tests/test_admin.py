"""The base of every page of the admin: scope, permissions, refusals on the form; and the pages of core."""

import json

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from apps.core.admin import AdministrationAdmin, InvitationAdmin
from apps.core.admin_site import ScopedAdmin
from apps.core.errors import Conflict
from apps.core.events import record
from apps.core.models import Administration, Delivery, Event, Invitation, Job, Membership, User
from apps.core.services.delivery import deliver_due
from apps.core.tests.factories import AdministrationFactory, MembershipFactory, UserFactory, member, operator

Role = Membership.Role
MISSING = "0198a1b2-0000-7000-8000-000000000000"
NEW = {"email": "new@clinic.example", "full_name": "New", "role": Role.CASHIER, "language": "nl"}


@pytest.fixture
def clinic(db):
    return AdministrationFactory()


@pytest.fixture
def owner(clinic, client):
    owner = member(clinic, Role.OWNER)
    client.force_login(owner)
    return owner


def change(row):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


# The base ------------------------------------------------------------------------------------------------------------


def test_every_page_of_ours_stands_on_the_one_base():
    strangers = [model for model, page in admin.site._registry.items() if not isinstance(page, ScopedAdmin)]
    assert strangers == []


def test_groups_have_no_page_since_memberships_say_what_people_may_do():
    assert not admin.site.is_registered(Group)


def test_a_list_shows_rows_of_ones_own_administrations_only(client, clinic, owner):
    stranger = MembershipFactory().user
    page = client.get("/admin/core/membership/").content.decode()
    assert owner.full_name in page
    assert stranger.full_name not in page


def test_a_foreign_row_and_a_missing_one_answer_the_same_404(client, clinic, owner):
    foreign = client.get(change(MembershipFactory()))
    missing = client.get(f"/admin/core/membership/{MISSING}/change/")
    nonsense = client.get("/admin/core/membership/nonsense/change/")
    assert foreign.status_code == 404
    assert foreign.content == missing.content == nonsense.content
    assert MISSING.encode() not in missing.content


def test_a_role_that_lacks_the_act_is_told_403(client, clinic, owner):
    elsewhere = MembershipFactory(user=owner, role=Role.CASHIER)
    assert client.get(change(elsewhere)).status_code == 403
    client.force_login(member(clinic, Role.CASHIER))
    assert client.get("/admin/core/membership/").status_code == 403


def test_a_list_leaves_out_administrations_where_the_role_may_not_look(client, clinic, owner):
    other = MembershipFactory(user=owner, role=Role.CASHIER).administration
    colleague = member(other, Role.CASHIER)
    assert colleague.full_name not in client.get("/admin/core/membership/").content.decode()


def test_what_nobody_may_do_has_no_address():
    for name in ("core_membership_history", "core_event_add", "core_event_delete", "core_user_delete"):
        with pytest.raises(NoReverseMatch):
            reverse(f"admin:{name}", args=[MISSING] if "add" not in name else [])


def test_a_filter_names_no_administration_of_others(client, clinic, owner):
    MembershipFactory(user=owner, role=Role.OWNER)
    stranger = AdministrationFactory(name="Stranger")
    page = client.get("/admin/core/membership/").content.decode()
    assert clinic.name in page
    assert stranger.name not in page


def test_the_only_administration_is_taken_without_a_question_whatever_is_sent(client, clinic, owner):
    foreign = AdministrationFactory()
    page = client.get("/admin/core/invitation/add/")
    assert page.context["adminform"].form.fields["administration"].widget.is_hidden
    client.post("/admin/core/invitation/add/", {**NEW, "administration": str(foreign.pk)})
    assert Invitation.objects.get(email=NEW["email"]).administration == clinic


def test_of_several_administrations_only_those_are_offered_where_the_act_is_allowed(client, clinic, owner):
    second = MembershipFactory(user=owner, role=Role.OWNER).administration
    MembershipFactory(user=owner, role=Role.CASHIER)
    AdministrationFactory()
    field = client.get("/admin/core/invitation/add/").context["adminform"].form.fields["administration"]
    assert set(field.queryset) == {clinic, second}


def test_a_row_never_moves_to_another_administration(client, clinic, owner):
    second = MembershipFactory(user=owner, role=Role.OWNER).administration
    colleague = member(clinic, Role.CASHIER).memberships.get()
    client.post(change(colleague), {"administration": str(second.pk), "role": Role.MANAGER})
    colleague.refresh_from_db()
    assert (colleague.administration, colleague.role) == (clinic, Role.MANAGER)


def test_a_refusal_stands_on_the_form_and_keeps_what_was_typed(client, clinic, owner):
    answer = client.post("/admin/core/invitation/add/", {**NEW, "email": owner.email})
    assert answer.status_code == 200
    form = answer.context["adminform"].form
    assert form.errors["email"][0].startswith("Nobody gives, changes or ends a role of their own.")
    assert form["full_name"].value() == "New"
    assert Membership.objects.count() == 1


class NameKept(Conflict):
    code = ""  # a refusal of these tests, not of Daybook
    message = "A name is kept."


def test_a_refusal_of_no_field_stands_above_the_form(client, clinic, owner, monkeypatch):
    def refuse(*args):
        raise NameKept()

    monkeypatch.setattr(AdministrationAdmin, "save_model", refuse)
    answer = client.post(change(clinic), settings_of(clinic, name="Other"))
    assert answer.context["adminform"].form.non_field_errors() == ["A name is kept."]
    assert answer.context["adminform"].form["name"].value() == "Other"


def test_a_law_that_the_database_finds_broken_is_a_refusal_too(client, clinic, owner, monkeypatch):
    def past_the_rules(self, request, obj, form, change):
        Membership.objects.create(administration=clinic, user=owner, role=Role.CASHIER)

    monkeypatch.setattr(InvitationAdmin, "save_model", past_the_rules)
    answer = client.post("/admin/core/invitation/add/", NEW)
    assert answer.status_code == 200
    assert "? has a role here already." in answer.context["adminform"].form.errors["email"][0]


def test_a_law_that_nobody_claims_is_a_bug_and_not_hidden(client, clinic, owner, monkeypatch):
    AdministrationFactory(source="taken")

    def past_the_rules(self, request, obj, form, change):
        AdministrationFactory(source="taken")

    monkeypatch.setattr(AdministrationAdmin, "save_model", past_the_rules)
    client.raise_request_exception = False
    assert client.post(change(clinic), settings_of(clinic)).status_code == 500


def test_a_refused_deletion_is_said_on_the_page_it_came_from(client, clinic, owner):
    own = owner.memberships.get()
    address = reverse("admin:core_membership_delete", args=[own.pk])
    answer = client.post(address, {"post": "yes"}, follow=True)
    assert "Nobody gives, changes or ends a role of their own." in answer.content.decode()
    assert Membership.objects.filter(pk=own.pk).exists()


# Administrations and people ------------------------------------------------------------------------------------------


def settings_of(administration, **changed):
    fields = ("name", "country", "time_zone", "organization_number", "vat_number", "closing_time")
    return {field: str(getattr(administration, field)) for field in fields} | changed


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
def test_owner_and_administrator_change_settings_and_it_is_recorded(client, clinic, role):
    client.force_login(member(clinic, role))
    assert client.post(change(clinic), settings_of(clinic, name="Clinic Zuid")).status_code == 302
    clinic.refresh_from_db()
    assert clinic.name == "Clinic Zuid"
    event = Event.objects.get(name="core.administration_changed")
    assert (event.administration, event.facts["fields"]) == (clinic, ["name"])


def test_the_currency_of_an_administration_never_changes(client, clinic, owner):
    client.post(change(clinic), settings_of(clinic, currency="JPY"))
    clinic.refresh_from_db()
    assert clinic.currency == "EUR"


def new_administration(**more):
    first_owner = {"email": "els@clinic.example", "full_name": "Els"}
    return settings_of(AdministrationFactory.build(name="New")) | {"currency": "EUR"} | first_owner | more


def test_an_operator_opens_an_administration_for_its_first_owner(client, db):
    client.force_login(operator())
    assert client.post("/admin/core/administration/add/", new_administration()).status_code == 302
    offered = Invitation.objects.get(administration__name="New")
    assert (offered.email, offered.full_name, offered.role) == ("els@clinic.example", "Els", Role.OWNER)


def test_an_operator_opens_no_administration_for_themselves(client, db):
    site_operator = operator()
    client.force_login(site_operator)
    answer = client.post("/admin/core/administration/add/", new_administration(email=site_operator.email))
    assert "Nobody gives" in answer.context["adminform"].form.errors["email"][0]
    assert not Administration.objects.exists()


def test_an_owner_opens_no_further_administration(client, clinic, owner):
    assert client.get("/admin/core/administration/add/").status_code == 403
    assert client.post("/admin/core/administration/add/", new_administration()).status_code == 403


def test_an_owner_sees_the_people_of_their_administrations_and_changes_none(client, clinic, owner):
    colleague, stranger = member(clinic, Role.CASHIER), UserFactory()
    page = client.get("/admin/core/user/").content.decode()
    assert colleague.email in page
    assert stranger.email not in page
    assert client.get(change(colleague)).status_code == 200
    assert client.post(change(colleague), {"full_name": "X"}).status_code == 403


def test_nobody_changes_the_address_or_password_of_somebody_else(client, clinic):
    client.force_login(operator())
    person = UserFactory(password="their-own-sesame")
    client.post(change(person), {"email": "x@x.example", "password": "taken-over-1", "full_name": "X", "role": "staff"})
    after = User.objects.get(pk=person.pk)
    assert after.full_name == "X"
    assert (after.email, after.password) == (person.email, person.password)


# Events, deliveries, jobs --------------------------------------------------------------------------------------------


def test_an_operator_sees_events_of_no_administration_and_no_others(client, clinic):
    at_home, site_wide = record("core.tried", clinic), record("core.person_tried", UserFactory())
    client.force_login(operator())
    assert list(client.get("/admin/core/event/").context["cl"].queryset) == [site_wide]
    assert client.get(change(site_wide)).status_code == 200
    assert client.get(change(at_home)).status_code == 404


def test_events_are_read_and_never_written(client, clinic, owner):
    event = record("core.tried", clinic, colour="green")
    page = client.get(change(event))
    assert "green" in page.content.decode()
    assert client.post(change(event), {"name": "x"}).status_code == 403


def test_an_operator_finds_what_gave_up_and_why_and_tries_it_again(client, clinic, settings):
    settings.EVENT_HANDLERS = {"core.tried": ["apps.core.tests.test_events.hear"]}
    for _ in range(2):
        record("core.tried", clinic)
    deliver_due()
    record("core.tried", clinic)
    gave_up = Delivery.objects.get(delivered_at=None)
    Delivery.objects.filter(pk=gave_up.pk).update(gave_up_at=timezone.now(), attempts=6, last_error="ConnectionError")
    client.force_login(operator())
    assert "1 delivery gave up" in client.get("/admin/").content.decode()
    shown = client.get("/admin/core/delivery/?state=gave-up")
    assert list(shown.context["cl"].queryset) == [gave_up]
    assert b"ConnectionError" in shown.content
    assert b"ConnectionError" in client.get(change(gave_up)).content

    client.post("/admin/core/delivery/", {"action": "retry", "_selected_action": [gave_up.pk]})
    deliver_due()
    gave_up.refresh_from_db()
    assert gave_up.delivered_at
    assert gave_up.gave_up_at is None
    assert "gave up" not in client.get("/admin/").content.decode()


def test_a_job_shows_its_progress_and_what_was_refused(client, clinic, owner):
    job = Job.objects.create(
        task="import", title="Import of March", by=owner, state=Job.State.RUNNING, total=8, done=2,
        refusals=[{"what": "Row 7", "code": "PERIOD_CLOSED", "message": "March is locked."}],
    )  # fmt: skip
    page = client.get(f"/admin/core/job/{job.pk}/").content.decode()
    assert "2 / 8" in page
    assert "Row 7" in page
    assert json.loads(client.get(f"/admin/core/job/{job.pk}/state/").content) == {
        "state": "RUNNING", "word": "Running", "done": 2, "total": 8, "percent": 25, "finished": False,
        "refusals": job.refusals,
    }  # fmt: skip


def test_a_job_of_somebody_else_is_not_there(client, clinic, owner):
    job = Job.objects.create(task="import", title="Theirs", by=UserFactory())
    for page in ("", "state/"):
        foreign, missing = (client.get(f"/admin/core/job/{pk}/{page}") for pk in (job.pk, MISSING))
        assert foreign.status_code == 404
        assert foreign.content == missing.content
    assert "Theirs" not in client.get("/admin/core/job/").content.decode()


# Signing in, language, pages that say no -----------------------------------------------------------------------------


def test_the_sign_in_page_says_daybook(client, db):
    assert "Daybook" in client.get("/admin/login/").content.decode()


@pytest.mark.parametrize(("verified", "status"), [(True, 302), (False, 403)])
def test_an_address_that_was_not_verified_does_not_sign_in(client, db, settings, verified, status):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    person = UserFactory(password="open-sesame-1", is_email_verified=verified)
    answer = client.post("/admin/login/?next=/admin/", {"username": person.email, "password": "open-sesame-1"})
    assert answer.status_code == status
    assert verified or "verify your e-mail address" in answer.content.decode()


def test_an_address_that_is_not_there_says_so_in_our_look(client, owner):
    page = client.get("/nothing/")
    assert page.status_code == 404
    assert "Daybook" in page.content.decode()


@pytest.mark.parametrize("language", ["nl", "nb"])
def test_the_language_is_switched_from_the_user_menu(client, owner, language):
    assert client.post("/i18n/setlang/", {"language": language, "next": "/admin/"}).headers["Location"] == "/admin/"
    assert f'lang="{language}"' in client.get("/admin/").content.decode()


def test_a_list_that_shows_all_does_not_offer_to_show_all(client, clinic, owner):
    client.force_login(owner)
    assert "Show all" not in client.get("/admin/core/membership/").content.decode()
    assert "Show all" in client.get("/admin/core/membership/?role__exact=owner").content.decode()
