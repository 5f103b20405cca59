"""Statement files, statements, lines, bank accounts and mappings over HTTP."""

from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.billing.tests.calling import code_of, queries_of, refused_fields
from apps.core.models import Job, Upload
from apps.reconciliation.models import BankAccount, CsvMapping, Statement, StatementImport, StatementLine
from apps.reconciliation.services import importing
from apps.reconciliation.tasks import import_statement_file
from apps.reconciliation.tests.files import balanced, csv_of, imported, row
from apps.reconciliation.tests.test_accounts_api import calling
from apps.reconciliation.tests.test_importing import MARCH

BASE = "/api/v1/reconciliation/"
IMPORT, PREVIEW = f"{BASE}statements/import/", f"{BASE}statements/preview/"


@pytest.fixture
def api(bank):
    return calling(bank.accountant)


def sent(bank, text, name="bank.csv", **fields):
    file = SimpleUploadedFile(name, text.encode() if isinstance(text, str) else text)
    named = {"client_id": bank.books.administration.pk, "journal_id": bank.account.journal_id}
    return {**named, "file": file, **fields}


def post(api, address, form):
    return api.post(address, form, format="multipart")


# Files ---------------------------------------------------------------------------------------------------------------


def test_a_file_is_imported_and_answers_its_statements(bank, api):
    answer = post(api, IMPORT, sent(bank, balanced(MARCH, 0)))
    assert answer.status_code == 201
    found = answer.json()
    assert (found["lines_new"], found["lines_known"], found["lines_ambiguous"]) == (10, 0, 0)
    statement = found["statements"][0]
    assert (statement["balance_start"], statement["balance_end"], statement["balance_end_real"]) == (
        "0.00",
        "55.00",
        "55.00",
    )
    assert (statement["is_valid"], statement["is_complete"], statement["lines_new"]) == (True, True, 10)
    assert (found["task_id"], found["warnings"], found["other_accounts"]) == (None, [], {})
    again = post(api, IMPORT, sent(bank, balanced(MARCH, 0)))
    assert again.status_code == 201
    known = again.json()
    assert (known["lines_new"], known["lines_known"]) == (0, 10)
    assert [(one["id"], one["lines_new"]) for one in known["statements"]] == [(statement["id"], 0)]


def test_what_does_not_bridge_is_told_as_a_warning(bank, api):
    post(api, IMPORT, sent(bank, balanced(MARCH[:2], 0)))
    found = post(api, IMPORT, sent(bank, balanced(MARCH[4:6], 90))).json()
    assert [warning["code"] for warning in found["warnings"]] == ["BANK_STATEMENT_INVALID"]
    assert found["statements"][0]["warnings"] == found["warnings"]


@pytest.mark.parametrize(
    ("text", "name", "code"),
    [
        ("Date,Description,Amount\n2026-03-02,a,oops\n", "bank.csv", "STATEMENT_FILE_INVALID"),
        ("Date,Description,Amount\n", "bank.csv", "STATEMENT_FILE_INVALID"),
        ("Date,Description,Amount,Currency\n2026-03-02,a,1.00,USD\n", "bank.csv", "BANK_CURRENCY_MISMATCH"),
        ("Date,Description,Amount,Account\n2026-03-02,a,1.00,NL02INGB01\n", "bank.csv", "STATEMENT_OF_ANOTHER_ACCOUNT"),
        ("", "bank.csv", "FILE_DAMAGED"),
        ("hello", "bank.exe", "FILE_TYPE_NOT_ALLOWED"),
    ],
)
def test_a_refused_file_leaves_nothing(bank, api, text, name, code):
    for address in (IMPORT, PREVIEW):
        assert code_of(post(api, address, sent(bank, text, name))) == (400, code)
    tables = (Upload, StatementImport, Statement, StatementLine)
    assert not any(table.objects.exists() for table in tables)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"journal_id": ""}, "journal_id"),
        ({"journal_id": "00000000-0000-7000-8000-000000000000"}, "journal_id"),
        ({"format": "word"}, "format"),
    ],
)
def test_what_an_import_needs_is_asked_for(bank, api, fields, field):
    assert field in refused_fields(post(api, IMPORT, sent(bank, csv_of(row(2, "1.00")), **fields)))


