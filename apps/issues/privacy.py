"""What becomes of the words that this app keeps, when a person is erased."""

from apps.core.privacy import IMPERSONAL, KEPT, Fate

FIELDS: dict[str, dict[str, Fate]] = {
    "issues.Issue": {
        # Facts are codes, numbers and dates; the rows that they name are erased where they stand.
        **dict.fromkeys(("code", "subject_type", "part", "facts", "since"), IMPERSONAL),
        "acknowledged_note": KEPT,
    },
    "issues.ValidationRun": dict.fromkeys(("as_of", "marks"), IMPERSONAL),
}
