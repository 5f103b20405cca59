"""What an asset loses month by month, and what it is worth in the books."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

from apps.core.models import Administration
from apps.core.money import ZERO, quantize, total
from apps.ledger.models import Depreciation, Disposal, FixedAsset

YEAR = 12  # months


@dataclass(frozen=True)
class ScheduledMonth:
    """A month, by its first day, what it takes off the asset, and what is left of the cost after it."""

    month: date
    amount: Decimal
    book_value: Decimal

    @property
    def last_day(self) -> date:
        return next_month(self.month) - timedelta(days=1)


@dataclass(frozen=True)
class ScheduleRow:
    """A month of an asset's schedule, and what was posted of it."""

    asset: FixedAsset
    scheduled: ScheduledMonth
    posted: Depreciation | None

    @property
    def administration(self) -> Administration:
        return self.asset.administration


@dataclass(frozen=True)
class AssetRegisterRow:
    """An asset as it stands in the books: what was posted of its schedule, and what comes next."""

    asset: FixedAsset
    posted: tuple[Depreciation, ...]
    disposal: Disposal | None
    next: ScheduledMonth | None

    @property
    def depreciated(self) -> Decimal:
        """All that was written off so far, before these books and in them."""
        return self.asset.opening_depreciation + total(one.amount for one in self.posted)

    @property
    def book_value(self) -> Decimal:
        return ZERO if self.disposal else self.asset.cost - self.depreciated

    @property
    def administration(self) -> Administration:
        return self.asset.administration

    @property
    def months(self) -> tuple[ScheduleRow, ...]:
        """The schedule up to a disposal, each month with what was posted of it."""
        posted, months = {one.month: one for one in self.posted}, schedule(self.asset)
        if self.disposal:
            months = until_disposal(self.asset, months, self.disposal.date)
        return tuple(ScheduleRow(self.asset, one, posted.get(one.month)) for one in months)


def schedule(asset: FixedAsset) -> tuple[ScheduledMonth, ...]:
    """The months in which ``asset`` is written off, from cost to residual value, to the last digit of its currency.

    Its life is counted from the day on which it is used: the first calendar month counts by its days, and the last
    one takes what is left. Months that ``opening_depreciation`` covers are not among them.

    Straight-line: the same amount each month (IAS 16.62). Declining balance: each year of use takes the rate of what
    the asset is worth at its beginning, in equal months, and changes over to straight-line over the remaining life in
    the first year in which that is more (declining balance with a switch to straight-line, IRS Publication 946).
    """
    code, months = asset.administration.currency, []
    written_off, month = asset.opening_depreciation, asset.in_use_from.replace(day=1)
    used = Fraction(_days_in(month) - asset.in_use_from.day + 1, _days_in(month))
    curve = _curve(asset)
    while True:
        ended = used >= asset.life_months
        so_far = asset.cost - asset.residual_value if ended else _rounded(_at(curve, used), code)
        if so_far > written_off:
            months.append(ScheduledMonth(month, so_far - written_off, asset.cost - so_far))
            written_off = so_far
        if ended:
            return tuple(months)
        month, used = next_month(month), used + 1


def until_disposal(
    asset: FixedAsset, months: Iterable[ScheduledMonth], disposed_on: date
) -> tuple[ScheduledMonth, ...]:
    """``months`` of the schedule up to a disposal, whose month counts by the days of use in it."""
    found = []
    for one in months:
        if one.last_day <= disposed_on:
            found.append(one)
        elif one.month <= disposed_on:
            first = max(one.month, asset.in_use_from)
            share = Fraction((disposed_on - first).days + 1, (one.last_day - first).days + 1)
            amount = _rounded(Fraction(one.amount) * share, asset.administration.currency)
            if amount > 0:
                found.append(ScheduledMonth(one.month, amount, one.book_value + one.amount - amount))
    return tuple(found)


def register(assets: Iterable[FixedAsset]) -> tuple[AssetRegisterRow, ...]:
    """Each of ``assets`` with what was posted of it: two queries for all of them."""
    assets = list(assets)
    posted: dict[Any, list[Depreciation]] = {asset.pk: [] for asset in assets}
    standing = Depreciation.objects.standing().filter(asset__in=assets).order_by("month")
    for one in standing.select_related("entry__journal"):
        posted[one.asset_id].append(one)
    disposals = {
        one.asset_id: one
        for one in Disposal.objects.standing().filter(asset__in=assets).select_related("entry__journal")
    }
    return tuple(_row(asset, tuple(posted[asset.pk]), disposals.get(asset.pk)) for asset in assets)


def _row(asset: FixedAsset, posted: tuple[Depreciation, ...], disposal: Disposal | None) -> AssetRegisterRow:
    row = AssetRegisterRow(asset, posted, disposal, None)
    to_come = () if disposal else (one.scheduled for one in row.months if one.posted is None)
    return replace(row, next=next(iter(to_come), None))


def next_month(month: date) -> date:
    """The first day of the month after ``month``."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _days_in(month: date) -> int:
    return (next_month(month) - month).days


def _curve(asset: FixedAsset) -> list[tuple[int, Fraction]]:
    """Points of a line: after so many months of use, so much is written off; straight between them."""
    life, whole = asset.life_months, Fraction(asset.cost) - Fraction(asset.residual_value)
    if asset.method == FixedAsset.Method.STRAIGHT_LINE:
        return [(0, Fraction(0)), (life, whole)]
    rate = Fraction(asset.declining_rate or 0) / 100
    points = [(0, Fraction(0))]
    while points[-1][0] < life:
        used, so_far = points[-1]
        months = min(YEAR, life - used)
        declining = (Fraction(asset.cost) - so_far) * rate * months / YEAR
        straight = (whole - so_far) * months / (life - used)
        points.append((used + months, min(whole, so_far + max(declining, straight))))
    return points


def _at(curve: list[tuple[int, Fraction]], used: Fraction) -> Fraction:
    left, right = next(pair for pair in pairwise(curve) if used <= pair[1][0])
    return left[1] + (right[1] - left[1]) * (used - left[0]) / (right[0] - left[0])


def _rounded(value: Fraction, code: str) -> Decimal:
    return quantize(Decimal(value.numerator) / Decimal(value.denominator), code)
