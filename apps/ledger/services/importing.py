"""Import books from a file: its chart, parties, journals, opening balance and entries. All of a file or nothing of it.

What comes in is history: its entries belong to a batch, so that lines on control accounts may be without open items.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from itertools import chain
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from apps.core.events import record
from apps.core.languages import language_of_books
from apps.core.models import Administration, Upload, User
from apps.core.money import CURRENCIES, ZERO, quantize
from apps.core.permissions import Act, require
from apps.core.services.uploads import storage
from apps.ledger import numbers
from apps.ledger.errors import BooksFileRefused, BooksImportedBefore
from apps.ledger.importing import open_books_file
from apps.ledger.importing.books import (
    MOST_PROBLEMS,
    Books,
    Problem,
    ReadAccount,
    ReadEntry,
    ReadLine,
    ReadVatCode,
    Unreadable,
)
from apps.ledger.models import Account, Batch, Journal, JournalEntry, JournalLine, Party, Period, VatCode
from apps.ledger.services.bulk import Entry, post_entries
from apps.ledger.services.opening import open_years
from apps.ledger.services.posting import Item, Line

SHOWN = 200  # problems that a preview lists; the rest is counted
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


@dataclass(frozen=True)
class Preview:
    """What an import of the file would make. Amounts are sums of its entries, without the opening balance; ``stated``
    ones are what the file says itself. ``problems`` are at most SHOWN, those that keep the file out first."""

    format: str
    accounts_new: int
    accounts_known: int
    vat_codes_new: int
    parties_new: int
    parties_known: int
    journals_new: int
    entries: int
    lines: int
    debit: Decimal
    credit: Decimal
    stated_debit: Decimal | None
    stated_credit: Decimal | None
    opening: Decimal | None
    first_day: date | None
    last_day: date | None
    refused: int
    remarks: int
    problems: list[Problem]

    def as_facts(self) -> dict[str, Any]:
        """The same as JSON can hold it."""
        return asdict(self)


def preview_import(upload: Upload, *, by: User, day: date | None = None) -> Preview:
    """What importing the file of ``upload`` would make, and what is wrong with it; writes nothing.

    ``day`` is the date of a trial balance that does not say its own. Raises NotAllowed, or BooksFileRefused where the
    file cannot be read to its end.
    """
    require(by, Act.KEEP_ACCOUNTS, upload.administration_id)
    with storage().open(upload.stored_as) as file, override(by.language or settings.LANGUAGE_CODE):
        return _survey(upload.administration, file, day).preview()


@transaction.atomic
def import_books(upload: Upload, *, by: User, day: date | None = None) -> Batch | None:
    """Import the file of ``upload`` into the books of its administration; the batch of its entries, None without any.

    Accounts, VAT codes, parties and journals are recognised by their codes and otherwise made; the years of the entries
    are opened. Raises NotAllowed, BooksFileRefused with every line that is wrong, or BooksImportedBefore.
    """
    administration = upload.administration
    require(by, Act.KEEP_ACCOUNTS, administration.pk)
    Administration.objects.select_for_update().get(pk=administration.pk)  # two imports at once wait for each other
    known = Batch.objects.filter(administration=administration, kind=Batch.Kind.IMPORT, reversed_at=None)
    if known.filter(upload__sha256=upload.sha256).exists():
        raise BooksImportedBefore(file=upload.file_name)
    with storage().open(upload.stored_as) as file:
        with override(by.language or settings.LANGUAGE_CODE):
            survey = _survey(administration, file, day)
        refused = survey.refused()
        if refused:
            raise _refusal(refused)
        with language_of_books(administration):
            return _write(survey, upload, by)


def _refusal(problems: list[Problem]) -> BooksFileRefused:
    first = min(problems, key=lambda problem: problem.line)
    rows = [{"line": problem.line, "reason": problem.reason} for problem in problems[:SHOWN]]
    return BooksFileRefused(line=first.line, reason=first.reason, count=len(problems), rows=rows)


# What the file says against what the books know ----------------------------------------------------------------------


@dataclass
class _Survey:
    """A file read once, held against the books."""

    administration: Administration
    books: Books
    day: date | None
    accounts: dict[str, Account] = field(default_factory=dict)
    read: dict[str, ReadAccount] = field(default_factory=dict)
    vat_codes: dict[str, VatCode] = field(default_factory=dict)
    parties: dict[tuple[str, str], Party] = field(default_factory=dict)
    kinds: dict[str, list[str]] = field(default_factory=dict)  # code of a party -> its kinds, in the file and the books
    journals: dict[str, Journal] = field(default_factory=dict)
    sums: Counter[str] = field(default_factory=Counter)  # debit less credit by account, the opening balance included
    strangers: dict[str, int] = field(default_factory=dict)  # parties that nothing tells of, and where they stand first
    used: dict[str, None] = field(default_factory=dict)  # VAT codes that lines have
    rates: dict[str, Decimal] = field(default_factory=dict)
    entries: int = 0
    with_amounts: int = 0
    lines: int = 0
    debit: Decimal = ZERO
    credit: Decimal = ZERO
    first_day: date | None = None
    last_day: date | None = None
    closed: list[tuple[date, date]] = field(default_factory=list)  # what no longer admits posting
    opens: bool = True  # the opening balance is posted: nothing stands in the books before it
    found: dict[Problem, None] = field(default_factory=dict)

    def refuse(self, line: int, reason: str) -> None:
        self.find(Problem(line, reason))

    def remark(self, line: int, reason: str) -> None:
        if len(self.found) < MOST_PROBLEMS:  # so that remarks never crowd out a refusal
            self.find(Problem(line, reason, refused=False))

    def find(self, problem: Problem) -> None:
        if len(self.found) < 2 * MOST_PROBLEMS:
            self.found[problem] = None

    def refused(self) -> list[Problem]:
        return [problem for problem in self.found if problem.refused]

    def preview(self) -> Preview:
        head = self.books.head
        refused = sorted(self.refused(), key=lambda problem: problem.line)
        remarks = sorted(set(self.found) - set(refused), key=lambda problem: problem.line)
        new_parties = {(party.kind, party.code) for party in head.parties} - set(self.parties)
        return Preview(
            format=self.books.format,
            accounts_new=len(self.read.keys() - self.accounts.keys()),
            accounts_known=len(self.read.keys() & self.accounts.keys()),
            vat_codes_new=sum(1 for _code in self.new_vat_codes()),
            parties_new=len(new_parties),
            parties_known=len({(party.kind, party.code) for party in head.parties} & set(self.parties)),
            journals_new=len({journal.code for journal in head.journals} - self.journals.keys()),
            entries=self.with_amounts,
            lines=self.lines,
            debit=self.debit,
            credit=self.credit,
            stated_debit=head.stated.debit,
            stated_credit=head.stated.credit,
            opening=sum((line.debit for line in head.opening.lines), ZERO) if head.opening and self.opens else None,
            first_day=self.first_day,
            last_day=self.last_day,
            refused=len(refused),
            remarks=len(remarks),
            problems=[*refused, *remarks][:SHOWN],
        )

    def new_vat_codes(self) -> Iterator[tuple[ReadVatCode, Decimal]]:
        """VAT codes that can be made, with their rates: one that takes a rate needs an account to stand on."""
        for code in self.books.head.vat_codes:
            rate = code.rate if code.rate is not None else self.rates.get(code.code)
            if self.vat_code(code.code) or rate is None or not 0 <= rate <= 100:
                continue
            if rate == 0 or (code.account or code.input_account) in self.read or code.account in self.accounts:
                yield code, rate

    def vat_code(self, code: str) -> VatCode | None:
        """The VAT code of the books that ``code`` of the file stands for."""
        return self.vat_codes.get(code)


def _survey(administration: Administration, file: Any, day: date | None) -> _Survey:
    """Read the whole file. Raises BooksFileRefused where it cannot be read on."""
    try:
        books = open_books_file(file)
        survey = _Survey(administration, books, day)
        _recognise(survey)
        _check_head(survey)
        for entry in books.entries():
            _check_entry(survey, entry)
    except Unreadable as error:
        raise _refusal([Problem(error.line, error.reason)]) from error
    _check_figures(survey)
    for problem in chain(books.problems, books.findings()):
        survey.find(problem)
    return survey


def _recognise(survey: _Survey) -> None:
    mine: Any = {"administration": survey.administration}
    survey.accounts = {account.code: account for account in Account.objects.filter(**mine)}
    survey.vat_codes = _vat_codes(survey, list(VatCode.objects.filter(**mine)))
    survey.journals = {journal.code: journal for journal in Journal.objects.filter(**mine)}
    closed = Period.objects.filter(**mine).exclude(status__in=(Period.Status.OPEN, Period.Status.REVIEW))
    survey.closed = list(closed.exclude(type=Period.Type.YEAR_END).values_list("first_day", "last_day"))
    survey.parties = {(party.kind, party.code): party for party in Party.objects.filter(**mine)}
    for kind, code in chain(survey.parties, ((party.kind, party.code) for party in survey.books.head.parties)):
        survey.kinds.setdefault(code, []).append(kind)


def _vat_codes(survey: _Survey, known: list[VatCode]) -> dict[str, VatCode]:
    """The VAT codes of the books by their codes, and by those of the file that have the same standard code."""
    standard = Counter(code.standard_code for code in known)
    by_standard = {code.standard_code: code for code in known if standard[code.standard_code] == 1}
    in_file = {read.code: by_standard.get(read.standard_code) for read in survey.books.head.vat_codes}
    found = {code: one for code, one in in_file.items() if one is not None and one.standard_code}
    return found | {code.code: code for code in known}


def _check_head(survey: _Survey) -> None:
    head, own = survey.books.head, survey.administration.currency
    if head.currency and head.currency != own:
        words = _("The file is in %(file)s, the books are in %(books)s.") % {"file": head.currency, "books": own}
        (survey.refuse if head.currency in CURRENCIES else survey.remark)(1, words)
    for account in head.accounts:
        if not account.code:
            survey.refuse(account.line, _("The account has no code."))
        elif account.code in survey.read:
            survey.refuse(account.line, _("Account %(code)s stands in the file twice.") % {"code": account.code})
        elif len(account.code) > 16:
            survey.refuse(account.line, _("The code %(code)s is longer than 16 characters.") % {"code": account.code})
        survey.read[account.code] = account
    opening = head.opening
    if opening:
        day = opening.date or survey.day
        if day is None:
            survey.refuse(opening.line, _("A trial balance needs the date that it is of."))
        elif _balances_before(survey.administration, day):
            survey.opens = False
            survey.remark(
                opening.line,
                _("The books have entries before %(day)s: the opening balance is left out.") % {"day": day},
            )
        else:
            _check_lines(survey, opening)
            _span(survey, opening.line, day)


def _balances_before(administration: Administration, day: date) -> bool:
    return JournalEntry.objects.filter(administration=administration, date__lt=day).posted().exists()


def _check_entry(survey: _Survey, entry: ReadEntry) -> None:
    survey.entries += 1
    lines, debit, credit = _check_lines(survey, entry)
    if not lines:
        survey.remark(entry.line, _("Entry %(number)s has no amounts and is left out.") % {"number": entry.number})
        return
    survey.with_amounts += 1
    survey.lines += lines
    survey.debit += debit
    survey.credit += credit
    if debit != credit:
        words = _("Entry %(number)s does not balance: debit %(debit)s, credit %(credit)s.")
        survey.refuse(entry.line, words % {"number": entry.number, "debit": debit, "credit": credit})
    if entry.date is None:
        survey.refuse(entry.line, _("Entry %(number)s has no date.") % {"number": entry.number})
    else:
        _span(survey, entry.line, entry.date)


def _check_lines(survey: _Survey, entry: ReadEntry) -> tuple[int, Decimal, Decimal]:
    """How many lines have an amount, and the sums of both sides."""
    count, debits, credits = 0, ZERO, ZERO
    for line in entry.lines:
        amount = line.debit - line.credit
        if not amount:
            continue
        count += 1
        debits += line.debit
        credits += line.credit
        survey.sums[line.account] += amount  # type: ignore[assignment]
        if line.account not in survey.accounts and line.account not in survey.read:
            survey.refuse(line.line, _("There is no account %(code)s.") % {"code": line.account})
        if quantize(amount, survey.administration.currency) != amount:
            survey.refuse(line.line, _("The amount %(amount)s has too many digits.") % {"amount": abs(amount)})
        if line.vat_code:
            survey.used[line.vat_code] = None
        if line.vat_rate is not None:
            survey.rates.setdefault(line.vat_code, line.vat_rate)
        if line.party and line.party not in survey.kinds:
            survey.strangers.setdefault(line.party, line.line)
    return count, debits, credits


def _span(survey: _Survey, line: int, day: date) -> None:
    """Take ``day`` into the span of the file, and refuse it where the books no longer admit it."""
    survey.first_day = min(survey.first_day or day, day)
    survey.last_day = max(survey.last_day or day, day)
    if not 1900 <= day.year <= 2100:
        survey.refuse(line, _("%(day)s is no date of these books.") % {"day": day})
    elif any(first <= day <= last for first, last in survey.closed):
        survey.refuse(line, _("The period of %(day)s no longer admits posting.") % {"day": day})


def _check_figures(survey: _Survey) -> None:
    """What the file states of itself equals what was read; accounts that are made can be given a type."""
    head = survey.books.head
    stated = head.stated
    for said, found, words in (
        (stated.debit, survey.debit, _("The file states debits of %(said)s; its lines come to %(found)s.")),
        (stated.credit, survey.credit, _("The file states credits of %(said)s; its lines come to %(found)s.")),
    ):
        if said is not None and said != found:
            survey.refuse(stated.line, words % {"said": said, "found": found})
    if stated.count is not None and stated.count not in (survey.entries, survey.with_amounts, survey.lines):
        words = _("The file states %(said)s entries; there are %(found)s with %(lines)s lines.")
        survey.refuse(stated.line, words % {"said": stated.count, "found": survey.entries, "lines": survey.lines})
    for account in head.accounts:
        if account.closing is not None and account.closing != survey.sums[account.code]:
            words = _("The file states %(said)s for account %(code)s at the end; its lines come to %(found)s.")
            facts = {"said": account.closing, "code": account.code, "found": survey.sums[account.code]}
            survey.remark(account.line, words % facts)
        known = survey.accounts.get(account.code)
        if known is None and not account.type and not account.side:
            words = _("The file does not say what kind of account %(code)s is; import the chart first.")
            survey.refuse(account.line, words % {"code": account.code})
        elif known is not None and not _alike(account, known):
            words = _("Account %(code)s is in the books as “%(name)s”, of another type than the file says.")
            survey.remark(account.line, words % {"code": account.code, "name": known.name})
    for party, line in survey.strangers.items():
        survey.remark(line, _("There is no party %(code)s: its lines stay without.") % {"code": party})
    for code in survey.used:
        if survey.vat_code(code) is None and code not in {read.code for read, _rate in survey.new_vat_codes()}:
            survey.remark(1, _("There is no VAT code %(code)s: its lines stay without.") % {"code": code})


def _alike(read: ReadAccount, known: Account) -> bool:
    """Whether the account of the books is of the type that the file says, or at least of the same side."""
    if read.type:
        return read.type == known.type
    return not read.side or (read.side == "P") == (known.type in (Account.Type.REVENUE, Account.Type.EXPENSE))


# Writing -------------------------------------------------------------------------------------------------------------


def _write(survey: _Survey, upload: Upload, by: User) -> Batch | None:
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


def _make_accounts(survey: _Survey) -> None:
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


def _make_vat_codes(survey: _Survey) -> None:
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


def _make_parties(survey: _Survey) -> None:
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


def _make_journals(survey: _Survey) -> None:
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


def _entries(survey: _Survey) -> Iterator[Entry]:
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


def _lines(survey: _Survey, entry: ReadEntry, items: tuple[Item, ...] | None = ()) -> Iterator[Line]:
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


def _party(survey: _Survey, line: ReadLine) -> Party | None:
    """The party of a line: of the kind that the file names, that the account is for, or the only one there is."""
    if not line.party or line.party not in survey.kinds:
        return None
    kinds = [line.kind, _KIND_OF_CONTROL.get(survey.accounts[line.account].control, ""), *survey.kinds[line.party]]
    return next((survey.parties[kind, line.party] for kind in kinds if (kind, line.party) in survey.parties), None)


def _opening_journal(survey: _Survey) -> Journal:
    return survey.journals.get("OPN") or Journal.objects.create(
        administration=survey.administration, code="OPN", name=_("Opening balances"), type=Journal.Type.OPENING
    )
