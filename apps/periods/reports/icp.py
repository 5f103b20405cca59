"""The listing of supplies to businesses elsewhere in the EU (opgaaf ICP; Wet OB article 37a): who bought what."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from apps.core.money import ZERO, total
from apps.ledger.models import JournalLine, Party, Period, VatCode
from apps.ledger.numbers import vat_number
from apps.periods.reports.vat_parties import parties_of
from apps.periods.reports.vat_return import ReturnLines, return_of
from apps.periods.reports.vat_spans import VatSpan, due_date, span_of

ICP_BOX = "3b"


@dataclass(frozen=True)
class IcpEntry:
    """One customer. ``vat_number`` is as it is written on the listing, empty where it is missing or no VAT number."""

    customer: Party | None
    vat_number: str
    base: Decimal
    transactions: int
    codes: tuple[tuple[VatCode, Decimal], ...]

    @property
    def country(self) -> str:
        """As VAT numbers begin: EL for Greece, XI for Northern Ireland."""
        return self.vat_number[:2] or (self.customer.country if self.customer else "")

    @property
    def name(self) -> str:
        return str(self.customer) if self.customer else ""


@dataclass(frozen=True)
class IcpListing:
    """``on_return`` is what box 3b says for the same days: the two are equal."""

    span: VatSpan
    known_at: datetime | None
    entries: tuple[IcpEntry, ...]
    on_return: Decimal

    @property
    def total(self) -> Decimal:
        return total(entry.base for entry in self.entries)

    @property
    def ties(self) -> bool:
        return self.total == self.on_return

    @property
    def due(self) -> date | None:
        return due_date(self.span)


def icp_listing(period: Period, known_at: datetime | None = None) -> IcpListing:
    """The listing of the days that ``period`` is about. Raises VatSpanWithoutReturn."""
    return listing_of(span_of(period), known_at)


def listing_of(span: VatSpan, known_at: datetime | None = None) -> IcpListing:
    report = return_of(span, known_at)
    figure = report.by_code.get(ICP_BOX)
    lines = ReturnLines(span, report.form, known_at).posted()
    lines = lines.filter(vat_code__icp=True, vat_role=JournalLine.VatRole.BASE).order_by("date", "entry", "position")
    found = list(lines.select_related("vat_code", "party"))
    parties = parties_of(span.administration, (line.entry_id for line in found))

    customers: dict[Party | None, list[JournalLine]] = {}
    for line in found:
        customers.setdefault(line.party or parties.get(line.entry_id), []).append(line)
    entries = [_entry(customer, mine) for customer, mine in customers.items()]
    entries.sort(key=lambda entry: (entry.vat_number, entry.name))
    return IcpListing(span, known_at, tuple(entries), figure.turnover if figure else ZERO)


def _entry(customer: Party | None, lines: list[JournalLine]) -> IcpEntry:
    codes: dict[VatCode, Decimal] = {}
    for line in lines:
        amount: Decimal = line.vat_amount  # type: ignore[attr-defined]
        codes[line.vat_code] = codes.get(line.vat_code, ZERO) + amount
    return IcpEntry(
        customer,
        vat_number(customer.vat_number, customer.country) if customer else "",
        total(codes.values()),
        len({line.entry_id for line in lines}),
        tuple(sorted(codes.items(), key=lambda one: one[0].code)),
    )
