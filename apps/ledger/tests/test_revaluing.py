"""Open foreign items and foreign accounts at the rate of a day, taken back on the next."""

from datetime import date
from decimal import Decimal as D

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from apps.core.errors import NotAllowed
from apps.core.models import Membership
from apps.core.tests.factories import member
from apps.ledger.errors import ExchangeRateMissing, PeriodClosed, PeriodMissing
from apps.ledger.models import Account, ExchangeRate, JournalEntry, JournalLine
from apps.ledger.reports.open_items import open_items
from apps.ledger.services.allocating import settle_documents
from apps.ledger.services.posting import Document, Line
from apps.ledger.services.revaluing import revalue
from apps.ledger.tests.factories import EntryFactory, new_id, open_test_books
from apps.ledger.tests.test_concurrency import threads

MARCH_31, APRIL_1 = date(2026, 3, 31), date(2026, 4, 1)
OWN = ("exchange_revaluation", "unrealised_exchange_gain", "unrealised_exchange_loss")


@pytest.fixture
def accountant(books):
    return member(books.administration, Membership.Role.ACCOUNTANT)


def rate(books, currency, value, day=MARCH_31):
    ExchangeRate.objects.create(administration=books.administration, currency=currency, date=day, rate=D(value))


def sale(books, dollars, euros, document=None):
    """An invoice in dollars; negative takes it back."""
    foreign = {"currency": "USD", "amount_currency": D(dollars)}
    document = Document("customer_invoice", document or new_id())
    receivable, revenue = books.account("customer_receivable"), books.account("revenue_other")
    debit, credit = max(D(euros), D(0)), max(-D(euros), D(0))
    lines = [
        Line(receivable, debit, credit, party=books.party("C-1"), document=document, **foreign),
        Line(revenue, credit, debit),
    ]
    return EntryFactory(books=books, lines=lines)


def dollar_account(books):
    return Account.objects.get_or_create(
        administration=books.administration,
        code="1105",
        defaults={"name": "Bank USD", "type": "ASSET", "place": "CURRENT_ASSETS"},
    )[0]


def received(books, dollars, euros, account=None):
    account = account or dollar_account(books)
    foreign = {"currency": "USD", "amount_currency": D(dollars)}
    lines = [Line(account, debit=D(euros), **foreign), Line(books.account("revenue_other"), credit=D(euros))]
    return EntryFactory(books=books, lines=lines)


def balances(books, as_of):
    lines = JournalLine.objects.filter(administration=books.administration).up_to(as_of)
    return [lines.filter(account=books.account(purpose)).balance() for purpose in OWN]


def test_a_receivable_that_gained_stands_on_accounts_of_its_own_until_the_next_day(books, accountant):
    sale(books, 1000, 900)
    rate(books, "USD", "0.95")
    entry = revalue(books.administration, MARCH_31, by=accountant)
    assert entry.date == MARCH_31
    assert balances(books, MARCH_31) == [D(50), D(-50), D(0)]
    assert balances(books, APRIL_1) == [D(0), D(0), D(0)]
    assert "0.95 (2026-03-31)" in entry.lines.first().memo


def test_the_control_account_is_not_touched(books, accountant):
    sale(books, 1000, 900)
    rate(books, "USD", "0.95")
    revalue(books.administration, MARCH_31, by=accountant)
    customers = next(one for one in open_items(books.administration, MARCH_31) if one.account.control == "CUSTOMERS")
    assert (customers.balance, customers.difference) == (D(900), D(0))


def test_gains_and_losses_stand_apart(books, accountant):
    sale(books, 1000, 900)
    received(books, 500, 500)
    rate(books, "USD", "0.95")
    revalue(books.administration, MARCH_31, by=accountant)
    assert balances(books, MARCH_31) == [D(25), D(-50), D(25)]


def test_an_item_that_is_settled_in_part_counts_by_what_is_left(books, accountant):
    document = new_id()
    sale(books, 1000, 900, document)
    sale(books, -400, -360, document)
    settle_documents(books.administration, [document])
    rate(books, "USD", "1.00")
    revalue(books.administration, MARCH_31, by=accountant)
    assert balances(books, MARCH_31)[0] == D(60)  # 600 dollars at 1.00, less 540


