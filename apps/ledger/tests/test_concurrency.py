"""What two connections do at once: numbers, periods, drafts, open items."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction

from apps.ledger.errors import EntryAlreadyReversed, EntryOfSourceExists, PeriodClosed
from apps.ledger.models import (
    Account,
    Allocation,
    Depreciation,
    Disposal,
    Invoice,
    Journal,
    JournalEntry,
    JournalLine,
    OpenItem,
    Period,
)
from apps.ledger.services.allocating import settle_documents
from apps.ledger.services.posting import Line, Source, reverse_entry
from apps.ledger.tests.attempts import an_asset, post_invoice
from apps.ledger.tests.factories import (
    EntryFactory,
    draft,
    new_id,
    on_account,
    open_test_books,
    paid_later,
)
from apps.ledger.tests.laws import law_broken_by


@pytest.fixture
def books(committed):
    return open_test_books()


@contextmanager
def threads(number: int = 8):
    """Callables that run at the same time, each on a connection of its own."""

    def on_own_connection(work: Callable[..., Any], *args: Any) -> Any:
        try:
            return work(*args)
        finally:
            connection.close()

    with ThreadPoolExecutor(number) as pool:
        yield lambda work, *args: pool.submit(on_own_connection, work, *args)


def until_blocked() -> None:
    """Return when another connection to this database waits for a lock."""
    deadline = time.monotonic() + 30
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute("SELECT pg_stat_clear_snapshot()")  # otherwise one view of the sessions per transaction
            cursor.execute(
                "SELECT count(*) FROM pg_locks lock JOIN pg_stat_activity other USING (pid)"
                " WHERE NOT lock.granted AND other.datname = current_database()"
            )
            if cursor.fetchone()[0]:
                return
            time.sleep(0.01)
    pytest.fail("nobody waits for a lock")


def march_lines() -> int:
    return JournalLine.objects.filter(entry__period__name="2026-03").count()


def test_numbers_of_a_journal_have_no_gap(books):
    journal, owner = books.journal, books.owner
    books.account("cash_drawer"), books.account("revenue_consultation")

    def post_25():
        for _turn in range(25):
            EntryFactory(books=books, journal=journal, by=owner)

    with threads() as start:
        for running in [start(post_25) for _thread in range(8)]:
            running.result()
    numbers = JournalEntry.objects.order_by("number").values_list("number", flat=True)
    assert list(numbers) == list(range(1, 201))


def test_a_posting_that_is_rolled_back_gives_its_number_again(books):
    with transaction.atomic():
        lost = EntryFactory(books=books)
        transaction.set_rollback(True)
    assert EntryFactory(books=books).number == lost.number == 1


def test_finalizing_waits_for_the_postings_under_way(books):
    def finalize():
        books.set_status("2026-03", "FINALIZED")
        return march_lines()

    with threads() as start:
        with transaction.atomic():
            EntryFactory(books=books)
            finalizing: Future[int] = start(finalize)
            until_blocked()
            assert not finalizing.done()
        assert finalizing.result() == 2


@pytest.mark.parametrize("closed", ["2026-03", "2026-Q1", "2026"])
def test_a_posting_waits_for_a_finalization_under_way_and_is_refused(books, closed):
    with threads() as start:
        with transaction.atomic():
            books.set_status(closed, "FINALIZED")
            posting = start(lambda: EntryFactory(books=books))
            until_blocked()
        with pytest.raises(PeriodClosed):
            posting.result()
    assert not JournalEntry.objects.exists()


def test_no_entry_slips_into_a_finalized_period(books):
    def post_until_refused() -> int:
        for posted in range(500):
            try:
                EntryFactory(books=books)
            except PeriodClosed:
                return posted
        return 500

    def finalize() -> int:
        time.sleep(0.2)
        with transaction.atomic():
            march = books.period("2026-03")
            list(Period.objects.around(march).order_by("pk").select_for_update())
            proved = march.entries.count()
            books.set_status("2026-03", "FINALIZED")
        return proved

    with threads() as start:
        posting, finalizing = [start(post_until_refused) for _thread in range(4)], start(finalize)
        posted = sum(running.result() for running in posting)
        assert 0 < finalizing.result() == posted == JournalEntry.objects.count() < 2000


def test_a_line_that_another_connection_brings_to_a_draft_holds_up_its_posting(books):
    drafted = draft(books)

    def post() -> str | None:
        return law_broken_by(lambda: JournalEntry.objects.filter(pk=drafted.pk).update(status="POSTED", line_count=2))

    with threads() as start:
        with transaction.atomic():
            _line(books, drafted)
            posting = start(post)
            until_blocked()
        assert posting.result() == "entry_lines_announced"


@pytest.mark.parametrize("change", ["added", "changed", "deleted"])
def test_a_line_of_a_draft_stands_still_while_another_connection_posts_it(books, change):
    drafted = draft(books)
    first = drafted.lines.first()
    changes = {
        "added": ("entry_lines_announced", lambda: _line(books, drafted)),
        "changed": ("line_append_only", lambda: JournalLine.objects.filter(pk=first.pk).update(debit=99)),
        "deleted": ("line_append_only", lambda: JournalLine.objects.filter(pk=first.pk)._raw_delete("default")),
    }
    law, attempt = changes[change]
    with threads() as start:
        with transaction.atomic():
            JournalEntry.objects.filter(pk=drafted.pk).update(status="POSTED", line_count=2)
            changing = start(law_broken_by, attempt)
            until_blocked()
        assert changing.result() == law
    assert drafted.lines.count() == 2


def test_an_account_keeps_its_control_flag_while_another_connection_posts_to_it(books):
    card = Account.objects.get(code="1150")
    with threads() as start:
        with transaction.atomic():
            EntryFactory(books=books, lines=_lines(books, card))
            changing = start(law_broken_by, lambda: Account.objects.filter(pk=card.pk).update(control="PAYERS"))
            until_blocked()
        assert changing.result() == "account_kept"


def test_a_month_that_another_connection_opens_holds_up_the_posting_into_its_year(books):
    year = Period.objects.create(
        administration=books.administration, type="YEAR", name="2030", first_day="2030-01-01", last_day="2030-12-31"
    )
    with threads() as start:
        with transaction.atomic():
            EntryFactory(books=books, date=date(2030, 1, 2))
            opening = start(law_broken_by, lambda: _month_of_2030(books))
            until_blocked()
        assert opening.result() == "entry_in_smallest_period"
    assert year.entries.count() == 1


def test_of_two_reversals_at_once_one_is_refused(books):
    entry = EntryFactory(books=books)
    reverse = {"by": books.owner, "reason": "typed twice"}
    with threads() as start:
        with transaction.atomic():
            reverse_entry(entry, **reverse)
            second = start(lambda: reverse_entry(entry, **reverse))
            until_blocked()
        with pytest.raises(EntryAlreadyReversed):
            second.result()


def test_of_two_entries_of_one_source_at_once_one_is_refused(books):
    source = Source("day_close", new_id())
    with threads() as start:
        with transaction.atomic():
            EntryFactory(books=books, source=source)
            second = start(lambda: EntryFactory(books=books, source=source, journal=_other_journal(books)))
            until_blocked()
        with pytest.raises(EntryOfSourceExists):
            second.result()
    assert JournalEntry.objects.count() == 1


def test_two_allocations_of_one_item_wait_for_each_other(books):
    party, bill = books.party("P-1"), new_id()
    debit = EntryFactory(books=books, lines=on_account(books, "100.00", party, bill)).lines.get(party=party)
    credit = EntryFactory(books=books, lines=paid_later(books, "100.00", party, bill)).lines.get(party=party)

    def allocate() -> Allocation:
        return Allocation.objects.create(
            administration=books.administration,
            debit=debit.open_items.get(),
            credit=credit.open_items.get(),
            amount=Decimal(60),
            date=debit.date,
        )

    with threads() as start:
        with transaction.atomic():
            allocate()
            second = start(law_broken_by, allocate)
            until_blocked()
        assert second.result() == "allocation_within_open"


@pytest.mark.parametrize(
    ("made", "law"),
    [
        (lambda asset, entry: _depreciation(asset, entry, 3), "one_depreciation_per_month"),
        (lambda asset, entry: _depreciation(asset, entry, 3, revision=2), "one_depreciation_per_month"),
        (lambda asset, entry: _depreciation(asset, entry, 4, amount=1101), "depreciation_within_cost"),
    ],
    ids=["a month", "a month in another revision", "beyond the cost"],
)
def test_two_depreciations_of_one_asset_wait_for_each_other(books, made, law):
    asset, entries = an_asset(books, "A-1"), [EntryFactory(books=books) for _entry in range(2)]
    with threads() as start:
        with transaction.atomic():
            _depreciation(asset, entries[0], 3)
            second = start(law_broken_by, lambda: made(asset, entries[1]))
            until_blocked()
        assert second.result() == law


def test_of_two_disposals_at_once_one_is_refused(books):
    asset, entries = an_asset(books, "A-1"), [EntryFactory(books=books) for _entry in range(2)]

    def dispose(entry: JournalEntry) -> Disposal:
        return Disposal.objects.create(administration=books.administration, asset=asset, date=entry.date, entry=entry)

    with threads() as start:
        with transaction.atomic():
            dispose(entries[0])
            second = start(law_broken_by, lambda: dispose(entries[1]))
            until_blocked()
        assert second.result() == "disposal_once"


def test_numbers_of_invoices_have_no_gap(books):
    customer = books.party("C-1")
    books.account("customer_receivable"), books.account("revenue_consultation")

    def post_10() -> None:
        for turn in range(10):
            with transaction.atomic():
                post_invoice(books, customer)
                transaction.set_rollback(turn % 3 == 2)  # given again to the next

    with threads() as start:
        for running in [start(post_10) for _thread in range(6)]:
            running.result()
    numbers = Invoice.objects.order_by("number").values_list("number", flat=True)
    assert list(numbers) == list(range(1, 43))


def test_settlements_at_once_settle_what_is_open_and_not_more(books):
    party, bills = books.party("P-1"), [new_id() for _bill in range(5)]
    for bill in bills:
        EntryFactory(books=books, lines=on_account(books, "100.00", party, bill))
        for amount in ("70.00", "70.00"):
            EntryFactory(books=books, lines=paid_later(books, amount, party, bill))

    with threads() as start:
        both = [start(settle_documents, books.administration, order) for order in (bills, bills[::-1]) * 4]
        assert sum(len(running.result()) for running in both) == Allocation.objects.count() == 10
    left = [item.open for item in OpenItem.objects.as_of() if item.open]
    assert left == [Decimal("-40.00")] * 5


def _depreciation(asset, entry, month, **columns):
    return Depreciation.objects.create(
        **{
            "administration": asset.administration,
            "asset": asset,
            "month": date(2026, month, 1),
            "amount": Decimal(100),
            "entry": entry,
            **columns,
        }
    )


def _other_journal(books):
    return Journal.objects.get(administration=books.administration, code="BNK")


def _line(books, entry):
    return JournalLine.objects.create(
        administration=books.administration, entry=entry, position=9, account=books.account("cash_drawer"), debit=5
    )


def _lines(books, account):
    return [Line(account, debit=Decimal(65)), Line(books.account("revenue_consultation"), credit=Decimal(65))]


def _month_of_2030(books):
    return Period.objects.create(
        administration=books.administration, type="MONTH", name="2030-01", first_day="2030-01-01", last_day="2030-01-31"
    )
