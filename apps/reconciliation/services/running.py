"""Go through open bank lines by itself: match what is beyond doubt, and say what was left and why."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.core.errors import DomainError
from apps.core.events import record
from apps.core.models import Administration, User
from apps.core.permissions import Act, require
from apps.reconciliation.errors import MatchBeyondEntry, PersonRequired
from apps.reconciliation.models import (
    BankAccount,
    Clearing,
    MatchingOutcome,
    MatchingRun,
    ReconciliationModel,
    StatementLine,
)
from apps.reconciliation.reports.candidates import Candidate, Candidates, Reason, applied_by_itself, candidates_for
from apps.reconciliation.reports.rules import active_models, matching_model
from apps.reconciliation.services.choosing import Rows
from apps.reconciliation.services.clearing import clear
from apps.reconciliation.services.rules import write_off

AT_ONCE = 200  # lines in one transaction: what another person waits for at most
Outcome = MatchingOutcome.Outcome


@transaction.atomic
def begin_run(
    administration: Administration, *, by: User | None, bank_account: BankAccount | None = None
) -> MatchingRun:
    """A run over the open lines of ``administration``, or of one account; ``batches_of`` it are to be matched.
    Raises NotAllowed."""
    if by is not None:
        require(by, Act.MATCH_BANK, administration.pk)
    run: MatchingRun = MatchingRun.objects.create(administration=administration, bank_account=bank_account, by=by)
    record("bank.matching.begun", run, by=by)
    return run


def batches_of(run: MatchingRun, at_once: int = AT_ONCE) -> list[tuple[UUID, UUID, UUID]]:
    """The lines to look at, as spans of them: account, first and last id. Lines to check and those that look like
    another are left to a person."""
    lines = StatementLine.objects.filter(administration=run.administration_id, to_check=False, looks_like=None).open()
    if run.bank_account_id:
        lines = lines.filter(bank_account=run.bank_account_id)
    spans: list[tuple[UUID, UUID, UUID]] = []
    ids: list[UUID] = []
    account = None
    for owner, pk in lines.order_by("bank_account_id", "id").values_list("bank_account_id", "id").iterator():
        if ids and (owner != account or len(ids) == at_once):
            spans.append((account, ids[0], ids[-1]))  # type: ignore[arg-type]
            ids = []
        account = owner
        ids.append(pk)
    if ids:
        spans.append((account, ids[0], ids[-1]))  # type: ignore[arg-type]
    return spans


@transaction.atomic
def match_batch(run: MatchingRun, account: UUID, first: UUID, last: UUID) -> None:
    """Look at the lines of ``account`` from ``first`` to ``last`` that are open still, oldest first."""
    lines = list(
        StatementLine.objects.open()
        .filter(bank_account=account, pk__gte=first, pk__lte=last, to_check=False, looks_like=None)
        .exclude(outcomes__run=run)
        .select_related("administration", "bank_account__account", "bank_account__journal", "statement")
        .in_order()
    )
    MatchingOutcome.objects.bulk_create(_outcomes(run, lines))


@transaction.atomic
def end_run(run: MatchingRun) -> MatchingRun:
    """Count what came of the lines."""
    found = Counter(run.outcomes.values_list("outcome", flat=True))
    run.matched = found[Outcome.MATCHED]
    run.ambiguous = found[Outcome.AMBIGUOUS]
    run.left = found.total() - found[Outcome.MATCHED] - found[Outcome.AMBIGUOUS]
    run.ended_at = timezone.now()
    run.save()
    record("bank.matching.ended", run, by=run.by, matched=run.matched, left=run.left, ambiguous=run.ambiguous)
    return run


def _outcomes(run: MatchingRun, lines: Sequence[StatementLine]) -> Iterator[MatchingOutcome]:
    """What an earlier line took is not there for a later one: that one is asked again."""
    found = candidates_for(lines) if lines else {}
    chosen = {pk: applied_by_itself(candidates) for pk, candidates in found.items()}
    rows = Rows(candidate for candidates in chosen.values() for candidate in candidates)
    models = active_models(run.administration_id) if lines else []
    for line in lines:
        try:
            yield _outcome(run, line, found[line.pk], chosen[line.pk], rows, models)
        except MatchBeyondEntry:
            again = candidates_for([line])[line.pk]
            now = applied_by_itself(again)
            yield _outcome(run, line, again, now, Rows(now), models, again=True)


def _outcome(
    run: MatchingRun,
    line: StatementLine,
    found: Candidates,
    chosen: Sequence[Candidate],
    rows: Rows,
    models: Sequence[ReconciliationModel],
    *,
    again: bool = False,
) -> MatchingOutcome:
    def told(outcome: str, reasons: list[dict[str, Any]], clearing: Clearing | None = None) -> MatchingOutcome:
        return MatchingOutcome(
            administration_id=run.administration_id,
            run=run,
            line=line,
            outcome=outcome,
            clearing=clearing,
            reasons=reasons,
        )

    reasons = [_reason(reason) for candidate in chosen or found.ranked[:1] for reason in candidate.reasons]
    model = None if found.is_ambiguous else matching_model(line, models, has_items=bool(chosen))
    if model is not None and model.kind == ReconciliationModel.Kind.MATCH_ITEMS:
        model = None  # its say is in what was chosen
    if model is not None:
        booked = [{"code": "MODEL", "points": 0, "facts": {"model": model.name}}]
        if model.trigger != ReconciliationModel.Trigger.AUTO_RECONCILE and not chosen:
            return told(Outcome.NEEDS_PERSON, booked)
    try:
        with transaction.atomic():
            if model is not None and model.trigger == ReconciliationModel.Trigger.AUTO_RECONCILE:
                return told(Outcome.MATCHED, booked, write_off(line, model, by=None))
            if chosen:
                clearing = clear(line, rows.parts(chosen), by=None, score=chosen[0].score, reasons=reasons)
                return told(Outcome.MATCHED, reasons, clearing)
    except PersonRequired as refusal:
        return told(Outcome.NEEDS_PERSON, [_refused(refusal), *reasons])
    except MatchBeyondEntry as refusal:
        if not again:
            raise
        return told(Outcome.NEEDS_PERSON, [_refused(refusal), *reasons])
    except DomainError as refusal:
        return told(Outcome.NEEDS_PERSON, [_refused(refusal), *reasons])
    if found.is_ambiguous:
        return told(Outcome.AMBIGUOUS, reasons)
    return told(Outcome.NEEDS_PERSON if found.needs_person and found.ranked else Outcome.LEFT, reasons)


def _reason(reason: Reason) -> dict[str, Any]:
    plain = {name: fact if isinstance(fact, str | int | None) else str(fact) for name, fact in reason.facts.items()}
    return {"code": reason.code, "points": reason.points, "facts": plain}


def _refused(refusal: DomainError) -> dict[str, Any]:
    return {"code": refusal.code, "points": 0, "facts": {name: str(fact) for name, fact in refusal.facts.items()}}
