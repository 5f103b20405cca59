"""Services, their prices by date and their groups, over HTTP."""

from datetime import timedelta
from uuid import uuid4

import pytest

from apps.billing.errors import PriceOverlaps
from apps.billing.models import Service, ServiceGroup, ServicePrice
from apps.billing.tests.calling import Caller, code_of, queries_of, refused_fields
from apps.billing.tests.clinic import make_clinic
from apps.billing.tests.test_laws import law_broken_by
from apps.core.errors import DomainError
from apps.core.models import Event
from apps.ledger.models import Account, VatCode


@pytest.fixture
def call(clinic):
    return Caller(clinic.manager)


def group_of(clinic, code="consultation"):
    return ServiceGroup.objects.get(administration=clinic.administration, code=code)


def vat_of(clinic, code="HIGH"):
    return VatCode.objects.get(administration=clinic.administration, code=code)


def a_service(clinic, **more):
    facts = {"code": "MRI", "name": "MRI scan", "group_id": str(group_of(clinic).pk)}
    return {**facts, "vat_code_id": str(vat_of(clinic).pk), **more}


# Services ------------------------------------------------------------------------------------------------------------


def test_a_service_is_added_with_its_prices_and_billed(clinic, call):
    prices = [
        {"price": "300.00", "valid_from": "2020-01-01", "valid_until": clinic.yesterday.isoformat()},
        {"price": "320.00", "valid_from": clinic.today.isoformat(), "includes_vat": False},
    ]
    made = call("post", "services/", a_service(clinic, prices=prices))
    service = made.json()
    assert (made.status_code, service["code"], service["group_code"]) == (201, "MRI", "consultation")
    assert (service["vat_code"], service["vat_rate"], service["currency"]) == ("HIGH", "21.0000", "EUR")
    assert [(price["price"], price["includes_vat"]) for price in service["prices"]] == [
        ("320.00", False),
        ("300.00", True),
    ]
    body = {"patient_id": str(clinic.patient().pk), "charges": [{"service_id": service["id"]}]}
    assert call("post", "bills/", body).json()["gross"] == "387.20"


def test_a_service_is_added_whole_or_not_at_all(clinic, call):
    twice = [{"price": price, "valid_from": "2026-01-01"} for price in ("300.00", "320.00")]
    assert code_of(call("post", "services/", a_service(clinic, prices=twice))) == (409, "PRICE_OVERLAPS")
    assert not Service.objects.exists()
    call("post", "services/", a_service(clinic))
    assert code_of(call("post", "services/", a_service(clinic))) == (409, "CODE_TAKEN")


def test_a_service_is_renamed_moved_and_retired(clinic, call):
    service = clinic.service("65.00")
    other, high = group_of(clinic, "imaging"), vat_of(clinic)
    facts = {"name": "Scan", "group_id": str(other.pk), "vat_code_id": str(high.pk), "is_active": False}
    changed = call("patch", "services/{id}/", facts, id=service.pk).json()
    assert (changed["name"], changed["group_id"], changed["vat_code"]) == ("Scan", str(other.pk), "HIGH")
    assert (changed["is_active"], changed["code"]) == (False, service.code)
    event = Event.objects.get(name="billing.service_changed")
    assert event.facts == {"changed": ["group", "is_active", "name", "vat_code"]}
    only = call("patch", "services/{id}/", {"name": "MRI"}, id=service.pk).json()
    assert (only["name"], only["is_active"]) == ("MRI", False)


@pytest.mark.parametrize(
    ("facts", "fields"),
    [
        ({"code": ""}, {"code"}),
        ({"name": "x" * 201}, {"name"}),
        ({"group_id": str(uuid4())}, {"group_id"}),
        ({"vat_code_id": "HIGH"}, {"vat_code_id"}),
        ({"prices": [{"price": "much", "valid_from": "2026-01-01"}]}, {"prices"}),
        ({"prices": [{"price": "5.00"}]}, {"prices"}),
    ],
)
def test_a_body_that_cannot_be_taken_names_its_fields(clinic, call, facts, fields):
    assert refused_fields(call("post", "services/", a_service(clinic, **facts))) == fields
    assert not Service.objects.exists()


