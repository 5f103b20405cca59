"""The demo clinic before its first day: its people, services and prices, patients, drawer and payer."""

import random
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.contrib.auth.hashers import make_password

from apps.billing.models import Patient, PatientIdentity, Service, ServiceGroup, ServicePrice
from apps.billing.services.catalogue import open_catalogue, register_payer
from apps.billing.services.covers import enrol_patient
from apps.billing.services.drawers import add_drawer
from apps.billing.services.tariffs import set_tariff
from apps.core.models import Administration, Membership, User
from apps.ledger.models import Party, VatCode
from apps.ledger.services.opening import open_books

SOURCE = "demo:zuid"
PASSWORD = "daybook-demo"  # noqa: S105 -- printed on every start; only the demo clinic knows it
SEED = "clinic-zuid"

# Who signs in, by role.
PEOPLE = {
    Membership.Role.RECEPTIONIST: "Roos Receptie",
    Membership.Role.CASHIER: "Karel Kas",
    Membership.Role.MANAGER: "Marit Manager",
    Membership.Role.OWNER: "Otto Eigenaar",
    Membership.Role.ACCOUNTANT: "Anna Accountant",
    Membership.Role.ADMIN: "Ad Beheer",
}
# A second one, so that a drawer is handed over at noon.
COLLEAGUE, COLLEAGUE_NAME = "cashier2@demo.example", "Kim Kassier"
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
FLOAT = Decimal("150.00")
TARIFFS = [  # service, what the insurer pays for it, of it by the patient
    ("C10", "45.00", "5.00"),
    ("C20", "78.00", "5.00"),
    ("L10", "36.00", "0.00"),
    ("L20", "12.00", "0.00"),
    ("I10", "81.50", "10.00"),
    ("I20", "105.00", "10.00"),
    ("P10", "51.00", "0.00"),
]
EVERY_COVERED = 4  # each fourth patient is insured with the demo's payer
SINCE = date(2020, 1, 1)  # prices, tariffs and covers


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
    add_drawer(clinic, code="BALIE", name="Desk drawer", standard_float=FLOAT, by=user_of(Membership.Role.OWNER))
    add_payer(clinic)
    return clinic


def add_people(clinic: Administration) -> None:
    """One person per role, a second cashier, an operator; whoever has such an address already keeps their password."""
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
    colleague, _made = User.objects.get_or_create(
        email=COLLEAGUE,
        defaults={
            "full_name": COLLEAGUE_NAME,
            "password": hashed,
            "is_email_verified": True,
            "role": User.Role.STAFF,
        },
    )
    Membership.objects.create(user=colleague, administration=clinic, role=Membership.Role.CASHIER)
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
        ServicePrice.objects.create(administration=clinic, service=service, price=Decimal(price), valid_from=SINCE)


def add_patients(clinic: Administration) -> None:
    chance = random.Random(SEED)
    names = [f"{first} {last}" for first in FIRST_NAMES for last in LAST_NAMES]
    codes = [f"P-{number:04d}" for number in range(1, PATIENTS + 1)]
    parties = [Party(administration=clinic, kind=Party.Kind.PATIENT, code=code) for code in codes]
    patients = [
        Patient(administration=clinic, code=party.code, party=party, created_at=_came(number, clinic))
        for number, party in enumerate(parties)
    ]
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


def _came(number: int, clinic: Administration) -> datetime:
    """When a patient was registered: one every nine days, in the order of their codes."""
    came = datetime.combine(SINCE, time(9 + number % 8, 7 * number % 60), ZoneInfo(clinic.time_zone))
    return came + timedelta(days=9 * number)


def add_payer(clinic: Administration) -> None:
    """An insurer with its tariffs, and the patients whom it covers."""
    owner, receptionist = user_of(Membership.Role.OWNER), user_of(Membership.Role.RECEPTIONIST)
    payer = register_payer(clinic, code="POLDER", name="Polder Zorgplan", by=owner)
    services = {service.code: service for service in Service.objects.filter(administration=clinic)}
    for code, price, co_pay in TARIFFS:
        set_tariff(
            payer=payer,
            service=services[code],
            price=Decimal(price),
            co_pay=Decimal(co_pay),
            valid_from=SINCE,
            by=owner,
        )
    for number, patient in enumerate(Patient.objects.filter(administration=clinic).order_by("code")):
        if number % EVERY_COVERED == 0:
            enrol_patient(
                patient, payer=payer, member_number=f"PZ{4_100_000 + number * 37}", valid_from=SINCE, by=receptionist
            )
