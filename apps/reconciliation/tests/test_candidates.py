"""What a bank line may be: which open items are found, in which order, and which of them is beyond doubt."""

from datetime import date

import pytest

from apps.ledger.services.allocating import settle_documents
from apps.reconciliation.models import BankAccount, ReconciliationModel
from apps.reconciliation.references import kenmerk_digit, mod10
from apps.reconciliation.reports.candidates import applied_by_itself, candidates_for
from apps.reconciliation.services.clearing import clear
from apps.reconciliation.tests.guessing import applied, codes, found, items, owed_to, owes, together, why
from apps.reconciliation.tests.matching import D, of_item

MARCH_12 = date(2026, 3, 12)


@pytest.fixture
def anna(ledger):
    return ledger.customer("C-1", name="Anna Hansen", iban="NL20INGB0001234567")


@pytest.fixture
def bernard(ledger):
    return ledger.customer("C-2", name="Bernard Gagnant")


@pytest.fixture
def conrad(ledger):
    return ledger.supplier("S-1", name="Conrad Electronic BV")


def model(bank, **fields) -> ReconciliationModel:
    """A model that matches open items by itself."""
    said = {"name": "Open items", "kind": "MATCH_ITEMS", "trigger": "auto_reconcile", **fields}
    return ReconciliationModel.objects.create(administration=bank.books.administration, **said)


# Which document ------------------------------------------------------------------------------------------------------


def test_a1_the_number_of_an_invoice_in_the_description_finds_it(bank, ledger, anna):
    first, _second = owes(ledger, anna, "100.00", "100.00")
    assert applied(bank.line("100.00", label="invoice 2026-0001")) == {first.pk}


@pytest.mark.parametrize(
    "label",
    ["INV-2026-0002", "inv 2026 0002", "INV20260002", "Rechnung 2026/0002, danke", "payment:2026-0002.", "INV-2026-2"],
)
def test_a_number_is_found_as_people_write_it(bank, ledger, anna, label):
    _first, second = owes(ledger, anna, "100.00", "100.00")
    assert applied(bank.line("100.00", label=label)) == {second.pk}


@pytest.mark.parametrize("text", ["", "invoice 2026-0003", "nothing 0001234"])
def test_a_number_that_nothing_open_has_finds_nothing(bank, ledger, anna, text):
    owes(ledger, anna, "100.00")
    assert "REFERENCE" not in {code for one in found(bank.line("100.00", label=text)).ranked for code in codes(one)}


KID = f"20260001{mod10('20260001')}"
RF = f"RF{98 - int('20260001271500') % 97:02d}20260001"
KENMERK = f"{kenmerk_digit('000000020260001')}000000020260001"


@pytest.mark.parametrize("reference", [KID, RF, KENMERK])
def test_a_structured_reference_is_the_invoice_that_its_digits_name(bank, ledger, anna, reference):
    first, _second = owes(ledger, anna, "100.00", "100.00")
    line = bank.line("100.00", reference=reference)
    assert applied(line) == {first.pk}
    assert why(found(line).ranked[0], "STRUCTURED_REFERENCE").facts == {"number": "20260001"}


def test_a_structured_reference_whose_check_digit_is_wrong_says_nothing_of_the_kind(bank, ledger, anna):
    owes(ledger, anna, "100.00")
    wrong = f"{KID[:-1]}{(int(KID[-1]) + 1) % 10}"
    assert all("STRUCTURED_REFERENCE" not in codes(one) for one in found(bank.line("100.00", reference=wrong)).ranked)


def test_an_end_to_end_id_is_the_number_that_we_gave_the_payment(bank, ledger, conrad):
    bill = owed_to(ledger, conrad, "690.00", "F-9")
    owed_to(ledger, conrad, "690.00", "F-8")
    assert applied(bank.line("-690.00", end_to_end_id="F-9")) == {bill.pk}
    assert applied(bank.line("-690.00", end_to_end_id="NOTPROVIDED")) == set()


