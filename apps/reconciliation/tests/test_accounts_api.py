"""Account reconciliations over HTTP, at both addresses: as documented, scoped, and refused in words."""

from datetime import date
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from apps.billing.tests.calling import code_of, queries_of, refused_fields
from apps.core.tests.factories import MembershipFactory, UserFactory
from apps.ledger.tests.factories import open_test_books
from apps.reconciliation.services.account_reconciling import begin_reconciliation, explain
from apps.reconciliation.tests.bank import Bank
from apps.reconciliation.tests.proofs import MARCH, begun, booked

V1, SOURCE = "/api/v1/reconciliations/", "/api/reconciliations/"
PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"


def calling(user) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def api(bank: Bank) -> APIClient:
    return calling(bank.accountant)


def asked(bank: Bank, **fields):
    return {
        "client_id": str(bank.books.administration.pk),
        "account_id": str(bank.books.account("bank").pk),
        "period_start": "2026-03-01",
        "period_end": "2026-03-31",
        "reconciliation_type": "bank",
        **fields,
    }


@pytest.mark.parametrize("base", [V1, SOURCE])
def test_begun_held_against_what_is_expected_and_approved_by_another(bank: Bank, api: APIClient, base: str) -> None:
    booked(bank, "100.00", date(2026, 2, 1))
    booked(bank, "37.50", date(2026, 3, 1))
    made = api.post(base, asked(bank, expected_balance="130.00", notes="Letter of the bank"), format="json")
    assert made.status_code == 201
    found = made.json()
    assert (found["opening_balance"], found["closing_balance"]) == ("100.00", "137.50")
    assert (found["difference"], found["status"], found["attachments_count"]) == ("7.50", "pending", 0)
    assert (found["account_number"], found["reconciliation_type"]) == ("1100", "bank")
    one = f"{base}{found['id']}/"
    changed = api.put(one, {"expected_balance": "137.50", "notes": "Second letter"}, format="json").json()
    assert (changed["difference"], changed["status"], changed["notes"]) == ("0.00", "reconciled", "Second letter")
    assert changed["reconciled_by"] == str(bank.accountant.pk)
    assert code_of(api.post(f"{one}approve/")) == (403, "OWN_RECONCILIATION")
    owner = calling(bank.books.owner)
    assert owner.post(f"{one}approve/").json()["approved_by"] == str(bank.books.owner.pk)
    assert code_of(owner.post(f"{one}approve/")) == (400, "ALREADY_APPROVED")
    assert code_of(api.put(one, {"expected_balance": "1.00"}, format="json")) == (409, "RECONCILIATION_FROZEN")


def test_the_list_is_a_plain_array_of_one_administration_in_pages(bank: Bank, api: APIClient) -> None:
    for month in (1, 2, 3):
        begun(bank, days=(date(2026, month, 1), date(2026, month, 28)))
    client = {"client_id": bank.books.administration.pk}
    assert [row["period_end"] for row in api.get(V1, client).json()] == ["2026-03-28", "2026-02-28", "2026-01-28"]
    first = api.get(V1, {**client, "limit": 2, "ordering": "period_end"})
    assert [row["period_end"] for row in first.json()] == ["2026-01-28", "2026-02-28"]
    following = first.headers["Link"].split(";")[0].strip("<>")
    assert [row["period_end"] for row in api.get(following).json()] == ["2026-03-28"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"period": "2026-03"}, 1),
        ({"period": "2026-02"}, 0),
        ({"status": "pending"}, 1),
        ({"status": "approved"}, 0),
        ({"type": "bank"}, 1),
        ({"type": "payables"}, 0),
    ],
)
def test_the_list_is_filtered(bank: Bank, api: APIClient, query, found) -> None:
    begun(bank)
    assert len(api.get(V1, {"client_id": bank.books.administration.pk, **query}).json()) == found


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"client_id": None}, "client_id"),
        ({"client_id": "x"}, "client_id"),
        ({"period": "2026-13"}, "period"),
        ({"period": "March"}, "period"),
        ({"status": "done"}, "status"),
        ({"type": "cash"}, "type"),
        ({"ordering": "notes"}, "ordering"),
    ],
)
def test_a_bad_filter_is_400(bank: Bank, api: APIClient, query, field) -> None:
    sent = {"client_id": str(bank.books.administration.pk), **query}
    answer = api.get(V1, {name: value for name, value in sent.items() if value is not None})
    assert (answer.status_code, refused_fields(answer)) == (400, {field})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"account_id": "x"}, "account_id"),
        ({"period_start": "2026-02-30"}, "period_start"),
        ({"reconciliation_type": "cash"}, "reconciliation_type"),
        ({"expected_balance": "much"}, "expected_balance"),
    ],
)
def test_a_bad_body_is_422_and_nothing_is_begun(bank: Bank, api: APIClient, body, field) -> None:
    answer = api.post(V1, asked(bank, **body), format="json")
    assert (answer.status_code, refused_fields(answer)) == (422, {field})


