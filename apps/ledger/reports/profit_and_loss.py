"""Profit and loss account: income and costs of a span of days."""

from dataclasses import dataclass
from datetime import date, datetime

from apps.core.models import Administration
from apps.ledger.reports.balances import balances
from apps.ledger.reports.figures import Figure, LinesOf
from apps.ledger.reports.statements import DEBIT_TYPES, RESULT_PLACES, Place, Section, Standing, Standings, section


@dataclass(frozen=True)
class ProfitAndLoss:
    """From ``since`` until ``until``, both inclusive; ``compared`` is the earlier span, if any. Income is positive when
    it is a credit, costs when they are a debit."""

    administration: Administration
    since: date
    until: date
    known_at: datetime | None
    compared: tuple[date, date] | None
    revenue: Section
    cost_of_goods_sold: Section
    operating_expenses: Section
    other_income: Section
    other_expenses: Section

    @property
    def gross_profit(self) -> Figure:
        return self.revenue.total - self.cost_of_goods_sold.total

    @property
    def operating_income(self) -> Figure:
        return self.gross_profit - self.operating_expenses.total

    @property
    def net_income(self) -> Figure:
        return self.operating_income + self.other_income.total - self.other_expenses.total


def profit_and_loss(
    administration: Administration,
    since: date,
    until: date,
    *,
    known_at: datetime | None = None,
    compared: tuple[date, date] | None = None,
) -> ProfitAndLoss:
    """What was earned and spent, from what was posted by ``known_at``, beside the span ``compared``."""
    now = _standings(administration, since, until, known_at)
    earlier = _standings(administration, *compared, known_at) if compared else None
    return ProfitAndLoss(
        administration=administration,
        since=since,
        until=until,
        known_at=known_at,
        compared=compared,
        revenue=section(Place.REVENUE, now, earlier),
        cost_of_goods_sold=section(Place.COST_OF_GOODS_SOLD, now, earlier),
        operating_expenses=section(Place.OPERATING_EXPENSES, now, earlier),
        other_income=section(Place.OTHER_INCOME, now, earlier),
        other_expenses=section(Place.OTHER_EXPENSES, now, earlier),
    )


def _standings(administration: Administration, since: date, until: date, known_at: datetime | None) -> Standings:
    return {
        row.account.pk: Standing(
            account=row.account,
            name=row.account.name,
            place=row.account.place,
            debit=row.debit,
            credit=row.credit,
            lines=(LinesOf((row.account,), since, until, known_at),),
            on_debit_side=row.account.type in DEBIT_TYPES,
        )
        for row in balances(administration, until, since=since, known_at=known_at)
        if row.account.place in RESULT_PLACES and (row.debit or row.credit)
    }
