"""The provider's messages are hints, its answers are believed, and each reference is taken once."""

import json
import logging
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.billing import paystack
from apps.billing.errors import (
    PaymentBeyondBill,
    PaymentNotPositive,
    ProviderAmountDiffers,
    ProviderAnswerUnreadable,
    ProviderCurrencyDiffers,
    ProviderKeyRefused,
    ProviderNotConnected,
    ProviderPaymentKept,
    ProviderPaymentNotSuccessful,
    ProviderPaymentUnmatched,
    ProviderPaymentUsed,
    ProviderReferenceUnknown,
    ProviderRefused,
    ProviderUnreachable,
)
from apps.billing.models import Payment, PaystackEvent, PaystackSettlement, PaystackTransaction, TopUp
from apps.billing.reports.paystack import mismatches_of
from apps.billing.services import catching_up
from apps.billing.services import paystack as services
from apps.billing.services.payments import owed, refund_payment
from apps.billing.services.wallets import balance_of, top_up
from apps.billing.tasks import catch_up_with_provider, verify_provider_payments
from apps.billing.tests.clinic import make_clinic
from apps.billing.tests.providing import EMAIL, codes, connected, handled, linked, message_about, today_of
from apps.core.errors import NotAllowed, refusal_for
from apps.core.models import Event, Job

D = Decimal


def address_of(clinic):
    return f"/api/v1/billing/paystack/webhook/{clinic.administration.pk}/"


def told(client, clinic, provider, body, *, signature=None):
    """A message through the whole site but its sockets."""
    given = provider.signed(body) if signature is None else signature
    headers = {"x-paystack-signature": given} if given else {}
    return client.post(address_of(clinic), body, content_type="application/json", headers=headers)


def charged(provider, reference):
    return provider.message("charge.success", {"reference": reference, "amount": 1, "status": "success"})


# Messages ------------------------------------------------------------------------------------------------------------


def test_a_signed_message_is_kept_and_believed_only_once_the_provider_confirms(shop, provider, client):
    bill = shop.bill("65.00")
    reference = linked(shop, bill)
    answer = told(client, shop, provider, charged(provider, reference))
    assert (answer.status_code, answer.json()) == (200, {})
    message = PaystackEvent.objects.get()
    assert (message.event, message.reference, message.handled_at) == ("charge.success", reference, None)
    assert Event.objects.filter(name="billing.provider_message_taken", subject_id=message.pk).exists()
    assert not Payment.objects.exists()

    assert handled(message).refusal == "PROVIDER_PAYMENT_NOT_SUCCESSFUL"  # the message lied
    assert not Payment.objects.exists()

    provider.paid(reference, 6500)
    assert handled(message_about(shop, provider, reference)).refusal == ""
    payment = Payment.objects.get()
    assert (payment.bill, payment.method, payment.amount) == (bill, "PAYSTACK", D(65))
    assert (payment.reference, payment.taken_by, payment.clinic_day.date) == (reference, None, shop.today)
    assert owed(bill) == 0
    assert codes(shop) == []


@pytest.mark.parametrize("signature", ["", "0" * 128, "not hex", "é", "A" * 5000])
def test_a_wrong_or_missing_signature_is_401_and_keeps_nothing(shop, provider, client, signature):
    answer = told(client, shop, provider, charged(provider, "r-1"), signature=signature)
    assert (answer.status_code, answer.json()["detail"]["code"]) == (401, "SIGNATURE_WRONG")
    assert not PaystackEvent.objects.exists()


def test_a_body_that_was_changed_on_its_way_is_401(shop, provider, client):
    body = charged(provider, "r-1")
    answer = told(client, shop, provider, body.replace(b"r-1", b"r-2"), signature=provider.signed(body))
    assert answer.status_code == 401
    assert told(client, shop, provider, body + b" ", signature=provider.signed(body)).status_code == 401


def test_the_key_of_another_administration_signs_nothing_here(shop, provider, client, settings):
    other = make_clinic("Clinic Oost")
    settings.PAYSTACK_SECRET_KEYS |= {str(other.administration.pk): "sk_test_other"}
    body = charged(provider, "r-1")
    assert told(client, other, provider, body).status_code == 401
    assert told(client, shop, provider, body).status_code == 200


def test_what_is_not_signed_costs_no_query(shop, provider, client):
    with CaptureQueriesContext(connection) as asked:
        told(client, shop, provider, charged(provider, "r-1"), signature="0" * 128)
    assert len(asked) == 0


