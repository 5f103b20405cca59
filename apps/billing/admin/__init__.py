"""Pages of billing: home, registering a visit, orders, bills, discounts, payments, drawers, the day close, catalogue.

Each page parses, calls one service and renders; what a rule refuses is said beside the form.
"""

from apps.billing.admin import (
    catalogue,
    claims,
    closes,
    discounts,
    drawers,
    home,
    leaks,
    money,
    orders,
    payers,
    paystack,
    remittances,
    visits,
    wallets,
)

__all__ = [
    "catalogue",
    "claims",
    "closes",
    "discounts",
    "drawers",
    "home",
    "leaks",
    "money",
    "orders",
    "payers",
    "paystack",
    "remittances",
    "visits",
    "wallets",
]
