"""Models of bank lines in the admin: set up with their lines, and tried against what the bank sent."""

import pytest
from django.urls import reverse

from apps.reconciliation.models import ReconciliationModel
from apps.reconciliation.reports.trying import trial_of
from apps.reconciliation.services.rules import write_off
from apps.reconciliation.services.ruling import Booking, keep_model
from apps.reconciliation.tests.matching import D

ADD = "admin:reconciliation_reconciliationmodel_add"
CHANGE = "admin:reconciliation_reconciliationmodel_change"


@pytest.fixture
def page(bank, client):
    client.force_login(bank.accountant)
    return client


def typed(bank, *lines, initial=0, **fields):
    told = {"name": "Fees", "kind": "WRITE_OFF", "trigger": "manual", "sequence": "10", "tolerance": "0"}
    told |= {"is_active": "on", "search_label": "on", "administration": str(bank.books.administration.pk), **fields}
    told |= {"lines-TOTAL_FORMS": len(lines), "lines-INITIAL_FORMS": initial}
    for number, line in enumerate(lines):
        row = {"amount_type": "percentage", "amount": "100", "includes_vat": "on", **line}
        told |= {f"lines-{number}-{name}": value for name, value in row.items()}
    return told


def fees(bank):
    return str(bank.books.account("provider_fees").pk)


def test_a_model_is_set_up_with_its_lines(page, bank):
    body = typed(bank, {"account": fees(bank)}, label_pattern="fees?", bank_accounts=[str(bank.account.pk)])
    assert page.post(reverse(ADD), body).status_code == 302
    model = ReconciliationModel.objects.get()
    assert (model.label_pattern, list(model.bank_accounts.all())) == ("fees?", [bank.account])
    assert [(line.position, line.account.purpose) for line in model.lines.all()] == [(1, "provider_fees")]


def test_a_line_is_changed_taken_out_and_added_together(page, bank, ledger):
    accounts = [bank.books.account("provider_fees"), bank.books.account("rounding")]
    model = keep_model(
        bank.books.administration, by=bank.accountant, name="Fees", lines=[Booking(one) for one in accounts]
    )
    first, second = model.lines.order_by("position")
    body = typed(
        bank,
        {"id": str(first.pk), "model": str(model.pk), "account": str(accounts[0].pk), "amount": "50"},
        {"id": str(second.pk), "model": str(model.pk), "account": str(accounts[1].pk), "DELETE": "on"},
        {"account": str(ledger.account("4600").pk)},
        initial=2,
        name="Renamed",
    )
    assert page.post(reverse(CHANGE, args=[model.pk]), body).status_code == 302
    lines = model.lines.order_by("position").values_list("account__code", "amount")
    assert list(lines) == [("4410", D(50)), ("4600", D(100))]
    assert ReconciliationModel.objects.get().name == "Renamed"


@pytest.mark.parametrize(
    ("fields", "line", "said"),
    [
        ({"label_pattern": "(a"}, {}, "is no regular expression"),
        ({"label_pattern": "(a|aa)+$"}, {}, "takes too long"),
        ({"amount_type": "lower"}, {}, "A model has the amounts that its conditions and lines need"),
        ({}, {"amount_type": "regex", "amount": "", "amount_pattern": "[0-9]+"}, "is no regular expression"),
    ],
)
def test_what_makes_no_sense_is_said_and_what_was_typed_stays(page, bank, fields, line, said):
    body = typed(bank, {"account": fees(bank), **line}, **fields)
    answer = page.post(reverse(ADD), body)
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert 'value="Fees"' in answer.content.decode()
    assert not ReconciliationModel.objects.exists()


def test_a_model_is_tried_against_the_newest_lines(page, bank):
    bank.statement("-5.00", label="<b>Bank fees</b> March")
    bank.statement("-700.00", label="Parking")
    model = keep_model(bank.books.administration, by=bank.accountant, name="Fees", label_pattern="fees")
    shown = page.get(reverse(CHANGE, args=[model.pk])).content.decode()
    assert "1 of the newest 2" in shown
    assert "&lt;b&gt;Bank fees&lt;/b&gt; March" in shown
    assert "Parking" not in shown


def test_trying_a_model_takes_two_queries(bank, django_assert_num_queries):
    model = keep_model(bank.books.administration, by=bank.accountant, name="Fees", label_pattern="fees")
    bank.statement(*["-5.00"] * 30, label="Bank fees")
    with django_assert_num_queries(2):
        trial = trial_of(model)
    assert (len(trial.lines), trial.holds, trial.tried) == (20, 30, 30)


def test_a_model_that_booked_is_not_thrown_away(page, bank):
    model = keep_model(
        bank.books.administration,
        by=bank.accountant,
        name="Fees",
        lines=[Booking(bank.books.account("provider_fees"))],
    )
    write_off(bank.line("-5.00"), model, by=bank.accountant)
    page.post(reverse("admin:reconciliation_reconciliationmodel_delete", args=[model.pk]), {"post": "yes"})
    assert ReconciliationModel.objects.get() == model
