"""Entries written in the admin: drafts, their posting once confirmed, the second person, reversal."""

import re
from datetime import date
from decimal import Decimal
from uuid import uuid4

import pytest
from django.urls import reverse

from apps.core.models import IdempotentRequest, Membership
from apps.core.tests.factories import member
from apps.ledger.models import Account, JournalEntry, JournalLine, OpenItem, VatCode
from apps.ledger.services.drafts import save_draft
from apps.ledger.tests.factories import MARCH_3, EntryFactory, PartyFactory, cash_sale, on_account, open_test_books
from apps.ledger.tests.test_admin import page_of, text_of

Role = Membership.Role
ADD = reverse("admin:ledger_journalentry_add")
LIST = reverse("admin:ledger_journalentry_changelist")


@pytest.fixture
def keeper(books):
    return member(books.administration, Role.ACCOUNTANT)


@pytest.fixture
def accountant(keeper, client):
    client.force_login(keeper)
    return client


def written(books, *lines, **head):
    """The form as a browser sends it: each line by its fields."""
    body = {"administration": books.administration.pk, "journal": books.journal.pk, "date": "2026-03-03"}
    body |= {"memo": "Rent of March", "reference": "R-3", "key": str(uuid4()), "do": "save", **head}
    body |= {"lines-TOTAL_FORMS": len(lines) + 1, "lines-INITIAL_FORMS": 0}
    return body | {f"lines-{n}-{name}": value for n, line in enumerate(lines) for name, value in line.items()}


RENT = {"account": "4100", "debit": "1,234.50"}
BY_BANK = {"account": "1100", "credit": "1,234.50"}


def a_draft(books, by, amount="100.00", **changes):
    facts = {"administration": books.administration, "journal": books.journal, "date": MARCH_3, "memo": "By hand"}
    return save_draft(**{**facts, "lines": cash_sale(books, amount), "by": by, **changes})


def page(verb, entry):
    return reverse(f"admin:ledger_journalentry_{verb}", args=[entry.pk])


def post_once_asked(client, entry, **changes):
    """What a person does: read the sentence, then say yes."""
    asked = client.get(page("post", entry))
    hidden = dict(re.findall(r'name="(key|seen)" value="([^"]*)"', asked.content.decode()))
    return client.post(page("post", entry), {**hidden, **changes})


# Write ---------------------------------------------------------------------------------------------------------------


def test_a_draft_is_kept_as_it_was_typed(books, accountant, keeper):
    answer = accountant.post(ADD, written(books, RENT, BY_BANK | {"memo": "by transfer"}))
    entry = JournalEntry.objects.get()
    assert (answer.status_code, answer.headers["Location"]) == (302, page_of(entry))
    assert (entry.status, entry.date, entry.memo, entry.reference) == ("DRAFT", MARCH_3, "Rent of March", "R-3")
    assert entry.created_by == keeper
    lines = [(line.account.code, line.debit, line.credit, line.memo) for line in entry.lines.all()]
    assert lines == [("4100", Decimal("1234.50"), 0, ""), ("1100", 0, Decimal("1234.50"), "by transfer")]
    form = accountant.get(page_of(entry)).content.decode()
    assert 'value="4100"' in form
    assert 'value="1,234.50"' in form


def test_the_same_form_sent_twice_makes_one_draft(books, accountant):
    body = written(books, RENT, BY_BANK)
    first, second = accountant.post(ADD, body), accountant.post(ADD, body)
    assert first.headers["Location"] == second.headers["Location"]
    assert JournalEntry.objects.count() == 1
    assert IdempotentRequest.objects.filter(key=f"form:{body['key']}").count() == 1
    assert "sent before with other contents" in text_of(accountant.post(ADD, body | {"memo": "Another"}))


