"""Books of a size in a database of their own: loaded once as the owner, by COPY with the laws set aside, and copied.

``verify_books`` proves the laws over them afterwards (bench/verify.py).
"""

import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
from django.db import connection
from django.db.models import Max
from psycopg import sql

from apps.core.management.commands.create_roles import create_database, grant_rows, no_temporary_tables
from apps.core.models import Administration
from apps.ledger.models import Account, Journal, JournalEntry, Party, Period
from apps.ledger.services.opening import open_years
from apps.ledger.services.rolling_up import roll_up
from bench.books.generating import FIRST_YEAR, JOURNALS, PARTIES, YEARS, Entry, accounts, cents, entries
from tools.servers import ROOT, schema_state

OWNER_URL = os.environ["DATABASE_OWNER_URL"]
OWNER, APPLICATION = urlsplit(OWNER_URL).username or "", urlsplit(os.environ["DATABASE_URL"]).username or ""
TABLES = ("ledger_journalentry", "ledger_journalline", "ledger_openitem", "ledger_allocation", "core_counter")
LOADED_AT = datetime(2024, 1, 1, tzinfo=UTC)
UNFINISHED = f"bench_unfinished_{os.getpid()}"
BEGAN = 1_704_067_200_000  # milliseconds: 1 January 2024, before anything that is posted now
ENTRY, LINE, ITEM, ALLOCATION = range(4)

COLUMNS = {
    "ledger_journalentry": "id administration_id journal_id period_id status date year number memo reference"
    " line_count source_type created_at posted_at",
    "ledger_journalline": "id administration_id entry_id position date account_id party_id memo debit credit"
    " currency vat_role",
    "ledger_openitem": "id administration_id line_id account_id party_id date amount currency document_type"
    " document_id reference created_at",
    "ledger_allocation": "id administration_id debit_id credit_id amount date created_at",
    "core_counter": "administration_id series last",
}


def as_owner(database: str | None = None) -> "psycopg.Connection[Any]":
    """A connection of the owner, to the database in use unless another one is named."""
    return psycopg.connect(OWNER_URL, dbname=database or connection.settings_dict["NAME"], autocommit=True)


@contextmanager
def book(size: int) -> Iterator[Administration]:
    """A fresh copy of the books of ``size`` entries, in use by Django until the end of the block."""
    made_from = (ROOT / "bench/books/generating.py").read_text()
    with loaded(f"book_{size}", made_from, f"{size} entries", lambda own: _load(own, size)):
        yield Administration.objects.get(name=f"Book of {size}")


@contextmanager
def loaded(name: str, made_from: str, said: str, load: Callable[["psycopg.Connection[Any]"], None]) -> Iterator[str]:
    """A fresh copy of the database ``name``, in use by Django until the end of the block; loaded once by ``load``, and
    again when the tables or what it is ``made_from`` are others.
    """
    before = connection.settings_dict["NAME"]
    with copied(_template(name, made_from, said, load), f"bench_copy_{os.getpid()}") as copy:
        try:
            _use(copy)
            yield copy
        finally:
            _use(before)


