"""For which bank lines a model would hold."""

from dataclasses import dataclass

from django.db.models import prefetch_related_objects

from apps.reconciliation.models import ReconciliationModel, StatementLine
from apps.reconciliation.reports.rules import matching_models

RECENT = 200  # lines that a model is tried against
SHOWN = 20


@dataclass(frozen=True)
class Trial:
    """The newest lines of the administration that a model holds for, the first ``SHOWN`` of them, and how many of how
    many it holds for."""

    lines: tuple[StatementLine, ...]
    holds: int
    tried: int


def trial_of(model: ReconciliationModel) -> Trial:
    """``model`` against the newest lines, whatever was matched with them; two queries."""
    prefetch_related_objects([model], "bank_accounts")
    newest = StatementLine.objects.filter(administration=model.administration_id).order_by("-date", "-id")
    tried = list(newest.select_related("bank_account")[:RECENT])
    held = [line for line in tried if any(matching_models(line, [model]))]
    return Trial(tuple(held[:SHOWN]), len(held), len(tried))
