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
    "billing.Visit": {
        "date": KEPT,
        **dict.fromkeys(("reason", "cancel_reason"), ERASED),
        "idempotency_key": IMPERSONAL,
        "source": KEPT,
    },
    "billing.Order": {
        **dict.fromkeys(("code", "description", "ordered_on", "completed_on", "source"), KEPT),  # what was given
        "reason": ERASED,
        "idempotency_key": IMPERSONAL,
    },
    "billing.NightlyClose": dict.fromkeys(("date", "refusals"), IMPERSONAL),
    # ``source`` is the document's number where it was imported from: it keeps an import from counting twice.
    "billing.Bill": {"reason": ERASED, "source": KEPT},
    "billing.BillLine": dict.fromkeys(("code", "description", "source"), KEPT),  # what was billed
    "billing.Discount": dict.fromkeys(("reason", "source"), KEPT),  # what a second person approved
    "billing.Payment": {"reason": ERASED, "reference": KEPT, "idempotency_key": IMPERSONAL, "source": KEPT},
    "billing.Outstanding": {"during": IMPERSONAL},
    # Of a mismatch: receipt, method, amount and the reference of the payment.
    "billing.EndOfDayReconciliation": {
        "reconciliation_date": IMPERSONAL,
        "mismatch_details": KEPT,
        "breakdown": IMPERSONAL,
        "reopen_reason": KEPT,
    },
    "billing.CloseNote": {"text": KEPT},  # part of the signed report of a day
    "billing.Drawer": dict.fromkeys(("code", "name", "source"), IMPERSONAL),
    "billing.Shift": {"source": IMPERSONAL},
    "billing.CashMovement": {"reason": KEPT, "reference": KEPT, "idempotency_key": IMPERSONAL, "source": KEPT},
    "billing.DrawerCount": dict.fromkeys(("denominations", "idempotency_key", "source"), IMPERSONAL),
    "billing.CountNote": {"text": KEPT},
    "billing.TerminalBatch": dict.fromkeys(("batch", "terminal", "idempotency_key", "source"), IMPERSONAL),
    # The facts are keys, codes and amounts; the reason is why somebody let it be.
    "billing.Leak": {
        **dict.fromkeys(("day", "entity_type", "facts", "rule", "version"), IMPERSONAL),
        "reason": KEPT,
    },
    "billing.Tariff": dict.fromkeys(("valid_from", "valid_until"), IMPERSONAL),
    "billing.Cover": dict.fromkeys(("member_number", "plan", "valid_from", "valid_until", "source"), ERASED),
    # What a payer was asked and answered, and what became of the debt: books of the clinic and of the payer.
    "billing.Claim": dict.fromkeys(("authorisation", "submitted_on", "answered_on", "reason", "source"), KEPT),
    "billing.ClaimStep": dict.fromkeys(("day", "reason"), KEPT),
    "billing.Remittance": {
        **dict.fromkeys(("received_on", "reference", "source"), KEPT),
        "idempotency_key": IMPERSONAL,
    },
    "billing.ClaimSettlement": dict.fromkeys(("reason", "source"), KEPT),
    "billing.WriteOff": dict.fromkeys(("reason", "source"), KEPT),
    "billing.PaystackEvent": dict.fromkeys(("digest", "event", "reference", "refusal"), IMPERSONAL),
    "billing.PaystackSettlement": dict.fromkeys(("provider_id", "status", "currency", "settled_on"), IMPERSONAL),
    "billing.PaystackRefund": {
        **dict.fromkeys(("provider_id", "refunded_on"), KEPT),
        **dict.fromkeys(("status", "currency"), IMPERSONAL),
    },
    "billing.PaystackTransaction": {
        **dict.fromkeys(("reference", "provider_id", "paid_on", "source"), KEPT),
        **dict.fromkeys(("status", "currency"), IMPERSONAL),
    },
    "billing.Wallet": {"stated_on": IMPERSONAL},
    "billing.TopUp": {"reason": ERASED, "reference": KEPT, "idempotency_key": IMPERSONAL, "source": KEPT},
}
