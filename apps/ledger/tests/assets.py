"""Fixed assets for tests."""

from datetime import date
from decimal import Decimal
from typing import Any

from apps.ledger.models import Account, FixedAsset
from apps.ledger.tests.factories import Books

JANUARY = date(2026, 1, 1)


def account(books: Books, code: str) -> Account:
    return Account.objects.get(administration=books.administration, code=code)


def asset(books: Books, code: str = "A-1", **fields: Any) -> FixedAsset:
    """An ultrasound scanner of EUR 1,200 that serves a year from 1 January 2026, unless ``fields`` say otherwise."""
    scanner: dict[str, Any] = {
        "name": "Scanner",
        "account": account(books, "0200"),
        "depreciation_account": account(books, "0210"),
        "expense_account": account(books, "4300"),
        "in_use_from": JANUARY,
        "cost": Decimal("1200.00"),
        "residual_value": Decimal(0),
        "life_months": 12,
        "opening_depreciation": Decimal(0),
    }
    scanner |= fields
    scanner.setdefault("acquired_on", scanner["in_use_from"])
    return FixedAsset(administration=books.administration, code=code, **scanner)


def registered(books: Books, code: str = "A-1", **fields: Any) -> FixedAsset:
    made = asset(books, code, **fields)
    made.save()
    return made
