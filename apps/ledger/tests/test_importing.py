"""Books from files: what is read, what is refused with its line, and what then stands in the books."""

import os
import warnings
from datetime import date
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pytest
import pyxaf
from django.db import connection
from django.db.models import Sum
from lxml import etree

from apps.core.errors import DomainError, NotAllowed
from apps.core.models import Event, Membership
from apps.core.services.uploads import store_upload
from apps.core.tests.factories import AdministrationFactory, member
from apps.ledger.errors import BooksFileRefused, BooksImportedBefore
from apps.ledger.importing import open_books_file
from apps.ledger.importing.books import Unreadable
from apps.ledger.models import Account, Batch, Journal, JournalEntry, JournalLine, OpenItem, Party, Period, VatCode
from apps.ledger.services.importing import import_books, preview_import
from apps.ledger.services.opening import open_books
from apps.ledger.tests.books_files import ENTRIES, TOTAL, accounts_csv, entries_csv, saft, xaf_32, xaf_40
from apps.periods.tests.steps import all_brought_to

ROOT = Path(__file__).resolve().parents[3]
CORPUS = Path(os.environ.get("DAYBOOK_CORPUS") or ROOT.parent / "shared" / "corpus")
D = Decimal
FILES = {
    "XAF 3.2": ("books.xaf", xaf_32, "NL"),
    "XAF 4.0": ("books.xml", xaf_40, "NL"),
    "SAF-T 1.10": ("books.xml", lambda *changes: saft("1.10", *changes), "NO"),
    "SAF-T 1.20": ("books.xml", lambda *changes: saft("1.20", *changes), "NO"),
    "SAF-T 1.30": ("books.xml", lambda *changes: saft("1.30", *changes), "NO"),
}
BALANCES = {
    "1500": D(0), "1920": D("1121.00"), "2050": D("-1000.00"), "2400": D("-50.00"), "2700": D("-21.00"),
    "3000": D("-100.00"), "6800": D("50.00"),
}  # fmt: skip


class Shelf:
    """Empty books, their accountant, and files that are sent to them."""

    def __init__(self, country="NL"):
        self.administration = AdministrationFactory(country=country, currency="NOK" if country == "NO" else "EUR")
        self.accountant = member(self.administration, Membership.Role.ACCOUNTANT)

    def sent(self, file, name="books.xml"):
        content = file if isinstance(file, bytes) else file.read()
        facts = {"administration": self.administration, "purpose": "books", "name": name}
        return store_upload(BytesIO(content), **facts, by=self.accountant)

    def preview(self, file, name="books.xml", **options):
        return preview_import(self.sent(file, name), by=self.accountant, **options)

    def imported(self, file, name="books.xml", **options):
        batch = import_books(self.sent(file, name), by=self.accountant, **options)
        with connection.cursor() as cursor:  # what a commit would prove
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        return batch

    def balances(self):
        lines = JournalLine.objects.filter(administration=self.administration).posted()
        rows = lines.values("account__code").annotate(balance=Sum("debit") - Sum("credit"))
        return {row["account__code"]: row["balance"] for row in rows}

    def nothing_came_in(self):
        tables = (Account, VatCode, Party, Journal, Period, JournalEntry, Batch)
        return not any(table.objects.filter(administration=self.administration).exists() for table in tables)


@pytest.fixture
def shelf(db):
    return Shelf()


@pytest.fixture(params=FILES)
def case(request, db):
    name, build, country = FILES[request.param]
    return Shelf(country), name, build


def schema_of(name):
    paths = list(CORPUS.glob(f"saft_no/*{name}.xsd"))
    if not paths:
        warnings.warn(f"SKIPPED, {CORPUS} is not here: the fixtures were NOT held against the schema", stacklevel=1)
        pytest.skip(f"{CORPUS} is not here: the fixtures were NOT held against the schema")
    return etree.XMLSchema(etree.parse(paths[0]))


