"""Bills: priced by the tariff or the price list of the day, discounted, covered, credited; visits cancelled."""

from datetime import date, timedelta
from decimal import Decimal as D

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from apps.billing.errors import (
    BillWithoutLines,
    DiscountBeyondPrice,
    DiscountNeedsReason,
    LineForNothing,
    OrderBilled,
    OrderCancelled,
    OrderOfAnother,
    PriceMissing,
    QuantityNotPositive,
    VisitBilled,
    VisitCancelled,
)
from apps.billing.models import Bill, Order, ServicePrice, Tariff, Visit
from apps.billing.services.charging import (
    Charge,
    cancel_visit,
    close_visit,
    credit_bill,
    issue_bill,
    register_visit,
)
from apps.billing.services.ordering import cancel_order, complete_order, place_order
from apps.billing.services.payments import Tender, owed
from apps.core.errors import AmountHasTooManyDigits, NotAllowed
from apps.core.models import Event
from apps.core.money import quantize

SINCE = date(2000, 1, 1)


def issued(clinic, *charges, **more):
    return issue_bill(**{"patient": clinic.patient(), "charges": charges, "by": clinic.receptionist, **more})


def visit_of(clinic, **more):
    return register_visit(
        **{
            "administration": clinic.administration,
            "patient": clinic.patient(),
            "charges": (),
            "by": clinic.receptionist,
            **more,
        }
    )


def tariff_of(clinic, service, price, **more):
    return Tariff.objects.create(
        **{
            "administration": clinic.administration,
            "payer": clinic.payer(),
            "service": service,
            "price": D(price),
            "valid_from": SINCE,
            **more,
        }
    )


# Prices --------------------------------------------------------------------------------------------------------------


def test_a_line_is_priced_by_the_tariff_of_its_payer_with_the_co_pay_of_each(clinic):
    agreed, listed = clinic.service("80.00"), clinic.service("30.00")
    tariff_of(clinic, agreed, "60.00", co_pay=D("12.50"))

    bill = issued(clinic, Charge(agreed, D(2)), Charge(listed), payer=clinic.payer())

    first, second = bill.lines.all()
    assert (first.unit_price, first.gross, first.co_pay) == (D(60), D(120), D(25))
    assert (second.unit_price, second.gross, second.co_pay) == (D(30), D(30), D(0))
    assert (bill.gross, bill.payer) == (D(150), clinic.payer())


def test_a_tariff_holds_on_its_own_days_and_for_its_own_payer(clinic):
    service = clinic.service("80.00")
    tariff_of(clinic, service, "60.00", valid_until=clinic.yesterday)
    tariff_of(clinic, service, "50.00", payer=clinic.payer("HMO"))

    assert issued(clinic, Charge(service), payer=clinic.payer()).gross == D(80)
    assert issued(clinic, Charge(service), payer=clinic.payer(), day=clinic.yesterday).gross == D(60)
    assert issued(clinic, Charge(service), payer=clinic.payer("HMO")).gross == D(50)
    assert issued(clinic, Charge(service)).gross == D(80)


def test_a_tariff_alone_is_a_price(clinic):
    service = clinic.service("80.00")
    tariff_of(clinic, service, "60.00", includes_vat=False)
    ServicePrice.objects.filter(service=service).delete()
    with pytest.raises(PriceMissing):
        issued(clinic, Charge(service))
    assert issued(clinic, Charge(service), payer=clinic.payer()).gross == D(60)


def test_a_co_pay_is_never_more_than_the_line(clinic):
    service = clinic.service("80.00")
    tariff_of(clinic, service, "60.00", co_pay=D(60))
    bill = issued(clinic, Charge(service, discount=D(50), discount_reason="Staff"), payer=clinic.payer())
    assert bill.lines.get().co_pay == D(10)


# Discounts and cover -------------------------------------------------------------------------------------------------


