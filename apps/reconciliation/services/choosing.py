"""From candidates to what is matched: the rows that they name, read once for many lines."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db import models

from apps.billing.models import Bill, Payment
from apps.ledger.models import Account, JournalLine, OpenItem
from apps.reconciliation.reports.candidates import Candidate
from apps.reconciliation.services.parts import Part

ROWS: dict[str, type[models.Model]] = {
    "entry_line": JournalLine,
    "open_item": OpenItem,
    "payment": Payment,
    "bill": Bill,
    "account": Account,
}


class Rows:
    """The rows that ``candidates`` name, in a query for each kind of row."""

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        named: dict[str, set[UUID]] = {name: set() for name in ROWS}
        for candidate in candidates:
            for name in ROWS:
                if key := getattr(candidate, name):
                    named[name].add(key)
        self._rows: dict[str, dict[UUID, Any]] = {
            name: ROWS[name]._default_manager.in_bulk(list(keys)) if keys else {} for name, keys in named.items()
        }

    def parts(self, chosen: Sequence[Candidate]) -> list[Part]:
        """What the ``chosen`` candidates of one line are."""
        return [Part(candidate.kind, candidate.amount, **self._named_by(candidate)) for candidate in chosen]

    def _named_by(self, candidate: Candidate) -> dict[str, Any]:
        return {name: self._rows[name].get(getattr(candidate, name)) for name in ROWS}
