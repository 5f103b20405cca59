"""The contract area ledger over HTTP: reports as JSON and as files. Who may ask stands in the permission matrix."""

import csv
import io
from datetime import date, timedelta
from decimal import Decimal
from uuid import uuid4

import openpyxl
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator
from pypdf import PdfReader
from rest_framework.test import APIClient

from apps.billing.tests.test_closes_api import plain_schema
from apps.core.models import Event, Membership
from apps.core.tests.factories import member
from apps.ledger.models import Account, Party, VatCode
from apps.ledger.services.allocating import settle_documents
from apps.ledger.services.posting import Line
from apps.ledger.tests.factories import EntryFactory, draft, new_id, on_account, open_test_books, paid_later

MARCH = {"start_date": "2026-03-01", "end_date": "2026-03-31"}
AS_OF = {"as_of_date": "2026-03-31"}
REPORTS = {  # what each takes, and a figure that is in its file
    "balance-sheet": (AS_OF, "1234.50"),
    "pnl": (MARCH, "1234.50"),
    "trial-balance": (AS_OF, "1174.50"),
    "ar": (AS_OF, "60.00"),
    "ap": (AS_OF, "0.00"),
    "vat-by-code": (MARCH, "1134.50"),
    "account-ledger/{cash}": (MARCH, "1174.50"),
    "journal": (MARCH, "1134.50"),
}
JSON_REPORTS = [report for report in REPORTS if report != "journal"]


@pytest.fixture
def march(books):
    """1,134.50 taken in cash with a VAT code; a bill of 100, of which 40 is paid; a draft; April; another's books."""
    party, bill = (
        Party.objects.create(administration=books.administration, kind="CUSTOMER", code="P-1", name="=1+1"),
        new_id(),
    )
    revenue = Line(books.account("revenue_consultation"), credit=Decimal("1134.50"), vat_code=books.vat)
    sale = [Line(books.account("cash_drawer"), debit=Decimal("1134.50")), revenue]
    EntryFactory(books=books, date=date(2026, 3, 2), lines=sale)
    EntryFactory(books=books, date=date(2026, 3, 3), lines=on_account(books, "100.00", party, bill, "B-000001"))
    EntryFactory(books=books, date=date(2026, 3, 5), lines=paid_later(books, "40.00", party, bill, "B-000001"))
    settle_documents(books.administration, [bill])
    EntryFactory(books=books, date=date(2026, 4, 1), amount="10.00")
    draft(books)
    EntryFactory(books=open_test_books(), amount="999.00")
    return books


@pytest.fixture(scope="module")
def document():
    return SchemaGenerator().get_schema(request=None, public=True)


@pytest.fixture
def ask(march, document):
    """A GET as the accountant, the answer held against the OpenAPI document."""
    http = APIClient()
    http.force_authenticate(member(march.administration, Membership.Role.ACCOUNTANT))

    def get(report, query=None, *, client=None, documented=True, **headers):
        path = report.format(cash=march.account("cash_drawer").pk)
        path = path if path == "overview" else f"reports/{path}"
        base = f"/api/v1/accountant/clients/{client or march.administration.pk}/"
        answer = http.get(f"{base}{path}", query, **headers)
        if documented and answer.headers["Content-Type"] == "application/json":
            name = "overview" if path == "overview" else "reports/" + report.replace("{cash}", "{account_id}")
            responses = document["paths"][f"/api/v1/accountant/clients/{{client_id}}/{name}/"]["get"]["responses"]
            schema = responses[str(answer.status_code)]["content"]["application/json"]["schema"]
            whole = {**plain_schema(schema), "components": plain_schema(document["components"])}
            Draft202012Validator(whole).validate(answer.json())
        return answer

    return get


def test_a_balance_sheet_is_answered_in_the_shape_of_the_source_document(ask, march):
    answer = ask("balance-sheet", AS_OF).json()
    cash = march.account("cash_drawer")
    lines = (
        f"/api/v1/accountant/clients/{march.administration.pk}/reports/account-ledger/{cash.pk}/?end_date=2026-03-31"
    )
    assert answer["as_of_date"] == "2026-03-31"
    assert answer["current_assets"]["accounts"][0] == {
        "account_id": str(cash.pk),
        "account_code": "1000",
        "account_name": "Kas",
        "account_type": "ASSET",
        "computed": False,
        "debit_total": "1174.50",
        "credit_total": "0.00",
        "balance": "1174.50",
        "earlier": None,
        "difference": None,
        "lines": [lines],
    }
    assert (answer["current_assets"]["name"], answer["current_assets"]["total"]) == ("Current assets", "1234.50")
    assert answer["fixed_assets"] == {
        "name": "Fixed assets",
        "accounts": [],
        "total": "0.00",
        "total_earlier": None,
        "total_difference": None,
    }
    [result] = answer["equity"]["accounts"]
    assert (result["account_code"], result["account_name"], result["balance"]) == ("0520", "Result of 2026", "1234.50")
    assert (answer["total_assets"], answer["total_liabilities_equity"], answer["is_balanced"]) == (
        "1234.50",
        "1234.50",
        True,
    )
    assert (answer["comparison"], answer["currency"], answer["known_at"]) == (None, "EUR", None)


