"""Post invoices and credit notes: the paper, its entry and its open item in one transaction."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _
from stdnum.eu.vat import MEMBER_STATES

from apps.core.events import record
from apps.core.languages import language_of_books
from apps.core.locks import hold_key
from apps.core.models import Administration, Counter, User
from apps.core.money import ZERO, currency, exact, quantize, shares, total
from apps.core.permissions import Act, require
from apps.ledger.errors import (
    AccountIsControl,
    CreditBeyondInvoice,
    CreditsAnother,
    DuplicateInvoice,
    ExchangeRateMissing,
    InvoiceNotPositive,
    InvoiceTotalsDiffer,
    InvoiceWithoutLines,
    PartyKindDiffers,
    VatCodeDoesNotFit,
    VatCodeNotValid,
    VatCodeOnlyInEu,
    VatNumberRequired,
    named_refusals,
)
from apps.ledger.models import (
    Account,
    ExchangeRate,
    Invoice,
    InvoiceLine,
    JournalLine,
    OpenItem,
    Party,
    Period,
    VatCode,
)
from apps.ledger.services.posting import Document, Line, Source, post_entry
from apps.ledger.services.purposes import account_for, journal_of
from apps.ledger.services.settling import allocate

Role = JournalLine.VatRole
VENDOR, CUSTOMER = Invoice.Kind.VENDOR, Invoice.Kind.CUSTOMER
PARTIES = {VENDOR: (Party.Kind.SUPPLIER,), CUSTOMER: (Party.Kind.CUSTOMER, Party.Kind.PAYER, Party.Kind.PATIENT)}
CONTROLS = {VENDOR: "supplier_payable", CUSTOMER: "customer_receivable"}
JOURNALS = {VENDOR: "PUR", CUSTOMER: "SAL"}


@dataclass(frozen=True)
class InvoicedLine:
    """A line as it is printed, in the invoice's currency; positive on a credit note as well.

    ``net`` may be left out where quantity and unit price say it. ``vat`` is needed only where a supplier rounded in
    another way than once for each VAT code.
    """

    account: Account
    net: Decimal | None = None
    vat_code: VatCode | None = None
    description: str = ""
    quantity: Decimal | None = None
    unit_price: Decimal | None = None
    vat: Decimal | None = None


@dataclass(frozen=True)
class Terms:
    """What an invoice says beside its lines. What is left out follows from the party, the date and the lines.

    ``exchange_rate`` is what one unit of ``currency`` is worth; the dated table says it otherwise. Amounts that are
    given are held against the lines. ``entry_date`` is for paper that arrives when its own month is closed.
    """

    due_date: date | None = None
    tax_point: date | None = None
    entry_date: date | None = None
    currency: str = ""
    exchange_rate: Decimal | None = None
    description: str = ""
    credit_note: bool = False
    credits: Invoice | None = None
    net_amount: Decimal | None = None
    vat_amount: Decimal | None = None
    total_amount: Decimal | None = None


def post_vendor_invoice(
    *,
    administration: Administration,
    party: Party,
    reference: str,
    invoice_date: date,
    lines: Sequence[InvoicedLine],
    by: User,
    terms: Terms | None = None,
) -> Invoice:
    """Post a supplier's invoice or credit note, whose number is ``reference``, with its entry and its open item.

    Raises NotAllowed, DuplicateInvoice, InvoiceWithoutLines, InvoiceNotPositive, InvoiceTotalsDiffer, PartyKindDiffers,
    CreditsAnother, CreditBeyondInvoice, ExchangeRateMissing, AccountIsControl, AccountMissing, a refusal of the VAT
    code, and what ``post_entry`` raises.
    """
    return _Posting(administration, VENDOR, party, invoice_date, terms or Terms(), reference.strip()).post(lines, by)


def post_customer_invoice(
    *,
    administration: Administration,
    party: Party,
    invoice_date: date,
    lines: Sequence[InvoicedLine],
    by: User,
    reference: str = "",
    terms: Terms | None = None,
) -> Invoice:
    """Issue an invoice or credit note to a customer, with the next number of its year; ``reference`` is the customer's
    own. Raises what ``post_vendor_invoice`` does."""
    return _Posting(administration, CUSTOMER, party, invoice_date, terms or Terms(), reference.strip()).post(lines, by)


def rate_on(administration: Administration, code: str, day: date) -> ExchangeRate:
    """The rate of the dated table. Raises ExchangeRateMissing."""
    rate = ExchangeRate.objects.on(administration, code, day)
    if rate is None:
        raise ExchangeRateMissing(currency=code, date=day)
    return rate


# What the lines come to ----------------------------------------------------------------------------------------------


@dataclass
class _Row:
    """A line with its amounts, signed as they are stored: negative on a credit note."""

    line: InvoicedLine
    net: Decimal
    vat: Decimal = ZERO
    base: Decimal = ZERO  # the net amount in the book currency


@dataclass
class _Tax:
    """What one VAT code comes to: ``due`` in the invoice's currency, ``charged`` what the paper adds of it."""

    code: VatCode
    rows: list[_Row] = field(default_factory=list)
    due: Decimal = ZERO

    @property
    def charged(self) -> Decimal:
        return total(row.vat for row in self.rows)