# The fixtures are what they say --------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [xaf_32, xaf_40])
def test_the_audit_files_of_these_tests_are_valid(build):
    assert [str(finding) for finding in pyxaf.validate(build(), xsd=True).errors] == []


@pytest.mark.parametrize(("version", "schema"), [("1.10", "_v_1.10"), ("1.20", "_v_1.10"), ("1.30", "_v_1.30")])
def test_the_saft_files_of_these_tests_are_valid(version, schema):
    schema_of(f"Financial_Schema{schema}").assertValid(etree.parse(saft(version)))


# What comes in -------------------------------------------------------------------------------------------------------


def test_a_file_comes_in_whole(case):
    shelf, name, build = case
    batch = shelf.imported(build(), name)
    assert shelf.balances() == BALANCES
    entries = JournalEntry.objects.filter(administration=shelf.administration)
    assert entries.count() == len(ENTRIES) + 1
    assert {entry.batch for entry in entries} == {batch}
    assert (batch.kind, batch.upload.file_name, batch.created_by) == ("IMPORT", name, shelf.accountant)
    sale = entries.get(memo="Sale")
    assert (sale.date, sale.reference, sale.status) == (date(2025, 2, 3), "1", "POSTED")
    opening = entries.get(journal__code="OPN")
    assert (opening.date, opening.journal.type) == (date(2025, 1, 1), "OPENING")
    assert Event.objects.filter(name="ledger.books_imported").count() == 1


def test_a_preview_says_what_an_import_does_and_writes_nothing(case):
    shelf, name, build = case
    preview = shelf.preview(build(), name)
    assert shelf.nothing_came_in()
    shelf.imported(build(), name)
    mine = {"administration": shelf.administration}
    assert preview.accounts_new == Account.objects.filter(**mine).count()
    assert preview.parties_new == Party.objects.filter(**mine).count()
    assert preview.vat_codes_new == VatCode.objects.filter(**mine).count()
    assert preview.entries == JournalEntry.objects.filter(**mine).exclude(journal__code="OPN").count()
    assert preview.lines == JournalLine.objects.filter(**mine).exclude(entry__journal__code="OPN").count()
    assert (preview.debit, preview.credit) == (D(TOTAL), D(TOTAL)) == (preview.stated_debit, preview.stated_credit)
    assert preview.opening == D(1000)
    assert (preview.first_day, preview.last_day) == (date(2025, 1, 1), date(2025, 12, 31))
    assert (preview.refused, [problem for problem in preview.problems if problem.refused]) == (0, [])


def test_accounts_get_the_type_and_place_that_their_standard_code_says(case):
    shelf, name, build = case
    shelf.imported(build(), name)
    accounts = {account.code: account for account in Account.objects.filter(administration=shelf.administration)}
    assert {code: (account.type, account.place) for code, account in accounts.items()} == {
        "1500": ("ASSET", "CURRENT_ASSETS"),
        "1920": ("ASSET", "CURRENT_ASSETS"),
        "2050": ("EQUITY", "EQUITY"),
        "2400": ("LIABILITY", "CURRENT_LIABILITIES"),
        "2700": ("LIABILITY", "CURRENT_LIABILITIES"),
        "3000": ("REVENUE", "REVENUE"),
        "6800": ("EXPENSE", "OPERATING_EXPENSES"),
    }
    if name != "books.xaf":  # XAF 3.2 has no field for the code but the free one that pyxaf may recognise
        assert all(account.standard_code for account in accounts.values())
    assert (accounts["1500"].control, accounts["2400"].control) == ("CUSTOMERS", "SUPPLIERS")


def test_history_on_control_accounts_names_parties_and_has_no_open_items(case):
    shelf, name, build = case
    shelf.imported(build(), name)
    lines = JournalLine.objects.filter(administration=shelf.administration, account__control__gt="")
    assert {(line.account.code, line.party.kind, line.party.code) for line in lines} == {
        ("1500", "CUSTOMER", "C1"),
        ("2400", "SUPPLIER", "S1"),
    }
    assert not OpenItem.objects.filter(administration=shelf.administration).exists()


