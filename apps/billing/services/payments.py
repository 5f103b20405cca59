"""Take payments, also of advances and of what a bank brought; give refunds, enter what a bank took back."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Sum

from apps.billing.errors import (
    AdvanceBeyondLeft,
    AdvanceOfAnother,
    NotChargedBack,
    PayerOfAnotherKind,
    PayerRequired,
    PaymentBeyondBill,
    PaymentNotPositive,
    RefundBeyondPayment,
    RefundNeedsAnother,
    TransferSigned,
    WalletBeyondBalance,
)
from apps.billing.models import Bill, Claim, Outstanding, Payer, Payment, TopUp
from apps.billing.reports.advances import advances_for, vat_of
from apps.billing.services.advances import held_advance, payable_from
from apps.billing.services.claims import claim_for, settle_what_is_answered
from apps.billing.services.days import day_for, local_date
from apps.billing.services.drawers import shift_for
from apps.billing.services.typed_references import have_asked
from apps.billing.services.wallets import free_balance_of, hold_wallet
from apps.core.errors import IdempotencyKeyOfAnother
from apps.core.events import record
from apps.core.locks import hold_key
from apps.core.models import User
from apps.core.money import ZERO, exact
from apps.core.permissions import Act, require


@dataclass(frozen=True)
class Tender:
    """What somebody pays with: a positive amount in the book currency. Cover (HMO, INSURANCE) names its payer, and
    the code by which the payer authorised it; WALLET may name the advance that it comes out of."""

    method: str
    amount: Decimal
    payer: Payer | None = None
    reference: str = ""
    authorisation: str = ""
    advance: TopUp | None = None


# Whose money can be taken back by the bank, behind the clinic's back.
CHARGED_BACK = (Payment.Method.CARD, Payment.Method.PAYSTACK)
HAPPENED: dict[str, str] = {
    Payment.Kind.PAYMENT: "billing.payment_taken",
    Payment.Kind.REFUND: "billing.payment_refunded",
    Payment.Kind.CHARGEBACK: "billing.payment_charged_back",
}


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
    by: User | None,
    day: date | None = None,
    allow_excess: bool = False,
    idempotency_key: str = "",
) -> Payment:
    """Take ``tender`` for ``bill``, into the clinic day of ``day`` (today, when not given).

    Cash goes into the open shift of ``by``; cover is claimed from its payer; an advance pays for its service, and
    the VAT that was declared on it is taken over. Without ``by`` the payment provider confirmed it. With
    ``allow_excess`` what goes beyond the bill stays as a credit of the patient. The same ``idempotency_key`` answers
    the payment that it made before. Raises PaymentNotPositive, PayerRequired, PayerOfAnotherKind, PaymentBeyondBill,
    WalletBeyondBalance, AdvanceOfAnother, AdvanceBeyondLeft, AmountHasTooManyDigits or IdempotencyKeyOfAnother.
    """
    administration = bill.administration
    if by:
        require(by, Act.TAKE_PAYMENTS, administration.pk)
    amount = exact(tender.amount, administration.currency)
    if amount <= 0:
        raise PaymentNotPositive()
    if (tender.method in Payment.COVER) != (tender.payer is not None):
        raise PayerRequired(method=tender.method)
    if tender.payer and tender.payer.method != tender.method:
        raise PayerOfAnotherKind(payer=tender.payer.name, method=tender.method)
    if known := _known(bill, idempotency_key, tender.method, amount):
        return known
    Bill.objects.select_for_update(no_key=True).get(pk=bill.pk)  # two payments of one bill wait for each other
    if not allow_excess and amount > (open_ := owed(bill)):
        raise PaymentBeyondBill(amount=amount, open=max(open_, ZERO), bill=str(bill))
    from_wallet = tender.method == Payment.Method.WALLET or tender.advance is not None
    payment = _born(
        bill,
        day=day,
        by=by,
        method=tender.method,
        amount=amount,
        payer=tender.payer,
        reference=tender.reference,
        idempotency_key=idempotency_key,
        **(_drawn(bill, tender, amount) if from_wallet else {}),
    )
    have_asked(payment, by=by)
    if tender.payer:
        claim_for(bill, tender.payer, authorisation=tender.authorisation)
    return payment


@transaction.atomic
def enter_transfer(bill: Bill, *, amount: Decimal, day: date, source: str, by: User | None) -> Payment:
    """Enter the transfer that a bank statement shows for ``bill``, into the clinic day of ``day`` (never before the
    bill's own) or the next open one. ``source`` names the match; nobody: Daybook recognised it by itself.

    Raises NotAllowed, PaymentNotPositive, PaymentBeyondBill or AmountHasTooManyDigits.
    """
    if by is not None:
        require(by, Act.MATCH_BANK, bill.administration_id)
    amount = exact(amount, bill.administration.currency)
    if amount <= 0:
        raise PaymentNotPositive()
    bill = Bill.objects.select_for_update(of=("self",), no_key=True).select_related("clinic_day").get(pk=bill.pk)
    if amount > (open_ := owed(bill)):
        raise PaymentBeyondBill(amount=amount, open=max(open_, ZERO), bill=str(bill))
    day = max(day, bill.clinic_day.date)
    return _born(bill, day=day, by=by, method=Payment.Method.TRANSFER, amount=amount, source=source)


@transaction.atomic
def take_back_transfer(payment: Payment, *, reason: str, by: User | None) -> Payment | None:
    """Take back what ``enter_transfer`` entered by mistake: what was not refunded of it yet, on the same clinic day, so
    that the day's takings are as if it had never been entered.

    Raises NotAllowed, or TransferSigned once that day is signed: what is signed a manager corrects, by a refund.
    """
    if by is not None:
        require(by, Act.MATCH_BANK, payment.administration_id)
    payments = Payment.objects.select_for_update(of=("self",), no_key=True).select_related("clinic_day")
    payment = payments.get(pk=payment.pk)
    left = payment.amount + Payment.objects.filter(refunds=payment).aggregate(sum=Sum("amount", default=ZERO))["sum"]
    if not left:
        return None
    _day, late_for = day_for(payment.administration, payment.clinic_day.date)
    if late_for is not None:
        raise TransferSigned(payment=str(payment), date=payment.clinic_day.date)
    return _born(
        payment.bill,
        day=payment.clinic_day.date,
        by=by,
        kind=Payment.Kind.REFUND,
        method=payment.method,
        amount=-left,
        refunds=payment,
        reason=reason,
    )


@transaction.atomic
def use_advances(bill: Bill, *, by: User, day: date | None = None) -> list[Payment]:
    """Pay what is owed on ``bill`` from what its patient paid in advance for its services, the oldest first.

    Only what was received by that clinic day (today, when not given) pays. Raises NotAllowed.
    """
    require(by, Act.TAKE_PAYMENTS, bill.administration_id)
    on = day or local_date(bill.administration)
    Bill.objects.select_for_update(no_key=True).get(pk=bill.pk)
    hold_wallet(bill.patient)
    made: list[Payment] = []
    for advance in advances_for(bill).filter(clinic_day__date__lte=on):
        amount = min(advance.left, payable_from(advance, bill), owed(bill))
        if amount > 0:
            tender = Tender(Payment.Method.WALLET, amount, advance=advance)
            made.append(take_payment(bill, tender=tender, by=by, day=day))
    return made


@transaction.atomic
def refund_payment(
    payment: Payment,
    *,
    amount: Decimal,
    reason: str,
    by: User,
    day: date | None = None,
    reference: str = "",
    idempotency_key: str = "",
) -> Payment:
    """Give ``amount`` of ``payment`` back by its own method: a negative payment of today's clinic day.

    Raises PaymentNotPositive, AmountHasTooManyDigits, RefundBeyondPayment, or RefundNeedsAnother for cash that ``by``
    took, unless one person may sign alone.
    """
    require(by, Act.APPROVE, payment.administration_id)
    own_cash = payment.method == Payment.Method.CASH and payment.taken_by_id == by.pk
    if own_cash and not payment.administration.single_sign_off:
        raise RefundNeedsAnother()
    return _back(
        payment,
        amount,
        kind=Payment.Kind.REFUND,
        reason=reason,
        by=by,
        day=day,
        reference=reference,
        idempotency_key=idempotency_key,
    )


@transaction.atomic
def charge_back(
    payment: Payment,
    *,
    amount: Decimal,
    reason: str,
    by: User,
    day: date | None = None,
    reference: str = "",
    idempotency_key: str = "",
) -> Payment:
    """Enter that the bank or the provider took ``amount`` of ``payment`` back; the bill is open again as far.

    Raises NotChargedBack for a method other than card and Paystack, and what a refund raises of its amount.
    """
    require(by, Act.APPROVE, payment.administration_id)
    if payment.method not in CHARGED_BACK:
        raise NotChargedBack(method=payment.method)
    return _back(
        payment,
        amount,
        kind=Payment.Kind.CHARGEBACK,
        reason=reason,
        by=by,
        day=day,
        reference=reference,
        idempotency_key=idempotency_key,
    )


def _back(payment: Payment, amount: Decimal, *, kind: str, day: date | None, by: User, **fields: Any) -> Payment:
    amount = exact(amount, payment.administration.currency)
    if amount <= 0:
        raise PaymentNotPositive()
    if known := _known(payment.bill, fields["idempotency_key"], payment.method, -amount):
        return known
    # Two refunds of one payment wait for each other.
    original = Payment.objects.select_for_update(of=("self",), no_key=True).get(pk=payment.pk)
    given = Payment.objects.filter(refunds=original).aggregate(sum=Sum("amount", default=ZERO))["sum"]
    if original.kind != Payment.Kind.PAYMENT or amount > original.amount + given:
        raise RefundBeyondPayment()
    if payment.advance:
        hold_wallet(payment.advance.patient)
        fields |= {"advance": payment.advance, "advance_vat": vat_of(held_advance(payment.advance), -amount)}
    back = _born(
        payment.bill,
        day=day,
        by=by,
        kind=kind,
        method=payment.method,
        amount=-amount,
        payer=payment.payer,
        refunds=payment,
        **fields,
    )
    if payment.payer_id:
        claims = Claim.objects.filter(bill=payment.bill_id, payer=payment.payer_id).values_list("pk", flat=True)
        settle_what_is_answered(claims, day=back.clinic_day.date, by=by)
    return back


def _drawn(bill: Bill, tender: Tender, amount: Decimal) -> dict[str, Any]:
    """What a payment out of a wallet says of the advance that it comes out of; nothing where it comes out of none."""
    hold_wallet(bill.patient)  # two spendings wait for each other
    if tender.advance is None:
        if amount > (free := free_balance_of(bill.patient)):
            raise WalletBeyondBalance(amount=amount, balance=max(free, ZERO))
        return {}
    advance = held_advance(tender.advance)
    if tender.method != Payment.Method.WALLET or amount > payable_from(advance, bill):
        raise AdvanceOfAnother(advance=str(advance), service=str(advance.service))
    if amount > advance.left:
        raise AdvanceBeyondLeft(amount=amount, left=advance.left, advance=str(advance))
    return {"advance": advance, "advance_vat": vat_of(advance, amount)}


def _born(bill: Bill, *, day: date | None, by: User | None, method: str, **fields: Any) -> Payment:
    clinic_day, late_for = day_for(bill.administration, day or local_date(bill.administration))
    payment: Payment = Payment.objects.create(
        administration_id=bill.administration_id,
        clinic_day=clinic_day,
        late_for=late_for,
        bill=bill,
        method=method,
        shift=shift_for(clinic_day, by=by) if by and method == Payment.Method.CASH else None,
        taken_by=by,
        **fields,
    )
    payment.refresh_from_db(fields=["number", "repeats_reference"])
    record(HAPPENED[payment.kind], payment, by=by, method=payment.method, amount=payment.amount)
    return payment


def _known(bill: Bill, key: str, method: str, amount: Decimal) -> Payment | None:
    if not key:
        return None
    hold_key("payment", bill.administration_id, key)
    known = Payment.objects.filter(administration=bill.administration_id, idempotency_key=key).first()
    if known and (known.bill_id, known.method, known.amount) != (bill.pk, method, amount):
        raise IdempotencyKeyOfAnother()
    return known
