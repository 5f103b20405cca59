"""What is deducted of mixed costs: a part during the year, and the year's own part in its last return."""

from datetime import date
from decimal import Decimal

import pytest

from apps.ledger.models import VatCode
from apps.ledger.tests.subledger import booked, returned
from apps.periods.errors import VatProRataDone
from apps.periods.reports.pro_rata import pro_rata
from apps.periods.reports.vat_anomalies import anomalies_of
from apps.periods.services.pro_rata import correct_pro_rata
from apps.periods.services.registering import register_vat
from apps.periods.tests.vat_year import YEAR


@pytest.fixture
def mixed(quiet):
    """40 % was deducted of the VAT on costs; the year is 30,000 of taxed and 70,010 of exempt turnover: 30 %."""
    register_vat(quiet.administration, since=date(YEAR, 1, 1), by=quiet.accountant, pro_rata=Decimal(40))
    VatCode.objects.filter(administration=quiet.administration, code="INPUT_HIGH").update(deductible=40)
    quiet.bought("1000.00", "INPUT_HIGH", date(YEAR, 2, 1))
    quiet.bought("500.00", "INPUT_LOW", date(YEAR, 3, 1))  # of taxed care alone
    quiet.taxed("30000.00", "HIGH", date(YEAR, 5, 1))
    quiet.taxed("70010.00", "EXEMPT", date(YEAR, 6, 1))
    quiet.taxed("5000.00", "PRIVATE_USE", date(YEAR, 6, 1))
    return quiet


def test_the_part_of_the_year_is_taxed_by_all_turnover_rounded_up(mixed):
    found = pro_rata(mixed.administration, YEAR)
    assert (found.taxed, found.exempt, found.provisional, found.percentage) == (30000, 70010, 40, 30)
    (cost,) = found.costs
    assert (cost.vat_code.code, cost.vat, cost.deducted, cost.correction) == ("INPUT_HIGH", 210, 84, -21)


def test_the_correction_stands_in_the_last_return_of_the_year(mixed):
    entry = correct_pro_rata(mixed.administration, YEAR, by=mixed.accountant)
    assert (entry.date, booked(entry)) == (date(YEAR, 12, 31), {"1500": -21, "4700": 21})
    assert returned(entry) == [("INPUT_HIGH", "DEDUCTIBLE", -21)]
    assert mixed.of(4).by_code["5b"].vat == -21
    assert anomalies_of(mixed.quarter(4)).found == ()


def test_it_is_posted_once_and_again_only_for_what_changed(mixed):
    correct_pro_rata(mixed.administration, YEAR, by=mixed.accountant)
    with pytest.raises(VatProRataDone):
        correct_pro_rata(mixed.administration, YEAR, by=mixed.accountant)
    mixed.bought("100.00", "INPUT_HIGH", date(YEAR, 12, 1))
    (cost,) = pro_rata(mixed.administration, YEAR).costs
    assert (cost.vat, cost.deducted, cost.correction) == (231, Decimal("71.40"), Decimal("-2.10"))


def test_books_without_turnover_or_mixed_costs_have_nothing_to_correct(quiet):
    assert pro_rata(quiet.administration, YEAR).percentage is None
    quiet.taxed("100.00", "HIGH", date(YEAR, 5, 1))
    found = pro_rata(quiet.administration, YEAR)
    assert (found.percentage, found.costs, found.correction) == (100, (), 0)
