"""The contract area ledger_sync over HTTP, each answer held against the OpenAPI document."""

from datetime import date
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator
from rest_framework.test import APIClient

from apps.billing.tests.test_closes_api import plain_schema
from apps.core.models import Job
from apps.ledger.api import ledger_sync
from apps.ledger.models import Batch, JournalEntry, OpenItem
from apps.ledger.services.drafts import post_draft
from apps.ledger.tests.subledger import MARCH_5, open_sub_ledger

BASE = "/api/v1/ledger/"
MARCH = "2026-03-05"


@pytest.fixture(scope="module")
def document():
    return SchemaGenerator().get_schema(request=None, public=True)


@pytest.fixture
def call(ledger, document):
    """A request as the accountant, its answer held against the OpenAPI document."""
    http = APIClient()
    http.force_authenticate(ledger.accountant)

    def ask(method, path, body=None, query=None, key=None, **named):
        headers = {"Idempotency-Key": key} if key else {}
        shape = {} if method == "get" else {"format": "json"}
        answer = getattr(http, method)(
            BASE + path.format(**named), query if method == "get" else body, headers=headers, **shape
        )
        documented = document["paths"][BASE + path][method]["responses"][str(answer.status_code)]
        schema = documented["content"]["application/json"]["schema"]
        whole = {**plain_schema(schema), "components": plain_schema(document["components"])}
        Draft202012Validator(whole).validate(answer.json())
        return answer

    ask.http = http
    return ask


def code_of(answer):
    return answer.status_code, answer.json()["detail"]["code"]


def by_hand(ledger, amount="65.00", **more):
    """A body: costs on the suppliers' account, by hand."""
    supplier = {"party_id": str(ledger.supplier().pk)}
    control, cost = ledger.books.account("supplier_payable"), ledger.account("4200")
    return {
        "entry_date": MARCH,
        "description": "Costs",
        "lines": [
            {"account_id": str(cost.pk), "debit": amount},
            {"account_id": str(control.pk), "credit": amount, **supplier},
        ],
        **more,
    }


def bought(ledger, net="100.00", **more):
    line = {"account_id": str(ledger.account("4200").pk), "net": net, "vat_code_id": str(ledger.code("INPUT_HIGH").pk)}
    body = {"party_id": str(ledger.supplier().pk), "reference": "F-1", "invoice_date": MARCH, "lines": [line]}
    return {**body, **more}


# Entries -------------------------------------------------------------------------------------------------------------


def test_an_entry_is_posted_read_and_reversed(ledger, call):
    made = call("post", "entries/", by_hand(ledger, reference="R-1"))
    assert made.status_code == 201
    entry = made.json()
    assert (entry["number"], entry["status"], entry["entry_date"]) == ("GEN-2026-0001", "POSTED", MARCH)
    assert (entry["total_debit"], entry["total_credit"]) == ("65.00", "65.00")
    assert (entry["source_type"], entry["reference"], entry["reversed_by_id"]) == ("manual", "R-1", None)
    assert [(line["debit"], line["credit"]) for line in entry["lines"]] == [("65.00", "0.00"), ("0.00", "65.00")]
    assert entry["client_id"] == entry["administration_id"] == str(ledger.administration.pk)

    reversal = call("post", "entries/{id}/reverse/", {"reason": "typed twice"}, id=entry["id"])
    assert (reversal.status_code, reversal.json()["reverses_id"]) == (201, entry["id"])
    again = call("get", "entries/{id}/", id=entry["id"]).json()
    assert (again["status"], again["reversed_by_id"]) == ("REVERSED", reversal.json()["id"])
    refused = call("post", "entries/{id}/reverse/", {"reason": "again"}, id=entry["id"])
    assert code_of(refused) == (409, "ENTRY_ALREADY_REVERSED")


