import pytest

from apps.ledger.tests.subledger import SubLedger, open_sub_ledger


@pytest.fixture
def ledger(db: None) -> SubLedger:
    """Books with an accountant, the year 2026 open."""
    return open_sub_ledger()
