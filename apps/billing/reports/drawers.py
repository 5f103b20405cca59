"""What should be in the drawers of a day, what was counted, and what must not be seen before that.

Cash that was taken while every drawer still waited for the count of an earlier day is in no shift. It belongs to the
first shift of its own day, once that can be opened: to the one shift, and never to two.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, Max, OuterRef, Q, Subquery, Sum
from django.utils.translation import gettext_lazy as _

from apps.billing.models import CashMovement, ClinicDay, Drawer, DrawerCount, Payment, Shift, TerminalBatch, TopUp
from apps.core.money import ZERO, text, total

Kind = CashMovement.Kind
PARTS = {Kind.PAY_IN: "pay_ins", Kind.PAY_OUT: "pay_outs", Kind.DEPOSIT: "deposits"}

# What a mismatch says to a person; a report keeps its code and facts.
MISMATCHES = {
    "DRAWER_DIFFERS": _("{drawer}: {counted} was counted, {expected} was expected, a difference of {amount}."),
    "DRAWER_NOT_COUNTED": _("{drawer} was not counted."),
    "CASH_IN_NO_DRAWER": _("{amount} of the day's cash is in no drawer, so no count covers it."),
    "TERMINAL_DIFFERS": _("The terminals say {said}, the card payments and top-ups add up to {taken}: {amount}."),
}
# And how to mend it.
WAYS_OUT = {
    "DRAWER_DIFFERS": _("Look for a receipt or a pay-out that is missing, and say in a note what you found."),
    "DRAWER_NOT_COUNTED": _("Count the drawer: the day is signed once every drawer is counted."),
    "CASH_IN_NO_DRAWER": _("Ask who took it and where it lies, count it apart, and say in a note what you found."),
    "TERMINAL_DIFFERS": _("Look for a slip without a payment or a payment without a slip, and enter what is missing."),
}


@dataclass(frozen=True)
class CashMoved:
    """What went into and out of a drawer, each part positive; ``top_ups`` are less what was paid out of wallets."""

    payments: Decimal = ZERO
    top_ups: Decimal = ZERO
    refunds: Decimal = ZERO
    pay_ins: Decimal = ZERO
    pay_outs: Decimal = ZERO
    deposits: Decimal = ZERO
    deposits_after_count: Decimal = ZERO

    @property
    def net(self) -> Decimal:
        """By how much it changed what the next count should find."""
        return self.payments + self.top_ups + self.pay_ins - self.refunds - self.pay_outs - self.deposits

    def __add__(self, other: "CashMoved") -> "CashMoved":
        return CashMoved(*(getattr(self, part.name) + getattr(other, part.name) for part in fields(self)))


NOTHING = CashMoved()


@dataclass(frozen=True)
class DrawerOfDay:
    """One drawer on one day, all its shifts together. Amounts in the book currency.

    ``expected`` = opening float + cash payments + cash top-ups + pay-ins - cash refunds - pay-outs - deposits.
    ``opening_float`` is the first shift's, and by how much a later one opened with more or less than was left.
    ``deposits`` are those that a count no longer found; what was deposited out of the last count stands beside it,
    and ``retained`` is what that left. ``counted`` and ``difference`` are None until every shift of the day has its
    final count; the difference is then the sum of what the counts said.
    """

    drawer: Drawer
    opening_float: Decimal
    payments: Decimal
    top_ups: Decimal
    refunds: Decimal
    pay_ins: Decimal
    pay_outs: Decimal
    deposits: Decimal
    expected: Decimal
    counted: Decimal | None
    difference: Decimal | None
    retained: Decimal | None
    deposits_after_count: Decimal = ZERO
    shifts: tuple[Shift, ...] = ()


def drawers_of(day: ClinicDay) -> list[DrawerOfDay]:
    """Every drawer that had a shift on ``day``, by code."""
    shifts = list(Shift.objects.filter(clinic_day=day).select_related("drawer", "cashier").order_by("opened_at", "id"))
    if not shifts:
        return []
    moved, counts = cash_moved(shifts), final_counts(shifts)
    waiting = awaiting_count([day.pk])
    by_drawer: dict[UUID, list[Shift]] = defaultdict(list)
    for shift in shifts:
        by_drawer[shift.drawer_id].append(shift)
    drawers = [_drawer_of_day(own, moved, counts, waiting) for own in by_drawer.values()]
    return sorted(drawers, key=lambda one: one.drawer.code)


def _drawer_of_day(
    shifts: list[Shift], moved: dict[UUID, CashMoved], counts: dict[UUID, DrawerCount], waiting: set[UUID]
) -> DrawerOfDay:
    opening, sums, left = ZERO, NOTHING, ZERO
    for shift in shifts:
        cash, count = moved[shift.pk], counts.get(shift.pk)
        opening += shift.opening_float - left
        # What was deposited out of an earlier count is missing from the next one as any deposit is.
        before = replace(sums, deposits=sums.deposits + sums.deposits_after_count, deposits_after_count=ZERO)
        sums = before + cash
        found = count.total if count else shift.opening_float + cash.net
        left = found - cash.deposits_after_count
    last = counts.get(shifts[-1].pk)
    expected = opening + sums.net
    counted = last.total if last and not waiting.intersection(shift.pk for shift in shifts) else None
    return DrawerOfDay(
        drawer=shifts[0].drawer,
        opening_float=opening,
        **{part.name: getattr(sums, part.name) for part in fields(sums)},
        expected=expected,
        counted=counted,
        difference=None if counted is None else counted - expected,
        retained=None if counted is None else counted - sums.deposits_after_count,
        shifts=tuple(shifts),
    )


def expected_in(shift: Shift) -> Decimal:
    """What should be in the drawer at the count of ``shift``. Nobody who can count sees it before."""
    return shift.opening_float + cash_moved([shift])[shift.pk].net


def final_counts(shifts: Iterable[Shift]) -> dict[UUID, DrawerCount]:
    """The final count of each shift that has one; after a reopened day the one of the newest revision."""
    found = DrawerCount.objects.filter(shift__in=[shift.pk for shift in shifts], is_final=True).order_by("revision")
    return {count.shift_id: count for count in found}


def revision_of(day: ClinicDay) -> int:
    """The revision that a count of ``day`` belongs to: that of its close, the first where it has none."""
    newest: int | None = day.closes.aggregate(newest=Max("revision"))["newest"]
    return newest or 1


def attempt_for(shift: Shift) -> int | None:
    """Which attempt the next count of ``shift`` is; None once it has a final one for the day's revision."""
    made = DrawerCount.objects.filter(shift=shift, revision=revision_of(shift.clinic_day))
    counted = dict(made.values_list("attempt", "is_final"))
    return None if any(counted.values()) else len(counted) + 1


