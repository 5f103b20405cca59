"""Care that was given and not billed counts in the period in which it was given, once, and is taken out again."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from apps.billing.errors import NothingToAccrue, PeriodNotOver
from apps.billing.services.accruing_care import post_accrual, propose_accrual
from apps.billing.tests.leaking import billed, given, line, visit_of
from apps.core.errors import NotAllowed
from apps.core.money import ZERO
from apps.ledger.models import Account, JournalEntry


@pytest.fixture
def ended(clinic):
    """The last day of the month before this one."""
    return clinic.today.replace(day=1) - timedelta(days=1)


@pytest.fixture
def unbilled_care(clinic):
    """The account that unbilled care stands on, in a chart that has none yet."""
    account = Account.objects.filter(administration=clinic.administration, purpose="unbilled_care").first()
    return account or Account.objects.create(
        administration=clinic.administration,
        code="1398",
        name="Unbilled care",
        type="ASSET",
        place="CURRENT_ASSETS",
        purpose="unbilled_care",
    )


def lines(entry):
    return sorted((line.account.purpose, line.debit - line.credit) for line in entry.lines.select_related("account"))


def test_what_was_not_billed_by_the_end_is_proposed_before_vat(clinic, ended):
    service, drug = clinic.service("65.00"), clinic.service("121.00", "HIGH")
    given(visit_of(clinic, ended), service)
    given(visit_of(clinic, ended), drug, "PHARMACY", "2")
    on_time = given(visit_of(clinic, ended), service)
    billed(clinic, on_time.visit, line(service, "65.00", order=on_time))
    later = given(visit_of(clinic, ended), service)
    billed(clinic, later.visit, line(service, "65.00", order=later), day=clinic.today)
    given(visit_of(clinic), service)
    given(visit_of(clinic, ended), None)
    given(visit_of(clinic, ended), service, coverage_reason="BUNDLE")
    proposed = propose_accrual(clinic.administration, ended)
    assert [(one.group.code, one.orders, one.net) for one in proposed.groups] == [
        ("consultation", 3, Decimal("330.00"))
    ]
    assert (proposed.net, proposed.unpriced, proposed.entry) == (Decimal("330.00"), 1, None)


def test_an_accrual_is_posted_once_and_reversed_on_the_day_after(clinic, ended, unbilled_care):
    given(visit_of(clinic, ended), clinic.service("65.00"))
    entry = post_accrual(clinic.administration, ended, by=clinic.accountant)
    assert entry.date == ended
    assert lines(entry) == [("revenue_consultation", Decimal("-65.00")), ("unbilled_care", Decimal("65.00"))]
    reversal = JournalEntry.objects.get(reverses=entry)
    assert reversal.date == ended + timedelta(days=1)
    assert lines(reversal) == [("revenue_consultation", Decimal("65.00")), ("unbilled_care", Decimal("-65.00"))]
    given(visit_of(clinic, ended), clinic.service("65.00"))
    assert post_accrual(clinic.administration, ended, by=clinic.accountant) == entry
    assert propose_accrual(clinic.administration, ended).entry == entry
    assert JournalEntry.objects.filter(administration=clinic.administration).count() == 2


def test_care_of_an_earlier_year_is_not_earned_again(clinic):
    first = date(clinic.today.year, 1, 1)
    given(visit_of(clinic, first - timedelta(days=1)), clinic.service("65.00"))
    assert propose_accrual(clinic.administration, first).net == ZERO


def test_an_accrual_wants_the_end_of_a_period_that_is_over_something_to_accrue_and_the_accountant(
    clinic, ended, unbilled_care
):
    with pytest.raises(NothingToAccrue):
        post_accrual(clinic.administration, ended, by=clinic.accountant)
    given(visit_of(clinic, ended), clinic.service("65.00"))
    for day in (ended - timedelta(days=1), clinic.today):
        with pytest.raises(PeriodNotOver):
            post_accrual(clinic.administration, day, by=clinic.accountant)
    with pytest.raises(NotAllowed):
        post_accrual(clinic.administration, ended, by=clinic.manager)
    assert not JournalEntry.objects.filter(administration=clinic.administration).exists()
