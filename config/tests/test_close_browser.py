"""Closing a day in a real browser: the receptionist on a tablet, the manager's signature, at both sizes."""

from decimal import Decimal
from pathlib import Path

import pytest
from django.urls import reverse

from apps.billing.models import EndOfDayReconciliation, Leak, TerminalBatch
from apps.billing.services.charging import Charge, register_visit
from apps.billing.services.drawers import open_shift
from apps.billing.services.payments import refund_payment
from apps.billing.tests.clinic import make_clinic
from apps.billing.tests.drawers import drawer_of
from config.tests.test_browser import desk

__all__ = ["desk"]
pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def clinic(committed):
    """A day with cash in a drawer, cards, cover, a refund, a leak, a visit that is still active, and days before."""
    clinic = make_clinic()
    for back, amount in ((1, "410.00"), (2, "280.50"), (3, "365.00"), (6, "305.00"), (7, "390.00"), (8, "120.00")):
        day = clinic.today.fromordinal(clinic.today.toordinal() - back)
        clinic.pay(clinic.bill(amount, day=day), amount, method="CARD", day=day)
        clinic.close(day)
    clinic.drawer = drawer_of(clinic)
    clinic.shift = open_shift(clinic.drawer, opening_float=Decimal(100), by=clinic.cashier)
    clinic.pay(clinic.bill("65.00"), "65.00", by=clinic.cashier)
    card = clinic.pay(clinic.bill("1240.00"), "1240.00", method="CARD", by=clinic.cashier)
    refund_payment(card, amount=Decimal("40.00"), reason="charged twice", by=clinic.owner)
    clinic.pay(clinic.bill("84.00"), "60.00", method="HMO", by=clinic.cashier)
    TerminalBatch.objects.create(
        administration=clinic.administration,
        clinic_day=clinic.shift.clinic_day,
        terminal="T1",
        total=Decimal("1195.00"),
        by=clinic.cashier,
    )
    register_visit(
        administration=clinic.administration,
        patient=clinic.patient("P-10482"),
        charges=[Charge(clinic.service("28.50"))],
        by=clinic.receptionist,
    )
    Leak.objects.create(
        administration=clinic.administration,
        rule="L01",
        leak_class="UNBILLED",
        entity_type="billing.Patient",
        entity_id=clinic.patient().pk,
        day=clinic.today,
        amount=Decimal("130.00"),
    )
    return clinic


def close_page(desk, clinic):
    return desk.url + reverse("admin:billing_close_day", args=[clinic.administration.pk, clinic.today.isoformat()])


def test_a_receptionist_closes_the_day_and_a_manager_signs_it(desk, clinic):
    page = desk.sign_in(clinic.receptionist)
    page.goto(close_page(desk, clinic))
    page.get_by_text("Cash shows after the count").wait_for()
    assert "165.00" not in page.content()
    assert "65.00" not in page.locator("#takings").inner_text()
    desk.look(page, "close-1-before-the-count")

    page.get_by_role("button", name="Close it").click()
    page.get_by_text("The visits are closed").wait_for()
    assert page.locator("#visits[open]").count() == 0  # done, so it folds up

    page.locator("#count").get_by_role("link", name="Count it").click()
    for piece, count in (("50.00", "3"), ("10.00", "1"), ("2.00", "2")):
        page.get_by_label(piece, exact=True).fill(count)
    page.get_by_role("button", name="Save the count").click()
    page.get_by_text("165.00").first.wait_for()  # what was expected
    page.goto(close_page(desk, clinic))
    page.get_by_text("counted, 1 differs").wait_for()
    assert page.locator("#takings").get_by_text("65.00").count()
    desk.look(page, "close-2-counted")

    page.keyboard.press("p")
    page.get_by_text("The close is prepared").wait_for()
    page.get_by_role("button", name="Send to manager").wait_for()
    assert page.get_by_text("cannot sign").count() == 1
    desk.look(page, "close-3-prepared")
    page.keyboard.press("s")
    page.get_by_text("Sent to whoever may sign").wait_for()
    desk.look(page, "close-4-sent")

    page = desk.sign_in(clinic.manager)
    page.goto(close_page(desk, clinic))
    page.get_by_role("heading", name="For the review").wait_for()
    page.get_by_text("A week before").last.wait_for(state="attached")
    desk.look(page, "close-5-review")
    page.keyboard.press("v")
    page.get_by_text("Reviewed.").wait_for()
    page.keyboard.press("f")
    page.get_by_text("Cannot be changed afterwards.").wait_for()
    desk.look(page, "close-6-asked")
    page.get_by_role("button", name="Yes, finalize").click()
    page.get_by_text("these figures never change").wait_for()
    close = EndOfDayReconciliation.objects.get(reconciliation_date=clinic.today)
    assert (close.status, close.reviewed_by, close.finalized_by) == ("FINALIZED", clinic.manager, clinic.manager)
    page.get_by_label("Note", exact=True).fill("The missing euro was found behind the desk.")
    page.get_by_role("button", name="Add the note").click()
    page.locator(".notes", has_text="behind the desk").wait_for()
    desk.look(page, "close-7-signed")
    with page.expect_download() as download:
        page.get_by_role("link", name="Z report (PDF)").click()
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF")

    # A bill was forgotten: the owner opens the day again, and both revisions stand side by side.
    page = desk.sign_in(clinic.owner)
    page.goto(close_page(desk, clinic))
    page.get_by_role("link", name="Reopen the day").click()
    page.get_by_text("Both revisions stay visible.").wait_for()
    page.get_by_role("button", name="Yes, reopen").click()
    page.get_by_text("This field is required").wait_for()
    page.get_by_label("Reason").fill("A bill was forgotten")
    desk.look(page, "close-8-reopen")
    page.get_by_role("button", name="Yes, reopen").click()
    page.get_by_text("The day is open again").wait_for()
    clinic.pay(clinic.bill("10.00"), "10.00", method="CARD", by=clinic.cashier)
    page.keyboard.press("r")
    page.get_by_text("computed anew").wait_for()
    page.get_by_role("link", name="The revisions side by side").click()
    page.get_by_role("heading", name="The revisions side by side").wait_for()
    desk.look(page, "close-9-revisions")


def test_the_list_of_closes_is_searched_and_filtered(desk, clinic):
    page = desk.sign_in(clinic.manager)
    page.goto(f"{desk.url}/admin/billing/endofdayreconciliation/?q={clinic.receptionist.full_name}")
    page.get_by_text("410.00").first.wait_for()
    desk.look(page, "close-list")
