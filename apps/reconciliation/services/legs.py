"""What each part of a bank line is in the books: what it clears, and what is posted against the bank's own line."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from apps.billing.models import Bill, Payment
from apps.billing.services.payments import enter_transfer
from apps.core.models import User
from apps.core.money import ZERO, quantize, total
from apps.ledger.errors import AccountIsControl, NothingForeign
from apps.ledger.models import Account, JournalLine, OpenItem
from apps.ledger.reports.open_items import left_in_currency
from apps.ledger.services.posting import Document, Line, on_side
from apps.ledger.services.purposes import account_for
from apps.reconciliation.errors import (
    EntryNotClearable,
    ItemOfBilling,
    MatchBeyondEntry,
    MatchEmpty,
    MatchWrongWay,
    PersonRequired,
)
from apps.reconciliation.models import Match
from apps.reconciliation.reports.clearable import (
    BY_METHOD,
    IN_TRANSIT,
    OWN_TRANSFERS,
    cleared_as_a_whole,
    left_to_clear,
)
from apps.reconciliation.services.parts import WITHOUT_DOCUMENT, Kind, Part
from apps.reconciliation.services.taxing import taxed
from apps.reconciliation.services.valuing import RATE, Worth

SOURCE = "bank_clearing"  # of entries
# Documents whose money billing keeps: a posting past it would leave them unpaid there.
OF_BILLING = ("bill", "wallet", "remittance")


@dataclass(frozen=True)
class Leg:
    """A match, and what is posted for it: ``book_amount`` has the line's sign, ``lines`` are its counterpart. The first
    line of one that ``settles`` an open item is its payment."""

    kind: str
    amount: Decimal
    book_amount: Decimal
    account: Account | None = None
    entry_line: JournalLine | None = None
    settles: OpenItem | None = None
    payment: Payment | None = None
    words: str = ""
    lines: Sequence[Line] = field(default=(), repr=False)

    @property
    def posts(self) -> bool:
        """Whether the bank's account moves: not for what stands there already."""
        return self.kind not in (Kind.BOOKED, Kind.DUPLICATE)


@dataclass
class Books:
    """What one clearing finds in the books; entry lines and items are held, in the order of ids, until it is done."""

    worth: Worth
    by: User | None
    source: str  # of a payment that billing records for it
    items: dict[UUID, OpenItem] = field(default_factory=dict)
    lines: dict[UUID, JournalLine] = field(default_factory=dict)
    payments: dict[UUID, Payment] = field(default_factory=dict)
    brought: set[UUID] = field(default_factory=set)  # payments that a bank line brought already
    accounts: dict[str, Account] = field(default_factory=dict)  # by purpose

    def hold(self, parts: Sequence[Part]) -> None:
        """Two accountants who match one item wait for each other, and the second reads what the first one left."""
        named = [part.entry_line.pk for part in parts if part.entry_line and part.kind != Kind.ITEM]
        lines = JournalLine.objects.filter(pk__in=named)
        list(lines.order_by("id").select_for_update(no_key=True).values_list("pk"))
        self.lines = lines.select_related("account", "entry__journal", "administration").in_bulk()
        hold_items(part.open_item for part in parts if part.open_item)
        items = OpenItem.objects.filter(pk__in=[part.open_item.pk for part in parts if part.open_item])
        self.items = {
            item.pk: item for item in items.as_of().select_related("account", "party", "line__entry__journal")
        }
        paid = [part.payment.pk for part in parts if part.payment]
        if paid:
            self.payments = Payment.objects.filter(pk__in=paid).select_related("bill", "clinic_day").in_bulk()
            self.brought = set(Match.objects.filter(payment__in=paid, active=True).values_list("payment", flat=True))
            self.brought |= set(self._gone([part.payment.pk for part in parts if part.payment and not part.entry_line]))

    def _gone(self, alone: Sequence[UUID]) -> Iterator[UUID]:
        """Those of the payments that are cleared alone whose signed day somebody cleared as a whole."""
        signed = [self.payments[pk] for pk in alone if self.payments[pk].clinic_day.is_finalized]
        for method in sorted({payment.method for payment in signed} & BY_METHOD.keys()):
            its = [payment for payment in signed if payment.method == method]
            days = {payment.clinic_day_id for payment in its}
            gone = cleared_as_a_whole(days, method, self.account(BY_METHOD[method]))
            yield from (payment.pk for payment in its if payment.clinic_day_id in gone)

    def account(self, purpose: str) -> Account:
        """The account with that purpose, asked for once."""
        if purpose not in self.accounts:
            self.accounts[purpose] = account_for(self.worth.administration, purpose)
        return self.accounts[purpose]


