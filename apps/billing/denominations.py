"""The notes and coins of a currency: what is offered to count by, and what a count may name.

The whole list, per currency, in this one place. Pieces that are no longer made stay while shops and banks take them.
A currency that is not here is counted by whatever values somebody names.
"""

from decimal import Decimal

from apps.core.money import currency

_NOTES_AND_COINS = {
    "EUR": ("500 200 100 50 20 10 5", "2 1 0.50 0.20 0.10 0.05 0.02 0.01"),
    "NOK": ("1000 500 200 100 50", "20 10 5 1"),
    "SEK": ("1000 500 200 100 50 20", "10 5 2 1"),
    "DKK": ("1000 500 200 100 50", "20 10 5 2 1 0.50"),
    "GBP": ("50 20 10 5", "2 1 0.50 0.20 0.10 0.05 0.02 0.01"),
    "CHF": ("1000 200 100 50 20 10", "5 2 1 0.50 0.20 0.10 0.05"),
    "USD": ("100 50 20 10 5 2 1", "1 0.50 0.25 0.10 0.05 0.01"),
    "NGN": ("1000 500 200 100 50 20 10 5", "2 1 0.50"),
    "GHS": ("200 100 50 20 10 5 2 1", "2 1 0.50 0.20 0.10 0.05"),
    "KES": ("1000 500 200 100 50", "40 20 10 5 1"),
    "ZAR": ("200 100 50 20 10", "5 2 1 0.50 0.20 0.10"),
    "XOF": ("10000 5000 2000 1000 500", "500 250 200 100 50 25 10 5 1"),
    "XAF": ("10000 5000 2000 1000 500", "500 100 50 25 10 5 2 1"),
    "JPY": ("10000 5000 2000 1000", "500 100 50 10 5 1"),
}


def notes_of(code: str) -> list[Decimal]:
    """The values of the notes in currency ``code``, the largest first; none where they are not listed."""
    return _values(code, 0)


def coins_of(code: str) -> list[Decimal]:
    """The values of the coins, likewise. A value that there is a note of too is counted with the notes."""
    return [value for value in _values(code, 1) if value not in notes_of(code)]


def is_piece(value: Decimal, code: str) -> bool:
    """Whether there is a note or coin of ``value`` in currency ``code``, as far as its notes and coins are listed."""
    listed = {*_values(code, 0), *_values(code, 1)}
    return value > 0 and (value in listed if listed else value == value.quantize(currency(code).unit))


def _values(code: str, which: int) -> list[Decimal]:
    listed = _NOTES_AND_COINS.get(code)
    return [Decimal(value) for value in listed[which].split()] if listed else []
