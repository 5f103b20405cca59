"""Whom the lines of a return are about: a base stands beside the party's line in the same entry."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from apps.core.models import Administration
from apps.ledger.models import JournalLine, Party


def parties_of(administration: Administration, entries: Iterable[UUID]) -> dict[UUID, Party]:
    """The party of each entry that names exactly one, in two queries."""
    named: dict[UUID, set[Any]] = {}
    lines = JournalLine.objects.filter(administration=administration, entry__in=set(entries), party__isnull=False)
    for entry, party in lines.order_by().values_list("entry", "party").distinct():
        named.setdefault(entry, set()).add(party)
    single = {entry: next(iter(parties)) for entry, parties in named.items() if len(parties) == 1}
    parties = Party.objects.filter(administration=administration).in_bulk(set(single.values()))
    return {entry: parties[party] for entry, party in single.items()}