def test_a_vat_code_stands_on_the_turnover_only(case):
    """Files write the code on the line of the base; the tax is told apart by its account."""
    shelf, name, build = case
    open_books(shelf.administration, chart="no")
    shelf.imported(build(), name)
    sale = JournalEntry.objects.get(administration=shelf.administration, memo="Sale")
    taxed = [(line.account.code, line.vat_role) for line in sale.lines.all() if line.vat_code]
    assert taxed == [("3000", "BASE")]
    if shelf.administration.country == "NO":
        assert sale.lines.get(account__code="3000").vat_code.code == "HIGH"  # known by its standard code


def test_the_rest_of_a_file_is_recognised_when_it_is_there_already(case):
    shelf, name, build = case
    open_books(shelf.administration, chart="no")
    known = set(Account.objects.filter(administration=shelf.administration).values_list("code", flat=True))
    preview = shelf.preview(build(), name)
    shared = {"1500", "1920", "2050", "2400", "2700", "6800"} & known
    assert (preview.accounts_known, preview.accounts_new) == (len(shared), 7 - len(shared))
    shelf.imported(build(), name)
    assert Account.objects.filter(administration=shelf.administration, code="1500").count() == 1
    assert shelf.balances() == BALANCES


def test_the_next_year_leaves_its_opening_balance_out(shelf):
    shelf.imported(xaf_40(), "2025.xaf")
    following = xaf_40().read().decode().replace("2025-", "2026-").replace(">2025<", ">2026<")
    preview = shelf.preview(following.encode(), "2026.xaf")
    assert preview.opening is None
    assert "opening balance is left out" in preview.problems[0].reason
    shelf.imported(following.encode(), "2026.xaf")
    assert JournalEntry.objects.filter(journal__code="OPN").count() == 1
    assert shelf.balances()["1920"] == D("1242.00")


def test_numbers_of_parties_come_in_when_their_check_digits_are_right(shelf):
    wrong = (
        "<taxRegIdent>004495445B01</taxRegIdent>\n<custSupTp>C",
        "<taxRegIdent>004495446B01</taxRegIdent>\n<custSupTp>C",
    )
    shelf.imported(xaf_32(), "right.xaf")
    party = Party.objects.get(code="C1")
    assert (party.name, party.vat_number, party.organization_number) == ("Klant", "NL004495445B01", "12345678")
    other = Shelf()
    other.imported(xaf_32(wrong), "wrong.xaf")
    assert Party.objects.get(administration=other.administration, code="C1").vat_number == ""


def test_what_is_imported_twice_is_refused(shelf):
    shelf.imported(xaf_32(), "books.xaf")
    with pytest.raises(BooksImportedBefore):
        shelf.imported(xaf_32(), "again.xaf")
    assert Batch.objects.count() == 1


def test_only_who_keeps_the_accounts_imports(shelf):
    upload = shelf.sent(xaf_32())
    owner = member(shelf.administration, Membership.Role.OWNER)
    for act in (preview_import, import_books):
        with pytest.raises(NotAllowed):
            act(upload, by=owner)
    assert shelf.nothing_came_in()


# What does not -------------------------------------------------------------------------------------------------------


def refused(shelf, file, name):
    """The reasons of the refusal by line. Nothing of the file is written, and a preview says the same."""
    upload = shelf.sent(file, name)
    with pytest.raises(BooksFileRefused) as refusal:
        import_books(upload, by=shelf.accountant)
    assert shelf.nothing_came_in()
    rows = refusal.value.facts["rows"]
    preview = preview_import(upload, by=shelf.accountant)
    told = [{"line": problem.line, "reason": problem.reason} for problem in preview.problems if problem.refused]
    assert sorted(map(str, told)) == sorted(map(str, rows))
    return by_line(rows)


