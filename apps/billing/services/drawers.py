"""Drawers: shifts, petty cash, deposits, blind counts. What card terminals say.

Locks are taken in one order: the clinic day shared, then the drawer, then the shift. Taking cash holds its shift
shared, the final count holds it alone; so each payment is in the one shift or in the next, and no count misses one.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from django.db import models, transaction
from django.db.models import Sum
from django.utils import timezone

from apps.billing.denominations import is_piece
from apps.billing.errors import (
    CashierNotHere,
    CashMovementIncomplete,
    CashNegative,
    CodeTaken,
    CountDoesNotAddUp,
    CountKept,
    DayFinalized,
    DayInFuture,
    DepositBeyondCount,
    DrawerHasShift,
    DrawerHeld,
    DrawerNotInUse,
    OwnShiftOnly,
    PaymentNotPositive,
    ShiftClosed,
    UnknownDenomination,
)
from apps.billing.models import CashMovement, ClinicDay, CountNote, Drawer, DrawerCount, Shift, TerminalBatch
from apps.billing.reports.drawers import (
    attempt_for,
    cash_in_no_shift,
    days_with_cash_in_no_shift,
    expected_in,
    final_counts,
    revision_of,
)
from apps.billing.services.days import day_for, local_date
from apps.billing.services.settings import settings_of
from apps.core.errors import IdempotencyKeyOfAnother
from apps.core.events import record
from apps.core.locks import hold_key
from apps.core.models import Administration, Membership, User
from apps.core.money import ZERO, exact, text
from apps.core.permissions import Act, may, require, roles_of
from apps.ledger.models import Account

Kind = CashMovement.Kind
Row = TypeVar("Row", bound=models.Model)


# Drawers -------------------------------------------------------------------------------------------------------------


@transaction.atomic
def add_drawer(
    administration: Administration, *, code: str, name: str, standard_float: Decimal = ZERO, by: User
) -> Drawer:
    """A place where cash is kept from now on. Raises NotAllowed, CodeTaken, CashNegative or AmountHasTooManyDigits."""
    require(by, Act.SET_PRICES, administration.pk)
    standard_float = _cash(standard_float, administration.currency)
    if Drawer.objects.filter(administration=administration, code=code).exists():
        raise CodeTaken(code=code)
    drawer = Drawer.objects.create(administration=administration, code=code, name=name, standard_float=standard_float)
    record("billing.drawer_added", drawer, by=by, code=code, standard_float=standard_float)
    return drawer


@transaction.atomic
def change_drawer(
    drawer: Drawer,
    *,
    name: str | None = None,
    standard_float: Decimal | None = None,
    is_active: bool | None = None,
    by: User,
) -> Drawer:
    """Rename a drawer, say what stays in it, take it into or out of use. Raises as add_drawer, and DrawerHeld."""
    require(by, Act.SET_PRICES, drawer.administration_id)
    administration = drawer.administration
    drawer = _held_drawer(drawer)
    if is_active is False and drawer.is_active and Shift.objects.filter(drawer=drawer, closed_at=None).exists():
        raise DrawerHeld(drawer=str(drawer))
    drawer.name = drawer.name if name is None else name
    drawer.is_active = drawer.is_active if is_active is None else is_active
    if standard_float is not None:
        drawer.standard_float = _cash(standard_float, administration.currency)
    drawer.save()
    record("billing.drawer_changed", drawer, by=by, standard_float=drawer.standard_float, is_active=drawer.is_active)
    return drawer


# Shifts --------------------------------------------------------------------------------------------------------------


def shift_for(day: ClinicDay, *, by: User | None) -> Shift | None:
    """The open shift of ``day`` that cash taken by ``by`` goes into, held shared; None where there is none to be had.

    That is the shift of ``by``, otherwise the only open one; where none is open the next one begins at the first
    drawer that is free, with what was left in it. A shift of another day takes no cash of this one and keeps its
    drawer until it is counted. While that is so of every drawer the cash waits, in no shift, for the first one that
    is counted: the shift that then begins there counts it. None, too, where the clinic has no drawer.
    Call it inside the transaction that takes the cash, before the payment is made.
    """
    if found := _open_shift(day, by):
        return found
    # Whoever comes at the same moment waits here, and finds the shift that the first one began.
    drawers = list(_in_use(day).select_for_update(no_key=True).order_by("code"))
    if found := _open_shift(day, by):
        return found
    busy = set(Shift.objects.filter(drawer__in=drawers, closed_at=None).values_list("drawer", flat=True))
    free = next((drawer for drawer in drawers if drawer.pk not in busy), None)
    if free is None:
        return _open_shift(day, by, at_any_drawer=True)
    return _begin(free, day, cashier=by, by=by)


@transaction.atomic
def open_shift(drawer: Drawer, *, opening_float: Decimal | None, by: User, cashier: User | None = None) -> Shift:
    """Open a shift at ``drawer`` today, for ``by`` or for the ``cashier`` named, with ``opening_float`` in it.

    Without one it opens with what was left. One that differs from that is taken as it is: the shift keeps both.
    Raises NotAllowed, OwnShiftOnly, CashierNotHere, CashNegative, DrawerNotInUse, DrawerHasShift.
    """
    administration = drawer.administration
    require(by, Act.COUNT_DRAWER, administration.pk)
    cashier = cashier or by
    if _is_cashier(by, drawer) and cashier != by:
        raise OwnShiftOnly()
    _require_at_desk(cashier, drawer)
    if opening_float is not None:
        opening_float = _cash(opening_float, administration.currency)
    day, _late_for = day_for(administration, local_date(administration))
    drawer = _held_drawer(drawer)
    if not drawer.is_active:
        raise DrawerNotInUse(drawer=str(drawer))
    if open_ := Shift.objects.filter(drawer=drawer, closed_at=None).select_related("clinic_day").first():
        raise DrawerHasShift(drawer=str(drawer), shift_id=str(open_.pk), day=open_.clinic_day.date.isoformat())
    return _begin(drawer, day, cashier=cashier, by=by, opening_float=opening_float)


@transaction.atomic
def hand_over(
    shift: Shift,
    *,
    to: User,
    total: Decimal | None,
    denominations: Iterable[Mapping[str, Any]] = (),
    by: User,
    idempotency_key: str = "",
) -> tuple[DrawerCount, Shift | None]:
    """Count the drawer and give it to ``to``, whose shift begins with what was counted.

    While a second count is needed there is no hand-over: the second value is None. Raises as count_drawer, and
    CashierNotHere.
    """
    _require_at_desk(to, shift)
    known = _known(DrawerCount, shift.administration_id, idempotency_key, {})
    count = _count(shift, total=total, denominations=denominations, by=by, idempotency_key=idempotency_key)
    if not count.is_final:
        return count, None
    if known:
        later = Shift.objects.filter(drawer=shift.drawer_id, opened_at__gt=shift.opened_at, cashier=to)
        return count, later.order_by("opened_at", "id").first()
    day = _day_waiting(shift) or day_for(shift.administration, local_date(shift.administration))[0]
    following = _begin(shift.drawer, day, cashier=to, by=by)
    record("billing.shift_handed_over", shift, by=by, to=to.pk, following=following.pk)
    return count, following


# Cash that is no payment ---------------------------------------------------------------------------------------------


@transaction.atomic
def move_cash(
    shift: Shift,
    *,
    kind: str,
    amount: Decimal,
    account: Account | None = None,
    reason: str = "",
    reference: str = "",
    by: User,
    idempotency_key: str = "",
) -> CashMovement:
    """Put cash into the drawer of ``shift``, pay out of it on a cost account, or take it to the bank.

    Before the count any amount is taken: a refusal would tell what is in the drawer. Once it was counted a deposit
    may be made of what was found, until the next shift begins. Raises NotAllowed, OwnShiftOnly, PaymentNotPositive,
    CashMovementIncomplete, DayFinalized, ShiftClosed, DepositBeyondCount or IdempotencyKeyOfAnother.
    """
    administration = shift.administration
    _require_own(shift, by)
    amount = exact(amount, administration.currency)
    if amount <= 0:
        raise PaymentNotPositive()
    _require_complete(kind, account, reason)
    said = {"shift_id": shift.pk, "kind": kind, "amount": amount, "account_id": account and account.pk}
    if known := _known(CashMovement, administration.pk, idempotency_key, said):
        return known
    day = _open_day(shift.clinic_day)
    _held_drawer(shift.drawer)
    shift = Shift.objects.select_for_update().get(pk=shift.pk)
    if shift.closed_at:
        _require_left(shift, kind, amount, administration)
    movement = CashMovement.objects.create(
        administration=administration,
        clinic_day=day,
        shift=shift,
        kind=kind,
        amount=amount,
        account=account,
        reason=reason,
        reference=reference,
        by=by,
        idempotency_key=idempotency_key,
    )
    movement.refresh_from_db(fields=["number", "after_count"])
    record("billing.cash_moved", movement, by=by, kind=kind, amount=amount)
    return movement


def _require_complete(kind: str, account: Account | None, reason: str) -> None:
    fits = {
        Kind.PAY_OUT: account is not None and account.type == Account.Type.EXPENSE,
        Kind.PAY_IN: account is not None and account.purpose != "cash_drawer",
        Kind.DEPOSIT: account is None or (account.type == Account.Type.ASSET and account.purpose != "cash_drawer"),
    }.get(Kind(kind), False)
    if not fits or (account and account.control) or (kind != Kind.DEPOSIT and not reason.strip()):
        raise CashMovementIncomplete()


def _require_left(shift: Shift, kind: str, amount: Decimal, administration: Administration) -> None:
    """Out of what was counted, and before somebody else's shift began with it, a deposit alone is made."""
    count = final_counts([shift]).get(shift.pk)
    began = Shift.objects.filter(drawer=shift.drawer_id, opened_at__gt=shift.opened_at).exists()
    if kind != Kind.DEPOSIT or began or count is None:
        raise ShiftClosed()
    left = count.total - _deposited_after(shift)
    if amount > left:
        raise DepositBeyondCount(amount=text(amount, administration.currency), left=text(left, administration.currency))


