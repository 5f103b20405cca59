"""Field 61 of MT940, "Statement line", with what field 86 says of it: a movement."""

import re
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from apps.core.money import ZERO
from apps.reconciliation.formats import ParsedLine
from apps.reconciliation.formats.mt940_details import Details, codes, details_of
from apps.reconciliation.formats.values import (
    amount_of,
    day_of,
    joined,
    line_of,
    plain,
    rate_of,
    refuse,
    said,
    shown,
)

# Value date, entry date, mark, funds code, amount, type, the owner's reference // the bank's.
_MOVEMENT = re.compile(
    r"(?P<value>[0-9]{6})(?P<entry>[0-9]{4})?(?P<mark>R?[CD]|E[CD])[A-Z]?\s?(?P<amount>[0-9]{1,18}[.,][0-9]{0,18})"
    r"(?:(?P<type>[A-Z][A-Z0-9]{3})(?P<own>.*?)(?://(?P<bank>.*))?|\s*)"
)
_ACCOUNT = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}|P?[0-9]{9,10}")
_PAID = re.compile(r"([A-Z]{3})([0-9]{1,18}(?:[.,][0-9]{0,18})?)")
_POINTERS = {"EREF", "PREF", "MARF", "KREF", "KREF+"}  # references that say in which code the reference stands


def movement(field: list[str], texts: list[str], currency: str, place: int) -> ParsedLine | None:
    """The line of the lines of field 61 and of field 86; none for a movement that is only expected.

    Raises StatementFileInvalid.
    """
    found, further = _MOVEMENT.fullmatch(field[0].strip()), field[1:]
    if not found:  # some banks break the field itself, and field 86 behind it
        whole, _tag, broken = "".join(text.strip() for text in field).partition(":86:")
        found, further, texts = _MOVEMENT.fullmatch(whole), [], [broken, *texts] if broken else texts
    if not found:
        refuse(place, _("“%(text)s” is no movement.") % {"text": shown(field[0])})
    if found["mark"][0] == "E":
        return None
    amount = amount_of(found["amount"], currency, place)
    if found["mark"] in ("D", "RC"):
        amount = ZERO - amount
    value_date = swift_day(found["value"], place)
    details = details_of(texts)
    supplement, about, account = "".join(further).strip(), Details(), ""
    if supplement.startswith("/"):
        supplement, about = "", codes(supplement)
    elif _ACCOUNT.fullmatch(supplement):
        supplement, account = "", supplement
    account = details.account or account
    own, supplement = said(found["own"] or ""), plain(supplement)
    if own in _POINTERS or own in (details.reference, account):
        own = ""
    return line_of(
        row=place,
        date=_entry_day(found["entry"], value_date, place),
        value_date=value_date,
        amount=amount,
        label=details.label or supplement,
        reference=details.reference,
        note=joined(details.note, supplement if details.label and supplement != details.name else "", own),
        end_to_end_id=details.end_to_end_id,
        bank_id=said(found["bank"] or ""),
        transaction_type=joined(found["type"] or "", details.type, by=" "),
        counterparty_name=details.name,
        counterparty_iban=account,
        is_reversal=found["mark"][0] == "R",
        **_foreign(details.paid or about.paid, details.rate or about.rate, amount, currency, place),
    )


def swift_day(text: str, place: int) -> date:
    """The day of ``YYMMDD``. Raises StatementFileInvalid."""
    year = int(text[:2])
    return day_of(year + (2000 if year < 80 else 1900), int(text[2:4]), int(text[4:]), place)


def _entry_day(text: str | None, value_date: date, place: int) -> date:
    """The day of ``MMDD`` in the year that brings it nearest to the value date; without one, the value date."""
    if not text:
        return value_date
    month, day = int(text[:2]), int(text[2:])
    if month == value_date.month:
        return day_of(value_date.year, month, day, place)
    around = (day_of(value_date.year + years, month, day, place) for years in (-1, 0, 1))
    return min(around, key=lambda found: abs(found - value_date))


def _foreign(paid: str, rate: str, amount: Decimal, currency: str, place: int) -> dict[str, Any]:
    """The amount that was paid where it was in another currency, and the bank's rate."""
    found = _PAID.match(paid)
    if not found or found[1] == currency:
        return {}
    foreign = amount_of(found[2], found[1], place)
    return {
        "foreign_currency": found[1],
        "foreign_amount": foreign if amount >= 0 else ZERO - foreign,
        "exchange_rate": rate_of(rate, amount, foreign),
    }
