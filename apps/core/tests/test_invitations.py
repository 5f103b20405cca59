"""Invitations: a role is offered by e-mail and taken by whoever reads it."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from apps.core.errors import (
    AlreadyInvited,
    AlreadyMember,
    InvalidToken,
    InvitedAsAnother,
    NotAllowed,
    OwnRole,
    RateLimitExceeded,
)
from apps.core.models import Event, Invitation, Membership, User
from apps.core.services import invitations
from apps.core.tests.factories import AdministrationFactory, UserFactory, member
from apps.core.tests.mailbox import delivered, secret_for

Role = Membership.Role
NEW = "new@clinic.example"


@pytest.fixture
def clinic(db):
    return AdministrationFactory(name="Clinic Zuid")


@pytest.fixture
def owner(clinic):
    return member(clinic, Role.OWNER)


def invite(clinic, by, email=NEW, role=Role.CASHIER, **more):
    return invitations.invite(clinic, email=email, role=role, by=by, **more)


def test_somebody_new_takes_the_role_with_a_name_and_a_password(clinic, owner):
    invite(clinic, owner, "New@Clinic.example")
    user = invitations.accept_as_new(secret_for(NEW), full_name="New", password="first-sesame-1")
    user.refresh_from_db()
    assert (user.email, user.full_name, user.is_email_verified) == (NEW, "New", True)
    assert user.check_password("first-sesame-1")
    assert user.memberships.get().role == Role.CASHIER


def test_somebody_known_signs_in_and_keeps_name_and_password(clinic, owner):
    known = UserFactory(email=NEW, full_name="Known", password="their-own-sesame-1")
    invite(clinic, owner)
    secret = secret_for(NEW)
    with pytest.raises(InvitedAsAnother):
        invitations.accept_as_new(secret, full_name="X", password="first-sesame-1")
    assert invitations.accept(secret, by=known).role == Role.CASHIER
    known.refresh_from_db()
    assert known.check_password("their-own-sesame-1")


def test_whoever_registered_on_an_address_of_others_does_not_come_in_with_it(clinic, owner):
    squatter = UserFactory(email=NEW, is_email_verified=False, password="squatters-sesame-1")
    invite(clinic, owner)
    invitations.accept_as_new(secret_for(NEW), full_name="Real", password="first-sesame-1")
    squatter.refresh_from_db()
    assert (squatter.full_name, squatter.check_password("squatters-sesame-1")) == ("Real", False)


def test_an_invitation_is_for_its_address_alone(clinic, owner):
    invite(clinic, owner)
    with pytest.raises(InvitedAsAnother):
        invitations.accept(secret_for(NEW), by=UserFactory())


def test_an_invitation_serves_once(clinic, owner):
    invite(clinic, owner)
    secret = secret_for(NEW)
    user = invitations.accept_as_new(secret, full_name="New", password="first-sesame-1")
    with pytest.raises(InvalidToken):
        invitations.accept(secret, by=user)


def test_an_invitation_ends_after_seven_days(clinic, owner):
    invitation = invite(clinic, owner)
    assert invitation.expires_at - invitation.created_at >= timedelta(days=7) - timedelta(seconds=5)
    secret = secret_for(NEW)
    Invitation.objects.update(expires_at=timezone.now())
    with pytest.raises(InvalidToken):
        invitations.find(secret)
    assert invite(clinic, owner).pk != invitation.pk  # an old one stands in nobody's way


def test_an_invitation_that_was_withdrawn_ends(clinic, owner):
    invitation = invite(clinic, owner)
    secret = secret_for(NEW)
    invitations.withdraw(invitation, by=owner)
    with pytest.raises(InvalidToken):
        invitations.find(secret)
    with pytest.raises(InvalidToken):
        invitations.withdraw(invitation, by=owner)


def test_sending_again_gives_a_new_link_and_ends_the_old_one(clinic, owner):
    invitation = invite(clinic, owner)
    first = secret_for(NEW)
    invitations.send_again(invitation, by=owner)
    second = secret_for(NEW)
    with pytest.raises(InvalidToken):
        invitations.find(first)
    assert invitations.find(second) == invitation


def test_a_password_against_the_rules_leaves_the_link_good(clinic, owner):
    invite(clinic, owner)
    secret = secret_for(NEW)
    with pytest.raises(ValidationError):
        invitations.accept_as_new(secret, full_name="New", password="short")
    assert not User.objects.filter(email=NEW).exists()
    invitations.accept_as_new(secret, full_name="New", password="first-sesame-1")


def test_nobody_writes_to_more_than_twenty_addresses_an_hour(clinic, owner):
    for n in range(20):
        invite(clinic, owner, f"new{n}@clinic.example")
    with pytest.raises(RateLimitExceeded):
        invite(clinic, owner, "one-too-many@clinic.example")
    assert Invitation.objects.count() == 20


def test_one_invitation_and_one_role_per_person(clinic, owner):
    invite(clinic, owner)
    with pytest.raises(AlreadyInvited):
        invite(clinic, owner)
    with pytest.raises(AlreadyMember):
        invite(clinic, owner, member(clinic, Role.CASHIER).email)
    with pytest.raises(OwnRole):
        invite(clinic, owner, owner.email)


@pytest.mark.parametrize("role", [Role.RECEPTIONIST, Role.CASHIER, Role.ACCOUNTANT])
def test_who_does_not_manage_people_invites_nobody(clinic, role):
    with pytest.raises(NotAllowed):
        invite(clinic, member(clinic, role))


def test_a_manager_invites_staff_and_gives_no_role_of_power(clinic):
    manager = member(clinic, Role.MANAGER)
    for n, role in enumerate((Role.RECEPTIONIST, Role.CASHIER)):
        assert invite(clinic, manager, f"new{n}@clinic.example", role).role == role
    for role in (Role.MANAGER, Role.OWNER, Role.ACCOUNTANT, Role.ADMIN):
        with pytest.raises(NotAllowed):
            invite(clinic, manager, "x@clinic.example", role)
    of_the_owner = invite(clinic, member(clinic, Role.OWNER), "m@clinic.example", Role.MANAGER)
    with pytest.raises(NotAllowed):
        invitations.withdraw(of_the_owner, by=manager)


def test_nobody_invites_into_an_administration_of_others(clinic, owner):
    with pytest.raises(NotAllowed):
        invite(AdministrationFactory(), owner)


def test_the_mail_says_who_invites_where_and_as_what(clinic, owner):
    invite(clinic, owner)
    (message,) = delivered()
    assert message.subject == "Clinic Zuid invites you to Daybook"
    assert f"{owner} invites you to work in Clinic Zuid as Cashier" in message.body


def test_what_happens_to_an_invitation_is_recorded_without_a_name(clinic, owner):
    invite(clinic, owner)
    user = invitations.accept_as_new(secret_for(NEW), full_name="New", password="first-sesame-1")
    events = Event.objects.filter(administration=clinic).order_by("id")
    assert [event.name for event in events] == ["core.person_invited", "core.member_added"]
    assert events[1].facts == {"person": str(user.pk), "role": Role.CASHIER, "invited_by": str(owner.pk)}
    assert NEW not in str([event.facts for event in Event.objects.all()])
