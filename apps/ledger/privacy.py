"""The fates of the ledger's fields: books, which the law keeps. Patients are here by code alone."""

from apps.core.privacy import IMPERSONAL, KEPT, Fate

FIELDS: dict[str, dict[str, Fate]] = {
    "ledger.Account": dict.fromkeys(("code", "name", "purpose", "standard_code"), IMPERSONAL),
    "ledger.VatCode": dict.fromkeys(
        ("code", "name", "description", "box_turnover", "box_vat", "box_deductible", "standard_code"), IMPERSONAL
    )
    | dict.fromkeys(("valid_from", "valid_until"), IMPERSONAL),
    # The name and the numbers of a supplier, customer or payer: what invoices and payments were made out to.
    "ledger.Party": dict.fromkeys(
        ("code", "name", "country", "vat_number", "organization_number", "iban", "email"), KEPT
    ),
    "ledger.ExchangeRate": dict.fromkeys(("currency", "date", "source"), IMPERSONAL),
    "ledger.Period": dict.fromkeys(("name", "first_day", "last_day"), IMPERSONAL),
    "ledger.Journal": dict.fromkeys(("code", "name"), IMPERSONAL),
    "ledger.Batch": {"title": KEPT},
    "ledger.JournalEntry": {"date": IMPERSONAL, "source_type": IMPERSONAL, "memo": KEPT, "reference": KEPT},
    "ledger.JournalLine": {**dict.fromkeys(("date", "currency", "tax_point"), IMPERSONAL), "memo": KEPT},
    "ledger.AccountMonth": {"month": IMPERSONAL},
    "ledger.OpenItem": {
        **dict.fromkeys(("date", "due_date", "document_type", "currency"), IMPERSONAL),
        "reference": KEPT,
    },
    "ledger.Allocation": {"date": IMPERSONAL},
    "ledger.Invoice": {
        **dict.fromkeys(("invoice_date", "due_date", "tax_point", "currency"), IMPERSONAL),
        **dict.fromkeys(("reference", "description"), KEPT),
    },
    "ledger.InvoiceLine": {"description": KEPT},
    "ledger.FixedAsset": dict.fromkeys(("code", "name", "acquired_on", "in_use_from"), IMPERSONAL),
    "ledger.Depreciation": {"month": IMPERSONAL},
    "ledger.Disposal": {"date": IMPERSONAL},
    "ledger.Seal": dict.fromkeys(("head", "previous_head", "reason"), IMPERSONAL),
    "ledger.SealedEntry": dict.fromkeys(("hash", "salt", "text_hash"), IMPERSONAL),
    "ledger.SealedDocument": dict.fromkeys(("kind", "hash", "salt", "text_hash"), IMPERSONAL),
}
