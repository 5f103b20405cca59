"""Orders: placed, given, taken back, covered; each fact once."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from apps.billing.errors import (
    DayInFuture,
    OrderBeforeVisit,
    OrderBilled,
    OrderCancelled,
    OrderCompleted,
    OrderOfNothing,
    QuantityNotPositive,
)
from apps.billing.models import Order
from apps.billing.services.charging import Charge, cancel_visit, credit_bill, issue_bill, register_visit
from apps.billing.services.closing import close_day
from apps.billing.services.ordering import cancel_order, complete_order, cover_order, place_order
from apps.billing.tests.clinic import make_clinic
from apps.billing.tests.test_concurrency import at_once
from apps.core.errors import DomainError, IdempotencyKeyOfAnother, NotAllowed
from apps.core.models import Event


@pytest.fixture
def visit(clinic):
    return register_visit(
        administration=clinic.administration, patient=clinic.patient(), charges=(), by=clinic.receptionist
    )


def ordered(clinic, visit, **more):
    return place_order(visit, **{"kind": "LAB", "description": "Blood count", "by": clinic.receptionist, **more})


def test_an_order_keeps_what_was_ordered_for_whom_and_by_whom(clinic, visit):
    service = clinic.service("65.00")
    order = place_order(
        visit,
        kind="IMAGING",
        service=service,
        quantity=2,
        is_emergency=True,
        payer=clinic.payer(),
        by=clinic.cashier,
    )
    order.refresh_from_db()
    assert (order.code, order.description, order.quantity) == (service.code, service.name, D(2))
    assert (order.ordered_on, order.ordered_by, order.is_emergency) == (clinic.today, clinic.cashier, True)
    assert (order.payer, order.completed_at, order.version) == (clinic.payer(), None, 1)


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"quantity": 0}, QuantityNotPositive),
        ({"quantity": D("-0.5")}, QuantityNotPositive),
        ({"description": "  "}, OrderOfNothing),
    ],
)
def test_an_order_is_of_something(clinic, visit, asked, refusal):
    with pytest.raises(refusal):
        ordered(clinic, visit, **asked)
    assert not Order.objects.exists()


def test_an_order_is_dated_between_its_visit_and_today(clinic, visit):
    with pytest.raises(DayInFuture):
        ordered(clinic, visit, day=clinic.today + timedelta(days=1))
    with pytest.raises(OrderBeforeVisit):
        ordered(clinic, visit, day=clinic.yesterday)
    order = ordered(clinic, visit)
    with pytest.raises(DayInFuture):
        complete_order(order, day=clinic.today + timedelta(days=1), by=clinic.receptionist)
    with pytest.raises(OrderBeforeVisit):
        complete_order(order, day=clinic.yesterday, by=clinic.receptionist)


def test_the_same_key_orders_once(clinic, visit):
    first = ordered(clinic, visit, idempotency_key="k-1")
    assert ordered(clinic, visit, idempotency_key="k-1") == first
    with pytest.raises(IdempotencyKeyOfAnother):
        ordered(clinic, visit, quantity=2, idempotency_key="k-1")
    assert Order.objects.count() == 1


def test_what_was_given_may_differ_from_what_was_ordered(clinic, visit):
    as_ordered = complete_order(ordered(clinic, visit, quantity=10), by=clinic.receptionist)
    less = complete_order(ordered(clinic, visit, quantity=10), quantity=D("7.5"), by=clinic.cashier)
    nothing = complete_order(ordered(clinic, visit, quantity=10), quantity=D(0), by=clinic.cashier)
    assert [one.completed_quantity for one in (as_ordered, less, nothing)] == [D(10), D("7.5"), D(0)]
    assert (less.completed_on, less.completed_by, less.version) == (clinic.today, clinic.cashier, 2)
    with pytest.raises(QuantityNotPositive):
        complete_order(ordered(clinic, visit), quantity=D(-1), by=clinic.cashier)


@pytest.mark.django_db
def test_the_day_of_completion_is_the_clinics_own():
    """At any moment it is another date on the one side of the date line than on the other."""
    given_on = {}
    for zone in ("Pacific/Kiritimati", "Pacific/Midway"):
        clinic = make_clinic(zone, time_zone=zone)
        visit = register_visit(
            administration=clinic.administration, patient=clinic.patient(), charges=(), by=clinic.receptionist
        )
        order = complete_order(ordered(clinic, visit), by=clinic.receptionist)
        assert list(Order.objects.completed_between(clinic.today, clinic.today).filter(visit=visit)) == [order]
        given_on[zone] = order.completed_on
    assert given_on["Pacific/Kiritimati"] > given_on["Pacific/Midway"]


def test_an_order_is_given_once_or_taken_back_once(clinic, visit):
    given_, back = ordered(clinic, visit), ordered(clinic, visit)
    complete_order(given_, by=clinic.receptionist)
    cancel_order(back, reason="Not needed", by=clinic.receptionist)
    for again, refusal in ((given_, OrderCompleted), (back, OrderCancelled)):
        with pytest.raises(refusal):
            complete_order(again, by=clinic.receptionist)
        with pytest.raises(refusal):
            cancel_order(again, reason="x", by=clinic.receptionist)
    with pytest.raises(OrderCancelled):
        cover_order(back, reason="BUNDLE", by=clinic.receptionist)


def test_an_order_that_is_billed_is_taken_back_once_that_is_credited(clinic, visit):
    service = clinic.service("65.00")
    order = place_order(visit, kind="LAB", service=service, by=clinic.receptionist)
    bill = issue_bill(patient=visit.patient, charges=[Charge(service, order=order)], by=clinic.receptionist)
    with pytest.raises(OrderBilled):
        cancel_order(order, reason="x", by=clinic.receptionist)
    credit_bill(bill, reason="Not done", by=clinic.manager)
    assert cancel_order(order, reason="Not done", by=clinic.receptionist).reason == "Not done"


def test_a_covered_order_says_why_also_after_it_was_given(clinic, visit):
    order = complete_order(ordered(clinic, visit), by=clinic.receptionist)
    covered = cover_order(order, reason="FREE_FOLLOW_UP", by=clinic.manager)
    assert (covered.coverage_reason, covered.version) == ("FREE_FOLLOW_UP", 3)
    event = Event.objects.get(name="billing.order_covered")
    assert (event.by, event.facts) == (clinic.manager, {"reason": "FREE_FOLLOW_UP"})
    with pytest.raises(ValueError, match="FRIENDSHIP"):
        cover_order(order, reason="FRIENDSHIP", by=clinic.manager)


@pytest.mark.parametrize("role", ["accountant", "admin"])
def test_who_is_not_at_the_desk_orders_nothing(clinic, visit, role):
    order, by = ordered(clinic, visit), clinic.people[role]
    for attempt in (
        lambda: ordered(clinic, visit, by=by),
        lambda: complete_order(order, by=by),
        lambda: cancel_order(order, reason="x", by=by),
        lambda: cover_order(order, reason="BUNDLE", by=by),
    ):
        with pytest.raises(NotAllowed):
            attempt()


# Many at once --------------------------------------------------------------------------------------------------------


def refusal_of(work):
    try:
        work()
    except DomainError as refusal:
        return refusal.code
    return "done"


def a_visit(clinic):
    return register_visit(
        administration=clinic.administration, patient=clinic.patient(), charges=(), by=clinic.receptionist
    )


def test_an_order_that_two_bill_at_once_is_billed_once(committed):
    clinic = make_clinic()
    service, visit = clinic.service("65.00"), a_visit(clinic)
    order = place_order(visit, kind="LAB", service=service, by=clinic.receptionist)
    charge = Charge(service, order=order)

    def bill(_i):
        return refusal_of(lambda: issue_bill(patient=visit.patient, charges=[charge], visit=visit, by=clinic.cashier))

    assert sorted(at_once(bill, 6)) == ["ORDER_BILLED"] * 5 + ["done"]


def test_a_visit_that_is_cancelled_while_it_is_billed_is_one_of_the_two(committed):
    clinic = make_clinic()
    service = clinic.service("65.00")
    for _ in range(5):
        visit = a_visit(clinic)
        charge = Charge(service)

        def either(i, visit=visit, charge=charge):
            if i:
                return refusal_of(lambda: cancel_visit(visit, reason="Left", by=clinic.manager))
            return refusal_of(
                lambda: issue_bill(patient=visit.patient, charges=[charge], visit=visit, by=clinic.cashier)
            )

        assert tuple(at_once(either, 2)) in {("done", "VISIT_BILLED"), ("VISIT_CANCELLED", "done")}
        visit.refresh_from_db()
        assert visit.bills.exists() is (visit.status == "ACTIVE")


def test_a_day_closes_while_its_visits_are_billed(committed):
    clinic = make_clinic()
    service = clinic.service("65.00")
    visits = [a_visit(clinic) for _ in range(8)]

    def work(i):
        if i == 4:
            return close_day(clinic.administration, clinic.today, by=clinic.owner)[0].status
        charges = [Charge(service)]
        return refusal_of(
            lambda: issue_bill(patient=visits[i].patient, charges=charges, visit=visits[i], by=clinic.cashier)
        )

    assert sorted(at_once(work, 8)) == ["DRAFT"] + ["done"] * 7


STEPS = st.lists(st.sampled_from(["complete", "cancel", "cover", "bill", "credit"]), min_size=1, max_size=8)


@given(steps=STEPS)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
def test_whatever_is_tried_an_order_is_given_or_taken_back_and_billed_at_most_once(clinic, visit, steps):
    with transaction.atomic():
        service = clinic.service("65.00")
        order = place_order(visit, kind="LAB", service=service, by=clinic.receptionist)
        bills = []
        state, covered, version = "OPEN", False, 1
        for step in steps:
            billed = len(bills)
            allowed = {
                "complete": state == "OPEN",
                "cancel": state == "OPEN" and not billed,
                "cover": state != "CANCELLED",
                "bill": state != "CANCELLED" and not billed,
                "credit": billed > 0,
            }[step]
            try:
                if step == "complete":
                    complete_order(order, by=clinic.receptionist)
                elif step == "cancel":
                    cancel_order(order, reason="x", by=clinic.receptionist)
                elif step == "cover":
                    cover_order(order, reason="BUNDLE", by=clinic.receptionist)
                elif step == "bill":
                    charge = Charge(service, order=order)
                    bills.append(issue_bill(patient=visit.patient, charges=[charge], by=clinic.receptionist))
                elif bills:
                    credit_bill(bills.pop(), reason="x", by=clinic.manager)
            except DomainError:
                assert not allowed
                continue
            assert allowed or step == "credit"
            state = {"complete": "COMPLETED", "cancel": "CANCELLED"}.get(step, state)
            version += step in ("complete", "cancel") or (step == "cover" and not covered)
            covered |= step == "cover"
        order.refresh_from_db()
        assert (order.completed_at is not None, order.cancelled_at is not None) == (
            state == "COMPLETED",
            state == "CANCELLED",
        )
        assert order.version == version
        assert sum(line.quantity for line in order.lines.all()) == len(bills)
        transaction.set_rollback(True)
