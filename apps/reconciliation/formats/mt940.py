"""MT940 and MT942 (SWIFT "Customer statement" and "Interim transaction report"), as banks write them.

A message begins with field 20 or 25 and ends with its closing balance (62); a page that ends with 62M goes on in the
message that begins with the same 60M. C and RD come in, D and RC go out. MT942 has no balances. What a bank expects
(EC, ED) is counted, not read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import BinaryIO

from django.utils.translation import gettext as _

from apps.core.money import CURRENCIES, ZERO
from apps.reconciliation.formats import Parsed, ParsedLine, StatementBegins, StatementEnds
from apps.reconciliation.formats.mt940_movements import movement, swift_day
from apps.reconciliation.formats.texts import lines
from apps.reconciliation.formats.values import account_number, amount_of, plain, refuse, shown

MOST_LINES = 200  # of one field; more of them are not read
_TAG = re.compile(r":(20|21|25P?|28C?|60[FM]?|61|62[FM]?|64|65|86|13D?|34F|90[CD]|940):")
_END = re.compile(r"-(?:$|\}|XXX$)")
_BALANCE = re.compile(r"([CD])([0-9]{6})([A-Z]{3})([0-9]{1,18}(?:[.,][0-9]{0,18})?)")
_ACCOUNT_CURRENCY = re.compile(r"(?<=[0-9])([A-Z]{3})$")


@dataclass(frozen=True, slots=True)
class _Field:
    tag: str
    line: int
    lines: list[str]

    @property
    def text(self) -> str:
        return self.lines[0].strip()


def parse(file: BinaryIO) -> Parsed:
    """The statements of the file. Raises StatementFileInvalid."""
    reader, line = _Reader(), 1
    for field in _fields(file):
        line = field.line
        yield from reader.take(field)
    yield from reader.end(line)
    if not reader.statements:
        refuse(1, _("no statement of MT940 or MT942 stands in it."))


def _fields(file: BinaryIO) -> Iterator[_Field]:
    """The fields in their order; the end of a message is one with the tag ``-``. What stands outside is passed over."""
    field: _Field | None = None
    for number, text in lines(file):
        if found := _TAG.match(text):
            if field:
                yield field
            field = _Field(found[1], number, [text[found.end() :]])
        elif _END.match(text.rstrip()):
            if field:
                yield field
            field = None
            yield _Field("-", number, [""])
        elif field and len(field.lines) < MOST_LINES:
            field.lines.append(text)
    if field:
        yield field


@dataclass(slots=True)
class _Message:
    line: int
    reference: str = ""
    account: str = ""
    currency: str = ""
    number: str = ""
    is_interim: bool = False  # MT942
    has_begun: bool = False
    has_ended: bool = False


@dataclass(slots=True)
class _Statement:
    """One that began; ``goes_on`` after a page that ended with 62M."""

    account: str
    currency: str
    last: date | None = None
    ended: date | None = None
    balance_end: Decimal | None = None
    goes_on: bool = False
    not_booked: int = 0


class _Reader:
    def __init__(self) -> None:
        self.statements = 0
        self._message: _Message | None = None
        self._statement: _Statement | None = None
        self._movement: _Field | None = None
        self._details: list[str] = []

    def take(self, field: _Field) -> Parsed:
        tag = field.tag
        if tag in ("-", "20"):
            yield from self._close(field.line)
        if tag == "-" or tag in ("64", "65", "21", "940"):
            return
        message = self._message
        if message is None:
            if tag == "86":
                return  # about the message that ended
            if tag not in ("20", "25", "25P"):
                problem = _("field %(tag)s stands outside of a statement, which begins with field 20.")
                refuse(field.line, problem % {"tag": f":{tag}:"})
            message = self._message = _Message(field.line)
        if tag == "61":
            yield from self._book()
            yield from self._begin_interim(field, message)
            self._movement = field
        elif tag == "86":
            if self._movement:
                self._details += field.lines
        elif tag in ("60", "60F", "60M"):
            yield from self._begin(field, message)
        elif tag in ("62", "62F", "62M"):
            yield from self._book()
            self._closing(field, message)
        else:
            self._describe(field, message)

    def end(self, line: int) -> Parsed:
        yield from self._close(line)
        yield from self._end()

    def _describe(self, field: _Field, message: _Message) -> None:
        """What a message says of itself."""
        text = field.text
        if field.tag == "20":
            message.reference = plain(text)[:100]
        elif field.tag in ("25", "25P"):
            account = account_number(text)
            if (found := _ACCOUNT_CURRENCY.search(account)) and found[1] in CURRENCIES:
                message.currency, account = found[1], account[:-3]
            message.account = account
        elif field.tag in ("28", "28C"):
            message.number = text.partition("/")[0].strip().lstrip("0")[:100]
        else:  # 13D, 34F, 90C, 90D stand in MT942 alone
            message.is_interim = message.is_interim or not message.has_begun
            if field.tag == "34F" and text[:3].isalpha():
                message.currency = text[:3]

    def _begin(self, field: _Field, message: _Message) -> Parsed:
        """The opening balance: a statement begins, or a page of the one at hand."""
        if message.has_begun and not message.has_ended:
            refuse(field.line, _("a second opening balance stands before the closing balance."))
        yield from self._book()
        message.has_begun, message.has_ended, message.is_interim = True, False, False
        _day, message.currency, amount = _balance(field)
        statement = self._statement
        if statement and statement.goes_on and field.tag == "60M":
            before = (statement.account, statement.currency, statement.balance_end)
            if before == (message.account, message.currency, amount):
                statement.goes_on = False
                return
        yield from self._end()
        yield self._begins(message, amount)

    def _begin_interim(self, field: _Field, message: _Message) -> Parsed:
        """MT942 has no opening balance: its first movement begins it."""
        if message.has_ended:
            refuse(field.line, _("a movement stands after the closing balance."))
        if message.has_begun:
            return
        if not message.is_interim:
            refuse(field.line, _("a movement stands before the opening balance (60F)."))
        message.has_begun = True
        yield from self._end()
        yield self._begins(message, None)

    def _begins(self, message: _Message, balance: Decimal | None) -> StatementBegins:
        self.statements += 1
        self._statement = _Statement(message.account, message.currency)
        return StatementBegins(
            iban=message.account[:34],
            currency=message.currency,
            name=message.number,
            reference=message.reference,
            balance_start=balance,
        )

    def _closing(self, field: _Field, message: _Message) -> None:
        statement = self._statement
        if statement is None or not message.has_begun:
            refuse(field.line, _("the closing balance stands before the opening balance (60F)."))
        day, currency, amount = _balance(field)
        if currency != statement.currency:
            facts = {"found": currency, "expected": statement.currency}
            refuse(field.line, _("a balance in %(found)s on an account in %(expected)s.") % facts)
        statement.ended, statement.balance_end = swift_day(day, field.line), amount
        statement.goes_on = field.tag == "62M"
        message.has_ended = True

    def _close(self, line: int) -> Parsed:
        """The message ended. Raises StatementFileInvalid where it has no closing balance: it was cut off."""
        yield from self._book()
        message, self._message = self._message, None
        if message is None or message.has_ended:
            return
        if not message.is_interim:
            problem = _("the statement that begins in line %(line)s has no closing balance (62F): it was cut off.")
            refuse(line, problem % {"line": message.line})
        if not message.has_begun:
            yield from self._end()
            yield self._begins(message, None)

    def _end(self) -> Parsed:
        statement, self._statement = self._statement, None
        if statement:
            yield StatementEnds(statement.ended or statement.last, statement.balance_end, statement.not_booked)

    def _book(self) -> Iterator[ParsedLine]:
        """The movement that was read, now that its details are complete."""
        field, self._movement = self._movement, None
        texts, self._details = self._details, []
        statement = self._statement
        if field is None or statement is None:
            return
        line = movement(field.lines, texts, statement.currency, field.line)
        if line is None:
            statement.not_booked += 1
        else:
            statement.last = max(statement.last or line.date, line.date)
            yield line


def _balance(field: _Field) -> tuple[str, str, Decimal]:
    """Day as it is written, currency and amount. Raises StatementFileInvalid."""
    found = _BALANCE.fullmatch(field.text)
    if not found:
        refuse(field.line, _("“%(text)s” is no balance.") % {"text": shown(field.text)})
    mark, day, currency, text = found.groups()
    amount = amount_of(text, currency, field.line)
    return day, currency, amount if mark == "C" else ZERO - amount
