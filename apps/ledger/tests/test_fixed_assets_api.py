"""Fixed assets over HTTP: who may, what comes back, what is refused."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.core.models import Membership
from apps.core.tests.factories import member
from apps.ledger.models import Depreciation, FixedAsset, JournalEntry
from apps.ledger.services.depreciating import post_depreciation
from apps.ledger.tests.assets import account, registered
from apps.ledger.tests.factories import new_id, open_test_books

ASSETS = "/api/v1/ledger/fixed-assets/"
Role = Membership.Role


def api(books, role):
    client = APIClient()
    client.force_authenticate(member(books.administration, role))
    return client


@pytest.fixture
def accountant(books):
    return api(books, Role.ACCOUNTANT)


def new(books, **fields):
    accounts = {"account_id": "0200", "depreciation_account_id": "0210", "expense_account_id": "4300"}
    body = {"code": "A-1", "name": "Scanner", "cost": "1200.00", "life_months": 12, "method": "STRAIGHT_LINE"}
    body |= {"acquired_on": "2026-01-01", "in_use_from": "2026-01-01"}
    return body | {name: str(account(books, code).pk) for name, code in accounts.items()} | fields


def code_of(answer):
    return answer.status_code, answer.json()["detail"]["code"]


def test_an_asset_from_its_purchase_to_its_sale(books, accountant):
    made = accountant.post(ASSETS, new(books), format="json")
    assert made.status_code == 201, made.json()
    asset = made.json()
    assert (asset["book_value"], asset["next_month"], asset["next_amount"]) == ("1200.00", "2026-01-01", "100.00")
    assert len(asset["schedule"]) == 12

    posted = accountant.post(f"{ASSETS}depreciate/", {"month": "2026-02-28"}, format="json")
    assert [(one["month"], one["amount"]) for one in posted.json()] == [
        ("2026-01-01", "100.00"),
        ("2026-02-01", "100.00"),
    ]
    assert posted.json()[0]["entry_number"] == "GEN-2026-0001"
    assert accountant.post(f"{ASSETS}depreciate/", {"month": "2026-02-28"}, format="json").json() == []

    sale = {"date": "2026-03-31", "proceeds": "950.00", "proceeds_account_id": str(account(books, "1100").pk)}
    sold = accountant.post(f"{ASSETS}{asset['id']}/dispose/", sale, format="json")
    assert sold.status_code == 200, sold.json()
    assert (sold.json()["disposed_on"], sold.json()["book_value"], sold.json()["next_month"]) == (
        "2026-03-31",
        "0.00",
        None,
    )
    assert [bool(month["entry_id"]) for month in sold.json()["schedule"]] == [True] * 3
    again = accountant.post(f"{ASSETS}{asset['id']}/dispose/", sale, format="json")
    assert code_of(again) == (409, "FIXED_ASSET_DISPOSED")
    assert accountant.get(ASSETS, {"disposed": "true"}).json()["results"][0]["code"] == "A-1"
    assert accountant.get(ASSETS, {"disposed": "false"}).json()["results"] == []


def test_amounts_have_the_digits_of_the_currency(db):
    yen = open_test_books(currency="JPY")
    registered(yen, cost=100, life_months=3)
    asset = api(yen, Role.ACCOUNTANT).get(ASSETS).json()["results"][0]
    assert (asset["cost"], asset["next_amount"], asset["currency"]) == ("100", "33", "JPY")


@pytest.mark.parametrize("role", [Role.MANAGER, Role.OWNER])
def test_who_reads_the_ledger_writes_no_assets(books, role):
    asset, client = registered(books), api(books, role)
    assert client.get(ASSETS).json()["results"][0]["id"] == str(asset.pk)
    assert client.get(f"{ASSETS}{asset.pk}/").status_code == 200
    for address, body in [("", new(books)), ("depreciate/", {"month": "2026-03-01"}), (f"{asset.pk}/dispose/", {})]:
        assert code_of(client.post(ASSETS + address, body, format="json")) == (403, "NOT_ALLOWED")
    assert not JournalEntry.objects.exists()


@pytest.mark.parametrize("role", [Role.RECEPTIONIST, Role.CASHIER, Role.ADMIN])
def test_other_roles_read_none(books, role):
    registered(books)
    assert code_of(api(books, role).get(ASSETS)) == (403, "NOT_ALLOWED")


def test_an_asset_of_other_books_is_not_there(books, accountant):
    others = open_test_books()
    foreign = registered(others)
    assert accountant.get(ASSETS).json()["results"] == []
    for pk in (foreign.pk, new_id()):
        assert code_of(accountant.get(f"{ASSETS}{pk}/")) == (404, "NOT_FOUND")
        assert code_of(accountant.post(f"{ASSETS}{pk}/dispose/", {"date": "2026-03-31"}, format="json"))[0] == 404
    theirs = {"administration_id": str(others.administration.pk)}
    for address, body in [("", new(books)), ("depreciate/", {"month": "2026-03-01"})]:
        assert code_of(accountant.post(ASSETS + address, body | theirs, format="json")) == (404, "NOT_FOUND")
    named = accountant.post(ASSETS, new(books, account_id=str(account(others, "0200").pk)), format="json")
    assert code_of(named) == (422, "VALIDATION_ERROR")
    assert list(named.json()["detail"]["fields"]) == ["account_id"]
    assert FixedAsset.objects.count() == 1


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        ({"cost": "12.345"}, 422, "AMOUNT_HAS_TOO_MANY_DIGITS"),
        ({"cost": "much"}, 422, "VALIDATION_ERROR"),
        ({"cost": "-1.00"}, 400, "FIXED_ASSET_INVALID"),
        ({"method": "SUM_OF_DIGITS"}, 422, "VALIDATION_ERROR"),
        ({"method": "DECLINING"}, 400, "FIXED_ASSET_INVALID"),
        ({"method": "DECLINING", "declining_rate": "101"}, 400, "FIXED_ASSET_INVALID"),
        ({"life_months": 0}, 400, "FIXED_ASSET_INVALID"),
        ({"life_months": 100_000}, 422, "VALIDATION_ERROR"),
        ({"account_id": "x"}, 422, "VALIDATION_ERROR"),
        ({"in_use_from": "2025-12-31"}, 400, "FIXED_ASSET_INVALID"),
        ({"code": ""}, 422, "VALIDATION_ERROR"),
        ({"code": "TAKEN"}, 409, "FIXED_ASSET_CODE_TAKEN"),
    ],
)
def test_an_asset_that_cannot_be_is_refused(books, accountant, wrong, status, code):
    registered(books, "TAKEN")
    assert code_of(accountant.post(ASSETS, new(books, **wrong), format="json")) == (status, code)
    assert FixedAsset.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "VALIDATION_ERROR"),
        ({"date": "2025-01-01"}, 409, "DISPOSAL_TOO_EARLY"),
        ({"date": "2026-03-31", "proceeds": "5.00"}, 400, "DISPOSAL_INVALID"),
        ({"date": "2026-03-31", "proceeds": "5.001"}, 422, "AMOUNT_HAS_TOO_MANY_DIGITS"),
        ({"date": "2031-03-31"}, 409, "PERIOD_MISSING"),
    ],
)
def test_a_disposal_that_cannot_be_is_refused(books, accountant, body, status, code):
    asset = registered(books)
    assert code_of(accountant.post(f"{ASSETS}{asset.pk}/dispose/", body, format="json")) == (status, code)
    assert not Depreciation.objects.exists()


@pytest.mark.parametrize("query", [{"ordering": "name"}, {"administration_id": "x"}])
def test_a_bad_parameter_is_400(books, accountant, query):
    assert code_of(accountant.get(ASSETS, query)) == (400, "INVALID_PARAMETER")


def test_the_same_key_posts_once(books, accountant):
    registered(books)
    ask = {"data": {"month": "2026-03-01"}, "format": "json", "headers": {"Idempotency-Key": "k-1"}}
    first, again = (accountant.post(f"{ASSETS}depreciate/", **ask) for _turn in range(2))
    assert (first.content, again["Idempotent-Replay"]) == (again.content, "true")
    assert Depreciation.objects.count() == 3


def test_a_list_asks_no_more_of_the_database_when_it_grows(books, accountant):
    def queries():
        with CaptureQueriesContext(connection) as asked:
            accountant.get(ASSETS)
        return len(asked)

    registered(books)
    queries()  # asks for the caller's roles once
    few = queries()
    for n in range(2, 12):
        registered(books, f"A-{n}")
    post_depreciation(books.administration, date(2026, 6, 1), by=None)
    assert queries() == few < 10
