"""What payers agreed to pay, from one day to another."""

from datetime import date, timedelta
from decimal import Decimal

from django.db import transaction

from apps.billing.errors import TariffInvalid
from apps.billing.models import Payer, Service, Tariff
from apps.core.events import record
from apps.core.models import User
from apps.core.money import ZERO, exact
from apps.core.permissions import Act, require


@transaction.atomic
def set_tariff(
    *,
    payer: Payer,
    service: Service,
    price: Decimal,
    valid_from: date,
    co_pay: Decimal = ZERO,
    includes_vat: bool = True,
    by: User,
) -> Tariff:
    """What ``payer`` pays for ``service`` from ``valid_from``, in the book currency, ``co_pay`` of it by the patient.

    The tariff before ends the day before; where a later one is set already, this one ends the day before that. One
    that begins on the same day is replaced: bills keep the price that they were made with. Raises NotAllowed,
    TariffInvalid or AmountHasTooManyDigits.
    """
    require(by, Act.SET_PRICES, payer.administration_id)
    price, co_pay = (exact(amount, payer.administration.currency) for amount in (price, co_pay))
    if not 0 <= co_pay <= price:
        raise TariffInvalid()
    Payer.objects.select_for_update(no_key=True).get(pk=payer.pk)  # two that set a tariff wait for each other
    known = Tariff.objects.filter(payer=payer, service=service)
    same = known.filter(valid_from=valid_from).first()
    if same is None:
        known.on(valid_from).update(valid_until=valid_from - timedelta(days=1))
        later = known.filter(valid_from__gt=valid_from).order_by("valid_from").first()
        same = Tariff(
            administration_id=payer.administration_id,
            payer=payer,
            service=service,
            valid_from=valid_from,
            valid_until=later.valid_from - timedelta(days=1) if later else None,
        )
    same.price, same.co_pay, same.includes_vat = price, co_pay, includes_vat
    same.save()
    record("billing.tariff_set", same, by=by, price=price, co_pay=co_pay, valid_from=valid_from)
    return same


@transaction.atomic
def end_tariff(tariff: Tariff, *, last_day: date, by: User) -> Tariff:
    """Let ``tariff`` hold until ``last_day`` and no longer. Raises NotAllowed or TariffInvalid."""
    require(by, Act.SET_PRICES, tariff.administration_id)
    tariff = Tariff.objects.select_for_update().get(pk=tariff.pk)
    if last_day < tariff.valid_from or (tariff.valid_until and last_day > tariff.valid_until):
        raise TariffInvalid()
    tariff.valid_until = last_day
    tariff.save(update_fields=["valid_until"])
    record("billing.tariff_ended", tariff, by=by, last_day=last_day)
    return tariff
