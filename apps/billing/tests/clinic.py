"""A clinic for tests: real rows, made through the services."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import cache

from django.conf import settings
from django.contrib.auth.hashers import make_password

from apps.billing.models import Bill, EndOfDayReconciliation, Patient, Payer, Payment, Service, ServicePrice, TopUp
from apps.billing.services.catalogue import open_catalogue, register_patient, register_payer, service_group
from apps.billing.services.charging import Charge, issue_bill
from apps.billing.services.closing import close_day, finalize_day
from apps.billing.services.days import day_for, local_date
from apps.billing.services.payments import Tender, take_payment
from apps.core.models import Administration, Membership, User
from apps.ledger.models import VatCode
from apps.ledger.services.opening import open_books, open_years

PASSWORD = "open-sesame-1"


@cache
def _hashed(hasher: str) -> str:
    """Once for each hasher: a test whose site is another process hashes as production does."""
    return make_password(PASSWORD)


@dataclass
class Clinic:
    """One administration with a person for each role and a service priced at any amount on demand."""

    administration: Administration
    people: dict[str, User] = field(default_factory=dict)

    def __getattr__(self, role: str) -> User:
        try:
            return self.__dict__["people"][role]
        except KeyError:
            raise AttributeError(role) from None

    @property
    def today(self) -> date:
        return local_date(self.administration)

    @property
    def yesterday(self) -> date:
        return self.today - timedelta(days=1)

    def patient(self, code: str = "P-1") -> Patient:
        known = Patient.objects.filter(administration=self.administration, code=code).first()
        return known or register_patient(self.administration, code=code, name="Anna Invented")

    def payer(self, method: str = "INSURANCE") -> Payer:
        code, name = {"INSURANCE": ("ZK", "Zorgkas"), "HMO": ("HY", "Hygeia")}[method]
        known = Payer.objects.filter(administration=self.administration, code=code).first()
        return known or register_payer(self.administration, code=code, name=name, method=method)

    def service(self, price: str, vat: str = "EXEMPT", includes_vat: bool = True) -> Service:
        code = f"S{price}{vat}{includes_vat:d}"
        service, new = Service.objects.get_or_create(
            administration=self.administration,
            code=code,
            defaults={
                "name": f"Service of {price}",
                "group": service_group(self.administration, "consultation"),
                "vat_code": VatCode.objects.get(administration=self.administration, code=vat),
            },
        )
        if new:
            ServicePrice.objects.create(
                administration=self.administration,
                service=service,
                price=Decimal(price),
                includes_vat=includes_vat,
                valid_from=date(2000, 1, 1),
            )
        return service

    def bill(self, *prices: str, day: date | None = None, patient: Patient | None = None, **more: object) -> Bill:
        charges = [Charge(self.service(price)) for price in prices]
        return issue_bill(patient=patient or self.patient(), charges=charges, day=day, by=self.receptionist, **more)

    def pay(
        self,
        bill: Bill,
        amount: str,
        method: str = "CASH",
        day: date | None = None,
        by: User | None = None,
        **more: object,
    ) -> Payment:
        payer = self.payer(method) if method in Payment.COVER else None
        tender = Tender(method, Decimal(amount), payer, str(more.pop("reference", "")))
        return take_payment(bill, tender=tender, day=day, by=by or self.receptionist, **more)

    def fill_wallet(
        self, amount: str, day: date | None = None, patient: Patient | None = None, reason: str = ""
    ) -> TopUp:
        return TopUp.objects.create(
            administration=self.administration,
            clinic_day=day_for(self.administration, day or self.today)[0],
            patient=patient or self.patient(),
            method=TopUp.Method.CARD,
            amount=Decimal(amount),
            reason=reason,
            taken_by=self.receptionist,
        )

    def close(self, day: date | None = None) -> EndOfDayReconciliation:
        return close_day(self.administration, day or self.today, by=self.receptionist)[0]

    def finalized(self, day: date | None = None, by: User | None = None) -> EndOfDayReconciliation:
        return finalize_day(self.close(day), by=by or self.manager)


def make_clinic(name: str = "Clinic Zuid", **fields: object) -> Clinic:
    """A clinic with open books for last year, this one and the next, and one person for each role."""
    administration = Administration.objects.create(
        **{"name": name, "country": "NL", "currency": "EUR", "time_zone": "Europe/Amsterdam", **fields}
    )
    open_books(administration, chart="nl")
    open_catalogue(administration)
    clinic = Clinic(administration)
    open_years(administration, clinic.today.year - 1, clinic.today.year + 1)
    hashed = _hashed(settings.PASSWORD_HASHERS[0])
    for role in Membership.Role:
        user = User.objects.create(
            email=f"{role}@{administration.pk}.example",
            password=hashed,
            full_name=str(role.label),
            is_email_verified=True,
        )
        Membership.objects.create(administration=administration, user=user, role=role)
        clinic.people[role] = user
    return clinic
