"""Say what a bank line is: match it, and undo that."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.core.events import record
from apps.core.languages import language_of_books
from apps.core.models import User
from apps.core.money import total
from apps.core.permissions import Act, require
from apps.ledger.errors import named_refusals
from apps.ledger.models import JournalEntry, OpenItem
from apps.ledger.services.allocating import settle_pairs
from apps.ledger.services.posting import Line, Source, on_side, post_entry
from apps.reconciliation.models import Clearing, Match, ReconciliationModel, StatementLine
from apps.reconciliation.services.completing import complete
from apps.reconciliation.services.learning import learn
from apps.reconciliation.services.legs import SOURCE, Books, Leg, legs_of, without_document
from apps.reconciliation.services.parts import Kind, Part, refuse_above_limit, refuse_parts
from apps.reconciliation.services.undoing import undo, undo_line
from apps.reconciliation.services.valuing import Worth, worth

__all__ = ["Kind", "Part", "clear", "set_to_check", "undo", "undo_line"]


@named_refusals()
@transaction.atomic
def clear(
    line: StatementLine,
    parts: Sequence[Part],
    *,
    by: User | None,
    model: ReconciliationModel | None = None,
    score: int | None = None,
    reasons: Sequence[dict[str, Any]] = (),
    called: str = "",
) -> Clearing:
    """Match ``line`` with ``parts`` in one transaction, and post what they say. ``by=None``: Daybook by itself, which
    writes nothing off and takes no exchange difference. ``called`` is what the parts are together, such as a payout.

    At most one entry is posted, in the bank's journal and dated the line's date: the bank's account against what the
    parts are. What is open of an item is settled by it, at the rate that the item was booked at. Who holds what: first
    the line, then bills, entry lines and items in the order of their ids.

    Raises NotAllowed; BankLineAlreadyReconciled, MatchEmpty, MatchBeyondLine, MatchOfTwoParties, PersonRequired or
    ForeignRow of the parts; MatchBeyondEntry, MatchWrongWay, EntryNotClearable, ItemOfBilling, AccountIsControl,
    NothingForeign, WriteOffAboveLimit, ExchangeRateMissing or a refusal of the VAT code of what they name; PeriodClosed
    and what else post_entry raises.
    """
    if by is not None:
        require(by, Act.MATCH_BANK, line.administration_id)
    line = hold_line(line.pk)
    refuse_parts(line, parts, by=by, model=model)
    clearing = Clearing(
        administration=line.administration, line=line, model=model, score=score, reasons=list(reasons), by=by
    )
    books = Books(worth(line), by, source=f"{SOURCE} {clearing.pk}")
    with language_of_books(line.administration):
        legs = legs_of(books, parts)
        refuse_above_limit(line, without_document(legs))
        clearing.entry = _post(clearing, legs, books.worth, called)
    clearing.save(force_insert=True)
    Match.objects.bulk_create(_match(clearing, position, leg) for position, leg in enumerate(legs, start=1))
    _settle(clearing, legs)
    _join_other_side(clearing, legs)
    line.refresh_from_db(fields=["residual"])
    _tell(clearing, legs)
    complete(clearing)
    learn(clearing)
    return clearing


@transaction.atomic
def set_to_check(line: StatementLine, to_check: bool, *, by: User) -> StatementLine:
    """Mark a line to be looked at again, or no more; whether it is reconciled is another matter. Raises NotAllowed."""
    require(by, Act.MATCH_BANK, line.administration_id)
    StatementLine.objects.filter(pk=line.pk).update(to_check=to_check)
    record("bank.line.to_check", line, by=by, to_check=to_check)
    line.to_check = to_check
    return line


def hold_line(pk: UUID) -> StatementLine:
    """The bank line, which nobody else matches or undoes until the transaction ends."""
    lines = StatementLine.objects.select_for_update(of=("self",), no_key=True)
    line: StatementLine = lines.select_related(
        "administration", "statement", "bank_account__account", "bank_account__journal"
    ).get(pk=pk)
    return line


# The entry -----------------------------------------------------------------------------------------------------------


def _post(clearing: Clearing, legs: Sequence[Leg], worth: Worth, called: str) -> JournalEntry | None:
    """The bank's account against what the legs are; nothing where that stands in the books already, or is worth nothing
    there."""
    lines = [line for leg in legs for line in leg.lines]
    if not lines:
        return None
    of, bank = clearing.line, clearing.line.bank_account
    words = {"bank": bank, "statement": of.statement, "place": of.sequence, "what": called or _called(legs)}
    return post_entry(
        administration=of.administration,
        journal=bank.journal,
        date=of.date,
        memo=(_("%(bank)s, statement %(statement)s, line %(place)s: %(what)s") % words + worth.words)[:300],
        reference=f"{of.statement}/{of.sequence}"[:64],
        lines=[*_bank(legs, worth), *lines],
        by=clearing.by,
        source=Source(SOURCE, clearing.pk),
    )


def _bank(legs: Sequence[Leg], worth: Worth) -> Iterable[Line]:
    moved = total(leg.book_amount for leg in legs if leg.posts)
    if moved:
        in_currency = total(leg.amount for leg in legs if leg.posts)
        foreign: dict[str, Any] = {}
        if worth.foreign:
            foreign = {"currency": worth.currency, "amount_currency": in_currency, "exchange_rate": worth.rate}
        yield on_side(worth.line.bank_account.account, moved, **foreign)


def _called(legs: Sequence[Leg]) -> str:
    """What the line was matched with, as people call it. Never what the bank wrote."""
    return ", ".join(dict.fromkeys(leg.words for leg in legs if leg.words))


def _match(clearing: Clearing, position: int, leg: Leg) -> Match:
    return Match(
        administration=clearing.administration,
        clearing=clearing,
        position=position,
        kind=leg.kind,
        amount=leg.amount,
        book_amount=leg.book_amount,
        account=leg.account,
        entry_line=leg.entry_line,
        open_item=leg.settles,
        payment=leg.payment,
        exchange_entry=clearing.entry if leg.kind == Kind.EXCHANGE else None,
    )


# What follows from it ------------------------------------------------------------------------------------------------


def _settle(clearing: Clearing, legs: Sequence[Leg]) -> None:
    """Each item with the payment that was posted for it: they stand in the entry in the order of the legs."""
    settled = [leg.settles for leg in legs if leg.settles]
    documents = [item.document_id or item.pk for item in settled]
    payments = OpenItem.objects.filter(line__entry=clearing.entry_id, document_id__in=documents)
    settle_pairs(zip(settled, payments.order_by("line__position"), strict=True))


def _join_other_side(clearing: Clearing, legs: Sequence[Leg]) -> None:
    """Money between own accounts: the clearing that put it on its way, and the one that saw it arrive."""
    for leg in legs:
        if leg.kind == Kind.TRANSFER and leg.entry_line is not None:
            other = Clearing.objects.filter(entry=leg.entry_line.entry_id, undone_at=None, other_side=None).first()
            if other is not None:
                Clearing.objects.filter(pk=other.pk).update(other_side=clearing)
                Clearing.objects.filter(pk=clearing.pk).update(other_side=other)
                clearing.other_side = other


def _tell(clearing: Clearing, legs: Sequence[Leg]) -> None:
    matched = [str(leg.entry_line.entry_id) for leg in legs if leg.entry_line]
    line, model = clearing.line, clearing.model_id and str(clearing.model_id)
    facts: dict[str, Any] = {"line_id": line.pk, "model_id": model}
    if clearing.by is None:
        record("bank.line.auto_reconciled", line, **facts, matched_entries=matched)
    else:
        facts |= {"matched_entry_ids": matched, "remaining_residual": line.residual}
        record("bank.line.manually_reconciled", line, by=clearing.by, **facts)