def test_a_discount_comes_off_the_price_with_its_vat(clinic):
    bill = issued(clinic, Charge(clinic.service("121.00", vat="HIGH"), discount=D("12.10"), discount_reason="Student"))
    line = bill.lines.get()
    assert (line.unit_price, line.discount) == (D(121), D("12.10"))
    assert (line.net, line.vat, line.gross) == (D(90), D("18.90"), D("108.90"))


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"discount": D("65.01"), "discount_reason": "x"}, DiscountBeyondPrice),
        ({"discount": D(-1), "discount_reason": "x"}, DiscountBeyondPrice),
        ({"discount": D(65), "discount_reason": "x"}, LineForNothing),
        ({"discount": D(5)}, DiscountNeedsReason),
        ({"discount": D(5), "discount_reason": "  "}, DiscountNeedsReason),
        ({"discount": D("0.001"), "discount_reason": "x"}, AmountHasTooManyDigits),
        ({"discount": D(5), "discount_reason": "x", "coverage_reason": "BUNDLE"}, DiscountBeyondPrice),
        ({"quantity": D(0)}, QuantityNotPositive),
        ({"quantity": D(-1)}, QuantityNotPositive),
        ({"quantity": D(-1), "coverage_reason": "BUNDLE"}, QuantityNotPositive),
    ],
)
def test_a_line_that_breaks_a_rule_of_prices_is_refused_and_nothing_is_billed(clinic, given, refusal):
    service = clinic.service("65.00")
    with pytest.raises(refusal):
        issued(clinic, Charge(clinic.service("10.00")), Charge(service, **given))
    assert not Bill.objects.exists()


@pytest.mark.parametrize("reason", ["BUNDLE", "CAPITATION", "FREE_FOLLOW_UP"])
def test_what_is_covered_costs_nothing_and_says_why(clinic, reason):
    bill = issued(clinic, Charge(clinic.service("65.00"), coverage_reason=reason))
    line = bill.lines.get()
    assert (line.unit_price, line.gross, line.co_pay, line.coverage_reason) == (D(65), D(0), D(0), reason)
    assert bill.gross == owed(bill) == D(0)


def test_a_price_of_nothing_needs_a_reason_and_a_reason_needs_no_price(clinic):
    free = clinic.service("0.00")
    with pytest.raises(LineForNothing):
        issued(clinic, Charge(free))
    assert issued(clinic, Charge(free, coverage_reason="CAPITATION")).gross == D(0)
    ServicePrice.objects.filter(service=free).delete()
    assert issued(clinic, Charge(free, coverage_reason="BUNDLE")).lines.get().unit_price == D(0)


def test_a_credit_note_takes_everything_back_line_by_line(clinic):
    service = clinic.service("121.00", vat="HIGH")
    tariff_of(clinic, service, "121.00", co_pay=D(20))
    visit = visit_of(clinic)
    order = place_order(visit, kind="LAB", service=service, by=clinic.receptionist)
    charge = Charge(service, order=order, discount=D("12.10"), discount_reason="Student")
    bill = issued(clinic, charge, visit=visit, payer=clinic.payer())

    note = credit_bill(bill, reason="Wrong patient", by=clinic.manager)

    line = note.lines.get()
    assert (line.quantity, line.discount, line.co_pay) == (D(-1), D("-12.10"), D(-20))
    assert (line.order, note.payer, note.gross) == (order, clinic.payer(), D("-108.90"))
    assert owed(bill) == D(0)


LINES = st.lists(
    st.tuples(
        st.integers(1, 99_999),  # the price in cents
        st.integers(1, 9_000),  # the quantity in thousandths
        st.integers(0, 100),  # the discount as a part of the price
        st.sampled_from(["EXEMPT", "LOW", "HIGH"]),
        st.booleans(),  # whether the price includes VAT
    ),
    min_size=1,
    max_size=6,
)
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)


