"""What an asset loses month by month: the schedule is arithmetic, and needs no database."""

from datetime import date, timedelta
from decimal import Decimal as D

from hypothesis import given
from hypothesis import strategies as st

from apps.core.models import Administration
from apps.core.money import currency, total
from apps.ledger.models import FixedAsset
from apps.ledger.reports.depreciation import schedule, until_disposal

DECLINING = {"method": "DECLINING", "declining_rate": D(20)}


def asset(**fields):
    """EUR 1,200 over twelve months from 1 January 2026."""
    kept_in = Administration(currency=fields.pop("currency", "EUR"))
    used = {"cost": D("1200.00"), "life_months": 12, "in_use_from": date(2026, 1, 1)} | fields
    return FixedAsset(administration=kept_in, **{"residual_value": D(0), "opening_depreciation": D(0), **used})


def amounts(**fields):
    return [str(month.amount) for month in schedule(asset(**fields))]


def test_straight_line_takes_the_same_amount_each_month():
    assert amounts() == ["100.00"] * 12


def test_the_residual_value_is_left():
    months = schedule(asset(residual_value=D("300.00")))
    assert {month.amount for month in months} == {D("75.00")}
    assert months[-1].book_value == D("300.00")


def test_months_differ_by_a_cent_and_the_last_takes_the_rest():
    found = amounts(cost=D("100.00"), life_months=3)
    assert found == ["33.33", "33.34", "33.33"]


def test_the_first_month_counts_by_its_days_and_the_last_takes_what_is_left():
    months = schedule(asset(in_use_from=date(2026, 1, 17)))  # 15 of 31 days
    assert (months[0].month, months[0].amount) == (date(2026, 1, 1), D("48.39"))
    assert {month.amount for month in months[1:-1]} <= {D("99.99"), D("100.00"), D("100.01")}
    assert (months[-1].month, months[-1].amount) == (date(2027, 1, 1), D("51.61"))


def test_the_last_day_of_a_leap_february_is_one_of_29():
    assert schedule(asset(in_use_from=date(2028, 2, 29)))[0].amount == D("3.45")


def test_what_was_depreciated_before_covers_the_first_months():
    months = schedule(asset(opening_depreciation=D("250.00")))
    assert (months[0].month, months[0].amount) == (date(2026, 3, 1), D("50.00"))
    assert [month.amount for month in months[1:]] == [D("100.00")] * 9


def test_an_asset_that_is_written_off_whole_has_no_schedule():
    assert amounts(opening_depreciation=D("1200.00")) == []


def test_declining_takes_its_rate_of_what_each_year_begins_with_and_changes_over_to_straight_line():
    # 10,000 at 40 %: 4,000, then 2,400; from the third year on the rest over the remaining 36 months is no less.
    months = schedule(asset(cost=D("10000.00"), life_months=60, method="DECLINING", declining_rate=D(40)))
    years = [total(month.amount for month in months[start : start + 12]) for start in range(0, 60, 12)]
    assert years == [D("4000.00"), D("2400.00"), D("1440.00"), D("1080.00"), D("1080.00")]


def test_a_low_rate_is_straight_line_from_the_beginning():
    assert amounts(**DECLINING | {"declining_rate": D(1)}) == amounts()


def test_declining_never_goes_below_the_residual_value():
    months = schedule(asset(method="DECLINING", declining_rate=D(100), residual_value=D("200.00"), life_months=36))
    assert len(months) == 12
    assert months[-1].book_value == D("200.00")


def test_yen_have_no_cents():
    assert amounts(cost=D(100), life_months=3, currency="JPY") == ["33", "34", "33"]


def test_a_disposal_counts_the_days_of_its_month():
    found = until_disposal(asset(), schedule(asset()), date(2026, 3, 10))
    assert [month.amount for month in found] == [D("100.00"), D("100.00"), D("32.26")]
    assert found[-1].book_value == D("967.74")


def test_a_disposal_in_the_first_month_counts_the_days_of_use():
    used = asset(in_use_from=date(2026, 1, 17))
    found = until_disposal(used, schedule(used), date(2026, 1, 21))  # 5 of the 15 days
    assert [month.amount for month in found] == [D("16.13")]


@st.composite
def assets(draw):
    code = draw(st.sampled_from(["EUR", "JPY", "KWD"]))
    unit = currency(code).unit
    cost = draw(st.integers(1, 10**8)) * unit
    residual = draw(st.integers(0, int(cost / unit))) * unit
    opening = draw(st.integers(0, int((cost - residual) / unit))) * unit
    declining = {"method": "DECLINING", "declining_rate": D(draw(st.integers(1, 10_000))) / 100}
    return asset(
        currency=code,
        cost=cost,
        residual_value=residual,
        opening_depreciation=opening,
        life_months=draw(st.integers(1, 140)),
        in_use_from=date(2020, 1, 1) + timedelta(days=draw(st.integers(0, 3000))),
        **draw(st.sampled_from([{}, declining])),
    )


@given(assets())
def test_a_schedule_writes_off_all_but_the_residual_value_and_never_goes_back(one):
    months = schedule(one)
    assert total(month.amount for month in months) == one.cost - one.residual_value - one.opening_depreciation
    assert all(month.amount > 0 for month in months)
    assert [month.month for month in months] == sorted({month.month for month in months})
    left = one.cost - one.opening_depreciation
    for month in months:
        left -= month.amount
        assert month.book_value == left
    assert left >= one.residual_value
    assert len(months) <= one.life_months + 1


@given(assets(), st.integers(0, 5000))
def test_a_disposal_takes_no_more_than_the_schedule_until_then(one, days):
    months, on = schedule(one), one.in_use_from + timedelta(days=days)
    found = until_disposal(one, months, on)
    assert all(month.month <= on for month in found)
    whole = {month.month: month.amount for month in months}
    assert all(0 < month.amount <= whole[month.month] for month in found)
    assert [month.amount for month in found[:-1]] == [month.amount for month in months[: len(found) - 1]] or not found
