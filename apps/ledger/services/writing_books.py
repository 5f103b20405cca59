"""Write what a file of books was found to hold, from accounts to the opening balance."""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from apps.core.events import record
from apps.core.models import Upload, User
from apps.core.money import CURRENCIES, ZERO
from apps.ledger import numbers
from apps.ledger.importing.books import (
    ReadEntry,
    ReadLine,
)
from apps.ledger.models import Account, Batch, Journal, JournalLine, Party, VatCode
from apps.ledger.services.bulk import Entry, post_entries
from apps.ledger.services.opening import open_years
from apps.ledger.services.posting import Item, Line
from apps.ledger.services.surveying import Survey

_LONGEST_MEMO = 300
_LONGEST_REFERENCE = 64
_TYPE_OF_SIDE = {
    ("B", True): (Account.Type.ASSET, Account.Place.CURRENT_ASSETS),
    ("B", False): (Account.Type.LIABILITY, Account.Place.CURRENT_LIABILITIES),
    ("P", True): (Account.Type.EXPENSE, Account.Place.OPERATING_EXPENSES),
    ("P", False): (Account.Type.REVENUE, Account.Place.REVENUE),
}
_KIND_OF_CONTROL: dict[str, str] = {
    Account.Control.CUSTOMERS: Party.Kind.CUSTOMER,
    Account.Control.SUPPLIERS: Party.Kind.SUPPLIER,
}


def write_books(survey: Survey, upload: Upload, by: User) -> Batch | None:
    administration, head = survey.administration, survey.books.head
    preview = survey.preview()
    _make_accounts(survey)
    _make_vat_codes(survey)
    _make_parties(survey)
    _make_journals(survey)
    batch = None
    if survey.first_day and survey.last_day and (survey.with_amounts or (head.opening and survey.opens)):
        open_years(administration, survey.first_day.year, survey.last_day.year)
        batch = Batch.objects.create(
            administration=administration,
            kind=Batch.Kind.IMPORT,
            title=f"{upload.file_name} ({survey.books.format})"[:200],
            upload=upload,
            created_by=by,
        )
        post_entries(administration, _entries(survey), by=by, batch=batch)
    facts = preview.as_facts()
    facts.pop("problems")
    record("ledger.books_imported", upload, by=by, batch=batch and batch.pk, **facts)
    return batch


def _make_accounts(survey: Survey) -> None:
    made = []
    for code, read in survey.read.items():
        if code in survey.accounts:
            continue
        type_, place = read.type, read.place
        if not type_:
            type_, place = _TYPE_OF_SIDE[read.side, survey.sums[code] >= 0]
        made.append(
            Account(
                administration=survey.administration,
                code=code,
                name=read.name[:200],
                type=type_,
                place=place,
                control=read.control,
                standard_code=read.standard_code[:40],
            )
        )
    survey.accounts |= {account.code: account for account in Account.objects.bulk_create(made)}


def _make_vat_codes(survey: Survey) -> None:
    made = []
    for read, rate in survey.new_vat_codes():
        account, input_account = survey.accounts.get(read.account), survey.accounts.get(read.input_account)
        if rate and account is None and input_account is None:
            continue
        made.append(
            VatCode(
                administration=survey.administration,
                code=read.code[:16],
                name=read.name[:100],
                rate=rate,
                account=account or input_account,
                input_account=input_account,
                category=VatCode.Category.SALES if account else VatCode.Category.PURCHASES,
                standard_code=read.standard_code,
            )
        )
    survey.vat_codes |= {code.code: code for code in VatCode.objects.bulk_create(made)}


def _make_parties(survey: Survey) -> None:
    made = {}
    for read in survey.books.head.parties:
        if (read.kind, read.code) in survey.parties or not read.code or len(read.code) > 64:
            continue
        made[read.kind, read.code] = Party(
            administration=survey.administration,
            kind=read.kind,
            code=read.code,
            name=read.name[:200],
            country=read.country if len(read.country) == 2 else "",
            vat_number=numbers.vat_number(read.vat_number, read.country),
            organization_number=numbers.organization_number(read.organization_number),
            iban=numbers.iban(read.iban),
            email=read.email if "@" in read.email else "",
        )
    Party.objects.bulk_create(made.values())
    survey.parties |= made


