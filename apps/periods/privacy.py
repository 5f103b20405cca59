"""What becomes of the words that this app keeps, when a person is erased."""

from apps.core.privacy import IMPERSONAL, KEPT, Fate

_FILE = dict.fromkeys(("file_name", "file_type", "sha256", "stored_as"), IMPERSONAL)

FIELDS: dict[str, dict[str, Fate]] = {
    "periods.Snapshot": {"content": KEPT, "sha256": IMPERSONAL},  # parties by code and name, as the books have them
    "periods.Transition": {"notes": KEPT},
    "periods.ClosingPeriod": dict.fromkeys(("name", "first_day", "last_day"), IMPERSONAL),
    "periods.VatRegistration": {"since": IMPERSONAL},
    "periods.VatFiling": {
        **dict.fromkeys(("first_day", "last_day"), IMPERSONAL),
        **dict.fromkeys(("reference", "note"), KEPT),
    },
    "periods.FiledBox": {"box": IMPERSONAL},
    # The files are books: suppliers and customers by name, patients by code alone, who posted and approved.
    "periods.BooksExport": {**_FILE, **dict.fromkeys(("first_day", "last_day"), IMPERSONAL)},
    "periods.EvidencePack": {**_FILE, "seal_head": IMPERSONAL, "facts": KEPT},
}
