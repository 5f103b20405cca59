import pytest

from apps.ledger.tests.factories import Books, open_test_books
from apps.ledger.tests.subledger import SubLedger, open_sub_ledger


@pytest.fixture
def books(db: None) -> Books:
    """An administration with the Dutch chart, the year 2026 open, and its owner."""
    return open_test_books()


@pytest.fixture
def ledger(db: None) -> SubLedger:
    """Such books with an accountant, for invoices and what settles them."""
    return open_sub_ledger()
