"""Posting in bulk: the same rows and the same laws as one by one."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from apps.core.models import Event
from apps.ledger.errors import JournalUnbalanced, PeriodClosed, PeriodMissing
from apps.ledger.models import Batch, Journal, JournalEntry, JournalLine, OpenItem
from apps.ledger.services import bulk
from apps.ledger.services.bulk import Entry, post_entries
from apps.ledger.services.posting import Line
from apps.ledger.tests.factories import MARCH_3, EntryFactory, cash_sale, new_id, on_account
from apps.ledger.tests.laws import law_broken_by


def takings(books, n, **more):
    return [
        Entry(
            **{"journal": books.journal, "date": MARCH_3, "memo": f"Takings {i}", "lines": cash_sale(books, i), **more}
        )
        for i in range(1, n + 1)
    ]


def rows(entry):
    items = [(item.amount, item.party.code, item.document_type) for item in OpenItem.objects.filter(line__entry=entry)]
    lines = [
        (line.position, line.date, line.account.code, line.debit, line.credit, line.vat_code, line.vat_role)
        for line in entry.lines.select_related("account")
    ]
    return entry.status, entry.date, entry.year, entry.period, entry.line_count, lines, items


def test_entries_posted_together_are_like_entries_posted_one_by_one(books):
    lines = on_account(books, "100.00", books.party("P-1"), new_id())
    one = EntryFactory(books=books, lines=lines)
    assert post_entries(books.administration, takings(books, 1, lines=lines), by=books.owner) == 1
    assert rows(JournalEntry.objects.exclude(pk=one.pk).get()) == rows(one)


def test_they_are_numbered_without_a_gap_across_chunks(books, monkeypatch):
    monkeypatch.setattr(bulk, "CHUNK", 4)
    EntryFactory(books=books)
    assert post_entries(books.administration, takings(books, 10), by=books.owner) == 10
    assert list(JournalEntry.objects.order_by("number").values_list("number", flat=True)) == list(range(1, 12))
    assert JournalLine.objects.filter(account=books.account("cash_drawer")).balance() == Decimal("120.00")


def test_all_are_posted_or_none(books, monkeypatch):
    monkeypatch.setattr(bulk, "CHUNK", 2)
    wrong = replace(takings(books, 1)[0], lines=[Line(books.account("cash_drawer"), debit=Decimal(5))])
    with pytest.raises(JournalUnbalanced):
        post_entries(books.administration, [*takings(books, 3), wrong], by=books.owner)
    assert not JournalEntry.objects.exists()


def test_the_laws_hold_for_copied_rows(books):
    customers = books.account("patient_receivable")
    lines = [replace(line, account=customers) if line.debit else line for line in cash_sale(books, "5")]
    entry = replace(takings(books, 1)[0], lines=lines)
    broken = law_broken_by(lambda: post_entries(books.administration, [entry], by=books.owner))
    assert broken == ("control_line_equals_items")


def test_a_closed_or_missing_period_is_refused_by_name(books):
    books.set_status("2026-03", "LOCKED")
    with pytest.raises(PeriodClosed) as refused:
        post_entries(books.administration, takings(books, 1), by=books.owner)
    assert refused.value.facts == {"period": "2026-03", "status": "LOCKED"}
    with pytest.raises(PeriodMissing):
        post_entries(books.administration, takings(books, 1, date=MARCH_3 + timedelta(days=3650)), by=books.owner)


def test_an_import_may_leave_control_lines_without_items(books):
    batch = Batch.objects.create(administration=books.administration, kind="IMPORT", title="History")
    customers = books.account("patient_receivable")
    lines = [replace(line, account=customers) if line.debit else line for line in cash_sale(books, "5")]
    post_entries(books.administration, [replace(takings(books, 1)[0], lines=lines)], by=books.owner, batch=batch)
    assert (JournalEntry.objects.get().batch, OpenItem.objects.count()) == (batch, 0)


def test_one_event_tells_of_them_all(books):
    before = Event.objects.count()
    post_entries(books.administration, takings(books, 3), by=books.owner)
    assert Event.objects.count() == before + 1
    assert Event.objects.first().facts == {"entries": 3}


def test_they_may_stand_in_several_journals(books):
    sales = Journal.objects.get(administration=books.administration, code="SAL")
    post_entries(books.administration, [*takings(books, 2), *takings(books, 2, journal=sales)], by=books.owner)
    assert sorted(map(str, JournalEntry.objects.all())) == [
        "GEN-2026-0001",
        "GEN-2026-0002",
        "SAL-2026-0001",
        "SAL-2026-0002",
    ]
