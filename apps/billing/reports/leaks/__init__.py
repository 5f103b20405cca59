"""Leaks: care that was given and not, or not fully, billed, claimed or paid; and what somebody did to hide that.

``RULES`` is the list. A rule reads rows of a range of days, or named rows, in one statement, and writes nothing.
"""

from apps.billing.reports.leaks.finding import LeakFinding, Rule, Scope
from apps.billing.reports.leaks.rules import BY_NAME, RULES, find

__all__ = ["BY_NAME", "RULES", "LeakFinding", "Rule", "Scope", "find"]
