"""What only a browser shows of billing's pages: what is found while typing, what appears when something is typed."""

import pytest

from apps.billing.models import ClaimSettlement, TopUp
from apps.billing.tests.clinic import make_clinic
from apps.billing.tests.covered import claimed
from apps.billing.tests.test_import_clinic import FIXTURES
from config.tests.test_browser import choose, desk

__all__ = ["desk"]


@pytest.fixture
def clinic(committed):
    clinic = make_clinic()
    clinic.patient("P-10482")
    return clinic


def test_a_wallet_is_topped_up_for_a_patient_who_is_found_while_typing(desk, clinic):
    page = desk.sign_in(clinic.receptionist)
    page.goto(f"{desk.url}/admin/billing/wallet/add/")
    page.get_by_role("combobox", name="Patient").focus()
    page.keyboard.type("zz")
    page.get_by_text("Nothing found").wait_for()
    page.get_by_role("combobox", name="Patient").fill("")
    choose(page, "Anna")
    page.keyboard.type("25")
    desk.look(page, "top-up")
    page.keyboard.press("Enter")
    page.get_by_text("is put in").wait_for()
    assert TopUp.objects.get().amount == 25


def test_why_a_payer_pays_less_is_asked_where_it_does(desk, clinic):
    claim = claimed(clinic, "100.00")
    page = desk.sign_in(clinic.accountant)
    page.goto(f"{desk.url}/admin/billing/remittance/add/?payer={claim.payer_id}")
    page.get_by_label("Received", exact=True).fill("80")
    reason = page.get_by_label("Why: Contractual adjustment")
    page.get_by_label(f"Paid, {claim}").fill("80")
    assert not reason.is_visible()
    page.get_by_label(f"Contractual adjustment, {claim}").press("=")
    assert page.locator("[data-left]").inner_text() == "0.00"
    assert not page.get_by_label("Why: Withholding tax").is_visible()
    reason.fill("Rebate")
    desk.look(page, "remittance-reason")
    page.get_by_role("button", name="Post the remittance").click()
    page.get_by_text("The remittance is posted").wait_for()
    assert ClaimSettlement.objects.get(kind="ADJUSTMENT").reason == "Rebate"


def test_the_mapping_page_tries_the_files_that_are_chosen(desk, clinic):
    page = desk.sign_in(clinic.owner)
    page.goto(f"{desk.url}/admin/mapping/")
    folder = FIXTURES / "one_file"
    page.locator("#mapping").fill((folder / "mapping.toml").read_text())
    page.locator("#files").set_input_files(list(folder.glob("*.csv")))
    page.locator("#trial table").first.wait_for()
    page.get_by_text("Import these files").click()
    page.get_by_role("button", name="Yes, import").wait_for()
    desk.look(page, "mapping-trial")
