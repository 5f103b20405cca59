"""Paid in advance, in a real browser: taken by typing the service, used by the bill, given back, and on the close."""

import pytest
from django.urls import reverse

from apps.billing.models import Patient, TopUp
from apps.billing.tests.advancing import billed, left_of, taxed
from apps.billing.tests.clinic import make_clinic
from config.tests.test_browser import choose, desk

__all__ = ["desk"]


@pytest.fixture
def clinic(committed):
    """A patient, a service with VAT and one without."""
    clinic = make_clinic()
    clinic.patient("P-10482")
    taxed(clinic)
    clinic.service("65.00")
    return clinic


def test_a_receptionist_takes_an_advance_and_the_manager_gives_the_rest_back(desk, clinic):
    page = desk.sign_in(clinic.receptionist)
    page.goto(desk.url + reverse("admin:billing_wallet_add"))
    page.get_by_role("combobox", name="Patient").focus()
    choose(page, "P-10482")
    page.get_by_label("Amount").fill("181.50")
    page.get_by_role("combobox", name="For service").focus()
    choose(page, "S65")
    page.get_by_role("button", name="Top up").click()
    page.get_by_text("Leave the service empty").wait_for()
    desk.look(page, "advance-1-untaxed")

    page.get_by_role("combobox", name="For service").fill("")
    page.get_by_role("combobox", name="For service").focus()
    choose(page, "S121")
    page.get_by_label("Method").select_option("CARD")
    page.get_by_role("button", name="Top up").click()
    page.get_by_text("its VAT counts today").wait_for()
    desk.look(page, "advance-2-wallet")
    advance = TopUp.objects.get()
    assert (advance.amount, advance.vat) == (181.5, 31.5)

    billed(clinic, taxed(clinic), patient=Patient.objects.get(code="P-10482"))
    page = desk.sign_in(clinic.manager)
    page.goto(desk.url + reverse("admin:billing_wallet_change", args=[advance.patient.wallet.pk]))
    page.get_by_role("link", name="Give back").click()
    assert page.get_by_label("Amount").input_value() == "60.50"
    page.get_by_label("Reason").fill("Stopped after one")
    page.get_by_label("Method").select_option("CARD")
    desk.look(page, "advance-3-give-back")
    page.get_by_role("button", name="Pay out").click()
    page.get_by_text("Stopped after one").wait_for(state="attached")  # a phone shows the amount alone
    desk.look(page, "advance-4-given-back")
    assert left_of(advance) == (0, 0)

    page.goto(desk.url + reverse("admin:billing_close_day", args=[clinic.administration.pk, clinic.today.isoformat()]))
    page.get_by_text("Advances for taxed services").wait_for()
    desk.look(page, "advance-5-close")