def test_a_key_of_an_administration_that_is_gone_answers_404(shop, provider, client, settings):
    gone = "99999999-0000-7000-8000-000000000000"
    settings.PAYSTACK_SECRET_KEYS |= {gone: provider.key}
    body = charged(provider, "r-1")
    headers = {"x-paystack-signature": provider.signed(body)}
    path = address_of(shop).replace(str(shop.administration.pk), gone)
    assert client.post(path, body, content_type="application/json", headers=headers).status_code == 404


def test_an_administration_that_is_not_connected_answers_as_one_that_is_not_there(shop, provider, client):
    other = make_clinic("Clinic Oost")
    here = told(client, other, provider, charged(provider, "r-1"))
    path = "/api/v1/billing/paystack/webhook/99999999-0000-7000-8000-000000000000/"
    nowhere = client.post(path, b"{}", content_type="application/json")
    assert (here.status_code, here.content) == (nowhere.status_code, nowhere.content)
    assert here.status_code == 404


def test_a_message_that_is_too_large_is_not_read(shop, provider, client):
    body = provider.message("charge.success", {"reference": "r", "more": "x" * 300_000})
    assert told(client, shop, provider, body).status_code == 413
    assert not PaystackEvent.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"event": 1, "data": {}}',
        b'{"event": "x"}',
        b'{"event": "x", "data": []}',
        b"\xff",
    ],
)
def test_a_signed_message_of_another_form_is_422(shop, provider, client, body):
    assert told(client, shop, provider, body).status_code == 422
    assert not PaystackEvent.objects.exists()


def test_a_message_that_comes_again_is_taken_once(shop, provider, client):
    body = charged(provider, "r-1")
    assert [told(client, shop, provider, body).status_code for _ in range(3)] == [200, 200, 200]
    assert PaystackEvent.objects.count() == 1
    assert Event.objects.filter(name="billing.provider_message_taken").count() == 1


def test_a_message_that_is_about_no_payment_is_kept_and_nobody_is_asked(shop, provider):
    message = handled(message_about(shop, provider, "TRF_1", event="transfer.success"))
    assert message.handled_at is not None
    assert provider.asked == []


@pytest.mark.parametrize(
    ("event", "about"),
    [
        ("refund.processed", {"transaction_reference": "r-7", "amount": "5000"}),
        ("charge.dispute.create", {"transaction": {"reference": "r-7"}, "transaction_reference": None}),
        ("charge.success", {"reference": "r-7"}),
    ],
)
def test_the_payment_that_a_message_is_about_is_found_where_its_event_says(shop, provider, client, event, about):
    told(client, shop, provider, provider.message(event, about))
    assert PaystackEvent.objects.get().reference == "r-7"


