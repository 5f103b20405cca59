"""What issues are called, and what people are told of them: by code and facts, in the language of whoever reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.utils.translation import gettext_lazy as _

from apps.billing.models import Leak
from apps.core import display
from apps.core.errors import Text
from apps.issues.models import Issue


@dataclass(frozen=True)
class Words:
    """``title`` and ``description`` are filled with the facts; ``why`` says how it comes about, ``action`` what mends
    it."""

    title: Text
    description: Text
    why: Text
    action: Text


@dataclass(frozen=True)
class Told:
    """An issue in words."""

    title: str
    description: str
    why: str
    suggested_action: str


WORDS: dict[str, Words] = {
    "JOURNAL_UNBALANCED": Words(
        _("Entry {entry} does not balance"),
        _("Debits are {debits}, credits {credits}. Difference: {amount}."),
        _("No posting can do this: the database was changed past its laws, or restored in part."),
        _("Compare the entry with a backup and with the seals, and have whoever runs the database mend it."),
    ),
    "ORPHAN_LINE": Words(
        _("Journal line without an entry"),
        _("A line of {amount} belongs to no journal entry."),
        _("No posting can do this: the database was changed past its laws, or restored in part."),
        _("Find the entry in a backup, and have whoever runs the database bring it back."),
    ),
    "MISSING_ACCOUNT": Words(
        _("Entry {entry} names an account that is not there"),
        _("{lines} lines, together {amount}, stand on an account that these books do not have."),
        _("No posting can do this: the database was changed past its laws, or restored in part."),
        _("Find the account in a backup, and have whoever runs the database bring it back."),
    ),
    "AR_RECON_MISMATCH": Words(
        _("Receivables do not reconcile: {account}"),
        _("The control account stands at {balance}, its open items at {open}. Difference: {difference}."),
        _("Lines came onto the control account without open items, mostly imported ones dated after their import."),
        _("Look at the proof of the sub-ledger; reverse lines that nothing explains and enter the invoice or payment."),
    ),
    "AP_RECON_MISMATCH": Words(
        _("Payables do not reconcile: {account}"),
        _("The control account stands at {balance}, its open items at {open}. Difference: {difference}."),
        _("Lines came onto the control account without open items, mostly imported ones dated after their import."),
        _("Look at the proof of the sub-ledger; reverse lines that nothing explains and enter the invoice or payment."),
    ),
    "OVERDUE_RECEIVABLE": Words(
        _("Receivable past due: {reference}"),
        _("{open} was due on {due} and is open for {days} days since."),
        _("The debtor did not pay, or the payment stands on the bank account and was not matched."),
        _("Match the bank lines first; then send a reminder, agree on a plan, or have it written off."),
    ),
    "OVERDUE_PAYABLE": Words(
        _("Payable past due: {reference}"),
        _("{open} was due on {due} and is open for {days} days since."),
        _("The invoice was not paid, or was paid and the bank line was not matched."),
        _("Match the bank lines first; then pay it, or ask for a credit note if it is not owed."),
    ),
    "DEPRECIATION_NOT_POSTED": Words(
        _("Depreciation is not posted"),
        _("{months} months are over and not written off, from {first}: {amount}."),
        _("The hourly task found the period closed, or the asset was registered after its months."),
        _("Post the depreciation from the list of fixed assets."),
    ),
    "DEPRECIATION_MISMATCH": Words(
        _("Depreciation differs from its schedule"),
        _("In {months} months, from {first}, {posted} was written off where {scheduled} is scheduled."),
        _("The asset was changed or disposed of after its months were posted, or an entry was made by hand."),
        _("Reverse the depreciation of those months and post it again."),
    ),
    "VAT_RATE_MISMATCH": Words(
        _("VAT of entry {entry} is not its rate"),
        _("VAT is {vat}, the base at the rate of the code makes {reckoned}. Difference: {amount}."),
        _("The VAT was typed by hand, or the code is not the one of the document."),
        _("Hold it against the document; reverse the entry and post it with the right code or amount."),
    ),
    "VAT_NEGATIVE": Words(
        _("Negative VAT in entry {entry}"),
        _("VAT of {vat} is taken back, and the entry is no credit note and no correction."),
        _("Debit and credit were exchanged, or a credit note was entered by hand."),
        _("Hold it against the document; reverse the entry and enter a credit note where it is one."),
    ),
    "NUMBER_GAP": Words(
        _("Numbers are missing: {kind} {year}"),
        _("{missing} of the numbers up to {last} are not there."),
        _("No posting can do this: rows were removed past the laws of the database, or restored in part."),
        _("Prove the seals (verify_books) and bring the rows back from a backup."),
    ),
    "SUSPENSE_NOT_EMPTY": Words(
        _("{account} is not empty"),
        _("{balance} stands there that belongs elsewhere."),
        _("Amounts that nobody could place were booked here and not taken up."),
        _("Go through its lines and book each to the account where it belongs."),
    ),
    "NEGATIVE_CASH": Words(
        _("{account} holds less than nothing"),
        _("The balance is {balance}. No drawer can be below zero."),
        _("Cash was paid out before it was entered, entered twice, or takings were not booked."),
        _("Count the cash, and look for a day that is not closed or a deposit that was booked twice."),
    ),
    "DAY_NOT_CLOSED": Words(
        _("{day} is not closed"),
        _("{billed} was billed that day and is not in the books. A close is prepared: {prepared}."),
        _("Nobody signed the close of the day, so its entry is not posted."),
        _("Close the day, or ask the manager to sign what was prepared."),
    ),
    "LEAKS_OPEN": Words(
        _("Open leaks: {class}"),
        _("{count} leaks, together {amount}."),
        _("Care was given that is not, or not fully, billed, claimed or paid."),
        _("Go through the list of leaks: bill, claim or collect each, or dismiss it with a reason."),
    ),
    "STATEMENT_INVALID": Words(
        _("Bank statement {statement} does not follow"),
        _("The statement of {date} begins at {start}, which is not where the one before it ended."),
        _("A statement in between is missing, or a file was imported in part."),
        _("Import what is missing; if the bank says it is right, confirm the statement with the reason."),
    ),
    "STATEMENT_INCOMPLETE": Words(
        _("Bank statement {statement} does not add up"),
        _("Its start and lines make {reckoned}, the bank states {stated}. Difference: {difference}."),
        _("Lines are missing or came twice."),
        _("Import the file again, or correct what was typed; otherwise confirm it with the reason."),
    ),
    "BALANCE_UNEXPLAINED": Words(
        _("Unexplained balance: {account}"),
        _("On {date} the books say {balance}, {expected} is expected, {explained} is explained: {unexplained} is not."),
        _("What explains the difference was not found, or not entered yet."),
        _("Add the reconciling items to the account's reconciliation, or post what is missing."),
    ),
    "BALANCE_MOVED": Words(
        _("Approved balance moved: {account}"),
        _("{approved} was approved for {date}; by later postings it is {balance}. Difference: {amount}."),
        _("Something was posted into the period after its proof was approved."),
        _("Look at what was posted since, and reconcile the account once more."),
    ),
}

AMOUNTS = frozenset(
    "amount approved balance billed credits debits difference expected explained open posted reckoned scheduled start"
    " stated unexplained vat".split()
)
DATES = frozenset({"date", "day", "due"})


def told(issue: Issue) -> Told:
    """``issue`` in the reader's language; amounts in the currency of the books, or of the bank that stated them."""
    words = WORDS[issue.code]
    facts = _Facts(_facts(issue))
    return Told(
        title=str(words.title).format_map(facts),
        description=str(words.description).format_map(facts),
        why=str(words.why),
        suggested_action=str(words.action),
    )


def title_of(code: str) -> str:
    """What issues of ``code`` are about, without the facts of one."""
    return str(words.title).partition(":")[0].format_map(_Facts()) if (words := WORDS.get(code)) else code


class _Facts(dict[str, Any]):
    """An issue of an earlier release may lack a fact that its words speak of."""

    def __missing__(self, name: str) -> str:
        return "…"


def _facts(issue: Issue) -> Mapping[str, Any]:
    code = issue.facts.get("currency") or issue.administration.currency
    facts = {name: _fact(name, fact, code) for name, fact in issue.facts.items()}
    if issue.amount is not None:
        facts.setdefault("amount", display.money(issue.amount, code))
    return facts


def _fact(name: str, fact: Any, code: str) -> Any:
    if name in AMOUNTS:
        return display.money(Decimal(fact or 0), code)
    if name in DATES:
        return display.day(date.fromisoformat(fact))
    if name == "kind":
        return apps.get_model(fact)._meta.verbose_name_plural
    if name == "class":
        return Leak.Class(fact).label
    if name == "prepared":
        return _("yes") if fact else _("no")
    return fact