@given(lines=LINES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], phases=PHASES)
def test_a_bill_is_the_sum_of_its_lines_and_vat_is_that_of_what_is_left_of_the_price(clinic, lines):
    with transaction.atomic():
        charges, expected = [], []
        for cents, thousandths, part, vat, included in lines:
            service = clinic.service(str(D(cents) / 100), vat, included)
            quantity = D(thousandths) / 1000
            price = quantize(D(cents) / 100 * quantity, "EUR")
            discount = quantize(price * part / 100, "EUR")
            if price - discount <= 0:
                continue
            charges.append(Charge(service, quantity, discount=discount, discount_reason="x"))
            expected.append((price - discount, service.vat_code.rate / 100, included))
        if charges:
            bill = issued(clinic, *charges)
            rows = list(bill.lines.all())
            assert (bill.net, bill.vat, bill.gross) == tuple(
                sum(getattr(row, name) for row in rows) for name in ("net", "vat", "gross")
            )
            for row, (left, rate, included) in zip(rows, expected, strict=True):
                assert (row.gross if included else row.net) == left
                assert row.net + row.vat == row.gross
                # Rounded once: off by half a cent at most from the exact VAT of the net, or of the gross.
                exact = left * rate / (1 + rate) if included else left * rate
                assert abs(row.vat - exact) <= D("0.005")
        transaction.set_rollback(True)


# Orders on bills -----------------------------------------------------------------------------------------------------


def test_an_order_is_billed_once(clinic):
    service = clinic.service("65.00")
    order = place_order(visit_of(clinic), kind="LAB", service=service, quantity=3, by=clinic.receptionist)
    issued(clinic, Charge(service, D(2), order=order))
    with pytest.raises(OrderBilled):
        issued(clinic, Charge(service, D(2), order=order))
    last = issued(clinic, Charge(service, D(1), order=order))
    with pytest.raises(OrderBilled):
        issued(clinic, Charge(service, D("0.001"), order=order))

    credit_bill(last, reason="Wrong", by=clinic.manager)
    assert issued(clinic, Charge(service, D(1), order=order)).lines.get().order == order


def test_two_lines_of_one_bill_bill_an_order_once(clinic):
    service = clinic.service("65.00")
    order = place_order(visit_of(clinic), kind="LAB", service=service, by=clinic.receptionist)
    with pytest.raises(OrderBilled):
        issued(clinic, Charge(service, order=order), Charge(service, order=order))


def test_an_order_is_billed_as_far_as_it_was_given(clinic):
    service = clinic.service("2.00")
    order = place_order(visit_of(clinic), kind="PHARMACY", service=service, quantity=10, by=clinic.receptionist)
    complete_order(order, quantity=D(12), by=clinic.receptionist)
    with pytest.raises(OrderBilled):
        issued(clinic, Charge(service, D(13), order=order))
    assert issued(clinic, Charge(service, D(12), order=order)).gross == D(24)


def test_an_order_is_billed_to_its_own_patient_as_what_it_is(clinic):
    service = clinic.service("65.00")
    order = place_order(visit_of(clinic), kind="LAB", service=service, by=clinic.receptionist)
    with pytest.raises(OrderOfAnother):
        issued(clinic, Charge(clinic.service("1.00"), order=order))
    with pytest.raises(OrderOfAnother):
        issued(clinic, Charge(service, order=order), patient=clinic.patient("P-2"))
    cancel_order(order, reason="Not needed", by=clinic.receptionist)
    with pytest.raises(OrderCancelled):
        issued(clinic, Charge(service, order=order))


# Visits --------------------------------------------------------------------------------------------------------------


def test_a_visit_bills_by_its_payer_and_what_was_ordered_before(clinic):
    service = clinic.service("65.00")
    tariff_of(clinic, service, "50.00")
    order = place_order(visit_of(clinic), kind="LAB", service=service, by=clinic.receptionist)

    visit = visit_of(
        clinic,
        charges=[Charge(service, order=order)],
        payer=clinic.payer(),
        tenders=[Tender("INSURANCE", D(40), clinic.payer()), Tender("CASH", D(10))],
    )

    bill = visit.bills.get()
    assert (bill.gross, bill.payer, owed(bill)) == (D(50), clinic.payer(), D(0))


