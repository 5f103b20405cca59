from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.utils import timezone

from apps.core.errors import AmountHasTooManyDigits
from apps.core.models import Event
from apps.ledger.errors import (
    ControlLineDiffersFromItems,
    EntryAlreadyReversed,
    EntryLinesNotAnnounced,
    EntryNotPosted,
    EntryOfSourceExists,
    JournalUnbalanced,
    PeriodClosed,
    PeriodMissing,
    YearEndWithVat,
)
from apps.ledger.models import Allocation, JournalEntry, OpenItem, Period
from apps.ledger.services.allocating import settle_documents
from apps.ledger.services.posting import Line, Source, admitting_period, first_open_day, post_entry, reverse_entry
from apps.ledger.tests.factories import (
    MARCH_3,
    EntryFactory,
    cash_sale,
    draft,
    new_id,
    on_account,
    open_test_books,
    paid_later,
)
from apps.ledger.tests.laws import law_broken_by

DECEMBER_31 = date(2026, 12, 31)


def test_an_entry_is_posted_with_its_lines_and_a_number(books):
    entry = EntryFactory(books=books)
    assert (str(entry), entry.status, entry.period.name) == ("GEN-2026-0001", "POSTED", "2026-03")
    assert [(line.account.code, line.debit, line.credit) for line in entry.lines.all()] == [
        ("1000", 65, 0),
        ("8000", 0, 65),
    ]
    event = Event.objects.get(name="ledger.entry_posted")
    assert (event.subject_id, event.by, event.facts["amount"]) == (entry.pk, books.owner, "65.00")


def test_a_control_line_opens_an_item(books):
    party, bill = books.party("P-1"), new_id()
    entry = EntryFactory(books=books, lines=on_account(books, "100.00", party, bill, "B-000001"))
    item = OpenItem.objects.get(line__entry=entry)
    assert (item.party, item.amount, item.document_id, item.reference) == (party, 100, bill, "B-000001")


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"credit": Decimal("64.99")}, JournalUnbalanced),
        ({"credit": Decimal("65.001")}, AmountHasTooManyDigits),
        ({"credit": Decimal("65.00"), "debit": Decimal("65.00")}, JournalUnbalanced),
    ],
)
def test_what_does_not_balance_to_the_cent_is_refused(books, change, refusal):
    cash, _revenue = cash_sale(books, "65.00")
    with pytest.raises(refusal):
        EntryFactory(books=books, lines=[cash, Line(books.account("revenue_consultation"), **change)])


def test_an_entry_without_lines_is_refused(books):
    with pytest.raises(EntryLinesNotAnnounced):
        EntryFactory(books=books, lines=[])


def test_a_line_of_zero_is_refused(books):
    zero = Line(books.account("cash_drawer")), Line(books.account("revenue_consultation"))
    with pytest.raises(JournalUnbalanced):
        EntryFactory(books=books, lines=zero)


def test_a_control_line_without_a_party_is_refused(books):
    nobody = [Line(books.account("patient_receivable"), debit=Decimal(65)), *cash_sale(books, "65.00")[1:]]
    with pytest.raises(ControlLineDiffersFromItems):
        EntryFactory(books=books, lines=nobody)


def test_a_source_is_posted_once(books):
    source = Source("day_close", new_id())
    EntryFactory(books=books, source=source)
    with pytest.raises(EntryOfSourceExists):
        EntryFactory(books=books, source=source)


def test_two_administrations_may_post_one_source(books):
    source = Source("day_close", new_id())
    EntryFactory(books=books, source=source)
    assert EntryFactory(books=open_test_books(), source=source).pk


def test_a_refused_posting_leaves_nothing(books):
    with pytest.raises(ControlLineDiffersFromItems):
        EntryFactory(books=books, lines=[Line(books.account("patient_receivable"), debit=Decimal(65)),
                                         Line(books.account("revenue_consultation"), credit=Decimal(65))])  # fmt: skip
    assert not JournalEntry.objects.exists()
    assert EntryFactory(books=books).number == 1


@pytest.mark.parametrize("closed", ["2026-03", "2026-Q1", "2026"])
@pytest.mark.parametrize("status", [Period.Status.FINALIZED, Period.Status.LOCKED])
def test_a_closed_period_refuses_new_entries_and_so_do_the_smaller_ones_inside(books, closed, status):
    books.set_status(closed, status)
    with pytest.raises(PeriodClosed, match=closed):
        EntryFactory(books=books)


def test_a_period_in_review_admits_posting(books):
    books.set_status("2026-03", Period.Status.REVIEW)
    assert EntryFactory(books=books).period.status == Period.Status.REVIEW


def test_a_day_without_a_period_is_refused(books):
    with pytest.raises(PeriodMissing, match="2031"):
        EntryFactory(books=books, date=date(2031, 1, 1))


def test_year_end_adjustments_are_admitted_after_the_last_month_is_finalized(books):
    adjustments = Period.objects.create(
        administration=books.administration,
        type=Period.Type.YEAR_END,
        name="2026 adjustments",
        first_day=DECEMBER_31,
        last_day=DECEMBER_31,
    )
    books.set_status("2026-12", "FINALIZED")
    books.set_status("2026-Q4", "FINALIZED")
    assert law_broken_by(lambda: _post(books, draft(books, DECEMBER_31), adjustments)) is None

    books.set_status("2026", "FINALIZED")
    assert law_broken_by(lambda: _post(books, draft(books, DECEMBER_31), adjustments)) == "period_open"


