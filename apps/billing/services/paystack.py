"""Payments through the provider: begin one, take its messages as hints, ask it, and believe only its answer.

Whatever comes in by whichever way (a message, the daily question, a person's click) ends in ``settle``: one payment
or one top-up a reference, under the lock of that reference. What is not plainly for one bill or one wallet is kept
and shown, never guessed.
"""

import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from apps.billing import paystack
from apps.billing.errors import (
    MessageUnreadable,
    PaymentBeyondBill,
    PaymentNotPositive,
    ProviderAmountDiffers,
    ProviderCurrencyDiffers,
    ProviderPaymentKept,
    ProviderPaymentNotSuccessful,
    ProviderPaymentUnmatched,
    ProviderPaymentUsed,
    ProviderUnreachable,
    SignatureWrong,
)
from apps.billing.models import (
    Bill,
    Patient,
    Payment,
    PaystackEvent,
    PaystackTransaction,
    Service,
    TopUp,
)
from apps.billing.paystack import PAID, Stated
from apps.billing.services.advances import declared, is_taxed
from apps.billing.services.days import local_date
from apps.billing.services.payments import Tender, owed, take_payment
from apps.billing.services.provider_refunds import fetch_refunds
from apps.billing.services.wallets import top_up
from apps.core.errors import DomainError
from apps.core.events import record
from apps.core.locks import hold_key
from apps.core.models import Administration, User
from apps.core.money import ZERO, exact, text
from apps.core.permissions import Act, require
from apps.core.worker import ask

PENDING = "pending"  # begun here, and the provider has stated nothing else yet
STATED = (
    *("status", "provider_id", "amount", "fees", "currency", "paid_at", "paid_on"),
    *("bill_id", "patient_id", "service_id"),
)
ASKED_AMOUNT = "daybook_amount"  # in the metadata; a website of the clinic may have an amount of its own there
REFUNDED = "refund."
ASKED_ABOUT = ("charge.", REFUNDED)  # events whose reference is a payment's


@dataclass(frozen=True)
class PaymentLink:
    """Where a patient pays at the provider, and by which reference it will be known."""

    reference: str
    address: str


# Begin ---------------------------------------------------------------------------------------------------------------


@transaction.atomic
def initialize_payment(bill: Bill, *, email: str, by: User, amount: Decimal | None = None) -> PaymentLink:
    """A link by which ``amount`` (what is owed, unless given) of ``bill`` can be paid.

    The provider is told an amount, our ids, and ``email``, to which it sends its receipt. Raises PaymentNotPositive,
    PaymentBeyondBill, AmountHasTooManyDigits, and what the provider may refuse.
    """
    administration = bill.administration
    require(by, Act.TAKE_PAYMENTS, administration.pk)
    open_ = owed(bill)
    amount = open_ if amount is None else exact(amount, administration.currency)
    if amount <= 0:
        raise PaymentNotPositive()
    if amount > open_:
        raise PaymentBeyondBill(amount=amount, open=max(open_, ZERO), bill=str(bill))
    return _begin(administration, amount, email, {"bill_id": str(bill.pk)}, by, bill=bill)


@transaction.atomic
def initialize_top_up(
    patient: Patient, *, amount: Decimal, email: str, by: User, service: Service | None = None
) -> PaymentLink:
    """A link by which ``amount`` can be put into the wallet of ``patient``, or paid in advance for a taxed ``service``.

    Raises as initialize_payment, and AdvanceUntaxed.
    """
    administration = patient.administration
    require(by, Act.TAKE_PAYMENTS, administration.pk)
    amount = exact(amount, administration.currency)
    if amount <= 0:
        raise PaymentNotPositive()
    about = {"patient_id": str(patient.pk)}
    if service:
        declared(service, amount)
        about["service_id"] = str(service.pk)
    return _begin(administration, amount, email, about, by, patient=patient, service=service)


def _begin(
    administration: Administration, amount: Decimal, email: str, about: dict[str, str], by: User, **fields: Any
) -> PaymentLink:
    row = PaystackTransaction.objects.create(
        administration=administration,
        reference=f"daybook-{uuid7().hex}",
        status=PENDING,
        amount=amount,
        currency=administration.currency,
        **fields,
    )
    address = paystack.initialize(
        administration.pk,
        reference=row.reference,
        amount=amount,
        currency=administration.currency,
        email=email,
        metadata={**about, ASKED_AMOUNT: text(amount, administration.currency)},
    )
    record("billing.provider_payment_begun", row, by=by, amount=amount)
    return PaymentLink(row.reference, address)


# Messages ------------------------------------------------------------------------------------------------------------