def cash_moved(shifts: Sequence[Shift]) -> dict[UUID, CashMoved]:
    """What moved in each of ``shifts``: for those of one day in a number of queries that does not grow with them."""
    ids = [shift.pk for shift in shifts]
    moved: dict[UUID, CashMoved] = dict.fromkeys(ids, NOTHING)
    rows: Any = Payment.objects.filter(shift__in=ids).order_by().values("shift")
    for row in rows.annotate(taken=_sum(amount__gt=0), given=_sum(amount__lt=0)):
        moved[row["shift"]] += CashMoved(payments=row["taken"], refunds=-row["given"])
    for row in TopUp.objects.filter(shift__in=ids).order_by().values("shift").annotate(sum=Sum("amount")):
        moved[row["shift"]] += CashMoved(top_ups=row["sum"])
    rows = CashMovement.objects.filter(shift__in=ids).order_by().values("shift", "kind", "after_count")
    for row in rows.annotate(sum=Sum("amount")):
        part = "deposits_after_count" if row["after_count"] else PARTS[row["kind"]]
        moved[row["shift"]] += CashMoved(**{part: row["sum"]})
    for shift in _that_cash_waited_for(shifts):
        moved[shift.pk] += _waited_for(shift)
    return moved


def _sum(**only: Any) -> Sum:
    return Sum("amount", filter=Q(**only), default=ZERO)


def _that_cash_waited_for(shifts: Sequence[Shift]) -> list[Any]:
    """Those of ``shifts`` that count what was taken before they could begin: the first of its day, at a drawer that was
    still out with an earlier day. Each with the moment at which that drawer was counted.
    """
    first = _after_an_earlier_day().filter(clinic_day=OuterRef("clinic_day")).order_by("opened_at", "id").values("id")
    ids = [shift.pk for shift in shifts]
    return list(_after_an_earlier_day().filter(pk__in=ids, pk=Subquery(first[:1])).order_by())


def _after_an_earlier_day() -> Any:
    """Shifts that found their drawer as a shift of an earlier day had left it, when that was counted at ``free_from``.

    Cash from before the clinic had a drawer waited for none.
    """
    before = Shift.objects.filter(drawer=OuterRef("drawer"), opened_at__lt=OuterRef("opened_at"))
    newest = before.order_by("-opened_at", "-id")
    return Shift.objects.annotate(
        day_before=Subquery(newest.values("clinic_day__date")[:1]), free_from=Subquery(newest.values("closed_at")[:1])
    ).filter(day_before__lt=F("clinic_day__date"), free_from__isnull=False)


def _waited_for(shift: Any) -> CashMoved:
    """The cash of the day of ``shift`` that was taken while its drawer was still out, and so is in no shift."""
    # Whoever takes cash that waits holds the drawers meanwhile, and so does the count that frees one.
    payments, top_ups = (rows.filter(taken_at__lte=shift.free_from) for rows in cash_in_no_shift(shift.clinic_day_id))
    paid: Any = payments.aggregate(taken=_sum(amount__gt=0), given=_sum(amount__lt=0))
    put_in: Any = top_ups.aggregate(sum=Sum("amount", default=ZERO))
    return CashMoved(payments=paid["taken"], refunds=-paid["given"], top_ups=put_in["sum"])


