import pytest

from apps.billing.tests.clinic import Clinic, make_clinic
from apps.billing.tests.paystack_site import PaystackSite
from apps.billing.tests.providing import connected


@pytest.fixture
def clinic(db) -> Clinic:
    return make_clinic()


@pytest.fixture
def provider():
    with PaystackSite() as site:
        yield site


@pytest.fixture
def shop(clinic, provider, settings) -> Clinic:
    """The clinic, connected to the provider."""
    return connected(clinic, provider, settings)
