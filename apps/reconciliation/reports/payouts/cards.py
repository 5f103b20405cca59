"""Bank lines by which a card acquirer pays days, or batches of a terminal, with a fee taken off or without."""

import datetime
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from apps.billing.models import EndOfDayReconciliation, TerminalBatch
from apps.core.money import ZERO, text, total
from apps.ledger.models import JournalLine
from apps.reconciliation.models import BankAccount, Match, ReconciliationModel, StatementLine
from apps.reconciliation.reports.candidates import Reason, evidence
from apps.reconciliation.reports.candidates.evidence import reason
from apps.reconciliation.reports.candidates.parties import texts_of
from apps.reconciliation.reports.clearable import left_of_clinic_days, left_to_clear
from apps.reconciliation.reports.payouts.shapes import Share, Unpacked
from apps.reconciliation.reports.rules import active_models, matching_models

PURPOSE = "card_in_transit"
WITHIN = timedelta(days=14)  # a card payment arrives, or somebody asks the acquirer
TOGETHER = 7  # days that are paid at once, at most
SHORTEST = 3  # characters of a batch number that are not met by chance
WORD = re.compile(r"[0-9A-Z]+", re.IGNORECASE)
Kind = ReconciliationModel.Kind


@dataclass(frozen=True)
class _Day:
    """A signed day whose card takings are not all on the bank: its lines in transit, payments and top-ups, with what is
    left of each; what is left of all of them, and what its terminals printed."""

    date: datetime.date
    lines: tuple[tuple[JournalLine, Decimal], ...]
    left: Decimal
    batches: tuple[TerminalBatch, ...]

    @property
    def agrees(self) -> bool:
        """Whether the terminals printed what the books have; a day without their totals has nothing to say."""
        printed = total(batch.total for batch in self.batches)
        return not self.batches or printed == total(line.debit - line.credit for line, _left in self.lines)

    def shares(self, amount: Decimal) -> Iterator[Share]:
        """``amount`` of the day, from its lines in their order; what is beyond them from the last."""
        for place, (line, left) in enumerate(self.lines, start=1):
            part = amount if place == len(self.lines) else min(left, amount, key=abs)
            if part:
                amount -= part
                yield Share("DAY", Match.Kind.TRANSIT, part, str(self.date), entry_line=line)


def card_settlements(
    account: BankAccount, lines: Sequence[StatementLine], models: Sequence[ReconciliationModel] | None = None
) -> dict[UUID, tuple[Unpacked, ...]]:
    """The days or batches that each of ``lines`` may pay, where a model for card settlements holds for the line. The
    model says how much of them, in percent, the acquirer may have kept."""
    models = active_models(account.administration_id) if models is None else models
    settling = [model for model in models if model.kind == Kind.SETTLEMENT]
    held = {line: model for line in lines if (model := next(matching_models(line, settling), None))} if settling else {}
    if not held:
        return {}
    days = _days(account, held)
    found = {line.pk: tuple(_ways(line, model, days)) for line, model in held.items()}
    return {line: ways for line, ways in found.items() if ways}


def _days(account: BankAccount, lines: dict[StatementLine, ReconciliationModel]) -> list[_Day]:
    """The days on which cards were taken that may be still on their way, oldest first."""
    first, last = min(line.date for line in lines) - WITHIN, max(line.date for line in lines)
    found = JournalLine.objects.filter(
        administration=account.administration_id,
        account__purpose=PURPOSE,
        entry__source_type="day_close",
        date__range=(first, last),
    )
    rows = list(found.select_related("account").order_by("date", "entry_id", "position"))
    closes = EndOfDayReconciliation.objects.filter(entry__in={row.entry_id for row in rows})
    day_of: dict[Any, UUID] = dict(closes.values_list("entry", "clinic_day"))
    if not day_of:
        return []
    of_line = left_to_clear(rows)
    of_day = left_of_clinic_days(set(day_of.values()), rows[0].account)
    printed: defaultdict[UUID, dict[tuple[str, str], TerminalBatch]] = defaultdict(dict)
    for batch in TerminalBatch.objects.filter(clinic_day__in=set(day_of.values())).order_by("id"):
        printed[batch.clinic_day_id][batch.terminal, batch.batch] = batch  # the newest of each
    of: defaultdict[UUID, list[tuple[JournalLine, Decimal]]] = defaultdict(list)
    for row in rows:
        if row.entry_id in day_of and of_line[row.pk]:
            of[day_of[row.entry_id]].append((row, of_line[row.pk]))
    return [
        _Day(cast(datetime.date, its[0][0].date), tuple(its), of_day[day], tuple(printed[day].values()))
        for day, its in of.items()
        if of_day[day]
    ]


