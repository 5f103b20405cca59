"""What the reports of a period say: read once when it is finalized, and again by anybody who wants it proved.

Figures stand by the ids of accounts, parties, items and VAT codes. What those were called stands apart, under
``names``: reading again takes the names from the snapshot, so that a new name of an account changes no proof.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from apps.core.languages import language_of_books
from apps.core.money import quantize, total
from apps.ledger.models import Period
from apps.ledger.reports.ageing import CONTROLS, Kind
from apps.ledger.reports.balance_sheet import balance_sheet
from apps.ledger.reports.fiscal_years import fiscal_year
from apps.ledger.reports.open_items import open_items
from apps.ledger.reports.profit_and_loss import profit_and_loss
from apps.ledger.reports.statements import Section, StatementRow
from apps.ledger.reports.vat_by_code import vat_by_code
from apps.periods.models import Snapshot

FORMAT = 1
BALANCE_SHEET = ("current_assets", "fixed_assets", "current_liabilities", "long_term_liabilities", "equity")
PROFIT_AND_LOSS = ("revenue", "cost_of_goods_sold", "operating_expenses", "other_income", "other_expenses")


@dataclass
class Reading:
    """One reading of the books of ``period`` by ``known_at``. ``names`` grows, unless it was given."""

    period: Period
    known_at: datetime
    names: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def first_day(self) -> date:
        """Adjustments at year-end stand beside the result of their whole year."""
        if self.period.type == Period.Type.YEAR_END:
            return fiscal_year(self.period.administration, self.period.last_day).first_day
        return self.period.first_day

    def amount(self, value: Decimal) -> str:
        return str(quantize(value, self.period.administration.currency))

    def named(self, key: object, **words: str) -> str:
        """``key`` as text, with what it is called now unless that is known."""
        self.names.setdefault(str(key), words)
        return str(key)

    def order(self, key: str) -> tuple[str, str]:
        return self.names[key].get("code", "~"), key


def contents(
    period: Period, known_at: datetime, *, names: dict[str, dict[str, str]] | None = None, **facts: Any
) -> dict[str, Any]:
    """Everything that a snapshot says. ``facts`` are what the books cannot say again: issues and seal."""
    reading = Reading(period, known_at, dict(names or {}))
    with language_of_books(period.administration):
        sections = {name: read(reading) for name, read in SECTIONS.items()}
    sheet, result = sections["balance_sheet"], sections["profit_and_loss"]
    summary = {
        **{name: sheet[name] for name in ("total_assets", "total_liabilities", "total_equity")},
        "net_income": result["net_income"],
        "total_ar": sections["open_ar_balances"]["total"],
        "total_ap": sections["open_ap_balances"]["total"],
    }
    return {
        "format": FORMAT,
        "period": {
            "id": str(period.pk),
            "type": period.type,
            "first_day": period.first_day.isoformat(),
            "last_day": period.last_day.isoformat(),
        },
        "currency": period.administration.currency,
        "known_at": known_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "names": reading.names,
        "summary": summary,
        **sections,
        **facts,
    }


def canonical(content: dict[str, Any]) -> bytes:
    """One spelling of it: keys in order, no spaces, UTF-8."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def read_again(snapshot: Snapshot) -> bytes:
    """What the books say today of the moment of ``snapshot``; the very bytes of its content, if nothing was changed."""
    said = snapshot.says
    facts = {name: said[name] for name in ("issues", "seal")}
    return canonical(contents(snapshot.period, snapshot.known_at, names=said["names"], **facts))


def differences(snapshot: Snapshot) -> list[str]:
    """The parts of ``snapshot`` that the books no longer say; ``sha256`` and ``seal`` where those do not hold."""
    kept = bytes(snapshot.content)
    wrong = [] if digest(kept) == snapshot.sha256 else ["sha256"]
    said = snapshot.says
    if said["seal"]["head"] != snapshot.seal.head:
        wrong.append("seal")
    again = read_again(snapshot)
    if again != kept:
        now = json.loads(again)
        wrong += sorted(name for name in {*said, *now} if said.get(name) != now.get(name)) or ["spelling"]
    return wrong


# The sections --------------------------------------------------------------------------------------------------------


