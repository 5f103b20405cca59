import pytest

from apps.periods.tests.desk import Desk, open_desk
from apps.periods.tests.vat_year import VatYear, clinic_year, open_vat_year


@pytest.fixture
def desk(db: None) -> Desk:
    """Books of 2026 with two accountants and an owner, and takings of EUR 65 on 3 March."""
    opened = open_desk()
    opened.sold()
    return opened


@pytest.fixture
def year(db: None) -> VatYear:
    """A clinic's books of a year that is over, with VAT in every quarter."""
    return clinic_year()


@pytest.fixture
def quiet(db: None) -> VatYear:
    """Such books with nothing in them."""
    return open_vat_year()


@pytest.fixture
def folder(settings, tmp_path):
    options = {**settings.UPLOADS_FOLDER["OPTIONS"], "location": str(tmp_path / "uploads")}
    settings.STORAGES = {**settings.STORAGES, "uploads": {**settings.UPLOADS_FOLDER, "OPTIONS": options}}
    return tmp_path / "uploads"
