"""The drawer counted in a real browser: by keyboard and by touch, at 1280 and at 390 pixels."""

import pytest

from apps.billing.models import DrawerCount, Shift
from apps.billing.tests.clinic import make_clinic
from apps.billing.tests.drawers import drawer_of, petty_cash, take_cash
from config.tests.test_browser import desk  # noqa: F401 - the fixture that opens a browser of each size


@pytest.fixture
def clinic(committed):
    clinic = make_clinic()
    drawer_of(clinic)
    return clinic


def test_a_drawer_is_counted_twice_and_then_tells_what_was_expected(desk, clinic):  # noqa: F811
    shift = take_cash(clinic, "65.00").shift
    petty_cash(shift, clinic, "12.50")
    page = desk.sign_in(clinic.receptionist)
    page.goto(f"{desk.url}/admin/billing/shift/{shift.pk}/change/")
    desk.look(page, "shift-open")
    page.get_by_role("link", name="Count the drawer").click()
    page.locator("[name='piece-500.00']:focus").wait_for()
    page.get_by_label("100.00", exact=True).focus()
    page.keyboard.type("1")
    page.keyboard.press("Enter")  # on to the fifties, as on a till
    page.locator("[name='piece-50.00']:focus").wait_for()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowDown")
    page.get_by_role("button", name="One 0.50 more").click()
    assert page.locator("[data-total]").inner_text() == "EUR\u00a0150.50"
    desk.look(page, "count")
    page.get_by_role("button", name="One 50.00 less").click()
    assert page.locator("[data-total]").inner_text() == "EUR\u00a0100.50"
    page.get_by_role("button", name="Save the count").click()
    page.get_by_text("Second count.").wait_for()
    assert "152.50" not in page.content()
    desk.look(page, "count-second")
    page.get_by_label("Or the total alone").fill("152,00")
    assert page.locator("[data-total]").inner_text() == "EUR\u00a0152.00"
    page.get_by_role("button", name="Save the count").click()
    page.get_by_text("152.50").first.wait_for()
    page.get_by_label("Note").fill("A coin rolled away.")
    page.get_by_role("button", name="Add the note").click()
    page.get_by_text("A coin rolled away.").wait_for()
    desk.look(page, "shift-counted")
    assert DrawerCount.objects.get(is_final=True).difference == -DrawerCount.objects.get(is_final=True).expected + 152


def test_the_drawers_other_pages_fit(desk, clinic):  # noqa: F811
    page = desk.sign_in(clinic.manager)
    page.goto(f"{desk.url}/admin/billing/shift/add/")
    desk.look(page, "shift-add")
    page.get_by_role("button", name="Open the shift").click()
    page.wait_for_url("**/change/")
    shift = Shift.objects.get()
    for name in ("hand-over", "cash"):
        page.goto(f"{desk.url}/admin/billing/shift/{shift.pk}/{name}/")
        desk.look(page, f"shift-{name}")
    page.goto(f"{desk.url}/admin/billing/terminalbatch/add/")
    desk.look(page, "terminal-total")
    for name in ("drawer", "shift", "cashmovement", "drawercount", "terminalbatch"):
        page.goto(f"{desk.url}/admin/billing/{name}/")
        desk.look(page, f"list-{name}")
