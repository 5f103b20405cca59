"""A patient's own data: what is held, to take along, and its erasure. The books keep their sums, under a code."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import F, Max
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.billing.errors import PatientNotSettled
from apps.billing.models import Bill, BillLine, Outstanding, Patient, PatientIdentity, Payment, Visit
from apps.core.events import record
from apps.core.models import Event, User
from apps.core.money import text
from apps.core.permissions import Act, require
from apps.core.privacy import Erasure, Held, PersonalData, kept_until, retention_in
from apps.ledger.models import OpenItem, Period


def data_of_patient(patient: Patient) -> PersonalData:
    """What is held about ``patient``, now."""
    return PersonalData(
        person=patient.code,
        authorities=(retention_in(patient.administration.country).authority,),
        held=tuple(held for held in (*_who(patient), *_books(patient)) if held.rows),
    )


@transaction.atomic
def export_patient(patient: Patient, *, by: User) -> PersonalData:
    """What is held about ``patient``, to hand out to them; that it was is recorded. Raises NotAllowed."""
    require(by, Act.ERASE_PERSON, patient.administration_id)
    record("billing.patient_exported", patient, by=by)
    return data_of_patient(patient)


@transaction.atomic
def erase_patient(patient: Patient, *, by: User, reason: str) -> Erasure:
    """Delete who ``patient`` is and empty what was written about them; ``reason`` is a Ground.

    What was done, billed and paid stays under the code, to the cent: the law keeps the books. Erasing again empties
    what was written since. Raises NotAllowed, or PatientNotSettled: an open visit or bill still needs the name, to
    treat, to collect or to give back.
    """
    require(by, Act.ERASE_PERSON, patient.administration_id)
    # FOR UPDATE: whoever registers a visit, bills or refunds waits, so that nothing slips in between.
    patient = Patient.objects.select_for_update(of=("self",)).select_related("administration").get(pk=patient.pk)
    bills = [bill.pk for bill in Bill.objects.select_for_update().filter(patient=patient).order_by("pk").only("pk")]
    _refuse_unsettled(patient, bills)

    named, _tables = PatientIdentity.objects.filter(patient=patient).delete()
    if patient.erased_at is None:
        patient.erased_at = timezone.now()
        patient.save(update_fields=["erased_at"])
    written = sum(
        rows.exclude(reason="").update(reason="")
        for rows in (
            Visit.objects.filter(patient=patient),
            Bill.objects.filter(pk__in=bills),
            Payment.objects.filter(bill__in=bills),
        )
    )
    record("billing.patient_erased", patient, by=by, ground=reason, reasons=written)
    erased = [_("Name, birth date and e-mail address")] if named else []
    if written:
        words = ngettext(
            "The reason of %(n)s visit, credit note or refund", "The reasons of %(n)s visits, credit notes and refunds",
            written,
        )  # fmt: skip
        erased.append(words % {"n": written})
    return Erasure(erased=tuple(erased), kept=data_of_patient(patient).held)


def _refuse_unsettled(patient: Patient, bills: list[Any]) -> None:
    visits = Visit.objects.filter(patient=patient, status=Visit.Status.ACTIVE).count()
    open_ = Outstanding.objects.now().filter(bill__in=bills).values("bill").distinct().count()
    if visits or open_:
        raise PatientNotSettled(patient=patient.code, visits=visits, bills=open_)


# What is held --------------------------------------------------------------------------------------------------------


def _who(patient: Patient) -> Iterator[Held]:
    identity = PatientIdentity.objects.filter(patient=patient)
    yield Held(
        _("Identity"),
        _("To know you at the desk and on a receipt."),
        _("Reception, cashiers, managers and owners of the clinic"),
        _("Erased when you ask, once everything is settled."),
        {"name": _("name"), "birth_date": _("birth date"), "email": _("e-mail address")},
        list(identity.values("name", "birth_date", "email")),
    )
    yield Held(
        _("Reasons"),
        _("Why you came, why a bill was credited or money given back."),
        _("Everybody who works with the clinic"),
        _("Erased when you ask, once everything is settled."),
        {"date": _("date"), "of": _("of"), "reason": _("reason")},
        [
            {"date": day, "of": of, "reason": reason}
            for of, rows, dated in (
                (_("visit"), Visit.objects.filter(patient=patient), "date"),
                (_("credit note"), Bill.objects.filter(patient=patient), "clinic_day__date"),
                (_("refund"), Payment.objects.filter(bill__patient=patient), "clinic_day__date"),
            )
            for day, reason in rows.exclude(reason="").order_by("id").values_list(dated, "reason")
        ],
    )


def _books(patient: Patient) -> Iterator[Held]:
    code, goes = patient.administration.currency, _kept(patient)
    seen_by = _("Everybody who works with the clinic, under your code")
    why = _("What was done, billed and paid are the books of the clinic.")
    registered = {"code": patient.code, "created_at": patient.created_at, "erased_at": patient.erased_at}
    labels = {"code": _("code"), "created_at": _("registered"), "erased_at": _("erased")}
    yield Held(_("Code"), _("It stands for you in the books."), seen_by, goes, labels, [registered])
    yield Held(
        _("Visits"), why, seen_by, goes,
        {"date": _("date"), "started_at": _("started"), "ended_at": _("ended")},
        list(Visit.objects.filter(patient=patient).order_by("id")
             .values("date", "started_at", "ended_at", "is_inpatient", "source")),
    )  # fmt: skip
    lines = (
        BillLine.objects.filter(bill__patient=patient)
        .select_related("bill__clinic_day")
        .order_by("bill_id", "position")
    )
    yield Held(
        _("Bills"), why, seen_by, goes,
        {"bill": _("bill"), "date": _("date"), "description": _("description"), "gross": _("total")},
        [{"bill": str(line.bill), "date": line.bill.clinic_day.date, "code": line.code,
          "description": line.description, "quantity": line.quantity, "net": text(line.net, code),
          "vat": text(line.vat, code), "gross": text(line.gross, code), "source": line.bill.source} for line in lines],
    )  # fmt: skip
    payments = (
        Payment.objects.filter(bill__patient=patient).select_related("clinic_day", "bill", "payer").order_by("id")
    )
    yield Held(
        _("Payments"), why, seen_by, goes,
        {"receipt": _("receipt"), "date": _("date"), "method": _("method"), "amount": _("amount"),
         "reference": _("reference")},
        [{"receipt": str(one), "date": one.clinic_day.date, "bill": str(one.bill), "kind": one.kind,
          "method": one.method, "amount": text(one.amount, code), "payer": str(one.payer or ""),
          "reference": one.reference, "source": one.source} for one in payments],
    )  # fmt: skip
    yield Held(
        _("Ledger"), why, seen_by, goes,
        {"date": _("date"), "reference": _("reference"), "amount": _("amount")},
        [{"date": day, "reference": reference, "amount": text(amount, code)} for day, reference, amount in
         OpenItem.objects.filter(party=patient.party_id).order_by("date", "id")
         .values_list("date", "reference", "amount")],
    )  # fmt: skip
    yield Held(
        _("Record"), _("Who registered, changed, handed out or erased your data, and when."),
        _("Managers, owners and accountants of the clinic"), goes,
        {"at": _("when"), "what": _("what")},
        list(Event.objects.filter(subject_id=patient.pk).order_by("id").values("at", what=F("name"))),
    )  # fmt: skip


def _kept(patient: Patient) -> str:
    """Until when and by which law the patient's part of the books is kept."""
    country = patient.administration.country
    last = _last_day(patient)
    year = Period.objects.filter(
        administration=patient.administration_id, type=Period.Type.YEAR, first_day__lte=last, last_day__gte=last
    ).first()
    return _("Kept under your code until %(day)s: %(source)s; GDPR article 17(3)(b).") % {
        "day": kept_until(country, year.last_day if year else date(last.year, 12, 31)).isoformat(),
        "source": retention_in(country).source,
    }


def _last_day(patient: Patient) -> date:
    """The date of the last thing that the books hold of the patient."""
    found = (
        Visit.objects.filter(patient=patient).aggregate(last=Max("date")),
        Bill.objects.filter(patient=patient).aggregate(last=Max("clinic_day__date")),
        Payment.objects.filter(bill__patient=patient).aggregate(last=Max("clinic_day__date")),
    )
    return max((one["last"] for one in found if one["last"]), default=patient.created_at.date())
