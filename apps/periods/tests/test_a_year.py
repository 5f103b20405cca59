"""A year of a clinic's books, closed quarter by quarter."""

from datetime import date

import pytest

from apps.ledger.errors import PeriodClosed
from apps.ledger.models import Period
from apps.ledger.services.fiscal_years import open_fiscal_year
from apps.periods.checks import ALL
from apps.periods.models import Snapshot
from apps.periods.reports.snapshot import differences

QUARTERS = {"2026-Q1": 1, "2026-Q2": 4, "2026-Q3": 7, "2026-Q4": 10}


def test_a_year_is_closed_quarter_by_quarter_and_every_snapshot_holds(desk):
    open_fiscal_year(desk.administration, date(2026, 1, 1))
    open_fiscal_year(desk.administration, date(2027, 1, 1))
    for n, (quarter, month) in enumerate(QUARTERS.items(), 1):
        desk.sold(f"{n}00.00", day=date(2026, month + 1, 15))
        for name in (f"2026-{month:02}", f"2026-{month + 1:02}"):
            desk.finalized(name)
        desk.finalized(quarter)  # its last month goes along
        with pytest.raises(PeriodClosed):
            desk.sold(day=date(2026, month + 2, 1))

    adjustments = Period.objects.get(administration=desk.administration, type="YEAR_END", last_day=date(2026, 12, 31))
    assert adjustments.status == "OPEN"
    desk.finalized("2026")
    assert desk.lock("2026").status == "LOCKED"

    periods = Period.objects.filter(administration=desk.administration, first_day__year=2026)
    assert {one.status for one in periods} == {"LOCKED"}
    incomes = {one.period.name: one.says["summary"]["net_income"] for one in Snapshot.objects.select_related("period")}
    assert [incomes[quarter] for quarter in QUARTERS] == ["165.00", "200.00", "300.00", "400.00"]
    assert (incomes["2026"], incomes[adjustments.name]) == ("1065.00", "1065.00")
    assert Snapshot.objects.count() == periods.count() == 18
    assert [differences(one) for one in Snapshot.objects.select_related("period__administration", "seal")] == [[]] * 18
    assert [finding for check in ALL for finding in check(desk.administration, date.max)] == []
    desk.sold(day=date(2027, 1, 1))
