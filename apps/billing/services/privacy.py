"""A patient's own data: what is held, to take along, and its erasure. The books keep their sums, under a code."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import F, Max, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.billing.errors import PatientNotSettled, WalletNotEmpty
from apps.billing.models import (
    Bill,
    BillLine,
    Claim,
    Cover,
    Discount,
    Order,
    Outstanding,
    Patient,
    PatientIdentity,
    Payment,
    PaystackRefund,
    PaystackTransaction,
    TopUp,
    Visit,
    WriteOff,
)
from apps.billing.services.sealing import forget_texts_about
from apps.billing.services.wallets import balance_of
from apps.core.events import record
from apps.core.models import Event, Mail, User
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
    what was written since. Raises NotAllowed, or PatientNotSettled and WalletNotEmpty: an open visit or bill and money
    in the wallet still need the name, to treat, to collect or to give back.
    """
    require(by, Act.ERASE_PERSON, patient.administration_id)
    # FOR UPDATE: whoever registers a visit, bills or refunds waits, so that nothing slips in between.
    patient = Patient.objects.select_for_update(of=("self",)).select_related("administration").get(pk=patient.pk)
    bills = [bill.pk for bill in Bill.objects.select_for_update().filter(patient=patient).order_by("pk").only("pk")]
    _refuse_unsettled(patient, bills)

    _letters(patient).delete()
    named, _tables = PatientIdentity.objects.filter(patient=patient).delete()
    covered, _tables = Cover.objects.filter(patient=patient).delete()
    if patient.erased_at is None:
        patient.erased_at = timezone.now()
        patient.save(update_fields=["erased_at"])
    written = sum(rows.exclude(**{name: ""}).update(**{name: ""}) for _of, rows, name, _dated in _written(patient))
    forget_texts_about(patient)
    record("billing.patient_erased", patient, by=by, ground=reason, reasons=written)
    erased = [_("Name, birth date and e-mail address")] if named else []
    if covered:
        erased.append(_("Who covers you, with your member number"))
    if written:
        words = ngettext(
            "The reason of %(n)s visit, order, credit note, refund or top-up",
            "The reasons of %(n)s visits, orders, credit notes, refunds and top-ups",
            written,
        )
        erased.append(words % {"n": written})
    return Erasure(erased=tuple(erased), kept=data_of_patient(patient).held)


def _letters(patient: Patient) -> QuerySet[Mail]:
    """Receipts that were mailed to the address that ``patient`` has now."""
    addresses = PatientIdentity.objects.filter(patient=patient).exclude(email="").values_list("email", flat=True)
    return Mail.objects.filter(kind="receipt", address__in=[address.lower() for address in addresses])


def _refuse_unsettled(patient: Patient, bills: list[Any]) -> None:
    visits = Visit.objects.filter(patient=patient, status=Visit.Status.ACTIVE).count()
    open_ = Outstanding.objects.now().filter(bill__in=bills).values("bill").distinct().count()
    if visits or open_:
        raise PatientNotSettled(patient=patient.code, visits=visits, bills=open_)
    if balance := balance_of(patient):
        raise WalletNotEmpty(patient=patient.code, balance=text(balance, patient.administration.currency))


