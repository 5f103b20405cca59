"""Each rule of VAT anomalies: it appears, it just does not, and it is gone once the entry was mended."""

from datetime import date
from decimal import Decimal

import pytest

from apps.core.findings import RED, YELLOW
from apps.ledger.models import Party
from apps.ledger.services.posting import on_side, reverse_entry
from apps.periods.reports.vat_anomalies import ALL, anomalies_of
from apps.periods.services.registering import register_vat
from apps.periods.tests.vat_year import GERMAN, YEAR

DAY = date(YEAR, 2, 10)


def found(year):
    return [(one.code, one.severity, one.discrepancy) for one in anomalies_of(year.quarter(1)).found]


def mended(year, entry):
    reverse_entry(entry, by=year.accountant, reason="mended")
    return found(year) == []


def test_a_whole_year_of_sound_books_has_none(year):
    assert [anomalies_of(year.quarter(quarter)).found for quarter in (1, 2, 3, 4)] == [(), (), (), ()]


def test_a_base_without_vat(quiet):
    entry = quiet.taxed("100.00", "HIGH", DAY, vat="0")
    assert found(quiet) == [("VAT_BASE_NO_AMOUNT", YELLOW, 21)]
    assert mended(quiet, entry)


@pytest.mark.parametrize("code", ["EXEMPT", "ZERO", "EXPORT"])
def test_a_base_whose_code_has_no_vat_is_none(quiet, code):
    quiet.taxed("100.00", code, DAY)
    assert found(quiet) == []


def test_a_base_whose_vat_would_round_to_nothing_is_none(quiet):
    quiet.taxed("0.02", "HIGH", DAY, vat="0")
    assert found(quiet) == []


def vat_alone(year, base):
    code, tax = year.ledger.code("HIGH"), Decimal("21.00")
    lines = [
        on_side(year.ledger.books.account("bank"), tax),
        on_side(code.account, -tax, vat_code=code, vat_role="TAX", vat_base=base),
    ]
    return year.post(lines, DAY)


def test_vat_without_a_base(quiet):
    entry = vat_alone(quiet, None)
    assert found(quiet) == [("VAT_AMOUNT_NO_BASE", YELLOW, 21)]
    assert mended(quiet, entry)


def test_vat_that_says_what_it_was_reckoned_on_has_a_base(quiet):
    vat_alone(quiet, Decimal(100))
    assert found(quiet) == []


def test_vat_that_is_not_its_rate(quiet):
    entry = quiet.taxed("100.00", "HIGH", DAY, vat="25.00")
    assert found(quiet) == [("VAT_RATE_MISMATCH", YELLOW, 4)]
    (one,) = anomalies_of(quiet.quarter(1)).found
    assert "25.00" in one.description
    assert "21.00" in one.description
    assert (one.id, one.entry) == ("VAT_ANOMALY_0001", entry)
    assert mended(quiet, entry)


def test_vat_that_is_far_from_its_rate_is_red(quiet):
    quiet.taxed("1000.00", "HIGH", DAY, vat="310.01")
    assert found(quiet) == [("VAT_RATE_MISMATCH", RED, Decimal("100.01"))]


@pytest.mark.parametrize("vat", ["21.50", "20.50", "21.00"])
def test_vat_as_far_off_as_rounding_line_by_line_goes_is_none(quiet, vat):
    quiet.taxed("100.00", "HIGH", DAY, vat=vat)
    assert found(quiet) == []


def test_vat_a_cent_further_off_is_one(quiet):
    quiet.taxed("100.00", "HIGH", DAY, vat="21.51")
    assert found(quiet) == [("VAT_RATE_MISMATCH", YELLOW, Decimal("0.51"))]


def test_a_reverse_charge_without_country(quiet):
    bought = quiet.bought("100.00", "ABROAD_IN", DAY, country="")
    assert found(quiet) == [("RC_NO_COUNTRY", YELLOW, 100)]
    Party.objects.filter(pk=bought.party_id).update(country="US")
    assert found(quiet) == []


def test_a_purchase_at_home_needs_no_country(quiet):
    quiet.bought("100.00", "INPUT_HIGH", DAY, country="")
    assert found(quiet) == []


def test_a_listed_supply_without_number(quiet):
    sale = quiet.sold("100.00", "EU_SERVICES", DAY, quiet.abroad())
    assert found(quiet) == []
    Party.objects.filter(pk=sale.party_id).update(vat_number="")
    assert found(quiet) == [("ICP_NO_VAT_NUMBER", RED, 100)]
    Party.objects.filter(pk=sale.party_id).update(vat_number=GERMAN)
    assert found(quiet) == []


def test_negative_vat_of_an_entry_that_is_no_credit_note(quiet):
    entry = quiet.taxed("-100.00", "HIGH", DAY)
    assert found(quiet) == [("VAT_NEGATIVE_UNEXPECTED", YELLOW, 21)]
    assert mended(quiet, entry)


def test_negative_vat_of_a_credit_note_is_none(quiet):
    sale = quiet.sold("100.00", "HIGH", DAY)
    quiet.sold("40.00", "HIGH", DAY, credits=sale)
    assert found(quiet) == []


def test_vat_deducted_by_somebody_who_may_deduct_none(quiet):
    invoice = quiet.bought("100.00", "INPUT_HIGH", DAY)
    quiet.bought("100.00", "INPUT_HIGH_COST", DAY)
    assert found(quiet) == []
    register_vat(quiet.administration, since=date(YEAR, 1, 1), by=quiet.accountant, scheme="EXEMPT")
    assert found(quiet) == [("VAT_DEDUCTED_WITHOUT_RIGHT", RED, 21)]
    assert anomalies_of(quiet.quarter(1)).found[0].document_id == invoice.pk
    register_vat(quiet.administration, since=date(YEAR, 1, 1), by=quiet.accountant)
    assert found(quiet) == []


def test_an_anomaly_belongs_to_the_return_that_counts_its_lines(quiet):
    quiet.taxed("100.00", "HIGH", date(YEAR, 4, 1), vat="25.00", vat_period=quiet.period(f"{YEAR}-03"))
    assert len(found(quiet)) == 1
    assert anomalies_of(quiet.quarter(2)).found == ()


def test_anomalies_take_as_many_queries_for_many_entries(quiet, django_assert_num_queries):
    for _n in range(4):
        quiet.taxed("100.00", "HIGH", DAY, vat="25.00")
    with django_assert_num_queries(7):
        assert len(found(quiet)) == 4


def test_every_rule_stands_in_the_list_once():
    assert len(ALL) == len(set(ALL)) == 7
