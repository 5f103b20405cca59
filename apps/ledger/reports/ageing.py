"""Ageing: what is owed to us, or by us, and for how long it has been due."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Sum, TextChoices
from django.utils.translation import gettext_lazy as _

from apps.core.models import Administration
from apps.core.money import ZERO, total
from apps.ledger.models import Account, OpenItem, Party


class Kind(TextChoices):
    """Which side: what patients, payers and customers owe, or what suppliers are owed.

    What patients have standing to their credit (wallets) is never due, and so on neither.
    """

    RECEIVABLE = "RECEIVABLE", _("Receivables")
    PAYABLE = "PAYABLE", _("Payables")


CONTROLS = {
    Kind.RECEIVABLE: (Account.Control.PATIENTS, Account.Control.PAYERS, Account.Control.CUSTOMERS),
    Kind.PAYABLE: (Account.Control.SUPPLIERS,),
}


class Bucket(TextChoices):
    NOT_DUE = "NOT_DUE", _("Not yet due")
    DAYS_1_30 = "DAYS_1_30", _("1-30 days")
    DAYS_31_60 = "DAYS_31_60", _("31-60 days")
    DAYS_61_90 = "DAYS_61_90", _("61-90 days")
    OVER_90 = "OVER_90", _("Over 90 days")


class Status(TextChoices):
    """``CREDIT`` is what a party has to its credit: a receipt or a credit note that settled nothing yet."""

    OPEN = "OPEN", _("Open")
    PARTIAL = "PARTIAL", _("Partly paid")
    CREDIT = "CREDIT", _("Credit")


@dataclass(frozen=True)
class AgeingRow:
    """What one document leaves open. Amounts are positive when they are owed in the direction of the report.

    ``due_date`` is the document's own date where none was agreed. A credit is nobody's delay: it is not yet due.
    """

    item: OpenItem
    original: Decimal
    open: Decimal
    due_date: date
    days_overdue: int

    @property
    def party(self) -> Party:
        return self.item.party

    @property
    def document(self) -> str:
        """What people call it: its reference, otherwise the number of its entry."""
        return self.item.reference or str(self.item.line.entry)

    @property
    def paid(self) -> Decimal:
        return self.original - self.open

    @property
    def bucket(self) -> Bucket:
        if not self.days_overdue:
            return Bucket.NOT_DUE
        last_days = ((30, Bucket.DAYS_1_30), (60, Bucket.DAYS_31_60), (90, Bucket.DAYS_61_90))
        return next((bucket for last, bucket in last_days if self.days_overdue <= last), Bucket.OVER_90)

    @property
    def status(self) -> Status:
        if self.open < 0:
            return Status.CREDIT
        return Status.PARTIAL if self.paid else Status.OPEN


@dataclass(frozen=True)
class AgeingParty:
    """One party with its documents; ``earlier`` is what it left open at the date compared with."""

    party: Party
    rows: tuple[AgeingRow, ...]
    earlier: Decimal | None = None

    @property
    def open(self) -> Decimal:
        return total(row.open for row in self.rows)

    @property
    def difference(self) -> Decimal | None:
        return None if self.earlier is None else self.open - self.earlier

    @property
    def buckets(self) -> dict[Bucket, Decimal]:
        return by_bucket(self.rows)


@dataclass(frozen=True)
class Ageing:
    """Every document that was open at the end of ``as_of``, by party and date."""

    administration: Administration
    kind: Kind
    as_of: date
    known_at: datetime | None
    compare_to: date | None
    parties: tuple[AgeingParty, ...]

    @property
    def rows(self) -> tuple[AgeingRow, ...]:
        return tuple(row for party in self.parties for row in party.rows)

    @property
    def buckets(self) -> dict[Bucket, Decimal]:
        return by_bucket(self.rows)

    @property
    def original(self) -> Decimal:
        return total(row.original for row in self.rows)

    @property
    def paid(self) -> Decimal:
        return total(row.paid for row in self.rows)

    @property
    def open(self) -> Decimal:
        return total(row.open for row in self.rows)

    @property
    def overdue(self) -> Decimal:
        return total(row.open for row in self.rows if row.days_overdue)

    @property
    def earlier(self) -> Decimal | None:
        return total(party.earlier or ZERO for party in self.parties) if self.compare_to else None

    @property
    def difference(self) -> Decimal | None:
        return None if self.earlier is None else self.open - self.earlier


def by_bucket(rows: tuple[AgeingRow, ...]) -> dict[Bucket, Decimal]:
    """What is open in each bucket, those without anything too."""
    return {bucket: total(row.open for row in rows if row.bucket == bucket) for bucket in Bucket}


def ageing(
    administration: Administration,
    kind: Kind,
    as_of: date,
    *,
    known_at: datetime | None = None,
    compare_to: date | None = None,
) -> Ageing:
    """What was open at the end of ``as_of``, from what stood in the books by ``known_at``."""
    found = _open(administration, kind, as_of, known_at)
    earlier: dict[Party, Decimal] = {}
    if compare_to:
        for row in _open(administration, kind, compare_to, known_at):
            earlier[row.party] = earlier.get(row.party, ZERO) + row.open
    rows = {party: tuple(group) for party, group in groupby(found, key=lambda row: row.party)}
    parties = [
        AgeingParty(party, rows.get(party, ()), earlier.get(party, ZERO) if compare_to else None)
        for party in {**rows, **earlier}
    ]
    return Ageing(administration, kind, as_of, known_at, compare_to, tuple(sorted(parties, key=_order)))


def open_totals(administration: Administration, as_of: date) -> dict[Kind, Decimal]:
    """The sum of ``open`` of both reports, without their rows: an allocation takes as much of one item as of another on
    the same account, so that what all items of an account leave open is the sum of their amounts."""
    controls = {control for group in CONTROLS.values() for control in group}
    items = OpenItem.objects.filter(administration=administration, account__control__in=controls, date__lte=as_of)
    sums = dict(items.order_by().values_list("account__control").annotate(sum=Sum("amount")))
    return {kind: _sign(kind) * total(sums.get(control, ZERO) for control in group) for kind, group in CONTROLS.items()}


# What was settled is summed up once for all items, not looked up for each: few of those that ever were are open.
OPEN = """
SELECT item.id, item.amount - coalesce(taken.amount, 0) + coalesce(given.amount, 0) AS open
FROM ledger_openitem item
JOIN ledger_account account ON account.id = item.account_id AND account.control = ANY(%(controls)s)
LEFT JOIN (
    SELECT debit_id, sum(amount) AS amount FROM ledger_allocation
    WHERE administration_id = %(administration)s AND date <= %(as_of)s AND created_at <= %(known_at)s GROUP BY debit_id
) taken ON taken.debit_id = item.id
LEFT JOIN (
    SELECT credit_id, sum(amount) AS amount FROM ledger_allocation
    WHERE administration_id = %(administration)s AND date <= %(as_of)s AND created_at <= %(known_at)s GROUP BY credit_id
) given ON given.credit_id = item.id
WHERE item.administration_id = %(administration)s AND item.date <= %(as_of)s AND item.created_at <= %(known_at)s
  AND item.amount - coalesce(taken.amount, 0) + coalesce(given.amount, 0) <> 0
"""


def _open(administration: Administration, kind: Kind, as_of: date, known_at: datetime | None) -> list[AgeingRow]:
    facts: dict[str, Any] = {
        "administration": administration.pk,
        "controls": [control.value for control in CONTROLS[kind]],
        "as_of": as_of,
        "known_at": known_at or "infinity",
    }
    with connection.cursor() as cursor:
        cursor.execute(OPEN, facts)
        left = dict(cursor.fetchall())
    items = (
        OpenItem.objects.filter(pk__in=left)
        .select_related("party", "line__entry__journal")
        .order_by("party__code", "party_id", "date", "id")
    )
    return [_row(item, left[item.pk], _sign(kind), as_of) for item in items]


def _row(item: OpenItem, left: Decimal, sign: int, as_of: date) -> AgeingRow:
    due, owed = item.due_date or item.date, sign * left
    days = max((as_of - due).days, 0) if owed > 0 else 0
    return AgeingRow(item=item, original=sign * item.amount, open=owed, due_date=due, days_overdue=days)


def _sign(kind: Kind) -> int:
    return 1 if kind == Kind.RECEIVABLE else -1


def _order(party: AgeingParty) -> tuple[str, UUID]:
    return party.party.code, party.party.pk
