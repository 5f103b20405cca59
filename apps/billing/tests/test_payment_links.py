"""Sending a payment link from a bill or a wallet: who may, what it says, that it is begun once."""

from decimal import Decimal as D

import pytest

from apps.billing.models import Payment, PaystackTransaction, TopUp, Wallet
from apps.billing.services.paystack import verify
from apps.billing.tests.paystack_site import PaystackSite

AT = "/admin/billing/"
FORM = {"amount": "40", "email": "somebody@patients.example", "key": "k-1"}


@pytest.fixture
def provider(clinic, settings):
    with PaystackSite() as site:
        settings.PAYSTACK_SECRET_KEYS = {str(clinic.administration.pk): site.key}
        settings.PAYSTACK_URL = site.url
        yield site


@pytest.fixture
def desk(client, clinic):
    client.force_login(clinic.receptionist)
    return client


def test_a_link_for_a_bill_is_shown_once_begun_and_its_payment_comes_in(clinic, desk, provider):
    bill = clinic.bill("65.00")
    bill.patient.identity.email = "anna@patients.example"
    bill.patient.identity.save()
    page = f"{AT}bill/{bill.pk}/link/"
    assert page in desk.get(f"{AT}bill/{bill.pk}/change/").content.decode()
    first = desk.get(page).context["form"].initial
    assert (first["amount"], first["email"]) == (65, "anna@patients.example")
    for _twice in range(2):
        shown = desk.post(page, FORM).content.decode()
        row = PaystackTransaction.objects.get()
        assert f"{provider.url}/pay/{row.reference}" in shown
    assert (row.bill, row.amount, len(provider.asked)) == (bill, 40, 1)
    assert "Not paid yet" in desk.get(f"{AT}bill/{bill.pk}/change/").content.decode()
    provider.paid(row.reference, 4000)
    verify(clinic.administration, row.reference)
    payment = Payment.objects.get()
    assert (payment.bill, payment.amount, payment.method) == (bill, D(40), "PAYSTACK")


def test_a_link_for_a_wallet_tops_it_up(clinic, desk, provider):
    clinic.fill_wallet("5.00")
    wallet = Wallet.objects.get()
    page = f"{AT}wallet/{wallet.pk}/link/"
    assert page in desk.get(f"{AT}wallet/{wallet.pk}/change/").content.decode()
    desk.post(page, FORM)
    row = PaystackTransaction.objects.get()
    provider.paid(row.reference, 4000)
    verify(clinic.administration, row.reference)
    assert TopUp.objects.filter(patient=wallet.patient, method="PAYSTACK", amount=40).exists()


@pytest.mark.parametrize(
    ("changed", "field", "words"),
    [
        ({"amount": "65.01"}, "__all__", "65.00"),
        ({"amount": "0"}, "__all__", "more than zero"),
        ({"amount": "1.234"}, "amount", "At most 2 digits"),
        ({"email": "nobody"}, "email", "valid email"),
        ({"email": ""}, "email", "required"),
    ],
)
def test_what_is_refused_is_said_and_nothing_is_begun(clinic, desk, provider, changed, field, words):
    answer = desk.post(f"{AT}bill/{clinic.bill('65.00').pk}/link/", FORM | changed)
    assert words in str(answer.context["form"].errors[field])
    assert not PaystackTransaction.objects.exists()
    assert provider.asked == []


def test_a_provider_that_is_away_is_said_beside_what_was_typed(clinic, desk, provider):
    provider.status = 503
    answer = desk.post(f"{AT}bill/{clinic.bill('65.00').pk}/link/", FORM)
    assert "Paystack does not answer" in str(answer.context["form"].errors)
    assert 'value="somebody@patients.example"' in answer.content.decode()


def test_where_the_provider_is_not_connected_or_nothing_is_owed_no_link_is_offered(clinic, desk, provider, settings):
    paid = clinic.bill("65.00")
    clinic.pay(paid, "65.00", method="CARD")
    assert "/link/" not in desk.get(f"{AT}bill/{paid.pk}/change/").content.decode()
    settings.PAYSTACK_SECRET_KEYS = {}
    bill = clinic.bill("50.00")
    assert "/link/" not in desk.get(f"{AT}bill/{bill.pk}/change/").content.decode()
    assert "is not connected" in str(desk.post(f"{AT}bill/{bill.pk}/link/", FORM).context["form"].errors)
    desk.force_login(clinic.accountant)
    assert desk.get(f"{AT}bill/{bill.pk}/link/").status_code == 403


def test_an_empty_list_says_whether_there_is_a_provider(clinic, desk, provider, settings):
    assert "Nothing came from Paystack yet" in desk.get(f"{AT}paystacktransaction/").content.decode()
    settings.PAYSTACK_SECRET_KEYS = {}
    assert "is not connected to this clinic" in desk.get(f"{AT}paystacktransaction/").content.decode()