# What the provider states --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("currency", "amount", "subunits"), [("EUR", "65.00", 6500), ("NGN", "12500.50", 1_250_050), ("JPY", "6500", 6500)]
)
def test_amounts_travel_in_the_currencys_subunit(provider, settings, db, currency, amount, subunits):
    shop = connected(make_clinic(currency=currency), provider, settings)
    bill = shop.bill(amount)
    reference = linked(shop, bill)
    assert provider.asked[-1][2]["amount"] == str(subunits)
    provider.paid(reference, subunits, currency=currency)
    services.verify(shop.administration, reference)
    assert Payment.objects.get().amount == D(amount)
    assert PaystackTransaction.objects.get().fees == D(subunits // 100) * paystack.CURRENCIES[currency].unit


def test_a_payment_is_dated_the_day_on_which_it_was_paid_in_the_clinics_zone(provider, settings, db):
    shop = connected(make_clinic(time_zone="Pacific/Auckland"), provider, settings)
    bill = shop.bill("65.00", day=shop.today - timedelta(days=2))
    reference = linked(shop, bill)
    noon = (timezone.now() - timedelta(days=1)).replace(hour=12, minute=30)  # the next day in Auckland
    provider.paid(reference, 6500, paid_at=noon.strftime("%Y-%m-%dT%H:%M:%S.000Z"))
    services.verify(shop.administration, reference)
    assert PaystackTransaction.objects.get().paid_on == noon.date() + timedelta(days=1)
    assert Payment.objects.get().clinic_day.date == noon.date() + timedelta(days=1)


def test_what_was_paid_on_a_signed_day_is_born_into_the_next_and_marked_late(shop, provider):
    bill = shop.bill("65.00", day=shop.yesterday)
    reference = linked(shop, bill)
    shop.finalized(shop.yesterday)
    provider.paid(reference, 6500, paid_at=(timezone.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ"))
    services.verify(shop.administration, reference)
    payment = Payment.objects.get()
    assert (payment.clinic_day.date, payment.late_for.date) == (shop.today, shop.yesterday)


@pytest.mark.parametrize("status", ["failed", "abandoned", "ongoing", "pending"])
def test_what_did_not_succeed_is_no_payment_and_no_mismatch(shop, provider, status):
    reference = linked(shop, shop.bill("65.00"))
    provider.paid(reference, 6500, status=status)
    with pytest.raises(ProviderPaymentNotSuccessful):
        services.verify(shop.administration, reference)
    row = PaystackTransaction.objects.get()
    assert (row.status, row.amount) == (status, D(65))
    assert not Payment.objects.exists()
    assert codes(shop) == []
    provider.paid(reference, 6500)  # the patient tried once more
    services.verify(shop.administration, reference)
    assert Payment.objects.get().amount == D(65)


def test_another_amount_than_was_asked_for_is_kept_and_waits_for_a_person(shop, provider):
    bill = shop.bill("65.00")
    reference = linked(shop, bill)
    provider.paid(reference, 6000)
    for _again in range(2):
        message = handled(message_about(shop, provider, reference))
        assert message.refusal == "PROVIDER_AMOUNT_DIFFERS"
    with pytest.raises(ProviderAmountDiffers):
        services.verify(shop.administration, reference)
    row = PaystackTransaction.objects.get()
    assert (row.status, row.amount, row.bill) == ("success", D(60), None)
    assert not Payment.objects.exists()
    assert codes(shop) == ["PROVIDER_SUCCESS_WITHOUT_PAYMENT"]
    services.assign(row, bill=bill, by=shop.receptionist)
    assert owed(bill) == D(5)
    assert codes(shop) == []
    assert services.verify(shop.administration, reference).bill == bill  # asked again it stays what the person said


def test_what_was_paid_without_a_bill_is_a_mismatch_until_somebody_says_what_it_is_for(shop, provider):
    provider.paid("from-the-website", 6500, metadata={"bill_id": "99999999-0000-7000-8000-000000000000", "amount": 1})
    with pytest.raises(ProviderPaymentUnmatched):
        services.verify(shop.administration, "from-the-website")
    assert codes(shop) == ["PROVIDER_SUCCESS_WITHOUT_PAYMENT"]
    row = PaystackTransaction.objects.get()
    with pytest.raises(NotAllowed):
        services.assign(row, patient=shop.patient(), by=shop.accountant)
    made = services.assign(row, patient=shop.patient(), by=shop.receptionist)
    assert (made.method, made.amount, made.taken_by) == ("PAYSTACK", D(65), shop.receptionist)
    assert balance_of(shop.patient()) == D(65)
    with pytest.raises(ProviderPaymentUsed):
        services.assign(row, bill=shop.bill("65.00"), by=shop.receptionist)
    assert codes(shop) == []


@pytest.mark.parametrize("written", [dict, lambda about: json.dumps(about)])
def test_a_bill_that_the_provider_was_told_of_elsewhere_is_paid(shop, provider, written):
    bill = shop.bill("65.00")
    provider.paid("from-the-website", 6500, metadata=written({"bill_id": str(bill.pk)}))
    services.verify(shop.administration, "from-the-website")
    assert Payment.objects.get().bill == bill


def test_a_bill_of_another_administration_is_nobodys_here(shop, provider):
    foreign = make_clinic("Clinic Oost").bill("65.00")
    provider.paid("r-1", 6500, metadata={"bill_id": str(foreign.pk)})
    with pytest.raises(ProviderPaymentUnmatched):
        services.verify(shop.administration, "r-1")
    assert owed(foreign) == D(65)


def test_what_is_more_than_the_bill_owes_is_kept_and_not_taken(shop, provider):
    bill = shop.bill("65.00")
    reference = linked(shop, bill)
    shop.pay(bill, "65.00")
    provider.paid(reference, 6500)
    with pytest.raises(PaymentBeyondBill):
        services.verify(shop.administration, reference)
    assert codes(shop) == ["PROVIDER_SUCCESS_WITHOUT_PAYMENT"]
    services.assign(PaystackTransaction.objects.get(), patient=bill.patient, by=shop.receptionist)
    assert balance_of(bill.patient) == D(65)


def test_another_currency_is_never_taken_as_if_it_were_ours(shop, provider):
    bill = shop.bill("65.00")
    provider.paid("r-1", 6500, currency="NGN", metadata={"bill_id": str(bill.pk)})
    with pytest.raises(ProviderCurrencyDiffers):
        services.verify(shop.administration, "r-1")
    assert PaystackTransaction.objects.get().currency == "NGN"
    assert owed(bill) == D(65)
    assert codes(shop) == ["PROVIDER_SUCCESS_WITHOUT_PAYMENT"]


def test_a_reference_that_the_provider_does_not_know_is_refused_and_kept_on_the_message(shop, provider):
    assert handled(message_about(shop, provider, "r-404")).refusal == "PROVIDER_REFERENCE_UNKNOWN"
    assert not PaystackTransaction.objects.exists()
    with pytest.raises(ProviderReferenceUnknown):
        services.verify(shop.administration, "no/such?reference")


def test_an_answer_about_another_reference_is_not_believed(shop, provider):
    reference = linked(shop, shop.bill("65.00"))
    provider.transactions[reference] = {**provider.paid("r-2", 6500), "reference": "r-2"}
    with pytest.raises(ProviderAnswerUnreadable):
        services.verify(shop.administration, reference)
    assert not Payment.objects.exists()


def test_what_the_provider_confirmed_once_is_not_restated(shop, provider):
    reference = linked(shop, shop.bill("65.00"))
    row = provider.paid(reference, 6500)
    services.verify(shop.administration, reference)
    provider.transactions[reference] = {**row, "amount": 9900}
    with pytest.raises(ProviderPaymentKept):
        services.verify(shop.administration, reference)
    assert PaystackTransaction.objects.get().amount == D(65)


def test_a_wallet_is_topped_up_by_a_link(shop, provider):
    patient = shop.patient()
    link = services.initialize_top_up(patient, amount=D(20), email=EMAIL, by=shop.receptionist)
    provider.paid(link.reference, 2000)
    handled(message_about(shop, provider, link.reference))
    services.verify(shop.administration, link.reference)
    assert TopUp.objects.get().reference == link.reference
    assert balance_of(patient) == D(20)
    assert codes(shop) == []


def test_of_many_messages_at_once_one_payment_comes(committed, provider, settings):
    shop = connected(make_clinic(), provider, settings)
    bill = shop.bill("65.00", "65.00")  # owes twice as much, so that only the reference holds the second back
    reference = linked(shop, bill, "65.00")
    provider.paid(reference, 6500)
    messages = [message_about(shop, provider, reference) for _ in range(6)]
    start = Barrier(6)

    def handle(message):
        try:
            start.wait()
            services.handle_message(message)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(handle, messages))
    assert Payment.objects.count() == 1
    assert owed(bill) == D(65)
    assert not PaystackEvent.objects.filter(handled_at=None).exists()


# Away, and back ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["stopped", 500, 503, 429])
def test_while_the_provider_is_away_a_message_waits_and_then_it_is_taken(shop, provider, how):
    reference = linked(shop, shop.bill("65.00"))
    provider.paid(reference, 6500)
    message = message_about(shop, provider, reference)
    if how == "stopped":
        provider.stop()
    else:
        provider.status = how
    with pytest.raises(ProviderUnreachable) as refused:
        services.handle_message(message)
    assert refused.value.detail()["hint"]
    assert not Payment.objects.exists()
    if how == "stopped":
        provider.start()
    provider.status = 200
    catch_up_with_provider(str(shop.administration.pk))
    message.refresh_from_db()
    assert message.handled_at is not None
    assert Payment.objects.get().reference == reference


def test_a_message_that_was_lost_is_caught_up_with(shop, provider):
    provider.per_page = 2
    bills = [shop.bill("10.00") for _ in range(5)]
    for bill in bills:
        provider.paid(linked(shop, bill), 1000)
    catch_up_with_provider(str(shop.administration.pk))
    assert [owed(bill) for bill in bills] == [0] * 5
    catch_up_with_provider(str(shop.administration.pk))
    assert Payment.objects.count() == 5


def test_a_reference_that_was_typed_is_marked_by_what_the_provider_says(shop, provider):
    right, wrong = shop.bill("65.00"), shop.bill("30.00")
    provider.paid("typed-1", 6500)
    shop.pay(right, "65.00", "PAYSTACK", reference="typed-1")
    shop.pay(wrong, "30.00", "PAYSTACK", reference="typed-2")
    found = list(mismatches_of(today_of(shop)))
    assert [one["code"] for one in found] == ["PROVIDER_PAYMENT_NOT_CONFIRMED"] * 2
    catch_up_with_provider(str(shop.administration.pk))
    [left] = mismatches_of(today_of(shop))
    assert (left["code"], left["reference"], left["amount"]) == ("PROVIDER_PAYMENT_NOT_CONFIRMED", "typed-2", "30.00")
    assert Payment.objects.count() == 2


def test_a_clinic_that_is_not_connected_types_references_as_before(clinic):
    clinic.pay(clinic.bill("65.00"), "65.00", "PAYSTACK", reference="typed-1")
    assert codes(clinic) == []
    with pytest.raises(ProviderNotConnected):
        services.verify(clinic.administration, "typed-1")


# The day's figures ---------------------------------------------------------------------------------------------------


def test_a_reference_that_is_used_beyond_its_amount_is_a_mismatch(shop, provider):
    provider.paid("typed-1", 6500)
    for amount, expected in (
        ("40.00", "PROVIDER_PAYMENT_DIFFERS"),
        ("25.00", None),
        ("5.00", "PROVIDER_REFERENCE_OVERUSED"),
    ):
        shop.pay(shop.bill(amount), amount, "PAYSTACK", reference="typed-1")
        services.verify(shop.administration, "typed-1")
        assert codes(shop) == ([expected] if expected else [])
    [found] = mismatches_of(today_of(shop))
    assert (found["amount"], found["taken"]) == ("65.00", "70.00")


def test_a_top_up_and_a_payment_of_one_reference_count_together(shop, provider):
    provider.paid("typed-1", 6500)
    shop.pay(shop.bill("40.00"), "40.00", "PAYSTACK", reference="typed-1")
    top_up(shop.patient(), method="PAYSTACK", amount=D(25), reference="typed-1", by=shop.cashier)
    services.verify(shop.administration, "typed-1")
    assert codes(shop) == []


def test_what_the_provider_gave_back_is_a_mismatch_until_a_person_enters_it(shop, provider):
    reference = linked(shop, shop.bill("65.00"))
    row = provider.paid(reference, 6500)
    services.verify(shop.administration, reference)
    provider.transactions[reference] = {**row, "status": "reversed"}
    message = handled(message_about(shop, provider, reference, event="refund.processed"))
    assert message.refusal == ""
    assert codes(shop) == ["PROVIDER_REFUND_NOT_ENTERED"]
    refund_payment(Payment.objects.get(), amount=D(65), reason="At Paystack", by=shop.manager)
    assert codes(shop) == []


def test_a_partial_refund_is_a_mismatch_until_a_person_enters_it(shop, provider):
    reference = linked(shop, shop.bill("65.00"))
    provider.paid(reference, 6500)
    services.verify(shop.administration, reference)
    handled(message_about(shop, provider, reference, event="refund.processed"))
    assert codes(shop) == ["PROVIDER_REFUND_NOT_ENTERED"]
    refund_payment(Payment.objects.get(), amount=D(5), reason="At Paystack", by=shop.manager)
    assert codes(shop) == []


def test_what_was_given_back_without_a_message_is_found_all_the_same(shop, provider):
    reference = linked(shop, shop.bill("65.00"))
    row = provider.paid(reference, 6500)
    catch_up_with_provider(str(shop.administration.pk))
    provider.transactions[reference] = {**row, "status": "reversed"}
    catch_up_with_provider(str(shop.administration.pk))
    assert codes(shop) == ["PROVIDER_REFUND_NOT_ENTERED"]


def test_what_was_given_back_before_anybody_took_it_is_not_taken(shop, provider):
    reference = linked(shop, shop.bill("65.00"))
    provider.paid(reference, 6500, status="reversed")
    with pytest.raises(ProviderPaymentNotSuccessful):
        services.verify(shop.administration, reference)
    assert not Payment.objects.exists()
    assert codes(shop) == []


def test_a_dispute_is_a_mismatch_until_it_is_resolved(shop, provider):
    reference = linked(shop, shop.bill("65.00"))
    provider.paid(reference, 6500)
    handled(message_about(shop, provider, reference, event="charge.dispute.create"))
    assert codes(shop) == ["PROVIDER_DISPUTE_OPEN"]
    handled(message_about(shop, provider, reference, event="charge.dispute.resolve"))
    assert codes(shop) == []


def test_mismatches_ask_the_same_number_of_questions_of_many_payments(shop, provider):
    def one_more():
        provider.paid(linked(shop, shop.bill("5.00")), 500)
        catch_up_with_provider(str(shop.administration.pk))

    one_more()
    with CaptureQueriesContext(connection) as few:
        codes(shop)
    for _more in range(5):
        one_more()
    with CaptureQueriesContext(connection) as many:
        codes(shop)
    assert len(many) == len(few)


# What is sent, and what is not ---------------------------------------------------------------------------------------


def test_a_link_tells_the_provider_an_amount_our_ids_and_one_address(shop, provider):
    bill = shop.bill("65.00")
    link = services.initialize_payment(bill, email=EMAIL, by=shop.receptionist)
    assert link.address == f"{provider.url}/pay/{link.reference}"
    [(_method, path, body)] = provider.asked
    assert path == "/transaction/initialize"
    assert {**body, "metadata": json.loads(body["metadata"])} == {
        "reference": link.reference,
        "amount": "6500",
        "currency": "EUR",
        "email": EMAIL,
        "metadata": {"bill_id": str(bill.pk), "daybook_amount": "65.00"},
    }


def test_a_link_is_for_what_is_owed(shop, provider):
    bill = shop.bill("65.00")
    with pytest.raises(PaymentBeyondBill):
        linked(shop, bill, "65.01")
    with pytest.raises(PaymentNotPositive):
        linked(shop, bill, "0")
    shop.pay(bill, "65.00")
    with pytest.raises(PaymentNotPositive):
        linked(shop, bill)
    with pytest.raises(NotAllowed):
        services.initialize_payment(bill, email=EMAIL, by=shop.accountant)
    assert provider.asked == []


def test_a_link_that_the_provider_refuses_leaves_nothing(shop, provider):
    with pytest.raises(ProviderRefused):
        services.initialize_payment(shop.bill("65.00"), email="", by=shop.receptionist)
    assert not PaystackTransaction.objects.exists()


def test_a_wrong_key_is_said_and_never_shown(shop, provider, settings, caplog):
    settings.PAYSTACK_SECRET_KEYS = {str(shop.administration.pk): "sk_live_wrong"}
    with caplog.at_level(logging.DEBUG), pytest.raises(ProviderKeyRefused) as refused:
        services.verify(shop.administration, "r-1")
    assert "sk_live" not in caplog.text + json.dumps(refused.value.detail()) + repr(refused.value.__cause__)


def test_no_key_stands_in_the_log_of_a_payment(shop, provider, client, caplog):
    with caplog.at_level(logging.DEBUG):
        reference = linked(shop, shop.bill("65.00"))
        provider.paid(reference, 6500)
        told(client, shop, provider, charged(provider, reference))
        handled(PaystackEvent.objects.get())
        provider.stop()
        with pytest.raises(ProviderUnreachable):
            services.verify(shop.administration, reference)
        provider.start()
    assert provider.key not in caplog.text
    assert EMAIL not in caplog.text


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n<p>",
        b'HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"status": false}',
        b'HTTP/1.1 200 OK\r\nContent-Length: 28\r\n\r\n{"status": true, "data": []}',
        b'HTTP/1.1 200 OK\r\nContent-Length: 47\r\n\r\n{"status": true, "data": {"reference": "other"}}',
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
        b"not http at all\r\n\r\n",
        b"",
    ],
)
def test_an_answer_that_cannot_be_read_is_never_believed(shop, settings, answer):
    with _answering(answer) as (port, _heard):
        settings.PAYSTACK_URL = f"http://127.0.0.1:{port}"
        with pytest.raises((ProviderAnswerUnreadable, ProviderUnreachable)):
            services.verify(shop.administration, "r-1")
    assert not PaystackTransaction.objects.exists()


