"""Take back what a bank line was matched with."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.billing.services.payments import take_back_transfer
from apps.core.events import record
from apps.core.languages import language_of_books
from apps.core.models import User
from apps.core.permissions import Act, require
from apps.ledger.errors import PeriodClosed, named_refusals
from apps.ledger.models import JournalEntry
from apps.ledger.services.posting import reverse_entry
from apps.reconciliation.errors import BankLineNotMatched
from apps.reconciliation.models import Clearing, StatementLine
from apps.reconciliation.services.completing import dissolve
from apps.reconciliation.services.learning import unlearn
from apps.reconciliation.services.legs import SOURCE, hold_items


@named_refusals()
@transaction.atomic
def undo(clearing: Clearing, *, by: User | None) -> Clearing:
    """Take a clearing back: its entry is reversed on its own date, what it matched is open again, the rows stay. Of
    money between own accounts both sides are taken back.

    What the entry settled is open as before: the reversal's own item is about the same document and due when that was.
    A transfer that billing recorded for it is taken back on its day; once that is signed, a manager refunds it first.
    What posted nothing is undone in a closed period as well. ``by=None``: its entry was reversed, and so it is undone.

    Raises NotAllowed, BankLineNotMatched, TransferSigned, and PeriodClosed or PeriodMissing.
    """
    if by is not None:
        require(by, Act.MATCH_BANK, clearing.administration_id)
    sides = [pk for pk in (clearing.pk, clearing.other_side_id) if pk]
    _hold_lines(StatementLine.objects.filter(clearings__in=sides))
    standing = Clearing.objects.filter(pk__in=sides, undone_at=None).select_related(
        "administration", "line", "entry__administration", "entry__journal", "entry__period"
    )
    found = {one.pk: one for one in standing.order_by("-created_at", "-id")}
    if clearing.pk not in found:
        raise BankLineNotMatched()
    for one in found.values():
        _undo(one, by)
    return found[clearing.pk]


@transaction.atomic
def undo_line(line: StatementLine, *, by: User) -> StatementLine:
    """Take back all that a line was matched with, the last first. Raises BankLineNotMatched and what ``undo`` does."""
    require(by, Act.MATCH_BANK, line.administration_id)
    _hold_lines(StatementLine.objects.filter(pk=line.pk))
    standing = list(Clearing.objects.filter(line=line, undone_at=None).order_by("-created_at", "-id"))
    if not standing:
        raise BankLineNotMatched()
    for clearing in standing:
        undo(clearing, by=by)
    line.refresh_from_db(fields=["residual"])
    return line


def _hold_lines(lines: object) -> None:
    """In the order of ids, as two sides of a transfer may be undone from either."""
    keys = list(lines.values_list("pk", flat=True))  # type: ignore[attr-defined]
    list(StatementLine.objects.filter(pk__in=keys).order_by("id").select_for_update(no_key=True).values_list("pk"))


def _undo(clearing: Clearing, by: User | None) -> None:
    matches = list(clearing.matches.select_related("open_item", "payment"))
    for match in matches:
        if match.payment and match.payment.source.startswith(f"{SOURCE} {clearing.pk} "):
            take_back_transfer(match.payment, reason=_("Bank match undone"), by=by)
    hold_items(match.open_item for match in matches if match.open_item)
    dissolve(clearing)
    clearing.reversal = _reversal(clearing, by)
    clearing.undone_at, clearing.undone_by = timezone.now(), by
    clearing.save(update_fields=["reversal", "undone_at", "undone_by"])
    unlearn(clearing)
    record("bank.reconciliation.undone", clearing.line, by=by, line_id=clearing.line_id, clearing_id=clearing.pk)


def _reversal(clearing: Clearing, by: User | None) -> JournalEntry | None:
    """The reversal of the clearing's entry, on its date; the one that somebody has posted already, if they have."""
    entry = clearing.entry
    if entry is None:
        return None
    if known := JournalEntry.objects.filter(reverses=entry).first():
        return known
    with language_of_books(clearing.administration):
        reason = _("bank match undone")
    try:
        return reverse_entry(entry, by=by, reason=reason, date=entry.date)
    except PeriodClosed as closed:
        words = _("Reopen {period} first; where it is locked, correct it by an entry in an open period.")
        raise PeriodClosed(**{**closed.facts, "way_out": words.format(**closed.words())}) from closed
