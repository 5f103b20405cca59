"""Pages of billing: home, registering a visit, bills and payments, the day close, the catalogue.

Each page parses, calls one service and renders; what a rule refuses is said beside the form.
"""

from apps.billing.admin import catalogue, closes, home, money, visits

__all__ = ["catalogue", "closes", "home", "money", "visits"]