def by_line(rows):
    reasons = {}
    for row in rows:
        reasons.setdefault(row["line"], []).append(row["reason"])
    return {line: " ".join(told) for line, told in reasons.items()}


def line_of(file, text):
    """The line on which ``text`` stands first."""
    return next(number for number, line in enumerate(file.getvalue().decode().splitlines(), start=1) if text in line)


def test_an_entry_that_does_not_balance_is_refused_with_its_line(case):
    shelf, name, build = case
    one, other = ("121.00</amnt>", "120.00</amnt>") if "trLine" in build().read().decode() else (
        "121.00</Amount>", "120.00</Amount>")  # fmt: skip
    file = build((one, other))
    rows = refused(shelf, file, name)
    entry = line_of(file, "<transaction>" if "amnt" in one else "<Transaction>")
    assert "does not balance" in rows[entry]
    assert any("debits of 292.00" in reason for reason in rows.values())


def test_totals_that_the_file_states_wrongly_are_refused(case):
    shelf, name, build = case
    xaf = "transactions" in build().read().decode()
    if xaf:
        changes = [(f"<totalDebit>{TOTAL}<", "<totalDebit>293.00<")]
    else:
        changes = [(f"<TotalDebit>{TOTAL}<", "<TotalDebit>293.00<")]
    rows = refused(shelf, build(*changes), name)
    assert list(rows.values()) == [f"The file states debits of 293.00; its lines come to {TOTAL}."]


def test_a_count_that_is_neither_of_entries_nor_of_lines_is_refused(case):
    shelf, name, build = case
    xaf = "transactions" in build().read().decode()
    changes = ("<linesCount>7<", "<linesCount>8<") if xaf else ("<NumberOfEntries>3<", "<NumberOfEntries>8<")
    (reason,) = refused(shelf, build(changes), name).values()
    assert reason == "The file states 8 entries; there are 3 with 7 lines."


def test_an_unknown_account_is_refused_with_its_line(case):
    shelf, name, build = case
    text = build().read().decode()
    if "trLine" in text:
        file = build(("<nr>2</nr><accID>3000<", "<nr>2</nr><accID>3999<"))
        line = line_of(file, "3999") - 1  # that of the element
    else:
        file = build(("<RecordID>2</RecordID><AccountID>3000<", "<RecordID>2</RecordID><AccountID>3999<"))
        line = line_of(file, "3999") - 1
    assert refused(shelf, file, name)[line] == "There is no account 3999."


def test_a_date_that_is_none_is_refused(case):
    shelf, name, build = case
    tag = "trDt" if "trDt" in build().read().decode() else "TransactionDate"
    rows = refused(shelf, build((f"<{tag}>2025-02-03<", f"<{tag}>2025-02-31<")), name)
    assert "Entry 1 has no date." in " ".join(rows.values())


def test_an_amount_finer_than_the_currency_is_refused(case):
    shelf, name, build = case
    tag = "amnt" if "amntTp" in build().read().decode() else "Amount"
    changes = [(f"50.00</{tag}>", f"50.001</{tag}>")] * 2
    rows = refused(shelf, build(*changes), name)
    assert "The amount 50.001 has too many digits." in " ".join(rows.values())


def test_another_currency_is_refused(case):
    shelf, name, build = case
    own = "EUR" if shelf.administration.country == "NL" else "NOK"
    tag = "curCode" if own == "EUR" else "DefaultCurrencyCode"
    (reason,) = refused(shelf, build((f"<{tag}>{own}<", f"<{tag}>SEK<")), name).values()
    assert reason == f"The file is in SEK, the books are in {own}."


def test_a_closed_period_is_refused_with_the_line_of_the_entry(case):
    shelf, name, build = case
    Period.objects.create(
        administration=shelf.administration, type="MONTH", name="2025-03", first_day=date(2025, 3, 1),
        last_day=date(2025, 3, 31),
    )  # fmt: skip
    all_brought_to(Period.objects.filter(administration=shelf.administration), "FINALIZED")
    upload = shelf.sent(build(), name)
    with pytest.raises(BooksFileRefused, match="2025-03-04"):
        import_books(upload, by=shelf.accountant)
    assert not JournalEntry.objects.exists()