def cash_in_no_shift(day: Any) -> tuple[Any, Any]:
    """The cash payments and the cash top-ups of ``day`` that name no shift."""
    payments = Payment.objects.filter(clinic_day=day, method=Payment.Method.CASH, shift=None).order_by()
    top_ups = TopUp.objects.filter(clinic_day=day, method=TopUp.Method.CASH, shift=None).order_by()
    return payments, top_ups


def in_no_drawer(cash: Decimal, drawers: Iterable[DrawerOfDay]) -> Decimal:
    """What of the ``cash`` taken on a day none of its ``drawers`` holds: taken before the clinic had drawers, or
    entered for a day whose drawers had moved on. It is not part of any count.
    """
    return cash - total(one.payments + one.top_ups - one.refunds for one in drawers)


# What does not agree -------------------------------------------------------------------------------------------------


def mismatches_of(day: ClinicDay, drawers: Sequence[DrawerOfDay], cash: Decimal) -> Iterator[dict[str, Any]]:
    """Drawers of ``day`` that were not counted or hold something else than they should, and what of the ``cash`` taken
    on it is in none: told after the count, where the clinic has drawers at all. Each as {code, facts}."""
    code = day.administration.currency
    for one in drawers:
        facts = {"drawer_id": str(one.drawer.pk), "drawer": str(one.drawer)}
        if one.counted is None:
            yield {"code": "DRAWER_NOT_COUNTED", **facts}
        elif one.difference:
            said = {"counted": one.counted, "expected": one.expected, "amount": one.difference}
            yield {"code": "DRAWER_DIFFERS", **facts, **{name: text(amount, code) for name, amount in said.items()}}
    left = in_no_drawer(cash, drawers)
    if left and Drawer.objects.filter(administration=day.administration_id).exists() and not cash_hidden(day):
        yield {"code": "CASH_IN_NO_DRAWER", "amount": text(left, code)}


def terminals_differing(terminals: Sequence[TerminalBatch], card: Decimal, code: str) -> Iterator[dict[str, Any]]:
    """What card ``terminals`` say of a day against the ``card`` payments and top-ups of it."""
    said = total(one.total for one in terminals)
    if terminals and said != card:
        facts = {"said": said, "taken": card, "amount": said - card}
        yield {"code": "TERMINAL_DIFFERS", **{name: text(amount, code) for name, amount in facts.items()}}


# Blindness -----------------------------------------------------------------------------------------------------------


def cash_hidden(day: ClinicDay) -> bool:
    """Whether cash must not be seen yet: a drawer of ``day`` waits for its final count.

    Where there is nothing to count, nothing is hidden.
    """
    return bool(days_hidden([day.pk]))


def days_hidden(days: Iterable[UUID]) -> set[UUID]:
    """Those of ``days`` whose cash must not be seen yet, in two queries."""
    days = set(days)
    waiting = awaiting_count(days)
    hidden = set(Shift.objects.filter(pk__in=waiting).values_list("clinic_day", flat=True)) if waiting else set()
    return hidden | set(days_waiting_for_a_drawer().filter(pk__in=days - hidden).values_list("pk", flat=True))


def awaiting_count(days: Iterable[UUID]) -> set[UUID]:
    """The shifts of ``days`` that a final count is awaited of.

    An open one; one whose count was begun again, for a reopened day, and is not final; and one that came from
    elsewhere with cash and no count. A final count stands until a new one is begun: who reopens a day because of a
    bill has no drawer to count again.
    """
    newest = DrawerCount.objects.filter(shift=OuterRef("pk")).order_by("-revision", "-attempt").values("is_final")[:1]
    has_cash = Exists(Payment.objects.filter(shift=OuterRef("pk"))) | Exists(TopUp.objects.filter(shift=OuterRef("pk")))
    shifts = Shift.objects.filter(clinic_day__in=days).annotate(counted=Subquery(newest))
    waiting = shifts.filter(Q(closed_at=None) | Q(counted=False) | Q(counted=None) & has_cash)
    return set(waiting.order_by().values_list("pk", flat=True))


def days_waiting_for_a_drawer() -> Any:
    """Days on which cash was taken while the drawers still waited for the count of an earlier day."""
    open_before = Shift.objects.filter(
        administration=OuterRef("administration"), closed_at=None, clinic_day__date__lt=OuterRef("date")
    )
    return days_with_cash_in_no_shift().filter(Exists(open_before))


def days_with_cash_in_no_shift() -> Any:
    """Days that are not finalized, have cash in no shift, and none yet that it could have waited for."""
    payments, top_ups = cash_in_no_shift(OuterRef("pk"))
    began = _after_an_earlier_day().filter(clinic_day=OuterRef("pk"))
    return ClinicDay.objects.filter(Exists(payments) | Exists(top_ups), ~Exists(began), is_finalized=False)


# Terminals -----------------------------------------------------------------------------------------------------------


def terminal_totals(day: ClinicDay) -> list[TerminalBatch]:
    """What the card terminals said of ``day``: the newest total of each terminal and batch."""
    newest = TerminalBatch.objects.filter(clinic_day=day).order_by("terminal", "batch", "-id")
    return list(newest.distinct("terminal", "batch"))
