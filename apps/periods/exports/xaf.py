"""XAF, the Dutch "XML Auditfile Financieel", versions 4.0 and 3.2.

Belastingdienst, Ontwikkelaarsportaal (odb.belastingdienst.nl), "XML Auditfile Financieel 4.0"; 3.2 by auditfiles.nl.
``docs/exports.md`` says what stands where.
"""

from collections import Counter
from datetime import datetime
from decimal import Decimal
from typing import Any, BinaryIO

from lxml import etree

from apps.ledger.models import Account, Journal
from apps.periods.exports.extract import Extract, Row, Told, Vat, vat_of
from apps.periods.exports.writing import SOFTWARE, VERSION, amount, put, side, told

XAF_4_0 = "http://www.odb.belastingdienst.nl/Belastingdienst/BCPP/1.1/structures/XmlauditfileXAF_4.0"
XAF_3_2 = "http://www.auditfiles.nl/XAF/3.2"
RGS = "https://www.referentiegrootboekschema.nl"
# B bank, M memorial, P purchases, S sales, Z another. An opening journal's other entries are a memorial: the opening
# balance itself stands apart.
_Type = Journal.Type
JOURNALS: dict[str, str] = {_Type.BANK: "B", _Type.SALES: "S", _Type.PURCHASES: "P", _Type.DAY: "Z"}
_RESULT = (Account.Type.REVENUE, Account.Type.EXPENSE)


def write_4_0(books: Extract, file: BinaryIO, made_at: datetime) -> None:
    """Write ``books`` into ``file`` as XAF 4.0."""
    _Writer(books, made_at, four=True).write(file)


def write_3_2(books: Extract, file: BinaryIO, made_at: datetime) -> None:
    """Write ``books`` into ``file`` as XAF 3.2."""
    _Writer(books, made_at, four=False).write(file)


