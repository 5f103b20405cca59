"""The journal: every posted line of a span of days, entry by entry."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from apps.core.models import Administration
from apps.ledger.models import Journal, JournalLine

AT_ONCE = 1000  # rows in memory


@dataclass(frozen=True)
class WholeJournal:
    """Lines dated ``since`` to ``until`` of ``journal`` (or all), read as they are taken: memory does not grow with
    their number."""

    administration: Administration
    journal: Journal | None
    since: date
    until: date
    known_at: datetime | None
    count: int
    lines: Iterator[JournalLine]


def whole_journal(
    administration: Administration,
    since: date,
    until: date,
    *,
    journal: Journal | None = None,
    known_at: datetime | None = None,
) -> WholeJournal:
    """What was posted by ``known_at``, in the order of date and entry."""
    lines: Any = JournalLine.objects.filter(administration=administration).since(since).up_to(until)
    if known_at:
        lines = lines.known_at(known_at)
    if journal:
        lines = lines.filter(entry__journal=journal)
    ordered = lines.select_related("entry__journal", "account", "party", "vat_code").order_by(
        "date", "entry_id", "position"
    )
    return WholeJournal(
        administration, journal, since, until, known_at, lines.count(), ordered.iterator(chunk_size=AT_ONCE)
    )
