"""Which payer covers which patient."""

from datetime import date, timedelta

from django.db import transaction
from django.db.models import Q

from apps.billing.errors import CoverDaysReversed, CoverOverlaps
from apps.billing.models import Cover, Patient, Payer
from apps.core.events import record
from apps.core.models import User
from apps.core.permissions import Act, require


@transaction.atomic
def enrol_patient(
    patient: Patient,
    *,
    payer: Payer,
    member_number: str = "",
    plan: str = "",
    valid_from: date,
    valid_until: date | None = None,
    by: User,
) -> Cover:
    """Enter that ``payer`` covers ``patient`` from ``valid_from`` (until ``valid_until``, when given).

    Raises NotAllowed, CoverDaysReversed or CoverOverlaps, and PatientErased through the database law.
    """
    require(by, Act.TAKE_PAYMENTS, patient.administration_id)
    if valid_until and valid_until < valid_from:
        raise CoverDaysReversed()
    Patient.objects.select_for_update(no_key=True).get(pk=patient.pk)  # two that enrol the same patient wait
    same = Cover.objects.filter(patient=patient, payer=payer).filter(
        Q(valid_until=None) | Q(valid_until__gte=valid_from)
    )
    if valid_until:
        same = same.filter(valid_from__lte=valid_until)
    if same.exists():
        raise CoverOverlaps(payer=payer.name)
    cover = Cover.objects.create(
        administration_id=patient.administration_id,
        patient=patient,
        payer=payer,
        member_number=member_number,
        plan=plan,
        valid_from=valid_from,
        valid_until=valid_until,
    )
    record("billing.patient_enrolled", cover, by=by, payer=payer.pk, valid_from=valid_from)
    return cover


@transaction.atomic
def end_cover(cover: Cover, *, last_day: date, by: User) -> Cover:
    """Let ``cover`` hold until ``last_day`` and no longer. Raises NotAllowed or CoverDaysReversed."""
    require(by, Act.TAKE_PAYMENTS, cover.administration_id)
    cover = Cover.objects.select_for_update().get(pk=cover.pk)
    if last_day < cover.valid_from or (cover.valid_until and last_day > cover.valid_until):
        raise CoverDaysReversed()
    cover.valid_until = last_day
    cover.save(update_fields=["valid_until"])
    record("billing.cover_ended", cover, by=by, last_day=last_day)
    return cover


@transaction.atomic
def replace_cover(
    cover: Cover,
    *,
    valid_from: date,
    payer: Payer,
    member_number: str = "",
    plan: str = "",
    valid_until: date | None = None,
    by: User,
) -> Cover:
    """Let another cover of the same patient hold from ``valid_from``; ``cover`` ends the day before, where it would
    have held. Raises as end_cover and enrol_patient."""
    before = valid_from - timedelta(days=1)
    if cover.valid_until is None or cover.valid_until > before:
        end_cover(cover, last_day=before, by=by)
    return enrol_patient(
        cover.patient,
        payer=payer,
        member_number=member_number,
        plan=plan,
        valid_from=valid_from,
        valid_until=valid_until,
        by=by,
    )
