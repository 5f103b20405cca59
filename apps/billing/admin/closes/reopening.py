"""Reopening a finalized day: who, why, and both revisions side by side."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.billing.admin.base import link
from apps.billing.blind import AFTER_THE_COUNT, Seen, seen
from apps.billing.models import EndOfDayReconciliation, Payment
from apps.billing.reports.blind import HIDDEN
from apps.core.permissions import Act, may

Status = EndOfDayReconciliation.Status

FIGURES: dict[str, Any] = {
    **{f"total_{method.lower()}": method.label for method in Payment.Method},
    "total_revenue": _("Settled"),
    "total_refunds": _("refunds, deducted already"),
    "total_wallet_topups": _("wallet top-ups, beside it"),
    "money_in": _("money in"),
    "total_billed": _("Billed before VAT"),
    "total_outstanding": _("Outstanding"),
}


@dataclass(frozen=True)
class Compared:
    """One figure in every revision, and by how much the newest differs from the one before."""

    word: Any
    amounts: list[Seen]
    difference: Seen


@dataclass(frozen=True)
class Revision:
    """A revision and its journal entry; ``reversal`` is the entry that takes the one before back."""

    close: EndOfDayReconciliation
    entry_link: str
    reversal_link: str


def revisions_of(close: EndOfDayReconciliation) -> list[Revision]:
    """Every revision of the day of ``close``, oldest first."""
    closes = EndOfDayReconciliation.objects.filter(clinic_day=close.clinic_day_id).select_related(
        "administration", "prepared_by", "finalized_by", "reopened_by", "entry__journal", "reversal__journal"
    )
    return [
        Revision(
            one,
            link("ledger_journalentry_change", one.entry_id) if one.entry_id else "",
            link("ledger_journalentry_change", one.reversal_id) if one.reversal_id else "",
        )
        for one in closes.order_by("revision")
    ]


def compared(revisions: list[Revision], *, hidden: bool) -> Iterator[Compared]:
    """The figures of all revisions, each with the difference of the last two."""
    for name, word in FIGURES.items():
        blind = hidden and name in HIDDEN
        amounts: list[Decimal] = [getattr(one.close, name) for one in revisions]
        if not any(amounts):
            continue
        difference: Seen = None
        if len(amounts) > 1:
            difference = AFTER_THE_COUNT if blind else amounts[-1] - amounts[-2]
        yield Compared(word, [seen(amount, hidden=blind) for amount in amounts], difference)


def why_not_reopened(user: Any, close: EndOfDayReconciliation, newest: EndOfDayReconciliation) -> str:
    """Why ``close`` cannot be reopened by ``user`` now; the service says the same."""
    if not may(user, Act.REOPEN_CLOSE, close.administration_id):
        return str(_("The manager or the owner does this."))
    if close.status != Status.FINALIZED:
        return str(_("Only a signed day is reopened; this one takes everything as it is."))
    if newest.pk != close.pk and newest.status != Status.CANCELLED:
        return str(_("%(newest)s came after it: reopen that one.") % {"newest": newest})
    if user.pk == close.finalized_by_id and not close.administration.single_sign_off:
        return str(_("You signed it: somebody else reopens it, so that two people know."))
    return ""
