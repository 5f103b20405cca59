"""Take payments and give refunds."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import transaction
from django.db.models import Sum

from apps.billing.errors import PayerRequired, PaymentBeyondBill, PaymentNotPositive
from apps.billing.models import Bill, Outstanding, Payer, Payment
from apps.billing.services.days import day_for, local_date
from apps.core.errors import IdempotencyKeyOfAnother
from apps.core.events import record
from apps.core.locks import hold_key
from apps.core.models import User
from apps.core.money import ZERO, exact
from apps.core.permissions import Act, require


@dataclass(frozen=True)
class Tender:
    """What somebody pays with: a positive amount in the book currency. Cover (HMO, INSURANCE) names its payer."""

    method: str
    amount: Decimal
    payer: Payer | None = None
    reference: str = ""


def owed(bill: Bill) -> Decimal:
    """What the patient still owes on ``bill``, after credit notes, payments and cover; negative is a credit."""
    return (
        Outstanding.objects.now()
        .filter(bill=bill, debtor=Outstanding.Debtor.PATIENT)
        .aggregate(owed=Sum("amount", default=ZERO))["owed"]
    )


@transaction.atomic
def take_payment(
    bill: Bill,
    *,
    tender: Tender,
    by: User,
    day: date | None = None,
    allow_excess: bool = False,
    idempotency_key: str = "",
) -> Payment:
    """Take ``tender`` for ``bill``, into the clinic day of ``day`` (today, when not given).

    With ``allow_excess`` what goes beyond the bill stays as a credit of the patient. The same ``idempotency_key``
    answers the payment that it made before. Raises PaymentNotPositive, PayerRequired, PaymentBeyondBill,
    AmountHasTooManyDigits or IdempotencyKeyOfAnother.
    """
    administration = bill.administration
    require(by, Act.TAKE_PAYMENTS, administration.pk)
    amount = exact(tender.amount, administration.currency)
    if amount <= 0:
        raise PaymentNotPositive()
    if (tender.method in Payment.COVER) != (tender.payer is not None):
        raise PayerRequired(method=tender.method)
    if known := _known(bill, idempotency_key, tender.method, amount):
        return known
    Bill.objects.select_for_update(no_key=True).get(pk=bill.pk)  # two payments of one bill wait for each other
    if not allow_excess and amount > (open_ := owed(bill)):
        raise PaymentBeyondBill(amount=amount, open=max(open_, ZERO), bill=str(bill))
    return _born(
        bill,
        day=day,
        by=by,
        method=tender.method,
        amount=amount,
        payer=tender.payer,
        reference=tender.reference,
        idempotency_key=idempotency_key,
    )


@transaction.atomic
def refund_payment(
    payment: Payment, *, amount: Decimal, reason: str, by: User, day: date | None = None, idempotency_key: str = ""
) -> Payment:
    """Give ``amount`` of ``payment`` back by its own method: a negative payment of today's clinic day.

    Raises PaymentNotPositive, AmountHasTooManyDigits, or RefundBeyondPayment through the database law.
    """
    require(by, Act.APPROVE, payment.administration_id)
    amount = exact(amount, payment.administration.currency)
    if amount <= 0:
        raise PaymentNotPositive()
    if known := _known(payment.bill, idempotency_key, payment.method, -amount):
        return known
    return _born(
        payment.bill,
        day=day,
        by=by,
        kind=Payment.Kind.REFUND,
        method=payment.method,
        amount=-amount,
        payer=payment.payer,
        refunds=payment,
        reason=reason,
        idempotency_key=idempotency_key,
    )


def _born(bill: Bill, *, day: date | None, by: User, **fields: object) -> Payment:
    clinic_day, late_for = day_for(bill.administration, day or local_date(bill.administration))
    payment = Payment.objects.create(
        administration_id=bill.administration_id,
        clinic_day=clinic_day,
        late_for=late_for,
        bill=bill,
        taken_by=by,
        **fields,
    )
    payment.refresh_from_db(fields=["number", "repeats_reference"])
    name = "billing.payment_taken" if payment.amount > 0 else "billing.payment_refunded"
    record(name, payment, by=by, method=payment.method, amount=payment.amount)
    return payment


def _known(bill: Bill, key: str, method: str, amount: Decimal) -> Payment | None:
    if not key:
        return None
    hold_key("payment", bill.administration_id, key)
    known = Payment.objects.filter(administration=bill.administration_id, idempotency_key=key).first()
    if known and (known.bill_id, known.method, known.amount) != (bill.pk, method, amount):
        raise IdempotencyKeyOfAnother()
    return known
