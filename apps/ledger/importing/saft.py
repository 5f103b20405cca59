"""SAF-T Financial of Norway, versions 1.10, 1.20 and 1.30 (Skatteetaten, "SAF-T Regnskap").

Streaming, with lxml: a document type is refused, entities are never resolved, nothing is fetched. Element names are the
same in the three versions, but for what an account maps to (StandardAccountID; GroupingCategory and GroupingCode from
1.30 on), the accounts of a party (AccountID; BalanceAccount) and the VAT of a line (TaxAmount; DebitTaxAmount).
"""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, BinaryIO

from django.utils.translation import gettext as _
from lxml import etree

from apps.core.money import ZERO
from apps.ledger.importing.books import (
    MOST_PROBLEMS,
    Head,
    Problem,
    ReadAccount,
    ReadEntry,
    ReadJournal,
    ReadLine,
    ReadParty,
    ReadVatCode,
    Stated,
    Unreadable,
)
from apps.ledger.models import Account, Party

NAMESPACE = "urn:StandardAuditFile-Taxation-Financial:NO"
_ROOT = b"StandardAuditFile-Taxation-Financial"
_Type, _Place = Account.Type, Account.Place
# NS 4102: what the first digits of a Norwegian account say of it.
NS_4102: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("10", "11", "12", "13"), (_Type.ASSET, _Place.FIXED_ASSETS)),
    **dict.fromkeys(("14", "15", "16", "17", "18", "19"), (_Type.ASSET, _Place.CURRENT_ASSETS)),
    "20": (_Type.EQUITY, _Place.EQUITY),
    **dict.fromkeys(("21", "22"), (_Type.LIABILITY, _Place.LONG_TERM_LIABILITIES)),
    **dict.fromkeys(("23", "24", "25", "26", "27", "28", "29"), (_Type.LIABILITY, _Place.CURRENT_LIABILITIES)),
    "3": (_Type.REVENUE, _Place.REVENUE),
    "4": (_Type.EXPENSE, _Place.COST_OF_GOODS_SOLD),
    **dict.fromkeys(("5", "6", "7"), (_Type.EXPENSE, _Place.OPERATING_EXPENSES)),
    "80": (_Type.REVENUE, _Place.OTHER_INCOME),
    "8": (_Type.EXPENSE, _Place.OTHER_EXPENSES),
}
# Categories of the business specification (naeringsspesifikasjon), which 1.30 maps accounts to.
CATEGORIES: dict[str, tuple[str, str]] = {
    "balanseverdiForAnleggsmiddel": (_Type.ASSET, _Place.FIXED_ASSETS),
    "balanseverdiForOmloepsmiddel": (_Type.ASSET, _Place.CURRENT_ASSETS),
    "egenkapital": (_Type.EQUITY, _Place.EQUITY),
    "langsiktigGjeld": (_Type.LIABILITY, _Place.LONG_TERM_LIABILITIES),
    "kortsiktigGjeld": (_Type.LIABILITY, _Place.CURRENT_LIABILITIES),
    "salgsinntekt": (_Type.REVENUE, _Place.REVENUE),
    "annenDriftsinntekt": (_Type.REVENUE, _Place.REVENUE),
    "varekostnad": (_Type.EXPENSE, _Place.COST_OF_GOODS_SOLD),
    "loennskostnad": (_Type.EXPENSE, _Place.OPERATING_EXPENSES),
    "annenDriftskostnad": (_Type.EXPENSE, _Place.OPERATING_EXPENSES),
    "finansinntekt": (_Type.REVENUE, _Place.OTHER_INCOME),
    "finanskostnad": (_Type.EXPENSE, _Place.OTHER_EXPENSES),
    "skattekostnad": (_Type.EXPENSE, _Place.OTHER_EXPENSES),
}


def recognises(head: bytes) -> bool:
    """Whether a file that begins like this is SAF-T Financial."""
    return _ROOT in head.replace(b"\x00", b"")  # UTF-16 too


def read(file: BinaryIO) -> "Saft":
    """The file with everything but its entries. Raises Unreadable."""
    return Saft(file)