@contextmanager
def copied(template: str, name: str) -> Iterator[str]:
    """A copy of the database ``template`` called ``name``, until the end of the block."""
    forget(name)
    copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
    with as_owner("postgres") as own:
        own.execute(copy.format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield name
    finally:
        forget(name)


def forget(name: str) -> None:
    """Drop the database ``name``, if there is one."""
    statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    for left in reversed(range(100)):
        try:
            with as_owner("postgres") as own:
                own.execute(statement)
            return
        except psycopg.errors.InsufficientPrivilege:  # autovacuum is there, which only a superuser may end
            if not left:
                raise
            time.sleep(0.1)


def row_id(kind: int, number: int, position: int = 0) -> str:
    """A UUIDv7 that follows the entries' order, as those made in posting do."""
    moment = f"{BEGAN + number:012x}"
    return f"{moment[:8]}-{moment[8:]}-7{position:03x}-8{kind:03x}-{number:012x}"


def _template(name: str, made_from: str, said: str, load: Callable[["psycopg.Connection[Any]"], None]) -> str:
    begun = f"bench_{name}_"
    name = f"{begun}{schema_state(made_from)}"
    with as_owner("postgres") as own:
        known = {row[0] for row in own.execute("SELECT datname FROM pg_database WHERE datname LIKE 'bench\\_%%'")}
        if name in known:
            return name
        for old in known:
            if old.startswith(begun):
                forget(old)
        forget(UNFINISHED)
        create_database(own, UNFINISHED, OWNER)
        own.execute(no_temporary_tables(UNFINISHED))
    print(f"loading {said}, once", file=sys.stderr)
    url = urlsplit(OWNER_URL)._replace(path=f"/{UNFINISHED}").geturl()
    migrate = [sys.executable, "manage.py", "migrate", "-v", "0"]
    subprocess.run(migrate, env={**os.environ, "DATABASE_URL": url}, cwd=ROOT, check=True)
    before = connection.settings_dict["NAME"]
    with as_owner(UNFINISHED) as own:
        grant_rows(own, APPLICATION)
        _use(UNFINISHED)
        load(own)
        _use(before)
    with as_owner("postgres") as own:
        own.execute(f"ALTER DATABASE {UNFINISHED} RENAME TO {name}")
    return name


def _load(own: "psycopg.Connection[Any]", size: int) -> None:
    administration = Administration.objects.create(name=f"Book of {size}", country="NL", currency="EUR")
    open_years(administration, FIRST_YEAR, FIRST_YEAR + YEARS - 1)
    Account.objects.bulk_create(
        Account(
            administration=administration,
            code=code,
            name=f"Account {code}",
            type=kind,
            place=Account.PLACES[kind][0],
            control=control,
        )
        for code, kind, control in accounts()
    )
    Journal.objects.bulk_create(Journal(administration=administration, code=code, name=code) for code in JOURNALS)
    Party.objects.bulk_create(
        Party(administration=administration, kind=Party.Kind.CUSTOMER, code=f"{number:05}", name=f"Party {number}")
        for number in range(1, PARTIES + 1)
    )
    with own.transaction(), disabled(own, TABLES):
        rows = Rows(administration, size)
        for table, columns in COLUMNS.items():
            with own.cursor().copy(f"COPY {table} ({', '.join(columns.split())}) FROM STDIN") as copy:
                for row in rows.of(table):
                    copy.write_row(row)
    roll_up(administration)
    own.execute("VACUUM (ANALYZE, FREEZE)")


@contextmanager
def cleaned() -> Iterator[None]:
    """Remove afterwards what was posted, as the owner, and give the counters back what they stood at."""
    with as_owner() as own:
        counters = own.execute("SELECT last, id FROM core_counter").fetchall()
        events = own.execute("SELECT coalesce(max(id::text), '') FROM core_event").fetchone()
    yield
    with as_owner() as own:
        with own.transaction(), disabled(own, (*TABLES, "core_event")):
            for table in ("ledger_openitem", "ledger_journalline", "ledger_journalentry"):
                own.execute(f"DELETE FROM {table} WHERE id > %s", [row_id(ENTRY, 2**32)])
            own.execute("DELETE FROM core_event WHERE id::text > %s", events)
            own.execute("DELETE FROM core_counter WHERE NOT id = ANY(%s)", [[key for _last, key in counters]])
            own.cursor().executemany("UPDATE core_counter SET last = %s WHERE id = %s", counters)
        own.execute("VACUUM ANALYZE ledger_journalentry, ledger_journalline, ledger_openitem, core_counter, core_event")


@contextmanager
def disabled(own: "psycopg.Connection[Any]", tables: Iterable[str]) -> Iterator[None]:
    """The triggers of ``tables`` disabled, which only their owner can; foreign keys stay."""
    for table in tables:
        own.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    yield
    own.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for table in tables:
        own.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


class Rows:
    """``count`` generated entries as rows of the tables, numbered on from what ``administration`` has.

    Their keys follow those of ``after`` others.
    """

    def __init__(self, administration: Administration, count: int, seed: int = 7, after: int = 0) -> None:
        self.administration = administration.pk
        self.count, self.seed, self.after = count, seed, after
        self.given = given(administration)
        mine = {"administration": administration}
        self.journals = dict(Journal.objects.filter(**mine).values_list("code", "pk"))
        self.accounts = dict(Account.objects.filter(**mine).values_list("code", "pk"))
        self.parties = {int(code): pk for code, pk in Party.objects.filter(**mine).values_list("code", "pk")}
        months = Period.objects.filter(**mine, type=Period.Type.MONTH)
        self.months = {(first.year, first.month): pk for first, pk in months.values_list("first_day", "pk")}

    def of(self, table: str) -> Iterator[tuple[object, ...]]:
        rows = {
            "ledger_journalentry": self.entries,
            "ledger_journalline": self.lines,
            "ledger_openitem": self.items,
            "ledger_allocation": self.allocations,
            "core_counter": self.counters,
        }
        return rows[table]()

    def entries(self) -> Iterator[tuple[object, ...]]:
        numbers = self.given.copy()
        for entry in entries(self.count, self.seed):
            numbers[self.journals[entry.journal], entry.date.year] += 1
            yield (
                self.key(ENTRY, entry.number),
                self.administration,
                self.journals[entry.journal],
                self.months[entry.date.year, entry.date.month],
                "POSTED",
                entry.date,
                entry.date.year,
                numbers[self.journals[entry.journal], entry.date.year],
                memo_of(entry),
                "",
                len(entry.lines),
                "",
                LOADED_AT,
                LOADED_AT,
            )

    def lines(self) -> Iterator[tuple[object, ...]]:
        for entry in entries(self.count, self.seed):
            for position, line in enumerate(entry.lines, start=1):
                yield (
                    self.key(LINE, entry.number, position),
                    self.administration,
                    self.key(ENTRY, entry.number),
                    position,
                    entry.date,
                    self.accounts[line.account],
                    self.parties[line.party] if line.party else None,
                    "",
                    cents(line.debit),
                    cents(line.credit),
                    "",
                    "",
                )

    def items(self) -> Iterator[tuple[object, ...]]:
        for entry in entries(self.count, self.seed):
            for position, line in enumerate(entry.lines, start=1):
                if line.party and entry.document:
                    yield (
                        self.key(ITEM, entry.number),
                        self.administration,
                        self.key(LINE, entry.number, position),
                        self.accounts[line.account],
                        self.parties[line.party],
                        entry.date,
                        cents(line.debit - line.credit),
                        "",
                        "bench",
                        document_of(entry),
                        f"I-{entry.document}",
                        LOADED_AT,
                    )

    def allocations(self) -> Iterator[tuple[object, ...]]:
        for entry in entries(self.count, self.seed):
            if entry.settles:
                control = next(line for line in entry.lines if line.party)
                items = self.key(ITEM, entry.settles), self.key(ITEM, entry.number)
                yield (
                    self.key(ALLOCATION, entry.number),
                    self.administration,
                    *(items if control.credit else reversed(items)),
                    cents(control.debit + control.credit),
                    entry.date,
                    LOADED_AT,
                )

    def counters(self) -> Iterator[tuple[object, ...]]:
        numbers = self.given.copy()
        for entry in entries(self.count, self.seed):
            numbers[self.journals[entry.journal], entry.date.year] += 1
        for (journal, year), last in numbers.items():
            yield self.administration, f"entry:{journal}:{year}", last

    def key(self, kind: int, number: int, position: int = 0) -> str:
        return row_id(kind, self.after + number, position)


def given(administration: Administration) -> dict[tuple[UUID, int], int]:
    """The last number of each journal and year."""
    found: dict[tuple[UUID, int], int] = defaultdict(int)
    posted = JournalEntry.objects.filter(administration=administration).posted().order_by()
    for row in posted.values("journal", "year").annotate(last=Max("number")):
        found[row["journal"], row["year"]] = row["last"]
    return found


def memo_of(entry: Entry) -> str:
    return f"{entry.journal} document {entry.number:07}"


def document_of(entry: Entry) -> UUID:
    return UUID(row_id(9, entry.document or 0))


def _use(name: str) -> None:
    """Let Django speak with the database ``name`` from now on."""
    connection.close()
    connection.settings_dict["NAME"] = name
