"""Reconcile balance-sheet accounts: read the balance, say what it should be, explain the difference, approve."""

from datetime import date
from decimal import Decimal
from typing import BinaryIO
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.core.events import record
from apps.core.models import Upload, User
from apps.core.money import ZERO, exact, quantize
from apps.core.permissions import Act, require
from apps.core.services.uploads import delete_upload, store_upload
from apps.ledger.errors import named_refusals
from apps.ledger.models import Account
from apps.ledger.reports.balances import balances
from apps.reconciliation.errors import (
    AccountNotReconciled,
    AlreadyApproved,
    BalanceMoved,
    DatesReversed,
    DifferenceUnexplained,
    OwnReconciliation,
    ReconciliationAtWork,
    ReconciliationChanged,
    ReconciliationFrozen,
    TooManyDifferences,
)
from apps.reconciliation.models import (
    AccountReconciliation,
    ReconciliationAttachment,
    ReconciliationSuspension,
    ReconcilingItem,
)
from apps.reconciliation.reports.expected import bank_of
from apps.reconciliation.reports.expected import expected_balance as expected_of
from apps.reconciliation.reports.preparing import last_event, preparers_of
from apps.reconciliation.reports.standing import BALANCE_SHEET
from apps.reconciliation.reports.whence import differences_of, not_itemised, whence
from apps.reconciliation.services.suspending import suspend

Status = AccountReconciliation.Status
Type = AccountReconciliation.Type
MOST_PROPOSED = 500  # items that somebody can still look at; an unmatched statement is matched, not explained


@named_refusals()
@transaction.atomic
def begin_reconciliation(
    account: Account,
    *,
    period_start: date,
    period_end: date,
    by: User,
    type: str = "",
    expected_balance: Decimal | None = None,
    notes: str = "",
) -> AccountReconciliation:
    """Read the balances of ``account`` over a period; debits are positive, in the book currency.

    Unless given, what is expected comes from the bank statement for a bank account and from the open items for a
    control account. What the last reconciliation left unexplained by the other side is carried forward. An approved
    one of the same period whose balance moved is suspended now; its items, notes and typed balance are taken over.

    Raises NotAllowed, DatesReversed, AccountNotReconciled, ReconciliationAtWork, AmountHasTooManyDigits.
    """
    administration = account.administration
    require(by, Act.KEEP_ACCOUNTS, administration.pk)
    if period_start > period_end:
        raise DatesReversed(start=period_start, end=period_end)
    if account.type not in BALANCE_SHEET:
        raise AccountNotReconciled(account=str(account))
    same = AccountReconciliation.objects.filter(account=account, period_start=period_start, period_end=period_end)
    holding = same.exclude(status=Status.APPROVED) | same.filter(status=Status.APPROVED, suspensions=None)
    known = holding.first()
    opening, closing = _balances(account, period_start, period_end)
    if known:
        if known.status != Status.APPROVED or known.closing_balance == closing:
            raise ReconciliationAtWork(id=str(known.pk))
        suspend(known, closing)
    suspended = same.order_by("-id").first()
    previous = (
        AccountReconciliation.objects.filter(account=account, period_end__lt=period_start)
        .order_by("-period_end", "-id")
        .first()
    )
    if expected_balance is None:
        proposed = expected_of(account, period_end)
        said = suspended.expected_balance if suspended else None
        expected_balance = proposed.amount if proposed else said
    else:
        expected_balance = exact(expected_balance, administration.currency)
    reconciliation = AccountReconciliation(
        administration=administration,
        account=account,
        type=type or type_of(account),
        period_start=period_start,
        period_end=period_end,
        opening_balance=opening,
        closing_balance=closing,
        expected_balance=expected_balance,
        notes=notes or (suspended.notes if suspended else ""),
        previous=previous,
        created_by=by,
    )
    _stand(reconciliation, by)
    reconciliation.save(force_insert=True)
    if source := suspended or previous:
        _roll_forward(source, reconciliation, by)
    record("reconciliation.begun", reconciliation, by=by, closing=closing)
    return reconciliation


@named_refusals()
@transaction.atomic
def update_reconciliation(
    reconciliation: AccountReconciliation, *, by: User, expected_balance: Decimal | None, notes: str
) -> AccountReconciliation:
    """Say what the balance should be. The balances are read again; a difference of zero makes it reconciled, any other
    pending. Raises NotAllowed, ReconciliationFrozen, AmountHasTooManyDigits."""
    reconciliation = _held(reconciliation, by)
    reconciliation.opening_balance, reconciliation.closing_balance = _balances(
        reconciliation.account, reconciliation.period_start, reconciliation.period_end
    )
    if expected_balance is not None:
        expected_balance = exact(expected_balance, reconciliation.administration.currency)
    reconciliation.expected_balance = expected_balance
    reconciliation.notes = notes
    _stand(reconciliation, by)
    reconciliation.save()
    record("reconciliation.updated", reconciliation, by=by, expected=expected_balance)
    return reconciliation


