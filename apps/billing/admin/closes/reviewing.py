"""What the close page shows to a manager beside the figures: who gave what away, the cash left, payers by age.

How the money ties out stands in ``tying``.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.billing.admin.base import link
from apps.billing.admin.closes.figures import Column, columns
from apps.billing.admin.closes.tying import TiedRow, Ties
from apps.billing.admin.filters import CoveredFilter, age_words
from apps.billing.blind import Seen, seen
from apps.billing.models import Bill, ClinicDay
from apps.billing.reports.drawers import DrawerOfDay
from apps.billing.reports.review import AGES, CashLeft, cash_left, fortnight, given_away, payer_ageing
from apps.billing.reports.tie_out import TieOut
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
class Aged:
    """What is owed at one age: under its heading, with the bills that it is the sum of."""

    word: Any
    amount: Decimal
    link: str


@dataclass(frozen=True)
class Ageing:
    """What one payer owes, or all of them, each part under its age."""

    name: str
    columns: list[Aged]
    total: Aged


@dataclass(frozen=True)
class Review:
    """The manager's part of the page. ``all_payers`` is what payers owe altogether, at the end of the day."""

    people: list[Person]
    cash: list[tuple[CashLeft, str]]
    ageing: list[Ageing]
    all_payers: Ageing
    columns: list[Column]
    tied: list[TiedRow]
    by_cashier: list[TiedRow]
    books_wait: bool


def review(
    administration: Administration,
    clinic_day: ClinicDay | None,
    day: date,
    drawers: list[DrawerOfDay],
    *,
    tied: TieOut | None,
    entry_link: str,
    today: Seen,
    hidden: bool,
) -> Review:
    """All of it. ``today`` is what the day settled, or that it waits for the count; ``entry_link`` leads to its
    journal entry, where there is one to read."""
    ageing = payer_ageing(administration, day)
    signed = clinic_day is not None and clinic_day.is_finalized
    ties = Ties(administration, day, entry_link=entry_link, signed=signed, hidden=hidden)
    together = tuple(total(one.parts[at] for one in ageing) for at in range(len(AGES) + 1))
    return Review(
        people=people(clinic_day, hidden=hidden) if clinic_day else [],
        cash=[(one, _deposited(one)) for one in (cash_left(clinic_day, drawers) if clinic_day else [])],
        ageing=[
            _aged(administration, day, str(one.payer or _("several payers")), one.parts, one.payer and one.payer.pk)
            for one in ageing
        ],
        all_payers=_aged(administration, day, str(_("All payers")), together, ""),
        columns=columns(fortnight(administration, day), administration, today=today),
        tied=ties.totals(tied.totals) if tied else [],
        by_cashier=ties.cashiers(tied.cashiers) if tied else [],
        books_wait=not signed,
    )


def _aged(administration: Administration, day: date, name: str, parts: tuple[Decimal, ...], payer: Any) -> Ageing:
    """A row of the ageing. ``payer`` is None for bills that several payers share, empty for all of them."""

    def bills(**query: Any) -> str:
        covered = CoveredFilter.several if payer is None else payer
        mine = {"administration__id__exact": administration.pk, "owed": f"payer@{day.isoformat()}", "covered": covered}
        return link("billing_bill_changelist", **mine, **query)

    columns = [
        Aged(word, amount, bills(age=column))
        for column, (word, amount) in enumerate(zip(age_words(), parts, strict=True))
    ]
    return Ageing(name, columns, Aged(_("Total"), total(parts), bills()))


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
