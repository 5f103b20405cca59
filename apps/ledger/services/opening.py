"""Open the books of an administration: a chart of accounts from a file, journals, VAT codes, periods."""

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apps.core.events import record
from apps.core.languages import language_of_books
from apps.core.models import Administration, User
from apps.ledger.errors import UnknownChart
from apps.ledger.models import Account, Journal, Period, VatCode

CHARTS = Path(__file__).resolve().parent.parent / "charts"

# Codes of the journals that Daybook itself posts to.
JOURNALS = {
    "DAY": _("Day takings"),
    "GEN": _("General"),
    "SAL": _("Sales"),
    "PUR": _("Purchases"),
    "BNK": _("Bank"),
    "OPN": _("Opening balance"),
}
TYPES = {"DAY": "DAY", "SAL": "SALES", "PUR": "PURCHASES", "BNK": "BANK", "OPN": "OPENING"}


def charts() -> list[str]:
    """The names of the charts of accounts that come with Daybook, such as ``nl``."""
    return sorted(folder.name for folder in CHARTS.iterdir() if folder.is_dir())


def chart_of(country: str) -> str:
    """The chart for books kept in ``country`` (ISO 3166-1)."""
    return {"NL": "nl", "NO": "no"}.get(country, "general")


def accounts_of(chart: str) -> list[dict[str, str]]:
    """The accounts of ``chart``, as fields of Account."""
    return _rows(chart, "accounts")


@transaction.atomic
def open_books(administration: Administration, *, chart: str, by: User | None = None) -> None:
    """Give ``administration`` the accounts and VAT codes of ``chart`` and its journals; what is there stays.

    A chart is a folder with ``accounts.csv`` and ``vat_codes.csv``, whose columns are fields of Account and VatCode;
    a VAT code names its accounts by their codes, and says ``yes`` or nothing. Raises UnknownChart.
    """
    if chart not in charts():
        raise UnknownChart(chart=chart, known=", ".join(charts()))
    Account.objects.bulk_create(
        (Account(administration=administration, **row) for row in accounts_of(chart)), ignore_conflicts=True
    )
    accounts = {account.code: account for account in Account.objects.filter(administration=administration)}
    VatCode.objects.bulk_create(
        (VatCode(administration=administration, **_vat_code(row, accounts)) for row in _rows(chart, "vat_codes")),
        ignore_conflicts=True,
    )
    with language_of_books(administration):
        journals = [
            Journal(administration=administration, code=code, name=str(name), type=TYPES.get(code, "GENERAL"))
            for code, name in JOURNALS.items()
        ]
    Journal.objects.bulk_create(journals, ignore_conflicts=True)
    record("ledger.books_opened", administration, by=by, chart=chart)


def open_years(administration: Administration, first: int, last: int) -> None:
    """Months, quarters and the year of every calendar year from ``first`` to ``last``; what is there stays."""
    known = set(
        Period.objects.filter(
            administration=administration, first_day__year__gte=first, first_day__year__lte=last
        ).values_list("type", "first_day")
    )
    Period.objects.bulk_create(
        [
            Period(administration=administration, type=kind, name=name, first_day=start, last_day=end)
            for year in range(first, last + 1)
            for kind, name, start, end in _periods_of(year)
            if (kind, start) not in known
        ],
        ignore_conflicts=True,
    )


def _periods_of(year: int) -> Iterator[tuple[str, str, date, date]]:
    for length, kind in ((1, Period.Type.MONTH), (3, Period.Type.QUARTER), (12, Period.Type.YEAR)):
        for month in range(1, 13, length):
            start = date(year, month, 1)
            end = date(year + (month + length > 12), (month + length - 1) % 12 + 1, 1) - timedelta(days=1)
            names = {
                Period.Type.MONTH: f"{start:%Y-%m}",
                Period.Type.QUARTER: f"{year}-Q{month // 3 + 1}",
                Period.Type.YEAR: str(year),
            }
            yield kind, names[kind], start, end


def _vat_code(row: dict[str, str], accounts: dict[str, Account]) -> dict[str, Any]:
    return {
        **row,
        **{name: accounts.get(row[name]) for name in ("account", "input_account")},
        **{name: row[name] or None for name in ("valid_from", "valid_until")},
        **{name: row[name] == "yes" for name in ("reverse_charge", "eu_only", "requires_vat_number", "icp")},
    }


def _rows(chart: str, name: str) -> list[dict[str, str]]:
    with (CHARTS / chart / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
