"""Small files of books in every format: one year, an opening balance, a sale with VAT and its payment, a purchase.

Each builder writes the same books; ``change`` replaces one text of the file by another, to break it.
"""

from io import BytesIO

XAF_32 = "http://www.auditfiles.nl/XAF/3.2"
XAF_40 = "http://www.odb.belastingdienst.nl/Belastingdienst/BCPP/1.1/structures/XmlauditfileXAF_4.0"
SAFT = "urn:StandardAuditFile-Taxation-Financial:NO"

# account, name, XAF type, RGS, SAF-T category, opening (debit positive)
ACCOUNTS = (
    ("1920", "Bank", "B", "BLimBanRba", "balanseverdiForOmloepsmiddel", "1000.00"),
    ("1500", "Debiteuren", "B", "BVorDebHad", "balanseverdiForOmloepsmiddel", "0"),
    ("2400", "Crediteuren", "B", "BSchCreHac", "kortsiktigGjeld", "0"),
    ("2700", "Btw", "B", "BSchBepBtw", "kortsiktigGjeld", "0"),
    ("2050", "Kapitaal", "B", "BEivKapOnd", "egenkapital", "-1000.00"),
    ("3000", "Omzet", "P", "WOmzNodOdh", "salgsinntekt", "0"),
    ("6800", "Kantoor", "P", "WBedKanOka", "annenDriftskostnad", "0"),
)
# number, date, memo, (account, amount with debit positive, party, VAT code)
ENTRIES = (
    ("1", "2025-02-03", "Sale", (
        ("1500", "121.00", "C1", ""), ("3000", "-100.00", "", "V"), ("2700", "-21.00", "", ""))),
    ("2", "2025-03-04", "Payment", (("1920", "121.00", "", ""), ("1500", "-121.00", "C1", ""))),
    ("3", "2025-12-31", "Purchase", (("6800", "50.00", "", ""), ("2400", "-50.00", "S1", ""))),
)  # fmt: skip
TOTAL = "292.00"


def sides(amount):
    """The figure, and whether it is a debit or a credit."""
    return amount.removeprefix("-"), "C" if amount.startswith("-") else "D"


def changed(text, *changes, encoding="utf-8"):
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return BytesIO(text.encode(encoding))


def xaf_32(*changes, encoding="utf-8"):
    return changed(_xaf(XAF_32, "3.2", encoding), *changes, encoding=encoding)


def xaf_40(*changes, encoding="utf-8"):
    return changed(_xaf(XAF_40, "4.0", encoding), *changes, encoding=encoding)


def _xaf(namespace, version, encoding):
    old = version == "3.2"
    accounts = "\n".join(
        f"<ledgerAccount>\n<accID>{code}</accID>\n<accDesc>{name}</accDesc>\n<accTp>{kind}</accTp>\n"
        + (f"<leadReference>{rgs}</leadReference>" if old else f"<RGScode>{rgs}</RGScode>")
        + "\n</ledgerAccount>"
        for code, name, kind, rgs, _category, _opening in ACCOUNTS
    )
    openings = [(code, *sides(opening)) for code, *_rest, opening in ACCOUNTS if opening != "0"]
    opening = "\n".join(
        f"<obLine><nr>{number}</nr><accID>{code}</accID><amnt>{amount}</amnt><amntTp>{side}</amntTp></obLine>"
        for number, (code, amount, side) in enumerate(openings, start=1)
    )
    transactions = "\n".join(_xaf_entry(*entry) for entry in ENTRIES)
    lines = sum(len(lines) for *_entry, lines in ENTRIES)
    return f"""<?xml version="1.0" encoding="{encoding}"?>
<auditfile xmlns="{namespace}">
<header>
<fiscalYear>2025</fiscalYear><startDate>2025-01-01</startDate><endDate>2025-12-31</endDate>
<curCode>EUR</curCode><dateCreated>2026-01-05</dateCreated>
<softwareDesc>Test</softwareDesc><softwareVersion>1</softwareVersion>
</header>
<company>
<companyName>Praktijk Café</companyName><taxRegistrationCountry>NL</taxRegistrationCountry>
<taxRegIdent>123456782B01</taxRegIdent>
<customersSuppliers>
<customerSupplier><custSupID>C1</custSupID><custSupName>Klant</custSupName><commerceNr>12345678</commerceNr>
<taxRegistrationCountry>NL</taxRegistrationCountry><taxRegIdent>004495445B01</taxRegIdent>
<custSupTp>C</custSupTp></customerSupplier>
<customerSupplier><custSupID>S1</custSupID><custSupName>Leverancier</custSupName>
<custSupTp>S</custSupTp></customerSupplier>
</customersSuppliers>
<generalLedger>
{accounts}
</generalLedger>
<vatCodes><vatCode><vatID>V</vatID><vatDesc>Hoog</vatDesc><vatToPayAccID>2700</vatToPayAccID></vatCode></vatCodes>
<periods><period><periodNumber>1</periodNumber><startDatePeriod>2025-01-01</startDatePeriod>
<endDatePeriod>2025-12-31</endDatePeriod></period></periods>
<openingBalance>
{"<opBalDate>2025-01-01</opBalDate>" if old else ""}
<linesCount>{len(openings)}</linesCount><totalDebit>1000.00</totalDebit><totalCredit>1000.00</totalCredit>
{opening}
</openingBalance>
<transactions>
<linesCount>{lines}</linesCount><totalDebit>{TOTAL}</totalDebit><totalCredit>{TOTAL}</totalCredit>
<journal>
<jrnID>MEMORIAAL1</jrnID><desc>Memoriaal</desc><jrnTp>M</jrnTp>
{transactions}
</journal>
</transactions>
</company>
</auditfile>
"""


