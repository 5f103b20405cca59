"""Account reconciliations in the admin: what stands between a period and done, and one proof with all that is done."""

from datetime import date
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils.html import escape

from apps.billing.tests.calling import queries_of
from apps.core.models import Event, User
from apps.core.tests.factories import MembershipFactory, UserFactory
from apps.ledger.tests.factories import open_test_books
from apps.reconciliation.models import AccountReconciliation, ReconcilingItem
from apps.reconciliation.reports.standing import State, period_standing
from apps.reconciliation.services.account_reconciling import approve_reconciliation, attach, explain
from apps.reconciliation.tests.bank import Bank
from apps.reconciliation.tests.proofs import FEBRUARY, MARCH, begun, booked

D = Decimal
PAGE = "admin:reconciliation_accountreconciliation"
CSV = b"date,amount\n2026-03-31,70.00\n"


@pytest.fixture
def page(bank: Bank, client):
    client.force_login(bank.accountant)
    return client


@pytest.fixture
def owner(bank: Bank, client_of):
    return client_of(bank.books.owner)


@pytest.fixture
def client_of(client):
    def sign_in(user: User):
        other = type(client)()
        other.force_login(user)
        return other

    return sign_in


def overview(bank: Bank, period: str = "2026-03", **asked) -> str:
    query = {"administration": bank.books.administration.pk, "period": bank.books.period(period).pk, **asked}
    return f"{reverse('admin:reconciliation_overview')}?{'&'.join(f'{name}={one}' for name, one in query.items())}"


def address(verb: str, *keys) -> str:
    return reverse(f"{PAGE}_{verb}", args=[getattr(key, "pk", key) for key in keys])


def text_of(answer) -> str:
    assert answer.status_code == 200, answer
    return answer.content.decode().replace("\N{NO-BREAK SPACE}", " ")


# A period ------------------------------------------------------------------------------------------------------------


def test_every_account_with_a_balance_or_a_movement_needs_a_proof_and_no_other(bank: Bank) -> None:
    booked(bank, "100.00", date(2026, 2, 1))
    booked(bank, "5.00", date(2026, 4, 1), account="suspense")
    standing = period_standing(bank.books.administration, *MARCH)
    codes = {one.account.purpose: (one.opening, one.closing, one.state) for one in standing.accounts}
    assert codes == {
        "bank": (D(100), D(100), State.MISSING),
        "cash_drawer": (D(-100), D(-100), State.MISSING),
    }
    assert not standing.is_done


def test_each_account_stands_as_its_newest_reconciliation_and_the_books_say(bank: Bank) -> None:
    booked(bank, "100.00", date(2026, 3, 1))
    booked(bank, "5.00", date(2026, 3, 1), account="suspense")
    booked(bank, "9.00", date(2026, 3, 1), account="own_transfers")
    approve_reconciliation(begun(bank, expected_balance=D(100)), by=bank.books.owner)
    begun(bank, "suspense", expected_balance=D(4))
    begun(bank, "own_transfers", expected_balance=D(9))

    def states():
        standing = period_standing(bank.books.administration, *MARCH)
        return {one.account.purpose: one.state.value for one in standing.accounts}

    expected = {"bank": "approved", "suspense": "draft", "own_transfers": "reconciled", "cash_drawer": "missing"}
    assert states() == expected
    booked(bank, "1.00", date(2026, 3, 31))
    assert states() == {**expected, "bank": "suspended"}
    begun(bank, expected_balance=D(101))
    assert states() == {**expected, "bank": "reconciled"}


def test_the_overview_says_what_is_done_what_is_missing_and_the_next_step(bank: Bank, page, owner) -> None:
    booked(bank, "137.00", date(2026, 3, 1))
    text = text_of(page.get(overview(bank)))
    assert "0 of 2 approved" in text
    assert 'href="#account-1100"' in text
    assert text.count(">Begin</button>") == 2
    found = begun(bank, expected_balance=D(137))
    text = text_of(page.get(overview(bank)))
    assert "Waits for another person." in text
    assert 'href="#account-1100"' not in text
    assert f"{address('change', found)}#approve" in text_of(owner.get(overview(bank)))
    assert ">Begin</button>" not in text_of(owner.get(overview(bank)))
    approve_reconciliation(found, by=bank.books.owner)
    assert "1 of 2 approved" in text_of(page.get(overview(bank, state="approved")))
    assert "cash" not in text_of(page.get(overview(bank, state="approved"))).split("<tbody>")[1].split("</tbody>")[0]


