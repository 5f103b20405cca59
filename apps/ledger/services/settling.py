"""Settle open items by hand: allocate, write off a small rest, and post what an exchange rate made of it."""

from datetime import date
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from apps.core.events import record
from apps.core.languages import language_of_books
from apps.core.models import User
from apps.core.money import ZERO, exact, quantize
from apps.core.permissions import Act, require
from apps.ledger.errors import (
    AccountIsControl,
    AllocationBeyondOpen,
    AllocationOfTwoParties,
    ItemSettled,
    NothingForeign,
    named_refusals,
)
from apps.ledger.models import Account, Allocation, JournalEntry, OpenItem
from apps.ledger.reports.open_items import left_in_currency
from apps.ledger.services.posting import Document, Line, Source, first_open_day, post_entry
from apps.ledger.services.purposes import account_for, journal_of

EXCHANGE_DIFFERENCE, WRITE_OFF = "exchange_difference", "write_off"


@named_refusals()
@transaction.atomic
def allocate(
    debit: OpenItem, credit: OpenItem, *, by: User, amount: Decimal | None = None, fully: bool = False
) -> list[Allocation]:
    """Settle ``debit`` with ``credit``: as far as ``amount`` says, otherwise as far as both go.

    ``amount`` is in the currency of both items when that is one foreign currency, otherwise in the book currency. What
    two items of one foreign currency differ by in the books is posted as a realised exchange difference and settled
    along. ``fully``: so is what is left of the two, when one of them is foreign and was paid in the book currency.

    Raises NotAllowed, ItemSettled, AllocationBeyondOpen, AllocationOfTwoParties, NothingForeign, and what
    ``post_entry`` raises for the difference.
    """
    require(by, Act.KEEP_ACCOUNTS, debit.administration_id)
    debit, credit = _locked(debit, credit)
    if debit.amount < 0 or credit.amount > 0:
        raise AllocationOfTwoParties()
    for item in (debit, credit):
        if not _open(item):
            raise ItemSettled(item=str(item))
    together = bool(debit.currency) and debit.currency == credit.currency
    if fully and not (debit.currency or credit.currency):
        raise NothingForeign()

    rests = [_rest(item) if together else abs(_open(item)) for item in (debit, credit)]
    amount = min(rests) if amount is None else exact(amount, debit.currency if together else _books(debit))
    if amount <= 0 or amount > min(rests):
        raise AllocationBeyondOpen(amount=str(amount), open=str(min(rests)))
    owed, paid = (_share(item, amount, rest) for item, rest in zip((debit, credit), rests, strict=True))
    settled = min(owed, paid)
    allocations = [_allocate(debit, credit, settled)] if settled else []
    difference = ZERO
    if together:
        difference = paid - owed
    elif fully and amount == min(rests):
        difference = -(_open(debit) + _open(credit))
    if difference:
        allocations.append(_realise(debit if difference < 0 else credit, difference, by))
    record("ledger.items_allocated", debit, by=by, credit=credit.pk, amount=settled, exchange_difference=difference)
    return allocations


@named_refusals()
@transaction.atomic
def write_off(item: OpenItem, *, account: Account, by: User, reason: str, date: date | None = None) -> JournalEntry:
    """Write what is open of ``item`` off to ``account``, dated ``date``, otherwise the first open day from the item's.

    Raises NotAllowed, ItemSettled, AccountIsControl and what ``post_entry`` raises.
    """
    require(by, Act.KEEP_ACCOUNTS, item.administration_id)
    (item,) = _locked(item)
    if not _open(item):
        raise ItemSettled(item=str(item))
    if account.control:
        raise AccountIsControl(account=str(account))
    with language_of_books(item.administration):
        memo = _("Write-off of %(item)s: %(reason)s") % {"item": item, "reason": reason}
    day = date or first_open_day(item.administration, item.date)
    entry, opposite = _post_against(item, -_open(item), account, day, memo, Source(WRITE_OFF, item.pk), by)
    _allocate(*((item, opposite) if item.amount > 0 else (opposite, item)), abs(_open(item)))
    record("ledger.item_written_off", item, by=by, entry=entry.pk, amount=_open(item), reason=reason)
    return entry


def _locked(*items: OpenItem) -> list[OpenItem]:
    """The items with what is open of them, in the order given, until the transaction ends nobody else's."""
    rows = OpenItem.objects.filter(pk__in=[item.pk for item in items])
    list(rows.order_by("id").select_for_update().values_list("pk"))
    found = {item.pk: item for item in rows.as_of().select_related("administration", "account", "party")}
    return [found[item.pk] for item in items]


def _open(item: OpenItem) -> Decimal:
    amount: Decimal = item.open  # type: ignore[attr-defined]
    return amount


def _books(item: OpenItem) -> str:
    return item.administration.currency


def _rest(item: OpenItem) -> Decimal:
    """What is open of a foreign item, in its currency: allocations take it at the rate that it was booked at."""
    return abs(left_in_currency(item))


def _share(item: OpenItem, amount: Decimal, rest: Decimal) -> Decimal:
    """What ``amount`` of the ``rest`` of ``item`` is in the book currency."""
    left = abs(_open(item))
    return left if amount == rest else quantize(left * amount / rest, _books(item))


def _allocate(debit: OpenItem, credit: OpenItem, amount: Decimal) -> Allocation:
    allocation: Allocation = Allocation.objects.create(
        administration_id=debit.administration_id,
        debit=debit,
        credit=credit,
        amount=amount,
        date=max(debit.date, credit.date),
    )
    return allocation


def _realise(item: OpenItem, difference: Decimal, by: User) -> Allocation:
    """Post ``difference``, a debit of the control account when positive, and settle ``item`` with it as far as it goes.

    More was received, or less was paid, than the books say: a gain, on the credit side. Otherwise a loss.
    """
    account = account_for(item.administration, "exchange_gain" if difference > 0 else "exchange_loss")
    day = first_open_day(item.administration, item.date)
    with language_of_books(item.administration):
        memo = _("Exchange difference of %(item)s") % {"item": item}
    _entry, opposite = _post_against(item, difference, account, day, memo, Source(EXCHANGE_DIFFERENCE, None), by)
    return _allocate(*((opposite, item) if difference > 0 else (item, opposite)), abs(difference))


def _post_against(
    item: OpenItem, amount: Decimal, account: Account, day: date, memo: str, source: Source, by: User
) -> tuple[JournalEntry, OpenItem]:
    """An entry of ``amount``, a debit when positive, on the item's account against ``account``, and its open item.

    It is about the same document, so that its reversal is as well.
    """
    document = Document(item.document_type, item.document_id or item.pk, item.reference)
    entry = post_entry(
        administration=item.administration,
        journal=journal_of(item.administration, "GEN"),
        date=day,
        memo=memo[:300],
        lines=[
            Line(
                item.account,
                debit=max(amount, ZERO),
                credit=max(-amount, ZERO),
                party=item.party,
                document=document,
            ),
            Line(account, debit=max(-amount, ZERO), credit=max(amount, ZERO)),
        ],
        by=by,
        source=source,
    )
    return entry, OpenItem.objects.get(line__entry=entry)
