"""CSV of banks: by which mapping it is read, and what its rows say."""

import os
import warnings
from dataclasses import replace
from datetime import date
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pytest

from apps.reconciliation.errors import StatementFileInvalid
from apps.reconciliation.formats import ParsedLine, StatementBegins, csv
from apps.reconciliation.formats.mapping import CsvReading, problems, shipped

ROOT = Path(__file__).resolve().parents[3]
CORPUS = Path(os.environ.get("DAYBOOK_CORPUS") or ROOT.parent / "shared" / "corpus") / "csv_bank"
D = Decimal


def reading(**options):
    """A mapping of a date, a text and an amount, with English decimals, unless told otherwise."""
    columns = {"date": "Date", "label": "Label", "amount": "Amount", **options.pop("columns", {})}
    columns = {name: column for name, column in columns.items() if column}
    plain = {"date_format": "%Y-%m-%d", "decimal_mark": ".", "sign": "AS_WRITTEN"}
    return CsvReading(**{"name": "own", **plain, "columns": columns, **options})


def parsed(text, mapping, encoding="utf-8"):
    return list(csv.parse(BytesIO(text.encode(encoding)), mapping))


def lines(text, mapping, encoding="utf-8"):
    return [part for part in parsed(text, mapping, encoding) if isinstance(part, ParsedLine)]


def amounts(text, mapping):
    return [line.amount for line in lines(text, mapping)]


def recognised(text, encoding="utf-8"):
    found = csv.recognise(BytesIO(text.encode(encoding)), shipped())
    return found and found.name


def refusal(text, mapping):
    with pytest.raises(StatementFileInvalid) as refused:
        parsed(text, mapping)
    return refused.value.facts["line"], refused.value.facts["problem"]


# Signs, balances, other currencies -----------------------------------------------------------------------------------

BALANCES = "Date,Label,{head},Balance\n2026-03-02,a,{one},1010.00\n2026-03-03,b,{two},1510.00\n"


@pytest.mark.parametrize(
    ("head", "one", "two", "mapping"),
    [
        ("Amount", "1000.00", "500.00", reading(columns={"balance": "Balance"})),
        (
            "Amount,D/C",
            "1000.00,C",
            "500.00,C",
            reading(sign="INDICATOR", debit_words="D", columns={"balance": "Balance", "indicator": "D/C"}),
        ),
        (
            "Debit,Credit",
            ",1000.00",
            ",500.00",
            reading(
                sign="TWO_COLUMNS", columns={"amount": "", "debit": "Debit", "credit": "Credit", "balance": "Balance"}
            ),
        ),
    ],
)
def test_each_line_has_the_balance_after_it(head, one, two, mapping):
    found = lines(BALANCES.format(head=head, one=one, two=two), mapping)
    assert [(line.amount, line.balance_after) for line in found] == [(D(1000), D(1010)), (D(500), D(1510))]


def test_a_balance_may_stand_before_the_line():
    mapping = reading(columns={"balance_before": "Before"})
    found = lines("Date,Label,Amount,Before\n2026-03-02,a,-5.00,100.00\n", mapping)
    assert found[0].balance_after == D(95)


def test_a_card_writes_what_was_spent_as_positive():
    text = "Date,Label,Amount,Paid,In\n2026-03-02,a,33.50,,\n2026-03-03,b,1525.00,1000.00,EUR\n"
    mapping = reading(sign="INVERSE", columns={"foreign_amount": "Paid", "foreign_currency": "In"})
    found = [(line.amount, line.foreign_amount, line.foreign_currency) for line in lines(text, mapping)]
    assert found == [(D("-33.50"), None, ""), (D("-1525.00"), D("-1000.00"), "EUR")]


def test_a_foreign_amount_stands_beside_the_account_s_own():
    text = 'Date,Label,Currency,Amount,Amount Currency\n12/15/2018,a,EUR,"1,525.00","1,000.00"\n'
    columns = {"foreign_amount": "Amount Currency", "foreign_currency": "Currency"}
    line = lines(text, reading(date_format="%m/%d/%Y", columns=columns))[0]
    assert (line.amount, line.foreign_amount, line.foreign_currency) == (D(1525), D(1000), "EUR")


def test_a_row_in_another_currency_than_its_statement_is_foreign_without_an_amount():
    text = "Date,Label,Amount,Currency\n2026-03-02,a,5.00,EUR\n2026-03-03,b,5.00,USD\n"
    begins, first, second, _ends = parsed(text, reading(columns={"currency": "Currency"}))
    assert (begins.currency, first.foreign_currency) == ("EUR", "")
    assert (second.foreign_currency, second.foreign_amount) == ("USD", None)


