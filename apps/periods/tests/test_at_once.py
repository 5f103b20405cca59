"""Posting against finalizing, and fifty who finalize at once: nothing slips in, and there is one snapshot.

``make test ARGS="apps/periods/tests/test_at_once.py -s" SIZE=100`` is the whole of it: 100 rounds.
"""

import os
import random
from datetime import date
from decimal import Decimal

import pytest
from django.db import OperationalError

from apps.billing.errors import AlreadyFinalized
from apps.ledger.errors import PeriodClosed
from apps.ledger.models import JournalEntry
from apps.ledger.services.allocating import settle_pairs
from apps.ledger.services.fiscal_years import open_fiscal_year
from apps.ledger.tests.factories import EntryFactory, new_id, on_account, paid_later
from apps.ledger.tests.test_concurrency import threads
from apps.periods.models import Snapshot
from apps.periods.reports.snapshot import differences
from apps.periods.tests.desk import open_desk

ROUNDS = int(os.environ.get("SIZE", "4"))
AT_ONCE = 50


@pytest.fixture
def desk(committed):
    desk = open_desk()
    open_fiscal_year(desk.administration, date(2025, 1, 1))
    desk.sold("100000.00", day=date(2025, 1, 1))
    return desk


def test_nothing_slips_in_after_the_snapshot(desk):
    """Each round closes a month while others post into it, around it, and settle what is open in it."""
    year = 2026
    closed = refused = 0
    for turn in range(ROUNDS):
        year, month = 2026 + turn // 12, turn % 12 + 1
        if month == 1 and year > 2026:
            open_fiscal_year(desk.administration, date(year, 1, 1))
        if month == 12:
            open_fiscal_year(desk.administration, date(year + 1, 1, 1))
        name = f"{year}-{month:02}"
        pairs = [owed_and_paid(desk, date(year, month, 1), n) for n in range(4)]
        desk.review(name)
        with threads(8) as start:
            posting = [start(post_until_closed, desk, year, month, seed) for seed in range(3)]
            settling = [start(settle_pairs, [pair]) for pair in pairs]
            snapshot = start(desk.finalize, name).result()
            refused += sum(one.result() for one in posting)
            assert all(one.result() for one in settling)
        closed += 1
        assert differences(snapshot) == [], name
        assert desk.period(name).status == "FINALIZED"
    for snapshot in Snapshot.objects.select_related("period__administration", "seal"):
        assert differences(snapshot) == [], snapshot
    assert (closed, refused > 0) == (ROUNDS, True)
    print(f"\n{ROUNDS} rounds, {JournalEntry.objects.count()} entries, {refused} refused")


def owed_and_paid(desk, day, n):
    party = desk.books.party(f"P-{n}")
    EntryFactory(books=desk.books, date=day, lines=on_account(desk.books, "10.00", party, new_id()))
    EntryFactory(books=desk.books, date=day, lines=paid_later(desk.books, "10.00", party, new_id()))
    found = list(party.open_items.order_by("-id")[:2])
    return sorted(found, key=lambda item: -item.amount)


def post_until_closed(desk, year, month, seed):
    """Posts into the month and the one after until the month is closed; answers 1 when it was refused."""
    choose = random.Random(seed)
    for n in range(400):
        later = month % 12 + 1
        turn = choose.random()
        day = date(year, month, 2 + n % 20) if turn < 0.6 else date(year + (later == 1), later, 2)
        if turn > 0.8:  # a year of earlier days that nobody closed: it counts in every balance sheet
            day = date(2025, 6, 1 + n % 20)
        try:
            EntryFactory(books=desk.books, amount=Decimal(1), date=day)
        except PeriodClosed:
            return 1
        except OperationalError as error:  # a deadlock would be a defect
            pytest.fail(str(error))
    return 0


def test_fifty_finalize_at_once_and_there_is_one_snapshot(desk):
    desk.review("2026-01")

    def finalize():
        try:
            return str(desk.finalize("2026-01").pk)
        except AlreadyFinalized:
            return ""

    with threads(AT_ONCE) as start:
        answers = [one.result() for one in [start(finalize) for _turn in range(AT_ONCE)]]
    assert sorted(answers)[:-1] == [""] * (AT_ONCE - 1)
    assert [str(one.pk) for one in Snapshot.objects.all()] == [max(answers)]
    assert desk.period("2026-01").transitions.filter(action="FINALIZE").count() == 1


def test_months_are_finalized_at_once_without_waiting_for_each_other_s_periods(desk):
    """Each holds its own month and then, for its snapshot, all others: one after the other."""
    months = [f"2026-{month:02}" for month in range(1, 7)]
    for month in months:
        desk.review(month)
    with threads(len(months)) as start:
        for one in [start(desk.finalize, month) for month in months]:
            one.result()
    assert {desk.period(month).status for month in months} == {"FINALIZED"}
    assert [differences(one) for one in Snapshot.objects.select_related("period__administration", "seal")] == [[]] * 6