def test_money_without_a_charge_is_refused(clinic):
    with pytest.raises(BillWithoutLines):
        visit_of(clinic, tenders=[Tender("CASH", D(10))])
    assert not Visit.objects.exists()


def test_a_cancelled_visit_says_why_and_takes_its_open_orders_with_it(clinic):
    visit = visit_of(clinic)
    open_ = place_order(visit, kind="LAB", description="Blood count", by=clinic.receptionist)
    given = place_order(visit, kind="IMAGING", description="X-ray", by=clinic.receptionist)
    complete_order(given, by=clinic.receptionist)

    cancel_visit(visit, reason="Wrong patient", by=clinic.manager)

    visit.refresh_from_db()
    assert (visit.status, visit.cancel_reason, visit.ended_by) == ("CANCELLED", "Wrong patient", clinic.manager)
    assert visit.ended_at is not None
    cancelled, kept = Order.objects.order_by("id")
    assert (cancelled.pk, cancelled.reason, cancelled.cancelled_by) == (open_.pk, "Wrong patient", clinic.manager)
    assert (kept.cancelled_at, kept.completed_on) == (None, clinic.today)
    assert Event.objects.filter(name="billing.visit_cancelled", by=clinic.manager).count() == 1


def test_a_visit_is_cancelled_once_its_bills_are_credited(clinic):
    visit = visit_of(clinic, charges=[Charge(clinic.service("65.00"))])
    with pytest.raises(VisitBilled):
        cancel_visit(visit, reason="Wrong patient", by=clinic.manager)
    credit_bill(visit.bills.get(), reason="Wrong patient", by=clinic.manager)
    cancel_visit(visit, reason="Wrong patient", by=clinic.manager)
    with pytest.raises(VisitCancelled):
        cancel_visit(visit, reason="again", by=clinic.manager)


def test_nothing_is_billed_or_ordered_on_a_cancelled_visit(clinic):
    visit = cancel_visit(visit_of(clinic), reason="Left", by=clinic.manager)
    with pytest.raises(VisitCancelled):
        issued(clinic, Charge(clinic.service("65.00")), visit=visit)
    with pytest.raises(VisitCancelled):
        place_order(visit, kind="LAB", description="Blood count", by=clinic.receptionist)
    assert close_visit(visit, by=clinic.receptionist).status == "CANCELLED"


def test_a_visit_ended_before_ends_when_it_is_cancelled(clinic):
    """What leaks of it leaks at that moment, not when it was closed."""
    visit = close_visit(visit_of(clinic), by=clinic.receptionist)
    ended = visit.ended_at
    cancelled = cancel_visit(visit, reason="Typed twice", by=clinic.manager)
    assert cancelled.ended_by == clinic.manager
    assert cancelled.ended_at > ended


@pytest.mark.parametrize("role", ["receptionist", "cashier", "accountant", "admin"])
def test_who_may_not_approve_cancels_no_visit(clinic, role):
    with pytest.raises(NotAllowed):
        cancel_visit(visit_of(clinic), reason="x", by=clinic.people[role])


def test_the_versions_of_a_visit_move_with_its_facts(clinic):
    visit = visit_of(clinic)
    assert cancel_visit(visit, reason="Left", by=clinic.manager).version == visit.version + 1


def test_the_day_of_a_bill_is_the_day_of_its_prices(clinic):
    service = clinic.service("65.00")
    week = clinic.today - timedelta(days=7)
    ServicePrice.objects.filter(service=service).update(valid_until=week)
    assert issued(clinic, Charge(service), day=week).clinic_day.date == week
    with pytest.raises(PriceMissing):
        issued(clinic, Charge(service))
