"""Balance sheet: assets, liabilities and equity at the end of a day."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.utils.translation import gettext as _

from apps.core.models import Administration
from apps.core.money import total
from apps.ledger.models import Account
from apps.ledger.reports.balances import AccountBalance, balances
from apps.ledger.reports.figures import Figure, LinesOf
from apps.ledger.reports.fiscal_years import FiscalYear, fiscal_year
from apps.ledger.reports.statements import DEBIT_TYPES, RESULT_PLACES, Place, Section, Standing, Standings, section

RESULT_OF_YEAR = "result of the year"
UNAPPROPRIATED = "unappropriated result"


@dataclass(frozen=True)
class BalanceSheet:
    """``compare_to`` is the earlier date that every figure is held against, if any.

    Accounts of income and costs are never closed by entries. Their computed result stands in equity: that of the years
    before ``year`` in the account of purpose unappropriated_result, together with what was posted there, and that of
    ``year``, up to the date, in a row of its own.
    """

    administration: Administration
    as_of: date
    known_at: datetime | None
    compare_to: date | None
    year: FiscalYear
    current_assets: Section
    fixed_assets: Section
    current_liabilities: Section
    long_term_liabilities: Section
    equity: Section

    @property
    def total_assets(self) -> Figure:
        return self.current_assets.total + self.fixed_assets.total

    @property
    def total_liabilities(self) -> Figure:
        return self.current_liabilities.total + self.long_term_liabilities.total

    @property
    def total_liabilities_equity(self) -> Figure:
        return self.total_liabilities + self.equity.total

    @property
    def is_balanced(self) -> bool:
        """Assets equal liabilities and equity, at both dates when two are compared."""
        assets, claims = self.total_assets, self.total_liabilities_equity
        return (assets.amount, assets.earlier) == (claims.amount, claims.earlier)


def balance_sheet(
    administration: Administration, as_of: date, *, known_at: datetime | None = None, compare_to: date | None = None
) -> BalanceSheet:
    """The balance sheet at the end of ``as_of``, from what was posted by ``known_at``; adjustments at year-end count on
    their day."""
    year = fiscal_year(administration, as_of)
    now = _standings(administration, as_of, year, known_at)
    earlier = None
    if compare_to:
        earlier = _standings(administration, compare_to, fiscal_year(administration, compare_to), known_at)
    return BalanceSheet(
        administration=administration,
        as_of=as_of,
        known_at=known_at,
        compare_to=compare_to,
        year=year,
        current_assets=section(Place.CURRENT_ASSETS, now, earlier),
        fixed_assets=section(Place.FIXED_ASSETS, now, earlier),
        current_liabilities=section(Place.CURRENT_LIABILITIES, now, earlier),
        long_term_liabilities=section(Place.LONG_TERM_LIABILITIES, now, earlier),
        equity=section(Place.EQUITY, now, earlier),
    )


def _standings(administration: Administration, as_of: date, year: FiscalYear, known_at: datetime | None) -> Standings:
    found = balances(administration, as_of, since=year.first_day, known_at=known_at)
    result = [row for row in found if row.account.place in RESULT_PLACES]
    standings: dict[object, Standing] = {
        row.account.pk: Standing(
            account=row.account,
            name=row.account.name,
            place=row.account.place,
            debit=row.up_to.debit,
            credit=row.up_to.credit,
            lines=(LinesOf((row.account,), None, as_of, known_at),),
            on_debit_side=row.account.type in DEBIT_TYPES,
        )
        for row in found
        if row.account.place not in RESULT_PLACES
    }
    account = Account.objects.filter(administration=administration, purpose="unappropriated_result").first()
    before = [row for row in result if row.before.debit or row.before.credit]
    if before:
        key = account.pk if account else UNAPPROPRIATED
        posted = standings.get(key)
        last_day = year.first_day - timedelta(days=1)
        standings[key] = Standing(
            account=account,
            name=account.name if account else _("Unappropriated result"),
            place=Place.EQUITY,
            debit=total(row.before.debit for row in before) + (posted.debit if posted else 0),
            credit=total(row.before.credit for row in before) + (posted.credit if posted else 0),
            lines=(*(posted.lines if posted else ()), LinesOf(_accounts(before), None, last_day, known_at)),
            on_debit_side=False,
        )
    inside = [row for row in result if row.debit or row.credit]
    if inside:
        standings[RESULT_OF_YEAR] = Standing(
            account=account,
            name=_("Result of %(year)s") % {"year": year.name},
            place=Place.EQUITY,
            debit=total(row.debit for row in inside),
            credit=total(row.credit for row in inside),
            lines=(LinesOf(_accounts(inside), year.first_day, as_of, known_at),),
            on_debit_side=False,
        )
    return standings  # type: ignore[return-value]


def _accounts(rows: list[AccountBalance]) -> tuple[Account, ...]:
    return tuple(row.account for row in rows)
