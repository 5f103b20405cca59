"""What a bank line may be: open items, money in transit and bills that fit it, each with its score and reasons.

``docs/bank.md`` says what each reason is worth and what is applied without a person. ``sources`` reads what is open,
``parties`` and ``documents`` find who and what a line names, ``matching`` scores and ranks, ``combining`` and
``together``
put several together, ``deciding`` says what is beyond doubt.
"""

from collections.abc import Sequence
from uuid import UUID

from apps.reconciliation.models import StatementLine
from apps.reconciliation.reports.candidates.deciding import applied_by_itself
from apps.reconciliation.reports.candidates.matching import of_account
from apps.reconciliation.reports.candidates.parties import recognise_parties
from apps.reconciliation.reports.candidates.shapes import Candidate, Candidates, Reason

__all__ = ["Candidate", "Candidates", "Reason", "applied_by_itself", "candidates_for", "recognise_parties"]


def candidates_for(lines: Sequence[StatementLine]) -> dict[UUID, Candidates]:
    """The candidates of each of ``lines``, all of one bank account: a fixed number of queries, whatever their number.

    Each line is looked at by itself: two that one item fits both have it as their candidate, and whoever matches them
    asks again after the first.
    """
    return of_account(lines)
