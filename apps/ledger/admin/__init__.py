"""Pages of the ledger: accounts, entries, invoices, items and parties, assets, rates, imports, seals and reports."""

from apps.ledger.admin import accounts, assets, batches, entries, invoices, items, rates, seals

__all__ = ["accounts", "assets", "batches", "entries", "invoices", "items", "rates", "seals"]
