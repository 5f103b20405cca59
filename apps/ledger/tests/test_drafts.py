"""Drafts: kept, posted, thrown away, and posted by a second person above the limit."""

from decimal import Decimal

import pytest

from apps.core.errors import NotAllowed, SecondPersonRequired
from apps.core.models import Membership
from apps.core.tests.factories import MembershipFactory, UserFactory
from apps.ledger.errors import EntryPosted, JournalUnbalanced, PeriodClosed, PeriodMissing
from apps.ledger.models import JournalEntry, JournalLine, OpenItem
from apps.ledger.services.drafts import (
    delete_draft,
    post_draft,
    post_manual_entry,
    save_draft,
    waits_for_second_person,
)
from apps.ledger.services.posting import Line
from apps.ledger.tests.factories import MARCH_3, cash_sale, new_id, on_account

Role = Membership.Role


def somebody(books, role=Role.ACCOUNTANT):
    user = UserFactory()
    MembershipFactory(administration=books.administration, user=user, role=role)
    return user


@pytest.fixture
def accountant(books):
    return somebody(books)


def written(books, by, amount="65.00", **more):
    facts = {"lines": cash_sale(books, amount), "memo": "Takings", "date": MARCH_3, **more}
    return {"administration": books.administration, "journal": books.journal, "by": by, **facts}


def limit(books, amount, **more):
    for name, value in {"manual_entry_limit": amount and Decimal(amount), **more}.items():
        setattr(books.administration, name, value)
    books.administration.save()


def test_a_draft_counts_nowhere_until_it_is_posted(books, accountant):
    draft = save_draft(**written(books, accountant))
    assert (draft.status, draft.number, JournalLine.objects.posted().count()) == ("DRAFT", None, 0)
    entry = post_draft(draft, by=accountant)
    assert (str(entry), entry.posted_by, entry.source_type) == ("GEN-2026-0001", accountant, "manual")
    assert JournalLine.objects.filter(account=books.account("cash_drawer")).balance() == Decimal("65.00")
    assert {line.date for line in entry.lines.all()} == {MARCH_3}
    assert entry.posted_at is not None


def test_a_draft_is_written_anew_as_often_as_one_likes(books, accountant):
    draft = save_draft(**written(books, accountant))
    again = save_draft(**written(books, accountant, "80.00", memo="Takings of the evening"), entry=draft)
    assert (again.pk, again.memo) == (draft.pk, "Takings of the evening")
    assert sorted(line.debit for line in again.lines.all()) == [0, Decimal("80.00")]


def test_a_draft_need_not_balance_but_is_not_posted_so(books, accountant):
    lines = [Line(books.account("cash_drawer"), debit=Decimal("65.00"))]
    draft = save_draft(**written(books, accountant, lines=lines))
    with pytest.raises(JournalUnbalanced):
        post_draft(draft, by=accountant)
    draft.refresh_from_db()
    assert draft.status == "DRAFT"


def test_a_posted_draft_opens_an_item_for_each_party(books, accountant):
    lines = on_account(books, "100.00", books.party("P-1"), new_id())
    post_draft(save_draft(**written(books, accountant, lines=lines, reference="M-1")), by=accountant)
    item = OpenItem.objects.get()
    assert (item.amount, item.party.code, item.reference, item.document_type) == (100, "P-1", "M-1", "")


def test_a_posted_entry_is_no_draft_any_more(books, accountant):
    entry = post_draft(save_draft(**written(books, accountant)), by=accountant)
    for attempt in (
        lambda: save_draft(**written(books, accountant), entry=entry),
        lambda: post_draft(entry, by=accountant),
        lambda: delete_draft(entry, by=accountant),
    ):
        with pytest.raises(EntryPosted):
            attempt()


def test_a_draft_that_is_thrown_away_leaves_nothing(books, accountant):
    delete_draft(save_draft(**written(books, accountant)), by=accountant)
    assert not JournalEntry.objects.exists()
    assert not JournalLine.objects.exists()


@pytest.mark.parametrize("status", ["FINALIZED", "LOCKED"])
def test_a_draft_is_kept_and_refused_when_its_period_is_closed(books, accountant, status):
    draft = save_draft(**written(books, accountant))
    books.set_status("2026-03", status)
    with pytest.raises(PeriodClosed) as refused:
        post_draft(draft, by=accountant)
    assert refused.value.facts == {"period": "2026-03", "status": status}


def test_a_draft_needs_a_period(books, accountant):
    with pytest.raises(PeriodMissing):
        save_draft(**written(books, accountant, date=MARCH_3.replace(year=2031)))


@pytest.mark.parametrize("role", [Role.RECEPTIONIST, Role.CASHIER, Role.MANAGER, Role.OWNER, Role.ADMIN])
def test_only_the_accountant_writes_entries(books, accountant, role):
    other = somebody(books, role)
    draft = save_draft(**written(books, accountant))
    for attempt in (
        lambda: save_draft(**written(books, other)),
        lambda: post_manual_entry(**written(books, other)),
        lambda: post_draft(draft, by=other),
        lambda: delete_draft(draft, by=other),
    ):
        with pytest.raises(NotAllowed):
            attempt()


def test_a_manual_entry_up_to_the_limit_is_posted_at_once(books, accountant):
    limit(books, "65.00")
    assert post_manual_entry(**written(books, accountant)).status == "POSTED"


def test_above_the_limit_a_second_person_posts(books, accountant):
    limit(books, "64.99")
    draft = post_manual_entry(**written(books, accountant))
    assert (draft.status, waits_for_second_person(draft)) == ("DRAFT", True)
    with pytest.raises(SecondPersonRequired):
        post_draft(draft, by=accountant)
    manager = somebody(books, Role.MANAGER)
    entry = post_draft(draft, by=manager)
    assert (entry.status, entry.created_by, entry.approved_by) == ("POSTED", accountant, manager)


def test_whoever_writes_a_draft_anew_is_its_first_person(books, accountant):
    limit(books, "10.00")
    colleague = somebody(books)
    draft = post_manual_entry(**written(books, accountant))
    save_draft(**written(books, colleague, "90.00"), entry=draft)
    with pytest.raises(SecondPersonRequired):
        post_draft(draft, by=colleague)
    assert post_draft(draft, by=accountant).approved_by == accountant


def test_a_practice_of_one_posts_alone(books, accountant):
    limit(books, "10.00", single_sign_off=True)
    assert post_manual_entry(**written(books, accountant)).status == "POSTED"


def test_what_does_not_balance_is_refused_at_any_amount(books, accountant):
    limit(books, "10.00")
    lines = [Line(books.account("cash_drawer"), debit=Decimal("65.00"))]
    with pytest.raises(JournalUnbalanced):
        post_manual_entry(**written(books, accountant, lines=lines))
