"""The page "What is this line?": open lines beside what each may be, and what came of matching by itself."""

from apps.reconciliation.admin.reconcile import runs

__all__ = ["runs"]