def test_a6_of_equal_amounts_the_one_of_which_most_is_written_comes_first(bank, ledger, conrad):
    bills = [
        owed_to(ledger, conrad, "1000.00", reference)
        for reference in ("bernard 1111 gagnant", "2222 turlututu 3333", "4444 tsoin 5555 tsoin 6666")
    ]
    texts = {"label": "1111", "reference": "2222 3333", "note": "4444 5555 6666"}
    assert items(bank.line("-1000.00", **texts)) == [bill.pk for bill in reversed(bills)]
    for searched, expected in (({"search_label"}, 0), ({"search_label", "search_reference"}, 1)):
        fields = {f"search_{field}": f"search_{field}" in searched for field in texts}
        rule = model(bank, **fields)
        assert items(bank.line("-1000.00", **texts))[0] == bills[expected].pk
        rule.delete()


def test_a_number_that_another_number_holds_is_not_found_in_it(bank, ledger, anna):
    owes(ledger, anna, "100.00")
    assert applied(bank.line("100.00", label="order 120260001")) == set()


# Who -----------------------------------------------------------------------------------------------------------------


def test_the_only_invoice_of_that_amount_of_whoever_has_the_account_is_beyond_doubt(bank, ledger, anna, bernard):
    first, _other = owes(ledger, anna, "100.00", "120.00")
    owes(ledger, bernard, "100.00")
    assert applied(bank.line("100.00", counterparty_iban="NL20INGB0001234567")) == {first.pk}


def test_two_invoices_of_one_party_and_amount_are_never_told_apart_without_a_number(bank, ledger, anna):
    owes(ledger, anna, "100.00", "100.00")
    line = bank.line("100.00", counterparty_iban="NL20INGB0001234567")
    assert found(line).is_ambiguous
    assert applied(line) == set()


def test_equal_amounts_of_different_parties_are_never_guessed(bank, ledger, anna, bernard):
    owes(ledger, anna, "100.00")
    owes(ledger, bernard, "100.00")
    assert found(bank.line("100.00")).is_ambiguous


def test_an_amount_alone_is_never_enough(bank, ledger, anna):
    (only,) = owes(ledger, anna, "100.00")
    line = bank.line("100.00")
    assert (items(line), found(line).is_ambiguous, applied(line)) == ([only.pk], False, set())


@pytest.mark.parametrize("field", ["label", "note", "reference"])
def test_a7_a_name_or_number_counts_only_in_a_text_that_is_searched(bank, ledger, bernard, field):
    (invoice,) = owes(ledger, bernard, "100.00")
    for text in ("INV-2026-0001", "from Bernard Gagnant"):
        rule = model(bank, **{f"search_{one}": one == field for one in ("label", "note", "reference")})
        assert applied(bank.line("100.00", **{field: text})) == {invoice.pk}
        rule.delete()
        rule = model(bank, **{f"search_{one}": one != field for one in ("label", "note", "reference")})
        assert applied(bank.line("100.00", **{field: text})) == set()
        rule.delete()
    assert applied(bank.line("100.00", **{field: "nothing"})) == set()


def test_a24_a_name_is_found_in_any_order_and_case(bank, ledger):
    party = ledger.customer("C-3", name="Archibald Haddock")
    (invoice,) = owes(ledger, party, "100.00")
    assert applied(bank.line("100.00", label="1234//HADDOCK-Archibald")) == {invoice.pk}


def test_e1_a_supplier_named_in_the_description_comes_first(bank, ledger, conrad):
    other = owed_to(ledger, ledger.supplier("S-2", name="Elektro Haus"), "690.00", "F-1")
    bill = owed_to(ledger, conrad, "690.00", "F-1")
    assert items(bank.line("-690.00", label="SEPA Overboeking Conrad Electronic 12-03")) == [bill.pk, other.pk]


def test_e8_a_payment_to_a_supplier_matches_exactly(bank, ledger, conrad):
    bill = owed_to(ledger, conrad, "1250.00", "F-1")
    (candidate,) = found(bank.line("-1250.00", counterparty_name="CONRAD ELECTRONIC")).ranked
    assert (candidate.open_item, candidate.amount) == (bill.pk, D(-1250))
    assert {"AMOUNT", "NAME"} <= codes(candidate)


