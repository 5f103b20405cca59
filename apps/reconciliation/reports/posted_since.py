"""What was posted on an account after somebody read its balance: why a proof no longer holds."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from apps.ledger.models import JournalEntry, JournalLine
from apps.reconciliation.models import AccountReconciliation

MOST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class PostedSince:
    """The newest ``lines`` that moved the balance, how many there are and what they come to."""

    lines: tuple[JournalLine, ...]
    count: int
    amount: Decimal


def posted_since(reconciliation: AccountReconciliation, moment: datetime) -> PostedSince:
    """Lines on its account that were posted after ``moment`` and are dated within the period or before. Three queries,
    which read what was posted since and no more."""
    entries = JournalEntry.objects.filter(administration=reconciliation.administration_id, posted_at__gt=moment)
    lines = JournalLine.objects.filter(account=reconciliation.account_id, entry__in=entries)
    lines = lines.up_to(reconciliation.period_end)
    newest = lines.select_related("entry__journal").order_by("-entry__posted_at", "-id")[:MOST_SHOWN]
    return PostedSince(tuple(newest), lines.count(), lines.balance())
