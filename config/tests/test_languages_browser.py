"""Dutch and Norwegian in a real browser, as a manager and an accountant use them: chosen once, and everywhere after."""

import re
from decimal import Decimal

import pytest

from apps.billing.services.payments import Tender, take_payment
from apps.billing.tests.clinic import PASSWORD, make_clinic

SIZES = {"wide": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
WORDS = {
    "nl": {
        "choice": "Nederlands nl",
        "sign_in": "Aanmelden",
        "home": "Wat staat er vandaag open?",
        "register": "Registreren",
        "error": "Vul de code of de naam van de patiënt in, of vul een nieuwe patiënt in.",
        "refusal": "Wie heeft voorbereid, geteld of geld aangenomen, kan niet ondertekenen.",
        "foreign": "Uw rol staat dit hier niet toe",
        "amount": "EUR 1.234,50",
        "keys": "Toetsen",
    },
    "nb": {
        "choice": "norsk (bokmål) nb",
        "sign_in": "Logg inn",
        "home": "Hva er åpent i dag?",
        "register": "Registrer",
        "error": "Skriv inn pasientens kode eller navn, eller fyll inn en ny pasient.",
        "refusal": "Den som klargjorde, telte eller tok imot penger, kan ikke signere.",
        "foreign": "Rollen din tillater ikke dette her",
        "amount": "EUR 1 234,50",
        "keys": "Taster",
    },
}


@pytest.fixture
def clinic(committed):
    """A clinic where the manager took money today, so that they cannot sign."""
    clinic = make_clinic()
    take_payment(clinic.bill("1234.50"), tender=Tender("CARD", Decimal("1234.50")), by=clinic.manager)
    clinic.close()
    return clinic


@pytest.fixture
def signed_in(site, new_context):
    def sign_in(user, size, **options):
        page = new_context(viewport=SIZES[size], **options).new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: pytest.fail(f"{page.url}: {error}"))
        page.goto(f"{site.url}/admin/")
        page.locator("[name=username]").fill(user.email)
        page.locator("[name=password]").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{site.url}/admin/")
        return page

    return sign_in


def read(page, language):
    """The text of the page, which says its language and does not scroll sideways."""
    assert page.locator("html").get_attribute("lang") == language
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{page.url} scrolls sideways"
    return re.sub(r"\s", " ", page.locator("body").inner_text())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", WORDS)
def test_the_language_that_somebody_chooses_holds_on_every_page(clinic, site, signed_in, language, size):
    words = WORDS[language]
    page = signed_in(clinic.manager, size)
    assert page.locator("html").get_attribute("lang") == "en"

    if size == "phone":
        page.locator("[x-on\\:click*=sidebarMobileOpen]:visible").first.click()
    page.locator('[x-on\\:click="openUserLinks = !openUserLinks"]').first.click()
    with page.expect_navigation():
        page.get_by_role("button", name=words["choice"]).click()

    page.goto(f"{site.url}/admin/")
    home = read(page, language)
    assert words["home"] in home

    page.keyboard.press("?")
    assert page.locator("dialog.keys h2").inner_text() == words["keys"]
    page.keyboard.press("?")

    page.goto(f"{site.url}/admin/billing/visit/add/")
    page.get_by_role("button", name=words["register"], exact=True).click()
    assert words["error"] in read(page, language)

    page.goto(f"{site.url}/admin/billing/endofdayreconciliation/day/{clinic.administration.pk}/{clinic.today}/")
    close = read(page, language)
    assert words["refusal"] in close
    assert words["amount"] in close

    page.goto(f"{site.url}/admin/core/membership/")
    assert words["foreign"] in read(page, language)


@pytest.mark.parametrize(("locale", "language"), [("nl-NL", "nl"), ("nb-NO", "nb")])
def test_a_browser_in_the_language_is_greeted_in_it(clinic, site, signed_in, new_context, locale, language):
    page = new_context(locale=locale).new_page()
    page.goto(f"{site.url}/admin/")
    assert WORDS[language]["sign_in"] in read(page, language)
    page = signed_in(clinic.accountant, "wide", locale=locale)
    page.goto(f"{site.url}/admin/ledger/account/trial-balance/")
    read(page, language)
