"""The demo clinic's books beside its days: what it began with, what it buys, what it owns, written by the services."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal as D

from apps.core.models import Administration, User
from apps.core.money import ZERO, total
from apps.ledger.models import Account, FixedAsset, Invoice, Journal, Party, VatCode
from apps.ledger.services.allocating import settle_documents
from apps.ledger.services.depreciating import post_depreciation, save_asset
from apps.ledger.services.drafts import save_draft
from apps.ledger.services.invoicing import InvoicedLine, Terms, post_customer_invoice, post_vendor_invoice
from apps.ledger.services.parties import create_party
from apps.ledger.services.posting import Document, Line, post_entry
from apps.ledger.services.rolling_up import roll_up
from apps.ledger.services.sealing import seal
from apps.ledger.services.year_end import OpeningItem, opening_balance

# What every account stood at when the books began; a debit is positive. The capital is what makes it balance.
OPENING = {"0200": "24000", "0210": "-6000", "0220": "8400", "0230": "-2100", "1100": "31750.40", "0700": "-15000"}
CAPITAL = "0500"
ASSETS = [  # code, name, cost account, depreciation account, months ago, cost, residual value, life, written off
    ("MA-01", "Echoapparaat", "0200", "0210", 18, "24000", "0", 72, "6000"),
    ("IC-01", "Werkplekken balie en spreekkamers", "0220", "0230", 15, "8400", "0", 60, "2100"),
]
SUPPLIERS = [  # code, name, payment days
    ("S-001", "Vastgoed Zuiderkade", 14),
    ("S-002", "Labpartner Delta", 30),
    ("S-003", "Medisupply Benelux", 30),
    ("S-004", "Kantoor & Kabel", 21),
]
MONTHLY = [  # supplier, day of the month, account, net, VAT code, what for
    ("S-001", 1, "4100", "2450.00", "INPUT_NONE", "Huur praktijkruimte"),
    ("S-002", 12, "4020", "1184.60", "INPUT_NONE", "Laboratoriumonderzoek"),
    ("S-003", 15, "4200", "612.35", "INPUT_HIGH_COST", "Verbruiksmaterialen"),
    ("S-004", 20, "4600", "189.00", "INPUT_HIGH_COST", "Werkplekbeheer"),
]
WAGES = {"4000": "9850.00", "4010": "2140.00", "1710": "-3320.00", "1720": "-980.00", "1700": "-7690.00"}


def keep_demo_books(clinic: Administration, *, since: date, today: date, by: User) -> None:
    """The books of the demo clinic from the month of ``since`` up to ``today``, in the name of its accountant."""
    _Books(clinic, since.replace(day=1), today, by).keep()
    roll_up(clinic)
    seal(clinic, reason="demo", by=by)


class _Books:
    def __init__(self, clinic: Administration, first: date, today: date, by: User) -> None:
        self.clinic, self.first, self.today, self.by = clinic, first, today, by
        self.accounts = {account.code: account for account in Account.objects.filter(administration=clinic)}
        self.codes = {code.code: code for code in VatCode.objects.filter(administration=clinic)}
        self.journals = {journal.code: journal for journal in Journal.objects.filter(administration=clinic)}
        self.suppliers = {code: self._supplier(code, name, days) for code, name, days in SUPPLIERS}

    def keep(self) -> None:
        self._begin()
        for month in self._months():
            for code, day, account, net, vat_code, what in MONTHLY:
                self._buy(code, month.replace(day=day), account, D(net), vat_code, what)
            self._wages(month.replace(day=25))
        self._sell()
        self._own()
        save_draft(
            administration=self.clinic,
            journal=self.journals["GEN"],
            date=self.today,
            memo="Nog te ontvangen energienota",
            lines=[Line(self.accounts["4110"], debit=D("340.00")), Line(self.accounts["1750"], credit=D("340.00"))],
            by=self.by,
        )

    def _months(self) -> Iterator[date]:
        month = self.first
        while month <= self.today:
            yield month
            month = (month + timedelta(days=32)).replace(day=1)

    def _supplier(self, code: str, name: str, days: int) -> Party:
        return create_party(
            self.clinic, kind=Party.Kind.SUPPLIER, code=code, name=name, country="NL", payment_days=days, by=self.by
        )

    def _begin(self) -> None:
        balances = {self.accounts[code]: D(amount) for code, amount in OPENING.items()}
        owed = OpeningItem(
            self.accounts["1600"],
            self.suppliers["S-003"],
            D("-438.20"),
            Document("", self.suppliers["S-003"].pk, "MB-20881", self.first + timedelta(days=10)),
        )
        balances[owed.account] = owed.amount
        balances[self.accounts[CAPITAL]] = -total(balances.values())
        opening_balance(self.clinic, self.first, balances=balances, items=[owed], by=self.by)

    def _buy(self, code: str, day: date, account: str, net: D, vat_code: str, what: str) -> None:
        """An invoice of a supplier, paid when it is due, if that is past."""
        if day > self.today:
            return
        invoice = post_vendor_invoice(
            administration=self.clinic,
            party=self.suppliers[code],
            reference=f"{code[2:]}-{day:%Y%m}",
            invoice_date=day,
            lines=[InvoicedLine(self.accounts[account], net=net, vat_code=self.codes[vat_code], description=what)],
            by=self.by,
            terms=Terms(description=what),
        )
        if invoice.due_date <= self.today - timedelta(days=5):
            self._pay(invoice, invoice.due_date)

    def _pay(self, invoice: Invoice, day: date) -> None:
        """By bank: out for a supplier's invoice, in for one of ours."""
        incoming = invoice.kind == Invoice.Kind.CUSTOMER
        amount, zero = invoice.total_amount, ZERO
        control = self.accounts["1300" if incoming else "1600"]
        document = Document(invoice.document_type, invoice.pk, str(invoice))
        post_entry(
            administration=self.clinic,
            journal=self.journals["BNK"],
            date=day,
            memo=f"{invoice.party} {invoice}",
            lines=[
                Line(self.accounts["1100"], debit=amount if incoming else zero, credit=zero if incoming else amount),
                Line(
                    control,
                    debit=zero if incoming else amount,
                    credit=amount if incoming else zero,
                    party=invoice.party,
                    document=document,
                ),
            ],
            by=self.by,
        )
        settle_documents(self.clinic, [invoice.pk])

    def _wages(self, day: date) -> None:
        if day <= self.today:
            lines = [
                Line(self.accounts[code], debit=max(D(amount), ZERO), credit=max(-D(amount), ZERO))
                for code, amount in WAGES.items()
            ]
            post_entry(
                administration=self.clinic,
                journal=self.journals["GEN"],
                date=day,
                memo=f"Lonen {day:%Y-%m}",
                lines=lines,
                by=self.by,
            )

    def _sell(self) -> None:
        """A course given to another practice: two invoices to a customer, the first one paid."""
        customer = create_party(
            self.clinic,
            kind=Party.Kind.CUSTOMER,
            code="C-001",
            name="Huisartsengroep Oostpoort",
            country="NL",
            payment_days=30,
            by=self.by,
        )
        for days in (70, 45):
            invoice = post_customer_invoice(
                administration=self.clinic,
                party=customer,
                invoice_date=self.today - timedelta(days=days),
                lines=[
                    InvoicedLine(
                        self.accounts["8090"],
                        quantity=D(6),
                        unit_price=D("145.00"),
                        vat_code=self.codes["HIGH"],
                        description="Scholing ECG-duiding",
                    )
                ],
                by=self.by,
            )
            if days == 70:
                self._pay(invoice, invoice.due_date - timedelta(days=4))

    def _own(self) -> None:
        """What stood in the opening balance, written off up to the last month that ended."""
        for code, name, account, written_off, ago, cost, residual, life, opening in ASSETS:
            bought = (self.first - timedelta(days=30 * ago)).replace(day=1)
            save_asset(
                FixedAsset(
                    administration=self.clinic,
                    code=code,
                    name=name,
                    account=self.accounts[account],
                    depreciation_account=self.accounts[written_off],
                    expense_account=self.accounts["4300"],
                    acquired_on=bought,
                    in_use_from=bought,
                    cost=D(cost),
                    residual_value=D(residual),
                    life_months=life,
                    opening_depreciation=D(opening),
                ),
                by=self.by,
            )
        ended = self.today.replace(day=1) - timedelta(days=1)
        if ended >= self.first:
            post_depreciation(self.clinic, ended.replace(day=1), by=self.by)
