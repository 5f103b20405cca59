"""What the close page lists as findings: what does not agree, what leaked, what came late; each with what to do."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Count, Min, Q, Sum
from django.utils.translation import gettext_lazy as _

from apps.billing.admin.base import link
from apps.billing.admin.closes.addresses import day_link
from apps.billing.blind import Seen, seen
from apps.billing.models import ClinicDay, Leak, Payment
from apps.billing.reports.day import describe, way_out
from apps.core.models import Administration
from apps.core.money import ZERO

ANY_OTHER = _("Look at it with the manager, and write in a note what came of it.")

LEAK_TO_DO: dict[str, Any] = {
    Leak.Class.UNBILLED: _("Bill what was done, or write down why it costs nothing."),
    Leak.Class.UNDERBILLED: _("Have the discount approved, or credit the bill and issue it anew."),
    Leak.Class.TAMPERED: _("The manager looks at it before signing."),
    Leak.Class.UNPAID: _("Take the payment, or agree on a plan."),
    Leak.Class.UNCLAIMED: _("Send the claim to the payer."),
}


@dataclass(frozen=True)
class Finding:
    """Something that does not agree: what it says, what to do, where to look, and where what is missing is entered by
    those who approve."""

    code: str
    says: str
    do: Any
    link: str
    enter: str = ""


@dataclass(frozen=True)
class Leaking:
    """The open leaks of one class: those of the day and those from before it, how old the oldest is, what to do."""

    word: str
    count: int
    amount: Decimal
    older_count: int
    older_amount: Decimal
    unpriced: int
    age: int
    do: Any
    link: str


def findings(mismatches: list[dict[str, Any]]) -> list[Finding]:
    """Each mismatch of a day."""
    return [
        Finding(
            mismatch["code"],
            describe(mismatch),
            way_out(mismatch) or ANY_OTHER,
            _where(mismatch),
            _enter(mismatch),
        )
        for mismatch in mismatches
    ]


def _enter(mismatch: dict[str, Any]) -> str:
    if mismatch["code"] != "PROVIDER_REFUND_NOT_ENTERED" or "transaction_id" not in mismatch:
        return ""
    return link("billing_paystacktransaction_refund", mismatch["transaction_id"])


def _where(mismatch: dict[str, Any]) -> str:
    pages = {
        "payment_id": "billing_payment_change",
        "bill_id": "billing_bill_change",
        "top_up_id": "billing_topup_change",
        "transaction_id": "billing_paystacktransaction_change",
    }
    return next((link(page, mismatch[name]) for name, page in pages.items() if mismatch.get(name)), "")


def leaks(administration: Administration, day: date) -> list[Leaking]:
    """Open leaks up to ``day`` by class."""
    own = Q(day=day)
    rows = (
        Leak.objects.filter(administration=administration, state=Leak.State.OPEN, day__lte=day)
        .order_by()
        .values("leak_class")
        .annotate(
            own=Count("pk", filter=own),
            own_amount=Sum("amount", filter=own, default=ZERO),
            older=Count("pk", filter=~own),
            older_amount=Sum("amount", filter=~own, default=ZERO),
            unpriced=Count("pk", filter=Q(amount=None)),
            oldest=Min("day"),
        )
    )
    found = {row["leak_class"]: row for row in rows}
    return [
        Leaking(
            word=str(kind.label),
            count=row["own"],
            amount=row["own_amount"],
            older_count=row["older"],
            older_amount=row["older_amount"],
            unpriced=row["unpriced"],
            age=(day - row["oldest"]).days,
            do=LEAK_TO_DO[kind],
            link=link(
                "billing_leak_changelist",
                administration__id__exact=administration.pk,
                state__exact=Leak.State.OPEN,
                leak_class__exact=kind,
            ),
        )
        for kind in Leak.Class
        if (row := found.get(kind))
    ]


@dataclass(frozen=True)
class Late:
    """Money that was entered on another day than it belongs to; ``close`` and ``day_link`` name the other one."""

    count: int
    amount: Seen
    link: str
    close: str = ""
    day_link: str = ""


def late_here(figures: Any, administration: Administration, *, day: date, hidden: bool) -> list[Late]:
    """What was paid this day for earlier days that were signed by then, each with its close."""
    mine = {"administration__id__exact": administration.pk, "day": day.isoformat(), "late": "yes"}
    return [
        Late(
            one["payments_count"],
            seen(Decimal(one["payments_amount"]), hidden=hidden),
            link("billing_payment_changelist", **mine),
            one["close"],
            day_link(administration.pk, date.fromisoformat(one["date"])),
        )
        for one in figures.breakdown.get("late_for", ())
        if one["payments_count"]
    ]


def late_elsewhere(clinic_day: ClinicDay) -> Late | None:
    """What belongs to this day and was entered on a later one, after this one was signed."""
    rows: dict[str, Any] = Payment.objects.filter(late_for=clinic_day).aggregate(
        sum=Sum("amount", default=ZERO),
        count=Count("*"),
        uncounted=Count("pk", filter=Q(shift__isnull=False, shift__closed_at=None)),
    )
    if not rows["count"]:
        return None
    return Late(rows["count"], seen(rows["sum"], hidden=rows["uncounted"] > 0), "")
