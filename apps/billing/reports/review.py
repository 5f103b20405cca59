"""What a manager looks at before signing: who gave what away, where the cash is, what payers owe and for how long."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Case, CharField, Count, F, Max, OuterRef, Q, Subquery, Sum, Value, When

from apps.billing.models import (
    Bill,
    CashMovement,
    ClinicDay,
    Discount,
    Drawer,
    EndOfDayReconciliation,
    Outstanding,
    Payer,
    Payment,
)
from apps.billing.reports.drawers import DrawerOfDay, days_hidden
from apps.core.models import Administration, User
from apps.core.money import ZERO, total

# Days since the bill, up to and including; what is older stands in the last column.
AGES = (30, 60, 90)


@dataclass(frozen=True)
class GivenAway:
    """What one person took back or gave away on a day: positive amounts in the book currency."""

    user: User | None
    voids_count: int = 0
    voids: Decimal = ZERO
    discounts_count: int = 0
    discounts: Decimal = ZERO
    unapproved_count: int = 0
    refunds_count: int = 0
    refunds: Decimal = ZERO


def given_away(day: ClinicDay) -> list[GivenAway]:
    """Credit notes, discounts and refunds of ``day`` by the person who made them, by name."""
    found: dict[Any, dict[str, Any]] = {}
    credit_notes = Bill.objects.filter(clinic_day=day, kind=Bill.Kind.CREDIT_NOTE).order_by()
    discounts = Discount.objects.filter(line__bill__clinic_day=day).order_by()
    refunds = Payment.objects.filter(~Q(kind=Payment.Kind.PAYMENT), clinic_day=day).order_by()
    counted: list[Any] = [
        *credit_notes.values(user=F("issued_by")).annotate(voids_count=Count("*"), voids=-Sum("gross")),
        *discounts.values(user=F("given_by")).annotate(
            discounts_count=Count("*"),
            discounts=Sum("amount"),
            unapproved_count=Count("pk", filter=Q(approved_at=None)),
        ),
        *refunds.values(user=F("taken_by")).annotate(refunds_count=Count("*"), refunds=-Sum("amount")),
    ]
    for row in counted:
        found.setdefault(row.pop("user"), {}).update(row)
    people = User.objects.in_bulk([pk for pk in found if pk])
    return sorted(
        (GivenAway(people.get(pk), **sums) for pk, sums in found.items()), key=lambda one: str(one.user or "")
    )


@dataclass(frozen=True)
class CashLeft:
    """Cash that is still in a drawer after a day. ``undeposited`` is what lies in it beyond its standard float; None
    until the drawer is counted."""

    drawer: Drawer
    left: Decimal | None
    undeposited: Decimal | None
    last_deposit: date | None


def cash_left(day: ClinicDay, drawers: list[DrawerOfDay]) -> list[CashLeft]:
    """Each of ``drawers`` with what stayed in it after ``day``, and when something was last brought to the bank."""
    deposits: dict[UUID, date] = (
        dict(
            CashMovement.objects.filter(
                kind=CashMovement.Kind.DEPOSIT,
                shift__drawer__in=[one.drawer for one in drawers],
                clinic_day__date__lte=day.date,
            )
            .order_by()
            .values_list("shift__drawer")
            .annotate(last=Max("clinic_day__date"))
        )
        if drawers
        else {}
    )
    return [
        CashLeft(
            one.drawer,
            one.retained,
            None if one.retained is None else max(one.retained - one.drawer.standard_float, ZERO),
            deposits.get(one.drawer.pk),
        )
        for one in drawers
    ]


@dataclass(frozen=True)
class PayerAgeing:
    """What one payer owes at the end of a day, by the age of the bill: one amount for each of ``AGES``, and the rest.

    ``payer`` is None for bills that several payers share.
    """

    payer: Payer | None
    parts: tuple[Decimal, ...]

    @property
    def total(self) -> Decimal:
        return total(self.parts)


def payer_ageing(administration: Administration, day: date) -> list[PayerAgeing]:
    """What payers owe at the end of ``day``, by payer and age of the bill: together all that payers owe then."""
    covers = (
        Payment.objects.filter(bill=OuterRef("bill"), method__in=Payment.COVER, kind=Payment.Kind.PAYMENT)
        .order_by()
        .values("bill")
        .annotate(payers=Count("payer", distinct=True))
    )
    first = Payment.objects.filter(bill=OuterRef("bill"), method__in=Payment.COVER).order_by("id").values("payer")[:1]
    rows = (
        Outstanding.objects.filter(administration=administration, debtor=Outstanding.Debtor.PAYER, amount__gt=0)
        .as_of(day)
        .order_by()
        .annotate(payers=Subquery(covers.values("payers")))
        .annotate(payer=Case(When(payers=1, then=Subquery(first)), default=None))
        .annotate(age=_age(day))
        .values("payer", "age")
        .annotate(sum=Sum("amount"))
    )
    parts: dict[Any, list[Decimal]] = {}
    for row in rows:
        parts.setdefault(row["payer"], [ZERO] * (len(AGES) + 1))[int(row["age"])] += row["sum"]
    payers = Payer.objects.select_related("party").in_bulk([pk for pk in parts if pk])
    ageing = [PayerAgeing(payers.get(pk), tuple(sums)) for pk, sums in parts.items()]
    return sorted(ageing, key=lambda one: (one.payer is None, -one.total))


def _age(day: date) -> Case:
    """Which of the columns a bill belongs into at the end of ``day``."""
    limits = [
        When(clinic_day__date__gte=day - timedelta(days=age), then=Value(str(column)))
        for column, age in enumerate(AGES)
    ]
    return Case(*limits, default=Value(str(len(AGES))), output_field=CharField())


@dataclass(frozen=True)
class DayBefore:
    """A day of the fortnight: what it settled, None where nobody prepared it; and whether its cash must be counted
    before that may be seen."""

    date: date
    settled: Decimal | None
    hidden: bool


def fortnight(administration: Administration, until: date) -> list[DayBefore]:
    """The fourteen days that end with ``until``, each with what its newest close settled."""
    since = until - timedelta(days=13)
    closes = EndOfDayReconciliation.objects.filter(
        administration=administration, reconciliation_date__range=(since, until)
    ).exclude(status=EndOfDayReconciliation.Status.CANCELLED)
    settled = dict(closes.current().order_by().values_list("reconciliation_date", "total_revenue"))
    hidden = hidden_days(administration, since, until)
    days = [since + timedelta(days=at) for at in range(14)]
    return [DayBefore(one, settled.get(one), one in hidden) for one in days]


def hidden_days(administration: Administration, since: date, until: date) -> set[date]:
    """The days from ``since`` to ``until`` whose cash must not be seen yet."""
    days = dict(
        ClinicDay.objects.filter(administration=administration, date__range=(since, until)).values_list("pk", "date")
    )
    return {days[pk] for pk in days_hidden(days)}
