"""The fates of billing's fields: who a patient is goes, what was done and paid stays under their code."""

from apps.core.privacy import ERASED, IMPERSONAL, KEPT, Fate

FIELDS: dict[str, dict[str, Fate]] = {
    "billing.Patient": {"code": KEPT},
    "billing.PatientIdentity": dict.fromkeys(("name", "birth_date", "email"), ERASED),
    "billing.Payer": dict.fromkeys(("code", "name"), IMPERSONAL),
    "billing.ServiceGroup": dict.fromkeys(("code", "name"), IMPERSONAL),
    "billing.Service": dict.fromkeys(("code", "name"), IMPERSONAL),
    "billing.ServicePrice": dict.fromkeys(("valid_from", "valid_until"), IMPERSONAL),
    "billing.ClinicDay": {"date": IMPERSONAL},
    "billing.Visit": {"date": KEPT, "reason": ERASED, "idempotency_key": IMPERSONAL, "source": KEPT},
    "billing.NightlyClose": dict.fromkeys(("date", "refusals"), IMPERSONAL),
    # ``source`` is the document's number where it was imported from: it keeps an import from counting twice.
    "billing.Bill": {"reason": ERASED, "source": KEPT},
    "billing.BillLine": dict.fromkeys(("code", "description", "source"), KEPT),  # what was billed
    "billing.Payment": {"reason": ERASED, "reference": KEPT, "idempotency_key": IMPERSONAL, "source": KEPT},
    "billing.Outstanding": {"during": IMPERSONAL},
    # Of a mismatch: receipt, method, amount and the reference of the payment.
    "billing.EndOfDayReconciliation": {
        "reconciliation_date": IMPERSONAL,
        "mismatch_details": KEPT,
        "breakdown": IMPERSONAL,
    },
    "billing.CloseNote": {"text": KEPT},  # part of the signed report of a day
}
