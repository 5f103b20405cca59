"""CAMT.052, 053 and 054 (ISO 20022, "Bank to customer cash management"), every version, by the local names of elements.

The sign is CdtDbtInd's; RvslInd says that the entry reverses one of the other sign. What is not booked (PDNG, INFO,
FUTR) is counted, not read.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import BinaryIO

from django.utils.translation import gettext as _

from apps.reconciliation.formats import Parsed, StatementBegins, StatementEnds
from apps.reconciliation.formats.camt_entries import ACCOUNT, MOST_DETAILS, booked, is_booked, lines_of, signed
from apps.reconciliation.formats.camt_texts import STATEMENTS, Texts, parts
from apps.reconciliation.formats.values import Entry, account_number, iso_day, refuse

_INTERIM = "ITBD"  # between two pages, or at the hour of a report


def parse(file: BinaryIO) -> Parsed:
    """The statements of the file. Raises StatementFileInvalid."""
    reader = _Reader()
    for name, texts, held in parts(file):
        yield from reader.take(name, texts, held)
    if not reader.statements:
        refuse(1, _("no statement of CAMT.052, 053 or 054 stands in it."))


@dataclass(frozen=True, slots=True)
class _Balance:
    code: str
    amount: Decimal
    date: date | None
    currency: str


@dataclass(slots=True)
class _Statement:
    """A statement that began. ``dated`` is for entries without a date: the period's end, or when the file was made."""

    currency: str
    account: str
    dated: date | None
    last: date | None = None
    not_booked: int = 0


class _Reader:
    """Takes the parts of a file in their order: balances stand before entries, details before the end of theirs."""

    def __init__(self) -> None:
        self.statements = 0
        self._statement: _Statement | None = None
        self._balances: list[_Balance] = []
        self._details: list[Texts] = []
        self._count = self._entries = 0

    def take(self, name: str, texts: Texts, held: Texts) -> Parsed:
        if name == "TxDtls":
            self._count += 1
            if self._count <= MOST_DETAILS:
                self._details.append(texts)
        elif name == "Ntry":
            yield from self._entry(texts, held)
        elif name == "Bal":
            self._balance(texts)
        elif name in STATEMENTS:
            yield from self._end(texts)

    def _balance(self, texts: Texts) -> None:
        """Keep a booked balance; one that is available, expected or a limit is not what was booked."""
        code = texts.first("Tp/CdOrPrtry/Cd", "Tp/Cd")
        if code not in ("OPBD", "PRCD", "CLBD", _INTERIM):
            return
        place = Entry(self._entries + 1)
        if self._statement is not None and code in ("OPBD", "PRCD"):
            refuse(place, _("the opening balance stands after entries."))
        currency, written = texts.first("Amt@"), texts.first("Dt/Dt", "Dt/DtTm")
        amount = signed(texts, "Amt", currency, place)
        self._balances.append(_Balance(code, amount, iso_day(written, place) if written else None, currency))

    def _entry(self, texts: Texts, held: Texts) -> Parsed:
        self._entries += 1
        details, count = self._details, self._count
        self._details, self._count = [], 0
        statement = self._statement
        if statement is None:
            begins, statement = self._begin(held, texts.first("Amt@"))
            yield begins
        if not is_booked(texts):
            statement.not_booked += 1
            return
        place = Entry(self._entries)
        entry = booked(texts, place, currency=statement.currency, own=statement.account, dated=statement.dated)
        statement.last = max(statement.last or entry.day, entry.day)
        yield from lines_of(entry, details, count)

    def _begin(self, head: Texts, currency: str) -> tuple[StatementBegins, _Statement]:
        """What stands before the entries of a statement; ``currency`` is the first entry's."""
        self.statements += 1
        place = Entry(self._entries or 1)
        currency = head.first("Acct/Ccy") or next((one.currency for one in self._balances), currency)
        start, end = head.first("FrToDt/FrDtTm", "FrToDt/FrDt"), head.first("FrToDt/ToDtTm", "FrToDt/ToDt", "CreDtTm")
        account = account_number(head.first(*(f"Acct/Id/{kind}" for kind in ACCOUNT)))
        self._statement = statement = _Statement(currency, account, iso_day(end, place) if end else None)
        opening, _closing = self._first_and_last(currency)
        begins = StatementBegins(
            iban=account[:34],
            currency=currency[:3],
            name=head.first("ElctrncSeqNb", "LglSeqNb")[:100],
            reference=head.first("Id")[:100],
            first_date=iso_day(start, place) if start else None,
            balance_start=opening.amount if opening else None,
        )
        return begins, statement

    def _end(self, texts: Texts) -> Parsed:
        statement = self._statement
        if statement is None:
            begins, statement = self._begin(texts, "")
            yield begins
        _opening, closing = self._first_and_last(statement.currency)
        ended = closing.date if closing else None
        yield StatementEnds(ended or statement.last, closing.amount if closing else None, statement.not_booked)
        self._statement, self._balances = None, []

    def _first_and_last(self, currency: str) -> tuple[_Balance | None, _Balance | None]:
        """The balances before and after the entries, in ``currency``. A page between others begins or ends with an
        interim one."""
        mine = [one for one in self._balances if one.currency == currency]
        mine.sort(key=lambda one: one.date or date.min)  # within a day as they stand
        interim = [one for one in mine if one.code == _INTERIM]
        opening = next((one for code in ("OPBD", "PRCD") for one in mine if one.code == code), None)
        closing = next((one for one in reversed(mine) if one.code == "CLBD"), None)
        if opening is None and interim and (closing or len(interim) > 1):
            opening = interim[0]
        if closing is None and interim and interim[-1] is not opening:
            closing = interim[-1]
        return opening, closing