def test_what_breaks_a_rule_is_refused_by_its_name_and_leaves_nothing(ledger, call):
    unbalanced = by_hand(ledger)
    unbalanced["lines"][0]["debit"] = "64.99"
    assert code_of(call("post", "entries/", unbalanced)) == (400, "JOURNAL_UNBALANCED")
    without_party = by_hand(ledger)
    del without_party["lines"][1]["party_id"]
    assert code_of(call("post", "entries/", without_party)) == (400, "CONTROL_LINE_DIFFERS_FROM_ITEMS")
    assert code_of(call("post", "entries/", by_hand(ledger, "0.001"))) == (422, "AMOUNT_HAS_TOO_MANY_DIGITS")
    ledger.books.set_status("2026-03", "LOCKED")
    assert code_of(call("post", "entries/", by_hand(ledger))) == (409, "PERIOD_CLOSED")
    assert not JournalEntry.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"entry_date": "soon"},
        {"lines": []},
        {"lines": [{"account_id": "x"}]},
        {"lines": [{"debit": "1.00"}]},
        {"description": ""},
        {"source_type": "day_close"},  # a source of Daybook's own
        {"journal_id": str(uuid4())},
    ],
)
def test_a_body_that_cannot_be_taken_is_422_with_its_fields(ledger, call, change):
    refused = call("post", "entries/", by_hand(ledger, **change))
    assert code_of(refused) == (422, "VALIDATION_ERROR")
    assert set(refused.json()["detail"]["fields"]) == set(change)


def test_rows_of_other_books_and_those_that_are_not_there_are_refused_alike(ledger, call):
    foreign, answers = open_sub_ledger(), []
    for pk in (foreign.account("4200").pk, uuid4()):
        body = by_hand(ledger)
        body["lines"][0]["account_id"] = str(pk)
        refused = call("post", "entries/", body)
        answers.append((code_of(refused), refused.content.replace(str(pk).encode(), b"the id")))
    assert answers[0] == answers[1]
    assert answers[0][0] == (422, "VALIDATION_ERROR")
    theirs = foreign.bought("10.00")
    for path, pk in (("entries/{id}/", theirs.entry_id), ("vendor-invoices/{id}/", theirs.pk)):
        answers = [call("get", path, id=one) for one in (pk, uuid4())]
        assert {(one.status_code, one.content) for one in answers} == {(404, answers[0].content)}


def test_an_entry_above_the_limit_waits_for_a_second_person(ledger, call):
    ledger.administration.manual_entry_limit = Decimal(50)
    ledger.administration.save()
    made = call("post", "entries/", by_hand(ledger)).json()
    assert (made["status"], made["number"], made["posted_at"]) == ("DRAFT", None, None)
    assert not OpenItem.objects.exists()
    assert code_of(call("post", "entries/{id}/post/", id=made["id"])) == (403, "SECOND_PERSON_REQUIRED")
    assert [row["id"] for row in call("get", "entries/", query={"status": "draft"}).json()["results"]] == [made["id"]]
    posted = post_draft(JournalEntry.objects.get(pk=made["id"]), by=ledger.books.owner)
    assert (posted.approved_by, OpenItem.objects.count()) == (ledger.books.owner, 1)
    small = call("post", "entries/", by_hand(ledger, "50.00")).json()
    assert small["status"] == "POSTED"


def test_the_items_of_an_entry_belong_to_the_invoice_that_its_source_names(ledger, call):
    invoice = ledger.registered(ledger.supplier(), "65.00", MARCH_5, "F-9")
    source = {"source_type": "vendor_invoice", "source_id": str(invoice.pk)}
    assert call("post", "entries/", by_hand(ledger, **source)).status_code == 201
    item = OpenItem.objects.get()
    assert (item.document_type, item.document_id, item.reference) == ("vendor_invoice", invoice.pk, "F-9")
    assert code_of(call("post", "entries/", by_hand(ledger, **source))) == (409, "ENTRY_OF_SOURCE_EXISTS")


def test_a_line_in_a_foreign_currency_keeps_both_amounts(ledger, call):
    body = by_hand(ledger, "90.00")
    body["lines"][1] |= {"currency": "usd", "amount_currency": "-100.00"}
    line = call("post", "entries/", body).json()["lines"][1]
    assert (line["currency"], line["amount_currency"], line["exchange_rate"]) == ("USD", "-100.00", "0.90000000")
    body["lines"][1]["amount_currency"] = "100.00"  # on the other side
    assert code_of(call("post", "entries/", body)) == (400, "LINE_CURRENCY_INVALID")


