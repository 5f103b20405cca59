"""How the balance-sheet accounts of a period stand: which are proved, which are not, and what each still needs."""

from collections import Counter
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from django.db.models import Prefetch

from apps.core.models import Administration
from apps.core.money import ZERO
from apps.ledger.models import Account
from apps.ledger.reports.balances import AccountBalance, balances
from apps.reconciliation.models import AccountReconciliation, ReconciliationSuspension

BALANCE_SHEET = (Account.Type.ASSET, Account.Type.LIABILITY, Account.Type.EQUITY)
Status = AccountReconciliation.Status


class State(StrEnum):
    """How one account stands, the furthest from done first."""

    MISSING = "missing"
    SUSPENDED = "suspended"
    DRAFT = "draft"
    RECONCILED = "reconciled"
    APPROVED = "approved"


@dataclass(frozen=True, slots=True)
class AccountStanding:
    """An account and its newest reconciliation of the period. Amounts in the book currency; debits are positive.

    ``opening`` and ``closing`` are what the books say now; ``moved`` is what was posted since the reconciliation read
    them.
    """

    account: Account
    opening: Decimal
    debit: Decimal
    credit: Decimal
    closing: Decimal
    reconciliation: AccountReconciliation | None
    state: State

    @property
    def expected(self) -> Decimal | None:
        return self.reconciliation.expected_balance if self.reconciliation else None

    @property
    def difference(self) -> Decimal | None:
        return None if self.expected is None else self.closing - self.expected

    @property
    def explained(self) -> Decimal | None:
        return self.reconciliation.explained if self.reconciliation else None

    @property
    def unexplained(self) -> Decimal | None:
        if self.reconciliation is None or self.difference is None:
            return None
        return self.difference - self.reconciliation.explained

    @property
    def moved(self) -> Decimal:
        return self.closing - self.reconciliation.closing_balance if self.reconciliation else ZERO

    @property
    def can_be_approved(self) -> bool:
        """Nothing but a second person is missing."""
        return self.state in (State.DRAFT, State.RECONCILED) and not self.moved and self.unexplained == 0


@dataclass(frozen=True, slots=True)
class PeriodStanding:
    """All accounts of a period that need a proof: whatever has a balance, moved, or was reconciled."""

    accounts: tuple[AccountStanding, ...]

    @property
    def counts(self) -> Counter[State]:
        return Counter(one.state for one in self.accounts)

    def of(self, state: State) -> list[AccountStanding]:
        return [one for one in self.accounts if one.state == state]

    @property
    def is_done(self) -> bool:
        """Every account is approved and stands as approved."""
        return all(one.state == State.APPROVED for one in self.accounts)


def period_standing(administration: Administration, first_day: date, last_day: date) -> PeriodStanding:
    """The accounts of a period from ``first_day`` to ``last_day``, by code. Four queries, however many there are."""
    booked = {one.account.pk: one for one in balances(administration, last_day, since=first_day)}
    newest: dict[UUID, AccountReconciliation] = {}
    for reconciliation in reconciliations_of(administration, first_day, last_day):
        newest[reconciliation.account_id] = reconciliation
    accounts = {one.account.pk: one.account for one in booked.values() if _needs_proof(one)}
    accounts |= {pk: one.account for pk, one in newest.items()}
    rows = (
        _standing(booked.get(account.pk, AccountBalance(account)), newest.get(account.pk))
        for account in accounts.values()
    )
    return PeriodStanding(tuple(sorted(rows, key=lambda row: (row.account.code, row.account.pk))))


def reconciliations_of(administration: Administration, first_day: date, last_day: date) -> list[AccountReconciliation]:
    """Those of exactly these dates, oldest first."""
    rows = AccountReconciliation.objects.filter(
        administration=administration, period_start=first_day, period_end=last_day
    ).select_related("account", "administration", "created_by", "reconciled_by", "approved_by")
    suspensions = Prefetch("suspensions", ReconciliationSuspension.objects.order_by("-found_at"))
    return list(rows.prefetch_related(suspensions).order_by("id"))


def state_of(reconciliation: AccountReconciliation | None, closing: Decimal) -> State:
    """How an account stands whose balance is ``closing`` by now. An approved one whose balance moved is suspended, also
    in the hour before the suspension is written."""
    if reconciliation is None:
        return State.MISSING
    if reconciliation.status == Status.APPROVED:
        moved = closing != reconciliation.closing_balance or reconciliation.suspensions.all()
        return State.SUSPENDED if moved else State.APPROVED
    return State.RECONCILED if reconciliation.status == Status.RECONCILED else State.DRAFT


def _needs_proof(balance: AccountBalance) -> bool:
    stands = balance.opening or balance.debit or balance.credit or balance.balance
    return bool(stands) and balance.account.type in BALANCE_SHEET


def _standing(balance: AccountBalance, reconciliation: AccountReconciliation | None) -> AccountStanding:
    return AccountStanding(
        account=balance.account,
        opening=balance.opening,
        debit=balance.debit,
        credit=balance.credit,
        closing=balance.balance,
        reconciliation=reconciliation,
        state=state_of(reconciliation, balance.balance),
    )
