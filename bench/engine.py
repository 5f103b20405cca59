"""The consistency engine over a book of 500,000 entries (``SIZE=`` says how many).

Into the book come invoices that are past due, so that there is something to find; the book itself has nothing wrong.

engine.full         a validation of all of history; limit: the same checks as one hand-written statement each
engine.incremental  a validation after ten new entries; limit: the whole one
"""

import os
import time
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.db import connection  # noqa: E402

from apps.core.models import Administration  # noqa: E402
from apps.issues.engine import CHECKS  # noqa: E402
from apps.issues.models import Issue  # noqa: E402
from apps.issues.services.validating import validate  # noqa: E402
from apps.ledger.models import Account, Journal, Party  # noqa: E402
from apps.ledger.services.posting import Document, Line, post_entry  # noqa: E402
from bench import SIZE, end, figure, in_turn  # noqa: E402
from bench.books.generating import CASH, CUSTOMERS  # noqa: E402
from bench.books.loading import book  # noqa: E402

BOOK = int(SIZE or 500_000)
DAY = date(2025, 12, 31)  # the last of the book
OVERDUE = 50  # invoices that are found

# Checks about what a benchmark book has no rows of: assets, clinic days, statements, purposes of accounts.
WITHOUT_ROWS = {
    *("suspense_is_empty", "cash_is_not_negative", "assets_are_depreciated", "depreciation_is_as_scheduled"),
    *("days_are_closed", "leaks_are_settled"),
    *("statements_follow", "statements_add_up", "balances_are_explained", "balances_stand"),
}
BARE = {
    "entries_balance": """
        SELECT entry_id FROM ledger_journalline WHERE administration_id = %(a)s AND date <= %(day)s
        GROUP BY entry_id HAVING sum(debit) <> sum(credit)""",
    "lines_have_entries": """
        SELECT line.id FROM ledger_journalline line LEFT JOIN ledger_journalentry entry ON entry.id = line.entry_id
        WHERE line.administration_id = %(a)s AND entry.id IS NULL""",
    "lines_have_accounts": """
        SELECT line.id FROM ledger_journalline line LEFT JOIN ledger_account account ON account.id = line.account_id
        WHERE line.administration_id = %(a)s AND line.date <= %(day)s AND account.id IS NULL""",
    "vat_follows_its_rate": """
        SELECT line.entry_id FROM ledger_journalline line JOIN ledger_vatcode code ON code.id = line.vat_code_id
        WHERE line.administration_id = %(a)s AND line.date <= %(day)s AND line.vat_role IN ('TAX', 'DEDUCTIBLE')
        GROUP BY line.entry_id, code.id
        HAVING abs(sum(abs(line.debit - line.credit) - abs(line.vat_base) * code.rate / 100)) > 0.05""",
    "vat_is_not_negative": """
        SELECT entry_id FROM ledger_journalline WHERE administration_id = %(a)s AND date <= %(day)s
          AND (vat_role = 'TAX' AND debit > 0 OR vat_role = 'DEDUCTIBLE' AND credit > 0)""",
    "control_accounts_are_proved": """
        SELECT line.account_id, sum(line.debit - line.credit - coalesce(item.amount, 0))
        FROM ledger_journalline line JOIN ledger_account account ON account.id = line.account_id
        LEFT JOIN (SELECT line_id, sum(amount) AS amount FROM ledger_openitem WHERE administration_id = %(a)s
                   GROUP BY 1) item ON item.line_id = line.id
        WHERE line.administration_id = %(a)s AND line.date <= %(day)s AND account.control <> ''
        GROUP BY 1 HAVING sum(line.debit - line.credit - coalesce(item.amount, 0)) <> 0""",
    "items_are_paid_in_time": """
        SELECT item.id, item.amount - coalesce(debit.amount, 0) + coalesce(credit.amount, 0)
        FROM ledger_openitem item
        LEFT JOIN (SELECT debit_id AS id, sum(amount) AS amount FROM ledger_allocation
                   WHERE administration_id = %(a)s AND date <= %(day)s GROUP BY 1) debit ON debit.id = item.id
        LEFT JOIN (SELECT credit_id AS id, sum(amount) AS amount FROM ledger_allocation
                   WHERE administration_id = %(a)s AND date <= %(day)s GROUP BY 1) credit ON credit.id = item.id
        WHERE item.administration_id = %(a)s AND item.due_date < %(day)s
          AND item.amount - coalesce(debit.amount, 0) + coalesce(credit.amount, 0) <> 0""",
    "numbers_are_whole": """
        SELECT journal_id, year FROM ledger_journalentry WHERE administration_id = %(a)s AND status = 'POSTED'
        GROUP BY 1, 2 HAVING count(*) <> (
            SELECT last FROM core_counter WHERE administration_id = %(a)s
              AND series = 'entry:' || journal_id || ':' || year)""",
}


def main() -> None:
    named = {check.__name__ for check in CHECKS}
    assert named == {*BARE, *WITHOUT_ROWS}, f"no statement for {', '.join(sorted(named - {*BARE, *WITHOUT_ROWS}))}"
    with book(BOOK) as administration:
        post(administration, OVERDUE, due=DAY - timedelta(days=30))
        prove(administration)
        seconds = in_turn(3, whole=lambda: timed(administration, full=True), limit=lambda: bare(administration))
        after = in_turn(5, changed=lambda: after_ten(administration))["changed"]
        figure("engine.full", seconds["whole"], seconds["limit"], "s", "lower", 2.0)
        figure("engine.incremental", after, seconds["whole"], "s", "lower", 0.05)
    end()


def prove(administration: Administration) -> None:
    """What is measured is right: what is past due is found, whole and after that by what changed, and nothing else."""
    for full in (True, False):
        run = validate(administration, DAY, full=full)
        assert (run.is_full, run.yellow_count, run.red_count) == (full, OVERDUE, 0)
    assert Issue.objects.count() == OVERDUE


def after_ten(administration: Administration) -> float:
    post(administration, 10)
    took = timed(administration, full=False)
    assert Issue.objects.filter(resolved_at=None).count() == OVERDUE
    return took


def post(administration: Administration, count: int, due: date | None = None) -> None:
    """Invoices to customers; without ``due`` they are never late."""
    mine: dict[str, Any] = {"administration": administration}
    customers, revenue = (Account.objects.get(**mine, code=code) for code in (CUSTOMERS, "4001"))
    cash = Account.objects.get(**mine, code=CASH)
    parties = Party.objects.filter(**mine).order_by("code")[:count]
    journal = Journal.objects.get(**mine, code="SAL")
    for number, party in enumerate(parties):
        about = Document("bench", uuid4(), f"I-{number}", due)
        owed = Line(customers, debit=Decimal(100), party=party, document=about)
        lines = [owed if due or number % 2 else Line(cash, debit=Decimal(100)), Line(revenue, credit=Decimal(100))]
        post_entry(**mine, journal=journal, date=DAY - timedelta(days=60), memo="Bench", lines=lines, by=None)


def timed(administration: Administration, *, full: bool) -> float:
    began = time.perf_counter()
    run = validate(administration, DAY, full=full)
    took = time.perf_counter() - began
    assert run.is_full is full
    return took


def bare(administration: Administration) -> float:
    began = time.perf_counter()
    for statement in BARE.values():
        with connection.cursor() as cursor:
            cursor.execute(statement, {"a": administration.pk, "day": DAY})
            cursor.fetchall()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
