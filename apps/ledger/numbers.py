"""Numbers with check digits: of VAT, of organisations, of bank accounts. Each function answers the number as it is
written without spaces, empty when it is none."""

import re

from stdnum import iban as iban_numbers
from stdnum.eu import vat
from stdnum.no import mva, orgnr

_KVK = re.compile(r"\d{8}")  # eight digits without a check digit (kvk.nl, "KVK-nummer")


def vat_number(text: str, country: str = "") -> str:
    """A VAT number of the EU, which begins with its country here and may be written without it there, or of Norway."""
    for written in (text, f"{country}{text}"):
        if vat.is_valid(written):
            return str(vat.compact(written))
    return str(mva.compact(text)) if mva.is_valid(text) else ""


def organization_number(text: str) -> str:
    """A Dutch KVK number or a Norwegian organisation number."""
    plain = text.replace(" ", "")
    if _KVK.fullmatch(plain):
        return plain
    return str(orgnr.compact(text)) if orgnr.is_valid(text) else ""


def iban(text: str) -> str:
    """An IBAN, with the rules of its country where they are known."""
    return str(iban_numbers.compact(text)) if iban_numbers.is_valid(text) else ""