def test_rows_before_the_headings_and_after_the_lines_are_noise():
    text = (
        "My bank;;;\nExported on 31-03-2026;;;\nDate;Label;Debit;Credit\n"
        "2026-03-01;a;;50,00\n2026-03-02;b;20,00;\n2026-03-03;c;;1.000,00\n2026-03-04;d;1.300,00;\nTotal;;;\n;;end;\n"
    )
    columns = {"amount": "", "debit": "Debit", "credit": "Credit"}
    mapping = reading(sign="TWO_COLUMNS", decimal_mark=",", skip_rows=2, skip_footer=2, columns=columns)
    assert amounts(text, mapping) == [D(50), D(-20), D(1000), D(-1300)]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("2026-03-02,a,not a number", "is no amount"),
        ("2026-03-02,a,USD", "is no amount"),
        ("2026-03-02,a,", "is no amount"),
        ("2026-02-30,a,5.00", "is no date"),
        (",a,5.00", "is no date"),
        ("2026-03-02,a,5.00,more", "4 values for 3 columns"),
        ('2026-03-02,"a,5.00', "is no CSV"),
    ],
)
def test_a_row_that_is_not_plainly_a_line_refuses_the_file_by_its_number(row, problem):
    line, said = refusal(f"Date,Label,Amount\n2026-03-01,ok,1.00\n{row}\n", reading())
    assert line == 3
    assert problem in said


@pytest.mark.parametrize("row", ["5.00,", "5.00,X", "-5.00,C"])
def test_an_indicator_says_debit_or_credit_and_nothing_else(row):
    mapping = reading(sign="INDICATOR", debit_words="D", columns={"indicator": "D/C"})
    text = f"Date,Label,Amount,D/C\n2026-03-01,a,1.00,C\n2026-03-01,a,1.00,D\n2026-03-01,a,{row}\n"
    assert "neither debit nor credit" in refusal(text, mapping)[1]


@pytest.mark.parametrize("row", [",", "5.00,6.00", ",-5.00"])
def test_of_two_columns_one_has_the_amount(row):
    mapping = reading(sign="TWO_COLUMNS", columns={"amount": "", "debit": "Debit", "credit": "Credit"})
    assert refusal(f"Date,Label,Debit,Credit\n2026-03-01,a,{row}\n", mapping)[0] == 2


def test_a_debit_may_be_written_with_a_minus():
    mapping = reading(sign="TWO_COLUMNS", columns={"amount": "", "debit": "Debit", "credit": "Credit"})
    text = "Date,Label,Debit,Credit\n2026-03-01,a,-5.00,\n2026-03-01,b,5.00,0.00\n2026-03-01,c,0.00,\n"
    assert amounts(text, mapping) == [D(-5), D(-5), D(0)]


# Order, quotes, encodings, separators --------------------------------------------------------------------------------


def test_a_file_that_is_newest_first_is_turned_round():
    rows = "".join(f"2026-03-{day:02},{day},{day}.00\n" for day in range(31, 0, -1))
    found = lines(f"Date,Label,Amount\n{rows}", reading())
    assert [line.date.day for line in found] == list(range(1, 32))
    assert [line.row for line in found] == list(range(32, 1, -1))


def test_a_day_that_is_newest_first_is_told_by_its_balances():
    text = "Date,Label,Amount,Balance\n2026-03-02,c,3.00,16.00\n2026-03-02,b,-2.00,13.00\n2026-03-02,a,5.00,15.00\n"
    assert [line.label for line in lines(text, reading(columns={"balance": "Balance"}))] == ["a", "b", "c"]


def test_a_long_file_is_turned_round_as_well():
    rows = "".join(f"2026-03-{31 - number // 100:02},{number},1.00\n" for number in range(2500))
    found = lines(f"Date,Label,Amount\n{rows}", reading())
    assert [line.label for line in found] == [str(number) for number in range(2499, -1, -1)]


