"""Bank lines are matched, written off and undone over HTTP."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.core.tests.factories import member
from apps.ledger.tests.factories import open_test_books
from apps.ledger.tests.subledger import SubLedger
from apps.reconciliation.models import Clearing, Match
from apps.reconciliation.services.clearing import Kind, Part, clear
from apps.reconciliation.services.ruling import Booking, keep_model
from apps.reconciliation.tests.bank import open_test_bank
from apps.reconciliation.tests.matching import D, in_transit, item, left_of, of_item, on_bank, open_of, owed

LINES = "/api/v1/reconciliation/lines/"


@pytest.fixture
def api(bank):
    client = APIClient()
    client.force_authenticate(bank.accountant)
    return client


def send(api, line, act, status=200, **body):
    answer = api.post(f"{LINES}{line.pk}/{act}/", body, format="json")
    assert answer.status_code == status, answer.content
    return answer.json() if status == 200 else answer.json()["detail"]


def matched(api, line, *rows, status=200, **body):
    return send(api, line, "match", status, matches=list(rows), **body)


def test_a_line_is_matched_with_an_open_entry(api, bank, ledger):
    invoice, line = item(ledger, "100.00"), bank.line("100.00")
    said = matched(api, line, {"journal_line_id": str(invoice.line_id), "amount": "100.00"})
    assert {key: said[key] for key in ("id", "line_amount", "is_reconciled", "amount_residual")} == {
        "id": str(line.pk),
        "line_amount": "100.00",
        "is_reconciled": True,
        "amount_residual": "0.00",
    }
    (match,) = said["matches"]
    assert (match["kind"], match["amount"], match["open_item_id"]) == ("ITEM", "100.00", str(invoice.pk))
    assert match["full_reconcile_id"]


def test_without_an_amount_as_much_is_matched_as_both_have(api, bank, ledger):
    first, second, line = item(ledger, "80.00"), item(ledger, "80.00"), bank.line("100.00")
    rows = [{"journal_line_id": str(one.line_id)} for one in (first, second)]
    assert [match["amount"] for match in matched(api, line, *rows)["matches"]] == ["80.00", "20.00"]
    assert (open_of(first), open_of(second)) == (0, 60)


def test_money_out_is_negative(api, bank, ledger):
    bill, line = owed(ledger, "690.00"), bank.line("-690.00")
    (match,) = matched(api, line, {"open_item_id": str(bill.pk)})["matches"]
    assert match["amount"] == "-690.00"


@pytest.mark.parametrize("kind", ["TRANSIT", "BOOKED"])
def test_what_an_entry_line_is_follows_from_its_account(api, bank, kind):
    entry_line = in_transit(bank, "40.00") if kind == "TRANSIT" else on_bank(bank, "40.00")
    (match,) = matched(api, bank.line("40.00"), {"journal_line_id": str(entry_line.pk)})["matches"]
    assert (match["kind"], match["journal_line_id"]) == (kind, str(entry_line.pk))


def test_b1_an_invoice_is_marked_as_fully_paid(api, bank, ledger):
    invoice, line = item(ledger, "100.00"), bank.line("50.00")
    said = matched(api, line, {"open_item_id": str(invoice.pk)}, mark_fully_paid=True)
    assert [(match["kind"], match["amount"]) for match in said["matches"]] == [
        ("ITEM", "100.00"),
        ("WRITE_OFF", "-50.00"),
    ]
    assert (open_of(invoice), said["is_reconciled"]) == (0, True)


def test_the_difference_goes_to_the_account_that_is_named(api, bank, ledger):
    invoice, account = item(ledger, "100.00"), ledger.account("4910")
    body = {"mark_fully_paid": True, "difference_account_id": str(account.pk)}
    said = matched(api, bank.line("99.99"), {"open_item_id": str(invoice.pk)}, **body)
    assert said["matches"][1]["account_id"] == str(account.pk)


def test_the_tolerance_of_a_model_lets_a_line_be_less(api, bank, ledger):
    tolerant = keep_model(
        ledger.administration, by=bank.accountant, name="Items", kind="MATCH_ITEMS", tolerance=D(1), lines=[]
    )
    invoice = item(ledger, "1000.00")
    said = matched(api, bank.line("990.00"), {"open_item_id": str(invoice.pk)}, model_id=str(tolerant.pk))
    assert [match["amount"] for match in said["matches"]] == ["1000.00", "-10.00"]
    other = item(ledger, "1000.00")
    said = matched(api, bank.line("980.00"), {"open_item_id": str(other.pk)}, model_id=str(tolerant.pk))
    assert [match["amount"] for match in said["matches"]] == ["980.00"]


def test_a_line_that_is_reconciled_is_refused_by_name(api, bank, ledger):
    line = bank.line("100.00")
    rows = [{"open_item_id": str(item(ledger, "100.00").pk)} for _twice in range(2)]
    matched(api, line, rows[0])
    refused = matched(api, line, rows[1], status=400)
    assert refused["code"] == "BANK_LINE_ALREADY_RECONCILED"


def test_what_somebody_else_matched_is_told(api, bank, ledger):
    invoice = item(ledger, "100.00")
    matched(api, bank.line("100.00"), {"open_item_id": str(invoice.pk)})
    for row in ({"open_item_id": str(invoice.pk)}, {"journal_line_id": str(invoice.line_id), "amount": "5"}):
        assert matched(api, bank.line("100.00"), row, status=409)["code"] == "MATCH_BEYOND_ENTRY"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "matches"),
        ({"matches": []}, "matches"),
        ({"matches": "x"}, "matches"),
        ({"matches": [{}]}, "matches"),
        ({"matches": [{"journal_line_id": "x"}]}, "matches"),
        ({"matches": [{"amount": "5"}]}, "matches"),
        ({"matches": [{"open_item_id": "00000000-0000-0000-0000-000000000000"}]}, "open_item_id"),
        ({"matches": [{"bill_id": "00000000-0000-0000-0000-000000000000"}]}, "bill_id"),
        ({"matches": [{"journal_line_id": "00000000-0000-0000-0000-000000000000", "amount": "ten"}]}, "matches"),
    ],
)
def test_a_body_that_cannot_be_taken_says_why(api, bank, body, field):
    refused = send(api, bank.line("100.00"), "match", 422, **body)
    assert (refused["code"], list(refused["fields"])) == ("VALIDATION_ERROR", [field])


def test_amounts_have_no_more_digits_than_the_account(api, bank, ledger):
    row = {"open_item_id": str(item(ledger, "100.00").pk), "amount": "1.005"}
    assert matched(api, bank.line("100.00"), row, status=422)["code"] == "AMOUNT_HAS_TOO_MANY_DIGITS"


def test_rows_of_other_books_are_as_if_they_were_not_there(api, bank):
    stranger = open_test_bank(open_test_books())
    foreign = item(SubLedger(stranger.books, stranger.accountant), "100.00")
    row = {"open_item_id": str(foreign.pk)}
    assert matched(api, bank.line("100.00"), row, status=422)["fields"].keys() == {"open_item_id"}
    assert api.post(f"{LINES}{stranger.line('5.00').pk}/undo/").status_code == 404


# Write-off and undo --------------------------------------------------------------------------------------------------


def test_a_line_is_booked_as_a_model_says(api, bank):
    account = bank.books.account("provider_fees")
    model = keep_model(bank.books.administration, by=bank.accountant, name="Fees", lines=[Booking(account)])
    line = bank.line("-12.10")
    said = send(api, line, "write-off", model_id=str(model.pk))
    assert (said["is_reconciled"], said["matches"][0]["kind"]) == (True, "MODEL")
    assert send(api, line, "write-off", 400, model_id=str(model.pk))["code"] == "BANK_LINE_ALREADY_RECONCILED"
    assert send(api, line, "write-off", 422)["fields"].keys() == {"model_id"}


def test_a_line_is_undone_as_a_whole_or_one_act_alone(api, bank, ledger):
    line = bank.line("100.00")
    for amount in ("60", "40"):
        matched(api, line, {"open_item_id": str(item(ledger, amount).pk)})
    first = Clearing.objects.earliest("created_at")
    assert send(api, line, "undo", clearing_id=str(first.pk))["amount_residual"] == "60.00"
    said = send(api, line, "undo")
    assert (said["amount_residual"], said["is_reconciled"], said["matches"]) == ("100.00", False, [])
    assert send(api, line, "undo", 400)["code"] == "BANK_LINE_NOT_MATCHED"


def test_an_act_of_another_line_is_not_undone_from_here(api, bank, ledger):
    clearing = clear(bank.line("100.00"), [of_item(item(ledger, "100.00"), "100")], by=bank.accountant)
    assert send(api, bank.line("5.00"), "undo", 422, clearing_id=str(clearing.pk))["fields"].keys() == {"clearing_id"}


def test_the_history_of_a_line_keeps_what_was_undone(api, bank, ledger):
    line = bank.line("100.00")
    matched(api, line, {"open_item_id": str(item(ledger, "100.00").pk)})
    send(api, line, "undo")
    (act,) = api.get(f"{LINES}{line.pk}/clearings/").json()
    assert (act["by"], act["undone_by"]) == (str(bank.accountant.pk), str(bank.accountant.pk))
    assert act["journal_entry_id"]
    assert act["reversal_id"]
    assert [match["active"] for match in act["matches"]] == [False]


def test_a_line_is_marked_to_be_looked_at(api, bank):
    line = bank.line("100.00")
    assert send(api, line, "to-check", to_check=True)["to_check"] is True
    assert send(api, line, "to-check", to_check=False)["to_check"] is False


def test_whoever_reads_the_books_reads_the_history_and_matches_nothing(api, bank, ledger):
    line = bank.line("100.00")
    api.force_authenticate(member(ledger.administration, "manager"))
    assert api.get(f"{LINES}{line.pk}/clearings/").status_code == 200
    assert api.post(f"{LINES}{line.pk}/undo/").status_code == 403


def test_the_same_key_matches_once(api, bank, ledger):
    invoice, line = item(ledger, "100.00"), bank.line("100.00")
    body = {"matches": [{"open_item_id": str(invoice.pk), "amount": "40.00"}]}
    answers = [
        api.post(f"{LINES}{line.pk}/match/", body, format="json", headers={"Idempotency-Key": "k-1"}).content
        for _twice in range(2)
    ]
    assert answers[0] == answers[1]
    assert (left_of(line), Match.objects.count()) == (60, 1)


def test_the_history_takes_no_more_queries_when_it_grows(api, bank, ledger):
    line = bank.line("100.00")

    def queries():
        with CaptureQueriesContext(connection) as asked:
            assert api.get(f"{LINES}{line.pk}/clearings/").status_code == 200
        return len(asked)

    account = bank.books.account("revenue_other")
    clear(line, [Part(Kind.MODEL, D(5), account=account)], by=bank.accountant)
    before = queries()
    for _more in range(4):
        clear(line, [Part(Kind.MODEL, D(5), account=account), Part(Kind.FEE, D(1))], by=bank.accountant)
    assert queries() == before


def test_a_closed_period_is_told_with_the_way_out(api, bank, ledger):
    line = bank.line("100.00", date=date(2026, 3, 31))
    matched(api, line, {"open_item_id": str(item(ledger, "100.00").pk)})
    bank.books.set_status("2026-03", "FINALIZED")
    refused = send(api, line, "undo", 409)
    assert (refused["code"], refused["hint"]) == (
        "PERIOD_CLOSED",
        "Reopen 2026-03 first; where it is locked, correct it by an entry in an open period.",
    )