def test_a_key_sent_again_posts_once(ledger, call):
    first, again = (call("post", "entries/", by_hand(ledger), key="k-1") for _twice in range(2))
    assert (first.content, again.headers["Idempotent-Replay"]) == (again.content, "true")
    assert JournalEntry.objects.count() == 1
    assert code_of(call("post", "entries/", by_hand(ledger, "1.00"), key="k-1")) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_entries_are_filtered_ordered_and_paged(ledger, call):
    for day in (3, 4, 5):
        ledger.bought("10.00", reference=f"F-{day}", day=date(2026, 3, day))
    ledger.sold("10.00", day=date(2026, 3, 9))
    call("post", "entries/", by_hand(ledger))

    def dates(**query):
        return [row["entry_date"][-2:] for row in call("get", "entries/", query=query).json()["results"]]

    assert dates() == ["09", "05", "05", "04", "03"]
    assert dates(journal_id=JournalEntry.objects.first().journal_id) == ["09"]
    assert dates(start_date="2026-03-04", end_date="2026-03-05", source_type="vendor_invoice") == ["05", "04"]
    assert dates(account_id=ledger.account("1300").pk) == dates(party_id=ledger.customer().pk) == ["09"]
    assert dates(ordering="date", limit=2) == ["03", "04"]
    assert (len(dates(status="posted")), dates(status="Reversed")) == (5, [])
    page = call("get", "entries/", query={"limit": 4}).json()
    assert [row["entry_date"] for row in call.http.get(page["next"]).json()["results"]] == ["2026-03-03"]


# Invoices ------------------------------------------------------------------------------------------------------------


def test_a_suppliers_invoice_answers_with_its_entry_and_its_open_item(ledger, call):
    made = call("post", "vendor-invoices/", bought(ledger, total_amount="121.00"))
    assert made.status_code == 201
    invoice = made.json()
    assert (invoice["number"], invoice["total_amount"], invoice["vat_amount"]) == ("F-1", "121.00", "21.00")
    assert (invoice["open_amount"], invoice["currency"], invoice["due_date"]) == ("121.00", "EUR", "2026-04-04")
    assert invoice["journal_entry_id"] == str(JournalEntry.objects.get().pk)
    assert invoice["open_item_id"] == str(OpenItem.objects.get().pk)
    assert invoice["lines"][0]["vat"] == "21.00"
    assert call("get", "vendor-invoices/{id}/", id=invoice["id"]).json() == invoice
    refused = call("post", "vendor-invoices/", bought(ledger))
    assert code_of(refused) == (409, "DUPLICATE_INVOICE")
    assert refused.json()["detail"]["invoice_id"] == invoice["id"]


def test_totals_that_differ_say_what_differs(ledger, call):
    refused = call("post", "vendor-invoices/", bought(ledger, total_amount="120.00"))
    assert code_of(refused) == (422, "INVOICE_TOTALS_DIFFER")
    assert refused.json()["detail"]["differences"] == {"total": {"given": "120.0000", "lines": "121.00"}}


def test_a_customer_invoice_and_its_credit_note(ledger, call):
    line = {"account_id": str(ledger.account("8090").pk), "quantity": "2", "unit_price": "50.00"}
    body = {"party_id": str(ledger.customer().pk), "invoice_date": MARCH, "lines": [line]}
    invoice = call("post", "customer-invoices/", body).json()
    assert (invoice["number"], invoice["total_amount"]) == ("INV-2026-0001", "100.00")
    note = {**body, "credits_id": invoice["id"], "lines": [{**line, "quantity": "1"}]}
    credited = call("post", "customer-invoices/", note).json()
    assert (credited["type"], credited["total_amount"], credited["status"]) == ("CREDIT_NOTE", "-50.00", "paid")
    assert call("get", "customer-invoices/{id}/", id=invoice["id"]).json()["open_amount"] == "50.00"
    assert code_of(call("post", "customer-invoices/", {**note, "lines": [line]})) == (400, "CREDIT_BEYOND_INVOICE")


def test_a_foreign_invoice_shows_its_own_currency_and_what_is_open_in_the_books(ledger, call):
    rate = {"currency": "JPY", "date": MARCH, "rate": "0.006", "source": "ECB"}
    assert call("post", "exchange-rates/", rate).status_code == 201
    assert code_of(call("post", "exchange-rates/", rate)) == (400, "EXCHANGE_RATE_INVALID")
    invoice = call("post", "vendor-invoices/", bought(ledger, "10000", currency="JPY")).json()
    assert (invoice["total_amount"], invoice["currency"], invoice["open_amount"]) == ("12100", "JPY", "72.60")
    assert code_of(call("post", "vendor-invoices/", bought(ledger, currency="CHF", reference="2"))) == (
        409,
        "EXCHANGE_RATE_MISSING",
    )


