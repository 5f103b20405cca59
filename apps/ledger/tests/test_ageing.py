"""Ageing of receivables and payables: buckets by due date, per party and per document."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from apps.ledger.models import JournalEntry
from apps.ledger.reports.ageing import Bucket, Kind, Status, ageing, open_totals
from apps.ledger.services.allocating import settle_documents
from apps.ledger.services.posting import Document, Line
from apps.ledger.tests.factories import EntryFactory, new_id, on_account, open_test_books, paid_later

JUNE_30 = date(2026, 6, 30)


def bill(books, party, amount, day, due=None, reference=""):
    document = Document("bill", new_id(), reference, due)
    lines = [
        Line(books.account("patient_receivable"), debit=Decimal(amount), party=books.party(party), document=document),
        Line(books.account("revenue_consultation"), credit=Decimal(amount)),
    ]
    EntryFactory(books=books, date=day, lines=lines)
    return document.id


def purchase(books, party, amount, day, due):
    document = Document("vendor_invoice", new_id(), f"V-{amount}", due)
    lines = [
        Line(books.account("supplier_payable"), credit=Decimal(amount), party=books.party(party), document=document),
        Line(books.account("cash_over_short"), debit=Decimal(amount)),
    ]
    EntryFactory(books=books, date=day, lines=lines)
    return document.id


@pytest.mark.parametrize(
    ("overdue", "bucket"),
    [
        (-1, Bucket.NOT_DUE),
        (0, Bucket.NOT_DUE),
        (1, Bucket.DAYS_1_30),
        (30, Bucket.DAYS_1_30),
        (31, Bucket.DAYS_31_60),
        (60, Bucket.DAYS_31_60),
        (61, Bucket.DAYS_61_90),
        (90, Bucket.DAYS_61_90),
        (91, Bucket.OVER_90),
        (170, Bucket.OVER_90),
    ],
)
def test_a_document_stands_in_the_bucket_of_its_due_date(books, overdue, bucket):
    bill(books, "P-1", "10.00", date(2026, 1, 2), JUNE_30 - timedelta(days=overdue))
    report = ageing(books.administration, Kind.RECEIVABLE, JUNE_30)
    [row] = report.rows
    assert (row.days_overdue, row.bucket) == (max(overdue, 0), bucket)
    assert report.buckets == {**dict.fromkeys(Bucket, 0), bucket: 10}
    assert report.overdue == (10 if overdue > 0 else 0)


def test_receivables_go_by_party_and_document(books):
    first = bill(books, "P-1", "100.00", date(2026, 6, 1), date(2026, 6, 10), "B-1")
    bill(books, "P-1", "20.00", date(2026, 6, 20), date(2026, 7, 20), "B-2")
    bill(books, "P-0", "5.00", date(2026, 6, 30))
    EntryFactory(books=books, date=date(2026, 6, 15), lines=paid_later(books, "40.00", books.party("P-1"), first))
    settle_documents(books.administration, [first])
    settled = bill(books, "P-2", "9.00", date(2026, 6, 1))
    EntryFactory(books=books, date=date(2026, 6, 2), lines=paid_later(books, "9.00", books.party("P-2"), settled))
    settle_documents(books.administration, [settled])
    bill(open_test_books(), "P-1", "999.00", date(2026, 6, 1))

    report = ageing(books.administration, Kind.RECEIVABLE, JUNE_30)
    rows = [(row.party.code, row.document, row.original, row.paid, row.open, row.status) for row in report.rows]
    assert rows == [
        ("P-0", str(JournalEntry.objects.get(administration=books.administration, number=3)), 5, 0, 5, Status.OPEN),
        ("P-1", "B-1", 100, 40, 60, Status.PARTIAL),
        ("P-1", "B-2", 20, 0, 20, Status.OPEN),
    ]
    assert [(party.party.code, party.open) for party in report.parties] == [("P-0", 5), ("P-1", 80)]
    assert (report.original, report.paid, report.open, report.overdue) == (125, 40, 85, 60)
    assert report.parties[1].buckets[Bucket.DAYS_1_30] == 60


def test_what_is_paid_later_was_still_open_before(books):
    paid = bill(books, "P-1", "100.00", date(2026, 3, 1))
    EntryFactory(books=books, date=date(2026, 5, 1), lines=paid_later(books, "100.00", books.party("P-1"), paid))
    settle_documents(books.administration, [paid])
    report = ageing(books.administration, Kind.RECEIVABLE, date(2026, 4, 30))
    assert [(row.open, row.days_overdue) for row in report.rows] == [(100, 60)]
    assert ageing(books.administration, Kind.RECEIVABLE, date(2026, 5, 1)).rows == ()


def test_what_is_backdated_was_not_known_before(books):
    paid = bill(books, "P-1", "100.00", date(2026, 3, 1))
    moment = JournalEntry.objects.get().lines.first().open_items.get().created_at
    EntryFactory(books=books, date=date(2026, 3, 2), lines=paid_later(books, "30.00", books.party("P-1"), paid))
    settle_documents(books.administration, [paid])
    assert ageing(books.administration, Kind.RECEIVABLE, JUNE_30).open == 70
    assert ageing(books.administration, Kind.RECEIVABLE, JUNE_30, known_at=moment).open == 100
    nothing = ageing(books.administration, Kind.RECEIVABLE, JUNE_30, known_at=moment - timedelta(microseconds=1))
    assert nothing.rows == ()


def test_a_credit_is_never_overdue(books):
    EntryFactory(books=books, date=date(2026, 1, 2), lines=paid_later(books, "25.00", books.party("P-1"), new_id()))
    report = ageing(books.administration, Kind.RECEIVABLE, JUNE_30)
    [row] = report.rows
    assert (row.open, row.days_overdue, row.bucket, row.status) == (-25, 0, Bucket.NOT_DUE, Status.CREDIT)
    assert (report.open, report.overdue) == (-25, 0)


def test_payables_are_positive_when_we_owe(books):
    purchase(books, "S-1", "250.00", date(2026, 5, 1), date(2026, 5, 31))
    report = ageing(books.administration, Kind.PAYABLE, JUNE_30)
    [row] = report.rows
    assert (row.document, row.original, row.open, row.days_overdue, row.bucket) == (
        "V-250.00",
        250,
        250,
        30,
        "DAYS_1_30",
    )
    assert ageing(books.administration, Kind.RECEIVABLE, JUNE_30).rows == ()


def test_a_wallet_is_on_neither_side(books):
    wallet = Line(books.account("wallet_liability"), credit=Decimal(9), party=books.party("P-1"))
    EntryFactory(books=books, lines=[Line(books.account("cash_drawer"), debit=Decimal(9)), wallet])
    assert [ageing(books.administration, kind, JUNE_30).rows for kind in Kind] == [(), ()]
    assert open_totals(books.administration, JUNE_30) == {Kind.RECEIVABLE: 0, Kind.PAYABLE: 0}


def test_an_ageing_compares_two_dates_by_party(books):
    early = bill(books, "P-1", "100.00", date(2026, 3, 1))
    EntryFactory(books=books, date=date(2026, 6, 1), lines=paid_later(books, "100.00", books.party("P-1"), early))
    settle_documents(books.administration, [early])
    bill(books, "P-2", "30.00", date(2026, 6, 1))
    report = ageing(books.administration, Kind.RECEIVABLE, JUNE_30, compare_to=date(2026, 3, 31))
    figures = [(party.party.code, party.open, party.earlier, party.difference) for party in report.parties]
    assert figures == [("P-1", 0, 100, -100), ("P-2", 30, 0, 30)]
    assert (report.open, report.earlier, report.difference) == (30, 100, -70)


def test_totals_without_rows_equal_those_of_the_reports(books):
    paid = bill(books, "P-1", "100.00", date(2026, 3, 1))
    EntryFactory(books=books, date=date(2026, 4, 2), lines=paid_later(books, "30.00", books.party("P-1"), paid))
    settle_documents(books.administration, [paid])
    purchase(books, "S-1", "250.00", date(2026, 5, 1), date(2026, 5, 31))
    assert open_totals(books.administration, JUNE_30) == {Kind.RECEIVABLE: 70, Kind.PAYABLE: 250}
    assert open_totals(books.administration, date(2026, 3, 31)) == {Kind.RECEIVABLE: 100, Kind.PAYABLE: 0}


def test_an_ageing_takes_as_many_queries_for_many_documents(books, django_assert_num_queries):
    for number in range(5):
        EntryFactory(books=books, lines=on_account(books, "10.00", books.party(f"P-{number}"), new_id()))
    with django_assert_num_queries(2):
        report = ageing(books.administration, Kind.RECEIVABLE, JUNE_30)
        assert len([(row.party.code, row.document) for row in report.rows]) == 5


def test_what_is_paid_before_it_is_billed_was_a_credit_until_then(books):
    early = new_id()
    EntryFactory(books=books, date=date(2026, 3, 1), lines=paid_later(books, "40.00", books.party("P-1"), early))
    EntryFactory(books=books, date=date(2026, 5, 1), lines=on_account(books, "100.00", books.party("P-1"), early))
    settle_documents(books.administration, [early])
    assert [row.open for row in ageing(books.administration, Kind.RECEIVABLE, date(2026, 4, 30)).rows] == [-40]
    assert [row.open for row in ageing(books.administration, Kind.RECEIVABLE, date(2026, 5, 1)).rows] == [60]
