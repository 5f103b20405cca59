"""At the desk: a patient comes, is billed and pays, in one go."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db import transaction

from apps.billing.models import Bill, Patient, Payer, Visit
from apps.billing.services.charging import Charge, issue_bill, register_visit
from apps.billing.services.ordering import complete_order, place_order
from apps.billing.services.payments import Tender
from apps.core.locks import hold_key
from apps.core.models import User


@dataclass(frozen=True)
class Asked:
    """A line at the desk: what is billed, and the order that is placed for it when ``kind`` (an Order.Kind) is said.

    With ``done`` the order is completed at once, as much of it as is billed.
    """

    charge: Charge
    kind: str = ""
    done: bool = False


@transaction.atomic
def receive(
    *,
    patient: Patient,
    asked: Sequence[Asked],
    tenders: Sequence[Tender] = (),
    payer: Payer | None = None,
    reason: str = "",
    is_inpatient: bool = False,
    by: User,
    idempotency_key: str = "",
) -> Visit:
    """Register a visit of ``patient``, place what is ordered, bill it and take what is paid, all or nothing.

    The same ``idempotency_key`` answers the visit that it made before. Raises what register_visit, bill_more and
    take_payment do.
    """
    administration = patient.administration
    if idempotency_key:
        hold_key("visit", administration.pk, idempotency_key)
        known = Visit.objects.filter(administration=administration, idempotency_key=idempotency_key).first()
        if known:
            return known
    visit = register_visit(
        administration=administration,
        patient=patient,
        charges=[],
        reason=reason,
        is_inpatient=is_inpatient,
        by=by,
        idempotency_key=idempotency_key,
    )
    if asked:
        bill_more(visit, asked=asked, payer=payer, tenders=tenders, by=by)
    return visit


@transaction.atomic
def bill_more(
    visit: Visit, *, asked: Sequence[Asked], payer: Payer | None = None, tenders: Sequence[Tender] = (), by: User
) -> Bill:
    """Bill ``asked`` on ``visit``, place the orders that go with it, and take ``tenders``.

    Raises what place_order, complete_order and issue_bill do.
    """
    charges = [_ordered(visit, one, payer, by) if one.kind else one.charge for one in asked]
    return issue_bill(patient=visit.patient, charges=charges, visit=visit, payer=payer, tenders=tenders, by=by)


def _ordered(visit: Visit, asked: Asked, payer: Payer | None, by: User) -> Charge:
    charge = asked.charge
    order = place_order(visit, kind=asked.kind, service=charge.service, quantity=charge.quantity, payer=payer, by=by)
    if asked.done:
        order = complete_order(order, by=by)
    return replace(charge, order=order)