def test_a_foreign_group_is_as_if_it_were_not_there(clinic, call):
    foreign = str(group_of(make_clinic("Elsewhere")).pk)
    assert refused_fields(call("post", "services/", a_service(clinic, group_id=foreign))) == {"group_id"}
    service = clinic.service("65.00")
    assert refused_fields(call("patch", "services/{id}/", {"group_id": foreign}, id=service.pk)) == {"group_id"}


def test_services_are_listed_by_code_name_group_and_activity(clinic, call):
    first, second = clinic.service("1.00"), clinic.service("2.00")
    Service.objects.filter(pk=second.pk).update(group=group_of(clinic, "imaging"), is_active=False)
    assert call.rows("services/") == [str(first.pk), str(second.pk)]
    assert call.rows("services/", ordering="-code") == [str(second.pk), str(first.pk)]
    assert call.rows("services/", code=first.code) == [str(first.pk)]
    assert call.rows("services/", name="of 2") == [str(second.pk)]
    assert call.rows("services/", group_id=group_of(clinic, "imaging").pk) == [str(second.pk)]
    assert call.rows("services/", is_active=True) == [str(first.pk)]
    assert refused_fields(call("get", "services/", query={"ordering": "price"})) == {"ordering"}


def test_a_longer_list_asks_no_more_questions(clinic, call):
    clinic.service("1.00")
    paths = ("services/", "service-groups/", "prices/")
    few = [queries_of(lambda path=path: call("get", path)) for path in paths]
    for price in ("2.00", "3.00", "4.00"):
        clinic.service(price)
    assert [queries_of(lambda path=path: call("get", path)) for path in paths] == few


# Prices --------------------------------------------------------------------------------------------------------------


def test_a_price_ends_and_the_next_begins(clinic, call):
    service = clinic.service("65.00")
    price = ServicePrice.objects.get()
    tomorrow = clinic.today + timedelta(days=1)
    new = {"service_id": str(service.pk), "price": "70.00", "valid_from": tomorrow.isoformat()}
    refused = call("post", "prices/", new)
    assert code_of(refused) == (409, "PRICE_OVERLAPS")
    assert refused.json()["detail"]["valid_from"] == "2000-01-01"

    ended = call("patch", "prices/{id}/", {"valid_until": clinic.today.isoformat()}, id=price.pk).json()
    assert (ended["price"], ended["valid_until"]) == ("65.00", clinic.today.isoformat())
    added = call("post", "prices/", new).json()
    assert (added["price"], added["includes_vat"], added["valid_until"]) == ("70.00", True, None)

    assert call.rows("prices/", service_id=service.pk, ordering="valid_from") == [str(price.pk), added["id"]]
    assert call.rows("prices/", valid_on=clinic.today) == [str(price.pk)]
    assert call.rows("prices/", valid_on=tomorrow) == [added["id"]]
    reopened = call("patch", "prices/{id}/", {"valid_until": None}, id=price.pk)
    assert code_of(reopened) == (409, "PRICE_OVERLAPS")


def test_a_price_that_is_mended_leaves_its_trace_and_no_bill_changes(clinic, call):
    bill = clinic.bill("65.00")
    price = ServicePrice.objects.get()
    assert call("patch", "prices/{id}/", {"price": "60.00"}, id=price.pk).json()["price"] == "60.00"
    event = Event.objects.get(name="billing.price_changed")
    assert (event.by, event.facts) == (clinic.manager, {"before": "65.0000", "price": "60.00"})
    assert call("get", "bills/{id}/", id=bill.pk).json()["gross"] == "65.00"


