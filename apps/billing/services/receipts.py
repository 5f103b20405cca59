"""Receipts: printed and mailed copies of what a bill says. Each is counted, so that no copy passes for the first."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count, Min

from apps.billing.models import Bill, Patient
from apps.billing.services.payments import owed
from apps.core import display
from apps.core.events import record
from apps.core.languages import language_of_books
from apps.core.models import Event, User
from apps.core.permissions import Act, require
from apps.core.services import mail

PRINTED = "billing.receipt_printed"
MAILED = "billing.receipt_mailed"


@dataclass(frozen=True)
class Copies:
    """How often a receipt was handed out before, and when it was for the first time."""

    before: int
    first: datetime | None

    @property
    def number(self) -> int:
        """Which copy the next one is."""
        return self.before + 1


def copies_of(bill: Bill) -> Copies:
    """The copies of the receipt of ``bill`` that were printed or mailed."""
    asked = Event.objects.filter(subject_id=bill.pk, name__in=[PRINTED, MAILED])
    found = asked.aggregate(before=Count("pk"), first=Min("at"))
    return Copies(found["before"], found["first"])


def address_of(patient: Patient) -> str:
    """Where ``patient`` gets mail; empty when nobody said."""
    identity = getattr(patient, "identity", None)
    return identity.email if identity else ""


@transaction.atomic
def print_receipt(bill: Bill, *, by: User) -> Copies:
    """Record that a copy is printed, and answer what went before it."""
    require(by, Act.TAKE_PAYMENTS, bill.administration_id)
    copies = _counted(bill)
    record(PRINTED, bill, by=by, copy=copies.number)
    return copies


@transaction.atomic
def mail_receipt(bill: Bill, *, by: User) -> Copies:
    """Send a copy to the patient's e-mail address, in the language of the books, and answer what went before it.

    It names services and amounts, and nothing else of the patient's care. Without an address nothing is sent.
    """
    require(by, Act.TAKE_PAYMENTS, bill.administration_id)
    copies = _counted(bill)
    address = address_of(bill.patient)
    if not address:
        return copies
    administration = bill.administration
    code, zone = administration.currency, administration.time_zone
    books = language_of_books(administration)
    with books:
        open_ = owed(bill)
        facts = {
            "clinic": administration.name,
            "numbers": " · ".join(filter(None, [administration.organization_number, administration.vat_number])),
            "bill": str(bill),
            "issued": str(display.moment(bill.issued_at, zone)),
            "patient": bill.patient.code,
            "lines": [
                {"what": line.description, "amount": display.money(line.gross, code)} for line in bill.lines.all()
            ],
            "total": display.money(bill.gross, code),
            "vat": display.money(bill.vat, code) if bill.vat else "",
            "payments": [
                {"how": str(one.get_method_display()), "receipt": str(one), "amount": display.money(one.amount, code)}
                for one in bill.payments.order_by("id")
            ],
            "owed": display.money(open_, code) if open_ > 0 else "",
            "credit": display.money(-open_, code) if open_ < 0 else "",
            "copy": copies.number if copies.before else 0,
            "first": str(display.moment(copies.first, zone)) if copies.first else "",
        }
    mail.ask("receipt", address, language=books.language or "en", **facts)
    record(MAILED, bill, by=by, copy=copies.number)
    return copies


def _counted(bill: Bill) -> Copies:
    Bill.objects.select_for_update(no_key=True).get(pk=bill.pk)  # two copies at once are numbered one after the other
    return copies_of(bill)
