"""Accounts that Daybook posts to by itself: found by their purpose, opened from the chart where they are missing."""

import pytest

from apps.billing.tests.test_concurrency import at_once
from apps.core.models import Event
from apps.ledger.errors import AccountMissing
from apps.ledger.models import Account
from apps.ledger.services.purposes import account_for
from apps.ledger.tests.factories import open_test_books

BAD_DEBT = {"name": "Oninbare zorgnota's en declaraties", "type": "EXPENSE", "standard_code": "WBedVkkAdd"}


@pytest.fixture
def earlier(db):
    """Books of before there was an account for bad debt."""
    books = open_test_books()
    Account.objects.filter(purpose="bad_debt").delete()
    return books.administration


def opened():
    return list(Event.objects.filter(name="ledger.account_opened").values_list("facts__code", "facts__purpose"))


def test_an_account_that_is_there_is_found(db):
    books = open_test_books()
    assert account_for(books.administration, "bad_debt") == books.account("bad_debt")
    assert opened() == []


def test_a_missing_account_is_opened_once_as_the_chart_says(earlier):
    account = account_for(earlier, "bad_debt")
    assert account.code == "4505"
    assert {name: getattr(account, name) for name in BAD_DEBT} == BAD_DEBT
    assert account_for(earlier, "bad_debt") == account
    assert opened() == [("4505", "bad_debt")]


def test_where_another_account_has_the_number_the_next_free_one_is_taken(earlier):
    for code in ("4505", "4506"):
        Account.objects.create(
            administration=earlier, code=code, name="Of our own", type="EXPENSE", place="OPERATING_EXPENSES"
        )
    assert account_for(earlier, "bad_debt").code == "4507"


def test_an_account_of_the_chart_that_had_no_purpose_gets_it(db):
    """The general chart had an account for withholding tax before Daybook posted to it."""
    books = open_test_books(chart="general", country="NG", currency="NGN")
    Account.objects.filter(purpose="withholding_receivable").update(purpose="")
    account = account_for(books.administration, "withholding_receivable")
    assert (account.code, account.purpose) == ("1410", "withholding_receivable")
    assert Account.objects.filter(name=account.name).count() == 1
    assert Event.objects.filter(name="ledger.account_given_purpose", subject_id=account.pk).count() == 1


@pytest.mark.parametrize("purpose", ["", "no_such_purpose"])
def test_a_purpose_that_no_chart_knows_is_refused(earlier, purpose):
    with pytest.raises(AccountMissing):
        account_for(earlier, purpose)


def test_ten_at_once_open_one_account(committed):
    books = open_test_books()
    Account.objects.filter(purpose="bad_debt").delete()
    found = at_once(lambda turn: account_for(books.administration, "bad_debt"), 10)
    assert len({account.pk for account in found}) == 1
    assert len(opened()) == 1
