"""Every law of the ledger proved again by verify_books, against one hand-written statement a law.

Over a book of 500,000 entries (``SIZE=`` says how many) that was loaded with the laws set aside: so this also proves
the book that the other benchmarks run on.

verify.all   verify_books as it is run; limit: the statements below, of which each answers what breaks one law
"""

import os
import time
from datetime import date
from io import StringIO

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from apps.core.models import Administration  # noqa: E402
from apps.ledger import checks  # noqa: E402
from bench import SIZE, end, figure, in_turn  # noqa: E402
from bench.books.loading import book  # noqa: E402

BOOK = int(SIZE or 500_000)

# Laws about what a benchmark book has none of.
WITHOUT_ROWS = {
    "depreciation_equals_schedule",
    "depreciation_is_posted",
    "sealed_entries_are_unchanged",
    "seals_make_one_chain",
}

BARE = {
    "entries_balance": """
        SELECT entry_id FROM ledger_journalline WHERE administration_id = %(a)s AND date <= %(day)s
        GROUP BY entry_id HAVING sum(debit) <> sum(credit)""",
    "entries_have_their_lines": """
        SELECT entry.id FROM ledger_journalentry entry
        LEFT JOIN (SELECT entry_id, count(*) AS lines FROM ledger_journalline WHERE administration_id = %(a)s
                   GROUP BY entry_id) line ON line.entry_id = entry.id
        WHERE entry.administration_id = %(a)s AND entry.status = 'POSTED' AND entry.date <= %(day)s
          AND (line.lines IS DISTINCT FROM entry.line_count OR entry.line_count < 2)""",
    "lines_are_dated_as_their_entries": """
        SELECT line.id FROM ledger_journalline line JOIN ledger_journalentry entry ON entry.id = line.entry_id
        WHERE line.administration_id = %(a)s
          AND line.date IS DISTINCT FROM CASE entry.status WHEN 'POSTED' THEN entry.date END""",
    "entries_are_in_their_period": """
        SELECT entry.id FROM ledger_journalentry entry JOIN ledger_period own ON own.id = entry.period_id
        LEFT JOIN (
            SELECT day.date, min(period.last_day - period.first_day) AS days
            FROM (SELECT DISTINCT date FROM ledger_journalentry WHERE administration_id = %(a)s) day
            JOIN ledger_period period ON day.date BETWEEN period.first_day AND period.last_day
            WHERE period.administration_id = %(a)s AND period.type <> 'YEAR_END' GROUP BY 1
        ) smallest ON smallest.date = entry.date
        WHERE entry.administration_id = %(a)s AND entry.status = 'POSTED' AND entry.date <= %(day)s
          AND (entry.date NOT BETWEEN own.first_day AND own.last_day
               OR own.type <> 'YEAR_END' AND own.last_day - own.first_day IS DISTINCT FROM smallest.days)""",
    "reversals_mirror": """
        SELECT reversal.id FROM ledger_journalentry reversal
        JOIN ledger_journalline line ON line.entry_id IN (reversal.id, reversal.reverses_id)
        WHERE reversal.administration_id = %(a)s AND reversal.reverses_id IS NOT NULL AND reversal.date <= %(day)s
        GROUP BY reversal.id, line.account_id, line.party_id, line.vat_code_id HAVING sum(line.debit - line.credit) <> 0
        """,
    "numbers_have_no_gap": """
        SELECT journal_id, year FROM ledger_journalentry WHERE administration_id = %(a)s AND status = 'POSTED'
        GROUP BY journal_id, year HAVING (count(*), count(*)) <> (max(number), (
            SELECT last FROM core_counter WHERE administration_id = %(a)s
              AND series = 'entry:' || journal_id || ':' || year))""",
    "lines_are_one_sided": """
        SELECT id FROM ledger_journalline WHERE administration_id = %(a)s AND date <= %(day)s
          AND NOT (debit > 0 AND credit = 0 OR debit = 0 AND credit > 0)""",
    "control_lines_equal_items": """
        SELECT line.id FROM ledger_journalline line JOIN ledger_account account ON account.id = line.account_id
        LEFT JOIN (SELECT line_id, account_id, party_id, date, sum(amount) AS amount FROM ledger_openitem
                   WHERE administration_id = %(a)s GROUP BY 1, 2, 3, 4) item
          ON (item.line_id, item.account_id, item.party_id, item.date)
           = (line.id, line.account_id, line.party_id, line.date)
        WHERE line.administration_id = %(a)s AND line.date <= %(day)s AND account.control <> ''
          AND item.amount IS DISTINCT FROM line.debit - line.credit""",
    "items_stand_on_control_lines": """
        SELECT item.id FROM ledger_openitem item LEFT JOIN ledger_journalline line ON line.id = item.line_id
        LEFT JOIN ledger_account account ON account.id = line.account_id AND account.control <> ''
        WHERE item.administration_id = %(a)s AND item.date <= %(day)s
          AND (item.account_id, item.party_id, item.date)
              IS DISTINCT FROM (account.id, line.party_id, line.date)""",
    "control_balances_equal_items": """
        SELECT account.id FROM ledger_account account
        JOIN (SELECT account_id, sum(debit - credit) AS balance FROM ledger_journalline
              WHERE administration_id = %(a)s AND date <= %(day)s GROUP BY 1) line ON line.account_id = account.id
        LEFT JOIN (SELECT account_id, sum(amount) AS amount FROM ledger_openitem
                   WHERE administration_id = %(a)s AND date <= %(day)s GROUP BY 1) item ON item.account_id = account.id
        WHERE account.control <> '' AND item.amount IS DISTINCT FROM line.balance""",
    "allocations_are_within_items": """
        SELECT item.id FROM ledger_openitem item
        JOIN (SELECT debit_id AS id, sum(amount) AS amount FROM ledger_allocation WHERE administration_id = %(a)s
              GROUP BY 1 UNION ALL
              SELECT credit_id, -sum(amount) FROM ledger_allocation WHERE administration_id = %(a)s GROUP BY 1) settled
          ON settled.id = item.id
        WHERE abs(settled.amount) > abs(item.amount) OR sign(settled.amount) <> sign(item.amount)""",
    "allocations_join_one_party": """
        SELECT allocation.id FROM ledger_allocation allocation
        JOIN ledger_openitem debit ON debit.id = allocation.debit_id
        JOIN ledger_openitem credit ON credit.id = allocation.credit_id
        WHERE allocation.administration_id = %(a)s
          AND (debit.amount < 0 OR credit.amount > 0 OR allocation.date <> greatest(debit.date, credit.date)
               OR (debit.account_id, debit.party_id) <> (credit.account_id, credit.party_id))""",
    "periods_nest": """
        SELECT period.id FROM ledger_period period JOIN ledger_period larger
          ON larger.administration_id = period.administration_id AND larger.first_day < period.first_day
         AND larger.last_day >= period.first_day AND larger.last_day < period.last_day
        WHERE period.administration_id = %(a)s""",
    "rollup_equals_lines": """
        SELECT * FROM (SELECT account_id, date_trunc('month', date)::date AS month, sum(debit) AS debit,
                              sum(credit) AS credit
                       FROM ledger_journalline WHERE administration_id = %(a)s AND date IS NOT NULL GROUP BY 1, 2) line
        FULL JOIN (SELECT * FROM ledger_accountmonth WHERE administration_id = %(a)s) kept USING (account_id, month)
        WHERE (line.debit, line.credit) IS DISTINCT FROM (kept.debit, kept.credit)""",
}


def main() -> None:
    proved = {check.__name__ for check in checks.ALL}
    assert proved <= {*BARE, *WITHOUT_ROWS}, f"no statement for {', '.join(sorted(proved - {*BARE, *WITHOUT_ROWS}))}"
    with book(BOOK) as administration:
        seconds = in_turn(3, ours=verify_books, limit=lambda: bare(administration))
    figure("verify.all", seconds["ours"], seconds["limit"], "s", "lower", 2.0)
    end()


def verify_books() -> float:
    began = time.perf_counter()
    call_command("verify_books", stdout=StringIO())
    return time.perf_counter() - began


def bare(administration: Administration) -> float:
    began = time.perf_counter()
    for law, statement in BARE.items():
        with connection.cursor() as cursor:
            cursor.execute(statement, {"a": administration.pk, "day": date.max})
            assert not cursor.fetchall(), law
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
