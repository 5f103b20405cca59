"""The accountant's ledger in a real browser: an entry by keyboard, and the walk from the chart to the source."""

from datetime import timedelta

import pytest

from apps.billing.tests.clinic import make_clinic
from apps.ledger.models import Account, Invoice, JournalEntry, Party, Period
from config.tests.test_browser import SIZES, choose, desk

__all__ = ["desk"]
pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def clinic(committed):
    """A clinic with one day in its books, a supplier and both years open."""
    clinic = make_clinic()
    day = clinic.today - timedelta(days=1)
    clinic.pay(clinic.bill("65.00", day=day), "65.00", method="CARD", day=day)
    clinic.finalized(day)
    Party.objects.create(administration=clinic.administration, kind="SUPPLIER", code="SUP-1", name="Wholesale")
    return clinic


def account(clinic, purpose):
    return Account.objects.get(administration=clinic.administration, purpose=purpose)


def open_page(desk, page, path):
    page.goto(f"{desk.url}/admin/ledger/{path}")


def difference(page):
    return page.locator("[data-difference]").inner_text().replace("\u00a0", " ")


def test_an_entry_is_typed_without_a_mouse_and_balances_before_it_is_posted(desk, clinic):
    bank, costs = account(clinic, "bank"), account(clinic, "rounding")
    page = desk.sign_in(clinic.accountant)
    open_page(desk, page, "journalentry/add/")
    post = page.get_by_role("button", name="Post", exact=True)
    assert post.is_disabled()
    assert page.get_by_text("An entry has two lines at least.").is_visible()
    assert page.locator("[data-weekday]").inner_text() == clinic.today.strftime("%A")

    page.locator("#id_memo").fill("Bank charges")
    page.keyboard.press("Enter")  # to the first line
    choose(page, costs.code)
    for _field in ("VAT code", "memo", "debit"):
        page.keyboard.press("Tab")
    page.keyboard.type("1,234.50")
    assert difference(page) == "EUR 1,234.50"
    assert page.get_by_text("Not balanced").is_visible()
    assert page.get_by_text("Debits and credits differ.").is_visible()
    desk.look(page, "entry-unbalanced")

    page.keyboard.press("Enter")  # to the next line
    choose(page, bank.name)
    for _field in ("VAT code", "memo", "debit", "credit"):
        page.keyboard.press("Tab")
    page.keyboard.press("=")
    assert difference(page) == "EUR 0.00"
    assert page.locator("[data-balanced]").is_visible()
    assert post.is_enabled()
    page.keyboard.press("Enter")
    page.locator("#id_lines-2-account:focus").wait_for()  # another line came

    # What is typed on one side leaves the other.
    page.locator("#id_lines-1-debit").fill("5")
    assert page.locator("#id_lines-1-credit").input_value() == ""
    assert difference(page) == "EUR 1,239.50"
    page.locator("#id_lines-1-credit").fill("1234.50")

    # A control account says that it needs a party.
    page.locator("#id_lines-1-account").fill("")
    page.locator("#id_lines-1-account").focus()
    choose(page, account(clinic, "supplier_payable").code)
    page.locator("[data-needed]:visible").wait_for()
    assert page.get_by_text("A control account names no party yet.").is_visible()
    page.locator("#id_lines-1-party").focus()
    choose(page, "whole")
    assert post.is_enabled()
    desk.look(page, "entry-balanced")
    page.get_by_label("Foreign currency").check()
    desk.look(page, "entry-foreign")

    post.click()
    page.get_by_text("EUR\u00a01,234.50. Cannot be changed afterwards.").wait_for()
    desk.look(page, "entry-asked")
    page.get_by_role("button", name="Yes, post").click()
    page.get_by_text("is posted.").wait_for()
    desk.look(page, "entry-posted")
    entry = JournalEntry.objects.get(memo="Bank charges")
    assert (entry.status, str(entry)) == ("POSTED", f"GEN-{clinic.today.year}-0001")
    assert [line.party and line.party.code for line in entry.lines.all()] == [None, "SUP-1"]


