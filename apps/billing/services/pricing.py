"""What a line of a bill costs: the payer's tariff or the price list of the day, discounts, VAT."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from apps.billing.errors import (
    DiscountBeyondPrice,
    DiscountNeedsReason,
    LineForNothing,
    PriceMissing,
    QuantityNotPositive,
)
from apps.billing.models import BillLine, Order, Payer, Service, ServicePrice, Tariff
from apps.core.money import ZERO, exact, quantize


@dataclass(frozen=True)
class Charge:
    """A service to be billed at its price of the day, and the order that it fulfils.

    ``discount`` is an amount in the book currency off quantity times price, with VAT or without as the price is. With
    a ``coverage_reason`` (one of Coverage) the line costs nothing.
    """

    service: Service
    quantity: Decimal = Decimal(1)
    order: Order | None = None
    discount: Decimal = ZERO
    discount_reason: str = ""
    coverage_reason: str = ""


def priced(charges: Sequence[Charge], *, payer: Payer | None, day: date) -> list[BillLine]:
    """The lines that bill ``charges`` on ``day``: by the tariff of ``payer`` where there is one, otherwise by the price
    list.

    Raises QuantityNotPositive, PriceMissing, DiscountBeyondPrice, DiscountNeedsReason, LineForNothing or
    AmountHasTooManyDigits.
    """
    prices = _prices([charge.service for charge in charges], payer, day)
    return [_line(charge, prices.get(charge.service.pk), day, position) for position, charge in enumerate(charges, 1)]


def _prices(services: Iterable[Service], payer: Payer | None, day: date) -> dict[UUID, ServicePrice | Tariff]:
    wanted = [service.pk for service in services]
    listed: dict[UUID, ServicePrice | Tariff] = {
        price.service_id: price for price in ServicePrice.objects.on(day).filter(service__in=wanted)
    }
    agreed = Tariff.objects.on(day).filter(payer=payer, service__in=wanted) if payer else ()
    return listed | {tariff.service_id: tariff for tariff in agreed}


def _line(charge: Charge, price: ServicePrice | Tariff | None, day: date, position: int) -> BillLine:
    service = charge.service
    code, rate = service.administration.currency, service.vat_code.rate / 100
    if charge.quantity <= 0:
        raise QuantityNotPositive()
    if price is None and not charge.coverage_reason:
        raise PriceMissing(service=str(service), date=day)
    asked = quantize(price.price * charge.quantity, code) if price and not charge.coverage_reason else ZERO
    discount = exact(charge.discount, code)
    if discount < 0 or discount > asked:
        raise DiscountBeyondPrice(discount=discount, price=asked)
    if discount and not charge.discount_reason.strip():
        raise DiscountNeedsReason()
    amount = asked - discount
    if amount <= 0 and not charge.coverage_reason:
        raise LineForNothing(service=str(service))
    if price is None or price.includes_vat:
        net = quantize(amount / (1 + rate), code)
        vat = amount - net
    else:
        net, vat = amount, quantize(amount * rate, code)
    co_pay = quantize(price.co_pay * charge.quantity, code) if isinstance(price, Tariff) else ZERO
    return BillLine(
        administration_id=service.administration_id,
        position=position,
        service=service,
        group_id=service.group_id,
        code=service.code,
        description=service.name,
        quantity=charge.quantity,
        order=charge.order,
        unit_price=price.price if price else ZERO,
        discount=discount,
        co_pay=min(co_pay, net + vat),  # a discount is the patient's first
        coverage_reason=charge.coverage_reason,
        vat_code=service.vat_code,
        vat_rate=service.vat_code.rate,
        net=net,
        vat=vat,
        gross=net + vat,
    )