def test_the_period_shown_is_the_newest_that_ended_unless_one_is_named(bank: Bank, page) -> None:
    answer = page.get(reverse("admin:reconciliation_overview"))
    assert answer.context["period"].last_day < date.today()  # noqa: DTZ011 - the site's own clock
    assert page.get(overview(bank, "2026-03")).context["period"] == bank.books.period("2026-03")


def test_one_press_begins_and_leads_to_the_proof(bank: Bank, page) -> None:
    booked(bank, "137.00", date(2026, 3, 1))
    begin = reverse("admin:reconciliation_begin", args=[bank.books.account("bank").pk])
    sent = {"period": bank.books.period("2026-03").pk, "key": "once"}
    answers = [page.post(begin, sent) for _twice in range(2)]
    found = AccountReconciliation.objects.get()
    assert [answer.headers["Location"] for answer in answers] == [address("change", found)] * 2
    assert (found.closing_balance, found.created_by) == (D(137), bank.accountant)
    assert "has a reconciliation for these dates" in text_of(page.post(begin, {**sent, "key": "another"}))


def test_the_overview_asks_as_many_questions_for_many_accounts_as_for_few(bank: Bank, page) -> None:
    booked(bank, "137.00", date(2026, 3, 1))
    begun(bank)
    few = queries_of(lambda: page.get(overview(bank)))
    for purpose in ("suspense", "own_transfers", "card_in_transit"):
        booked(bank, "1.00", date(2026, 3, 2), account=purpose)
        begun(bank, purpose)
    assert len(page.get(overview(bank)).context["rows"]) == 5
    assert queries_of(lambda: page.get(overview(bank))) == few


def test_the_accounts_are_taken_along_as_they_are_shown(bank: Bank, page) -> None:
    booked(bank, "137.00", date(2026, 3, 1))
    begun(bank, expected_balance=D(130))
    answer = page.get(overview(bank, format="csv"))
    lines = b"".join(answer.streaming_content).decode()
    assert "1100" in lines
    assert "137.00" in lines
    assert "7.00" in lines
    assert Event.objects.filter(name="core.report_exported").exists()


def test_books_of_others_and_an_account_of_others_are_not_there(bank: Bank, page) -> None:
    foreign = open_test_books()
    named = {"administration": foreign.administration.pk}
    assert page.get(reverse("admin:reconciliation_overview"), named).status_code == 404
    for name in ("begin", "of_account"):
        assert page.get(reverse(f"admin:reconciliation_{name}", args=[foreign.account("bank").pk])).status_code == 404


# One proof -----------------------------------------------------------------------------------------------------------


def test_the_proof_shows_its_figures_and_where_the_expected_balance_comes_from(bank: Bank, page) -> None:
    booked(bank, "10.00", date(2026, 2, 1))
    statement = bank.statement("100.00", start="10.00", end="110.00", first=MARCH[0])
    booked(bank, "25.00", date(2026, 3, 30))
    found = begun(bank)
    text = text_of(page.get(address("change", found)))
    figures = page.get(address("change", found)).context["figures"]
    assert [row.amount for row in figures] == [D(10), D(25), D(0), D(35), D(110), D(-75), D(0)]
    assert reverse("admin:reconciliation_statement_change", args=[statement.pk]) in text
    assert "Statement 2026-03, known to Tue 31 Mar 2026." in text
    assert "Books and bank do not share 2 more, EUR (75.00) together" in text
    assert "1100 Bank, March 2026" in text


