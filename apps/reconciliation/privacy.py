"""The fates of reconciliation's fields: what a bank stated is part of the books."""

from apps.core.privacy import IMPERSONAL, KEPT, Fate

FIELDS: dict[str, dict[str, Fate]] = {
    "reconciliation.CsvMapping": dict.fromkeys(
        (
            *("name", "bank", "encoding", "delimiter", "date_format", "decimal_mark", "debit_words"),
            "columns",
        ),
        IMPERSONAL,
    ),
    "reconciliation.BankAccount": dict.fromkeys(("name", "iban", "currency", "mapping"), IMPERSONAL),
    "reconciliation.StatementImport": {
        **dict.fromkeys(("format", "mapping"), IMPERSONAL),
        # A refusal shows the beginning of what could not be read; the file is kept as well.
        **dict.fromkeys(("refusal", "withdrawn_because"), KEPT),
    },
    "reconciliation.Statement": {
        **dict.fromkeys(("name", "reference", "date", "first_date", "month", "balance_end", "is_complete"), IMPERSONAL),
        "confirmed_because": KEPT,
    },
    # A bank's statement is kept for as long as the books: it proves them. Its texts never leave these tables.
    "reconciliation.StatementLine": {
        **dict.fromkeys(
            (
                *("label", "reference", "note", "end_to_end_id", "bank_id", "transaction_type"),
                *("counterparty_name", "counterparty_iban"),
            ),
            KEPT,
        ),
        **dict.fromkeys(("date", "value_date", "foreign_currency", "fingerprint"), IMPERSONAL),
    },
    "reconciliation.Clearing": {"reasons": IMPERSONAL},
    "reconciliation.MatchingOutcome": {"reasons": IMPERSONAL},
    "reconciliation.ReconciliationModel": dict.fromkeys(("name", "label_pattern"), IMPERSONAL),
    "reconciliation.ReconciliationModelLine": dict.fromkeys(("amount_pattern", "memo"), IMPERSONAL),
    "reconciliation.PartyPattern": dict.fromkeys(("label_pattern", "note_pattern"), KEPT),
    "reconciliation.KnownParty": {"key": KEPT, "last_on": IMPERSONAL},
    "reconciliation.AccountReconciliation": {
        **dict.fromkeys(("period_start", "period_end", "difference"), IMPERSONAL),
        "notes": KEPT,
    },
    "reconciliation.ReconcilingItem": {**dict.fromkeys(("date", "resolved_on"), IMPERSONAL), "description": KEPT},
}
