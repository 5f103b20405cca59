"""Official exports: the books of a span of days as an auditor's program reads them.

``extract`` reads what every format tells, ``xaf`` and ``saft`` write it. Files are written as they are read:
memory does not grow with the books.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from apps.periods.exports import saft, xaf
from apps.periods.exports.extract import Extract

Write = Callable[[Extract, BinaryIO, datetime], None]


@dataclass(frozen=True)
class Format:
    """``name`` is what people call it; ``country`` (ISO 3166-1) is whose tax administration asks for it."""

    name: str
    country: str
    ending: str
    write: Write


FORMATS: dict[str, Format] = {
    "XAF_4_0": Format("XAF 4.0", "NL", "xaf", xaf.write_4_0),
    "XAF_3_2": Format("XAF 3.2", "NL", "xaf", xaf.write_3_2),
    "SAFT_1_30": Format("SAF-T Financial 1.30", "NO", "xml", saft.write_1_30),
    "SAFT_1_10": Format("SAF-T Financial 1.10", "NO", "xml", saft.write_1_10),
}


def formats_of(country: str) -> dict[str, Format]:
    """The formats that books kept in ``country`` are asked for in."""
    return {code: one for code, one in FORMATS.items() if one.country == country}