def test_year_end_adjustments_carry_no_vat(books):
    adjustments = Period.objects.create(
        administration=books.administration, type="YEAR_END", name="x", first_day=DECEMBER_31, last_day=DECEMBER_31
    )
    entry = draft(books, DECEMBER_31)
    entry.lines.update(vat_code=books.vat, vat_role="BASE", tax_point=DECEMBER_31, vat_period=adjustments)
    assert law_broken_by(lambda: _post(books, entry, adjustments)) == YearEndWithVat.constraint


def test_a_reversal_restores_every_balance(books):
    party, bill = books.party("P-1"), new_id()
    entry = EntryFactory(books=books, lines=on_account(books, "100.00", party, bill))
    reversal = reverse_entry(entry, by=books.owner, reason="typed twice")
    assert (reversal.reverses, reversal.date) == (entry, entry.date)
    assert reversal.memo == "Tegenboeking van GEN-2026-0001: typed twice"  # Dutch books
    assert [item.open for item in OpenItem.objects.as_of()] == [0, 0]


def test_a_reversal_of_what_was_partly_paid_leaves_the_payment_as_a_credit(books):
    party, bill = books.party("P-1"), new_id()
    entry = EntryFactory(books=books, lines=on_account(books, "100.00", party, bill))
    EntryFactory(books=books, lines=paid_later(books, "40.00", party, bill))
    settle_documents(books.administration, [bill])
    reverse_entry(entry, by=books.owner, reason="wrong patient")
    assert [item.open for item in OpenItem.objects.as_of() if item.open] == [-40]


def test_an_entry_is_reversed_once(books):
    entry = EntryFactory(books=books)
    reverse_entry(entry, by=books.owner, reason="typed twice")
    with pytest.raises(EntryAlreadyReversed):
        reverse_entry(entry, by=books.owner, reason="typed twice")


def test_a_draft_is_not_reversed(books):
    with pytest.raises(EntryNotPosted):
        reverse_entry(draft(books), by=books.owner, reason="x")


def test_a_reversal_moves_to_the_first_open_day_and_says_so(books):
    entry = EntryFactory(books=books)
    books.set_status("2026-03", "LOCKED")
    reversal = reverse_entry(entry, by=books.owner, reason="typed twice")
    assert reversal.date == date(2026, 4, 1)
    assert reversal.memo.endswith("typed twice (op 2026-03-03 kan niet meer worden geboekt)")


def test_the_first_open_day_stands_in_no_closed_period_of_any_size(books):
    for closed in ("2026-03", "2026-04", "2026-Q3"):
        books.set_status(closed, "FINALIZED")
    assert first_open_day(books.administration, MARCH_3) == date(2026, 5, 1)
    books.set_status("2026-Q2", "FINALIZED")
    assert first_open_day(books.administration, MARCH_3) == date(2026, 10, 1)
    books.set_status("2026", "FINALIZED")
    with pytest.raises(PeriodClosed):
        first_open_day(books.administration, MARCH_3)
    with pytest.raises(PeriodMissing):
        first_open_day(books.administration, date(2031, 1, 1))


def test_the_admitting_period_is_the_smallest(books):
    assert admitting_period(books.administration, MARCH_3).name == "2026-03"


def test_what_one_document_owes_and_paid_settles_itself_oldest_first(books):
    party, bill, another = books.party("P-1"), new_id(), new_id()
    for day, amount in ((2, "30.00"), (3, "70.00")):
        EntryFactory(books=books, date=MARCH_3.replace(day=day), lines=on_account(books, amount, party, bill))
    EntryFactory(books=books, date=MARCH_3.replace(day=5), lines=paid_later(books, "40.00", party, bill))
    EntryFactory(books=books, lines=on_account(books, "9.00", party, another))
    allocations = settle_documents(books.administration, [bill, another, None])
    assert [(a.debit.amount, a.amount, a.date.day) for a in allocations] == [(30, 30, 5), (70, 10, 5)]
    assert sorted(item.open for item in OpenItem.objects.as_of() if item.open) == [9, 60]
    assert settle_documents(books.administration, [bill]) == []
    assert Allocation.objects.count() == 2


def test_posting_takes_as_many_queries_for_many_lines(books, django_assert_max_num_queries):
    party, journal = books.party("P-1"), books.journal
    lines = [line for _bill in range(100) for line in on_account(books, "1.00", party, new_id())]
    with django_assert_max_num_queries(12):
        post_entry(
            administration=books.administration, journal=journal, date=MARCH_3, memo="x", lines=lines, by=books.owner
        )


def _post(books, entry, period):
    JournalEntry.objects.filter(pk=entry.pk).update(status="POSTED", line_count=entry.lines.count(), period=period)


def test_an_entry_and_its_items_are_known_from_the_same_moment(books):
    entry = EntryFactory(books=books, lines=on_account(books, "100.00", books.party("P-1"), new_id()))
    item = OpenItem.objects.get()
    assert item.created_at == entry.posted_at == JournalEntry.objects.get(pk=entry.pk).posted_at


@pytest.mark.parametrize("moment", [datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)])
def test_nobody_says_when_an_item_was_made_but_the_database(books, moment):
    lines = on_account(books, "100.00", books.party("P-1"), new_id())
    first = OpenItem.objects.get(line__entry=EntryFactory(books=books, lines=lines))
    copy = OpenItem(
        administration=books.administration,
        line_id=first.line_id,
        account_id=first.account_id,
        party_id=first.party_id,
        date=first.date,
        amount=5,
        created_at=moment,
    )
    with transaction.atomic():
        OpenItem.objects.bulk_create([copy])
        made = OpenItem.objects.get(pk=copy.pk).created_at
        transaction.set_rollback(True)  # the line has its item
    assert first.created_at < made < timezone.now() + timedelta(minutes=1)
