"""A session of bank reconciliation in a real browser: by mouse at both sizes, and by keyboard alone."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.urls import reverse

from apps.billing.tests.clinic import make_clinic
from apps.ledger.tests.factories import Books
from apps.ledger.tests.subledger import SubLedger
from apps.reconciliation.models import Clearing, Match, StatementLine
from apps.reconciliation.services.bank_accounts import open_bank_account
from apps.reconciliation.services.clearing import Kind, Part, clear
from apps.reconciliation.services.ruling import Booking, keep_model
from apps.reconciliation.tests.bank import Bank
from config.tests.test_browser import SIZES, desk

__all__ = ["SIZES", "desk"]
pytestmark = pytest.mark.usefixtures("committed")


@dataclass
class Month:
    """A month at the bank: an invoice that is named, a tie, two that are paid together, fees, a transfer, a duplicate,
    and a line that Daybook matched by itself."""

    bank: Bank
    named: str
    lines: dict[str, StatementLine]

    @property
    def address(self) -> str:
        return reverse("admin:reconciliation_bankaccount_reconcile", args=[self.bank.account.pk])


@pytest.fixture
def month(committed):
    clinic = make_clinic()
    books, by, day = Books(clinic.administration, clinic.owner), clinic.accountant, clinic.today
    account = open_bank_account(clinic.administration, name="ING", iban="NL91ABNA0417164300", by=by)
    savings = open_bank_account(clinic.administration, name="Savings", iban="NL20INGB0001234567", by=by)
    bank, ledger = Bank(books, account, by), SubLedger(books, by)
    owing = [
        ("Hansen", "305.00"),
        ("Berg", "65.00"),
        ("Dahl", "65.00"),
        ("Vos", "100.00"),
        ("Vos", "40.00"),
        ("Kok", "80"),
    ]
    before = day - timedelta(days=9)
    sold = [ledger.item(ledger.sold(owes, party=ledger.customer(who, name=who), day=before)) for who, owes in owing]
    fees = Booking(books.account("provider_fees"), memo="Bank fees")
    keep_model(clinic.administration, by=by, name="Bank fees", label_pattern="fees", lines=[fees])
    told = [
        ("by_itself", "80.00", {"counterparty_name": "Kok", "label": f"Invoice {sold[5].reference}"}),
        ("duplicate", "-45.10", {"label": "Bank fees of last month"}),
        ("transfer", "-500.00", {"label": "To savings"}),
        ("together", "140.00", {"counterparty_name": "Vos", "label": "Both invoices", "party": sold[3].party}),
        ("fees", "-45.10", {"label": "Bank fees of last month"}),
        ("tie", "65.00", {"label": "Payment"}),
        ("named", "305.00", {"counterparty_name": "J. Hansen", "label": f"Invoice {sold[0].reference}"}),
    ]
    statement = bank.statement(
        start="1000.00", day=day, name=f"{day:%Y-%m}", first=day - timedelta(days=8), end="999.80"
    )
    lines = {}
    for n, (name, amount, facts) in enumerate(told):
        (lines[name],) = bank.lines(statement, amount, date=day - timedelta(days=7 - n), **facts)
    Bank(books, savings, by).statement("500.00", day=day - timedelta(days=5), label="From ING")
    reasons = [{"code": "REFERENCE", "points": 60, "facts": {"number": sold[5].reference}}]
    clear(lines["by_itself"], [Part(Kind.ITEM, lines["by_itself"].amount, open_item=sold[5])], by=None, score=98,
          reasons=[*reasons, {"code": "AMOUNT", "points": 20, "facts": {}}])  # fmt: skip
    return Month(bank, sold[0].reference, lines)


def left(month, name):
    return StatementLine.objects.get(pk=month.lines[name].pk).residual


def touchable(page):
    """What is pressed is large enough for a finger."""
    pressed = "button, summary, select, .rec-rows a, .rec-tabs a, .quiet, .rec-choice, input[type=search]"
    small = page.evaluate(
        """pressed => [...document.querySelectorAll(`#board :is(${pressed})`)]
        .filter((one) => one.offsetParent && one.getBoundingClientRect().height < 43.5)
        .map((one) => one.outerHTML.slice(0, 80))""",
        pressed,
    )
    assert small == []


def test_a_session_by_mouse(desk, month):
    page = desk.sign_in(month.bank.accountant)
    page.goto(f"{desk.url}{reverse('admin:reconciliation_reconcile')}")
    page.get_by_text("Which account?").wait_for()
    desk.look(page, "reconcile-which")
    page.locator(".rec-which").get_by_role("link", name="ING NL91").click()
    page.get_by_role("heading", name="EUR 305.00").wait_for()
    assert page.get_by_text("7 lines").is_visible()
    assert page.get_by_text("6 left").is_visible()
    assert page.locator(".rec-choice", has_text=month.named).locator("input").is_checked()
    touchable(page)
    desk.look(page, "reconcile-line")

    page.get_by_role("button", name="Match Enter", exact=True).or_(
        page.get_by_role("button", name="Match", exact=True)
    ).click()
    page.get_by_text(f"Matched with {month.named}").wait_for()
    page.get_by_text("None is chosen").wait_for()  # the next line is the tie
    assert left(month, "named") == 0
    assert page.locator("#match-form input:checked").count() == 0
    desk.look(page, "reconcile-tie")
    page.locator("#match-form button").click()
    page.locator(".refused", has_text="Choose what it is first.").wait_for()
    desk.look(page, "reconcile-refused")

    page.locator("summary", has_text="Split").click()
    page.locator(".rec-tick input[type=checkbox]").first.check()
    assert page.locator("[data-rest]").inner_text() == "0.00"
    page.locator(".rec-tick .figure").first.fill("60.00")
    assert page.locator("[data-rest]").inner_text() == "5.00"
    desk.look(page, "reconcile-split")
    page.get_by_role("button", name="Match these").click()
    page.get_by_text("EUR 5.00 of it is open.").wait_for()  # the rest of the line stays
    page.locator("summary", has_text="Write off").click()
    page.get_by_role("combobox", name="Account").last.fill("nothing like it")
    page.get_by_role("button", name="Book it").click()
    page.get_by_text("No account has that code or name.").first.wait_for()
    assert page.get_by_role("combobox", name="Account").last.input_value() == "nothing like it"
    desk.look(page, "reconcile-book-refused")
    page.get_by_role("combobox", name="Account").last.fill("4410")
    page.locator("[role=option]:visible").first.click()
    page.get_by_role("button", name="Book it").click()
    page.get_by_role("heading", name="EUR (45.10)").wait_for()
    assert left(month, "tie") == 0
    page.locator("summary", has_text="Duplicate").click()
    desk.look(page, "reconcile-duplicate")
    page.get_by_label("Find what it is").fill("Dahl")
    page.get_by_role("button", name="Find", exact=True).click()
    page.get_by_text("found by typing").first.wait_for()
    desk.look(page, "reconcile-found")
    page.locator(".rec-tabs").get_by_role("link", name="Matched by itself").click()
    page.get_by_text("Because:").wait_for()
    desk.look(page, "reconcile-by-itself")
    page.get_by_role("button", name="Undo this").click()
    page.get_by_text("the line is open again").wait_for()
    assert left(month, "by_itself") == 80
    desk.look(page, "reconcile-undone")
    page.locator(".rec-standing a").last.click()
    page.get_by_text("Books less bank").first.wait_for()
    desk.look(page, "reconcile-between")
    page.goto(f"{desk.url}{reverse('admin:reconciliation_statementline_change', args=[month.lines['named'].pk])}")
    page.get_by_text("What it was matched with").wait_for()
    desk.look(page, "reconcile-line-page")


@pytest.mark.parametrize("desk", ["wide"], indirect=True)
def test_a_session_by_keyboard_alone(desk, month, worker):
    page = desk.sign_in(month.bank.accountant)
    page.goto(f"{desk.url}{month.address}")
    page.get_by_role("heading", name="EUR 305.00").wait_for()
    page.keyboard.press("Enter")  # what is chosen beforehand
    page.get_by_role("heading", name="EUR 65.00").wait_for()
    page.keyboard.press("Enter")  # a tie: nothing is chosen
    page.locator(".refused", has_text="Choose what it is first.").wait_for()
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="EUR (45.10)").wait_for()
    assert (left(month, "named"), left(month, "tie")) == (0, 0)

    page.keyboard.press("z")
    page.get_by_role("heading", name="EUR 65.00").wait_for()
    assert left(month, "tie") == 65
    page.keyboard.press("ArrowDown")
    page.get_by_role("heading", name="EUR (45.10)").wait_for()
    page.keyboard.press("w")  # the model that holds is chosen
    desk.look(page, "reconcile-book")
    page.get_by_role("button", name="Book it").press("Enter")
    page.get_by_role("heading", name="EUR 140.00").wait_for()
    assert Clearing.objects.order_by("created_at").last().model.name == "Bank fees"
    desk.look(page, "reconcile-together")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="EUR (500.00)").wait_for()
    assert left(month, "together") == 0
    page.keyboard.press("t")
    desk.look(page, "reconcile-transfer")
    page.get_by_role("button", name="It is a transfer").press("Enter")
    page.get_by_role("heading", name="EUR (45.10)").wait_for()
    assert Match.objects.filter(kind="TRANSFER").count() == 2
    page.keyboard.press("d")
    page.get_by_role("button", name="It is the same").press("Enter")
    page.get_by_role("heading", name="EUR 65.00").wait_for()
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    desk.look(page, "reconcile-keys")
    page.keyboard.press("?")
    page.keyboard.press("/")
    page.keyboard.type("nothing like it")
    page.keyboard.press("Enter")
    page.get_by_text("No line has that in it.").wait_for()
    desk.look(page, "reconcile-no-line")
    page.goto(f"{desk.url}{month.address}")
    page.get_by_role("heading", name="EUR 65.00").wait_for()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Nothing is left").wait_for()
    desk.look(page, "reconcile-done")

    page.keyboard.press("z")
    page.get_by_role("heading", name="EUR 65.00").wait_for()
    page.get_by_role("button", name="Match by itself").click()
    page.get_by_text("Several fit equally").first.wait_for()
    desk.look(page, "reconcile-run")
