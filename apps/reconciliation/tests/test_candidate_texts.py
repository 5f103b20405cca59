"""How texts, names and numbers are compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.reconciliation.references import mod10, mod11
from apps.reconciliation.reports.candidates.documents import guarded_numbers, numbers_like
from apps.reconciliation.reports.candidates.texts import (
    account_forms,
    likeness,
    name_key,
    name_words,
    number_forms,
    numbers_in,
    plain,
)


def like(ours: str, theirs: str) -> float:
    return likeness(name_words(ours), name_words(theirs))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ella Jackson", "JACKSON, Ella"),
        ("Conrad Electronic B.V.", "conrad electronic"),
        ("John Doe & Co.", "JOHN DOE"),
        ("Dhr. J.W. de Vries", "de Vries JW"),
        ("Bjørn Åsgård", "BJORN ASGARD"),
        ("Müller GmbH", "Muller"),
    ],
)
def test_names_are_one_in_any_order_case_and_form(one, other):
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ella Jackson", "Jackson Ella W."),  # E14
        ("J. Jansen", "Jan Jansen"),
        ("Jan Jansne", "Jan Jansen"),
        ("Anna van der Li", "Anna van der Linden"),
    ],
)
def test_names_are_alike_with_an_initial_a_slip_or_a_cut(one, other):
    assert 0.75 <= like(one, other) < 1
    assert like(one, other) == like(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Jan Jansen", "Piet Jansen"),
        ("A. Smit", "Jan Smit"),
        ("Jon Berg", "Jan Berg"),
        ("Jansen Bakkerij", "Jansen"),
        ("", "Jan"),
    ],
)
def test_names_of_two_are_not_alike(one, other):
    assert like(one, other) < 0.75


@given(st.text(max_size=40), st.text(max_size=40))
def test_likeness_is_the_same_from_both_sides_and_whole_for_equals(one, other):
    ours, theirs = name_words(one), name_words(other)
    assert 0 <= likeness(ours, theirs) <= 1
    assert likeness(ours, ours) == 1


@pytest.mark.parametrize(
    ("number", "forms"),
    [
        ("INV-2026-0117", {"INV20260117", "20260117", "INV2026117", "2026117", "0117"}),
        ("B-000123", {"B000123", "000123", "B123", "123"}),
        ("RF12 3456", {"RF123456", "123456", "3456"}),
        ("4711", {"4711"}),
        ("none", {"NONE"}),
    ],
)
def test_the_forms_of_a_number(number, forms):
    assert {column[0] for column in number_forms([number])} - {""} == forms


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\n\r", codec="utf-8"), max_size=12), min_size=1))
def test_many_numbers_have_the_forms_that_each_has(numbers):
    columns = number_forms(numbers)
    assert all(len(column) == len(numbers) for column in columns)


@pytest.mark.parametrize(
    "text", ["INV-2026-0117", "invoice 2026 0117", "nr.20260117!", "inv2026-0117", "INV-2026-117", "x 2026/117 y"]
)
def test_a_text_holds_a_form_of_the_number_that_it_names(text):
    forms = {column[0] for column in number_forms(["INV-2026-0117"])}
    assert forms & set(numbers_in(text))


def test_a_number_in_a_longer_one_is_another():
    assert not {"INV20260117", "20260117", "2026117"} & set(numbers_in("120260117 and 202601179"))


def test_check_digits_guard_the_number_without_them():
    assert guarded_numbers(f"2026{mod10('2026')}") == {"2026"}
    assert guarded_numbers(f"0002026{mod11('0002026')}") >= {"0002026", "2026"}
    assert guarded_numbers("RF18539007547034") >= {"539007547034"}
    assert guarded_numbers("5000056789012345") >= {"000056789012345", "56789012345"}  # Betaalvereniging's example
    assert guarded_numbers("RF19539007547034") == set()
    assert guarded_numbers("18") == set()  # every tenth number is a KID of two digits


def test_other_numbers_are_written_as_ours_are():
    texts = ["Re: inv 2026 0050, INV-2026-0117", "2026-0051 and 12026-0052"]
    assert list(numbers_like("INV-2026-0117", texts)) == ["INV-2026-0050", "INV-2026-0051"]
    assert list(numbers_like("F-1", ["F-2"])) == []


@pytest.mark.parametrize(
    "written", ["DE02000000003716541159", "000000003716541159", "3716541159", "de02 0000 0000 3716 5411 59"]
)
def test_e13_an_account_is_found_by_its_iban_or_its_number(written):
    assert account_forms(written) & account_forms("DE02000000003716541159")


def test_accounts_of_one_bank_are_two():
    assert not account_forms("NL91ABNA0417164300") & account_forms("NL02ABNA0123456789")


def test_plain_text_has_no_accents():
    assert plain("Überweisung Ærø") == "UBERWEISUNG AERO"
