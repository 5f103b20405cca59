"""Visits and bills: register, charge, credit, close."""

from collections.abc import Sequence
from datetime import date

from django.db import transaction
from django.utils import timezone

from apps.billing.errors import AlreadyCredited, BillWithoutLines, VisitBilled, VisitCancelled
from apps.billing.models import Bill, BillLine, ClinicDay, Patient, Payer, Payment, Visit
from apps.billing.reports.advances import open_advances
from apps.billing.services.days import day_for, local_date
from apps.billing.services.discounts import give_discounts
from apps.billing.services.ordering import cancel_open_orders, hold_orders
from apps.billing.services.payments import Tender, take_payment, use_advances
from apps.billing.services.pricing import Charge, priced
from apps.billing.services.wallets import hold_wallet
from apps.core.events import record
from apps.core.locks import hold_key
from apps.core.models import Administration, User
from apps.core.money import total
from apps.core.permissions import Act, require

__all__ = ["Charge", "cancel_visit", "close_visit", "credit_bill", "issue_bill", "register_visit"]


@transaction.atomic
def register_visit(
    *,
    administration: Administration,
    patient: Patient,
    charges: Sequence[Charge],
    tenders: Sequence[Tender] = (),
    payer: Payer | None = None,
    reason: str = "",
    is_inpatient: bool = False,
    by: User,
    idempotency_key: str = "",
) -> Visit:
    """Register a visit that begins now, bill its charges and take what is paid, all or nothing.

    Charges are priced by the tariffs of ``payer``, and may bill what was ordered on an earlier visit of the patient.
    What was paid in advance for them pays first, but for what payers cover.
    The same ``idempotency_key`` answers the visit that it made before. Raises what issue_bill and take_payment do.
    """
    require(by, Act.TAKE_PAYMENTS, administration.pk)
    if idempotency_key:
        hold_key("visit", administration.pk, idempotency_key)
        known = Visit.objects.filter(administration=administration, idempotency_key=idempotency_key).first()
        if known:
            return known
    if tenders and not charges:
        raise BillWithoutLines()
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
        issue_bill(patient=patient, charges=charges, visit=visit, payer=payer, tenders=tenders, by=by)
    return visit


@transaction.atomic
def issue_bill(
    *,
    patient: Patient,
    charges: Sequence[Charge],
    visit: Visit | None = None,
    payer: Payer | None = None,
    tenders: Sequence[Tender] = (),
    day: date | None = None,
    by: User,
) -> Bill:
    """Bill ``charges`` to ``patient`` at the prices of ``day`` (today, when not given), by the tariffs of ``payer``
    where it has them, and take ``tenders``.

    What was paid in advance for one of the services pays it, as far as no tender covers it: its VAT was declared then.
    Raises BillWithoutLines, VisitCancelled, what ``pricing.priced`` raises for a line, ``ordering.hold_orders`` for an
    order, and ``take_payment`` for a tender.
    """
    administration = patient.administration
    require(by, Act.TAKE_PAYMENTS, administration.pk)
    if not charges:
        raise BillWithoutLines()
    wanted = day or local_date(administration)
    lines = priced(charges, payer=payer, day=wanted)
    born = day_for(administration, wanted)  # the day is held before its visits, as closing it does
    if visit and Visit.objects.select_for_update(no_key=True).get(pk=visit.pk).status == Visit.Status.CANCELLED:
        raise VisitCancelled()
    hold_orders(charges, patient=patient)
    advances = _hold_advances(patient, lines)
    bill = _issue(lines, born=born, patient=patient, visit=visit, payer=payer, by=by)
    reasons = (charge.discount_reason.strip() for charge in charges)
    given = [(line, reason) for line, reason in zip(lines, reasons, strict=True) if line.discount]
    give_discounts(given, administration=administration, by=by)
    first = [tender for tender in tenders if advances and tender.method in Payment.COVER]
    for tender in first:
        take_payment(bill, tender=tender, by=by, day=day)
    if advances:
        use_advances(bill, by=by, day=day)
    for tender in tenders:
        if tender not in first:
            take_payment(bill, tender=tender, by=by, day=day)
    return bill


def _hold_advances(patient: Patient, lines: Sequence[BillLine]) -> bool:
    """Whether ``patient`` paid in advance for a service of ``lines``. The wallet is held then, before the bill has its
    number, so that nobody waits for a wallet with a counter in hand."""
    services = [line.service_id for line in lines if line.service_id]
    paid = open_advances(patient=patient, service__in=services).exists()
    if paid:
        hold_wallet(patient)
    return paid


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
            order_id=line.order_id,
            unit_price=line.unit_price,
            discount=-line.discount,
            co_pay=-line.co_pay,
            coverage_reason=line.coverage_reason,
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
        born=day_for(original.administration, local_date(original.administration)),
        patient=original.patient,
        visit=original.visit,
        payer=original.payer,
        by=by,
        credits=original,
        reason=reason,
    )


@transaction.atomic
def close_visit(visit: Visit, *, by: User) -> Visit:
    """End ``visit``; it still takes payments. Closing it twice changes nothing."""
    require(by, Act.TAKE_PAYMENTS, visit.administration_id)
    if Visit.objects.filter(pk=visit.pk, status=Visit.Status.ACTIVE).update(
        status=Visit.Status.CLOSED, ended_at=timezone.now(), ended_by=by
    ):
        record("billing.visit_closed", visit, by=by)
    visit.refresh_from_db()
    return visit


@transaction.atomic
def cancel_visit(visit: Visit, *, reason: str, by: User) -> Visit:
    """Say that ``visit`` did not take place, or should not count; what was ordered and not given goes with it.

    Raises VisitCancelled when it was before, or VisitBilled while a bill of it is not credited.
    """
    require(by, Act.APPROVE, visit.administration_id)
    visit = Visit.objects.select_for_update().get(pk=visit.pk)  # whoever bills or orders on it waits
    if visit.status == Visit.Status.CANCELLED:
        raise VisitCancelled()
    if standing := visit.bills.filter(kind=Bill.Kind.BILL, credit_notes=None).order_by("number"):
        raise VisitBilled(bills=", ".join(map(str, standing)))
    visit.status, visit.cancel_reason = Visit.Status.CANCELLED, reason
    visit.ended_by, visit.ended_at = by, timezone.now()  # also of a closed one: its leaks are those of this moment
    visit.save(update_fields=["status", "cancel_reason", "ended_by", "ended_at"])
    record("billing.visit_cancelled", visit, by=by)
    cancel_open_orders(visit, reason=reason, by=by)
    visit.refresh_from_db(fields=["version"])
    return visit


def _issue(
    lines: Sequence[BillLine],
    *,
    born: tuple[ClinicDay, ClinicDay | None],
    patient: Patient,
    visit: Visit | None,
    payer: Payer | None,
    by: User,
    credits: Bill | None = None,
    reason: str = "",
) -> Bill:
    clinic_day, late_for = born
    bill = Bill.objects.create(
        administration_id=patient.administration_id,
        clinic_day=clinic_day,
        late_for=late_for,
        kind=Bill.Kind.CREDIT_NOTE if credits else Bill.Kind.BILL,
        credits=credits,
        patient=patient,
        visit=visit,
        payer=payer,
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
