"""Sub-ledger proof: each control account against the open items that come from a source, and what explains the rest.

Both sides are read on their own: the balance from posted lines, the sub-ledger from open items and their allocations.
A difference is never taken as explained because it is there: each explanation is a row of its own, and what the rows
do not add up to is unexplained.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import (
    Case,
    Count,
    DateField,
    DateTimeField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce

from apps.core.models import Administration
from apps.core.money import ZERO, amount_field, total
from apps.ledger.models import Account, Allocation, Batch, Invoice, JournalLine, OpenItem
from apps.ledger.reports.open_items import control_accounts

# Sources that name an invoice; whatever else a person names as a source is a manual entry to the sub-ledger.
INVOICE_SOURCES = ("vendor_invoice", "customer_invoice", "ehf_invoice")


class Why(StrEnum):
    """Why a line on a control account is not in the sub-ledger."""

    MANUAL = "MANUAL"  # written by hand, here or in the books that were imported
    BEFORE_SYNC = "BEFORE_SYNC"  # imported history, from before these books had a sub-ledger
    NO_VALID_SOURCE = "NO_VALID_SOURCE"  # names an invoice that is not there


KINDS = tuple((why.value, why.value) for why in Why)


@dataclass(frozen=True)
class Explanation:
    """A line that stands in the books and not in the sub-ledger, with what is left of it at that date."""

    kind: Why
    line: JournalLine
    amount: Decimal


@dataclass(frozen=True)
class ControlProof:
    """A control account as of a date; amounts are debit less credit, in the book currency.

    ``explained`` are the first lines of the explanation, up to the limit; ``explained_amounts`` and
    ``explained_count`` are of all of them.
    """

    account: Account
    gl_balance: Decimal
    ledger_balance: Decimal
    explained: tuple[Explanation, ...]
    explained_amounts: dict[Why, Decimal]
    explained_count: int

    @property
    def administration(self) -> Administration:
        return self.account.administration

    @property
    def difference(self) -> Decimal:
        return self.gl_balance - self.ledger_balance

    @property
    def unexplained(self) -> Decimal:
        """Zero, unless the books are wrong."""
        return self.difference - total(self.explained_amounts.values())


@dataclass(frozen=True)
class SyncStatus:
    """Every control account of an administration at the end of ``as_of``."""

    administration: Administration
    as_of: date
    accounts: tuple[ControlProof, ...]

    @property
    def is_proved(self) -> bool:
        return not any(account.unexplained for account in self.accounts)


def sync_status(administration: Administration, as_of: date, *, limit: int = 1000) -> SyncStatus:
    """The proof at the end of ``as_of``, with at most ``limit`` lines of explanation for each account."""
    ledger = _open_by_account(administration, as_of)
    sources = [_unsourced(administration, as_of), history_without_items(administration, as_of)]
    counted: dict[UUID, dict[Why, tuple[Decimal, int]]] = {}
    for rows in sources:
        for row in rows.order_by().values("account", "why").annotate(sum=Sum("left"), number=Count("pk")):
            sums = counted.setdefault(row["account"], {})
            amount, number = sums.get(Why(row["why"]), (ZERO, 0))
            sums[Why(row["why"])] = (amount + row["sum"], number + row["number"])
    return SyncStatus(
        administration,
        as_of,
        tuple(
            ControlProof(
                account=account,
                gl_balance=balance,
                ledger_balance=ledger.get(account.pk, ZERO),
                explained=_explanations(sources, account, limit) if account.pk in counted else (),
                explained_amounts={why: amount for why, (amount, _n) in counted.get(account.pk, {}).items()},
                explained_count=sum(number for _amount, number in counted.get(account.pk, {}).values()),
            )
            for account, balance in control_accounts(administration, as_of)
        ),
    )


def _open_by_account(administration: Administration, as_of: date) -> dict[UUID, Decimal]:
    """What is open of the items that name a document, by account: added up by account, not item by item."""
    up_to = {"administration": administration, "date__lte": as_of}
    items = OpenItem.objects.filter(**up_to).exclude(document_type="").order_by()
    sums: dict[UUID, Decimal] = dict(items.values_list("account").annotate(sum=Sum("amount")))
    for side, sign in (("debit", -1), ("credit", 1)):
        # Only of items that are there by then: an allocation that was moved before its items leaves a difference.
        settled = Allocation.objects.filter(**up_to, **{f"{side}__date__lte": as_of})
        settled = settled.exclude(**{f"{side}__document_type": ""}).order_by()
        for account, amount in settled.values_list(f"{side}__account").annotate(sum=Sum("amount")):
            sums[account] = sums.get(account, ZERO) + sign * amount
    return sums


def history_without_items(administration: Administration, as_of: date) -> QuerySet[Any, Any]:
    """Imported lines on control accounts whose open items are none, or cancel out since a backfill was reversed.

    Annotated with ``left``, the amount, and ``why``. A line dated after its own import is no history, and is left out:
    nothing explains it.
    """
    items = OpenItem.objects.filter(line=OuterRef("pk")).order_by().values("line").annotate(sum=Sum("amount"))
    # The clock of the database says UTC; nowhere is it more than a day ahead of that.
    imported_on = ExpressionWrapper(F("entry__batch__created_at") + timedelta(days=1), output_field=DateTimeField())
    return (
        JournalLine.objects.filter(
            administration=administration,
            account__control__gt="",
            entry__batch__kind=Batch.Kind.IMPORT,
            date__lte=as_of,
        )
        .annotate(
            items=Coalesce(Subquery(items.values("sum")), Value(ZERO), output_field=amount_field()),
            imported_on=Cast(imported_on, DateField()),
        )
        .filter(Q(items=0), Q(date__lte=F("imported_on")))
        .annotate(left=F("debit") - F("credit"), why=_why("entry", history=True))
    )


def _unsourced(administration: Administration, as_of: date) -> QuerySet[Any, Any]:
    """Open items that name no document, with what is ``left`` of them, and ``why``."""
    items = OpenItem.objects.filter(administration=administration, document_type="").as_of(as_of).exclude(open=0)
    return items.annotate(left=F("open"), why=_why("line__entry", history=False))


def _why(entry: str, *, history: bool) -> Case:
    registered = Invoice.objects.filter(pk=OuterRef(f"{entry}__source_id"))
    names_invoice = Q(**{f"{entry}__source_type__in": INVOICE_SOURCES})
    return Case(
        When(names_invoice & ~Exists(registered), then=Value(Why.NO_VALID_SOURCE.value)),
        *([When(**{f"{entry}__source_type": "manual"}, then=Value(Why.MANUAL.value))] if history else []),
        default=Value(Why.BEFORE_SYNC.value if history else Why.MANUAL.value),
    )


def _explanations(sources: list[QuerySet[Any, Any]], account: Account, limit: int) -> tuple[Explanation, ...]:
    unsourced, history = sources
    items = unsourced.filter(account=account).select_related("line__entry__journal", "line__party")
    lines = history.filter(account=account).select_related("entry__journal", "party")
    found = [Explanation(Why(item.why), item.line, item.left) for item in items.order_by("date", "id")[:limit]]
    found += [Explanation(Why(line.why), line, line.left) for line in lines.order_by("date", "id")[:limit]]
    found.sort(key=lambda one: (one.line.date or date.min, one.line.pk))
    return tuple(found[:limit])
