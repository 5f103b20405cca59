"""MT940 and MT942: messages, movements, and what the dialects of field 86 become on a line."""

from datetime import date
from decimal import Decimal

import pytest

from apps.reconciliation.errors import StatementFileInvalid
from apps.reconciliation.formats import mt940 as mt940_format
from apps.reconciliation.tests.statement_files import ING_NEW, ING_OLD, OWN, THEIRS, mt940, read

MOVED = ":61:2603020302C1,00NTRFNONREF"


def statements(content):
    return read(mt940_format.parse, content)


def line(*fields):
    (statement,) = statements(mt940(*fields))
    return statement.line


def details(text, movement=":61:2603020302C10,00NTRFNONREF"):
    return line(movement, f":86:{text}")


def refusal(content):
    with pytest.raises(StatementFileInvalid) as refused:
        statements(content)
    return refused.value.facts["problem"]


# Messages and statements ----------------------------------------------------------------------------------------------


def test_a_message_is_a_statement_with_its_balances():
    (statement,) = statements(mt940(":61:2603020302D20,5NMSCNONREF", closing="D260331EUR0,5", opening="C260301EUR20,"))
    begins, ends = statement.begins, statement.ends
    assert (begins.iban, begins.currency, begins.name, begins.reference) == (OWN, "EUR", "12", "STARTUMS")
    assert statement.balances == ("20.00", "-0.50")
    assert (ends.date, begins.first_date, statement.line.row) == (date(2026, 3, 31), None, 5)


@pytest.mark.parametrize("layout", [ING_NEW, ING_OLD])
def test_the_old_and_the_new_layout_of_ing_say_the_same(layout):
    (statement,) = statements(layout)
    assert statement.balances == ("662.23", "564.35")
    assert statement.amounts == ["1.56", "-1.57", "1.57", "-1.14", "1.45", "-12.75", "32.00", "-119.00"]
    first, paid = statement.lines[0], statement.lines[6]
    assert (first.date, first.value_date) == (date(2014, 2, 20), date(2014, 2, 20))
    assert (first.counterparty_iban, first.counterparty_name) == (THEIRS, "ING BANK NV INZAKE WEB")
    assert (first.end_to_end_id, first.label) == ("EV12341REP1231456T1234", "EV10001REP1000000T1000")
    assert (first.bank_id, paid.reference) == ("00000000001005", "9001123412341234")
    assert statement.lines[3].note == "MARF MND-EV01; CSID NL32ZZZ999999991234"
    assert statement.begins.iban == "NL69INGB0123456789"
    assert read(mt940_format.parse, ING_OLD)[0].lines[5].note == statement.lines[5].note


def test_pages_of_one_statement_join_where_their_balances_do():
    first = mt940(":61:2603020302C1,00NMSCNONREF", closing="C260302EUR101,00", number="7/1").replace(":62F:", ":62M:")
    second = mt940(":61:2603030303C2,00NMSCNONREF", opening="C260302EUR101,00", number="7/2").replace(":60F:", ":60M:")
    (statement,) = statements(first + second)
    assert (statement.amounts, statement.balances) == (["1.00", "2.00"], ("100.00", "100.00"))
    gap = second.replace("C260302EUR101,00", "C260302EUR105,00")
    assert [one.balances for one in statements(first + gap)] == [("100.00", "101.00"), ("105.00", "100.00")]


def test_balances_may_lack_the_letter_of_their_field():
    assert statements(mt940(MOVED).replace("0F:", "0:").replace("2F:", "2:"))[0].balances == ("100.00", "100.00")


def test_two_pages_may_stand_in_one_message():
    text = mt940(MOVED, ":62M:C260302EUR101,00", ":60M:C260302EUR101,00", MOVED.replace("C1,", "D2,"))
    (statement,) = statements(text)
    assert (statement.amounts, statement.balances) == (["1.00", "-2.00"], ("100.00", "100.00"))


def test_messages_without_a_sign_between_them_are_statements_of_their_own():
    text = mt940(":61:2603020302C1,00NMSCNONREF").replace("-\r\n", "")
    assert [one.amounts for one in statements(text + text)] == [["1.00"], ["1.00"]]


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        (f"{OWN}EUR", (OWN, "EUR")),
        ("NL91 ABNA 0417 1643 00", (OWN, "EUR")),
        ("12345678/1020304050", ("12345678/1020304050", "EUR")),
        ("51210600/9223382012EUR", ("51210600/9223382012", "EUR")),
    ],
)
def test_an_account_is_named_without_blanks_and_without_its_currency(account, expected):
    begins = statements(mt940(account=account))[0].begins
    assert (begins.iban, begins.currency) == expected


def test_an_interim_report_has_no_balances_and_leaves_out_what_is_expected():
    content = (
        ":20:MT942\n:25:12345678\n:28C:00017/00001\n:34F:EURD0,00\n:34F:EURC0,00\n:13D:2603021730+0100\n"
        ":61:2603020302D0,42NCHGNONREF//055\n:86:Costs\n:61:2603030303EC9,00NTRFNONREF\n:90D:1EUR0,42\n-\n"
    )
    (statement,) = statements(content)
    assert (statement.amounts, statement.balances) == (["-0.42"], (None, None))
    assert (statement.begins.currency, statement.ends.date) == ("EUR", date(2026, 3, 2))
    assert statement.ends.not_booked == 1