class _Writer:
    def __init__(self, books: Extract, made_at: datetime, *, four: bool) -> None:
        self.books, self.made_at, self.four = books, made_at, four
        self.currency = books.administration.currency
        self.longest = 255 if four else 999
        self.months = {(first.year, first.month): str(number) for number, first, _last in books.months()}

    def write(self, file: BinaryIO) -> None:
        with etree.xmlfile(file, encoding="utf-8") as xml:
            xml.write_declaration()
            space = XAF_4_0 if self.four else XAF_3_2
            with xml.element(f"{{{space}}}auditfile", nsmap={None: space}):
                xml.write(self._header())
                with xml.element("company"):
                    for element in self._company():
                        xml.write(element)
                    with xml.element("customersSuppliers"):
                        for party in self.books.parties(one_list=True):
                            xml.write(self._party(party))
                    xml.write(self._accounts())
                    xml.write(self._vat_codes())
                    xml.write(self._periods())
                    xml.write(self._opening())
                    with xml.element("transactions"):
                        for element in self._totals():
                            xml.write(element)
                        for first, entries in self.books.journals(one_list=True):
                            with xml.element("journal"):
                                for element in self._journal(first):
                                    xml.write(element)
                                for lines in entries:
                                    xml.write(self._entry(lines))

    def _header(self) -> Any:
        first, last = self.books.first_day, self.books.last_day
        return told(
            "header",
            fiscalYear=str(first.year) if first.year == last.year else f"{first.year}-{last.year}",
            startDate=first.isoformat(),
            endDate=last.isoformat(),
            curCode=self.currency,
            dateCreated=self.made_at.date().isoformat(),
            softwareDesc=SOFTWARE,
            softwareVersion=VERSION,
        )

    def _company(self) -> Any:
        own = self.books.administration
        company = etree.Element("company")
        put(company, "Commercenr" if self.four else "companyIdent", own.organization_number, 35)
        put(company, "companyName", own.name, 255)
        put(company, "taxRegistrationCountry", own.country)
        put(company, "taxRegIdent", own.vat_number or own.organization_number, 30)
        return list(company)

    def _party(self, party: Told) -> Any:
        element = etree.Element("customerSupplier")
        put(element, "custSupID", party.called)
        put(element, "custSupName", party.name, 50)
        put(element, "eMail", party.email)
        put(element, "commerceNr", party.organization_number, 100)
        if party.vat_number:
            put(element, "taxRegistrationCountry", party.country)
            put(element, "taxRegIdent", party.vat_number, 30)
        put(element, "custSupTp", "B" if party.customer and party.supplier else "S" if party.supplier else "C")
        if self.four:
            for when, balance in (("opBal", party.opening), ("clBal", party.closing)):
                put(element, f"{when}Desc", amount(abs(balance)))
                put(element, f"{when}Tp", side(balance))
        elif party.iban:
            put(etree.SubElement(element, "bankAccount"), "bankAccNr", party.iban, 35)
        return element

    def _accounts(self) -> Any:
        """With their RGS codes. Rule [0003] of 4.0 wants each code once: where accounts share one, all but the first
        extend it with their own."""
        ledger, seen = etree.Element("generalLedger"), Counter[str]()
        for account, _standing in self.books.accounts:
            element = etree.SubElement(ledger, "ledgerAccount")
            put(element, "accID", account.code)
            put(element, "accDesc", account.name, self.longest)
            put(element, "accTp", "P" if account.type in _RESULT else "B")
            code = account.standard_code if account.standard_code[:1] in ("B", "W") else ""
            if not code:
                continue
            if self.four:
                put(element, "RGScode", f"{code}.{account.code}" if seen[code] else code)
            else:
                taxonomy = etree.SubElement(element, "taxonomy")
                put(taxonomy, "taxoRef", RGS)
                entry_point = etree.SubElement(taxonomy, "entryPoint")
                put(entry_point, "entryPointRef", RGS)
                put(entry_point, "conceptRef", code)
            seen[code] += 1
        return ledger

    def _vat_codes(self) -> Any:
        codes = etree.Element("vatCodes")
        for code in self.books.vat_codes:
            element = etree.SubElement(codes, "vatCode")
            put(element, "vatID", code.code)
            put(element, "vatDesc", code.name, 100)
            put(element, "vatToPayAccID", code.account.code if code.account else None)
            put(element, "vatToClaimAccID", code.input_account.code if code.input_account else None)
        return codes

    def _periods(self) -> Any:
        periods = etree.Element("periods")
        for number, first, last in self.books.months():
            periods.append(
                told(
                    "period",
                    periodNumber=str(number),
                    startDatePeriod=first.isoformat(),
                    endDatePeriod=last.isoformat(),
                )
            )
        return periods

    def _opening(self) -> Any:
        lines = [(account.code, standing.opening) for account, standing in self.books.accounts if standing.opening]
        element = etree.Element("openingBalance")
        if not self.four:
            put(element, "opBalDate", self.books.first_day.isoformat())
        put(element, "linesCount", str(len(lines)))
        put(element, "totalDebit", amount(sum((max(opening, Decimal(0)) for _code, opening in lines), Decimal(0))))
        put(element, "totalCredit", amount(-sum((min(opening, Decimal(0)) for _code, opening in lines), Decimal(0))))
        for number, (code, opening) in enumerate(lines, start=1):
            element.append(told("obLine", nr=str(number), accID=code, amnt=amount(abs(opening)), amntTp=side(opening)))
        return element

    def _totals(self) -> Any:
        books = self.books
        return list(
            told(
                "transactions",
                linesCount=str(books.lines),
                totalDebit=amount(books.debit),
                totalCredit=amount(books.credit),
            )
        )

    def _journal(self, first: Row) -> Any:
        kind = JOURNALS.get(first.journal_type, "M")
        return list(told("journal", jrnID=first.journal, desc=first.journal_name or first.journal, jrnTp=kind))

    def _entry(self, lines: list[Row]) -> Any:
        first = lines[0]
        element = etree.Element("transaction")
        put(element, "nr", first.called)
        put(element, "desc", first.memo)
        put(element, "periodNumber", self.months[first.day.year, first.day.month])
        put(element, "trDt", first.day.isoformat())
        put(element, "User" if self.four else "userID", first.posted_by.hex if first.posted_by else None)
        effective = (first.invoice_date or first.day).isoformat()
        document = first.reference or first.invoiced or first.called
        vat = vat_of(lines, self.currency)
        for line in lines:
            self._line(element, line, effective, document, vat.get(line.position))
        return element

    def _line(self, entry: Any, line: Row, effective: str, document: str, vat: Vat | None) -> None:
        element = etree.SubElement(entry, "trLine")
        put(element, "nr", str(line.position))
        put(element, "accID", line.account)
        put(element, "docRef", document, 255)
        put(element, "effDate", effective)
        put(element, "desc", line.line_memo)
        put(element, "amnt", amount(line.debit or line.credit))
        put(element, "amntTp", "D" if line.debit else "C")
        if line.party:
            put(element, "custSupID", line.party)
            put(element, "invRef", line.invoiced, 255)
        if vat:
            tax = vat.tax or vat.base  # where no tax is owed, the side of what it would be on
            element.append(
                told(
                    "vat",
                    vatID=vat.code,
                    vatPerc=f"{vat.rate:.3f}",
                    vatAmnt=amount(abs(vat.tax)),
                    vatAmntTp=side(tax),
                )
            )
        if line.currency and line.amount_currency is not None:
            element.append(told("currency", curCode=line.currency, curAmnt=amount(abs(line.amount_currency))))