def test_more_evidence_never_loses_to_a_mere_amount(bank, ledger, anna, bernard):
    owes(ledger, bernard, "100.00", day=MARCH_12)
    (invoice,) = owes(ledger, anna, "400.00", day=date(2026, 1, 2))
    for evidence in ({"counterparty_name": "Anna Hansen"}, {"label": "INV-2026-0002"}, {"party": anna}):
        assert items(bank.line("100.00", **evidence))[0] == invoice.pk


def test_a_number_of_somebody_elses_invoice_is_for_a_person_when_it_is_as_much(bank, ledger, anna, bernard):
    (hers,) = owes(ledger, anna, "100.00")
    owes(ledger, bernard, "100.00")
    line = bank.line("100.00", label="INV-2026-0002", counterparty_iban=anna.iban)
    assert applied(line) == set()
    assert hers.pk in items(line)


def test_and_is_a_slip_when_it_is_another_amount(bank, ledger, anna, bernard):
    (hers,) = owes(ledger, anna, "100.00")
    owes(ledger, bernard, "250.00")
    assert applied(bank.line("100.00", label="INV-2026-0002", counterparty_iban=anna.iban)) == {hers.pk}


def test_what_was_paid_before_is_not_paid_with_something_else(bank, ledger, anna):
    first, second = owes(ledger, anna, "100.00", "100.00")
    ledger.paid(anna, "100.00", type=first.document_type, id=first.document_id)
    settle_documents(ledger.administration, [first.document_id])
    line = bank.line("100.00", label="INV-2026-0001", counterparty_iban=anna.iban)
    assert applied(line) == set()
    candidate = found(line).ranked[0]
    assert (candidate.open_item, why(candidate, "OTHER_DOCUMENT").facts) == (second.pk, {"number": "INV-2026-0001"})
    assert applied(bank.line("100.00", label="INV-2026-0003", counterparty_iban=anna.iban)) == {second.pk}


def test_an_invoice_of_a_later_date_is_for_a_person(bank, ledger, anna):
    owes(ledger, anna, "100.00", day=MARCH_12)
    assert applied(bank.line("100.00", date=date(2026, 3, 4), counterparty_iban=anna.iban)) == set()
    assert applied(bank.line("100.00", date=date(2026, 3, 5), counterparty_iban=anna.iban)) != set()


# How much ------------------------------------------------------------------------------------------------------------


def test_a8_less_than_the_invoice_is_no_match_without_its_number(bank, ledger, anna):
    owes(ledger, anna, "1000.00")
    assert applied(bank.line("990.00", counterparty_iban=anna.iban)) == set()


@pytest.mark.parametrize(("paid", "clears"), [("40.00", 40), ("110.00", 100)])
def test_a9_a13_a16_a_part_or_more_is_matched_when_the_number_is_there_and_the_party_known(
    bank, ledger, anna, paid, clears
):
    (invoice,) = owes(ledger, anna, "100.00")
    (candidate,) = applied_by_itself(found(bank.line(paid, label="INV-2026-0001", party=anna)))
    assert (candidate.open_item, candidate.amount) == (invoice.pk, clears)
    assert applied(bank.line(paid, label="INV-2026-0001")) == set()  # somebody may have mistyped it


def test_a_part_is_matched_by_a_structured_reference_whoever_pays(bank, ledger, anna):
    (invoice,) = owes(ledger, anna, "100.00")
    assert applied(bank.line("40.00", reference=KID, counterparty_name="Ole Berg")) == {invoice.pk}


def test_a_part_named_and_another_as_much_are_for_a_person(bank, ledger, anna):
    owes(ledger, anna, "100.00", "40.00")
    assert applied(bank.line("40.00", label="INV-2026-0001", counterparty_iban=anna.iban)) == set()


@pytest.mark.parametrize(("paid", "within"), [("990.00", True), ("1010.00", True), ("989.99", False)])
def test_a11_a_difference_within_the_tolerance_is_told_and_waits_for_a_person(bank, ledger, anna, paid, within):
    owes(ledger, anna, "1000.00")
    model(bank, tolerance=D(1))
    line = bank.line(paid, party=anna)
    (candidate,) = found(line).ranked
    assert ("TOLERANCE" in codes(candidate)) is within
    assert applied(line) == set()