def test_the_key_is_never_carried_along_a_redirect(shop, provider, settings):
    away = f"HTTP/1.1 302 Found\r\nLocation: {provider.url}/transaction/verify/r-1\r\nContent-Length: 0\r\n\r\n"
    with _answering(away.encode()) as (port, _heard):
        settings.PAYSTACK_URL = f"http://127.0.0.1:{port}"
        with pytest.raises(ProviderRefused):
            services.initialize_payment(shop.bill("65.00"), email=EMAIL, by=shop.receptionist)
    assert provider.asked == []


class _answering:
    """A server that answers whatever comes with the same bytes, and hangs up."""

    def __init__(self, answer):
        self.answer, self.heard = answer, []

    def __enter__(self):
        self.wire = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()
        return self.wire.getsockname()[1], self.heard

    def __exit__(self, *error):
        self.wire.close()

    def _serve(self):
        while True:
            try:
                one, _from = self.wire.accept()
            except OSError:
                return
            with one:
                self.heard.append(one.recv(65536))
                one.sendall(self.answer)


# Laws ----------------------------------------------------------------------------------------------------------------


def test_the_database_refuses_to_change_what_the_provider_confirmed(shop, provider):
    reference = linked(shop, shop.bill("65.00"))
    provider.paid(reference, 6500)
    services.verify(shop.administration, reference)

    def refused(sql):
        with pytest.raises(IntegrityError) as broken, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
        return type(refusal_for(broken.value))

    for change in ("amount = 99", "currency = 'NGN'", "reference = 'x'", "paid_at = now()"):
        assert refused(f"UPDATE billing_paystacktransaction SET {change}") is ProviderPaymentKept
    assert refused("DELETE FROM billing_paystacktransaction") is ProviderPaymentKept