def test_an_invoice_has_the_status_of_its_open_item(ledger, call):
    late, paid, wrong = (
        ledger.bought("10.00", reference=f"F-{n}", due_date=date(2099, 1, 1) if n else MARCH_5) for n in range(3)
    )
    ledger.registered(ledger.supplier(), "5.00", MARCH_5, "OLD")
    payment = ledger.paid(ledger.supplier(), "10.00")
    body = {"debit_id": str(payment.pk), "credit_id": str(ledger.item(paid).pk)}
    assert [row["amount"] for row in call("post", "allocations/", body).json()["allocations"]] == ["10.00"]
    call("post", "entries/{id}/reverse/", {"reason": "x"}, id=wrong.entry_id)
    rows = call("get", "vendor-invoices/").json()["results"]
    statuses = {row["number"]: row["status"] for row in rows}
    assert statuses == {"F-0": "overdue", "F-1": "paid", "F-2": "reversed", "OLD": "registered"}
    for number, status in statuses.items():
        found = call("get", "vendor-invoices/", query={"status": status.upper()}).json()["results"]
        assert [row["number"] for row in found] == [number]
    found = call("get", "vendor-invoices/", query={"status": "open", "party_id": late.party_id}).json()["results"]
    assert [row["number"] for row in found] == ["F-0"]


# The sub-ledgers -----------------------------------------------------------------------------------------------------


def test_the_suppliers_ledger_is_what_was_open_at_a_date(ledger, call):
    invoice = ledger.bought("100.00", due_date=date(2026, 3, 20))
    payment = ledger.paid(ledger.supplier(), "40.00", date(2026, 3, 15))
    call("post", "allocations/", {"debit_id": str(payment.pk), "credit_id": str(ledger.item(invoice).pk)})

    def rows(day, **query):
        found = call("get", "supplier-ledger/", query={"as_of_date": day, **query}).json()["results"]
        return [(row["document_number"], row["original_amount"], row["open_amount"], row["status"]) for row in found]

    assert rows("2026-03-04") == []
    assert rows("2026-03-14") == [("F-1", "100.00", "100.00", "open")]
    assert rows("2026-03-20", status="partially_paid") == [("F-1", "100.00", "60.00", "partially_paid")]
    assert rows("2026-03-21", status="open") == [("F-1", "100.00", "60.00", "overdue")]
    assert rows("2026-03-21", status="PAID") == [("BANK-1", "-40.00", "0.00", "paid")]
    assert rows("2026-03-21", party_id=uuid4()) == []
    assert call("get", "customer-ledger/").json()["results"] == []


def test_an_item_says_where_it_comes_from(ledger, call):
    ledger.sold("10.00")
    lines = by_hand(ledger)["lines"]
    call("post", "entries/", by_hand(ledger, lines=lines))
    (customer,) = call("get", "customer-ledger/").json()["results"]
    (supplier,) = call("get", "supplier-ledger/").json()["results"]
    assert (customer["source"], customer["party_name"]) == ("customer_invoice", "Party C-1")
    assert (supplier["source"], supplier["open_amount"]) == ("manual", "65.00")


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("supplier-ledger/", {"status": "late"}),
        ("supplier-ledger/", {"as_of_date": "soon"}),
        ("customer-ledger/", {"party_id": "x"}),
        ("entries/", {"status": "open"}),
        ("entries/", {"ordering": "memo"}),
        ("vendor-invoices/", {"status": "x"}),
        ("sync-status/", {"as_of_date": "31-12-2026"}),
        ("sync-status/", {"client_id": "x"}),
        ("parties/", {"kind": "FRIEND"}),
        ("vat-codes/", {"valid_on": "x"}),
    ],
)
def test_a_bad_parameter_is_400(call, path, query):
    assert code_of(call("get", path, query=query)) == (400, "INVALID_PARAMETER")


def test_an_allocation_over_http_keeps_the_rules(ledger, call):
    invoice, payment = ledger.sold("10.00"), ledger.paid(ledger.customer(), "10.00")
    body = {"debit_id": str(ledger.item(invoice).pk), "credit_id": str(payment.pk)}
    assert code_of(call("post", "allocations/", {**body, "amount": "10.01"})) == (409, "ALLOCATION_BEYOND_OPEN")
    other = str(ledger.paid(ledger.customer("C-2"), "1.00").pk)
    assert code_of(call("post", "allocations/", {**body, "credit_id": other})) == (400, "ALLOCATION_OF_TWO_PARTIES")
    assert call("post", "allocations/", body).status_code == 201
    assert code_of(call("post", "allocations/", body)) == (409, "ITEM_SETTLED")
    assert len(call("get", "allocations/", query={"debit_id": body["debit_id"]}).json()["results"]) == 1


# The proof and the backfill ------------------------------------------------------------------------------------------