def hold_items(items: Iterable[OpenItem]) -> None:
    """Hold ``items``, and whatever is about the same documents, in the order of ids."""
    given = list(items)
    documents = {item.document_id for item in given} - {None}
    about = OpenItem.objects.filter(pk__in=[item.pk for item in given])
    if documents:
        about |= OpenItem.objects.filter(administration=given[0].administration_id, document_id__in=documents)
    list(about.order_by("id").select_for_update().values_list("pk"))


def legs_of(books: Books, parts: Sequence[Part]) -> list[Leg]:
    """Each of ``parts`` in the books, in their order; what an exchange rate makes of one stands behind it.

    Raises MatchBeyondEntry, MatchWrongWay, EntryNotClearable, ItemOfBilling, PersonRequired, a refusal of a VAT code,
    and what billing says of a bill.
    """
    shares = books.worth.shared([part.amount for part in parts])
    parts = _with_payments(books, parts, shares)  # bills and their days first, as whoever takes a payment holds them
    books.hold(parts)
    _refuse_beyond(books, parts, shares)
    return [leg for part, share in zip(parts, shares, strict=True) for leg in LEGS[part.kind](books, part, share)]


# Bills ---------------------------------------------------------------------------------------------------------------


def _with_payments(books: Books, parts: Sequence[Part], shares: Sequence[Decimal]) -> list[Part]:
    """``parts``, of which those that pay a bill clear the transfer that billing records for it."""
    bills = [part.bill or _bill_of(part) for part in parts]
    named = Bill.objects.filter(pk__in=[bill.pk for bill in bills if bill])
    list(named.order_by("id").select_for_update(no_key=True).values_list("pk"))
    paid = []
    for number, (part, share, bill) in enumerate(zip(parts, shares, bills, strict=True)):
        if bill is None:
            paid.append(part)
            continue
        if share < 0:
            raise MatchWrongWay()
        source, day = f"{books.source} {number}", books.worth.line.date
        payment = enter_transfer(bill, amount=share, day=day, source=source, by=books.by)
        paid.append(Part(Kind.TRANSIT, part.amount, payment=payment))
    return paid


def _bill_of(part: Part) -> Bill | None:
    """The bill that a patient still owes, where an open item is about one and money came in."""
    item = part.open_item
    if item is None or item.document_type != "bill" or item.amount < 0 or part.amount < 0 or not item.document_id:
        return None
    if item.account.control != Account.Control.PATIENTS:
        return None
    return Bill.objects.filter(administration=item.administration_id, pk=item.document_id).first()


# Open items ----------------------------------------------------------------------------------------------------------


def _item(books: Books, part: Part, share: Decimal) -> Iterator[Leg]:
    if part.open_item is None:
        raise MatchEmpty()
    item: Any = books.items[part.open_item.pk]
    if item.document_type in OF_BILLING and item.account.control != Account.Control.SUPPLIERS:
        raise ItemOfBilling(item=str(item))
    if (part.amount > 0) != (item.amount > 0):
        raise MatchWrongWay()
    if not item.open:
        raise MatchBeyondEntry(asked=str(part.amount), open="0")
    settled, foreign = _settled(books, item, part, share)
    if not settled:
        raise MatchEmpty()
    called = item.reference or str(item.line.entry)
    document = Document(item.document_type, item.document_id or item.pk, item.reference, item.due_date)
    payment = on_side(item.account, -settled, party=item.party, document=document, memo=called, **foreign)
    yield Leg(
        kind=Kind.ITEM,
        amount=part.amount,
        book_amount=settled,
        account=item.account,
        entry_line=item.line,
        settles=item,
        words=called,
        lines=[payment],
    )
    if difference := share - settled:
        if books.by is None:
            raise PersonRequired()
        yield _exchange(books, ZERO, difference, called)