def _ways(line: StatementLine, model: ReconciliationModel, days: Sequence[_Day]) -> Iterator[Unpacked]:
    """What the line names; otherwise each run of days on end that it may be."""
    open_ = [day for day in days if line.date - WITHIN <= day.date <= line.date]
    words = {word.upper() for written in texts_of(line) for word in WORD.findall(written)}
    named = [(day, batch) for day in open_ for batch in day.batches if _is_named(batch, words)]
    if named:
        yield _of_batches(line, model, named)
        return
    for at in range(len(open_)):
        for until in range(at + 1, min(at + TOGETHER, len(open_)) + 1):
            run = open_[at:until]
            if _may_be(line, model, total(day.left for day in run)):
                yield _of_days(line, model, run)


def _is_named(batch: TerminalBatch, words: set[str]) -> bool:
    return len(batch.batch) >= SHORTEST and batch.batch.upper() in words


def _may_be(line: StatementLine, model: ReconciliationModel, gross: Decimal) -> bool:
    """Whether the line is ``gross``, or less by no more than the model lets the acquirer keep."""
    return gross > 0 and ZERO <= (gross - line.residual) * 100 <= model.tolerance * gross


def _of_batches(
    line: StatementLine, model: ReconciliationModel, named: Sequence[tuple[_Day, TerminalBatch]]
) -> Unpacked:
    numbers = ", ".join(batch.batch for _day, batch in named)
    why = [reason(evidence.BATCH, batch=numbers)]
    asked: dict[datetime.date, Decimal] = defaultdict(Decimal)
    days = {day.date: day for day, _batch in named}
    for day, batch in named:
        asked[day.date] += batch.total
    for date, amount in asked.items():
        if abs(amount) > abs(days[date].left):
            told = text(amount, line.bank_account.currency)
            why.append(reason(evidence.CLEARED_BEFORE, reference=str(date), amount=told))
    shares = [share for date, amount in asked.items() for share in days[date].shares(amount)]
    return _way(line, model, numbers, shares, why, list(days.values()))


def _of_days(line: StatementLine, model: ReconciliationModel, run: Sequence[_Day]) -> Unpacked:
    shares = [share for day in run for share in day.shares(day.left)]
    first, last = run[0].date, run[-1].date
    called = f"{first}" if first == last else f"{first} \N{EN DASH} {last}"
    return _way(line, model, called, shares, [reason(evidence.ACQUIRER, model=model.name)], run)


def _way(
    line: StatementLine,
    model: ReconciliationModel,
    called: str,
    shares: list[Share],
    why: list[Reason],
    days: Sequence[_Day],
) -> Unpacked:
    """The fee is what the line lacks of the takings, as far as the model lets it be."""
    gross = total(share.amount for share in shares)
    fee = gross - line.residual
    if _may_be(line, model, gross):
        why.append(
            reason(evidence.AMOUNT)
            if not fee
            else reason(evidence.FEE_WITHIN, fee=text(fee, line.bank_account.currency))
        )
        if fee:
            shares = [*shares, Share("FEE", Match.Kind.FEE, -fee, called, account=model.tolerance_account)]
    else:
        why.append(reason(evidence.UNEXPLAINED, amount=text(-fee, line.bank_account.currency)))
    if dated := evidence.of_movement(line.date, days[-1].date):
        why.append(dated)
    if not all(day.agrees for day in days):
        why.append(reason(evidence.TERMINAL_DIFFERS))
    return Unpacked(
        line=line.pk,
        key=called,
        called=called,
        amount=line.residual,
        shares=tuple(shares),
        reasons=tuple(why),
        is_identified=True,
        waits=model.trigger != ReconciliationModel.Trigger.AUTO_RECONCILE,
        model=model,
    )