def test_the_sync_status_explains_the_difference_line_by_line(ledger, call):
    ledger.bought("100.00")
    entry = ledger.history(ledger.supplier(), "-60.00", date(2026, 1, 12))
    call("post", "entries/", by_hand(ledger))
    status = call("get", "sync-status/", query={"as_of_date": "2026-12-31"}).json()
    (suppliers,) = [one for one in status["accounts"] if one["control"] == "SUPPLIERS"]
    assert (suppliers["gl_balance"], suppliers["ledger_balance"], suppliers["difference"]) == (
        "-225.00",
        "-100.00",
        "-125.00",
    )
    assert suppliers["explained_amounts"] == {"BEFORE_SYNC": "-60.00", "MANUAL": "-65.00"}
    assert [(one["kind"], one["amount"]) for one in suppliers["explained"]] == [
        ("BEFORE_SYNC", "-60.00"),
        ("MANUAL", "-65.00"),
    ]
    assert suppliers["explained"][0]["journal_entry_id"] == str(entry.pk)
    assert (suppliers["unexplained"], status["is_proved"]) == ("0.00", True)


def test_a_backfill_is_tried_done_and_taken_back(ledger, call):
    invoice = ledger.registered(ledger.supplier(), "60.00", date(2026, 1, 12), "OLD-77")
    ledger.history(ledger.supplier(), "-60.00", date(2026, 1, 12), memo="OLD-77")
    ledger.history(ledger.supplier(), "-1.00", date(2026, 1, 12))
    tried = call("post", "sync-backfill/", {}).json()
    assert (tried["dry_run"], tried["batch_id"], tried["matched_count"], tried["unmatched_count"]) == (True, None, 1, 1)
    (match,) = tried["matched"]
    assert (match["confidence"], match["invoice_id"], match["amount"]) == ("0.95", str(invoice.pk), "-60.00")
    assert match["reasons"] == ["REFERENCE", "PARTY", "AMOUNT"]
    done = call("post", "sync-backfill/", {"dry_run": False}).json()
    assert OpenItem.objects.filter(batch=done["batch_id"]).count() == 1
    assert call("get", "vendor-invoices/{id}/", id=invoice.pk).json()["status"] == "overdue"
    assert call("get", "sync-backfill/{id}/", id=done["batch_id"]).json()["items"] == 1
    taken_back = call("post", "sync-backfill/{id}/reverse/", id=done["batch_id"])
    assert taken_back.json()["reversed_by"] == str(ledger.accountant.pk)
    assert call("get", "supplier-ledger/").json()["results"] == []
    assert code_of(call("post", "sync-backfill/{id}/reverse/", id=done["batch_id"])) == (409, "BATCH_KEPT")
    assert call("get", "vendor-invoices/{id}/", id=invoice.pk).json()["status"] == "registered"


def test_a_large_backfill_is_the_workers_and_says_where_to_look(ledger, call, monkeypatch):
    monkeypatch.setattr(ledger_sync, "LARGE", 0)
    ledger.history(ledger.supplier(), "-60.00", date(2026, 1, 12))
    started = call("post", "sync-backfill/", {"dry_run": False})
    assert (started.status_code, started.json()["matched_count"]) == (202, None)
    assert started.json()["task_id"] == str(Job.objects.get().pk)
    state = call.http.get(started.json()["task_url"]).json()
    assert (state["id"], state["state"], state["total"]) == (started.json()["batch_id"], "WAITING", 2)
    assert Batch.objects.filter(kind="BACKFILL").count() == 1


# Lists, and whose they are -------------------------------------------------------------------------------------------


def test_parties_are_registered_found_and_changed(ledger, call):
    body = {"kind": "SUPPLIER", "code": "S-7", "name": "Medisch Magazijn", "country": "NL"}
    made = call("post", "parties/", {**body, "iban": "NL91 ABNA 0417 1643 00"})
    assert (made.status_code, made.json()["iban"]) == (201, "NL91ABNA0417164300")
    refused = call("post", "parties/", {**body, "code": "S-8", "vat_number": "NL1"})
    assert code_of(refused) == (422, "PARTY_NUMBER_INVALID")
    assert refused.json()["detail"]["field"] == "vat_number"
    assert code_of(call("post", "parties/", body)) == (409, "PARTY_CODE_TAKEN")
    changed = call("patch", "parties/{id}/", {"payment_days": 14}, id=made.json()["id"]).json()
    assert (changed["payment_days"], changed["name"]) == (14, "Medisch Magazijn")
    assert call("patch", "parties/{id}/", {"kind": "CUSTOMER", "code": "X"}, id=made.json()["id"]).json() == changed
    found = call("get", "parties/", query={"name": "magazijn", "kind": "SUPPLIER"}).json()["results"]
    assert [row["code"] for row in found] == ["S-7"]


