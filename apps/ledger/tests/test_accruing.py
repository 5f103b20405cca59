"""An amount that belongs to several months is spread over them, once."""

from datetime import date
from decimal import Decimal as D

import pytest

from apps.core.errors import NotAllowed
from apps.core.models import Membership
from apps.core.tests.factories import member
from apps.ledger.errors import PeriodMissing, SpreadInvalid
from apps.ledger.models import JournalEntry, JournalLine
from apps.ledger.services.accruing import spread
from apps.ledger.tests.assets import account
from apps.ledger.tests.factories import new_id

PAGE = "/admin/ledger/period/spread/"


@pytest.fixture
def accountant(books):
    return member(books.administration, Membership.Role.ACCOUNTANT)


def insurance(books, by, **asked):
    facts = {"amount": D("100.00"), "account": account(books, "4610"), "accrual_account": account(books, "1400")}
    facts |= {"first_month": date(2026, 2, 10), "months": 3, "memo": "Insurance", "source": new_id()}
    return spread(books.administration, **facts | asked, by=by)


def test_a_prepaid_cost_is_taken_to_its_months_to_the_cent(books, accountant):
    entries = insurance(books, accountant)
    assert [str(entry.date) for entry in entries] == ["2026-02-28", "2026-03-31", "2026-04-30"]
    costs = JournalLine.objects.filter(account=account(books, "4610")).order_by("date")
    assert [line.debit for line in costs] == [D("33.34"), D("33.33"), D("33.33")]
    assert JournalLine.objects.filter(account=account(books, "1400")).balance() == D(-100)


def test_revenue_received_before_is_spread_with_a_negative_amount(books, accountant):
    insurance(books, accountant, amount=D("-90.00"), account=account(books, "8090"))
    assert JournalLine.objects.filter(account=account(books, "8090")).balance() == D(-90)


def test_the_same_source_is_spread_once(books, accountant):
    source = new_id()
    assert len(insurance(books, accountant, source=source)) == 3
    assert insurance(books, accountant, source=source) == []
    assert JournalEntry.objects.count() == 3


def test_a_month_without_a_period_leaves_nothing_behind(books, accountant):
    with pytest.raises(PeriodMissing):
        insurance(books, accountant, months=12)
    assert not JournalEntry.objects.exists()


@pytest.mark.parametrize("wrong", [{"months": 0}, {"months": 121}, {"amount": D(0)}])
def test_nothing_and_no_months_are_refused(books, accountant, wrong):
    with pytest.raises(SpreadInvalid):
        insurance(books, accountant, **wrong)


def test_only_who_keeps_the_accounts_spreads(books):
    with pytest.raises(NotAllowed):
        insurance(books, books.owner)


def test_an_accountant_spreads_an_amount_on_its_page(books, client, accountant):
    client.force_login(accountant)
    form = {"amount": "100,00", "account": account(books, "4610").pk, "accrual_account": account(books, "1400").pk}
    form |= {"first_month": "2026-02-10", "months": "3", "memo": "Insurance", "key": str(new_id())}
    assert client.post(PAGE, form, headers={"Accept-Language": "nl"}).status_code == 302
    assert client.post(PAGE, form, headers={"Accept-Language": "nl"}).status_code == 302
    assert JournalEntry.objects.count() == 3