def test_an_account_that_holds_several_currencies_is_not_kept_in_one_of_them(books, accountant):
    received(books, 500, 450, books.account("bank"))
    EntryFactory(
        books=books,
        lines=[Line(books.account("bank"), debit=D(10)), Line(books.account("revenue_other"), credit=D(10))],
    )
    rate(books, "USD", "1.00")
    assert revalue(books.administration, MARCH_31, by=accountant) is None


def test_the_last_rate_before_the_day_counts(books, accountant):
    received(books, 100, 90)
    rate(books, "USD", "0.80", date(2026, 3, 1))
    rate(books, "USD", "0.95", date(2026, 3, 27))
    rate(books, "USD", "2.00", APRIL_1)
    revalue(books.administration, MARCH_31, by=accountant)
    assert balances(books, MARCH_31)[0] == D(5)


def test_a_rate_that_is_missing_is_named(books, accountant):
    received(books, 100, 90)
    rate(books, "USD", "0.95", APRIL_1)
    with pytest.raises(ExchangeRateMissing) as refusal:
        revalue(books.administration, MARCH_31, by=accountant)
    assert refusal.value.facts == {"currency": "USD", "date": MARCH_31}


def test_revaluing_twice_posts_once(books, accountant):
    received(books, 100, 90)
    rate(books, "USD", "0.95")
    revalue(books.administration, MARCH_31, by=accountant)
    assert revalue(books.administration, MARCH_31, by=accountant) is None
    assert JournalEntry.objects.filter(source_type="revaluation").count() == 1


def test_what_was_posted_since_is_revalued_beside_it(books, accountant):
    received(books, 100, 90)
    rate(books, "USD", "0.95")
    revalue(books.administration, MARCH_31, by=accountant)
    received(books, 100, 98)
    entry = revalue(books.administration, MARCH_31, by=accountant)
    assert sum(line.debit for line in entry.lines.all()) == D(3)
    assert balances(books, MARCH_31)[0] == D(2)
    assert balances(books, APRIL_1) == [D(0)] * 3


def test_two_who_revalue_at_once_post_once(committed):
    books = open_test_books()
    accountant = member(books.administration, Membership.Role.ACCOUNTANT)
    received(books, 100, 90)
    rate(books, "USD", "0.95")
    with threads() as start:
        done = [start(lambda: revalue(books.administration, MARCH_31, by=accountant)) for _thread in range(4)]
        assert sum(one.result() is not None for one in done) == 1


def test_books_without_foreign_money_need_neither_rates_nor_accounts(books, accountant):
    Account.objects.filter(purpose__in=OWN).update(purpose="")
    EntryFactory(books=books)
    assert revalue(books.administration, MARCH_31, by=accountant) is None


def test_what_would_stop_halfway_posts_nothing(books, accountant):
    received(books, 100, 90)
    rate(books, "USD", "0.95")
    rate(books, "USD", "0.95", date(2026, 12, 31))
    with pytest.raises(PeriodMissing):  # no day after it
        revalue(books.administration, date(2026, 12, 31), by=accountant)
    books.set_status("2026-04", "LOCKED")
    with pytest.raises(PeriodClosed):
        revalue(books.administration, MARCH_31, by=accountant)
    with pytest.raises(NotAllowed):
        revalue(books.administration, MARCH_31, by=books.owner)
    assert JournalEntry.objects.count() == 1


@settings(
    max_examples=20,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(st.tuples(st.sampled_from([sale, received]), st.integers(1, 10**6), st.integers(1, 10**6)), max_size=4),
    st.integers(1, 10**6),
)
def test_a_revaluation_shows_what_things_are_worth_and_nets_to_nothing_with_its_reversal(
    books, accountant, moves, millionths
):
    with transaction.atomic():
        rate(books, "USD", D(millionths) / 10**5)
        worth = {sale: [D(0), D(0)], received: [D(0), D(0)]}
        for move, cents, cost in moves:
            move(books, D(cents) / 100, D(cost) / 100)
            worth[move][0] += D(cents) / 100
            worth[move][1] += D(cost) / 100
        revalue(books.administration, MARCH_31, by=accountant)
        gains = [(dollars * D(millionths) / 10**5).quantize(D("0.01"), "ROUND_HALF_UP") - cost
                 for dollars, cost in worth.values()]  # fmt: skip
        own, gain, loss = balances(books, MARCH_31)
        assert own == sum(gains)
        assert (-gain, loss) == (sum(one for one in gains if one > 0), -sum(one for one in gains if one < 0))
        assert balances(books, APRIL_1) == [D(0)] * 3
        transaction.set_rollback(True)
