"""What breaks a law comes to nothing in the admin too: every page of every model, as the accountant, who may most."""

import re

import pytest
from django.apps import apps
from django.contrib import admin
from django.forms.models import model_to_dict

from apps.core.models import Administration, Membership
from apps.core.tests.factories import member
from apps.ledger.models import Account, ExchangeRate, FixedAsset, Journal, JournalEntry, JournalLine, Party, VatCode
from apps.ledger.tests.test_laws import scene

MODELS = [model for model in apps.get_app_config("ledger").get_models() if admin.site.is_registered(model)]

# A row that is right, and what makes a form of it break a law: when it is added, and when a row that is there is
# changed. Models that nobody adds or changes in the admin refuse any form at all.
RIGHT = {
    Account: {"code": "9999", "name": "New", "type": "ASSET", "place": "CURRENT_ASSETS", "control": ""},
    VatCode: {"code": "NEW", "name": "New", "rate": "21", "category": "SALES", "deductible": "100"},
    Party: {"kind": "SUPPLIER", "code": "S-9", "name": "New", "payment_days": "30"},
    Journal: {"code": "NEW", "name": "New", "type": "GENERAL"},
    ExchangeRate: {"currency": "USD", "date": "2026-03-04", "rate": "0.9", "source": "ECB"},
    FixedAsset: {
        **{"code": "A-9", "name": "Chair", "acquired_on": "2026-01-01", "in_use_from": "2026-01-01", "cost": "1200.00"},
        **{"residual_value": "0.00", "method": "STRAIGHT_LINE", "life_months": "12", "opening_depreciation": "0.00"},
    },
}
WHEN_ADDED = [
    (Account, {"place": "EQUITY"}),
    (Account, {"code": "1000"}),
    (VatCode, {"rate": "-1"}),
    (VatCode, {"code": "HIGH"}),
    (VatCode, {"valid_from": "2026-02-01", "valid_until": "2026-01-01"}),
    (Party, {"kind": "PATIENT", "code": "P-1"}),
    (Journal, {"code": "GEN"}),
    (ExchangeRate, {"rate": "0"}),
    (ExchangeRate, {"date": "2026-03-03"}),
    (FixedAsset, {"cost": "0"}),
    (FixedAsset, {"code": "A-1"}),
    (FixedAsset, {"residual_value": "1200.01"}),
    (FixedAsset, {"method": "DECLINING"}),
    (FixedAsset, {"in_use_from": "2025-12-31"}),
]
WHEN_CHANGED = [
    (Account, "cash", {"type": "EQUITY", "place": "EQUITY"}),
    (Account, "cash", {"place": "EQUITY"}),
    (Account, "patients", {"control": ""}),
    (VatCode, "vat", {"rate": "101"}),
    (FixedAsset, "asset", {"cost": "9999"}),
    (FixedAsset, "asset", {"acquired_on": "2025-01-01"}),
    (JournalEntry, "entry", {"memo": "x", "date": "2026-03-04"}),
]


@pytest.fixture
def facts(db):
    return scene()


@pytest.fixture
def accountant(facts, client):
    client.force_login(member(Administration.objects.get(pk=facts["administration"]), Membership.Role.ACCOUNTANT))
    return client


def rows(model):
    return list(model.objects.order_by("pk").values())


def refused(answer):
    """Not allowed, or told in words beside the field or above the form."""
    said = re.search(r'class="[^"]*(errorlist|errornote|error)\b', answer.content.decode())
    return answer.status_code in (400, 403, 404, 405, 409, 422) or (answer.status_code == 200 and said is not None)


def form_of(model, facts, **broken):
    accounts = dict(Account.objects.filter(administration=facts["administration"]).values_list("code", "pk"))
    named = {"account": "0200", "depreciation_account": "0210", "expense_account": "4100"}
    fields = named if model is FixedAsset else {"account": "1520"}
    keys = {field: accounts[code] for field, code in fields.items()}
    return {"administration": facts["administration"], **keys, **RIGHT.get(model, {}), **broken}


def address(model, page):
    """By hand: where a page is left out, its name is not there to be asked for."""
    return f"/admin/ledger/{model._meta.model_name}/{page}/"


@pytest.mark.parametrize(("model", "broken"), WHEN_ADDED, ids=str)
def test_a_form_that_breaks_a_law_adds_nothing_and_says_why(accountant, facts, model, broken):
    before = rows(model)
    answer = accountant.post(address(model, "add"), form_of(model, facts, **broken))
    assert refused(answer), (answer.status_code, answer.content.decode()[:2000])
    assert rows(model) == before


@pytest.mark.parametrize("model", [Account, ExchangeRate, FixedAsset], ids=lambda model: model.__name__)
def test_the_same_form_without_the_break_is_taken(accountant, facts, model):
    before = model.objects.count()
    answer = accountant.post(address(model, "add"), form_of(model, facts))
    errors = re.findall(r'class="[^"]*error[^"]*"[^>]*>([^<]*)', answer.content.decode())
    assert (model.objects.count(), answer.status_code) == (before + 1, 302), errors


@pytest.mark.parametrize(("model", "name", "broken"), WHEN_CHANGED, ids=str)
def test_a_form_that_breaks_a_law_changes_nothing(accountant, facts, model, name, broken):
    """What cannot be changed at all is no field of the form: it is left as it was without a word."""
    before, lines = rows(model), rows(JournalLine)
    row = model.objects.get(pk=facts[name])
    as_it_is = {key: "" if value is None else value for key, value in model_to_dict(row).items()}
    answer = accountant.post(address(model, f"{row.pk}/change"), as_it_is | broken)
    assert refused(answer) or answer.status_code == 302
    assert (rows(model), rows(JournalLine)) == (before, lines)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_no_page_deletes_a_row_of_the_ledger_that_stands_in_the_books(accountant, facts, model):
    before, mine = rows(model), model.objects.filter(administration=facts["administration"])
    standing = mine.filter(status="POSTED") if model is JournalEntry else mine  # a draft is thrown away
    for key in standing.values_list("pk", flat=True)[:5]:
        answer = accountant.post(address(model, f"{key}/delete"), {"post": "yes"}, follow=True)
        assert refused(answer), answer.status_code
    chosen = {"action": "delete_selected", "_selected_action": [str(row["id"]) for row in before], "post": "yes"}
    accountant.post(f"/admin/ledger/{model._meta.model_name}/", chosen)
    assert rows(model) == before
