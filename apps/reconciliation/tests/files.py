"""Statement files for tests, and a short way to import them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from io import BytesIO
from typing import Any

from apps.core.services.uploads import store_upload
from apps.reconciliation.formats import ParsedLine, StatementBegins, StatementEnds
from apps.reconciliation.models import Statement, StatementLine
from apps.reconciliation.services.importing import Imported, begin_import, import_statements
from apps.reconciliation.services.previewing import Preview, preview
from apps.reconciliation.services.statement_files import FORMATS, Format
from apps.reconciliation.tests.bank import Bank

HEAD = "Date,Description,Amount"
D = Decimal


def row(day: int, amount: Any, text: str = "", month: int = 3, **more: Any) -> str:
    """A row of a plain CSV: of a day of March 2026 unless told otherwise, with further cells."""
    return ",".join([f"2026-{month:02}-{day:02}", text or f"line of {day}", str(amount), *map(str, more.values())])


def csv_of(*rows: str, head: str = HEAD) -> str:
    return "\n".join([head, *rows, ""])


def balanced(rows: Iterable[tuple[int, Any, str]], start: Any) -> str:
    """A CSV with the balance after each of ``rows``: day of March, amount, text."""
    balance, written = D(start), []
    for day, amount, text in rows:
        balance += D(str(amount))
        written.append(row(day, amount, text, balance=balance))
    return csv_of(*written, head=f"{HEAD},Balance")


def imported(bank: Bank, text: str | bytes, name: str = "bank.csv", **options: Any) -> Imported:
    """Store the file as its sender would, and import it."""
    upload = store_upload(
        BytesIO(text if isinstance(text, bytes) else text.encode()),
        administration=bank.books.administration,
        purpose="statement",
        name=name,
        by=bank.accountant,
    )
    begun = begin_import(upload, bank.account, by=bank.accountant, **options)
    return import_statements(begun, by=bank.accountant)


def previewed(bank: Bank, text: str, **options: Any) -> Preview:
    return preview(BytesIO(text.encode()), bank.account, by=bank.accountant, **options)


def counts(done: Imported | Preview) -> tuple[int, int, int]:
    """New, known, ambiguous."""
    of: Any = done.statement_import if isinstance(done, Imported) else done
    return of.lines_new, of.lines_known, of.lines_ambiguous


def amounts(bank: Bank) -> list[Decimal]:
    """What stands in the account's lines, in order."""
    return list(StatementLine.objects.filter(bank_account=bank.account).in_order().values_list("amount", flat=True))


def balances(bank: Bank) -> list[tuple[str, Decimal, Decimal, Decimal | None]]:
    """Of each statement its name, start, end by its lines, and end by the bank."""
    fields = ("name", "balance_start", "balance_end", "balance_end_real")
    return list(Statement.objects.filter(bank_account=bank.account).in_order().values_list(*fields))


def states(bank: Bank) -> list[tuple[bool, bool | None]]:
    """Of each statement whether it is valid and complete."""
    statements = Statement.objects.filter(bank_account=bank.account).in_order()
    return list(statements.values_list("is_valid", "is_complete"))


@dataclass
class Stated:
    """A statement of the format that ``tiny`` makes up: its lines are day of March, amount and further facts."""

    lines: list[tuple[int, Any, dict[str, Any]]]
    start: Any = None
    end: Any = None
    iban: str = ""
    currency: str = ""
    name: str = ""
    on: date | None = None

    def parts(self) -> Iterable[StatementBegins | ParsedLine | StatementEnds]:
        start = None if self.start is None else D(self.start)
        yield StatementBegins(iban=self.iban, currency=self.currency, name=self.name, balance_start=start)
        for place, (day, amount, facts) in enumerate(self.lines, 1):
            yield ParsedLine(date=date(2026, 3, day), amount=D(str(amount)), row=place, **facts)
        yield StatementEnds(date=self.on, balance_end=None if self.end is None else D(self.end))


@dataclass
class Tiny:
    """A format whose files are made up by the test: ``statements`` is what the next one holds."""

    statements: list[Stated] = field(default_factory=list)

    def parse(self, _file: Any) -> Any:
        for statement in self.statements:
            yield from statement.parts()

    def imported(self, bank: Bank, *statements: Stated) -> Imported:
        self.statements = list(statements)
        return imported(bank, "Date,made up\n", format="tiny")


def tiny_format(monkeypatch: Any, *, has_statements: bool = True) -> Tiny:
    tiny = Tiny()
    monkeypatch.setitem(FORMATS, "tiny", Format("tiny", "Tiny", has_statements, tiny.parse))
    return tiny
