"""Which files there are, and which are taken for what: the two tables that everything else follows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from apps.core.permissions import Act
from apps.core.uploads.images import check_jpeg, check_png
from apps.core.uploads.markup import check_books, check_xml
from apps.core.uploads.pdf import check_pdf
from apps.core.uploads.texts import check_csv, check_mt940, check_ofx
from apps.core.uploads.workbook import check_workbook

MB = 1024 * 1024


@dataclass(frozen=True)
class Kind:
    """What an extension promises: the media type, the first bytes, and who judges the rest."""

    media_type: str
    check: Callable[[BinaryIO], None]
    starts: bytes = b""


_JPEG = Kind("image/jpeg", check_jpeg, b"\xff\xd8\xff")
_MT940 = Kind("text/plain", check_mt940)
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

KINDS: dict[str, Kind] = {
    "pdf": Kind("application/pdf", check_pdf, b"%PDF-"),
    "png": Kind("image/png", check_png, b"\x89PNG\r\n\x1a\n"),
    "jpg": _JPEG,
    "jpeg": _JPEG,
    "xlsx": Kind(_XLSX, check_workbook, b"PK\x03\x04"),
    "csv": Kind("text/csv", check_csv),
    "tsv": Kind("text/tab-separated-values", check_csv),
    "toml": Kind("application/toml", check_csv),
    "xml": Kind("application/xml", check_xml),
    "xaf": Kind("application/xml", check_books),
    "ofx": Kind("application/x-ofx", check_ofx),
    "qfx": Kind("application/vnd.intu.qfx", check_ofx),
    "sta": _MT940,
    "940": _MT940,
    "mt940": _MT940,
    "txt": _MT940,
    "tab": Kind("text/tab-separated-values", check_csv),
}


@dataclass(frozen=True)
class Purpose:
    """What a file is sent for: the extensions that are taken, the most bytes, who judges a kind otherwise here, and
    what a role must allow to read it."""

    extensions: tuple[str, ...]
    most_bytes: int = 10 * MB
    checks: Mapping[str, Callable[[BinaryIO], None]] = field(default_factory=dict)
    read_act: Act = Act.READ_FILES


PURPOSES: dict[str, Purpose] = {
    "attachment": Purpose(("pdf", "png", "jpg", "jpeg", "xlsx", "csv")),
    # What proves a balance: a bank's letter, a count. For whoever reads the books.
    "proof": Purpose(("pdf", "png", "jpg", "jpeg", "xlsx", "csv"), read_act=Act.READ_LEDGER),
    "document": Purpose(("pdf", "png", "jpg", "jpeg", "xml"), 20 * MB),
    "books": Purpose(("csv", "xml", "xaf"), 100 * MB, {"xml": check_books}),
    # A clinic's files and their mapping. They hold patients' names, which not everybody may know who reads files.
    "import": Purpose(("csv", "tsv", "txt", "toml"), 100 * MB, {"txt": check_csv}, Act.MANAGE_SETTINGS),
    # A year of a busy account as CAMT, 100,000 movements, has 160 MB and millions of elements. Who reads the ledger
    # reads what its bank says.
    "statement": Purpose(
        ("csv", "tab", "xml", "ofx", "qfx", "sta", "940", "mt940", "txt"),
        200 * MB,
        {"xml": check_books, "txt": check_csv},
        Act.READ_LEDGER,
    ),
}

MOST_BYTES = max(purpose.most_bytes for purpose in PURPOSES.values())
