"""The result of a fiscal year, and what is left of it to be appropriated."""

from dataclasses import dataclass
from decimal import Decimal

from apps.ledger.models import Account, JournalLine, Period

RESULT = (Account.Type.REVENUE, Account.Type.EXPENSE)


@dataclass(frozen=True)
class YearResult:
    """A profit is positive, in the book currency.

    ``before`` is the result of earlier years as the profit and loss accounts still carry it, and ``booked`` what
    stands on the account of the unappropriated result: an opening balance, less what was appropriated so far.
    """

    fiscal_year: Period
    revenue: Decimal
    expenses: Decimal
    adjustments: Decimal
    before: Decimal
    booked: Decimal

    @property
    def result(self) -> Decimal:
        """Of the year, adjustments at its end included."""
        return self.revenue - self.expenses

    @property
    def left(self) -> Decimal:
        """What is still to be appropriated, of this year and those before."""
        return self.before + self.result + self.booked


def result_of(fiscal_year: Period) -> Decimal:
    """Revenue less expenses of ``fiscal_year``, its adjustments included: a profit is positive."""
    return year_result(fiscal_year).result


def year_result(fiscal_year: Period) -> YearResult:
    """The result of ``fiscal_year`` from posted lines. The unappropriated result counts whole, whatever its date: what
    was drawn from it after the year is drawn from this year, too."""
    lines = JournalLine.objects.filter(administration=fiscal_year.administration_id).posted()
    inside = lines.since(fiscal_year.first_day).up_to(fiscal_year.last_day)
    year_end = inside.filter(entry__period__type=Period.Type.YEAR_END, account__type__in=RESULT)
    return YearResult(
        fiscal_year=fiscal_year,
        revenue=-inside.filter(account__type=Account.Type.REVENUE).balance(),
        expenses=inside.filter(account__type=Account.Type.EXPENSE).balance(),
        adjustments=-year_end.balance(),
        before=-lines.before(fiscal_year.first_day).filter(account__type__in=RESULT).balance(),
        booked=-lines.filter(account__purpose="unappropriated_result").balance(),
    )