def test_the_address_of_the_lines_leads_to_them(ask, march):
    sheet = ask("balance-sheet", AS_OF).json()
    http = APIClient()
    http.force_authenticate(march.owner)
    cash = http.get(sheet["current_assets"]["accounts"][0]["lines"][0]).json()
    assert (cash["closing_balance"], [line["debit"] for line in cash["lines"]]) == ("1174.50", ["1134.50", "40.00"])
    EntryFactory(
        books=march,
        date=date(2026, 3, 9),
        lines=[
            Line(march.account("cash_over_short"), debit=Decimal(4)),
            Line(march.account("cash_drawer"), credit=Decimal(4)),
        ],
    )
    [result] = ask("balance-sheet", AS_OF).json()["equity"]["accounts"]
    pnl = http.get(result["lines"][0]).json()
    assert (pnl["net_income"], pnl["start_date"], result["balance"]) == ("1230.50", "2026-01-01", "1230.50")


def test_a_balance_sheet_beside_an_earlier_one(ask):
    answer = ask("balance-sheet", {**AS_OF, "compare_to": "2026-03-02"}).json()
    assert answer["comparison"] == {
        "compare_to": "2026-03-02",
        "total_assets": "1134.50",
        "total_assets_difference": "100.00",
        "total_liabilities_equity": "1134.50",
        "total_liabilities_equity_difference": "100.00",
    }
    assert [(row["earlier"], row["difference"]) for row in answer["current_assets"]["accounts"]] == [
        ("1134.50", "40.00"),
        ("0.00", "60.00"),
    ]


def test_a_profit_and_loss_account_is_answered_in_the_shape_of_the_source_document(ask):
    answer = ask("pnl", {**MARCH, "compare_start": "2026-04-01", "compare_end": "2026-04-30"}).json()
    assert (answer["start_date"], answer["end_date"]) == ("2026-03-01", "2026-03-31")
    [row] = answer["revenue"]["accounts"]
    assert (row["account_code"], row["credit_total"], row["balance"], row["earlier"]) == (
        "8000",
        "1234.50",
        "1234.50",
        "10.00",
    )
    figures = ("gross_profit", "operating_income", "net_income")
    assert [answer[figure] for figure in figures] == ["1234.50"] * 3
    assert [answer["comparison"][figure] for figure in figures] == ["10.00"] * 3
    assert answer["comparison"]["net_income_difference"] == "1224.50"
    for section in ("cost_of_goods_sold", "operating_expenses", "other_income", "other_expenses"):
        assert (answer[section]["accounts"], answer[section]["total"]) == ([], "0.00")


def test_receivables_are_answered_in_the_shape_of_the_source_document(ask):
    answer = ask("ar", {**AS_OF, "as_of_date": "2026-04-15", "compare_to": "2026-03-03"}).json()
    [item] = answer["items"]
    expected = {
        "party_name": "=1+1",
        "party_code": "P-1",
        "document_number": "B-000001",
        "document_date": "2026-03-03",
        "due_date": "2026-03-03",
        "original_amount": "100.00",
        "paid_amount": "40.00",
        "open_amount": "60.00",
        "days_overdue": 43,
        "bucket": "DAYS_31_60",
        "status": "PARTIAL",
    }
    assert expected.items() <= item.items()
    totals = {
        name: answer[name] for name in ("report_type", "total_original", "total_paid", "total_open", "overdue_amount")
    }
    assert totals == {
        "report_type": "RECEIVABLE",
        "total_original": "100.00",
        "total_paid": "40.00",
        "total_open": "60.00",
        "overdue_amount": "60.00",
    }
    [party] = answer["parties"]
    assert (party["open_amount"], party["earlier"], party["difference"]) == ("60.00", "100.00", "-40.00")
    assert answer["buckets"] == {
        "not_due": "0.00",
        "days_1_30": "0.00",
        "days_31_60": "60.00",
        "days_61_90": "0.00",
        "over_90": "0.00",
    }


