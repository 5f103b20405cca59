"""Reconcile balance-sheet accounts: read the balance, say what it should be, explain the difference, approve."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import BinaryIO

from django.db import transaction
from django.db.models import Exists, Min, OuterRef, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from apps.core.events import record
from apps.core.models import Administration, Upload, User
from apps.core.money import ZERO, exact, quantize
from apps.core.permissions import Act, require
from apps.core.services.uploads import delete_upload, store_upload
from apps.ledger.errors import named_refusals
from apps.ledger.models import Account, ExchangeRate, OpenItem, Period
from apps.ledger.reports.balances import balances
from apps.reconciliation.errors import (
    AccountNotReconciled,
    AlreadyApproved,
    BalanceMoved,
    DatesReversed,
    DifferenceUnexplained,
    OwnReconciliation,
    ReconciliationAtWork,
    ReconciliationFrozen,
)
from apps.reconciliation.models import (
    AccountReconciliation,
    ReconciliationAttachment,
    ReconciliationSuspension,
    ReconcilingItem,
)
from apps.reconciliation.reports.bank_balance import bank_balance, timing_differences

BALANCE_SHEET = (Account.Type.ASSET, Account.Type.LIABILITY, Account.Type.EQUITY)
Status = AccountReconciliation.Status
Type = AccountReconciliation.Type


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
    control account. What the last reconciliation left unexplained by the other side is carried forward.

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
    if known := holding.first():
        raise ReconciliationAtWork(id=str(known.pk))
    opening, closing = _balances(account, period_start, period_end)
    previous = (
        AccountReconciliation.objects.filter(account=account, period_end__lt=period_start)
        .order_by("-period_end", "-id")
        .first()
    )
    if expected_balance is None:
        expected_balance = proposed_balance(account, period_end)
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
        notes=notes,
        previous=previous,
        created_by=by,
    )
    _stand(reconciliation, by)
    reconciliation.save(force_insert=True)
    if previous:
        _roll_forward(previous, reconciliation, by)
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
def approve_reconciliation(reconciliation: AccountReconciliation, *, by: User) -> AccountReconciliation:
    """Sign that the balance is right: at a difference of zero, or one that the items explain to the cent.

    Raises NotAllowed, AlreadyApproved, OwnReconciliation (whoever prepared it does not approve, unless one person may
    sign alone), BalanceMoved and DifferenceUnexplained.
    """
    require(by, Act.APPROVE_RECONCILIATIONS, reconciliation.administration_id)
    reconciliation = _locked(reconciliation)
    if reconciliation.status == Status.APPROVED:
        raise AlreadyApproved()
    preparers = {reconciliation.created_by_id, reconciliation.reconciled_by_id}
    preparers |= set(reconciliation.items.values_list("created_by", flat=True))
    if by.pk in preparers and not reconciliation.administration.single_sign_off:
        raise OwnReconciliation()
    _opening, closing = _balances(reconciliation.account, reconciliation.period_start, reconciliation.period_end)
    if closing != reconciliation.closing_balance:
        raise BalanceMoved(before=str(reconciliation.closing_balance), now=str(closing))
    reconciliation.refresh_from_db(fields=["difference", "explained"])
    if reconciliation.difference is None or reconciliation.difference != reconciliation.explained:
        raise DifferenceUnexplained(difference=str(reconciliation.difference), explained=str(reconciliation.explained))
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
def propose_items(reconciliation: AccountReconciliation, *, by: User) -> list[ReconcilingItem]:
    """Add what one of books and bank has and the other has not, as far as no item says it yet; for a bank account.

    Raises NotAllowed, ReconciliationFrozen.
    """
    reconciliation = _held(reconciliation, by)
    account = getattr(reconciliation.account, "bank_account", None)
    if account is None:
        return []
    known = set(reconciliation.items.values_list("date", "description", "amount"))
    return [
        ReconcilingItem.objects.create(
            administration=reconciliation.administration,
            reconciliation=reconciliation,
            date=found.date,
            description=found.description,
            amount=found.amount,
            created_by=by,
        )
        for found in timing_differences(account, reconciliation.period_end)
        if (found.date, found.description, found.amount) not in known
    ]


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
        upload = store_upload(
            file, administration=reconciliation.administration, purpose="attachment", name=name, by=by
        )
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


def suspend_moved(administration: Administration) -> list[ReconciliationSuspension]:
    """Suspend what was approved and no longer holds, because a later posting moved the balance.

    Only where posting is still admitted can a balance move, so what is read does not grow with history.
    """
    return [
        suspension
        for day, approved in _movable(administration)
        for suspension in _suspended(administration, day, approved)
    ]


def type_of(account: Account) -> str:
    """The type that a reconciliation of ``account`` has unless said otherwise."""
    if hasattr(account, "bank_account") or account.purpose == "bank":
        return Type.BANK
    kinds: dict[str, str] = {
        Account.Control.PATIENTS: Type.RECEIVABLES,
        Account.Control.PAYERS: Type.RECEIVABLES,
        Account.Control.CUSTOMERS: Type.RECEIVABLES,
        Account.Control.SUPPLIERS: Type.PAYABLES,
    }
    return kinds.get(account.control, Type.OTHER)


def proposed_balance(account: Account, day: date) -> Decimal | None:
    """What ``account`` should stand at by another source than its lines: its bank, or its open items."""
    currency = account.administration.currency
    if bank := getattr(account, "bank_account", None):
        stated = bank_balance(bank, day)
        if stated is None or bank.currency == currency:
            return stated.amount if stated else None
        rate = ExchangeRate.objects.on(account.administration, bank.currency, day)
        return quantize(stated.amount * rate.rate, currency) if rate else None
    if account.control:
        items = OpenItem.objects.filter(account=account).as_of(day)
        return items.aggregate(sum=Coalesce(Sum("open"), ZERO))["sum"]
    return None


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


def _movable(administration: Administration) -> Iterator[tuple[date, list[AccountReconciliation]]]:
    smaller = Period.objects.filter(
        administration=administration, first_day__gte=OuterRef("first_day"), last_day__lte=OuterRef("last_day")
    ).exclude(pk=OuterRef("pk"))
    admitting = Period.objects.filter(administration=administration, status__in=("OPEN", "REVIEW"))
    since = admitting.exclude(Exists(smaller)).aggregate(first=Min("first_day"))["first"]
    if since is None:
        return
    approved = AccountReconciliation.objects.filter(
        administration=administration, status=Status.APPROVED, suspensions=None, period_end__gte=since
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
        if closing == reconciliation.closing_balance:
            continue
        with transaction.atomic():
            held = _locked(reconciliation)
            if held.suspensions.exists():
                continue
            suspension = ReconciliationSuspension.objects.create(
                administration=administration, reconciliation=held, closing_balance=closing
            )
            record("reconciliation.suspended", held, approved=held.closing_balance, now=closing)
        yield suspension
