"""The same books, read by hledger and by beancount: programs that share nothing with ours give the same balances."""

import random
import re
from decimal import Decimal
from subprocess import CalledProcessError

import pytest

from apps.ledger.reports.trial_balance import trial_balance
from apps.ledger.tests.plaintext import as_beancount, as_hledger, balances, read_by_beancount, read_by_hledger, run
from apps.ledger.tests.random_books import CODES, SPAN, Game

SEED = 20260303


@pytest.fixture
def administration(books):
    """Forty random steps: posted, drafted, reversed, backdated. The seed is fixed: a failure comes again."""
    game, chance = Game(books), random.Random(SEED)
    for _step in range(40):
        what = chance.choice(("post", "post", "draft", "post draft", "reverse", "allocate"))
        lines = [(chance.choice(CODES), Decimal(chance.randint(1, 90_000)) / -100, n) for n in range(3)]
        more = {"post": lines, "draft": lines, "allocate": None}.get(what, chance.randrange(10))
        game.play((what, chance.choice(SPAN), more))
    return books.administration


def by_code(named):
    """Of ``Assets:1310:P-1`` the account: parties of one account added up."""
    sums = {}
    for name, amount in named.items():
        code = name.split(":")[1]
        sums[code] = sums.get(code, Decimal(0)) + amount
    return {code: amount for code, amount in sums.items() if amount}


def reported(administration, day):
    return {row.account.code: row.balance for row in trial_balance(administration, day).rows if row.balance}


def test_hledger_reads_the_same_balances_account_by_account(administration, hledger, tmp_path):
    journal = tmp_path / "books.journal"
    journal.write_text(as_hledger(administration))
    for day in SPAN:
        read = read_by_hledger(hledger, journal, day)
        assert read == balances(administration, day)
        assert by_code(read) == reported(administration, day)
    assert len(read) > len(CODES)


def test_beancount_reads_the_same_balances_account_by_account(administration, beancount, tmp_path):
    ledger = tmp_path / "books.beancount"
    ledger.write_text(as_beancount(administration))
    run(f"{beancount}/bean-check", str(ledger))
    for day in SPAN:
        read = read_by_beancount(f"{beancount}/bean-query", ledger, day)
        assert read == balances(administration, day)
        assert by_code(read) == reported(administration, day)
    assert len(read) > len(CODES)


def test_both_programs_refuse_books_that_do_not_balance(administration, hledger, beancount, tmp_path):
    """That they agree means something: they reckon for themselves."""
    for write, refuse in (
        (as_hledger, lambda file: read_by_hledger(hledger, file, SPAN[-1])),
        (as_beancount, lambda file: run(f"{beancount}/bean-check", str(file))),
    ):
        text, file = write(administration), tmp_path / write.__name__
        file.write_text(re.sub(r"\d\.\d{4}", "0.1234", text, count=1))
        with pytest.raises(CalledProcessError):
            refuse(file)
