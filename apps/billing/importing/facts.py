"""What an import found: plain facts, not yet rows."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from uuid_utils.compat import uuid7

from apps.billing.importing.fields import Moment
from apps.billing.importing.files import Place
from apps.core.models import Administration
from apps.core.money import ZERO


@dataclass(frozen=True)
class Refusal:
    """A row that cannot be imported, and why."""

    entity: str
    place: Place
    column: str
    value: str
    reason: str


@dataclass(slots=True)
class ServiceFact:
    """A service of the price list; ``prices`` by the first day they hold."""

    code: str
    name: str
    group: str | None
    vat_code: str | None
    includes_vat: bool
    prices: dict[date, Decimal] = field(default_factory=dict)

    def price_on(self, day: date) -> Decimal | None:
        days = [first for first in self.prices if first <= day]
        return self.prices[max(days)] if days else None


@dataclass(slots=True)
class PatientFact:
    code: str
    name: str = ""
    birth_date: date | None = None
    email: str = ""


@dataclass(slots=True)
class VisitFact:
    id: str
    clinic: "Clinic"
    patient: str
    started_at: datetime
    date: date
    ended_at: datetime | None = None
    inpatient: bool = False
    reason: str = ""
    pk: UUID = field(default_factory=uuid7)


@dataclass(slots=True)
class LineFact:
    service: str | None
    code: str
    description: str
    group: str
    quantity: Decimal
    unit_price: Decimal
    vat_code: str
    vat_rate: Decimal
    net: Decimal
    vat: Decimal
    source: str
    order: str = ""
    discount: Decimal = ZERO
    discount_reason: str = ""
    discount_approved: bool = False
    coverage: str = ""
    co_pay: Decimal = ZERO
    pk: UUID = field(default_factory=uuid7)

    def key(self) -> tuple[Any, ...]:
        """What makes it the same line at the next import."""
        return (self.code, self.quantity, self.net, self.vat)


@dataclass(slots=True)
class OrderFact:
    """Care that was ordered on a visit; ``completed_at`` and ``quantity_given`` once it was given."""

    id: str
    visit: VisitFact
    kind: str
    service: str | None
    code: str
    description: str
    quantity: Decimal
    payer: str
    ordered_on: date
    ordered_at: datetime
    completed_on: date | None = None
    completed_at: datetime | None = None
    quantity_given: Decimal | None = None
    cancelled_at: datetime | None = None
    coverage: str = ""
    is_emergency: bool = False
    reason: str = ""
    pk: UUID = field(default_factory=uuid7)


@dataclass(slots=True)
class TariffFact:
    payer: str
    service: str
    price: Decimal
    co_pay: Decimal
    includes_vat: bool
    valid_from: date


@dataclass(slots=True)
class ClaimFact:
    id: str
    bill: "BillFact"
    payer: str
    status: str
    authorisation: str = ""
    submitted_on: date | None = None
    answered_on: date | None = None
    reason: str = ""


@dataclass(slots=True)
class TopUpFact:
    """Money into a wallet, or out of it (negative). With a ``service`` it was paid in advance for that, and ``left`` is
    what no bill used and nobody gave back; what gives one back names the ``advance``."""

    id: str
    patient: str
    method: str
    amount: Decimal
    date: date
    taken_at: datetime
    drawer: str = ""
    reference: str = ""
    reason: str = ""
    service: str = ""
    left: Decimal = ZERO
    advance: "TopUpFact | None" = None
    pk: UUID = field(default_factory=uuid7)


@dataclass(slots=True)
class CountFact:
    """What was counted in a drawer at the end of a day, what was in it before, and what of it went to the bank."""

    id: str
    drawer: str
    date: date
    counted_at: datetime
    opening_float: Decimal
    counted: Decimal
    deposited: Decimal


@dataclass(slots=True)
class BillFact:
    id: str
    clinic: "Clinic"
    patient: str
    date: date
    issued_at: datetime
    visit: VisitFact | None = None
    lines: list[LineFact] = field(default_factory=list)
    net: Decimal = ZERO
    vat: Decimal = ZERO
    credits: "BillFact | None" = None
    reason: str = ""
    paid: Decimal = ZERO  # by the payments found so far; a credit note counts as paid on its bill
    payments: list["PaymentFact"] = field(default_factory=list)
    pk: UUID = field(default_factory=uuid7)

    @property
    def gross(self) -> Decimal:
        return self.net + self.vat

    @property
    def open(self) -> Decimal:
        return self.gross - self.paid


@dataclass(slots=True)
class PaymentFact:
    id: str
    bill: BillFact
    kind: str
    method: str
    amount: Decimal
    payer: str
    date: date
    taken_at: datetime
    reference: str = ""
    reason: str = ""
    drawer: str = ""
    refunds: "PaymentFact | None" = None
    advance: TopUpFact | None = None
    left: Decimal = ZERO  # of a payment: what was not given back yet
    pk: UUID = field(default_factory=uuid7)


@dataclass
class Clinic:
    """One administration: what it is, and what was found for it that its books do not hold yet."""

    id: str
    name: str
    country: str
    currency: str
    time_zone: str
    chart: str
    vat_codes: dict[str, Decimal]
    organization_number: str = ""
    vat_number: str = ""
    administration: Administration | None = None
    patients: dict[str, PatientFact] = field(default_factory=dict)
    payers: dict[str, str] = field(default_factory=dict)
    services: dict[str, ServiceFact] = field(default_factory=dict)
    visits: list[VisitFact] = field(default_factory=list)
    bills: list[BillFact] = field(default_factory=list)
    payments: list[PaymentFact] = field(default_factory=list)
    orders: list[OrderFact] = field(default_factory=list)
    tariffs: list[TariffFact] = field(default_factory=list)
    claims: list[ClaimFact] = field(default_factory=list)
    top_ups: list[TopUpFact] = field(default_factory=list)
    wallets: dict[str, tuple[Decimal, date]] = field(default_factory=dict)  # by patient: balance stated, and when
    drawers: dict[str, tuple[str, Decimal]] = field(default_factory=dict)  # by code: name, standard float
    counts: list[CountFact] = field(default_factory=list)
    known: Counter[str] = field(default_factory=Counter)
    there: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # codes in the books: patients, payers

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def rate_of(self, service: str, settings: Any) -> Decimal:
        """The VAT rate of a service of these files."""
        code = self.services[service].vat_code or settings.vat_code
        return self.vat_codes.get(code, self.vat_codes[settings.vat_code])

    def local(self, moment: Moment) -> tuple[date, datetime]:
        """The business date of ``moment`` here, and the moment itself; a date alone stands at noon."""
        if not isinstance(moment, datetime):
            return moment, datetime(moment.year, moment.month, moment.day, 12, tzinfo=self.zone)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=self.zone)
        return aware.astimezone(self.zone).date(), aware
