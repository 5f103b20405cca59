"""Pages of the ledger: what they show, to whom, where their figures lead, and at what cost."""

import re
from datetime import date
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.core.models import Membership
from apps.core.tests.factories import AdministrationFactory, MembershipFactory, member
from apps.ledger.models import Account, OpenItem
from apps.ledger.services.allocating import settle_documents
from apps.ledger.services.posting import Source, reverse_entry
from apps.ledger.tests.factories import EntryFactory, new_id, on_account, open_test_books, paid_later

Role = Membership.Role
TRIAL_BALANCE = "/admin/ledger/account/trial-balance/"
READERS = [Role.MANAGER, Role.OWNER, Role.ACCOUNTANT]
OTHERS = [Role.RECEPTIONIST, Role.CASHIER, Role.ADMIN]
WRITTEN = ("account", "journal", "party", "journalentry", "invoice", "exchangerate")  # with a form for accountants
LISTS = (*WRITTEN, "vatcode", "period", "openitem", "batch", "seal")


@pytest.fixture
def accountant(books, client):
    client.force_login(member(books.administration, Role.ACCOUNTANT))
    return client


def ledger_of(account, **query):
    return reverse("admin:ledger_account_ledger", args=[account.pk], query={"until": "2026-12-31", **query})


def page_of(entry):
    return reverse("admin:ledger_journalentry_change", args=[entry.pk])


def text_of(answer):
    assert answer.status_code == 200, answer.content.decode()[:2000]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode())).replace("\xa0", " ")


def addresses(books):
    entry = EntryFactory(books=books, lines=on_account(books, "100.00", books.party("P-1"), new_id()))
    lists = [reverse(f"admin:ledger_{name}_changelist") for name in LISTS]
    rows = [
        page_of(entry),
        ledger_of(books.account("cash_drawer")),
        f"{TRIAL_BALANCE}?administration={books.administration.pk}",
        reverse("admin:ledger_account_change", args=[books.account("cash_drawer").pk]),
        reverse("admin:ledger_period_change", args=[entry.period_id]),
        reverse("admin:ledger_journal_change", args=[entry.journal_id]),
        reverse("admin:ledger_vatcode_change", args=[books.vat.pk]),
        reverse("admin:ledger_party_change", args=[books.party("P-1").pk]),
        reverse("admin:ledger_openitem_change", args=[OpenItem.objects.get(line__entry=entry).pk]),
    ]
    return lists, rows


@pytest.mark.parametrize("role", READERS)
def test_who_may_read_the_ledger_opens_every_page(books, client, role):
    client.force_login(member(books.administration, role))
    lists, rows = addresses(books)
    assert {address: client.get(address).status_code for address in lists + rows} == dict.fromkeys(lists + rows, 200)


@pytest.mark.parametrize("role", OTHERS)
def test_other_roles_open_no_page_of_the_ledger(books, client, role):
    client.force_login(member(books.administration, role))
    lists, rows = addresses(books)
    assert {address: client.get(address).status_code for address in lists + rows} == dict.fromkeys(lists + rows, 403)


def test_rows_of_other_books_are_not_there(books, accountant):
    _lists, rows = addresses(open_test_books())
    missing = [
        f"{TRIAL_BALANCE}?administration={uuid4()}",
        f"{TRIAL_BALANCE}?administration=x",
        reverse("admin:ledger_account_ledger", args=[uuid4()]),
        reverse("admin:ledger_journalentry_change", args=[uuid4()]),
    ]
    assert {address: accountant.get(address).status_code for address in rows + missing} == dict.fromkeys(
        rows + missing, 404
    )


def test_lists_hold_no_rows_of_other_books(books, accountant):
    EntryFactory(books=open_test_books(), memo="Their takings")
    assert "Their takings" not in text_of(accountant.get(reverse("admin:ledger_journalentry_changelist")))


def test_what_is_posted_or_counted_is_never_changed_or_deleted(books, accountant):
    entry = EntryFactory(books=books, memo="Takings of the day")
    for address in (ledger_of(books.account("cash_drawer")), TRIAL_BALANCE):
        assert accountant.post(address, {"memo": "x"}).status_code == 200
    for name in LISTS:
        expected = 200 if name in WRITTEN else 404
        assert accountant.get(f"/admin/ledger/{name}/add/").status_code == expected, name
        if name != "journalentry":
            assert accountant.post(f"/admin/ledger/{name}/{entry.pk}/delete/").status_code == 404, name
    for name, row in (("period", entry.period), ("vatcode", books.vat)):
        assert accountant.post(f"/admin/ledger/{name}/{row.pk}/change/", {"name": "x"}).status_code == 403, name
    entry.refresh_from_db()
    assert entry.memo == "Takings of the day"


