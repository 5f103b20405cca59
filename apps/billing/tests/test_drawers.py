"""Drawers: one open shift each, blind counts, and figures that follow from the rows to the cent."""

from datetime import timedelta
from decimal import Decimal as D

import pytest

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
from apps.billing.models import (
    CashMovement,
    ClinicDay,
    ClinicSettings,
    DrawerCount,
    EndOfDayReconciliation,
    Payment,
    Shift,
)
from apps.billing.reports.drawers import cash_hidden, drawers_of, expected_in, terminal_totals
from apps.billing.services.days import day_for
from apps.billing.services.drawers import (
    change_drawer,
    count_drawer,
    enter_terminal_total,
    hand_over,
    move_cash,
    needs_second_count,
    note_count,
    open_shift,
    shift_for,
)
from apps.billing.tests.clinic import make_clinic
from apps.billing.tests.drawers import (
    cost_account,
    counted,
    day_of,
    drawer_of,
    left_in_no_drawer,
    petty_cash,
    take_cash,
    top_up_cash,
)
from apps.core.errors import AmountHasTooManyDigits, IdempotencyKeyOfAnother, NotAllowed
from apps.core.models import Event
from apps.ledger.models import Account


@pytest.fixture
def drawer(clinic):
    return drawer_of(clinic)


def figures(day, drawer):
    return next(one for one in drawers_of(day) if one.drawer == drawer)


# Which shift ---------------------------------------------------------------------------------------------------------


def test_without_a_drawer_cash_is_in_no_shift_and_nothing_is_hidden(clinic):
    assert take_cash(clinic, "20.00").shift is None
    assert not cash_hidden(day_of(clinic))
    assert drawers_of(day_of(clinic)) == []
    assert left_in_no_drawer(day_of(clinic)) == D("20.00")


def test_the_first_cash_of_a_day_opens_a_shift_with_the_standard_float(clinic, drawer):
    shift = take_cash(clinic, "20.00").shift
    assert (shift.drawer, shift.cashier, shift.opening_float, shift.retained) == (
        drawer,
        clinic.receptionist,
        D("100.00"),
        None,
    )
    assert take_cash(clinic, "5.00", by=clinic.manager).shift == shift, "the only open one takes everybody's cash"
    assert expected_in(shift) == D("125.00")


def test_cash_goes_into_the_shift_of_whoever_takes_it(clinic, drawer):
    first = open_shift(drawer, opening_float=D(50), by=clinic.receptionist)
    second = open_shift(drawer_of(clinic, "D2"), opening_float=D(60), by=clinic.cashier)
    assert take_cash(clinic, "5.00", by=clinic.cashier).shift == second
    assert take_cash(clinic, "5.00", by=clinic.receptionist).shift == first
    assert take_cash(clinic, "5.00", by=clinic.manager).shift == first, "both drawers are taken: the first one"
    third = drawer_of(clinic, "D3")
    assert take_cash(clinic, "5.00", by=clinic.owner).shift.drawer == third, "a free drawer begins a shift of their own"


def test_the_next_shift_begins_with_what_was_left(clinic, drawer):
    shift = take_cash(clinic, "80.00").shift
    counted(shift, "180.00", by=clinic.receptionist)
    move_cash(shift, kind="DEPOSIT", amount=D(130), by=clinic.receptionist)
    following = take_cash(clinic, "1.00").shift
    assert following != shift
    assert (following.opening_float, following.retained) == (D("50.00"), D("50.00"))


def test_a_shift_may_open_with_something_else_and_keeps_what_was_left(clinic, drawer):
    counted(take_cash(clinic, "80.00").shift, "180.00", by=clinic.receptionist)
    shift = open_shift(drawer, opening_float=D("150.00"), by=clinic.manager, cashier=clinic.cashier)
    assert (shift.opening_float, shift.retained, shift.cashier) == (D("150.00"), D("180.00"), clinic.cashier)


