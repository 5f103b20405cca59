from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.errors import AmountHasTooManyDigits, UnknownCurrency
from apps.core.money import CURRENCIES, ZERO, currency, exact, quantize, shares, split, text, total

codes = st.sampled_from(["EUR", "JPY", "KWD", "NOK", "NGN"])
amounts = st.decimals(min_value=-(10**12), max_value=10**12, places=4, allow_nan=False)


@given(amount=amounts, parts=st.integers(1, 50), code=codes)
def test_the_parts_of_a_split_sum_to_the_total(amount, parts, code):
    amount = quantize(amount, code)
    assert total(split(amount, parts, code)) == amount


@given(amount=amounts, parts=st.integers(1, 50), code=codes)
def test_the_parts_of_a_split_differ_by_one_unit_at_most_and_the_first_carry_the_odd_ones(amount, parts, code):
    shares = split(quantize(amount, code), parts, code)
    assert shares == sorted(shares, reverse=True)
    assert shares[0] - shares[-1] <= currency(code).unit


@given(amount=amounts, code=codes)
def test_an_amount_is_rounded_half_up_to_the_digits_of_its_currency(amount, code):
    rounded = quantize(amount, code)
    assert -rounded.as_tuple().exponent == currency(code).digits
    assert abs(rounded - amount) <= currency(code).unit / 2
    assert quantize(-amount, code) == -rounded


@pytest.mark.parametrize(
    ("amount", "code", "rounded"),
    [
        ("0.005", "EUR", "0.01"),
        ("-0.005", "EUR", "-0.01"),
        ("-0.004", "EUR", "0.00"),
        ("2.675", "EUR", "2.68"),
        ("0.5", "JPY", "1"),
        ("1.4999", "JPY", "1"),
        ("0.0005", "KWD", "0.001"),
    ],
)
def test_a_half_goes_up_whatever_the_digits(amount, code, rounded):
    assert str(quantize(Decimal(amount), code)) == rounded


def test_the_digits_are_those_of_iso_4217():
    assert {code: CURRENCIES[code].digits for code in ("EUR", "NOK", "NGN", "JPY", "ISK", "KWD", "BHD")} == {
        "EUR": 2, "NOK": 2, "NGN": 2, "JPY": 0, "ISK": 0, "KWD": 3, "BHD": 3,
    }  # fmt: skip


@given(amount=amounts, code=codes)
def test_an_amount_finer_than_the_currency_is_refused_and_never_rounded_away(amount, code):
    if amount == amount.quantize(currency(code).unit, rounding=ROUND_HALF_UP):
        assert exact(amount, code) == amount
    else:
        with pytest.raises(AmountHasTooManyDigits):
            exact(amount, code)


def test_a_code_that_is_no_currency_is_refused():
    with pytest.raises(UnknownCurrency):
        currency("XXX")


def test_a_currency_is_known_in_any_case():
    assert currency("eur") is currency("EUR")


def test_the_total_of_nothing_is_zero():
    assert total([]) == ZERO
    assert isinstance(total([]), Decimal)


def test_the_api_writes_exactly_the_digits_of_the_currency():
    assert text(Decimal("65"), "EUR") == "65.00"
    assert text(Decimal("1234567.5"), "JPY") == "1234568"
    assert text(Decimal("0"), "KWD") == "0.000"


@given(
    st.decimals(-9999, 9999, places=2, allow_nan=False),
    st.lists(st.decimals(-99, 99, places=2, allow_nan=False), min_size=1, max_size=8),
)
def test_shares_by_weight_sum_to_the_total_and_have_no_finer_digits(amount, weights):
    parts = shares(amount, weights, "EUR")
    assert (total(parts), len(parts)) == (amount, len(weights))
    assert all(part == quantize(part, "EUR") for part in parts)


@given(
    st.decimals(0, 9999, places=2, allow_nan=False),
    st.lists(st.decimals("0.01", 99, places=2, allow_nan=False), min_size=1, max_size=8),
)
def test_a_share_is_within_a_unit_of_its_weight(amount, weights):
    for part, weight in zip(shares(amount, weights, "EUR"), weights, strict=True):
        assert abs(part - amount * weight / total(weights)) <= currency("EUR").unit


def test_weights_that_cancel_out_share_equally():
    assert shares(Decimal("1.00"), [Decimal(5), Decimal(-5)], "EUR") == [Decimal("0.50"), Decimal("0.50")]
