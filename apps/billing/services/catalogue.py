"""Who is treated, who pays for them, and what is offered."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apps.billing.errors import AccountNotRevenue, CodeTaken, PriceDaysReversed, PriceNegative, PriceOverlaps
from apps.billing.models import Patient, PatientIdentity, Payer, Service, ServiceGroup, ServicePrice
from apps.core.events import record
from apps.core.languages import language_of_books
from apps.core.models import Administration, User
from apps.core.money import exact
from apps.core.permissions import Act, require
from apps.ledger.errors import AccountMissing
from apps.ledger.models import Account, Party, VatCode

# No 0, O, 1, I, L: a code is read aloud and written down.
_READABLE = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"

# Groups of services and the purpose of the account on which their revenue stands.
GROUPS = {
    "consultation": _("Consultations"),
    "laboratory": _("Laboratory"),
    "imaging": _("Imaging"),
    "pharmacy": _("Pharmacy"),
    "procedure": _("Procedures"),
    "other": _("Other"),
}


def open_catalogue(administration: Administration) -> None:
    """Give ``administration`` the usual service groups. Raises AccountMissing where the chart lacks their accounts."""
    for code in GROUPS:
        service_group(administration, code)


def service_group(administration: Administration, code: str) -> ServiceGroup:
    """The group of that code, made when it is not there: one of the usual ones, or one beside them on the account
    for other revenue. Raises AccountMissing."""
    known = ServiceGroup.objects.filter(administration=administration, code=code).first()
    if known:
        return known
    purpose = f"revenue_{code if code in GROUPS else 'other'}"
    account = Account.objects.filter(administration=administration, purpose=purpose).first()
    if account is None:
        raise AccountMissing(purpose=purpose)
    with language_of_books(administration):
        name = str(GROUPS.get(code, code))
    return ServiceGroup.objects.create(administration=administration, code=code, name=name, account=account)


@transaction.atomic
def register_patient(
    administration: Administration,
    *,
    code: str,
    name: str = "",
    birth_date: date | None = None,
    email: str = "",
    by: User | None = None,
) -> Patient:
    """A new patient: a code for the books, and the name in an erasable row beside it.

    Without a ``code`` one is made; without ``by`` an import registers. Raises NotAllowed or CodeTaken.
    """
    if by:
        require(by, Act.TAKE_PAYMENTS, administration.pk)
    code = code or "P-" + "".join(secrets.choice(_READABLE) for _digit in range(6))
    if Patient.objects.filter(administration=administration, code=code).exists():
        raise CodeTaken(code=code)
    party = Party.objects.create(administration=administration, kind=Party.Kind.PATIENT, code=code)
    patient = Patient.objects.create(administration=administration, code=code, party=party)
    if name:
        PatientIdentity.objects.create(
            administration=administration, patient=patient, name=name, birth_date=birth_date, email=email
        )
    record("billing.patient_registered", patient, by=by)
    return patient


@transaction.atomic
def register_payer(
    administration: Administration, *, code: str, name: str, method: str = "INSURANCE", by: User | None = None
) -> Payer:
    """A new HMO or insurer, as ``method`` says. Without ``by`` an import registers. Raises NotAllowed or CodeTaken."""
    if by:
        require(by, Act.SET_PRICES, administration.pk)
    if Payer.objects.filter(administration=administration, code=code).exists():
        raise CodeTaken(code=code)
    party = Party.objects.create(administration=administration, kind=Party.Kind.PAYER, code=code, name=name)
    payer = Payer.objects.create(administration=administration, code=code, name=name, method=method, party=party)
    record("billing.payer_registered", payer, by=by)
    return payer


# Services and their prices -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Priced:
    """What a service costs from one day to another, both included, in the book currency."""

    price: Decimal
    valid_from: date
    valid_until: date | None = None
    includes_vat: bool = True


@transaction.atomic
def create_group(administration: Administration, *, code: str, name: str, account: Account, by: User) -> ServiceGroup:
    """A new group of services, whose revenue stands on ``account``. Raises NotAllowed, CodeTaken, AccountNotRevenue."""
    require(by, Act.SET_PRICES, administration.pk)
    if ServiceGroup.objects.filter(administration=administration, code=code).exists():
        raise CodeTaken(code=code)
    _refuse_other_account(account)
    group = ServiceGroup.objects.create(administration=administration, code=code, name=name, account=account)
    record("billing.service_group_created", group, by=by, code=code)
    return group


@transaction.atomic
def change_group(group: ServiceGroup, /, *, by: User, **facts: Any) -> ServiceGroup:
    """Rename ``group`` or let its revenue of later days stand on another account. Raises AccountNotRevenue."""
    require(by, Act.SET_PRICES, group.administration_id)
    if "account" in facts:
        _refuse_other_account(facts["account"])
    return _changed(group, "billing.service_group_changed", by, facts)


@transaction.atomic
def create_service(
    administration: Administration,
    *,
    code: str,
    name: str,
    group: ServiceGroup,
    vat_code: VatCode,
    is_active: bool = True,
    prices: Sequence[Priced] = (),
    by: User,
) -> Service:
    """A new service with its prices. Raises NotAllowed, CodeTaken, and what add_price raises."""
    require(by, Act.SET_PRICES, administration.pk)
    if Service.objects.filter(administration=administration, code=code).exists():
        raise CodeTaken(code=code)
    service: Service = Service.objects.create(
        administration=administration, code=code, name=name, group=group, vat_code=vat_code, is_active=is_active
    )
    record("billing.service_created", service, by=by, code=code)
    for price in prices:
        add_price(service, price, by=by)
    return service


@transaction.atomic
def change_service(service: Service, /, *, by: User, **facts: Any) -> Service:
    """Change the name, group, VAT code or activity of ``service``; bills keep what they say."""
    require(by, Act.SET_PRICES, service.administration_id)
    return _changed(service, "billing.service_changed", by, facts)


@transaction.atomic
def add_price(service: Service, price: Priced, *, by: User) -> ServicePrice:
    """What ``service`` costs from a day on. Raises PriceNegative, PriceDaysReversed, AmountHasTooManyDigits, or
    PriceOverlaps where another price holds on one of its days."""
    require(by, Act.SET_PRICES, service.administration_id)
    made = ServicePrice(
        administration_id=service.administration_id,
        service=service,
        price=price.price,
        includes_vat=price.includes_vat,
        valid_from=price.valid_from,
        valid_until=price.valid_until,
    )
    _refuse_price(made)
    made.save()
    record("billing.price_added", made, by=by, price=made.price, valid_from=made.valid_from)
    return made


@transaction.atomic
def change_price(price: ServicePrice, /, *, by: User, **facts: Any) -> ServicePrice:
    """End ``price``, or mend it; bills keep the price of their day. Raises what add_price raises."""
    require(by, Act.SET_PRICES, price.administration_id)
    price = ServicePrice.objects.select_for_update().get(pk=price.pk)
    before = price.price
    for name, value in facts.items():
        setattr(price, name, value)
    _refuse_price(price)
    price.save(update_fields=list(facts))
    record("billing.price_changed", price, by=by, before=before, price=price.price)
    return price


def _refuse_other_account(account: Account) -> None:
    if account.type != Account.Type.REVENUE:
        raise AccountNotRevenue(account=str(account))


def _refuse_price(price: ServicePrice) -> None:
    price.price = exact(price.price, price.service.administration.currency)
    if price.price < 0:
        raise PriceNegative()
    if price.valid_until and price.valid_until < price.valid_from:
        raise PriceDaysReversed(valid_from=price.valid_from, valid_until=price.valid_until)
    Service.objects.select_for_update(no_key=True).get(pk=price.service_id)  # two prices of one service wait
    others = ServicePrice.objects.filter(service=price.service_id).exclude(pk=price.pk)
    until = {"valid_from__lte": price.valid_until} if price.valid_until else {}
    clash = others.exclude(valid_until__lt=price.valid_from).filter(**until).order_by("valid_from").first()
    if clash:
        raise PriceOverlaps(service=str(price.service), valid_from=clash.valid_from, valid_until=clash.valid_until)


def _changed(row: Any, name: str, by: User, facts: dict[str, Any]) -> Any:
    for field, value in facts.items():
        setattr(row, field, value)
    row.save(update_fields=list(facts))
    record(name, row, by=by, changed=sorted(facts))
    return row
