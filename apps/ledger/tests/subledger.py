"""Suppliers, customers, their invoices and payments, and imported history, made through the services."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from apps.core.models import Membership, User
from apps.core.tests.factories import member
from apps.ledger.models import Account, Batch, Invoice, Journal, JournalEntry, OpenItem, Party, VatCode
from apps.ledger.services.invoicing import InvoicedLine, Terms, post_customer_invoice, post_vendor_invoice
from apps.ledger.services.parties import create_party
from apps.ledger.services.posting import Document, Line, Source, post_entry
from apps.ledger.tests.factories import Books, new_id, open_test_books

MARCH_5 = date(2026, 3, 5)
SIDES = {"SUPPLIER": ("supplier_payable", -1), "CUSTOMER": ("customer_receivable", 1)}


@dataclass(frozen=True)
class SubLedger:
    """Books with an accountant, and short words for what is done in them."""

    books: Books
    accountant: User

    @property
    def administration(self):
        return self.books.administration

    def account(self, code: str) -> Account:
        return Account.objects.get(administration=self.administration, code=code)

    @property
    def cost(self) -> Account:
        """Some account of costs, whatever the chart."""
        return Account.objects.filter(administration=self.administration, type="EXPENSE", purpose="").earliest("code")

    def code(self, code: str) -> VatCode:
        return VatCode.objects.get(administration=self.administration, code=code)

    def party(self, code: str, kind: str, **facts) -> Party:
        known = Party.objects.filter(administration=self.administration, kind=kind, code=code).first()
        facts = {"name": f"Party {code}", **facts}
        return known or create_party(self.administration, kind=kind, code=code, by=self.accountant, **facts)

    def supplier(self, code: str = "S-1", **facts) -> Party:
        return self.party(code, "SUPPLIER", **facts)

    def customer(self, code: str = "C-1", **facts) -> Party:
        return self.party(code, "CUSTOMER", **facts)

    def line(self, net: str, code: str = "", account: str = "4200", **more) -> InvoicedLine:
        return InvoicedLine(self.account(account), Decimal(net), self.code(code) if code else None, **more)

    def bought(self, *lines, reference: str = "F-1", day: date = MARCH_5, party: Party | None = None, **terms):
        return post_vendor_invoice(
            administration=self.administration,
            party=party or self.supplier(),
            reference=reference,
            invoice_date=day,
            lines=[self.line(line) if isinstance(line, str) else line for line in lines],
            by=self.accountant,
            terms=Terms(**terms),
        )

    def sold(self, *lines, day: date = MARCH_5, party: Party | None = None, **terms):
        return post_customer_invoice(
            administration=self.administration,
            party=party or self.customer(),
            invoice_date=day,
            lines=[self.line(line, account="8090") if isinstance(line, str) else line for line in lines],
            by=self.accountant,
            terms=Terms(**terms),
        )

    def item(self, invoice: Invoice) -> OpenItem:
        return OpenItem.objects.as_of().get(line__entry=invoice.entry_id)

    def open(self, invoice: Invoice, day: date | None = None) -> Decimal:
        return OpenItem.objects.as_of(day).get(line__entry=invoice.entry_id).open

    def paid(
        self, party: Party, amount: str, day: date = MARCH_5, currency: str = "", in_currency: str = "", **document
    ) -> OpenItem:
        """Money from a customer or to a supplier, by bank, in the book currency; its open item."""
        control, side = SIDES[party.kind]
        amount = side * Decimal(amount)
        foreign = {"currency": currency, "amount_currency": -side * Decimal(in_currency)} if currency else {}
        about = Document("bank_line", new_id(), "BANK-1") if not document else Document(**document)
        lines = [
            Line(self.books.account("bank"), debit=max(amount, Decimal(0)), credit=max(-amount, Decimal(0))),
            Line(
                self.books.account(control),
                debit=max(-amount, Decimal(0)),
                credit=max(amount, Decimal(0)),
                party=party,
                document=about,
                **foreign,
            ),
        ]
        entry = self.post(lines, day, "BNK", source=Source("bank_line", new_id()))
        return OpenItem.objects.as_of().get(line__entry=entry)

    def history(
        self,
        party: Party,
        amount: str,
        day: date,
        *,
        batch: Batch | None = None,
        source: Source | None = None,
        memo: str = "History",
        with_party: bool = True,
        **more,
    ) -> JournalEntry:
        """Imported history: ``amount`` is a debit of the party's control account when positive; no open items."""
        control, _side = SIDES[party.kind]
        value = Decimal(amount)
        lines = [
            Line(
                self.books.account(control),
                debit=max(value, Decimal(0)),
                credit=max(-value, Decimal(0)),
                party=party if with_party else None,
                items=(),
            ),
            Line(self.books.account("bank"), debit=max(-value, Decimal(0)), credit=max(value, Decimal(0))),
        ]
        return self.post(lines, day, "GEN", source=source, memo=memo, batch=batch or self.imported(), **more)

    def imported(self) -> Batch:
        return Batch.objects.create(administration=self.administration, kind="IMPORT", title="Old books")

    def registered(
        self, party: Party, total: str, day: date, reference: str, kind: str = "VENDOR", due: date | None = None
    ) -> Invoice:
        """An invoice that is known and not posted: its entry is history."""
        return Invoice.objects.create(
            administration=self.administration,
            kind=kind,
            year=day.year,
            party=party,
            reference=reference,
            invoice_date=day,
            due_date=due or day,
            tax_point=day,
            net_amount=Decimal(total),
            vat_amount=0,
            total_amount=Decimal(total),
        )

    def post(self, lines, day: date, journal: str, memo: str = "By hand", **more) -> JournalEntry:
        return post_entry(
            administration=self.administration,
            journal=Journal.objects.get(administration=self.administration, code=journal),
            date=day,
            memo=memo,
            lines=lines,
            by=self.accountant,
            **more,
        )


def open_sub_ledger(**administration) -> SubLedger:
    books = open_test_books(**administration)
    return SubLedger(books, member(books.administration, Membership.Role.ACCOUNTANT))


def booked(entry: JournalEntry) -> dict[str, Decimal]:
    """What an entry did to each account, debit less credit, by the account's code."""
    sums: dict[str, Decimal] = {}
    for line in entry.lines.select_related("account"):
        sums[line.account.code] = sums.get(line.account.code, Decimal(0)) + line.debit - line.credit
    return sums


def returned(entry: JournalEntry) -> list[tuple[str, str, Decimal]]:
    """What an entry says to the VAT return: code, role, debit less credit."""
    lines = entry.lines.exclude(vat_code=None).select_related("vat_code").order_by("position")
    return [(line.vat_code.code, line.vat_role, line.debit - line.credit) for line in lines]