def test_a_mapping_is_named_or_unknown(bank, api):
    text = csv_of(row(2, "1.00"))
    assert code_of(post(api, IMPORT, sent(bank, text, mapping="Mine"))) == (400, "CSV_MAPPING_UNKNOWN")
    assert post(api, IMPORT, sent(bank, text, mapping="by its headings", format="CSV")).status_code == 201


def test_a_preview_shows_lines_and_counts_and_keeps_nothing(bank, api):
    imported(bank, balanced(MARCH[:5], 0))
    answer = post(api, PREVIEW, sent(bank, balanced(MARCH, 0)))
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["format"], shown["mapping"], shown["currency"]) == ("csv", "By its headings", "EUR")
    assert (shown["lines_new"], shown["lines_known"], shown["is_cut"]) == (5, 5, False)
    assert shown["statements"][0]["balance_start"] == "15.00"
    assert [line["state"] for line in shown["lines"]] == ["KNOWN"] * 5 + ["NEW"] * 5
    assert shown["lines"][0]["line_amount"] == "1.00"
    assert StatementImport.objects.count() == 1


def test_a_large_file_is_the_worker_s(bank, api, monkeypatch):
    monkeypatch.setattr(importing, "LARGE", 100)
    answer = post(api, IMPORT, sent(bank, balanced(MARCH, 0)))
    assert answer.status_code == 202
    found = answer.json()
    assert (found["statements"], found["lines_new"]) == ([], None)
    job = Job.objects.get(pk=found["task_id"])
    assert api.get(found["task_url"]).json()["state"] == "WAITING"
    import_statement_file(str(job.pk))
    done = api.get(found["task_url"]).json()
    assert (done["state"], done["lines_new"], done["refusal"]) == ("DONE", 10, None)
    import_statement_file(str(job.pk))
    assert StatementLine.objects.count() == 10


def test_a_large_file_that_is_refused_says_why(bank, api, monkeypatch):
    monkeypatch.setattr(importing, "LARGE", 10)
    found = post(api, IMPORT, sent(bank, "Date,Description,Amount\n2026-03-02,a,oops\n")).json()
    import_statement_file(found["task_id"])
    done = api.get(found["task_url"]).json()
    assert (done["state"], done["refusal"]["code"], done["lines_new"]) == ("DONE", "STATEMENT_FILE_INVALID", None)
    assert Job.objects.get(pk=found["task_id"]).refusals[0]["code"] == "STATEMENT_FILE_INVALID"
    assert not Statement.objects.exists()


def test_an_import_is_withdrawn_once(bank, api):
    done = imported(bank, balanced(MARCH, 0))
    one = f"{BASE}imports/{done.statement_import.pk}/"
    assert refused_fields(api.post(f"{one}withdraw/", {})) == {"because"}
    answer = api.post(f"{one}withdraw/", {"because": "Of another clinic."}, format="json")
    assert answer.json()["withdrawn_because"] == "Of another clinic."
    assert code_of(api.post(f"{one}withdraw/", {"because": "Again."}, format="json")) == (409, "IMPORT_WITHDRAWN")
    listed = api.get(f"{BASE}imports/", {"is_withdrawn": "true"}).json()["results"]
    assert [row["id"] for row in listed] == [str(done.statement_import.pk)]
    assert api.get(f"{BASE}imports/", {"is_withdrawn": "false"}).json()["results"] == []


# Statements and lines ------------------------------------------------------------------------------------------------


