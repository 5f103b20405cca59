"""The tie-out of a day: what was taken, per cashier and method, beside what the others say about the same money."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce

from apps.billing.models import (
    CashMovement,
    ClinicDay,
    EndOfDayReconciliation,
    Payment,
    PaystackTransaction,
    Shift,
    TopUp,
)
from apps.billing.reports import advances
from apps.billing.reports.drawers import cash_hidden, cash_moved, drawers_of, final_counts, terminal_totals
from apps.core.models import User
from apps.core.money import ZERO, total
from apps.ledger.models import JournalLine

Method = Payment.Method
ACCOUNTS = {
    "cash_drawer": Method.CASH,
    "card_in_transit": Method.CARD,
    "transfer_in_transit": Method.TRANSFER,
    "paystack_in_transit": Method.PAYSTACK,
    "wallet_liability": Method.WALLET,
}
ADVANCES = "advance_liability"


@dataclass(frozen=True)
class Tied:
    """What is said of one method: amounts in the book currency, None where nobody says anything, or not yet.

    ``taken`` is payments and top-ups less what was given back, ``top_ups`` of it the latter. ``counted`` is what the
    final counts found of it in the drawers. ``books`` is what the journal entries of the day say; they hold cover by
    payer, so none of a kind of cover.
    """

    method: str
    taken: Decimal | None
    top_ups: Decimal = ZERO
    counted: Decimal | None = None
    terminal: Decimal | None = None
    provider: Decimal | None = None
    books: Decimal | None = None

    @property
    def agrees(self) -> bool:
        """Whether whoever says something says the same."""
        said = {self.taken, self.counted, self.terminal, self.provider, self.books} - {None}
        return len(said) <= 1


@dataclass(frozen=True)
class OfCashier:
    """What one person took by one method; nobody for what came in by itself."""

    cashier: User | None
    tied: Tied

    @property
    def name(self) -> str:
        """Who took it; the provider for what it confirmed, and empty for what an earlier system took."""
        if self.cashier is None and self.tied.method == Method.PAYSTACK:
            return str(Method.PAYSTACK.label)
        return str(self.cashier or "")


@dataclass(frozen=True)
class TieOut:
    """``cashiers`` are by person and method, each of them with something; ``totals`` by method, all of them. Cash is
    None while it must not be seen."""

    cashiers: tuple[OfCashier, ...]
    totals: tuple[Tied, ...]
    cash_hidden: bool


def tie_out(day: ClinicDay) -> TieOut:
    """Hold the money of ``day`` against counts, terminals, provider and books, in a fixed number of queries.

    Cash counts for whose drawer it is in, everything else for who took it.
    """
    hidden = not day.is_finalized and cash_hidden(day)  # what is signed was counted
    paid, topped, counted = _taken(day, Payment), _taken(day, TopUp), _counted(day)
    people = User.objects.in_bulk({cashier for cashier, _method in (*paid, *topped, *counted) if cashier})

    def tied(key: tuple[UUID | None, str]) -> Tied:
        if key[1] == Method.CASH and hidden:
            return Tied(key[1], None)
        top_ups = topped.get(key, ZERO)
        return Tied(key[1], paid.get(key, ZERO) + top_ups, top_ups, counted=counted.get(key))

    keys = sorted(
        {*paid, *topped, *counted}, key=lambda key: (str(people.get(key[0]) or ""), Method.values.index(key[1]))
    )
    return TieOut(
        cashiers=tuple(OfCashier(people.get(key[0]), tied(key)) for key in keys),
        totals=tuple(_totals(day, paid, topped, counted, hidden)),
        cash_hidden=hidden,
    )


Sums = dict[tuple[UUID | None, str], Decimal]


def of_cashier(rows: Any) -> Any:
    """Payments or top-ups with the ``cashier`` that they count for: whose drawer it went into, or who took it."""
    return rows.annotate(cashier=Coalesce("shift__cashier", F("taken_by")))


def _taken(day: ClinicDay, table: Any) -> Sums:
    rows = of_cashier(table.objects.filter(clinic_day=day).order_by())
    sums = rows.values("cashier", "method").annotate(sum=Sum("amount"))
    return {(row["cashier"], row["method"]): row["sum"] for row in sums}


def _counted(day: ClinicDay) -> dict[tuple[UUID | None, str], Decimal | None]:
    """What the counts found of the cash that was taken, by whose shift it was; None while one is not counted."""
    shifts = list(Shift.objects.filter(clinic_day=day))
    moved, counts = cash_moved(shifts), final_counts(shifts)
    found: dict[tuple[UUID | None, str], Decimal | None] = {}
    for shift in shifts:
        key, cash, count = (shift.cashier_id, str(Method.CASH)), moved[shift.pk], counts.get(shift.pk)
        before = found.get(key, ZERO)
        if count is None or count.difference is None or before is None:
            found[key] = None
        else:
            found[key] = before + cash.payments + cash.top_ups - cash.refunds + count.difference
    return found


def _totals(
    day: ClinicDay, paid: Sums, topped: Sums, counted: dict[tuple[UUID | None, str], Decimal | None], hidden: bool
) -> Any:
    terminals = terminal_totals(day)
    provider = PaystackTransaction.objects.filter(
        administration=day.administration_id, paid_on=day.date, status="success"
    ).aggregate(sum=Sum("amount"))["sum"]
    books = _books(day)
    cash = list(counted.values())
    for method in Method:
        if method == Method.CASH and hidden:
            yield Tied(method, None)
            continue
        top_ups = _of_method(topped, method)
        yield Tied(
            method,
            _of_method(paid, method) + top_ups,
            top_ups,
            counted=total(one for one in cash if one) if method == Method.CASH and cash and None not in cash else None,
            terminal=total(one.total for one in terminals) if method == Method.CARD and terminals else None,
            provider=provider if method == Method.PAYSTACK else None,
            books=books.get(method),
        )


def _of_method(sums: Sums, method: str) -> Decimal:
    return total(amount for (_cashier, of), amount in sums.items() if of == method)


def _books(day: ClinicDay) -> dict[str, Decimal]:
    """What the day closes of ``day`` posted of the takings, by method; nothing while none is posted."""
    closes = EndOfDayReconciliation.objects.filter(clinic_day=day)
    posted = Q(entry__in=closes.values("entry")) | Q(entry__in=closes.values("reversal"))
    lines = JournalLine.objects.filter(posted, administration=day.administration_id)
    sums: dict[str, Decimal] = dict(
        lines.order_by().values_list("account__purpose").annotate(sum=Sum("debit") - Sum("credit"))
    )
    if not sums:
        return {}
    books = {str(method): sums.get(purpose, ZERO) for purpose, method in ACCOUNTS.items()}
    # The accounts hold more than takings: what else went through the drawers, and what went into wallets. Of what was
    # paid in advance they hold what is left after VAT.
    kinds = CashMovement.Kind
    for kind, amount in (
        CashMovement.objects.filter(clinic_day=day).order_by().values_list("kind").annotate(sum=Sum("amount"))
    ):
        books[Method.CASH] -= amount if kind == kinds.PAY_IN else -amount
    books[Method.CASH] -= total(one.difference or ZERO for one in drawers_of(day))
    books[Method.WALLET] += TopUp.objects.filter(clinic_day=day).aggregate(sum=Sum("amount", default=ZERO))["sum"]
    books[Method.WALLET] += sums.get(ADVANCES, ZERO) - advances.of_day(day).vat
    return books
