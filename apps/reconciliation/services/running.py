"""Go through open bank lines by itself: match what is beyond doubt, and say what was left and why."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from apps.core.errors import DomainError
from apps.core.events import record
from apps.core.models import Administration, User
from apps.core.permissions import Act, require
from apps.core.services.jobs import start_job
from apps.reconciliation.errors import MatchBeyondEntry, PersonRequired
from apps.reconciliation.models import (
    BankAccount,
    Clearing,
    MatchingOutcome,
    MatchingRun,
    ReconciliationModel,
    StatementLine,
)
from apps.reconciliation.reports.candidates import Candidate, Candidates, applied_by_itself, candidates_for
from apps.reconciliation.reports.candidates.telling import plain
from apps.reconciliation.reports.payouts import Unpacked, payouts_for
from apps.reconciliation.reports.rules import active_models, matching_model
from apps.reconciliation.reports.transfers import OtherSide, transfers_for
from apps.reconciliation.services.choosing import Rows
from apps.reconciliation.services.clearing import clear
from apps.reconciliation.services.rules import write_off
from apps.reconciliation.services.transferring import transfer
from apps.reconciliation.services.unpacking import unpack

TASK = "apps.reconciliation.tasks.match_lines"
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


@transaction.atomic
def start_run(administration: Administration, *, by: User, bank_account: BankAccount | None = None) -> MatchingRun:
    """A run that the worker does once this transaction commits; its job shows how far it is. Raises NotAllowed."""
    run = begin_run(administration, by=by, bank_account=bank_account)
    batches = batches_of(run)
    run.job = start_job(
        TASK,
        title=gettext_noop("Match bank lines"),
        by=by,
        arguments={"batches": [[str(key) for key in batch] for batch in batches]},
        total=len(batches),
    )
    run.save(update_fields=["job"])
    return run


def match_all(administration: Administration, *, since: datetime) -> MatchingRun | None:
    """A run over everything that is open, in nobody's name; None where nothing is, or one in nobody's name began
    ``since`` then and ended. One that was cut off is gone on with."""
    runs = MatchingRun.objects.filter(administration=administration, by=None, created_at__gte=since)
    run = runs.order_by("-created_at", "-id").first()
    if run is not None and run.ended_at:
        return None
    if run is None:
        if not StatementLine.objects.filter(administration=administration).open().exists():
            return None
        run = begin_run(administration, by=None)
    for batch in batches_of(run):
        match_batch(run, *batch)
    return end_run(run)


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
    MatchingRun.objects.select_for_update(of=("self",)).get(pk=run.pk)  # a batch that two are asked for is done by one
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
    if not lines:
        return
    models = active_models(run.administration_id)
    payouts, others = payouts_for(lines, models), transfers_for(lines)
    found = candidates_for(lines)
    chosen = {pk: applied_by_itself(candidates) for pk, candidates in found.items()}
    rows = Rows(candidate for candidates in chosen.values() for candidate in candidates)
    for line in lines:
        ways = payouts.get(line.pk, ())
        if len(ways) > 1:  # one of them may be taken by now
            ways = payouts_for([line], models).get(line.pk, ())
        known = _as_payout(run, line, ways) or _as_transfer(run, line, others.get(line.pk, ()))
        if known is not None:
            yield known
            continue
        try:
            yield _outcome(run, line, found[line.pk], chosen[line.pk], rows, models)
        except MatchBeyondEntry:
            again = candidates_for([line])[line.pk]
            now = applied_by_itself(again)
            yield _outcome(run, line, again, now, Rows(now), models, again=True)


def _as_payout(run: MatchingRun, line: StatementLine, ways: Sequence[Unpacked]) -> MatchingOutcome | None:
    """What came of a line that says which payout it is; None of one that does not."""
    if not ways or not ways[0].is_identified:
        return None
    best = ways[0]
    reasons = [plain(reason) for reason in best.reasons]
    if best.by_itself:
        return _done(run, line, reasons, lambda: unpack(line, by=None, key=best.key))
    return _told(run, line, Outcome.NEEDS_PERSON if best.is_alone else Outcome.AMBIGUOUS, reasons)


def _as_transfer(run: MatchingRun, line: StatementLine, sides: Sequence[OtherSide]) -> MatchingOutcome | None:
    """What came of a line whose other side is known beyond doubt; None of any other."""
    best = next((side for side in sides if side.by_itself), None)
    if best is None:
        return None
    reasons = [plain(reason) for reason in best.reasons]
    other = StatementLine.objects.select_related("administration").get(pk=best.other)
    outcome = _done(run, line, reasons, lambda: transfer(line, other, by=None, score=best.score, reasons=reasons))
    if outcome.clearing is not None:
        told = {"outcome": Outcome.MATCHED, "clearing": outcome.clearing.other_side, "reasons": reasons}
        mine = {"administration_id": run.administration_id}
        MatchingOutcome.objects.update_or_create(run=run, line=other, defaults={**told, **mine})
    return outcome


def _done(
    run: MatchingRun, line: StatementLine, reasons: list[dict[str, Any]], act: Callable[[], Clearing]
) -> MatchingOutcome:
    """Matched by ``act``, or left to a person with what refused it."""
    try:
        with transaction.atomic():
            return _told(run, line, Outcome.MATCHED, reasons, act())
    except DomainError as refusal:
        return _told(run, line, Outcome.NEEDS_PERSON, [_refused(refusal), *reasons])


def _told(
    run: MatchingRun,
    line: StatementLine,
    outcome: str,
    reasons: list[dict[str, Any]],
    clearing: Clearing | None = None,
) -> MatchingOutcome:
    return MatchingOutcome(
        administration_id=run.administration_id,
        run=run,
        line=line,
        outcome=outcome,
        clearing=clearing,
        reasons=reasons,
    )


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
        return _told(run, line, outcome, reasons, clearing)

    reasons = [plain(reason) for candidate in chosen or found.ranked[:1] for reason in candidate.reasons]
    if any(candidate.other_line for candidate in chosen):  # not beyond doubt, or it would be a transfer by now
        return told(Outcome.NEEDS_PERSON, reasons)
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


def _refused(refusal: DomainError) -> dict[str, Any]:
    return {"code": refusal.code, "points": 0, "facts": {name: str(fact) for name, fact in refusal.facts.items()}}