# Over HTTP -----------------------------------------------------------------------------------------------------------

PAYMENTS = "/api/v1/billing/paystack/payments/"
SETTLEMENTS = "/api/v1/billing/paystack/settlements/"


def posted(client, address, **body):
    return client.post(address, body, content_type="application/json")


def test_a_link_over_http_and_what_became_of_it(shop, provider, client):
    client.force_login(shop.receptionist)
    bill = shop.bill("65.00")
    answer = posted(client, f"{PAYMENTS}links/", bill_id=str(bill.pk), email=EMAIL)
    assert answer.status_code == 201
    reference = answer.json()["reference"]
    [row] = client.get(PAYMENTS).json()["results"]
    assert (row["status"], row["amount"], row["bill_id"]) == ("pending", "65.00", str(bill.pk))
    provider.paid(reference, 6500)
    verified = posted(client, f"{PAYMENTS}{row['id']}/verify/")
    assert (verified.status_code, verified.json()["status"]) == (200, "success")
    assert owed(bill) == 0


def test_what_nobody_took_is_found_and_assigned_over_http(shop, provider, client):
    client.force_login(shop.receptionist)
    provider.paid("from-the-website", 6500)
    catch_up_with_provider(str(shop.administration.pk))
    provider.paid(linked(shop, shop.bill("5.00")), 500)
    catch_up_with_provider(str(shop.administration.pk))
    [row] = client.get(f"{PAYMENTS}?unmatched=true").json()["results"]
    assert row["reference"] == "from-the-website"
    bill = shop.bill("64.00")
    refused = posted(client, f"{PAYMENTS}{row['id']}/assign/", bill_id=str(bill.pk))
    assert refused.json()["detail"]["code"] == "PAYMENT_BEYOND_BILL"
    assert PaystackTransaction.objects.get(pk=row["id"]).bill is None
    answer = posted(client, f"{PAYMENTS}{row['id']}/assign/", patient_id=str(bill.patient_id))
    assert answer.json()["patient_id"] == str(bill.patient_id)
    assert client.get(f"{PAYMENTS}?unmatched=true").json()["results"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"bill_id": "B-1"},
        {"bill_id": "99999999-0000-7000-8000-000000000000"},
        {"patient_id": "99999999-0000-7000-8000-000000000000", "amount": "5"},
        {"email": "nobody"},
        {"email": ""},
        {"amount": "NaN"},
        {"amount": "0"},
        {"amount": "1.001"},
    ],
)
def test_a_link_that_cannot_be_is_422_and_nobody_is_asked(shop, provider, client, wrong):
    client.force_login(shop.receptionist)
    bill = {} if wrong == {} or "patient_id" in wrong else {"bill_id": str(shop.bill("65.00").pk)}
    assert posted(client, f"{PAYMENTS}links/", **{"email": EMAIL, **bill, **wrong}).status_code == 422
    assert provider.asked == []