def test_statements_are_listed_newest_first_and_filtered(bank, api):
    imported(bank, balanced(MARCH[:2], 0))
    imported(bank, balanced(MARCH[4:6], 90))

    def names(**query):
        return [one["statement_date"] for one in api.get(f"{BASE}statements/", query).json()["results"]]

    assert names() == ["2026-03-06", "2026-03-02"]
    assert names(is_valid="false") == ["2026-03-06"]
    assert names(is_complete="true", end_date="2026-03-02") == ["2026-03-02"]
    assert names(journal_id=bank.account.journal_id, ordering="date") == ["2026-03-02", "2026-03-06"]
    assert names(client_id=bank.books.administration.pk, start_date="2026-03-03") == ["2026-03-06"]
    assert code_of(api.get(f"{BASE}statements/", {"ordering": "name"})) == (400, "INVALID_PARAMETER")
    assert code_of(api.get(f"{BASE}statements/", {"journal_id": "x"})) == (400, "INVALID_PARAMETER")


def test_lines_have_the_balance_after_them(bank, api):
    imported(bank, balanced(MARCH, 100))
    found = api.get(f"{BASE}lines/", {"limit": 2}).json()
    shown = [(line["line_amount"], line["running_balance"], line["is_reconciled"]) for line in found["results"]]
    assert shown == [("10.00", "155.00", False), ("9.00", "145.00", False)]
    line = api.get(f"{BASE}lines/{found['results'][0]['id']}/").json()
    assert (line["payment_ref"], line["amount_residual"], line["partner_id"]) == ("line of 10", "10.00", None)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"is_reconciled": "false"}, 10),
        ({"is_reconciled": "true"}, 0),
        ({"to_check": "true"}, 0),
        ({"start_date": "2026-03-09"}, 2),
        ({"amount_min": "3", "amount_max": "4.00"}, 2),
    ],
)
def test_lines_are_filtered(bank, api, query, count):
    statement = imported(bank, balanced(MARCH, 0)).statements[0]
    assert len(api.get(f"{BASE}lines/", {"statement_id": statement.pk, **query}).json()["results"]) == count


def test_lists_ask_the_same_however_many_rows_there_are(bank, api):
    for address in ("statements", "lines", "imports"):
        imported(bank, balanced(MARCH[:1], 0))
        few = queries_of(lambda address=address: api.get(f"{BASE}{address}/"))
        for day in range(2, 9):
            imported(bank, csv_of(row(day, f"{day}.50", f"{address} {day}")))
        assert queries_of(lambda address=address: api.get(f"{BASE}{address}/")) == few


def test_a_doubtful_statement_is_confirmed_with_its_reason(bank, api):
    imported(bank, balanced(MARCH[:2], 0))
    statement = imported(bank, balanced(MARCH[4:6], 90)).statements[0]
    confirm = f"{BASE}statements/{statement.pk}/confirm/"
    assert code_of(api.post(confirm)) == (400, "BANK_STATEMENT_INVALID")
    answer = api.post(confirm, {"because": "Paper statement 7 is lost."}, format="json")
    assert answer.json()["confirmed_because"] == "Paper statement 7 is lost."


def test_a_statement_is_typed_line_by_line_and_taken_out_again(bank, api):
    body = {
        "journal_id": str(bank.account.journal_id),
        "statement_name": "7",
        "statement_date": "2026-03-31",
        "balance_start": "0",
        "balance_end_real": "3.00",
        "lines": [{"line_date": "2026-03-30", "line_amount": "1.00", "payment_ref": "rent"}],
    }
    made = api.post(f"{BASE}statements/", body, format="json")
    assert made.status_code == 201
    one = f"{BASE}statements/{made.json()['id']}/"
    assert (made.json()["is_complete"], made.json()["line_count"]) == (False, 1)
    added = api.post(f"{one}lines/", {"line_date": "2026-03-31", "line_amount": "2.00"}, format="json")
    assert (added.status_code, added.json()["running_balance"]) == (201, "3.00")
    assert api.get(one).json()["is_complete"] is True
    assert api.delete(f"{BASE}lines/{added.json()['id']}/").status_code == 204
    assert api.delete(one).status_code == 204
    assert not Statement.objects.exists()


