"""What a bank line that pays out many payments at once is made of: a provider's payout, or days of card takings.

``shapes`` is what is answered, ``provider`` reads the payouts of Paystack, ``cards`` those of a card acquirer.
"""

from collections.abc import Sequence
from uuid import UUID

from apps.reconciliation.models import BankAccount, ReconciliationModel, StatementLine
from apps.reconciliation.reports.payouts.cards import card_settlements
from apps.reconciliation.reports.payouts.provider import provider_payouts
from apps.reconciliation.reports.payouts.shapes import Share, Unpacked, ranked

__all__ = ["Share", "Unpacked", "payouts_for"]


def payouts_for(
    lines: Sequence[StatementLine], models: Sequence[ReconciliationModel] | None = None
) -> dict[UUID, tuple[Unpacked, ...]]:
    """The ways to take each of ``lines`` apart, all of one bank account, the best first; of most lines none.

    Only money in that is in the currency of the books. ``models`` may be read once for many lines.
    """
    money_in = [line for line in lines if line.residual > 0]
    if not money_in:
        return {}
    account = BankAccount.objects.select_related("administration").get(pk=money_in[0].bank_account_id)
    if account.currency != account.administration.currency:
        return {}
    found: dict[UUID, tuple[Unpacked, ...]] = {}
    for those in (provider_payouts(account, money_in), card_settlements(account, money_in, models)):
        for line, ways in those.items():
            found[line] = (*found.get(line, ()), *ways)
    return {line: ranked(ways) for line, ways in found.items()}