def _xaf_entry(number, day, memo, lines):
    rows = []
    for row, (account, amount, party, vat) in enumerate(lines, start=1):
        figure, side = sides(amount)
        rows.append(
            f"<trLine>\n<nr>{row}</nr><accID>{account}</accID><docRef>D{number}</docRef><effDate>{day}</effDate>"
            f"<desc>{memo}</desc><amnt>{figure}</amnt><amntTp>{side}</amntTp>"
            + (f"<custSupID>{party}</custSupID>" if party else "")
            + (
                f"<vat><vatID>{vat}</vatID><vatPerc>21.00</vatPerc><vatAmnt>21.00</vatAmnt>"
                f"<vatAmntTp>C</vatAmntTp></vat>"
                if vat
                else ""
            )
            + "\n</trLine>"
        )
    return (
        f"<transaction>\n<nr>{number}</nr><desc>{memo}</desc><periodNumber>1</periodNumber><trDt>{day}</trDt>\n"
        + "\n".join(rows)
        + "\n</transaction>"
    )


def saft(version, *changes, encoding="utf-8"):
    """SAF-T Financial 1.10, 1.20 or 1.30."""
    return changed(_saft(version, encoding), *changes, encoding=encoding)


def _saft(version, encoding):
    new = version == "1.30"
    accounts = "\n".join(_saft_account(new, *account) for account in ACCOUNTS)
    entries = "\n".join(_saft_entry(new, *entry) for entry in ENTRIES)
    return f"""<?xml version="1.0" encoding="{encoding}"?>
<AuditFile xmlns="{SAFT}">
<Header>
<AuditFileVersion>{version}</AuditFileVersion><AuditFileCountry>NO</AuditFileCountry>
<AuditFileDateCreated>2026-01-05</AuditFileDateCreated>
<SoftwareCompanyName>Test</SoftwareCompanyName><SoftwareID>Test</SoftwareID><SoftwareVersion>1</SoftwareVersion>
<Company><RegistrationNumber>999999999</RegistrationNumber><Name>Klinikk Blåbær</Name>
<Address><City>Oslo</City></Address>
<Contact><ContactPerson><FirstName>Kari</FirstName><LastName>Nordmann</LastName></ContactPerson></Contact></Company>
<DefaultCurrencyCode>NOK</DefaultCurrencyCode>
<SelectionCriteria><PeriodStart>1</PeriodStart><PeriodStartYear>2025</PeriodStartYear>
<PeriodEnd>12</PeriodEnd><PeriodEndYear>2025</PeriodEndYear></SelectionCriteria>
<TaxAccountingBasis>A</TaxAccountingBasis>
</Header>
<MasterFiles>
<GeneralLedgerAccounts>
{accounts}
</GeneralLedgerAccounts>
<Customers><Customer><RegistrationNumber>974760673</RegistrationNumber><Name>Kunde</Name>
<Address><City>Oslo</City><Country>NO</Country></Address>
<CustomerID>C1</CustomerID>{_saft_balance(new, "1500")}
</Customer></Customers>
<Suppliers><Supplier><Name>Leverandør</Name><Address><City>Oslo</City></Address>
<SupplierID>S1</SupplierID>{_saft_balance(new, "2400")}
</Supplier></Suppliers>
<TaxTable><TaxTableEntry><TaxType>MVA</TaxType><Description>Merverdiavgift</Description>
<TaxCodeDetails><TaxCode>V</TaxCode><Description>Utgående</Description><TaxPercentage>25</TaxPercentage>
<Country>NO</Country><StandardTaxCode>3</StandardTaxCode><BaseRate>100</BaseRate></TaxCodeDetails>
</TaxTableEntry></TaxTable>
</MasterFiles>
<GeneralLedgerEntries>
<NumberOfEntries>{len(ENTRIES)}</NumberOfEntries><TotalDebit>{TOTAL}</TotalDebit><TotalCredit>{TOTAL}</TotalCredit>
<Journal><JournalID>GL</JournalID><Description>Hovedbok</Description><Type>GL</Type>
{entries}
</Journal>
</GeneralLedgerEntries>
</AuditFile>
"""


