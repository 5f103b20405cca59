"""Visits and orders over HTTP."""

from datetime import timedelta
from decimal import Decimal as D
from uuid import uuid4

import pytest

from apps.billing.models import Bill, Order, Payment, Tariff, Visit
from apps.billing.services.charging import register_visit
from apps.billing.services.ordering import place_order
from apps.billing.tests.calling import Caller, code_of, queries_of, refused_fields
from apps.billing.tests.clinic import make_clinic


@pytest.fixture
def call(clinic):
    return Caller(clinic.receptionist)


@pytest.fixture
def approve(clinic):
    return Caller(clinic.manager)


def visit_of(clinic, **more):
    asked = {"patient": clinic.patient(), "charges": (), "by": clinic.receptionist, **more}
    return register_visit(administration=clinic.administration, **asked)


def order_of(clinic, visit=None, **more):
    asked = {"kind": "LAB", "description": "Blood count", "by": clinic.receptionist, **more}
    return place_order(visit or visit_of(clinic), **asked)


# Visits --------------------------------------------------------------------------------------------------------------


def test_one_call_registers_a_visit_bills_it_and_takes_a_split_payment(clinic, call):
    service = clinic.service("65.00")
    Tariff.objects.create(
        administration=clinic.administration,
        payer=clinic.payer(),
        service=service,
        price=D(60),
        co_pay=D(10),
        valid_from=clinic.yesterday,
    )
    answer = call(
        "post",
        "visits/",
        {
            "patient_id": str(clinic.patient().pk),
            "reason": "Check-up",
            "payer_id": str(clinic.payer().pk),
            "charges": [
                {"service_id": str(service.pk), "quantity": "2"},
                {"service_id": str(clinic.service("5.00").pk), "coverage_reason": "BUNDLE"},
                {"service_id": str(clinic.service("30.00").pk), "discount": "3.00", "discount_reason": "Student"},
            ],
            "tenders": [
                {"method": "CASH", "amount": "20.00"},
                {"method": "CARD", "amount": "7.00", "reference": "T-1"},
                {
                    "method": "INSURANCE",
                    "amount": "100.00",
                    "payer_id": str(clinic.payer().pk),
                    "authorisation": "A-1",
                },
            ],
        },
    )
    assert answer.status_code == 201
    visit = answer.json()
    assert (visit["patient_code"], visit["status"], visit["reason"]) == ("P-1", "ACTIVE", "Check-up")
    (bill,) = visit["bills"]
    assert (bill["gross"], bill["owed"], bill["owed_by_payer"]) == ("147.00", "20.00", "100.00")
    taken = list(Payment.objects.order_by("id").values_list("method", "amount", "reference"))
    assert taken == [("CASH", D(20), ""), ("CARD", D(7), "T-1"), ("INSURANCE", D(100), "")]
    assert Bill.objects.get().claims.get().authorisation == "A-1"


def test_a_visit_is_registered_whole_or_not_at_all(clinic, call):
    body = {
        "patient_id": str(clinic.patient().pk),
        "charges": [{"service_id": str(clinic.service("65.00").pk)}],
        "tenders": [{"method": "CASH", "amount": "65.01"}],
    }
    assert code_of(call("post", "visits/", body)) == (400, "PAYMENT_BEYOND_BILL")
    assert not Visit.objects.exists()
    assert not Bill.objects.exists()
    body["charges"] = []
    assert code_of(call("post", "visits/", body)) == (422, "BILL_WITHOUT_LINES")


