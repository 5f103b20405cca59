"""What an accountant's matches teach: of whom lines with an account number or a name are, or what they are booked
to."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db.models import F
from django.db.models.functions import Greatest

from apps.ledger.models import Party
from apps.reconciliation.models import Clearing, KnownParty, Match
from apps.reconciliation.reports.candidates.parties import keys_of

Kind = Match.Kind
# Booked to the same account the next time, too; a difference, a fee and what stood in the books already say nothing.
TO_AN_ACCOUNT = (Kind.MODEL, Kind.TRANSIT)


def learn(clearing: Clearing) -> None:
    """Count what a person matched a line with, for its account number and its name. What Daybook did by itself is no
    confirmation of what made it do so."""
    if clearing.by_id:
        for known in _taught(clearing):
            known.update(confirmed=F("confirmed") + 1, last_on=Greatest("last_on", clearing.line.date))


def unlearn(clearing: Clearing) -> None:
    """Count against it that a match was undone, whoever made it: it takes two confirmations to outweigh that."""
    for known in _taught(clearing):
        known.update(undone=F("undone") + 1, last_on=Greatest("last_on", clearing.line.date))


def _taught(clearing: Clearing) -> Iterator[Any]:
    """The rows of what ``clearing`` says, each as a query of its own; made where there is none yet.

    A patient's name is not kept: it stands in billing, where it can be erased, and is found there.
    """
    parties, accounts = _matched_with(clearing)
    subjects: list[dict[str, Any]] = [{"party_id": party, "account_id": None} for party in parties]
    if not parties and len(accounts) == 1:
        subjects = [{"party_id": None, "account_id": account} for account in accounts]
    mine = {"administration_id": clearing.administration_id}
    for kind, key in keys_of(clearing.line):
        for subject in subjects:
            party = subject["party_id"]
            if kind == KnownParty.Kind.NAME and party and parties[party] == Party.Kind.PATIENT:
                continue
            first = {"last_on": clearing.line.date}
            known, _made = KnownParty.objects.get_or_create(**mine, kind=kind, key=key, **subject, defaults=first)
            yield KnownParty.objects.filter(pk=known.pk)


def _matched_with(clearing: Clearing) -> tuple[dict[UUID, str], set[UUID]]:
    """The parties, with their kind, and the accounts that its line was matched with."""
    rows = Match.objects.filter(clearing=clearing).values_list(
        "kind",
        "account",
        "open_item__party",
        "open_item__party__kind",
        "payment__bill__patient__party",
    )
    parties: dict[UUID, str] = {}
    accounts: set[UUID] = set()
    for kind, account, party, party_kind, patient in rows:
        if party:
            parties[party] = party_kind
        elif patient:
            parties[patient] = Party.Kind.PATIENT
        elif kind in TO_AN_ACCOUNT and account:
            accounts.add(account)
    return parties, accounts