def test_the_difference_is_told(bank, ledger, anna):
    owes(ledger, anna, "100.00")
    (candidate,) = found(bank.line("40.00", party=anna)).ranked
    assert why(candidate, "PARTIAL").facts == {"difference": "60.00"}


def test_e4_money_in_takes_what_is_owed_to_us_and_money_out_what_we_owe(bank, ledger, anna, conrad):
    owes(ledger, anna, "690.00")
    owed_to(ledger, conrad, "690.00", "F-1")
    bill = owed_to(ledger, conrad, "3900.00", "F-2")
    (candidate,) = found(bank.line("-3900.00", label="ATM 690")).ranked
    assert (candidate.open_item, candidate.amount) == (bill.pk, D(-3900))
    (candidate,) = found(bank.line("690.00", label="ATM")).ranked
    assert candidate.party == anna.pk


def test_a_credit_note_of_a_supplier_is_paid_by_money_in(bank, ledger, conrad):
    note = owed_to(ledger, conrad, "300.00", "RBILL/2026/09/0013", credit_note=True)
    assert applied(bank.line("300.00", label="RBILL/2026/09/0013")) == {note.pk}
    assert items(bank.line("-300.00", label="RBILL/2026/09/0013")) == []


def test_what_is_left_of_a_line_is_looked_for(bank, ledger, anna):
    first, second = owes(ledger, anna, "100.00", "60.00")
    line = bank.line("160.00", counterparty_iban=anna.iban)
    clear(line, [of_item(first, "100")], by=bank.accountant)
    line.refresh_from_db()
    assert applied(line) == {second.pk}
    clear(line, [of_item(second, "60")], by=bank.accountant)
    line.refresh_from_db()
    assert items(line) == []


# Several together ----------------------------------------------------------------------------------------------------


def test_a1_items_of_one_party_that_add_up_are_the_line_together(bank, ledger, anna):
    note = owed_to(ledger, ledger.supplier("S-1"), "300.00", "N-1", credit_note=True)
    first, second, third = owes(ledger, anna, "100.00", "200.00", "300.00")
    line = bank.line("600.00", label="xxxxx", party=anna)
    assert together(line) == {first.pk: D(100), second.pk: D(200), third.pk: D(300)}
    assert applied(line) == {first.pk, second.pk, third.pk}  # all that she owes
    assert note.pk not in items(line)


def test_some_of_what_a_party_owes_are_proposed_and_wait_for_a_person(bank, ledger, anna):
    first, second, _third = owes(ledger, anna, "100.00", "250.00", "300.00")
    line = bank.line("350.00", party=anna)
    assert together(line) == {first.pk: D(100), second.pk: D(250)}
    assert (found(line).is_ambiguous, applied(line)) == (False, set())


def test_those_that_the_payer_names_are_the_line_together(bank, ledger, anna):
    first, second, _third = owes(ledger, anna, "100.00", "250.00", "300.00")
    assert applied(bank.line("350.00", label="INV-2026-0001 + INV-2026-0002")) == {first.pk, second.pk}


def test_a29_an_exact_single_item_beats_those_that_add_up(bank, ledger, anna):
    _first, _second, third = owes(ledger, anna, "100.00", "200.00", "300.00")
    line = bank.line("300.00", party=anna)
    assert (together(line), applied(line)) == ({}, {third.pk})


def test_a28_never_more_items_than_needed_the_oldest_first(bank, ledger, anna):
    first, second, _third = owes(ledger, anna, "100.00", "200.00", "300.00")
    line = bank.line("250.00", party=anna)
    assert together(line) == {first.pk: D(100), second.pk: D(150)}
    assert found(line).is_ambiguous
    assert applied(line) == set()


def test_two_ways_to_add_up_are_a_tie_that_nobody_guesses(bank, ledger, anna):
    owes(ledger, anna, "100.00", "200.00", "150.00", "150.00")
    line = bank.line("300.00", party=anna)
    assert (together(line), found(line).is_ambiguous) == ({}, True)


