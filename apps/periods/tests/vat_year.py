"""A year of a clinic's books with VAT, made through the services."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from apps.ledger.models import JournalEntry, Period
from apps.ledger.services.opening import open_years
from apps.ledger.services.posting import Line, Source, on_side, post_entry
from apps.ledger.tests.factories import new_id
from apps.ledger.tests.subledger import SubLedger, open_sub_ledger
from apps.periods.models.vat import Frequency
from apps.periods.reports.vat_return import VatReturn, return_of
from apps.periods.reports.vat_spans import VatSpan, span_at
from apps.periods.tests.steps import all_brought_to

YEAR = 2025  # over, so that each quarter of it can be filed
GERMAN, BELGIAN = "DE136695976", "BE0403019261"  # the examples of python-stdnum


@dataclass(frozen=True)
class VatYear:
    """Books with an accountant, and short words for quarters, sales and purchases with VAT."""

    ledger: SubLedger

    @property
    def administration(self):
        return self.ledger.administration

    @property
    def accountant(self):
        return self.ledger.accountant

    def quarter(self, number: int) -> VatSpan:
        return span_at(self.administration, Frequency.QUARTER, date(YEAR, 3 * number, 1))

    def of(self, number: int, known_at=None) -> VatReturn:
        return return_of(self.quarter(number), known_at)

    def period(self, name: str) -> Period:
        return Period.objects.get(administration=self.administration, name=name)

    def shut(self, number: int, status: str = "FINALIZED") -> None:
        """The months of a quarter, as the workflow of periods leaves them."""
        span = self.quarter(number)
        months = Period.objects.filter(administration=self.administration, type__in=("MONTH", "QUARTER"))
        all_brought_to(months.filter(first_day__gte=span.first_day, last_day__lte=span.last_day), status)

    def taxed(self, net: str, code: str, day: date, vat: str | None = None, **more) -> JournalEntry:
        """A sale into the bank under a code of sales: base and VAT; ``vat`` where it is not the code's rate."""
        named = self.ledger.code(code)
        amount = Decimal(net)
        tax = (amount * named.rate / 100).quantize(Decimal("0.01")) if vat is None else Decimal(vat)
        lines = [on_side(self.ledger.account("8090"), -amount, vat_code=named, vat_role="BASE", **more)]
        if tax:
            lines.append(on_side(named.account, -tax, vat_code=named, vat_role="TAX", vat_base=amount, **more))
        return self.post([on_side(self.ledger.books.account("bank"), amount + tax), *lines], day)

    def post(self, lines: list[Line], day: date, source: Source | None = None) -> JournalEntry:
        return post_entry(
            administration=self.administration,
            journal=self.ledger.books.journal,
            date=day,
            memo="By hand",
            lines=lines,
            by=self.accountant,
            source=source,
        )

    def bought(self, net: str, code: str, day: date, **party):
        facts = {"country": "NL", **party}
        supplier = self.ledger.supplier(f"S-{facts['country']}", **facts)
        return self.ledger.bought(
            self.ledger.line(net, code), day=day, party=supplier, reference=f"F-{new_id().hex[-12:]}"
        )

    def sold(self, net: str, code: str, day: date, party=None, **terms):
        line = self.ledger.line(net, code, account="8090")
        return self.ledger.sold(line, day=day, party=party or self.ledger.customer(), **terms)

    def abroad(self, number: str = GERMAN):
        return self.ledger.customer(f"C-{number[:2]}", country=number[:2], vat_number=number)


def open_vat_year(**administration) -> VatYear:
    ledger = open_sub_ledger(**administration)
    open_years(ledger.administration, YEAR, YEAR)
    return VatYear(ledger)


def clinic_year() -> VatYear:
    """Care that is exempt, sales at 21 % and 9 %, purchases with VAT, services from inside and outside the EU, supplies
    to businesses elsewhere in the EU, a credit note, private use. What it comes to stands in test_vat_return.py."""
    year = open_vat_year()
    q1, q2, q3, q4 = (date(YEAR, month, 15) for month in (2, 5, 8, 11))
    year.taxed("10000.00", "EXEMPT", q1)
    sale = year.sold("1000.33", "HIGH", q1)
    year.taxed("500.00", "LOW", q1)
    year.bought("300.00", "INPUT_HIGH", q1)
    year.bought("100.10", "INPUT_LOW", q1)
    year.bought("200.00", "INPUT_HIGH_COST", q1)

    year.bought("1000.00", "ABROAD_IN_COST", q2, country="US")
    year.bought("400.50", "EU_IN", q2, country="DE", vat_number=GERMAN)
    year.sold("2500.00", "EU_SERVICES", q2, year.abroad())
    year.sold("750.00", "EU_GOODS", q2, year.abroad(BELGIAN))
    year.sold("100.00", "HIGH", q2, credits=sale)
    year.taxed("100.00", "PRIVATE_USE", q2)

    year.taxed("2000.00", "HIGH", q3)
    year.bought("99.99", "INPUT_HIGH", q3)

    year.taxed("200.00", "PRIVATE_USE", q4)
    year.bought("600.00", "REVERSED_IN", q4)
    year.sold("700.00", "REVERSED_OUT", q4, year.ledger.customer("C-9", country="NL", vat_number="NL004495445B01"))
    year.taxed("80.40", "EXPORT", q4)
    return year