def test_from_the_chart_to_an_invoice_its_payment_its_reversal_and_the_balance_sheet_to_the_source(desk, clinic):
    bank, costs, owed = (account(clinic, purpose) for purpose in ("bank", "rounding", "supplier_payable"))
    page = desk.sign_in(clinic.accountant)

    # The chart of accounts.
    open_page(desk, page, f"account/?q={costs.code}")
    assert page.get_by_role("link", name=costs.code, exact=True).count()
    desk.look(page, "chart")

    # A supplier's invoice.
    open_page(desk, page, "invoice/add/")
    page.get_by_role("combobox", name="Supplier").focus()
    choose(page, "SUP-1")
    page.get_by_label("Number of the supplier").fill("F-12")
    page.locator("#id_lines-0-account").focus()
    choose(page, costs.code)
    page.locator("#id_lines-0-quantity").fill("2")
    page.locator("#id_lines-0-unit_price").fill("50")
    assert page.locator("#id_lines-0-net").input_value() == "100.00"
    assert page.locator("[data-total]").inner_text().replace("\u00a0", " ") == "EUR 100.00"
    desk.look(page, "invoice-typed")
    page.get_by_role("button", name="Post", exact=True).click()
    page.get_by_text("Cannot be changed afterwards; a credit note corrects it.").wait_for()
    desk.look(page, "invoice-asked")
    page.get_by_role("button", name="Yes, post").click()
    page.get_by_text("The invoice is posted.").wait_for()
    desk.look(page, "invoice-posted")
    invoice = Invoice.objects.get()

    # It is paid by hand: the supplier against the bank.
    open_page(desk, page, "journalentry/add/")
    page.locator("#id_memo").fill("Paid F-12")
    page.keyboard.press("Enter")
    choose(page, owed.code)
    choose(page, "SUP-1")
    page.locator("#id_lines-0-debit").fill("100")
    page.locator("#id_lines-1-account").focus()
    choose(page, bank.code)
    page.locator("#id_lines-1-credit").fill("100")
    page.get_by_role("button", name="Post", exact=True).click()
    page.get_by_role("button", name="Yes, post").click()
    page.get_by_text("is posted.").wait_for()
    paid = JournalEntry.objects.get(memo="Paid F-12")

    # It was the wrong bank: reversed, asked once.
    page.get_by_role("link", name="Reverse", exact=True).click()
    page.get_by_text("Both stay in the books and cannot be changed.").wait_for()
    page.get_by_label("Reason").fill("paid from another bank")
    desk.look(page, "reverse-asked")
    page.get_by_role("button", name="Yes, reverse").click()
    page.get_by_text("is reversed by this entry.").wait_for()
    open_page(desk, page, f"journalentry/{paid.pk}/change/")
    page.get_by_text("paid from another bank").wait_for()
    desk.look(page, "entry-reversed")

    # The balance sheet, down to the source of a figure, and back.
    open_page(desk, page, "account/balance-sheet/")
    desk.look(page, "balance-sheet")
    page.get_by_role("link", name=f"{owed.code} {owed.name}").click()
    page.get_by_role("cell", name="100.00").first.wait_for()
    desk.look(page, "account-ledger")
    page.get_by_role("link", name=str(invoice.entry)).click()
    page.get_by_role("navigation", name="Way back").get_by_role("link", name="Balance sheet").wait_for()
    desk.look(page, "entry-from-report")
    page.get_by_role("link", name="Supplier's invoice").click()
    page.wait_for_url(f"**/invoice/{invoice.pk}/change/")
    page.go_back()
    page.get_by_role("navigation", name="Way back").get_by_role("link", name="Balance sheet").click()
    page.wait_for_url("**/balance-sheet/**")
    page.get_by_role("link", name="Take it along as CSV").wait_for()


def test_every_report_of_the_ledger_is_read_at_both_sizes(desk, clinic):
    assert set(SIZES) == {"wide", "phone"}
    assert Period.objects.filter(administration=clinic.administration).exists()
    page = desk.sign_in(clinic.owner)
    for name in ("balance-sheet", "profit-and-loss", "trial-balance", "receivables", "payables", "vat-by-code"):
        open_page(desk, page, f"account/{name}/")
        assert page.get_by_role("button", name="Show").is_visible()
        desk.look(page, f"report-{name}")
    for name in ("invoice", "party", "vatcode", "exchangerate", "seal", "batch", "openitem", "journalentry"):
        open_page(desk, page, f"{name}/")
        desk.look(page, f"ledger-{name}")
