"""Structured references of payments: what the payer copies from an invoice, with a check digit of its own.

- KID (Norway): 2 to 25 digits, the last one by modulus 10 (Luhn) or by modulus 11, where it may be a dash.
- RF (ISO 11649): ``RF``, two check digits by modulus 97, up to 21 letters and digits.
- Betalingskenmerk (the Netherlands): 16 digits, or 9 to 14 with their length, the first by a weighted modulus 11; or 7
  digits without any (Betaalvereniging Nederland, "Specificaties betalingskenmerk").

Pure functions: nothing here knows whether an invoice has that reference.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from stdnum import iso11649, luhn

from apps.ledger import numbers


class Kind(StrEnum):
    KID = "KID"
    RF = "RF"
    BETALINGSKENMERK = "BETALINGSKENMERK"


@dataclass(frozen=True, slots=True)
class Reference:
    """One that is valid. ``text`` is without blanks; ``is_named`` where the text says that it is one, or it is RF, so
    that it is not a number that only happens to have a valid check digit."""

    kind: Kind
    text: str
    is_named: bool


_KENMERK_WEIGHTS = (2, 4, 8, 5, 10, 9, 7, 3, 6, 1)  # from the right, again and again
_KID_WEIGHTS = (2, 3, 4, 5, 6, 7)
_SHORTEST_UNNAMED = 6  # digits: shorter numbers are dates, amounts, houses

_RF = re.compile(r"(?<![A-Z0-9])RF ?[0-9]{2}(?: ?[A-Z0-9]){1,21}(?![A-Z0-9])")
_NUMBER = re.compile(r"(?<![A-Z0-9.,/-])[0-9](?:[ .]?[0-9]){1,24}(?:-(?![A-Z0-9]))?(?![A-Z0-9]|[.,][0-9])")
_NAME = re.compile(r"(?<![A-Z])(KID|BETALINGS ?KENM(?:ERK)?|KENMERK)[ .:#-]*(?:NR|NO|NUMMER)?[ .:#-]*$")
_IBAN = re.compile(r"(?<![A-Z0-9])[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30}")


def mod10(digits: str) -> str:
    """The check digit of a KID by modulus 10."""
    return str(luhn.calc_check_digit(digits))


def mod11(digits: str) -> str:
    """The check character of a KID by modulus 11: a digit, or a dash for ten."""
    rest = -_weighed(digits, _KID_WEIGHTS) % 11
    return "-" if rest == 10 else str(rest)


def kenmerk_digit(digits: str) -> str:
    """The check digit of a betalingskenmerk, which stands before ``digits``: 1 for ten."""
    rest = -_weighed(digits, _KENMERK_WEIGHTS) % 11
    return "1" if rest == 10 else str(rest)


def is_kid(text: str) -> bool:
    digits, check = text[:-1], text[-1:]
    if not (2 <= len(text) <= 25 and _are_digits(digits)):
        return False
    return check == mod11(digits) or (_are_digits(check) and check == mod10(digits))


def is_rf(text: str) -> bool:
    return text.startswith("RF") and iso11649.is_valid(text)


def is_kenmerk(text: str) -> bool:
    """With a check digit: one of 7 digits has none and says nothing."""
    if not _are_digits(text) or text[0] != kenmerk_digit(text[1:]):
        return False
    return len(text) == 16 or (9 <= len(text) <= 14 and int(text[1]) == (len(text) - 2) % 10)


def normalised(text: str) -> str:
    """A reference as it is compared: upper case, without blanks and dots; ``RF`` keeps its letters."""
    return re.sub(r"[\s.]", "", text).upper()


def kind_of(text: str) -> Kind | None:
    """What a normalised reference is. Sixteen digits that are both are taken for a betalingskenmerk."""
    for kind, holds in ((Kind.RF, is_rf), (Kind.BETALINGSKENMERK, is_kenmerk), (Kind.KID, is_kid)):
        if holds(text):
            return kind
    return None


def found_in(text: str) -> list[Reference]:
    """The references in free text in their order, each once; those that the text names by a word say so."""
    text = text.upper()
    located = list(_rf_in(text))
    for start, end in (*((at, at + length) for at, length, _ in located), *(span for span, _ in _ibans(text))):
        text = f"{text[:start]}{'/' * (end - start)}{text[end:]}"  # their digits are no number of their own
    located += _numbers_in(text)
    found: dict[str, Reference] = {}
    for _at, _length, reference in sorted(located, key=lambda each: each[0]):
        known = found.get(reference.text)
        if known is None or reference.is_named > known.is_named:
            found[reference.text] = reference
    return list(found.values())


def ibans_in(text: str) -> list[str]:
    """The IBANs in free text in their order, each once, without blanks; only those whose check digits hold."""
    return list(dict.fromkeys(iban for _span, iban in _ibans(text.upper())))


def _ibans(text: str) -> Iterator[tuple[tuple[int, int], str]]:
    """What follows an IBAN without a mark may be the next word: the part that holds is taken."""
    for place in _IBAN.finditer(text):
        for end in range(place.end(), place.start() + 14, -1):
            if text[end - 1] != " " and (found := numbers.iban(text[place.start() : end])):
                yield (place.start(), end), found
                break


def _rf_in(text: str) -> Iterator[tuple[int, int, Reference]]:
    """Where one begins, its length, and the reference. The longest part that holds is taken."""
    for place in _RF.finditer(text):
        words = place[0].split(" ")
        for count in range(len(words), 0, -1):
            if is_rf(written := "".join(words[:count])):
                yield place.start(), len(" ".join(words[:count])), Reference(Kind.RF, written, is_named=True)
                break


def _numbers_in(text: str) -> Iterator[tuple[int, int, Reference]]:
    """Numbers with a valid check digit: a whole group of them, otherwise each by itself."""
    for place in _NUMBER.finditer(text):
        name = _NAME.search(text, max(0, place.start() - 30), place.start())
        for written in dict.fromkeys((normalised(place[0]), *re.split(r"[ .]", place[0]))):
            kind = Kind.KID if name and name[1] == "KID" and is_kid(written) else kind_of(written)
            if kind and (name or len(written) >= _SHORTEST_UNNAMED):
                yield place.start(), len(place[0]), Reference(kind, written, is_named=bool(name))
                break


def _weighed(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weights[at % len(weights)] for at, digit in enumerate(reversed(digits)))


def _are_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