def test_what_follows_the_closing_balance_is_not_of_the_last_line():
    text = mt940(":61:2603020302C1,00NMSCNONREF", ":86:Rent").replace(
        "-\r\n", ":64:C260331EUR9,\r\n:86:Summary\r\n-\r\n"
    )
    assert statements(text)[0].line.label == "Rent"


# Movements ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mark", "amount", "reversed_"),
    [("C", "12.50", False), ("D", "-12.50", False), ("RC", "-12.50", True), ("RD", "12.50", True),
     ("CR", "12.50", False), ("DR", "-12.50", False), ("RDR", "12.50", True)],
)  # fmt: skip
def test_the_mark_says_the_sign_and_a_funds_code_may_follow_it(mark, amount, reversed_):
    found = line(f":61:2603020302{mark}12,5NTRFNONREF")
    assert (str(found.amount), found.is_reversal) == (amount, reversed_)


@pytest.mark.parametrize(
    ("value", "entry_date", "expected"),
    [("251231", "0102", date(2026, 1, 2)), ("260102", "1231", date(2025, 12, 31)), ("260301", "0302", date(2026, 3, 2)),
     ("260302", "", date(2026, 3, 2)), ("240301", "0229", date(2024, 2, 29))],
)  # fmt: skip
def test_the_entry_date_is_in_the_year_nearest_to_the_value_date(value, entry_date, expected):
    assert line(f":61:{value}{entry_date}C1,00NTRFNONREF").date == expected


def test_german_banks_date_interest_on_30_february():
    found = line(":61:2602300301D6,00N024NONREF")
    assert (found.value_date, found.date) == (date(2026, 2, 28), date(2026, 3, 1))


def test_the_references_of_a_movement_have_their_places():
    found = line(":61:2603020302C1,00NTRFREF 25611247//8327000090031790", "Card transaction", ":86:Rent")
    assert (found.bank_id, found.transaction_type) == ("8327000090031790", "NTRF")
    assert (found.label, found.note) == ("Rent", "Card transaction; REF 25611247")


def test_a_movement_without_field_86_has_the_text_that_follows_it():
    assert line(":61:2603020302C1,00NTRFNONREF", "Card transaction").label == "Card transaction"


def test_broken_fields_do_not_lose_the_line():
    found = line(":61:2603020302CR", "30,00N062NONREF", ":", "86:166?00GUTSCHR. UEBERWEISUNG?081542?20SVWZ+Test")
    assert (str(found.amount), found.label) == ("30.00", "Test")


def test_an_original_amount_in_another_currency_is_kept_with_its_rate():
    found = line(":61:2603020302D90,00NTRFNONREF", "/OCMT/USD100,00/EXCH/1,1111/", ":86:Hosting")
    assert (found.foreign_currency, str(found.foreign_amount)) == ("USD", "-100.00")
    assert found.exchange_rate.quantize(Decimal("0.0001")) == Decimal("0.9000")
    assert line(":61:2603020302D4,00NTRFNONREF", "/OCMT/EUR4,5//IACC/D3/").foreign_currency == ""


# Field 86 -------------------------------------------------------------------------------------------------------------


def test_rabobank_names_the_other_side_and_puts_its_account_under_the_movement():
    found = line(
        ":61:2603020302D25,00N102EREF",
        THEIRS,
        ":86:/EREF/01-01-2013 12:00 0030000987654321/BENM//NAME/CONTRA ACCOUN",
        "T HOLDER/REMI/Invoice 7/ISDT/2013-07-11",
    )
    assert (found.counterparty_name, found.counterparty_iban) == ("CONTRA ACCOUNT HOLDER", THEIRS)
    assert (found.end_to_end_id, found.label, found.note) == ("01-01-2013 12:00 0030000987654321", "Invoice 7", "")


def test_rabobank_states_a_structured_reference_with_its_kind():
    found = details("/ORDP//NAME/A. Jansen/REMI//CDTRREFTP//CD/SCOR/ISSR/CUR/CDTRREF/5000056789012345/ISDT/2026-03-02")
    assert (found.counterparty_name, found.reference, found.label) == ("A. Jansen", "5000056789012345", "")


def test_abn_amro_begins_with_the_kind_of_payment():
    found = details(f"/TRTP/SEPA OVERBOEKING/IBAN/{THEIRS}/BIC/INGBNL2A/NAME/A. Jansen/REMI/Factuur 7/EREF/NOTPROVIDED")
    assert (found.transaction_type, found.counterparty_iban) == ("NTRF SEPA OVERBOEKING", THEIRS)
    assert (found.counterparty_name, found.label, found.end_to_end_id) == ("A. Jansen", "Factuur 7", "")


def test_what_a_payer_writes_cannot_take_the_place_of_the_banks_own_words():
    found = details(f"/CNTP/{THEIRS}/INGBNL2A/A. Jansen///REMI/USTD//hello /NAME/Tax Office/IBAN/{OWN}/")
    assert (found.counterparty_name, found.counterparty_iban) == ("A. Jansen", THEIRS)


