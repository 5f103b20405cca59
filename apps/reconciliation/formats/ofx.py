"""OFX 1 (SGML), OFX 2 (XML) and QFX: statements of bank and card accounts (Open Financial Exchange, section 11).

SGML leaves out the end of an element, and banks mix both, so one reader serves both: a value is what follows a tag.
Only the aggregates that matter are held to begin and end. A date is the bank's own day, whatever zone it names. What an
account held before is not stated: only where it ended (LEDGERBAL).
"""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from html import unescape
from typing import Any, BinaryIO

from django.utils.translation import gettext as _

from apps.core.money import ZERO
from apps.reconciliation.formats import Parsed, ParsedLine, StatementBegins, StatementEnds
from apps.reconciliation.formats.texts import chunks
from apps.reconciliation.formats.values import (
    Entry,
    account_number,
    amount_of,
    converted,
    day_of,
    joined,
    line_of,
    plain,
    rate,
    refuse,
    said,
    shown,
)

LONGEST = 64 * 1024  # characters of one tag or value
MOST_ELEMENTS = 10_000  # between two movements
_TOKEN = re.compile(
    r"<!\[CDATA\[(?P<cdata>.*?)\]\]>|<!--.*?-->|<\?.*?\?>"
    r"|<(?P<tag>/?[A-Za-z0-9._]{1,40})(?:\s[^<>]*)?/?>|(?P<text>(?:[^<]++|<(?![/A-Za-z!?]))++)|<",
    re.DOTALL,
)
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#[0-9]{1,6}|#x[0-9a-fA-F]{1,5});")
_STATEMENTS = frozenset(("STMTRS", "CCSTMTRS"))
_OF_STATEMENT = _STATEMENTS | {"BANKACCTFROM", "CCACCTFROM", "BANKTRANLIST", "LEDGERBAL"}
_OF_MOVEMENT = frozenset(("STMTTRN", "PAYEE", "CURRENCY", "ORIGCURRENCY", "BANKACCTTO", "CCACCTTO"))
_KEPT = frozenset(
    "CURDEF ACCTID DTSTART BALAMT DTASOF TRNTYPE DTPOSTED DTAVAIL VALUEDATE TRNAMT FITID CHECKNUM REFNUM NAME EXTDNAME"
    " MEMO CURSYM CURRATE CODE SEVERITY MESSAGE".split()
)
_AGGREGATES = _OF_STATEMENT | _OF_MOVEMENT | {"OFX", "STATUS"}


def parse(file: BinaryIO) -> Parsed:
    """The statements of the file. Raises StatementFileInvalid."""
    reader, line = _Reader(), 1
    for line, name, value in _elements(file):
        yield from reader.take(line, name, plain(value))
    reader.end(line)


def _elements(file: BinaryIO) -> Iterator[tuple[int, str, str]]:
    """Line, name and value of every tag; the end of an aggregate has its name after a slash."""
    name, begun, value = "", 1, ""
    for line, token in _tokens(file):
        if token["tag"]:
            if name:
                yield begun, name, value
            name, begun, value = token["tag"].upper(), line, ""
        elif token["cdata"]:
            value += token["cdata"]
        elif token["text"] and name:
            value += _ENTITY.sub(lambda found: unescape(found[0]), token["text"])
        if len(value) > LONGEST:
            refuse(line, _("a value that is longer than any bank writes."))
    if name:
        yield begun, name, value


def _tokens(file: BinaryIO) -> Iterator[tuple[int, re.Match[str]]]:
    """The tokens with the line in which each begins; one that may go on waits for the next piece."""
    rest, line = "", 1
    for _line, piece in chunks(file):
        text, done = rest + piece, 0
        for token in _TOKEN.finditer(text):
            if token.end() == len(text) or token[0] == "<":
                break
            yield line, token
            done = token.end()
            line += token[0].count("\n")
        rest = text[done:]
        if len(rest) > LONGEST:
            refuse(line, _("a tag that cannot be read, or a document type."))
    for token in _TOKEN.finditer(rest):
        if token[0] == "<":
            refuse(line, _("a tag that cannot be read, or the file was cut off."))
        yield line, token


