"""The models for open items: which one holds for a line, what it lets differ, and what decides about it."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from apps.reconciliation.models import ReconciliationModel, StatementLine
from apps.reconciliation.reports.candidates.evidence import WHO
from apps.reconciliation.reports.candidates.parties import Found, texts_of
from apps.reconciliation.reports.rules import active_models, matching_models


class ItemModels:
    """The active models of an administration that match open items, in their order.

    Without any, every line is looked at in the standard way. With some, only a line for which one of them holds is
    matched by itself, if that one says so.
    """

    def __init__(self, administration: UUID) -> None:
        kind = ReconciliationModel.Kind.MATCH_ITEMS
        self._models = [model for model in active_models(administration) if model.kind == kind]

    def for_line(self, line: StatementLine, found: Found) -> ReconciliationModel | None:
        """The first whose conditions all hold; ``found`` is what speaks for each party."""
        if not self._models:
            return None
        who = [UUID(party) for party, reasons in found.items() if any(one.code in WHO for one in reasons)]
        return next(matching_models(line, self._models, parties=who), None)

    def needs_person(self, model: ReconciliationModel | None) -> bool:
        """Whether a line for which ``model`` holds, or none, waits for somebody."""
        if model is None:
            return bool(self._models)
        return model.trigger != ReconciliationModel.Trigger.AUTO_RECONCILE


def searched(line: StatementLine, model: ReconciliationModel | None) -> Sequence[str]:
    """The texts of ``line`` in which documents and names are looked for."""
    if model is None:
        return texts_of(line)
    texts = (
        (model.search_label, line.label),
        (model.search_reference, line.reference),
        (model.search_note, line.note),
    )
    return [text for is_searched, text in texts if is_searched and text]


def tolerance_of(model: ReconciliationModel | None) -> Decimal:
    """By how much of an item, in percent, a line may differ from it."""
    return model.tolerance if model else Decimal(0)
