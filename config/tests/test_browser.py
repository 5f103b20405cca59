"""The day of a clinic in a real browser, on the site as production runs it, at 1280 and at 390 pixels."""

from datetime import timedelta
from pathlib import Path

import pytest

from apps.billing.models import EndOfDayReconciliation, Payment, Visit
from apps.billing.tests.clinic import PASSWORD, make_clinic
from apps.core.models import Job
from apps.ledger.models import JournalEntry

SHOTS = Path(__file__).resolve().parents[2] / "var" / "screenshots"
SIZES = {"wide": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}


@pytest.fixture
def clinic(committed):
    """A clinic with yesterday prepared, a service or two, and patients to find."""
    clinic = make_clinic()
    for code in ("P-10482", "P-10483"):
        clinic.patient(code)
    clinic.service("65.00")
    clinic.service("28.50")
    clinic.payer()
    for back in (1, 7):
        day = clinic.today - timedelta(days=back)
        clinic.pay(clinic.bill("65.00", day=day), "65.00", method="CARD", day=day)
        clinic.close(day)
    return clinic


@pytest.fixture(params=SIZES)
def desk(request, site, new_context):
    """Opens browsers of one size, each with its own cookies; no page may scroll sideways or fail in its scripts."""

    class Desk:
        url = site.url
        size = request.param

        def sign_in(self, user):
            page = new_context(viewport=SIZES[self.size]).new_page()
            page.set_default_timeout(10_000)
            page.on("pageerror", lambda error: pytest.fail(f"{page.url}: {error}"))
            page.goto(f"{site.url}/admin/")
            page.get_by_label("E-mail address").fill(user.email)
            page.get_by_label("Password").fill(PASSWORD)
            page.keyboard.press("Enter")
            page.wait_for_url(f"{site.url}/admin/")
            return page

        def look(self, page, name):
            """A picture of the whole page."""
            SHOTS.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=SHOTS / f"{name}-{self.size}.png", full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} scrolls sideways"

    return Desk()


def choose(page, text):
    """Type, wait for the list, take its first line and go on to the next field."""
    page.keyboard.type(text)
    page.locator("[role=option]:visible").first.wait_for()
    page.keyboard.press("Tab")


def sign_out(page):
    with page.expect_navigation():
        page.evaluate("document.querySelector('form[action$=\"/logout/\"]').submit()")


def test_a_day_from_the_first_visit_to_the_balanced_entry(desk, clinic):
    # The receptionist registers a visit without a mouse.
    page = desk.sign_in(clinic.receptionist)
    desk.look(page, "home-morning")
    page.keyboard.press("n")
    page.get_by_role("combobox", name="Patient").wait_for()
    choose(page, "P-10482")
    page.keyboard.type("control")
    for _ in range(4):
        page.keyboard.press("Tab")  # past "New patient", the payer and "Inpatient"
    choose(page, "S65")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")  # past what else there is to say of the line
    choose(page, "of 28")
    page.keyboard.type("2")
    desk.look(page, "register-typing")
    for _ in range(3):
        page.keyboard.press("Tab")  # past the empty row, to the method
    page.keyboard.press("Tab")
    page.keyboard.type("40")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("Card")
    page.keyboard.press("Tab")
    page.keyboard.type("=")  # the rest
    page.get_by_label("Cash given").fill("50")
    assert page.locator("[data-total]").inner_text() == "EUR\u00a0122.00"
    assert page.locator("[data-change]").inner_text() == "EUR\u00a010.00"
    assert page.locator("[data-left]").inner_text() == "EUR\u00a00.00"
    desk.look(page, "register-filled")
    page.keyboard.press("Enter")
    page.get_by_text("Visit registered").wait_for()
    desk.look(page, "visit")
    assert {(one.method, one.amount) for one in Payment.objects.filter(bill__visit=Visit.objects.get())} == {
        ("CASH", 40),
        ("CARD", 82),
    }

    # What was typed wrong is said beside the field.
    page.get_by_role("link", name="Next visit").last.click()
    page.get_by_role("combobox", name="Patient").fill("nobody")
    page.get_by_role("combobox", name="Service").first.fill("nothing")
    page.get_by_role("button", name="Register", exact=True).click()
    page.get_by_text("Nobody here has that code").wait_for()
    desk.look(page, "register-refused")

    # It stands on the home page; the day is closed from there.
    page.goto(f"{desk.url}/admin/")
    page.get_by_role("link", name="P-10482").wait_for()
    assert page.get_by_text("EUR 82.00").count() == 1  # card
    assert page.get_by_text("EUR 40.00").count() == 1  # cash: there is no drawer to count
    desk.look(page, "home-desk")
    page.keyboard.press("c")
    page.get_by_role("button", name="Prepare the close").wait_for()
    desk.look(page, "close-open")
    page.keyboard.press("p")
    page.get_by_text("you are done").wait_for()
    assert page.get_by_text("cannot sign").count() == 1
    desk.look(page, "close-prepared")
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    desk.look(page, "keys")
    page.keyboard.press("?")
    close = EndOfDayReconciliation.objects.get(reconciliation_date=clinic.today)
    sign_out(page)
    page.goto(f"{desk.url}/admin/")
    assert page.get_by_label("Password").is_visible()

    # The manager finds it waiting, finalizes it and follows it into the ledger.
    page = desk.sign_in(clinic.manager)
    desk.look(page, "home-manager")
    page.locator(".to-sign").get_by_role("link", name=str(close)).click()
    page.get_by_text("A week before").last.wait_for(state="attached")
    page.keyboard.press("f")
    page.get_by_text("EUR\u00a0122.00. Cannot be changed afterwards.").wait_for()
    desk.look(page, "finalize-asked")
    page.get_by_role("button", name="Yes, finalize").click()
    page.get_by_text("these figures never change").wait_for()
    desk.look(page, "finalized")
    page.get_by_label("Note", exact=True).fill("The drawer was counted by hand: it agrees.")
    page.get_by_role("button", name="Add the note").click()
    page.locator(".notes", has_text="counted by hand").wait_for()
    entry = JournalEntry.objects.get()
    page.get_by_role("link", name=str(entry)).click()
    page.wait_for_url(f"**/{entry.pk}/change/")
    debits, credits = (sum(getattr(line, side) for line in entry.lines.all()) for side in ("debit", "credit"))
    assert debits == credits == 122
    assert page.get_by_text("122.00").count() >= 2
    desk.look(page, "entry")


