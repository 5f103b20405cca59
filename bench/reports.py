"""Reports at any date on 500,000 entries (``SIZE=`` says how many).

reports.trial_balance            trial_balance(), on average over five days spread over a month; limit: the same totals
                                 by hand-written, prepared SQL from the months that are rolled up and the lines of the
                                 open one, without a mark to look beyond
reports.trial_balance_hordak     the same against hordak's balance of all accounts, on the same entries and server
reports.trial_balance_hledger    the same against hledger, which reads its journal each time
reports.account                  one account, the busiest, at a date; limit: three milliseconds
reports.account_fifth            the same on a fifth of the entries
reports.account_fiftieth         and on a fiftieth
"""

import os
from datetime import date
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

import psycopg  # noqa: E402
from django.db import connection  # noqa: E402

from apps.core.models import Administration  # noqa: E402
from apps.ledger.models import Account  # noqa: E402
from apps.ledger.reports.balances import balances  # noqa: E402
from apps.ledger.reports.trial_balance import trial_balance  # noqa: E402
from bench import SIZE, end, figure, in_turn, milliseconds, skipped  # noqa: E402
from bench.books.generating import BANK, CUT  # noqa: E402
from bench.books.loading import book  # noqa: E402
from bench.peers import Missing  # noqa: E402
from bench.peers.hledger import hledger  # noqa: E402
from bench.peers.hordak import hordak  # noqa: E402

BOOK = int(SIZE or 500_000)
DAYS = [CUT.replace(day=day) for day in (6, 12, 18, 24, 30)]

BARE = """
SELECT account_id, sum(debit), sum(credit) FROM (
    SELECT account_id, debit, credit FROM ledger_accountmonth
    WHERE administration_id = %(administration)s AND month < %(month)s
    UNION ALL
    SELECT account_id, debit, credit FROM ledger_journalline
    WHERE administration_id = %(administration)s AND date BETWEEN %(month)s AND %(day)s
) moved GROUP BY account_id
"""


def main() -> None:
    with book(BOOK) as administration:
        prove(administration)
        times = in_turn(
            5,
            ours=lambda: milliseconds(lambda: [trial_balance(administration, day) for day in DAYS]) / len(DAYS),
            limit=lambda: milliseconds(lambda: [bare(administration, day) for day in DAYS]) / len(DAYS),
        )
        ours = times["ours"]
        figure("reports.trial_balance", ours, times["limit"], "ms", "lower", 1.5)
        against_hordak(ours)
        against_hledger(administration, ours)
    for part, name in ((1, "account"), (5, "account_fifth"), (50, "account_fiftieth")):
        with book(BOOK // part) as administration:
            account = Account.objects.get(administration=administration, code=BANK)
            took = milliseconds(lambda account=account: balances(administration, CUT, accounts=[account]), runs=50)  # type: ignore[misc]
            figure(f"reports.{name}", took, 3.0, "ms", "lower", 1.0, entries=BOOK // part)
    end()


def against_hordak(ours: float) -> None:
    try:
        with hordak(BOOK) as peer:
            figure("reports.trial_balance_hordak", ours, peer.ask("balances", 3), "ms", "lower", 0.01)
    except Missing as missing:
        skipped("reports.trial_balance_hordak", str(missing))


def against_hledger(administration: Administration, ours: float) -> None:
    try:
        with hledger(BOOK) as peer:
            theirs = in_turn(3, hledger=peer.milliseconds)["hledger"]
            rows = trial_balance(administration, CUT).rows
            assert {row.account.code: row.balance for row in rows if row.balance} == peer.balances()
            figure("reports.trial_balance_hledger", ours, theirs, "ms", "lower", 0.01)
    except Missing as missing:
        skipped("reports.trial_balance_hledger", str(missing))


def prove(administration: Administration) -> None:
    """What is measured is right: the same as the bare SQL's, and it balances."""
    for day in (*DAYS, CUT):
        report = trial_balance(administration, day)
        found = {row.account.pk: (row.debit, row.credit) for row in report.rows}
        assert found == {account: (debit, credit) for account, debit, credit in bare(administration, day)}
        assert report.balance == 0


def bare(administration: Administration, day: date) -> list[tuple[Any, ...]]:
    connection.ensure_connection()
    facts = {"administration": administration.pk, "month": day.replace(day=1), "day": day}
    with psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(BARE, facts, prepare=True).fetchall()


if __name__ == "__main__":
    main()
