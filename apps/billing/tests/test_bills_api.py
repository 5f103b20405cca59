"""Bills and discounts over HTTP."""

from decimal import Decimal as D
from uuid import uuid4

import pytest

from apps.billing.models import Bill, ClinicSettings, Discount
from apps.billing.services.charging import Charge, issue_bill, register_visit
from apps.billing.tests.calling import Caller, code_of, queries_of, refused_fields
from apps.billing.tests.clinic import make_clinic


@pytest.fixture
def call(clinic):
    return Caller(clinic.receptionist)


@pytest.fixture
def approve(clinic):
    return Caller(clinic.manager)


def discounted(clinic, off="20.00", by=None):
    charge = Charge(clinic.service("100.00"), discount=D(off), discount_reason="Student")
    bill = issue_bill(patient=clinic.patient(), charges=[charge], by=by or clinic.receptionist)
    return Discount.objects.get(line__bill=bill)


def charged(clinic, price="65.00", **more):
    return {"service_id": str(clinic.service(price).pk), **more}


# Bills ---------------------------------------------------------------------------------------------------------------


def test_a_bill_is_issued_with_its_lines_and_read_again(clinic, call):
    charges = [charged(clinic, "121.00", discount="12.10", discount_reason="Student"), charged(clinic, "30.00")]
    made = call("post", "bills/", {"patient_id": str(clinic.patient().pk), "charges": charges})
    bill = made.json()
    assert (made.status_code, bill["number"], bill["kind"]) == (201, "B-000001", "BILL")
    assert (bill["gross"], bill["owed"], bill["owed_by_payer"]) == ("138.90", "138.90", "0.00")
    assert [(line["unit_price"], line["discount"], line["gross"]) for line in bill["lines"]] == [
        ("121.00", "12.10", "108.90"),
        ("30.00", "0.00", "30.00"),
    ]
    assert call("get", "bills/{id}/", id=bill["id"]).json() == bill


@pytest.mark.django_db
def test_the_digits_are_those_of_the_currency():
    clinic = make_clinic("Kyoto", currency="JPY", time_zone="Asia/Tokyo")
    body = {"patient_id": str(clinic.patient().pk), "charges": [charged(clinic, "6500", discount="0.5")]}
    call = Caller(clinic.receptionist)
    assert code_of(call("post", "bills/", body)) == (422, "AMOUNT_HAS_TOO_MANY_DIGITS")
    del body["charges"][0]["discount"]
    assert call("post", "bills/", body).json()["gross"] == "6500"


def test_a_bill_is_credited_once_by_who_approves(clinic, call, approve):
    bill = clinic.bill("65.00")
    assert code_of(call("post", "bills/{id}/credit/", {"reason": "x"}, id=bill.pk)) == (403, "NOT_ALLOWED")
    assert refused_fields(approve("post", "bills/{id}/credit/", {"reason": ""}, id=bill.pk)) == {"reason"}
    note = approve("post", "bills/{id}/credit/", {"reason": "Wrong patient"}, id=bill.pk).json()
    assert (note["number"], note["gross"], note["credits_id"]) == ("CN-000002", "-65.00", str(bill.pk))
    assert note["reason"] == "Wrong patient"
    assert call("get", "bills/{id}/", id=bill.pk).json()["owed"] == "0.00"
    again = approve("post", "bills/{id}/credit/", {"reason": "x"}, id=bill.pk)
    assert code_of(again) == (409, "ALREADY_CREDITED")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"charges"}),
        ({"patient_id": "OWN", "charges": []}, {"charges"}),
        ({"patient_id": "OWN", "visit_id": "VISIT", "charges": ["GOOD"]}, {"visit_id"}),
        ({"charges": ["GOOD"]}, {"visit_id"}),
        ({"patient_id": str(uuid4()), "charges": ["GOOD"]}, {"patient_id"}),
        ({"visit_id": str(uuid4()), "charges": ["GOOD"]}, {"visit_id"}),
        ({"patient_id": "OWN", "charges": [{"service_id": "OWN", "quantity": "many"}]}, {"charges"}),
    ],
)
def test_a_body_that_cannot_be_taken_names_its_fields(clinic, call, body, fields):
    visit = register_visit(
        administration=clinic.administration, patient=clinic.patient(), charges=(), by=clinic.receptionist
    )
    rows = {"OWN": str(clinic.patient().pk), "VISIT": str(visit.pk)}
    sent = {name: rows.get(value, value) if isinstance(value, str) else value for name, value in body.items()}
    if sent.get("charges") == ["GOOD"]:
        sent["charges"] = [charged(clinic)]
    assert refused_fields(call("post", "bills/", sent)) == fields
    assert not Bill.objects.exists()


@pytest.mark.parametrize(
    ("charge", "answer"),
    [
        ({"quantity": "0"}, (422, "QUANTITY_NOT_POSITIVE")),
        ({"discount": "70.00", "discount_reason": "x"}, (400, "DISCOUNT_BEYOND_PRICE")),
        ({"discount": "-1.00", "discount_reason": "x"}, (400, "DISCOUNT_BEYOND_PRICE")),
        ({"discount": "5.00"}, (422, "DISCOUNT_NEEDS_REASON")),
        ({"discount": "65.00", "discount_reason": "x"}, (400, "LINE_FOR_NOTHING")),
        ({"coverage_reason": "FRIENDSHIP"}, (422, "VALIDATION_ERROR")),
    ],
)
def test_a_charge_that_breaks_a_rule_is_refused_by_its_name(clinic, call, charge, answer):
    body = {"patient_id": str(clinic.patient().pk), "charges": [charged(clinic, **charge)]}
    assert code_of(call("post", "bills/", body)) == answer


