import pytest

from apps.ledger.tests.factories import Books, open_test_books


@pytest.fixture
def books(db: None) -> Books:
    """An administration with the Dutch chart, the year 2026 open, and its owner."""
    return open_test_books()