def _settled(books: Books, item: Any, part: Part, share: Decimal) -> tuple[Decimal, dict[str, Any]]:
    """What is settled of ``item`` in the books, at the rate that it was booked at, and the payment's foreign amount."""
    home = books.worth.administration.currency
    if item.currency in ("", home):
        if abs(share) > abs(item.open):
            raise MatchBeyondEntry(asked=str(abs(share)), open=str(quantize(abs(item.open), home)))
        return share, {}
    rest = abs(left_in_currency(item))
    paid = books.worth.paid(abs(part.amount), abs(share), rest, item.currency)
    if paid > rest:
        raise MatchBeyondEntry(asked=str(paid), open=str(rest), currency=item.currency)
    settled = item.open if paid == rest else quantize(item.open * paid / rest, home)
    return settled, {
        "currency": item.currency,
        "amount_currency": -paid if settled > 0 else paid,
        "exchange_rate": abs(settled / paid).quantize(RATE) if paid else None,
    }


# Money in transit, and what is booked --------------------------------------------------------------------------------


def _transit(books: Books, part: Part, share: Decimal) -> Iterator[Leg]:
    payment, line = part.payment, books.lines.get(part.entry_line.pk) if part.entry_line else None
    if payment is not None:
        payment = books.payments[payment.pk]
        _refuse_payment(books, payment, share)
    account = part.account
    if payment is not None:
        account = books.account(BY_METHOD[payment.method])
    elif line is not None:
        account = line.account
    if account is None:
        raise MatchEmpty()
    if account.purpose not in IN_TRANSIT or (line and line.account_id != account.pk):
        raise EntryNotClearable(account=str(account))
    words = f"{payment.bill} {payment}" if payment else str(line.entry if line else account)
    yield Leg(
        kind=Kind.TRANSIT,
        amount=part.amount,
        book_amount=share,
        account=account,
        entry_line=line,
        payment=payment,
        words=words,
        lines=_against(account, share, words),
    )


def _refuse_payment(books: Books, payment: Payment, share: Decimal) -> None:
    """A payment is brought once, by one part of one line."""
    if payment.method not in BY_METHOD:
        raise EntryNotClearable(account=payment.method)
    if (share > 0) != (payment.amount > 0):
        raise MatchWrongWay()
    if abs(share) > abs(payment.amount) or payment.pk in books.brought:
        raise MatchBeyondEntry(asked=str(abs(share)), open=str(abs(payment.amount)))
    books.brought.add(payment.pk)


def _transfer(books: Books, part: Part, share: Decimal) -> Iterator[Leg]:
    account = account_for(books.worth.administration, OWN_TRANSFERS)
    line = books.lines.get(part.entry_line.pk) if part.entry_line else None
    if line and line.account_id != account.pk:
        raise EntryNotClearable(account=str(line.account))
    words = _("own accounts")
    yield Leg(
        kind=Kind.TRANSFER,
        amount=part.amount,
        book_amount=share,
        account=account,
        entry_line=line,
        words=words,
        lines=_against(account, share, words),
    )


def _booked(books: Books, part: Part, share: Decimal) -> Iterator[Leg]:
    if part.entry_line is None:
        raise MatchEmpty()
    line, own = books.lines[part.entry_line.pk], books.worth.line.bank_account
    if line.account_id != own.account_id or line.entry.source_type == SOURCE:
        raise EntryNotClearable(account=str(line.account))
    yield Leg(
        kind=Kind.BOOKED,
        amount=part.amount,
        book_amount=_stated(line, part, share, own.currency),
        account=line.account,
        entry_line=line,
        words=str(line.entry),
    )


def _stated(line: JournalLine, part: Part, share: Decimal, currency: str) -> Decimal:
    """What ``part`` of an entry line is in the books: at its own rate, where it names the account's currency."""
    if line.currency != currency or not line.amount_currency:
        return share
    worth = (line.debit - line.credit) * part.amount / line.amount_currency
    return quantize(worth, line.administration.currency)


