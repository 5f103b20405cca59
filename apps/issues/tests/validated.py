"""Short words for what the engine is asked in tests."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from apps.core.models import Administration
from apps.issues.models import Issue
from apps.issues.services.validating import validate
from apps.ledger.models import JournalLine, VatCode
from apps.ledger.services.posting import Line
from apps.ledger.tests.subledger import SubLedger

MARCH_31 = date(2026, 3, 31)
A_DAY = timedelta(days=1)


def found(administration: Administration, as_of: date = MARCH_31, *, full: bool = True) -> list[str]:
    """The codes of what stands open after a validation."""
    validate(administration, as_of, full=full)
    return codes(administration)


def codes(administration: Administration) -> list[str]:
    return sorted(Issue.objects.filter(administration=administration).open().values_list("code", flat=True))


def the_issue(administration: Administration, code: str, **which: Any) -> Issue:
    issue: Issue = Issue.objects.select_related("administration").get(administration=administration, code=code, **which)
    return issue


def cash(ledger: SubLedger, amount: str, day: date, *, into: str = "revenue_consultation") -> Any:
    """Cash that came in, or went out where the amount is negative, against the account of that purpose."""
    books, value = ledger.books, Decimal(amount)
    sides = {"debit": max(value, Decimal(0)), "credit": max(-value, Decimal(0))}
    other = {"debit": sides["credit"], "credit": sides["debit"]}
    return ledger.post([Line(books.account("cash_drawer"), **sides), Line(books.account(into), **other)], day, "GEN")


def taxed_by_hand(ledger: SubLedger, vat: str, day: date, *, base: str = "100.00") -> Any:
    """Costs of 100.00 at 21 % by bank, whose VAT somebody typed."""
    code: VatCode = ledger.code("INPUT_HIGH")
    tax, net = Decimal(vat), Decimal(base)
    more = {"vat_code": code, "tax_point": day, "vat_period": ledger.books.period("2026-03")}
    side = {"debit": max(tax, Decimal(0)), "credit": max(-tax, Decimal(0))}
    role = JournalLine.VatRole.DEDUCTIBLE.value
    lines = [
        Line(ledger.account("4200"), debit=net),
        Line(ledger.books.account("input_vat"), **side, vat_role=role, vat_base=net if tax > 0 else -net, **more),
        Line(ledger.books.account("bank"), credit=net + tax),
    ]
    return ledger.post(lines, day, "GEN")
