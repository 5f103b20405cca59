"""Entries to be posted onto a book: dated all over its three years, as every way to post takes them."""

from collections.abc import Iterator
from typing import Any

from uuid_utils.compat import uuid7

from apps.core.models import Administration
from apps.ledger.models import Account, Journal, Party
from apps.ledger.services import posting
from bench.books.generating import Entry, cents, entries
from bench.books.loading import COLUMNS, Rows, document_of, given, memo_of

SEED = 99


class Work:
    """The entries to be posted, as each way to post takes them."""

    def __init__(self, administration: Administration, count: int, journal: str = "") -> None:
        self.administration = administration
        self.rows = Rows(administration, count, SEED, after=2**33)
        mine = {"administration": administration}
        self.accounts = {account.code: account for account in Account.objects.filter(**mine)}
        self.journals = {journal.code: journal for journal in Journal.objects.filter(**mine)}
        self.parties = {int(party.code): party for party in Party.objects.filter(**mine)}
        self.entries = [entry._replace(journal=journal or entry.journal) for entry in entries(count, SEED)]

    def calls(self) -> list[dict[str, Any]]:
        """The keywords of post_entry."""
        return [
            {
                "administration": self.administration,
                "journal": self.journals[entry.journal],
                "date": entry.date,
                "memo": memo_of(entry),
                "lines": [*self._lines(entry)],
                "by": None,
            }
            for entry in self.entries
        ]

    def _lines(self, entry: Entry) -> Iterator[posting.Line]:
        document = posting.Document("bench", document_of(entry), f"I-{entry.document}")
        for line in entry.lines:
            yield posting.Line(
                self.accounts[line.account],
                debit=cents(line.debit),
                credit=cents(line.credit),
                party=self.parties[line.party] if line.party else None,
                document=document if line.party else None,
            )

    def statements(self) -> list[dict[str, Any]]:
        """The values of the one statement, numbered onwards from the book's."""
        numbers, found = given(self.administration), []
        for entry in self.entries:
            journal, year = self.journals[entry.journal].pk, entry.date.year
            numbers[journal, year] += 1
            lines = [(uuid7(), line) for line in entry.lines]
            items = [(key, line) for key, line in lines if line.party]
            found.append(
                {
                    "id": uuid7(),
                    "administration": self.administration.pk,
                    "journal": journal,
                    "period": self.rows.months[entry.date.year, entry.date.month],
                    "date": entry.date,
                    "year": year,
                    "number": numbers[journal, year],
                    "memo": memo_of(entry),
                    "line_count": len(lines),
                    "lines": [key for key, _line in lines],
                    "accounts": [self.accounts[line.account].pk for _key, line in lines],
                    "parties": [self.parties[line.party].pk if line.party else None for _key, line in lines],
                    "debits": [cents(line.debit) for _key, line in lines],
                    "credits": [cents(line.credit) for _key, line in lines],
                    "items": [uuid7() for _item in items],
                    "item_lines": [key for key, _line in items],
                    "item_accounts": [self.accounts[line.account].pk for _key, line in items],
                    "item_parties": [self.parties[line.party].pk for _key, line in items if line.party],
                    "item_amounts": [cents(line.debit - line.credit) for _key, line in items],
                    "documents": [document_of(entry) for _item in items],
                    "references": [f"I-{entry.document}" for _item in items],
                }
            )
        return found

    def written(self) -> dict[str, tuple[str, str]]:
        """Entries, lines and open items as COPY takes them: their columns, and the rows as text."""
        found = {}
        for table in ("ledger_journalentry", "ledger_journalline", "ledger_openitem"):
            rows = ("\t".join("\\N" if value is None else str(value) for value in row) for row in self.rows.of(table))
            found[table] = ", ".join(COLUMNS[table].split()), "".join(f"{row}\n" for row in rows)
        return found
