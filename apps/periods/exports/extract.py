"""What official exports tell of the books: accounts, parties, entries of a span of days, as known at a moment.

Everything is held to one cut: up to which number each journal and year had come when the export began. Numbers are
given in the order of commits and without a gap: what lies up to the cut is whole and stays so, whoever posts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from apps.core.models import Administration
from apps.core.money import ZERO, shares, total
from apps.ledger.models import Account, JournalLine, Party, VatCode
from apps.ledger.reports.fiscal_years import fiscal_year
from apps.ledger.reports.result import RESULT

AT_ONCE = 2000  # rows in memory

CUT = """
    SELECT split_part(series, ':', 2)::uuid, split_part(series, ':', 3)::integer, last
    FROM core_counter WHERE administration_id = %(administration)s AND series LIKE 'entry:%%'
"""
ENTRIES = """
    ledger_journalentry entry
    JOIN unnest(%(journals)s::uuid[], %(years)s::integer[], %(lasts)s::integer[]) AS cut (journal_id, year, last)
      ON entry.journal_id = cut.journal_id AND entry.year = cut.year AND entry.number <= cut.last
     AND entry.posted_at <= %(known_at)s
    JOIN ledger_journal journal ON journal.id = entry.journal_id
"""
# What an opening journal says on the first day of the span is the opening balance, with all that was before.
OPENING = "(line.date < %(first_day)s OR line.date = %(first_day)s AND journal.type = 'OPENING')"

ACCOUNTS = f"""
    SELECT line.account_id,
           coalesce(sum(line.debit - line.credit) FILTER (WHERE {OPENING}), 0) AS opening,
           coalesce(sum(line.debit - line.credit) FILTER (WHERE line.date < %(year_begins)s), 0) AS earlier,
           coalesce(sum(line.debit) FILTER (WHERE NOT {OPENING}), 0) AS debit,
           coalesce(sum(line.credit) FILTER (WHERE NOT {OPENING}), 0) AS credit,
           count(*) FILTER (WHERE NOT {OPENING}) AS lines
    FROM {ENTRIES} JOIN ledger_journalline line ON line.entry_id = entry.id
    WHERE line.administration_id = %(administration)s AND line.date <= %(last_day)s
    GROUP BY line.account_id
"""  # noqa: S608  # nosec B608

COUNT = f"""
    SELECT count(*) FROM {ENTRIES} CROSS JOIN LATERAL (SELECT entry.date) line
    WHERE entry.administration_id = %(administration)s AND entry.date <= %(last_day)s AND NOT {OPENING}
"""  # noqa: S608  # nosec B608

# What a party is called in the file: its code, where that tells it from all others of its side. ``both`` sides of one
# company that is customer and supplier share a name where the format has one list of them.
NAMED = """
    SELECT id, CASE
        WHEN code = '' OR length(code) > 35 OR count(*) OVER (PARTITION BY code, {side}) > {alike}
        THEN replace(id::text, '-', '')
        ELSE code
    END AS called FROM ledger_party WHERE administration_id = %(administration)s
"""

PARTIES = f"""
    WITH named AS ({{named}}), moved AS (
        SELECT line.party_id, line.account_id,
               coalesce(sum(line.debit - line.credit) FILTER (WHERE {OPENING}), 0) AS opening,
               sum(line.debit - line.credit) AS closing
        FROM {ENTRIES} JOIN ledger_journalline line ON line.entry_id = entry.id
        WHERE line.administration_id = %(administration)s AND line.date <= %(last_day)s AND line.party_id IS NOT NULL
        GROUP BY line.party_id, line.account_id
        HAVING sum(line.debit - line.credit) <> 0 OR sum(line.debit - line.credit) FILTER (WHERE {OPENING}) <> 0
            OR bool_or(NOT {OPENING})
    )
    SELECT party.kind = 'SUPPLIER', named.called, party.kind, party.name, party.country, party.vat_number,
           party.organization_number, party.iban, party.email, account.code, account.control <> '', moved.opening,
           moved.closing
    FROM moved JOIN ledger_party party ON party.id = moved.party_id JOIN named ON named.id = party.id
    JOIN ledger_account account ON account.id = moved.account_id
    ORDER BY {{order}}, account.code COLLATE "C"
"""  # noqa: S608  # nosec B608

LINES = f"""
    WITH named AS ({{named}})
    SELECT journal.code, journal.name, journal.type, entry.year, entry.number, entry.date, entry.memo, entry.reference,
           entry.posted_at, entry.posted_by_id, invoice.invoice_date, invoice.due_date,
           CASE WHEN invoice.number IS NULL THEN invoice.reference
                ELSE CASE invoice.type WHEN 'CREDIT_NOTE' THEN 'CN-' ELSE 'INV-' END
                     || invoice.year || '-'
                     || lpad(invoice.number::text, greatest(4, length(invoice.number::text)), '0')
           END,
           line.position, account.code, party.kind = 'SUPPLIER', named.called, line.memo, line.debit, line.credit,
           line.currency, line.amount_currency, line.exchange_rate, vat.code, line.vat_role, vat.rate, line.vat_base,
           line.tax_point
    FROM {ENTRIES}
    JOIN ledger_journalline line ON line.entry_id = entry.id
    JOIN ledger_account account ON account.id = line.account_id
    LEFT JOIN ledger_party party ON party.id = line.party_id
    LEFT JOIN named ON named.id = party.id
    LEFT JOIN ledger_vatcode vat ON vat.id = line.vat_code_id
    LEFT JOIN ledger_invoice invoice ON invoice.entry_id = entry.id
    WHERE line.administration_id = %(administration)s AND line.date >= %(first_day)s AND line.date <= %(last_day)s
      AND NOT {OPENING}
    ORDER BY journal.code COLLATE "C", entry.year, entry.number, line.position
