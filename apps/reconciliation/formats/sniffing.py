"""Which format a file has, by its content: names and extensions say little."""

import codecs
import re
from typing import BinaryIO

from django.utils.translation import gettext as _

from apps.reconciliation.formats import Parser, camt, mt940, ofx
from apps.reconciliation.formats.values import refuse, shown

AUTO, CAMT, CSV, MT940, OFX = "auto", "camt", "csv", "mt940", "ofx"
PARSERS: dict[str, Parser] = {CAMT: camt.parse, MT940: mt940.parse, OFX: ofx.parse}  # CSV needs a mapping as well

_HEAD = 64 * 1024  # bytes that are looked at
_OTHERS = {
    b"%PDF": "PDF",
    b"PK\x03\x04": "ZIP/XLSX",
    b"\xd0\xcf\x11\xe0": "XLS",
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"\x1f\x8b": "GZIP",
}
_ALIASES = re.compile(r"(camt|mt94[02]|ofx|qfx|csv|auto)")
_OFX = re.compile(r"OFXHEADER\s*:|<\?OFX\s|<OFX>", re.IGNORECASE)
_CAMT = re.compile(r"camt\.05[234]|<(?:\w+:)?BkToCstmr(?:Stmt|AcctRpt|DbtCdtNtfctn)")
_MT940 = re.compile(r"^(?::[0-9]{2}[A-Z]?:|:940:|\{1:F01)", re.MULTILINE)
_ROOT = re.compile(r"<([A-Za-z_][^\s/>]{0,60})([^>]{0,1000})")
_NAMESPACE = re.compile(r"xmlns(?::\w+)?=[\"']([^\"']{1,100})")


def named(format: str) -> str:
    """The format that somebody names, as they name it: ``CAMT.053``, ``QFX``, ``MT942``. Empty for one that is not
    known."""
    found = _ALIASES.match(format.strip().lower())
    return {"qfx": OFX, "mt942": MT940}.get(found[1], found[1]) if found else ""


def recognised(file: BinaryIO) -> str:
    """The format of ``file``. Raises StatementFileInvalid for what is no bank statement."""
    file.seek(0)
    head = file.read(_HEAD)
    file.seek(0)
    for start, kind in _OTHERS.items():
        if head.startswith(start):
            refuse(1, _("this is %(kind)s. Export the statement as CAMT, MT940, OFX or CSV.") % {"kind": kind})
    text = _readable(head).lstrip()
    if not text:
        refuse(1, _("the file is empty."))
    if _OFX.search(text):
        return OFX
    if text.startswith("<"):
        if _CAMT.search(text):
            return CAMT
        root = _ROOT.search(text)
        namespace = _NAMESPACE.search(root[2]) if root else None
        kind = namespace[1].rpartition(":")[2] if namespace else root[1] if root else "XML"
        refuse(1, _("this is %(kind)s, and neither CAMT.052, 053 or 054 nor OFX.") % {"kind": shown(kind)})
    if _MT940.search(text):
        return MT940
    first = text.partition("\n")[0]
    if any(mark in first for mark in ",;\t|"):
        return CSV
    refuse(1, _("it begins with “%(text)s”, as no statement does.") % {"text": shown(first)})


def _readable(head: bytes) -> str:
    """The head as text, whatever its encoding is: only its ASCII matters here."""
    for mark, name in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if head.startswith(mark):
            return head[len(mark) :].decode(name, errors="replace")
    return head.removeprefix(codecs.BOM_UTF8).replace(b"\0", b"").decode("latin-1").replace("\r", "\n")
