"""Entries per second through post_entry, against one hand-written statement per entry.

On a book of 500,000 entries (``SIZE=`` says how many): the entries posted are dated all over its three years and have
2.8 lines each; six in ten have a line on a control account, with its open item. Both sides run in autocommit: each
entry is a transaction of its own, on disk before the next. A client is a process with a connection of its own.

The limit writes the same rows of entry, lines and open items into the same tables by one prepared statement, with
numbers that were dealt out beforehand; the owner has disabled the triggers of those tables, the foreign keys stay.
What was posted is removed between two runs.

posting.1_client     one client
posting.8_clients    eight clients over five journals
posting.hot_journal  eight clients in one journal, whose numbers they wait for
posting.hordak       ours with one client against django-hordak, on as many entries, on the same server
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

import psycopg  # noqa: E402
from django.db import connection  # noqa: E402

from apps.ledger.services import posting  # noqa: E402
from bench import SIZE, end, figure, in_turn, skipped  # noqa: E402
from bench.books.loading import TABLES, as_owner, book, cleaned, disabled  # noqa: E402
from bench.books.work import SEED, Work  # noqa: E402
from bench.peers import Missing  # noqa: E402
from bench.peers.hordak import hordak  # noqa: E402

BOOK = int(SIZE or 500_000)
POSTED = int(os.environ.get("POSTED", 2000))  # entries in one run
WARM = 10  # entries of each client before the clock starts

ONE_STATEMENT = """
WITH entry AS (
    INSERT INTO ledger_journalentry (id, administration_id, journal_id, period_id, status, date, year, number, memo,
                                     reference, line_count, source_type, created_at, posted_at)
    VALUES (%(id)s, %(administration)s, %(journal)s, %(period)s, 'POSTED', %(date)s, %(year)s, %(number)s, %(memo)s,
            '', %(line_count)s, '', now(), now())
), line AS (
    INSERT INTO ledger_journalline (id, administration_id, entry_id, position, date, account_id, party_id, memo, debit,
                                    credit, currency, vat_role)
    SELECT line.id, %(administration)s, %(id)s, position, %(date)s, account, party, '', debit, credit, '', ''
    FROM unnest(%(lines)s::uuid[], %(accounts)s::uuid[], %(parties)s::uuid[], %(debits)s::numeric[],
                %(credits)s::numeric[]) WITH ORDINALITY AS line (id, account, party, debit, credit, position)
)
INSERT INTO ledger_openitem (id, administration_id, line_id, account_id, party_id, date, amount, currency,
                             document_type, document_id, reference, created_at)
SELECT item.id, %(administration)s, line, account, party, %(date)s, amount, '', 'bench', document, reference, now()
FROM unnest(%(items)s::uuid[], %(item_lines)s::uuid[], %(item_accounts)s::uuid[], %(item_parties)s::uuid[],
            %(item_amounts)s::numeric[], %(documents)s::uuid[], %(references)s::text[])
     AS item (id, line, account, party, amount, document, reference)
"""


def main() -> None:
    with book(BOOK) as administration:
        spread, hot = Work(administration, POSTED + 8 * WARM), Work(administration, POSTED + 8 * WARM, journal="DAY")
        through_post_entry(spread, 1), by_one_statement(spread, 1)  # the first to touch a page pays for reading it
        ours, limit = {}, {}
        for name, work, clients in (("1_client", spread, 1), ("8_clients", spread, 8), ("hot_journal", hot, 8)):
            rates = in_turn(
                3,
                ours=partial(through_post_entry, work, clients),
                limit=partial(by_one_statement, work, clients),
            )
            ours[name], limit[name] = rates["ours"], rates["limit"]
        for name, promise in (("1_client", 0.5), ("8_clients", 0.4), ("hot_journal", 0.25)):
            figure(f"posting.{name}", ours[name], limit[name], "entries/s", "higher", promise, mode="autocommit")
        against_hordak(spread)
    end()


def against_hordak(work: "Work") -> None:
    try:
        with hordak(BOOK) as peer:
            rates = in_turn(3, ours=lambda: through_post_entry(work, 1), hordak=lambda: peer.ask("post", POSTED, SEED))
    except Missing as missing:
        skipped("posting.hordak", str(missing))
    else:
        figure("posting.hordak", rates["ours"], rates["hordak"], "entries/s", "higher", 3.0, mode="autocommit")


def through_post_entry(work: Work, clients: int) -> float:
    with cleaned():
        return entries_per_second(post, work.calls(), clients)


def by_one_statement(work: Work, clients: int) -> float:
    with cleaned(), without_triggers():
        return entries_per_second(execute, work.statements(), clients)


def post(calls: Sequence[dict[str, Any]]) -> Iterator[None]:
    for call in calls:
        posting.post_entry(**call)
        yield


def execute(statements: Sequence[dict[str, Any]]) -> Iterator[None]:
    settings = connection.get_connection_params()
    with psycopg.connect(**{name: settings[name] for name in ("host", "port", "user", "password", "dbname")}) as client:
        client.autocommit = True
        for values in statements:
            client.execute(ONE_STATEMENT, values, prepare=True)
            yield


def entries_per_second(how: Callable[[Any], Iterator[None]], entries: list[Any], clients: int) -> float:
    """From the moment that all clients are warm until the last one has done its part."""
    connection.close()
    processes = get_context("fork")
    ready, done = processes.Barrier(clients + 1), processes.Barrier(clients + 1)

    def client(part: list[Any]) -> None:
        working = how(part)
        for _ in range(WARM):
            next(working)
        ready.wait()
        for _ in working:
            pass
        done.wait()

    started = [processes.Process(target=client, args=(entries[number::clients],)) for number in range(clients)]
    for process in started:
        process.start()
    ready.wait(60)
    began = time.perf_counter()
    done.wait(600)
    took = time.perf_counter() - began
    for process in started:
        process.join()
    return (len(entries) - clients * WARM) / took


@contextmanager
def without_triggers() -> Iterator[None]:
    """The laws of the tables set aside by their owner; foreign keys stay."""
    with as_owner() as own, disabled(own, TABLES):
        yield


if __name__ == "__main__":
    main()