def _saft_account(new, code, name, _kind, _rgs, category, opening):
    figure, side = sides(opening)
    held = "Debit" if side == "D" else "Credit"
    moved = sum(float(amount) for *_entry, lines in ENTRIES for account, amount, *_rest in lines if account == code)
    closing = f"{float(opening) + moved:.2f}"
    closed, closing_side = sides(closing)
    mapped = (
        f"<GroupingCategory>{category}</GroupingCategory><GroupingCode>{code}</GroupingCode>"
        if new
        else f"<StandardAccountID>{code[:2]}</StandardAccountID>"
    )
    return (
        f"<Account>\n<AccountID>{code}</AccountID><AccountDescription>{name}</AccountDescription>{mapped}"
        f"<AccountType>GL</AccountType>\n<Opening{held}Balance>{figure}</Opening{held}Balance>"
        f"<Closing{'Debit' if closing_side == 'D' else 'Credit'}Balance>{closed}"
        f"</Closing{'Debit' if closing_side == 'D' else 'Credit'}Balance>\n</Account>"
    )


def _saft_balance(new, account):
    facts = (
        f"<AccountID>{account}</AccountID><OpeningDebitBalance>0</OpeningDebitBalance>"
        "<ClosingDebitBalance>0</ClosingDebitBalance>"
    )
    return f"<BalanceAccount>{facts}</BalanceAccount>" if new else facts


def _saft_entry(new, number, day, memo, lines):
    rows = []
    for row, (account, amount, party, vat) in enumerate(lines, start=1):
        figure, side = sides(amount)
        held = "DebitAmount" if side == "D" else "CreditAmount"
        tax = "CreditTaxAmount" if new else "TaxAmount"
        whose = "CustomerID" if party.startswith("C") else "SupplierID"
        rows.append(
            f"<Line>\n<RecordID>{row}</RecordID><AccountID>{account}</AccountID>"
            + (f"<{whose}>{party}</{whose}>" if party else "")
            + f"<Description>{memo}</Description><{held}><Amount>{figure}</Amount></{held}>"
            + (
                f"<TaxInformation><TaxType>MVA</TaxType><TaxCode>{vat}</TaxCode><TaxPercentage>21</TaxPercentage>"
                f"<TaxBase>100</TaxBase><{tax}><Amount>21</Amount></{tax}></TaxInformation>"
                if vat
                else ""
            )
            + "\n</Line>"
        )
    return (
        f"<Transaction>\n<TransactionID>{number}</TransactionID><Period>1</Period><PeriodYear>2025</PeriodYear>"
        f"<TransactionDate>{day}</TransactionDate><Description>{memo}</Description>"
        f"<SystemEntryDate>{day}</SystemEntryDate><GLPostingDate>{day}</GLPostingDate>\n"
        + "\n".join(rows)
        + "\n</Transaction>"
    )


def accounts_csv(separator=";"):
    """The chart of these books as CSV."""
    types = {"BLim": "ASSET", "BVor": "ASSET", "BSch": "LIABILITY", "BEiv": "EQUITY", "WOmz": "REVENUE",
             "WBed": "EXPENSE"}  # fmt: skip
    rows = [("code", "name", "type", "rgs"), *((a[0], a[1], types[a[3][:4]], a[3]) for a in ACCOUNTS)]
    return "\r\n".join(separator.join(row) for row in rows)


def entries_csv(separator=";", decimal=",", day=lambda text: text):
    """The entries of these books as CSV."""
    rows = [("entry", "journal", "date", "account", "debit", "credit", "party", "description")]
    for number, when, memo, lines in ENTRIES:
        for account, amount, party, _vat in lines:
            figure, side = sides(amount)
            figure = figure.replace(".", decimal)
            debit, credit = (figure, "") if side == "D" else ("", figure)
            rows.append((number, "MEM", day(when), account, debit, credit, party, memo))
    return "\n".join(separator.join(f'"{cell}"' if separator in cell else cell for cell in row) for row in rows)
