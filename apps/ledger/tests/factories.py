"""Real rows of the ledger, made through its services."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import factory
from uuid_utils.compat import uuid7

from apps.core.models import Administration, Membership, User
from apps.core.tests.factories import AdministrationFactory, MembershipFactory, UserFactory
from apps.ledger.models import Account, Journal, JournalEntry, Party, Period, VatCode
from apps.ledger.services.opening import open_books, open_years
from apps.ledger.services.posting import Document, Line, post_entry
from apps.periods.tests.steps import brought_to

MARCH_3 = date(2026, 3, 3)


@dataclass(frozen=True)
class Books:
    """An administration with a chart, one open year and its owner, and short words for what stands in it."""

    administration: Administration
    owner: User
    purposes: dict[str, Account] = field(default_factory=dict)

    def account(self, purpose: str) -> Account:
        if purpose not in self.purposes:
            self.purposes[purpose] = Account.objects.get(administration=self.administration, purpose=purpose)
        return self.purposes[purpose]

    @property
    def journal(self) -> Journal:
        return Journal.objects.get(administration=self.administration, code="GEN")

    @property
    def vat(self) -> VatCode:
        return VatCode.objects.get(administration=self.administration, code="HIGH")

    def period(self, name: str) -> Period:
        """The period called ``name``: 2026-03, 2026-Q1, 2026."""
        return Period.objects.get(administration=self.administration, name=name)

    def set_status(self, name: str, status: str) -> None:
        """Where the workflows of apps/periods would have brought it."""
        brought_to(self.period(name), status, by=self.owner)

    def party(self, code: str) -> Party:
        return PartyFactory(administration=self.administration, code=code)


def open_test_books(chart: str = "nl", **administration: Any) -> Books:
    """Books with a chart, the Dutch one unless said otherwise, the year 2026 open, and an owner."""
    opened = AdministrationFactory(**administration)
    owner = UserFactory()
    MembershipFactory(administration=opened, user=owner, role=Membership.Role.OWNER)
    open_books(opened, chart=chart, by=owner)
    open_years(opened, 2026, 2026)
    return Books(opened, owner)


class PartyFactory(factory.django.DjangoModelFactory):
    """A patient, found again by their code."""

    class Meta:
        model = Party
        django_get_or_create = ("administration", "kind", "code")

    kind = Party.Kind.PATIENT
    code = factory.Sequence(lambda n: f"P-{n:05d}")


class EntryFactory(factory.Factory):
    """A posted entry: EUR 65 taken in cash for a consultation, unless ``lines`` say otherwise."""

    class Meta:
        model = JournalEntry
        exclude = ("books", "amount")

    books: Any = None
    amount = "65.00"
    administration = factory.SelfAttribute("books.administration")
    journal = factory.SelfAttribute("books.journal")
    by = factory.SelfAttribute("books.owner")
    date = MARCH_3
    memo = "Takings"
    lines = factory.LazyAttribute(lambda entry: cash_sale(entry.books, entry.amount))

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> JournalEntry:
        return post_entry(**kwargs)


def cash_sale(books: Books, amount: str | Decimal) -> Sequence[Line]:
    return [
        Line(books.account("cash_drawer"), debit=Decimal(amount)),
        Line(books.account("revenue_consultation"), credit=Decimal(amount)),
    ]


def on_account(books: Books, amount: str | Decimal, party: Party, bill: UUID, reference: str = "") -> Sequence[Line]:
    """A bill that stays open: the patient owes it."""
    document = Document("bill", bill, reference)
    return [
        Line(books.account("patient_receivable"), debit=Decimal(amount), party=party, document=document),
        Line(books.account("revenue_consultation"), credit=Decimal(amount)),
    ]


def paid_later(books: Books, amount: str | Decimal, party: Party, bill: UUID, reference: str = "") -> Sequence[Line]:
    """Cash that settles such a bill."""
    document = Document("bill", bill, reference)
    return [
        Line(books.account("cash_drawer"), debit=Decimal(amount)),
        Line(books.account("patient_receivable"), credit=Decimal(amount), party=party, document=document),
    ]


def draft(books: Books, day: date = MARCH_3, lines: Sequence[Line] | None = None) -> JournalEntry:
    """An entry that is not posted yet; no service makes one so far."""
    lines = cash_sale(books, "65.00") if lines is None else lines
    administration = books.administration
    entry = JournalEntry.objects.create(
        administration=administration,
        journal=books.journal,
        period=Period.objects.covering(administration, day),
        date=day,
        memo="Draft",
    )
    for position, line in enumerate(lines, start=1):
        entry.lines.create(
            administration=administration,
            position=position,
            account=line.account,
            party=line.party,
            debit=line.debit,
            credit=line.credit,
        )
    return entry


new_id = uuid7
