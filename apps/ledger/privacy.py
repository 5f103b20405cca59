"""The fates of the ledger's fields: books, which the law keeps. Patients are here by code alone."""

from apps.core.privacy import IMPERSONAL, KEPT, Fate

FIELDS: dict[str, dict[str, Fate]] = {
    "ledger.Account": dict.fromkeys(("code", "name", "purpose"), IMPERSONAL),
    "ledger.VatCode": dict.fromkeys(("code", "name"), IMPERSONAL),
    "ledger.Party": dict.fromkeys(("code", "name"), KEPT),  # the name of a supplier, customer or payer
    "ledger.Period": dict.fromkeys(("name", "first_day", "last_day"), IMPERSONAL),
    "ledger.Journal": dict.fromkeys(("code", "name"), IMPERSONAL),
    "ledger.JournalEntry": {"date": IMPERSONAL, "source_type": IMPERSONAL, "memo": KEPT},
    "ledger.JournalLine": {"memo": KEPT},
    "ledger.OpenItem": {**dict.fromkeys(("date", "due_date", "document_type"), IMPERSONAL), "reference": KEPT},
    "ledger.Allocation": {"date": IMPERSONAL},
}
