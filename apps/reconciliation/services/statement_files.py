"""Open a bank's file: which format it is, by which mapping its columns are read, and whether it is about an account."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from django.utils.translation import gettext as _

from apps.core.money import CURRENCIES
from apps.reconciliation.errors import CsvMappingUnknown
from apps.reconciliation.formats import Parsed, csv, sniffing
from apps.reconciliation.formats.mapping import CsvReading, shipped
from apps.reconciliation.formats.values import refuse
from apps.reconciliation.models import BankAccount, CsvMapping


@dataclass(frozen=True)
class Format:
    """``has_statements``: its files are statements of the bank, not a list of lines."""

    name: str
    words: str
    has_statements: bool
    parse: Callable[[BinaryIO], Parsed] | None = None


WORDS = {sniffing.CAMT: "CAMT", sniffing.MT940: "MT940", sniffing.OFX: "OFX, QFX"}
FORMATS: dict[str, Format] = {
    name: Format(name, WORDS[name], name != sniffing.OFX, parse) for name, parse in sniffing.PARSERS.items()
}
FORMATS[sniffing.CSV] = Format(sniffing.CSV, "CSV", has_statements=False)


def format_named(text: str) -> str | None:
    """The name of a format as people write it; empty for one that is to be recognised, None for an unknown one."""
    found = sniffing.named(text or sniffing.AUTO)
    return "" if found == sniffing.AUTO else found or None


@dataclass(frozen=True)
class OpenedFile:
    """A file with its format and, for CSV, its mapping; ``parts`` reads it from its start."""

    format: Format
    mapping: CsvReading | None
    parts: Callable[[], Parsed]


def open_file(file: BinaryIO, bank_account: BankAccount, *, format: str = "", mapping: str = "") -> OpenedFile:
    """Empty ``format`` and ``mapping`` are recognised.

    Raises StatementFileInvalid where nothing fits, CsvMappingUnknown.
    """
    found = FORMATS[format or sniffing.recognised(file)]
    if found.parse is not None:
        parse = found.parse
        return OpenedFile(found, None, lambda: parse(file))
    reading = mapping_named(bank_account, mapping) if mapping else _fitting(file, bank_account)
    return OpenedFile(found, reading, lambda: csv.parse(file, reading))


def mappings_of(bank_account: BankAccount) -> list[CsvReading]:
    """Those of the administration, then those that come with Daybook; the one that was used last comes first."""
    own = CsvMapping.objects.filter(administration=bank_account.administration_id)
    found = [*(CsvReading.of(row) for row in own), *shipped()]
    return sorted(found, key=lambda reading: reading.name.casefold() != bank_account.mapping.casefold())


def mapping_named(bank_account: BankAccount, name: str) -> CsvReading:
    """Raises CsvMappingUnknown."""
    found = next((one for one in mappings_of(bank_account) if one.name.casefold() == name.casefold()), None)
    if found is None:
        raise CsvMappingUnknown(name=name)
    return found


def _fitting(file: BinaryIO, bank_account: BankAccount) -> CsvReading:
    """The mapping that fits the headings. One without headings that a person made is tried only where it was used."""
    among = [
        one
        for one in mappings_of(bank_account)
        if one.has_headings or one in shipped() or one.name.casefold() == bank_account.mapping.casefold()
    ]
    found = csv.recognise(file, among)
    if found is None:
        refuse(1, _("no mapping fits its columns. Choose one, or make one for this bank."))
    return found


def is_account(found: str, own: str, currency: str) -> bool:
    """Whether a file that names the account ``found`` is about ``own``: the same number, alone or within its IBAN.

    SWIFT writes a currency behind it, and some banks their own code before it.
    """
    one, other = sorted((_number(found, currency), _number(own, currency)), key=len)
    short = one.lstrip("0")
    return one == other or (len(short) >= 5 and short.isdigit() and other.endswith(short))


def _number(text: str, currency: str) -> str:
    plain = re.sub(r"[^0-9A-Z]", "", text.upper().rpartition("/")[2] or text.upper())
    if plain[-3:] in CURRENCIES and plain[-3:] == currency and plain[:-3][-1:].isdigit():
        return plain[:-3]
    return plain
