"""Payouts and transfers over HTTP: what a line may be, and saying that it is."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.billing.tests.clinic import Clinic, make_clinic
from apps.ledger.tests.factories import open_test_books
from apps.reconciliation.services.bank_accounts import open_bank_account
from apps.reconciliation.tests.bank import Bank, open_test_bank
from apps.reconciliation.tests.matching import D, left_of
from apps.reconciliation.tests.paying_out import Provider, bank_of

LINES = "/api/v1/reconciliation/lines/"
SAVINGS = "NL02INGB0000000001"


@pytest.fixture
def clinic(db) -> Clinic:
    return make_clinic()


@pytest.fixture
def bank(clinic) -> Bank:
    return bank_of(clinic)


@pytest.fixture
def api(bank) -> APIClient:
    client = APIClient()
    client.force_authenticate(bank.accountant)
    return client


@pytest.fixture
def payout(clinic, bank):
    """A bank line of a payout of one payment."""
    provider = Provider(clinic)
    provider.payout("359143", provider.paid("65.00", fee="0.65"))
    return bank.line("64.35", label="PSTK_359143", date=clinic.today)


def said(answer, status=200):
    assert answer.status_code == status, answer.content
    return answer.json() if status == 200 else answer.json()["detail"]


def test_a_payout_is_told_by_its_parts(api, payout):
    told = said(api.get(f"{LINES}{payout.pk}/payouts/"))
    assert (told["line_id"], told["currency"]) == (str(payout.pk), "EUR")
    (way,) = told["payouts"]
    assert {name: way[name] for name in ("called", "gross", "refunded", "fees", "unexplained", "by_itself")} == {
        "called": "PSTK_359143",
        "gross": "65.00",
        "refunded": "0.00",
        "fees": "0.65",
        "unexplained": "0.00",
        "by_itself": True,
    }
    assert [(part["what"], part["kind"], part["amount"]) for part in way["parts"]] == [
        ("PAYMENT", "TRANSIT", "65.00"),
        ("FEE", "FEE", "-0.65"),
    ]
    assert way["reasons"][0]["words"] == "payout PSTK_359143"


def test_a_line_is_taken_apart(api, payout):
    told = said(api.post(f"{LINES}{payout.pk}/unpack/", {}, format="json"))
    assert (told["is_reconciled"], told["amount_residual"]) == (True, "0.00")
    assert [match["kind"] for match in told["matches"]] == ["TRANSIT", "FEE"]
    again = said(api.post(f"{LINES}{payout.pk}/unpack/", {}, format="json"), 400)
    assert again["code"] == "BANK_LINE_ALREADY_RECONCILED"


def test_what_is_sent_twice_with_one_key_is_done_once(api, payout):
    sent = {"path": f"{LINES}{payout.pk}/unpack/", "data": {}, "format": "json", "HTTP_IDEMPOTENCY_KEY": "one"}
    assert said(api.post(**sent)) == said(api.post(**sent))


def test_what_is_not_explained_needs_an_account(api, clinic, bank):
    provider = Provider(clinic)
    provider.payout("7", provider.paid("65.00", fee="0.65"), net=D("60.00"))
    line = bank.line("60.00", label="PSTK_7", date=clinic.today)
    refused = said(api.post(f"{LINES}{line.pk}/unpack/", {}, format="json"), 400)
    assert (refused["code"], refused["amount"]) == ("PAYOUT_UNEXPLAINED", "-4.35")
    account = bank.books.account("payment_difference")
    body = {"difference_account_id": str(account.pk)}
    assert said(api.post(f"{LINES}{line.pk}/unpack/", body, format="json"))["is_reconciled"]


@pytest.mark.parametrize(
    ("act", "body", "status", "code"),
    [
        ("unpack", {"key": "nothing"}, 400, "NO_PAYOUT"),
        ("unpack", {"key": ["x"]}, 422, "VALIDATION_ERROR"),
        ("unpack", {"difference_account_id": "x"}, 422, "VALIDATION_ERROR"),
        ("unpack", {"difference_account_id": str(uuid4())}, 422, "VALIDATION_ERROR"),
        ("transfer", {}, 422, "VALIDATION_ERROR"),
        ("transfer", {"other_line_id": "x"}, 422, "VALIDATION_ERROR"),
        ("transfer", {"other_line_id": None}, 422, "VALIDATION_ERROR"),
        ("transfer", {"other_line_id": str(uuid4())}, 422, "VALIDATION_ERROR"),
    ],
)
def test_what_cannot_be_taken_is_refused(api, payout, act, body, status, code):
    assert said(api.post(f"{LINES}{payout.pk}/{act}/", body, format="json"), status)["code"] == code
    assert left_of(payout) == D("64.35")


def test_two_lines_are_one_transfer(api, bank):
    savings = open_bank_account(bank.books.administration, name="Savings", iban=SAVINGS)
    out = bank.line("-500.00", counterparty_iban=SAVINGS)
    into = Bank(bank.books, savings, bank.accountant).line("500.00")
    (side,) = said(api.get(f"{LINES}{out.pk}/transfers/"))["transfers"]
    told = (side["line_id"], side["bank_account_id"], side["amount"], side["by_itself"])
    assert told == (str(into.pk), str(savings.pk), "500.00", True)
    done = said(api.post(f"{LINES}{out.pk}/transfer/", {"other_line_id": str(into.pk)}, format="json"))
    assert (done["is_reconciled"], done["matches"][0]["kind"], left_of(into)) == (True, "TRANSFER", 0)


def test_a_line_of_other_books_is_not_there(api, payout):
    other = open_test_bank(open_test_books()).line("-64.35")
    for act, body in (("unpack", {}), ("transfer", {"other_line_id": str(payout.pk)})):
        assert said(api.post(f"{LINES}{other.pk}/{act}/", body, format="json"), 404)["code"] == "NOT_FOUND"
    refused = said(api.post(f"{LINES}{payout.pk}/transfer/", {"other_line_id": str(other.pk)}, format="json"), 422)
    assert refused["code"] == "VALIDATION_ERROR"


def test_an_answer_asks_no_more_when_the_payout_grows(api, clinic, bank):
    provider, counted = Provider(clinic), []
    for number, payments in (("1", 1), ("2", 5)):
        provider.payout(number, *[provider.paid("10.00", fee="0.10") for _payment in range(payments)])
        line = bank.line(f"{payments * D('9.90')}", label=f"PSTK_{number}", date=clinic.today)
        with CaptureQueriesContext(connection) as queries:
            assert len(said(api.get(f"{LINES}{line.pk}/payouts/"))["payouts"][0]["parts"]) == payments + 1
        counted.append(len(queries))
    assert counted[1] <= counted[0]
