"""What somebody says that a bank line is, and what is refused of it at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from apps.billing.models import Bill, Payment
from apps.core.errors import ForeignRow
from apps.core.models import User
from apps.core.money import ZERO, exact, total
from apps.ledger.models import Account, JournalLine, OpenItem, Party, VatCode
from apps.reconciliation.errors import (
    BankLineAlreadyReconciled,
    MatchBeyondLine,
    MatchEmpty,
    MatchOfTwoParties,
    PersonRequired,
    WriteOffAboveLimit,
)
from apps.reconciliation.models import Match, ReconciliationModel, StatementLine

Kind = Match.Kind


@dataclass(frozen=True)
class Part:
    """What a part of a line is (``kind`` of Match). ``amount`` is in the account's currency, money in is positive, so
    that a fee that was kept from money in is negative. What it names depends on its kind:

    ITEM an ``open_item``; TRANSIT an ``entry_line``, a ``payment`` or an ``account`` of money in transit, or an unpaid
    ``bill``, whose transfer billing then records; BOOKED an ``entry_line`` on the bank's own account; TRANSFER the
    ``entry_line`` of the other side, once that is known; MODEL, WRITE_OFF and FEE an ``account``, to which the amount
    less its VAT goes. EXCHANGE and DUPLICATE name nothing.
    """

    kind: str
    amount: Decimal
    entry_line: JournalLine | None = None
    open_item: OpenItem | None = None
    payment: Payment | None = None
    bill: Bill | None = None
    account: Account | None = None
    party: Party | None = None
    vat_code: VatCode | None = None
    memo: str = ""


# What only a person says; Daybook by itself finds what is there, and books what a model says of a whole line.
OF_A_PERSON = {Kind.WRITE_OFF, Kind.EXCHANGE, Kind.DUPLICATE}
# What goes straight to an account on somebody's word, without a document behind it.
WITHOUT_DOCUMENT = {Kind.WRITE_OFF, Kind.MODEL}


def refuse_parts(
    line: StatementLine, parts: Sequence[Part], *, by: User | None, model: ReconciliationModel | None
) -> None:
    """Raises BankLineAlreadyReconciled, MatchEmpty, MatchBeyondLine, AmountHasTooManyDigits, ForeignRow,
    MatchOfTwoParties or PersonRequired."""
    if not line.residual:
        raise BankLineAlreadyReconciled()
    amounts = [exact(part.amount, line.bank_account.currency) for part in parts]
    if not all(amounts) or not (cleared := total(amounts)):
        raise MatchEmpty()
    if (cleared > 0) != (line.residual > 0) or abs(cleared) > abs(line.residual):
        raise MatchBeyondLine(asked=str(cleared), open=str(exact(line.residual, line.bank_account.currency)))
    _refuse_foreign(line, parts)
    _refuse_netting(parts)
    if by is None:
        _refuse_alone(line, parts, model)
    if any(part.kind == Kind.DUPLICATE for part in parts) and (len(parts) > 1 or cleared != line.residual):
        raise MatchBeyondLine(asked=str(cleared), open=str(line.residual))


def refuse_above_limit(line: StatementLine, booked: Decimal) -> None:
    """``booked`` is what goes to accounts without a document; a second person posts what is above the limit of manual
    entries. Raises WriteOffAboveLimit."""
    limit = line.administration.manual_entry_limit
    if limit is not None and booked > limit and not line.administration.single_sign_off:
        raise WriteOffAboveLimit(amount=str(booked), limit=str(exact(limit, line.administration.currency)))


def _refuse_foreign(line: StatementLine, parts: Sequence[Part]) -> None:
    for part in parts:
        named = (part.entry_line, part.open_item, part.payment, part.bill, part.account, part.party, part.vat_code)
        if any(row is not None and row.administration_id != line.administration_id for row in named):
            raise ForeignRow()


def _refuse_netting(parts: Sequence[Part]) -> None:
    """Items of several parties in one line are what a collected payment is; of two that go against each other only
    one party can have agreed to pay the difference. Raises MatchEmpty for an item that stands there twice."""
    items = [(part.open_item, part.amount) for part in parts if part.open_item is not None]
    if len({item.pk for item, _amount in items}) < len(items):
        raise MatchEmpty()
    if len({amount > ZERO for _item, amount in items}) > 1 and len({item.party_id for item, _amount in items}) > 1:
        raise MatchOfTwoParties()


def _refuse_alone(line: StatementLine, parts: Sequence[Part], model: ReconciliationModel | None) -> None:
    if any(part.kind in OF_A_PERSON for part in parts):
        raise PersonRequired()
    if any(part.kind == Kind.MODEL for part in parts):
        whole = line.residual == line.amount == total(part.amount for part in parts)
        by_itself = (
            model is not None and model.is_active and model.trigger == ReconciliationModel.Trigger.AUTO_RECONCILE
        )
        if not (whole and by_itself and all(part.kind == Kind.MODEL for part in parts)):
            raise PersonRequired()