def test_payables_are_answered_in_the_same_shape(ask):
    answer = ask("ap", AS_OF).json()
    assert (answer["report_type"], answer["items"], answer["total_open"]) == ("PAYABLE", [], "0.00")


def test_a_trial_balance_is_answered(ask):
    answer = ask("trial-balance", {**AS_OF, "start_date": "2026-03-05", "compare_to": "2026-03-04"}).json()
    names = ("account_code", "opening_balance", "debit_total", "credit_total", "balance", "earlier", "difference")
    assert [tuple(row[name] for name in names) for row in answer["accounts"]] == [
        ("1000", "1134.50", "40.00", "0.00", "1174.50", "1134.50", "40.00"),
        ("1310", "100.00", "0.00", "40.00", "60.00", "100.00", "-40.00"),
        ("8000", "-1234.50", "0.00", "0.00", "-1234.50", "-1234.50", "0.00"),
    ]
    assert (answer["debit_total"], answer["credit_total"], answer["balance"]) == ("40.00", "40.00", "0.00")


def test_an_account_ledger_is_answered_page_by_page(ask, march):
    first = ask("account-ledger/{cash}", {"end_date": "2026-12-31", "limit": 2}).json()
    assert (first["opening_balance"], first["closing_balance"], first["start_date"]) == ("0.00", "1184.50", None)
    second = ask("account-ledger/{cash}", {"end_date": "2026-12-31", "limit": 2, "after": first["next"]}).json()
    assert (second["brought_forward"], second["next"]) == ("1174.50", None)
    lines = [*first["lines"], *second["lines"]]
    assert [(line["date"], line["balance"]) for line in lines] == [
        ("2026-03-02", "1134.50"),
        ("2026-03-05", "1174.50"),
        ("2026-04-01", "1184.50"),
    ]


def test_vat_by_code_is_answered(ask, march):
    VatCode.objects.filter(pk=march.vat.pk).update(box_turnover="1a", box_vat="1a")
    answer = ask("vat-by-code", MARCH).json()
    [row] = answer["codes"]
    assert (row["code"], row["turnover"], row["vat_owed"], row["vat_deducted"]) == ("HIGH", "1134.50", "0.00", "0.00")
    assert answer["boxes"] == [{"box": "1a", "turnover": "1134.50", "vat": "0.00"}]
    assert "2026-03" in answer["vat_periods"]


def test_the_overview_counts_what_there_is(ask, march):
    assert ask("overview").json() == {
        "client_id": str(march.administration.pk),
        "client_name": march.administration.name,
        "currency": "EUR",
        "missing_docs_count": 0,
        "error_count": 0,
        "warning_count": 0,
        "upcoming_deadlines": [],
        "total_journal_entries": 5,
        "draft_entries_count": 1,
        "posted_entries_count": 4,
        "total_open_receivables": "60.00",
        "total_open_payables": "0.00",
    }


def test_known_at_tells_what_the_books_said_then(ask, march):
    moment = timezone.now().isoformat()
    EntryFactory(books=march, date=date(2026, 3, 1), amount="5.00")
    for report, field in (("balance-sheet", "total_assets"), ("pnl", "net_income"), ("ar", "total_open")):
        query = AS_OF if report != "pnl" else MARCH
        then, now = (ask(report, {**query, **known}).json() for known in ({"known_at": moment}, {}))
        expected = ("60.00", "60.00") if report == "ar" else ("1234.50", "1239.50")
        assert (then[field], now[field]) == expected
        assert then["known_at"].replace("Z", "+00:00") == moment
    first = ask("balance-sheet", {**AS_OF, "known_at": moment}).json()["current_assets"]["accounts"][0]
    assert "known_at=" in first["lines"][0]


@pytest.mark.parametrize("report", JSON_REPORTS)
def test_every_report_has_a_default_for_every_day(ask, report):
    answer = ask(report)
    assert answer.status_code == 200
    until = answer.json().get("as_of_date") or answer.json()["end_date"]
    assert date.fromisoformat(until) - timezone.localdate() < timedelta(days=2)


def test_amounts_have_the_digits_of_the_books_currency(ask, march):
    type(march.administration).objects.filter(pk=march.administration.pk).update(currency="KWD")
    assert ask("balance-sheet", AS_OF).json()["total_assets"] == "1234.500"


# What is refused -----------------------------------------------------------------------------------------------------


