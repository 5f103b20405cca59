"""Files of banks, read as a stream: what each format yields, in one shape.

A parser is ``parse(file, ...) -> Iterator[StatementBegins | ParsedLine | StatementEnds]``: each statement begins, has
its lines, and ends. It reads in bounded memory, believes nothing, and raises StatementFileInvalid, which names the
place where it stopped. Amounts are Decimal in the account's currency, money in is positive; texts are stripped, empty
where the bank says nothing.
"""

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import BinaryIO


@dataclass(frozen=True, slots=True)
class StatementBegins:
    """``iban`` is the account as the file names it; ``balance_start`` is empty where the file does not say."""

    iban: str = ""
    currency: str = ""
    name: str = ""
    reference: str = ""
    first_date: datetime.date | None = None
    balance_start: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ParsedLine:
    """A movement. ``row`` is its line or record in the file; ``balance_after`` where the file says it on the line."""

    date: datetime.date
    amount: Decimal
    row: int
    value_date: datetime.date | None = None
    label: str = ""
    reference: str = ""
    note: str = ""
    end_to_end_id: str = ""
    bank_id: str = ""
    transaction_type: str = ""
    counterparty_name: str = ""
    counterparty_iban: str = ""
    is_reversal: bool = False
    foreign_currency: str = ""
    foreign_amount: Decimal | None = None
    exchange_rate: Decimal | None = None
    balance_after: Decimal | None = None


@dataclass(frozen=True, slots=True)
class StatementEnds:
    """``date`` is the statement's: of its closing balance, otherwise of its last line. ``not_booked`` counts what the
    bank only announces, which is no line."""

    date: datetime.date | None = None
    balance_end: Decimal | None = None
    not_booked: int = 0


Parsed = Iterator[StatementBegins | ParsedLine | StatementEnds]
Parser = Callable[[BinaryIO], Parsed]