def test_lists_ask_no_more_when_they_grow_and_refuse_what_they_do_not_know(shop, provider, client):
    client.force_login(shop.manager)

    def one_more(number):
        reference = linked(shop, shop.bill("5.00"))
        provider.paid(reference, 500)
        provider.payout(number, reference)
        catch_up_with_provider(str(shop.administration.pk))

    one_more(1)
    client.get(PAYMENTS)
    before = []
    for address in (PAYMENTS, f"{PAYMENTS}?unmatched=true", SETTLEMENTS):
        with CaptureQueriesContext(connection) as asked:
            client.get(address)
        before.append(len(asked))
    for number in range(2, 6):
        one_more(number)
    for address, few in zip((PAYMENTS, f"{PAYMENTS}?unmatched=true", SETTLEMENTS), before, strict=True):
        with CaptureQueriesContext(connection) as asked:
            client.get(address)
        assert len(asked) == few
    [row] = client.get(f"{SETTLEMENTS}?limit=1").json()["results"]
    assert (row["gross"], row["fees"], row["net"], row["payments_count"]) == ("5.00", "0.05", "4.95", 1)
    assert client.get(f"{PAYMENTS}?start_date=soon").status_code == 400
    assert client.get(f"{SETTLEMENTS}?ordering=administration__name").status_code == 400


