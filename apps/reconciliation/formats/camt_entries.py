"""An entry of CAMT and its transaction details, as lines.

An entry with one detail is one line, of the entry's amount: that is what moved the balance. A batch is one line for
each of its details where they state amounts that add up to the entry; otherwise it stays the one line that was booked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from apps.core.money import ZERO
from apps.reconciliation.formats import ParsedLine
from apps.reconciliation.formats.camt_texts import Texts
from apps.reconciliation.formats.values import (
    Entry,
    account_number,
    amount_of,
    iso_day,
    joined,
    line_of,
    plain,
    rate_of,
    refuse,
    said,
)

ACCOUNT = ("IBAN", "Othr/Id", "PrtryAcct/Id", "BBAN", "UPIC")  # below Acct/Id, by version
MOST_DETAILS = 10_000  # of one entry; a larger batch stays one line
_SHARES = ("Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/CntrValAmt/Amt", "AmtDtls/InstdAmt/Amt")
_PAID = ("AmtDtls/InstdAmt/Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/CntrValAmt/Amt", "Amt")
_RATES = tuple(f"AmtDtls/{name}/CcyXchg/XchgRate" for name in ("InstdAmt", "TxAmt", "CntrValAmt"))
_REFERENCES = ("RmtInf/Strd/CdtrRefInf/Ref", "RmtInf/Strd/CdtrRefInf/CdtrRef")


@dataclass(frozen=True, slots=True)
class _Side:
    """Where a detail names one side of a payment."""

    names: tuple[str, ...]
    accounts: tuple[str, ...]
    ultimates: tuple[str, ...]
    bank: str


def _side(name: str) -> _Side:
    party = f"RltdPties/{name}"
    return _Side(
        names=(f"{party}/Nm", f"{party}/Pty/Nm", f"{party}Acct/Nm"),
        accounts=tuple(f"{party}Acct/Id/{kind}" for kind in ACCOUNT),
        ultimates=(f"RltdPties/Ultmt{name}/Nm", f"RltdPties/Ultmt{name}/Pty/Nm"),
        bank=f"RltdAgts/{name}Agt/FinInstnId/Nm",
    )


_DEBTOR, _CREDITOR = _side("Dbtr"), _side("Cdtr")


@dataclass(slots=True)
class Booked:
    """An entry that was booked: what its lines share. ``own`` is the statement's account."""

    texts: Texts
    place: Entry
    currency: str
    own: str
    day: date
    value_date: date | None
    amount: Decimal
    is_reversal: bool
    bank_id: str


def is_booked(entry: Texts) -> bool:
    return entry.first("Sts", "Sts/Cd", "Sts/Prtry") in ("BOOK", "")


def booked(entry: Texts, place: Entry, *, currency: str, own: str, dated: date | None) -> Booked:
    """The entry, in the statement's ``currency``, dated ``dated`` where it says no date.

    Raises StatementFileInvalid.
    """
    if entry.first("Amt@") != currency:
        facts = {"found": entry.first("Amt@") or "?", "expected": currency}
        refuse(place, _("an amount in %(found)s on an account in %(expected)s.") % facts)
    written, value = entry.first("BookgDt/Dt", "BookgDt/DtTm"), entry.first("ValDt/Dt", "ValDt/DtTm")
    value_date = iso_day(value, place) if value else None
    day = iso_day(written, place) if written else value_date or dated
    if day is None:
        refuse(place, _("it says neither when it was booked nor its value date."))
    return Booked(
        texts=entry,
        place=place,
        currency=currency,
        own=own,
        day=day,
        value_date=value_date,
        amount=signed(entry, "Amt", currency, place),
        is_reversal=entry.first("RvslInd") in ("true", "1"),
        bank_id=said(entry.first("AcctSvcrRef")),
    )


def signed(texts: Texts, path: str, currency: str, place: int) -> Decimal:
    """The amount with the sign of its CdtDbtInd. Raises StatementFileInvalid."""
    amount = amount_of(texts.first(path), currency, place)
    indicator = texts.first("CdtDbtInd")
    if indicator not in ("CRDT", "DBIT"):
        refuse(place, _("it is neither credit nor debit."))
    return amount if indicator == "CRDT" else ZERO - amount


def lines_of(entry: Booked, details: list[Texts], count: int) -> Iterator[ParsedLine]:
    """The lines of an entry with ``count`` details, of which ``details`` were kept."""
    shares = _shares(entry, details) if count == len(details) > 1 else None
    if shares is None:
        detail = details[0] if count == 1 else Texts()
        yield _line(entry, detail, entry.amount, entry.bank_id or said(detail.first("Refs/AcctSvcrRef")))
        return
    ids = [said(detail.first("Refs/AcctSvcrRef")) for detail in details]
    if not all(ids) or len({entry.bank_id, *ids}) <= len(ids):
        ids = [f"{entry.bank_id}/{number}" if entry.bank_id else "" for number in range(1, len(ids) + 1)]
    for detail, amount, bank_id in zip(details, shares, ids, strict=True):
        yield _line(entry, detail, amount, bank_id)