class Saft:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.problems: list[Problem] = []
        self.head = Head()
        self._version = ""
        self._openings: dict[str, tuple[int, Decimal]] = {}
        self._party_openings: dict[str, list[ReadLine]] = {}
        self._controls: dict[str, str] = {}
        self._journals: set[str] = set()
        for element in self._elements(until="Journal"):
            take = self._takes.get(_name(element))
            if take:
                take(self, element)
        self.format = f"SAF-T Financial {self._version}".strip()
        self._join()

    def findings(self) -> Iterator[Problem]:
        """What the file says beside its entries that does not hold."""
        if self.head.opening:
            difference = sum((line.debit - line.credit for line in self.head.opening.lines), ZERO)
            if difference:
                reason = _("The opening balances differ by %(amount)s; the difference is posted to the account for it.")
                yield Problem(self.head.opening.line, reason % {"amount": difference}, refused=False)

    def entries(self) -> Iterator[ReadEntry]:
        journal = ""
        for element in self._elements():
            name = _name(element)
            if name == "JournalID" and _name(element.getparent()) == "Journal":
                journal = (element.text or "").strip()
            elif name == "Transaction":
                yield self._entry(element, journal)

    # Elements ---------------------------------------------------------------------------------------------------------

    def _elements(self, until: str = "") -> Iterator[Any]:
        """Every element that ends, before the first ``until`` begins; what was read is let go. Raises Unreadable."""
        self._file.seek(0)
        started = etree.iterparse(
            self._file,
            events=("start", "end"),
            resolve_entities=False,
            load_dtd=False,
            no_network=True,
            huge_tree=False,
        )
        first = True
        try:
            for event, element in started:
                if first:
                    self._check_document(element)
                    first = False
                if event == "start":
                    if until and _name(element) == until:
                        return
                    continue
                yield element
                if _name(element) in _WHOLE:
                    _let_go(element)
        except etree.XMLSyntaxError as error:
            line = error.lineno or 1
            raise Unreadable(line, _("The XML is damaged: %(error)s") % {"error": error.msg}) from error

    def _check_document(self, root: Any) -> None:
        if root.getroottree().docinfo.doctype:
            raise Unreadable(1, _("A document type or entities are not read."))
        if etree.QName(root).namespace not in (NAMESPACE, None) or _name(root) != "AuditFile":
            raise Unreadable(root.sourceline or 1, _("This is no SAF-T Financial file of Norway."))

    # Head -------------------------------------------------------------------------------------------------------------

    def _take_header(self, header: Any) -> None:
        self._version = _text(header, "AuditFileVersion")
        self.head.currency = _text(header, "DefaultCurrencyCode")
        chosen = _child(header, "SelectionCriteria")
        if chosen is None:
            return
        year, period = _text(chosen, "PeriodStartYear"), _text(chosen, "PeriodStart")
        if year.isdigit() and period.isdigit() and 1 <= int(period) <= 12:
            self.head.first_day = date(int(year), int(period), 1)
        else:
            self.head.first_day = _day(_text(chosen, "SelectionStartDate"))

    def _take_account(self, account: Any) -> None:
        code, line = _text(account, "AccountID"), account.sourceline
        standard = _text(account, "StandardAccountID") or _text(account, "GroupingCode")
        category = _text(account, "GroupingCategory")
        kind, place = CATEGORIES.get(category) or _by_number(standard) or _by_number(code) or ("", "")
        opening = self._balance(account, "Opening")
        if opening:
            self._openings[code] = (line, opening)
        self.head.accounts.append(
            ReadAccount(
                line=line,
                code=code,
                name=_text(account, "AccountDescription") or code,
                type=kind,
                place=place,
                standard_code=standard,
                side="B" if opening else "P",
                closing=self._balance(account, "Closing"),
            )
        )

    def _take_customer(self, party: Any) -> None:
        self._take_party(party, Party.Kind.CUSTOMER, "CustomerID", Account.Control.CUSTOMERS)

    def _take_supplier(self, party: Any) -> None:
        self._take_party(party, Party.Kind.SUPPLIER, "SupplierID", Account.Control.SUPPLIERS)

    def _take_party(self, party: Any, kind: str, name: str, control: str) -> None:
        code = _text(party, name)
        address, bank = _child(party, "Address"), _child(party, "BankAccount")
        contact = _child(party, "Contact")
        registration = _child(party, "TaxRegistration")
        self.head.parties.append(
            ReadParty(
                line=party.sourceline,
                kind=kind,
                code=code,
                name=_text(party, "Name"),
                country=_text(address, "Country"),
                vat_number=_text(registration, "TaxRegistrationNumber"),
                organization_number=_text(party, "RegistrationNumber"),
                iban=_text(bank, "IBANNumber"),
                email=_text(contact, "Email"),
            )
        )
        for held in (party, *_children(party, "BalanceAccount")):
            account = _text(held, "AccountID")
            if not account:
                continue
            self._controls[account] = control
            amount = self._balance(held, "Opening")
            if amount:
                opened = ReadLine(
                    held.sourceline, account, max(amount, ZERO), max(-amount, ZERO), party=code, kind=kind
                )
                self._party_openings.setdefault(account, []).append(opened)

    def _take_tax(self, code: Any) -> None:
        self.head.vat_codes.append(
            ReadVatCode(
                line=code.sourceline,
                code=_text(code, "TaxCode"),
                name=_text(code, "Description") or _text(code, "TaxCode"),
                rate=self._amount(code, "TaxPercentage"),
                standard_code=_text(code, "StandardTaxCode"),
            )
        )

    def _take_stated(self, element: Any) -> None:
        if _name(element.getparent()) != "GeneralLedgerEntries":
            return
        said = {"NumberOfEntries": "count", "TotalDebit": "debit", "TotalCredit": "credit"}[_name(element)]
        amount = self._number(element.text or "", element.sourceline)
        facts = {**vars(self.head.stated), said: int(amount or 0) if said == "count" else amount}
        self.head.stated = Stated(**{**facts, "line": element.sourceline})

    _takes: dict[str, Callable[["Saft", Any], None]] = {
        "Header": _take_header,
        "Account": _take_account,
        "Customer": _take_customer,
        "Supplier": _take_supplier,
        "TaxCodeDetails": _take_tax,
        **dict.fromkeys(("NumberOfEntries", "TotalDebit", "TotalCredit"), _take_stated),
    }

    def _join(self) -> None:
        """What the file says in two places: which accounts are of customers and suppliers, and opening balances."""
        self.head.accounts = [
            ReadAccount(**{**vars(account), "control": self._controls.get(account.code, "")})
            for account in self.head.accounts
        ]
        lines: list[ReadLine] = []
        for account, (line, amount) in self._openings.items():
            parts = self._party_openings.get(account, [])
            if parts and sum((part.debit - part.credit for part in parts), ZERO) == amount:
                lines += parts
            else:
                lines.append(ReadLine(line, account, max(amount, ZERO), max(-amount, ZERO)))
        if lines:
            first = min(line.line for line in lines)
            self.head.opening = ReadEntry(first, "OPN", "", self.head.first_day, "", tuple(lines))

    # Entries ----------------------------------------------------------------------------------------------------------

    def _entry(self, transaction: Any, journal: str) -> ReadEntry:
        if journal not in self._journals:
            held = transaction.getparent()
            self._journals.add(journal)
            self.head.journals.append(ReadJournal(held.sourceline, journal, _text(held, "Description") or journal))
        return ReadEntry(
            line=transaction.sourceline,
            journal=journal,
            number=_text(transaction, "TransactionID"),
            date=_day(_text(transaction, "TransactionDate")),
            memo=_text(transaction, "Description"),
            lines=tuple(self._line(line) for line in _children(transaction, "Line")),
        )

    def _line(self, line: Any) -> ReadLine:
        debit, credit = _child(line, "DebitAmount"), _child(line, "CreditAmount")
        amount = (self._amount(debit, "Amount") or ZERO) - (self._amount(credit, "Amount") or ZERO)
        foreign = debit if debit is not None else credit
        currency = _text(foreign, "CurrencyCode")
        in_currency = self._amount(foreign, "CurrencyAmount")
        if in_currency is not None and amount < 0:
            in_currency = -abs(in_currency)
        customer, supplier = _text(line, "CustomerID"), _text(line, "SupplierID")
        kind = Party.Kind.CUSTOMER if customer else Party.Kind.SUPPLIER if supplier else ""
        return ReadLine(
            line=line.sourceline,
            account=_text(line, "AccountID"),
            debit=max(amount, ZERO),
            credit=max(-amount, ZERO),
            party=customer or supplier,
            kind=kind,
            vat_code=_text(_child(line, "TaxInformation"), "TaxCode"),
            memo=_text(line, "Description"),
            currency=currency,
            amount_currency=in_currency,
        )

    # Values -----------------------------------------------------------------------------------------------------------

    def _balance(self, element: Any, when: str) -> Decimal | None:
        """Debit less credit of ``Opening…`` or ``Closing…``; None where neither is stated."""
        debit = self._amount(element, f"{when}DebitBalance")
        credit = self._amount(element, f"{when}CreditBalance")
        return None if debit is None and credit is None else (debit or ZERO) - (credit or ZERO)

    def _amount(self, element: Any, name: str) -> Decimal | None:
        child = _child(element, name)
        return None if child is None else self._number(child.text or "", child.sourceline)

    def _number(self, text: str, line: int) -> Decimal | None:
        try:
            number = Decimal(text.strip())
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite():
            if len(self.problems) == MOST_PROBLEMS:
                return None
            self.problems.append(Problem(line, _("“%(text)s” is no amount.") % {"text": text}))
            return None
        return number


# Elements that are read as a whole and then let go.
_WHOLE = frozenset("Account Customer Supplier TaxTableEntry AnalysisTypeTableEntry Owner Transaction Header".split())


def _name(element: Any) -> str:
    return "" if element is None or not isinstance(element.tag, str) else element.tag.rpartition("}")[2]


def _children(element: Any, name: str) -> Iterator[Any]:
    return (child for child in element if _name(child) == name)


def _child(element: Any, name: str) -> Any:
    return None if element is None else next(_children(element, name), None)


def _text(element: Any, name: str) -> str:
    child = _child(element, name)
    return "" if child is None else (child.text or "").strip()


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _by_number(code: str) -> tuple[str, str] | None:
    """What NS 4102 says of an account by the first digits of its number."""
    if not code.isdigit():
        return None
    return NS_4102.get(code[:2]) or NS_4102.get(code[:1])


def _let_go(element: Any) -> None:
    """Forget an element and those of its kind before it, so that memory does not grow with the file."""
    element.clear()
    before = element.getprevious()
    while before is not None and before.tag == element.tag:
        element.getparent().remove(before)
        before = element.getprevious()
