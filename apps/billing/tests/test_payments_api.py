"""Payments, refunds and chargebacks over HTTP."""

from datetime import timedelta
from uuid import uuid4

import pytest

from apps.billing.models import Claim, Drawer, Payment
from apps.billing.tests.calling import Caller, code_of, queries_of, refused_fields
from apps.billing.tests.clinic import make_clinic


@pytest.fixture
def call(clinic):
    return Caller(clinic.receptionist)


@pytest.fixture
def approve(clinic):
    return Caller(clinic.manager)


def test_a_payment_is_taken_and_read_again(clinic, call):
    bill = clinic.bill("65.00")
    taken = call(
        "post", "payments/", {"bill_id": str(bill.pk), "method": "CARD", "amount": "40.00", "reference": "T-1"}
    )
    payment = taken.json()
    assert (taken.status_code, payment["number"], payment["bill_number"]) == (201, "R-000001", str(bill))
    assert (payment["amount"], payment["method"], payment["reference"]) == ("40.00", "CARD", "T-1")
    assert (payment["taken_by"], payment["date"]) == (str(clinic.receptionist.pk), clinic.today.isoformat())
    assert call("get", "payments/{id}/", id=payment["id"]).json() == payment
    assert call("get", "bills/{id}/", id=bill.pk).json()["owed"] == "25.00"


def test_cover_names_its_payer_and_its_authorisation(clinic, call):
    body = {"bill_id": str(clinic.bill("65.00").pk), "method": "HMO", "amount": "40.00"}
    assert code_of(call("post", "payments/", body)) == (422, "PAYER_REQUIRED")
    wrong = {**body, "payer_id": str(clinic.payer().pk)}
    assert code_of(call("post", "payments/", wrong)) == (400, "PAYER_OF_ANOTHER_KIND")
    taken = call("post", "payments/", {**body, "payer_id": str(clinic.payer("HMO").pk), "authorisation": "A-1"})
    assert taken.json()["payer_id"] == str(clinic.payer("HMO").pk)
    assert Claim.objects.get().authorisation == "A-1"


def test_the_same_key_takes_money_once(clinic, call):
    body = {"bill_id": str(clinic.bill("65.00").pk), "method": "CASH", "amount": "40.00"}
    first = call("post", "payments/", body, key="p-1")
    assert call("post", "payments/", body, key="p-1").json() == first.json()
    other = call("post", "payments/", {**body, "amount": "25.00"}, key="p-1")
    assert code_of(other) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert Payment.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"amount": "65.01"}, (400, "PAYMENT_BEYOND_BILL")),
        ({"amount": "0.00"}, (422, "PAYMENT_NOT_POSITIVE")),
        ({"amount": "-5.00"}, (422, "PAYMENT_NOT_POSITIVE")),
        ({"amount": "1.001"}, (422, "AMOUNT_HAS_TOO_MANY_DIGITS")),
        ({"method": "WALLET"}, (400, "WALLET_BEYOND_BALANCE")),
        ({"method": "GOLD"}, (422, "VALIDATION_ERROR")),
        ({"amount": "much"}, (422, "VALIDATION_ERROR")),
        ({"amount": "NaN"}, (422, "VALIDATION_ERROR")),
        ({"bill_id": str(uuid4())}, (422, "VALIDATION_ERROR")),
        ({"payer_id": str(uuid4())}, (422, "VALIDATION_ERROR")),
        ({"reference": "x" * 101}, (422, "VALIDATION_ERROR")),
    ],
)
def test_what_cannot_be_taken_is_refused_by_its_name(clinic, call, body, answer):
    good = {"bill_id": str(clinic.bill("65.00").pk), "method": "CASH", "amount": "5.00"}
    assert code_of(call("post", "payments/", {**good, **body})) == answer
    assert not Payment.objects.exists()


def test_what_goes_beyond_the_bill_stays_as_a_credit_when_that_is_said(clinic, call):
    bill = clinic.bill("65.00")
    body = {"bill_id": str(bill.pk), "method": "CASH", "amount": "70.00", "allow_excess": True}
    assert call("post", "payments/", body).status_code == 201
    assert call("get", "bills/{id}/", id=bill.pk).json()["owed"] == "-5.00"


def test_money_is_given_back_by_who_approves_and_never_their_own_cash(clinic, call, approve):
    cash = clinic.pay(clinic.bill("65.00"), "65.00", by=clinic.manager)
    body = {"amount": "5.00", "reason": "Not done"}
    assert code_of(call("post", "payments/{id}/refund/", body, id=cash.pk)) == (403, "NOT_ALLOWED")
    assert code_of(approve("post", "payments/{id}/refund/", body, id=cash.pk)) == (403, "REFUND_NEEDS_ANOTHER")

    back = Caller(clinic.owner)("post", "payments/{id}/refund/", body, id=cash.pk)
    assert (back.status_code, back.json()["kind"], back.json()["amount"]) == (201, "REFUND", "-5.00")
    assert (back.json()["refunds_id"], back.json()["reason"]) == (str(cash.pk), "Not done")
    more = Caller(clinic.owner)("post", "payments/{id}/refund/", {**body, "amount": "60.01"}, id=cash.pk)
    assert code_of(more) == (400, "REFUND_BEYOND_PAYMENT")
    assert refused_fields(approve("post", "payments/{id}/refund/", {}, id=cash.pk)) == {"amount", "reason"}


