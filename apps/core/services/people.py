"""Who works in an administration, and as what."""

from django.db import transaction

from apps.core.errors import NotAllowed, OwnRole
from apps.core.events import record
from apps.core.models import Administration, Invitation, Membership, User
from apps.core.permissions import Act, require
from apps.core.services.invitations import offer


@transaction.atomic
def open_administration(administration: Administration, *, owner_email: str, owner_name: str, by: User) -> Invitation:
    """Save a new administration and invite its first owner, who gives all other roles. Operators do this for others.

    Raises NotAllowed, or OwnRole: an operator who is to work in the books is invited by their owner.
    """
    if not by.is_superuser:
        raise NotAllowed()
    administration.save(force_insert=True)
    record("core.administration_opened", administration, by=by)
    owner = Membership.Role.OWNER
    return offer(administration, email=owner_email, role=owner, by=by, full_name=owner_name, language=by.language)


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
