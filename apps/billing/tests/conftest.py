import pytest

from apps.billing.tests.clinic import Clinic, make_clinic


@pytest.fixture
def clinic(db) -> Clinic:
    return make_clinic()
