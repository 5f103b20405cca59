"""CAMT.052, 053 and 054: what each element of an entry becomes on a line."""

from datetime import date

import pytest

from apps.core.uploads.kinds import PURPOSES
from apps.reconciliation.errors import StatementFileInvalid
from apps.reconciliation.formats import camt as camt_format
from apps.reconciliation.tests.statement_files import OWN, STMT, THEIRS, balance, camt, entry, party, read
from bench.statements import write_camt

REPORT, NOTICE = ("BkToCstmrAcctRpt", "Rpt"), ("BkToCstmrDbtCdtNtfctn", "Ntfctn")
REMITTANCE = "<RmtInf><Ustrd>Invoice  2026-117</Ustrd></RmtInf>"


def statements(content):
    return read(camt_format.parse, content)


def line(*details, amount="10.00", **options):
    """The one line of one entry."""
    (statement,) = statements(camt(entry(amount, *details, **options)))
    return statement.line


def refusal(content):
    with pytest.raises(StatementFileInvalid) as refused:
        statements(content)
    return refused.value.facts["problem"]


@pytest.mark.parametrize("message", [STMT, REPORT, NOTICE, ("BkToCstmrAcctRptV01", "Rpt")])
@pytest.mark.parametrize("version", ["camt.052.001.01", "camt.053.001.02", "camt.053.001.08", "camt.054.001.12"])
def test_every_message_in_every_version_is_read_by_its_local_names(message, version):
    (statement,) = statements(
        camt(entry("10.00"), namespace=f"urn:iso:std:iso:20022:tech:xsd:{version}", message=message)
    )
    assert (statement.begins.iban, statement.begins.currency, statement.amounts) == (OWN, "EUR", ["10.00"])


def test_a_statement_says_its_account_number_period_and_balances():
    period = "<FrToDt><FrDtTm>2026-03-01T00:00:00+01:00</FrDtTm><ToDtTm>2026-03-31T23:59:59+02:00</ToDtTm></FrToDt>"
    balances = balance("OPBD", "18.15") + balance("CLAV", "99.99") + balance("CLBD", "-3.85", "2026-03-30")
    (statement,) = statements(camt(entry("-22.00"), head=period, balances=balances))
    begins, ends = statement.begins, statement.ends
    assert (begins.name, begins.reference, begins.first_date) == ("3", "S-2026-03", date(2026, 3, 1))
    assert statement.balances == ("18.15", "-3.85")
    assert ends.date == date(2026, 3, 30)


@pytest.mark.parametrize(
    ("balances", "expected"),
    [
        (balance("PRCD", "1.00") + balance("CLBD", "2.00"), ("1.00", "2.00")),
        (balance("PRCD", "1.00") + balance("OPBD", "3.00") + balance("CLBD", "2.00"), ("3.00", "2.00")),
        (balance("ITBD", "1.00") + balance("ITBD", "2.00"), ("1.00", "2.00")),
        (balance("ITBD", "1.00") + balance("CLBD", "2.00"), ("1.00", "2.00")),
        (balance("OPBD", "1.00") + balance("ITBD", "2.00"), ("1.00", "2.00")),
        (balance("CLBD", "9.00", "2026-03-31") + balance("CLBD", "5.00", "2026-03-30"), (None, "9.00")),
        (balance("ITBD", "2.00"), (None, "2.00")),
        (balance("OPBD", "1.00", currency="USD"), (None, None)),
        (balance("OPAV", "1.00") + balance("CLAV", "2.00"), (None, None)),
        ("", (None, None)),
    ],
)
def test_the_first_and_the_last_booked_balance_count_and_a_missing_one_stays_empty(balances, expected):
    (statement,) = statements(camt(entry("1.00"), balances=balances))
    assert statement.balances == expected


def test_an_opening_balance_after_the_entries_is_refused_for_it_would_not_be_counted():
    content = camt(entry("1.00"), balances="", head="").replace("</Stmt>", balance("OPBD", "5.00") + "</Stmt>")
    assert "entry 2: the opening balance stands after entries." in refusal(content)