def test_the_same_key_registers_once(clinic, call):
    body = {"patient_id": str(clinic.patient().pk)}
    first = call("post", "visits/", body, key="v-1")
    assert call("post", "visits/", body, key="v-1").json() == first.json()
    assert code_of(call("post", "visits/", {**body, "reason": "Other"}, key="v-1")) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert Visit.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"patient_id"}),
        ({"patient_id": "somebody"}, {"patient_id"}),
        ({"patient_id": str(uuid4())}, {"patient_id"}),
        ({"patient_id": "OWN", "charges": [{}]}, {"charges"}),
        ({"patient_id": "OWN", "charges": [{"service_id": str(uuid4())}]}, {"service_id"}),
        ({"patient_id": "OWN", "charges": "all"}, {"charges"}),
        ({"patient_id": "OWN", "tenders": [{"method": "GOLD", "amount": "1"}]}, {"tenders"}),
        ({"patient_id": "OWN", "payer_id": str(uuid4())}, {"payer_id"}),
        ({"patient_id": "FOREIGN"}, {"patient_id"}),
    ],
)
def test_a_body_that_cannot_be_taken_names_its_fields(clinic, call, body, fields):
    there = {"OWN": clinic.patient().pk, "FOREIGN": make_clinic("Elsewhere").patient().pk}
    body = {name: str(there.get(value, value)) if name == "patient_id" else value for name, value in body.items()}
    assert refused_fields(call("post", "visits/", body)) == fields
    assert not Visit.objects.exists()


def test_a_foreign_service_or_order_is_as_if_it_were_not_there(clinic, call):
    other = make_clinic("Elsewhere")
    patient = {"patient_id": str(clinic.patient().pk)}
    foreign = [{"service_id": str(other.service("1.00").pk)}]
    assert refused_fields(call("post", "visits/", {**patient, "charges": foreign})) == {"service_id"}
    ordered = [{"service_id": str(clinic.service("1.00").pk), "order_id": str(order_of(other).pk)}]
    assert refused_fields(call("post", "visits/", {**patient, "charges": ordered})) == {"order_id"}


def test_a_visit_is_closed_at_the_desk_and_cancelled_by_who_approves(clinic, call, approve):
    visit = visit_of(clinic)
    assert call("post", "visits/{id}/close/", id=visit.pk).json()["status"] == "CLOSED"
    assert code_of(call("post", "visits/{id}/cancel/", {"reason": "x"}, id=visit.pk)) == (403, "NOT_ALLOWED")
    assert refused_fields(approve("post", "visits/{id}/cancel/", {}, id=visit.pk)) == {"reason"}
    cancelled = approve("post", "visits/{id}/cancel/", {"reason": "Typed twice"}, id=visit.pk).json()
    assert (cancelled["status"], cancelled["cancel_reason"]) == ("CANCELLED", "Typed twice")
    again = approve("post", "visits/{id}/cancel/", {"reason": "x"}, id=visit.pk)
    assert code_of(again) == (409, "VISIT_CANCELLED")


def test_visits_are_listed_by_date_state_and_patient(clinic, call):
    here = visit_of(clinic)
    before = Visit.objects.create(
        administration=clinic.administration, patient=clinic.patient("P-2"), date=clinic.yesterday
    )
    make_clinic("Elsewhere")
    Visit.objects.filter(pk=here.pk).update(is_inpatient=True)
    both = [str(before.pk), str(here.pk)]
    assert sorted(call.rows("visits/")) == sorted(both)
    assert call.rows("visits/", date=clinic.today) == [str(here.pk)]
    assert call.rows("visits/", end_date=clinic.yesterday) == [str(before.pk)]
    assert call.rows("visits/", patient_id=before.patient_id) == [str(before.pk)]
    assert call.rows("visits/", is_inpatient=True) == [str(here.pk)]
    assert call.rows("visits/", ordering="date") == both
    assert call.rows("visits/", ordering="-date") == both[::-1]
    assert sorted(call.rows("visits/", status="active")) == sorted(both)
    assert call.rows("visits/", status="CLOSED") == []
    assert refused_fields(call("get", "visits/", query={"status": "gone"})) == {"status"}
    assert refused_fields(call("get", "visits/", query={"date": "soon"})) == {"date"}
    assert refused_fields(call("get", "visits/", query={"ordering": "reason"})) == {"ordering"}


def test_a_page_of_visits_leads_to_the_next(clinic, call):
    made = [str(visit_of(clinic).pk) for _ in range(3)]
    page = call("get", "visits/", query={"limit": 2}).json()
    rest = call.http.get(page["next"]).json()
    assert [row["id"] for row in (*page["results"], *rest["results"])] == made[::-1]


