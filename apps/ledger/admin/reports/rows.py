"""The rows of a report, each with the lines that it is the sum of."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.ledger.admin.base import day_before
from apps.ledger.admin.reports.addresses import Ways
from apps.ledger.reports.ageing import Ageing, AgeingRow, Bucket
from apps.ledger.reports.figures import Figure
from apps.ledger.reports.statements import Section, StatementRow
from apps.ledger.reports.trial_balance import TrialBalanceRow

Days = tuple[date, date | None]
Sinces = tuple[date | None, date | None]
ALWAYS: Sinces = (None, None)


def section_rows(section: Section, ways: Ways, days: Days, sinces: Sinces = ALWAYS) -> Iterator[dict[str, Any]]:
    """A heading, its accounts and its total; nothing for a section without accounts."""
    if not section.rows:
        return
    yield {"kind": "heading", "name": section.name}
    for row in section.rows:
        yield account_row(row, ways)
    words = _("Total %(section)s") % {"section": section.name[:1].lower() + section.name[1:]}
    yield sum_row(words, section.total, (section.place,), ways, days, sinces)


def account_row(row: StatementRow, ways: Ways) -> dict[str, Any]:
    figure = row.balance
    return {
        "kind": "account",
        "code": row.account.code if row.account and not row.computed else "",
        "name": row.name,
        "figure": figure,
        "link": ways.lines(figure.lines),
        "earlier_link": ways.lines(figure.earlier_lines),
    }


def sum_row(
    name: Any,
    figure: Figure,
    places: tuple[str, ...],
    ways: Ways,
    days: Days,
    sinces: Sinces = ALWAYS,
    *,
    grand: bool = False,
) -> dict[str, Any]:
    """A total. Equity counts the result as well, which stands on no account: its parts are the rows above it."""
    linked = places and "EQUITY" not in places
    return {
        "kind": "grand" if grand else "total",
        "name": name,
        "figure": figure,
        "link": ways.places(places, sinces[0], days[0]) if linked else "",
        "earlier_link": ways.places(places, sinces[1], days[1]) if linked and days[1] else "",
    }


def ledger_links(
    row: TrialBalanceRow, ways: Ways, since: date | None, as_of: date, compare_to: date | None
) -> dict[str, str]:
    return {
        "opening": ways.ledger(row.account, None, day_before(since)) if since else "",
        "moved": ways.ledger(row.account, since, as_of),
        "all": ways.ledger(row.account, None, as_of),
        "earlier": ways.ledger(row.account, None, compare_to) if compare_to else "",
    }


def ageing_rows(report: Ageing, ways: Ways, opened: str, *, everybody: bool) -> Iterator[dict[str, Any]]:
    """Each party with its documents; where there are many, those of the party that is ``opened``."""
    for party in report.parties:
        shows = everybody or str(party.party.pk) == opened
        yield {
            "party": party,
            "documents": [(row, ways.item(row.item.pk), _cells(row)) for row in party.rows] if shows else [],
            "buckets": list(party.buckets.values()),
            "open_link": "" if shows else ways.with_party(party.party.pk),
        }


def _cells(row: AgeingRow) -> list[Decimal | None]:
    return [row.open if row.bucket == bucket else None for bucket in Bucket]