def test_an_accountant_adds_an_account_and_names_it_anew(books, accountant):
    new = {"administration": books.administration.pk, "code": "4650", "name": "Lease", "type": "EXPENSE", "control": ""}
    new["place"] = "OPERATING_EXPENSES"
    assert accountant.post("/admin/ledger/account/add/", new).status_code == 302
    account = Account.objects.get(code="4650")
    changed = {"administration": books.administration.pk, "name": "Leasekosten", "code": "1", "type": "ASSET"}
    changed["place"] = "OTHER_EXPENSES"
    assert accountant.post(f"/admin/ledger/account/{account.pk}/change/", changed).status_code == 302
    account.refresh_from_db()
    assert (account.code, account.name, account.type) == ("4650", "Leasekosten", "EXPENSE")
    assert account.place == "OTHER_EXPENSES"


def test_the_owner_reads_the_chart_of_accounts(books, client):
    client.force_login(books.owner)
    account = books.account("bank")
    assert client.post(f"/admin/ledger/account/{account.pk}/change/", {"name": "x"}).status_code == 403
    assert client.get("/admin/ledger/account/add/").status_code == 403


def test_the_trial_balance_leads_to_the_lines_and_they_to_the_entry(books, accountant):
    entry = EntryFactory(books=books, amount="1234.50")
    shown = accountant.get(TRIAL_BALANCE, {"administration": books.administration.pk, "as_of": "2026-03-31"})
    words = text_of(shown)
    assert "Tuesday 31 March 2026" in words
    assert "1000 Kas EUR 1,234.50 EUR 0.00 EUR 1,234.50" in words
    assert "8000 Consulten EUR 0.00 EUR 1,234.50 EUR (1,234.50)" in words
    assert "Total EUR 1,234.50 EUR 1,234.50 EUR 0.00" in words

    address = ledger_of(books.account("cash_drawer"), until="2026-03-31")
    assert address in shown.content.decode()
    lines = accountant.get(address)
    assert page_of(entry) in lines.content.decode()
    assert "Tuesday 3 March 2026" in text_of(lines)
    assert f"{TRIAL_BALANCE}?administration={books.administration.pk}&amp;as_of=2026-03-31" in lines.content.decode()


def test_the_trial_balance_tells_the_opening_from_the_movements(books, accountant):
    EntryFactory(books=books)
    EntryFactory(books=books, date=date(2026, 4, 1), amount="10.00")
    words = text_of(accountant.get(TRIAL_BALANCE, {"since": "2026-04-01", "as_of": "2026-04-30"}))
    assert "1000 Kas EUR 65.00 EUR 10.00 EUR 0.00 EUR 75.00" in words


def test_an_empty_trial_balance_says_what_to_do(books, accountant):
    words = text_of(accountant.get(TRIAL_BALANCE, {"as_of": "2026-03-31"}))
    assert "Nothing is posted up to Tuesday 31 March 2026." in words
    assert "finalize a day close" in words


def test_an_administration_without_accounts_says_so(books, client):
    unopened = open_unopened(books.owner)
    client.force_login(books.owner)
    words = text_of(client.get(TRIAL_BALANCE, {"administration": unopened.pk}))
    assert f"{unopened} has no chart of accounts yet." in words


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"as_of": "yesterday"}, "Enter a valid date."),
        ({"as_of": ""}, "This field is required."),
        ({"since": "2026-04-01", "as_of": "2026-03-31"}, "This is after the last day."),
    ],
)
def test_a_wrong_date_is_said_beside_its_field(accountant, query, said):
    answer = accountant.get(TRIAL_BALANCE, query)
    assert said in text_of(answer)
    assert f'value="{query["as_of"]}"' in answer.content.decode() or not query["as_of"]


def test_the_books_worked_in_last_are_shown_first(books, client):
    other = open_test_books(name="A second clinic")
    Membership.objects.create(user=books.owner, administration=other.administration, role=Role.OWNER)
    EntryFactory(books=other, amount="7.00")
    client.force_login(books.owner)
    assert "Nothing is posted" in text_of(client.get(TRIAL_BALANCE, {"administration": books.administration.pk}))
    assert "Nothing is posted" in text_of(client.get(TRIAL_BALANCE))
    assert "EUR 7.00" in text_of(client.get(TRIAL_BALANCE, {"administration": other.administration.pk}))
    assert "EUR 7.00" in text_of(client.get(TRIAL_BALANCE))


def test_an_account_ledger_runs_from_opening_to_closing(books, accountant):
    EntryFactory(books=books)
    EntryFactory(books=books, date=date(2026, 4, 1), amount="10.00", memo="April")
    words = text_of(accountant.get(ledger_of(books.account("cash_drawer"), since="2026-04-01", until="2026-04-30")))
    assert "Opening balance EUR 65.00" in words
    assert "April EUR 10.00 EUR 75.00" in words
    assert "Closing balance EUR 10.00 EUR 0.00 EUR 75.00" in words


def test_a_long_account_ledger_goes_on(books, accountant, monkeypatch):
    for _entry in range(3):
        EntryFactory(books=books)
    monkeypatch.setattr("apps.ledger.admin.reports.pages.LINES_PER_PAGE", 2)
    first = accountant.get(ledger_of(books.account("cash_drawer")))
    assert "Carried forward EUR 130.00" in text_of(first)
    assert "Closing balance of all lines: EUR 195.00" in text_of(first)
    [address] = re.findall(r'href="([^"]*after=[^"]*)"', first.content.decode())
    second = text_of(accountant.get(address.replace("&amp;", "&")))
    assert "Brought forward EUR 130.00" in second
    assert "Closing balance EUR 65.00 EUR 0.00 EUR 195.00" in second