def test_an_account_of_other_books_is_not_there(bank: Bank, api: APIClient) -> None:
    other = open_test_books().account("bank")
    answer = api.post(V1, asked(bank, account_id=str(other.pk)), format="json")
    assert refused_fields(answer) == {"account_id"}


def test_what_the_books_cannot_take_is_told_by_its_rule(bank: Bank, api: APIClient) -> None:
    reversed_days = asked(bank, period_start="2026-04-01")
    assert code_of(api.post(V1, reversed_days, format="json")) == (400, "DATES_REVERSED")
    revenue = asked(bank, account_id=str(bank.books.account("revenue_consultation").pk))
    assert code_of(api.post(V1, revenue, format="json")) == (400, "ACCOUNT_NOT_RECONCILED")
    assert api.post(V1, asked(bank), format="json").status_code == 201
    assert code_of(api.post(V1, asked(bank), format="json")) == (409, "RECONCILIATION_EXISTS")


def test_what_an_update_leaves_out_stays(bank: Bank, api: APIClient) -> None:
    one = f"{V1}{begun(bank, expected_balance=Decimal(5), notes='Letter').pk}/"
    assert api.put(one, {"notes": "Second letter"}, format="json").json()["expected_balance"] == "5.00"
    found = api.put(one, {"expected_balance": None}, format="json").json()
    assert (found["expected_balance"], found["notes"]) == (None, "Second letter")


def test_what_proves_a_balance_is_for_whoever_reads_the_books(bank: Bank, api: APIClient) -> None:
    one = f"{V1}{begun(bank).pk}/"
    sent = api.post(f"{one}attachments/", {"file": SimpleUploadedFile("a.csv", b"a,b\n1,2\n")}, format="multipart")
    user = UserFactory()
    MembershipFactory(administration=bank.books.administration, user=user, role="receptionist")
    content = f"/api/v1/uploads/{sent.json()['upload_id']}/content/"
    assert (api.get(content).status_code, calling(user).get(content).status_code) == (200, 404)


def test_the_same_key_begins_one(bank: Bank, api: APIClient) -> None:
    answers = [api.post(V1, asked(bank), format="json", headers={"Idempotency-Key": "march"}) for _twice in range(2)]
    assert answers[0].json() == answers[1].json()
    assert bank.books.account("bank").reconciliations.count() == 1


def test_documents_come_and_go_newest_first(bank: Bank, api: APIClient) -> None:
    one = f"{V1}{begun(bank).pk}/"
    for name in ("first.csv", "second.csv"):
        sent = api.post(
            f"{one}attachments/",
            {"file": SimpleUploadedFile(name, b"date,amount\n2026-03-31,1.00\n")},
            format="multipart",
        )
        assert (sent.status_code, sent.json()["file_name"], sent.json()["file_type"]) == (201, name, "text/csv")
    documents = api.get(f"{one}attachments/").json()
    assert [document["file_name"] for document in documents] == ["second.csv", "first.csv"]
    assert api.get(one).json()["attachments_count"] == 2
    gone = f"{one}attachments/{documents[0]['id']}/"
    assert api.delete(gone).status_code == 204
    assert api.delete(gone).status_code == 404
    assert api.get(one).json()["attachments_count"] == 1


