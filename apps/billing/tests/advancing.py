"""Advances for tests: a taxed service, money paid for it before it is given, its bill."""

from decimal import Decimal as D

from apps.billing.models import Bill, Patient, Service, TopUp
from apps.billing.reports.advances import with_left
from apps.billing.services.charging import Charge, issue_bill
from apps.billing.services.wallets import pay_out, top_up
from apps.billing.tests.clinic import Clinic


def taxed(clinic: Clinic, price: str = "121.00") -> Service:
    """A service with 21 % VAT in its price."""
    return clinic.service(price, vat="HIGH")


def paid_ahead(clinic: Clinic, amount: str, price: str = "121.00", patient: Patient | None = None, **more) -> TopUp:
    asked = {"method": "CARD", "service": taxed(clinic, price), "by": clinic.receptionist, **more}
    return top_up(patient or clinic.patient(), amount=D(amount), **asked)


def returned(clinic: Clinic, advance: TopUp, amount: str, **more) -> TopUp:
    asked = {"method": "CARD", "reason": "Cancelled", "by": clinic.manager, **more}
    return pay_out(advance.patient, amount=D(amount), advance=advance, **asked)


def billed(clinic: Clinic, *services: Service, patient: Patient | None = None, **more) -> Bill:
    charges = [Charge(service) for service in services or (taxed(clinic),)]
    return issue_bill(patient=patient or clinic.patient(), charges=charges, by=clinic.receptionist, **more)


def left_of(advance: TopUp) -> tuple[D, D]:
    """What is left of ``advance``, and of its VAT."""
    found = with_left(TopUp.objects.filter(pk=advance.pk)).get()
    return found.left, found.left_vat
