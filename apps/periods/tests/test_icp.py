"""The ICP listing: who elsewhere in the EU bought for how much, tied to box 3b."""

from datetime import date
from decimal import Decimal

import pytest

from apps.ledger.models import Party
from apps.ledger.services.posting import on_side, reverse_entry
from apps.periods.reports.icp import icp_listing, listing_of
from apps.periods.reports.vat_anomalies import anomalies_of
from apps.periods.tests.vat_year import BELGIAN, GERMAN, YEAR

MAY = date(YEAR, 5, 20)


def told(listing):
    return [(entry.vat_number, entry.country, entry.base, entry.transactions) for entry in listing.entries]


def test_each_customer_is_listed_with_number_country_and_supplies(year):
    year.sold("10.00", "EU_GOODS", MAY, year.abroad())
    listing = listing_of(year.quarter(2))
    assert told(listing) == [(BELGIAN, "BE", 750, 1), (GERMAN, "DE", 2510, 2)]
    german = listing.entries[1]
    assert [(code.code, amount) for code, amount in german.codes] == [("EU_GOODS", 10), ("EU_SERVICES", 2500)]


def test_the_total_is_that_of_box_3b(year):
    listing = listing_of(year.quarter(2))
    assert (listing.total, listing.on_return, listing.ties) == (3250, 3250, True)


def test_a_credit_note_is_taken_off(year):
    sale = year.sold("300.00", "EU_SERVICES", MAY, year.abroad())
    year.sold("100.00", "EU_SERVICES", MAY, year.abroad(), credits=sale)
    assert told(listing_of(year.quarter(2)))[1][2] == 2700
    assert listing_of(year.quarter(2)).ties


def test_a_listing_may_be_of_a_month(year):
    assert listing_of(year.quarter(2)).total == icp_listing(year.period(f"{YEAR}-05")).total == 3250
    assert icp_listing(year.period(f"{YEAR}-06")).entries == ()


def test_greek_numbers_are_listed_as_their_country_writes_them(year):
    year.sold("40.00", "EU_SERVICES", MAY, year.ledger.customer("C-GR", country="GR", vat_number="EL094259216"))
    assert ("EL094259216", "EL", 40, 1) in told(listing_of(year.quarter(2)))


@pytest.mark.parametrize("number", ["", "DE136695977", "12345"])
def test_a_supply_without_a_number_that_its_country_could_have_given_is_red(year, number):
    sale = year.sold("500.00", "EU_SERVICES", MAY, year.abroad())
    assert anomalies_of(year.quarter(2)).red == ()
    Party.objects.filter(pk=sale.party_id).update(vat_number=number)
    found = anomalies_of(year.quarter(2)).red
    assert {one.code for one in found} == {"ICP_NO_VAT_NUMBER"}
    assert sorted(one.discrepancy for one in found) == [500, 2500]
    listing = listing_of(year.quarter(2))
    assert told(listing)[0] == ("", "DE", 3000, 2)
    assert listing.ties


def test_a_supply_of_nobody_is_listed_without_a_name_and_still_ties(year):
    code = year.ledger.code("EU_SERVICES")
    amount = Decimal("60.00")
    entry = year.post(
        [
            on_side(year.ledger.books.account("bank"), amount),
            on_side(year.ledger.account("8090"), -amount, vat_code=code, vat_role="BASE"),
        ],
        MAY,
    )
    listing = listing_of(year.quarter(2))
    assert (listing.entries[0].customer, listing.entries[0].base, listing.ties) == (None, 60, True)
    assert [one.entry for one in anomalies_of(year.quarter(2)).red] == [entry]
    reverse_entry(entry, by=year.accountant, reason="nobody")
    assert anomalies_of(year.quarter(2)).red == ()
    assert listing_of(year.quarter(2)).total == 3250


def test_the_listing_takes_as_many_queries_for_many_supplies(year, django_assert_max_num_queries):
    for _n in range(3):
        year.sold("1.00", "EU_SERVICES", MAY, year.abroad())
    with django_assert_max_num_queries(10):
        listing_of(year.quarter(2))
