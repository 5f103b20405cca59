"""Short words for what a bank line may be."""

from apps.ledger.models import OpenItem, Party
from apps.ledger.tests.subledger import SubLedger
from apps.reconciliation.models import StatementLine
from apps.reconciliation.reports.candidates import Candidate, Candidates, Reason, applied_by_itself, candidates_for


def found(line: StatementLine) -> Candidates:
    return candidates_for([line])[line.pk]


def items(line: StatementLine) -> list:
    """The open items of its candidates, the best first."""
    return [candidate.open_item for candidate in found(line).ranked]


def applied(line: StatementLine) -> set:
    """The open items that it would be matched with by itself."""
    return {candidate.open_item for candidate in applied_by_itself(found(line))}


def together(line: StatementLine) -> dict:
    """The open items that only together are the line, and how much of each."""
    candidates = found(line)
    return {candidates.ranked[at].open_item: candidates.ranked[at].amount for at in candidates.combination}


def codes(candidate: Candidate) -> set[str]:
    return {reason.code for reason in candidate.reasons}


def why(candidate: Candidate, code: str) -> Reason:
    (reason,) = (reason for reason in candidate.reasons if reason.code == code)
    return reason


def owes(ledger: SubLedger, party: Party, *amounts: str, **invoice) -> list[OpenItem]:
    """What a customer owes, an invoice for each amount."""
    return [ledger.item(ledger.sold(amount, party=party, **invoice)) for amount in amounts]


def owed_to(ledger: SubLedger, party: Party, amount: str, reference: str, **invoice) -> OpenItem:
    """What we owe a supplier; a negative amount is a credit note, which they owe us."""
    return ledger.item(ledger.bought(amount, party=party, reference=reference, **invoice))
