"""A receptionist at the desk in a real browser: a visit, a discount and a split payment without a mouse."""

import time
from decimal import Decimal

import pytest

from apps.billing.models import Bill, Discount, Drawer, Order, Payment, Tariff, Visit
from apps.billing.services.charging import Charge, register_visit
from apps.billing.services.ordering import complete_order, place_order
from apps.billing.tests.clinic import make_clinic
from config.tests.test_browser import choose, desk

__all__ = ["desk"]
KEYSTROKE = 150  # milliseconds: 80 words a minute, a receptionist who types every day


@pytest.fixture
def clinic(committed):
    """A clinic with a drawer, a payer with a tariff, and a patient who has a wallet and an address."""
    clinic = make_clinic()
    patient = clinic.patient("P-10482")
    patient.identity.email = "anna@patients.example"
    patient.identity.save()
    Drawer.objects.create(administration=clinic.administration, code="D1", name="Desk")
    clinic.service("65.00")
    Tariff.objects.create(
        administration=clinic.administration,
        payer=clinic.payer("HMO"),
        service=clinic.service("28.50"),
        price="25.00",
        co_pay="5.00",
        valid_from="2000-01-01",
    )
    clinic.fill_wallet("12.00", patient=patient)
    return clinic


def keys(page, *names):
    for name in names:
        page.keyboard.press(name)


def typed(page, text):
    page.keyboard.type(text, delay=KEYSTROKE)


def test_a_visit_is_registered_billed_and_paid_in_two_ways_in_under_a_minute_by_keyboard(desk, clinic):
    page = desk.sign_in(clinic.receptionist)
    began = time.monotonic()
    keys(page, "n")
    page.get_by_role("combobox", name="Patient").wait_for()
    typed(page, "P-104")
    page.locator("[role=option]:visible").first.wait_for()
    keys(page, "Tab")  # takes it, and goes on to the reason
    keys(page, "Tab", "Tab", "Tab", "Tab")  # past reason, new patient, payer and inpatient
    typed(page, "S65")
    page.locator("[role=option]:visible").first.wait_for()
    keys(page, "Tab", "Tab", "Enter")  # past the quantity, open what else there is to say
    keys(page, "Tab")
    typed(page, "Done")
    keys(page, "Tab", "Tab")  # the kind is the service's
    typed(page, "15")
    keys(page, "Tab")
    typed(page, "Staff")
    keys(page, "Tab", "Tab")
    typed(page, "of 28")
    page.locator("[role=option]:visible").first.wait_for()
    keys(page, "Tab")
    typed(page, "2")
    keys(page, "Tab", "Tab", "Tab", "Tab")  # past what else, and the empty row, to method and amount
    typed(page, "40")
    keys(page, "Tab", "Tab", "Tab")
    typed(page, "Card")
    keys(page, "Tab")
    typed(page, "=")
    page.get_by_label("Cash given").focus()
    typed(page, "50")
    assert page.locator("[data-total]").inner_text() == "EUR\u00a0107.00"
    assert page.locator("[data-change]").inner_text() == "EUR\u00a010.00"
    assert page.locator("[data-left]").inner_text() == "EUR\u00a00.00"
    assert page.locator("[data-balance]").inner_text() == "EUR\u00a012.00 in the wallet"
    desk.look(page, "desk-filled")
    keys(page, "Enter")
    page.get_by_text("Visit registered").wait_for()
    took = time.monotonic() - began
    print(f"\nA visit with two services, a discount and a split payment took {took:.1f} s by keyboard.")
    assert took < 60

    visit = Visit.objects.get()
    assert {(one.method, one.amount) for one in Payment.objects.all()} == {("CASH", 40), ("CARD", 67)}
    assert Discount.objects.get().amount == 15
    assert Order.objects.get().completed_quantity == 1
    desk.look(page, "desk-visit")

    # The receipt, by keyboard too.
    keys(page, "r")
    page.get_by_role("button", name="Print").wait_for()
    desk.look(page, "desk-receipt-preview")
    page.get_by_role("button", name="Mail to").click()
    page.get_by_text("mailed to anna@patients.example").wait_for()
    page.emulate_media(media="print")
    page.evaluate("window.print = () => {}")
    page.emulate_media(media="screen")
    page.get_by_role("button", name="Print again").click()
    page.get_by_text("REPRINT (copy 2)").wait_for()
    desk.look(page, "desk-receipt-reprint")

    # What the manager approves, and cash that nobody sees before it is counted.
    page.goto(f"{desk.url}/admin/")
    page.get_by_text("Cash shows after the count").wait_for()
    assert page.get_by_text("40.00").count() == 0
    desk.look(page, "desk-home")
    page.goto(f"{desk.url}/admin/billing/payment/?day={clinic.today}")
    page.get_by_text("sum shows after the count").wait_for()
    desk.look(page, "desk-payments")
    assert visit.bills.get().gross == 107