def test_a_drawer_has_one_open_shift(clinic, drawer):
    open_shift(drawer, opening_float=None, by=clinic.receptionist)
    with pytest.raises(DrawerHasShift) as refused:
        open_shift(drawer, opening_float=None, by=clinic.manager)
    assert refused.value.facts["day"] == clinic.today.isoformat()


def test_a_drawer_out_of_use_opens_no_shift_and_is_not_put_there_with_cash_in_it(clinic, drawer):
    shift = take_cash(clinic, "5.00").shift
    with pytest.raises(DrawerHeld):
        change_drawer(drawer, is_active=False, by=clinic.manager)
    counted(shift, "105.00", by=clinic.receptionist)
    change_drawer(drawer, is_active=False, by=clinic.manager)
    drawer.refresh_from_db()
    with pytest.raises(DrawerNotInUse):
        open_shift(drawer, opening_float=None, by=clinic.manager)
    assert take_cash(clinic, "5.00").shift.drawer == drawer, "a day that began with a drawer ends with it"
    assert take_cash(clinic, "5.00", day=clinic.yesterday).shift is None


def test_a_drawer_not_counted_yesterday_stops_no_payment_today(clinic, drawer):
    """Today's cash waits, in no shift, for the count of yesterday; then today's shift begins and counts it."""
    before = take_cash(clinic, "40.00", day=clinic.yesterday).shift
    waiting = take_cash(clinic, "7.00", by=clinic.cashier)
    top_up_cash(clinic, "3.00", by=clinic.cashier)
    assert waiting.shift is None
    assert cash_hidden(day_of(clinic)), "what waits for a drawer waits for a count"
    assert expected_in(before) == D("140.00")

    counted(before, "141.00", by=clinic.receptionist)

    shift = Shift.objects.get(clinic_day=day_of(clinic))
    assert (shift.cashier, shift.opening_float, shift.retained) == (clinic.cashier, D("141.00"), D("141.00"))
    assert take_cash(clinic, "2.00").shift == shift
    assert not cash_hidden(day_of(clinic, clinic.yesterday))
    assert cash_hidden(day_of(clinic))
    counted(shift, "153.00", by=clinic.cashier)
    today = figures(day_of(clinic), drawer)
    assert (today.payments, today.top_ups, today.expected, today.difference) == (D(9), D(3), D(153), D(0))
    assert left_in_no_drawer(day_of(clinic)) == 0
    assert not cash_hidden(day_of(clinic))


def test_several_days_that_wait_are_counted_one_after_the_other(clinic, drawer):
    days = [clinic.today - timedelta(days=back) for back in (3, 2, 1)]
    first = take_cash(clinic, "10.00", day=days[0]).shift
    for day in (*days[1:], clinic.today):
        assert take_cash(clinic, "10.00", day=day).shift is None
    counted(first, "110.00", by=clinic.manager)
    for at, day in enumerate((*days[1:], clinic.today), start=2):
        assert cash_hidden(day_of(clinic, day))
        shift = Shift.objects.get(closed_at=None)
        assert shift.clinic_day.date == day
        count = counted(shift, f"{100 + 10 * at}.00", by=clinic.manager)
        assert count.difference == 0
    assert not any(cash_hidden(day) for day in ClinicDay.objects.all())


def test_the_count_of_yesterday_while_handing_over_begins_the_day_that_waits(clinic, drawer):
    first = take_cash(clinic, "10.00", day=clinic.yesterday).shift
    take_cash(clinic, "7.00")
    _count, following = hand_over(first, to=clinic.cashier, total=D(110), by=clinic.manager)
    assert (following.clinic_day, following.cashier) == (day_of(clinic), clinic.cashier)
    assert expected_in(following) == D(117)


def test_cash_goes_to_another_drawer_while_the_first_waits_for_its_count(clinic, drawer):
    take_cash(clinic, "40.00", day=clinic.yesterday)
    other = drawer_of(clinic, "D2")
    assert take_cash(clinic, "7.00").shift.drawer == other