def _make_journals(survey: Survey) -> None:
    """Journals by their codes; one whose code is too long for the books gets a short one of its own."""
    for read in survey.books.head.journals:
        if read.code in survey.journals:
            continue
        taken = {journal.code for journal in survey.journals.values()}
        codes = (read.code[:8] or "GEN", *(f"IMP{number}" for number in range(1, 1000)))
        code = next(code for code in codes if code not in taken or code == read.code)
        survey.journals[read.code] = survey.journals.get(code) or Journal.objects.create(
            administration=survey.administration,
            code=code,
            name=read.name[:100],
            type=read.type or Journal.Type.GENERAL,
        )


def _entries(survey: Survey) -> Iterator[Entry]:
    opening = survey.books.head.opening
    if opening and survey.opens:
        day = opening.date or survey.day
        assert day is not None  # noqa: S101 - the survey refused it otherwise
        # Where nothing follows it, what it leaves owing is what is open.
        lines = [*_lines(survey, opening, items=() if survey.with_amounts else None)]
        difference = sum((line.debit - line.credit for line in lines), ZERO)
        if difference:
            account = next(one for one in survey.accounts.values() if one.purpose == "opening_balance")
            lines.append(Line(account, debit=max(-difference, ZERO), credit=max(difference, ZERO)))
        memo = opening.memo or _("Opening balance")
        yield Entry(journal=_opening_journal(survey), date=day, memo=memo[:_LONGEST_MEMO], lines=lines)
    for entry in survey.books.entries():
        lines = [*_lines(survey, entry)]
        if lines and entry.date:
            memo = entry.memo or " ".join((entry.journal, entry.number))
            yield Entry(
                journal=survey.journals[entry.journal],
                date=entry.date,
                memo=memo[:_LONGEST_MEMO],
                lines=lines,
                reference=entry.number[:_LONGEST_REFERENCE],
            )


def _lines(survey: Survey, entry: ReadEntry, items: tuple[Item, ...] | None = ()) -> Iterator[Line]:
    """The lines that have an amount; without open items, as what settled them is history too."""
    own = survey.administration.currency
    for line in entry.lines:
        amount = line.debit - line.credit
        if not amount:
            continue
        foreign: dict[str, Any] = {}
        in_currency = line.amount_currency
        if in_currency and line.currency in CURRENCIES and line.currency != own and (in_currency > 0) == (amount > 0):
            foreign = {"currency": line.currency, "amount_currency": in_currency, "exchange_rate": amount / in_currency}
        account = survey.accounts[line.account]
        code = survey.vat_code(line.vat_code) if line.vat_code else None
        role = _vat_role(code, account)
        yield Line(
            account,
            debit=max(amount, ZERO),
            credit=max(-amount, ZERO),
            party=_party(survey, line),
            vat_code=code if role else None,
            vat_role=role,
            memo=line.memo[:_LONGEST_MEMO],
            items=items,
            **foreign,
        )


def _vat_role(code: VatCode | None, account: Account) -> str:
    """What a line with ``code`` is in the return, by its account: files say the code on all lines of an entry."""
    if code is None:
        return ""
    if account.pk == code.account_id:
        return str(JournalLine.VatRole.TAX)
    if account.pk == code.input_account_id:
        return str(JournalLine.VatRole.DEDUCTIBLE)
    base = account.type in (Account.Type.REVENUE, Account.Type.EXPENSE) or account.place == Account.Place.FIXED_ASSETS
    return str(JournalLine.VatRole.BASE) if base else ""


def _party(survey: Survey, line: ReadLine) -> Party | None:
    """The party of a line: of the kind that the file names, that the account is for, or the only one there is."""
    if not line.party or line.party not in survey.kinds:
        return None
    kinds = [line.kind, _KIND_OF_CONTROL.get(survey.accounts[line.account].control, ""), *survey.kinds[line.party]]
    return next((survey.parties[kind, line.party] for kind in kinds if (kind, line.party) in survey.parties), None)


def _opening_journal(survey: Survey) -> Journal:
    return survey.journals.get("OPN") or Journal.objects.create(
        administration=survey.administration, code="OPN", name=_("Opening balances"), type=Journal.Type.OPENING
    )