def test_a_draft_is_changed_until_it_is_posted(books, accountant, keeper):
    entry = a_draft(books, keeper)
    changed = written(books, {"account": "1000", "debit": "80"}, {"account": "8000", "credit": "80"}, memo="Less")
    assert accountant.post(page_of(entry), changed).status_code == 302
    entry.refresh_from_db()
    assert entry.memo == "Less"
    assert sum(line.debit for line in entry.lines.all()) == 80


def test_a_draft_need_not_balance_but_is_not_posted_so(books, accountant):
    assert accountant.post(ADD, written(books, RENT)).status_code == 302
    entry = JournalEntry.objects.get()
    words = text_of(accountant.get(page("post", entry)))
    assert "Debits are EUR 1,234.50 and credits EUR 0.00" in words
    assert "Yes, post" not in words
    body = written(books, RENT, do="post")
    assert "an entry balances" in text_of(accountant.post(ADD, body))
    assert JournalEntry.objects.count() == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"account": "9999", "debit": "1"}, "No account has that code or name."),
        ({"account": "btw", "debit": "1"}, "Several accounts fit; choose one."),
        ({"debit": "1"}, "Name the account."),
        ({"account": "1000"}, "Type an amount, as debit or as credit."),
        ({"account": "1000", "debit": "1", "credit": "1"}, "A line is a debit or a credit, not both."),
        ({"account": "1000", "debit": "-1"}, "Type it on the other side instead."),
        ({"account": "1000", "debit": "1.001"}, "At most 2 digits after the separator."),
        ({"account": "1000", "debit": "ten"}, "is no number"),
        ({"account": "1600", "credit": "1"}, "1600 is a control account: name the party."),
        ({"account": "1600", "credit": "1", "party": "P-1"}, "Nobody of this kind has that code or name."),
        ({"account": "1000", "debit": "1", "currency": "USD"}, "Type the amount in USD."),
        ({"account": "1000", "debit": "1", "amount_currency": "2"}, "Name the currency of this amount."),
        ({"account": "1000", "debit": "1", "currency": "EUR"}, "That is the currency of the books: leave it empty."),
        ({"account": "1000", "debit": "1", "currency": "ZZZ"}, "ZZZ"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field_and_stays_typed(books, accountant, line, said):
    books.party("P-1")
    answer = accountant.post(ADD, written(books, line, BY_BANK))
    assert said in text_of(answer)
    assert 'value="Rent of March"' in answer.content.decode()
    assert not JournalEntry.objects.exists()


def test_a_day_without_a_period_is_said_beside_the_date(books, accountant):
    words = text_of(accountant.post(ADD, written(books, RENT, BY_BANK, date="2031-03-03")))
    assert "There is no period that holds Monday 3 March 2031." in words


def test_an_empty_form_asks_for_a_line(books, accountant):
    assert "Type a line first" in text_of(accountant.post(ADD, written(books)))


def test_a_line_carries_its_party_vat_and_currency(books, accountant):
    supplier = PartyFactory(administration=books.administration, kind="SUPPLIER", code="SUP-1", name="Wholesale")
    code = VatCode.objects.get(administration=books.administration, code="HIGH")
    lines = [
        {"account": "8000", "credit": "100", "vat_code": code.pk},
        {"account": code.account.code, "credit": "21", "vat_code": code.pk},
        {"account": "1600", "credit": "79", "party": "wholesale", "currency": "usd", "amount_currency": "100"},
        {"account": "1000", "debit": "200"},
    ]
    assert accountant.post(ADD, written(books, *lines)).status_code == 302
    base, tax, owed, _cash = JournalLine.objects.order_by("position")
    assert (base.vat_role, tax.vat_role) == ("BASE", "TAX")
    assert (owed.party, owed.currency, owed.amount_currency) == (supplier, "USD", -100)
    assert owed.exchange_rate == Decimal("0.79")


def test_accounts_and_parties_are_found_while_typing(books, accountant):
    PartyFactory(administration=books.administration, kind="SUPPLIER", code="SUP-1", name="Wholesale")
    books.party("P-1")
    find = reverse("admin:ledger_account_find", args=[books.administration.pk])
    assert accountant.get(find, {"q": ""}).json() == {"results": []}
    [cash] = accountant.get(find, {"q": "1000"}).json()["results"]
    assert (cash["value"], cash["label"], cash["control"]) == ("1000", "Kas", "")
    [owed] = accountant.get(find, {"q": "crediteuren"}).json()["results"]
    assert (owed["value"], owed["control"]) == ("1600", "SUPPLIER")
    find = reverse("admin:ledger_party_find", args=[books.administration.pk])
    assert [one["value"] for one in accountant.get(find, {"q": "whole"}).json()["results"]] == ["SUP-1"]
    assert accountant.get(find, {"q": "whole", "kind": "CUSTOMER"}).json() == {"results": []}


# Post ----------------------------------------------------------------------------------------------------------------


def test_posting_is_asked_in_a_sentence_and_done_once(books, accountant):
    answer = accountant.post(ADD, written(books, RENT, BY_BANK, do="post"))
    entry = JournalEntry.objects.get()
    assert answer.headers["Location"] == page("post", entry)
    assert "Post GEN Tuesday 3 March 2026: EUR 1,234.50. Cannot be changed afterwards." in text_of(
        accountant.get(page("post", entry))
    )
    assert entry.status == "DRAFT"
    posted = post_once_asked(accountant, entry)
    assert posted.headers["Location"] == page_of(entry)
    entry.refresh_from_db()
    assert (entry.status, str(entry)) == ("POSTED", "GEN-2026-0001")
    shown = text_of(accountant.get(page_of(entry)))
    assert "GEN-2026-0001 Tuesday 3 March 2026: EUR 1,234.50 is posted." in shown
    assert "Reverse" in shown


def test_what_changed_since_it_was_asked_is_not_posted(books, accountant, keeper):
    entry = a_draft(books, keeper)
    asked = accountant.get(page("post", entry)).content.decode()
    hidden = dict(re.findall(r'name="(key|seen)" value="([^"]*)"', asked))
    a_draft(books, keeper, "9999.00", entry=entry)
    answer = accountant.post(page("post", entry), hidden)
    assert answer.headers["Location"] == page("post", entry)
    entry.refresh_from_db()
    assert entry.status == "DRAFT"
    assert "The draft was changed since this page was shown." in text_of(accountant.get(page("post", entry)))


def test_what_is_posted_has_no_form_and_takes_no_post(books, accountant):
    entry = EntryFactory(books=books)
    content = accountant.get(page_of(entry)).content.decode()
    assert 'name="memo"' not in content
    before = list(JournalLine.objects.values_list("pk", "debit", "credit"))
    for address, body in (
        (page_of(entry), written(books, RENT, BY_BANK, memo="Changed")),
        (page("post", entry), {"seen": "x"}),
        (page("delete", entry), {}),
    ):
        answer = accountant.post(address, body)
        assert answer.headers["Location"] == page_of(entry)
        assert "A posted entry never changes" in text_of(accountant.get(page_of(entry)))
    entry.refresh_from_db()
    assert entry.memo == "Takings"
    assert list(JournalLine.objects.values_list("pk", "debit", "credit")) == before


def test_a_closed_period_is_said_before_posting(books, accountant, keeper):
    entry = a_draft(books, keeper)
    books.set_status("2026-03", "LOCKED")
    words = text_of(accountant.get(page("post", entry)))
    assert "no longer admits posting" in words
    assert "Yes, post" not in words


def test_above_the_limit_a_second_person_posts(books, client, accountant, keeper):
    books.administration.manual_entry_limit = Decimal("50.00")
    books.administration.save()
    entry = a_draft(books, keeper)
    shown = text_of(accountant.get(page_of(entry)))
    assert "You wrote it, and it is above EUR 50.00: a second person posts it." in shown
    assert "Yes, approve and post" not in text_of(accountant.get(page("post", entry)))
    post_once_asked(accountant, entry)
    entry.refresh_from_db()
    assert entry.status == "DRAFT"

    client.force_login(books.owner)
    assert "Approve and post" in text_of(client.get(page_of(entry)))
    post_once_asked(client, entry)
    entry.refresh_from_db()
    assert (entry.status, entry.approved_by, entry.created_by) == ("POSTED", books.owner, keeper)
    assert f"{keeper} · {books.owner}" in text_of(client.get(page_of(entry)))


def test_another_accountant_posts_what_they_only_looked_at(books, client, keeper):
    books.administration.manual_entry_limit = Decimal("50.00")
    books.administration.save()
    entry = a_draft(books, keeper)
    client.force_login(member(books.administration, Role.ACCOUNTANT))
    form = {
        **written(books, do="post", memo="By hand", reference=""),
        "lines-TOTAL_FORMS": 6,
        "lines-INITIAL_FORMS": 2,
        "lines-0-account": "1000",
        "lines-0-debit": "100.00",
        "lines-1-account": "8000",
        "lines-1-credit": "100.00",
    }
    answer = client.post(page_of(entry), form)
    assert answer.headers["Location"] == page("post", entry)
    entry.refresh_from_db()
    assert entry.created_by == keeper
    post_once_asked(client, entry)
    entry.refresh_from_db()
    assert entry.status == "POSTED"


def test_selected_drafts_are_named_before_they_are_posted(books, accountant, keeper):
    good, other = a_draft(books, keeper), a_draft(books, keeper, "20.00")
    unbalanced = a_draft(books, keeper, lines=cash_sale(books, "7.00")[:1])
    posted = EntryFactory(books=books)
    chosen = {"_selected_action": [one.pk for one in (good, other, unbalanced, posted)]}
    asked = accountant.post(LIST, {"action": "post_selected", **chosen})
    words = text_of(asked)
    assert "Post GEN Tuesday 3 March 2026: EUR 100.00." in words
    assert "Post GEN Tuesday 3 March 2026: EUR 20.00." in words
    assert "Debits are EUR 7.00 and credits EUR 0.00" in words
    assert JournalEntry.objects.filter(status="POSTED").count() == 1
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', asked.content.decode())
    body = {"_selected_action": [value for name, value in hidden if name == "_selected_action"]}
    body |= {name: value for name, value in hidden if name in ("action", "post", "seen", "key")}
    assert len(body["_selected_action"]) == 2
    assert accountant.post(LIST, body).status_code == 302
    states = {one.pk: one.status for one in JournalEntry.objects.all()}
    assert (states[good.pk], states[other.pk], states[unbalanced.pk]) == ("POSTED", "POSTED", "DRAFT")


def test_selected_drafts_that_changed_are_asked_again(books, accountant, keeper):
    entry = a_draft(books, keeper)
    body = {"action": "post_selected", "_selected_action": [entry.pk], "post": "yes", "seen": "something else"}
    assert "Cannot be changed afterwards" in text_of(accountant.post(LIST, body))
    entry.refresh_from_db()
    assert entry.status == "DRAFT"


# Reverse, delete -----------------------------------------------------------------------------------------------------


def test_a_reversal_asks_when_and_why(books, accountant):
    entry = EntryFactory(books=books)
    words = text_of(accountant.get(page("reverse", entry)))
    assert "Its own date, Tuesday 3 March 2026." in words
    assert "Both stay in the books and cannot be changed." in words
    assert "This field is required." in text_of(accountant.post(page("reverse", entry), {"date": "2026-03-03"}))
    answer = accountant.post(page("reverse", entry), {"date": "2026-03-03", "reason": "typed twice", "key": "k"})
    reversal = JournalEntry.objects.get(reverses=entry)
    assert answer.headers["Location"] == page_of(reversal)
    assert (reversal.date, "typed twice" in reversal.memo) == (MARCH_3, True)
    shown = text_of(accountant.get(page_of(entry)))
    assert "Reversed by GEN-2026-0002 , Tuesday 3 March 2026" in shown
    assert page("reverse", entry) not in accountant.get(page_of(entry)).content.decode()
    accountant.post(page("reverse", entry), {"date": "2026-03-03", "reason": "once more", "key": "k2"})
    assert JournalEntry.objects.count() == 2


def test_a_reversal_is_dated_on_the_first_open_day_and_says_so(books, accountant):
    entry = EntryFactory(books=books)
    books.set_status("2026-03", "LOCKED")
    asked = accountant.get(page("reverse", entry))
    assert "Wednesday 1 April 2026 is the first day that does" in text_of(asked)
    assert 'value="2026-04-01"' in asked.content.decode()
    refused = accountant.post(page("reverse", entry), {"date": "2026-03-03", "reason": "late", "key": "a"})
    assert "2026-03 is locked" in text_of(refused)
    accountant.post(page("reverse", entry), {"date": "2026-04-01", "reason": "late", "key": "b"})
    reversal = JournalEntry.objects.get(reverses=entry)
    assert reversal.date == date(2026, 4, 1)
    assert "2026-03-03" in reversal.memo


def test_reversing_closes_what_was_open(books, accountant):
    entry = EntryFactory(books=books, lines=on_account(books, "100.00", books.party("P-1"), uuid4(), "B-1"))
    accountant.post(page("reverse", entry), {"date": "2026-03-03", "reason": "wrong patient", "key": "k"})
    assert {item.open for item in OpenItem.objects.as_of()} == {0}


def test_a_draft_is_deleted_once_asked(books, accountant, keeper):
    entry = a_draft(books, keeper)
    assert "Delete the draft GEN Tuesday 3 March 2026: EUR 100.00." in text_of(accountant.get(page("delete", entry)))
    assert accountant.post(page("delete", entry)).status_code == 302
    assert not JournalEntry.objects.exists()


# Who may -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.OWNER, Role.MANAGER])
def test_readers_look_at_drafts_and_write_nothing(books, client, keeper, role):
    entry = a_draft(books, keeper)
    client.force_login(member(books.administration, role))
    content = client.get(page_of(entry)).content.decode()
    assert 'name="memo"' not in content
    for address, body in (
        (ADD, written(books, RENT, BY_BANK)),
        (page_of(entry), written(books, RENT, BY_BANK)),
        (page("post", entry), {}),
        (page("reverse", entry), {}),
        (page("delete", entry), {}),
    ):
        assert client.post(address, body).status_code == 403, address
    assert JournalEntry.objects.get().memo == "By hand"


def test_no_page_that_writes_finds_a_row_of_other_books(books, accountant):
    theirs = open_test_books(name="Theirs")
    entry = a_draft(theirs, member(theirs.administration, Role.ACCOUNTANT))
    for verb in ("change", "post", "reverse", "delete"):
        assert accountant.get(page(verb, entry)).status_code == 404
        assert accountant.post(page(verb, entry), {}).status_code == 404
    for name in ("account", "party"):
        find = reverse(f"admin:ledger_{name}_find", args=[theirs.administration.pk])
        assert accountant.get(find, {"q": "1"}).status_code == 404
    body = written(books, RENT, BY_BANK) | {"administration": theirs.administration.pk}
    assert accountant.post(ADD, body).status_code == 404
    assert accountant.post(ADD, written(books, RENT, BY_BANK, journal=theirs.journal.pk)).status_code == 200
    assert JournalEntry.objects.count() == 1


def test_an_account_of_no_other_books_is_meant_by_its_name(books, accountant):
    theirs = open_test_books(name="Theirs")
    Account.objects.create(
        administration=theirs.administration, code="7", name="Unique", type="EXPENSE", place="OPERATING_EXPENSES"
    )
    words = text_of(accountant.post(ADD, written(books, {"account": "Unique", "debit": "1"}, BY_BANK)))
    assert "No account has that code or name." in words