def take_message(administration_id: UUID, body: bytes, signature: str) -> bool:
    """Keep a message that the provider signed, once, and have the provider asked about it; False when it is known.

    Nothing is read before the signature is right. Raises ProviderNotConnected, SignatureWrong or MessageUnreadable.
    """
    if not paystack.is_signed(administration_id, body, signature):
        raise SignatureWrong()
    event, reference = _heading(body)
    with transaction.atomic():
        message, new = PaystackEvent.objects.get_or_create(
            administration=Administration.objects.get(pk=administration_id),
            digest=hashlib.sha256(body).hexdigest(),
            defaults={"event": event, "reference": reference},
        )
        if new:
            record("billing.provider_message_taken", message, event=event, reference=reference)
            ask("apps.billing.tasks.handle_provider_message", str(message.pk))
    return new


def handle_message(message: PaystackEvent) -> None:
    """Ask the provider about what ``message`` names, and take what it states; what a rule refuses is kept on it.

    Raises ProviderUnreachable, and then the message still waits.
    """
    if message.handled_at is not None:
        return
    refusal = ""
    if message.reference and message.event.startswith(ASKED_ABOUT):
        try:
            verify(message.administration, message.reference)
        except ProviderUnreachable:
            raise
        except DomainError as refused:
            refusal = refused.code
    if message.event.startswith(REFUNDED):
        fetch_refunds(message.administration, reference=message.reference)
    PaystackEvent.objects.filter(pk=message.pk, handled_at=None).update(handled_at=timezone.now(), refusal=refusal)


def _heading(body: bytes) -> tuple[str, str]:
    """The event of a message, and the reference of the payment that it is about."""
    try:
        said = json.loads(body)
        event, about = said["event"], said["data"]
        if not isinstance(event, str) or not isinstance(about, dict) or "\x00" in event:
            raise MessageUnreadable()
    except (ValueError, KeyError, TypeError):
        raise MessageUnreadable() from None
    charged = about.get("transaction")
    references = (
        about.get("transaction_reference"),
        charged.get("reference") if isinstance(charged, dict) else None,
        about.get("reference"),
    )
    reference = next((one for one in references if isinstance(one, str) and one), "")
    if len(reference) > 100 or "\x00" in reference:
        raise MessageUnreadable()
    return event[:64], reference


# Ask, and believe the answer -----------------------------------------------------------------------------------------


def verify(administration: Administration, reference: str) -> PaystackTransaction:
    """Ask the provider about ``reference`` and take what it states: a payment of its bill, a top-up of its wallet.

    What it states is kept also when a rule then refuses to take it. Raises ProviderUnreachable,
    ProviderReferenceUnknown, ProviderPaymentNotSuccessful, ProviderAmountDiffers, ProviderCurrencyDiffers,
    ProviderPaymentUnmatched, PaymentBeyondBill.
    """
    return believe(administration, paystack.transaction(administration.pk, reference))


def believe(administration: Administration, stated: Stated) -> PaystackTransaction:
    """Keep what the provider states, then take it. Raises as verify."""
    row, as_asked = _keep(administration, stated)
    if row.status in PAID and not as_asked and not taken_by_reference(row):
        raise ProviderAmountDiffers(
            reference=row.reference, amount=text(row.amount, row.currency), currency=row.currency
        )
    settle(row)
    return row


@transaction.atomic
def _keep(administration: Administration, stated: Stated) -> tuple[PaystackTransaction, bool]:
    """The row of what is stated, and whether it is what was asked for. One of another amount is tied to nothing.

    Until it is paid, the row of a payment that was begun here keeps the amount that was asked for.
    """
    hold_key("paystack", administration.pk, stated.reference)
    rows = PaystackTransaction.objects.filter(administration=administration, reference=stated.reference)
    known: PaystackTransaction | None = rows.first()
    row = known or PaystackTransaction(administration=administration, reference=stated.reference)
    was = {name: getattr(row, name) for name in STATED}
    begun = known is not None and known.status not in PAID
    as_asked = stated.metadata.get(ASKED_AMOUNT) in (None, text(stated.amount, stated.currency))
    if begun and stated.status in PAID:
        as_asked = as_asked and (row.amount, row.currency) == (stated.amount, stated.currency)

    confirmed = row.status == paystack.SUCCESS
    if confirmed and (row.amount, row.currency, row.paid_at) != (stated.amount, stated.currency, stated.paid_at):
        raise ProviderPaymentKept()
    row.status, row.provider_id = stated.status, stated.provider_id
    if not begun or stated.status in PAID:
        row.amount, row.fees, row.currency, row.paid_at = stated.amount, stated.fees, stated.currency, stated.paid_at
        row.paid_on = local_date(administration, stated.paid_at) if stated.paid_at else None
    if begun and not as_asked:
        row.bill = row.patient = row.service = None
    elif as_asked and row.bill_id is None and row.patient_id is None:
        row.bill = _named(Bill, administration, stated.metadata.get("bill_id"))
        row.patient = None if row.bill else _named(Patient, administration, stated.metadata.get("patient_id"))
        row.service = row.patient and _named(Service, administration, stated.metadata.get("service_id"))

    if known is None or any(getattr(row, name) != before for name, before in was.items()):
        row.verified_at = timezone.now()
        row.save()
    if row.status == paystack.SUCCESS and not confirmed:
        record("billing.provider_payment_confirmed", row, amount=row.amount, reference=row.reference)
    return row, as_asked


