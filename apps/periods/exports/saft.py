"""SAF-T Financial of Norway, versions 1.30 and 1.10 (Skatteetaten, "SAF-T Regnskap").

1.30 is wanted of periods that begin on 1 January 2025 or later. ``docs/exports.md`` says what stands where.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any, BinaryIO

from lxml import etree

from apps.ledger.importing.saft import NAMESPACE
from apps.ledger.models import VatCode
from apps.periods.exports.extract import Extract, Held, Row, Told, Vat, vat_of
from apps.periods.exports.grouping import grouping, standard_account
from apps.periods.exports.writing import SOFTWARE, VERSION, amount, put, told

NOTHING_TREATED = "0"  # the standard tax code "no VAT treatment", of a VAT code that names none


def write_1_30(books: Extract, file: BinaryIO, made_at: datetime) -> None:
    """Write ``books`` into ``file`` as SAF-T Financial 1.30."""
    _Writer(books, made_at, "1.30").write(file)


def write_1_10(books: Extract, file: BinaryIO, made_at: datetime) -> None:
    """Write ``books`` into ``file`` as SAF-T Financial 1.10."""
    _Writer(books, made_at, "1.10").write(file)


class _Writer:
    def __init__(self, books: Extract, made_at: datetime, version: str) -> None:
        self.books, self.made_at, self.version = books, made_at, version
        self.new = version == "1.30"
        self.longest_name = 256 if self.new else 70
        self.currency = books.administration.currency

    def write(self, file: BinaryIO) -> None:
        with etree.xmlfile(file, encoding="utf-8") as xml:
            xml.write_declaration()
            with xml.element(f"{{{NAMESPACE}}}AuditFile", nsmap={None: NAMESPACE}):
                xml.write(self._header())
                with xml.element("MasterFiles"):
                    xml.write(self._accounts())
                    self._parties(xml)
                    if self.books.vat_codes:
                        xml.write(self._tax_table())
                with xml.element("GeneralLedgerEntries"):
                    for element in self._totals():
                        xml.write(element)
                    for first, entries in self.books.journals(one_list=False):
                        with xml.element("Journal"):
                            for element in _journal(first):
                                xml.write(element)
                            for lines in entries:
                                xml.write(self._entry(lines))

    def _header(self) -> Any:
        own, books = self.books.administration, self.books
        header = told(
            "Header",
            AuditFileVersion=self.version,
            AuditFileCountry="NO",
            AuditFileDateCreated=self.made_at.date().isoformat(),
            SoftwareCompanyName=SOFTWARE,
            SoftwareID=SOFTWARE,
            SoftwareVersion=VERSION,
        )
        company = etree.SubElement(header, "Company")
        put(company, "RegistrationNumber", own.organization_number or own.vat_number, 35)
        put(company, "Name", own.name, self.longest_name)
        self._address(company, own.country)
        # The schema wants a person; the books know none. "NotUsed" is what the documentation gives for that.
        contact = etree.SubElement(etree.SubElement(company, "Contact"), "ContactPerson")
        put(contact, "FirstName", "NotUsed")
        put(contact, "LastName", "NotUsed")
        if own.vat_number:
            registration = etree.SubElement(company, "TaxRegistration")
            put(registration, "TaxRegistrationNumber", own.vat_number, 35)
            put(registration, "TaxAuthority", "Skatteetaten")
        put(header, "DefaultCurrencyCode", self.currency)
        header.append(
            told(
                "SelectionCriteria",
                SelectionStartDate=books.first_day.isoformat(),
                SelectionEndDate=books.last_day.isoformat(),
            )
        )
        put(header, "TaxAccountingBasis", "A")
        return header

    def _address(self, parent: Any, country: str) -> None:
        """1.10 wants an address of everybody; of it the books know the country."""
        address = told("Address", Country=country if len(country) == 2 else None)
        if not self.new or len(address):
            parent.append(address)

    def _accounts(self) -> Any:
        accounts = etree.Element("GeneralLedgerAccounts")
        for account, standing in self.books.accounts:
            element = etree.SubElement(accounts, "Account")
            put(element, "AccountID", account.code)
            put(element, "AccountDescription", account.name)
            if self.new:
                category, code = grouping(account)
                put(element, "GroupingCategory", category)
                put(element, "GroupingCode", code)
            else:
                put(element, "StandardAccountID", standard_account(account))
            put(element, "AccountType", "GL")
            _balances(element, standing.opening, standing.closing)
        return accounts

    def _parties(self, xml: Any) -> None:
        """Customers, then suppliers; a list without anybody is left out, as the schema wants it."""
        parties, waiting = self.books.parties(one_list=False), None
        for supplier, group, name in ((False, "Customers", "Customer"), (True, "Suppliers", "Supplier")):
            waiting = waiting or next(parties, None)
            if waiting is None or waiting.supplier != supplier:
                continue
            with xml.element(group):
                while waiting is not None and waiting.supplier == supplier:
                    xml.write(self._party(waiting, name))
                    waiting = next(parties, None)

    def _party(self, party: Told, name: str) -> Any:
        element = etree.Element(name)
        put(element, "RegistrationNumber", party.organization_number, 35)
        put(element, "Name", party.name or party.called, self.longest_name)
        self._address(element, party.country)
        if party.vat_number:
            put(etree.SubElement(element, "TaxRegistration"), "TaxRegistrationNumber", party.vat_number, 35)
        if party.iban:
            put(etree.SubElement(element, "BankAccount"), "IBANNumber", party.iban, 35)
        put(element, f"{name}ID", party.called)
        if self.new:
            for held in party.held:
                balance = etree.SubElement(element, "BalanceAccount")
                put(balance, "AccountID", held.account)
                _balances(balance, held.opening, held.closing)
        elif party.held:  # one account a party: the first, with what stands on all of them
            whole = Held(party.held[0].account, party.opening, party.closing)
            put(element, "AccountID", whole.account)
            _balances(element, whole.opening, whole.closing)
        return element

    def _tax_table(self) -> Any:
        table = etree.Element("TaxTable")
        entry = etree.SubElement(table, "TaxTableEntry")
        put(entry, "TaxType", "MVA")
        put(entry, "Description", "Merverdiavgift")
        for code in self.books.vat_codes:
            entry.append(_tax_code(code))
        return table

    def _totals(self) -> Any:
        books = self.books
        return list(
            told(
                "GeneralLedgerEntries",
                NumberOfEntries=str(books.entries),
                TotalDebit=amount(books.debit),
                TotalCredit=amount(books.credit),
            )
        )

    def _entry(self, lines: list[Row]) -> Any:
        first = lines[0]
        entered = first.posted_at.date().isoformat()
        element = told(
            "Transaction",
            TransactionID=first.called,
            Period=str(first.day.month),
            PeriodYear=str(first.day.year),
            TransactionDate=first.day.isoformat(),
            SourceID=first.posted_by.hex if first.posted_by else None,
            Description=(first.memo or first.called)[:256],
            SystemEntryDate=entered,
            GLPostingDate=first.day.isoformat(),
        )
        vat = vat_of(lines, self.currency)
        for line in lines:
            self._line(element, line, vat.get(line.position))
        return element

    def _line(self, entry: Any, line: Row, vat: Vat | None) -> None:
        element = etree.SubElement(entry, "Line")
        put(element, "RecordID", str(line.position))
        put(element, "AccountID", line.account)
        if line.invoice_date:
            put(element, "ValueDate", line.invoice_date.isoformat())
        put(element, "SourceDocumentID", line.invoiced or line.reference, 35)
        if line.party:
            put(element, "SupplierID" if line.supplier else "CustomerID", line.party)
        put(element, "Description", line.line_memo or line.memo or line.called, 256)
        held = etree.SubElement(element, "DebitAmount" if line.debit else "CreditAmount")
        put(held, "Amount", amount(line.debit or line.credit))
        if line.currency and line.amount_currency is not None:
            put(held, "CurrencyCode", line.currency)
            put(held, "CurrencyAmount", amount(abs(line.amount_currency)))
            if line.exchange_rate is not None:
                put(held, "ExchangeRate", f"{line.exchange_rate:.8f}")
        if vat:
            element.append(self._tax(vat))
        if line.party:
            put(element, "ReferenceNumber", line.reference, 35)
            if line.due_date:
                put(element, "DueDate", line.due_date.isoformat())

    def _tax(self, vat: Vat) -> Any:
        tax = told(
            "TaxInformation",
            TaxType="MVA",
            TaxCode=vat.code,
            TaxPercentage=f"{vat.rate.normalize():f}",
            Country="NO",
            TaxBase=amount(abs(vat.base)),
        )
        booked = vat.tax or vat.base
        name = "TaxAmount" if not self.new else "CreditTaxAmount" if booked < 0 else "DebitTaxAmount"
        # Against the side of its line only where a correction turns it round, which 1.10 tells by the sign.
        turned = not self.new and vat.tax * vat.base < 0
        put(etree.SubElement(tax, name), "Amount", amount(-abs(vat.tax) if turned else abs(vat.tax)))
        return tax


def _journal(first: Row) -> Any:
    return list(
        told(
            "Journal",
            JournalID=first.journal,
            Description=first.journal_name or first.journal,
            Type=first.journal_type[:9],
        )
    )


def _tax_code(code: VatCode) -> Any:
    details = etree.Element("TaxCodeDetails")
    put(details, "TaxCode", code.code)
    put(details, "EffectiveDate", code.valid_from.isoformat() if code.valid_from else None)
    put(details, "ExpirationDate", code.valid_until.isoformat() if code.valid_until else None)
    put(details, "Description", code.name)
    put(details, "TaxPercentage", f"{code.rate.normalize():f}")
    put(details, "Country", "NO")
    standard = code.standard_code if code.standard_code.isdigit() and len(code.standard_code) <= 2 else NOTHING_TREATED
    put(details, "StandardTaxCode", standard)
    put(details, "BaseRate", "100")
    return details


def _balances(element: Any, opening: Decimal, closing: Decimal) -> None:
    """Both balances, each on its side; nothing is a debit of nothing."""
    for when, balance in (("Opening", opening), ("Closing", closing)):
        put(element, f"{when}{'Credit' if balance < 0 else 'Debit'}Balance", amount(abs(balance)))
