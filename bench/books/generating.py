"""Deterministic books: the same size and seed always give the same entries. Standard library only.

A clinic's three years in five journals, dated in the order in which they were posted. Two hundred accounts, of which
five are control accounts; 2.8 lines an entry; six entries in ten have a line on a control account, and most payments
settle an invoice, some of them by half. Amounts are whole cents.
"""

from collections import deque
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple

FIRST_YEAR, YEARS = 2023, 3
FIRST_DAY = date(FIRST_YEAR, 1, 1)
DAYS = (date(FIRST_YEAR + YEARS, 1, 1) - FIRST_DAY).days
CUT = date(2025, 6, 17)  # the day that reports are asked for, inside a month
PARTIES = 2000
JOURNALS = ("DAY", "GEN", "SAL", "PUR", "BNK")

TYPES = (("ASSET", 60), ("LIABILITY", 40), ("EQUITY", 10), ("REVENUE", 40), ("EXPENSE", 50))
CONTROLS = {"1001": "CUSTOMERS", "1002": "PATIENTS", "1003": "PAYERS", "2001": "SUPPLIERS", "2002": "WALLETS"}
CUSTOMERS, SUPPLIERS, BANK, CASH, INPUT_VAT, OUTPUT_VAT = "1001", "2001", "1010", "1011", "1012", "2010"


class Line(NamedTuple):
    """One side of an entry, in cents. ``party`` is the number of a party, on a control account only."""

    account: str
    debit: int
    credit: int
    party: int | None = None


class Entry(NamedTuple):
    """``document`` is the number of the invoice that the control line is about, ``settles`` the one it pays."""

    number: int
    journal: str
    date: date
    lines: list[Line]
    document: int | None = None
    settles: int | None = None


def accounts() -> Iterator[tuple[str, str, str]]:
    """Code, type and control of each account: assets 1001 to 1060, liabilities from 2001, and so on."""
    for first, (kind, count) in enumerate(TYPES, start=1):
        for number in range(1, count + 1):
            code = f"{first}{number:03}"
            yield code, kind, CONTROLS.get(code, "")


def entries(count: int, seed: int = 7) -> Iterator[Entry]:
    """``count`` balanced entries, dates rising evenly over the years."""
    rng = Random(seed)
    plain = {kind: [code for code, its, control in accounts() if its == kind and not control] for kind, _n in TYPES}
    unpaid: deque[tuple[int, str, int, int]] = deque()  # invoice, control account, party, what is open
    for number in range(1, count + 1):
        day = FIRST_DAY + timedelta(days=(number - 1) * DAYS // count)
        journal = rng.choice(JOURNALS)
        amount = rng.randint(100, 500_000)
        if journal in ("SAL", "PUR"):
            party, vat = rng.randint(1, PARTIES), amount * 21 // 100 + 1
            if journal == "SAL":
                lines = [
                    Line(CUSTOMERS, amount + vat, 0, party),
                    Line(rng.choice(plain["REVENUE"]), 0, amount),
                    Line(OUTPUT_VAT, 0, vat),
                ]
            else:
                lines = [
                    Line(rng.choice(plain["EXPENSE"]), amount, 0),
                    Line(INPUT_VAT, vat, 0),
                    Line(SUPPLIERS, 0, amount + vat, party),
                ]
            unpaid.append((number, lines[0].account if journal == "SAL" else SUPPLIERS, party, amount + vat))
            yield Entry(number, journal, day, lines, document=number)
        elif journal == "BNK" and len(unpaid) > 40:
            invoice, control, party, due = unpaid.popleft()
            paid = due if rng.random() < 0.9 else max(due // 2, 1)
            if control == CUSTOMERS:
                lines = [Line(BANK, paid, 0), Line(control, 0, paid, party)]
            else:
                lines = [Line(control, paid, 0, party), Line(BANK, 0, paid)]
            yield Entry(number, journal, day, lines, document=invoice, settles=invoice)
        elif journal == "BNK":
            yield Entry(number, journal, day, [Line(rng.choice(plain["EXPENSE"]), amount, 0), Line(BANK, 0, amount)])
        else:
            kind = "REVENUE" if journal == "DAY" else "LIABILITY"
            parts = [amount, *(rng.randint(100, 500_000) for _ in range(rng.choice((0, 1, 2))))]
            debited = CASH if journal == "DAY" else rng.choice(plain["ASSET"])
            others = rng.sample(plain[kind], len(parts))
            credits = [Line(account, 0, part) for account, part in zip(others, parts, strict=True)]
            yield Entry(number, journal, day, [Line(debited, sum(parts), 0), *credits])


def cents(number: int) -> Decimal:
    """1234 as 12.34."""
    return Decimal(number).scaleb(-2)