def test_cash_for_a_day_whose_drawers_moved_on_is_in_no_drawer_and_said_so(clinic, drawer):
    counted(take_cash(clinic, "40.00", day=clinic.yesterday).shift, "140.00", by=clinic.manager)
    take_cash(clinic, "7.00")
    assert take_cash(clinic, "5.00", day=clinic.yesterday).shift is None
    yesterday = day_of(clinic, clinic.yesterday)
    assert left_in_no_drawer(yesterday) == D("5.00")
    assert figures(yesterday, drawer).difference == 0
    assert not cash_hidden(yesterday)


def test_cash_from_before_the_first_drawer_was_set_up_is_in_none(clinic):
    take_cash(clinic, "9.00")
    drawer = drawer_of(clinic)
    first = take_cash(clinic, "1.00").shift
    counted(first, "101.00", by=clinic.manager)
    second = take_cash(clinic, "1.00").shift
    assert expected_in(second) == D("102.00")
    assert left_in_no_drawer(day_of(clinic)) == D("9.00")
    assert figures(day_of(clinic), drawer).payments == D("2.00")


# Cash that is no payment ---------------------------------------------------------------------------------------------


def test_petty_cash_deposits_and_change_move_what_is_expected(clinic, drawer):
    shift = take_cash(clinic, "80.00").shift
    petty_cash(shift, clinic, "12.50")
    change = {"account": Account.objects.get(administration=clinic.administration, purpose="bank"), "reason": "Change"}
    move_cash(shift, kind="PAY_IN", amount=D("20.00"), by=clinic.receptionist, **change)
    deposit = move_cash(shift, kind="DEPOSIT", amount=D("60.00"), reference="Bag 7", by=clinic.receptionist)
    assert str(deposit) == "K-000003"
    assert expected_in(shift) == D("127.50")


@pytest.mark.parametrize("amount", ["100.01", "99999.00"])
@pytest.mark.parametrize("kind", ["PAY_OUT", "DEPOSIT"])
def test_before_the_count_nothing_tells_what_is_in_the_drawer(clinic, drawer, kind, amount):
    """An amount beyond it is taken as any other: a refusal would answer the question."""
    shift = open_shift(drawer, opening_float=D("100.00"), by=clinic.cashier)
    account = cost_account(clinic) if kind == "PAY_OUT" else None
    move_cash(shift, kind=kind, amount=D(amount), account=account, reason="x", by=clinic.cashier)
    assert expected_in(shift) == D("100.00") - D(amount)


def test_once_counted_a_deposit_is_made_of_what_was_found(clinic, drawer):
    shift = take_cash(clinic, "50.00").shift
    counted(shift, "140.00", by=clinic.receptionist)
    move_cash(shift, kind="DEPOSIT", amount=D(100), by=clinic.receptionist)
    with pytest.raises(DepositBeyondCount) as refused:
        move_cash(shift, kind="DEPOSIT", amount=D("40.01"), by=clinic.receptionist)
    assert refused.value.facts == {"amount": "40.01", "left": "40.00"}
    with pytest.raises(ShiftClosed):
        petty_cash(shift, clinic, "1.00")
    today = figures(day_of(clinic), drawer)
    assert (today.expected, today.counted, today.difference) == (D(150), D(140), D(-10))
    assert (today.deposits, today.deposits_after_count, today.retained) == (D(0), D(100), D(40))
    take_cash(clinic, "1.00")
    with pytest.raises(ShiftClosed):
        move_cash(shift, kind="DEPOSIT", amount=D(1), by=clinic.receptionist)


@pytest.mark.parametrize(
    ("kind", "purpose", "reason"),
    [
        ("PAY_OUT", None, "Stamps"),
        ("PAY_OUT", "bank", "Stamps"),
        ("PAY_IN", None, "Change"),
        ("PAY_IN", "cash_drawer", "Change"),
        ("DEPOSIT", "cash_drawer", ""),
        ("PAY_IN", "bank", " "),
    ],
)
def test_a_movement_says_where_the_cash_comes_from_or_goes(clinic, drawer, kind, purpose, reason):
    shift = open_shift(drawer, opening_float=None, by=clinic.receptionist)
    account = Account.objects.filter(administration=clinic.administration, purpose=purpose).first() if purpose else None
    with pytest.raises(CashMovementIncomplete):
        move_cash(shift, kind=kind, amount=D(1), account=account, reason=reason, by=clinic.receptionist)


