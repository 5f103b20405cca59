"""Pages of the ledger: the chart of accounts, entries and open items, and the two reports that explain a figure."""

from apps.ledger.admin import accounts, entries

__all__ = ["accounts", "entries"]
