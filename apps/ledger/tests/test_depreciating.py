"""Depreciation is posted once for each month; a disposal takes the asset off the books."""

from datetime import date
from decimal import Decimal as D

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from apps.core.errors import NotAllowed
from apps.core.models import Membership
from apps.core.tests.factories import member
from apps.ledger import checks
from apps.ledger.errors import (
    DisposalInvalid,
    DisposalTooEarly,
    FixedAssetDisposed,
    FixedAssetInvalid,
    FixedAssetKept,
    PeriodClosed,
    PeriodMissing,
)
from apps.ledger.models import Account, Depreciation, Disposal, FixedAsset, JournalEntry, JournalLine
from apps.ledger.reports.depreciation import register
from apps.ledger.services import depreciating
from apps.ledger.services.depreciating import dispose, post_depreciation, save_asset
from apps.ledger.services.opening import open_years
from apps.ledger.services.posting import reverse_entry
from apps.ledger.tasks import post_depreciation as depreciation_task
from apps.ledger.tasks import post_due_depreciation
from apps.ledger.tests.assets import account, asset, registered
from apps.ledger.tests.factories import open_test_books
from apps.ledger.tests.laws import law_broken_by
from apps.ledger.tests.test_concurrency import threads, until_blocked

MARCH, APRIL = date(2026, 3, 1), date(2026, 4, 1)


@pytest.fixture
def accountant(books):
    return member(books.administration, Membership.Role.ACCOUNTANT)


def balance(books, code):
    return JournalLine.objects.filter(account=account(books, code)).posted().balance()


def found(books, as_of=date(2026, 12, 31)):
    ours = (checks.depreciation_equals_schedule, checks.depreciation_is_posted)
    return [finding.code for check in ours for finding in check(books.administration, as_of)]


def test_months_up_to_the_one_asked_for_are_posted_in_their_order(books, accountant):
    scanner = registered(books)
    posted = post_depreciation(books.administration, MARCH, by=accountant)
    assert [(one.month.month, one.amount) for one in posted] == [(1, D(100)), (2, D(100)), (3, D(100))]
    assert [str(one.entry.date) for one in posted] == ["2026-01-31", "2026-02-28", "2026-03-31"]
    assert (balance(books, "4300"), balance(books, "0210")) == (D(300), D(-300))
    row = register([scanner])[0]
    assert (row.book_value, row.next.month) == (D(900), APRIL)


def test_posting_twice_posts_once(books, accountant):
    registered(books)
    assert len(post_depreciation(books.administration, MARCH, by=accountant)) == 3
    assert post_depreciation(books.administration, MARCH, by=accountant) == []
    assert JournalEntry.objects.count() == 3


def test_a_missed_month_that_is_closed_is_posted_on_the_first_open_day(books, accountant):
    registered(books)
    books.set_status("2026-01", "LOCKED")
    january, february = post_depreciation(books.administration, date(2026, 2, 1), by=accountant)
    assert (january.month, january.entry.date) == (date(2026, 1, 1), date(2026, 2, 1))
    assert "2026-01-31" in january.entry.memo
    assert february.entry.date == date(2026, 2, 28)


def test_what_should_have_been_written_off_before_the_books_is_posted_as_they_begin(books, accountant):
    registered(books, in_use_from=date(2025, 11, 1), opening_depreciation=D("100.00"))
    posted = post_depreciation(books.administration, date(2026, 1, 1), by=accountant)
    assert [(str(one.month), str(one.entry.date)) for one in posted] == [
        ("2025-12-01", "2026-01-01"),
        ("2026-01-01", "2026-01-31"),
    ]


def test_when_every_period_is_closed_nothing_is_posted(books, accountant):
    registered(books)
    books.set_status("2026", "FINALIZED")
    with pytest.raises(PeriodClosed):
        post_depreciation(books.administration, MARCH, by=accountant)
    assert not Depreciation.objects.exists()


def test_a_month_without_a_period_is_refused(books, accountant):
    registered(books, in_use_from=date(2026, 12, 1))
    with pytest.raises(PeriodMissing):
        post_depreciation(books.administration, date(2027, 1, 1), by=accountant)
    assert not Depreciation.objects.exists()


def test_after_its_reversal_a_month_is_posted_again_as_the_next_revision(books, accountant):
    registered(books)
    first = post_depreciation(books.administration, date(2026, 1, 1), by=accountant)[0]
    reverse_entry(first.entry, by=accountant, reason="wrong account")
    again = post_depreciation(books.administration, date(2026, 1, 1), by=accountant)
    assert [(one.month, one.revision) for one in again] == [(first.month, 2)]
    assert balance(books, "0210") == D(-100)
    assert found(books, date(2026, 1, 31)) == []


def test_who_does_not_keep_the_accounts_posts_no_depreciation(books):
    registered(books)
    with pytest.raises(NotAllowed):
        post_depreciation(books.administration, MARCH, by=books.owner)


