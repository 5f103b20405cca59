"""Field 86 of MT940, "Information to account owner": each country and bank has a dialect of its own.

- Codes between slashes: the Dutch banks (ING ``/CNTP/``, Rabobank ``/ORDP//NAME/``, ABN AMRO ``/TRTP/``), SWIFT's own.
- Subfields with a number: Germany, Austria, Poland (``166?00GUTSCHRIFT?20...?32name``), or another mark than ``?``.
- Free text: all others; SNS and ASN begin it with the account and name of the other side.

What a payer wrote is never lost: text that no dialect explains is the label or the note.
"""

import re
from dataclasses import dataclass

from apps.reconciliation.formats.values import account_number, joined, plain, said

_FULL_LINE, _FULL_SUBFIELD = 64, 27  # characters: of a text that goes on in the next one without a blank
_CODES = (
    "ACCW ADDR BENM BIC BO[1-9] CD CDTRREF CDTRREFTP CHGS CNTP CSID EREF EXCH IACC IBAN ID IREF ISDT ISSR KREF MARF "
    "NAME NRTX OCMT ORDP PREF PURP REMI RETN RREF RTRN SVCL SVCLVL SWOC SWOD TRCD TRTP UDTR ULTB ULTC ULTD"
)
_CODE = re.compile(rf"/({'|'.join(_CODES.split())})(?=/)")
_SUBFIELDS = re.compile(r"\s?(\d{3})([^\w\s:/.,+-])(?=\d\d)")
_KEYWORD = re.compile(
    r"((?:EREF|KREF|MREF|CRED|DEBT|COAM|OAMT|SVWZ|ABWA|ABWE|BREF|RREF|PURP|IBAN|BIC)(?=\+)|MTLG(?=:))[+:]"
)
_ACCOUNT_FIRST = re.compile(r"\s?([A-Z]{2}\d\d[A-Z0-9]{11,30}|\d{9,10})(?=\s|$)")


@dataclass(slots=True)
class Details:
    """What field 86 says. ``paid`` and ``rate`` are the foreign amount and its rate, as they are written."""

    label: str = ""
    note: str = ""
    reference: str = ""
    end_to_end_id: str = ""
    type: str = ""
    name: str = ""
    account: str = ""
    paid: str = ""
    rate: str = ""


def details_of(lines: list[str]) -> Details:
    """What the lines of one field 86 say; SWIFT breaks them anywhere."""
    whole = "".join(lines)
    if found := _SUBFIELDS.match(whole):
        return _subfields(found[1], whole[found.end(1) :], found[2])
    if _CODE.match(whole.lstrip()):
        return codes(whole)
    return _free(lines)


def codes(text: str) -> Details:
    """Codes between slashes. Of a code that stands twice the first counts, and after the remittance nobody is named:
    what follows may be the payer's own text."""
    told, found, ultimate = dict[str, str](), list(_CODE.finditer(text)), ""
    for place, code in enumerate(found):
        name, end = code[1], found[place + 1].start() if place + 1 < len(found) else len(text)
        value = plain(text[code.end() : end].strip("/ "))
        if name in _NAMING and "REMI" in told:
            told["REMI"] = plain(f"{told['REMI']} /{name}/{value}")
            continue
        if name in _ULTIMATE or name in ("ORDP", "BENM"):
            ultimate = name if name in _ULTIMATE else ""
        told.setdefault(f"{ultimate}/{name}" if ultimate and name in ("NAME", "ID", "ADDR") else name, value)
    account, _bic, name, *_city = [*told.get("CNTP", "").split("/"), "", "", ""]
    label, reference = _remittance(told.get("REMI", ""))
    return Details(
        label=label,
        reference=account_number(reference or told.get("CDTRREF", "")),
        end_to_end_id=said(told.get("EREF", "")),
        type=told.get("TRTP", ""),
        name=told.get("NAME", "") or name,
        account=account_number(told.get("IBAN", "") or account),
        paid=told.get("OCMT", ""),
        rate=told.get("EXCH", ""),
        note=joined(*(f"{code} {value}" for code, value in told.items() if value and code in _NOTED)),
    )


_ULTIMATE = {"ULTD", "ULTB", "ULTC", "UDTR"}
_NAMING = {"NAME", "IBAN", "BIC", "CNTP", "ORDP", "BENM", "ID", "ADDR"}
_NOTED = {"RTRN", "RETN", "MARF", "CSID", "PREF", "PURP", "CHGS", "ULTD", "ULTB", "ULTD/NAME", "ULTB/NAME", "ULTC/NAME"}


def _remittance(text: str) -> tuple[str, str]:
    """Text and structured reference of ``/REMI/``: ING writes ``USTD//text`` and ``STRD/CUR/reference``."""
    kind, _slash, rest = text.partition("/")
    if kind == "USTD":
        return rest.strip("/ "), ""
    if kind == "STRD":
        return "", rest.rpartition("/")[2]
    return text, ""


def _subfields(code: str, text: str, mark: str) -> Details:
    """Numbered subfields: 00 the booking text, 20-29 and 60-69 the purpose, 30 and 31 bank and account, 32 and 33 the
    name, 34 what adds to the code, 38 the IBAN. Within the purpose SEPA has keywords, such as EREF+ and SVWZ+."""
    held: dict[str, list[str]] = {}
    for part in re.split(rf"{re.escape(mark)}(?=\d\d)", text)[1:]:
        held.setdefault(part[:2], []).append(part[2:])

    def flowing(*numbers: str) -> str:
        return _flowing([text for number in numbers for text in held.get(number, ())], _FULL_SUBFIELD)

    first, *rest = _KEYWORD.split(flowing(*_PURPOSE))
    keyed = dict(zip(reversed(rest[::2]), map(plain, reversed(rest[1::2])), strict=True))  # the first of each counts
    others = sorted(held.keys() - _EXPLAINED)
    return Details(
        label=joined(plain(first), keyed.get("SVWZ", ""), keyed.get("MTLG", ""), by=" "),
        end_to_end_id=said(keyed.get("EREF", "")),
        type=plain(f"{joined(code, flowing('34').strip(), by='+')} {flowing('00')}"),
        name=plain(flowing("32", "33")),
        account=account_number(flowing("38") or flowing("31") or keyed.get("IBAN", "")),
        note=joined(
            *(f"{key} {keyed[key]}" for key in sorted(keyed.keys() - _PLACED) if keyed[key]),
            plain(flowing(*others)),
        ),
    )


_PURPOSE = [str(number) for number in (*range(20, 30), *range(60, 70))]
_PLACED = {"EREF", "SVWZ", "MTLG", "IBAN", "BIC"}
_EXPLAINED = {*_PURPOSE, "00", "10", "30", "31", "32", "33", "34", "38"}  # 10 and 30 are the bank's own


def _free(lines: list[str]) -> Details:
    """Text as it stands. An account at its start is the other side's; a name follows where an empty line ends it."""
    found = _ACCOUNT_FIRST.match(lines[0]) if lines else None
    account = found[1] if found else ""
    if found and len(lines) > 1 and not lines[1].strip():
        name = plain(lines[0][found.end() :])
        return Details(label=plain(_flowing(lines[1:], _FULL_LINE)), name=name, account=account)
    return Details(label=plain(_flowing(lines, _FULL_LINE)), account=account)


def _flowing(texts: list[str], full: int) -> str:
    """The texts as one: a full one goes on in the next, a shorter one ended."""
    return "".join(text if len(text) >= full else f"{text} " for text in texts)
