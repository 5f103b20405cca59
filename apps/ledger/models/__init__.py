"""Accounts, periods, journals, entries, lines, open items, invoices, assets and seals."""

from apps.ledger.models.accounts import Account, ExchangeRate, Party, VatCode
from apps.ledger.models.assets import Depreciation, Disposal, FixedAsset
from apps.ledger.models.entries import AccountMonth, Batch, Journal, JournalEntry, JournalLine, RolledUp
from apps.ledger.models.invoices import Invoice, InvoiceLine
from apps.ledger.models.items import Allocation, OpenItem
from apps.ledger.models.periods import DateRange, Period
from apps.ledger.models.seals import Seal, SealedDocument, SealedEntry

__all__ = [
    "Account",
    "AccountMonth",
    "Allocation",
    "Batch",
    "DateRange",
    "Depreciation",
    "Disposal",
    "ExchangeRate",
    "FixedAsset",
    "Invoice",
    "InvoiceLine",
    "Journal",
    "JournalEntry",
    "JournalLine",
    "OpenItem",
    "Party",
    "Period",
    "RolledUp",
    "Seal",
    "SealedDocument",
    "SealedEntry",
    "VatCode",
]
