"""Care, bills and money for tests of leaks: rows as the services and the imports leave them."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from django.utils import timezone

from apps.billing.models import Bill, BillLine, ClinicDay, Order, Service, Visit
from apps.billing.reports.leaks import LeakFinding, Scope, find
from apps.billing.services.days import day_for
from apps.billing.tests.clinic import Clinic
from apps.core.money import quantize, total

_moments = count()


def visit_of(clinic: Clinic, day: date | None = None, status: str = "CLOSED", patient: Any = None) -> Visit:
    """A visit of that day."""
    clinic_day(clinic, day)
    visit: Visit = Visit.objects.create(
        administration=clinic.administration,
        patient=patient or clinic.patient(),
        date=day or clinic.today,
        status=status,
        ended_at=None if status == "ACTIVE" else timezone.now(),
    )
    return visit


def clinic_day(clinic: Clinic, day: date | None = None) -> ClinicDay:
    return day_for(clinic.administration, day or clinic.today)[0]


def given(
    visit: Visit, service: Service | None, kind: str = "LAB", quantity: str = "1", day: date | None = None, **more: Any
) -> Order:
    """An order that was completed on the day of its visit; ``completed=False`` leaves it open."""
    moment = timezone.now() + timedelta(microseconds=next(_moments))
    if more.pop("completed", True):
        done = {"completed_on": day or visit.date, "completed_at": moment, "completed_quantity": Decimal(quantity)}
        more = {**done, **more}
    order: Order = Order.objects.create(
        administration_id=visit.administration_id,
        visit=visit,
        kind=kind,
        service=service,
        code=service.code if service else more.pop("code", ""),
        description=kind.title(),
        **{"quantity": Decimal(quantity), "ordered_on": day or visit.date, "ordered_at": moment, **more},
    )
    return order


def line(service: Service | None, price: str, quantity: str = "1", order: Order | None = None, **more: Any) -> BillLine:
    """A line at ``price`` including VAT at the rate of its service."""
    assert service is not None
    code, rate = service.administration.currency, service.vat_code.rate / 100
    asked = quantize(Decimal(price) * Decimal(quantity), code) - Decimal(more.get("discount", 0))
    gross = Decimal(0) if more.get("coverage_reason") else asked
    net = quantize(gross / (1 + rate), code)
    return BillLine(
        administration_id=service.administration_id,
        service=service,
        group_id=service.group_id,
        code=service.code,
        description=service.name,
        quantity=Decimal(quantity),
        order=order,
        unit_price=Decimal(price),
        vat_code=service.vat_code,
        vat_rate=service.vat_code.rate,
        net=net,
        vat=gross - net,
        gross=gross,
        **more,
    )


def billed(
    clinic: Clinic,
    visit: Visit | None,
    *lines: BillLine,
    day: date | None = None,
    credits: Bill | None = None,
    **more: Any,
) -> Bill:
    """A bill (or the credit note of one) of ``lines``, as an import or a service writes it."""
    wanted, late = day_for(clinic.administration, day or (visit.date if visit else clinic.today))
    bill = Bill.objects.create(
        administration=clinic.administration,
        clinic_day=wanted,
        late_for=late,
        kind="CREDIT_NOTE" if credits else "BILL",
        credits=credits,
        patient=visit.patient if visit else clinic.patient(),
        visit=visit,
        line_count=len(lines),
        net=total(line.net for line in lines),
        vat=total(line.vat for line in lines),
        gross=total(line.gross for line in lines),
        **more,
    )
    for position, one in enumerate(lines, 1):
        one.bill, one.position = bill, position
    BillLine.objects.bulk_create(lines)
    bill.refresh_from_db()
    return bill


def credited(clinic: Clinic, bill: Bill, *positions: int, day: date | None = None) -> Bill:
    """A credit note over ``bill``, or over some of its lines."""
    lines = []
    for one in bill.lines.all():
        if not positions or one.position in positions:
            one.pk, one._state.adding = BillLine(administration_id=one.administration_id).pk, True
            one.quantity, one.discount = -one.quantity, -one.discount
            one.net, one.vat, one.gross = -one.net, -one.vat, -one.gross
            lines.append(one)
    return billed(clinic, bill.visit, *lines, day=day, credits=bill)


def leaks(clinic: Clinic, day: date | None = None, last: date | None = None) -> list[tuple[str, Decimal | None]]:
    """What the rules find from ``day`` (today) to ``last``: code and amount, by code."""
    first = day or clinic.today
    pairs = ((one.rule, one.amount) for one in found(clinic, first, last or first))
    return sorted(pairs, key=lambda pair: (pair[0], pair[1] or 0))


def found(clinic: Clinic, first: date, last: date) -> list[LeakFinding]:
    clinic.administration.refresh_from_db()
    return find(Scope(clinic.administration, first, last))
