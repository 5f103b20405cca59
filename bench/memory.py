"""Peak memory of reports and exports over a book, against the same over a tenth of it: it does not grow with the book.

Each runs in a process of its own: by how many MB its resident memory grew at its peak, once Django and the connection
were there. Less than 8 MB is counted as 8: so much Python takes at a time for itself.

memory.trial_balance   trial_balance() at a date
memory.account_ledger  all lines of the busiest account, as CSV
memory.journal         every entry and line of the book, as CSV
"""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.db import connection  # noqa: E402

from apps.core.models import Administration  # noqa: E402
from apps.core.tables.as_csv import csv_parts  # noqa: E402
from apps.ledger.models import Account  # noqa: E402
from apps.ledger.reports.account_ledger import whole_ledger  # noqa: E402
from apps.ledger.reports.journal import whole_journal  # noqa: E402
from apps.ledger.reports.tables import account_ledger_table, journal_table  # noqa: E402
from apps.ledger.reports.trial_balance import trial_balance  # noqa: E402
from bench import SIZE, end, figure, grown  # noqa: E402
from bench.books.generating import BANK, CUT, FIRST_DAY  # noqa: E402
from bench.books.loading import book  # noqa: E402

BOOK = int(SIZE or 500_000)
LAST_DAY = CUT.replace(month=12, day=31)
LEAST = 8.0  # MB


def main() -> None:
    peaks: dict[int, dict[str, float]] = {}
    for size in (BOOK // 10, BOOK):
        with book(size) as administration:
            peaks[size] = {name: peak(name, administration) for name in WORK}
    for name in WORK:
        ours, limit = peaks[BOOK][name], peaks[BOOK // 10][name]
        figure(f"memory.{name}", ours, limit, "MB", "lower", 1.2)
    end()


def balance(administration: Administration) -> None:
    trial_balance(administration, CUT)


def ledger(administration: Administration) -> None:
    account = Account.objects.get(administration=administration, code=BANK)
    for _part in csv_parts(account_ledger_table(whole_ledger(account, None, LAST_DAY))):
        pass


def journal(administration: Administration) -> None:
    for _part in csv_parts(journal_table(whole_journal(administration, FIRST_DAY, LAST_DAY))):
        pass


WORK = {"trial_balance": balance, "account_ledger": ledger, "journal": journal}


def peak(name: str, administration: Administration) -> float:
    connection.close()
    return max(grown(connection.ensure_connection, lambda: WORK[name](administration)), LEAST)


if __name__ == "__main__":
    main()
