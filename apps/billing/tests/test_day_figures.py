"""What a day states beyond its payments, what does not agree, and the entry that all of it becomes."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal as D
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from uuid_utils.compat import uuid7

from apps.billing.errors import CashNotCounted, NotACleanDay
from apps.billing.models import Bill, BillLine, Claim, ClaimSettlement, ClinicDay, Discount, Leak, Visit, WriteOff
from apps.billing.reports.day import day_figures, describe, way_out
from apps.billing.reports.tie_out import tie_out
from apps.billing.services.charging import Charge, credit_bill, issue_bill
from apps.billing.services.closing import close_day, finalize_day, is_clean, preparers, refresh_day
from apps.billing.services.days import day_for
from apps.billing.services.drawers import enter_terminal_total, move_cash
from apps.billing.services.payments import refund_payment
from apps.billing.services.wallets import pay_out, top_up
from apps.billing.tests.clinic import make_clinic
from apps.billing.tests.drawers import cost_account, counted, day_of, drawer_of, petty_cash, take_cash, top_up_cash
from apps.core.errors import SecondPersonRequired
from apps.ledger.models import Account, OpenItem


def lines_of(entry):
    """The lines of an entry as a reader adds them up: by account, debits less credits."""
    sums = Counter()
    for line in entry.lines.select_related("account"):
        sums[line.account.purpose or line.account.code] += line.debit - line.credit
    return {name: amount for name, amount in sums.items() if amount}


def codes(close):
    return [mismatch["code"] for mismatch in close.mismatch_details]


# Top-ups and wallets -------------------------------------------------------------------------------------------------


def test_a_top_up_is_money_in_and_no_payment_of_a_bill(clinic):
    top_up(clinic.patient(), method="CASH", amount=D(50), by=clinic.receptionist)
    top_up(clinic.patient(), method="CARD", amount=D(30), by=clinic.receptionist)
    pay_out(clinic.patient(), method="CARD", amount=D(10), reason="leaves", by=clinic.manager)
    clinic.pay(clinic.bill("20.00"), "20.00", "WALLET")
    clinic.pay(clinic.bill("15.00"), "15.00", "CASH")

    close = clinic.close()

    assert (close.total_wallet_topups, close.money_in) == (D(70), D(85))
    assert (close.total_revenue, close.total_cash, close.total_wallet) == (D(35), D(15), D(20))
    assert close.breakdown["top_ups"]["CARD"] == {
        "gross": "30.00",
        "refunds": "10.00",
        "total": "20.00",
        "payments_count": 1,
        "refunds_count": 1,
    }
    assert sum(D(one["total"]) for one in close.breakdown["top_ups"].values()) == close.total_wallet_topups


def test_a_top_up_debits_its_method_and_is_owed_to_the_patient(clinic):
    top_up(clinic.patient(), method="CASH", amount=D(50), by=clinic.receptionist)
    clinic.pay(clinic.bill("20.00"), "20.00", "WALLET")

    entry = clinic.finalized().entry

    assert lines_of(entry) == {"cash_drawer": D(50), "wallet_liability": D(-30), "revenue_consultation": D(-20)}
    wallet = OpenItem.objects.filter(account__purpose="wallet_liability").as_of()
    assert sum(item.open for item in wallet) == D(-30)
    assert {item.party for item in wallet} == {clinic.patient().party}


def test_money_taken_out_of_a_wallet_again_lowers_what_is_owed(clinic):
    top_up(clinic.patient(), method="TRANSFER", amount=D(50), by=clinic.receptionist, day=clinic.yesterday)
    clinic.finalized(clinic.yesterday)
    pay_out(clinic.patient(), method="TRANSFER", amount=D(50), reason="leaves", by=clinic.manager)

    assert lines_of(clinic.finalized(by=clinic.owner).entry) == {
        "transfer_in_transit": D(-50),
        "wallet_liability": D(50),
    }
    assert not [item for item in OpenItem.objects.as_of() if item.open]


# Drawers and terminals -----------------------------------------------------------------------------------------------


def test_what_goes_through_a_drawer_is_posted_to_its_own_accounts(clinic):
    drawer_of(clinic)
    shift = take_cash(clinic, "80.00").shift
    petty_cash(shift, clinic, "12.50")
    private = Account.objects.filter(administration=clinic.administration, type="EQUITY").first()
    move_cash(shift, kind="PAY_IN", amount=D(20), account=private, reason="change", by=clinic.receptionist)
    counted(shift, "185.00", by=clinic.receptionist)  # 100 + 80 - 12.50 + 20 were expected
    move_cash(shift, kind="DEPOSIT", amount=D(84), by=clinic.receptionist)

    close = clinic.finalized()

    assert lines_of(close.entry) == {
        "cash_drawer": D(80) - D("12.50") + D(20) - D("2.50") - D(84),
        cost_account(clinic).purpose or cost_account(clinic).code: D("12.50"),
        private.purpose or private.code: D(-20),
        "cash_over_short": D("2.50"),
        "deposit_in_transit": D(84),
        "revenue_consultation": D(-80),
    }
    (drawer,) = close.breakdown["drawers"]
    assert (drawer["expected"], drawer["counted"], drawer["difference"]) == ("187.50", "185.00", "-2.50")
    assert codes(close) == ["DRAWER_DIFFERS"]


def test_a_drawer_that_agrees_leaves_no_difference_in_the_books(clinic):
    drawer_of(clinic)
    counted(take_cash(clinic, "80.00").shift, "180.00", by=clinic.receptionist)
    assert lines_of(clinic.finalized().entry) == {"cash_drawer": D(80), "revenue_consultation": D(-80)}


def test_nobody_signs_a_day_whose_drawer_is_not_counted(clinic):
    drawer_of(clinic)
    shift = take_cash(clinic, "80.00").shift
    close = clinic.close()
    assert codes(close) == ["DRAWER_NOT_COUNTED"]
    with pytest.raises(CashNotCounted):
        finalize_day(close, by=clinic.manager)

    counted(shift, "180.00", by=clinic.receptionist)
    assert codes(finalize_day(close, by=clinic.manager)) == []


def test_cash_that_no_drawer_of_its_day_holds_is_listed_with_its_amount(clinic):
    drawer_of(clinic)
    counted(take_cash(clinic, "40.00", day=clinic.yesterday).shift, "140.00", by=clinic.manager)
    take_cash(clinic, "7.00")  # the drawer is of today now
    assert codes(clinic.close(clinic.yesterday)) == []

    take_cash(clinic, "5.00", day=clinic.yesterday)
    top_up_cash(clinic, "3.00", day=clinic.yesterday)

    close = refresh_day(clinic.close(clinic.yesterday), by=clinic.receptionist)
    assert close.mismatch_details == [{"code": "CASH_IN_NO_DRAWER", "amount": "8.00"}]
    assert not is_clean(close)
    (drawer,) = close.breakdown["drawers"]
    assert (drawer["expected"], drawer["difference"]) == ("140.00", "0.00")


def test_cash_that_waits_for_a_drawer_is_told_by_nothing_before_its_count(clinic):
    drawer_of(clinic)
    before = take_cash(clinic, "40.00", day=clinic.yesterday).shift
    take_cash(clinic, "7.00")
    assert codes(clinic.close()) == []
    counted(before, "140.00", by=clinic.manager)
    assert codes(refresh_day(clinic.close(), by=clinic.receptionist)) == ["DRAWER_NOT_COUNTED"]


def test_a_clinic_without_drawers_has_no_cash_outside_of_them(clinic):
    take_cash(clinic, "20.00")
    assert codes(clinic.close()) == []


def test_a_terminal_is_held_against_card_payments_and_top_ups(clinic):
    clinic.pay(clinic.bill("30.00"), "30.00", "CARD")
    top_up(clinic.patient(), method="CARD", amount=D(20), by=clinic.receptionist)
    assert codes(clinic.close()) == []  # no terminal said anything

    for total in ("45.00", "48.00"):  # the newer one counts
        enter_terminal_total(day_of(clinic), terminal="T1", batch="7", total=D(total), by=clinic.receptionist)
    close = refresh_day(clinic.close(), by=clinic.receptionist)

    (mismatch,) = close.mismatch_details
    assert mismatch == {"code": "TERMINAL_DIFFERS", "said": "48.00", "taken": "50.00", "amount": "-2.00"}
    assert close.breakdown["terminals"] == [{"terminal": "T1", "batch": "7", "total": "48.00", "count": None}]
    enter_terminal_total(day_of(clinic), terminal="T1", batch="7", total=D(50), by=clinic.receptionist)
    assert codes(refresh_day(close, by=clinic.receptionist)) == []


def test_every_mismatch_says_what_it_is_and_how_it_is_mended(clinic):
    facts = {
        "BILLS_AND_PAYMENTS_DISAGREE": {"amount": "1.00"},
        "REFERENCE_REPEATED": {"receipt": "R-1", "method": "CARD", "reference": "T", "amount": "1.00"},
        "NUMBER_GAP": {"document": "cash_movements", "count": 1},
        "DRAWER_DIFFERS": {"drawer": "Desk", "counted": "1.00", "expected": "2.00", "amount": "-1.00"},
        "DRAWER_NOT_COUNTED": {"drawer": "Desk"},
        "CASH_IN_NO_DRAWER": {"amount": "5.00"},
        "TERMINAL_DIFFERS": {"said": "1.00", "taken": "2.00", "amount": "-1.00"},
        "WALLET_DIFFERS": {"patient": "P-1", "balance": "1.00", "amount": "2.00"},
    }
    for code, more in facts.items():
        assert "{" not in describe({"code": code, **more})
        assert way_out({"code": code, **more})


# Outstanding, leaks, late --------------------------------------------------------------------------------------------


def test_what_payers_give_back_and_what_is_written_off_moves_outstanding_without_a_mismatch(clinic):
    bill = clinic.bill("40.00", day=clinic.yesterday)
    clinic.pay(bill, "30.00", "HMO", day=clinic.yesterday)
    clinic.finalized(clinic.yesterday)
    day, _late = day_for(clinic.administration, clinic.today)
    claim = Claim.objects.get(bill=bill)
    ClaimSettlement.objects.create(
        administration=clinic.administration, clinic_day=day, claim=claim, kind="PATIENT", amount=D(12), reason="limit"
    )
    given_up = WriteOff.objects.create(
        administration=clinic.administration, bill=bill, amount=D(5), reason="poor", proposed_by=clinic.receptionist
    )
    given_up.approved_by, given_up.approved_at, given_up.clinic_day = clinic.manager, datetime.now(UTC), day
    given_up.save()

    figures = day_figures(day)

    assert figures.breakdown["outstanding"] == {
        "patient": "17.00",
        "payer": "18.00",
        "own_day": "0.00",
        "credits": "0.00",
    }
    assert figures.mismatch_details == []


def test_open_leaks_are_counted_on_the_day_they_became_one(clinic):
    def leak(day, amount, state="OPEN"):
        resolved = {} if state == "OPEN" else {"resolved_at": datetime.now(UTC)}
        Leak.objects.create(
            administration=clinic.administration, rule="L05", leak_class="UNBILLED", entity_type="visit",
            entity_id=uuid7(), day=day, amount=amount, state=state, **resolved,
        )  # fmt: skip

    leak(clinic.today, D(25)), leak(clinic.today, None), leak(clinic.today, D(9), "DISMISSED")
    leak(clinic.yesterday, D(7))

    figures = day_figures(day_for(clinic.administration, clinic.today)[0])

    assert (figures.revenue_leaks_detected, figures.revenue_leaks_amount) == (2, D(25))
    assert figures.breakdown["leaks"] == {"older_count": 1, "older_amount": "7.00", "unpriced_count": 1}


def test_what_is_late_says_which_z_it_is_late_for(clinic):
    bill = clinic.bill("10.00", day=clinic.yesterday)
    closed = clinic.finalized(clinic.yesterday)
    clinic.pay(bill, "4.00", day=clinic.yesterday)
    clinic.bill("7.00", day=clinic.yesterday)
    top_up(clinic.patient(), method="CARD", amount=D(5), by=clinic.receptionist, day=clinic.yesterday)

    late = clinic.close().breakdown["late_for"]

    assert late == [
        {
            "close": str(closed),
            "date": clinic.yesterday.isoformat(),
            "payments_count": 1,
            "payments_amount": "4.00",
            "top_ups_count": 1,
            "top_ups_amount": "5.00",
            "bills_count": 1,
            "bills_amount": "7.00",
        }
    ]


# The edges -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shift", "hours"), [(date(2026, 3, 29), 23), (date(2025, 10, 26), 25)])
def test_the_last_tenth_of_a_second_and_the_first_are_two_days_also_when_clocks_change(
    clinic, monkeypatch, shift, hours
):
    """Paid by the clock, which says UTC: at 23:59:59.9 and at 00:00:00, where the day begins and where it ends."""
    before, after = shift - timedelta(days=1), shift + timedelta(days=1)
    begins, ends = (
        datetime.combine(day, time(), ZoneInfo("Europe/Amsterdam")).astimezone(UTC) for day in (shift, after)
    )
    assert ends - begins == timedelta(hours=hours)
    tenth = timedelta(milliseconds=100)
    bill = clinic.bill("15.00", day=before)
    for moment, amount in ((begins - tenth, "1.00"), (begins, "2.00"), (ends - tenth, "4.00"), (ends, "8.00")):
        monkeypatch.setattr("django.utils.timezone.now", lambda moment=moment: moment)
        clinic.pay(bill, amount)

    closes = [clinic.close(day) for day in (before, shift, after)]

    assert [close.total_cash for close in closes] == [D(1), D(6), D(8)]
    assert [close.total_outstanding for close in closes] == [D(14), D(8), D(0)]
    assert [close.breakdown["methods"]["CASH"]["payments_count"] for close in closes] == [1, 2, 1]


def test_two_equal_payments_of_one_patient_are_two(clinic):
    for _ in range(2):
        clinic.pay(clinic.bill("25.00"), "25.00", "CARD")
    close = clinic.close()
    assert (close.total_card, close.breakdown["methods"]["CARD"]["payments_count"]) == (D(50), 2)
    assert codes(close) == []


def test_a_split_payment_counts_under_each_of_its_methods(clinic):
    bill = clinic.bill("100.00")
    for method, amount in (("CASH", "33.33"), ("CARD", "33.33"), ("TRANSFER", "33.34")):
        clinic.pay(bill, amount, method)
    close = clinic.finalized()
    assert (close.total_cash, close.total_card, close.total_transfer) == (D("33.33"), D("33.33"), D("33.34"))
    assert close.total_outstanding == 0
    assert not OpenItem.objects.exists()


def test_a_payment_on_a_closed_visit_of_an_older_day_counts_today(clinic):
    visit = Visit.objects.create(administration=clinic.administration, patient=clinic.patient(), date=clinic.yesterday)
    bill = issue_bill(
        patient=clinic.patient(), charges=[Charge(clinic.service("30.00"))], visit=visit, day=clinic.yesterday,
        by=clinic.receptionist,
    )  # fmt: skip
    older = clinic.close()  # takes the visit of yesterday along
    visit.refresh_from_db()
    assert (visit.status, older.active_visits_closed, older.outstanding_visits_count) == ("CLOSED", 1, 1)
    clinic.pay(bill, "30.00")
    again = refresh_day(older, by=clinic.receptionist)
    assert (again.total_cash, again.total_billed, again.outstanding_visits_count) == (D(30), D(0), 0)


def test_a_refund_today_of_yesterdays_cash_leaves_yesterday_as_it_was(clinic):
    payment = clinic.pay(clinic.bill("80.00", day=clinic.yesterday), "80.00", day=clinic.yesterday)
    before = clinic.finalized(clinic.yesterday)
    refund_payment(payment, amount=D(30), reason="not done", by=clinic.manager)
    entry = clinic.finalized(by=clinic.owner).entry
    before.refresh_from_db()
    assert before.total_cash == D(80)
    assert lines_of(entry) == {"cash_drawer": D(-30), "patient_receivable": D(30)}


def test_yesterdays_cash_is_given_back_out_of_todays_drawer(clinic):
    drawer_of(clinic)
    payment = take_cash(clinic, "80.00", day=clinic.yesterday)
    counted(payment.shift, "180.00", by=clinic.receptionist)
    before = clinic.finalized(clinic.yesterday)
    back = refund_payment(payment, amount=D(30), reason="not done", by=clinic.manager)
    counted(back.shift, "150.00", by=clinic.receptionist)

    close = clinic.finalized(by=clinic.owner)

    (drawer,) = close.breakdown["drawers"]
    assert {name: drawer[name] for name in ("opening_float", "refunds", "expected", "counted", "difference")} == {
        "opening_float": "180.00", "refunds": "30.00", "expected": "150.00", "counted": "150.00", "difference": "0.00",
    }  # fmt: skip
    assert (close.total_cash, close.total_refunds, close.money_in) == (D(-30), D(30), D(-30))
    before.refresh_from_db()
    assert (before.total_cash, before.breakdown["drawers"][0]["expected"]) == (D(80), "180.00")


# Who signs -----------------------------------------------------------------------------------------------------------


def test_whoever_topped_up_moved_cash_or_counted_has_prepared_the_day(clinic):
    drawer_of(clinic)
    shift = take_cash(clinic, "80.00", by=clinic.cashier).shift
    petty_cash(shift, clinic, "10.00", by=clinic.owner)
    top_up(clinic.patient(), method="CARD", amount=D(5), by=clinic.receptionist)
    counted(shift, "170.00", by=clinic.manager)
    close, _made = close_day(clinic.administration, clinic.today, by=clinic.cashier)

    people = {clinic.cashier.pk, clinic.owner.pk, clinic.receptionist.pk, clinic.manager.pk}
    assert preparers(close) == people
    with pytest.raises(SecondPersonRequired):
        finalize_day(close, by=clinic.manager)


@pytest.mark.parametrize("blemish", ["refund", "void", "pay out", "discount", "difference", "not counted"])
def test_a_receptionist_signs_no_day_with(clinic, blemish):
    if blemish in ("difference", "not counted"):
        drawer_of(clinic)
    payment = clinic.pay(clinic.bill("50.00"), "50.00", by=clinic.cashier)
    if blemish == "refund":
        refund_payment(payment, amount=D(1), reason="change", by=clinic.manager)
    elif blemish == "void":
        credit_bill(clinic.bill("10.00"), reason="wrong", by=clinic.manager)
    elif blemish == "pay out":
        top_up(clinic.patient(), method="CARD", amount=D(5), by=clinic.cashier)
        pay_out(clinic.patient(), method="CARD", amount=D(5), reason="leaves", by=clinic.manager)
    elif blemish == "discount":
        Discount.objects.create(
            administration=clinic.administration, line=BillLine.objects.get(), amount=D(10), percentage=D(20),
            reason="friend", given_by=clinic.cashier,
        )  # fmt: skip
    elif blemish == "difference":
        counted(payment.shift, "149.00", by=clinic.cashier)
    close, _made = close_day(clinic.administration, clinic.today, by=clinic.cashier)

    assert not is_clean(close)
    if blemish != "not counted":
        with pytest.raises(NotACleanDay):
            finalize_day(close, by=clinic.receptionist)


# The tie-out ---------------------------------------------------------------------------------------------------------


def test_the_tie_out_holds_each_method_against_what_others_say(clinic):
    drawer_of(clinic)
    shift = take_cash(clinic, "80.00", by=clinic.cashier).shift
    top_up_cash(clinic, "20.00", by=clinic.cashier)
    petty_cash(shift, clinic, "5.00", by=clinic.cashier)
    clinic.pay(clinic.bill("30.00"), "30.00", "CARD")
    clinic.pay(clinic.bill("15.00"), "15.00", "WALLET")
    enter_terminal_total(day_of(clinic), terminal="T1", total=D(29), by=clinic.receptionist)
    hidden = tie_out(day_of(clinic))
    assert hidden.cash_hidden
    assert not [one for one in hidden.totals if one.method == "CASH" and one.taken]
    counted(shift, "194.00", by=clinic.cashier)  # a euro short
    clinic.finalized()

    tied = tie_out(day_of(clinic))
    said = {one.method: (one.taken, one.counted, one.terminal, one.books, one.agrees) for one in tied.totals}

    assert said["CASH"] == (D(100), D(99), None, D(100), False)
    assert said["CARD"] == (D(30), None, D(29), D(30), False)
    assert said["WALLET"] == (D(15), None, None, D(15), True)
    assert said["TRANSFER"] == (D(0), None, None, D(0), True)
    cashiers = {(str(of.cashier), of.tied.method): (of.tied.taken, of.tied.counted) for of in tied.cashiers}
    assert cashiers == {
        (str(clinic.cashier), "CASH"): (D(100), D(99)),
        (str(clinic.receptionist), "CARD"): (D(30), None),
        (str(clinic.receptionist), "WALLET"): (D(15), None),
    }


def test_figures_and_tie_out_cost_the_same_however_many_rows_there_are(db):
    def queries(many):
        clinic = make_clinic()
        drawer_of(clinic)
        for _ in range(many):
            take_cash(clinic, "10.00")
            top_up_cash(clinic, "5.00")
            clinic.pay(clinic.bill("9.00"), "9.00", "CARD", reference="same")
            clinic.pay(clinic.bill("5.00"), "5.00", "WALLET")
        day = ClinicDay.objects.select_related("administration").get(administration=clinic.administration)
        with CaptureQueriesContext(connection) as captured:
            day_figures(day)
            tie_out(day)
        return len(captured)

    assert queries(2) == queries(6)


def test_a_day_of_yen_is_stated_in_whole_yen(db):
    yen = make_clinic(currency="JPY")
    yen.pay(yen.bill("650"), "650")
    assert yen.close().breakdown["top_ups"]["CASH"]["total"] == "0"
    assert Bill.objects.get().gross == 650


def test_a_mismatch_writes_what_is_negative_in_parentheses():
    said = describe({"code": "TERMINAL_DIFFERS", "said": "1234.00", "taken": "1239.00", "amount": "-5.00"})
    assert said == "The terminals say 1,234.00, the card payments and top-ups add up to 1,239.00: (5.00)."
