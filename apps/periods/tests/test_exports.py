"""Official exports: valid by their schemas, true to the books, read back by our own import."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from apps.ledger.models import Account, Journal, Party, VatCode
from apps.ledger.services.opening import open_books, open_years
from apps.ledger.services.posting import Line
from apps.ledger.tests.factories import EntryFactory, open_test_books
from apps.ledger.tests.random_books import STEPS, Game
from apps.ledger.tests.test_importing import BOOKS, Shelf, real, schema_of
from apps.periods.exports.grouping import grouping, standard_account
from apps.periods.tests.exported import MADE_AT, ODD, YEAR, D, exported, findings, full_books, texts, tree

VAT = ("vatID", "vatPerc", "vatAmnt", "vatAmntTp")
XAF, SAFT = ("XAF_4_0", "XAF_3_2"), ("SAFT_1_30", "SAFT_1_10")
EVERY = (*XAF, *SAFT)


def country_of(name):
    return "NL" if name in XAF else "NO"


def read_back(content, country):
    """Fresh books that our own import made of the file."""
    shelf = Shelf(country)
    shelf.imported(content)
    return shelf.balances()


def balances(administration):
    """Every account's balance, by code, of those that have one."""
    shelf = Shelf.__new__(Shelf)
    shelf.administration = administration
    return {code: balance for code, balance in shelf.balances().items() if balance}


def without_zeros(found):
    return {code: balance for code, balance in found.items() if balance}


# Valid ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", XAF)
def test_an_audit_file_is_valid_by_its_schema_and_by_every_rule(db, name):
    assert findings(exported(full_books().administration, name)) == []


@pytest.mark.parametrize(("name", "schema"), [("SAFT_1_30", "_v_1.30"), ("SAFT_1_10", "_v_1.10")])
def test_a_saft_file_is_valid_by_its_schema(db, name, schema):
    content = exported(full_books("NO").administration, name)
    schema_of(f"Financial_Schema{schema}").assertValid(etree.fromstring(content).getroottree())


@pytest.mark.parametrize("name", EVERY)
def test_books_without_anything_make_a_valid_file(db, name):
    country = country_of(name)
    books = open_test_books("nl" if country == "NL" else "no", country=country, vat_number="NL001234567B01")
    content = exported(books.administration, name)
    if name in XAF:
        assert findings(content) == []
    else:
        schema_of(f"Financial_Schema_v_{name[5:].replace('_', '.')}").assertValid(
            etree.fromstring(content).getroottree()
        )


# True ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_totals_are_those_of_the_lines_without_the_opening_balance(db, name):
    ledger = full_books(country_of(name))
    root = tree(exported(ledger.administration, name))
    if name in XAF:
        totals = root.find("company/transactions")
        lines = totals.findall("journal/transaction/trLine")
        debits = sum(D(line.findtext("amnt")) for line in lines if line.findtext("amntTp") == "D")
        said = [totals.findtext(part) for part in ("linesCount", "totalDebit", "totalCredit")]
        assert said == [str(len(lines)), str(debits), str(debits)]
        assert texts(root, "company/openingBalance/obLine/amnt") == ["1000.00", "1000.00"]
    else:
        totals = root.find("GeneralLedgerEntries")
        debits = sum(D(text) for text in texts(totals, "Journal/Transaction/Line/DebitAmount/Amount"))
        said = [totals.findtext(part) for part in ("NumberOfEntries", "TotalDebit", "TotalCredit")]
        assert said == ["4", str(debits), str(debits)]


@pytest.mark.parametrize("name", EVERY)
def test_our_own_import_reads_it_back_to_the_same_balances(db, name):
    country = country_of(name)
    ledger = full_books(country)
    assert without_zeros(read_back(exported(ledger.administration, name), country)) == balances(ledger.administration)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=10), name=st.sampled_from(EVERY))
def test_whatever_stands_in_the_books_comes_back(db, steps, name):
    country = country_of(name)
    books = open_test_books(country=country, currency="EUR" if country == "NL" else "NOK", vat_number="NL001234567B01")
    game = Game(books)
    for step in steps:
        game.play(step)
    content = exported(books.administration, name)
    if name in XAF:
        assert findings(content) == []
    assert without_zeros(read_back(content, country)) == game.balances(YEAR[1])