def test_a_text_may_have_line_ends_within_quotes():
    text = 'Date,Label,Amount\n2026-03-01,"two\nlines, ""quoted""",1.00\n2026-03-02,b,oops\n'
    assert refusal(text, reading())[0] == 4
    found = lines(text.replace("oops", "2.00"), reading())
    assert [(line.label, line.row) for line in found] == [('two lines, "quoted"', 2), ("b", 4)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", ";,\t|")
def test_encoding_and_separator_are_recognised(encoding, delimiter):
    text = "Date;Label;Amount\r\n2026-03-01;Café Ørsted;1.00\r\n2026-03-02;b;2.00\r\n".replace(";", delimiter)
    assert lines(text, reading(), encoding)[0].label == "Café Ørsted"


def test_bytes_that_windows_has_no_character_for_are_read_all_the_same():
    text = b"Date,Label,Amount\n2026-03-01,a\x81\xe9,1.00\n"
    found = list(csv.parse(BytesIO(text), reading()))
    assert found[1].label == "a\x81é"


def test_a_mapping_without_headings_names_columns_by_position():
    mapping = reading(has_headings=False, skip_rows=1, columns={"date": 2, "label": [1, 4], "amount": 3})
    found = lines("noise;;;\na;2026-03-01;1.00;b\n", mapping)
    assert (found[0].label, found[0].amount) == ("a b", D(1))


def test_each_account_of_a_file_has_a_statement_of_its_own():
    text = "Date,Label,Amount,Account\n2026-03-01,a,1.00,NL01\n2026-03-02,b,2.00,NL01\n2026-03-01,c,3.00,NL02\n"
    parts = parsed(text, reading(columns={"account": "Account"}))
    assert [part.iban for part in parts if isinstance(part, StatementBegins)] == ["NL01", "NL02"]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"columns": {"date": ""}}, "needed"),
        ({"columns": {"when": "Date"}}, "no field"),
        ({"columns": {"label": -1}}, "position"),
        ({"columns": {"label": {"a": 1}}}, "position"),
        ({"columns": {"label": True}}, "position"),
        ({"has_headings": False}, "positions"),
        ({"sign": "INDICATOR"}, "needed"),
        ({"sign": "INDICATOR", "columns": {"indicator": "D/C"}}, "debit"),
        ({"sign": "TWO_COLUMNS"}, "needed"),
        ({"decimal_mark": ";"}, "decimal mark"),
        ({"date_format": "%d-%m"}, "no day"),
        ({"encoding": "klingon"}, "no encoding"),
    ],
)
def test_a_mapping_says_what_it_lacks(options, problem):
    assert any(problem in found for found in problems(reading(**options)))


# Which mapping fits --------------------------------------------------------------------------------------------------