@pytest.mark.parametrize(
    ("line", "field"),
    [({"line_date": "2026-02-30", "line_amount": "1"}, "lines"), ({"line_date": "2026-03-30"}, "lines")],
)
def test_a_typed_line_has_a_day_and_an_amount(bank, api, line, field):
    body = {"journal_id": str(bank.account.journal_id), "statement_name": "7", "statement_date": "2026-03-31"}
    answer = api.post(f"{BASE}statements/", {**body, "balance_start": "0", "lines": [line]}, format="json")
    assert field in refused_fields(answer)


def test_what_came_from_a_file_is_not_taken_out_by_hand(bank, api):
    statement = imported(bank, csv_of(row(2, "5.00"))).statements[0]
    assert code_of(api.delete(f"{BASE}statements/{statement.pk}/")) == (409, "STATEMENT_NOT_TYPED")
    assert code_of(api.delete(f"{BASE}lines/{statement.lines.get().pk}/")) == (409, "STATEMENT_NOT_TYPED")


# Bank accounts and mappings ------------------------------------------------------------------------------------------


def test_a_bank_account_is_opened_and_changed(bank, api):
    body = {"name": "Savings", "iban": "NL02 INGB 0000 0000 01", "statements_kept": "BY_MONTH"}
    made = api.post(f"{BASE}bank-accounts/", body, format="json")
    assert made.status_code == 201
    found = made.json()
    assert (found["iban"], found["currency"], found["statements_kept"]) == ("NL02INGB0000000001", "EUR", "BY_MONTH")
    one = f"{BASE}bank-accounts/{found['id']}/"
    assert api.patch(one, {"is_active": False}, format="json").json()["is_active"] is False
    assert code_of(api.post(f"{BASE}bank-accounts/", body, format="json")) == (409, "BANK_ACCOUNT_KNOWN")
    listed = api.get(f"{BASE}bank-accounts/", {"is_active": "true"}).json()["results"]
    assert [row["name"] for row in listed] == ["ING"]
    imported(bank, csv_of(row(2, "5.00")))
    number = {"iban": "NL02INGB0000000002"}
    assert code_of(api.patch(f"{BASE}bank-accounts/{bank.account.pk}/", number, format="json")) == (
        409,
        "BANK_ACCOUNT_IN_USE",
    )


def test_a_mapping_is_made_changed_and_forgotten(bank, api):
    body = {
        "name": "Mine",
        "decimal_mark": ",",
        "date_format": "%d-%m-%Y",
        "sign": "AS_WRITTEN",
        "delimiter": "\t",
        "columns": {"date": "Datum", "amount": "Bedrag", "label": ["Tekst", 4]},
    }
    made = api.post(f"{BASE}mappings/", body, format="json")
    assert made.status_code == 201
    assert (made.json()["columns"], made.json()["delimiter"]) == (body["columns"], "\t")
    assert code_of(api.post(f"{BASE}mappings/", body, format="json")) == (409, "CSV_MAPPING_KNOWN")
    one = f"{BASE}mappings/{made.json()['id']}/"
    assert code_of(api.patch(one, {"columns": {"date": "Datum"}}, format="json")) == (422, "CSV_MAPPING_INVALID")
    assert refused_fields(api.patch(one, {"sign": "UPSIDE_DOWN"}, format="json")) == {"sign"}
    assert api.patch(one, {"bank": "SNS"}, format="json").json()["bank"] == "SNS"
    assert api.delete(one).status_code == 204
    assert not CsvMapping.objects.exists()


def test_the_shipped_mappings_are_listed(bank, api):
    names = [mapping["name"] for mapping in api.get(f"{BASE}mappings/shipped/").json()]
    assert {"ING", "Rabobank", "ABN AMRO", "bunq", "DNB", "Paystack payout"} < set(names)
    assert names[-1] == "By its headings"


def test_money_in_another_currency_has_its_digits(bank, api):
    BankAccount.objects.update(currency="JPY")
    imported(bank, csv_of(row(2, "500")))
    assert api.get(f"{BASE}lines/").json()["results"][0]["line_amount"] == "500"
    assert StatementLine.objects.get().amount == Decimal(500)
