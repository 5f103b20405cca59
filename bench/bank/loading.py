"""A bank account with a statement over open invoices, in a database of its own: loaded once through the services."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg

from apps.core.models import Administration
from apps.ledger.models import Account, Journal, Party
from apps.ledger.services.allocating import settle_documents
from apps.ledger.services.bulk import Entry, post_entries
from apps.ledger.services.opening import open_books, open_years
from apps.ledger.services.posting import Document, on_side
from apps.reconciliation.models import BankAccount, Statement, StatementLine
from bench.bank import generating
from bench.books.loading import loaded
from tools.servers import ROOT

NAME = "Bank"


@contextmanager
def bank(documents: int, lines: int) -> Iterator[BankAccount]:
    """A bank account with ``lines`` over ``documents`` that are open, in use by Django until the end of the block."""
    made_from = "".join((ROOT / "bench" / "bank" / name).read_text() for name in ("generating.py", "loading.py"))
    said = f"{lines} bank lines over {documents} open invoices"
    with loaded(f"bank_{documents}_{lines}", made_from, said, lambda own: _load(own, documents, lines)):
        yield BankAccount.objects.select_related("administration").get(name=NAME)


def key_of(number: int) -> UUID:
    """The key of a generated document in the books."""
    return UUID(int=number + 1)


def _load(own: "psycopg.Connection[Any]", count: int, movements: int) -> None:
    own.execute("CREATE EXTENSION pg_trgm")
    administration = Administration.objects.create(name="Matching", country="NL", currency="EUR")
    open_books(administration, chart="nl")
    open_years(administration, 2025, 2026)
    everybody = generating.parties()
    kinds = {True: Party.Kind.SUPPLIER, False: Party.Kind.CUSTOMER}
    parties = Party.objects.bulk_create(
        Party(
            administration=administration,
            kind=kinds[one.is_supplier],
            code=f"{one.number:06d}",
            name=one.name,
            iban=one.iban if one.is_known_by_iban else "",
        )
        for one in everybody
    )
    documents = generating.documents(count, everybody)
    post_entries(administration, _entries(administration, documents, parties), by=None)
    settle_documents(administration, [key_of(one.number) for one in documents if one.is_settled])
    _state(administration, list(generating.lines(movements, documents, everybody)))
    own.execute("VACUUM (ANALYZE, FREEZE)")


def _entries(
    administration: Administration, documents: list[generating.Document], parties: list[Party]
) -> Iterator[Entry]:
    purposes = {one.purpose: one for one in Account.objects.filter(administration=administration)}
    general = Journal.objects.get(administration=administration, code="GEN")
    for one in documents:
        control = purposes["supplier_payable" if one.cents < 0 else "customer_receivable"]
        document = Document("bench", key_of(one.number), one.reference)
        amount, party = Decimal(one.cents) / 100, parties[one.party.number]
        for side in (amount, -amount) if one.is_settled else (amount,):
            lines = [
                on_side(control, side, party=party, document=document),
                on_side(purposes["cash_drawer"], -side),
            ]
            yield Entry(general, one.date, "Bench", lines)


def _state(administration: Administration, lines: list[generating.Line]) -> None:
    account = BankAccount.objects.create(
        administration=administration,
        journal=Journal.objects.get(administration=administration, code="BNK"),
        account=Account.objects.get(administration=administration, purpose="bank"),
        name=NAME,
        iban="NL91ABNA0417164300",
        currency="EUR",
    )
    statement = Statement.objects.create(
        administration=administration,
        bank_account=account,
        name="2025",
        date=max(line.date for line in lines),
        balance_start=0,
    )
    StatementLine.objects.bulk_create(
        StatementLine(
            administration=administration,
            bank_account=account,
            statement=statement,
            sequence=line.number + 1,
            date=line.date,
            amount=Decimal(line.cents) / 100,
            residual=Decimal(line.cents) / 100,
            label=line.label,
            reference=line.reference,
            counterparty_name=line.name,
            counterparty_iban=line.iban,
            fingerprint=f"{line.number}",
        )
        for line in lines
    )
