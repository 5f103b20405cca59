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

    def key(self) -> tuple[Any, ...]:
        """What makes it the same line at the next import."""
        return (self.code, self.quantity, self.net, self.vat)


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
    refunds: "PaymentFact | None" = None
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
    known: Counter[str] = field(default_factory=Counter)
    there: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # codes in the books: patients, payers

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def local(self, moment: Moment) -> tuple[date, datetime]:
        """The business date of ``moment`` here, and the moment itself; a date alone stands at noon."""
        if not isinstance(moment, datetime):
            return moment, datetime(moment.year, moment.month, moment.day, 12, tzinfo=self.zone)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=self.zone)
        return aware.astimezone(self.zone).date(), aware