def test_the_accountant_sees_codes_and_figures_but_no_names(desk, clinic):
    clinic.pay(clinic.bill("28.50"), "28.50", method="CARD")
    page = desk.sign_in(clinic.accountant)
    desk.look(page, "home-accountant")
    for name in ("patient", "visit", "bill", "payment", "endofdayreconciliation"):
        page.goto(f"{desk.url}/admin/billing/{name}/")
        assert page.get_by_text("Invented").count() == 0
        desk.look(page, f"list-{name}")


def test_the_owner_hands_out_and_erases_what_is_held_about_a_patient(desk, clinic):
    patient = clinic.patient()
    bill = clinic.bill("65.00", patient=patient)
    clinic.pay(bill, "65.00")
    page = desk.sign_in(clinic.owner)
    page.goto(f"{desk.url}/admin/billing/patient/{patient.pk}/change/")
    page.get_by_text("What is held about this person").click()
    page.get_by_text("Anna Invented").wait_for()
    desk.look(page, "personal-data")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download all of it").click()
    assert "Anna Invented" in Path(download.value.path()).read_text()
    page.get_by_label("Why").select_option(label="The person takes their consent back (b)")
    page.get_by_role("button", name="Erase for good").click()
    page.get_by_text("Name, birth date and e-mail address").wait_for()
    assert page.get_by_text("Anna Invented").count() == 0
    assert page.get_by_text("AWR art. 52(4)").count() > 0
    desk.look(page, "personal-data-erased")


@pytest.mark.parametrize("desk", ["wide"], indirect=True)
def test_a_manager_prepares_and_finalizes_many_days_at_once(desk, clinic, worker):
    for back in range(2, 6):
        day = clinic.today - timedelta(days=back)
        clinic.pay(clinic.bill("28.50", day=day), "28.50", day=day)
    page = desk.sign_in(clinic.owner)
    page.goto(f"{desk.url}/admin/billing/clinicday/?close=none")
    run_action(page, "Prepare the close")
    page.get_by_text("Done").first.wait_for()
    desk.look(page, "job")
    page.goto(f"{desk.url}/admin/billing/endofdayreconciliation/?status__exact=DRAFT")
    run_action(page, "Finalize selected closes")
    page.get_by_text("Done").first.wait_for()
    desk.look(page, "job-refusals")
    # Two that the receptionist prepared are signed; nobody signs what they prepared themselves.
    assert EndOfDayReconciliation.objects.filter(status="FINALIZED").count() == 2
    job = Job.objects.get(task="apps.billing.tasks.finalize_days")
    assert {one["code"] for one in job.refusals} == {"SECOND_PERSON_REQUIRED"}


def run_action(page, name):
    page.locator("#action-toggle").check()
    page.locator("select[name=action]").select_option(label=name)
    page.get_by_role("button", name="Run").click()
    page.wait_for_url("**/core/job/**")