def test_the_sign_is_the_indicators_and_a_reversal_names_the_side_of_the_first_booking():
    taken_back = f"<RltdPties>{party('Dbtr', 'J. Janssen', THEIRS)}</RltdPties>"
    found = line(taken_back, amount="-6.00", about="<RvslInd>true</RvslInd>")
    assert (str(found.amount), found.is_reversal) == ("-6.00", True)
    assert (found.counterparty_name, found.counterparty_iban) == ("J. Janssen", THEIRS)


@pytest.mark.parametrize("status", ["PDNG", "INFO", "FUTR"])
def test_what_is_not_booked_is_counted_and_is_no_line(status):
    (statement,) = statements(camt(entry("5.00", status=status), entry("7.00"), entry("9.00", status=status)))
    assert (statement.amounts, statement.ends.not_booked) == (["7.00"], 2)


def test_a_status_is_a_code_of_its_own_since_version_8():
    (statement,) = statements(camt(entry("5.00", status="<Cd>BOOK</Cd>"), entry("7.00", status="<Cd>PDNG</Cd>")))
    assert (statement.amounts, statement.ends.not_booked) == (["5.00"], 1)


def test_a_day_is_the_banks_own_whatever_its_hour_and_zone():
    content = camt(entry("1.00").replace("<Dt>2026-03-02</Dt>", "<DtTm>2026-03-02T00:15:00+02:00</DtTm>"))
    found = statements(content)[0].line
    assert (found.date, found.value_date) == (date(2026, 3, 2), date(2026, 3, 3))


def test_an_entry_without_a_booking_date_has_its_value_date_otherwise_that_of_the_report():
    undated = entry("1.00").replace("<BookgDt><Dt>2026-03-02</Dt></BookgDt>", "")
    bare = undated.replace("<ValDt><Dt>2026-03-03</Dt></ValDt>", "")
    assert [one.date for one in statements(camt(undated, bare))[0].lines] == [date(2026, 3, 3), date(2026, 3, 31)]
    assert "neither when it was booked" in refusal(camt(bare).replace("CreDtTm", "Other"))


# Batches --------------------------------------------------------------------------------------------------------------


def test_a_batch_is_a_line_for_each_detail_where_their_amounts_are_the_entry():
    details = [
        f'<Refs><EndToEndId>E{n}</EndToEndId></Refs><AmtDtls><TxAmt><Amt Ccy="EUR">{amount}</Amt></TxAmt></AmtDtls>'
        for n, amount in ((1, "3.50"), (2, "2.50"))
    ]
    (statement,) = statements(camt(entry("-6.00", *details)))
    assert statement.amounts == ["-3.50", "-2.50"]
    assert [one.bank_id for one in statement.lines] == ["ASR-1/1", "ASR-1/2"]
    assert [one.end_to_end_id for one in statement.lines] == ["E1", "E2"]
    assert [one.row for one in statement.lines] == [1, 1]


def test_details_that_have_ids_of_their_own_keep_them():
    details = [
        f'<Refs><AcctSvcrRef>T{n}</AcctSvcrRef></Refs><Amt Ccy="EUR">5.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>'
        for n in (1, 2)
    ]
    (statement,) = statements(camt(entry("10.00", *details)))
    assert [one.bank_id for one in statement.lines] == ["T1", "T2"]


def test_a_detail_may_go_against_its_batch():
    details = [
        f'<Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{mark}</CdtDbtInd>'
        for amount, mark in (("12.00", "CRDT"), ("2.00", "DBIT"))
    ]
    assert statements(camt(entry("10.00", *details)))[0].amounts == ["12.00", "-2.00"]