def _refuse_beyond(books: Books, parts: Sequence[Part], shares: Sequence[Decimal]) -> None:
    """What is cleared of an entry line has its sign and stays within what is left of it."""
    left = left_to_clear(list(books.lines.values()))
    for key, line in books.lines.items():
        asked = total(
            _stated(line, part, share, books.worth.currency) if part.kind == Kind.BOOKED else share
            for part, share in zip(parts, shares, strict=True)
            if part.entry_line is not None and part.entry_line.pk == key
        )
        if asked and (asked > 0) != (line.debit > 0):
            raise MatchWrongWay()
        if abs(asked) > abs(left[key]):
            open_ = quantize(abs(left[key]), books.worth.administration.currency)
            raise MatchBeyondEntry(asked=str(abs(asked)), open=str(open_))


# To an account -------------------------------------------------------------------------------------------------------


def _to_account(books: Books, part: Part, share: Decimal) -> Iterator[Leg]:
    account = part.account
    if account is None and part.kind == Kind.FEE:
        account = account_for(books.worth.administration, "provider_fees")
    if account is None:
        raise MatchEmpty()
    if account.control and (part.kind != Kind.MODEL or part.party is None):
        raise AccountIsControl(account=str(account))
    if account.pk == books.worth.line.bank_account.account_id:
        raise EntryNotClearable(account=str(account))
    words = part.memo or account.name
    lines = list(
        taxed(part, account, -share, books.worth, memo=words, party=part.party, **_foreign(books, part, share))
    )
    yield Leg(
        kind=part.kind,
        amount=part.amount,
        book_amount=share,
        account=account,
        words=words,
        lines=lines if share else (),
    )


def _foreign(books: Books, part: Part, share: Decimal) -> dict[str, Any]:
    """What was paid, where that is another currency than that of the books: a part of the line's foreign amount, which
    has the sign of the counterpart."""
    worth, line = books.worth, books.worth.line
    home, paid = worth.administration.currency, -part.amount
    currency = worth.currency
    if line.foreign_currency and line.foreign_amount and currency != line.foreign_currency:
        currency = line.foreign_currency
        paid = quantize(paid * abs(line.foreign_amount / line.amount), currency)
    if currency == home or not share:
        return {}
    return {
        "currency": currency,
        "amount_currency": paid,
        "exchange_rate": abs(share / paid).quantize(RATE) if paid else None,
    }


def _difference(books: Books, part: Part, share: Decimal) -> Iterator[Leg]:
    if not (books.worth.foreign or books.worth.line.foreign_currency or any(i.currency for i in books.items.values())):
        raise NothingForeign()
    yield _exchange(books, part.amount, share, part.memo)


def _exchange(books: Books, amount: Decimal, share: Decimal, words: str) -> Leg:
    """More arrived than the books say, or less left: a gain. Otherwise a loss."""
    account = account_for(books.worth.administration, "exchange_gain" if share > 0 else "exchange_loss")
    return Leg(Kind.EXCHANGE, amount, share, account, words="", lines=_against(account, share, words))


def _duplicate(books: Books, part: Part, share: Decimal) -> Iterator[Leg]:
    yield Leg(Kind.DUPLICATE, part.amount, share)


def _against(account: Account, share: Decimal, words: str) -> list[Line]:
    """Nothing is no line: what rounds to nothing in the books is not posted."""
    return [on_side(account, -share, memo=words[:300])] if share else []


LEGS: dict[str, Callable[[Books, Part, Decimal], Iterator[Leg]]] = {
    Kind.ITEM: _item,
    Kind.TRANSIT: _transit,
    Kind.BOOKED: _booked,
    Kind.TRANSFER: _transfer,
    Kind.MODEL: _to_account,
    Kind.WRITE_OFF: _to_account,
    Kind.FEE: _to_account,
    Kind.EXCHANGE: _difference,
    Kind.DUPLICATE: _duplicate,
}


def without_document(legs: Sequence[Leg]) -> Decimal:
    """What goes to accounts on somebody's word alone."""
    return total(abs(leg.book_amount) for leg in legs if leg.kind in WITHOUT_DOCUMENT)
