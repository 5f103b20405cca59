"""Payouts by their parts, what the provider gave back and who enters it, references asked about as they are typed."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.billing.errors import AdvanceUntaxed, ProviderUnreachable
from apps.billing.handlers import ask_about_typed
from apps.billing.models import Payment, PaystackRefund, PaystackSettlement, PaystackTransaction, TopUp, Wallet
from apps.billing.reports.payouts import payout_of
from apps.billing.reports.paystack import mismatches_of
from apps.billing.reports.tie_out import tie_out
from apps.billing.services import paystack as services
from apps.billing.services.catching_up import fetch_settlements
from apps.billing.services.payments import charge_back, refund_payment
from apps.billing.services.provider_refunds import fetch_refunds
from apps.billing.services.wallets import top_up
from apps.billing.tasks import ask_about_reference, catch_up_with_provider
from apps.billing.tests.advancing import billed, left_of, taxed
from apps.billing.tests.providing import EMAIL, codes, handled, linked, message_about, today_of
from apps.core.models import Delivery, Event

PAYOUTS = "/api/v1/billing/paystack/settlements/"


def since(days=3):
    return timezone.now() - timedelta(days=days)


def paid(shop, provider, amount="65.00"):
    """A bill that somebody paid at the provider, taken here; its reference."""
    reference = linked(shop, shop.bill(amount))
    provider.paid(reference, int(D(amount) * 100))
    services.verify(shop.administration, reference)
    return reference


# Payouts -------------------------------------------------------------------------------------------------------------


def test_a_payout_is_kept_with_the_payments_that_it_pays_out(shop, provider):
    provider.per_page = 1
    references = [linked(shop, shop.bill("65.00")), linked(shop, shop.bill("35.00"))]
    provider.paid(references[0], 6500)
    provider.paid(references[1], 3500)
    provider.payout(359143, *references)
    for _again in range(2):
        assert fetch_settlements(shop.administration, since()) == 1
    settlement = PaystackSettlement.objects.get()
    assert str(settlement) == "PSTK_359143"
    stated = (settlement.currency, settlement.gross, settlement.fees, settlement.net)
    assert stated == ("EUR", D(100), D(1), D(99))
    assert settlement.settled_on == timezone.now().date()
    assert set(settlement.transactions.values_list("reference", flat=True)) == set(references)
    assert Payment.objects.count() == 2  # the payout told of them first
    provider.settlements["359143"]["status"] = "processed"
    fetch_settlements(shop.administration, since())
    assert PaystackSettlement.objects.get().status == "processed"


def test_a_payout_in_another_currency_is_kept_in_it_and_takes_no_payment_of_ours(shop, provider):
    reference = paid(shop, provider)
    provider.paid("abroad", 500_000, currency="NGN")
    provider.payout(1, reference)
    provider.payout(2, reference, "abroad", currency="NGN")
    assert fetch_settlements(shop.administration, since()) == 2
    ours, theirs = PaystackSettlement.objects.order_by("provider_id")
    assert (ours.currency, theirs.currency) == ("EUR", "NGN")
    assert list(ours.transactions.values_list("reference", flat=True)) == [reference]
    assert list(theirs.transactions.values_list("reference", flat=True)) == ["abroad"]


def test_a_payout_is_its_payments_less_its_fees_and_what_went_back(shop, provider):
    first, second = paid(shop, provider, "65.00"), paid(shop, provider, "35.00")
    gone = paid(shop, provider, "20.00")
    provider.payout(7, first, second, deducts=(provider.refunded(gone, 500),))
    catch_up_with_provider(str(shop.administration.pk))
    refund = refund_payment(Payment.objects.get(reference=gone), amount=D(5), reason="Half", by=shop.manager)

    payout = payout_of(PaystackSettlement.objects.get())

    assert (payout.currency, payout.gross, payout.fees, payout.refunded, payout.net) == (
        "EUR", D(100), D(1), D(5), D(94),
    )  # fmt: skip
    assert payout.unexplained == 0
    assert [(one.stated.reference, one.stated.amount, one.stated.fees) for one in payout.payments] == [
        (first, D(65), D("0.65")),
        (second, D(35), D("0.35")),
    ]
    assert [[str(receipt) for receipt in one.receipts] for one in payout.payments] == [["R-000001"], ["R-000002"]]
    (back,) = payout.refunds
    assert (back.stated.transaction.reference, back.receipts) == (gone, (refund,))


def test_what_the_net_lacks_beside_its_parts_is_said(shop, provider):
    provider.payout(7, paid(shop, provider, "65.00"), effective_amount=6000)
    fetch_settlements(shop.administration, since())
    assert payout_of(PaystackSettlement.objects.get()).unexplained == D("-4.35")  # 60.00 of 64.35 came


def test_a_payout_over_http_and_on_its_page_asks_no_more_when_it_grows(shop, provider, client):
    client.force_login(shop.manager)
    counted = []
    for number, payments in ((1, 1), (2, 6)):
        references = [paid(shop, provider, "10.00") for _payment in range(payments)]
        provider.payout(number, *references, deducts=tuple(provider.refunded(one, 100) for one in references))
        catch_up_with_provider(str(shop.administration.pk))
        settlement = PaystackSettlement.objects.get(provider_id=str(number))
        client.get(f"{PAYOUTS}{settlement.pk}/parts/")
        with CaptureQueriesContext(connection) as queries:
            parts = client.get(f"{PAYOUTS}{settlement.pk}/parts/").json()
        counted.append(len(queries))
    assert counted[0] == counted[1]
    assert (parts["currency"], parts["gross"], parts["fees"], parts["refunded"], parts["net"]) == (
        "EUR", "60.00", "0.60", "6.00", "53.40",
    )  # fmt: skip
    assert parts["unexplained"] == "0.00"
    one = parts["payments"][0]
    assert (one["amount"], one["fees"], one["receipts"][0]["amount"]) == ("10.00", "0.10", "10.00")
    assert (parts["refunds"][0]["amount"], parts["refunds"][0]["receipts"]) == ("1.00", [])
    assert [row["currency"] for row in client.get(f"{PAYOUTS}?currency=EUR").json()["results"]] == ["EUR", "EUR"]
    page = client.get(f"/admin/billing/paystacksettlement/{settlement.pk}/change/").content.decode()
    assert references[0] in page
    assert "6.00" in page


# What the provider gave back -----------------------------------------------------------------------------------------


def test_a_refund_at_the_provider_is_a_mismatch_until_all_of_it_is_entered(shop, provider):
    reference = paid(shop, provider)
    provider.refunded(reference, 2000)
    handled(message_about(shop, provider, reference, event="refund.processed"))
    refund = PaystackRefund.objects.get()
    assert (refund.amount, refund.status, refund.refunded_on, refund.settlement) == (
        D(20), "processed", shop.today, None,
    )  # fmt: skip
    (found,) = mismatches_of(today_of(shop))
    assert (found["code"], found["reference"], found["amount"]) == ("PROVIDER_REFUND_NOT_ENTERED", reference, "20.00")
    refund_payment(Payment.objects.get(), amount=D(15), reason="At Paystack", by=shop.manager)
    (found,) = mismatches_of(today_of(shop))
    assert found["amount"] == "5.00"
    charge_back(Payment.objects.get(kind="PAYMENT"), amount=D(5), reason="At Paystack", by=shop.manager)
    assert codes(shop) == []


def test_one_that_is_not_done_yet_or_failed_is_none(shop, provider):
    reference = paid(shop, provider)
    for status in ("pending", "processing", "failed"):
        provider.refunded(reference, 500, status=status)
    assert fetch_refunds(shop.administration, since=since()) == 3
    assert codes(shop) == []
    provider.refunds[0]["status"] = "processed"
    provider.refunds[0]["refunded_at"] = provider.refunds[0]["created_at"]
    fetch_refunds(shop.administration, since=since())
    assert PaystackRefund.objects.count() == 3
    assert codes(shop) == ["PROVIDER_REFUND_NOT_ENTERED"]


def test_a_refund_of_a_payment_that_is_unknown_here_is_left_alone(shop, provider):
    provider.paid("elsewhere", 6500)
    provider.refunded("elsewhere", 6500)
    assert fetch_refunds(shop.administration, since=since()) == 0


def test_an_account_that_may_not_list_its_refunds_is_told_of_them_by_messages(shop, provider):
    reference = paid(shop, provider)
    provider.refuses = {"refund"}
    message = handled(message_about(shop, provider, reference, event="refund.processed"))
    assert message.refusal == ""
    assert codes(shop) == ["PROVIDER_REFUND_NOT_ENTERED"]


def test_a_refund_is_entered_from_the_finding_with_everything_filled_in(shop, provider, client):
    reference = paid(shop, provider)
    provider.refunded(reference, 2000)
    catch_up_with_provider(str(shop.administration.pk))
    client.force_login(shop.manager)
    day = client.get(reverse("admin:billing_close_day", args=[shop.administration.pk, shop.today.isoformat()]))
    (finding,) = (one for one in day.context["findings"] if one.code == "PROVIDER_REFUND_NOT_ENTERED")
    assert f'href="{finding.enter}"' in day.content.decode()
    answer = client.get(finding.enter, follow=True)
    form = answer.context["form"]
    assert form["amount"].initial == D("20.00")
    asked = {"amount": "20.00", "reason": form["reason"].initial, "reference": form["reference"].initial, "key": "k"}
    assert asked["reference"] == str(provider.refunds[0]["id"])
    address = answer.redirect_chain[-1][0]
    client.post(address, asked)
    refund = Payment.objects.get(kind="REFUND")
    assert (refund.amount, refund.reference, refund.taken_by) == (D(-20), asked["reference"], shop.manager)
    assert codes(shop) == []
    again = client.get(finding.enter, follow=True)
    assert "All that the provider gave back is entered." in again.content.decode()


def test_what_went_back_of_a_top_up_is_paid_out_of_the_wallet(shop, provider, client):
    reference = services.initialize_top_up(
        shop.patient(), amount=D(121), service=taxed(shop), email=EMAIL, by=shop.receptionist
    ).reference
    provider.paid(reference, 12100)
    services.verify(shop.administration, reference)
    advance = TopUp.objects.get()
    assert (advance.service, advance.vat, advance.taken_by) == (taxed(shop), D(21), None)
    provider.refunded(reference, 6050)
    catch_up_with_provider(str(shop.administration.pk))
    row = PaystackTransaction.objects.get()
    client.force_login(shop.manager)
    page = client.get(f"/admin/billing/paystacktransaction/{row.pk}/change/").content.decode()
    assert "60.50" in page
    answer = client.get(f"/admin/billing/paystacktransaction/{row.pk}/refund/", follow=True)
    form = answer.context["form"]
    asked = {name: form[name].initial for name in ("amount", "method", "reference", "reason")}
    assert (asked["amount"], asked["method"], asked["reference"]) == (D("60.50"), "PAYSTACK", reference)
    client.post(answer.redirect_chain[-1][0], {**asked, "amount": "60.50", "key": "k"})
    assert left_of(advance) == (D("60.50"), D("10.50"))
    assert codes(shop) == []
    assert Wallet.objects.get().balance == D("60.50")


def test_whoever_does_not_approve_is_told_who_enters_it(shop, provider, client):
    reference = paid(shop, provider)
    provider.refunded(reference, 2000)
    catch_up_with_provider(str(shop.administration.pk))
    row = PaystackTransaction.objects.get()
    client.force_login(shop.receptionist)
    assert (
        "the manager or the owner enters it"
        in client.get(f"/admin/billing/paystacktransaction/{row.pk}/change/").content.decode()
    )
    assert client.get(f"/admin/billing/paystacktransaction/{row.pk}/refund/").status_code == 403


# Advances by a link --------------------------------------------------------------------------------------------------


def test_a_service_is_paid_in_advance_by_a_link_over_http(shop, provider, client):
    client.force_login(shop.receptionist)
    body = {"patient_id": str(shop.patient().pk), "service_id": str(taxed(shop).pk), "amount": "121", "email": EMAIL}
    made = client.post("/api/v1/billing/paystack/payments/links/", body, content_type="application/json")
    assert made.status_code == 201
    provider.paid(made.json()["reference"], 12100)
    services.verify(shop.administration, made.json()["reference"])
    assert TopUp.objects.get().service == taxed(shop)
    assert billed(shop).payments.get().advance == TopUp.objects.get()
    exempt = {**body, "service_id": str(shop.service("50.00").pk)}
    refused = client.post("/api/v1/billing/paystack/payments/links/", exempt, content_type="application/json")
    assert (refused.status_code, refused.json()["detail"]["code"]) == (400, "ADVANCE_UNTAXED")


def test_what_nobody_took_is_assigned_to_a_service_and_not_to_one_without_vat(shop, provider):
    provider.paid("r-1", 12100)
    with pytest.raises(Exception, match="nothing says for which bill"):
        services.verify(shop.administration, "r-1")
    row = PaystackTransaction.objects.get()
    with pytest.raises(AdvanceUntaxed):
        services.assign(row, patient=shop.patient(), service=shop.service("50.00"), by=shop.receptionist)
    taken = services.assign(row, patient=shop.patient(), service=taxed(shop), by=shop.receptionist)
    assert (taken.service, taken.vat, taken.taken_by) == (taxed(shop), D(21), shop.receptionist)


def test_a_service_that_is_not_taxed_any_more_is_no_reason_to_lose_the_money(shop, provider):
    service = taxed(shop)
    link = services.initialize_top_up(shop.patient(), amount=D(50), service=service, email=EMAIL, by=shop.receptionist)
    service.vat_code = shop.service("1.00").vat_code
    service.save()
    provider.paid(link.reference, 5000)
    services.verify(shop.administration, link.reference)
    assert TopUp.objects.get().service is None


# References as they are typed ----------------------------------------------------------------------------------------


def test_a_typed_reference_is_asked_about_a_moment_later_and_not_in_the_request(shop, provider):
    provider.paid("typed-1", 6500)
    before = len(provider.asked)
    payment = shop.pay(shop.bill("65.00"), "65.00", "PAYSTACK", reference="typed-1")
    top = top_up(shop.patient(), method="PAYSTACK", amount=D(9), reference="typed-2", by=shop.cashier)
    assert len(provider.asked) == before
    events = Event.objects.filter(name="billing.provider_reference_typed").order_by("id")
    assert [(event.subject_id, event.facts["reference"]) for event in events] == [
        (payment.pk, "typed-1"),
        (top.pk, "typed-2"),
    ]
    assert Delivery.objects.filter(event__in=events, handler="apps.billing.handlers.ask_about_typed").count() == 2
    for event in events:
        ask_about_typed(event)
        ask_about_reference(str(shop.administration.pk), event.facts["reference"])
    assert codes(shop) == ["PROVIDER_PAYMENT_NOT_CONFIRMED"]  # nobody paid by the second
    assert (Payment.objects.count(), TopUp.objects.count()) == (1, 1)


def test_while_the_provider_is_away_the_question_waits(shop, provider):
    provider.status = 503
    with pytest.raises(ProviderUnreachable):
        ask_about_reference.run(str(shop.administration.pk), "typed-1")


def test_nobody_asks_about_what_is_confirmed_and_where_nothing_is_connected(shop, provider, settings):
    provider.paid("r-1", 6500)
    with pytest.raises(Exception, match="nothing says for which bill"):
        services.verify(shop.administration, "r-1")
    bill = shop.bill("65.00")
    services.assign(PaystackTransaction.objects.get(), bill=bill, by=shop.receptionist)
    shop.pay(shop.bill("5.00"), "5.00", "CARD", reference="slip 7")
    settings.PAYSTACK_SECRET_KEYS = {}
    shop.pay(shop.bill("5.00"), "5.00", "PAYSTACK", reference="typed-3")
    assert not Event.objects.filter(name="billing.provider_reference_typed").exists()


# Who took it ---------------------------------------------------------------------------------------------------------


def test_what_the_provider_confirmed_was_taken_by_nobody_and_the_pages_name_it(shop, provider, client):
    reference = paid(shop, provider)
    payment = Payment.objects.get(reference=reference)
    assert payment.taken_by is None
    client.force_login(shop.manager)
    page = client.get(f"/admin/billing/payment/{payment.pk}/change/").content.decode()
    assert "Confirmed by Paystack" in page
    (one,) = tie_out(today_of(shop)).cashiers
    assert (one.cashier, one.name) == (None, "Paystack")
    typed = shop.pay(shop.bill("5.00"), "5.00", "PAYSTACK", reference="typed-9")
    page = client.get(f"/admin/billing/payment/{typed.pk}/change/").content.decode()
    assert "Confirmed by Paystack" not in page
    assert str(shop.receptionist) in page
