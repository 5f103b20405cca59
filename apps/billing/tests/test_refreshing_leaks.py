"""Leaks are kept by fingerprint: found once, resolved by facts, dismissed by a person, back only when facts change."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st

from apps.billing.errors import LeakNeedsReason, LeakNotOpen
from apps.billing.models import Leak, Order
from apps.billing.reports.leaks import Scope, find
from apps.billing.reports.leaks.figures import LeaksOfDay, leaks_of
from apps.billing.services.leaks import dismiss_leak, refresh_leaks
from apps.billing.tests.clinic import make_clinic
from apps.billing.tests.leaking import billed, clinic_day, credited, given, line, visit_of
from apps.core.errors import NotAllowed
from apps.core.models import Event
from apps.core.money import ZERO


@pytest.fixture
def lab(clinic):
    """A laboratory result of today for 65, on no bill."""
    return given(visit_of(clinic), clinic.service("65.00"))


def refresh(clinic, day=None):
    wanted = clinic_day(clinic, day)
    refresh_leaks(wanted)
    return leaks_of(wanted)


def bill_it(clinic, order, price="65.00", **more):
    bill = billed(clinic, order.visit, line(order.service, price, order=order), **more)
    if bill.gross > 0:
        clinic.pay(bill, str(bill.gross), day=bill.clinic_day.date)
    return bill


def test_a_leak_is_kept_once_however_often_it_is_found(clinic, lab):
    assert refresh(clinic) == LeaksOfDay(count=1, amount=Decimal("65.00"))
    Leak.objects.update(last_seen_at=timezone.now() - timedelta(minutes=2))
    leak = Leak.objects.get()
    assert refresh(clinic) == LeaksOfDay(count=1, amount=Decimal("65.00"))
    again = Leak.objects.get()
    assert (leak.pk, leak.first_seen_at) == (again.pk, again.first_seen_at)
    assert again.last_seen_at > leak.last_seen_at
    assert (leak.rule, leak.leak_class, leak.entity_type, leak.entity_id) == ("L01", "UNBILLED", "order", lab.pk)
    assert leak.facts == {"code": lab.code, "given": "1", "missing": "1"}


def test_what_was_billed_since_is_recovered(clinic, lab):
    refresh(clinic)
    bill_it(clinic, lab)
    assert refresh(clinic) == LeaksOfDay()
    leak = Leak.objects.get()
    assert (leak.state, leak.recovered_amount, leak.resolved_by) == ("RESOLVED", Decimal("65.00"), None)


def test_a_coverage_reason_resolves_and_recovers_nothing(clinic, lab):
    refresh(clinic)
    Order.objects.filter(pk=lab.pk).update(coverage_reason="BUNDLE")
    refresh(clinic)
    assert (Leak.objects.get().state, Leak.objects.get().recovered_amount) == ("RESOLVED", ZERO)


def test_a_leak_of_an_earlier_day_is_looked_at_again_and_stays_of_its_day(clinic):
    order = given(visit_of(clinic, clinic.yesterday), clinic.service("65.00"))
    refresh(clinic, clinic.yesterday)
    assert refresh(clinic) == LeaksOfDay(older_count=1, older_amount=Decimal("65.00"))
    bill_it(clinic, order, day=clinic.today)
    assert refresh(clinic) == LeaksOfDay()
    leak = Leak.objects.get()
    assert (leak.day, leak.recovered_amount) == (clinic.yesterday, Decimal("65.00"))


def test_a_day_that_was_never_refreshed_is_not_searched_from_a_later_one(clinic):
    given(visit_of(clinic, clinic.yesterday), clinic.service("65.00"))
    assert refresh(clinic) == LeaksOfDay()


def test_refreshing_an_earlier_day_leaves_the_leaks_of_a_later_one_open(clinic, lab):
    refresh(clinic)
    assert refresh(clinic, clinic.yesterday) == LeaksOfDay()
    assert Leak.objects.get().state == "OPEN"


def test_a_leak_that_is_paid_in_parts_recovers_what_was_paid_and_no_more(clinic):
    bill = billed(clinic, visit_of(clinic), line(clinic.service("65.00"), "65.00"))
    refresh(clinic)
    clinic.pay(bill, "40.00")
    assert refresh(clinic).amount == Decimal("25.00")
    assert Leak.objects.get().recovered_amount == Decimal("40.00")
    credited(clinic, bill)
    refresh(clinic)
    leak = Leak.objects.get(rule="L15")
    assert (leak.state, leak.recovered_amount) == ("RESOLVED", Decimal("40.00"))


def test_an_unpriced_leak_counts_and_adds_nothing(clinic):
    visit_of(clinic)
    assert refresh(clinic) == LeaksOfDay(count=1, unpriced_count=1)


def test_a_dismissed_leak_does_not_come_back_unless_its_facts_change(clinic, lab):
    refresh(clinic)
    dismiss_leak(Leak.objects.get(), reason=" Study, paid by the university. ", by=clinic.manager)
    assert refresh(clinic) == LeaksOfDay()
    leak = Leak.objects.get()
    assert (leak.state, leak.reason, leak.resolved_by) == (
        "DISMISSED",
        "Study, paid by the university.",
        clinic.manager,
    )
    assert Event.objects.filter(name="billing.leak_dismissed", subject_id=leak.pk).exists()
    Order.objects.filter(pk=lab.pk).update(completed_quantity=2)
    assert refresh(clinic) == LeaksOfDay(count=1, amount=Decimal("130.00"))
    assert Leak.objects.count() == 2


def test_a_resolved_leak_does_not_come_back_while_its_facts_are_the_same(clinic, lab):
    refresh(clinic)
    Order.objects.filter(pk=lab.pk).update(reason="seen by the doctor")  # no fact of it
    Leak.objects.update(state="RESOLVED", resolved_at=clinic.administration.created_at)
    assert refresh(clinic) == LeaksOfDay()
    assert Leak.objects.count() == 1


def test_care_whose_unpaid_bill_was_taken_back_is_a_new_leak(clinic, lab):
    refresh(clinic)
    bill = billed(clinic, lab.visit, line(lab.service, "65.00", order=lab))
    refresh(clinic)
    credited(clinic, bill)
    refresh(clinic)
    kept = Leak.objects.filter(rule="L01").order_by("first_seen_at").values_list("version", "state")
    assert list(kept) == [("1", "RESOLVED"), ("1-1", "OPEN")]


def test_a_fact_that_changes_goes_on_under_its_new_version(clinic, lab):
    refresh(clinic)
    Order.objects.filter(pk=lab.pk).update(completed_quantity=2)
    assert refresh(clinic).amount == Decimal("130.00")
    old, new = Leak.objects.order_by("first_seen_at")
    assert [(one.version, one.state, one.recovered_amount) for one in (old, new)] == [
        ("1", "RESOLVED", ZERO),
        ("2", "OPEN", ZERO),
    ]


def test_who_dismisses_says_why_and_may(clinic, lab):
    refresh(clinic)
    leak = Leak.objects.get()
    with pytest.raises(NotAllowed):
        dismiss_leak(leak, reason="mine", by=clinic.receptionist)
    with pytest.raises(LeakNeedsReason):
        dismiss_leak(leak, reason="  ", by=clinic.manager)
    dismiss_leak(leak, reason="study", by=clinic.manager)
    with pytest.raises(LeakNotOpen):
        dismiss_leak(leak, reason="study", by=clinic.manager)


def test_leaks_stay_in_their_administration(clinic, lab):
    other = make_clinic("Elsewhere")
    refresh(clinic)
    assert refresh(other) == LeaksOfDay()
    assert find(Scope(other.administration, clinic.yesterday, clinic.today)) == []
    among = {"order": [lab.pk], "visit": [lab.visit_id]}
    assert find(Scope(other.administration, clinic.yesterday, clinic.today, among)) == []


def test_a_refresh_asks_no_more_of_the_database_when_there_is_more(clinic):
    def asked():
        with CaptureQueriesContext(connection) as queries:
            refresh(clinic)
        return len(queries)

    def more(rows):
        for _n in range(rows):
            given(visit_of(clinic), clinic.service("65.00"))
            billed(clinic, visit_of(clinic), line(clinic.service("65.00"), "60.00"))
            given(visit_of(clinic, clinic.yesterday), clinic.service("65.00"))
        refresh(clinic, clinic.yesterday)

    more(1)
    refresh(clinic)
    few = asked()
    more(5)
    refresh(clinic)
    assert Leak.objects.filter(state="OPEN").count() == 6 * 4
    assert asked() == few


# Each order line counts once -----------------------------------------------------------------------------------------

PRICE = Decimal("10.00")
quantities = st.integers(1, 4)
# orders: what was given; and how much of it a line names. lines: quantities that name no order.
orders = st.lists(st.tuples(quantities, st.integers(0, 5)), max_size=4)
visits = st.lists(st.tuples(orders, st.lists(quantities, max_size=3)), min_size=1, max_size=3)


def oracle(visits):
    """By hand: per visit, what each order needs beyond its own lines, filled from the rest oldest first."""
    missing = []
    for given_, free in visits:
        pool = sum(free)
        for quantity, named in given_:
            needs = max(quantity - named, 0)
            filled = min(needs, pool)
            pool -= filled
            if needs > filled:
                missing.append(needs - filled)
    return sorted(missing)


@pytest.fixture(scope="module")
def one_clinic(django_db_setup, django_db_blocker):
    from django.db import transaction

    with django_db_blocker.unblock(), transaction.atomic():
        yield make_clinic()
        transaction.set_rollback(True)


@forall(visits)
@settings(max_examples=40, deadline=None)
def test_each_order_line_counts_once(one_clinic, visits):
    from django.db import transaction

    clinic = one_clinic
    with transaction.atomic():
        service = clinic.service(str(PRICE))
        for given_, free in visits:
            visit = visit_of(clinic, status="ACTIVE")
            placed = [(given(visit, service, "PHARMACY", str(quantity)), named) for quantity, named in given_]
            lines = [line(service, str(PRICE), str(named), order=order) for order, named in placed if named]
            lines += [line(service, str(PRICE), str(quantity)) for quantity in free]
            if lines:
                billed(clinic, visit, *lines)
        found = find(Scope(clinic.administration, clinic.today, clinic.today))
        transaction.set_rollback(True)
    assert {one.rule for one in found} <= {"L03"}
    assert sorted(one.amount for one in found) == [PRICE * missing for missing in oracle(visits)]
    assert len({one.entity_id for one in found}) == len(found)


def test_of_one_order_one_leak_is_open_whatever_happens_to_it(clinic):
    """Given as an emergency, billed, voided, cancelled: at each step the order counts once at most."""
    order = given(visit_of(clinic), clinic.service("65.00"), is_emergency=True)
    Order.objects.filter(pk=order.pk).update(is_emergency=False)
    steps = [
        lambda: bill_it(clinic, order),
        lambda: credited(clinic, order.visit.bills.first()),
        lambda: type(order.visit).objects.filter(pk=order.visit_id).update(status="CANCELLED"),
        lambda: Order.objects.filter(pk=order.pk).update(coverage_reason="CAPITATION"),
    ]
    seen = []
    for step in [lambda: None, *steps]:
        step()
        sums = refresh(clinic)
        seen.append((sums.count, sums.amount))
    assert seen == [(1, Decimal("65.00")), (0, ZERO), (1, Decimal("65.00")), (1, Decimal("65.00")), (0, ZERO)]


def test_an_old_leak_waits_for_its_bill_for_as_long_as_it_takes(clinic):
    long_ago = clinic.today - timedelta(days=400)
    given(visit_of(clinic, long_ago), clinic.service("65.00"))
    refresh(clinic, long_ago)
    assert refresh(clinic) == LeaksOfDay(older_count=1, older_amount=Decimal("65.00"))