def test_what_books_and_bank_do_not_share_is_added_and_leads_to_the_line(bank: Bank, page) -> None:
    bank.statement("100.00", start="0", end="100.00", first=MARCH[0])
    found = begun(bank)
    assert page.post(address("propose", found), {"key": "one"}).status_code == 302
    item = ReconcilingItem.objects.get()
    text = text_of(page.get(address("change", found)))
    line = bank.account.lines.get()
    assert reverse("admin:reconciliation_statementline_change", args=[line.pk]) in text
    assert (item.amount, "No longer a difference" in text) == (D(-100), False)
    ReconcilingItem.objects.update(amount=D(-60))
    assert "No longer a difference" in text_of(page.get(address("change", found)))
    page.post(address("propose", found), {"key": "two"})
    amounts = dict(ReconcilingItem.objects.values_list("amount", "resolved_on"))
    assert amounts == {D(-60): MARCH[1], D(-100): None}
    assert "no difference any more" not in text_of(page.get(address("change", found)))


def test_what_it_should_be_and_the_notes_are_saved(bank: Bank, page) -> None:
    booked(bank, "1137.00", date(2026, 3, 1))
    found = begun(bank)
    sent = {"expected_balance": "1,137.00", "notes": "Letter", "key": "k"}
    assert page.post(address("expect", found), sent).headers["Location"] == address("change", found)
    found.refresh_from_db()
    assert (found.expected_balance, found.status, found.notes) == (D(1137), "reconciled", "Letter")


@pytest.mark.parametrize(
    ("verb", "typed", "said"),
    [
        ("expect", {"expected_balance": "1.005", "notes": "Kept words"}, "At most 2 digits"),
        ("explain", {"date": "2026-03-31", "description": "Kept words", "amount": "much"}, "is no number"),
        ("explain", {"date": "2026-03-31", "description": "Kept words", "amount": ""}, "required"),
    ],
)
def test_what_cannot_be_taken_is_said_beside_the_field_and_stays(bank: Bank, page, verb, typed, said) -> None:
    found = begun(bank)
    text = text_of(page.post(address(verb, found), {**typed, "key": "k"}))
    assert said in text
    assert "Kept words" in text
    assert not ReconcilingItem.objects.exists()


def test_an_item_is_added_changed_resolved_and_removed(bank: Bank, page) -> None:
    booked(bank, "137.00", date(2026, 3, 1))
    found = begun(bank, expected_balance=D(130))
    typed = {"date": "2026-03-21", "description": "Cheque <b>", "amount": "6,50", "key": "k"}
    page.post(address("explain", found), typed)
    item = ReconcilingItem.objects.get()
    text = text_of(page.get(address("change", found)))
    assert escape("Cheque <b>") in text
    assert '<td class="wide">10</td>' in text
    page.post(address("item", found, item), {**typed, "amount": "7", "resolved_on": "", "key": "l"})
    found.refresh_from_db()
    assert (found.explained, ReconcilingItem.objects.get().amount) == (D(7), D(7))
    page.post(address("item", found, item), {**typed, "amount": "7", "resolved_on": "2026-03-31", "key": "m"})
    found.refresh_from_db()
    assert found.explained == 0
    page.post(address("remove_item", found, item), {"key": "n"})
    assert not ReconcilingItem.objects.exists()


def test_a_document_is_attached_given_back_as_a_download_and_removed(bank: Bank, page) -> None:
    found = begun(bank)
    page.post(address("attach", found), {"file": SimpleUploadedFile("letter.csv", CSV), "key": "k"})
    document = found.attachments.get()
    answer = page.get(address("document", found, document))
    assert b"".join(answer.streaming_content) == CSV
    assert answer.headers["Content-Disposition"] == 'attachment; filename="letter.csv"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    other = begun(bank, days=FEBRUARY)
    assert page.get(address("document", other, document)).status_code == 404
    page.post(address("detach", found, document), {"key": "l"})
    assert not found.attachments.exists()


def test_a_file_that_is_not_what_it_says_is_refused_in_words(bank: Bank, page) -> None:
    found = begun(bank)
    file = SimpleUploadedFile("a.pdf", b"MZ")
    text = text_of(page.post(address("attach", found), {"file": file, "key": "k"}))
    assert 'class="refused"' in text
    assert not found.attachments.exists()


