"""Write what was found for one clinic: all of it or nothing, in bulk; the database numbers, derives and refuses."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import zip_longest
from typing import Any

from django.db import models, transaction
from django.utils.translation import gettext as _
from uuid_utils.compat import uuid7

from apps.billing.importing.errors import MappingError
from apps.billing.importing.facts import BillFact, Clinic, PaymentFact
from apps.billing.importing.mapping import Mapping
from apps.billing.importing.writing_further import WritingFurther
from apps.billing.models import (
    Bill,
    BillLine,
    ClinicDay,
    Patient,
    PatientIdentity,
    Payer,
    Payment,
    Service,
    ServiceGroup,
    ServicePrice,
    Visit,
)
from apps.billing.services.catalogue import open_catalogue, service_group
from apps.billing.services.days import day_for
from apps.core.events import record
from apps.core.models import Administration, Membership, User
from apps.ledger.models import Account, Party, VatCode
from apps.ledger.services.opening import open_books, open_years

BATCH = 2000

Day = tuple[ClinicDay, ClinicDay | None]


@transaction.atomic
def write(
    clinic: Clinic, mapping: Mapping, *, members: Sequence[tuple[User, str]] = (), by: User | None = None
) -> Counter[str]:
    """Add what ``clinic`` holds to its books, opening them first where there are none; how many of each were added.

    What belongs to a finalized day is born into the next open one and marked late. Raises MappingError for a group
    without an account, and whatever law of the database the facts break; then nothing of this clinic is there.
    """
    writing = Writing(clinic, mapping, by)
    for user, role in members:
        Membership.objects.get_or_create(user=user, administration=writing.administration, defaults={"role": role})
    writing.add_patients()
    writing.add_payers()
    writing.add_services()
    days = writing.open_days()
    writing.add_visits()
    further = WritingFurther(writing)
    further.add_tariffs()
    further.add_orders()
    writing.add_bills(days)
    further.add_discounts()
    further.add_money(days)
    further.add_claims()
    further.state_wallets()
    if any(writing.added.values()):
        record("billing.clinic_imported", writing.administration, by=by, mapping=mapping.name, **writing.added)
    return writing.added


class Writing:
    def __init__(self, clinic: Clinic, mapping: Mapping, by: User | None) -> None:
        self.clinic, self.mapping, self.by = clinic, mapping, by
        self.added: Counter[str] = Counter()
        self.administration = clinic.administration or self.open_administration()
        self.groups: dict[str, ServiceGroup] = {}
        self.vat_codes = self.open_vat_codes()
        self.patients: dict[str, Any] = {}
        self.payers: dict[str, Any] = {}
        self.services: dict[str, Any] = {}
        self.orders: dict[str, Any] = {}

    def source(self, id: str) -> str:
        return f"import:{self.mapping.name}:{id}" if id else ""

    def id_of(self, source: str) -> str:
        return source.removeprefix(f"import:{self.mapping.name}:")

    def add(self, rows: "Iterable[models.Model]", name: str = "") -> None:
        """Insert rows of one model in batches."""
        batch: list[models.Model] = []
        for row in rows:
            batch.append(row)
            if len(batch) == BATCH:
                self._flush(batch, name)
        self._flush(batch, name)

    def _flush(self, batch: list[models.Model], name: str) -> None:
        if batch:
            type(batch[0])._default_manager.bulk_create(batch)
            self.added[name] += len(batch) if name else 0
            batch.clear()

    # The books -------------------------------------------------------------------------------------------------------

    def open_administration(self) -> Administration:
        clinic = self.clinic
        administration = Administration.objects.create(
            name=clinic.name,
            country=clinic.country.upper(),
            currency=clinic.currency,
            time_zone=clinic.time_zone,
            organization_number=clinic.organization_number,
            vat_number=clinic.vat_number,
            source=self.source(clinic.id),
        )
        open_books(administration, chart=clinic.chart, by=self.by)
        open_catalogue(administration)
        return administration

    def open_vat_codes(self) -> dict[str, VatCode]:
        codes = {code.code: code for code in VatCode.objects.filter(administration=self.administration)}
        for code, rate in self.mapping.settings.vat_codes.items():
            if code not in codes:
                codes[code] = VatCode.objects.create(
                    administration=self.administration,
                    code=code,
                    name=_("VAT {rate} %").format(rate=rate),
                    rate=rate,
                    account=self.account("output_vat") if rate else None,
                )
        return codes

    def account(self, purpose: str) -> Account:
        account = Account.objects.filter(administration=self.administration, purpose=purpose).first()
        if account is None:
            raise MappingError(_("No account of {clinic} has the purpose '{purpose}'.").format(
                clinic=self.clinic.name, purpose=purpose
            ))  # fmt: skip
        return account

    def group(self, code: str) -> ServiceGroup:
        if code not in self.groups:
            purpose = self.mapping.settings.groups.get(code)
            if purpose:
                self.groups[code], _made = ServiceGroup.objects.get_or_create(
                    administration=self.administration,
                    code=code,
                    defaults={"name": code, "account": self.account(purpose)},
                )
            else:
                self.groups[code] = service_group(self.administration, code)
        return self.groups[code]

    def open_days(self) -> dict[date, Day]:
        """The clinic day of each date that something is dated, and the periods that hold them."""
        clinic = self.clinic
        dated = (clinic.visits, clinic.bills, clinic.payments, clinic.top_ups, clinic.counts)
        dates = {fact.date for facts in dated for fact in facts}
        ClinicDay.objects.bulk_create(
            (ClinicDay(administration=self.administration, date=day) for day in sorted(dates)), ignore_conflicts=True
        )
        there = ClinicDay.objects.filter(administration=self.administration, date__in=dates)
        # Only what a finalized day refuses is asked for; the law refuses a day that is finalized meanwhile.
        days: dict[date, Day] = {
            day.date: day_for(self.administration, day.date) if day.is_finalized else (day, None) for day in there
        }
        for year in sorted({day.date.year for day, _late in days.values()}):
            open_years(self.administration, year, year)
        return days

    # What stands still -----------------------------------------------------------------------------------------------

    def add_patients(self) -> None:
        new = self.clinic.patients.values()
        parties = {fact.code: self.party(Party.Kind.PATIENT, fact.code) for fact in new}
        self.add(parties.values())
        patients = {
            fact.code: Patient(administration=self.administration, code=fact.code, party=parties[fact.code])
            for fact in new
        }
        self.add(patients.values(), "patients")
        self.add(
            PatientIdentity(
                administration=self.administration,
                patient=patients[fact.code],
                name=fact.name,
                birth_date=fact.birth_date,
                email=fact.email,
            )
            for fact in new
            if fact.name
        )
        self.patients = dict(Patient.objects.filter(administration=self.administration).values_list("code", "pk"))

    def add_payers(self) -> None:
        parties = {code: self.party(Party.Kind.PAYER, code, name) for code, name in self.clinic.payers.items()}
        self.add(parties.values())
        methods = {fact.payer: fact.method for fact in self.clinic.payments if fact.payer}
        self.add(
            (
                Payer(
                    administration=self.administration,
                    code=code,
                    name=name,
                    party=parties[code],
                    method=methods.get(code, Payment.Method.INSURANCE),
                )
                for code, name in self.clinic.payers.items()
            ),
            "payers",
        )
        self.payers = dict(Payer.objects.filter(administration=self.administration).values_list("code", "pk"))

    def party(self, kind: str, code: str, name: str = "") -> Party:
        return Party(administration=self.administration, kind=kind, code=code, name=name)

    def add_services(self) -> None:
        there = {service.code: service for service in Service.objects.filter(administration=self.administration)}
        settings = self.mapping.settings
        new = [
            Service(
                administration=self.administration,
                code=fact.code,
                name=fact.name,
                group=self.group(fact.group or settings.service_group),
                vat_code=self.vat_codes.get(fact.vat_code or "", self.vat_codes[settings.vat_code]),
            )
            for fact in self.clinic.services.values()
            if fact.code not in there
        ]
        self.add(new, "services")
        there |= {service.code: service for service in new}
        for fact in self.clinic.services.values():
            self.add_prices(there[fact.code], fact.prices, fact.includes_vat)
        self.services = {code: service.pk for code, service in there.items()}

    def add_prices(self, service: Service, prices: dict[date, Any], includes_vat: bool) -> None:
        """Prices that hold from later days than those in the books; each ends the day before the next begins."""
        last = ServicePrice.objects.filter(service=service).order_by("valid_from").last()
        firsts = sorted(day for day in prices if last is None or day > last.valid_from)
        if last is not None and firsts and last.valid_until is None:
            ServicePrice.objects.filter(pk=last.pk).update(valid_until=firsts[0] - timedelta(days=1))
        self.add(
            ServicePrice(
                administration=self.administration,
                service=service,
                price=prices[day],
                includes_vat=includes_vat,
                valid_from=day,
                valid_until=following - timedelta(days=1) if following else None,
            )
            for day, following in zip_longest(firsts, firsts[1:])
        )

    # What happened ---------------------------------------------------------------------------------------------------

    def add_visits(self) -> None:
        facts = sorted(self.clinic.visits, key=lambda fact: fact.started_at)
        for fact in facts:
            fact.pk = uuid7()
        self.add(
            (
                Visit(
                    id=fact.pk,
                    administration=self.administration,
                    patient_id=self.patients[fact.patient],
                    date=fact.date,
                    status=Visit.Status.CLOSED if fact.ended_at else Visit.Status.ACTIVE,
                    is_inpatient=fact.inpatient,
                    reason=fact.reason,
                    started_at=fact.started_at,
                    ended_at=fact.ended_at,
                    registered_by=self.by,
                    source=self.source(fact.id),
                )
                for fact in facts
            ),
            "visits",
        )

    def add_bills(self, days: dict[date, Day]) -> None:
        facts = sorted(self.clinic.bills, key=lambda fact: (fact.date, fact.issued_at, fact.credits is not None))
        for fact in facts:
            fact.pk = uuid7()
        self.add((self.bill(fact, *days[fact.date]) for fact in facts), "bills")
        self.add((line for fact in facts for line in self.lines(fact)), "lines")

    def bill(self, fact: BillFact, day: ClinicDay, late_for: ClinicDay | None) -> Bill:
        return Bill(
            id=fact.pk,
            administration=self.administration,
            clinic_day=day,
            late_for=late_for,
            kind=Bill.Kind.CREDIT_NOTE if fact.credits else Bill.Kind.BILL,
            credits_id=fact.credits.pk if fact.credits else None,
            patient_id=self.patients[fact.patient],
            visit_id=fact.visit.pk if fact.visit else None,
            line_count=len(fact.lines),
            net=fact.net,
            vat=fact.vat,
            gross=fact.gross,
            reason=fact.reason,
            issued_by=self.by,
            issued_at=fact.issued_at,
            source=self.source(fact.id),
        )

    def lines(self, fact: BillFact) -> Iterable[BillLine]:
        for position, line in enumerate(fact.lines, start=1):
            yield BillLine(
                id=line.pk,
                administration=self.administration,
                bill_id=fact.pk,
                position=position,
                service_id=self.services[line.service] if line.service else None,
                group=self.group(line.group),
                code=line.code,
                description=line.description,
                quantity=line.quantity,
                unit_price=line.unit_price,
                vat_code=self.vat_codes[line.vat_code],
                vat_rate=line.vat_rate,
                net=line.net,
                vat=line.vat,
                gross=line.net + line.vat,
                order_id=self.orders.get(line.order),
                discount=line.discount,
                co_pay=line.co_pay,
                coverage_reason=line.coverage,
                source=self.source(line.source),
            )

    def payments(self) -> list[PaymentFact]:
        """The payments in the order in which they get their numbers."""

        def order(fact: PaymentFact) -> Any:
            # A refund comes after what it gives back, whatever the files say of their times.
            first = fact if fact.refunds is None else max(fact, fact.refunds, key=lambda one: (one.date, one.taken_at))
            return (first.date, first.taken_at, fact.refunds is not None)

        facts = sorted(self.clinic.payments, key=order)
        for fact in facts:
            fact.pk = uuid7()
        return facts

    def payment(self, fact: PaymentFact, days: dict[date, Day], shift: Any = None) -> Payment:
        day, late_for = days[fact.date]
        return Payment(
            id=fact.pk,
            administration=self.administration,
            clinic_day=day,
            late_for=late_for,
            bill_id=fact.bill.pk,
            kind=fact.kind,
            method=fact.method,
            amount=fact.amount,
            payer_id=self.payers[fact.payer] if fact.payer else None,
            refunds_id=fact.refunds.pk if fact.refunds else None,
            shift=shift,
            reference=fact.reference,
            reason=fact.reason,
            taken_by=self.by,
            taken_at=fact.taken_at,
            source=self.source(fact.id),
        )
