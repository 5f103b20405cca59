"""The closing page in a real browser: from the review to the lock with the word typed, by keyboard alone."""

from datetime import date

import pytest

from apps.billing.tests.clinic import PASSWORD
from apps.periods.tests.desk import open_desk
from config.tests.test_browser import SIZES, desk

__all__ = ["SIZES", "desk"]
pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def books(committed):
    books = open_desk()
    books.sold()
    books.doubtful(day=date(2026, 3, 9))
    books.accountant.set_password(PASSWORD)
    books.accountant.save()
    return books


def test_a_month_from_the_review_to_the_lock(desk, books):
    page = desk.sign_in(books.accountant)
    page.goto(f"{desk.url}/admin/ledger/period/{books.period().pk}/closing/")
    page.get_by_role("button", name="Begin the review").wait_for()
    desk.look(page, "period-open")
    page.keyboard.press("r")
    page.get_by_text("In review: the checks ran.").wait_for()
    page.get_by_text("Not yet: 1 warning waits to be acknowledged.").wait_for()
    desk.look(page, "period-review")
    page.locator("input[name=issues]").focus()
    page.keyboard.press("Space")
    page.locator("#AcknowledgeForm_notes").fill("Known to the owner.")
    page.get_by_role("button", name="Acknowledge what is ticked").press("Enter")
    page.get_by_text("Acknowledged.", exact=True).first.wait_for()
    page.keyboard.press("f")
    page.get_by_text("nothing is posted into it any more").wait_for()
    page.get_by_role("button", name="Yes, finalize").press("Enter")
    page.get_by_text("Finalized: the snapshot is kept.").wait_for()
    desk.look(page, "period-finalized")
    page.keyboard.press("l")
    page.get_by_label("Type the word LOCK").fill("perhaps")
    page.keyboard.press("Enter")
    page.get_by_text("The word is LOCK. Nothing is locked yet.").first.wait_for()
    desk.look(page, "period-word")
    assert books.period().status == "FINALIZED"
    page.get_by_label("Type the word LOCK").fill("lock")
    page.keyboard.press("Enter")
    page.get_by_text("Locked: it never changes.").wait_for()
    desk.look(page, "period-locked")
    assert books.period().status == "LOCKED"