@pytest.mark.parametrize("path", BOOKS)
def test_real_books_survive_going_out_and_coming_in(db, path):
    content = real(path)
    country = "NO" if path.startswith("saft") else "NL"
    shelf = Shelf(country)
    shelf.administration.vat_number = "NL001234567B01"
    open_books(shelf.administration, chart="no" if country == "NO" else "nl")
    shelf.imported(content, Path(path).name)
    year = 2018 if country == "NL" else 2015 if "2016" in path else 1957
    for name in XAF if country == "NL" else SAFT:
        out = exported(shelf.administration, name, (date(year, 1, 1), date(year, 12, 31)))
        if name in XAF:
            assert findings(out) == []
        assert without_zeros(read_back(out, country)) == balances(shelf.administration)


@pytest.mark.parametrize("name", EVERY)
def test_a_new_year_begins_with_the_balance_sheet_and_the_result_of_before(db, name):
    """Income and cost begin at nothing; what they came to stands on the unappropriated result."""
    country = country_of(name)
    ledger = full_books(country)
    open_years(ledger.administration, 2027, 2027)
    EntryFactory(books=ledger.books, date=date(2027, 1, 5))
    days = (date(2027, 1, 1), date(2027, 12, 31))
    root = tree(exported(ledger.administration, name, days))
    result = ledger.books.account("unappropriated_result").code
    revenue = ledger.books.account("revenue_consultation").code
    # 133.33 sold, 65.00 treated, 50.00 bought
    if name in XAF:
        opening = {one.findtext("accID"): one for one in root.findall("company/openingBalance/obLine")}
        assert (opening[result].findtext("amnt"), opening[result].findtext("amntTp")) == ("148.33", "C")
        assert revenue not in opening
    else:
        accounts = {one.findtext("AccountID"): one for one in root.iter("Account")}
        assert accounts[result].findtext("OpeningCreditBalance") == "148.33"
        assert accounts[revenue].findtext("OpeningDebitBalance") == "0.00"
        assert accounts[revenue].findtext("ClosingCreditBalance") == "65.00"


@pytest.mark.parametrize("name", EVERY)
def test_the_same_books_and_moment_give_the_same_bytes(db, name):
    ledger = full_books(country_of(name))
    moment = timezone.now()
    before = exported(ledger.administration, name, known_at=moment)
    EntryFactory(books=ledger.books, memo="Posted since")
    assert exported(ledger.administration, name, known_at=moment) == before
    assert b"Posted since" in exported(ledger.administration, name)


@pytest.mark.parametrize("name", EVERY)
def test_a_patient_is_a_code_and_texts_are_safe(db, name):
    ledger = full_books(country_of(name))
    Party.objects.filter(kind="PATIENT").update(name="Anna Invented", email="anna@invented.example")
    content = exported(ledger.administration, name)
    assert b"Anna" not in content
    assert b"anna@" not in content
    root = tree(content)
    safe = "".join(character for character in ODD if character not in "\x0b\x02")
    if name in XAF:
        [patient] = [one for one in root.iter("customerSupplier") if one.findtext("custSupID") == "P-10482"]
        assert (patient.findtext("custSupName"), patient.findtext("custSupTp")) == (None, "C")
        assert safe in texts(root, ".//transaction/desc")
    else:
        [patient] = [one for one in root.iter("Customer") if one.findtext("CustomerID") == "P-10482"]
        assert patient.findtext("Name") == "P-10482"
        assert safe in texts(root, ".//Transaction/Description")


# XAF -----------------------------------------------------------------------------------------------------------------


def test_the_effective_date_is_that_of_the_invoice(db):
    ledger = full_books()
    root = tree(exported(ledger.administration, "XAF_4_0"))
    sold = [line for line in root.iter("trLine") if line.findtext("invRef") == "INV-2026-0001"]
    assert [(line.findtext("custSupID"), line.findtext("effDate")) for line in sold] == [("C-1", "2026-02-03")]
    bought = [line for line in root.iter("trLine") if line.findtext("invRef") == "F-1"]
    assert [(line.findtext("custSupID"), line.findtext("effDate")) for line in bought] == [("S-1", "2026-03-04")]


