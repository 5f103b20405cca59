"""What was accepted of claims, what became of it, what is open and for how long. Amounts in the book currency."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import DateField, DecimalField, F, Func, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from apps.billing.models import Claim, ClaimSettlement, Outstanding, Payer, Payment, Remittance
from apps.core.models import Administration
from apps.core.money import ZERO

Kind = ClaimSettlement.Kind
# From how many days on; the last bucket has no end.
BUCKETS = (0, 31, 61, 91)


@dataclass(frozen=True)
class ClaimFigures:
    """``accepted``: cover less what was given back of it. ``settled``: by kind, what was taken back deducted."""

    accepted: Decimal
    settled: dict[str, Decimal]

    @property
    def open(self) -> Decimal:
        """What the payer still owes of the claim."""
        return self.accepted - sum(self.settled.values(), ZERO)


@dataclass(frozen=True)
class PayerAgeing:
    """What one payer owes by age, in days since the claim was submitted, or billed where it was not yet: 0-30, 31-60,
    61-90 and over 90. ``unassigned``: its money that no claim was found for."""

    payer: Payer
    buckets: tuple[Decimal, ...]
    claims: int
    unassigned: Decimal

    @property
    def total(self) -> Decimal:
        return sum(self.buckets, ZERO)


def claim_of(claim: Claim) -> ClaimFigures:
    """The figures of one claim."""
    accepted = Payment.objects.filter(bill=claim.bill_id, payer=claim.payer_id, method__in=Payment.COVER).aggregate(
        sum=Sum("amount", default=ZERO)
    )["sum"]
    sums = ClaimSettlement.objects.filter(claim=claim).order_by().values_list("kind").annotate(sum=Sum("amount"))
    return ClaimFigures(accepted, dict.fromkeys(Kind.values, ZERO) | dict(sums))


def with_open(claims: QuerySet[Claim], as_of: date | None = None) -> QuerySet[Any]:
    """``claims``, each with what was ``accepted``, ``settled`` and is ``open`` of it at the end of ``as_of`` (now,
    when not given), and since which date it is ``waiting``."""
    until = {"clinic_day__date__lte": as_of} if as_of else {}
    cover = Payment.objects.filter(bill=OuterRef("bill"), payer=OuterRef("payer"), method__in=Payment.COVER, **until)
    settled = ClaimSettlement.objects.filter(claim=OuterRef("pk"), **until)
    waiting: Any = Coalesce(F("submitted_on"), F("bill__clinic_day__date"))
    return claims.annotate(accepted=_sum(cover, "bill"), settled=_sum(settled, "claim"), waiting=waiting).annotate(
        open=F("accepted") - F("settled")
    )


def open_claims(administration: Administration, as_of: date | None = None) -> QuerySet[Any]:
    """Claims of which something is open."""
    owed = Outstanding.objects.filter(administration=administration, debtor=Outstanding.Debtor.PAYER)
    owed = owed.as_of(as_of) if as_of else owed.now()
    claims = Claim.objects.filter(Q(bill__in=owed.values("bill")) | ~Q(status="PAID"), administration=administration)
    return with_open(claims, as_of).exclude(open=0)


class _LocalToday(Func):
    """The local date of the administration whose time zone is given."""

    template = "(now() AT TIME ZONE %(expressions)s)::date"
    output_field = DateField()


def of_age(claims: QuerySet[Any], least: int | None = None, most: int | None = None) -> QuerySet[Any]:
    """Of ``claims`` with what is open of them those that have been waiting ``least`` to ``most`` days, today there."""
    claims = claims.alias(today=_LocalToday(F("administration__time_zone")))
    if least is not None:
        claims = claims.filter(waiting__lte=F("today") - timedelta(days=least))
    if most is not None:
        claims = claims.filter(waiting__gte=F("today") - timedelta(days=most))
    return claims


def ageing(administration: Administration, as_of: date) -> list[PayerAgeing]:
    """What each payer owes at the end of ``as_of`` by age; payers that owe nothing and sent nothing are left out."""
    buckets: dict[UUID, list[Decimal]] = {}
    counts: dict[UUID, int] = {}
    # A claim that was sent later than ``as_of`` was waiting for its bill then.
    rows = open_claims(administration, as_of).values_list("payer", "open", "waiting", "bill__clinic_day__date")
    for payer, open_, waiting, billed in rows.iterator():
        age = (as_of - (waiting if waiting <= as_of else billed)).days
        bucket = max((place for place, first in enumerate(BUCKETS) if age >= first), default=0)
        buckets.setdefault(payer, [ZERO] * len(BUCKETS))[bucket] += open_
        counts[payer] = counts.get(payer, 0) + 1
    spare = unassigned_by_payer(administration, as_of)
    payers = Payer.objects.filter(pk__in={*buckets, *spare}).order_by("name")
    return [
        PayerAgeing(
            payer,
            tuple(buckets.get(payer.pk, [ZERO] * len(BUCKETS))),
            counts.get(payer.pk, 0),
            spare.get(payer.pk, ZERO),
        )
        for payer in payers
    ]


def with_unassigned(remittances: QuerySet[Remittance], as_of: date | None = None) -> QuerySet[Any]:
    """``remittances``, each with what is ``unassigned`` of it: received and no claim was found for it."""
    until = {"clinic_day__date__lte": as_of} if as_of else {}
    paid = ClaimSettlement.objects.filter(remittance=OuterRef("pk"), kind=Kind.PAID, **until)
    return remittances.filter(**until).annotate(unassigned=F("amount") - _sum(paid, "remittance"))


def unassigned_by_payer(administration: Administration, as_of: date | None = None) -> dict[UUID, Decimal]:
    """Payers whose money is not all assigned, and how much of it is not."""
    rows = with_unassigned(Remittance.objects.filter(administration=administration), as_of).exclude(unassigned=0)
    found: dict[UUID, Decimal] = {}
    for payer, spare in rows.values_list("payer", "unassigned"):
        found[payer] = found.get(payer, ZERO) + spare
    return found


def _sum(rows: QuerySet[Any], by: str) -> Any:
    sums = rows.order_by().values(by).annotate(sum=Sum("amount")).values("sum")
    return Coalesce(Subquery(sums), Value(ZERO), output_field=DecimalField(max_digits=19, decimal_places=4))