def test_bills_are_listed_by_date_patient_and_what_is_unpaid(clinic, call):
    paid, open_ = clinic.bill("10.00", day=clinic.yesterday), clinic.bill("20.00", patient=clinic.patient("P-2"))
    clinic.pay(paid, "10.00")
    covered = clinic.bill("30.00")
    clinic.pay(covered, "30.00", "INSURANCE")
    assert call.rows("bills/") == [str(one.pk) for one in (covered, open_, paid)]
    assert call.rows("bills/", unpaid=True) == [str(open_.pk)]
    assert call.rows("bills/", unpaid=False) == [str(covered.pk), str(paid.pk)]
    assert call.rows("bills/", date=clinic.yesterday) == [str(paid.pk)]
    assert call.rows("bills/", start_date=clinic.today, end_date=clinic.today) == [str(covered.pk), str(open_.pk)]
    assert call.rows("bills/", patient_id=open_.patient_id) == [str(open_.pk)]
    assert call.rows("bills/", kind="CREDIT_NOTE") == []
    assert call.rows("bills/", ordering="gross") == [str(one.pk) for one in (paid, open_, covered)]
    assert call.rows("bills/", ordering="-date")[-1] == str(paid.pk)
    assert refused_fields(call("get", "bills/", query={"kind": "ALL"})) == {"kind"}
    assert refused_fields(call("get", "bills/", query={"patient_id": "P-2"})) == {"patient_id"}


def test_pages_ordered_by_date_lead_on(clinic, call):
    made = [str(clinic.bill(price).pk) for price in ("1.00", "2.00", "3.00")]
    page = call("get", "bills/", query={"limit": 2, "ordering": "date"}).json()
    rest = call.http.get(page["next"]).json()
    assert sorted(row["id"] for row in (*page["results"], *rest["results"])) == sorted(made)


def test_a_longer_list_and_a_longer_bill_ask_no_more_questions(clinic, call):
    first = clinic.bill("1.00")
    discounted(clinic)
    paths = [("bills/", {}), ("bills/", {"unpaid": True}), ("discounts/", {})]

    def questions():
        return [queries_of(lambda path=path, query=query: call("get", path, query=query)) for path, query in paths]

    few, one = questions(), queries_of(lambda: call("get", "bills/{id}/", id=first.pk))
    long = clinic.bill("1.00", "2.00", "3.00", "4.00")
    for _ in range(3):
        discounted(clinic)
    assert questions() == few
    assert queries_of(lambda: call("get", "bills/{id}/", id=long.pk)) == one


# Discounts -----------------------------------------------------------------------------------------------------------


def test_what_waits_is_listed_and_approved_by_somebody_else(clinic, call, approve):
    within, above, own = discounted(clinic, "5.00"), discounted(clinic), discounted(clinic, by=clinic.manager)
    assert call.rows("discounts/", approved=False) == [str(own.pk), str(above.pk)]
    assert call.rows("discounts/", approved=True) == [str(within.pk)]

    assert code_of(call("post", "discounts/{id}/approve/", id=above.pk)) == (403, "NOT_ALLOWED")
    approved = approve("post", "discounts/{id}/approve/", id=above.pk).json()
    assert (approved["is_approved"], approved["approved_by"]) == (True, str(clinic.manager.pk))
    assert (approved["amount"], approved["percentage"], approved["reason"]) == ("20.00", "20.0000", "Student")
    assert (approved["bill_number"], approved["date"]) == (str(above.line.bill), clinic.today.isoformat())
    assert code_of(approve("post", "discounts/{id}/approve/", id=above.pk)) == (409, "DISCOUNT_KEPT")
    assert code_of(approve("post", "discounts/{id}/approve/", id=own.pk)) == (403, "DISCOUNT_NEEDS_ANOTHER")


def test_discounts_are_listed_by_day_patient_bill_and_giver(clinic, call):
    ClinicSettings.objects.create(administration=clinic.administration, discount_limit=D(50))
    mine, theirs = discounted(clinic), discounted(clinic, "30.00", by=clinic.manager)
    assert call.rows("discounts/", given_by=clinic.manager.pk) == [str(theirs.pk)]
    assert call.rows("discounts/", bill_id=mine.line.bill_id) == [str(mine.pk)]
    assert call.rows("discounts/", patient_id=clinic.patient().pk, ordering="amount") == [str(mine.pk), str(theirs.pk)]
    assert call.rows("discounts/", date=clinic.yesterday) == []
    assert refused_fields(call("get", "discounts/", query={"ordering": "reason"})) == {"ordering"}


# Whose they are ------------------------------------------------------------------------------------------------------


def test_a_foreign_row_answers_404(clinic, call, approve):
    foreign = discounted(make_clinic("Elsewhere"))
    for caller in (call, approve):
        assert code_of(caller("get", "bills/{id}/", id=foreign.line.bill_id)) == (404, "NOT_FOUND")
        credit = caller("post", "bills/{id}/credit/", {"reason": "x"}, id=foreign.line.bill_id)
        assert code_of(credit) == (404, "NOT_FOUND")
        assert code_of(caller("get", "discounts/{id}/", id=foreign.pk)) == (404, "NOT_FOUND")
        assert code_of(caller("post", "discounts/{id}/approve/", id=foreign.pk)) == (404, "NOT_FOUND")
        assert caller.rows("bills/") == caller.rows("discounts/") == []


@pytest.mark.parametrize(("role", "status"), [("accountant", 403), ("admin", 403), ("cashier", 201)])
def test_bills_are_issued_at_the_desk(clinic, role, status):
    body = {"patient_id": str(clinic.patient().pk), "charges": [charged(clinic)]}
    assert Caller(clinic.people[role])("post", "bills/", body).status_code == status
