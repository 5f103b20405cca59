"""What a line was matched with, by whom and why, what was undone, and the entries."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Prefetch
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.core.money import ZERO
from apps.reconciliation.models import Clearing, Match, StatementLine
from apps.reconciliation.reports.candidates.telling import BY_MODEL, kept_in_words

ENTRY = "admin:ledger_journalentry_change"
WITH = ("account", "entry_line__entry__journal", "open_item__party", "payment__bill")


@dataclass(frozen=True)
class Matched:
    """A part of the line: what it is, and where that can be seen."""

    kind: str
    words: str
    party: str
    amount: Decimal
    address: str


@dataclass(frozen=True)
class Act:
    """One clearing as people read it. ``reasons`` are kept where Daybook did it by itself."""

    clearing: Clearing
    matches: tuple[Matched, ...]
    reasons: tuple[str, ...]

    @property
    def by_itself(self) -> bool:
        return self.clearing.by_id is None


def acts_of(line: StatementLine) -> tuple[Act, ...]:
    """Everything that the line was ever matched with, the last act first; in two queries."""
    matches = Prefetch("matches", Match.objects.select_related(*WITH).order_by("position"))
    acts = Clearing.objects.filter(line=line).order_by("-created_at", "-id").prefetch_related(matches)
    related = ("by", "undone_by", "model", "entry__journal", "reversal__journal", "other_side__line__bank_account")
    return tuple(_act(one) for one in acts.select_related(*related))


def matched_with(clearing: Clearing) -> str:
    """What a clearing says that the line is, in a sentence."""
    matches = clearing.matches.select_related(*WITH).order_by("position")[:4]
    return ", ".join(dict.fromkeys(_words(match) for match in matches))


def _act(clearing: Clearing) -> Act:
    return Act(clearing, tuple(map(_matched, clearing.matches.all())), tuple(_reasons(clearing)))


def _reasons(clearing: Clearing) -> Iterable[str]:
    told = list(map(kept_in_words, clearing.reasons))
    if clearing.model and not any(kept.get("code") == BY_MODEL for kept in clearing.reasons):
        told.append(kept_in_words({"code": BY_MODEL, "facts": {"model": clearing.model.name}}))
    return dict.fromkeys(told)


def _matched(match: Match) -> Matched:
    item: Any = match.open_item
    return Matched(
        kind=match.get_kind_display(),
        words=_words(match),
        party=str(item.party) if item else "",
        amount=match.amount or ZERO,
        address=_address(match),
    )


def _words(match: Match) -> str:
    if match.payment:
        return f"{match.payment.bill} {match.payment}"
    if match.open_item:
        return str(match.open_item)
    if match.entry_line:
        return str(match.entry_line.entry)
    return str(match.account) if match.account else _("The same as another line")


def _address(match: Match) -> str:
    if match.payment_id:
        return reverse("admin:billing_payment_change", args=[match.payment_id])
    return reverse(ENTRY, args=[match.entry_line.entry_id]) if match.entry_line else ""