def _deposited_after(shift: Shift) -> Decimal:
    after = CashMovement.objects.filter(shift=shift, after_count=True)
    deposited: Decimal = after.aggregate(sum=Sum("amount", default=ZERO))["sum"]
    return deposited


# Counts --------------------------------------------------------------------------------------------------------------


@transaction.atomic
def count_drawer(
    shift: Shift,
    *,
    total: Decimal | None,
    denominations: Iterable[Mapping[str, Any]] = (),
    by: User,
    idempotency_key: str = "",
) -> DrawerCount:
    """Save what ``by`` counted in the drawer of ``shift``, by notes and coins or as a total alone.

    What should be in it is computed while the shift is held alone. Where the first count is off by more than the
    clinic's threshold it is kept, not final, and says nothing but that a second one is needed. A second count, or a
    first one within the threshold, is final, whatever it says: it keeps what was expected and the difference, and
    closes the shift. After the day was reopened a drawer may be counted once more, for the close's revision.
    Raises NotAllowed, OwnShiftOnly, CashNegative, CountDoesNotAddUp, UnknownDenomination, DayFinalized, CountKept or
    IdempotencyKeyOfAnother.
    """
    count = _count(shift, total=total, denominations=denominations, by=by, idempotency_key=idempotency_key)
    if count.is_final:
        _begin_for_waiting_cash(shift, by)
    return count


