"""The days of a VAT return: whole months of the calendar, whatever the fiscal year is; and when it is due."""

from dataclasses import dataclass
from datetime import date, timedelta

from apps.core.models import Administration
from apps.ledger.models import Period
from apps.periods.errors import VatSpanWithoutReturn
from apps.periods.models.vat import Frequency, VatRegistration, span_name

MONTHS = {Frequency.MONTH: 1, Frequency.TWO_MONTH: 2, Frequency.QUARTER: 3, Frequency.YEAR: 12}
# How often returns are filed where nothing was said: Wet OB article 14 with AWR article 19, skatteforvaltningsloven.
USUAL = {"NL": Frequency.QUARTER, "NO": Frequency.TWO_MONTH}


@dataclass(frozen=True)
class VatSpan:
    """Days, both inclusive, that one return is about."""

    administration: Administration
    frequency: str
    first_day: date
    last_day: date

    @property
    def name(self) -> str:
        return span_name(self.frequency, self.last_day)

    @property
    def is_last_of_year(self) -> bool:
        return self.last_day.month == 12

    def before(self) -> "VatSpan":
        return span_at(self.administration, self.frequency, self.first_day - timedelta(days=1))


def span_at(administration: Administration, frequency: str, day: date) -> VatSpan:
    """The span of the calendar that holds ``day``."""
    months = MONTHS[Frequency(frequency)]
    first = date(day.year, (day.month - 1) // months * months + 1, 1)
    return VatSpan(administration, str(frequency), first, _month_after(first, months) - timedelta(days=1))


def span_of(period: Period) -> VatSpan:
    """The span of the calendar that ``period`` is about: the one that ends in it, otherwise the one that holds its
    last day. Raises VatSpanWithoutReturn for year-end adjustments."""
    if period.type == Period.Type.YEAR_END:
        raise VatSpanWithoutReturn()
    span = span_at(period.administration, period.type, period.last_day)
    earlier = span.before()
    return earlier if span.last_day > period.last_day and earlier.last_day >= period.first_day else span


def standing(administration: Administration, day: date) -> VatRegistration:
    """How the administration stands on ``day``: as registered, otherwise as is usual in its country (unsaved)."""
    usual = USUAL.get(administration.country, Frequency.MONTH)
    known = VatRegistration.objects.on(administration, day)
    return known or VatRegistration(administration=administration, since=day.replace(day=1), frequency=usual)


def filing_span(administration: Administration, day: date) -> VatSpan:
    """The span that holds ``day`` of which a return is filed."""
    return span_at(administration, standing(administration, day).frequency, day)


def due_date(span: VatSpan) -> date | None:
    """The last day on which the return of ``span`` is in time; None where Daybook does not know.

    NL: the last day of the month after a month or quarter, for a year before 1 April (AWR article 19; Belastingdienst,
    "Wanneer btw-aangifte doen"). NO: a month and ten days after the term, for May and June 31 August, for a year
    10 March (skatteforvaltningsforskriften § 8-3-10).
    """
    country, day = span.administration.country, span.last_day
    if country == "NL":
        months = 3 if span.frequency == Frequency.YEAR else 1
        return _month_after(day, months + 1) - timedelta(days=1)
    if country == "NO":
        if span.frequency == Frequency.YEAR:
            return date(day.year + 1, 3, 10)
        return date(day.year, 8, 31) if day.month == 6 else _month_after(day, 2).replace(day=10)
    return None


def _month_after(day: date, months: int) -> date:
    """The first day of the month that is ``months`` after that of ``day``."""
    at = day.year * 12 + day.month - 1 + months
    return date(at // 12, at % 12 + 1, 1)
