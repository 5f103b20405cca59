"""Advances over HTTP and on the pages: taken, used, given back, and listed."""

from decimal import Decimal as D

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.billing.models import Payment, TopUp, Wallet
from apps.billing.services.payments import owed
from apps.billing.services.wallets import balance_of, top_up
from apps.billing.tests.advancing import billed, left_of, paid_ahead, returned, taxed
from apps.billing.tests.clinic import make_clinic

TOP_UPS, WALLETS = "/api/v1/billing/top-ups/", "/api/v1/billing/wallets/"
PAYMENTS = "/api/v1/billing/payments/"


def sent(client, address, **body):
    return client.post(address, body, content_type="application/json")


def url(name, *args):
    return reverse(f"admin:billing_{name}", args=args)


def ahead(clinic, **more):
    asked = {"patient_id": str(clinic.patient().pk), "method": "CARD", "amount": "121"}
    return {**asked, "service_id": str(taxed(clinic).pk), **more}


# Over HTTP -----------------------------------------------------------------------------------------------------------


def test_an_advance_over_http_answers_its_parts_and_the_wallet_says_what_is_earmarked(clinic, client):
    client.force_login(clinic.cashier)
    row = sent(client, TOP_UPS, **ahead(clinic)).json()
    assert (row["number"], row["amount"], row["net"], row["vat"], row["left"]) == (
        "W-000001", "121.00", "100.00", "21.00", "121.00",
    )  # fmt: skip
    assert (row["service_code"], row["vat_code"], row["vat_rate"], row["advance_id"]) == (
        taxed(clinic).code, "HIGH", "21.0000", None,
    )  # fmt: skip
    top_up(clinic.patient(), method="CARD", amount=D(5), by=clinic.cashier)
    (wallet,) = client.get(WALLETS).json()["results"]
    assert (wallet["balance"], wallet["earmarked"]) == ("126.00", "121.00")
    moved = client.get(f"{WALLETS}{wallet['id']}/movements/").json()
    assert [one["service"] for one in moved] == [None, taxed(clinic).code]
    plain = client.get(f"{TOP_UPS}?open=false").json()["results"]
    assert [(one["amount"], one["left"], one["service_id"]) for one in plain] == [("5.00", None, None)]
    assert [one["number"] for one in client.get(f"{TOP_UPS}?open=true").json()["results"]] == ["W-000001"]


def test_a_service_without_vat_is_refused_with_the_way_out(clinic, client):
    client.force_login(clinic.cashier)
    refused = sent(client, TOP_UPS, **ahead(clinic, service_id=str(clinic.service("50.00").pk)))
    assert (refused.status_code, refused.json()["detail"]["code"]) == (400, "ADVANCE_UNTAXED")
    assert "Leave the service empty" in refused.json()["detail"]["hint"]


def test_what_is_given_back_over_http_names_the_advance(clinic, client):
    advance = paid_ahead(clinic, "121.00")
    body = ahead(clinic, amount="60.50", reason="Cancelled", advance_id=str(advance.pk))
    body.pop("service_id")
    client.force_login(clinic.cashier)
    assert sent(client, f"{TOP_UPS}pay-out/", **body).status_code == 403
    client.force_login(clinic.manager)
    row = sent(client, f"{TOP_UPS}pay-out/", **body).json()
    assert (row["amount"], row["vat"], row["advance_id"]) == ("-60.50", "-10.50", str(advance.pk))
    refused = sent(client, f"{TOP_UPS}pay-out/", **{**body, "amount": "60.51"})
    assert (refused.status_code, refused.json()["detail"]["code"]) == (400, "ADVANCE_BEYOND_LEFT")
    plain = sent(client, f"{TOP_UPS}pay-out/", **{**body, "advance_id": None})
    assert plain.json()["detail"]["code"] == "BEYOND_WALLET"
    (back,) = client.get(f"{TOP_UPS}?advance_id={advance.pk}").json()["results"]
    assert back["id"] == row["id"]


