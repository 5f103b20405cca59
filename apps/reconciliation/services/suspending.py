"""Suspend what was approved and no longer holds, because a later posting moved the balance."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from django.db import transaction
from django.db.models import Exists, Min, OuterRef

from apps.core.events import record
from apps.core.models import Administration
from apps.core.money import ZERO
from apps.ledger.models import Period
from apps.ledger.reports.balances import balances
from apps.reconciliation.models import AccountReconciliation, ReconciliationSuspension


def suspend_moved(administration: Administration) -> list[ReconciliationSuspension]:
    """Suspend the approved reconciliations whose balance is another by now; the stamps stay.

    Only where posting is still admitted can a balance move, so what is read does not grow with history.
    """
    return [
        suspension
        for day, approved in _movable(administration)
        for suspension in _suspended(administration, day, approved)
    ]


@transaction.atomic
def suspend(reconciliation: AccountReconciliation, closing: Decimal) -> ReconciliationSuspension | None:
    """Suspend an approved reconciliation whose balance is ``closing`` by now; None where it was suspended before."""
    held = AccountReconciliation.objects.select_for_update().get(pk=reconciliation.pk)
    if held.suspensions.exists():
        return None
    suspension: ReconciliationSuspension = ReconciliationSuspension.objects.create(
        administration_id=held.administration_id, reconciliation=held, closing_balance=closing
    )
    record("reconciliation.suspended", held, approved=held.closing_balance, now=closing)
    return suspension


def _movable(administration: Administration) -> Iterator[tuple[date, list[AccountReconciliation]]]:
    smaller = Period.objects.filter(
        administration=administration, first_day__gte=OuterRef("first_day"), last_day__lte=OuterRef("last_day")
    ).exclude(pk=OuterRef("pk"))
    admitting = Period.objects.filter(administration=administration, status__in=("OPEN", "REVIEW"))
    since = admitting.exclude(Exists(smaller)).aggregate(first=Min("first_day"))["first"]
    if since is None:
        return
    approved = AccountReconciliation.objects.filter(
        administration=administration,
        status=AccountReconciliation.Status.APPROVED,
        suspensions=None,
        period_end__gte=since,
    ).select_related("administration", "account")
    by_day: dict[date, list[AccountReconciliation]] = {}
    for reconciliation in approved.order_by("period_end", "id"):
        by_day.setdefault(reconciliation.period_end, []).append(reconciliation)
    yield from by_day.items()


def _suspended(
    administration: Administration, day: date, approved: list[AccountReconciliation]
) -> Iterator[ReconciliationSuspension]:
    found = balances(administration, day, accounts=[row.account for row in approved])
    now = {balance.account.pk: balance.balance for balance in found}
    for reconciliation in approved:
        closing = now.get(reconciliation.account_id, ZERO)
        suspension = suspend(reconciliation, closing) if closing != reconciliation.closing_balance else None
        if suspension:
            yield suspension
