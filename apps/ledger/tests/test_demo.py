"""The demo clinic's books: every law holds in them, and every report has something to show."""

from datetime import date
from decimal import Decimal

from apps.core.models import Membership
from apps.core.tests.factories import member
from apps.ledger import checks
from apps.ledger.demo import keep_demo_books
from apps.ledger.models import Depreciation, Invoice, JournalEntry, Seal
from apps.ledger.reports.balance_sheet import balance_sheet
from apps.ledger.reports.sync_status import sync_status

TODAY = date(2026, 11, 20)


def test_the_demo_books_hold_together(books):
    accountant = member(books.administration, Membership.Role.ACCOUNTANT)
    keep_demo_books(books.administration, since=date(2026, 8, 21), today=TODAY, by=accountant)
    found = [str(finding) for check in checks.ALL for finding in check(books.administration, TODAY)]
    assert found == []
    assert sync_status(books.administration, TODAY).is_proved
    assert balance_sheet(books.administration, TODAY).is_balanced
    assert Depreciation.objects.filter(asset__code="MA-01").values_list("amount", flat=True).first() == Decimal(
        "333.33"
    )
    assert Invoice.objects.filter(kind="CUSTOMER").count() == 2
    assert (JournalEntry.objects.filter(status="DRAFT").count(), Seal.objects.count()) == (1, 1)
