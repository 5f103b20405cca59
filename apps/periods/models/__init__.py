"""The rows of periods: what became of each, VAT registrations and filed returns, official exports, evidence packs."""

from apps.periods.models.closing import ClosingPeriod, Snapshot, Transition
from apps.periods.models.stored import BooksExport, EvidencePack
from apps.periods.models.vat import FiledBox, VatFiling, VatRegistration

__all__ = [
    "BooksExport",
    "ClosingPeriod",
    "EvidencePack",
    "FiledBox",
    "Snapshot",
    "Transition",
    "VatFiling",
    "VatRegistration",
]