# Pages ---------------------------------------------------------------------------------------------------------------

LIST = "/admin/billing/paystacktransaction/"


def test_what_nobody_took_is_found_and_assigned_on_its_page(shop, provider, client):
    client.force_login(shop.receptionist)
    provider.paid("from-the-website", 6500)
    provider.paid("taken", 500)
    shop.pay(shop.bill("5.00"), "5.00", "PAYSTACK", reference="taken")
    catch_up_with_provider(str(shop.administration.pk))
    text = client.get(f"{LIST}?unmatched=yes").content.decode()
    assert "from-the-website" in text
    assert ">taken<" not in text
    row = PaystackTransaction.objects.get(reference="from-the-website")
    assert "assign/" in client.get(f"{LIST}{row.pk}/change/").content.decode()

    page = f"{LIST}{row.pk}/assign/"
    assert "Say either the bill or the patient." in client.post(page, {"key": "k-0"}).content.decode()
    assert "There is no bill of that number here." in client.post(page, {"bill": "B-99", "key": "k-0"}).content.decode()
    bill = shop.bill("65.00")
    answers = [client.post(page, {"bill": str(bill), "key": "k-1"}).status_code for _ in range(2)]
    assert answers == [302, 302]
    assert owed(bill) == 0
    assert Payment.objects.filter(reference="from-the-website").count() == 1
    assert "It was taken." in client.get(f"{LIST}{row.pk}/change/").content.decode()