def test_a_movement_is_more_than_nothing_and_of_whole_cents(clinic, drawer):
    shift = open_shift(drawer, opening_float=None, by=clinic.receptionist)
    with pytest.raises(PaymentNotPositive):
        move_cash(shift, kind="DEPOSIT", amount=D(0), by=clinic.receptionist)
    with pytest.raises(AmountHasTooManyDigits):
        move_cash(shift, kind="DEPOSIT", amount=D("0.001"), by=clinic.receptionist)


def test_the_same_key_moves_cash_once(clinic, drawer):
    shift = open_shift(drawer, opening_float=None, by=clinic.receptionist)
    twice = [
        move_cash(shift, kind="DEPOSIT", amount=D(5), by=clinic.receptionist, idempotency_key="k") for _turn in range(2)
    ]
    assert twice[0] == twice[1]
    with pytest.raises(IdempotencyKeyOfAnother):
        move_cash(shift, kind="DEPOSIT", amount=D(6), by=clinic.receptionist, idempotency_key="k")
    assert CashMovement.objects.count() == 1


# Counts --------------------------------------------------------------------------------------------------------------


def test_a_count_within_the_threshold_is_final_at_once(clinic, drawer):
    shift = take_cash(clinic, "50.00").shift
    count = count_drawer(shift, total=D("145.00"), by=clinic.receptionist)
    assert (count.is_final, count.expected, count.difference) == (True, D("150.00"), D("-5.00"))
    shift.refresh_from_db()
    assert shift.closed_at is not None
    assert not needs_second_count(count)


@pytest.mark.parametrize("total", ["144.99", "155.01", "0.00", "9999999.99"])
def test_a_count_beyond_it_says_only_that_a_second_one_is_needed(clinic, drawer, total):
    shift = take_cash(clinic, "50.00").shift
    count = count_drawer(shift, total=D(total), by=clinic.receptionist)
    assert (count.is_final, count.expected, count.difference) == (False, None, None)
    assert needs_second_count(count)
    assert cash_hidden(day_of(clinic))
    told = Event.objects.get(name="billing.drawer_counted")
    assert told.facts == {"is_final": False}


@pytest.mark.parametrize("total", ["0.00", "150.00", "99999999.99"])
def test_the_second_count_is_saved_whatever_it_says(clinic, drawer, total):
    shift = take_cash(clinic, "50.00").shift
    first = count_drawer(shift, total=D("1.00"), by=clinic.receptionist)
    count = count_drawer(shift, total=D(total), by=clinic.receptionist)
    assert (count.is_final, count.attempt, count.difference) == (True, 2, D(total) - D(150))
    assert not needs_second_count(first)
    assert not cash_hidden(day_of(clinic))


def test_the_threshold_is_the_clinics_own(clinic, drawer):
    ClinicSettings.objects.create(administration=clinic.administration, count_threshold=D("0"))
    shift = take_cash(clinic, "50.00").shift
    assert not count_drawer(shift, total=D("150.01"), by=clinic.receptionist).is_final


def test_a_drawer_is_counted_by_notes_and_coins(clinic, drawer):
    shift = take_cash(clinic, "50.00").shift
    pieces = [{"value": "0.05", "count": 2}, {"value": "50", "count": 2}, {"value": "50.00", "count": 1}]
    count = count_drawer(shift, total=None, denominations=pieces, by=clinic.receptionist)
    assert (count.total, count.difference) == (D("150.10"), D("0.10"))
    assert count.denominations == [{"value": "50.00", "count": 3}, {"value": "0.05", "count": 2}]


