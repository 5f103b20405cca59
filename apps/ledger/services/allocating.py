"""Settle open items: those of one document with each other, or an item with what was posted for it."""

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from django.db import transaction

from apps.core.models import Administration
from apps.ledger.errors import named_refusals
from apps.ledger.models import Allocation, OpenItem


@named_refusals()
@transaction.atomic
def settle_documents(administration: Administration, documents: Iterable[UUID | None]) -> list[Allocation]:
    """Allocate the open debits and credits that name the same document, account and party, oldest first.

    What finds no counterpart stays open: a bill that is still owed, or a credit of whoever paid too much.
    """
    groups: dict[tuple[UUID, UUID, UUID | None], list[OpenItem]] = defaultdict(list)
    items = OpenItem.objects.filter(administration=administration, document_id__in={*documents} - {None})
    # Locked first and read afterwards: what another settlement left open is what we see.
    list(items.order_by("id").select_for_update().values_list("pk"))
    for item in items.as_of().order_by("date", "id"):
        groups[item.account_id, item.party_id, item.document_id].append(item)
    allocations = [allocation for group in groups.values() for allocation in _pair(group)]
    Allocation.objects.bulk_create(allocations)
    return allocations


@named_refusals()
@transaction.atomic
def settle_pairs(pairs: Iterable[tuple[OpenItem, OpenItem]]) -> list[Allocation]:
    """Allocate to each item the whole of what was posted to settle it: of each pair the item, then its settlement.

    Whoever makes several at once holds the items, in the order of their ids. Raises AllocationBeyondOpen.
    """
    allocations = [
        Allocation(
            administration_id=item.administration_id,
            debit=item if item.amount > 0 else settlement,
            credit=settlement if item.amount > 0 else item,
            amount=abs(settlement.amount),
            date=max(item.date, settlement.date),
        )
        for item, settlement in pairs
    ]
    Allocation.objects.bulk_create(allocations)
    return allocations


def _pair(items: list[OpenItem]) -> Iterable[Allocation]:
    debits = [item for item in items if item.open > 0]  # type: ignore[attr-defined]
    credits = [item for item in items if item.open < 0]  # type: ignore[attr-defined]
    while debits and credits:
        debit, credit = debits[0], credits[0]
        amount = min(debit.open, -credit.open)  # type: ignore[attr-defined]
        yield Allocation(
            administration_id=debit.administration_id,
            debit=debit,
            credit=credit,
            amount=amount,
            date=max(debit.date, credit.date),
        )
        debit.open -= amount  # type: ignore[attr-defined]
        credit.open += amount  # type: ignore[attr-defined]
        debits = debits if debit.open else debits[1:]  # type: ignore[attr-defined]
        credits = credits if credit.open else credits[1:]  # type: ignore[attr-defined]
