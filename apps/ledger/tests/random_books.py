"""Random books, and an oracle in memory that is told of every posting and of nothing else."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from hypothesis import strategies as st

from apps.core.models import Membership
from apps.core.tests.factories import member
from apps.ledger.models import Account, JournalEntry
from apps.ledger.services.allocating import settle_documents
from apps.ledger.services.drafts import delete_draft, post_draft, save_draft
from apps.ledger.services.posting import Document, Line, reverse_entry
from apps.ledger.services.rolling_up import roll_up
from apps.ledger.services.sealing import seal
from apps.ledger.tests.factories import Books, EntryFactory, new_id

# The turn of a month, so that the rollup has months before, within and after.
FIRST, DAYS = date(2026, 3, 27), 9
SPAN = [FIRST + timedelta(days=day) for day in range(DAYS)]
CODES = ("1000", "1100", "1310", "1310", "1600", "4100", "8000")
REST = "1010"  # takes what an entry needs to balance

_cents = st.integers(-90_000, 90_000).filter(bool).map(lambda cents: Decimal(cents) / 100)
_lines = st.lists(st.tuples(st.sampled_from(CODES), _cents, st.integers(0, 2)), min_size=1, max_size=4)
_day, _which = st.sampled_from(SPAN), st.integers(0, 9)
STEPS = st.one_of(
    st.tuples(st.sampled_from(("post", "post", "draft")), _day, _lines),
    st.tuples(st.just("change draft"), _day, st.tuples(_which, _lines)),
    st.tuples(st.sampled_from(("post draft", "delete draft", "reverse")), _day, _which),
    st.tuples(st.sampled_from(("allocate", "roll up", "seal")), _day, st.none()),
)


@dataclass(frozen=True)
class Posting:
    """What the oracle was told: one line that was posted."""

    date: date
    code: str
    party: str
    amount: Decimal


@dataclass
class Game:
    """Books that are played with, and what the oracle knows after each step, by the clock of the database."""

    books: Books
    bills: list[Any] = field(default_factory=lambda: [new_id() for _bill in range(3)])
    posted: list[Posting] = field(default_factory=list)
    moments: list[tuple[datetime, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.accountant = member(self.books.administration, Membership.Role.ACCOUNTANT)
        self.accounts = {row.code: row for row in Account.objects.filter(administration=self.books.administration)}

    def play(self, step: tuple[str, date, Any]) -> None:
        what, day, more = step
        entry = getattr(self, f"_{what.replace(' ', '_')}")(day, more)
        if entry is not None:
            for line in entry.lines.select_related("account", "party"):
                party = line.party.code if line.party else ""
                self.posted.append(Posting(entry.date, line.account.code, party, line.debit - line.credit))
        self.moments.append((now(), len(self.posted)))

    def balances(self, day: date, known: int | None = None) -> dict[str, Decimal]:
        """Each account's balance at the end of ``day``, from the first ``known`` postings."""
        return self._sums(day, known, lambda posting: posting.code)

    def owed(self, day: date, known: int | None = None) -> dict[tuple[str, str], Decimal]:
        """What each party owes on each control account."""
        sums = self._sums(day, known, lambda posting: (posting.code, posting.party))
        return {(code, party): sum for (code, party), sum in sums.items() if self.accounts[code].control}

    def _sums(self, day: date, known: int | None, key: Any) -> dict[Any, Decimal]:
        sums: Counter[Any] = Counter()
        for posting in self.posted[:known]:
            if posting.date <= day:
                sums[key(posting)] += posting.amount
        return {key: amount for key, amount in sums.items() if amount}

    def _lines(self, amounts: list[tuple[str, Decimal, int]]) -> list[Line]:
        rest = -sum(amount for _code, amount, _bill in amounts)
        return [
            Line(
                self.accounts[code],
                debit=max(amount, Decimal(0)),
                credit=max(-amount, Decimal(0)),
                party=self.books.party(f"P-{bill % 2}") if self.accounts[code].control else None,
                document=Document("bill", self.bills[bill]),
            )
            for code, amount, bill in [*amounts, (REST, rest, 0)]
            if amount
        ]

    def _post(self, day: date, amounts: Any) -> JournalEntry | None:
        lines = self._lines(amounts)
        return EntryFactory(books=self.books, date=day, lines=lines) if len(lines) > 1 else None

    def _draft(self, day: date, amounts: Any, entry: JournalEntry | None = None) -> None:
        lines = self._lines(amounts)
        if len(lines) > 1:
            save_draft(
                administration=self.books.administration,
                journal=self.books.journal,
                date=day,
                memo="Draft",
                lines=lines,
                by=self.accountant,
                entry=entry,
            )

    def _change_draft(self, day: date, more: Any) -> None:
        which, amounts = more
        if entry := self._nth(which, status="DRAFT"):
            self._draft(day, amounts, entry)

    def _post_draft(self, _day: date, which: int) -> JournalEntry | None:
        entry = self._nth(which, status="DRAFT")
        return entry and post_draft(entry, by=self.accountant)

    def _delete_draft(self, _day: date, which: int) -> None:
        if entry := self._nth(which, status="DRAFT"):
            delete_draft(entry, by=self.accountant)

    def _reverse(self, day: date, which: int) -> JournalEntry | None:
        entry = self._nth(which, status="POSTED", reversal=None)
        return entry and reverse_entry(entry, by=self.accountant, reason="wrong", date=day)

    def _allocate(self, _day: date, _nothing: None) -> None:
        settle_documents(self.books.administration, self.bills)

    def _roll_up(self, _day: date, _nothing: None) -> None:
        roll_up(self.books.administration)

    def _seal(self, _day: date, _nothing: None) -> None:
        seal(self.books.administration, reason="game", by=None)

    def _nth(self, which: int, **wanted: Any) -> JournalEntry | None:
        entries = list(JournalEntry.objects.filter(administration=self.books.administration, **wanted).order_by("id"))
        return entries[which % len(entries)] if entries else None


def now() -> datetime:
    """The clock of the database: what is posted is stamped with it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
        return moment