@named_refusals()
@transaction.atomic
def approve_reconciliation(
    reconciliation: AccountReconciliation, *, by: User, seen: UUID | None = None
) -> AccountReconciliation:
    """Sign that the balance is right: at a difference of zero, or one that the items explain to the cent.

    ``seen`` is its last event when the person looked, where a page knows it. Raises NotAllowed, AlreadyApproved,
    OwnReconciliation (whoever prepared it does not approve, unless one person may sign alone), ReconciliationChanged,
    BalanceMoved and DifferenceUnexplained.
    """
    require(by, Act.APPROVE_RECONCILIATIONS, reconciliation.administration_id)
    reconciliation = _locked(reconciliation)
    if reconciliation.status == Status.APPROVED:
        raise AlreadyApproved()
    if seen and seen != last_event(reconciliation).pk:
        raise ReconciliationChanged()
    preparers = preparers_of([reconciliation])[reconciliation.pk]
    if by.pk in preparers and not reconciliation.administration.single_sign_off:
        raise OwnReconciliation()
    _opening, closing = _balances(reconciliation.account, reconciliation.period_start, reconciliation.period_end)
    currency = reconciliation.administration.currency
    if closing != reconciliation.closing_balance:
        raise BalanceMoved(before=quantize(reconciliation.closing_balance, currency), now=quantize(closing, currency))
    reconciliation.refresh_from_db(fields=["difference", "explained"])
    explained, difference = reconciliation.explained, reconciliation.difference
    if difference != explained:  # without an expected balance all of it is unexplained
        difference = quantize(closing if difference is None else difference, currency)
        raise DifferenceUnexplained(difference=difference, explained=quantize(explained, currency))
    reconciliation.status = Status.APPROVED
    reconciliation.approved_by = by
    reconciliation.approved_at = timezone.now()
    reconciliation.save()
    ReconciliationSuspension.objects.filter(
        reconciliation__account=reconciliation.account,
        reconciliation__period_start=reconciliation.period_start,
        reconciliation__period_end=reconciliation.period_end,
        replaced_by=None,
    ).update(replaced_by=reconciliation)
    record("reconciliation.approved", reconciliation, by=by, alone=by.pk in preparers)
    return reconciliation


@named_refusals()
@transaction.atomic
def explain(
    reconciliation: AccountReconciliation, *, date: date, description: str, amount: Decimal, by: User
) -> ReconcilingItem:
    """Add a reconciling item: a part of the difference (books less expected), and what it is.

    Raises NotAllowed, ReconciliationFrozen, AmountHasTooManyDigits.
    """
    reconciliation = _held(reconciliation, by)
    item: ReconcilingItem = ReconcilingItem.objects.create(
        administration=reconciliation.administration,
        reconciliation=reconciliation,
        date=date,
        description=description,
        amount=exact(amount, reconciliation.administration.currency),
        created_by=by,
    )
    record("reconciliation.item_added", reconciliation, by=by, amount=item.amount)
    return item


@named_refusals()
@transaction.atomic
def change_item(
    item: ReconcilingItem,
    *,
    date: date,
    description: str,
    amount: Decimal,
    by: User,
    resolved_on: date | None = None,
) -> ReconcilingItem:
    """Say otherwise what a part of the difference is, and whether it still stands between the two balances.

    Raises NotAllowed, ReconciliationFrozen, AmountHasTooManyDigits.
    """
    reconciliation = _held(item.reconciliation, by)
    before = item.amount
    item.date, item.description, item.resolved_on = date, description, resolved_on
    item.amount = exact(amount, reconciliation.administration.currency)
    item.save(update_fields=["date", "description", "amount", "resolved_on"])
    record("reconciliation.item_changed", reconciliation, by=by, before=before, amount=item.amount)
    return item


@named_refusals()
@transaction.atomic
def propose_items(reconciliation: AccountReconciliation, *, by: User) -> list[ReconcilingItem]:
    """Add what one of books and bank has and the other has not, as far as no item says it yet; for a bank account.

    An item that names a line or an entry by which they no longer differ is resolved at the end of the period: what was
    carried forward and has been matched since. Raises NotAllowed, ReconciliationFrozen, TooManyDifferences.
    """
    reconciliation = _held(reconciliation, by)
    differences = differences_of(reconciliation)
    items = list(reconciliation.items.all())
    named = whence(reconciliation, items, differences)
    settled = [item for item in items if item.pk in named and not named[item.pk].stands and item.resolved_on is None]
    for item in settled:
        resolve_item(item, on=reconciliation.period_end, by=by)
    left = not_itemised(differences, items)
    if len(left) > MOST_PROPOSED:
        raise TooManyDifferences(count=len(left), most=MOST_PROPOSED)
    proposed = ReconcilingItem.objects.bulk_create(
        ReconcilingItem(
            administration=reconciliation.administration,
            reconciliation=reconciliation,
            date=found.date,
            description=found.description,
            amount=found.amount,
            created_by=by,
        )
        for found in left
    )
    if proposed:
        amount = sum((item.amount for item in proposed), ZERO)
        record("reconciliation.items_proposed", reconciliation, by=by, count=len(proposed), amount=amount)
    return proposed