@dataclass(frozen=True)
class _Posting:
    administration: Administration
    kind: str
    party: Party
    invoice_date: date
    terms: Terms
    reference: str

    @named_refusals()
    @transaction.atomic
    def post(self, lines: Sequence[InvoicedLine], by: User) -> Invoice:
        require(by, Act.KEEP_ACCOUNTS, self.administration.pk)
        if self.party.kind not in PARTIES[Invoice.Kind(self.kind)]:
            raise PartyKindDiffers(party=str(self.party), kind=self.party.kind)
        rows = [self._row(line) for line in lines]
        taxes = self._taxes(rows)
        invoice = self._paper(rows, by)
        self._refuse_duplicate(invoice)
        invoice.entry = post_entry(
            administration=self.administration,
            journal=journal_of(self.administration, JOURNALS[Invoice.Kind(self.kind)]),
            date=self.terms.entry_date or self.invoice_date,
            memo=self._memo(invoice),
            lines=[*self._entry(invoice, rows, taxes)],
            by=by,
            reference=str(invoice)[:64],
            source=Source(invoice.document_type, invoice.pk),
        )
        invoice.save(force_insert=True)
        InvoiceLine.objects.bulk_create(self._printed(invoice, rows))
        record("ledger.invoice_posted", invoice, by=by, total=invoice.total_amount, rate=invoice.exchange_rate)
        if invoice.credits:
            self._settle(invoice, invoice.credits, by)
        return invoice

    @property
    def _credit(self) -> bool:
        return self.terms.credit_note or self.terms.credits is not None

    @property
    def _foreign(self) -> str:
        """The currency when it is not that of the books."""
        code = currency(self.terms.currency or self.administration.currency).code
        return code if code != self.administration.currency else ""

    @property
    def _currency(self) -> str:
        return self._foreign or self.administration.currency

    @property
    def _tax_point(self) -> date:
        return self.terms.tax_point or self.invoice_date

    # The paper

    def _row(self, line: InvoicedLine) -> _Row:
        if line.account.control:
            raise AccountIsControl(account=str(line.account))
        net = line.net
        if line.quantity is not None and line.unit_price is not None:
            product = quantize(line.quantity * line.unit_price, self._currency)
            net = product if net is None else net
            if net != product:
                raise InvoiceTotalsDiffer(differences={"net": {"given": str(net), "lines": str(product)}})
        if net is None:
            raise InvoiceTotalsDiffer(differences={"net": {"given": None, "lines": None}})
        sign = -1 if self._credit else 1
        return _Row(line, sign * exact(net, self._currency), sign * exact(line.vat or ZERO, self._currency))

    def _taxes(self, rows: list[_Row]) -> list[_Tax]:
        """The tax of each VAT code, rounded once, and shared out to its lines as far as the paper adds it."""
        taxes: dict[VatCode, _Tax] = {}
        for row in rows:
            if row.line.vat_code:
                self._refuse_code(row.line.vat_code)
                taxes.setdefault(row.line.vat_code, _Tax(row.line.vat_code)).rows.append(row)
            elif row.vat:
                raise InvoiceTotalsDiffer(differences={"vat": {"given": str(row.vat), "lines": "0"}})
        for tax in taxes.values():
            nets = [row.net for row in tax.rows]
            tax.due = quantize(total(nets) * tax.code.rate / 100, self._currency)
            reckoned = ZERO if tax.code.reverse_charge else tax.due
            if all(row.line.vat is None for row in tax.rows):
                for row, share in zip(tax.rows, shares(reckoned, nets, self._currency), strict=True):
                    row.vat = share
            # A supplier may round line by line: half a unit for each, and no more.
            elif abs(tax.charged - reckoned) > currency(self._currency).unit * len(tax.rows):
                raise InvoiceTotalsDiffer(differences={"vat": {"given": str(tax.charged), "lines": str(reckoned)}})
            elif not tax.code.reverse_charge:
                tax.due = tax.charged
        return list(taxes.values())

    def _refuse_code(self, code: VatCode) -> None:
        day = self._tax_point
        if (code.valid_from and day < code.valid_from) or (code.valid_until and day > code.valid_until):
            raise VatCodeNotValid(vat_code=code.code, date=day)
        if code.requires_vat_number and not self.party.vat_number:
            raise VatNumberRequired(vat_code=code.code, party=str(self.party))
        if code.eu_only and not self._elsewhere_in_eu():
            raise VatCodeOnlyInEu(vat_code=code.code, party=str(self.party), country=self.party.country or "?")
        if not code.rate:
            return
        owed = code.reverse_charge or self.kind == CUSTOMER
        deducted = self.kind == VENDOR and code.deductible > 0
        if (
            (code.reverse_charge and self.kind == CUSTOMER)
            or (owed and code.account_id is None)
            or (deducted and code.input_account_id is None)
        ):
            raise VatCodeDoesNotFit(vat_code=code.code)

    def _elsewhere_in_eu(self) -> bool:
        # VAT numbers of Greece begin with EL; Northern Ireland's (XI) are of the EU for goods.
        country = "gr" if self.party.country.lower() == "el" else self.party.country.lower()
        return country in MEMBER_STATES and country != self.administration.country.lower()

    def _paper(self, rows: list[_Row], by: User) -> Invoice:
        if not rows:
            raise InvoiceWithoutLines()
        net, vat = total(row.net for row in rows), total(row.vat for row in rows)
        sign = -1 if self._credit else 1
        if sign * (net + vat) <= 0:
            raise InvoiceNotPositive(total=str(sign * (net + vat)))
        self._refuse_totals({"net": sign * net, "vat": sign * vat, "total": sign * (net + vat)})
        credited, currency_, rate = self.terms.credits, self._foreign, None
        if currency_:
            rate = self.terms.exchange_rate or (credited and credited.exchange_rate)
            rate = rate or rate_on(self.administration, currency_, self._tax_point).rate
        invoice = Invoice(
            administration=self.administration,
            kind=self.kind,
            type=Invoice.Type.CREDIT_NOTE if self._credit else Invoice.Type.INVOICE,
            year=self.invoice_date.year,
            number=self._next_number() if self.kind == CUSTOMER else None,
            reference=self.reference,
            party=self.party,
            invoice_date=self.invoice_date,
            due_date=self.terms.due_date or self.invoice_date + timedelta(days=self.party.payment_days),
            tax_point=self._tax_point,
            currency=currency_,
            exchange_rate=rate,
            net_amount=net,
            vat_amount=vat,
            total_amount=net + vat,
            description=self.terms.description,
            credits=credited,
            created_by=by,
        )
        if credited:
            self._refuse_credit(invoice, credited)
        return invoice

    def _refuse_totals(self, reckoned: dict[str, Decimal]) -> None:
        given = {"net": self.terms.net_amount, "vat": self.terms.vat_amount, "total": self.terms.total_amount}
        differences = {
            name: {"given": str(amount), "lines": str(reckoned[name])}
            for name, amount in given.items()
            if amount is not None and amount != reckoned[name]
        }
        if differences:
            raise InvoiceTotalsDiffer(differences=differences)

    def _refuse_credit(self, note: Invoice, credited: Invoice) -> None:
        facts = ("administration_id", "kind", "party_id", "currency")
        if (
            any(getattr(note, fact) != getattr(credited, fact) for fact in facts)
            or credited.type != Invoice.Type.INVOICE
            or credited.entry_id is None
        ):
            raise CreditsAnother()
        hold_key("credit", credited.pk)
        before = total(credited.credit_notes.filter(entry__reversal=None).values_list("total_amount", flat=True))
        left = credited.total_amount + before
        if -note.total_amount > left:
            raise CreditBeyondInvoice(invoice=str(credited), left=str(left), amount=str(-note.total_amount))

    def _refuse_duplicate(self, invoice: Invoice) -> None:
        """The constraint says the same of one spelling; people also write small letters."""
        if self.kind != VENDOR:
            return
        known = Invoice.objects.filter(
            administration=self.administration, party=self.party, type=invoice.type, reference__iexact=self.reference
        ).first()
        if known:
            raise DuplicateInvoice(
                reference=known.reference,
                invoice_id=str(known.pk),
                invoice_date=known.invoice_date.isoformat(),
                total_amount=str(quantize(known.total_amount, self._currency)),
            )

    def _next_number(self) -> int:
        """The number that the database is about to give: it stands in the entry, which is there before the invoice."""
        year = self.invoice_date.year
        hold_key("invoice number", self.administration.pk, year)
        series = Counter.objects.filter(administration=self.administration, series=f"invoice:{year}")
        return (series.values_list("last", flat=True).first() or 0) + 1

    def _memo(self, invoice: Invoice) -> str:
        with language_of_books(self.administration):
            word = _("Credit note") if self._credit else _("Invoice")
            memo = f"{word} {invoice}, {self.party}"
            if invoice.exchange_rate:
                memo += f" ({self._foreign} {_('at')} {invoice.exchange_rate.normalize():f}{self._named_rate()})"
        return memo[:300]

    def _named_rate(self) -> str:
        """Who says the rate, when the dated table does."""
        if self.terms.exchange_rate or self.terms.credits:
            return ""
        rate = rate_on(self.administration, self._foreign, self._tax_point)
        return f", {rate.source} {rate.date}".replace(",  ", ", ")

    def _printed(self, invoice: Invoice, rows: list[_Row]) -> Iterator[InvoiceLine]:
        for position, row in enumerate(rows, start=1):
            yield InvoiceLine(
                administration=self.administration,
                invoice=invoice,
                position=position,
                account=row.line.account,
                description=row.line.description,
                quantity=row.line.quantity,
                unit_price=row.line.unit_price,
                net=row.net,
                vat_code=row.line.vat_code,
                vat=row.vat,
            )

    # The entry

    def _entry(self, invoice: Invoice, rows: list[_Row], taxes: list[_Tax]) -> Iterator[Line]:
        """Control account against revenue or cost, and the lines of the return; a purchase stands on the debit side.

        In the book currency every amount is rounded once; what that leaves over goes to the largest line.
        """
        side = 1 if self.kind == VENDOR else -1
        owing = self._booked(invoice, invoice.total_amount)
        for row in rows:
            row.base = self._booked(invoice, row.net)
        charged = total(self._booked(invoice, tax.charged) for tax in taxes)
        largest = max(rows, key=lambda row: abs(row.base))
        largest.base += owing - charged - total(row.base for row in rows)

        period = self._vat_period()
        document = Document(invoice.document_type, invoice.pk, str(invoice)[:64], invoice.due_date)
        control = account_for(self.administration, CONTROLS[Invoice.Kind(self.kind)])
        yield from self._line(
            invoice, control, -side * owing, -side * invoice.total_amount, party=self.party, document=document
        )
        for row in rows:
            vat = {"tax_point": self._tax_point, "vat_period": period, "vat_role": Role.BASE}
            tagged = {"vat_code": row.line.vat_code, **vat} if row.line.vat_code else {}
            yield from self._line(
                invoice, row.line.account, side * row.base, side * row.net, memo=row.line.description, **tagged
            )
        for tax in taxes:
            yield from self._tax(invoice, tax, period)

    def _tax(self, invoice: Invoice, tax: _Tax, period: Period | None) -> Iterator[Line]:
        """What is owed, what is deducted, and what is cost of the tax of one code."""
        code, amount = tax.code, self._booked(invoice, tax.due)
        vat = {
            "vat_code": code,
            "vat_base": total(row.base for row in tax.rows),
            "tax_point": self._tax_point,
            "vat_period": period,
        }
        if amount and code.account and (self.kind == CUSTOMER or code.reverse_charge):
            yield from self._line(invoice, code.account, -amount, None, vat_role=Role.TAX, **vat)
        if self.kind == CUSTOMER or not amount:
            return
        deducted = quantize(amount * code.deductible / 100, self.administration.currency)
        if deducted and code.input_account:
            yield from self._line(invoice, code.input_account, deducted, None, vat_role=Role.DEDUCTIBLE, **vat)
        parts = shares(amount - deducted, [row.net for row in tax.rows], self.administration.currency)
        with language_of_books(self.administration):
            memo = _("VAT that is not deducted")
        for row, part in zip(tax.rows, parts, strict=True):
            yield from self._line(invoice, row.line.account, part, None, memo=memo)

    def _booked(self, invoice: Invoice, amount: Decimal) -> Decimal:
        return quantize(amount * (invoice.exchange_rate or 1), self.administration.currency)

    def _line(
        self, invoice: Invoice, account: Account, amount: Decimal, in_currency: Decimal | None, **more: object
    ) -> Iterator[Line]:
        """A line with ``amount`` on its side, a debit is positive; nothing is no line."""
        foreign: dict[str, object] = {}
        if self._foreign and in_currency and (in_currency > 0) == (amount > 0):
            foreign = {
                "currency": self._foreign,
                "amount_currency": in_currency,
                "exchange_rate": invoice.exchange_rate,
            }
        if amount:
            yield Line(account, debit=max(amount, ZERO), credit=max(-amount, ZERO), **more, **foreign)  # type: ignore[arg-type]

    def _vat_period(self) -> Period | None:
        """The period that holds the tax point while it admits posting; otherwise the entry's own, which is None."""
        period = Period.objects.covering(self.administration, self._tax_point)
        if period and all(around.admits_posting for around in Period.objects.around(period)):
            return period
        return None

    def _settle(self, note: Invoice, credited: Invoice, by: User) -> None:
        """A credit note settles what is still open of the invoice; what is more stays as a credit of the party."""
        own, theirs = (
            OpenItem.objects.filter(document_id=paper.pk, account__control__gt="").as_of().exclude(open=0)
            for paper in (note, credited)
        )
        for item in theirs.order_by("date", "id"):
            mine = own.first()
            if mine and (mine.open > 0) != (item.open > 0):
                debit, credit = (mine, item) if mine.open > 0 else (item, mine)
                allocate(debit, credit, by=by)
