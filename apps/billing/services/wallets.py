"""Wallets: top-ups and advances, money taken out again, what is in one."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.billing.errors import (
    AdvanceBeyondLeft,
    AdvanceOfAnother,
    BeyondWallet,
    DayInFuture,
    PatientErased,
    PaymentNotPositive,
    ReasonRequired,
    TopUpMethodUnknown,
)
from apps.billing.models import Patient, Service, TopUp, Wallet
from apps.billing.reports.advances import earmarked
from apps.billing.services.advances import declared, held_advance, taken_back
from apps.billing.services.days import day_for, local_date
from apps.billing.services.drawers import shift_for
from apps.billing.services.typed_references import have_asked
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


def free_balance_of(patient: Patient) -> Decimal:
    """What of it may pay for anything: not what was paid in advance for a service."""
    found = Wallet.objects.filter(patient=patient).annotate(earmarked=earmarked()).first()
    return ZERO if found is None else found.balance - found.earmarked


def hold_wallet(patient: Patient) -> None:
    """Nobody else moves the wallet of ``patient`` until the transaction ends. Hold it before the day."""
    list(Wallet.objects.select_for_update(no_key=True).filter(patient=patient).values_list("pk"))


@transaction.atomic
def top_up(
    patient: Patient,
    *,
    method: str,
    amount: Decimal,
    service: Service | None = None,
    reference: str = "",
    by: User | None,
    day: date | None = None,
    idempotency_key: str = "",
) -> TopUp:
    """Put ``amount``, in the book currency, into the wallet of ``patient``, on the clinic day of ``day`` (today).

    For a taxed ``service`` it is an advance: its VAT is declared now, and it pays for that service alone. Without
    ``by`` the payment provider confirmed it. The same ``idempotency_key`` answers the top-up that it made before.
    Raises PaymentNotPositive, TopUpMethodUnknown, AdvanceUntaxed, PatientErased, DayInFuture, AmountHasTooManyDigits
    or IdempotencyKeyOfAnother.
    """
    if by:
        require(by, Act.TAKE_PAYMENTS, patient.administration_id)
    amount = _checked(patient, method, amount)
    if known := _known(patient, idempotency_key, method, amount, service=service.pk if service else None):
        return known
    parts = declared(service, amount) if service else {}
    if Patient.objects.filter(pk=patient.pk, erased_at__isnull=False).exists():
        raise PatientErased()
    # The first top-up makes the wallet, so that two of them wait for each other here and not with counters in hand.
    Wallet.objects.bulk_create(
        [Wallet(administration_id=patient.administration_id, patient=patient)], ignore_conflicts=True
    )
    hold_wallet(patient)
    return _born(
        patient,
        method=method,
        amount=amount,
        reference=reference,
        by=by,
        day=day,
        idempotency_key=idempotency_key,
        **parts,
    )


@transaction.atomic
def pay_out(
    patient: Patient,
    *,
    method: str,
    amount: Decimal,
    reason: str,
    by: User,
    advance: TopUp | None = None,
    reference: str = "",
    day: date | None = None,
    idempotency_key: str = "",
) -> TopUp:
    """Give ``amount`` out of the wallet of ``patient`` back to them: a negative top-up, never beyond the balance.

    Of an ``advance`` of theirs up to what is left of it, with its VAT; otherwise of what was paid for no service.
    Raises PaymentNotPositive, TopUpMethodUnknown, ReasonRequired, BeyondWallet, AdvanceBeyondLeft,
    AdvanceOfAnother, DayInFuture, AmountHasTooManyDigits or IdempotencyKeyOfAnother.
    """
    require(by, Act.APPROVE, patient.administration_id)
    amount = _checked(patient, method, amount)
    if not reason.strip():
        raise ReasonRequired()
    if known := _known(patient, idempotency_key, method, -amount, advance=advance.pk if advance else None):
        return known
    hold_wallet(patient)
    parts: dict[str, Any] = {}
    if advance:
        held = held_advance(advance)
        if held.patient_id != patient.pk:
            raise AdvanceOfAnother(advance=str(held), service=str(held.service))
        if held.left is None or amount > held.left:
            raise AdvanceBeyondLeft(amount=amount, left=held.left or ZERO, advance=str(held))
        parts = taken_back(held, amount)
    elif amount > (free := free_balance_of(patient)):
        raise BeyondWallet(amount=amount, balance=max(free, ZERO), patient=patient.code)
    return _born(
        patient,
        method=method,
        amount=-amount,
        reference=reference,
        reason=reason.strip(),
        by=by,
        day=day,
        idempotency_key=idempotency_key,
        **parts,
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
    record(name, made, by=by, method=method, amount=made.amount, service=made.service_id, vat=made.vat)
    have_asked(made, by=by)
    return made


def _known(
    patient: Patient,
    key: str,
    method: str,
    amount: Decimal,
    *,
    service: UUID | None = None,
    advance: UUID | None = None,
) -> TopUp | None:
    if not key:
        return None
    hold_key("top_up", patient.administration_id, key)
    known = TopUp.objects.filter(administration=patient.administration_id, idempotency_key=key).first()
    if known is None:
        return None
    of = None if known.advance_id else known.service_id
    asked = (patient.pk, method, amount, service, advance)
    if (known.patient_id, known.method, known.amount, of, known.advance_id) != asked:
        raise IdempotencyKeyOfAnother()
    return known
