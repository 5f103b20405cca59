"""Models of bank lines over HTTP."""

import pytest
from rest_framework.test import APIClient

from apps.ledger.tests.factories import open_test_books
from apps.reconciliation.models import ReconciliationModel
from apps.reconciliation.services.rules import write_off
from apps.reconciliation.services.ruling import keep_model
from apps.reconciliation.tests.bank import open_test_bank

MODELS = "/api/v1/reconciliation/models/"


@pytest.fixture
def api(bank):
    client = APIClient()
    client.force_authenticate(bank.accountant)
    return client


def created(api, status=201, **body):
    answer = api.post(MODELS, {"model_name": "Fees", **body}, format="json")
    assert answer.status_code == status, answer.content
    return answer.json() if status == 201 else answer.json()["detail"]


def test_a_model_is_set_up_with_what_the_contract_names(api, bank):
    said = created(
        api,
        client_id=str(bank.books.administration.pk),
        model_trigger="auto_reconcile",
        match_journal_ids=[str(bank.account.journal_id)],
        match_amount_type="",
        match_label_pattern="bank fees?",
        model_line_amount_type="percentage",
    )
    assert (said["model_name"], said["model_trigger"]) == ("Fees", "auto_reconcile")
    assert said["match_journal_ids"] == [str(bank.account.journal_id)]
    assert (said["match_label_pattern"], said["model_line_amount_type"]) == ("bank fees?", "percentage")
    (line,) = said["lines"]
    assert (line["account_id"], line["amount"]) == (str(bank.books.account("suspense").pk), "100.0000")


@pytest.mark.parametrize("kind", ["percentage", "percentage_of_statement_line", "regex"])
def test_every_amount_type_has_a_line_of_its_own(api, kind):
    assert created(api, model_line_amount_type=kind)["model_line_amount_type"] == kind


def test_a_model_says_all_its_lines(api, bank, ledger):
    vat = ledger.code("INPUT_HIGH")
    fees, other = str(ledger.account("4400").pk), str(ledger.account("4600").pk)
    said = created(
        api,
        match_amount_type="between",
        match_amount_min="5",
        match_amount_max="50",
        lines=[
            {"account_id": fees, "amount_type": "fixed", "amount": "10.00", "vat_code_id": str(vat.pk)},
            {"account_id": other, "includes_vat": False, "memo": "rest"},
        ],
    )
    assert (said["match_amount_min"], said["match_amount_max"]) == ("5.00", "50.00")
    assert [(line["account_id"], line["amount_type"], line["amount"]) for line in said["lines"]] == [
        (fees, "fixed", "10.0000"),
        (other, "percentage", "100.0000"),
    ]


@pytest.mark.parametrize("kind", ["MATCH_ITEMS", "SETTLEMENT"])
def test_a_model_for_open_items_or_card_settlements_books_nothing_itself(api, kind):
    said = created(api, model_kind=kind, tolerance="1.5")
    assert (said["lines"], said["model_line_amount_type"], said["tolerance"]) == ([], "", "1.5000")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"match_amount_type": "lower"}, 400, "MODEL_INVALID"),
        ({"match_amount_type": "sideways"}, 422, "VALIDATION_ERROR"),
        ({"match_label_pattern": "(a"}, 422, "PATTERN_INVALID"),
        ({"match_label_pattern": "(a|aa)+$"}, 422, "PATTERN_ENDLESS"),
        ({"model_line_amount_type": "fixed"}, 400, "MODEL_INVALID"),
        ({"model_line_amount_type": "regex", "amount_pattern": "[0-9]+"}, 422, "PATTERN_INVALID"),
        ({"model_trigger": "sometimes"}, 422, "VALIDATION_ERROR"),
        ({"match_journal_ids": ["x"]}, 422, "VALIDATION_ERROR"),
        ({"match_journal_ids": ["00000000-0000-0000-0000-000000000000"]}, 422, "VALIDATION_ERROR"),
        ({"tolerance": "101"}, 400, "MODEL_INVALID"),
        ({"model_name": ""}, 422, "VALIDATION_ERROR"),
        ({"lines": [{}]}, 422, "VALIDATION_ERROR"),
    ],
)
def test_what_makes_no_sense_is_refused(api, body, status, code):
    assert created(api, status, **body)["code"] == code
    assert not ReconciliationModel.objects.exists()


def test_a_journal_that_is_no_banks_is_refused(api, bank):
    assert created(api, 422, match_journal_ids=[str(bank.books.journal.pk)])["fields"].keys() == {"match_journal_ids"}


def test_rows_of_other_books_are_as_if_they_were_not_there(api):
    stranger = open_test_bank(open_test_books())
    theirs = keep_model(stranger.books.administration, by=stranger.accountant, name="Theirs")
    account = str(stranger.books.account("rounding").pk)
    assert created(api, 422, account_id=account)["fields"].keys() == {"account_id"}
    assert created(api, 422, tolerance_account_id=account)["fields"].keys() == {"tolerance_account_id"}
    for method in (api.get, api.patch, api.delete):
        assert method(f"{MODELS}{theirs.pk}/").status_code == 404
    assert api.get(MODELS).json()["results"] == []


def test_models_are_listed_in_the_order_in_which_they_are_tried(api, django_assert_max_num_queries):
    for number, name in enumerate(("C", "A", "B"), start=1):
        created(api, model_name=name, sequence=10 - number, model_trigger="auto_reconcile" if number == 1 else "manual")
    with django_assert_max_num_queries(6):
        rows = api.get(MODELS).json()["results"]
    assert [row["model_name"] for row in rows] == ["B", "A", "C"]
    auto = api.get(f"{MODELS}?model_trigger=auto_reconcile").json()["results"]
    assert [row["model_name"] for row in auto] == ["C"]
    assert [row["model_name"] for row in api.get(f"{MODELS}?ordering=name").json()["results"]] == ["A", "B", "C"]
    assert api.get(f"{MODELS}?model_trigger=x").status_code == 400


def test_a_model_is_changed_where_something_is_said(api, ledger):
    made = created(api, match_label_pattern="fees", account_id=str(ledger.account("4400").pk))
    said = api.patch(f"{MODELS}{made['id']}/", {"model_name": "Bank fees"}, format="json").json()
    assert (said["model_name"], said["match_label_pattern"]) == ("Bank fees", "fees")
    assert said["lines"] == made["lines"]
    other = str(ledger.account("4600").pk)
    said = api.patch(f"{MODELS}{made['id']}/", {"account_id": other, "is_active": False}, format="json").json()
    assert ([line["account_id"] for line in said["lines"]], said["is_active"]) == ([other], False)


def test_a_model_that_booked_is_put_aside_not_thrown_away(api, bank):
    made = [created(api, model_name=name)["id"] for name in ("Used", "Unused")]
    write_off(bank.line("-5.00"), ReconciliationModel.objects.get(pk=made[0]), by=bank.accountant)
    assert api.delete(f"{MODELS}{made[1]}/").status_code == 204
    refused = api.delete(f"{MODELS}{made[0]}/")
    assert (refused.status_code, refused.json()["detail"]["code"]) == (409, "MODEL_USED")
    assert api.get(f"{MODELS}{made[0]}/").json()["model_name"] == "Used"


def test_two_models_do_not_share_a_name(api):
    created(api)
    assert created(api, 409)["code"] == "MODEL_NAME_TAKEN"