def test_every_party_has_its_balance_at_both_ends_of_the_year(db):
    ledger = full_books()
    parties = {
        one.findtext("custSupID"): [one.findtext(part) for part in ("opBalDesc", "opBalTp", "clBalDesc", "clBalTp")]
        for one in tree(exported(ledger.administration, "XAF_4_0")).iter("customerSupplier")
    }
    assert parties == {
        "C-1": ["0.00", "D", "161.33", "D"],  # 133.33 and 28.00 VAT
        "P-10482": ["0.00", "D", "65.00", "D"],
        "S-1": ["0.00", "D", "60.50", "C"],
    }
    later = tree(exported(ledger.administration, "XAF_4_0", (date(2026, 3, 1), date(2026, 3, 31))))
    assert {one.findtext("custSupID"): one.findtext("opBalDesc") for one in later.iter("customerSupplier")} == {
        "C-1": "161.33",
        "P-10482": "0.00",
        "S-1": "0.00",
    }


def test_rgs_codes_are_told_once_each(db):
    """Rule [0003]; accounts that share a code extend it with their own."""
    codes = {
        one.findtext("accID"): one.findtext("RGScode")
        for one in tree(exported(open_test_books(vat_number="1").administration, "XAF_4_0")).iter("ledgerAccount")
    }
    assert [codes[code] for code in ("1300", "1310", "1320")] == ["BVorDebHad", "BVorDebHad.1310", "BVorDebHad.1320"]
    told = [code for code in codes.values() if code]
    assert len(told) == len(set(told)) == len(codes)


def test_vat_is_told_once_on_the_lines_of_its_base(db):
    root = tree(exported(full_books().administration, "XAF_4_0"))
    told = [
        tuple(line.findtext(part) for part in ("amnt", *(f"vat/{name}" for name in VAT)))
        for line in root.iter("trLine")
        if line.find("vat") is not None
    ]
    assert told == [
        ("50.00", "INPUT_HIGH", "21.000", "10.50", "D"),
        ("100.00", "HIGH", "21.000", "21.00", "C"),
        ("33.33", "HIGH", "21.000", "7.00", "C"),
    ]


def test_a_customer_who_is_a_supplier_too_is_one_party(db):
    ledger = open_test_books_with_two()
    root = tree(exported(ledger.administration, "XAF_4_0"))
    [both] = [one for one in root.iter("customerSupplier") if one.findtext("custSupID") == "K-1"]
    assert (both.findtext("custSupTp"), both.findtext("clBalDesc"), both.findtext("clBalTp")) == ("B", "90.00", "D")


def test_parties_who_share_a_code_by_chance_stay_apart(db):
    ledger = open_test_books_with_two(name="Another Ltd")
    content = exported(ledger.administration, "XAF_4_0")
    assert findings(content) == []
    named = {one.findtext("custSupName"): one for one in tree(content).iter("customerSupplier")}
    parties = {name: named[name] for name in ("Kade Ltd", "Another Ltd")}
    assert {name: one.findtext("custSupTp") for name, one in parties.items()} == {"Kade Ltd": "C", "Another Ltd": "S"}
    assert len({one.findtext("custSupID") for one in parties.values()}) == 2


def open_test_books_with_two(name="Kade Ltd"):
    ledger = full_books()
    ledger.sold("100.00", party=ledger.customer("K-1", name="Kade Ltd"))
    ledger.bought("10.00", reference="F-9", party=ledger.supplier("K-1", name=name))
    return ledger


def test_an_opening_balance_stands_apart_from_the_entries(db):
    ledger = full_books()
    opening = Journal.objects.get(administration=ledger.administration, code="OPN")
    bank, equity = ledger.books.account("bank"), ledger.books.account("retained_earnings")
    lines = [Line(bank, debit=D(5)), Line(equity, credit=D(5))]
    EntryFactory(books=ledger.books, journal=opening, date=date(2026, 6, 1), memo="Forgotten", lines=lines)
    content = exported(ledger.administration, "XAF_4_0")
    assert findings(content) == []  # not as an opening journal: 4.0 wants the opening balance in its own element
    root = tree(content)
    assert texts(root, "company/openingBalance/totalDebit") == ["1000.00"]
    assert "Forgotten" in texts(root, ".//transaction/desc")
    assert "Opening" not in texts(root, ".//transaction/desc")