@pytest.mark.parametrize("wrong", ["x", "99999999-0000-7000-8000-000000000000", "foreign"])
def test_a_service_or_advance_that_is_not_here_is_422(clinic, client, wrong):
    client.force_login(clinic.manager)
    other = make_clinic("Elsewhere")
    service, advance = (
        (str(taxed(other).pk), str(paid_ahead(other, "10.00").pk)) if wrong == "foreign" else (wrong, wrong)
    )
    assert sent(client, TOP_UPS, **ahead(clinic, service_id=service)).status_code == 422
    body = {**ahead(clinic), "reason": "x", "advance_id": advance}
    assert sent(client, f"{TOP_UPS}pay-out/", **body).status_code == 422
    tender = {"bill_id": str(billed(clinic).pk), "method": "WALLET", "amount": "1", "advance_id": advance}
    assert sent(client, PAYMENTS, **tender).status_code == 422
    assert not TopUp.objects.filter(administration=clinic.administration).exists()


def test_a_bill_is_paid_over_http_from_the_advance_that_it_names(clinic, client):
    bill = billed(clinic)
    advance = paid_ahead(clinic, "121.00")
    client.force_login(clinic.cashier)
    body = {"bill_id": str(bill.pk), "method": "WALLET", "amount": "60.50", "advance_id": str(advance.pk)}
    row = sent(client, PAYMENTS, **body).json()
    assert (row["advance_id"], row["advance_vat"], row["amount"]) == (str(advance.pk), "10.50", "60.50")
    refused = sent(client, PAYMENTS, **{**body, "method": "CARD"})
    assert refused.json()["detail"]["code"] == "ADVANCE_OF_ANOTHER"
    without = sent(client, PAYMENTS, **{**body, "advance_id": None})
    assert without.json()["detail"]["code"] == "WALLET_BEYOND_BALANCE"
    assert [one["id"] for one in client.get(f"{PAYMENTS}?advance_id={advance.pk}").json()["results"]] == [row["id"]]


def test_lists_ask_no_more_when_there_are_more_advances(clinic, client):
    client.force_login(clinic.manager)
    paid_ahead(clinic, "121.00")
    for address in (TOP_UPS, WALLETS):
        client.get(address)
        with CaptureQueriesContext(connection) as few:
            client.get(address)
        for number in range(3):
            patient = clinic.patient(f"P-{number}-{len(address)}")
            returned(clinic, paid_ahead(clinic, "121.00", patient=patient), "21.00")
        with CaptureQueriesContext(connection) as many:
            client.get(address)
        assert len(many) == len(few)


# On the pages --------------------------------------------------------------------------------------------------------


def test_a_receptionist_takes_it_in_advance_by_typing_the_service(clinic, client):
    client.force_login(clinic.receptionist)
    clinic.patient()
    form = {"patient": "p-1", "amount": "121", "service": taxed(clinic).code, "method": "CARD", "key": "k-1"}
    answer = client.post(url("wallet_add"), form, follow=True)
    text = answer.content.decode()
    assert "is taken in advance; its VAT counts today." in text
    assert "Paid in advance" in text
    assert "The manager or the owner gives it back." in text
    advance = TopUp.objects.get()
    assert (advance.service, advance.vat) == (taxed(clinic), D(21))
    assert client.post(url("wallet_add"), form).status_code == 302
    assert TopUp.objects.count() == 1
    page = client.get(url("topup_change", advance.pk)).content.decode()
    assert "VAT, declared that day" in page


def test_what_is_no_service_or_has_no_vat_stands_beside_the_service(clinic, client):
    client.force_login(clinic.receptionist)
    clinic.patient()
    form = {"patient": "p-1", "amount": "50", "method": "CARD", "key": "k-1"}
    unknown = client.post(url("wallet_add"), {**form, "service": "nothing like it"})
    assert unknown.context["form"].errors.keys() == {"service"}
    exempt = client.post(url("wallet_add"), {**form, "service": clinic.service("50.00").code})
    (words,) = exempt.context["form"].errors["service"]
    assert "Leave the service empty" in words
    assert not TopUp.objects.exists()


