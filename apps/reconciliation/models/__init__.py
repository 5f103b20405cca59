"""Tables of reconciliation."""

from apps.reconciliation.models.accounts import (
    AccountReconciliation,
    ReconciliationAttachment,
    ReconciliationSuspension,
    ReconcilingItem,
)
from apps.reconciliation.models.banks import BankAccount, CsvMapping
from apps.reconciliation.models.matching import (
    ClearedLine,
    Clearing,
    FullReconcile,
    Match,
    MatchingOutcome,
    MatchingRun,
)
from apps.reconciliation.models.rules import (
    KnownParty,
    PartyPattern,
    ReconciliationModel,
    ReconciliationModelLine,
)
from apps.reconciliation.models.statements import Statement, StatementImport, StatementLine

__all__ = [
    "AccountReconciliation",
    "BankAccount",
    "ClearedLine",
    "Clearing",
    "CsvMapping",
    "FullReconcile",
    "KnownParty",
    "Match",
    "MatchingOutcome",
    "MatchingRun",
    "PartyPattern",
    "ReconciliationAttachment",
    "ReconciliationModel",
    "ReconciliationModelLine",
    "ReconciliationSuspension",
    "ReconcilingItem",
    "Statement",
    "StatementImport",
    "StatementLine",
]
