"""Run by hordak's own Python: loads the generated entries, posts some one by one, answers the balances of all accounts.

Posting is hordak's documented way: a Transaction and its Legs in one transaction of the database.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import dj_database_url  # type: ignore[import-not-found]
import django
from django.conf import settings

settings.configure(
    DATABASES={"default": dj_database_url.parse(os.environ["DATABASE_URL"])},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "mptt", "hordak"],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    USE_TZ=True,
    HORDAK_MAX_DIGITS=18,
    LOGGING_CONFIG=None,
)
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from hordak.models import Account, Leg, Transaction  # type: ignore[import-not-found]  # noqa: E402
from moneyed import Money  # type: ignore[import-not-found]  # noqa: E402

from bench.books.generating import CUT, accounts, cents, entries  # noqa: E402

TYPES = {"ASSET": "AS", "LIABILITY": "LI", "EQUITY": "EQ", "REVENUE": "IN", "EXPENSE": "EX"}


def load(size: str) -> None:
    call_command("migrate", verbosity=0)
    for code, kind, _control in accounts():
        Account.objects.create(name=f"Account {code}", type=TYPES[kind], code=code, currencies=["EUR"])
    keys = dict(Account.objects.values_list("code", "pk"))
    with transaction.atomic(), connection.cursor() as cursor:
        for table in ("hordak_transaction", "hordak_leg"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        columns = "id, uuid, timestamp, date, description"
        with cursor.copy(f"COPY hordak_transaction ({columns}) FROM STDIN") as copy:
            for entry in entries(int(size)):
                copy.write_row(
                    (entry.number, unique(entry.number), "2026-01-01", entry.date, f"Document {entry.number}")
                )
        columns = "uuid, transaction_id, account_id, debit, credit, currency, description"
        with cursor.copy(f"COPY hordak_leg ({columns}) FROM STDIN") as copy:
            for entry in entries(int(size)):
                for position, line in enumerate(entry.lines):
                    debit, credit = (cents(side) if side else None for side in (line.debit, line.credit))
                    key = unique(entry.number, position)
                    copy.write_row((key, entry.number, keys[line.account], debit, credit, "EUR", ""))
        cursor.execute("SELECT setval(pg_get_serial_sequence('hordak_transaction', 'id'), %s)", [int(size)])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in ("hordak_transaction", "hordak_leg"):
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE, FREEZE)")


def post(count: str, seed: str) -> float:
    """Entries per second, each in a transaction of its own."""
    known = {account.code: account for account in Account.objects.all()}
    sample = list(entries(int(count) + 20, int(seed)))
    for measured in (sample[:20], sample[20:]):
        began = time.perf_counter()
        for entry in measured:
            with transaction.atomic():
                posted = Transaction.objects.create(date=entry.date, description=f"Document {entry.number}")
                for line in entry.lines:
                    side = {"debit": money(line.debit)} if line.debit else {"credit": money(line.credit)}
                    Leg.objects.create(transaction=posted, account=known[line.account], **side)
    return int(count) / (time.perf_counter() - began)


def balances(runs: str) -> float:
    """Median milliseconds of the balance of every account."""
    return milliseconds(lambda: [str(each.balance) for each in Account.objects.with_balances(as_of=CUT)], int(runs))


def milliseconds(work: Callable[[], Any], runs: int) -> float:
    times = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times[1:])


def money(cents: int) -> Money:
    return Money(Decimal(cents) / 100, "EUR")


def unique(number: int, position: int = 0) -> str:
    return f"00000000-0000-4000-8{position:03x}-{number:012x}"


if __name__ == "__main__":
    command, *words = sys.argv[1:]
    known: dict[str, Any] = {"load": load, "post": post, "balances": balances}
    print(json.dumps(known[command](*words)))