@pytest.mark.parametrize(
    ("pieces", "total", "refusal"),
    [
        ([{"value": "3", "count": 1}], None, UnknownDenomination),
        ([{"value": "-5", "count": 1}], None, UnknownDenomination),
        ([{"value": "NaN", "count": 1}], None, UnknownDenomination),
        ([{"value": "5", "count": -1}], None, CashNegative),
        ([{"value": "5"}], None, CountDoesNotAddUp),
        ([{"value": "five", "count": 1}], None, CountDoesNotAddUp),
        ([{"value": "5", "count": 2}], "11.00", CountDoesNotAddUp),
        ([], None, CountDoesNotAddUp),
        ([], "-0.01", CashNegative),
        ([], "0.001", AmountHasTooManyDigits),
    ],
)
def test_a_count_that_makes_no_sum_is_refused(clinic, drawer, pieces, total, refusal):
    shift = open_shift(drawer, opening_float=None, by=clinic.receptionist)
    with pytest.raises(refusal):
        count_drawer(shift, total=total and D(total), denominations=pieces, by=clinic.receptionist)
    assert not DrawerCount.objects.exists()


def test_a_currency_without_listed_pieces_is_counted_by_any():
    cairo = make_clinic("Clinic of pounds", currency="EGP")
    shift = open_shift(drawer_of(cairo), opening_float=D(75), by=cairo.receptionist)
    pieces = [{"value": "25", "count": 3}]
    assert count_drawer(shift, total=None, denominations=pieces, by=cairo.receptionist).difference == 0


def test_the_same_key_counts_once(clinic, drawer):
    shift = take_cash(clinic, "50.00").shift
    twice = [count_drawer(shift, total=D(9), by=clinic.receptionist, idempotency_key="k") for _turn in range(2)]
    assert twice[0] == twice[1], "a form sent twice is no second count"
    with pytest.raises(IdempotencyKeyOfAnother):
        count_drawer(shift, total=D(8), by=clinic.receptionist, idempotency_key="k")


def test_a_counted_drawer_is_not_counted_again(clinic, drawer):
    shift = take_cash(clinic, "50.00").shift
    counted(shift, "150.00", by=clinic.receptionist)
    with pytest.raises(CountKept):
        count_drawer(shift, total=D("150.00"), by=clinic.manager)


def test_cash_after_the_count_is_a_new_shift_that_waits_for_its_own(clinic, drawer):
    counted(take_cash(clinic, "50.00").shift, "148.00", by=clinic.receptionist)
    shift = take_cash(clinic, "30.00").shift
    today = figures(day_of(clinic), drawer)
    assert (today.expected, today.counted, today.difference) == (D("180.00"), None, None)
    assert cash_hidden(day_of(clinic))
    counted(shift, "179.00", by=clinic.receptionist)
    today = figures(day_of(clinic), drawer)
    assert (today.expected, today.counted, today.difference) == (D("180.00"), D("179.00"), D("-1.00"))
    assert today.difference == sum(count.difference for count in DrawerCount.objects.filter(is_final=True))


def test_a_shift_of_an_earlier_day_stays_countable_until_that_day_is_signed(clinic, drawer):
    shift = take_cash(clinic, "40.00", day=clinic.yesterday).shift
    assert counted(shift, "140.00", by=clinic.receptionist).clinic_day == day_of(clinic, clinic.yesterday)
    late = take_cash(clinic, "5.00", day=clinic.yesterday).shift
    ClinicDay.objects.filter(pk=late.clinic_day_id).update(is_finalized=True)
    with pytest.raises(DayFinalized):
        count_drawer(late, total=D(145), by=clinic.receptionist)