def needs_second_count(count: DrawerCount) -> bool:
    """Whether the drawer is to be counted once more before anybody is told anything."""
    later = DrawerCount.objects.filter(shift=count.shift_id, revision=count.revision, attempt__gt=count.attempt)
    return not count.is_final and not later.exists()


@transaction.atomic
def note_count(count: DrawerCount, *, text: str, by: User) -> CountNote:
    """Add what somebody says about a count: notes are added, never changed. Raises NotAllowed or OwnShiftOnly."""
    _require_own(count.shift, by)
    note = CountNote.objects.create(administration_id=count.administration_id, count=count, text=text, by=by)
    record("billing.count_noted", count, by=by)
    return note


def _count(
    shift: Shift,
    *,
    total: Decimal | None,
    denominations: Iterable[Mapping[str, Any]],
    by: User,
    idempotency_key: str,
) -> DrawerCount:
    administration = shift.administration
    _require_own(shift, by)
    pieces, total = _counted(total, denominations, administration.currency)
    said = {"shift_id": shift.pk, "total": total, "denominations": pieces}
    if known := _known(DrawerCount, administration.pk, idempotency_key, said):
        return known
    day = _open_day(shift.clinic_day)
    _held_drawer(shift.drawer)
    shift = Shift.objects.select_for_update().get(pk=shift.pk)
    attempt = attempt_for(shift)
    if attempt is None:
        raise CountKept()
    expected = expected_in(shift)
    off = abs(total - expected) > settings_of(administration).count_threshold
    is_final = attempt > 1 or not off
    count = DrawerCount.objects.create(
        administration=administration,
        clinic_day=day,
        shift=shift,
        revision=revision_of(day),
        attempt=attempt,
        denominations=pieces,
        total=total,
        is_final=is_final,
        expected=expected if is_final else None,
        difference=total - expected if is_final else None,
        counted_by=by,
        idempotency_key=idempotency_key,
    )
    if is_final and shift.closed_at is None:
        shift.closed_at = timezone.now()
        shift.save(update_fields=["closed_at"])
    facts = {"difference": count.difference} if is_final else {}
    record("billing.drawer_counted", count, by=by, is_final=is_final, **facts)
    return count


