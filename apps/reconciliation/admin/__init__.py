"""Pages of the bank: accounts, statements with their lines, files that come in, how CSV is read, models of lines,
and account reconciliations.

Each page parses, calls one service and renders; what a rule refuses is said beside the form.
"""

from apps.reconciliation.admin import accounts, imports, mappings, models, reconcile, reconciliations, statements

__all__ = ["accounts", "imports", "mappings", "models", "reconcile", "reconciliations", "statements"]
