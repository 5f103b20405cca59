"""The demo clinic: a day to sign, a day that is half done, and something to find on every page."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from apps.billing import checks
from apps.billing.demo import demo_clinic, make_demo
from apps.billing.models import (
    Claim,
    ClaimSettlement,
    Discount,
    DrawerCount,
    EndOfDayReconciliation,
    Leak,
    Order,
    Payment,
    Shift,
    TopUp,
    Visit,
    Wallet,
    WriteOff,
)
from apps.billing.reports.drawers import cash_hidden
from apps.billing.services.closing import finalize_day, preparers
from apps.billing.services.days import local_date
from apps.core.models import Administration, Delivery, Event, User
from apps.ledger import checks as ledger_checks
from apps.ledger.reports.sync_status import sync_status
from apps.reconciliation import checks as bank_checks
from apps.reconciliation.handlers import keep_bank_of_demo
from apps.reconciliation.models import Clearing, Match, MatchingRun, Statement, StatementLine
from apps.reconciliation.tasks import match_lines

WEEKS = 35  # enough for everything that happens to happen


@pytest.fixture(scope="module")
def made(django_db_setup, django_db_blocker):
    """Made once, in a transaction that is rolled back at the end."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield make_demo(days=WEEKS)
        transaction.set_rollback(True)


@pytest.fixture
def demo(made):
    """As it was made: what a test does is undone."""
    with transaction.atomic():
        yield Administration.objects.get(pk=made.pk)
        transaction.set_rollback(True)


def test_the_demo_has_something_to_find_on_every_page(demo):
    today = local_date(demo)
    *signed, yesterday = EndOfDayReconciliation.objects.order_by("reconciliation_date")

    assert {close.status for close in signed} == {"FINALIZED"}
    assert (yesterday.status, yesterday.prepared_by, preparers(yesterday)) != ("DRAFT", None, set())
    assert [(one["code"], one["amount"]) for one in yesterday.mismatch_details] == [("TERMINAL_DIFFERS", "23.75")]
    assert [close.has_mismatches for close in signed] == [False] * (len(signed) - 1) + [True]
    short = DrawerCount.objects.exclude(difference=0).get(is_final=True)
    assert (short.difference, short.attempt, short.notes.count()) == (D(-10), 2, 1)

    rules = set(Leak.objects.filter(state="OPEN").values_list("rule", flat=True))
    assert rules >= {"L01", "L02", "L03", "L04", "L09", "L14", "L15", "L17"}
    assert not Leak.objects.filter(entity_id__in=Order.objects.exclude(coverage_reason="").values("pk"), state="OPEN")
    assert set(Claim.objects.values_list("status", flat=True)) == set(Claim.Status)
    assert set(ClaimSettlement.objects.values_list("kind", flat=True)) == {"PAID", "PATIENT", "ADJUSTMENT"}
    assert Discount.objects.filter(approved_at=None).count() == 1
    assert WriteOff.objects.filter(approved_at=None, rejected_at=None).count() == 1
    assert Payment.objects.filter(kind="REFUND").count() == 1
    assert Payment.objects.filter(late_for__isnull=False).count() == 1
    assert TopUp.objects.count() == 6
    assert Payment.objects.filter(method="WALLET").count() == 4
    assert all(wallet.balance > 0 for wallet in Wallet.objects.all())

    shift = Shift.objects.get(closed_at=None)
    assert shift.clinic_day.date == today
    assert cash_hidden(shift.clinic_day)
    assert Visit.objects.filter(date=today, status="ACTIVE").count() == 4
    assert Order.objects.filter(ordered_on=today, completed_at=None).count() == 1
    assert Shift.objects.values("cashier").distinct().count() == 2


def test_the_books_of_the_demo_hold_and_yesterday_may_be_signed(demo):
    today = local_date(demo)
    found = [str(one) for check in (*checks.ALL, *ledger_checks.ALL) for one in check(demo, today)]
    assert found == []
    assert sync_status(demo, today).is_proved
    yesterday = EndOfDayReconciliation.objects.get(status="DRAFT")
    assert finalize_day(yesterday, by=User.objects.get(email="manager@demo.example")).status == "FINALIZED"


def test_no_letter_of_the_past_is_sent(demo):
    letters = Delivery.objects.filter(handler__startswith="apps.billing.handlers.mail_")
    assert letters.count() > 2
    assert not letters.filter(delivered_at=None).exists()


def test_the_demo_is_made_once(demo, capsys):
    events = Event.objects.count()
    call_command("demo")
    assert Event.objects.count() == events
    assert demo_clinic() == demo
    assert "cashier2@demo.example" in capsys.readouterr().out


def test_a_demo_of_yesterday_gets_a_morning(demo):
    """Nobody counted the drawer, so the cash of the new day waits for that, as it does at the desk."""
    make_demo(timezone.now() + timedelta(days=1))
    tomorrow = local_date(demo) + timedelta(days=1)
    assert Visit.objects.filter(date=tomorrow).count() > 4
    assert Shift.objects.get(closed_at=None).clinic_day.date == local_date(demo)
    assert not Payment.objects.filter(clinic_day__date=tomorrow, shift__isnull=False).exists()


def test_its_bank_matches_by_itself_and_leaves_some(demo):
    """A moment after the demo is made its accountant imports weeks of bank lines; the worker goes through them."""
    made = Event.objects.get(name="billing.demo_made", subject_id=demo.pk)
    for _message_that_comes_twice in range(2):
        keep_bank_of_demo(made)
    assert (Statement.objects.count(), Statement.objects.filter(is_valid=False).count()) == (3, 0)
    for run in MatchingRun.objects.order_by("created_at"):
        match_lines(str(run.job_id))
    matched = set(Match.objects.filter(active=True).values_list("kind", flat=True))
    assert matched >= {"TRANSIT", "FEE", "BOOKED", "ITEM", "MODEL", "TRANSFER"}
    payout = Clearing.objects.get(line__label="PSTK_359143")
    assert [match.kind for match in payout.matches.order_by("position")] == ["TRANSIT", "TRANSIT", "FEE"]
    left = StatementLine.objects.open()
    assert 3 <= left.count() < StatementLine.objects.count() / 2
    assert left.filter(label="thank you").exists()
    assert sum(run.ambiguous for run in MatchingRun.objects.all()) >= 1  # two patients owe as much
    assert StatementLine.objects.exclude(looks_like=None).count() == 1
    assert not Clearing.objects.exclude(by=None).exists()
    every = (*bank_checks.ALL, *ledger_checks.ALL)
    assert [str(one) for check in every for one in check(demo, local_date(demo))] == []
