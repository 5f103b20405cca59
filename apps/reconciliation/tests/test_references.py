"""Structured references and IBANs: what is valid, and what is found in free text."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.iso7064 import mod_97_10

from apps.reconciliation.references import (
    Kind,
    Reference,
    found_in,
    ibans_in,
    is_kenmerk,
    is_kid,
    is_rf,
    kenmerk_digit,
    kind_of,
    mod10,
    mod11,
    normalised,
)

digits = st.text("0123456789", min_size=1, max_size=24)
longer = st.text("0123456789", min_size=6, max_size=24)
LENGTHS = {9: "7", 10: "8", 11: "9", 12: "0", 13: "1", 14: "2"}  # with its check digit and length; the length's digit


def rf(text):
    return f"RF{mod_97_10.calc_check_digits(f'{text}RF')}{text}"


@st.composite
def kenmerken(draw):
    length = draw(st.sampled_from([*LENGTHS, 16]))
    mark = LENGTHS.get(length, "")
    rest = mark + draw(st.text("0123456789", min_size=length - 1 - len(mark), max_size=length - 1 - len(mark)))
    return kenmerk_digit(rest) + rest


# Worked examples of those who define them: Betaalvereniging, ISO 11649, and a Norwegian manual for modulus 10.


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("5000056789012345", Kind.BETALINGSKENMERK),
        ("12234534622567", Kind.BETALINGSKENMERK),
        ("RF18539007547034", Kind.RF),
        ("602243", Kind.KID),
        ("2345676", Kind.KID),
        ("100008-", Kind.KID),
        ("5000056789012346", None),
        ("RF19539007547034", None),
        ("602244", None),
        ("1", None),
        ("", None),
        ("RF", None),
        ("-", None),
    ],
)
def test_known_references_are_what_they_are(text, kind):
    assert kind_of(text) is kind


@given(digits)
def test_a_kid_ends_with_either_check_digit(number):
    assert is_kid(number + mod10(number))
    assert is_kid(number + mod11(number))


@given(digits, st.data())
def test_modulus_10_and_11_find_a_wrong_digit(number, data):
    at = data.draw(st.integers(0, len(number) - 1))
    wrong = number[:at] + data.draw(st.sampled_from([d for d in "0123456789" if d != number[at]])) + number[at + 1 :]
    assert mod10(wrong) != mod10(number)
    assert mod11(wrong) != mod11(number)


@given(st.text("0123456789", min_size=26, max_size=40))
def test_a_kid_has_at_most_25_digits(number):
    assert not is_kid(number[:-1] + mod10(number[:-1]))


@given(kenmerken())
def test_a_betalingskenmerk_has_its_check_digit_and_its_length(text):
    assert is_kenmerk(text)
    assert not is_kenmerk(str((int(text[0]) + 1) % 10) + text[1:])


@given(st.text("0123456789", min_size=14, max_size=14))
def test_no_betalingskenmerk_has_15_digits(rest):
    assert not is_kenmerk(kenmerk_digit(rest) + rest)


@given(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=21), st.integers(1, 98))
def test_rf_holds_by_modulus_97(text, change):
    reference = rf(text)
    assert is_rf(reference)
    assert not is_rf(f"RF{(int(reference[2:4]) + change) % 100:02}{text}") or change % 97 == 0


@given(
    longer, st.sampled_from([mod10, mod11]), st.sampled_from(["KID {}", "kid: {}, takk", "Faktura 7 KID-nr {}", "{}"])
)
def test_a_kid_is_found_in_a_text(number, modulus, sentence):
    kid = number + modulus(number)
    found = {reference.text: reference for reference in found_in(sentence.format(kid))}
    assert kid in found
    assert found[kid].is_named == ("kid" in sentence.lower())


@given(kenmerken())
def test_a_betalingskenmerk_is_found_as_it_is_printed(text):
    printed = " ".join(text[at : at + 4] for at in range(0, len(text), 4))
    assert Reference(Kind.BETALINGSKENMERK, text, is_named=True) in found_in(f"Betalingskenmerk: {printed} dank u")
    assert text in [one.text for one in found_in(f"factuur {printed}")]


@given(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=21))
def test_rf_is_found_as_it_is_printed_and_in_small_letters(text):
    reference = rf(text)
    printed = " ".join(reference[at : at + 4] for at in range(0, len(reference), 4))
    for written in (reference, printed, reference.lower()):
        assert reference in [one.text for one in found_in(f"pay, {written}, thanks") if one.kind is Kind.RF]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("KID 2345676 Hansen", [("KID", "2345676", True)]),
        ("Betalingskenmerk 5000 0567 8901 2345", [("BETALINGSKENMERK", "5000056789012345", True)]),
        ("RF18 5390 0754 7034 factuur", [("RF", "RF18539007547034", True)]),
        ("602243 faktura, KID: 602243", [("KID", "602243", True)]),
        ("kid 602243 og kid 2345676", [("KID", "602243", True), ("KID", "2345676", True)]),
        ("kid 100008-", [("KID", "100008-", True)]),
        ("NL91 ABNA 0417 1643 00", []),
        ("Total 1.234,56 on 2026-03-04", []),
        ("SKID 18", []),
        ("", []),
    ],
)
def test_references_are_found_in_their_order_each_once(text, expected):
    assert [(one.kind, one.text, one.is_named) for one in found_in(text)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NL91 ABNA 0417 1643 00 Jansen", ["NL91ABNA0417164300"]),
        ("from no9386011117947, to NL91ABNA0417164300.", ["NO9386011117947", "NL91ABNA0417164300"]),
        ("NL91ABNA0417164300 NL91ABNA0417164300", ["NL91ABNA0417164300"]),
        ("NL92ABNA0417164300", []),
        ("XX12 3456 7890 1234 5678", []),
    ],
)
def test_ibans_are_found_by_their_check_digits(text, expected):
    assert ibans_in(text) == expected


def test_a_reference_is_compared_without_blanks_and_dots():
    assert normalised(" rf18 5390.0754 7034\n") == "RF18539007547034"


@given(st.text(max_size=300))
def test_no_text_is_too_strange(text):
    for reference in found_in(text):
        assert kind_of(reference.text)
    assert all(len(iban) >= 15 for iban in ibans_in(text))


@pytest.mark.parametrize(
    "text", ["1 " * 1000, "RF18 " * 400, "NL91 ABNA " * 200, "1" * 2000, "KID" * 700, "AA11" * 500]
)
def test_a_text_that_was_made_to_take_long_does_not(text):
    began = time.process_time()
    found_in(text)
    ibans_in(text)
    assert time.process_time() - began < 0.5
