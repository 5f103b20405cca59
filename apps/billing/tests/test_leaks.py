"""Rules about leaks: for each the leak, the near miss, and what mends it, with the figure."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest
from django.utils import timezone

from apps.billing.models import (
    CashMovement,
    Claim,
    ClaimSettlement,
    ClinicSettings,
    Cover,
    Discount,
    Drawer,
    DrawerCount,
    Order,
    PaystackRefund,
    PaystackTransaction,
    Remittance,
    ServicePrice,
    Shift,
    Tariff,
    TopUp,
    Visit,
    Wallet,
    WriteOff,
)
from apps.billing.reports.leaks import RULES, Scope, find
from apps.billing.services.payments import refund_payment
from apps.billing.tests.clinic import make_clinic
from apps.billing.tests.leaking import billed, clinic_day, credited, given, leaks, line, visit_of


def of(amount):
    return Decimal(amount)


def day(clinic, back):
    return clinic.today - timedelta(days=back)


def test_nothing_leaks_from_a_clinic_where_nothing_happened(clinic):
    assert find(Scope(clinic.administration, clinic.yesterday, clinic.today)) == []
    for rule in RULES:
        scope = Scope(clinic.administration, clinic.today, clinic.today, {rule.entity: [uuid4()]})
        assert list(rule.findings(scope)) == []


def test_every_rule_has_a_code_of_its_own_for_its_kind_of_row_and_fits_the_table():
    assert len({(rule.code, rule.entity) for rule in RULES}) == len(RULES)
    assert all(len(rule.code) <= 8 and len(rule.leak_class) <= 11 for rule in RULES)
    assert {rule.code for rule in RULES} == {
        *(f"L{n:02d}" for n in (1, 2, 3, 4, 5, 7, 8, 9, *range(10, 23), 24, 25, 26, 27, 28, 29, 30, 31))
    }


def test_every_rule_stands_in_the_table_of_the_documentation():
    table = Path("docs/leaks.md").read_text()
    assert [rule.code for rule in RULES if f"`{rule.code}`" not in table] == []


# Unbilled ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "code"),
    [("LAB", "L01"), ("IMAGING", "L02"), ("PHARMACY", "L03"), ("PROCEDURE", "L04"), ("CONSULTATION", "L05")],
)
def test_care_that_was_given_and_not_billed_is_worth_its_price(clinic, kind, code):
    visit = visit_of(clinic)
    given(visit, clinic.service("65.00"), kind)
    assert leaks(clinic) == [(code, of("65.00"))]


@pytest.mark.parametrize("kind", Order.Kind)
def test_care_that_is_on_a_bill_is_no_leak(clinic, kind):
    visit, service = visit_of(clinic), clinic.service("65.00")
    billed(clinic, visit, line(service, "65.00", order=given(visit, service, kind)))
    assert leaks(clinic) == [("L15", of("65.00"))]  # billed, and not paid: a leak of another kind


def test_care_that_was_not_completed_or_was_taken_back_is_no_leak(clinic):
    visit, service = visit_of(clinic, status="ACTIVE"), clinic.service("65.00")
    given(visit, service, completed=False)
    given(visit, service, completed=False, cancelled_at=timezone.now())
    given(visit, service, "PHARMACY", completed_quantity=Decimal(0))
    assert leaks(clinic) == []


def test_a_coverage_reason_of_the_order_suppresses_it(clinic):
    visit = visit_of(clinic)
    given(visit, clinic.service("65.00"), coverage_reason="BUNDLE")
    assert leaks(clinic) == []


def test_a_coverage_reason_of_the_line_is_a_bill_for_nothing(clinic):
    visit, service = visit_of(clinic), clinic.service("65.00")
    billed(clinic, visit, line(service, "65.00", order=given(visit, service), coverage_reason="BUNDLE"))
    assert leaks(clinic) == []


def test_what_was_given_out_above_the_bill_is_worth_the_difference(clinic):
    visit, pill = visit_of(clinic), clinic.service("4.50")
    order = given(visit, pill, "PHARMACY", "10", completed_quantity=Decimal(12))
    bill = billed(clinic, visit, line(pill, "4.50", "10", order))
    clinic.pay(bill, "45.00")
    assert leaks(clinic) == [("L03", of("9.00"))]
    clinic.pay(billed(clinic, visit, line(pill, "4.50", "2", order)), "9.00")
    assert leaks(clinic) == []


def test_unbilled_care_is_priced_by_the_tariff_of_its_payer_on_the_day_it_was_given(clinic):
    visit, service, payer = visit_of(clinic), clinic.service("65.00"), clinic.payer()
    tariff = {"administration": clinic.administration, "payer": payer, "service": service}
    Tariff.objects.create(**tariff, price="52.00", valid_from=date(2000, 1, 1), valid_until=clinic.today)
    Tariff.objects.create(**tariff, price="10.00", valid_from=clinic.today + timedelta(days=1))
    given(visit, service, payer=payer)
    given(visit, service)
    assert leaks(clinic) == [("L01", of("52.00")), ("L01", of("65.00"))]


def test_a_price_without_vat_leaks_with_it(clinic):
    given(visit_of(clinic), clinic.service("100.00", "HIGH", includes_vat=False))
    assert leaks(clinic) == [("L01", of("121.00"))]


def test_care_without_a_price_is_unpriced_and_never_invented(clinic):
    service = clinic.service("65.00")
    service.prices.all().delete()
    visit = visit_of(clinic)
    given(visit, service)
    given(visit, None, "IMAGING")
    assert leaks(clinic) == [("L01", None), ("L02", None)]


def test_lines_without_an_order_bill_orders_of_the_visit_quantity_for_quantity_the_oldest_first(clinic):
    visit, pill = visit_of(clinic), clinic.service("2.00")
    given(visit, pill, "PHARMACY", "3")
    younger = given(visit, pill, "PHARMACY", "5")
    clinic.pay(billed(clinic, visit, line(pill, "2.00", "4")), "8.00")
    assert leaks(clinic) == [("L03", of("8.00"))]  # 3 and 1 are billed, 4 of the younger are not
    (finding,) = find(Scope(clinic.administration, clinic.today, clinic.today))
    assert (finding.entity_id, finding.facts["missing"]) == (younger.pk, "4")


def test_a_line_of_another_visit_or_service_bills_nothing_here(clinic):
    visit, service = visit_of(clinic), clinic.service("65.00")
    given(visit, service)
    clinic.pay(billed(clinic, visit_of(clinic), line(service, "65.00")), "65.00")
    clinic.pay(billed(clinic, visit, line(clinic.service("30.00"), "30.00")), "30.00")
    assert leaks(clinic) == [("L01", of("65.00"))]


def test_imported_orders_and_lines_without_a_service_meet_by_code(clinic):
    visit, service = visit_of(clinic), clinic.service("65.00")
    given(visit, None, code=service.code)
    assert leaks(clinic) == [("L01", of("65.00"))]
    clinic.pay(billed(clinic, visit, line(service, "65.00")), "65.00")
    assert leaks(clinic) == []


def test_care_of_an_unpaid_bill_that_was_credited_is_unbilled_from_that_day(clinic):
    visit, service = visit_of(clinic, day(clinic, 1)), clinic.service("65.00")
    bill = billed(clinic, visit, line(service, "65.00", order=given(visit, service)))
    credited(clinic, bill, day=clinic.today)
    assert leaks(clinic, clinic.yesterday) == []
    assert leaks(clinic) == [("L01", of("65.00"))]


def test_a_closed_visit_without_anything_said_of_it_is_an_unpriced_leak(clinic):
    visit = visit_of(clinic)
    visit_of(clinic, status="ACTIVE")
    assert leaks(clinic) == [("L05", None)]
    given(visit, clinic.service("65.00"))
    assert leaks(clinic) == [("L01", of("65.00"))]  # what is finer counts, and alone


def test_a_visit_that_was_billed_or_cancelled_or_is_covered_is_no_leak(clinic):
    service = clinic.service("65.00")
    clinic.pay(billed(clinic, visit_of(clinic), line(service, "65.00")), "65.00")
    visit_of(clinic, status="CANCELLED")
    given(visit_of(clinic), service, coverage_reason="CAPITATION")
    assert leaks(clinic) == []


def test_an_emergency_has_its_days_and_counts_once(clinic):
    ClinicSettings.objects.create(administration=clinic.administration, emergency_within_days=2)
    service = clinic.service("200.00")
    order = given(visit_of(clinic, day(clinic, 2)), service, "PROCEDURE", is_emergency=True)
    given(visit_of(clinic, day(clinic, 1)), service, "PROCEDURE", is_emergency=True, completed=False)
    assert leaks(clinic, day(clinic, 2), clinic.yesterday) == []
    assert leaks(clinic) == [("L25", of("200.00"))]
    clinic.pay(billed(clinic, order.visit, line(service, "200.00", order=order)), "200.00", day=day(clinic, 2))
    assert leaks(clinic) == []


def test_completed_care_of_a_cancelled_visit_is_tampering_and_counts_once(clinic):
    visit = visit_of(clinic)
    given(visit, clinic.service("65.00"))
    given(visit, clinic.service("30.00"), completed=False)
    Visit.objects.filter(pk=visit.pk).update(status="CANCELLED")
    assert leaks(clinic) == [("L27", of("65.00"))]


# Underbilled ---------------------------------------------------------------------------------------------------------


def paid(clinic, bill):
    if bill.gross > 0:
        clinic.pay(bill, str(bill.gross), day=bill.clinic_day.date)
    return bill


def discounted(clinic, price, discount, **more):
    service = clinic.service(price)
    bill = paid(clinic, billed(clinic, visit_of(clinic), line(service, price, discount=Decimal(discount))))
    return Discount.objects.create(
        administration=clinic.administration,
        line=bill.lines.get(),
        amount=Decimal(discount),
        percentage=Decimal(discount) * 100 / Decimal(price),
        reason="long wait",
        **more,
    )


def test_a_line_below_the_price_of_its_day_leaks_the_difference(clinic):
    service = clinic.service("65.00")
    bill = paid(clinic, billed(clinic, visit_of(clinic), line(service, "60.00", "2")))
    assert leaks(clinic) == [("L07", of("10.00"))]
    credited(clinic, bill)
    assert [code for code, _amount in leaks(clinic)] == ["L10"]  # void after payment, and no more below its price


@pytest.mark.parametrize("price", ["65.00", "70.00"])
def test_a_line_at_its_price_or_above_is_no_leak(clinic, price):
    paid(clinic, billed(clinic, visit_of(clinic), line(clinic.service("65.00"), price)))
    assert leaks(clinic) == []


def test_a_line_is_held_against_the_tariff_of_its_payer(clinic):
    service, payer = clinic.service("65.00"), clinic.payer()
    Tariff.objects.create(
        administration=clinic.administration, payer=payer, service=service, price="52.00", valid_from=date(2000, 1, 1)
    )
    clinic.pay(billed(clinic, visit_of(clinic), line(service, "52.00"), payer=payer), "52.00", "INSURANCE")
    clinic.pay(billed(clinic, visit_of(clinic), line(service, "50.00"), payer=payer), "50.00", "INSURANCE")
    assert leaks(clinic) == [("L07", of("2.00"))]


def test_a_line_is_held_against_the_price_of_the_day_the_care_was_given(clinic):
    visit, service = visit_of(clinic, day(clinic, 1)), clinic.service("65.00")
    order = given(visit, service)
    service.prices.update(valid_until=clinic.yesterday)
    ServicePrice.objects.create(
        administration=clinic.administration, service=service, price="60.00", valid_from=clinic.today
    )
    paid(clinic, billed(clinic, visit, line(service, "60.00", order=order), day=clinic.today))
    assert leaks(clinic) == [("L07", of("5.00"))]


def test_a_price_without_vat_is_compared_without_it(clinic):
    service = clinic.service("100.00", "HIGH", includes_vat=False)
    paid(clinic, billed(clinic, visit_of(clinic), line(service, "121.00")))
    paid(clinic, billed(clinic, visit_of(clinic), line(service, "108.90")))
    assert leaks(clinic) == [("L07", of("12.10"))]


def test_a_discount_that_nobody_recorded_leaks(clinic):
    paid(clinic, billed(clinic, visit_of(clinic), line(clinic.service("65.00"), "65.00", discount=Decimal("5.00"))))
    assert leaks(clinic) == [("L07", of("5.00"))]


def test_a_discount_within_the_limit_is_no_leak(clinic):
    discounted(clinic, "100.00", "10.00", approved_at=timezone.now())
    discounted(clinic, "100.00", "10.00")  # an imported one names no approval: within the limit it needs none
    assert leaks(clinic) == []


def test_a_discount_above_the_limit_leaks_until_a_second_person_approves_it(clinic):
    discount = discounted(clinic, "100.00", "10.01", given_by=clinic.receptionist)
    assert leaks(clinic) == [("L09", of("10.01"))]
    Discount.objects.filter(pk=discount.pk).update(approved_by=clinic.manager, approved_at=timezone.now())
    assert leaks(clinic) == []


def test_a_discount_that_its_giver_approved_leaks_unless_one_person_may_sign_alone(clinic):
    administration = clinic.administration
    administration.single_sign_off = True
    administration.save()
    discounted(clinic, "100.00", "50.00", given_by=clinic.owner, approved_by=clinic.owner, approved_at=timezone.now())
    assert leaks(clinic) == []
    administration.single_sign_off = False
    administration.save()
    assert leaks(clinic) == [("L09", of("50.00"))]


def test_a_line_for_nothing_leaks_its_price(clinic):
    service = clinic.service("65.00")
    billed(clinic, visit_of(clinic), line(service, "0.00"))
    assert leaks(clinic) == [("L08", of("65.00"))]


def test_a_line_for_nothing_with_a_reason_a_discount_or_a_price_of_nothing_is_no_leak(clinic):
    service = clinic.service("65.00")
    visit = visit_of(clinic)
    follow_up = line(service, "65.00", coverage_reason="FREE_FOLLOW_UP")
    billed(clinic, visit, follow_up, line(clinic.service("0.00"), "0.00"))
    discounted(clinic, "65.00", "65.00", approved_by=clinic.manager, approved_at=timezone.now())
    credited(clinic, billed(clinic, visit_of(clinic, status="ACTIVE"), line(service, "65.00")))
    assert leaks(clinic) == []


def test_a_price_that_was_lowered_and_put_back_leaks_what_was_billed_in_between(clinic):
    service = clinic.service("65.00")
    prices = {"administration": clinic.administration, "service": service}
    service.prices.update(valid_until=day(clinic, 4))
    ServicePrice.objects.create(**prices, price="40.00", valid_from=day(clinic, 3), valid_until=day(clinic, 1))
    paid(clinic, billed(clinic, visit_of(clinic, day(clinic, 2)), line(service, "40.00", "2")))
    assert leaks(clinic, day(clinic, 10), clinic.today) == []  # lower, as prices may be
    ServicePrice.objects.create(**prices, price="65.00", valid_from=clinic.today)
    assert leaks(clinic, day(clinic, 10), clinic.today) == [("L28", of("50.00"))]


def test_a_price_that_was_lowered_and_then_raised_to_another_is_a_price_list(clinic):
    service = clinic.service("65.00")
    prices = {"administration": clinic.administration, "service": service}
    service.prices.update(valid_until=day(clinic, 4))
    ServicePrice.objects.create(**prices, price="40.00", valid_from=day(clinic, 3), valid_until=day(clinic, 1))
    ServicePrice.objects.create(**prices, price="70.00", valid_from=clinic.today)
    paid(clinic, billed(clinic, visit_of(clinic, day(clinic, 2)), line(service, "40.00")))
    assert leaks(clinic, day(clinic, 10), clinic.today) == []


# Tampered ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def settled(clinic):
    """A visit whose bill of 65 + 30 was paid in cash by the receptionist."""
    visit, lab, scan = visit_of(clinic), clinic.service("65.00"), clinic.service("30.00")
    bill = billed(
        clinic,
        visit,
        line(lab, "65.00", order=given(visit, lab)),
        line(scan, "30.00", order=given(visit, scan, "IMAGING")),
    )
    clinic.pay(bill, "95.00")
    return bill


def refund(clinic, payment, amount, by=None):
    return refund_payment(payment, amount=Decimal(amount), reason="wrong", by=by or clinic.manager)


def test_a_paid_bill_that_is_what_it_was_is_no_leak(clinic, settled):
    assert leaks(clinic) == []


def test_a_bill_that_was_voided_after_payment_leaks_once_and_not_by_order_as_well(clinic, settled):
    credited(clinic, settled)
    assert leaks(clinic) == [("L10", of("95.00"))]


def test_a_bill_and_its_payment_that_were_removed_leak_until_it_is_billed_again(clinic, settled):
    credited(clinic, settled)
    refund(clinic, settled.payments.get(), "95.00")
    assert leaks(clinic) == [("L11", of("95.00"))]
    orders = {order.kind: order for order in settled.visit.orders.all()}
    again = billed(
        clinic,
        settled.visit,
        line(clinic.service("65.00"), "65.00", order=orders["LAB"]),
        line(clinic.service("30.00"), "30.00", order=orders["IMAGING"]),
    )
    clinic.pay(again, "95.00")
    assert leaks(clinic) == []


def test_a_bill_that_was_never_paid_may_be_corrected_on_its_day(clinic):
    visit, service = visit_of(clinic, status="ACTIVE"), clinic.service("65.00")
    credited(clinic, billed(clinic, visit, line(service, "65.00")))
    assert leaks(clinic) == []


def test_a_line_that_was_cut_from_a_paid_bill_leaks_what_it_was(clinic, settled):
    credited(clinic, settled, 2)
    assert leaks(clinic) == [("L12", of("30.00"))]


def test_a_bill_that_was_billed_again_for_less_leaks_the_difference(clinic, settled):
    credited(clinic, settled)
    refund(clinic, settled.payments.get(), "95.00")
    lab = settled.visit.orders.get(kind="LAB")
    clinic.pay(billed(clinic, settled.visit, line(clinic.service("65.00"), "65.00", order=lab)), "65.00")
    assert leaks(clinic) == [("L12", of("30.00"))]


def test_an_unpaid_bill_that_was_cut_after_its_day_was_signed_leaks(clinic):
    visit = visit_of(clinic, day(clinic, 1))
    bill = billed(clinic, visit, line(clinic.service("65.00"), "65.00"))
    clinic.finalized(clinic.yesterday)
    credited(clinic, bill, day=clinic.today)
    assert leaks(clinic) == [("L12", of("65.00"))]


def test_care_that_was_said_to_cost_nothing_is_not_cut(clinic, settled):
    settled.visit.orders.filter(kind="IMAGING").update(coverage_reason="BUNDLE")
    credited(clinic, settled, 2)
    assert leaks(clinic) == []


def test_two_credit_notes_and_one_bill_again_leak_once(clinic, settled):
    credited(clinic, settled)
    again = billed(clinic, settled.visit, line(clinic.service("95.00"), "95.00"))
    clinic.pay(again, "95.00")
    credited(clinic, again)
    assert [pair for pair in leaks(clinic) if pair[0] in ("L10", "L11", "L12")] == [("L10", of("95.00"))]


def test_a_refund_by_whoever_took_the_money_leaks(clinic):
    payment = clinic.pay(clinic.bill("65.00"), "65.00", "CARD", by=clinic.manager)
    refund(clinic, payment, "20.00", by=clinic.manager)
    assert ("L13", of("20.00")) in leaks(clinic)


def test_a_refund_by_somebody_else_or_by_the_only_person_there_is_does_not(clinic):
    payment = clinic.pay(clinic.bill("65.00"), "65.00")
    refund(clinic, payment, "20.00")
    mine = clinic.pay(clinic.bill("65.00"), "65.00", by=clinic.owner)
    clinic.administration.single_sign_off = True
    clinic.administration.save()
    refund(clinic, mine, "20.00", by=clinic.owner)
    assert "L13" not in dict(leaks(clinic))


def test_what_was_entered_for_a_signed_day_leaks_on_the_day_it_went_to(clinic):
    bill = clinic.bill("65.00", day=clinic.yesterday)
    clinic.finalized(clinic.yesterday)
    clinic.pay(bill, "65.00", day=clinic.yesterday)
    clinic.bill("10.00", day=clinic.yesterday)
    assert [pair for pair in leaks(clinic) if pair[0] == "L14"] == [("L14", of("10.00")), ("L14", of("65.00"))]
    assert "L14" not in dict(leaks(clinic, clinic.yesterday))


def test_a_wallet_that_was_stated_otherwise_leaks_the_difference(clinic):
    patient = clinic.patient()
    top_up(clinic, patient, "100.00")
    Wallet.objects.update(stated_balance="100.00", stated_on=clinic.today)
    assert leaks(clinic) == []
    Wallet.objects.update(stated_balance="120.00")
    assert leaks(clinic) == [("L21", of("20.00"))]


def test_a_wallet_that_was_moved_behind_the_laws_leaks(owned):
    clinic = make_clinic()
    top_up(clinic, clinic.patient(), "100.00")
    owned.execute("ALTER TABLE billing_wallet DISABLE TRIGGER USER")
    owned.execute("UPDATE billing_wallet SET balance = balance + 7")
    assert leaks(clinic) == [("L21", of("7.00"))]


@pytest.mark.parametrize("table", ["billing_payment", "billing_bill"])
def test_a_gap_in_the_numbers_leaks_and_has_no_price(owned, table):
    clinic = make_clinic()
    for _n in range(3):
        clinic.pay(clinic.bill("65.00"), "65.00")
    assert leaks(clinic) == []
    owned.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    owned.execute(f"UPDATE {table} SET number = 5 WHERE number = 3")
    assert leaks(clinic) == [("L22", None)]
    (finding,) = find(Scope(clinic.administration, clinic.today, clinic.today))
    assert finding.facts == {"number": 5, "missing": 2}


def test_numbers_that_go_on_over_several_days_have_no_gap(clinic):
    for back in (0, 1, 0):
        bill = clinic.bill("65.00", day=day(clinic, back))
        clinic.pay(bill, "65.00", day=day(clinic, back))
    assert leaks(clinic, clinic.yesterday, clinic.today) == []


def test_a_method_that_changed_after_the_receipt_leaks(clinic):
    bill = clinic.bill("65.00")
    refund(clinic, clinic.pay(bill, "65.00", "CASH"), "65.00")
    clinic.pay(bill, "60.00", "CARD")
    assert ("L26", of("60.00")) in leaks(clinic)


def test_a_payment_that_was_taken_again_by_the_same_method_or_another_day_does_not(clinic):
    bill, other = clinic.bill("65.00"), clinic.bill("65.00")
    refund(clinic, clinic.pay(bill, "65.00", "CASH"), "65.00")
    clinic.pay(bill, "65.00", "CASH")
    first = clinic.pay(other, "65.00", "CASH", day=clinic.yesterday)
    refund_payment(first, amount=Decimal("65.00"), reason="wrong", by=clinic.manager, day=clinic.yesterday)
    clinic.pay(other, "65.00", "CARD")
    assert "L26" not in dict(leaks(clinic, clinic.yesterday, clinic.today))


def test_a_write_off_by_a_taker_of_cash_leaks(clinic):
    bill = clinic.bill("65.00")
    clinic.pay(bill, "20.00", "CASH", by=clinic.manager)
    write_off(clinic, bill, "45.00", proposed_by=clinic.manager, approved_by=clinic.owner)
    assert leaks(clinic) == [("L29", of("45.00"))]


def test_a_write_off_by_people_who_took_no_cash_or_that_waits_does_not(clinic):
    bill = clinic.bill("65.00")
    clinic.pay(bill, "20.00", "CARD", by=clinic.manager)
    write_off(clinic, bill, "45.00", proposed_by=clinic.manager, approved_by=clinic.owner)
    other = clinic.bill("65.00")
    clinic.pay(other, "65.00", "CASH")
    WriteOff.objects.create(administration=clinic.administration, bill=other, amount="1", reason="x")
    assert leaks(clinic) == []


# Unpaid --------------------------------------------------------------------------------------------------------------


def test_a_visit_that_was_closed_owing_leaks_what_is_open(clinic):
    bill = billed(clinic, visit_of(clinic), line(clinic.service("65.00"), "65.00"))
    clinic.pay(bill, "20.00")
    assert leaks(clinic) == [("L15", of("45.00"))]
    clinic.pay(bill, "45.00")
    assert leaks(clinic) == []


def test_a_visit_that_goes_on_or_that_somebody_covers_owes_nothing_yet(clinic):
    service = clinic.service("65.00")
    billed(clinic, visit_of(clinic, status="ACTIVE"), line(service, "65.00"))
    billed(clinic, visit_of(clinic), line(service, "65.00"), payer=clinic.payer())
    insured = clinic.patient("P-2")
    cover = {"administration": clinic.administration, "patient": insured, "payer": clinic.payer()}
    Cover.objects.create(**cover, valid_from=clinic.yesterday)
    billed(clinic, visit_of(clinic, patient=insured), line(service, "65.00"))
    assert leaks(clinic) == []


def test_a_cover_that_ended_before_the_visit_covers_nothing(clinic):
    insured = clinic.patient("P-2")
    cover = {"administration": clinic.administration, "patient": insured, "payer": clinic.payer()}
    Cover.objects.create(**cover, valid_from=date(2000, 1, 1), valid_until=clinic.yesterday)
    billed(clinic, visit_of(clinic, patient=insured), line(clinic.service("65.00"), "65.00"))
    assert leaks(clinic) == [("L15", of("65.00"))]


def test_a_co_pay_that_was_not_taken_leaks(clinic):
    bill = billed(
        clinic, visit_of(clinic), line(clinic.service("65.00"), "65.00", co_pay=Decimal("15.00")), payer=clinic.payer()
    )
    clinic.pay(bill, "50.00", "INSURANCE")
    clinic.pay(bill, "5.00")
    assert leaks(clinic) == [("L19", of("10.00"))]
    clinic.pay(bill, "10.00")
    assert leaks(clinic) == []


def confirmed(clinic, reference, amount, **more):
    return PaystackTransaction.objects.create(
        administration=clinic.administration,
        reference=reference,
        status=more.pop("status", "success"),
        amount=amount,
        currency="EUR",
        paid_on=clinic.today,
        **more,
    )


def test_what_the_provider_confirmed_and_nobody_took_leaks(clinic):
    confirmed(clinic, "ref-1", "65.00")
    confirmed(clinic, "ref-2", "65.00", status="failed")
    assert leaks(clinic) == [("L20", of("65.00"))]
    bill = clinic.bill("65.00")
    clinic.pay(bill, "45.00", "PAYSTACK", reference="ref-1")
    assert leaks(clinic) == [("L20", of("20.00"))]
    clinic.pay(bill, "20.00", "PAYSTACK", reference="ref-1")
    assert leaks(clinic) == []


def test_what_the_provider_gave_back_and_was_entered_leaks_no_more(clinic):
    stated = confirmed(clinic, "ref-1", "65.00")
    paid = clinic.pay(clinic.bill("65.00"), "65.00", "PAYSTACK", reference="ref-1")
    refund_payment(paid, amount=of("20.00"), reason="not given", by=clinic.manager)
    back = {"administration": clinic.administration, "transaction": stated, "currency": "EUR"}
    PaystackRefund.objects.create(**back, provider_id="1", status="failed", amount=of("20.00"))
    assert leaks(clinic) == [("L20", of("20.00"))]  # the provider has it still
    PaystackRefund.objects.create(**back, provider_id="2", status="processed", amount=of("20.00"))
    assert leaks(clinic) == []


def test_a_top_up_takes_what_the_provider_confirmed(clinic):
    patient = clinic.patient()
    confirmed(clinic, "ref-1", "100.00", patient=patient)
    top_up(clinic, patient, "100.00", "PAYSTACK", reference="ref-1")
    assert leaks(clinic) == []


def test_a_payment_that_the_provider_never_confirmed_leaks(clinic):
    clinic.pay(clinic.bill("65.00"), "65.00", "PAYSTACK", reference="ref-2")
    assert leaks(clinic) == []  # a clinic without word of the provider types what it reads there
    confirmed(clinic, "ref-1", "10.00")
    assert leaks(clinic) == [("L20", of("10.00")), ("L20", of("65.00"))]


def test_a_reference_that_was_used_beyond_its_amount_leaks_the_rest(clinic):
    confirmed(clinic, "ref-1", "65.00")
    clinic.pay(clinic.bill("65.00"), "65.00", "PAYSTACK", reference="ref-1")
    assert leaks(clinic) == []
    clinic.pay(clinic.bill("30.00"), "30.00", "PAYSTACK", reference="ref-1")
    assert leaks(clinic) == [("L24", of("30.00"))]


def counted(clinic, drawer, total, on, opening="50.00", retained=None):
    shift = Shift.objects.create(
        administration=clinic.administration,
        clinic_day=clinic_day(clinic, on),
        drawer=drawer,
        opening_float=opening,
        retained=retained,
    )
    DrawerCount.objects.create(
        administration=clinic.administration,
        clinic_day=shift.clinic_day,
        shift=shift,
        total=total,
        is_final=True,
        expected=total,
        difference=0,
    )
    Shift.objects.filter(pk=shift.pk).update(closed_at=timezone.now())
    return shift


def deposit(clinic, shift, amount):
    CashMovement.objects.create(
        administration=clinic.administration, clinic_day=shift.clinic_day, shift=shift, kind="DEPOSIT", amount=amount
    )


@pytest.fixture
def drawer(clinic):
    return Drawer.objects.create(administration=clinic.administration, code="D1", name="Desk", standard_float="50.00")


def test_cash_above_the_float_leaks_when_it_is_not_at_the_bank_in_time(clinic, drawer):
    shift = counted(clinic, drawer, "350.00", day(clinic, 3))
    assert leaks(clinic, day(clinic, 3), clinic.yesterday) == []
    assert leaks(clinic) == [("L30", of("300.00"))]
    deposit(clinic, shift, "220.00")
    assert leaks(clinic) == [("L30", of("80.00"))]
    deposit(clinic, shift, "80.00")
    assert leaks(clinic) == []


def test_cash_that_waits_for_days_is_late_once_and_deposits_bring_the_oldest_first(clinic, drawer):
    counted(clinic, drawer, "350.00", day(clinic, 4))
    later = counted(clinic, drawer, "500.00", day(clinic, 3), opening="350.00", retained="350.00")
    assert leaks(clinic, clinic.yesterday, clinic.today) == [("L30", of("150.00")), ("L30", of("300.00"))]
    deposit(clinic, later, "320.00")
    assert leaks(clinic, clinic.yesterday, clinic.today) == [("L30", of("130.00"))]


def test_the_standard_float_may_stay(clinic, drawer):
    counted(clinic, drawer, "50.00", day(clinic, 3))
    assert leaks(clinic) == []


def test_an_opening_float_other_than_what_was_left_leaks_the_difference(clinic, drawer):
    counted(clinic, drawer, "50.00", day(clinic, 1))
    counted(clinic, drawer, "40.00", clinic.today, opening="40.00", retained="50.00")
    assert leaks(clinic, clinic.yesterday) == []
    assert leaks(clinic) == [("L31", of("10.00"))]


# Unclaimed, and paid short -------------------------------------------------------------------------------------------


def covered(clinic, on, amount="65.00", **claim):
    bill = billed(clinic, visit_of(clinic, on), line(clinic.service("65.00"), "65.00"), payer=clinic.payer())
    clinic.pay(bill, amount, "INSURANCE", day=on)
    kept, _new = Claim.objects.get_or_create(administration=clinic.administration, bill=bill, payer=clinic.payer())
    Claim.objects.filter(pk=kept.pk).update(**{"status": "DRAFT", **claim})
    return kept


def test_cover_that_was_not_claimed_in_time_leaks(clinic):
    claim = covered(clinic, day(clinic, 7))
    covered(clinic, day(clinic, 6))
    assert leaks(clinic) == [("L16", of("65.00"))]
    assert leaks(clinic, day(clinic, 7), clinic.yesterday) == []
    Claim.objects.filter(pk=claim.pk).update(status="SUBMITTED", submitted_on=clinic.today)
    assert leaks(clinic) == []


def test_a_bill_that_names_a_payer_whose_cover_nobody_entered_leaks_the_payers_part(clinic):
    billed(
        clinic,
        visit_of(clinic, day(clinic, 7)),
        line(clinic.service("65.00"), "65.00", co_pay=Decimal("15.00")),
        payer=clinic.payer(),
    )
    assert leaks(clinic) == [("L16", of("50.00"))]


def test_a_rejection_that_was_not_sent_again_in_time_leaks(clinic):
    claim = covered(
        clinic, day(clinic, 20), status="REJECTED", submitted_on=day(clinic, 18), answered_on=day(clinic, 14)
    )
    covered(clinic, day(clinic, 20), status="REJECTED", submitted_on=day(clinic, 18), answered_on=day(clinic, 13))
    assert leaks(clinic) == [("L17", of("65.00"))]
    Claim.objects.filter(pk=claim.pk).update(status="SUBMITTED")
    assert leaks(clinic) == []


def settle(clinic, claim, kind, amount):
    remittance = None
    if kind == "PAID":
        remittance = Remittance.objects.create(
            administration=clinic.administration,
            clinic_day=clinic_day(clinic),
            payer=claim.payer,
            received_on=clinic.today,
            amount=amount,
            source=f"test-{uuid4()}",
        )
    ClaimSettlement.objects.create(
        administration=clinic.administration,
        clinic_day=clinic_day(clinic),
        claim=claim,
        kind=kind,
        amount=amount,
        remittance=remittance,
    )


def test_a_claim_that_was_paid_short_leaks_what_nothing_explains(clinic):
    claim = covered(clinic, clinic.today, status="SUBMITTED", submitted_on=clinic.today)
    settle(clinic, claim, "PAID", "40.00")
    assert leaks(clinic) == [("L18", of("25.00"))]
    settle(clinic, claim, "ADJUSTMENT", "10.00")
    settle(clinic, claim, "WRITE_OFF", "5.00")
    assert leaks(clinic) == [("L18", of("15.00"))]  # what was given up is lost all the same
    settle(clinic, claim, "WITHHOLDING", "4.00")
    settle(clinic, claim, "PAID", "6.00")
    assert leaks(clinic) == [("L18", of("5.00"))]


def test_a_claim_that_was_paid_up_to_its_contract_is_no_leak(clinic):
    claim = covered(clinic, clinic.today, status="SUBMITTED", submitted_on=clinic.today)
    settle(clinic, claim, "PAID", "50.00")
    settle(clinic, claim, "ADJUSTMENT", "15.00")
    assert leaks(clinic) == []


# Rows ----------------------------------------------------------------------------------------------------------------


def top_up(clinic, patient, amount, method="CASH", **more):
    return TopUp.objects.create(
        administration=clinic.administration,
        clinic_day=clinic_day(clinic),
        patient=patient,
        method=method,
        amount=amount,
        **more,
    )


def write_off(clinic, bill, amount, **people):
    return WriteOff.objects.create(
        administration=clinic.administration,
        bill=bill,
        amount=amount,
        reason="gone",
        clinic_day=clinic_day(clinic),
        approved_at=timezone.now(),
        **people,
    )