def _named(model: type[Any], administration: Administration, pk: Any) -> Any:
    """The row that the provider was given along; None for what is none of this administration's."""
    try:
        return model.objects.filter(administration=administration, pk=UUID(str(pk))).first() if pk else None
    except (ValueError, ValidationError):
        return None


@transaction.atomic
def settle(row: PaystackTransaction, *, by: User | None = None) -> Payment | TopUp:
    """Take a confirmed payment once: for its bill, or into its wallet, dated the day on which it was paid.

    What was taken before by that reference, here or typed by a person, is answered. Raises
    ProviderPaymentNotSuccessful, ProviderCurrencyDiffers, ProviderPaymentUnmatched or PaymentBeyondBill.
    """
    administration = row.administration
    hold_key("paystack", administration.pk, row.reference)
    row = PaystackTransaction.objects.select_related(
        "bill__administration", "patient__administration", "service__vat_code", "service__administration"
    ).get(pk=row.pk)
    if row.status in PAID and (taken := taken_by_reference(row)):
        return taken
    if row.status != paystack.SUCCESS:
        raise ProviderPaymentNotSuccessful(reference=row.reference, state=row.status)
    if row.currency != administration.currency:
        currencies = {"currency": row.currency, "book_currency": administration.currency}
        raise ProviderCurrencyDiffers(reference=row.reference, **currencies)
    today = local_date(administration)
    day, key = min(row.paid_on or today, today), f"paystack:{row.reference}"
    if row.patient:
        # A service that was taxed when the link was made and is not any more: the money is there all the same.
        service = row.service if row.service and is_taxed(row.service) else None
        return top_up(
            row.patient,
            method=TopUp.Method.PAYSTACK,
            amount=row.amount,
            service=service,
            reference=row.reference,
            by=by,
            day=day,
            idempotency_key=key,
        )
    if row.bill is None:
        raise ProviderPaymentUnmatched(reference=row.reference)
    tender = Tender(Payment.Method.PAYSTACK, row.amount, reference=row.reference)
    return take_payment(row.bill, tender=tender, by=by, day=day, idempotency_key=key)


def taken_by_reference(row: PaystackTransaction) -> Payment | TopUp | None:
    """What was taken by the reference of ``row``: the first payment, otherwise the first top-up."""
    of = {"administration": row.administration_id, "reference": row.reference}
    payment = Payment.objects.filter(**of, method=Payment.Method.PAYSTACK, kind=Payment.Kind.PAYMENT).first()
    return payment or TopUp.objects.filter(**of, method=TopUp.Method.PAYSTACK, amount__gt=0).first()


@transaction.atomic
def assign(
    row: PaystackTransaction,
    *,
    bill: Bill | None = None,
    patient: Patient | None = None,
    service: Service | None = None,
    by: User,
) -> Payment | TopUp:
    """Say what a confirmed payment is for, the ``bill`` or else the wallet of ``patient`` (in advance for a taxed
    ``service``), and take it.

    Raises ProviderPaymentUsed, AdvanceUntaxed and, as settle, ProviderPaymentNotSuccessful, ProviderCurrencyDiffers,
    ProviderPaymentUnmatched or PaymentBeyondBill.
    """
    require(by, Act.TAKE_PAYMENTS, row.administration_id)
    hold_key("paystack", row.administration_id, row.reference)
    if taken := taken_by_reference(row):
        raise ProviderPaymentUsed(reference=row.reference, document=str(taken))
    row.bill, row.patient = bill, None if bill else patient
    row.service = service if row.patient else None
    if row.service:
        declared(row.service, row.amount)
    row.save(update_fields=["bill", "patient", "service"])
    record("billing.provider_payment_assigned", row, by=by, bill=bill and bill.pk, patient=patient and patient.pk)
    return settle(row, by=by)
