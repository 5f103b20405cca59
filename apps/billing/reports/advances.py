"""Advances: what was paid for one service before it was given, what is left of it, and of the VAT declared on it."""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, F, OuterRef, Q, QuerySet, Subquery, Sum, When
from django.db.models.functions import Coalesce

from apps.billing.models import Bill, ClinicDay, Payment, TopUp
from apps.core.money import ZERO, quantize

IS_ADVANCE = Q(service__isnull=False, advance=None)


@dataclass(frozen=True)
class AdvanceMoved:
    """How an advance moved on a day, in the book currency: more of it is positive, ``vat`` and ``net`` of it."""

    advance: TopUp
    amount: Decimal
    vat: Decimal

    @property
    def net(self) -> Decimal:
        return self.amount - self.vat


@dataclass(frozen=True)
class AdvancesOfDay:
    """What a day took in advance, gave back of it and used on bills, VAT included, each as a positive amount.

    ``vat`` is what the day declares beside the VAT of its bills: on what was received, less what was declared before on
    what was used and given back.
    """

    received: Decimal
    count: int
    given_back: Decimal
    used: Decimal
    vat: Decimal


def with_left(rows: QuerySet[TopUp]) -> QuerySet[Any]:
    """``rows``, each advance with what is ``left`` of it and of its VAT (``left_vat``): None for other top-ups."""
    back = TopUp.objects.filter(advance=OuterRef("pk")).order_by().values("advance")
    drawn = Payment.objects.filter(advance=OuterRef("pk")).order_by().values("advance")

    def left(of: str, of_drawn: str) -> Any:
        moved = _sum(back.annotate(sum=Sum(of))) - _sum(drawn.annotate(sum=Sum(of_drawn)))
        return Case(When(IS_ADVANCE, then=F(of) + moved))

    return rows.annotate(left=left("amount", "amount"), left_vat=left("vat", "advance_vat"))


def open_advances(**of: Any) -> QuerySet[Any]:
    """Advances ``of`` patients and services of which something is left, the oldest first."""
    rows = with_left(TopUp.objects.filter(IS_ADVANCE, **of)).filter(left__gt=0).order_by("id")
    return rows.select_related("service", "administration", "clinic_day")


def advances_for(bill: Bill) -> QuerySet[Any]:
    """The open advances that may pay a part of ``bill``."""
    services = bill.lines.filter(service__isnull=False).values_list("service", flat=True)
    return open_advances(patient=bill.patient_id, service__in=list(services))


def vat_of(advance: Any, amount: Decimal) -> Decimal:
    """How much of the VAT that was declared on ``advance``, which has what is left, goes along with ``amount`` of it.

    What stays behind is always its share of the VAT, rounded once: so parts in whatever order add up to the whole, to
    the cent. A negative ``amount`` comes back.
    """
    stays = quantize(advance.vat * (advance.left - amount) / advance.amount, advance.administration.currency)
    part: Decimal = advance.left_vat - stays
    return part


def earmarked(outer: str = "patient") -> Any:
    """What is left of the advances of each row's patient: an expression for rows whose ``outer`` is a patient."""
    paid = TopUp.objects.filter(service__isnull=False, patient=OuterRef(outer)).order_by().values("patient")
    drawn = Payment.objects.filter(advance__isnull=False, advance__patient=OuterRef(outer)).order_by()
    return _sum(paid.annotate(sum=Sum("amount"))) - _sum(drawn.values("advance__patient").annotate(sum=Sum("amount")))


def moved_on(day: ClinicDay) -> list[AdvanceMoved]:
    """Each advance that was received on ``day``, given back or used, by what it moved altogether."""
    amounts: defaultdict[UUID, Decimal] = defaultdict(Decimal)
    vats: defaultdict[UUID, Decimal] = defaultdict(Decimal)
    received = TopUp.objects.filter(clinic_day=day, service__isnull=False).annotate(of=Coalesce("advance", "id"))
    for of, amount, vat in received.order_by().values_list("of").annotate(amounts=Sum("amount"), vats=Sum("vat")):
        amounts[of] += amount
        vats[of] += vat
    used = Payment.objects.filter(clinic_day=day, advance__isnull=False).order_by().values_list("advance")
    for of, amount, vat in used.annotate(amounts=Sum("amount"), vats=Sum("advance_vat")):
        amounts[of] -= amount
        vats[of] -= vat
    rows = TopUp.objects.filter(pk__in=amounts).select_related("patient__party", "vat_code__account").order_by("number")
    return [AdvanceMoved(row, amounts[row.pk], vats[row.pk]) for row in rows]


def of_day(day: ClinicDay) -> AdvancesOfDay:
    """What ``day`` took in advance and what became of advances on it."""
    taken: dict[str, Any] = TopUp.objects.filter(clinic_day=day, service__isnull=False).aggregate(
        received=Sum("amount", filter=Q(advance=None), default=ZERO),
        count=Count("pk", filter=Q(advance=None)),
        given_back=-Sum("amount", filter=Q(advance__isnull=False), default=ZERO),
        declared=Sum("vat", default=ZERO),
    )
    used: dict[str, Any] = Payment.objects.filter(clinic_day=day, advance__isnull=False).aggregate(
        used=Sum("amount", default=ZERO), before=Sum("advance_vat", default=ZERO)
    )
    vat = taken.pop("declared") - used["before"]
    return AdvancesOfDay(**taken, used=used["used"], vat=vat)


def _sum(rows: QuerySet[Any]) -> Any:
    return Coalesce(Subquery(rows.values("sum")), ZERO)