@pytest.mark.parametrize("after", ["x", "00000000-0000-0000-0000-000000000000"])
def test_an_account_ledger_that_goes_on_after_no_line_is_not_there(books, accountant, after):
    assert accountant.get(ledger_of(books.account("cash_drawer"), after=after)).status_code == 404


def test_an_entry_shows_lines_items_reversal_and_totals(books, accountant):
    party, bill = books.party("P-1"), new_id()
    entry = EntryFactory(books=books, lines=on_account(books, "100.00", party, bill, "B-000001"))
    EntryFactory(books=books, lines=paid_later(books, "40.00", party, bill, "B-000001"))
    settle_documents(books.administration, [bill])
    words = text_of(accountant.get(page_of(entry)))
    assert "Tuesday 3 March 2026" in words
    assert "1310 Patiënten" in words
    assert "Total EUR 100.00 EUR 100.00" in words
    assert "B-000001 EUR 100.00 EUR 60.00" in words
    assert "Reversed" not in words

    reversal = reverse_entry(entry, by=books.owner, reason="wrong patient")
    reversed_ = accountant.get(page_of(entry))
    assert "Reversed by GEN-2026-0003" in text_of(reversed_)
    assert page_of(reversal) in reversed_.content.decode()
    assert "Reverses GEN-2026-0001" in text_of(accountant.get(page_of(reversal)))


def test_an_entry_leads_to_its_source_where_there_is_a_page_for_it(books, accountant):
    close = new_id()
    from_close = accountant.get(page_of(EntryFactory(books=books, source=Source("day_close", close))))
    assert reverse("admin:billing_endofdayreconciliation_change", args=[close]) in from_close.content.decode()
    assert "Source payroll_run" in text_of(
        accountant.get(page_of(EntryFactory(books=books, source=Source("payroll_run", new_id()))))
    )


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({}, ["0003", "0002", "0001"]),
        ({"state": "REVERSED"}, ["0001"]),
        ({"state": "POSTED"}, ["0003", "0002"]),
        ({"q": "gen-2026-2"}, ["0002"]),
        ({"q": "typed twice"}, ["0003"]),
        ({"date__gte": "2026-04-01"}, []),
    ],
)
def test_entries_are_found_by_state_number_memo_and_date(books, accountant, query, numbers):
    first = EntryFactory(books=books)
    EntryFactory(books=books)
    reverse_entry(first, by=books.owner, reason="typed twice")
    listed = text_of(accountant.get(reverse("admin:ledger_journalentry_changelist"), query))
    found = re.findall(r"GEN-2026-(\d{4})(?= \w+day )", listed)
    assert list(dict.fromkeys(found)) == numbers


def test_open_items_are_listed_until_they_are_settled(books, accountant):
    party, bill = books.party("P-1"), new_id()
    EntryFactory(books=books, lines=on_account(books, "100.00", party, bill, "B-000001"))
    listed = reverse("admin:ledger_openitem_changelist")
    assert "EUR 100.00 EUR 100.00" in text_of(accountant.get(listed))
    EntryFactory(books=books, lines=paid_later(books, "100.00", party, bill, "B-000001"))
    settle_documents(books.administration, [bill])
    assert "B-000001" not in text_of(accountant.get(listed))
    assert "EUR 100.00 EUR 0.00" in text_of(accountant.get(listed, {"open": "settled"}))
    item = OpenItem.objects.get(amount=100)
    words = text_of(accountant.get(reverse("admin:ledger_openitem_change", args=[item.pk])))
    assert "EUR 100.00 · Tuesday 3 March 2026 · GEN-2026-0002" in words


def test_no_page_asks_more_of_the_database_when_there_are_more_rows(books, accountant):
    """Each page once with few rows and once with many: the same number of queries."""

    def fill(number):
        for bill in range(number):
            lines = [
                line
                for _line in range(number)
                for line in on_account(books, "1.00", books.party(f"P-{number}-{bill}"), new_id())
            ]
            entry = EntryFactory(books=books, lines=lines, source=Source("day_close", new_id()))
        return entry

    def queries(entry):
        counts = {}
        pages = {name: reverse(f"admin:ledger_{name}_changelist") for name in LISTS}
        pages |= {
            "entry": page_of(entry),
            "trial": f"{TRIAL_BALANCE}?as_of=2026-12-31",
            "ledger": ledger_of(books.account("patient_receivable")),
        }
        for name, address in pages.items():
            with CaptureQueriesContext(connection) as captured:
                assert accountant.get(address).status_code == 200
            counts[name] = len(captured)
        return counts

    accountant.get(TRIAL_BALANCE)
    few = queries(fill(2))
    assert queries(fill(6)) == few
    assert max(few.values()) <= 16


def open_unopened(owner):
    administration = AdministrationFactory()
    MembershipFactory(administration=administration, user=owner, role=Role.OWNER)
    return administration
