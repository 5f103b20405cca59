"""The drawers of a day on the close page: which are counted, and where the others are."""

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.billing.admin.base import link
from apps.billing.admin.closes.buttons import Way
from apps.billing.models import ClinicDay, DrawerCount, Shift
from apps.billing.reports.drawers import awaiting_count
from apps.billing.services.drawers import may_count
from apps.core import display


@dataclass(frozen=True)
class Count:
    """One shift at a drawer. ``counted``, ``expected`` and ``difference`` stand once its count is final."""

    shift: Shift
    state: str
    word: Any
    waits: bool
    cashier: str
    when: str
    counted: Decimal | None
    expected: Decimal | None
    difference: Decimal | None
    counted_by: str
    notes: list[Any]
    link: str
    may_count: bool
    asks_again: bool


def counts(day: ClinicDay, user: Any) -> list[Count]:
    """Every shift of ``day`` with its final count, or that it waits for one."""
    shifts = list(
        Shift.objects.filter(clinic_day=day)
        .select_related("drawer", "cashier")
        .prefetch_related("counts__counted_by", "counts__notes__by")
        .order_by("drawer__code", "opened_at", "id")
    )
    awaited = awaiting_count([day.pk])
    return [_count(shift, day, user, shift.pk in awaited) for shift in shifts]


def _count(shift: Shift, day: ClinicDay, user: Any, awaited: bool) -> Count:
    tries = sorted(shift.counts.all(), key=lambda one: (one.revision, one.attempt))
    final: DrawerCount | None = next((one for one in reversed(tries) if one.is_final and not awaited), None)
    zone = day.administration.time_zone
    return Count(
        shift=shift,
        state="WAITING" if awaited else "DONE",
        word=_word(final, awaited, tries),
        waits=awaited,
        cashier=str(shift.cashier or ""),
        when=display.moment(final.counted_at if final else shift.opened_at, zone),
        counted=final.total if final else None,
        expected=final.expected if final else None,
        difference=final.difference if final else None,
        counted_by=str(final.counted_by or "") if final else "",
        notes=[note for one in tries for note in one.notes.all()],
        link=_link(shift, user, awaited),
        may_count=awaited and may_count(shift, user),
        asks_again=bool(tries) and awaited,
    )


def _word(final: DrawerCount | None, awaited: bool, tries: list[DrawerCount]) -> Any:
    if final:
        return _("counted")
    if not awaited:
        return _("nothing to count")
    return _("count it a second time") if tries else _("not counted yet")


def _link(shift: Shift, user: Any, awaited: bool) -> str:
    """The page that counts a drawer, for whoever may count this one; otherwise the page that shows its shift."""
    return link("billing_shift_count" if awaited and may_count(shift, user) else "billing_shift_change", shift.pk)


def uncounted(day: ClinicDay, found: list[Count], user: Any) -> list[Way]:
    """The drawers that keep the cash of ``day`` unseen, each with the page that counts it.

    Those of the day; where none of them waits, cash waits for a drawer that is still out with an earlier day.
    """
    waiting = [(one.shift, one.link) for one in found if one.waits]
    if not waiting:
        open_ = Shift.objects.filter(
            administration=day.administration_id, closed_at=None, clinic_day__date__lt=day.date
        ).select_related("drawer", "cashier", "clinic_day")
        waiting = [(shift, _link(shift, user, True)) for shift in open_.order_by("drawer__code")]
    twice = Counter(shift.drawer_id for shift, _link in waiting)
    return [Way(_named(shift, day, twice[shift.drawer_id] > 1), where) for shift, where in waiting]


def _named(shift: Shift, day: ClinicDay, with_cashier: bool) -> str:
    """A drawer; with the person where two of their shifts wait, with its day where that is another one."""
    words = [str(shift.drawer)]
    if with_cashier and shift.cashier:
        words.append(str(shift.cashier))
    if shift.clinic_day_id != day.pk:
        words.append(str(display.short_day(shift.clinic_day.date)))
    return " · ".join(words)
