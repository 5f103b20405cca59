"""The demo clinic of ``make run``: invented people, believable days, the same every time for the same date.

Facts are written in bulk, as an import writes them; days are closed and signed by the services, as people do.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

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
from apps.billing.services.catalogue import open_catalogue, register_payer
from apps.billing.services.closing import close_day, finalize_day
from apps.billing.services.days import local_date
from apps.core.events import record
from apps.core.models import Administration, Membership, User
from apps.core.money import ZERO, quantize, total
from apps.ledger.demo import keep_demo_books
from apps.ledger.models import Party, VatCode
from apps.ledger.services.opening import open_books, open_years

SOURCE = "demo:zuid"
PASSWORD = "daybook-demo"  # noqa: S105 -- printed on every start; only the demo clinic knows it
DAYS = 91
SEED = "clinic-zuid"

# Who signs in, by role, and what to try first.
PEOPLE = {
    Membership.Role.RECEPTIONIST: "Roos Receptie",
    Membership.Role.CASHIER: "Karel Kas",
    Membership.Role.MANAGER: "Marit Manager",
    Membership.Role.OWNER: "Otto Eigenaar",
    Membership.Role.ACCOUNTANT: "Anna Accountant",
    Membership.Role.ADMIN: "Ad Beheer",
}
OPERATOR = "operator@demo.example"

SERVICES = [  # code, name, group, price with VAT, VAT code, how often
    ("C10", "Consult", "consultation", "47.50", "EXEMPT", 40),
    ("C20", "Consult, double time", "consultation", "82.00", "EXEMPT", 14),
    ("C30", "Telephone consult", "consultation", "23.75", "EXEMPT", 10),
    ("L10", "Blood panel", "laboratory", "38.40", "EXEMPT", 12),
    ("L20", "Glucose test", "laboratory", "12.60", "EXEMPT", 8),
    ("L30", "Urine test", "laboratory", "9.75", "EXEMPT", 6),
    ("I10", "X-ray", "imaging", "86.00", "EXEMPT", 5),
    ("I20", "Ultrasound", "imaging", "112.50", "EXEMPT", 4),
    ("P10", "Wound care", "procedure", "54.00", "EXEMPT", 7),
    ("P20", "ECG", "procedure", "48.25", "EXEMPT", 5),
    ("P30", "Vaccination", "procedure", "32.50", "EXEMPT", 8),
    ("M10", "Painkillers", "pharmacy", "6.95", "LOW", 10),
    ("M20", "Antibiotics", "pharmacy", "14.20", "LOW", 8),
    ("O10", "Medical report for insurer", "other", "65.00", "HIGH", 4),
]
FIRST_NAMES = (
    "Aafke Bas Cato Daan Eefje Floor Gijs Hanna Ids Jette Kees Lieke Mees Noor Olle Puck Quinten Rinske Sam Tess "
    "Ubbo Veerle Wout Xandra Ymke Zeger"
).split()
LAST_NAMES = (
    "Appelboom Beukenveld Duinzand Eikenhof Fluitekruid Groenland Heidebloem IJsvogel Klaverweide Lindebeek Molenwiek "
    "Nachtegaal Oeverloper Plataan Rietzanger Sleedoorn Tarwekamp Uiterwaard Veldhoen Waterlelie Zilverberk"
).split()
PATIENTS = 220


def demo_clinic() -> Administration | None:
    return Administration.objects.filter(source=SOURCE).first()


def real_administrations() -> bool:
    """Whether there are books here that the demo did not open."""
    return Administration.objects.exclude(source=SOURCE).exists()


def make_demo(now: datetime | None = None) -> Administration:
    """The demo clinic as it stands at ``now``: made when it is not there, given a morning when today is still empty.

    Earlier days are closed and signed, but for the last one: prepared, it waits for the manager.
    """
    now = now or timezone.now()
    clinic = demo_clinic()
    if clinic is not None:
        today = local_date(clinic, now)
        if not ClinicDay.objects.filter(administration=clinic, date=today).exists():
            with transaction.atomic():
                open_years(clinic, today.year, today.year)
                Generator(clinic, now).make([today])
        return clinic
    with transaction.atomic():
        clinic = open_clinic()
        today = local_date(clinic, now)
        days = [today - timedelta(days=back) for back in range(DAYS, 0, -1)]
        days = [*(day for day in days if day.weekday() < 5), today]
        open_years(clinic, days[0].year, today.year)
        Generator(clinic, now).make(days)
        close_days(clinic, days[:-1])
        keep_demo_books(clinic, since=days[0], today=today, by=user_of(Membership.Role.ACCOUNTANT))
        record("billing.demo_made", clinic, days=len(days))
    return clinic


def close_days(clinic: Administration, days: list[date]) -> None:
    """Every day prepared by the receptionist and signed by the manager; the last one still waits for her."""
    receptionist, manager = user_of(Membership.Role.RECEPTIONIST), user_of(Membership.Role.MANAGER)
    for day in days:
        close, _made = close_day(clinic, day, by=receptionist)
        if day != days[-1]:
            finalize_day(close, by=manager)


# The clinic ----------------------------------------------------------------------------------------------------------


def email_of(role: str) -> str:
    return f"{role}@demo.example"


def user_of(role: str) -> User:
    return User.objects.get(email=email_of(role))


def open_clinic() -> Administration:
    clinic = Administration.objects.create(
        name="Clinic Zuid",
        country="NL",
        currency="EUR",
        time_zone="Europe/Amsterdam",
        organization_number="00000000",
        closing_time=time(23),
        source=SOURCE,
    )
    open_books(clinic, chart="nl")
    open_catalogue(clinic)
    add_people(clinic)
    add_services(clinic)
    add_patients(clinic)
    register_payer(clinic, code="POLDER", name="Polder Zorgplan")
    return clinic


def add_people(clinic: Administration) -> None:
    """One person per role, and an operator; people of that address who are there keep their password."""
    hashed = make_password(PASSWORD)  # once: a hash is slow by design, and this password is no secret
    for role, name in PEOPLE.items():
        user, _made = User.objects.get_or_create(
            email=email_of(role),
            defaults={
                "full_name": name,
                "password": hashed,
                "is_email_verified": True,
                "role": {"owner": User.Role.ZZP, "accountant": User.Role.ACCOUNTANT}.get(role, User.Role.STAFF),
            },
        )
        Membership.objects.create(user=user, administration=clinic, role=role)
    User.objects.get_or_create(
        email=OPERATOR,
        defaults={
            "full_name": "Operator",
            "password": hashed,
            "is_superuser": True,
            "is_email_verified": True,
            "role": User.Role.ADMIN,
        },
    )


def add_services(clinic: Administration) -> None:
    groups = {group.code: group for group in ServiceGroup.objects.filter(administration=clinic)}
    codes = {code.code: code for code in VatCode.objects.filter(administration=clinic)}
    for code, name, group, price, vat_code, _often in SERVICES:
        service = Service.objects.create(
            administration=clinic, code=code, name=name, group=groups[group], vat_code=codes[vat_code]
        )
        ServicePrice.objects.create(
            administration=clinic, service=service, price=Decimal(price), valid_from=date(2020, 1, 1)
        )


def add_patients(clinic: Administration) -> None:
    chance = random.Random(SEED)
    names = [f"{first} {last}" for first in FIRST_NAMES for last in LAST_NAMES]
    codes = [f"P-{number:04d}" for number in range(1, PATIENTS + 1)]
    parties = [Party(administration=clinic, kind=Party.Kind.PATIENT, code=code) for code in codes]
    patients = [Patient(administration=clinic, code=party.code, party=party) for party in parties]
    Party.objects.bulk_create(parties)
    Patient.objects.bulk_create(patients)
    PatientIdentity.objects.bulk_create(
        PatientIdentity(
            administration=clinic,
            patient=patient,
            name=name,
            birth_date=date(1930, 1, 1) + timedelta(days=chance.randrange(33_000)),
        )
        for patient, name in zip(patients, chance.sample(names, PATIENTS), strict=True)
    )


# Its days ------------------------------------------------------------------------------------------------------------


@dataclass
class Owing:
    """A bill that was not paid in full, on the day it was issued."""

    bill: Bill
    day: date
    amount: Decimal


@dataclass
class Generator:
    """Makes up the visits, bills and payments of days, and writes them."""

    clinic: Administration
    now: datetime
    visits: list[Visit] = field(default_factory=list)
    bills: list[Bill] = field(default_factory=list)
    lines: list[BillLine] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    owing: list[Owing] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.zone = ZoneInfo(self.clinic.time_zone)
        self.today = local_date(self.clinic, self.now)
        self.patients = list(Patient.objects.filter(administration=self.clinic).order_by("code"))
        self.payer = Payer.objects.get(administration=self.clinic)
        self.prices = list(
            ServicePrice.objects.filter(administration=self.clinic)
            .select_related("service__vat_code")
            .order_by("service__code")
        )
        self.often = [often for *_rest, often in sorted(SERVICES)]
        self.desk = [user_of(Membership.Role.RECEPTIONIST), user_of(Membership.Role.CASHIER)]
        self.owner = user_of(Membership.Role.OWNER)

    def make(self, days: list[date]) -> None:
        clinic_days = [ClinicDay(administration=self.clinic, date=day) for day in days]
        ClinicDay.objects.bulk_create(clinic_days)
        for clinic_day in clinic_days:
            self.make_day(clinic_day)
        Visit.objects.bulk_create(self.visits)
        Bill.objects.bulk_create(self.bills)
        BillLine.objects.bulk_create(self.lines)
        Payment.objects.bulk_create(sorted(self.payments, key=lambda payment: payment.taken_at))

    def make_day(self, day: ClinicDay) -> None:
        chance = random.Random(f"{SEED} {day.date}")
        settled = list(self.payments)
        self.settle_old_bills(day, chance)
        moments = list(self.moments(day.date, chance))
        for number, start in enumerate(moments):
            still_here = day.date == self.today and number >= len(moments) - 4
            self.make_visit(day, start, chance, still_here)
        if settled and chance.random() < 0.3:
            self.refund(day, chance.choice(settled[-60:]), chance)

    def moments(self, day: date, chance: random.Random) -> Iterator[datetime]:
        """When visits begin: through the day, or, today, through the hours before now."""
        visits = chance.randint(15, 25)
        opening = datetime.combine(day, time(8, 10), self.zone)
        length = timedelta(hours=8, minutes=40)
        if day == self.today:
            visits //= 2
            opening = max(datetime.combine(day, time(0), self.zone), self.now - timedelta(hours=4))
            length = self.now - opening
        for number in range(visits):
            yield opening + length * ((number + chance.random() * 0.8) / visits)

    def make_visit(self, day: ClinicDay, start: datetime, chance: random.Random, still_here: bool) -> None:
        end = start + timedelta(minutes=chance.randint(10, 45))
        visit = Visit(
            administration=self.clinic,
            patient=chance.choice(self.patients),
            date=day.date,
            status=Visit.Status.ACTIVE if still_here else Visit.Status.CLOSED,
            started_at=start,
            ended_at=None if still_here else min(end, self.now),
            registered_by=self.desk[0],
        )
        self.visits.append(visit)
        if still_here and chance.random() < 0.5:
            return  # in the consulting room, nothing billed yet
        bill = self.bill(day, visit, min(end, self.now), chance)
        if not still_here:
            self.pay(day, bill, chance)

    def bill(self, day: ClinicDay, visit: Visit, moment: datetime, chance: random.Random) -> Bill:
        wanted = chance.choices(self.prices, self.often, k=chance.choice((1, 1, 1, 2, 2, 3)))
        lines = [self.line(price, position) for position, price in enumerate(dict.fromkeys(wanted), start=1)]
        bill = Bill(
            id=uuid7(),
            administration=self.clinic,
            clinic_day=day,
            patient=visit.patient,
            visit=visit,
            line_count=len(lines),
            net=total(line.net for line in lines),
            vat=total(line.vat for line in lines),
            gross=total(line.gross for line in lines),
            issued_by=self.desk[0],
            issued_at=moment,
        )
        for line in lines:
            line.bill = bill
        self.bills.append(bill)
        self.lines += lines
        return bill

    def line(self, price: ServicePrice, position: int) -> BillLine:
        service = price.service
        net = quantize(price.price * 100 / (100 + service.vat_code.rate), self.clinic.currency)
        return BillLine(
            administration=self.clinic,
            position=position,
            service=service,
            group_id=service.group_id,
            code=service.code,
            description=service.name,
            unit_price=price.price,
            vat_code=service.vat_code,
            vat_rate=service.vat_code.rate,
            net=net,
            vat=price.price - net,
            gross=price.price,
        )

    def pay(self, day: ClinicDay, bill: Bill, chance: random.Random) -> None:
        """How people pay: mostly at once by card, some in cash, some later, some with cover."""
        luck, gross, method = chance.random(), bill.gross, Payment.Method
        half = quantize(gross / 2, self.clinic.currency)
        if luck < 0.50:
            self.take(day, bill, method.CARD, gross, chance)
        elif luck < 0.74:
            self.take(day, bill, method.CASH, gross, chance)
        elif luck < 0.80:
            self.take(day, bill, method.CASH, half, chance)
            self.take(day, bill, method.CARD, gross - half, chance)
        elif luck < 0.89:
            cover = quantize(gross * 4 / 5, self.clinic.currency)
            self.take(day, bill, method.HMO, cover, chance)
            self.take(day, bill, method.CARD, gross - cover, chance)
        elif luck < 0.93:
            self.take(day, bill, method.CARD, half, chance)
            self.owing.append(Owing(bill, day.date, gross - half))
        else:
            self.owing.append(Owing(bill, day.date, gross))

    def settle_old_bills(self, day: ClinicDay, chance: random.Random) -> None:
        """What was left owing comes by transfer after some days; of some nothing is ever heard."""
        for owing in list(self.owing):
            waited = (day.date - owing.day).days
            if waited >= 5 and chance.random() < 0.12:
                self.take(day, owing.bill, Payment.Method.TRANSFER, owing.amount, chance)
                self.owing.remove(owing)

    def take(self, day: ClinicDay, bill: Bill, method: str, amount: Decimal, chance: random.Random) -> None:
        moment = bill.issued_at
        if bill.clinic_day_id != day.pk:  # money by bank: noted in the morning
            moment = datetime.combine(day.date, time(8, chance.randrange(30)), self.zone)
        if amount > ZERO:
            self.payments.append(
                Payment(
                    id=uuid7(),
                    administration=self.clinic,
                    clinic_day=day,
                    bill=bill,
                    method=method,
                    amount=amount,
                    payer=self.payer if method == Payment.Method.HMO else None,
                    reference=f"{chance.randrange(10**8):08d}" if method == Payment.Method.CARD else "",
                    taken_by=chance.choice(self.desk),
                    taken_at=min(moment, self.now),
                )
            )

    def refund(self, day: ClinicDay, payment: Payment, chance: random.Random) -> None:
        """Part of an earlier payment given back by the owner, so that the manager may still sign the day."""
        if payment.amount < 10 or payment.method not in (Payment.Method.CASH, Payment.Method.CARD):
            return
        if any(other.refunds is payment for other in self.payments if other.amount < 0):
            return
        self.payments.append(
            Payment(
                id=uuid7(),
                administration=self.clinic,
                clinic_day=day,
                bill=payment.bill,
                kind=Payment.Kind.REFUND,
                method=payment.method,
                amount=-quantize(payment.amount / 2, self.clinic.currency),
                refunds=payment,
                reason=chance.choice(("Charged twice", "Treatment broken off", "Price of last year")),
                taken_by=self.owner,
                taken_at=min(datetime.combine(day.date, time(16, 30), self.zone), self.now),
            )
        )