BAD = [
    ("balance-sheet", {"as_of_date": "31-03-2026"}, "as_of_date"),
    ("balance-sheet", {"as_of_date": "2026-02-30"}, "as_of_date"),
    ("balance-sheet", {"known_at": "yesterday"}, "known_at"),
    ("balance-sheet", {"compare_to": "x"}, "compare_to"),
    ("pnl", {"start_date": "2026-04-01", "end_date": "2026-03-01"}, "start_date"),
    ("pnl", {"compare_start": "2026-04-01"}, "compare_end"),
    ("pnl", {"compare_end": "2026-04-01"}, "compare_start"),
    ("pnl", {"compare_start": "2026-04-01", "compare_end": "2026-03-01"}, "compare_start"),
    ("trial-balance", {"start_date": "2026-04-01", "as_of_date": "2026-03-01"}, "start_date"),
    ("trial-balance", {"start_date": "9999-01-01"}, "start_date"),
    ("ar", {"as_of_date": "today"}, "as_of_date"),
    ("ap", {"as_of_date": "0000-00-00"}, "as_of_date"),
    ("account-ledger/{cash}", {"limit": "0"}, "limit"),
    ("account-ledger/{cash}", {"limit": "1001"}, "limit"),
    ("account-ledger/{cash}", {"after": "x"}, "after"),
    ("account-ledger/{cash}", {"after": str(uuid4())}, "after"),
    ("account-ledger/{cash}", {"start_date": "9999-01-01"}, "start_date"),
    ("vat-by-code", {"start_date": "2026-04-01", "end_date": "2026-03-01"}, "start_date"),
    ("journal", {"journal_id": "x", "format": "csv"}, "journal_id"),
    *((report, {"format": "html"}, "format") for report in REPORTS),
]  # fmt: skip


@pytest.mark.parametrize(("report", "query", "field"), BAD)
def test_a_bad_parameter_is_named(ask, report, query, field):
    answer = ask(report, query)
    assert (answer.status_code, answer.json()["detail"]["code"]) == (400, "INVALID_PARAMETER")
    assert list(answer.json()["detail"]["fields"]) == [field]


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize("report", REPORTS)
def test_the_first_and_the_last_day_of_all_are_answered(ask, report, day):
    query = {"as_of_date": day, "start_date": "0001-01-01", "end_date": day, "compare_to": day}
    if report in ("balance-sheet", "ar", "ap"):
        query.pop("start_date")
    assert ask(report, query, documented=False).status_code == 200


def test_rows_of_other_books_are_not_there(ask, march):
    other = Account.objects.exclude(administration=march.administration).first()
    journal = open_test_books().journal
    assert ask(f"account-ledger/{other.pk}", documented=False).status_code == 404
    assert ask("account-ledger/nonsense", documented=False).status_code == 404
    assert ask("journal", {"journal_id": journal.pk}).status_code == 404
    assert ask("balance-sheet", client=other.administration_id).status_code == 404
    assert ask("balance-sheet", client="nonsense").status_code == 404


def test_a_refusal_is_told_as_json_whatever_was_asked_for(ask, march):
    refused = ask("balance-sheet", {"as_of_date": "x", "format": "pdf"})
    assert (refused.status_code, refused.headers["Content-Type"]) == (400, "application/json")
    assert refused.json()["detail"]["code"] == "INVALID_PARAMETER"
    assert ask("balance-sheet", HTTP_ACCEPT="text/html", documented=False).status_code == 406


# Files ---------------------------------------------------------------------------------------------------------------


def content(answer):
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)