def _counted(
    total: Decimal | None, denominations: Iterable[Mapping[str, Any]], code: str
) -> tuple[list[dict[str, Any]], Decimal]:
    """The pieces, each value once and the largest first, and what they add up to."""
    number: dict[Decimal, int] = {}
    for piece in denominations:
        try:
            value, count = Decimal(str(piece["value"])), int(piece["count"])
        except (KeyError, TypeError, ValueError, InvalidOperation):
            raise CountDoesNotAddUp() from None
        if not value.is_finite() or not is_piece(value, code):
            raise UnknownDenomination(value=str(piece["value"]), currency=code)
        if count < 0:
            raise CashNegative()
        number[value] = number.get(value, 0) + count
    counted = sum((value * count for value, count in number.items()), ZERO)
    if (total is None and not number) or (number and total not in (None, counted)):
        raise CountDoesNotAddUp()
    pieces = [{"value": text(value, code), "count": number[value]} for value in sorted(number, reverse=True)]
    return pieces, _cash(counted if total is None else total, code)


# Terminals -----------------------------------------------------------------------------------------------------------


@transaction.atomic
def enter_terminal_total(
    day: ClinicDay,
    *,
    terminal: str,
    batch: str = "",
    total: Decimal,
    payments_count: int | None = None,
    by: User,
    idempotency_key: str = "",
) -> TerminalBatch:
    """Enter what a card terminal printed for ``day``. A later total of the same terminal and batch replaces it.

    ``day`` is named by its administration and date and need not be there yet. A total may be negative: more went back
    than came in. Raises NotAllowed, DayInFuture, DayFinalized, AmountHasTooManyDigits or IdempotencyKeyOfAnother.
    """
    administration = day.administration
    require(by, Act.COUNT_DRAWER, administration.pk)
    total = exact(total, administration.currency)
    terminal, batch = terminal.strip(), batch.strip()
    said = {"terminal": terminal, "batch": batch, "total": total, "payments_count": payments_count}
    if known := _known(TerminalBatch, administration.pk, idempotency_key, said):
        return known
    if day.date > local_date(administration):
        raise DayInFuture(date=day.date)
    entered = TerminalBatch.objects.create(
        administration=administration,
        clinic_day=_open_day(day),
        by=by,
        idempotency_key=idempotency_key,
        **said,
    )
    record("billing.terminal_total_entered", entered, by=by, terminal=terminal, batch=batch, total=total)
    return entered


# What they share -----------------------------------------------------------------------------------------------------


def may_count(shift: Shift, by: User) -> bool:
    """Whether ``by`` may count this drawer: a cashier their own shift, everybody else who counts any."""
    if not may(by, Act.COUNT_DRAWER, shift.administration_id):
        return False
    return not _is_cashier(by, shift) or shift.cashier_id == by.pk


def _require_own(shift: Shift, by: User) -> None:
    require(by, Act.COUNT_DRAWER, shift.administration_id)
    if not may_count(shift, by):
        raise OwnShiftOnly()


def _is_cashier(by: User, of: Any) -> bool:
    return roles_of(by).get(of.administration_id) == Membership.Role.CASHIER


def _require_at_desk(person: User, of: Any) -> None:
    if not may(person, Act.TAKE_PAYMENTS, of.administration_id):
        raise CashierNotHere()