def test_the_name_of_an_ultimate_party_is_noted():
    found = details("/BENM//NAME/Payer/ULTD//NAME/Her child/REMI/Visit")
    assert (found.counterparty_name, found.note) == ("Payer", "ULTD/NAME Her child")


def test_numbered_subfields_of_germany_flow_where_they_are_full():
    found = details(
        "166?00GUTSCHRIFT?100399?20EREF+EndToEndId TFNR 22 004?21 00001?22SVWZ+Verw CTSc-01 BC-PPP TF?23Nr 22 004"
        "?30DRESDEFF508?31DE14508800500194785000?32KARL?33        KAUFMANN?34992?70Empfaenger"
    )
    assert (found.label, found.end_to_end_id) == ("Verw CTSc-01 BC-PPP TFNr 22 004", "EndToEndId TFNR 22 004 00001")
    assert (found.counterparty_name, found.counterparty_iban) == ("KARL KAUFMANN", "DE14508800500194785000")
    assert (found.transaction_type, found.note) == ("NTRF 166+992 GUTSCHRIFT", "Empfaenger")


def test_subfields_may_have_another_mark_and_no_keywords():
    found = details("000>20Gehalt Oktober>21Firma Mustermann>3050060400>310847564700>32MUELLER")
    assert (found.label, found.counterparty_name) == ("Gehalt Oktober Firma Mustermann", "MUELLER")


def test_sns_writes_account_and_name_before_an_empty_line():
    found = details("0987654321 marechal s\r\n\r\ndit is een test\r\n\r\n")
    assert (found.counterparty_iban, found.counterparty_name) == ("0987654321", "marechal s")
    assert found.label == "dit is een test"


def test_free_text_goes_on_in_the_next_line_only_where_the_line_was_full():
    full = "GIRO AUS ONLINE-SIC 80701 AUFTRAGGEBER: XXXXXXXXX XXX XXXXXXXXSTR"
    assert details(f"{full}\r\nASSE 111").label == f"{full}ASSE 111"
    assert details("RC AFREKENING\r\nBETREFT 4715589").label == "RC AFREKENING BETREFT 4715589"


@pytest.mark.parametrize(
    "text", ["", " ", "?", "166?", "/", "//", "/REMI/", "/NAME//EREF//", "?20?21", "\ufffd", "166?2"]
)
def test_details_that_say_nothing_do_not_lose_the_line(text):
    assert str(details(text).amount) == "10.00"


def test_a_line_of_details_that_looks_like_a_field_or_an_end_is_text():
    found = details("805?00ENTGELT?20Zeit 2017-01-01T13\r\n:12:11 -x\r\n-EV01?32NAME")
    assert (found.label, found.counterparty_name) == ("Zeit 2017-01-01T13:12:11 -x-EV01", "NAME")


def test_text_in_the_encodings_of_banks_is_read():
    plain = mt940(":61:2603020302C1,00NTRFNONREF", ":86:Überweisung Søren")
    for encoding in ("utf-8", "utf-8-sig", "cp1252", "utf-16"):
        assert statements(plain.encode(encoding))[0].line.label == "Überweisung Søren"


# Refused --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (mt940(MOVED).partition(":62F:")[0], "line 5: the statement that begins in line 1 has no closing balance"),
        (mt940(MOVED) + mt940(MOVED).partition(":61:")[0], "line 11: the statement that begins in line 8"),
        (mt940() + MOVED, "line 7: field :61: stands outside of a statement"),
        (mt940(":61:2603020302X1,00NTRF"), "line 5: “2603020302X1,00NTRF” is no movement."),
        (mt940(":61:2613020302C1,00NTRF"), "line 5: 2026-13-02 is no date of a statement."),
        (mt940(":61:2603021302C1,00NTRF"), "is no date of a statement."),
        (mt940(":61:2603020302C1,005NTRF"), "line 5: 1,005 has more digits than EUR knows."),
        (mt940(opening="X260301EUR1,00"), "line 4: “X260301EUR1,00” is no balance."),
        (mt940(closing="C000000EUR1,00"), "line 5: 2000-00-00 is no date of a statement."),
        (mt940(closing="C260331USD1,00"), "line 5: a balance in USD on an account in EUR."),
        (mt940(MOVED).replace(":60F:C260301EUR100,00", ""), "line 5: a movement stands before the opening balance"),
        (mt940().replace("-\r\n", f"{MOVED}\r\n"), "line 6: a movement stands after the closing balance."),
        (mt940(MOVED, ":60F:C260301EUR1,00"), "line 6: a second opening balance stands before the closing balance."),
        (mt940(":13D:2603021730+0100", MOVED).partition(":62F:")[0], "has no closing balance"),
        ("1\n2\n3\n", "line 1: no statement of MT940 or MT942 stands in it."),
        ("", "line 1: no statement of MT940 or MT942 stands in it."),
    ],
)
def test_a_file_that_cannot_be_believed_is_refused_with_its_line(content, problem):
    assert problem in refusal(content)