def csv_rows(answer):
    return list(csv.reader(io.StringIO(content(answer).decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("report", REPORTS)
def test_every_report_is_a_file_whose_figures_are_those_of_the_books(ask, report):
    query, figure = REPORTS[report]
    assert figure in {cell for row in csv_rows(ask(report, {**query, "format": "csv"})) for cell in row}

    sheet = openpyxl.load_workbook(io.BytesIO(content(ask(report, {**query, "format": "xlsx"})))).active
    numbers = {cell for row in sheet.iter_rows(values_only=True) for cell in row if isinstance(cell, int | float)}
    assert float(figure) in numbers

    [page] = PdfReader(io.BytesIO(content(ask(report, {**query, "format": "pdf"})))).pages
    assert f"{float(figure):,.2f}" in page.extract_text()
    assert "Page 1 of 1" in page.extract_text()


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/csv", "text/csv; charset=utf-8"),
        ("application/pdf", "application/pdf"),
        ("application/json", "application/json"),
        ("*/*", "application/json"),
    ],
)
def test_accept_chooses_the_file_as_well(ask, accept, kind):
    assert ask("balance-sheet", AS_OF, HTTP_ACCEPT=accept).headers["Content-Type"] == kind


def test_a_file_says_as_of_when_and_known_when(ask, march):
    moment = timezone.now()
    query = {**AS_OF, "known_at": moment.isoformat(), "compare_to": "2026-03-02", "format": "pdf"}
    text = PdfReader(io.BytesIO(content(ask("balance-sheet", query)))).pages[0].extract_text()
    assert march.administration.name in text
    assert all(
        words in text for words in ("As of: 2026-03-31", "Compared with: 2026-03-02", f"{moment:%Y}", "As known at")
    )


def test_a_balance_sheet_as_csv_has_headings_accounts_and_totals(ask):
    rows = csv_rows(ask("balance-sheet", {**AS_OF, "compare_to": "2026-03-02", "format": "csv"}))
    assert rows == [
        ["Code", "Account", "2026-03-31", "2026-03-02", "Difference", "Currency"],
        ["", "Current assets", "", "", "", "EUR"],
        ["1000", "Kas", "1174.50", "1134.50", "40.00", "EUR"],
        ["1310", "Patiënten", "60.00", "0.00", "60.00", "EUR"],
        ["", "Total current assets", "1234.50", "1134.50", "100.00", "EUR"],
        ["", "Fixed assets", "", "", "", "EUR"],
        ["", "Total fixed assets", "0.00", "0.00", "0.00", "EUR"],
        ["", "Total assets", "1234.50", "1134.50", "100.00", "EUR"],
        ["", "Current liabilities", "", "", "", "EUR"],
        ["", "Total current liabilities", "0.00", "0.00", "0.00", "EUR"],
        ["", "Long-term liabilities", "", "", "", "EUR"],
        ["", "Total long-term liabilities", "0.00", "0.00", "0.00", "EUR"],
        ["", "Equity", "", "", "", "EUR"],
        ["0520", "Result of 2026", "1234.50", "1134.50", "100.00", "EUR"],
        ["", "Total equity", "1234.50", "1134.50", "100.00", "EUR"],
        ["", "Total liabilities and equity", "1234.50", "1134.50", "100.00", "EUR"],
    ]


def test_an_account_ledger_as_csv_runs_from_opening_to_closing(ask):
    rows = csv_rows(
        ask("account-ledger/{cash}", {"start_date": "2026-03-03", "end_date": "2026-04-30", "format": "csv"})
    )
    assert rows[1:] == [
        ["2026-03-03", "", "Opening balance", "", "", "", "1134.50", "EUR"],
        ["2026-03-05", "GEN-2026-0003", "Takings", "", "40.00", "", "1174.50", "EUR"],
        ["2026-04-01", "GEN-2026-0004", "Takings", "", "10.00", "", "1184.50", "EUR"],
        ["2026-04-30", "", "Closing balance", "", "", "", "1184.50", "EUR"],
    ]


def test_a_journal_as_csv_has_every_posted_line_and_no_formula(ask, march):
    rows = csv_rows(ask("journal", {**MARCH, "format": "csv", "journal_id": march.journal.pk}))
    assert [(row[1], row[4], row[6], row[8], row[9]) for row in rows[1:]] == [
        ("GEN-2026-0001", "1000", "", "1134.50", ""),
        ("GEN-2026-0001", "8000", "", "", "1134.50"),
        ("GEN-2026-0002", "1310", "'=1+1", "100.00", ""),
        ("GEN-2026-0002", "8000", "", "", "100.00"),
        ("GEN-2026-0003", "1000", "", "40.00", ""),
        ("GEN-2026-0003", "1310", "'=1+1", "", "40.00"),
    ]


def test_that_a_report_left_is_recorded(ask, march):
    ask("balance-sheet", AS_OF)
    assert not Event.objects.filter(name="core.report_exported").exists()
    ask("balance-sheet", {**AS_OF, "format": "csv"})
    told = Event.objects.get(name="core.report_exported")
    assert (told.administration, told.facts["report"]) == (march.administration, "balance-sheet-2026-03-31")


# Queries -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("report", "format"),
    [("overview", "json"), *((report, "json") for report in JSON_REPORTS), *((report, "csv") for report in REPORTS)],
)
def test_a_report_asks_no_more_of_the_database_when_the_books_grow(ask, march, report, format):
    def queries():
        query = REPORTS.get(report, ({}, ""))[0]
        with CaptureQueriesContext(connection) as asked:
            answer = ask(report, query if format == "json" else {**query, "format": format})
            assert answer.content if format == "json" else content(answer)
        return len(asked)

    queries()
    few = queries()
    for number in range(3):
        EntryFactory(
            books=march, date=date(2026, 3, 9), lines=on_account(march, "7.00", march.party(f"Q-{number}"), new_id())
        )
        EntryFactory(books=march, date=date(2026, 3, 9))
    assert queries() == few
    assert few < 12
