"""Amounts and dates as banks write them: read as what they are, or refused, never taken for nothing."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.reconciliation.formats.dates import Dates, Recognised
from apps.reconciliation.formats.numbers import decimal_mark_of, read_amount


@pytest.mark.parametrize(
    ("text", "mark", "amount"),
    [
        ("1,234.56", ".", "1234.56"),
        ("$1,234.56", ".", "1234.56"),
        ("1,234.56 USD", ".", "1234.56"),
        ("  1,234.56 ", ".", "1234.56"),
        ("1,234,567.89", ".", "1234567.89"),
        ("-1,234.56", ".", "-1234.56"),
        ("12,34.56", ".", "1234.56"),
        ("1234,567.89", ".", "1234567.89"),
        ("1234.567,89", ",", "1234567.89"),
        ("1.234,56", ",", "1234.56"),
        ("-€ 12,50", ",", "-12.50"),
        ("€ -12,50", ",", "-12.50"),
        ("12,50-", ",", "-12.50"),
        ("(12.50)", ".", "-12.50"),
        ("\N{MINUS SIGN}12,50", ",", "-12.50"),
        ("+2,50", ",", "2.50"),
        ("1 234 567,89 kr", ",", "1234567.89"),
        ("1\N{NO-BREAK SPACE}234,5", ",", "1234.5"),
        ("1'234.50", ".", "1234.50"),
        ("1.234", ",", "1234"),
        ("12,34,567", ".", "1234567"),
        (",50", ",", "0.50"),
        ("0", ",", "0"),
    ],
)
def test_an_amount_is_what_the_bank_wrote(text, mark, amount):
    assert read_amount(text, mark) == Decimal(amount)


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        *((text, ".") for text in ("not a number", "USD", "", " ", "-", "1e5", "NaN", "0x10", "1.2.3")),
        *((text, ".") for text in ("--5", "(5", "-(5)")),
        ("12,34", "."),  # grouped like no thousands: decimals of another country
        ("12.34", ","),
        ("1,234.56", ","),
        ("1.234,56", "."),
        ("1,234,567", ","),
        ("1,,234.56", "."),
        ("1.234 567,89", ","),
        ("\N{ARABIC-INDIC DIGIT ONE}2", "."),
        ("5 apples", "."),
    ],
)
def test_what_is_no_amount_is_refused(text, mark):
    with pytest.raises(ValueError, match="no amount"):
        read_amount(text, mark)


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=2), st.sampled_from(",."))
def test_an_amount_survives_being_written_in_either_way(amount, mark):
    english = f"{amount:,.2f}"
    text = english if mark == "." else english.translate(str.maketrans(",.", ".,"))
    assert read_amount(text, mark) == amount


@pytest.mark.parametrize(
    ("texts", "mark"),
    [
        (["1.234,56"], ","),
        (["1,234.56"], "."),
        (["5,00", "1.234"], ","),
        (["1,234", "5.5"], "."),
        (["1.234.567"], ","),
        (["0,125"], ","),
        (["1,234"], "."),
        (["100", "-5"], "."),
    ],
)
def test_the_decimal_mark_is_told_by_the_amounts_of_the_file(texts, mark):
    assert decimal_mark_of(texts) == mark


@pytest.mark.parametrize(
    ("texts", "formats"),
    [
        (["2026-03-02"], ("%Y-%m-%d",)),
        (["28/02/2018", "01/03/2018"], ("%d/%m/%Y",)),
        (["02/28/2018"], ("%m/%d/%Y",)),
        (["10/02/2018"], ("%d/%m/%Y", "%m/%d/%Y")),
        (["22.02.18"], ("%d.%m.%y",)),
        (["20150224"], ("%Y%m%d",)),
        (["27 Feb 2018"], ("%d %b %Y",)),
        (["2018-02-25 12:34:56 +0000"], ("%Y-%m-%d",)),
    ],
)
def test_dates_are_told_by_all_of_the_file(texts, formats):
    recognised = Recognised()
    for text in texts:
        recognised.see(text)
    assert recognised.formats == formats


@pytest.mark.parametrize("text", ["", "31-02-2026", "2026-13-01", "yesterday", "1111/11/11", "3026-01-01"])
def test_what_is_no_date_is_refused(text):
    with pytest.raises(ValueError, match="no date"):
        Recognised().see(text)


def test_a_date_is_read_by_its_format():
    assert Dates("%d-%m-%Y").read("03-02-2026") == date(2026, 2, 3)
