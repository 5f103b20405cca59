"""XAF, the Dutch "Auditfile Financieel", of every version that the package pyxaf reads (3.2 and 4.0 above all).

pyxaf refuses document types and entities, and streams. What it finds is shown; what makes the figures doubtful keeps
the file out. Its codes are explained at spireflyhq.github.io/pyxaf/reference/codes.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import BinaryIO

import pyxaf
from django.utils.translation import gettext as _
from pyxaf.errors import ForbiddenConstructError, LimitExceededError, NotAnAuditfileError, PyxafError, XmlSyntaxError
from pyxaf.models import AccountKind, JournalKind, LedgerAccount, Line, RelationKind, Transaction

from apps.ledger.importing.books import (
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
from apps.ledger.models import Account, Journal, Party

# Findings after which the figures cannot be trusted: undecodable text, dates and amounts that are none, totals of the
# opening balance, an account defined twice, several administrations.
REFUSED = frozenset(
    "XAF1006 XAF2001 XAF2002 XAF2003 XAF3017 XAF3018 XAF4007 XAF5004 XAF5005 XAF5006 XAF5013 XAF6002 XAF6011 "
    "XAF7013".split()
)
# What the import says itself, of every format (unknown accounts and parties, totals, balance), and what nobody needs to
# know.
SILENT = frozenset("XAF1001 XAF3001 XAF4001 XAF4002 XAF5007 XAF5008 XAF5009 XAF5010 XAF7010 XAF8006".split())
KINDS = {
    RelationKind.CUSTOMER: (Party.Kind.CUSTOMER,),
    RelationKind.SUPPLIER: (Party.Kind.SUPPLIER,),
}
BOTH = (Party.Kind.CUSTOMER, Party.Kind.SUPPLIER)
JOURNALS = {
    JournalKind.BANK: Journal.Type.BANK,
    JournalKind.SALES: Journal.Type.SALES,
    JournalKind.PURCHASES: Journal.Type.PURCHASES,
    JournalKind.OPENING: Journal.Type.OPENING,
}
SIDES = {AccountKind.BALANCE: "B", AccountKind.PROFIT_LOSS: "P"}

_ASSET, _LIABILITY, _REVENUE, _EXPENSE = (
    Account.Type.ASSET, Account.Type.LIABILITY, Account.Type.REVENUE, Account.Type.EXPENSE
)  # fmt: skip
_Place = Account.Place
# The main groups of the Referentie GrootboekSchema (referentiegrootboekschema.nl, "Opbouw RGS").
RGS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("BIva", "BMva", "BVas", "BFva"), (_ASSET, _Place.FIXED_ASSETS)),
    **dict.fromkeys(("BVrd", "BPro", "BVor", "BEff", "BLim"), (_ASSET, _Place.CURRENT_ASSETS)),
    **dict.fromkeys(("BEiv", "BEga"), (Account.Type.EQUITY, _Place.EQUITY)),
    **dict.fromkeys(("BVrz", "BLas"), (_LIABILITY, _Place.LONG_TERM_LIABILITIES)),
    "BSch": (_LIABILITY, _Place.CURRENT_LIABILITIES),
    "WOmz": (_REVENUE, _Place.REVENUE),
    "WOvb": (_REVENUE, _Place.OTHER_INCOME),
    "WKpr": (_EXPENSE, _Place.COST_OF_GOODS_SOLD),
    **dict.fromkeys(("WPer", "WAfs", "WBed"), (_EXPENSE, _Place.OPERATING_EXPENSES)),
    **dict.fromkeys(("WWvi", "WBwv", "WFbe", "WBel"), (_EXPENSE, _Place.OTHER_EXPENSES)),
}
CONTROLS = {"BVorDeb": Account.Control.CUSTOMERS, "BSchCre": Account.Control.SUPPLIERS}


def recognises(head: bytes) -> bool:
    """Whether a file that begins like this is an audit file; CLAIR files of 1999 and 2003 are among them."""
    plain = head.replace(b"\x00", b"")  # UTF-16 too
    return b"auditfile" in plain.lower() and b"<" in plain and b"StandardAuditFile" not in plain


def read(file: BinaryIO) -> "Xaf":
    """The file with everything but its entries. Raises Unreadable."""
    return Xaf(file)


class Xaf:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.problems: list[Problem] = []
        try:
            with self._opened() as audit:
                self.format = f"XAF {audit.version}"
                self.head = self._head(audit)
        except PyxafError as error:
            raise _unreadable(error) from error

    def findings(self) -> Iterator[Problem]:
        """What pyxaf finds by its rules: references, totals, uniqueness."""
        self._file.seek(0)
        for finding in pyxaf.validate(self._file).findings:
            if finding.code not in SILENT:
                yield Problem(finding.line or 1, f"{finding.code}: {finding.message}", finding.code in REFUSED)

    def entries(self) -> Iterator[ReadEntry]:
        try:
            with self._opened() as audit:
                for transaction in audit.transactions():
                    yield self._entry(transaction)
        except PyxafError as error:
            raise _unreadable(error) from error

    def _opened(self) -> pyxaf.AuditFile:
        self._file.seek(0)
        return pyxaf.open(self._file)

    def _head(self, audit: pyxaf.AuditFile) -> Head:
        head = Head(currency=audit.header.currency or "", first_day=audit.header.start_date)
        head.accounts = [_account(account) for account in audit.accounts.values()]
        head.vat_codes = [
            ReadVatCode(
                line=code.raw.line if code.raw else 1,
                code=code.id,
                name=code.description or code.id,
                account=code.payable_account_id or "",
                input_account=code.receivable_account_id or "",
            )
            for code in audit.vat_codes.values()
        ]
        for relation in audit.relations.values():
            for kind in KINDS.get(relation.relation_type.kind, BOTH):
                head.parties.append(
                    ReadParty(
                        line=relation.raw.line if relation.raw else 1,
                        kind=kind,
                        code=relation.id,
                        name=relation.name or "",
                        country=relation.tax_registration_country or "",
                        vat_number=relation.tax_registration_id or "",
                        organization_number=relation.commerce_number or "",
                        email=relation.email or "",
                    )
                )
        head.journals = [
            ReadJournal(
                line=journal.raw.line if journal.raw else 1,
                code=journal.id,
                name=journal.description or journal.id,
                type=JOURNALS.get(journal.journal_type.kind, ""),
            )
            for journal in audit.journals.values()
        ]
        totals = audit.transaction_totals
        if totals:
            head.stated = Stated(totals.total_debit, totals.total_credit, totals.lines_count)
        opening = audit.opening_balance("element")
        if opening.lines:
            head.opening = ReadEntry(
                line=opening.lines[0].raw.line if opening.lines[0].raw else 1,
                journal="OPN",
                number="",
                date=opening.date or audit.header.start_date,
                memo=opening.description or "",
                lines=tuple(map(_line, opening.lines)),
            )
        return head

    def _entry(self, transaction: Transaction) -> ReadEntry:
        return ReadEntry(
            line=transaction.raw.line if transaction.raw else 1,
            journal=transaction.journal_id or "",
            number=transaction.number or "",
            date=transaction.date,
            memo=transaction.description or "",
            lines=tuple(map(_line, transaction.lines)),
        )


def _account(account: LedgerAccount) -> ReadAccount:
    rgs = (account.rgs and account.rgs.code) or ""
    kind, place = RGS.get(rgs[:4], ("", ""))
    return ReadAccount(
        line=account.raw.line if account.raw else 1,
        code=account.id,
        name=account.description or account.id,
        type=kind,
        place=place,
        control=CONTROLS.get(rgs[:7], ""),
        standard_code=rgs,
        side=SIDES.get(account.account_type.kind, ""),
    )


def _line(line: Line) -> ReadLine:
    vat = next(iter(line.vat), None)
    foreign = line.foreign
    return ReadLine(
        line=line.raw.line if line.raw else 1,
        account=line.account_id or "",
        debit=line.debit or Decimal(0),
        credit=line.credit or Decimal(0),
        party=line.relation_id or "",
        vat_code=(vat and vat.code) or "",
        vat_rate=vat.percentage if vat else None,
        memo=line.description or "",
        currency=(foreign and foreign.currency) or "",
        amount_currency=foreign.signed_amount if foreign else None,
    )


def _unreadable(error: PyxafError) -> Unreadable:
    line = getattr(error, "line", None) or 1
    if isinstance(error, ForbiddenConstructError):
        return Unreadable(line, _("A document type or entities are not read."))
    if isinstance(error, XmlSyntaxError):
        return Unreadable(line, _("The XML is damaged: %(error)s") % {"error": error})
    if isinstance(error, LimitExceededError | NotAnAuditfileError):
        return Unreadable(line, _("This is no audit file that can be read: %(error)s") % {"error": error})
    return Unreadable(line, str(error))
