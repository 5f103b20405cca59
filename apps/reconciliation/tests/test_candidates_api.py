"""The candidates of a bank line over HTTP."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.core.tests.factories import member
from apps.ledger.tests.factories import open_test_books
from apps.reconciliation.tests.bank import open_test_bank
from apps.reconciliation.tests.guessing import owes
from apps.reconciliation.tests.matching import on_bank

LINES = "/api/v1/reconciliation/lines/"


def asked(user, line, status: int = 200):
    client = APIClient()
    client.force_authenticate(user)
    answer = client.get(f"{LINES}{line.pk}/candidates/")
    assert answer.status_code == status, answer.content
    return answer.json()


@pytest.fixture
def anna(ledger):
    return ledger.customer("C-1", name="Anna Hansen")


def test_candidates_are_ranked_with_score_and_reasons(bank, ledger, anna):
    first, second = owes(ledger, anna, "100.00", "100.00")
    said = asked(bank.accountant, bank.line("100.00", label="INV-2026-0002", counterparty_name="Anna Hansen"))
    assert {key: said[key] for key in ("combination", "is_ambiguous", "by_itself", "model_id", "currency")} == {
        "combination": [],
        "is_ambiguous": False,
        "by_itself": True,
        "model_id": None,
        "currency": "EUR",
    }
    best, rival = said["candidates"]
    assert {key: best[key] for key in ("kind", "journal_line_id", "open_item_id", "amount", "score", "document")} == {
        "kind": "ITEM",
        "journal_line_id": str(second.line_id),
        "open_item_id": str(second.pk),
        "amount": "100.00",
        "score": 100,
        "document": "INV-2026-0002",
    }
    assert (best["party_id"], best["party_name"], rival["open_item_id"]) == (str(anna.pk), "Anna Hansen", str(first.pk))
    assert [(why["code"], why["points"], why["words"]) for why in best["reasons"]] == [
        ("REFERENCE", 60, "number INV20260002"),
        ("NAME", 30, "name"),
        ("AMOUNT", 20, "amount"),
        ("DATE", 4, "date"),
    ]


def test_what_is_together_the_line_is_told_by_place(bank, ledger, anna):
    owes(ledger, anna, "100.00", "200.00", "400.00")
    said = asked(bank.accountant, bank.line("300.00", party=anna))
    assert said["combination"] == [0, 1]
    assert [said["candidates"][at]["amount"] for at in said["combination"]] == ["100.00", "200.00"]


def test_what_has_no_number_is_called_by_its_entry(bank):
    line = on_bank(bank, "65.00")
    (candidate,) = asked(bank.accountant, bank.line("65.00"))["candidates"]
    assert (candidate["journal_line_id"], candidate["document"], candidate["party_name"]) == (
        str(line.pk),
        str(line.entry),
        "",
    )


@pytest.mark.parametrize(
    ("role", "status"),
    [("accountant", 200), ("owner", 200), ("manager", 200), ("receptionist", 403), ("cashier", 403), ("admin", 403)],
)
def test_whoever_reads_the_books_may_look(bank, role, status):
    asked(member(bank.books.administration, role), bank.line("1.00"), status)


def test_a_line_of_other_books_is_not_there(bank):
    asked(bank.accountant, open_test_bank(open_test_books()).line("1.00"), 404)


def test_more_candidates_take_no_more_queries(bank, ledger, anna):
    counts = []
    for amounts in (["100.00"], ["100.00"] * 5):
        owes(ledger, anna, *amounts)
        on_bank(bank, "100.00")
        line = bank.line("100.00", label="INV-2026-0001", counterparty_name="Anna Hansen")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            asked(bank.accountant, line)
        counts.append(len(queries))
    assert counts[0] == counts[1]
