"""Wallets: top-ups, money taken out again, what is in one."""

from datetime import date
from decimal import Decimal

from django.db import transaction

from apps.billing.errors import (
    BeyondWallet,
    DayInFuture,
    PatientErased,
    PaymentNotPositive,
    ReasonRequired,
    TopUpMethodUnknown,
)
from apps.billing.models import Patient, TopUp, Wallet
from apps.billing.services.days import day_for, local_date
from apps.billing.services.drawers import shift_for
from apps.core.errors import IdempotencyKeyOfAnother
from apps.core.events import record
from apps.core.locks import hold_key
from apps.core.models import User
from apps.core.money import ZERO, exact
from apps.core.permissions import Act, require

Method = TopUp.Method


def balance_of(patient: Patient) -> Decimal:
    """What ``patient`` has in their wallet, in the book currency."""
    found = Wallet.objects.filter(patient=patient).values_list("balance", flat=True).first()
    return ZERO if found is None else found


def held_balance_of(patient: Patient) -> Decimal:
    """The same, held until the transaction ends: whoever else moves that wallet waits. Hold it before the day.

    A first movement makes the wallet, so that two of them wait for each other here and not with counters in hand.
    """
    new = Wallet(administration_id=patient.administration_id, patient=patient)
    Wallet.objects.bulk_create([new], ignore_conflicts=True)
    balance: Decimal = Wallet.objects.select_for_update(no_key=True).get(patient=patient).balance
    return balance


@transaction.atomic
def top_up(
    patient: Patient,
    *,
    method: str,
    amount: Decimal,
    reference: str = "",
    by: User | None,
    day: date | None = None,
    idempotency_key: str = "",
) -> TopUp:
    """Put ``amount``, in the book currency, into the wallet of ``patient``, on the clinic day of ``day`` (today).

    Without ``by`` the payment provider confirmed it. The same ``idempotency_key`` answers the top-up that it made
    before. Raises PaymentNotPositive, TopUpMethodUnknown, PatientErased, DayInFuture,
    AmountHasTooManyDigits or IdempotencyKeyOfAnother.
    """
    if by:
        require(by, Act.TAKE_PAYMENTS, patient.administration_id)
    amount = _checked(patient, method, amount)
    if known := _known(patient, idempotency_key, method, amount):
        return known
    if Patient.objects.filter(pk=patient.pk, erased_at__isnull=False).exists():
        raise PatientErased()
    held_balance_of(patient)
    return _born(
        patient,
        method=method,
        amount=amount,
        reference=reference,
        by=by,
        day=day,
        idempotency_key=idempotency_key,
    )


@transaction.atomic
def pay_out(
    patient: Patient,
    *,
    method: str,
    amount: Decimal,
    reason: str,
    by: User,
    reference: str = "",
    day: date | None = None,
    idempotency_key: str = "",
) -> TopUp:
    """Give ``amount`` out of the wallet of ``patient`` back to them: a negative top-up, never beyond the balance.

    Raises PaymentNotPositive, TopUpMethodUnknown, ReasonRequired, BeyondWallet, DayInFuture,
    AmountHasTooManyDigits or IdempotencyKeyOfAnother.
    """
    require(by, Act.APPROVE, patient.administration_id)
    amount = _checked(patient, method, amount)
    if not reason.strip():
        raise ReasonRequired()
    if known := _known(patient, idempotency_key, method, -amount):
        return known
    if amount > (balance := held_balance_of(patient)):
        raise BeyondWallet(amount=amount, balance=max(balance, ZERO), patient=patient.code)
    return _born(
        patient,
        method=method,
        amount=-amount,
        reference=reference,
        reason=reason.strip(),
        by=by,
        day=day,
        idempotency_key=idempotency_key,
    )


def _checked(patient: Patient, method: str, amount: Decimal) -> Decimal:
    if method not in Method:
        raise TopUpMethodUnknown(method=method)
    amount = exact(amount, patient.administration.currency)
    if amount <= 0:
        raise PaymentNotPositive()
    return amount


def _born(patient: Patient, *, method: str, by: User | None, day: date | None, **fields: object) -> TopUp:
    administration = patient.administration
    today = local_date(administration)
    if day and day > today:
        raise DayInFuture(date=day)
    clinic_day, late_for = day_for(administration, day or today)
    made = TopUp.objects.create(
        administration=administration,
        clinic_day=clinic_day,
        late_for=late_for,
        patient=patient,
        method=method,
        shift=shift_for(clinic_day, by=by) if method == Method.CASH else None,
        taken_by=by,
        **fields,
    )
    made.refresh_from_db(fields=["number"])
    name = "billing.wallet_topped_up" if made.amount > 0 else "billing.wallet_paid_out"
    record(name, made, by=by, method=method, amount=made.amount)
    return made


def _known(patient: Patient, key: str, method: str, amount: Decimal) -> TopUp | None:
    if not key:
        return None
    hold_key("top_up", patient.administration_id, key)
    known = TopUp.objects.filter(administration=patient.administration_id, idempotency_key=key).first()
    if known and (known.patient_id, known.method, known.amount) != (patient.pk, method, amount):
        raise IdempotencyKeyOfAnother()
    return known