def test_what_a_payer_covers_is_priced_by_its_tariff_and_the_rest_is_the_co_pay(desk, clinic):
    page = desk.sign_in(clinic.receptionist)
    page.goto(f"{desk.url}/admin/billing/visit/add/")
    page.get_by_role("combobox", name="Patient").focus()
    choose(page, "P-10482")
    page.locator("#id_payer").select_option(label="Hygeia")
    page.get_by_role("combobox", name="Service").first.focus()
    choose(page, "of 28")
    page.locator("[data-total]").get_by_text("EUR\u00a025.00").wait_for()
    assert page.locator("[data-own]").inner_text() == "EUR\u00a05.00"
    page.locator("#id_tenders-0-method").select_option(label="HMO")
    assert page.locator("#id_tenders-0-payer").input_value() == str(clinic.payer("HMO").pk)
    page.locator("#id_tenders-0-amount").press("=")
    assert page.locator("#id_tenders-0-amount").input_value() == "20.00"
    page.locator("#id_tenders-0-authorisation").fill("A-77")
    page.locator("#id_tenders-1-method").select_option(label="Wallet")
    page.locator("#id_tenders-1-amount").fill("25")
    desk.look(page, "desk-covered")
    page.get_by_role("button", name="Register", exact=True).click()
    page.get_by_text("more than the").wait_for()
    desk.look(page, "desk-refused")
    assert not Visit.objects.exists()
    page.locator("#id_tenders-1-amount").fill("5")
    page.get_by_role("button", name="Register, and receipt").click()
    page.get_by_role("button", name="Print").wait_for()
    assert {(one.method, one.amount) for one in Payment.objects.all()} == {("HMO", 20), ("WALLET", 5)}


def test_orders_are_done_cancelled_and_billed_from_the_visit(desk, clinic):
    visit = register_visit(
        administration=clinic.administration,
        patient=clinic.patient("P-10482"),
        charges=[Charge(clinic.service("65.00"))],
        reason="Check-up",
        by=clinic.cashier,
    )
    done, _other, third = (
        place_order(visit, kind=kind, service=clinic.service("28.50"), by=clinic.cashier)
        for kind in ("LAB", "IMAGING", "PHARMACY")
    )
    complete_order(done, by=clinic.cashier)
    page = desk.sign_in(clinic.receptionist)
    desk.look(page, "desk-home-orders")
    page.goto(f"{desk.url}/admin/billing/visit/{visit.pk}/change/")
    desk.look(page, "desk-visit-orders")
    keys(page, "?")
    page.get_by_role("dialog").get_by_text("Order care").wait_for()
    desk.look(page, "desk-keys")
    keys(page, "?")
    page.get_by_role("link", name="cancel", exact=True).last.click()
    page.get_by_label("Reason").fill("Not wanted")
    desk.look(page, "desk-order-cancel")
    keys(page, "Enter")
    page.get_by_text("is cancelled").first.wait_for()
    page.get_by_role("button", name="is done").first.click()
    page.get_by_text("is done.").wait_for()
    keys(page, "b")
    page.locator("[data-total]").get_by_text("EUR\u00a057.00").wait_for()
    desk.look(page, "desk-bill-more")
    page.get_by_role("button", name="Issue the bill").click()
    page.get_by_text("The bill is issued").wait_for()
    third.refresh_from_db()
    assert third.reason == "Not wanted"
    assert Bill.objects.filter(visit=visit, gross=57).exists()
    keys(page, "o")
    page.get_by_role("combobox", name="Service").wait_for()
    desk.look(page, "desk-order")


def test_a_manager_finds_discounts_and_orders_and_gives_money_back(desk, clinic):
    for discount in ("15", "20"):
        charge = Charge(clinic.service("65.00"), discount=Decimal(discount), discount_reason="Staff")
        register_visit(
            administration=clinic.administration,
            patient=clinic.patient("P-10482"),
            charges=[charge],
            by=clinic.receptionist,
        )
    bill = Bill.objects.first()
    payment = clinic.pay(bill, "45.00", method="CARD")
    page = desk.sign_in(clinic.manager)
    desk.look(page, "desk-home-manager")
    page.get_by_role("link", name="2 discounts").click()
    page.locator("#result_list").get_by_text("Waits for approval").first.wait_for()
    desk.look(page, "desk-discounts")
    page.goto(f"{desk.url}/admin/billing/discount/{Discount.objects.first().pk}/approve/")
    desk.look(page, "desk-approve")
    keys(page, "Tab")
    page.get_by_role("button", name="Approve").press("Enter")
    page.get_by_text("is approved").wait_for()
    page.goto(f"{desk.url}/admin/billing/bill/{bill.pk}/change/")
    desk.look(page, "desk-bill")
    page.goto(f"{desk.url}/admin/billing/payment/{payment.pk}/change/")
    desk.look(page, "desk-payment")
    page.get_by_role("link", name="Chargeback").click()
    page.get_by_label("Reason").fill("The bank took it back")
    desk.look(page, "desk-chargeback")
    keys(page, "Enter")
    page.get_by_text("is recorded").wait_for()
    page.goto(f"{desk.url}/admin/billing/order/")
    desk.look(page, "desk-orders-empty")
