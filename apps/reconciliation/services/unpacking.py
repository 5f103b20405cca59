"""Take a bank line apart that pays out many payments: in one clearing, each part against what it clears."""

from collections.abc import Iterator

from django.db import transaction

from apps.billing.models import EndOfDayReconciliation
from apps.core.models import User
from apps.core.money import text
from apps.core.permissions import Act, require
from apps.ledger.errors import named_refusals
from apps.ledger.models import Account, JournalLine
from apps.reconciliation.errors import (
    BankLineAlreadyReconciled,
    NoPayout,
    PayoutAmbiguous,
    PayoutUnexplained,
    PersonRequired,
)
from apps.reconciliation.models import Clearing, StatementLine
from apps.reconciliation.reports.candidates.telling import plain
from apps.reconciliation.reports.payouts import Unpacked, payouts_for
from apps.reconciliation.reports.payouts.provider import PURPOSE
from apps.reconciliation.services.clearing import Kind, Part, clear, hold_line


def payout_for(line: StatementLine, key: str = "") -> Unpacked:
    """The way to take ``line`` apart that ``key`` names; without one the best. Raises NoPayout, or PayoutAmbiguous
    where none is the best."""
    ways = payouts_for([line]).get(line.pk, ())
    if key:
        ways = tuple(way for way in ways if way.key == key)
    if not ways:
        raise NoPayout()
    if not key and not ways[0].is_alone:
        raise PayoutAmbiguous(payouts=[way.key for way in ways])
    return ways[0]


@named_refusals()
@transaction.atomic
def unpack(
    line: StatementLine, *, by: User | None, key: str = "", difference_account: Account | None = None
) -> Clearing:
    """Clear ``line`` as the payout that it is: its payments, less fees and refunds, in one clearing.

    What the parts do not explain is refused, unless somebody names the ``difference_account`` that it is written off
    to. Nobody: Daybook by itself, which takes apart what agrees to the cent and is confirmed.

    Raises NotAllowed, BankLineAlreadyReconciled, NoPayout, PayoutAmbiguous, PayoutUnexplained, PersonRequired and what
    ``clear`` raises.
    """
    if by is not None:
        require(by, Act.MATCH_BANK, line.administration_id)
    line = hold_line(line.pk)
    if not line.residual:
        raise BankLineAlreadyReconciled()
    way = payout_for(line, key)
    # Read again once its days are held: somebody may have cleared one meanwhile.
    _hold(way)
    way = payout_for(line, way.key)
    if by is None and not way.by_itself:
        raise PersonRequired()
    parts = list(parts_of(way, difference_account))
    if way.unexplained and difference_account is None:
        raise PayoutUnexplained(payout=way.called, amount=text(way.unexplained, line.bank_account.currency))
    why = [plain(reason) for reason in way.reasons]
    return clear(line, parts, by=by, model=way.model, score=way.score, reasons=why, called=way.called)


def parts_of(way: Unpacked, difference_account: Account | None = None) -> Iterator[Part]:
    """The parts of the line; what is unexplained goes to ``difference_account``."""
    for share in way.shares:
        yield Part(
            share.kind,
            share.amount,
            entry_line=share.entry_line,
            payment=share.payment,
            account=share.account,
            memo=f"{way.called} {share.called}" if share.called != way.called else way.called,
        )
    if way.unexplained and difference_account is not None:
        yield Part(Kind.WRITE_OFF, way.unexplained, account=difference_account, memo=way.called)


def _hold(way: Unpacked) -> None:
    """The days' lines that it takes from, in the order of ids."""
    days = {share.payment.clinic_day_id for share in way.shares if share.payment}
    keys = {share.entry_line.pk for share in way.shares if share.entry_line}
    entries = EndOfDayReconciliation.objects.filter(clinic_day__in=days, entry__isnull=False).values("entry")
    of_days = JournalLine.objects.filter(entry__in=entries, account__purpose=PURPOSE)
    keys.update(of_days.values_list("pk", flat=True))
    list(JournalLine.objects.filter(pk__in=keys).order_by("id").select_for_update(no_key=True).values_list("pk"))