@pytest.mark.parametrize(
    "details",
    [
        ("<Refs/>", "<Refs/>"),
        ('<Amt Ccy="EUR">3.00</Amt>', '<Amt Ccy="EUR">6.99</Amt>'),
        ('<Amt Ccy="USD">5.00</Amt>', '<Amt Ccy="USD">5.00</Amt>'),
    ],
)
def test_a_batch_whose_details_do_not_add_up_stays_the_line_that_was_booked(details):
    batch = "<NtryDtls><Btch><PmtInfId>P7</PmtInfId><NbOfTxs>2</NbOfTxs></Btch></NtryDtls>"
    (statement,) = statements(camt(entry("10.00", *details, about=batch)))
    assert (statement.amounts, statement.line.bank_id) == (["10.00"], "ASR-1")
    assert statement.line.note == "PmtInfId P7; NbOfTxs 2"


@pytest.mark.parametrize("amount", ["105.75", "0", "9.99"])
def test_a_single_detail_takes_the_entrys_amount_for_that_moved_the_balance(amount):
    assert str(line(f'<Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd>').amount) == "10.00"


# What a line says -----------------------------------------------------------------------------------------------------


def test_texts_references_and_ids_have_their_places():
    found = line(
        "<Refs><AcctSvcrRef>X</AcctSvcrRef><EndToEndId>E2E-1</EndToEndId></Refs>"
        "<RmtInf><Ustrd>Invoice  2026-117</Ustrd><Ustrd>thanks</Ustrd>"
        "<Strd><CdtrRefInf><Ref>RF18 5390 0754 7034</Ref></CdtrRefInf><AddtlRmtInf>more</AddtlRmtInf></Strd></RmtInf>"
        "<RtrInf><Rsn><Cd>MD06</Cd></Rsn></RtrInf>",
        about="<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>"
        "<AddtlNtryInf>SEPA credit</AddtlNtryInf>",
    )
    assert (found.label, found.reference) == ("Invoice 2026-117 thanks", "RF18539007547034")
    assert (found.end_to_end_id, found.bank_id) == ("E2E-1", "ASR-1")
    assert (found.note, found.transaction_type) == ("more; SEPA credit; MD06", "PMNT-RCDT-ESCT")


@pytest.mark.parametrize("unsaid", ["NOTPROVIDED", "notprovided", "", "NONREF"])
def test_an_id_that_was_not_provided_is_empty(unsaid):
    found = line(f"<Refs><EndToEndId>{unsaid}</EndToEndId></Refs>", reference=unsaid)
    assert (found.end_to_end_id, found.bank_id) == ("", "")


def test_further_references_of_one_payment_are_noted():
    strd = "".join(f"<Strd><CdtrRefInf><Ref>{ref}</Ref></CdtrRefInf></Strd>" for ref in ("2345676", "602243"))
    found = line(f"<RmtInf>{strd}</RmtInf>")
    assert (found.reference, found.note) == ("2345676", "602243")


def test_the_banks_own_code_and_text_serve_where_there_is_no_other():
    found = line(about="<BkTxCd><Prtry><Cd>NTRF+051</Cd></Prtry></BkTxCd><AddtlNtryInf>Rent March</AddtlNtryInf>")
    assert (found.transaction_type, found.label, found.note) == ("NTRF+051", "Rent March", "")


BOTH = f"<RltdPties>{party('Dbtr', 'Debtor', THEIRS)}{party('Cdtr', 'Creditor', 'NO9386011117947')}</RltdPties>"
OURS_FIRST = f"<RltdPties>{party('Dbtr', 'We', OWN)}{party('Cdtr', 'They', THEIRS)}</RltdPties>"


@pytest.mark.parametrize(
    ("amount", "detail", "expected"),
    [
        ("10.00", BOTH, ("Debtor", THEIRS)),
        ("-10.00", BOTH, ("Creditor", "NO9386011117947")),
        ("10.00", OURS_FIRST, ("They", THEIRS)),
        ("10.00", f"<RltdPties>{party('Cdtr', 'They', THEIRS)}</RltdPties>", ("They", THEIRS)),
        ("10.00", f"<RltdPties>{party('Cdtr', 'We', OWN)}</RltdPties>", ("", "")),
        ("10.00", "<RltdPties><UltmtDbtr><Nm>Patient</Nm></UltmtDbtr></RltdPties>", ("Patient", "")),
        ("10.00", "<RltdPties><Dbtr><Pty><Nm>Since v8</Nm></Pty></Dbtr></RltdPties>", ("Since v8", "")),
        ("10.00", "<RltdPties><DbtrAcct><Id><Othr><Id> 12 34</Id></Othr></Id></DbtrAcct></RltdPties>", ("", "1234")),
        ("-1.00", "<RltdAgts><CdtrAgt><FinInstnId><Nm>Bank</Nm></FinInstnId></CdtrAgt></RltdAgts>", ("Bank", "")),
    ],
)
def test_the_other_side_is_the_debtor_of_money_in_and_the_creditor_of_money_out(amount, detail, expected):
    found = line(detail, amount=amount)
    assert (found.counterparty_name, found.counterparty_iban) == expected