def _balance_sheet(reading: Reading) -> dict[str, Any]:
    period = reading.period
    sheet = balance_sheet(period.administration, period.last_day, known_at=reading.known_at)
    return {
        **{name: _section(reading, getattr(sheet, name)) for name in BALANCE_SHEET},
        "total_assets": reading.amount(sheet.total_assets.amount),
        "total_liabilities": reading.amount(sheet.total_liabilities.amount),
        "total_equity": reading.amount(sheet.equity.total.amount),
        "is_balanced": sheet.is_balanced,
    }


def _profit_and_loss(reading: Reading) -> dict[str, Any]:
    period = reading.period
    result = profit_and_loss(period.administration, reading.first_day, period.last_day, known_at=reading.known_at)
    return {
        **{name: _section(reading, getattr(result, name)) for name in PROFIT_AND_LOSS},
        "gross_profit": reading.amount(result.gross_profit.amount),
        "operating_income": reading.amount(result.operating_income.amount),
        "net_income": reading.amount(result.net_income.amount),
    }


def _section(reading: Reading, section: Section) -> dict[str, Any]:
    rows = [
        {"account": _account(reading, section, row), "amount": reading.amount(row.balance.amount)}
        for row in section.rows
        if row.balance.amount
    ]
    rows.sort(key=lambda row: reading.order(row["account"]))
    return {"rows": rows, "total": reading.amount(section.total.amount)}


def _account(reading: Reading, section: Section, row: StatementRow) -> str:
    """A result that is computed, and no account's own balance, goes by what it is."""
    if row.computed:
        return reading.named(f"{section.place}:computed:{row.account is None}", name=row.name)
    if row.account is None:
        return reading.named(f"{section.place}:unappropriated", name=row.name)
    return reading.named(row.account.pk, code=row.account.code, name=row.account.name)


def _vat(reading: Reading) -> dict[str, Any]:
    """VAT of the periods that end in this one, code by code."""
    period = reading.period
    vat = vat_by_code(period.administration, period.first_day, period.last_day, known_at=reading.known_at)
    rows = [
        {
            "vat_code": reading.named(row.vat_code.pk, code=row.vat_code.code, name=row.vat_code.name),
            "turnover": reading.amount(row.turnover),
            "vat_owed": reading.amount(row.vat_owed),
            "vat_deducted": reading.amount(row.vat_deducted),
        }
        for row in vat.rows
    ]
    rows.sort(key=lambda row: reading.order(row["vat_code"]))
    return {
        "codes": rows,
        "turnover": reading.amount(vat.turnover),
        "vat_owed": reading.amount(vat.vat_owed),
        "vat_deducted": reading.amount(vat.vat_deducted),
        "vat_payable": reading.amount(vat.vat_payable),
    }


def _receivables(reading: Reading) -> dict[str, Any]:
    return _open(reading, Kind.RECEIVABLE)


def _payables(reading: Reading) -> dict[str, Any]:
    return _open(reading, Kind.PAYABLE)


def _open(reading: Reading, kind: Kind) -> dict[str, Any]:
    """Party by party and item by item; positive is owed in the direction of ``kind``."""
    period, sign = reading.period, 1 if kind == Kind.RECEIVABLE else -1
    found = open_items(period.administration, period.last_day, reading.known_at)
    rows = [row for one in found if one.account.control in CONTROLS[kind] for row in one.rows]
    for row in rows:
        reading.named(row.party.pk, code=row.party.code, name=row.party.name)
    rows.sort(key=lambda row: (*reading.order(str(row.party.pk)), row.item.date, str(row.item.pk)))
    parties = [
        {
            "party": party,
            "total": reading.amount(sign * total(row.open for row in owed)),
            "items": [
                {
                    "item": str(row.item.pk),
                    "reference": row.item.reference,
                    "date": row.item.date.isoformat(),
                    "due_date": row.item.due_date.isoformat() if row.item.due_date else None,
                    "original": reading.amount(sign * row.original),
                    "open": reading.amount(sign * row.open),
                }
                for row in owed
            ],
        }
        for party, owed in _by_party(rows)
    ]
    return {"total": reading.amount(sign * total(row.open for row in rows)), "parties": parties}


def _by_party(rows: Iterable[Any]) -> Iterable[tuple[str, list[Any]]]:
    for party, owed in groupby(rows, key=lambda row: str(row.party.pk)):
        yield party, list(owed)


SECTIONS: dict[str, Callable[[Reading], dict[str, Any]]] = {
    "balance_sheet": _balance_sheet,
    "profit_and_loss": _profit_and_loss,
    "vat_summary": _vat,
    "open_ar_balances": _receivables,
    "open_ap_balances": _payables,
}
