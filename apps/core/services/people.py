"""Who works in an administration, and as what."""

from django.db import transaction

from apps.core.errors import AlreadyMember, NotAllowed, OwnRole
from apps.core.events import record
from apps.core.models import Administration, Membership, User
from apps.core.permissions import Act, require


@transaction.atomic
def add_member(
    administration: Administration, *, email: str, full_name: str, password: str, role: str, by: User
) -> Membership:
    """Give the person with that e-mail address a role; somebody new to Daybook gets the name and the first password.

    Raises NotAllowed, OwnRole or AlreadyMember.
    """
    require(by, Act.MANAGE_PEOPLE, administration.pk)
    if email.lower() == by.email:
        raise OwnRole()
    person = _person(email, full_name, password)
    if Membership.objects.filter(administration=administration, user=person).exists():
        raise AlreadyMember(person=str(person))
    membership = Membership.objects.create(administration=administration, user=person, role=role)
    record("core.member_added", membership, by=by, person=person.pk, role=role)
    return membership


@transaction.atomic
def open_administration(
    administration: Administration, *, owner_email: str, owner_name: str, owner_password: str, by: User
) -> Membership:
    """Save a new administration with its first owner, who gives all other roles. Operators do this for others.

    Raises NotAllowed, or OwnRole: an operator who is to work in the books is invited by their owner.
    """
    if not by.is_superuser:
        raise NotAllowed()
    if owner_email.lower() == by.email:
        raise OwnRole()
    administration.save(force_insert=True)
    owner = _person(owner_email, owner_name, owner_password)
    membership = Membership.objects.create(administration=administration, user=owner, role=Membership.Role.OWNER)
    record("core.administration_opened", administration, by=by, owner=owner.pk)
    return membership


@transaction.atomic
def change_role(membership: Membership, *, role: str, by: User) -> None:
    """Give a member another role. Raises NotAllowed, or OwnRole for one's own."""
    require(by, Act.MANAGE_PEOPLE, membership.administration_id)
    if membership.user_id == by.pk:
        raise OwnRole()
    Membership.objects.filter(pk=membership.pk).update(role=role)
    record("core.role_changed", membership, by=by, person=membership.user_id, role=role)


@transaction.atomic
def end_membership(membership: Membership, *, by: User) -> None:
    """Take a member's role away; what they did stays theirs. Raises NotAllowed, or OwnRole for one's own."""
    require(by, Act.MANAGE_PEOPLE, membership.administration_id)
    if membership.user_id == by.pk:
        raise OwnRole()
    record("core.membership_ended", membership, by=by, person=membership.user_id, role=membership.role)
    membership.delete()


def _person(email: str, full_name: str, password: str) -> User:
    """The person with that address; a new one is verified by hand, by whoever hands over the first password."""
    known = User.objects.filter(email=email.lower()).first()
    return known or User.objects.create_user(email, password, full_name=full_name, is_email_verified=True)