@pytest.mark.parametrize("rate", ["1.1111", "0.90000000", "0.9"])
def test_a_foreign_amount_has_the_banks_rate_whichever_way_it_is_stated(rate):
    found = line(
        '<AmtDtls><InstdAmt><Amt Ccy="USD">100.00</Amt></InstdAmt><TxAmt><Amt Ccy="EUR">90.00</Amt>'
        f"<CcyXchg><XchgRate>{rate}</XchgRate></CcyXchg></TxAmt></AmtDtls>",
        amount="-90.00",
    )
    assert (str(found.foreign_amount), found.foreign_currency) == ("-100.00", "USD")
    assert round(found.exchange_rate, 4) == round(90 / found.foreign_amount.copy_abs(), 4)


def test_a_foreign_amount_without_a_rate_has_none():
    found = line('<AmtDtls><InstdAmt><Amt Ccy="JPY">1500</Amt></InstdAmt></AmtDtls>')
    assert (str(found.foreign_amount), found.foreign_currency, found.exchange_rate) == ("1500", "JPY", None)


def test_several_statements_of_several_accounts_stand_in_one_file():
    two = camt(entry("1.00"), balances=balance("OPBD", "1.00") + balance("CLBD", "2.00"))
    other = two.partition("<Stmt>")[2].partition("</Stmt>")[0].replace(OWN, THEIRS).replace(">1.00<", ">5.00<")
    first, second = statements(two.replace("</Stmt>", f"</Stmt><Stmt>{other}</Stmt>"))
    assert (first.begins.iban, second.begins.iban) == (OWN, THEIRS)
    assert (first.balances, second.balances) == (("1.00", "2.00"), ("5.00", "2.00"))
    assert (first.line.row, second.line.row) == (1, 2)


def test_a_statement_without_entries_is_one():
    (statement,) = statements(camt(balances=balance("OPBD", "1.00") + balance("CLBD", "1.00", "2026-03-31")))
    assert (statement.lines, statement.balances, statement.ends.date) == ([], ("1.00", "1.00"), date(2026, 3, 31))


# Refused --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (camt(entry("1.00"), entry("1.00", currency="USD")), "entry 2: an amount in USD on an account in EUR."),
        (camt(entry("1.005")), "entry 1: 1.005 has more digits than EUR knows."),
        (camt(entry("1.00", day="2026-02-30")), "entry 1: “2026-02-30” is no date of a statement."),
        (camt(entry("1.00").replace("CRDT", "BOTH")), "entry 1: it is neither credit nor debit."),
        (camt(entry("1.00")).replace("</Stmt>", ""), "the XML is damaged"),
        (camt(entry("1.00"))[:-40], "the XML is damaged"),
        (camt(entry("1.00")).replace("Stmt", "Other"), "line 1: no statement of CAMT.052, 053 or 054 stands in it."),
        ("", "line 1: the XML is damaged"),
    ],
)
def test_a_file_that_cannot_be_believed_is_refused_with_its_place(content, problem):
    assert problem in refusal(content)


def test_a_year_of_a_busy_account_is_no_larger_than_what_is_taken(tmp_path):
    write_camt(tmp_path / "year.xml", 100)
    assert (tmp_path / "year.xml").stat().st_size * 1_000 < PURPOSES["statement"].most_bytes