def test_the_manager_gives_an_advance_back_from_the_page_of_the_wallet(clinic, client):
    advance = paid_ahead(clinic, "121.00")
    wallet = Wallet.objects.get()
    client.force_login(clinic.manager)
    page = client.get(url("wallet_change", wallet.pk))
    ((_advance, address),) = page.context["advances"]
    assert "All of it was paid in advance for services" in page.content.decode()
    asked = client.get(address)
    assert asked.context["form"]["amount"].initial == D(121)
    assert "W-000001" in str(asked.context["sentence"])
    form = {"amount": "121", "method": "CARD", "reason": "Cancelled", "key": "k-2"}
    for _again in range(2):
        assert client.post(address, form).status_code == 302
    assert (left_of(advance), TopUp.objects.count()) == ((D(0), D(0)), 2)
    assert client.get(f"{url('wallet_pay_out', wallet.pk)}?advance=x").status_code == 404
    assert client.get(f"{url('wallet_pay_out', wallet.pk)}?advance={wallet.pk}").status_code == 404


def test_paying_out_of_a_wallet_leaves_what_was_paid_for_services(clinic, client):
    paid_ahead(clinic, "121.00")
    top_up(clinic.patient(), method="CARD", amount=D(9), by=clinic.cashier)
    client.force_login(clinic.manager)
    address = url("wallet_pay_out", Wallet.objects.get().pk)
    page = client.get(address)
    assert page.context["form"]["amount"].initial == D(9)
    refused = client.post(address, {"amount": "10", "method": "CARD", "reason": "Moves", "key": "k-3"})
    assert "is more than the" in refused.content.decode()
    assert balance_of(clinic.patient()) == D(130)


def test_a_bill_that_stands_there_is_paid_from_the_advance_with_one_confirmation(clinic, client):
    bill = billed(clinic)
    paid_ahead(clinic, "100.00")
    client.force_login(clinic.receptionist)
    address = url("bill_advances", bill.pk)
    assert address in client.get(url("bill_change", bill.pk)).content.decode()
    assert address in client.get(url("bill_pay", bill.pk)).content.decode()
    sentence = str(client.get(address).context["sentence"])
    assert "W-000001" in sentence
    assert "100.00" in sentence
    for _again in range(2):
        client.post(address, {"key": "k-4"})
    payment = Payment.objects.get()
    assert (payment.amount, owed(bill)) == (D(100), D(21))
    page = client.get(url("payment_change", payment.pk)).content.decode()
    assert "From what was paid in advance" in page
    assert address not in client.get(url("bill_change", bill.pk)).content.decode()


def test_whoever_types_a_patient_sees_what_they_paid_in_advance_for(clinic, client):
    paid_ahead(clinic, "121.00")
    client.force_login(clinic.receptionist)
    (found,) = client.get(url("patient_find", clinic.administration.pk), {"q": "P-1"}).json()["results"]
    assert f"in advance for {taxed(clinic).code}" in found["note"]


def test_the_close_page_leads_from_each_figure_of_advances_to_its_rows(clinic, client):
    advance = paid_ahead(clinic, "121.00")
    paid_ahead(clinic, "60.50", price="60.50")
    returned(clinic, advance, "21.00")
    billed(clinic, taxed(clinic, "60.50"))
    client.force_login(clinic.manager)
    page = client.get(url("close_day", clinic.administration.pk, clinic.today.isoformat()))
    figures = page.context["advances"]
    assert [one.amount for one in figures] == [D("181.50"), D("-21.00"), D("60.50"), D("17.36")]
    for one in figures[:3]:
        rows = client.get(one.link).context["cl"].queryset
        assert sum(row.amount for row in rows) == one.amount
    listed = client.get(f"{url('topup_changelist')}?advance=open").context["cl"].queryset
    assert [row.left for row in listed] == [D(100)]


def test_a_day_without_advances_says_nothing_of_them(clinic, client):
    clinic.bill("10.00")
    client.force_login(clinic.manager)
    page = client.get(url("close_day", clinic.administration.pk, clinic.today.isoformat()))
    assert page.context["advances"] == []
    assert "Advances for taxed services" not in page.content.decode()