def _cash(amount: Decimal, code: str) -> Decimal:
    amount = exact(amount, code)
    if amount < 0:
        raise CashNegative()
    return amount


def _open_day(day: ClinicDay) -> ClinicDay:
    """That very day, held shared. Raises DayFinalized: what is counted is not counted for another one."""
    held, late_for = day_for(day.administration, day.date)
    if late_for:
        raise DayFinalized()
    return held


def _held_drawer(drawer: Drawer) -> Drawer:
    return Drawer.objects.select_for_update(no_key=True).get(pk=drawer.pk)


def _in_use(day: ClinicDay) -> Any:
    """The drawers in use; where none is any more, those that the day began with."""
    drawers = Drawer.objects.filter(administration=day.administration_id)
    return (
        drawers.filter(is_active=True)
        if drawers.filter(is_active=True).exists()
        else drawers.filter(pk__in=Shift.objects.filter(clinic_day=day).values("drawer"))
    )


def _open_shift(day: ClinicDay, by: User | None, *, at_any_drawer: bool = False) -> Shift | None:
    # Django has no FOR SHARE. Once a count under way is done the row is looked at anew, and is none of these any more.
    found: list[Shift] = list(
        Shift.objects.raw(
            "SELECT shift.* FROM billing_shift shift JOIN billing_drawer drawer ON drawer.id = shift.drawer_id"
            " WHERE shift.clinic_day_id = %s AND shift.closed_at IS NULL"
            " ORDER BY drawer.code, shift.id FOR SHARE OF shift",
            [day.pk],
        )
    )
    own = [shift for shift in found if by and shift.cashier_id == by.pk]
    if own:
        return max(own, key=lambda shift: (shift.opened_at, shift.pk))
    return found[0] if len(found) == 1 or (found and at_any_drawer) else None


def _begin(
    drawer: Drawer, day: ClinicDay, *, cashier: User | None, by: User | None, opening_float: Decimal | None = None
) -> Shift:
    retained = _left_in(drawer)
    if opening_float is None:
        opening_float = max(drawer.standard_float if retained is None else retained, ZERO)
    shift = Shift.objects.create(
        administration_id=drawer.administration_id,
        clinic_day=day,
        drawer=drawer,
        cashier=cashier,
        opening_float=opening_float,
        retained=retained,
    )
    record("billing.shift_opened", shift, by=by, opening_float=opening_float, retained=retained)
    return shift


def _left_in(drawer: Drawer) -> Decimal | None:
    """What the shift before left, less what was deposited of it; None for the first one at this drawer."""
    last = Shift.objects.filter(drawer=drawer).order_by("-opened_at", "-id").first()
    if last is None:
        return None
    count = final_counts([last]).get(last.pk)
    return (count.total if count else expected_in(last)) - _deposited_after(last)


def _begin_for_waiting_cash(shift: Shift, by: User) -> None:
    """Begin the shift that cash of a later day waits for, now that the drawer is free: its own count is awaited then.

    One day at a time; counting that one is what makes room for the next.
    """
    if Shift.objects.filter(drawer=shift.drawer_id, closed_at=None).exists():
        return
    if day := _day_waiting(shift):
        takers = [rows.order_by("id").values_list("taken_by", flat=True).first() for rows in cash_in_no_shift(day.pk)]
        _begin(shift.drawer, day, cashier=User.objects.filter(pk__in=filter(None, takers)).first(), by=by)


def _day_waiting(shift: Shift) -> ClinicDay | None:
    """The first later day whose cash waits for a drawer to be counted, held shared."""
    days = days_with_cash_in_no_shift().filter(administration=shift.administration_id, date__gt=shift.clinic_day.date)
    waiting = days.order_by("date").first()
    if waiting is None:
        return None
    day, late_for = day_for(shift.administration, waiting.date)
    return None if late_for else day


def _known(model: type[Row], administration: Any, key: str, said: dict[str, Any]) -> Row | None:
    """The row that this key made before. Raises IdempotencyKeyOfAnother when it says something else."""
    if not key:
        return None
    hold_key(model._meta.label, administration, key)
    known = model._default_manager.filter(administration=administration, idempotency_key=key).first()
    if known and any(getattr(known, name) != value for name, value in said.items()):
        raise IdempotencyKeyOfAnother()
    return known