def test_a_longer_list_asks_no_more_questions(clinic, call):
    visit_of(clinic, charges=())
    few = queries_of(lambda: call("get", "visits/")), queries_of(lambda: call("get", "orders/"))
    for n in range(4):
        order_of(clinic, visit_of(clinic, patient=clinic.patient(f"P-{n}")))
    assert (queries_of(lambda: call("get", "visits/")), queries_of(lambda: call("get", "orders/"))) == few


def test_a_body_with_more_charges_asks_no_more_questions_of_the_catalogue(clinic, call):
    def register(*prices):
        charges = [{"service_id": str(clinic.service(price).pk)} for price in prices]
        body = {"patient_id": str(clinic.patient().pk), "charges": charges}
        return queries_of(lambda: call("post", "visits/", body))

    register("1.00", "2.00", "3.00", "4.00")
    assert register("1.00") == register("1.00", "2.00", "3.00", "4.00")


def test_a_visit_reads_the_same_whatever_it_holds(clinic, call):
    visit = visit_of(clinic)
    clinic.bill("65.00", visit=visit)
    order_of(clinic, visit)
    one = queries_of(lambda: call("get", "visits/{id}/", id=visit.pk))
    clinic.bill("30.00", visit=visit)
    order_of(clinic, visit)
    assert queries_of(lambda: call("get", "visits/{id}/", id=visit.pk)) == one


# Orders --------------------------------------------------------------------------------------------------------------


def test_an_order_is_placed_given_billed_and_seen_with_its_visit(clinic, call):
    visit, service = visit_of(clinic), clinic.service("2.00")
    body = {"visit_id": str(visit.pk), "kind": "PHARMACY", "service_id": str(service.pk), "quantity": "10"}
    placed = call("post", "orders/", body)
    order = placed.json()
    assert (placed.status_code, order["status"], order["description"]) == (201, "OPEN", service.name)
    assert (order["quantity"], order["ordered_on"]) == ("10.000", clinic.today.isoformat())

    given = call("post", "orders/{id}/complete/", {"quantity": "7.5"}, id=order["id"]).json()
    assert (given["status"], given["completed_quantity"]) == ("COMPLETED", "7.500")
    assert (given["completed_on"], given["completed_by"]) == (clinic.today.isoformat(), str(clinic.receptionist.pk))

    charge = {"service_id": str(service.pk), "quantity": "8", "order_id": order["id"]}
    beyond = call("post", "bills/", {"visit_id": str(visit.pk), "charges": [charge]})
    assert code_of(beyond) == (409, "ORDER_BILLED")
    billed = call("post", "bills/", {"visit_id": str(visit.pk), "charges": [{**charge, "quantity": "7.5"}]})
    assert (billed.json()["gross"], billed.json()["lines"][0]["order_id"]) == ("15.00", order["id"])
    assert [one["id"] for one in call("get", "visits/{id}/", id=visit.pk).json()["orders"]] == [order["id"]]


def test_an_order_is_taken_back_or_covered(clinic, call):
    order = order_of(clinic)
    covered = call("post", "orders/{id}/cover/", {"reason": "CAPITATION"}, id=order.pk).json()
    assert covered["coverage_reason"] == "CAPITATION"
    assert refused_fields(call("post", "orders/{id}/cover/", {"reason": "FRIENDSHIP"}, id=order.pk)) == {"reason"}
    back = call("post", "orders/{id}/cancel/", {"reason": "Not needed"}, id=order.pk).json()
    assert (back["status"], back["reason"]) == ("CANCELLED", "Not needed")
    assert code_of(call("post", "orders/{id}/complete/", {}, id=order.pk)) == (409, "ORDER_CANCELLED")


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"kind": "LAB", "quantity": "0", "description": "x"}, (422, "QUANTITY_NOT_POSITIVE")),
        ({"kind": "LAB"}, (422, "ORDER_OF_NOTHING")),
        ({"kind": "LAB", "description": "x", "ordered_on": "2019-01-01"}, (400, "ORDER_BEFORE_VISIT")),
        ({"kind": "LAB", "description": "x", "ordered_on": "2199-01-01"}, (400, "DAY_IN_FUTURE")),
        ({"kind": "SPA", "description": "x"}, (422, "VALIDATION_ERROR")),
        ({"kind": "LAB", "description": "x" * 201}, (422, "VALIDATION_ERROR")),
        ({"kind": "LAB", "description": "x", "quantity": "1.2345"}, (422, "VALIDATION_ERROR")),
        ({"kind": "LAB", "description": "x", "service_id": str(uuid4())}, (422, "VALIDATION_ERROR")),
    ],
)
def test_an_order_that_cannot_be_is_refused(clinic, call, body, answer):
    assert code_of(call("post", "orders/", {"visit_id": str(visit_of(clinic).pk), **body})) == answer
    assert not Order.objects.exists()


