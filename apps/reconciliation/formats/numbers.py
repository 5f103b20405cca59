"""Amounts as banks write them: read as what they are, or refused. Nothing is ever taken for zero."""

import re
from collections.abc import Iterable
from decimal import Decimal

_PLAIN = {mark: re.compile(rf"[-+]?\d+(?:{re.escape(mark)}\d+)?", re.ASCII) for mark in ",."}
_BLANKS = " \t\u00a0\u2009\u202f"
_CURRENCY = r"(?:[A-Za-z]{2,3}\.?|[€$£¥₦])"
_WRITTEN = re.compile(
    rf"(?P<open>\()?\s*(?P<sign>[-+\u2212]?)\s*(?:{_CURRENCY}\s*)?(?P<inner>[-+\u2212]?)\s*"
    rf"(?P<number>[.,]?\d(?:[\d.,'\u2019{_BLANKS}]*\d)?)"
    rf"\s*(?P<after>[-+\u2212]?)\s*(?:{_CURRENCY})?\s*(?P<close>\))?",
    re.ASCII,
)
_MINUS = ("-", "\u2212")


def read_amount(text: str, decimal_mark: str) -> Decimal:
    """``text`` as an amount: ``1,234.56``, ``$1,234.56``, ``-1.234,56 EUR``, ``(12.50)``, ``12,50-``.

    Thousands may be grouped by the other mark, blanks or apostrophes, also unevenly: 12,34.56 is 1234.56. Without
    decimals the last group has three digits, so that 12,34 is never 1234. Raises ValueError for anything else.
    """
    if _PLAIN[decimal_mark].fullmatch(text):
        return Decimal(text.replace(",", "."))
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"no amount: {text}")
    signs = [sign for sign in (found["sign"], found["inner"], found["after"]) if sign]
    bracketed = found["open"] is not None
    if bracketed is not (found["close"] is not None) or len(signs) + bracketed > 1:
        raise ValueError(f"no amount: {text}")
    amount = Decimal(_digits(found["number"], decimal_mark))
    return -amount if bracketed or (signs and signs[0] in _MINUS) else amount


def _digits(number: str, decimal_mark: str) -> str:
    """``number`` as Decimal reads it. Raises ValueError."""
    whole, mark, fraction = number.rpartition(decimal_mark) if decimal_mark in number else (number, "", "")
    if decimal_mark in whole or (mark and not fraction.isdigit()):
        raise ValueError(f"no amount: {number}")
    groupings = {character for character in whole if not character.isdigit()}
    groups = re.split(r"\D", whole)
    if len(groupings) > 1 or ("" in groups and whole) or (not mark and len(groups) > 1 and len(groups[-1]) != 3):
        raise ValueError(f"no amount: {number}")
    return f"{''.join(groups) or 0}.{fraction or 0}"


def decimal_mark_of(texts: Iterable[str]) -> str:
    """How ``texts`` write decimals: ``,`` or ``.``; what no text tells is a point.

    A mark that stands last beside the other one, or is not followed by exactly three digits, or follows a single zero,
    marks decimals; one that stands twice or before three digits groups thousands.
    """
    grouped = ""
    for text in texts:
        marks = re.findall("[.,]", text)
        if not marks:
            continue
        if len(set(marks)) == 2:
            return marks[-1]
        before, _mark, after = text.rpartition(marks[0])
        if len(marks) > 1:
            grouped = grouped or marks[0]
            continue
        digits = re.match(r"\d*", after)
        if len(digits[0] if digits else "") != 3 or re.sub(r"\D", "", before) in ("", "0"):
            return marks[0]
        grouped = grouped or marks[0]
    return {",": ".", ".": ","}.get(grouped, ".")
