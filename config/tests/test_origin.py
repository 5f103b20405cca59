"""What another site sends in somebody's name is refused, and what somebody types is never taken for a page of ours."""

import http.client

import pytest
from django.test import Client

from apps.billing.services.catalogue import register_patient, register_payer
from apps.billing.tests.clinic import make_clinic

MARKUP = '<script>alert(1)</script>"><img src=x onerror=alert(1)>{{ 7*7 }}'
ELSEWHERE = "https://evil.example"


@pytest.fixture
def clinic(db):
    return make_clinic()


def test_a_form_without_our_own_token_is_refused(clinic):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(clinic.owner)
    assert browser.post("/admin/billing/payer/add/", {"code": "X", "name": "X"}).status_code == 403
    assert browser.post("/account/register/", {"email": "x@x.example"}).status_code == 403
    asked = browser.post("/api/v1/billing/reconciliation/", {}, content_type="application/json")
    assert asked.status_code == 403


@pytest.mark.parametrize("address", ["/health/", "/api/v1/auth/me/", "/admin/login/", "/api/schema/"])
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_no_answer_is_open_to_scripts_of_other_sites(client, clinic, address, method):
    client.force_login(clinic.owner)
    headers = {"Origin": ELSEWHERE, "Access-Control-Request-Method": "POST"}
    answer = client.generic(method, address, headers=headers)
    assert [name for name in answer.headers if name.lower().startswith("access-control-")] == []


def test_what_is_typed_is_shown_as_it_was_typed(client, clinic):
    client.force_login(clinic.owner)
    patient = register_patient(clinic.administration, code="P-9", name=MARKUP, by=clinic.owner)
    payer = register_payer(clinic.administration, code="X", name=MARKUP, by=clinic.owner)
    bill = clinic.bill("65.00", patient=patient)
    pages = [
        "/admin/billing/patient/",
        f"/admin/billing/patient/{patient.pk}/change/",
        f"/admin/billing/bill/{bill.pk}/change/",
        f"/admin/billing/payer/{payer.pk}/change/",
        "/admin/billing/payer/",
        f"/admin/billing/payer/?q={MARKUP}",
        f"/admin/login/?next={MARKUP}",
    ]
    texts = [client.get(page, follow=True).content.decode() for page in pages]
    assert sum("&lt;script&gt;alert(1)" in text for text in texts) >= 5
    assert not any("<script>alert" in text or "<img src=x" in text for text in texts)


def test_a_server_answers_no_trace(site):
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    for address in ("/health/", "/admin/login/", "/api/v1/auth/token/"):
        connection.request("TRACE", address, headers={"X-Secret": "told"})
        answer = connection.getresponse()
        assert answer.status in (403, 405)
        assert b"told" not in answer.read()
