"""Discounts: up to the clinic's limit given at the desk, above it approved by a second person."""

from decimal import Decimal as D

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from apps.billing.errors import DiscountKept, DiscountNeedsAnother
from apps.billing.models import ClinicSettings, Discount
from apps.billing.services.charging import Charge, credit_bill, issue_bill
from apps.billing.services.discounts import approve_discount
from apps.core.errors import NotAllowed
from apps.core.models import Event


def discounted(clinic, price="100.00", off="20.00", by=None, reason="Student"):
    charge = Charge(clinic.service(price), discount=D(off), discount_reason=reason)
    bill = issue_bill(patient=clinic.patient(), charges=[charge], by=by or clinic.receptionist)
    return Discount.objects.get(line__bill=bill)


def test_a_discount_says_what_part_of_the_price_it_is_who_gave_it_and_why(clinic):
    discount = discounted(clinic, "80.00", "6.00", reason=" Student ")
    assert (discount.amount, discount.percentage, discount.reason) == (D(6), D("7.5"), "Student")
    assert (discount.given_by, discount.line.gross) == (clinic.receptionist, D(74))
    event = Event.objects.get(name="billing.discount_given")
    assert event.facts == {"amount": "6.00", "percentage": "7.5000"}


def test_up_to_the_limit_it_counts_at_once_approved_by_nobody(clinic):
    within, above = discounted(clinic, off="10.00"), discounted(clinic, off="10.01")
    assert within.approved_at is not None
    assert above.approved_at is None
    assert within.approved_by is above.approved_by is None


def test_a_hair_above_the_limit_is_above_it(clinic):
    """The percentage is rounded up, never down to the limit."""
    above = discounted(clinic, price="99999.99", off="10000.00")  # 10.000001 %
    assert (above.percentage, above.approved_at) == (D("10.0001"), None)


def test_the_limit_is_the_clinics_own(clinic):
    ClinicSettings.objects.create(administration=clinic.administration, discount_limit=D(25))
    assert discounted(clinic, off="25.00").approved_at is not None
    ClinicSettings.objects.update(discount_limit=D(0))
    assert discounted(clinic, off="0.01").approved_at is None


def test_somebody_else_approves_it_once(clinic):
    approved = approve_discount(discounted(clinic), by=clinic.manager)
    assert (approved.approved_by, approved.approved_at is not None) == (clinic.manager, True)
    event = Event.objects.get(name="billing.discount_approved")
    assert (event.by, event.facts["single_sign_off"]) == (clinic.manager, False)
    with pytest.raises(DiscountKept):
        approve_discount(approved, by=clinic.owner)


def test_what_needed_no_approval_takes_none(clinic):
    with pytest.raises(DiscountKept):
        approve_discount(discounted(clinic, off="5.00"), by=clinic.manager)


def test_nobody_approves_their_own_unless_one_person_may_sign_alone(clinic):
    own = discounted(clinic, by=clinic.manager)
    with pytest.raises(DiscountNeedsAnother):
        approve_discount(own, by=clinic.manager)
    clinic.administration.single_sign_off = True
    clinic.administration.save()
    assert approve_discount(own, by=clinic.manager).approved_by == clinic.manager
    assert Event.objects.get(name="billing.discount_approved").facts["single_sign_off"] is True


@pytest.mark.parametrize("role", ["receptionist", "cashier", "accountant", "admin"])
def test_who_may_not_approve_approves_none(clinic, role):
    with pytest.raises(NotAllowed):
        approve_discount(discounted(clinic), by=clinic.people[role])


def test_a_line_without_discount_has_none_and_a_credit_note_gives_none(clinic):
    clinic.bill("65.00")
    discount = discounted(clinic)
    credit_bill(discount.line.bill, reason="Wrong", by=clinic.manager)
    assert list(Discount.objects.all()) == [discount]


@given(cents=st.integers(2, 9_999_999), part=st.integers(1, 99_999), limit=st.integers(0, 1_000_000))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
def test_whatever_price_and_limit_exactly_what_is_above_it_waits(clinic, cents, part, limit):
    """The limit has four digits as the percentage has: held against the fraction itself, not a rounded one."""
    with transaction.atomic():
        off = max(1, cents * part // 100_000)
        most = D(limit) / 10_000
        ClinicSettings.objects.create(administration=clinic.administration, discount_limit=most)
        discount = discounted(clinic, str(D(cents) / 100), str(D(off) / 100))
        above = off * 1_000_000 > limit * cents
        assert (discount.approved_at is None) is above
        assert (discount.percentage > most) is above
        transaction.set_rollback(True)
