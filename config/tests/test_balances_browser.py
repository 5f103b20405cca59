"""Account reconciliations in a real browser: a period, a proof made by one person and approved by another."""

from datetime import date
from decimal import Decimal

import pytest

from apps.billing.tests.clinic import make_clinic
from apps.core.models import Membership
from apps.ledger.models import Account, Journal, Period
from apps.ledger.services.posting import Line, post_entry
from apps.reconciliation.models import AccountReconciliation
from apps.reconciliation.services.bank_accounts import open_bank_account
from apps.reconciliation.services.statements import TypedLine, type_statement
from config.tests.test_browser import SIZES, desk, sign_out

__all__ = ["SIZES", "desk"]
pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def clinic(committed):
    clinic = make_clinic()
    first = Period.objects.filter(administration=clinic.administration, type="MONTH").earliest("first_day").first_day
    bank = Account.objects.get(administration=clinic.administration, purpose="bank")
    open_bank_account(clinic.administration, name="ING", iban="NL91ABNA0417164300", account=bank, by=clinic.accountant)
    for amount, purpose in ((12_305, "cash_drawer"), (250, "suspense")):
        booked(clinic, Decimal(amount), purpose, first)
    lines = [TypedLine(first, Decimal("12400.40"), label="Deposit of the drawer, Anna Invented")]
    last = Period.objects.get(administration=clinic.administration, type="MONTH", first_day=first).last_day
    type_statement(bank.bank_account, name="1", date=last, balance_start=Decimal(0), lines=lines, by=clinic.accountant)
    return clinic


def booked(clinic, amount, purpose, day: date):
    accounts = Account.objects.filter(administration=clinic.administration)
    bank, other = accounts.get(purpose="bank"), accounts.get(purpose=purpose)
    return post_entry(
        administration=clinic.administration,
        journal=Journal.objects.get(administration=clinic.administration, code="GEN"),
        date=day,
        memo="Deposit",
        lines=[Line(bank, debit=amount), Line(other, credit=amount)],
        by=clinic.accountant,
    )


def test_one_prepares_another_approves_and_a_late_posting_suspends(desk, clinic):
    month = Period.objects.filter(administration=clinic.administration, type="MONTH").earliest("first_day")
    page = desk.sign_in(clinic.accountant)
    page.goto(f"{desk.url}/admin/reconciliation/accountreconciliation/overview/?period={month.pk}")
    page.get_by_text("0 of 3 approved").wait_for()
    desk.look(page, "balances-missing")
    page.get_by_role("button", name="Begin: 1100").click()
    page.get_by_text("Begun: the balances").wait_for()
    desk.look(page, "balances-begun")
    page.keyboard.press("b")
    page.get_by_text("stands among the items").wait_for()
    page.locator("#item_description").fill("Rounding of the drawer")
    page.locator("#item_amount").fill("0,5x")
    page.locator("#item_amount").press("Enter")
    page.get_by_text("is no number").wait_for()
    desk.look(page, "balances-refused")
    page.get_by_role("link", name="Back").click()
    page.locator("#file_file").set_input_files({"name": "letter.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n"})
    page.get_by_role("button", name="Attach").click()
    page.get_by_role("link", name="letter.csv").first.wait_for()
    page.get_by_text("It can be approved by").wait_for()
    desk.look(page, "balances-prepared")
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    desk.look(page, "balances-keys")
    page.keyboard.press("?")
    found = AccountReconciliation.objects.get()
    assert found.difference == found.explained == Decimal("154.60")
    address = page.url.split("#")[0]
    sign_out(page)

    page = desk.sign_in(clinic.people[Membership.Role.MANAGER])
    page.goto(address)
    page.keyboard.press("a")
    page.get_by_text("Approve 1100").wait_for()
    desk.look(page, "balances-approve")
    page.get_by_role("button", name="Yes, approve").click()
    page.get_by_text("1 of 3 approved").wait_for()
    desk.look(page, "balances-approved")

    booked(clinic, Decimal(9), "cash_drawer", month.last_day)
    page.goto(address)
    page.get_by_text("the proof no longer holds").wait_for()
    desk.look(page, "balances-suspended")
    page.goto(f"{desk.url}/admin/reconciliation/accountreconciliation/")
    desk.look(page, "balances-list")
