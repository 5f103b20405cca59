"""Books that two accountants and an owner close, and short words for what they do."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from apps.core.models import User
from apps.core.tests.factories import member
from apps.issues.models import Issue
from apps.ledger.models import JournalEntry, Period
from apps.ledger.services.posting import Line
from apps.ledger.tests.factories import Books, EntryFactory, open_test_books
from apps.periods.models import Snapshot
from apps.periods.services.finalizing import finalize_period
from apps.periods.services.locking import lock_period
from apps.periods.services.reviewing import review_period
from apps.periods.tests.steps import saw, saw_nothing

D = Decimal
MARCH_3, APRIL_3 = date(2026, 3, 3), date(2026, 4, 3)


@dataclass(frozen=True)
class Desk:
    books: Books
    accountant: User
    second: User

    @property
    def administration(self):
        return self.books.administration

    @property
    def owner(self) -> User:
        return self.books.owner

    def period(self, name: str = "2026-03") -> Period:
        return self.books.period(name)

    def statuses(self, *names: str) -> list[str]:
        return [self.period(name).status for name in names]

    def sold(self, amount: str = "65.00", day: date = MARCH_3) -> JournalEntry:
        """Takings in cash."""
        return EntryFactory(books=self.books, amount=amount, date=day)

    def doubtful(self, amount: str = "5.00", day: date = MARCH_3) -> JournalEntry:
        """Cash on a suspense account: the engine warns of it."""
        return self.moved("cash_drawer", "suspense", amount, day)

    def settled(self, amount: str = "5.00", day: date = MARCH_3) -> JournalEntry:
        """The warning's cause taken away."""
        return self.moved("suspense", "cash_drawer", amount, day)

    def wrong(self, amount: str = "1000.00", day: date = MARCH_3) -> JournalEntry:
        """More cash gone than there is: the engine calls it red."""
        return self.moved("bank", "cash_drawer", amount, day)

    def moved(self, debit: str, credit: str, amount: str, day: date = MARCH_3) -> JournalEntry:
        lines = [
            Line(self.books.account(debit), debit=D(amount)),
            Line(self.books.account(credit), credit=D(amount)),
        ]
        return EntryFactory(books=self.books, date=day, lines=lines)

    def review(self, name: str = "2026-03", by: User | None = None):
        return review_period(self.period(name), by=by or self.accountant)

    def finalize(self, name: str = "2026-03", acknowledged: Any = (), by: User | None = None) -> Snapshot:
        return finalize_period(self.period(name), by=by or self.accountant, acknowledged=acknowledged)[1]

    def finalized(self, name: str = "2026-03") -> Snapshot:
        self.review(name)
        return self.finalize(name)

    def lock(self, name: str = "2026-03") -> Period:
        return lock_period(self.period(name), by=self.accountant, confirm_irreversible=True)

    def saw(self, code: str, severity: str, name: str = "2026-03", **issue: Any) -> Issue:
        return saw(self.period(name), code, severity, **issue)

    def saw_nothing(self, name: str = "2026-03") -> None:
        saw_nothing(self.period(name))


def open_desk(**administration: Any) -> Desk:
    books = open_test_books(**administration)
    accountant, second = (member(books.administration, "accountant") for _turn in range(2))
    return Desk(books, accountant, second)
