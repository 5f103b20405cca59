"""What a file of books says, in plain words: the same for every format."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Protocol

from apps.core.money import ZERO

MOST_PROBLEMS = 10_000  # of one file that are kept; beyond that it is another file


class Unreadable(Exception):
    """The file cannot be read any further: ``line`` counts from 1, ``reason`` is for the person who sent it."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(line, reason)
        self.line, self.reason = line, reason


@dataclass(frozen=True)
class Problem:
    """What is wrong with a line. What is ``refused`` keeps the whole file out; the rest is a remark."""

    line: int
    reason: str
    refused: bool = True


@dataclass(frozen=True)
class ReadAccount:
    """``type``, ``place`` and ``control`` are empty where the file does not tell them; then ``side`` tells whether it
    is a balance-sheet account (B) or one of the result (P), empty where the file does not tell that either."""

    line: int
    code: str
    name: str
    type: str = ""
    place: str = ""
    control: str = ""
    standard_code: str = ""
    side: str = ""
    closing: Decimal | None = None  # debit less credit at the end, where the file states it


@dataclass(frozen=True)
class ReadVatCode:
    """``rate`` in percent; ``account`` is that of output VAT, ``input_account`` that of deductible VAT."""

    line: int
    code: str
    name: str
    rate: Decimal | None = None
    standard_code: str = ""
    account: str = ""
    input_account: str = ""


@dataclass(frozen=True)
class ReadParty:
    """``kind`` is one of ledger.Party.Kind."""

    line: int
    kind: str
    code: str
    name: str
    country: str = ""
    vat_number: str = ""
    organization_number: str = ""
    iban: str = ""
    email: str = ""


@dataclass(frozen=True)
class ReadJournal:
    """``type`` is one of ledger.Journal.Type, empty where the file does not tell it."""

    line: int
    code: str
    name: str
    type: str = ""


@dataclass(frozen=True)
class ReadLine:
    """Amounts in the book currency. ``kind`` of the party is empty where only the account can tell it."""

    line: int
    account: str
    debit: Decimal = ZERO
    credit: Decimal = ZERO
    party: str = ""
    kind: str = ""
    vat_code: str = ""
    vat_rate: Decimal | None = None  # percent
    memo: str = ""
    currency: str = ""
    amount_currency: Decimal | None = None  # signed, debit positive


@dataclass(frozen=True)
class ReadEntry:
    """``number`` is the file's own; ``date`` is None for a trial balance that does not say its date."""

    line: int
    journal: str
    number: str
    date: date | None
    memo: str
    lines: tuple[ReadLine, ...]


@dataclass(frozen=True)
class Stated:
    """What the file says of itself, where it does. ``count`` is of entries or of lines: programs count either."""

    debit: Decimal | None = None
    credit: Decimal | None = None
    count: int | None = None
    line: int = 1


@dataclass
class Head:
    """Everything but the entries."""

    currency: str = ""
    first_day: date | None = None
    accounts: list[ReadAccount] = field(default_factory=list)
    vat_codes: list[ReadVatCode] = field(default_factory=list)
    parties: list[ReadParty] = field(default_factory=list)
    journals: list[ReadJournal] = field(default_factory=list)
    opening: ReadEntry | None = None
    stated: Stated = Stated()


class Books(Protocol):
    """A file that is being read. ``problems`` grows while its entries are read; each reading starts anew."""

    format: str
    head: Head
    problems: list[Problem]

    def entries(self) -> Iterator[ReadEntry]:
        """The entries in the order of the file, without those of the opening balance. Raises Unreadable."""

    def findings(self) -> Iterator[Problem]:
        """What is wrong with the file as a whole, by the rules of its format."""
