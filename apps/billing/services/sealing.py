"""Seal a clinic day: its entry, and every document that was born into it."""

from apps.billing.models import Bill, EndOfDayReconciliation, Patient, Payment, TopUp
from apps.billing.reports.sealed import BILL, KINDS, PAYMENT, REPORT, TOP_UP, seal_reason
from apps.core.models import User
from apps.ledger.models import Seal
from apps.ledger.services.sealing import Fresh, forget_texts, seal

OF_THE_DAY = [
    Fresh(
        kind,
        f"SELECT *, row_number() OVER (ORDER BY id) AS place FROM {kind.model._meta.db_table}"  # noqa: S608
        f" WHERE {'id = %(close)s' if kind is REPORT else 'clinic_day_id = %(day)s'}",
    )
    for kind in KINDS
]


def seal_day(close: EndOfDayReconciliation, *, by: User | None) -> Seal:
    """Chain what was posted since the last seal, what was born into the day of ``close``, and the report itself."""
    return seal(
        close.administration,
        reason=seal_reason(close),
        by=by,
        documents=OF_THE_DAY,
        day=close.clinic_day_id,
        close=close.pk,
    )


def forget_texts_about(patient: Patient) -> None:
    """Take the salts of what was sealed about an erased patient: the seal holds, and nobody finds out what it said."""
    forget_texts(BILL, Bill.objects.filter(patient=patient).values_list("pk", flat=True))
    forget_texts(PAYMENT, Payment.objects.filter(bill__patient=patient).values_list("pk", flat=True))
    forget_texts(TOP_UP, TopUp.objects.filter(patient=patient).values_list("pk", flat=True))