def test_what_was_given_is_no_less_than_nothing_and_on_a_day(clinic, call):
    order = order_of(clinic)
    assert refused_fields(call("post", "orders/{id}/complete/", {"quantity": "-1"}, id=order.pk)) == {"quantity"}
    tomorrow = (clinic.today + timedelta(days=1)).isoformat()
    late = call("post", "orders/{id}/complete/", {"completed_on": tomorrow}, id=order.pk)
    assert code_of(late) == (400, "DAY_IN_FUTURE")


def test_orders_are_listed_by_what_became_of_them(clinic, call):
    open_, given, back = (order_of(clinic, is_emergency=n == 0) for n in range(3))
    call("post", "orders/{id}/complete/", {}, id=given.pk)
    call("post", "orders/{id}/cancel/", {"reason": "x"}, id=back.pk)
    for status, order in (("open", open_), ("Completed", given), ("CANCELLED", back)):
        assert call.rows("orders/", status=status) == [str(order.pk)]
    assert call.rows("orders/", visit_id=given.visit_id) == [str(given.pk)]
    assert len(call.rows("orders/", patient_id=given.visit.patient_id, kind="LAB")) == 3
    assert call.rows("orders/", is_emergency=True) == [str(open_.pk)]
    assert call.rows("orders/", completed_from=clinic.today, completed_to=clinic.today) == [str(given.pk)]
    assert call.rows("orders/", ordering="ordered_at") == [str(one.pk) for one in (open_, given, back)]
    assert refused_fields(call("get", "orders/", query={"status": "lost"})) == {"status"}


# Whose they are ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["visits/{id}/", "orders/{id}/"])
def test_a_foreign_row_answers_404(clinic, call, path):
    foreign = order_of(make_clinic("Elsewhere"))
    pk = foreign.visit_id if path.startswith("visits") else foreign.pk
    assert code_of(call("get", path, id=pk)) == (404, "NOT_FOUND")
    for verb in ("close", "cancel") if path.startswith("visits") else ("complete", "cancel", "cover"):
        assert code_of(call("post", f"{path}{verb}/", {"reason": "BUNDLE"}, id=pk)) == (404, "NOT_FOUND")
    assert call.rows(path.removesuffix("{id}/")) == []


def test_who_has_several_clinics_says_which(clinic, call):
    other = make_clinic("Elsewhere")
    other.administration.memberships.filter(user=other.receptionist).update(user=clinic.receptionist)
    body = {"patient_id": str(other.patient().pk)}
    assert code_of(call("post", "visits/", body)) == (400, "ADMINISTRATION_REQUIRED")
    made = call("post", "visits/", {**body, "client_id": str(other.administration.pk)})
    assert made.json()["administration_id"] == str(other.administration.pk)
    visit_of(clinic)
    assert call.rows("visits/", administration_id=other.administration.pk) == [made.json()["id"]]


@pytest.mark.parametrize(("role", "status"), [("accountant", 403), ("admin", 403), ("cashier", 201)])
def test_visits_are_registered_at_the_desk(clinic, role, status):
    answer = Caller(clinic.people[role])("post", "visits/", {"patient_id": str(clinic.patient().pk)})
    assert answer.status_code == status