def test_the_database_refuses_a_second_depreciation_of_a_month_and_one_below_the_residual_value(books, accountant):
    scanner = registered(books)
    one = post_depreciation(books.administration, date(2026, 1, 1), by=accountant)[0]
    same = {"administration": books.administration, "asset": scanner, "entry": one.entry, "amount": D(1)}
    assert law_broken_by(lambda: Depreciation.objects.create(month=one.month, revision=2, **same)) == (
        "one_depreciation_per_month"
    )
    more = same | {"amount": D("1100.01")}
    assert law_broken_by(lambda: Depreciation.objects.create(month=MARCH, **more)) == "depreciation_within_cost"


def test_two_who_post_at_once_post_once(committed):
    books = open_test_books()
    registered(books), registered(books, "A-2", life_months=24)

    def post():
        return len(post_depreciation(books.administration, date(2026, 6, 1), by=None))

    with threads() as start:
        counts = sorted(running.result() for running in [start(post) for _thread in range(8)])
    assert counts == [0] * 7 + [12]
    assert JournalEntry.objects.count() == Depreciation.objects.count() == 12


def test_who_comes_second_waits_and_finds_it_done(committed):
    books = open_test_books()
    registered(books)
    with threads() as start:
        with transaction.atomic():
            post_depreciation(books.administration, MARCH, by=None)
            second = start(lambda: post_depreciation(books.administration, MARCH, by=None))
            until_blocked()
        assert second.result() == []


# Disposal ------------------------------------------------------------------------------------------------------------


def test_a_sale_takes_the_asset_off_the_books_with_a_gain(books, accountant):
    scanner = registered(books)
    disposal = dispose(
        scanner, date=date(2026, 3, 10), proceeds=D("1000.00"), proceeds_account=account(books, "1100"), by=accountant
    )
    # 100 + 100 + 10 of 31 days of March are written off: 967.74 is left.
    assert balance(books, "4300") == D("232.26")
    assert (balance(books, "0200"), balance(books, "0210")) == (D("-1200.00"), D(0))
    assert balance(books, books.account("asset_disposal_result").code) == D("-32.26")
    assert balance(books, "1100") == D("1000.00")
    assert disposal.entry.date == date(2026, 3, 10)
    assert register([scanner])[0].book_value == 0
    assert found(books) == []


def test_what_is_scrapped_is_a_loss(books, accountant):
    dispose(registered(books), date=date(2026, 1, 31), by=accountant)
    assert balance(books, books.account("asset_disposal_result").code) == D("1100.00")


def test_an_asset_that_was_depreciated_before_goes_with_all_of_it(books, accountant):
    written_off = registered(books, in_use_from=date(2024, 1, 1), opening_depreciation=D("1200.00"))
    disposal = dispose(written_off, date=date(2026, 5, 5), by=accountant)
    assert {str(line) for line in disposal.entry.lines.all()} == {"0210 1200.0000", "0200 -1200.0000"}


def test_what_was_disposed_of_is_not_depreciated_again_nor_sold_again(books, accountant):
    scanner = registered(books)
    dispose(scanner, date=date(2026, 3, 31), by=accountant)
    assert post_depreciation(books.administration, date(2026, 12, 1), by=accountant) == []
    with pytest.raises(FixedAssetDisposed):
        dispose(scanner, date=date(2026, 4, 1), by=accountant)
    one = Disposal.objects.get()
    twice = {"administration": books.administration, "asset": scanner, "date": one.date, "entry": one.entry}
    assert law_broken_by(lambda: Disposal.objects.create(**twice)) == "disposal_once"


def test_a_disposal_that_is_reversed_leaves_the_asset_as_it_was(books, accountant):
    scanner = registered(books)
    disposal = dispose(scanner, date=date(2026, 3, 10), by=accountant)
    reverse_entry(disposal.entry, by=accountant, reason="the buyer stepped back")
    assert (balance(books, "0200"), balance(books, "0210")) == (D(0), D("-200.00"))
    posted = post_depreciation(books.administration, MARCH, by=accountant)
    assert [(one.month, one.amount, one.revision) for one in posted] == [(MARCH, D("100.00"), 2)]
    assert found(books, date(2026, 3, 31)) == []
    assert dispose(scanner, date=date(2026, 4, 15), by=accountant)


@pytest.mark.parametrize("day", [date(2025, 12, 31), date(2026, 2, 27)])
def test_a_disposal_before_what_is_posted_is_refused(books, accountant, day):
    scanner = registered(books)
    if day.year == 2026:
        post_depreciation(books.administration, date(2026, 2, 1), by=accountant)
    with pytest.raises(DisposalTooEarly):
        dispose(scanner, date=day, by=accountant)


def test_proceeds_name_their_account_and_are_not_negative(books, accountant):
    scanner = registered(books)
    with pytest.raises(DisposalInvalid):
        dispose(scanner, date=MARCH, proceeds=D(10), by=accountant)
    with pytest.raises(DisposalInvalid):
        dispose(scanner, date=MARCH, proceeds=D(-10), proceeds_account=account(books, "1100"), by=accountant)
    assert not JournalEntry.objects.exists()


