"""The day close, from draft to signature."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.billing.errors import (
    AlreadyFinalized,
    DayChanged,
    DayCloseCancelled,
    DayInFuture,
    NotACleanDay,
)
from apps.billing.models import Visit
from apps.billing.reports.sealed import seal_of
from apps.billing.services.charging import Charge, credit_bill, issue_bill
from apps.billing.services.closing import (
    add_note,
    cancel_day,
    close_day,
    finalize_day,
    refresh_day,
    review_day,
)
from apps.billing.services.payments import refund_payment
from apps.core.errors import NotAllowed, SecondPersonRequired
from apps.core.models import Event
from apps.ledger.models import JournalEntry, OpenItem
from apps.ledger.reports.vat_by_code import vat_by_code


def test_a_day_states_what_was_settled_by_each_method(clinic):
    clinic.fill_wallet("5.00", day=clinic.yesterday)
    bill = clinic.bill("100.00", "65.50")
    for method, amount in [
        ("CASH", "10.00"),
        ("CARD", "20.00"),
        ("TRANSFER", "30.00"),
        ("WALLET", "5.00"),
        ("PAYSTACK", "40.00"),
        ("HMO", "25.00"),
        ("INSURANCE", "15.50"),
    ]:
        clinic.pay(bill, amount, method)

    close = clinic.close()

    assert (close.total_cash, close.total_card, close.total_transfer) == (D(10), D(20), D(30))
    assert (close.total_wallet, close.total_paystack) == (D(5), D(40))
    assert (close.total_hmo, close.total_insurance) == (D(25), D("15.50"))
    assert close.total_revenue == D("145.50")
    assert close.money_in == D(100)
    assert close.total_billed == D("165.50")
    assert close.breakdown["outstanding"] == {
        "patient": "20.00",
        "payer": "40.50",
        "own_day": "60.50",
        "credits": "0.00",
    }
    assert close.total_outstanding == D("60.50")


def test_a_refund_lowers_its_method_on_its_own_day_and_is_shown_positive(clinic):
    bill = clinic.bill("80.00", day=clinic.yesterday)
    payment = clinic.pay(bill, "80.00", "CASH", day=clinic.yesterday)
    refund_payment(payment, amount=D(30), reason="not done", by=clinic.manager)

    before, today = clinic.close(clinic.yesterday), clinic.close()

    assert (before.total_cash, before.total_refunds, before.total_outstanding) == (D(80), D(0), D(0))
    assert (today.total_cash, today.total_refunds, today.money_in) == (D(-30), D(30), D(-30))
    assert today.total_outstanding == D(30)


def test_outstanding_is_what_was_unpaid_at_the_end_of_that_date(clinic):
    two_days_ago = clinic.today - timedelta(days=2)
    bill = clinic.bill("50.00", day=two_days_ago)
    clinic.pay(bill, "20.00", day=clinic.yesterday)
    clinic.pay(bill, "30.00")

    figures = [clinic.close(day).total_outstanding for day in (two_days_ago, clinic.yesterday, clinic.today)]

    assert figures == [D(50), D(30), D(0)]


def test_closing_ends_active_visits_of_every_earlier_day_but_leaves_inpatients(clinic):
    def visit(day, **more):
        return Visit.objects.create(administration=clinic.administration, patient=clinic.patient(), date=day, **more)

    old, todays, inpatient = visit(clinic.yesterday), visit(clinic.today), visit(clinic.today, is_inpatient=True)

    close = clinic.close()

    assert close.active_visits_closed == 2
    assert close.total_visits == 2
    assert [Visit.objects.get(pk=v.pk).status for v in (old, todays, inpatient)] == ["CLOSED", "CLOSED", "ACTIVE"]


def test_creating_again_answers_the_report_that_is_there(clinic):
    first, made = close_day(clinic.administration, clinic.today, by=clinic.receptionist)
    again, made_again = close_day(clinic.administration, clinic.today, by=clinic.manager)
    assert (first.pk, made, made_again) == (again.pk, True, False)
    assert str(first) == "Z-000001"

    finalize_day(first, by=clinic.manager)
    assert close_day(clinic.administration, clinic.today, by=clinic.receptionist)[0].status == "FINALIZED"


def test_a_cancelled_close_becomes_a_draft_again_with_its_number(clinic):
    close = clinic.close()
    cancel_day(close, by=clinic.receptionist, reason="too early")
    with pytest.raises(DayCloseCancelled):
        finalize_day(close, by=clinic.manager)

    again, made = close_day(clinic.administration, clinic.today, by=clinic.receptionist)

    assert (again.pk, again.status, made, str(again)) == (close.pk, "DRAFT", True, "Z-000001")
    assert [note.text for note in again.note_entries.all()] == ["too early"]


def test_tomorrow_cannot_be_closed(clinic):
    with pytest.raises(DayInFuture):
        clinic.close(clinic.today + timedelta(days=1))


def test_finalizing_posts_one_balanced_entry_dated_that_day(clinic):
    service = clinic.service("121.00", vat="HIGH")
    bill = issue_bill(patient=clinic.patient(), charges=[Charge(service)], by=clinic.receptionist)
    clinic.pay(bill, "71.00", "CASH")
    clinic.pay(bill, "50.00", "CARD")

    entry = clinic.finalized().entry

    assert entry.date == clinic.today
    assert {(line.account.purpose, line.debit, line.credit) for line in entry.lines.all()} == {
        ("cash_drawer", D(71), D(0)),
        ("card_in_transit", D(50), D(0)),
        ("revenue_consultation", D(0), D(100)),
        ("output_vat", D(0), D(21)),
    }
    assert str(entry).startswith(f"DAY-{clinic.today.year}-")


def test_vat_by_code_ties_to_the_bills_of_the_day(clinic):
    """Revenue by account and VAT code, VAT by code with what it was reckoned on; a credit note gives both back."""
    high, low, exempt = clinic.service("121.00", "HIGH"), clinic.service("109.00", "LOW"), clinic.service("50.00")
    for services in ((high, high, low, exempt), (high,)):
        bill = issue_bill(patient=clinic.patient(), charges=[Charge(one) for one in services], by=clinic.receptionist)
    credit_bill(bill, reason="not given", by=clinic.manager)
    close = clinic.finalized(by=clinic.owner)

    period = close.entry.period
    lines = close.entry.lines.exclude(vat_code=None)
    assert {
        (line.vat_code.code, line.vat_role, line.credit - line.debit, line.vat_base, line.tax_point, line.vat_period)
        for line in lines
    } == {
        ("HIGH", "BASE", D(200), None, clinic.today, period),
        ("LOW", "BASE", D(100), None, clinic.today, period),
        ("EXEMPT", "BASE", D(50), None, clinic.today, period),
        ("HIGH", "TAX", D(42), D(200), clinic.today, period),
        ("LOW", "TAX", D(9), D(100), clinic.today, period),
    }
    report = vat_by_code(clinic.administration, period.first_day, period.last_day)
    assert (report.turnover, report.vat_owed) == (close.total_billed, D(51))


def test_a_day_that_only_gives_back_debits_revenue_and_vat(clinic):
    bill = issue_bill(
        patient=clinic.patient(), charges=[Charge(clinic.service("121.00", "HIGH"))], day=clinic.yesterday,
        by=clinic.receptionist,
    )  # fmt: skip
    clinic.finalized(clinic.yesterday)
    credit_bill(bill, reason="not given", by=clinic.manager)
    lines = clinic.finalized(by=clinic.owner).entry.lines.exclude(vat_code=None)
    assert {(line.vat_role, line.debit, line.vat_base) for line in lines} == {
        ("BASE", D(100), None),
        ("TAX", D(21), D(-100)),
    }


def test_signing_a_day_seals_what_was_posted_since_the_day_before(clinic):
    clinic.bill("12.00", day=clinic.yesterday)
    before = seal_of(clinic.finalized(clinic.yesterday))
    close = clinic.close()
    assert seal_of(close) is None
    sealed = seal_of(finalize_day(close, by=clinic.manager))  # a day without an entry has its seal, too
    assert (sealed.reason, sealed.entries, sealed.previous_head) == (f"day_close:{close}", 1, before.head)
    assert sealed.made_by == clinic.manager


def test_what_stays_open_is_one_line_and_one_item_per_bill(clinic):
    paid, part, unpaid = (clinic.bill("40.00") for _ in range(3))
    clinic.pay(paid, "40.00")
    clinic.pay(part, "15.00")

    clinic.finalized()

    items = OpenItem.objects.filter(account__purpose="patient_receivable").order_by("amount")
    assert [(item.reference, item.amount) for item in items] == [(str(part), D(25)), (str(unpaid), D(40))]


def test_what_settles_an_earlier_bill_credits_its_item(clinic):
    bill = clinic.bill("40.00", day=clinic.yesterday)
    clinic.finalized(clinic.yesterday)
    clinic.pay(bill, "30.00", "CARD")
    clinic.finalized()

    open_ = {i.date: i.open for i in OpenItem.objects.as_of() if i.open}
    assert open_ == {clinic.yesterday: D(10)}
    as_it_was = OpenItem.objects.as_of(clinic.yesterday)
    assert [item.open for item in as_it_was] == [D(40)]


def test_days_finalized_out_of_order_settle_all_the_same(clinic):
    bill = clinic.bill("40.00", day=clinic.yesterday)
    clinic.pay(bill, "40.00", "CARD")
    clinic.finalized()
    clinic.finalized(clinic.yesterday)

    assert [item.open for item in OpenItem.objects.as_of()] == [D(0), D(0)]


def test_what_is_paid_beyond_a_bill_is_a_credit_item_of_that_patient(clinic):
    bill = clinic.bill("40.00")
    clinic.pay(bill, "45.00", allow_excess=True)

    close = clinic.finalized()

    (item,) = OpenItem.objects.as_of()
    assert (item.party, item.open) == (bill.patient.party, D(-5))
    assert close.breakdown["outstanding"]["credits"] == "5.00"
    assert close.total_outstanding == D(0)


def test_cover_moves_the_debt_from_the_patient_to_the_payer(clinic):
    bill = clinic.bill("40.00")
    clinic.pay(bill, "30.00", "HMO")
    clinic.pay(bill, "10.00", "CASH")

    clinic.finalized()

    (item,) = OpenItem.objects.as_of()
    assert (item.account.purpose, item.party, item.open) == ("payer_receivable", clinic.payer("HMO").party, D(30))


def test_a_credit_note_lowers_revenue_and_settles_the_bill(clinic):
    bill = clinic.bill("40.00", day=clinic.yesterday)
    clinic.finalized(clinic.yesterday)
    credit_bill(bill, reason="not given", by=clinic.manager)

    close = clinic.finalized()

    assert close.total_billed == D(-40)
    assert close.total_outstanding == D(0)
    assert not [item for item in OpenItem.objects.as_of() if item.open]


def test_a_day_with_bills_and_no_payments_posts_too(clinic):
    clinic.bill("12.00")
    assert clinic.finalized().entry.lines.count() == 2


def test_a_day_without_amounts_is_signed_without_an_entry(clinic):
    assert clinic.finalized().entry is None
    assert not JournalEntry.objects.exists()


def test_whoever_took_money_or_prepared_cannot_sign(clinic):
    bill = clinic.bill("10.00")
    clinic.pay(bill, "10.00", by=clinic.manager)
    close = clinic.close()

    with pytest.raises(SecondPersonRequired):
        finalize_day(close, by=clinic.manager)
    with pytest.raises(SecondPersonRequired):
        review_day(close, by=clinic.manager)
    assert finalize_day(close, by=clinic.owner).single_sign_off is False


def test_a_one_person_practice_signs_alone_and_the_record_says_so(clinic):
    clinic.administration.single_sign_off = True
    clinic.administration.save()
    close, _ = close_day(clinic.administration, clinic.today, by=clinic.owner)
    assert finalize_day(close, by=clinic.owner).single_sign_off is True


def test_a_receptionist_signs_only_a_clean_day_that_others_prepared(clinic):
    bill = clinic.bill("10.00")
    payment = clinic.pay(bill, "10.00", by=clinic.cashier)
    close, _ = close_day(clinic.administration, clinic.today, by=clinic.cashier)
    refund_payment(payment, amount=D(1), reason="change", by=clinic.manager)

    with pytest.raises(NotACleanDay):
        finalize_day(close, by=clinic.receptionist)


def test_a_receptionist_may_sign_a_clean_day(clinic):
    clinic.pay(clinic.bill("10.00"), "10.00", by=clinic.cashier)
    close, _ = close_day(clinic.administration, clinic.today, by=clinic.cashier)
    assert finalize_day(close, by=clinic.receptionist).status == "FINALIZED"


def test_a_day_that_the_nightly_job_prepared_needs_a_manager_or_owner(clinic):
    clinic.pay(clinic.bill("10.00"), "10.00", by=clinic.cashier)
    close, _ = close_day(clinic.administration, clinic.today, by=None)

    with pytest.raises(NotACleanDay):
        finalize_day(close, by=clinic.receptionist)
    assert finalize_day(close, by=clinic.manager).prepared_by is None


@pytest.mark.parametrize("role", ["cashier", "accountant", "admin"])
def test_other_roles_do_not_sign(clinic, role):
    close = clinic.close()
    with pytest.raises(NotAllowed):
        finalize_day(close, by=getattr(clinic, role))


def test_nobody_signs_figures_that_they_did_not_see(clinic):
    bill = clinic.bill("10.00")
    close = clinic.close()
    clinic.pay(bill, "10.00")

    with pytest.raises(DayChanged):
        finalize_day(close, by=clinic.manager, seen=close.updated_at)
    refreshed = refresh_day(close, by=clinic.manager)
    assert finalize_day(refreshed, by=clinic.manager, seen=refreshed.updated_at).total_cash == D(10)


def test_without_a_stamp_the_figures_at_signing_are_signed(clinic):
    bill = clinic.bill("10.00")
    close = clinic.close()
    clinic.pay(bill, "10.00")
    assert finalize_day(close, by=clinic.manager).total_cash == D(10)


def test_a_review_falls_away_when_the_figures_change(clinic):
    bill = clinic.bill("10.00")
    close = review_day(clinic.close(), by=clinic.manager)
    assert close.reviewed_by == clinic.manager
    assert refresh_day(close, by=clinic.receptionist).reviewed_by == clinic.manager

    clinic.pay(bill, "10.00")
    assert refresh_day(close, by=clinic.receptionist).reviewed_by is None


def test_a_finalized_day_takes_notes_and_nothing_else(clinic):
    close = clinic.finalized()
    for change in (
        lambda: finalize_day(close, by=clinic.owner),
        lambda: refresh_day(close, by=clinic.manager),
        lambda: cancel_day(close, by=clinic.manager, reason="no"),
        lambda: review_day(close, by=clinic.owner),
    ):
        with pytest.raises(AlreadyFinalized):
            change()

    add_note(close, text="terminal slip filed", by=clinic.receptionist)
    assert [note.text for note in close.note_entries.all()] == ["terminal slip filed"]


def test_money_for_a_finalized_day_is_born_late_into_the_next_open_one(clinic):
    bill = clinic.bill("10.00", day=clinic.yesterday)
    clinic.finalized(clinic.yesterday)

    late = clinic.pay(bill, "10.00", day=clinic.yesterday)

    assert (late.clinic_day.date, late.late_for.date) == (clinic.today, clinic.yesterday)
    assert clinic.close().breakdown["late"] == {"payments_count": 1, "amount": "10.00"}


def test_a_repeated_reference_is_a_mismatch(clinic):
    first, second = clinic.bill("10.00"), clinic.bill("10.00")
    clinic.pay(first, "10.00", "CARD", reference="T-77")
    repeated = clinic.pay(second, "10.00", "CARD", reference="T-77")

    close = clinic.close()

    assert close.has_mismatches
    (mismatch,) = close.mismatch_details
    assert (mismatch["code"], mismatch["payment_id"]) == ("REFERENCE_REPEATED", str(repeated.pk))


def test_every_step_leaves_an_event(clinic):
    close = clinic.finalized()
    names = Event.objects.filter(subject_id=close.pk).order_by("id").values_list("name", flat=True)
    assert list(names) == ["billing.day_prepared", "billing.day_finalized"]


def test_closing_writes_nothing_per_payment(clinic):
    def queries(day, payments):
        bill = clinic.bill("100.00", day=day)
        for _ in range(payments):
            clinic.pay(bill, "1.00", day=day)
        with CaptureQueriesContext(connection) as captured:
            clinic.finalized(day)
        return len(captured)

    queries(clinic.today - timedelta(days=2), 1)  # what is read once per person is read here
    assert queries(clinic.yesterday, 1) == queries(clinic.today, 20)
