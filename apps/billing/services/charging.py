"""Visits and bills: register, charge, credit, close."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from apps.billing.errors import AlreadyCredited, BillWithoutLines, PriceMissing
from apps.billing.models import Bill, BillLine, Patient, Service, ServicePrice, Visit
from apps.billing.services.days import day_for, local_date
from apps.billing.services.payments import Tender, take_payment
from apps.core.events import record
from apps.core.locks import hold_key
from apps.core.models import Administration, User
from apps.core.money import quantize, total
from apps.core.permissions import Act, require


@dataclass(frozen=True)
class Charge:
    """A service to be billed at its price of the day."""

    service: Service
    quantity: Decimal = Decimal(1)


@transaction.atomic
def register_visit(
    *,
    administration: Administration,
    patient: Patient,
    charges: Sequence[Charge],
    tenders: Sequence[Tender] = (),
    reason: str = "",
    is_inpatient: bool = False,
    by: User,
    idempotency_key: str = "",
) -> Visit:
    """Register a visit that begins now, bill its charges and take what is paid, all or nothing.

    The same ``idempotency_key`` answers the visit that it made before. Raises what issue_bill and take_payment do.
    """
    require(by, Act.TAKE_PAYMENTS, administration.pk)
    if idempotency_key:
        hold_key("visit", administration.pk, idempotency_key)
        known = Visit.objects.filter(administration=administration, idempotency_key=idempotency_key).first()
        if known:
            return known
    visit = Visit.objects.create(
        administration=administration,
        patient=patient,
        date=local_date(administration),
        reason=reason,
        is_inpatient=is_inpatient,
        registered_by=by,
        idempotency_key=idempotency_key,
    )
    day_for(administration, visit.date)  # a visit alone is activity: the day will want its close
    record("billing.visit_registered", visit, by=by)
    if charges:
        bill = issue_bill(patient=patient, charges=charges, visit=visit, by=by)
        for tender in tenders:
            take_payment(bill, tender=tender, by=by)
    return visit


@transaction.atomic
def issue_bill(
    *, patient: Patient, charges: Sequence[Charge], visit: Visit | None = None, day: date | None = None, by: User
) -> Bill:
    """Bill ``charges`` to ``patient`` at the prices of ``day`` (today, when not given).

    Raises BillWithoutLines, or PriceMissing for a service without a price on that day.
    """
    administration = patient.administration
    require(by, Act.TAKE_PAYMENTS, administration.pk)
    if not charges:
        raise BillWithoutLines()
    wanted = day or local_date(administration)
    prices = {
        price.service_id: price
        for price in ServicePrice.objects.on(wanted).filter(service__in=[charge.service for charge in charges])
    }
    lines = [
        _priced(charge, prices.get(charge.service.pk), wanted, position) for position, charge in enumerate(charges, 1)
    ]
    return _issue(lines, patient=patient, visit=visit, day=wanted, by=by)


@transaction.atomic
def credit_bill(bill: Bill, *, reason: str, by: User) -> Bill:
    """Issue a credit note over the whole of ``bill``, dated today. Raises AlreadyCredited."""
    require(by, Act.APPROVE, bill.administration_id)
    original = Bill.objects.select_for_update(no_key=True).get(pk=bill.pk)
    if original.kind == Bill.Kind.CREDIT_NOTE or original.credit_notes.exists():
        raise AlreadyCredited(bill=str(original))
    lines = [
        BillLine(
            administration_id=line.administration_id,
            position=line.position,
            service_id=line.service_id,
            group_id=line.group_id,
            code=line.code,
            description=line.description,
            quantity=-line.quantity,
            unit_price=line.unit_price,
            vat_code_id=line.vat_code_id,
            vat_rate=line.vat_rate,
            net=-line.net,
            vat=-line.vat,
            gross=-line.gross,
        )
        for line in original.lines.all()
    ]
    return _issue(
        lines,
        patient=original.patient,
        visit=original.visit,
        day=local_date(original.administration),
        by=by,
        credits=original,
        reason=reason,
    )


@transaction.atomic
def close_visit(visit: Visit, *, by: User) -> Visit:
    """End ``visit``; it still takes payments. Closing it twice changes nothing."""
    require(by, Act.TAKE_PAYMENTS, visit.administration_id)
    if Visit.objects.filter(pk=visit.pk, status=Visit.Status.ACTIVE).update(
        status=Visit.Status.CLOSED, ended_at=timezone.now()
    ):
        record("billing.visit_closed", visit, by=by)
    visit.refresh_from_db()
    return visit


def _issue(
    lines: Sequence[BillLine],
    *,
    patient: Patient,
    visit: Visit | None,
    day: date,
    by: User,
    credits: Bill | None = None,
    reason: str = "",
) -> Bill:
    clinic_day, late_for = day_for(patient.administration, day)
    bill = Bill.objects.create(
        administration_id=patient.administration_id,
        clinic_day=clinic_day,
        late_for=late_for,
        kind=Bill.Kind.CREDIT_NOTE if credits else Bill.Kind.BILL,
        credits=credits,
        patient=patient,
        visit=visit,
        line_count=len(lines),
        net=total(line.net for line in lines),
        vat=total(line.vat for line in lines),
        gross=total(line.gross for line in lines),
        reason=reason,
        issued_by=by,
    )
    for line in lines:
        line.bill = bill
    BillLine.objects.bulk_create(lines)
    bill.refresh_from_db(fields=["number"])
    record("billing.bill_issued" if credits is None else "billing.bill_credited", bill, by=by, gross=bill.gross)
    return bill


def _priced(charge: Charge, price: ServicePrice | None, day: date, position: int) -> BillLine:
    service = charge.service
    if price is None:
        raise PriceMissing(service=str(service), date=day)
    code, rate = service.administration.currency, service.vat_code.rate / 100
    amount = quantize(price.price * charge.quantity, code)
    if price.includes_vat:
        net = quantize(amount / (1 + rate), code)
        vat = amount - net
    else:
        net, vat = amount, quantize(amount * rate, code)
    return BillLine(
        administration_id=service.administration_id,
        position=position,
        service=service,
        group_id=service.group_id,
        code=service.code,
        description=service.name,
        quantity=charge.quantity,
        unit_price=price.price,
        vat_code=service.vat_code,
        vat_rate=service.vat_code.rate,
        net=net,
        vat=vat,
        gross=net + vat,
    )
