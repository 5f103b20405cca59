"""What a line may be, as the page offers it: numbered, with score and reasons in words."""

import datetime
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Model
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from apps.billing.models import Bill, Payment
from apps.core.money import total
from apps.ledger.models import Account, JournalLine, OpenItem, Party
from apps.reconciliation.models import Match, StatementLine
from apps.reconciliation.reports.candidates import Candidate, Candidates
from apps.reconciliation.reports.candidates.deciding import is_identified
from apps.reconciliation.reports.candidates.evidence import AMOUNT, CLEARLY, IN_BILLING, TOGETHER
from apps.reconciliation.reports.candidates.telling import in_words

# How a candidate is named in the form: by the first of its keys that it has.
NAMES = ("payment", "bill", "other_line", "open_item", "entry_line", "account")
ROWS: dict[str, Any] = {
    "payment": Payment.objects.select_related("bill"),
    "bill": Bill.objects,
    "other_line": StatementLine.objects.select_related("bank_account"),
    "open_item": OpenItem.objects.select_related("line__entry__journal"),
    "entry_line": JournalLine.objects.select_related("entry__journal", "account"),
    "account": Account.objects,
    "party": Party.objects,
}
KINDS = dict(Match.Kind.choices)
AMOUNT_SENT = re.compile(r"-?\d{1,15}(\.\d{1,4})?")
NUMBERED = 9  # as many as there are keys


@dataclass
class Choice:
    """One way to explain the line. ``key`` names it in the form, ``token`` with how much of it; ``parts`` are those of
    several that together are the line; ``rival``: another one fits as well; ``why_not``: what has to be done first."""

    key: str
    token: str
    title: str
    amount: Decimal
    kind: str
    score: int | None = None
    party: str = ""
    date: datetime.date | None = None
    address: str = ""
    reasons: Sequence[str] = ()
    against: Sequence[str] = ()
    parts: Sequence["Choice"] = ()
    number: int = 0
    rival: bool = False
    chosen: bool = False
    why_not: str = ""
    found: bool = False  # by typing, not by itself
    ticked: bool = False
    typed: str = ""  # the amount that stands in the form

    @property
    def is_transfer(self) -> bool:
        return self.key.startswith("other_line:")

    @property
    def splits(self) -> bool:
        """Whether it can be one of several."""
        return (
            bool(self.key) and not self.parts and not self.why_not and not self.key.startswith(("other_line:", "acc"))
        )


def choices_of(found: Candidates, typed: Iterable[Candidate] = (), picked: str | None = None) -> list[Choice]:
    """The candidates of a line and what was ``typed`` for it, in a query for each kind of row that they name.

    One is chosen beforehand where it is alone and the page's reader would choose it: never in a tie. ``picked`` is what
    somebody had chosen when the form was refused.
    """
    ranked, searched = list(found.ranked), list(typed)
    rows = _rows([*ranked, *searched])
    single = [_choice(candidate, rows) for candidate in ranked]
    choices = list(single)
    if found.combination:
        choices.insert(0, _together([single[at] for at in found.combination], ranked[found.combination[0]]))
    if found.is_ambiguous and len(ranked) > 1 and not found.combination:
        for choice, candidate in zip(single, ranked, strict=True):
            choice.rival = ranked[0].score - candidate.score < CLEARLY
    known = {choice.key for choice in choices}
    for candidate in searched:
        choice = _choice(candidate, rows)
        if choice.key and choice.key not in known:
            choice.found, choice.score = True, None
            choices.append(choice)
    for number, choice in enumerate(choices[:NUMBERED], start=1):
        choice.number = number
    _choose(choices, ranked, found, picked)
    return choices


def _choose(choices: Sequence[Choice], ranked: Sequence[Candidate], found: Candidates, picked: str | None) -> None:
    if picked is not None:
        for choice in choices:
            choice.chosen = choice.token == picked
    elif ranked and not found.is_ambiguous and not choices[0].against and not choices[0].why_not:
        codes = {reason.code for reason in ranked[0].reasons}
        choices[0].chosen = bool(found.combination) or AMOUNT in codes or is_identified(ranked[0].reasons)


def tokens_of(text: str) -> Iterator[tuple[str, UUID, Decimal]]:
    """What a form names: each by the kind of row, its key, and how much of it. Raises ValueError."""
    for token in text.split(","):
        name, key, amount = token.split(":")
        if name not in NAMES or not AMOUNT_SENT.fullmatch(amount):
            raise ValueError(token)
        yield name, UUID(key), Decimal(amount)


# One candidate -------------------------------------------------------------------------------------------------------


def _rows(candidates: Iterable[Candidate]) -> dict[str, dict[UUID, Any]]:
    keys: dict[str, set[UUID]] = {name: set() for name in ROWS}
    for candidate in candidates:
        for name in ROWS:
            if key := getattr(candidate, name):
                keys[name].add(key)
    return {name: rows.in_bulk(list(keys[name])) if keys[name] else {} for name, rows in ROWS.items()}


def _choice(candidate: Candidate, rows: dict[str, dict[UUID, Any]]) -> Choice:
    named: dict[str, Model] = {
        name: row for name in ROWS if (row := rows[name].get(getattr(candidate, name))) is not None
    }
    key = next((f"{name}:{named[name].pk}" for name in NAMES if name in named), "")
    refused = any(reason.code == IN_BILLING for reason in candidate.reasons)
    return Choice(
        key=key,
        token=f"{key}:{candidate.amount}",
        title=_title(candidate, named),
        amount=candidate.amount,
        kind=str(KINDS[candidate.kind]),
        score=candidate.score,
        party=str(named.get("party") or ""),
        date=candidate.date,
        address=_address(named),
        reasons=[in_words(reason) for reason in candidate.reasons if reason.points >= 0],
        against=[in_words(reason) for reason in candidate.reasons if reason.points < 0],
        why_not=_("Enter the payer's remittance in billing; then match the money in transit.") if refused else "",
        typed=number_format(candidate.amount, use_l10n=True, force_grouping=False),
    )


def _title(candidate: Candidate, named: dict[str, Any]) -> str:
    other, line, account = named.get("other_line"), named.get("entry_line"), named.get("account")
    if other is not None:
        return _("Line of %(account)s") % {"account": other.bank_account}
    if candidate.document:
        return candidate.document
    if line is not None:
        return f"{line.entry} · {line.account}"
    return _("Book to %(account)s") % {"account": account} if account is not None else str(KINDS[candidate.kind])


def _address(named: dict[str, Any]) -> str:
    """The page of what it is, to look before it is chosen."""
    if "payment" in named:
        return reverse("admin:billing_payment_change", args=[named["payment"].pk])
    if "bill" in named:
        return reverse("admin:billing_bill_change", args=[named["bill"].pk])
    if "other_line" in named:
        return reverse("admin:reconciliation_statementline_change", args=[named["other_line"].pk])
    line = named.get("entry_line") or (named["open_item"].line if "open_item" in named else None)
    return reverse("admin:ledger_journalentry_change", args=[line.entry_id]) if line is not None else ""


def _together(parts: Sequence[Choice], first: Candidate) -> Choice:
    why = [in_words(reason) for reason in first.reasons if reason.code == TOGETHER]
    return Choice(
        key="together",
        token=",".join(part.token for part in parts),
        title=_("%(count)s together") % {"count": len(parts)},
        amount=total(part.amount for part in parts),
        kind=parts[0].kind,
        score=first.score,
        party=parts[0].party if len({part.party for part in parts}) == 1 else "",
        reasons=why or [_("the oldest first")],
        parts=parts,
    )