def test_items_of_two_parties_are_never_put_together(bank, ledger, anna, bernard):
    owes(ledger, anna, "100.00")
    owes(ledger, bernard, "200.00")
    assert together(bank.line("300.00", party=anna)) == {}


def test_without_knowing_whose_line_it_is_nothing_is_put_together(bank, ledger, anna):
    owes(ledger, anna, "100.00", "200.00")
    assert items(bank.line("300.00")) == []


# Models --------------------------------------------------------------------------------------------------------------


def test_a2_with_models_only_lines_of_their_accounts_are_matched_by_themselves(bank, ledger, anna):
    (invoice,) = owes(ledger, anna, "100.00")
    line = bank.line("100.00", label="INV-2026-0001")
    rule = model(bank)
    assert applied(line) == {invoice.pk}
    rule.bank_accounts.add(
        BankAccount.objects.create(
            administration=bank.books.administration,
            journal=bank.books.journal,
            account=bank.books.account("cash_drawer"),
            name="Cash",
            currency="EUR",
        )
    )
    assert applied(line) == set()
    assert found(line).needs_person


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"amount_type": "lower", "amount_max": D(150)}, {"100.00"}),
        ({"amount_type": "greater", "amount_min": D(200)}, {"600.00", "-1000.00"}),
        ({"amount_type": "between", "amount_min": D(200), "amount_max": D(800)}, {"600.00"}),
    ],
)
def test_a4_and_only_lines_of_their_amounts_whatever_their_sign(bank, ledger, anna, conrad, condition, expected):
    owes(ledger, anna, "100.00", "600.00")
    owed_to(ledger, conrad, "1000.00", "F-100001")
    model(bank, **condition)
    said = {"100.00": "INV-2026-0001", "600.00": "INV-2026-0002", "-1000.00": "F-100001"}
    assert {amount for amount, label in said.items() if applied(bank.line(amount, label=label))} == expected


def test_a30_the_first_model_that_holds_decides_whether_a_person_does(bank, ledger, anna):
    (invoice,) = owes(ledger, anna, "100.00")
    line = bank.line("100.00", label="INV-2026-0001", party=anna)
    model(bank, sequence=2)
    first = model(bank, sequence=1, name="Anna", party=anna, trigger="manual")
    assert (found(line).model, applied(line)) == (first.pk, set())
    first.delete()
    assert applied(line) == {invoice.pk}


# As a whole ----------------------------------------------------------------------------------------------------------


def test_a_score_is_the_sum_of_its_reasons_up_to_100(bank, ledger, anna):
    owes(ledger, anna, "100.00", "400.00")
    for line in (
        bank.line("100.00", label="INV-2026-0001", counterparty_iban=anna.iban, counterparty_name="A. Hansen"),
        bank.line("100.00", counterparty_name="Anna Hansen"),
        bank.line("400.00"),
    ):
        for candidate in found(line).ranked:
            assert candidate.score == min(sum(reason.points for reason in candidate.reasons), 100)


def test_no_reason_holds_a_text_or_a_name_or_an_account_number_of_the_bank(bank, ledger, anna):
    owes(ledger, anna, "100.00")
    secret = {"label": "Zebra INV-2026-0001", "counterparty_name": "Anna Hansen", "counterparty_iban": anna.iban}
    said = str([reason for one in found(bank.line("100.00", **secret)).ranked for reason in one.reasons])
    assert not any(word in said for word in ("Zebra", "Anna", "Hansen", "INGB"))


def test_many_lines_take_as_many_queries_as_one(bank, ledger, anna, django_assert_max_num_queries):
    owes(ledger, anna, "100.00", "200.00", "300.00")
    lines = [
        *bank.statement("100.00", "250.00", "-3.00", counterparty_iban=anna.iban).lines.all(),
        *bank.statement("100.00", "600.00", label="INV-2026-0009", counterparty_iban=anna.iban).lines.all(),
    ]
    with django_assert_max_num_queries(16) as one:
        candidates_for(lines[:1])
    with django_assert_max_num_queries(len(one.captured_queries) + 1):  # whether a number was ever used is asked once
        assert len(candidates_for(lines)) == 5