def test_asking_again_is_a_job_that_lists_what_was_refused(shop, provider, client):
    client.force_login(shop.receptionist)
    bill = shop.bill("65.00")
    paid, unpaid = linked(shop, bill), linked(shop, shop.bill("5.00"))
    provider.paid(paid, 6500)
    chosen = [str(row.pk) for row in PaystackTransaction.objects.all()]
    client.post(LIST, {"action": "ask_again", "_selected_action": chosen})
    job = Job.objects.get()
    assert (job.total, job.by) == (2, shop.receptionist)
    verify_provider_payments(str(job.pk))
    job.refresh_from_db()
    assert (job.state, job.done) == ("DONE", 2)
    assert [refusal["code"] for refusal in job.refusals] == ["PROVIDER_PAYMENT_NOT_SUCCESSFUL"]
    assert job.refusals[0]["reference"] == unpaid
    assert owed(bill) == 0


def test_messages_and_payouts_are_read_as_they_came(shop, provider, client):
    client.force_login(shop.manager)
    handled(message_about(shop, provider, "r-404"))
    provider.paid("r-1", 6500)
    provider.payout(7, "r-1")
    catching_up.fetch_settlements(shop.administration, timezone.now() - timedelta(days=1))
    assert "r-404" in client.get("/admin/billing/paystackevent/?handled=refused").content.decode()
    assert "r-404" not in client.get("/admin/billing/paystackevent/?handled=no").content.decode()
    settlement = PaystackSettlement.objects.get()
    page = client.get(f"/admin/billing/paystacksettlement/{settlement.pk}/change/").content.decode()
    assert "PSTK_7" in page
    payments = client.get(f"{LIST}?settlement__id__exact={settlement.pk}").content.decode()
    assert "r-1" in payments


# As it runs ----------------------------------------------------------------------------------------------------------


def test_a_message_on_the_wire_is_a_payment_a_moment_later(committed, provider, process_env, request, tmp_path):
    clinic = make_clinic()
    process_env["PAYSTACK_SECRET_KEYS"] = json.dumps({str(clinic.administration.pk): provider.key})
    process_env["PAYSTACK_URL"] = provider.url
    site = request.getfixturevalue("site")
    request.getfixturevalue("worker")
    bill = clinic.bill("65.00")
    provider.paid("from-the-website", 6500, metadata={"bill_id": str(bill.pk)})
    body = charged(provider, "from-the-website")

    assert provider.send(site.port, clinic.administration.pk, body, signature="") == 401
    assert provider.send(site.port, clinic.administration.pk, body, signature="0" * 128) == 401
    assert provider.send(site.port, clinic.administration.pk, body[:-1], signature=provider.signed(body)) == 401
    assert provider.send(site.port, "99999999-0000-7000-8000-000000000000", body) == 404
    assert [provider.send(site.port, clinic.administration.pk, body) for _ in range(3)] == [200, 200, 200]

    deadline = time.monotonic() + 30
    while not Payment.objects.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert Payment.objects.get().reference == "from-the-website"
    assert owed(bill) == 0
    assert PaystackEvent.objects.count() == 1
    logs = site.log.read_text() + (tmp_path / "worker.log").read_text()
    assert provider.key not in logs