"""  # noqa: S608  # nosec B608


class Standing(NamedTuple):
    """What an account stood at, debit less credit, and what moved in the span."""

    opening: Decimal = ZERO
    debit: Decimal = ZERO
    credit: Decimal = ZERO

    @property
    def closing(self) -> Decimal:
        return self.opening + self.debit - self.credit


class Held(NamedTuple):
    """What a party stood at on a control account, debit less credit."""

    account: str
    opening: Decimal
    closing: Decimal


class Told(NamedTuple):
    """A customer or supplier as the file tells it. A patient has no name here: the ledger knows only the code."""

    called: str
    customer: bool
    supplier: bool
    name: str
    country: str
    vat_number: str
    organization_number: str
    iban: str
    email: str
    held: tuple[Held, ...]

    @property
    def opening(self) -> Decimal:
        return total(one.opening for one in self.held)

    @property
    def closing(self) -> Decimal:
        return total(one.closing for one in self.held)


class Row(NamedTuple):
    """One line with its entry. ``invoiced`` is what people call the invoice that the entry posts."""

    journal: str
    journal_name: str
    journal_type: str
    year: int
    number: int
    day: date
    memo: str
    reference: str
    posted_at: datetime
    posted_by: UUID | None
    invoice_date: date | None
    due_date: date | None
    invoiced: str | None
    position: int
    account: str
    supplier: bool | None
    party: str | None
    line_memo: str
    debit: Decimal
    credit: Decimal
    currency: str
    amount_currency: Decimal | None
    exchange_rate: Decimal | None
    vat_code: str | None
    vat_role: str
    vat_rate: Decimal | None
    vat_base: Decimal | None
    tax_point: date | None

    @property
    def called(self) -> str:
        """As ``str`` of a journal entry."""
        return f"{self.journal}-{self.year}-{self.number:04d}"

    @property
    def amount(self) -> Decimal:
        """Debit positive."""
        return self.debit - self.credit


class Vat(NamedTuple):
    """The VAT of a line, told once for each base of an entry: ``base`` and ``tax`` with a debit positive."""

    code: str
    rate: Decimal
    base: Decimal
    tax: Decimal


@dataclass(frozen=True)
class Extract:
    """The books of ``administration`` from ``first_day`` to ``last_day`` (in one fiscal year), as known at a moment.

    Accounts of income and cost begin a fiscal year at nothing: the results of earlier years stand in the opening
    balance of the account of the unappropriated result, as on the balance sheet.
    """

    administration: Administration
    first_day: date
    last_day: date
    known_at: datetime
    facts: dict[str, Any]
    accounts: tuple[tuple[Account, Standing], ...]
    vat_codes: tuple[VatCode, ...]
    entries: int
    lines: int
    debit: Decimal
    credit: Decimal

    def months(self) -> list[tuple[int, date, date]]:
        """The months of the span, numbered from 1, with their first and last days inside it."""
        found: list[tuple[int, date, date]] = []
        day = self.first_day
        while day <= self.last_day:
            following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
            found.append((len(found) + 1, day, min(date.fromordinal(following.toordinal() - 1), self.last_day)))
            day = following
        return found

    def parties(self, *, one_list: bool) -> Iterator[Told]:
        """Every party with a balance or a line, by what it is called; customers before suppliers, unless they stand in
        ``one_list``."""
        order = 'named.called COLLATE "C"' if one_list else "party.kind = 'SUPPLIER', named.called COLLATE \"C\""
        rows = self._stream(PARTIES.format(named=_named(one_list=one_list), order=order))
        for (_side, called), group in groupby(rows, key=lambda row: (None if one_list else row[0], row[1])):
            same = list(group)
            first = same[0]
            yield Told(
                called=called,
                customer=any(not row[0] for row in same),
                supplier=any(row[0] for row in same),
                name="" if first[2] == Party.Kind.PATIENT else first[3],
                country=first[4],
                vat_number=first[5],
                organization_number=first[6],
                iban=first[7],
                email="" if first[2] == Party.Kind.PATIENT else first[8],
                held=tuple(Held(row[9], row[11], row[12]) for row in same if row[10]),
            )

    def journals(self, *, one_list: bool) -> Iterator[tuple[Row, Iterator[list[Row]]]]:
        """The first line of each journal, and its entries, each as its lines. Take them in turn."""
        rows = map(Row._make, self._stream(LINES.format(named=_named(one_list=one_list))))
        for _journal, lines in groupby(rows, key=lambda row: row.journal):
            first = next(lines)
            yield first, _entries(first, lines)  # noqa: B031 - the rest, which continues it

    def bare(self, *, one_list: bool) -> Iterator[tuple[Any, ...]]:
        """The rows of all lines as the database gives them: what an export at its fastest would read."""
        return self._stream(LINES.format(named=_named(one_list=one_list)))

    def _stream(self, sql: str) -> Iterator[tuple[Any, ...]]:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL cursor_tuple_fraction = 1")  # all rows are taken, not the first few
            with connection.chunked_cursor() as cursor:
                cursor.execute(sql, self.facts)
                while rows := cursor.fetchmany(AT_ONCE):
                    yield from rows


def extract(
    administration: Administration, first_day: date, last_day: date, known_at: datetime, result: Account
) -> Extract:
    """The books from ``first_day`` to ``last_day`` as they were known at ``known_at``.

    ``result`` is the account of the unappropriated result.
    """
    begins = fiscal_year(administration, first_day).first_day
    facts: dict[str, Any] = {
        "administration": administration.pk,
        "first_day": first_day,
        "last_day": last_day,
        "year_begins": begins,
        "known_at": known_at,
    }
    with connection.cursor() as cursor:
        cursor.execute(CUT, facts)
        series = cursor.fetchall()
        facts |= {name: [row[at] for row in series] for at, name in enumerate(("journals", "years", "lasts"))}
        cursor.execute(ACCOUNTS, facts)
        sums = {row[0]: row[1:] for row in cursor.fetchall()}
        cursor.execute(COUNT, facts)
        entries: int = cursor.fetchone()[0]
    chart = list(Account.objects.filter(administration=administration).order_by("code"))
    earlier = sum((sums[one.pk][1] for one in chart if one.type in RESULT and one.pk in sums), ZERO)
    standings = []
    for account in chart:
        opening, before, debit, credit, _lines = sums.get(account.pk, (ZERO, ZERO, ZERO, ZERO, 0))
        if account.type in RESULT:
            opening -= before
        if account.pk == result.pk:
            opening += earlier
        standings.append((account, Standing(opening, debit, credit)))
    return Extract(
        administration=administration,
        first_day=first_day,
        last_day=last_day,
        known_at=known_at,
        facts=facts,
        accounts=tuple(standings),
        vat_codes=tuple(
            VatCode.objects.filter(administration=administration)
            .select_related("account", "input_account")
            .order_by("code")
        ),
        entries=entries,
        lines=sum(row[4] for row in sums.values()),
        debit=sum((row[2] for row in sums.values()), ZERO),
        credit=sum((row[3] for row in sums.values()), ZERO),
    )


def vat_of(lines: list[Row], currency: str) -> dict[int, Vat]:
    """The VAT of an entry by the positions of its lines: once, on the lines of its base, which share what was booked.

    Tax without a base in the entry stands on its own line. Of a reverse charge it is what is owed.
    """
    told: dict[int, Vat] = {}
    for code in {line.vat_code for line in lines if line.vat_code}:
        mine = [line for line in lines if line.vat_code == code]
        bases = [line for line in mine if line.vat_role == JournalLine.VatRole.BASE]
        taxes = [line for line in mine if line.vat_role == JournalLine.VatRole.TAX]
        taxes = taxes or [line for line in mine if line.vat_role == JournalLine.VatRole.DEDUCTIBLE]
        rate = mine[0].vat_rate or ZERO
        if bases and (not taxes or total(line.amount for line in bases)):
            booked = total(line.amount for line in taxes)
            parts = shares(booked, [line.amount for line in bases], currency) if booked else [ZERO] * len(bases)
            for line, tax in zip(bases, parts, strict=True):
                told[line.position] = Vat(code or "", rate, line.amount, tax)
        else:
            for line in taxes:
                base = line.vat_base or ZERO
                told[line.position] = Vat(code or "", rate, base.copy_sign(line.amount), line.amount)
    return told


def _entries(first: Row, rest: Iterator[Row]) -> Iterator[list[Row]]:
    entry = [first]
    for row in rest:
        if row.number != entry[0].number or row.year != entry[0].year:
            yield entry
            entry = []
        entry.append(row)
    yield entry


def _named(*, one_list: bool) -> str:
    """SQL of what each party is called. In one list a customer and a supplier of one code and name are one."""
    if one_list:
        side = "TRUE"
        alike = (
            "CASE WHEN count(*) FILTER (WHERE kind = 'CUSTOMER') OVER same = 1"
            " AND count(*) FILTER (WHERE kind = 'SUPPLIER') OVER same = 1"
            " AND min(name) OVER same = max(name) OVER same THEN 2 ELSE 1 END"
        )
        return NAMED.format(side=side, alike=alike) + " WINDOW same AS (PARTITION BY code)"
    return NAMED.format(side="kind = 'SUPPLIER'", alike="1")
