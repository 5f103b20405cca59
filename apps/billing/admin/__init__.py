"""Pages of billing: home, registering a visit, orders, bills, discounts, payments, drawers, the day close, catalogue.

Each page parses, calls one service and renders; what a rule refuses is said beside the form.
"""

from apps.billing.admin import (
    bills,
    catalogue,
    claims,
    closes,
    covers,
    discounts,
    drawers,
    home,
    leaks,
    orders,
    payers,
    payments,
    paystack,
    remittances,
    shifts,
    visits,
    wallets,
    write_offs,
)

__all__ = [
    "bills",
    "catalogue",
    "claims",
    "closes",
    "covers",
    "discounts",
    "drawers",
    "home",
    "leaks",
    "orders",
    "payers",
    "payments",
    "paystack",
    "remittances",
    "shifts",
    "visits",
    "wallets",
    "write_offs",
]