class _Reader:
    def __init__(self) -> None:
        self.statements = self.entries = 0
        self._elements = 0
        self._within: list[str] = []
        self._is_whole = False
        self._nothing = ""  # why there may be no statement
        self._in_statement = self._has_begun = False
        self._facts: dict[str, str] = {}
        self._movement: dict[str, str] = {}
        self._status: dict[str, str] = {}
        self._last: date | None = None

    def take(self, line: int, name: str, value: str) -> Parsed:
        self._elements += 1
        if self._elements > MOST_ELEMENTS:
            refuse(line, _("more elements than any movement has."))
        if name in _AGGREGATES:
            yield from self._opens(name, line)
        elif name[0] != "/":
            self._keep(name, value)
        elif name[1:] in _AGGREGATES:
            yield from self._closes(name[1:], line)

    def end(self, line: int) -> None:
        if self._within or not self._is_whole:
            refuse(line, _("the file was cut off: “%(name)s” does not end.") % {"name": (self._within or ["OFX"])[-1]})
        if not self.statements:
            refuse(line, self._nothing or _("no statement of a bank or card account stands in it."))

    def _opens(self, name: str, line: int) -> Parsed:
        if name in _STATEMENTS:
            self._in_statement, self._has_begun = True, False
            self._elements = 0
            self._facts, self._last = {}, None
        elif name == "STMTTRN":
            self._movement = {}
            self._elements = 0
            self.entries += 1
            yield from self._begin(line)
        elif name == "STATUS":
            self._status = {}
        self._within.append(name)
        if len(self._within) > len(_AGGREGATES):
            refuse(line, _("more levels than any statement has."))

    def _keep(self, name: str, value: str) -> None:
        if name == "INVSTMTRS":
            self._nothing = _("a statement of an investment account is none of a bank account.")
        if name not in _KEPT:
            return
        held = self._within[-1] if self._within else ""
        key = name if held in _STATEMENTS or held in ("STMTTRN", "STATUS") else f"{held}.{name}"
        if held in _OF_MOVEMENT:
            self._movement.setdefault(key, value)
        elif held in _OF_STATEMENT:
            self._facts.setdefault(key, value)
        elif held == "STATUS":
            self._status.setdefault(key, value)

    def _closes(self, name: str, line: int) -> Parsed:
        if not self._within or self._within.pop() != name:
            refuse(line, _("“%(name)s” ends where it did not begin.") % {"name": name})
        if name == "OFX":
            self._is_whole = True
        elif name == "STATUS" and self._status.get("SEVERITY", "").upper() == "ERROR":
            text = joined(self._status.get("CODE", ""), self._status.get("MESSAGE", ""), by=" ")
            refuse(line, _("the bank's server answered with an error: %(text)s") % {"text": shown(text)})
        elif name == "STMTTRN" and self._in_statement:
            movement = _line(self._movement, self._currency, Entry(self.entries))
            self._last = max(self._last or movement.date, movement.date)
            yield movement
        elif name in _STATEMENTS:
            yield from self._begin(line)
            yield self._ends(line)
            self._in_statement = False

    @property
    def _currency(self) -> str:
        return self._facts.get("CURDEF", "").upper()[:3]

    def _begin(self, line: int) -> Parsed:
        """A statement begins with its first movement, or ends without any. What is of an investment is passed over."""
        if self._has_begun or not self._in_statement:
            return
        self._has_begun = True
        self.statements += 1
        account = self._facts.get("BANKACCTFROM.ACCTID") or self._facts.get("CCACCTFROM.ACCTID", "")
        start = self._facts.get("BANKTRANLIST.DTSTART", "")
        yield StatementBegins(
            iban=account_number(account)[:34],
            currency=self._currency,
            first_date=_day(start, line) if start else None,
        )

    def _ends(self, line: int) -> StatementEnds:
        balance, day = self._facts.get("LEDGERBAL.BALAMT", ""), self._facts.get("LEDGERBAL.DTASOF", "")
        return StatementEnds(
            date=_day(day, line) if balance and day else self._last,
            balance_end=_signed(balance, self._currency, line) if balance else None,
        )


def _line(facts: dict[str, str], currency: str, place: Entry) -> ParsedLine:
    name = facts.get("NAME") or facts.get("PAYEE.NAME") or facts.get("EXTDNAME", "")
    memo = facts.get("MEMO", "")
    cheque = facts.get("CHECKNUM", "").strip("0")
    available = facts.get("DTAVAIL") or facts.get("VALUEDATE", "")
    return line_of(
        row=int(place),
        date=_day(facts.get("DTPOSTED", ""), place),
        value_date=_day(available, place) if available else None,
        label=memo or name,
        note=joined(f"CHECKNUM {facts['CHECKNUM']}" if cheque else "", facts.get("REFNUM", "")),
        bank_id=said(facts.get("FITID", "")),
        transaction_type=facts.get("TRNTYPE", "").upper(),
        counterparty_name=name,
        counterparty_iban=account_number(facts.get("BANKACCTTO.ACCTID") or facts.get("CCACCTTO.ACCTID", "")),
        **_amounts(facts, currency, place),
    )


def _amounts(facts: dict[str, str], currency: str, place: Entry) -> dict[str, Any]:
    """The amount in the account's currency, and what it was in another one. In CURRENCY the bank states the amount in
    the other currency, in ORIGCURRENCY in the account's; the rate is what one unit of the other is worth."""
    written = facts.get("TRNAMT", "")
    own, original = facts.get("CURRENCY.CURSYM", "").upper()[:3], facts.get("ORIGCURRENCY.CURSYM", "").upper()[:3]
    if own and currency and own != currency:
        worth = rate(facts.get("CURRENCY.CURRATE", ""))
        if worth is None:
            refuse(place, _("an amount in %(currency)s without a rate.") % {"currency": own})
        paid = _signed(written, own, place)
        return _converted(converted(paid * worth, currency), own, paid, worth)
    amount = _signed(written, currency or own, place)
    worth = rate(facts.get("ORIGCURRENCY.CURRATE", ""))
    if original and original != currency and worth:
        return _converted(amount, original, converted(amount / worth, original), worth)
    return {"amount": amount}


def _converted(amount: Decimal, currency: str, paid: Decimal, worth: Decimal) -> dict[str, Any]:
    rounded = worth.quantize(Decimal("0.00000001"))
    return {"amount": amount, "foreign_currency": currency, "foreign_amount": paid, "exchange_rate": rounded}


def _signed(text: str, currency: str, place: int) -> Decimal:
    amount = amount_of(text[1:] if text[:1] in ("+", "-") else text, currency, place)
    return ZERO - amount if text.startswith("-") else amount


def _day(text: str, place: int) -> date:
    if not text:
        refuse(place, _("it says no date."))
    if not re.match(r"[0-9]{8}", text):
        refuse(place, _("“%(text)s” is no date of a statement.") % {"text": shown(text)})
    return day_of(int(text[:4]), int(text[4:6]), int(text[6:8]), place)