def test_damaged_xml_is_refused_where_it_breaks(case):
    """Such a file is not even taken in; whatever reads it says the line."""
    shelf, name, build = case
    text = build().read().decode()
    end = "</trLine>" if "trLine" in text else "</Line>"
    broken = text.replace(end, "", 1)
    with pytest.raises(DomainError) as refusal:
        shelf.sent(broken.encode(), name)
    assert refusal.value.code == "FILE_DAMAGED"
    with pytest.raises(Unreadable) as damaged:
        list(open_books_file(BytesIO(broken.encode())).entries())
    first = next(number for number, line in enumerate(text.splitlines(), start=1) if end in line)
    assert damaged.value.line > first
    assert "damaged" in damaged.value.reason


BOMBS = {
    "an entity from elsewhere": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
    "a billion laughs": '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>',
    "a document type from elsewhere": '<!DOCTYPE auditfile SYSTEM "http://127.0.0.1:1/x.dtd">',
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_document_types_and_entities_are_refused(case, bomb):
    shelf, name, build = case
    text = build().read().decode().replace("?>", f"?>{BOMBS[bomb]}", 1).replace("Sale<", "&c;<", 1)
    with pytest.raises(DomainError) as refusal:
        shelf.sent(text.encode(), name)
    assert refusal.value.code == "FILE_REFUSED"
    with pytest.raises(Unreadable) as unread:
        list(open_books_file(BytesIO(text.encode())).entries())
    assert unread.value.line <= 3
    assert "document type or entities" in unread.value.reason


@pytest.mark.parametrize("case", ["XAF 3.2", "SAF-T 1.30"], indirect=True)
def test_text_in_another_encoding_than_the_file_says_is_refused(case):
    shelf, name, build = case
    latin = build().read().decode().encode("latin-1")
    with pytest.raises(DomainError):
        shelf.sent(latin, name)
    with pytest.raises(Unreadable):
        list(open_books_file(BytesIO(latin)).entries())


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1"])
def test_encodings_that_the_file_states_are_read(shelf, encoding):
    said = encoding.removesuffix("-sig")
    shelf.imported(xaf_32(encoding=encoding).read().replace(b"utf-8-sig", said.encode()), "books.xaf")
    assert shelf.balances() == BALANCES


# CSV -----------------------------------------------------------------------------------------------------------------


def as_csv(text, encoding="utf-8"):
    return BytesIO(text.encode(encoding))


@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_a_chart_then_entries_as_csv(shelf, separator):
    assert shelf.imported(as_csv(accounts_csv(separator)), "chart.csv") is None
    assert Account.objects.filter(administration=shelf.administration).count() == 7
    shelf.imported(as_csv(entries_csv(separator, decimal="." if separator == "," else ",")), "entries.csv")
    assert shelf.balances() == {code: amount for code, amount in BALANCES.items() if code != "2050"} | {
        "1920": D("121.00")
    }
    assert JournalEntry.objects.get(memo="Sale").journal.code == "MEM"


@pytest.mark.parametrize(
    ("amount", "means"),
    [("1.234,56", "1234.56"), ("1,234.56", "1234.56"), ("1234,5", "1234.50"), ("1234.5", "1234.50"),
     ("1 234,56", "1234.56"), ("1'234.56", "1234.56"), ("12345", "12345.00"), ("1.234.567,00", "1234567.00")],
)  # fmt: skip
def test_amounts_are_read_as_they_are_written(shelf, amount, means):
    shelf.imported(as_csv(accounts_csv()), "chart.csv")
    rows = ["code;debit;credit;date", f"1920;{amount};;31-12-2024", f"2050;;{amount};31-12-2024"]
    shelf.imported(as_csv("\n".join(rows)), "balance.csv")
    assert shelf.balances() == {"1920": D(means), "2050": -D(means)}


@pytest.mark.parametrize("day", ["2024-12-31", "31-12-2024", "31/12/2024", "31.12.2024", "20241231"])
def test_dates_are_read_as_they_are_written(shelf, day):
    shelf.imported(as_csv(accounts_csv()), "chart.csv")
    shelf.imported(as_csv(f"code;debit;credit;date\n1920;5,00;;{day}\n2050;;5,00;{day}"), "balance.csv")
    assert JournalEntry.objects.get().date == date(2024, 12, 31)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_names_are_read_in_the_encodings_of_spreadsheets(shelf, encoding):
    shelf.imported(as_csv("code;name;type\n1000;Blåbær café;ASSET", encoding), "chart.csv")
    assert Account.objects.get(administration=shelf.administration).name == "Blåbær café"


def test_a_trial_balance_becomes_one_opening_entry(shelf):
    shelf.imported(as_csv(accounts_csv()), "chart.csv")
    text = "rekening;naam;saldo\n1920;Bank;1.000,00\n2050;Kapitaal;-1.000,00\n6800;Kantoor;0,00"
    shelf.imported(as_csv(text), "balance.csv", day=date(2024, 12, 31))
    entry = JournalEntry.objects.get()
    assert (entry.journal.code, entry.date, entry.lines.count()) == ("OPN", date(2024, 12, 31), 2)
    assert shelf.balances() == {"1920": D(1000), "2050": D(-1000)}


CSV_REFUSED = {
    "no date": ("code;debit;credit\n1920;5,00;\n2050;;5,00", 2, "needs the date"),
    "does not balance": ("code;debit;credit;date\n1920;5,00;;2024-12-31\n2050;;4,00;2024-12-31", 2, "differ by 1.00"),
    "unknown account": ("code;debit;credit;date\n1920;5,00;;2024-12-31\n9999;;5,00;2024-12-31", 3, "no account 9999"),
    "no amount": ("code;debit;credit;date\n1920;five;;2024-12-31\n2050;;5,00;2024-12-31", 2, "“five” is no amount"),
    "no such date": ("code;debit;credit;date\n1920;5,00;;2024-13-31\n2050;;5,00;2024-12-31", 2, "is no date"),
    "too many values": ("code;debit;credit;date\n1920;5;00;;2024-12-31\n2050;;5,00;2024-12-31", 2, "5 values for 4"),
    "entry does not balance": (
        "entry;date;account;debit;credit\n1;2024-12-31;1920;5,00;\n1;2024-12-31;2050;;4,00", 2, "does not balance"
    ),
    "entry in two places": (
        "entry;date;account;debit;credit\n1;2024-12-31;1920;5,00;\n1;2024-12-31;2050;;5,00\n"
        "2;2024-12-31;1920;5,00;\n2;2024-12-31;2050;;5,00\n1;2024-12-31;1920;5,00;\n1;2024-12-31;2050;;5,00",
        6, "stand together",
    ),
    "entry of two dates": (
        "entry;date;account;debit;credit\n1;2024-12-31;1920;5,00;\n1;2024-12-30;2050;;5,00", 3, "one date"
    ),
    "no columns that we know": ("a;b;c\n1;2;3", 1, "A chart has the columns"),
    "quotes that do not end": ('code;debit;credit;date\n"1920;5,00;;2024-12-31', 2, "no CSV"),
    "no type": ("code;name;type\n1000;Kas;\n", 2, "what kind of account"),
    "a type that is none": ("code;name;type\n1000;Kas;CASH\n", 2, "none of ASSET"),
    "an account twice": ("code;name;type\n1000;Kas;ASSET\n1000;Bank;ASSET", 3, "stands in the file twice"),
}  # fmt: skip


@pytest.mark.parametrize("what", CSV_REFUSED)
def test_rows_are_refused_with_their_line(shelf, what):
    text, line, words = CSV_REFUSED[what]
    shelf.imported(as_csv(accounts_csv()), "chart.csv")
    before = Account.objects.count()
    with pytest.raises(BooksFileRefused) as refusal:
        shelf.imported(as_csv(text), "books.csv")
    assert words in by_line(refusal.value.facts["rows"])[line]
    assert (Account.objects.count(), JournalEntry.objects.count()) == (before, 0)


def test_another_file_is_told_so(shelf):
    with pytest.raises(BooksFileRefused, match="no CSV file, XAF or SAF-T"):
        shelf.preview(BytesIO(b"<?xml version='1.0'?><Invoice/>"))


# Real files ----------------------------------------------------------------------------------------------------------

BOOKS = {
    "xaf_nl/bananaaccounting__auditfile_v3.2_nl_20180101_20181231.xaf": (44, "91275.49"),
    "xaf_nl/bananaaccounting__accounts__test__testcases__auditfile_v3.2_nl_20180101_20181231.xml": (46, "91275.49"),
    "xaf_nl/bananaaccounting__importapps_docChange__test__testcases__auditfile_v3.2_nl_20180101_20181231.xml": (
        46, "91275.49"
    ),
    "saft_no/skatteetaten__Example_Files__ExampleFile_SAF-T_Financial_999999999_20161125213512.xml": (2, "25000"),
    "saft_no/skatteetaten__SAF-T_Financial_1.3__Example_Files__Eksempelfil_fra_xmlSpy.xml": (0, "0"),
}  # fmt: skip
# Made by programs to show the elements: one line, and so no balance.
DUMMIES = {
    "xaf_nl/bananaaccounting__documentation__XmlAuditfileFinancieel3.2_test.xml": 209,
    "xaf_nl/bananaaccounting__importapps_docChange__test__testcases__XmlAuditfileFinancieel3.2_test.xml": 209,
}


def real(path):
    if not CORPUS.is_dir():
        warnings.warn(f"SKIPPED, {CORPUS} is not here: real files were NOT imported", stacklevel=1)
        pytest.skip(f"{CORPUS} is not here: real files were NOT imported")
    return (CORPUS / path).read_bytes()


@pytest.mark.parametrize("chart", ["empty", "with our chart"])
@pytest.mark.parametrize("path", BOOKS)
def test_real_books_come_in_whole(db, path, chart):
    content = real(path)
    shelf = Shelf("NO" if path.startswith("saft") else "NL")
    open_books(shelf.administration, chart="no" if path.startswith("saft") else "nl")
    if chart == "empty":
        VatCode.objects.filter(administration=shelf.administration).delete()
        Account.objects.filter(administration=shelf.administration).exclude(purpose="opening_balance").delete()
    entries, total = BOOKS[path]
    preview = shelf.preview(content, Path(path).name)
    assert (preview.entries, preview.debit, preview.credit) == (entries, D(total), D(total))
    assert (preview.stated_debit, preview.stated_credit) == (D(total), D(total))
    shelf.imported(content, Path(path).name)
    posted = JournalEntry.objects.filter(administration=shelf.administration)
    assert posted.exclude(journal__code="OPN").count() == entries
    sums = JournalLine.objects.filter(entry__in=posted.exclude(journal__code="OPN")).aggregate(
        debit=Sum("debit"), credit=Sum("credit")
    )
    assert {amount or D(0) for amount in sums.values()} == {D(total)}
    assert sum(shelf.balances().values()) == 0


@pytest.mark.parametrize("path", DUMMIES)
def test_what_only_shows_the_elements_is_refused(shelf, path):
    rows = refused(shelf, real(path), Path(path).name)
    assert "does not balance" in rows[DUMMIES[path]]


def test_a_cash_register_file_is_no_books(db):
    content = real("saft_no/skatteetaten__Example_Files__ExampleFile_SAF-T_Cash_Register_999999999_20210330104000.xml")
    with pytest.raises(BooksFileRefused, match="no CSV file, XAF or SAF-T"):
        Shelf("NO").preview(content)