def test_a_bank_takes_back_card_and_provider_payments_only(clinic, call, approve):
    card, cash = (clinic.pay(clinic.bill("65.00"), "65.00", method) for method in ("CARD", "CASH"))
    body = {"amount": "65.00", "reason": "Disputed", "reference": "CB-1"}
    assert code_of(call("post", "payments/{id}/chargeback/", body, id=card.pk)) == (403, "NOT_ALLOWED")
    back = approve("post", "payments/{id}/chargeback/", body, id=card.pk).json()
    assert (back["kind"], back["amount"], back["reference"]) == ("CHARGEBACK", "-65.00", "CB-1")
    assert code_of(approve("post", "payments/{id}/chargeback/", body, id=cash.pk)) == (400, "NOT_CHARGED_BACK")


def test_payments_are_listed_by_day_method_taker_and_reference(clinic, call):
    before = clinic.pay(clinic.bill("10.00", day=clinic.yesterday), "10.00", day=clinic.yesterday)
    card = clinic.pay(clinic.bill("20.00"), "20.00", "CARD", reference="T-1", by=clinic.cashier)
    cover = clinic.pay(clinic.bill("30.00"), "30.00", "INSURANCE")
    assert call.rows("payments/") == [str(one.pk) for one in (cover, card, before)]
    assert call.rows("payments/", date=clinic.yesterday) == [str(before.pk)]
    assert call.rows("payments/", start_date=clinic.today) == [str(cover.pk), str(card.pk)]
    assert call.rows("payments/", method="CARD") == [str(card.pk)]
    assert call.rows("payments/", taken_by=clinic.cashier.pk) == [str(card.pk)]
    assert call.rows("payments/", reference="T-1") == [str(card.pk)]
    assert call.rows("payments/", bill_id=cover.bill_id) == [str(cover.pk)]
    assert call.rows("payments/", payer_id=clinic.payer().pk) == [str(cover.pk)]
    assert len(call.rows("payments/", patient_id=clinic.patient().pk, kind="PAYMENT")) == 3
    assert call.rows("payments/", ordering="number") == [str(one.pk) for one in (before, card, cover)]
    assert refused_fields(call("get", "payments/", query={"method": "GOLD"})) == {"method"}
    assert refused_fields(call("get", "payments/", query={"ordering": "amount"})) == {"ordering"}


def test_a_longer_list_asks_no_more_questions(clinic, call):
    clinic.pay(clinic.bill("10.00"), "10.00")
    few = queries_of(lambda: call("get", "payments/"))
    for n in range(4):
        day = clinic.today - timedelta(days=n)
        clinic.pay(clinic.bill("10.00", patient=clinic.patient(f"P-{n}")), "10.00", "INSURANCE", day=day)
    assert queries_of(lambda: call("get", "payments/")) == few


def test_no_list_says_a_sum(clinic, call):
    """What a drawer should hold is said after its count, in no door before: a list has rows and the way to the next."""
    Drawer.objects.create(administration=clinic.administration, code="D1", name="Front desk")
    clinic.pay(clinic.bill("10.00"), "10.00")
    for path in ("payments/", "bills/", "visits/", "discounts/", "orders/"):
        assert set(call("get", path).json()) == {"next", "previous", "results"}


def test_a_foreign_payment_answers_404(clinic, call, approve):
    other = make_clinic("Elsewhere")
    foreign = other.pay(other.bill("10.00"), "10.00", "CARD")
    for caller in (call, approve):
        assert code_of(caller("get", "payments/{id}/", id=foreign.pk)) == (404, "NOT_FOUND")
        for verb in ("refund", "chargeback"):
            body = {"amount": "1.00", "reason": "x"}
            assert code_of(caller("post", f"payments/{{id}}/{verb}/", body, id=foreign.pk)) == (404, "NOT_FOUND")
        assert caller.rows("payments/") == []
    body = {"bill_id": str(foreign.bill_id), "method": "CASH", "amount": "1.00"}
    assert refused_fields(call("post", "payments/", body)) == {"bill_id"}
    assert Payment.objects.get() == foreign


@pytest.mark.parametrize(("role", "status"), [("accountant", 403), ("admin", 403), ("cashier", 201)])
def test_money_is_taken_at_the_desk(clinic, role, status):
    body = {"bill_id": str(clinic.bill("65.00").pk), "method": "CASH", "amount": "5.00"}
    assert Caller(clinic.people[role])("post", "payments/", body).status_code == status
