"""What a file of books says against what the books know: everything that is wrong with it, and what it would make."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from itertools import chain
from typing import Any

from django.utils.translation import gettext as _

from apps.core.models import Administration
from apps.core.money import CURRENCIES, ZERO, quantize
from apps.ledger.errors import BooksFileRefused
from apps.ledger.importing import open_books_file
from apps.ledger.importing.books import (
    MOST_PROBLEMS,
    Books,
    Problem,
    ReadAccount,
    ReadEntry,
    ReadVatCode,
    Unreadable,
)
from apps.ledger.models import Account, Journal, JournalEntry, Party, Period, VatCode

SHOWN = 200  # problems that a preview lists; the rest is counted


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


@dataclass
class Survey:
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


def survey_of(administration: Administration, file: Any, day: date | None) -> Survey:
    """Read the whole file. Raises BooksFileRefused where it cannot be read on."""
    try:
        books = open_books_file(file)
        survey = Survey(administration, books, day)
        _recognise(survey)
        _check_head(survey)
        for entry in books.entries():
            _check_entry(survey, entry)
    except Unreadable as error:
        raise refusal_of([Problem(error.line, error.reason)]) from error
    _check_figures(survey)
    for problem in chain(books.problems, books.findings()):
        survey.find(problem)
    return survey


def _recognise(survey: Survey) -> None:
    mine: Any = {"administration": survey.administration}
    survey.accounts = {account.code: account for account in Account.objects.filter(**mine)}
    survey.vat_codes = _vat_codes(survey, list(VatCode.objects.filter(**mine)))
    survey.journals = {journal.code: journal for journal in Journal.objects.filter(**mine)}
    closed = Period.objects.filter(**mine).exclude(status__in=(Period.Status.OPEN, Period.Status.REVIEW))
    survey.closed = list(closed.exclude(type=Period.Type.YEAR_END).values_list("first_day", "last_day"))
    survey.parties = {(party.kind, party.code): party for party in Party.objects.filter(**mine)}
    for kind, code in chain(survey.parties, ((party.kind, party.code) for party in survey.books.head.parties)):
        survey.kinds.setdefault(code, []).append(kind)


def _vat_codes(survey: Survey, known: list[VatCode]) -> dict[str, VatCode]:
    """The VAT codes of the books by their codes, and by those of the file that have the same standard code."""
    standard = Counter(code.standard_code for code in known)
    by_standard = {code.standard_code: code for code in known if standard[code.standard_code] == 1}
    in_file = {read.code: by_standard.get(read.standard_code) for read in survey.books.head.vat_codes}
    found = {code: one for code, one in in_file.items() if one is not None and one.standard_code}
    return found | {code.code: code for code in known}


def _check_head(survey: Survey) -> None:
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


def _check_entry(survey: Survey, entry: ReadEntry) -> None:
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


def _check_lines(survey: Survey, entry: ReadEntry) -> tuple[int, Decimal, Decimal]:
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


def _span(survey: Survey, line: int, day: date) -> None:
    """Take ``day`` into the span of the file, and refuse it where the books no longer admit it."""
    survey.first_day = min(survey.first_day or day, day)
    survey.last_day = max(survey.last_day or day, day)
    if not 1900 <= day.year <= 2100:
        survey.refuse(line, _("%(day)s is no date of these books.") % {"day": day})
    elif any(first <= day <= last for first, last in survey.closed):
        survey.refuse(line, _("The period of %(day)s no longer admits posting.") % {"day": day})


def _check_figures(survey: Survey) -> None:
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


def refusal_of(problems: list[Problem]) -> BooksFileRefused:
    first = min(problems, key=lambda problem: problem.line)
    rows = [{"line": problem.line, "reason": problem.reason} for problem in problems[:SHOWN]]
    return BooksFileRefused(line=first.line, reason=first.reason, count=len(problems), rows=rows)
