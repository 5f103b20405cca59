"""A bank account with statements and lines, made as an import makes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

from apps.core.models import User
from apps.core.tests.factories import MembershipFactory, UserFactory
from apps.ledger.models import Journal
from apps.ledger.tests.factories import Books
from apps.reconciliation.models import BankAccount, Statement, StatementLine

MARCH_31 = date(2026, 3, 31)


@dataclass(frozen=True)
class Bank:
    """The bank account of ``books``, and the accountant who reconciles it."""

    books: Books
    account: BankAccount
    accountant: User

    def statement(
        self, *amounts: str, start: str = "0", end: str | None = None, day: date = MARCH_31, **fields: Any
    ) -> Statement:
        """A statement with a line of each of ``amounts``; ``end`` is what the bank says."""
        statement = Statement.objects.create(
            administration=self.books.administration,
            bank_account=self.account,
            name=fields.pop("name", f"{day:%Y-%m}"),
            date=day,
            first_date=fields.pop("first", None),
            balance_start=Decimal(start),
            balance_end_real=None if end is None else Decimal(end),
        )
        self.lines(statement, *amounts, **fields)
        statement.refresh_from_db()
        return statement

    def lines(self, statement: Statement, *amounts: str, **fields: Any) -> Sequence[StatementLine]:
        """Further lines of ``statement``, after those that it has."""
        after = statement.lines.count()
        return StatementLine.objects.bulk_create(
            StatementLine(
                **{
                    "administration": self.books.administration,
                    "bank_account": self.account,
                    "statement": statement,
                    "sequence": after + place,
                    "date": statement.date,
                    "amount": Decimal(amount),
                    "residual": Decimal(amount),
                    "fingerprint": uuid4().hex,
                    **fields,
                }
            )
            for place, amount in enumerate(amounts, 1)
        )

    def line(self, amount: str, **fields: Any) -> StatementLine:
        """One line on a statement of its own."""
        day = fields.get("date", MARCH_31)
        line: StatementLine = self.statement(amount, day=day, **fields).lines.get()
        return line


def open_test_bank(books: Books, **fields: Any) -> Bank:
    """The bank account of the chart, in the currency of the books unless ``fields`` say otherwise."""
    administration = books.administration
    account = BankAccount.objects.create(
        **{
            "administration": administration,
            "journal": Journal.objects.get(administration=administration, code="BNK"),
            "account": books.account("bank"),
            "name": "ING",
            "iban": "NL91ABNA0417164300",
            "currency": administration.currency,
            **fields,
        }
    )
    accountant = UserFactory()
    MembershipFactory(administration=administration, user=accountant, role="accountant")
    return Bank(books, account, accountant)