def test_an_account_for_the_result_is_opened_where_there_is_none(books, accountant):
    Account.objects.filter(purpose="asset_disposal_result").delete()
    dispose(registered(books), date=MARCH, by=accountant)
    (opened,) = Account.objects.filter(purpose="asset_disposal_result")
    assert opened.lines.exists()


# The asset itself ----------------------------------------------------------------------------------------------------


def test_an_asset_that_was_depreciated_keeps_what_that_was_reckoned_from(books, accountant):
    scanner = save_asset(asset(books), by=accountant)
    scanner.life_months = 24
    save_asset(scanner, by=accountant)
    post_depreciation(books.administration, MARCH, by=accountant)
    scanner.name = "Old scanner"
    save_asset(scanner, by=accountant)
    for name, value in [("life_months", 36), ("residual_value", D(1)), ("cost", D(1300))]:
        changed = FixedAsset.objects.select_related("administration").get(pk=scanner.pk)
        setattr(changed, name, value)
        with pytest.raises(FixedAssetKept):
            save_asset(changed, by=accountant)
    assert law_broken_by(lambda: FixedAsset.objects.update(cost=D(1300))) == "fixed_asset_kept"


@pytest.mark.parametrize(
    "wrong",
    [
        {"residual_value": D(1300)},
        {"life_months": 0},
        {"method": "DECLINING"},
        {"acquired_on": date(2026, 2, 1)},
        {"opening_depreciation": D("1200.01")},
    ],
)
def test_an_asset_that_cannot_be_is_refused(books, accountant, wrong):
    with pytest.raises(FixedAssetInvalid):
        save_asset(asset(books, **wrong), by=accountant)


# Checks and the task -------------------------------------------------------------------------------------------------


def test_what_was_posted_otherwise_than_scheduled_is_found(owned):
    books = open_test_books()
    registered(books)
    post_depreciation(books.administration, MARCH, by=None)
    assert found(books, date(2026, 3, 31)) == []
    owned.execute("ALTER TABLE ledger_depreciation DISABLE TRIGGER USER")
    owned.execute("UPDATE ledger_depreciation SET amount = 99 WHERE month = '2026-02-01'")
    assert found(books, date(2026, 3, 31)) == ["DEPRECIATION_MISMATCH"]


def test_months_that_are_over_and_not_posted_are_found(books):
    registered(books, in_use_from=date(2025, 1, 1), life_months=24)
    finding = next(iter(checks.depreciation_is_posted(books.administration, date(2026, 2, 27))))
    assert (finding.code, str(finding.severity), finding.facts["months"]) == ("DEPRECIATION_NOT_POSTED", "YELLOW", 13)


def test_the_task_posts_what_is_over_for_every_administration_and_nothing_twice(books, settings, monkeypatch):
    settings.CELERY_TASK_ALWAYS_EAGER = True
    asked = []
    monkeypatch.setattr(depreciation_task, "delay", lambda *args: (asked.append(args), depreciation_task(*args)))
    others = open_test_books()
    for one in (books, others):
        open_years(one.administration, 2025, 2025)
        registered(one, in_use_from=date(2025, 1, 1), life_months=3)
    empty = open_test_books()
    post_due_depreciation()
    assert len(asked) == 2
    assert Depreciation.objects.filter(administration__in=[books.administration, others.administration]).count() == 6
    assert not Depreciation.objects.filter(administration=empty.administration).exists()
    post_due_depreciation()
    assert len(asked) == 2
    assert Depreciation.objects.count() == 6


def test_a_month_that_is_not_over_yet_is_not_due(books, monkeypatch):
    registered(books)
    monkeypatch.setattr(depreciating, "last_ended_month", lambda administration: date(2025, 12, 1))
    assert depreciating.due_administrations() == []
    monkeypatch.setattr(depreciating, "last_ended_month", lambda administration: date(2026, 1, 1))
    assert depreciating.due_administrations() == [(books.administration, date(2026, 1, 1))]


def test_a_task_that_is_refused_leaves_it_to_a_person(books):
    registered(books)
    books.set_status("2026", "LOCKED")
    depreciation_task(str(books.administration.pk), "2026-01-01")
    assert not Depreciation.objects.exists()


@settings(
    max_examples=15,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=5), st.integers(1, 200_000), st.integers(1, 20))
def test_whatever_is_asked_for_and_how_often_the_books_hold_the_schedule(books, months, cents, life):
    with transaction.atomic():
        scanner = registered(books, cost=D(cents) / 100, life_months=life, in_use_from=date(2026, 1, 17))
        for month in months:
            post_depreciation(books.administration, date(2026, month, 1), by=None)
        posted = Depreciation.objects.filter(asset=scanner)
        until = date(2026, max(months), 1)
        scheduled = [one for one in depreciating.schedule(scanner) if one.month <= until]
        assert [(one.month, one.amount) for one in posted] == [(one.month, one.amount) for one in scheduled]
        assert -balance(books, "0210") == sum(one.amount for one in scheduled)
        transaction.set_rollback(True)