@pytest.mark.parametrize(
    ("path", "query", "first"),
    [
        ("accounts/", {"control": "SUPPLIERS"}, "1600"),
        ("accounts/", {"type": "ASSET", "purpose": "bank"}, "1100"),
        ("accounts/", {"name": "crediteuren", "ordering": "-code"}, "1600"),
        ("journals/", {"type": "SALES"}, "SAL"),
        ("vat-codes/", {"category": "EXEMPT"}, "EXEMPT"),
        ("vat-codes/", {"valid_on": "2012-09-30", "code": "HIGH_19"}, "HIGH_19"),
    ],
)
def test_lists_are_filtered(ledger, call, path, query, first):
    rows = call("get", path, query=query).json()["results"]
    assert rows[0]["code"] == first
    assert call("get", path + "{id}/", id=rows[0]["id"]).json() == rows[0]


def test_codes_of_another_time_are_left_out_when_only_active_ones_are_asked_for(ledger, call):
    codes = {row["code"] for row in call("get", "vat-codes/", query={"active_only": "true"}).json()["results"]}
    assert "HIGH" in codes
    assert "HIGH_19" not in codes


def test_who_keeps_several_books_says_which_by_either_name(ledger, call):
    other = open_sub_ledger()
    other.administration.memberships.create(user=ledger.accountant, role="accountant")
    body = by_hand(ledger)
    assert code_of(call("post", "entries/", body)) == (400, "ADMINISTRATION_REQUIRED")
    assert code_of(call("get", "sync-status/")) == (400, "ADMINISTRATION_REQUIRED")
    for name in ("client_id", "administration_id"):
        named = {name: str(ledger.administration.pk)}
        assert call("post", "entries/", {**body, **named}).status_code == 201
        assert call("get", "sync-status/", query=named).json()["client_id"] == str(ledger.administration.pk)
        assert len(call("get", "journals/", query=named).json()["results"]) == 6
    both = {"client_id": str(ledger.administration.pk), "administration_id": str(other.administration.pk)}
    assert code_of(call("post", "entries/", {**body, **both})) == (422, "VALIDATION_ERROR")
    assert code_of(call("get", "sync-status/", query={"client_id": str(uuid4())})) == (404, "NOT_FOUND")


@pytest.mark.parametrize("path", ["entries/", "vendor-invoices/", "supplier-ledger/", "allocations/", "sync-backfill/"])
def test_a_list_costs_the_same_queries_however_many_rows_it_has(ledger, call, path):
    def fill(number):
        party = ledger.supplier(f"S-{number}")
        invoice = ledger.bought("10.00", party=party, reference=f"F-{number}")
        payment = ledger.paid(party, "5.00")
        allocate = {"debit_id": str(payment.pk), "credit_id": str(ledger.item(invoice).pk)}
        call("post", "allocations/", allocate)
        Batch.objects.create(administration=ledger.administration, kind="BACKFILL", title=f"{number}")

    def queries():
        with CaptureQueriesContext(connection) as captured:
            rows = len(call("get", path).json()["results"])
        return len(captured), rows

    fill(1)
    queries()
    few, before = queries()
    for number in range(2, 6):
        fill(number)
    many, after = queries()
    assert after > before
    assert many == few


def test_one_entry_with_many_lines_costs_as_many_queries(ledger, call):
    def queries(lines):
        half = [line for line in by_hand(ledger)["lines"] for _n in range(lines)]
        made = call("post", "entries/", by_hand(ledger, lines=half)).json()
        with CaptureQueriesContext(connection) as captured:
            assert len(call("get", "entries/{id}/", id=made["id"]).json()["lines"]) == 2 * lines
        return len(captured)

    queries(1)
    assert queries(1) == queries(10)


def test_terms_are_read_as_they_were_sent(ledger, call):
    sent = {"due_date": "2026-03-31", "tax_point": "2026-03-02", "description": "Gloves", "entry_date": "2026-03-09"}
    invoice = call("post", "vendor-invoices/", bought(ledger, **sent)).json()
    assert {name: invoice[name] for name in sent if name != "entry_date"} == {
        name: value for name, value in sent.items() if name != "entry_date"
    }
    assert JournalEntry.objects.get().date == date(2026, 3, 9)
