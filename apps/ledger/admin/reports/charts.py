"""Bars and columns: where a share or a trend is read."""

from decimal import Decimal
from typing import Any

from apps.core.money import ZERO
from apps.ledger.admin.reports.addresses import Ways
from apps.ledger.reports.by_month import MonthResult


def bars_of(parts: list[tuple[Any, Decimal, str]]) -> list[dict[str, Any]]:
    """Each part with the width of its bar, and its share of all when none is negative."""
    largest = max((abs(amount) for _name, amount, _link in parts), default=ZERO)
    whole = sum((amount for _name, amount, _link in parts), ZERO)
    shares = whole > 0 and all(amount >= 0 for _name, amount, _link in parts)
    return [
        {
            "name": name,
            "amount": amount,
            "link": link,
            "width": _hundredths(abs(amount), largest),
            "negative": amount < 0,
            "share": f"{100 * amount / whole:.0f} %" if shares else "",
        }
        for name, amount, link in parts
        if amount
    ]


CHART = (640, 160)  # units of the picture; the page scales it


def columns_of(months: tuple[MonthResult, ...], ways: Ways) -> dict[str, Any] | None:
    """A column a month, up from the line of zero or down from it."""
    top = max((month.amount for month in months), default=ZERO)
    bottom = min((month.amount for month in months), default=ZERO)
    top, bottom = max(top, ZERO), min(bottom, ZERO)
    if top == bottom:
        return None
    width, height = CHART
    step = Decimal(width) / len(months)
    scale = Decimal(height) / (top - bottom)
    columns = [
        {
            "month": month,
            "x": _plain(at * step + step / 8),
            "width": _plain(step * 3 / 4),
            "y": _plain((top - max(month.amount, ZERO)) * scale),
            "height": _plain(abs(month.amount) * scale),
            "middle": _plain(at * step + step / 2),
            "negative": month.amount < 0,
            "link": ways.to("profit_and_loss", since=month.first_day, until=month.last_day),
        }
        for at, month in enumerate(months)
    ]
    return {"columns": columns, "zero": _plain(top * scale), "every": len(months) // 13 + 1}


def _hundredths(part: Decimal, whole: Decimal) -> str:
    return _plain(100 * part / whole) if whole else "0"


def _plain(value: Decimal) -> str:
    """A number as SVG reads it, in any language."""
    return f"{value:.2f}"
