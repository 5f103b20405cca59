"""Overview: how much there is in the books of an administration, and what is open."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Sum

from apps.core.models import Administration, Counter
from apps.ledger.models import JournalEntry
from apps.ledger.reports.ageing import Kind, open_totals


@dataclass(frozen=True)
class Overview:
    administration: Administration
    drafts: int
    posted: int
    receivables: Decimal
    payables: Decimal

    @property
    def entries(self) -> int:
        return self.drafts + self.posted


def overview(administration: Administration, as_of: date) -> Overview:
    """Entries of all time, and what was open at the end of ``as_of``, in three queries."""
    # Numbers are gap-free: those given are the entries posted. A draft has no moment of posting, which is indexed.
    given = Counter.objects.filter(administration=administration, series__startswith="entry:")
    entries = JournalEntry.objects.filter(administration=administration)
    open_ = open_totals(administration, as_of)
    return Overview(
        administration=administration,
        drafts=entries.filter(posted_at=None, status=JournalEntry.Status.DRAFT).count(),
        posted=given.aggregate(sum=Sum("last", default=0))["sum"],
        receivables=open_[Kind.RECEIVABLE],
        payables=open_[Kind.PAYABLE],
    )