def _shares(entry: Booked, details: list[Texts]) -> list[Decimal] | None:
    """The amounts of the details in the account's currency, where they add up to the entry."""
    for path in _SHARES:
        if any(detail.first(f"{path}@") != entry.currency for detail in details):
            continue
        amounts = [amount_of(detail.first(path), entry.currency, entry.place) for detail in details]
        marked = [
            ZERO - amount if detail.first("CdtDbtInd") == "DBIT" else amount
            for amount, detail in zip(amounts, details, strict=True)
        ]
        as_entry = [ZERO - amount if entry.amount < 0 else amount for amount in amounts]
        for shares in (marked, as_entry):
            if sum(shares) == entry.amount:
                return shares
    return None


def _line(entry: Booked, detail: Texts, amount: Decimal, bank_id: str) -> ParsedLine:
    about = entry.texts
    written = next((detail[path] for path in _REFERENCES if path in detail), "")
    reference, *further = (account_number(text) for text in written.split("\n"))
    texts = [
        plain(text)
        for text in (
            detail.get("RmtInf/Ustrd", ""),
            detail.get("RmtInf/Strd/AddtlRmtInf", ""),
            detail.get("AddtlTxInf", ""),
            about.get("AddtlNtryInf", ""),
        )
    ]
    label = next((text for text in texts if text), "")
    reason = joined(detail.first("RtrInf/Rsn/Cd"), detail.first("RtrInf/AddtlInf"), by=" ")
    name, account, ultimate = _counterparty(entry, detail, money_in=(amount >= 0) is not entry.is_reversal)
    return line_of(
        row=int(entry.place),
        date=entry.day,
        value_date=entry.value_date,
        amount=amount,
        label=label,
        reference=reference,
        note=joined(*(text for text in texts if text != label), *further, reason, ultimate, *_batch(about, detail)),
        end_to_end_id=said(detail.first("Refs/EndToEndId")),
        bank_id=bank_id,
        transaction_type=_type(detail) or _type(about),
        counterparty_name=name,
        counterparty_iban=account,
        is_reversal=entry.is_reversal,
        **_foreign(entry, detail, amount),
    )


def _type(texts: Texts) -> str:
    """The bank's code of the transaction: of ISO 20022, otherwise its own."""
    if domain := texts.first("BkTxCd/Domn/Cd"):
        family = texts.first("BkTxCd/Domn/Fmly/Cd"), texts.first("BkTxCd/Domn/Fmly/SubFmlyCd")
        return joined(domain, *family, by="-")
    return texts.first("BkTxCd/Prtry/Cd")


def _batch(entry: Texts, detail: Texts) -> Iterator[str]:
    """How a batch that stays one line calls itself, in the words of the format."""
    if not detail:
        for name in ("PmtInfId", "NbOfTxs"):
            if text := entry.first(f"NtryDtls/Btch/{name}", f"Btch/{name}"):
                yield f"{name} {text}"


def _counterparty(entry: Booked, detail: Texts, *, money_in: bool) -> tuple[str, str, str]:
    """Name, account and ultimate party of the other side: the debtor of money that came in, the creditor of money that
    went out; the other of the two where that one is missing or is the account itself. Without any party, its bank."""
    side, other = (_DEBTOR, _CREDITOR) if money_in else (_CREDITOR, _DEBTOR)
    name, account, ultimate = _party(detail, side)
    if not (name or account or ultimate) or account == entry.own:
        found = _party(detail, other)
        if any(found) and found[1] != entry.own:
            name, account, ultimate = found
    name = name or ultimate or detail.first(side.bank)
    return name, account, ultimate if ultimate != name else ""


def _party(detail: Texts, side: _Side) -> tuple[str, str, str]:
    return (
        detail.first(*side.names),
        account_number(detail.first(*side.accounts)),
        detail.first(*side.ultimates),
    )


def _foreign(entry: Booked, detail: Texts, amount: Decimal) -> dict[str, Any]:
    """The amount that was paid where it was in another currency, and the bank's rate."""
    texts = detail or entry.texts
    for path in _PAID:
        currency = texts.get(f"{path}@", entry.currency)
        if currency == entry.currency:
            continue
        if foreign := amount_of(texts.first(path), currency, entry.place):
            return {
                "foreign_currency": currency[:3],
                "foreign_amount": foreign if amount >= 0 else ZERO - foreign,
                "exchange_rate": rate_of(texts.first(*_RATES) or entry.texts.first(*_RATES), amount, foreign),
            }
    return {}
