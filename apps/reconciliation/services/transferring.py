"""Say that two bank lines are one: money that went from one account of our own to another."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from apps.core.errors import ForeignRow
from apps.core.models import User
from apps.core.permissions import Act, require
from apps.ledger.errors import named_refusals
from apps.ledger.models import JournalLine
from apps.reconciliation.errors import NotOneTransfer
from apps.reconciliation.models import Clearing, Match, StatementLine
from apps.reconciliation.reports.clearable import OWN_TRANSFERS
from apps.reconciliation.services.clearing import Kind, Part, clear, hold_line


@named_refusals()
@transaction.atomic
def transfer(
    line: StatementLine,
    other: StatementLine,
    *,
    by: User | None,
    score: int | None = None,
    reasons: Sequence[dict[str, Any]] = (),
) -> Clearing:
    """Clear ``line`` and ``other``, each with an entry of its own day against transfers between own accounts; the two
    clearings know each other, and are undone together. What is answered is that of ``line``.

    Both are open as a whole, of two accounts in one currency, and opposite to the cent: a transfer between currencies
    is matched side by side by a person. Raises NotAllowed, ForeignRow, NotOneTransfer and what ``clear`` raises.
    """
    if by is not None:
        require(by, Act.MATCH_BANK, line.administration_id)
    if line.administration_id != other.administration_id:
        raise ForeignRow()
    held = {pk: hold_line(pk) for pk in sorted({line.pk, other.pk})}  # in the order in which undoing holds them
    line, other = held[line.pk], held[other.pk]
    _refuse(line, other)
    first, second = sorted((line, other), key=lambda one: (one.date, one.amount))  # out before in, on one day
    told: dict[str, Any] = {"by": by, "score": score, "reasons": reasons}
    sent = clear(first, [Part(Kind.TRANSFER, first.residual)], **told)
    arrived = clear(second, [Part(Kind.TRANSFER, second.residual, entry_line=_on_its_way(sent))], **told)
    sent.other_side = arrived
    return sent if first.pk == line.pk else arrived


def _refuse(line: StatementLine, other: StatementLine) -> None:
    one, two = line.bank_account, other.bank_account
    whole = line.residual == line.amount and other.residual == other.amount
    if one.pk == two.pk or one.currency != two.currency or not whole or line.amount != -other.amount or not line.amount:
        raise NotOneTransfer()


def _on_its_way(sent: Clearing) -> JournalLine | None:
    """What stands on transfers between own accounts since ``sent``; nothing where it is worth nothing in the books."""
    if sent.entry_id is None:
        return None
    account = Match.objects.get(clearing=sent, kind=Kind.TRANSFER).account
    line: JournalLine | None = JournalLine.objects.filter(
        entry=sent.entry_id, account=account, account__purpose=OWN_TRANSFERS
    ).first()
    return line
