"""OFX and QFX: statements of bank and card accounts, in SGML and in XML."""

import re
from datetime import date

import pytest

from apps.reconciliation.errors import StatementFileInvalid
from apps.reconciliation.formats import ofx as ofx_format
from apps.reconciliation.tests.statement_files import OFX_HEAD, THEIRS, moved, ofx, read

FOUR = [moved("-80", NAME="Agrolait", FITID="219378"), moved("-90"), moved("-100"), moved("-90.00")]
XML_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<?OFX OFXHEADER="200" VERSION="211" SECURITY="NONE"?>\n'


def statements(content):
    return read(ofx_format.parse, content)


def line(amount="-10.00", **facts):
    (statement,) = statements(ofx(moved(amount, **facts)))
    return statement.line


def refusal(content):
    with pytest.raises(StatementFileInvalid) as refused:
        statements(content)
    return refused.value.facts["problem"]


def as_xml(content):
    """The same with the end of every element."""
    body = content.removeprefix(OFX_HEAD)
    return XML_HEAD + re.sub(r"<([A-Z.]+)>([^<\n]+)", r"<\1>\2</\1>", body)


def test_a_statement_says_where_it_ended_and_leaves_its_start_to_whoever_imports_it():
    (statement,) = statements(ofx(*FOUR))
    assert statement.amounts == ["-80.00", "-90.00", "-100.00", "-90.00"]
    assert (statement.balances, statement.ends.date) == ((None, "2156.56"), date(2013, 8, 31))
    assert (statement.begins.iban, statement.begins.currency) == ("BE02123456789012", "EUR")
    assert statement.begins.first_date == date(2013, 8, 1)
    first = statement.lines[0]
    assert (first.counterparty_name, first.date, first.bank_id) == ("Agrolait", date(2013, 8, 24), "219378")


@pytest.mark.parametrize("kind", ["STMT", "CCSTMT"])
def test_sgml_and_xml_of_banks_and_cards_say_the_same(kind):
    content = ofx(*FOUR, kind=kind)
    assert "</MEMO>" not in content
    assert "</TRNAMT>" in as_xml(content)
    assert statements(as_xml(content)) == statements(content)


def test_several_accounts_stand_in_one_file():
    two = ofx(moved("1.00"), account="1") + ofx(moved("2.00"), account="2", currency="USD")
    first, second = statements(two.replace(f"</OFX>\n{OFX_HEAD}<OFX>", ""))
    assert (first.begins.iban, first.amounts) == ("1", ["1.00"])
    assert (second.begins.iban, second.begins.currency, second.line.row) == ("2", "USD", 2)


def test_a_line_says_what_the_bank_tells_of_it():
    found = line(
        DTAVAIL="20130826", FITID="F1", CHECKNUM="319", REFNUM="R7", NAME="M&amp;M &#233;", MEMO="<![CDATA[a < b]]> c",
        BANKACCTTO=f"<ACCTID>{THEIRS}</BANKACCTTO>",
    )  # fmt: skip
    assert (found.bank_id, found.note, found.value_date) == ("F1", "CHECKNUM 319; R7", date(2013, 8, 26))
    assert (found.counterparty_name, found.label, found.counterparty_iban) == ("M&M é", "a < b c", THEIRS)
    assert found.transaction_type == "OTHER"


def test_a_sign_in_a_text_is_no_tag():
    assert line(MEMO="5 < 7 > 3, <3").label == "5 < 7 > 3, <3"


def test_a_tag_may_have_attributes():
    assert statements(ofx(moved("1.00")).replace("<OFX>", '<OFX xmlns="http://ofx.net/types/2003/04">'))


def test_empty_elements_say_nothing():
    found = line(FITID=" ", CHECKNUM="0", REFNUM="", NAME=" ", MEMO="Transfer")
    assert (found.bank_id, found.note, found.counterparty_name, found.label) == ("", "", "", "Transfer")
    (statement,) = statements(ofx(moved("1.00"), balance=" "))
    assert (statement.balances, statement.ends.date) == ((None, None), date(2013, 8, 24))


def test_without_a_memo_the_name_is_the_label_and_a_payee_has_its_own():
    assert line(NAME="Coffee").label == "Coffee"
    assert line(PAYEE="<NAME>Shop<ADDR1>Street</PAYEE>").counterparty_name == "Shop"


@pytest.mark.parametrize(
    "written",
    ["20130824", "20130824235959.000[-11:XXX]", "20130824000000[+12:NZST]", "20130824093914:014"],
)
def test_a_day_is_the_banks_own_whatever_zone_it_names(written):
    assert statements(ofx(moved("1.00", day=written)))[0].line.date == date(2013, 8, 24)


@pytest.mark.parametrize(
    ("written", "amount"), [("+1", "1.00"), (".01", "0.01"), ("-5,50", "-5.50"), ("-0.00", "0.00")]
)
def test_an_amount_has_a_point_or_a_comma(written, amount):
    assert str(line(written).amount) == amount


def test_an_amount_in_another_currency_is_converted_at_the_banks_rate():
    found = line("-3.65", CURRENCY="<CURRATE>1.06<CURSYM>USD</CURRENCY>")
    assert (str(found.amount), str(found.foreign_amount), found.foreign_currency) == ("-3.87", "-3.65", "USD")
    assert str(found.exchange_rate) == "1.06000000"


def test_an_amount_that_was_converted_already_keeps_the_original_beside_it():
    found = line("-90.00", ORIGCURRENCY="<CURRATE>0.9<CURSYM>USD</ORIGCURRENCY>")
    assert (str(found.amount), str(found.foreign_amount), found.foreign_currency) == ("-90.00", "-100.00", "USD")


def test_the_accounts_own_currency_is_not_foreign():
    assert line("-90.00", CURRENCY="<CURRATE>1.0000<CURSYM>EUR</CURRENCY>").foreign_currency == ""


def test_a_statement_without_movements_is_one():
    (statement,) = statements(ofx())
    assert (statement.lines, statement.balances) == ([], (None, "2156.56"))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (ofx(moved("1.00"), moved("2.00", day=" ")), "entry 2: it says no date."),
        (ofx(moved("1.00"), moved("2.00", day="20120231")), "entry 2: 2012-02-31 is no date of a statement."),
        (ofx(moved("1.00", day="20121331")), "entry 1: 2012-13-31 is no date of a statement."),
        (ofx(moved("")), "entry 1: “” is no amount."),
        (ofx(moved("1.005")), "entry 1: 1.005 has more digits than EUR knows."),
        (ofx(moved("1", CURRENCY="<CURSYM>USD</CURRENCY>")), "entry 1: an amount in USD without a rate."),
        (ofx(moved("1.00"))[:-60], "the file was cut off"),
        (ofx(moved("1.00")).replace("</STMTTRN>", ""), "“BANKTRANLIST” ends where it did not begin."),
        (ofx(moved("1.00")).replace("</OFX>", ""), "the file was cut off: “OFX” does not end."),
        (f"{OFX_HEAD}<OFX>\n</OFX>\n", "no statement of a bank or card account stands in it."),
        (f"{OFX_HEAD}<OFX><INVSTMTRS><STMTTRN></STMTTRN></INVSTMTRS></OFX>", "of an investment account"),
        (f"{OFX_HEAD}<OFX><STATUS><CODE>15500<SEVERITY>ERROR<MESSAGE>No</STATUS></OFX>", "with an error: 15500 No"),
        ("", "the file was cut off"),
    ],
)
def test_a_broken_file_is_refused_with_its_place(content, problem):
    assert problem in refusal(content)
