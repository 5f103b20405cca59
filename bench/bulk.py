"""Entries per second through post_entries, with all laws, against bare COPY into the same tables.

Onto a book of 500,000 entries (``SIZE=`` says how many), a tenth as many in one transaction. The limit copies the same
rows of entries, lines and open items, written out as text and numbered beforehand, while the owner has disabled the
triggers; indexes and foreign keys stay. What was posted is removed between two runs.
"""

import os
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from apps.ledger.services.bulk import Entry, post_entries  # noqa: E402
from bench import SIZE, end, figure, in_turn  # noqa: E402
from bench.books.loading import TABLES, as_owner, book, cleaned, disabled  # noqa: E402
from bench.books.work import Work  # noqa: E402

BOOK = int(SIZE or 500_000)
POSTED = max(BOOK // 10, 1000)


def main() -> None:
    with book(BOOK) as administration:
        work = Work(administration, POSTED)
        rates = in_turn(3, ours=lambda: through_post_entries(work), limit=lambda: by_copy(work))
    figure("bulk.entries", rates["ours"], rates["limit"], "entries/s", "higher", 0.35, mode="one transaction")
    end()


def through_post_entries(work: Work) -> float:
    names = ("journal", "date", "memo", "lines")
    entries = [Entry(**{name: call[name] for name in names}) for call in work.calls()]
    with cleaned():
        began = time.perf_counter()
        post_entries(work.administration, entries, by=None)
        return POSTED / (time.perf_counter() - began)


def by_copy(work: Work) -> float:
    """COPY of text that is ready to be sent, in one transaction."""
    written = work.written()
    with cleaned(), as_owner() as own:
        with disabled(own, TABLES):
            began = time.perf_counter()
            with own.transaction():
                for table, (columns, text) in written.items():
                    with own.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                        copy.write(text)
            took = time.perf_counter() - began
        return POSTED / took


if __name__ == "__main__":
    main()
