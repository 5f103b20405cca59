"""Where the items of a bank account's reconciliation come from: the bank line or the entry that each names."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from apps.core.languages import language_of_books
from apps.ledger.models import JournalEntry
from apps.reconciliation.models import AccountReconciliation, ReconcilingItem, StatementLine
from apps.reconciliation.reports.bank_balance import (
    TimingDifference,
    timing_differences,
    words_of_entry,
    words_of_line,
)
from apps.reconciliation.reports.expected import bank_of


@dataclass(frozen=True, slots=True)
class Whence:
    """What an item names. It ``stands`` while books and bank still differ by it."""

    line: StatementLine | None
    entry: JournalEntry | None
    stands: bool


def differences_of(reconciliation: AccountReconciliation) -> list[TimingDifference]:
    """What books and bank do not share at the end of the period; nothing for an account without a bank."""
    bank = bank_of(reconciliation.account)
    return timing_differences(bank, reconciliation.period_end) if bank else []


def not_itemised(differences: Sequence[TimingDifference], items: Sequence[ReconcilingItem]) -> list[TimingDifference]:
    """Those of ``differences`` that no open item says yet."""
    said = {(item.date, item.description, item.amount) for item in items if item.resolved_on is None}
    return [one for one in differences if (one.date, one.description, one.amount) not in said]


def whence(
    reconciliation: AccountReconciliation, items: Sequence[ReconcilingItem], differences: Sequence[TimingDifference]
) -> dict[UUID, Whence]:
    """Of ``items`` those that name a bank line or an entry of that account. Two queries."""
    bank, days = bank_of(reconciliation.account), {item.date for item in items}
    if bank is None or not days:
        return {}
    standing = {(one.date, one.description, one.amount) for one in differences}
    lines = StatementLine.objects.filter(bank_account=bank, date__in=days).select_related("statement")
    entries = JournalEntry.objects.filter(
        pk__in=reconciliation.account.lines.filter(date__in=days).values("entry")
    ).select_related("journal")
    named: dict[tuple[date, str], tuple[StatementLine | None, JournalEntry | None]] = {}
    with language_of_books(reconciliation.administration):
        named |= {(line.date, words_of_line(line)): (line, None) for line in lines}
        named |= {(entry.date, words_of_entry(entry)): (None, entry) for entry in entries}
    found: dict[UUID, Whence] = {}
    for item in items:
        what = named.get((item.date, item.description))
        if what:
            stands = (item.date, item.description, item.amount) in standing
            found[item.pk] = Whence(*what, stands=stands)
    return found
