"""The reports as pages: what is asked for, where figures lead, their rows and their charts."""

from apps.ledger.admin.reports.pages import ReportPages

__all__ = ["ReportPages"]
