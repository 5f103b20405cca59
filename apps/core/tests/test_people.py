import pytest

from apps.core.errors import AlreadyMember, NotAllowed, OwnRole
from apps.core.models import Event, Membership, User
from apps.core.services.people import add_member, change_role, end_membership
from apps.core.tests.factories import AdministrationFactory, UserFactory, member

Role = Membership.Role


@pytest.fixture
def clinic(db):
    return AdministrationFactory()


@pytest.fixture
def owner(clinic):
    return member(clinic, Role.OWNER)


def add(clinic, by, email="new@clinic.example", role=Role.CASHIER):
    return add_member(clinic, email=email, full_name="New", password="first-sesame-1", role=role, by=by)


def test_somebody_new_gets_a_name_a_password_and_a_role(clinic, owner):
    added = add(clinic, owner, "New@Clinic.example").user
    assert (added.email, added.full_name) == ("new@clinic.example", "New")
    assert added.check_password("first-sesame-1")
    assert added.memberships.get().role == Role.CASHIER


def test_somebody_known_keeps_their_name_and_password(clinic, owner):
    known = UserFactory(email="known@clinic.example", full_name="Known", password="their-own-sesame")
    added = add(clinic, owner, "known@clinic.example").user
    assert (added, added.full_name) == (known, "Known")
    assert added.check_password("their-own-sesame")


def test_a_role_is_given_once(clinic, owner):
    add(clinic, owner)
    with pytest.raises(AlreadyMember):
        add(clinic, owner)


def test_a_role_of_power_is_given_never_taken(clinic, owner):
    own = owner.memberships.get()
    with pytest.raises(OwnRole):
        change_role(own, role=Role.ADMIN, by=owner)
    with pytest.raises(OwnRole):
        end_membership(own, by=owner)
    with pytest.raises(OwnRole):
        add(clinic, owner, owner.email)


@pytest.mark.parametrize("role", [Role.RECEPTIONIST, Role.CASHIER, Role.MANAGER, Role.ACCOUNTANT])
def test_only_owner_and_administrator_give_roles(clinic, role):
    with pytest.raises(NotAllowed):
        add(clinic, member(clinic, role))


def test_nobody_gives_roles_in_an_administration_of_others(clinic, owner):
    with pytest.raises(NotAllowed):
        add(AdministrationFactory(), owner)


def test_what_changes_about_roles_is_recorded(clinic, owner):
    membership = add(clinic, owner)
    change_role(membership, role=Role.MANAGER, by=owner)
    end_membership(membership, by=owner)
    said = Event.objects.filter(administration=clinic).order_by("id").values_list("name", "facts__role", "by")
    assert list(said) == [
        ("core.member_added", Role.CASHIER, owner.pk),
        ("core.role_changed", Role.MANAGER, owner.pk),
        ("core.membership_ended", Role.CASHIER, owner.pk),
    ]


def test_whoever_leaves_stays_a_person(clinic, owner):
    membership = add(clinic, owner)
    end_membership(membership, by=owner)
    assert User.objects.filter(email="new@clinic.example").exists()
    assert not Membership.objects.filter(user__email="new@clinic.example").exists()
