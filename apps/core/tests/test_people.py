import pytest

from apps.core.errors import NotAllowed, OwnRole
from apps.core.models import Event, Invitation, Membership, User
from apps.core.services.people import change_role, end_membership, open_administration
from apps.core.tests.factories import AdministrationFactory, member, operator

Role = Membership.Role


@pytest.fixture
def clinic(db):
    return AdministrationFactory()


@pytest.fixture
def owner(clinic):
    return member(clinic, Role.OWNER)


@pytest.fixture
def cashier(clinic):
    return member(clinic, Role.CASHIER).memberships.get()


def test_a_role_of_power_is_given_never_taken(clinic, owner):
    own = owner.memberships.get()
    with pytest.raises(OwnRole):
        change_role(own, role=Role.ADMIN, by=owner)
    with pytest.raises(OwnRole):
        end_membership(own, by=owner)


@pytest.mark.parametrize("role", [Role.RECEPTIONIST, Role.CASHIER, Role.MANAGER, Role.ACCOUNTANT])
def test_only_owner_and_administrator_change_and_end_roles(clinic, cashier, role):
    by = member(clinic, role)
    with pytest.raises(NotAllowed):
        change_role(cashier, role=Role.MANAGER, by=by)
    with pytest.raises(NotAllowed):
        end_membership(cashier, by=by)


def test_nobody_changes_roles_in_an_administration_of_others(cashier):
    with pytest.raises(NotAllowed):
        change_role(cashier, role=Role.MANAGER, by=member(AdministrationFactory(), Role.OWNER))


def test_what_changes_about_roles_is_recorded(clinic, owner, cashier):
    change_role(cashier, role=Role.MANAGER, by=owner)
    end_membership(cashier, by=owner)
    said = Event.objects.filter(administration=clinic).order_by("id").values_list("name", "facts__role", "by")
    assert list(said) == [
        ("core.role_changed", Role.MANAGER, owner.pk),
        ("core.membership_ended", Role.CASHIER, owner.pk),
    ]


def test_whoever_leaves_stays_a_person(owner, cashier):
    person = cashier.user
    end_membership(cashier, by=owner)
    assert User.objects.filter(pk=person.pk).exists()
    assert not person.memberships.exists()


def test_an_operator_opens_an_administration_and_invites_its_owner(db):
    by = operator()
    open_administration(AdministrationFactory.build(name="New"), owner_email="Els@x.example", owner_name="Els", by=by)
    offered = Invitation.objects.get(administration__name="New")
    assert (offered.email, offered.role) == ("els@x.example", Role.OWNER)
    assert Event.objects.filter(name="core.administration_opened", administration=offered.administration).exists()


def test_nobody_else_opens_an_administration_for_others(owner):
    with pytest.raises(NotAllowed):
        open_administration(AdministrationFactory.build(), owner_email="a@x.example", owner_name="A", by=owner)
