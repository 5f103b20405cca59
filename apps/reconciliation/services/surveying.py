"""A statement file read once, held against the books: what is new in it, what is known, what looks like a known line.

However long it is, its lines wait in a file, as COPY takes them; in memory a line is some hundred bytes of digests.
"""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from tempfile import SpooledTemporaryFile
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import override

from apps.core.errors import AmountHasTooManyDigits
from apps.core.models import User
from apps.core.money import ZERO, exact
from apps.reconciliation.errors import BankCurrencyMismatch, StatementOfAnotherAccount
from apps.reconciliation.formats import ParsedLine, StatementBegins, StatementEnds
from apps.reconciliation.formats.values import refuse
from apps.reconciliation.models import BankAccount
from apps.reconciliation.services.identity import NOTHING, SIZE, Digest, Known, digests_of
from apps.reconciliation.services.statement_files import OpenedFile, is_account, open_file

CHUNK = 5_000  # lines that the database is asked about together
SHOWN = 20  # lines that a preview shows
IN_MEMORY = 4 * 1024 * 1024  # bytes of lines; more of them wait on the disk
_EXACT = Decimal(10_000)  # as columns keep amounts
_MOST = Decimal(2**63 // 10_000)
_MOST_EQUAL = 32_767  # lines

NEW, KNOWN, AMBIGUOUS = 0, 1, 2
COPIED = (
    "date value_date amount residual foreign_currency foreign_amount exchange_rate label reference note end_to_end_id "
    "bank_id transaction_type counterparty_name counterparty_iban is_reversal"
).split()  # columns of a line as they wait in the file


@dataclass
class Part:
    """A statement of the file: the lines from ``first`` up to ``last``, and what the bank says of its balances."""

    begins: StatementBegins
    first: int
    last: int = 0
    ends: StatementEnds = field(default_factory=StatementEnds)
    total: Decimal = ZERO
    before: Decimal | None = None  # the first line, where lines have balances
    after: Decimal | None = None  # the last line

    @property
    def start(self) -> Decimal | None:
        """Where the balance began: stated, or what is left of the end without the lines, or by the first line."""
        if self.begins.balance_start is not None:
            return self.begins.balance_start
        if self.ends.balance_end is not None:
            return self.ends.balance_end - self.total
        return self.before

    @property
    def end(self) -> Decimal | None:
        """Where the bank says that it ended; None where it says nothing."""
        return self.after if self.ends.balance_end is None else self.ends.balance_end


@dataclass
class Survey:
    """What a file holds. The arrays have an entry for each line of the statements that are about the account."""

    bank_account: BankAccount
    opened: OpenedFile
    keeps: bool  # the lines, to be written
    parts: list[Part] = field(default_factory=list)
    dates: "array[int]" = field(default_factory=lambda: array("i"))  # ordinals
    amounts: "array[int]" = field(default_factory=lambda: array("q"))  # ten-thousandths
    flags: bytearray = field(default_factory=bytearray)
    occurrences: "array[int]" = field(default_factory=lambda: array("H"))
    looks_like: dict[int, UUID] = field(default_factory=dict)
    shown: list[ParsedLine] = field(default_factory=list)
    others: dict[str, int] = field(default_factory=dict)  # accounts that the file is about as well, and their lines
    not_booked: int = 0  # what the bank only announces, which is no line
    account: str = ""  # as the file names it
    is_cut: bool = False  # only the beginning was read
    _ids: bytearray = field(default_factory=bytearray)
    _contents: bytearray = field(default_factory=bytearray)
    _parties: "array[int]" = field(default_factory=lambda: array("q"))  # of each line two: number and name
    _shared: set[Digest] = field(default_factory=set)  # ids that lines of differing content have
    _kept: Any = None

    def __len__(self) -> int:
        return len(self.dates)

    def day(self, line: int) -> date:
        return date.fromordinal(self.dates[line])

    def amount(self, line: int) -> Decimal:
        return Decimal(self.amounts[line]) / _EXACT

    def total(self, lines: Iterable[int]) -> Decimal:
        return Decimal(sum(self.amounts[line] for line in lines)) / _EXACT

    def count(self, flag: int) -> int:
        return self.flags.count(flag)

    def digest(self, line: int) -> Digest:
        """What the line is known by: its id, unless other lines of the file have the same, or its content."""
        by_id = bytes(self._ids[line * SIZE : line * SIZE + SIZE])
        if by_id != NOTHING and by_id not in self._shared:
            return by_id
        return bytes(self._contents[line * SIZE : line * SIZE + SIZE])

    def kept(self) -> Iterator[bytes]:
        """The lines as COPY takes them, their end included."""
        self._kept.seek(0)
        yield from self._kept

    # Reading ---------------------------------------------------------------------------------------------------------

    def read(self, most: int | None) -> None:
        """Raises StatementFileInvalid, StatementOfAnotherAccount or BankCurrencyMismatch."""
        first_content: dict[Digest, Digest] = {}
        begins = StatementBegins()
        is_ours = False
        for part in self.opened.parts():
            if isinstance(part, ParsedLine):
                if not is_ours:
                    self.others[begins.iban] += 1
                    continue
                self._take(part, first_content)
                if len(self) == most:
                    self.is_cut = True
                    self._end(StatementEnds())
                    break
            elif isinstance(part, StatementBegins):
                begins, is_ours = part, self._is_ours(part)
                if is_ours:
                    self.parts.append(Part(part, len(self)))
            elif is_ours:
                self._end(part)
        if not self.parts and self.others:
            raise StatementOfAnotherAccount(found=next(iter(self.others)), expected=str(self.bank_account))
        if not len(self):
            refuse(1, _("there is no movement in it."))

    def _is_ours(self, begins: StatementBegins) -> bool:
        found, own = begins.iban, self.bank_account
        if found and not is_account(found, own.iban or self.account or found, own.currency):
            self.others.setdefault(found, 0)
            return False
        self.account = self.account or found
        if begins.currency and begins.currency != own.currency:
            raise BankCurrencyMismatch(found=begins.currency, expected=own.currency)
        return True

    def _end(self, ends: StatementEnds) -> None:
        part = self.parts[-1]
        part.ends, part.last = ends, len(self)
        self.not_booked += ends.not_booked
        part.total = self.total(range(part.first, part.last))

    def _take(self, line: ParsedLine, first_content: dict[Digest, Digest]) -> None:
        own = self.bank_account.currency
        try:
            amount = exact(line.amount, own)
        except AmountHasTooManyDigits as error:
            refuse(line.row, str(error))
        if abs(amount) >= _MOST:
            refuse(line.row, _("%(text)s is more than any account holds.") % {"text": amount})
        foreign = line.foreign_currency if line.foreign_currency != own else ""
        if foreign and line.foreign_amount is None:
            raise BankCurrencyMismatch(line=line.row, found=foreign, expected=own)
        if foreign and line.foreign_amount and abs(line.foreign_amount) >= _MOST:
            refuse(line.row, _("%(text)s is more than any account holds.") % {"text": line.foreign_amount})
        by_id, content = digests_of(line)
        if by_id is not NOTHING and first_content.setdefault(by_id, content) != content:
            self._shared.add(by_id)
        self._ids += by_id
        self._contents += content
        self._parties.append(hash(line.counterparty_iban) if line.counterparty_iban else 0)
        self._parties.append(hash(line.counterparty_name.casefold()) if line.counterparty_name else 0)
        self.dates.append(line.date.toordinal())
        self.amounts.append(int(amount * _EXACT))
        if line.balance_after is not None:
            part = self.parts[-1]
            part.after = line.balance_after
            if len(self) == part.first + 1:
                part.before = line.balance_after - amount
        if self.keeps:
            self._keep(line, amount, foreign)
        elif len(self.shown) < SHOWN:
            self.shown.append(line)

    def _keep(self, line: ParsedLine, amount: Decimal, foreign: str) -> None:
        if self._kept is None:
            self._kept = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - closed with the survey
        words = (
            f"{line.label}\t{line.reference}\t{line.note}\t{line.end_to_end_id}\t{line.bank_id}"
            f"\t{line.transaction_type}\t{line.counterparty_name}\t{line.counterparty_iban}"
        )
        if "\\" in words or "\n" in words or "\r" in words or "\0" in words or words.count("\t") != 7:
            words = "\t".join(_copied(getattr(line, name)) for name in COPIED[7:15])
        abroad = f"{foreign}\t{line.foreign_amount}\t{or_null(line.exchange_rate)}" if foreign else "\t\\N\t\\N"
        self._kept.write(
            f"{line.date}\t{or_null(line.value_date)}\t{amount}\t{amount}\t{abroad}\t{words}"
            f"\t{'t' if line.is_reversal else 'f'}\n".encode("utf-8", "replace")
        )

    # Holding it against the books ------------------------------------------------------------------------------------

    def compare(self) -> None:
        """Say of every line whether it is new, known, or new and like a known one."""
        known = Known(self.bank_account, date.fromordinal(min(self.dates)), date.fromordinal(max(self.dates)))
        self.flags = bytearray(len(self))
        self.occurrences = array("H", bytes(2 * len(self)))
        seen: dict[Digest, int] = {}
        elsewhere: set[Digest] = set()  # how the books know lines that this file tells in the other way
        for first in range(0, len(self), CHUNK):
            self._number(range(first, min(first + CHUNK, len(self))), known, seen, elsewhere)
        if not known.is_empty:
            taken: set[UUID] = set()
            for first in range(0, len(self), CHUNK):
                self._look(range(first, min(first + CHUNK, len(self))), known, seen, elsewhere, taken)

    def _number(self, lines: range, known: Known, seen: dict[Digest, int], elsewhere: set[Digest]) -> None:
        own = [self.digest(line) for line in lines]
        both = (
            self._ids[lines.start * SIZE : lines.stop * SIZE] + self._contents[lines.start * SIZE : lines.stop * SIZE]
        )
        there = {} if known.is_empty else known.counts(bytes(both[at : at + SIZE]) for at in range(0, len(both), SIZE))
        told = self._told_by_id(there, known)
        for line, digest in zip(lines, own, strict=True):
            number = seen[digest] = seen.get(digest, 0) + 1
            if number > _MOST_EQUAL:
                refuse(1, _("more than %(most)s lines are equal.") % {"most": _MOST_EQUAL})
            count, last = there.get(digest, (0, 0))
            if there:
                other = self._other(line, digest)
                if other != NOTHING:
                    more = told.get(digest, 0) if other in self._shared else there.get(other, (0, 0))[0]
                    count += more
                    if more:
                        elsewhere.add(other)
            if number <= count:
                self.flags[line] = KNOWN
            else:
                # One more than the last that is there, so that what a person removed leaves a gap and no clash.
                self.occurrences[line] = number if number > last else last + number - count

    def _other(self, line: int, digest: Digest) -> Digest:
        """The digest of the line that it is not known by here; NOTHING for a line without an id."""
        by_id = bytes(self._ids[line * SIZE : line * SIZE + SIZE])
        if by_id == NOTHING or by_id != digest:
            return by_id
        return bytes(self._contents[line * SIZE : line * SIZE + SIZE])

    def _told_by_id(self, there: dict[Digest, tuple[int, int]], known: Known) -> dict[Digest, int]:
        """Lines that the books know by an id which several lines of this file share: how many, by their content."""
        shared = [digest for digest in there if digest in self._shared]
        told: dict[Digest, int] = {}
        for line in known.contents(shared) if shared else ():
            _by_id, content = digests_of(line)
            told[content] = told.get(content, 0) + 1
        return told

    def _look(
        self, lines: range, known: Known, seen: dict[Digest, int], elsewhere: set[Digest], taken: set[UUID]
    ) -> None:
        """Mark new lines that have date, amount and counterparty of a line that this file does not have."""
        new = [line for line in lines if self.flags[line] == NEW]
        if not new:
            return
        days = [self.dates[line] for line in new]
        like: dict[tuple[int, int], list[tuple[UUID, int, int]]] = {}
        for pk, day, amount, iban, name, fingerprint, occurrence in known.between(
            date.fromordinal(min(days)), date.fromordinal(max(days))
        ):
            digest = bytes.fromhex(fingerprint)
            if occurrence > seen.get(digest, 0) and digest not in elsewhere and pk not in taken:
                party = hash(iban) if iban else 0, hash(name.casefold()) if name else 0
                like.setdefault((day.toordinal(), int(amount * _EXACT)), []).append((pk, *party))
        for line in new:
            for one in like.get((self.dates[line], self.amounts[line]), ()):
                if one[0] not in taken and self._may_be_same(line, one[1], one[2]):
                    taken.add(one[0])
                    self.flags[line], self.looks_like[line] = AMBIGUOUS, one[0]
                    break

    def _may_be_same(self, line: int, iban: int, name: int) -> bool:
        """Whether the counterparties are the same, or one side does not say."""
        own_iban, own_name = self._parties[2 * line], self._parties[2 * line + 1]
        if iban and own_iban:
            return iban == own_iban
        return name == own_name if name and own_name else True


def survey(
    file: Any,
    bank_account: BankAccount,
    *,
    by: User,
    format: str,
    mapping: str,
    keeps: bool,
    most: int | None = None,
) -> Survey:
    """Read ``file`` (its first ``most`` lines) for ``bank_account`` and hold it against the books.

    Raises StatementFileInvalid, StatementOfAnotherAccount, BankCurrencyMismatch or CsvMappingUnknown.
    """
    with override(by.language or settings.LANGUAGE_CODE):
        found = Survey(bank_account, open_file(file, bank_account, format=format, mapping=mapping), keeps)
        found.read(most)
        _check_account(found)
        found.compare()
    return found


def _check_account(found: Survey) -> None:
    """An account without a number may take that of the file, unless another one of the same books has it."""
    account = found.bank_account
    if account.iban or not found.account:
        return
    others = BankAccount.objects.filter(administration=account.administration_id, currency=account.currency)
    for other in others.exclude(pk=account.pk).exclude(iban=""):
        if is_account(found.account, other.iban, account.currency):
            raise StatementOfAnotherAccount(found=str(other), expected=str(account))


def _copied(text: str) -> str:
    """``text`` as COPY reads it: on one line, without what the database has no character for."""
    return " ".join(text.replace("\0", "").split()).replace("\\", "\\\\")


def or_null(value: Any) -> str:
    return "\\N" if value is None else str(value)