@named_refusals()
@transaction.atomic
def resolve_item(item: ReconcilingItem, *, on: date, by: User) -> ReconcilingItem:
    """Say that an item no longer stands between the two balances. Raises NotAllowed, ReconciliationFrozen."""
    _held(item.reconciliation, by)
    item.resolved_on = on
    item.save(update_fields=["resolved_on"])
    record("reconciliation.item_resolved", item.reconciliation, by=by, amount=item.amount)
    return item


@named_refusals()
@transaction.atomic
def remove_item(item: ReconcilingItem, *, by: User) -> None:
    """Take an item away again. Raises NotAllowed, ReconciliationFrozen."""
    _held(item.reconciliation, by)
    record("reconciliation.item_removed", item.reconciliation, by=by, amount=item.amount)
    item.delete()


@named_refusals()
def attach(reconciliation: AccountReconciliation, file: BinaryIO, *, name: str, by: User) -> ReconciliationAttachment:
    """Keep a document that proves the balance. Raises NotAllowed, ReconciliationFrozen, what ``store_upload`` does."""
    require(by, Act.KEEP_ACCOUNTS, reconciliation.administration_id)
    if reconciliation.status == Status.APPROVED:
        raise ReconciliationFrozen()
    with transaction.atomic():
        _held(reconciliation, by)
        upload = store_upload(file, administration=reconciliation.administration, purpose="proof", name=name, by=by)
        attachment: ReconciliationAttachment = ReconciliationAttachment.objects.create(
            administration=reconciliation.administration, reconciliation=reconciliation, upload=upload
        )
        record("reconciliation.attached", reconciliation, by=by, upload=upload.pk)
    return attachment


@named_refusals()
@transaction.atomic
def detach(attachment: ReconciliationAttachment, *, by: User) -> None:
    """Remove a document, row and file. Raises NotAllowed, ReconciliationFrozen."""
    reconciliation = _held(attachment.reconciliation, by)
    record("reconciliation.detached", reconciliation, by=by, upload=attachment.upload_id)
    upload: Upload = attachment.upload
    attachment.delete()
    delete_upload(upload, by=by)


def type_of(account: Account) -> str:
    """The type that a reconciliation of ``account`` has unless said otherwise."""
    if bank_of(account) or account.purpose == "bank":
        return Type.BANK
    kinds: dict[str, str] = {
        Account.Control.PATIENTS: Type.RECEIVABLES,
        Account.Control.PAYERS: Type.RECEIVABLES,
        Account.Control.CUSTOMERS: Type.RECEIVABLES,
        Account.Control.SUPPLIERS: Type.PAYABLES,
    }
    return kinds.get(account.control, Type.OTHER)


def _balances(account: Account, start: date, end: date) -> tuple[Decimal, Decimal]:
    found = balances(account.administration, end, since=start, accounts=[account])
    return (found[0].opening, found[0].balance) if found else (ZERO, ZERO)


def _stand(reconciliation: AccountReconciliation, by: User) -> None:
    if reconciliation.expected_balance == reconciliation.closing_balance:
        reconciliation.status = Status.RECONCILED
        reconciliation.reconciled_by, reconciliation.reconciled_at = by, timezone.now()
    else:
        reconciliation.status = Status.PENDING
        reconciliation.reconciled_by = reconciliation.reconciled_at = None


def _locked(reconciliation: AccountReconciliation) -> AccountReconciliation:
    rows = AccountReconciliation.objects.select_related("administration", "account")
    return rows.select_for_update(of=("self",)).get(pk=reconciliation.pk)


def _held(reconciliation: AccountReconciliation, by: User) -> AccountReconciliation:
    """The reconciliation as it is now, nobody else's until the transaction ends; refused once it is approved."""
    require(by, Act.KEEP_ACCOUNTS, reconciliation.administration_id)
    reconciliation = _locked(reconciliation)
    if reconciliation.status == Status.APPROVED:
        raise ReconciliationFrozen()
    return reconciliation


def _roll_forward(previous: AccountReconciliation, reconciliation: AccountReconciliation, by: User) -> None:
    ReconcilingItem.objects.bulk_create(
        ReconcilingItem(
            administration=reconciliation.administration,
            reconciliation=reconciliation,
            date=item.date,
            description=item.description,
            amount=item.amount,
            carried_from=item,
            created_by=by,
        )
        for item in previous.items.filter(resolved_on=None)
    )