# SAF-T ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAFT)
def test_balances_of_accounts_and_parties_stand_at_both_ends(db, name):
    ledger = full_books("NO")
    root = tree(exported(ledger.administration, name))
    accounts = {one.findtext("AccountID"): one for one in root.iter("Account")}
    bank = accounts[ledger.books.account("bank").code]
    assert (bank.findtext("OpeningDebitBalance"), bank.findtext("ClosingDebitBalance")) == ("1000.00", "910.00")
    [supplier] = root.iter("Supplier")
    held = supplier.find("BalanceAccount") if name == "SAFT_1_30" else supplier
    assert [held.findtext(part) for part in ("AccountID", "OpeningDebitBalance", "ClosingCreditBalance")] == [
        "2400",
        "0.00",
        "62.50",
    ]


def test_standard_tax_codes_and_the_tax_of_each_base(db):
    root = tree(exported(full_books("NO").administration, "SAFT_1_30"))
    codes = {one.findtext("TaxCode"): one.findtext("StandardTaxCode") for one in root.iter("TaxCodeDetails")}
    standard = [codes[code] for code in ("HIGH", "EXEMPT", "ABROAD_IN_COST", "IMPORT_HIGH_NONE")]
    assert standard == ["3", "6", "87", "82"]
    told = [
        [one.findtext(part) for part in ("TaxCode", "TaxBase", "DebitTaxAmount/Amount", "CreditTaxAmount/Amount")]
        for one in root.iter("TaxInformation")
    ]
    assert told == [
        ["INPUT_HIGH", "50.00", "12.50", None],
        ["HIGH", "100.00", None, "25.00"],
        ["HIGH", "33.33", None, "8.33"],
    ]


def test_accounts_of_the_norwegian_chart_are_mapped_to_the_business_specification(db):
    books = open_test_books("no", country="NO", currency="NOK")
    told = {one.code: grouping(one) for one in Account.objects.filter(administration=books.administration)}
    assert told["1500"] == ("balanseverdiForOmloepsmiddel", "1500")
    assert told["1920"] == ("balanseverdiForOmloepsmiddel", "1920")
    assert told["2400"] == ("kortsiktigGjeld", "2400")
    assert told["2710"] == ("kortsiktigGjeld", "2740")
    assert told["3200"] == ("salgsinntekt", "3200")
    assert told["5000"] == ("loennskostnad", "5000")
    assert told["6800"] == ("annenDriftskostnad", "6995")
    assert told["8160"] == ("finanskostnad", "8160")


@pytest.mark.parametrize(
    ("code", "place", "type", "standard", "wanted", "number"),
    [
        ("1000", "CURRENT_ASSETS", "ASSET", "", ("balanseverdiForOmloepsmiddel", "1570"), "1000"),  # no NS 4102 number
        ("1920", "CURRENT_ASSETS", "ASSET", "", ("balanseverdiForOmloepsmiddel", "1920"), "1920"),
        ("BANK", "CURRENT_ASSETS", "ASSET", "", ("balanseverdiForOmloepsmiddel", "1570"), "15"),
        ("BANK", "CURRENT_ASSETS", "ASSET", "1950", ("balanseverdiForOmloepsmiddel", "1950"), "1950"),
        ("7", "OPERATING_EXPENSES", "EXPENSE", "", ("annenDriftskostnad", "7700"), "77"),
    ],
)
def test_an_account_of_another_chart_is_mapped_by_its_place(code, place, type, standard, wanted, number):
    account = Account(code=code, place=place, type=type, standard_code=standard)
    assert (grouping(account), standard_account(account)) == (wanted, number)


def test_a_span_within_the_year_opens_with_what_was_before_it(db):
    ledger = full_books("NO")
    root = tree(exported(ledger.administration, "SAFT_1_30", (date(2026, 3, 1), date(2026, 3, 31)), made_at=MADE_AT))
    accounts = {one.findtext("AccountID"): one for one in root.iter("Account")}
    revenue = accounts[ledger.books.account("revenue_other").code]
    assert revenue.findtext("OpeningCreditBalance") == "133.33"
    assert texts(root, "GeneralLedgerEntries/NumberOfEntries") == ["2"]


def test_a_vat_code_without_a_standard_code_is_told_as_not_treated(db):
    books = open_test_books("no", country="NO", currency="NOK", vat_number="999999999MVA")
    VatCode.objects.filter(administration=books.administration, code="HIGH").update(standard_code="")
    root = tree(exported(books.administration, "SAFT_1_30"))
    codes = {one.findtext("TaxCode"): one.findtext("StandardTaxCode") for one in root.iter("TaxCodeDetails")}
    assert codes["HIGH"] == "0"
    assert Decimal(codes["LOW"]) == 33
