"""Who did what for an account reconciliation, told by its events."""

from collections.abc import Iterable
from uuid import UUID

from apps.core.models import Event
from apps.reconciliation.models import AccountReconciliation

APPROVED = "reconciliation.approved"


def preparers_of(reconciliations: Iterable[AccountReconciliation]) -> dict[UUID, set[UUID]]:
    """By reconciliation, whoever began it, said what it should be, or touched its items and documents; also where that
    was taken back again. One query."""
    found: dict[UUID, set[UUID]] = {
        one.pk: {one.created_by_id} if one.created_by_id else set() for one in reconciliations
    }
    acted = Event.objects.filter(subject_id__in=found, by__isnull=False).exclude(name=APPROVED).order_by()
    for reconciliation, person in acted.values_list("subject_id", "by").distinct():
        found[reconciliation].add(person)
    return found


def last_event(reconciliation: AccountReconciliation) -> Event:
    """The newest thing that happened to it: a person approves what they have seen."""
    newest: Event = Event.objects.filter(subject_id=reconciliation.pk).latest("id")
    return newest
