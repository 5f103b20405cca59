"""The revisions of a reopened day, and what changed from one to the next."""

from dataclasses import dataclass
from decimal import Decimal

from apps.billing.models import EndOfDayReconciliation
from apps.billing.reports.blind import HIDDEN
from apps.billing.reports.drawers import cash_hidden

AMOUNTS = (
    *("total_revenue", "total_cash", "total_card", "total_transfer", "total_wallet", "total_paystack", "total_hmo"),
    *("total_insurance", "total_refunds", "total_wallet_topups", "money_in", "total_billed", "total_outstanding"),
    "revenue_leaks_amount",
)
COUNTS = ("outstanding_visits_count", "revenue_leaks_detected", "total_visits", "active_visits_closed")


@dataclass(frozen=True)
class Change:
    """A figure that two revisions state differently. ``name`` is its field; amounts are in the book currency."""

    name: str
    before: Decimal | int
    after: Decimal | int

    @property
    def difference(self) -> Decimal | int:
        return self.after - self.before


@dataclass(frozen=True)
class Revision:
    """A revision of a day close, and what it states differently from the one before; None for the first."""

    close: EndOfDayReconciliation
    changes: tuple[Change, ...] | None


def revisions_of(close: EndOfDayReconciliation) -> list[Revision]:
    """Every revision of the day of ``close``, oldest first; without what tells the cash while that must not be seen."""
    people = ("prepared_by", "reviewed_by", "finalized_by", "reopened_by", "entry__journal", "reversal__journal")
    closes = EndOfDayReconciliation.objects.filter(clinic_day=close.clinic_day_id).select_related(
        "administration", *people
    )
    hidden = HIDDEN if cash_hidden(close.clinic_day) else ()
    revisions: list[Revision] = []
    for one in closes.order_by("revision"):
        found = changes(revisions[-1].close, one) if revisions else None
        if found and one.status != EndOfDayReconciliation.Status.FINALIZED:
            found = tuple(change for change in found if change.name not in hidden)
        revisions.append(Revision(one, found))
    return revisions


def changes(before: EndOfDayReconciliation, after: EndOfDayReconciliation) -> tuple[Change, ...]:
    """What ``after`` states differently from ``before``."""
    found = (Change(name, getattr(before, name), getattr(after, name)) for name in (*AMOUNTS, *COUNTS))
    return tuple(change for change in found if change.difference)