def test_another_person_approves_what_they_have_seen(bank: Bank, page, owner) -> None:
    booked(bank, "137.00", date(2026, 3, 1))
    found = begun(bank, expected_balance=D(130))
    explain(found, date=MARCH[1], description="Cheque", amount=D(7), by=bank.accountant)
    assert "Whoever prepared an account reconciliation does not" in text_of(page.get(address("change", found)))
    shown = text_of(owner.get(address("change", found)))
    assert "Approve 1100" in shown
    assert "March 2026: EUR 137.00. It should be EUR 130.00;" in shown
    assert "the items explain the difference of EUR 7.00." in shown
    seen = owner.get(address("change", found)).context["seen"]
    attach(found, SimpleUploadedFile("letter.csv", CSV), name="letter.csv", by=bank.accountant)
    refused = text_of(owner.post(address("approve", found), {"seen": seen, "key": "k"}))
    assert "was changed after you looked" in refused
    seen = owner.get(address("change", found)).context["seen"]
    answer = owner.post(address("approve", found), {"seen": seen, "key": "l"})
    assert answer.headers["Location"].startswith(reverse("admin:reconciliation_overview"))
    found.refresh_from_db()
    assert (found.status, found.approved_by) == ("approved", bank.books.owner)


@pytest.mark.parametrize(
    ("expected", "why"),
    [
        (None, "Nobody has said yet what the balance should be."),
        (D(130), "EUR 7.00 of the difference is not explained"),
    ],
)
def test_why_it_cannot_be_approved_stands_beside_the_button(bank: Bank, owner, expected, why) -> None:
    booked(bank, "137.00", date(2026, 3, 1), account="suspense")
    found = begun(bank, "suspense", expected_balance=expected)
    assert why in text_of(owner.get(address("change", found)))


def test_a_posting_that_moved_the_balance_is_named_with_its_entry(bank: Bank, page) -> None:
    booked(bank, "137.00", date(2026, 3, 1))
    found = approve_reconciliation(begun(bank, expected_balance=D(137)), by=bank.books.owner)
    entry = booked(bank, "-2.00", date(2026, 3, 30))
    text = text_of(page.get(address("change", found)))
    assert "Suspended: EUR 137.00 was approved, the books say EUR 135.00 now." in text
    assert reverse("admin:ledger_journalentry_change", args=[entry.pk]) in text
    assert "Reconcile again" in text
    again = begun(bank, expected_balance=D(135))
    entry = booked(bank, "1.00", date(2026, 3, 30))
    text = text_of(page.get(address("change", again)))
    assert "The books moved since they were read: EUR 135.00 then, EUR 136.00 now." in text
    assert reverse("admin:ledger_journalentry_change", args=[entry.pk]) in text


def test_the_proof_asks_as_many_questions_for_many_items_as_for_one(bank: Bank, page) -> None:
    bank.statement("1.00", start="0", end="1.00", first=MARCH[0])
    found = begun(bank)
    explain(found, date=MARCH[1], description="a", amount=D(1), by=bank.accountant)
    attach(found, SimpleUploadedFile("a.csv", CSV), name="a.csv", by=bank.accountant)
    booked(bank, "1.00", date(2026, 3, 3))
    few = queries_of(lambda: page.get(address("change", found)))
    for number in range(5):
        explain(found, date=MARCH[1], description=f"{number}", amount=D(1), by=bank.accountant)
        attach(found, SimpleUploadedFile("a.csv", CSV), name="a.csv", by=bank.accountant)
        booked(bank, "1.00", date(2026, 3, 3))
    bank.lines(bank.account.statements.get(), "1.00", "2.00", "3.00")
    assert queries_of(lambda: page.get(address("change", found))) == few


def test_a_manager_reads_and_changes_nothing(bank: Bank, client_of) -> None:
    manager = UserFactory()
    MembershipFactory(administration=bank.books.administration, user=manager, role="manager")
    found, page = begun(bank), client_of(manager)
    text = text_of(page.get(address("change", found)))
    assert 'name="expected_balance"' not in text
    for verb in ("expect", "explain", "propose", "attach"):
        assert page.post(address(verb, found), {"key": verb}).status_code == 403