def test_a_reopened_day_is_counted_once_more_and_only_then_hidden_again(clinic, drawer):
    shift = take_cash(clinic, "50.00").shift
    counted(shift, "151.00", by=clinic.receptionist)
    close = EndOfDayReconciliation.objects.get(pk=clinic.close().pk)
    EndOfDayReconciliation.objects.filter(pk=close.pk).update(
        status="FINALIZED", finalized_by=clinic.manager, finalized_at=close.prepared_at
    )
    EndOfDayReconciliation.objects.create(
        administration=clinic.administration,
        clinic_day=close.clinic_day,
        number=close.number,
        revision=2,
        reopened_by=clinic.manager,
        reopened_at=close.prepared_at,
        reopen_reason="Counted wrongly",
    )
    assert not cash_hidden(day_of(clinic)), "its count stands until a new one is begun"
    assert not count_drawer(shift, total=D(20), by=clinic.receptionist).is_final
    assert cash_hidden(day_of(clinic))
    count = count_drawer(shift, total=D(149), by=clinic.receptionist)
    assert (count.revision, count.attempt, count.difference) == (2, 2, D(-1))
    today = figures(day_of(clinic), drawer)
    assert (today.counted, today.difference) == (D(149), D(-1))
    with pytest.raises(CountKept):
        count_drawer(shift, total=D(149), by=clinic.receptionist)


def test_notes_on_a_count_are_added(clinic, drawer):
    count = counted(take_cash(clinic, "50.00").shift, "148.00", by=clinic.receptionist)
    for text in ("A coin rolled away.", "Found it."):
        note_count(count, text=text, by=clinic.receptionist)
    assert [note.text for note in count.notes.all()] == ["A coin rolled away.", "Found it."]


# Handing over --------------------------------------------------------------------------------------------------------


def test_a_hand_over_counts_and_begins_the_next_shift_with_what_was_counted(clinic, drawer):
    shift = take_cash(clinic, "50.00").shift
    count, following = hand_over(shift, to=clinic.cashier, total=D("149.00"), by=clinic.receptionist)
    assert count.difference == D("-1.00")
    assert (following.cashier, following.opening_float, following.drawer) == (clinic.cashier, D("149.00"), drawer)


def test_while_a_second_count_is_needed_nothing_is_handed_over(clinic, drawer):
    shift = take_cash(clinic, "50.00").shift
    count, following = hand_over(shift, to=clinic.cashier, total=D(1), by=clinic.receptionist)
    assert (count.is_final, following) == (False, None)
    shift.refresh_from_db()
    assert shift.closed_at is None


def test_the_same_key_hands_over_once(clinic, drawer):
    shift = take_cash(clinic, "50.00").shift
    named = {"to": clinic.cashier, "total": D(150), "by": clinic.receptionist, "idempotency_key": "k"}
    assert hand_over(shift, **named) == hand_over(shift, **named)
    assert Shift.objects.count() == 2


def test_nobody_takes_over_who_takes_no_cash(clinic, drawer):
    shift = take_cash(clinic, "50.00").shift
    for person in (clinic.accountant, make_clinic("Clinic Noord").cashier):
        with pytest.raises(CashierNotHere):
            hand_over(shift, to=person, total=D(150), by=clinic.receptionist)
        with pytest.raises(CashierNotHere):
            open_shift(drawer, opening_float=None, by=clinic.manager, cashier=person)


# Who may -------------------------------------------------------------------------------------------------------------


def test_a_cashier_counts_and_moves_cash_only_in_their_own_shift(clinic, drawer):
    other = take_cash(clinic, "50.00").shift
    attempts = [
        lambda: count_drawer(other, total=D(150), by=clinic.cashier),
        lambda: hand_over(other, to=clinic.cashier, total=D(150), by=clinic.cashier),
        lambda: move_cash(other, kind="DEPOSIT", amount=D(5), by=clinic.cashier),
        lambda: open_shift(drawer, opening_float=None, by=clinic.cashier, cashier=clinic.receptionist),
    ]
    for attempt in attempts:
        with pytest.raises(OwnShiftOnly):
            attempt()
    count = counted(other, "150.00", by=clinic.receptionist)
    with pytest.raises(OwnShiftOnly):
        note_count(count, text="Mine?", by=clinic.cashier)
    own = open_shift(drawer, opening_float=None, by=clinic.cashier)
    assert counted(own, "150.00", by=clinic.cashier).difference == 0


