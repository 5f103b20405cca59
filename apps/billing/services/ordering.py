"""Orders: placed on a visit, completed, cancelled, said to cost nothing."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from apps.billing.errors import (
    DayInFuture,
    OrderBeforeVisit,
    OrderBilled,
    OrderCancelled,
    OrderCompleted,
    OrderOfAnother,
    OrderOfNothing,
    QuantityNotPositive,
    VisitCancelled,
)
from apps.billing.models import BillLine, Coverage, Order, Patient, Payer, Service, Visit
from apps.billing.services.days import local_date
from apps.billing.services.pricing import Charge
from apps.core.errors import IdempotencyKeyOfAnother
from apps.core.events import record
from apps.core.locks import hold_key
from apps.core.models import User
from apps.core.money import ZERO
from apps.core.permissions import Act, require


@transaction.atomic
def place_order(
    visit: Visit,
    *,
    kind: str,
    service: Service | None = None,
    description: str = "",
    quantity: Decimal | int = 1,
    is_emergency: bool = False,
    payer: Payer | None = None,
    day: date | None = None,
    by: User,
    idempotency_key: str = "",
) -> Order:
    """Order ``quantity`` of ``service``, or of what ``description`` says, on ``visit``; dated ``day`` (today, when not
    given).

    The same ``idempotency_key`` answers the order that it made before. Raises QuantityNotPositive, OrderOfNothing,
    VisitCancelled, DayInFuture, OrderBeforeVisit or IdempotencyKeyOfAnother.
    """
    require(by, Act.TAKE_PAYMENTS, visit.administration_id)
    if quantity <= 0:
        raise QuantityNotPositive()
    description = description.strip() or (service.name if service else "")
    if not description:
        raise OrderOfNothing()
    if idempotency_key:
        hold_key("order", visit.administration_id, idempotency_key)
        known = Order.objects.filter(administration=visit.administration_id, idempotency_key=idempotency_key).first()
        if known:
            asked = (visit.pk, kind, service and service.pk, description, quantity)
            if (known.visit_id, known.kind, known.service_id, known.description, known.quantity) != asked:
                raise IdempotencyKeyOfAnother()
            return known
    ordered_on = _not_in_future(visit, day)
    if ordered_on < visit.date:
        raise OrderBeforeVisit(date=ordered_on, visit=visit.date)
    if Visit.objects.select_for_update(no_key=True).get(pk=visit.pk).status == Visit.Status.CANCELLED:
        raise VisitCancelled()
    order = Order.objects.create(
        administration_id=visit.administration_id,
        visit=visit,
        kind=kind,
        service=service,
        code=service.code if service else "",
        description=description,
        quantity=Decimal(quantity),
        payer=payer,
        is_emergency=is_emergency,
        ordered_on=ordered_on,
        ordered_by=by,
        idempotency_key=idempotency_key,
    )
    record("billing.order_placed", order, by=by, kind=kind, is_emergency=is_emergency)
    return order


@transaction.atomic
def complete_order(order: Order, *, quantity: Decimal | None = None, day: date | None = None, by: User) -> Order:
    """Say that ``order`` was given on ``day`` (today, when not given): as much as was ordered, or ``quantity``.

    Raises OrderCancelled, OrderCompleted, QuantityNotPositive below zero, DayInFuture or OrderBeforeVisit.
    """
    require(by, Act.TAKE_PAYMENTS, order.administration_id)
    order = _held(order)
    if order.completed_at is not None:
        raise OrderCompleted(order=str(order))
    given = order.quantity if quantity is None else quantity
    if given < 0:
        raise QuantityNotPositive()
    completed_on = _not_in_future(order.visit, day)
    if completed_on < order.visit.date:
        raise OrderBeforeVisit(date=completed_on, visit=order.visit.date)
    order.completed_quantity, order.completed_on = given, completed_on
    order.completed_at, order.completed_by = timezone.now(), by
    return _saved(order, "billing.order_completed", by, "completed_quantity completed_on completed_at completed_by")


@transaction.atomic
def cancel_order(order: Order, *, reason: str, by: User) -> Order:
    """Take ``order`` back. Raises OrderCancelled, OrderCompleted, or OrderBilled while a bill of it stands."""
    require(by, Act.TAKE_PAYMENTS, order.administration_id)
    order = _held(order)
    if order.completed_at is not None:
        raise OrderCompleted(order=str(order))
    if _billed([order]).get(order.pk):
        raise OrderBilled(order=str(order))
    order.cancelled_at, order.cancelled_by, order.reason = timezone.now(), by, reason
    return _saved(order, "billing.order_cancelled", by, "cancelled_at cancelled_by reason")


@transaction.atomic
def cover_order(order: Order, *, reason: str, by: User) -> Order:
    """Say why ``order`` costs nothing: ``reason`` is one of Coverage. Raises OrderCancelled."""
    require(by, Act.TAKE_PAYMENTS, order.administration_id)
    order = _held(order)
    order.coverage_reason = Coverage(reason).value
    return _saved(order, "billing.order_covered", by, "coverage_reason", reason=order.coverage_reason)


def cancel_open_orders(visit: Visit, *, reason: str, by: User) -> None:
    """Take back what was ordered on ``visit`` and not given."""
    for order in (
        Order.objects.select_for_update(no_key=True)
        .filter(visit=visit, completed_at=None, cancelled_at=None)
        .order_by("pk")
    ):
        order.cancelled_at, order.cancelled_by, order.reason = timezone.now(), by, reason
        _saved(order, "billing.order_cancelled", by, "cancelled_at cancelled_by reason")


def hold_orders(charges: Iterable[Charge], *, patient: Patient) -> None:
    """Hold the orders that ``charges`` bill until the transaction ends, so that each is billed once.

    An order is billed up to what was given, or ordered while it is not given; a credit note takes it back. Raises
    OrderCancelled, OrderOfAnother for an order of another patient or service, or OrderBilled.
    """
    billing = [charge for charge in charges if charge.order]
    if not billing:
        return
    held = {
        order.pk: order
        for order in Order.objects.select_for_update(of=("self",), no_key=True)
        .select_related("visit")
        .filter(pk__in=[charge.order.pk for charge in billing if charge.order])
        .order_by("pk")
    }
    billed = _billed(held.values())
    for charge in billing:
        assert charge.order  # noqa: S101 - for the type checker
        order = held[charge.order.pk]
        if order.cancelled_at is not None:
            raise OrderCancelled(order=str(order))
        if order.visit.patient_id != patient.pk or order.service_id not in (None, charge.service.pk):
            raise OrderOfAnother(order=str(order))
        billed[order.pk] = billed.get(order.pk, ZERO) + charge.quantity
        most = order.quantity if order.completed_quantity is None else order.completed_quantity
        if billed[order.pk] > most:
            raise OrderBilled(order=str(order))


def _billed(orders: Iterable[Order]) -> dict[UUID, Decimal]:
    """How much of each of ``orders`` stands on bills, less credit notes."""
    lines = BillLine.objects.filter(order__in=[order.pk for order in orders])
    return dict(lines.order_by().values_list("order").annotate(billed=Sum("quantity")))


def _held(order: Order) -> Order:
    held: Order = (
        Order.objects.select_for_update(of=("self",), no_key=True)
        .select_related("visit__administration", "administration")
        .get(pk=order.pk)
    )
    if held.cancelled_at is not None:
        raise OrderCancelled(order=str(held))
    return held


def _saved(order: Order, name: str, by: User, changed: str, **facts: str) -> Order:
    order.save(update_fields=changed.split())
    order.refresh_from_db(fields=["version"])
    record(name, order, by=by, **facts)
    return order


def _not_in_future(visit: Visit, day: date | None) -> date:
    today = local_date(visit.administration)
    if day and day > today:
        raise DayInFuture(date=day)
    return day or today
