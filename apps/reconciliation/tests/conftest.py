import pytest

from apps.core.models import User
from apps.core.tests.factories import MembershipFactory, UserFactory
from apps.ledger.tests.factories import open_test_books
from apps.ledger.tests.subledger import SubLedger
from apps.reconciliation.tests.bank import Bank, open_test_bank


@pytest.fixture
def bank(db: None) -> Bank:
    return open_test_bank(open_test_books())


@pytest.fixture
def ledger(bank: Bank) -> SubLedger:
    """Invoices of the same books, by the same accountant."""
    return SubLedger(bank.books, bank.accountant)


@pytest.fixture
def second(bank: Bank) -> User:
    """Another accountant of the same books."""
    user: User = UserFactory()
    MembershipFactory(administration=bank.books.administration, user=user, role="accountant")
    return user