def test_the_manager_and_the_owner_count_any(clinic, drawer):
    for person in (clinic.manager, clinic.owner):
        shift = open_shift(drawer, opening_float=D(10), by=clinic.cashier)
        assert counted(shift, "10.00", by=person).counted_by == person


def test_the_accountant_and_a_stranger_count_nothing(clinic, drawer):
    shift = take_cash(clinic, "50.00").shift
    for person in (clinic.accountant, clinic.admin, make_clinic("Clinic Noord").owner):
        for attempt in (
            lambda by=person: count_drawer(shift, total=D(150), by=by),
            lambda by=person: open_shift(drawer, opening_float=None, by=by),
            lambda by=person: enter_terminal_total(shift.clinic_day, terminal="T", total=D(1), by=by),
            lambda by=person: change_drawer(drawer, name="Mine", by=by),
        ):
            with pytest.raises(NotAllowed):
                attempt()


def test_drawers_are_set_up_by_who_sets_prices(clinic, drawer):
    with pytest.raises(CodeTaken):
        drawer_of(clinic)
    with pytest.raises(CashNegative):
        drawer_of(clinic, "D9", standard_float="-1.00")
    with pytest.raises(NotAllowed):
        change_drawer(drawer, name="Mine", by=clinic.receptionist)
    assert change_drawer(drawer, name="Pharmacy", standard_float=D(75), by=clinic.owner).standard_float == D(75)


# Terminals -----------------------------------------------------------------------------------------------------------


def test_the_newest_total_of_a_terminal_and_batch_counts(clinic):
    day, _late = day_for(clinic.administration, clinic.today)
    for batch, total in (("1", "100.00"), ("2", "40.00"), ("1", "110.00")):
        enter_terminal_total(day, terminal=" T1 ", batch=batch, total=D(total), by=clinic.cashier)
    enter_terminal_total(day, terminal="T2", total=D("-5.00"), payments_count=1, by=clinic.cashier)
    said = [(one.terminal, one.batch, one.total) for one in terminal_totals(day)]
    assert said == [("T1", "1", D(110)), ("T1", "2", D(40)), ("T2", "", D(-5))]


def test_a_terminal_says_nothing_of_tomorrow_or_of_a_signed_day(clinic):
    tomorrow = ClinicDay(administration=clinic.administration, date=clinic.today + timedelta(days=1))
    with pytest.raises(DayInFuture):
        enter_terminal_total(tomorrow, terminal="T1", total=D(1), by=clinic.cashier)
    day, _late = day_for(clinic.administration, clinic.yesterday)
    clinic.pay(clinic.bill("5.00", day=day.date), "5.00", "CARD", day=day.date)
    clinic.finalized(day.date)
    with pytest.raises(DayFinalized):
        enter_terminal_total(day, terminal="T1", total=D(1), by=clinic.cashier)


def test_a_shift_for_nobody_is_a_shift(clinic, drawer):
    day, _late = day_for(clinic.administration, clinic.today)
    assert shift_for(day, by=None).cashier is None


def test_cash_that_names_no_shift_belongs_to_none_while_the_drawer_was_there(clinic, drawer):
    """Brought in from another system, say, without the drawer that it lay in: no count is told to expect it."""
    counted(take_cash(clinic, "40.00", day=clinic.yesterday).shift, "140.00", by=clinic.manager)
    shift = take_cash(clinic, "7.00").shift
    payment = take_cash(clinic, "1.00")
    copy = {"administration": clinic.administration, "clinic_day": payment.clinic_day, "method": "CASH"}
    Payment.objects.create(**copy, bill=clinic.bill("9.00"), amount=D(9), taken_by=clinic.manager)
    assert expected_in(shift) == D("148.00")
    assert left_in_no_drawer(day_of(clinic)) == D("9.00")