ING = (
    '"Datum";"Naam / Omschrijving";"Rekening";"Tegenrekening";"Code";"Af Bij";"Bedrag (EUR)";"Mutatiesoort";'
    '"Mededelingen"'
)
RABOBANK = (
    "IBAN/BBAN,Munt,BIC,Volgnr,Datum,Rentedatum,Bedrag,Saldo na trn,Tegenrekening IBAN/BBAN,Naam tegenpartij,"
    "Naam uiteindelijke partij,Naam initiërende partij,BIC tegenpartij,Code,Batch ID,Transactiereferentie,"
    "Machtigingskenmerk,Incassant ID,Betalingskenmerk,Omschrijving-1,Omschrijving-2,Omschrijving-3,Reden retour,"
    "Oorspr bedrag,Oorspr munt,Koers"
)
FILES = {
    "ING": (
        f'{ING};"Saldo na mutatie";"Tag"\n'
        '"20260303";"Albert Heijn";"NL12INGB0000000001";"";"BA";"Af";"34,82";"Betaalautomaat";"Pas 001";"3615,18";""\n',
        ("-34.82", "3615.18", "NL12INGB0000000001", "Pas 001"),
    ),
    "ING (English)": (
        '"Date";"Name / Description";"Account";"Counterparty";"Code";"Debit/credit";"Amount (EUR)";"Transaction type";'
        '"Notifications";"Resulting balance";"Tag"\n'
        '"20260303";"Clinic";"NL12INGB0000000001";"";"GT";"Credit";"1.034,82";"Online Banking";"Thanks";"3615,18";""\n',
        ("1034.82", "3615.18", "NL12INGB0000000001", "Thanks"),
    ),
    "Rabobank": (
        f'{RABOBANK}\nNL91RABO0000000001,EUR,RABONL2U,000000000000001234,2026-03-03,2026-03-03,"-12,34","+1000,00",'
        "NL02ABNA0000000002,Groothandel,,,ABNANL2A,ei,,E2E-1,M-1,,1234567890123456,Factuur,77,,,,,\n",
        ("-12.34", "1000.00", "NL91RABO0000000001", "Factuur 77"),
    ),
    "ABN AMRO": (
        "123456789\tEUR\t20260303\t1234,56\t1224,56\t20260303\t-10,00\tSEPA Overboeking  IBAN: NL02INGB0000000002\n",
        ("-10.00", "1224.56", "123456789", "SEPA Overboeking IBAN: NL02INGB0000000002"),
    ),
    "bunq (English)": (
        '"Date","Interest Date","Amount","Account","Counterparty","Name","Description"\n'
        '"2026-03-03","2026-03-03","15,000.00","NL42BUNQ0000000001","NL05ABNA0000000002","D. Jansen","Top-up"\n',
        ("15000.00", None, "NL42BUNQ0000000001", "Top-up"),
    ),
    "DNB": (
        '"Dato";"Forklaring";"Rentedato";"Ut fra konto";"Inn på konto"\n'
        '"03.03.2026";"Lønn";"03.03.2026";"";"35 000,00"\n',
        ("35000.00", None, "", "Lønn"),
    ),
    "Paystack payout": (
        "Reference,Transaction Date,Customer Email,Amount Paid,Paystack Fee,Amount Due,Settlement Date,Currency\n"
        "T1234,2026-03-03 10:00:00,a@b.example,5000,175,4825,2026-03-04,NGN\n",
        ("4825", None, "", ""),
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_bank_s_file_is_recognised_by_its_headings(name):
    text, (amount, balance, account, label) = FILES[name]
    encoding = "cp1252" if name in ("Rabobank", "DNB") else "utf-8"
    assert recognised(text, encoding) == name
    mapping = next(one for one in shipped() if one.name == name)
    begins, line, _ends = parsed(text, mapping, encoding)
    assert (line.amount, line.balance_after) == (D(amount), balance and D(balance))
    assert (begins.iban, line.label, line.date) == (account, label, date(2026, 3, 3))


def test_rabobank_counts_its_lines_and_names_payment_references():
    text = FILES["Rabobank"][0]
    line = lines(text, next(one for one in shipped() if one.name == "Rabobank"))[0]
    assert (line.bank_id, line.reference, line.end_to_end_id) == ("000000000000001234", "1234567890123456", "E2E-1")
    assert (line.counterparty_name, line.counterparty_iban) == ("Groothandel", "NL02ABNA0000000002")


def test_the_shipped_mappings_can_be_used():
    for mapping in shipped():
        whole = replace(mapping, sign=mapping.sign or "AS_WRITTEN", decimal_mark=mapping.decimal_mark or ",")
        found = list(problems(replace(whole, date_format=mapping.date_format or "%Y-%m-%d")))
        assert found == [], mapping.name


# Real files ----------------------------------------------------------------------------------------------------------

ING_BELGIUM = reading(
    delimiter=";",
    date_format="%d-%m-%Y",
    decimal_mark=",",
    has_headings=False,
    skip_rows=1,
    columns={"date": 6, "value_date": 1, "bank_id": 2, "amount": 4, "label": [3, 9, 10], "counterparty_name": 8},
)
RAIFFEISEN = {"delimiter": ";", "date_format": "%d.%m.%Y", "decimal_mark": ",", "has_headings": False}
NULL = "“A null transaction, just to confuse things” is no date"
ONE = {"date": 1, "label": 2, "amount": 4, "currency": 5}
TWO = {"date": 1, "label": 2, "amount": "", "credit": 4, "debit": 5}
# The file's end -> a mapping of our own or None for a shipped one; then how many lines, their sum, the first and the
# last day, and the balance after the last line. Or, in words, why it is refused.
REAL = {
    "csv_ing_example_format1_20090202.csv": (None, 5, "2000073.36", "2009-01-30", "2009-02-02", None),
    "csv_ing_example_format1_20150224.csv": (None, 3, "-121.28", "2015-02-20", "2015-02-24", None),
    "csv_ing_example_format2_20100910.csv": (ING_BELGIUM, 12, "608.84", "2010-09-01", "2010-09-10", None),
    "20171001-20171106.csv": (None, 1, "-59.99", "2017-10-01", "2017-10-01", None),
    "bunq-transactieoverzicht.csv": (None, 3, "728.54", "2018-03-01", "2018-03-09", None),
    "1000594757-umsatz.CSV": (None, 1, "-36.99", "2018-02-22", "2018-02-22", None),
    "20180226_12345678.csv": "its dates, such as “10/02/2018”, can be read in two ways",
    "MonzoDataExport_February2018_2018-02-26_174335.csv": (None, 1, "-10", "2018-02-25", "2018-02-25", None),
    "TH_20180101-20180523_page_1.csv": "“1111/11/11” is no date",
    "TH_20180521-20180523.csv": "“1111/11/11” is no date",
    "P000000027355791.csv": "no mapping fits",
    "export_BE11123456789012_20180304_1422.csv": (None, 1, "-3.40", "2018-02-28", "2018-02-28", "219.95"),
    "statement_1.csv": "no mapping fits",
    "test.conf": "no mapping fits",
    "test_delimiter_tab.csv": NULL,
    "test_headers.csv": "no mapping fits",
    "test_raiffeisen_01.csv": NULL,
    "test_row_format_default.csv": NULL,
    "test_row_format_neg_inflow.csv": NULL,
    "camt_file.csv": "no mapping fits",
    "csv_european_decimals.csv": (None, 3, "2260.94", "2026-04-02", "2026-04-09", None),
    "csv_french_headers.csv": (None, 3, "2260.94", "2026-04-02", "2026-04-09", None),
    "sample_split_amounts.csv": (None, 2, "1050.25", "2026-03-20", "2026-03-21", "2050.25"),
    "sample_statement.csv": (None, 2, "1300.00", "2026-03-20", "2026-03-21", "3800.00"),
}
REFUSED_BY = {
    "test_delimiter_tab.csv": reading(**{**RAIFFEISEN, "delimiter": "\t"}, sign="TWO_COLUMNS", columns=TWO),
    "test_raiffeisen_01.csv": reading(**RAIFFEISEN, columns=ONE),
    "test_row_format_default.csv": reading(**RAIFFEISEN, sign="TWO_COLUMNS", columns=TWO),
    "test_row_format_neg_inflow.csv": reading(**RAIFFEISEN, columns=ONE),
}


def corpus_file(end):
    found = [path for path in CORPUS.glob("*") if path.name.endswith(end)]
    if not found:
        warnings.warn(f"SKIPPED, {CORPUS} is not here: real files were NOT read", stacklevel=1)
        pytest.skip(f"{CORPUS} is not here: real files were NOT read")
    return found[0]


@pytest.mark.parametrize("end", REAL)
def test_a_real_file_is_read_whole_or_refused_with_its_reason(end):
    expected = REAL[end]
    with corpus_file(end).open("rb") as file:
        own = REFUSED_BY.get(end) if isinstance(expected, str) else expected[0]
        mapping = own or csv.recognise(file, shipped())
        if expected == "no mapping fits":
            assert mapping is None
            return
        if isinstance(expected, str):
            with pytest.raises(StatementFileInvalid) as refused:
                list(csv.parse(file, mapping))
            assert expected in refused.value.facts["problem"]
            return
        found = [part for part in csv.parse(file, mapping) if isinstance(part, ParsedLine)]
    _own, count, total, first, last, balance = expected
    assert (len(found), sum(line.amount for line in found)) == (count, D(total))
    assert (found[0].date, found[-1].date) == (date.fromisoformat(first), date.fromisoformat(last))
    assert found[-1].balance_after == (balance and D(balance))


def test_every_real_file_is_in_the_table():
    if CORPUS.exists():
        assert sorted(path.name for path in CORPUS.iterdir() if not any(path.name.endswith(end) for end in REAL)) == []


def test_ambiguous_days_are_read_by_a_mapping_that_says_how():
    mapping = reading(date_format="%d/%m/%Y", columns={"label": "Description", "balance": "Balance"})
    with corpus_file("20180226_12345678.csv").open("rb") as file:
        _begins, line, _ends = csv.parse(file, mapping)
    assert (line.date, line.amount, line.balance_after) == (date(2018, 2, 10), D(-5), D(995))


@pytest.mark.parametrize(
    ("end", "mapping"),
    [
        ("csv_ing_example_format1_20090202", None),
        ("csv_ing_example_format1_20150224", None),
        ("csv_ing_example_format2_20100910", ING_BELGIUM),
    ],
)
def test_others_read_the_same_out_of_ing_s_files(end, mapping):
    """What another importer's tests expect of these files: the days, and what came in and went out."""
    with corpus_file(f"{end}.csv").open("rb") as file:
        mapping = mapping or csv.recognise(file, shipped())
        found = [part for part in csv.parse(file, mapping) if isinstance(part, ParsedLine)]
    theirs = []
    text = next(CORPUS.with_name("csv_bank_expected").glob(f"*test__{end}.txt")).read_text(errors="replace")
    for row in text.splitlines():
        cells = [cell.strip() for cell in row.removesuffix("\\\\").split("&")]
        if cells[0][:4].isdigit():
            theirs.append((date.fromisoformat(cells[0]), D(cells[-2] or 0) - D(cells[-1] or 0)))
    assert [(line.date, line.amount) for line in found] == theirs
