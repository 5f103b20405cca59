"""What the close page shows to a manager beside the figures: who gave what away, the cash left, payers by age."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.billing.admin.base import link
from apps.billing.admin.closes.figures import Column, columns
from apps.billing.blind import AFTER_THE_COUNT, Seen, seen
from apps.billing.models import Bill, ClinicDay, Payment
from apps.billing.reports.drawers import DrawerOfDay
from apps.billing.reports.review import AGES, CashLeft, cash_left, fortnight, given_away, payer_ageing
from apps.billing.reports.tie_out import Tied, TieOut
from apps.core import display
from apps.core.models import Administration
from apps.core.money import ZERO, total


@dataclass(frozen=True)
class Part:
    """How often, how much, and which rows."""

    word: Any
    count: int
    amount: Seen
    link: str


@dataclass(frozen=True)
class Person:
    """What one person took back or gave away."""

    name: str
    parts: list[Part]
    unapproved: int


@dataclass(frozen=True)
class Ageing:
    """What one payer owes, each part under its age."""

    name: str
    columns: list[tuple[Any, Decimal]]
    total: Decimal


@dataclass(frozen=True)
class TiedRow:
    """One method, of the whole day or of one cashier: what was taken, and what the others say of it."""

    name: str
    word: str
    amounts: list[tuple[Any, Seen]]
    agrees: bool


@dataclass(frozen=True)
class Review:
    """The manager's part of the page. ``ageing_total`` is what payers owe altogether, at the end of the day."""

    people: list[Person]
    cash: list[tuple[CashLeft, str]]
    ageing: list[Ageing]
    ages: list[Any]
    ageing_parts: list[Any]
    ageing_total: Any
    ageing_link: str
    columns: list[Column]
    tied: list[TiedRow]
    by_cashier: list[TiedRow]


def review(
    administration: Administration,
    clinic_day: ClinicDay | None,
    day: date,
    drawers: list[DrawerOfDay],
    *,
    tied: TieOut | None,
    today: Seen,
    hidden: bool,
) -> Review:
    """All of it. ``today`` is what the day settled, or that it waits for the count."""
    ageing = payer_ageing(administration, day)
    ages: list[Any] = [_("up to %(days)s days") % {"days": age} for age in AGES]
    ages.append(_("over %(days)s days") % {"days": AGES[-1]})
    return Review(
        people=people(clinic_day, hidden=hidden) if clinic_day else [],
        cash=[(one, _deposited(one)) for one in (cash_left(clinic_day, drawers) if clinic_day else [])],
        ageing=[
            Ageing(str(one.payer or _("several payers")), list(zip(ages, one.parts, strict=True)), one.total)
            for one in ageing
        ],
        ages=ages,
        ageing_parts=[(age, total(one.parts[at] for one in ageing)) for at, age in enumerate(ages)],
        ageing_total=total(one.total for one in ageing),
        ageing_link=link(
            "billing_bill_changelist", administration__id__exact=administration.pk, owed=f"payer@{day.isoformat()}"
        ),
        columns=columns(fortnight(administration, day), administration, today=today),
        tied=[_tied_row("", one, hidden) for one in tied.totals if _says_something(one, hidden)] if tied else [],
        by_cashier=[_tied_row(str(one.cashier or _("nobody")), one.tied, hidden) for one in tied.cashiers]
        if tied
        else [],
    )


def _says_something(one: Tied, hidden: bool) -> bool:
    said = (one.taken, one.counted, one.terminal, one.provider, one.books)
    return any(said) or (hidden and one.method == Payment.Method.CASH)


def _tied_row(name: str, one: Tied, hidden: bool) -> TiedRow:
    blind = hidden and one.method == Payment.Method.CASH
    amounts: list[tuple[Any, Seen]] = [
        (_("Taken"), AFTER_THE_COUNT if blind else one.taken),
        (_("Counted"), AFTER_THE_COUNT if blind else one.counted),
        (_("Terminal"), one.terminal),
        (_("Provider"), one.provider),
        (_("Books"), one.books),
    ]
    return TiedRow(name, str(Payment.Method(one.method).label), amounts, one.agrees)


def people(clinic_day: ClinicDay, *, hidden: bool) -> list[Person]:
    """Voids, discounts and refunds of a day by person. What was billed and given back waits for the count."""
    mine: dict[str, Any] = {
        "administration__id__exact": clinic_day.administration_id,
        "day": clinic_day.date.isoformat(),
    }
    found = []
    for one in given_away(clinic_day):
        by = one.user.pk if one.user else None
        voids = link("billing_bill_changelist", **mine, kind__exact=Bill.Kind.CREDIT_NOTE, issued_by__id__exact=by)
        discounts = link("billing_discount_changelist", **mine, given_by__id__exact=by)
        refunds = link("billing_payment_changelist", **mine, kind__in="REFUND,CHARGEBACK", taken_by__id__exact=by)
        parts = [
            Part(_("Voids"), one.voids_count, seen(one.voids, hidden=hidden and one.voids != ZERO), voids),
            Part(_("Discounts"), one.discounts_count, one.discounts, discounts),
            Part(_("Refunds"), one.refunds_count, seen(one.refunds, hidden=hidden and one.refunds != ZERO), refunds),
        ]
        found.append(Person(str(one.user or _("nobody")), parts, one.unapproved_count))
    return found


def _deposited(one: CashLeft) -> str:
    return str(display.short_day(one.last_deposit)) if one.last_deposit else str(_("never"))