@pytest.mark.parametrize(
    ("name", "content", "refusal"),
    [
        ("bank.exe", b"MZ", (400, "FILE_TYPE_NOT_ALLOWED")),
        ("bank.pdf", b"MZ not a pdf", (400, "FILE_TYPE_NOT_ALLOWED")),
        ("bank.pdf", PDF + b"0" * (10 * 1024 * 1024), (413, "FILE_TOO_LARGE")),
    ],
)
def test_a_file_is_judged_by_name_content_and_size(bank: Bank, api: APIClient, name, content, refusal) -> None:
    one = f"{V1}{begun(bank).pk}/"
    answer = api.post(f"{one}attachments/", {"file": SimpleUploadedFile(name, content)}, format="multipart")
    assert code_of(answer) == refusal
    assert api.get(f"{one}attachments/").json() == []


def test_the_difference_is_explained_item_by_item(bank: Bank, api: APIClient) -> None:
    booked(bank, "137.00", date(2026, 3, 1))
    one = f"{V1}{begun(bank, expected_balance=Decimal(130)).pk}/"
    body = {"date": "2026-03-21", "description": "Cheque on its way", "amount": "7.00"}
    item = api.post(f"{one}items/", body, format="json").json()
    assert (item["amount"], item["age_in_days"], item["resolved_on"]) == ("7.00", 10, None)
    assert api.get(one).json()["explained"] == "7.00"
    changed = api.put(f"{one}items/{item['id']}/", {**body, "amount": "6.50"}, format="json").json()
    assert (changed["amount"], api.get(one).json()["explained"]) == ("6.50", "6.50")
    resolved = api.post(f"{one}items/{item['id']}/resolve/", {"resolved_on": "2026-03-31"}, format="json").json()
    assert (resolved["resolved_on"], api.get(one).json()["explained"]) == ("2026-03-31", "0.00")
    assert api.delete(f"{one}items/{item['id']}/").status_code == 204
    assert api.get(f"{one}items/").json() == []


def test_a_list_asks_as_many_questions_for_many_rows_as_for_one(bank: Bank, api: APIClient) -> None:
    client = {"client_id": bank.books.administration.pk}
    first = begun(bank, days=(date(2026, 1, 1), date(2026, 1, 31)))
    explain(first, date=MARCH[0], description="a", amount=Decimal(1), by=bank.accountant)
    few, items = queries_of(lambda: api.get(V1, client)), queries_of(lambda: api.get(f"{V1}{first.pk}/items/"))
    for month in (2, 3):
        begun(bank, days=(date(2026, month, 1), date(2026, month, 28)))
    explain(first, date=MARCH[0], description="b", amount=Decimal(1), by=bank.accountant)
    assert queries_of(lambda: api.get(V1, client)) == few
    assert queries_of(lambda: api.get(f"{V1}{first.pk}/items/")) == items


@pytest.mark.parametrize("role", ["receptionist", "cashier", "admin"])
def test_the_desk_sees_no_reconciliation(bank: Bank, role: str) -> None:
    user = UserFactory()
    MembershipFactory(administration=bank.books.administration, user=user, role=role)
    found = begun(bank)
    assert calling(user).get(V1, {"client_id": bank.books.administration.pk}).status_code == 403
    assert calling(user).get(f"{V1}{found.pk}/").status_code == 403


def test_one_of_other_books_is_not_there(bank: Bank, api: APIClient) -> None:
    books = open_test_books()
    accountant = UserFactory()
    MembershipFactory(administration=books.administration, user=accountant, role="accountant")
    foreign = begin_reconciliation(
        books.account("bank"), period_start=MARCH[0], period_end=MARCH[1], by=accountant, notes=""
    )
    assert api.get(f"{V1}{foreign.pk}/").status_code == 404
    assert api.post(f"{V1}{foreign.pk}/approve/").status_code == 404
    assert api.get(V1, {"client_id": books.administration.pk}).json() == []