def _written(patient: Patient) -> Iterator[tuple[str, QuerySet[Any], str, str]]:
    """Where somebody wrote why: what it is of, the rows, the column, and the date of a row."""
    yield _("visit"), Visit.objects.filter(patient=patient), "reason", "date"
    yield _("cancelled visit"), Visit.objects.filter(patient=patient), "cancel_reason", "date"
    yield _("cancelled order"), Order.objects.filter(visit__patient=patient), "reason", "ordered_on"
    yield _("credit note"), Bill.objects.filter(patient=patient), "reason", "clinic_day__date"
    yield _("refund"), Payment.objects.filter(bill__patient=patient), "reason", "clinic_day__date"
    yield _("wallet top-up"), TopUp.objects.filter(patient=patient), "reason", "clinic_day__date"


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
        _("E-mails"),
        _("To send you receipts and to know that they were sent."),
        _("Operators"),
        _("Deleted after thirty days, and erased when you ask. What they said is not kept."),
        {"kind": _("kind"), "sent": _("sent")},
        [{"kind": one.kind, "sent": one.sent_at} for one in _letters(patient)],
    )
    covers = Cover.objects.filter(patient=patient).order_by("valid_from", "id").annotate(payer_name=F("payer__name"))
    yield Held(
        _("Cover"),
        _("To ask your insurer or HMO for its part."),
        _("Everybody who works with the clinic"),
        _("Erased when you ask, once everything is settled."),
        {"payer_name": _("payer"), "member_number": _("member number"), "valid_from": _("valid from")},
        list(
            covers.values("member_number", "plan", "valid_from", "valid_until", "source", payer_name=F("payer__name"))
        ),
    )
    yield Held(
        _("Reasons"),
        _("Why you came, why something was cancelled or credited, why money was given back."),
        _("Everybody who works with the clinic"),
        _("Erased when you ask, once everything is settled."),
        {"date": _("date"), "of": _("of"), "reason": _("reason")},
        [
            {"date": day, "of": of, "reason": reason}
            for of, rows, name, dated in _written(patient)
            for day, reason in rows.exclude(**{name: ""}).order_by("id").values_list(dated, name)
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
    yield Held(
        _("Orders"), why, seen_by, goes,
        {"ordered_on": _("date"), "description": _("description"), "completed_on": _("completed")},
        list(Order.objects.filter(visit__patient=patient).order_by("id")
             .values("ordered_on", "code", "description", "quantity", "completed_on", "completed_quantity",
                     "coverage_reason", "source")),
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
          "description": line.description, "quantity": line.quantity, "discount": text(line.discount, code),
          "coverage_reason": line.coverage_reason, "net": text(line.net, code),
          "vat": text(line.vat, code), "gross": text(line.gross, code), "source": line.bill.source} for line in lines],
    )  # fmt: skip
    discounts = Discount.objects.filter(line__bill__patient=patient).select_related("line__bill").order_by("id")
    yield Held(
        _("Discounts"), why, seen_by, goes,
        {"bill": _("bill"), "amount": _("amount"), "reason": _("reason")},
        [{"bill": str(one.line.bill), "amount": text(one.amount, code), "reason": one.reason, "source": one.source}
         for one in discounts],
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
    yield from _beside(patient, why, seen_by, goes)
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


def _beside(patient: Patient, why: str, seen_by: str, goes: str) -> Iterator[Held]:
    """The wallet, the provider's payments, claims on payers and debt that was given up."""
    code = patient.administration.currency
    top_ups = TopUp.objects.filter(patient=patient).select_related("clinic_day", "service").order_by("id")
    yield Held(
        _("Wallet"), why, seen_by, goes,
        {"receipt": _("receipt"), "date": _("date"), "method": _("method"), "amount": _("amount"),
         "service": _("for service")},
        [{"receipt": str(one), "date": one.clinic_day.date, "method": one.method, "amount": text(one.amount, code),
          "service": one.service.name if one.service else "", "vat": text(one.vat, code) if one.service else "",
          "reference": one.reference, "source": one.source} for one in top_ups],
    )  # fmt: skip
    theirs = PaystackTransaction.objects.filter(Q(patient=patient) | Q(bill__patient=patient)).order_by("id")
    yield Held(
        _("Payments at the provider"), why, seen_by, goes,
        {"reference": _("reference"), "paid_on": _("date"), "amount": _("amount")},
        [{"reference": one.reference, "provider_id": one.provider_id, "paid_on": one.paid_on, "status": one.status,
          "amount": text(one.amount, code), "source": one.source} for one in theirs],
    )  # fmt: skip
    given_back = PaystackRefund.objects.filter(transaction__in=theirs).select_related("transaction").order_by("id")
    yield Held(
        _("Given back by the provider"), why, seen_by, goes,
        {"reference": _("reference"), "refunded_on": _("date"), "amount": _("amount")},
        [{"reference": one.transaction.reference, "provider_id": one.provider_id, "refunded_on": one.refunded_on,
          "status": one.status, "amount": text(one.amount, code)} for one in given_back],
    )  # fmt: skip
    claims = Claim.objects.filter(bill__patient=patient).select_related("bill", "payer").order_by("id")
    yield Held(
        _("Claims"), why, seen_by, goes,
        {"claim": _("claim"), "payer": _("payer"), "status": _("status"), "reason": _("reason of rejection")},
        [{"claim": str(one), "bill": str(one.bill), "payer": one.payer.name, "status": one.status,
          "authorisation": one.authorisation, "submitted_on": one.submitted_on, "reason": one.reason,
          "source": one.source} for one in claims],
    )  # fmt: skip
    given_up = WriteOff.objects.filter(bill__patient=patient).select_related("bill").order_by("id")
    yield Held(
        _("Write-offs"), why, seen_by, goes,
        {"bill": _("bill"), "amount": _("amount"), "reason": _("reason")},
        [{"bill": str(one.bill), "proposed_at": one.proposed_at, "amount": text(one.amount, code),
          "reason": one.reason, "approved_at": one.approved_at, "source": one.source} for one in given_up],
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
        TopUp.objects.filter(patient=patient).aggregate(last=Max("clinic_day__date")),
        WriteOff.objects.filter(bill__patient=patient).aggregate(last=Max("clinic_day__date")),
    )
    return max((one["last"] for one in found if one["last"]), default=patient.created_at.date())
