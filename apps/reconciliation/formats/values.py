"""Amounts, dates and texts as files of banks write them: believed within bounds, refused with their place otherwise."""

import re
from calendar import monthrange
from datetime import date
from decimal import Decimal
from typing import Any, NoReturn

from django.utils.translation import gettext as _

from apps.core.money import CURRENCIES, ZERO
from apps.reconciliation.errors import StatementFileInvalid
from apps.reconciliation.formats import ParsedLine

LARGEST = Decimal(10) ** 15  # what a column for an amount holds
EARLIEST, LATEST = date(1980, 1, 1), date(2099, 12, 31)
UNSAID = {"", "NOTPROVIDED", "NOTAVAILABLE", "NONREF", "NOREF"}  # how banks write that there is no id

_AMOUNT = re.compile(r"[0-9]{1,18}(?:[.,][0-9]{0,18})?|[.,][0-9]{1,18}")
_UNITS = {code: currency.unit for code, currency in CURRENCIES.items()}
_CENT = Decimal("0.01")  # of a currency that is not known, or in use no more
_RATE = Decimal("0.00000001")
# The most characters of each text of a line; longer ones are cut.
_LONGEST = {
    "label": 2000,
    "note": 2000,
    "reference": 100,
    "end_to_end_id": 100,
    "bank_id": 100,
    "transaction_type": 60,
    "counterparty_name": 200,
    "counterparty_iban": 34,
}


class Entry(int):
    """A place in a file whose lines say little to a person: the number of a movement in it."""


def refuse(place: int, problem: str) -> NoReturn:
    """The file is no statement, or none that can be believed, because of what stands at ``place``: a line or Entry."""
    where = _("entry %(number)s: %(problem)s") if isinstance(place, Entry) else _("line %(number)s: %(problem)s")
    raise StatementFileInvalid(line=int(place), problem=where % {"number": place, "problem": problem})


def amount_of(text: str, currency: str, place: int) -> Decimal:
    """The amount that ``text`` says with a point or a comma, without a sign. Raises StatementFileInvalid for anything
    else, for more than an account holds, and for digits that ``currency`` does not have."""
    text = text.strip()
    if not _AMOUNT.fullmatch(text):
        refuse(place, _("“%(text)s” is no amount.") % {"text": shown(text)})
    amount = Decimal(text.replace(",", "."))
    if amount >= LARGEST:
        refuse(place, _("%(text)s is more than any account holds.") % {"text": shown(text)})
    rounded = amount.quantize(_UNITS.get(currency, _CENT))
    if rounded != amount:
        said = {"text": shown(text), "currency": currency}
        refuse(place, _("%(text)s has more digits than %(currency)s knows.") % said)
    return rounded


def converted(amount: Decimal, currency: str) -> Decimal:
    """``amount``, which was computed, in the digits of ``currency``."""
    return amount.quantize(_UNITS.get(currency, _CENT)) + ZERO


def rate(text: str) -> Decimal | None:
    """An exchange rate as it is stated; empty for none, and for one that is beyond belief."""
    text = text.strip()
    stated = Decimal(text.replace(",", ".")) if _AMOUNT.fullmatch(text) else ZERO
    return stated if _RATE <= stated < 1 / _RATE else None


def rate_of(text: str, amount: Decimal, foreign: Decimal) -> Decimal | None:
    """What one unit of the foreign currency was worth. Banks state the rate in either direction: taken is the one that
    is nearer to what the two amounts imply. Empty where none is stated."""
    stated = rate(text)
    if not (stated and amount and foreign):
        return None
    implied, back = abs(amount / foreign), 1 / stated
    nearer = min((stated, back), key=lambda one: max(one, implied) / min(one, implied))
    return nearer.quantize(_RATE)


def day_of(year: int, month: int, day: int, place: int) -> date:
    """The date. German banks count interest in months of 30 days and date it 30 February: its last day."""
    if month == 2 and 28 < day <= 30 and EARLIEST.year <= year <= LATEST.year:
        day = min(day, monthrange(year, 2)[1])
    try:
        found = date(year, month, day)
    except ValueError:
        found = date.min
    if not EARLIEST <= found <= LATEST:
        refuse(place, _("%(date)s is no date of a statement.") % {"date": f"{year:04}-{month:02}-{day:02}"})
    return found


def iso_day(text: str, place: int) -> date:
    """The day of an ISO 8601 date or moment, as the bank writes it: its own day, whatever the hour is elsewhere."""
    try:
        found = date.fromisoformat(text[:10])
    except ValueError:
        found = date.min
    if not EARLIEST <= found <= LATEST:
        refuse(place, _("“%(text)s” is no date of a statement.") % {"text": shown(text)})
    return found


def plain(text: str) -> str:
    """``text`` on one line, with single blanks."""
    return " ".join(text.split())


def said(identifier: str) -> str:
    """An id, empty where the bank writes that there is none."""
    identifier = plain(identifier)
    return "" if identifier.upper() in UNSAID else identifier


def account_number(text: str) -> str:
    """An IBAN or number without blanks."""
    return "".join(text.split()).upper()


def joined(*texts: str, by: str = "; ") -> str:
    """The texts that say something, each once."""
    return by.join(dict.fromkeys(text for text in texts if text))


def shown(text: str, most: int = 60) -> str:
    """The beginning of what cannot be read, for a refusal."""
    text = plain(text[: 4 * most])
    return text if len(text) <= most else f"{text[:most]}…"


def line_of(**facts: Any) -> ParsedLine:
    """The line of these facts, its texts cut to what a line holds."""
    for name, longest in _LONGEST.items():
        if len(facts.get(name, "")) > longest:
            facts[name] = facts[name][:longest].rstrip()
    return ParsedLine(**facts)