@pytest.mark.parametrize(
    ("facts", "answer"),
    [
        ({"price": "-0.01"}, (422, "PRICE_NEGATIVE")),
        ({"price": "1.001"}, (422, "AMOUNT_HAS_TOO_MANY_DIGITS")),
        ({"valid_until": "1997-12-31"}, (422, "PRICE_DAYS_REVERSED")),
        ({"service_id": str(uuid4())}, (422, "VALIDATION_ERROR")),
        ({"valid_from": "soon"}, (422, "VALIDATION_ERROR")),
    ],
)
def test_a_price_that_cannot_be_is_refused_by_its_name(clinic, call, facts, answer):
    body = {"service_id": str(clinic.service("65.00").pk), "price": "5.00", "valid_from": "1998-01-01"}
    body |= {"valid_until": "1998-12-31"}
    assert code_of(call("post", "prices/", {**body, **facts})) == answer
    assert ServicePrice.objects.count() == 1


def test_the_database_keeps_one_price_a_day_and_says_it_as_we_do(clinic):
    price = ServicePrice.objects.get(service=clinic.service("65.00"))
    price.pk = None
    law = law_broken_by(price.save)
    assert DomainError.by_constraint[law] is PriceOverlaps


# Groups --------------------------------------------------------------------------------------------------------------


def test_a_group_is_added_and_changed_on_a_revenue_account(clinic, call):
    revenue = Account.objects.filter(administration=clinic.administration, type="REVENUE")
    first, other = revenue.order_by("code")[:2]
    body = {"code": "physio", "name": "Physiotherapy", "account_id": str(first.pk)}
    made = call("post", "service-groups/", body).json()
    assert (made["code"], made["account_code"]) == ("physio", first.code)
    assert code_of(call("post", "service-groups/", body)) == (409, "CODE_TAKEN")
    facts = {"name": "Physio", "account_id": str(other.pk)}
    changed = call("patch", "service-groups/{id}/", facts, id=made["id"]).json()
    assert (changed["name"], changed["account_code"]) == ("Physio", other.code)
    assert call.rows("service-groups/", code="physio") == [made["id"]]


def test_the_revenue_of_a_group_stands_on_no_other_account(clinic, call):
    bank = str(Account.objects.get(administration=clinic.administration, purpose="bank").pk)
    body = {"code": "physio", "name": "Physiotherapy", "account_id": bank}
    assert code_of(call("post", "service-groups/", body)) == (400, "ACCOUNT_NOT_REVENUE")
    group = group_of(clinic)
    change = call("patch", "service-groups/{id}/", {"account_id": bank}, id=group.pk)
    assert code_of(change) == (400, "ACCOUNT_NOT_REVENUE")
    unknown = call("patch", "service-groups/{id}/", {"account_id": str(uuid4())}, id=group.pk)
    assert refused_fields(unknown) == {"account_id"}


# Whose they are ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["receptionist", "cashier", "accountant"])
def test_the_desk_reads_prices_and_sets_none(clinic, role):
    service, call = clinic.service("65.00"), Caller(clinic.people[role])
    assert call.rows("services/") == [str(service.pk)]
    assert code_of(call("post", "services/", a_service(clinic))) == (403, "NOT_ALLOWED")
    price = ServicePrice.objects.get()
    for path, row in (("services", service), ("prices", price), ("service-groups", group_of(clinic))):
        assert call("get", f"{path}/{{id}}/", id=row.pk).status_code == 200
        assert code_of(call("patch", f"{path}/{{id}}/", {"name": "x"}, id=row.pk)) == (403, "NOT_ALLOWED")


def test_a_foreign_row_answers_404(clinic, call):
    other = make_clinic("Elsewhere")
    service = other.service("65.00")
    rows = {"services": service, "prices": service.prices.get(), "service-groups": service.group}
    for path, row in rows.items():
        assert code_of(call("get", f"{path}/{{id}}/", id=row.pk)) == (404, "NOT_FOUND")
        assert code_of(call("patch", f"{path}/{{id}}/", {"name": "x"}, id=row.pk)) == (404, "NOT_FOUND")
    new = {"service_id": str(service.pk), "price": "1.00", "valid_from": "1998-01-01"}
    assert refused_fields(call("post", "prices/", new)) == {"service_id"}
    assert call.rows("services/") == []
