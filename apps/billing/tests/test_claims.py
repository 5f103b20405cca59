"""Claims: what may happen to one, what is written down of it, what it comes to and how old it is."""

from datetime import date, timedelta
from decimal import Decimal as D

import pytest

from apps.billing.errors import (
    ClaimNeedsReason,
    ClaimNotSendable,
    ClaimNotSubmitted,
    ClaimsRequired,
    CoverDaysReversed,
    CoverOverlaps,
    DayInFuture,
    NothingToClaim,
    TariffInvalid,
)
from apps.billing.models import Claim, ClaimStep, Tariff
from apps.billing.reports.claims import ageing, claim_of
from apps.billing.services.catalogue import register_payer
from apps.billing.services.claims import claim_for, reject_claim, resubmit_claim, submit_claim, submit_claims
from apps.billing.services.covers import end_cover, enrol_patient
from apps.billing.services.payments import Tender, refund_payment, take_payment
from apps.billing.services.tariffs import end_tariff, set_tariff
from apps.billing.tests.covered import claimed, remit
from apps.core.errors import NotAllowed

MARCH = date(2026, 3, 1)


def steps(claim):
    return list(ClaimStep.objects.filter(claim=claim).values_list("status", "reason"))


def test_accepted_cover_is_a_draft_with_a_number(clinic):
    claim = claimed(clinic, "65.00", submitted=False)
    assert (str(claim), claim.status) == ("C-000001", "DRAFT")
    assert steps(claim) == [("DRAFT", "")]
    assert claim_for(claim.bill, claim.payer) == claim


def test_a_claim_is_sent_rejected_and_sent_again_and_each_step_is_kept(clinic):
    claim = claimed(clinic, "65.00", submitted=False)
    submit_claim(claim, by=clinic.accountant, on=clinic.yesterday)
    reject_claim(claim, reason="wrong code", by=clinic.manager)
    claim.refresh_from_db()
    assert (claim.status, claim.reason, claim.submitted_on) == ("REJECTED", "wrong code", clinic.yesterday)
    sent = resubmit_claim(claim, authorisation="AUTH-2", by=clinic.manager)
    assert (sent.status, sent.authorisation, sent.submissions, sent.reason) == ("SUBMITTED", "AUTH-2", 2, "")
    assert (sent.submitted_on, sent.answered_on) == (clinic.today, None)
    assert steps(claim) == [("DRAFT", ""), ("SUBMITTED", ""), ("REJECTED", "wrong code"), ("SUBMITTED", "")]


def test_many_are_sent_together_or_none(clinic):
    drafts = [claimed(clinic, "10.00", submitted=False) for _ in range(3)]
    submit_claim(drafts[2], by=clinic.manager)
    with pytest.raises(ClaimNotSendable) as refused:
        submit_claims(drafts, by=clinic.manager)
    assert refused.value.facts["claim"] == "C-000003"
    assert Claim.objects.filter(status="SUBMITTED").count() == 1
    submit_claims(drafts[:2], by=clinic.manager)
    assert Claim.objects.filter(status="SUBMITTED").count() == 3
    with pytest.raises(ClaimsRequired):
        submit_claims([], by=clinic.manager)


def test_what_is_not_so_is_refused(clinic):
    claim = claimed(clinic, "65.00", submitted=False)
    with pytest.raises(ClaimNotSubmitted):
        reject_claim(claim, reason="no", by=clinic.manager)
    with pytest.raises(ClaimNotSendable):
        resubmit_claim(claim, by=clinic.manager)
    with pytest.raises(DayInFuture):
        submit_claim(claim, by=clinic.manager, on=clinic.today + timedelta(days=1))
    with pytest.raises(NotAllowed):
        submit_claim(claim, by=clinic.receptionist)
    submit_claim(claim, by=clinic.manager)
    with pytest.raises(ClaimNeedsReason):
        reject_claim(claim, reason=" ", by=clinic.manager)


def test_cover_that_was_given_back_is_not_claimed(clinic):
    claim = claimed(clinic, "65.00", submitted=False)
    refund_payment(claim.bill.payments.get(), amount=D("65.00"), reason="not covered", by=clinic.manager)
    with pytest.raises(NothingToClaim):
        submit_claim(claim, by=clinic.manager)


def test_a_claim_is_settled_by_itself_once_nothing_is_open(clinic):
    claim = claimed(clinic, "100.00", cover="80.00")
    remit(clinic, "50.00", (claim, "PAID", "50.00"))
    claim.refresh_from_db()
    assert claim.status == "SUBMITTED"
    remit(clinic, "20.00", (claim, "PAID", "20.00"), (claim, "ADJUSTMENT", "4.00"), (claim, "WITHHOLDING", "6.00"))
    claim.refresh_from_db()
    assert (claim.status, claim.answered_on) == ("PAID", clinic.today)
    figures = claim_of(claim)
    assert (figures.accepted, figures.open) == (D("80.00"), D("0.00"))
    assert {kind: amount for kind, amount in figures.settled.items() if amount} == {
        "PAID": D("70.00"), "ADJUSTMENT": D("4.00"), "WITHHOLDING": D("6.00"),
    }  # fmt: skip


def test_a_claim_is_settled_when_the_rest_of_its_cover_is_given_back(clinic):
    claim = claimed(clinic, "100.00")
    remit(clinic, "70.00", (claim, "PAID", "70.00"))
    refund_payment(claim.bill.payments.get(), amount=D("30.00"), reason="not covered", by=clinic.manager)
    claim.refresh_from_db()
    assert (claim.status, claim_of(claim).open) == ("PAID", D(0))


def test_a_settled_claim_of_which_more_is_covered_is_a_draft_again(clinic):
    claim = claimed(clinic, "100.00", cover="60.00")
    remit(clinic, "60.00", (claim, "PAID", "60.00"))
    take_payment(claim.bill, tender=Tender("INSURANCE", D("10.00"), claim.payer), by=clinic.receptionist)
    again = claim_for(claim.bill, claim.payer)
    assert (again.status, claim_of(again).open) == ("DRAFT", D("10.00"))


def test_what_a_payer_owes_is_aged_from_the_day_it_was_sent_or_billed(clinic):
    today = clinic.today
    for days, price in ((0, "1.00"), (30, "2.00"), (31, "4.00"), (60, "8.00"), (61, "16.00"), (90, "32.00")):
        claimed(clinic, price, submitted=today - timedelta(days=days))
    claimed(clinic, "64.00", submitted=today - timedelta(days=91))
    claimed(clinic, "128.00", day=today - timedelta(days=200), submitted=False)
    paid = claimed(clinic, "256.00")
    remit(clinic, "300.00", (paid, "PAID", "256.00"))
    (row,) = ageing(clinic.administration, today)
    assert row.buckets == (D("3.00"), D("12.00"), D("48.00"), D("192.00"))
    assert (row.total, row.claims, row.unassigned) == (D("255.00"), 8, D("44.00"))


def test_the_ageing_of_an_earlier_date_knows_nothing_of_later(clinic):
    claim = claimed(clinic, "65.00", day=clinic.yesterday)
    remit(clinic, "65.00", (claim, "PAID", "65.00"))
    assert ageing(clinic.administration, clinic.today) == []
    (row,) = ageing(clinic.administration, clinic.yesterday)
    assert row.buckets == (D("65.00"), D(0), D(0), D(0))


def test_the_ageing_asks_the_same_questions_for_one_claim_and_for_many(clinic, django_assert_num_queries):
    claimed(clinic, "1.00")
    with django_assert_num_queries(3):
        ageing(clinic.administration, clinic.today)
    other = register_payer(clinic.administration, code="HM", name="Hygeia", by=clinic.manager)
    for payer in (other, clinic.payer(), other):
        claimed(clinic, "2.00", payer=payer)
    with django_assert_num_queries(3):
        assert len(ageing(clinic.administration, clinic.today)) == 2


# Tariffs and covers --------------------------------------------------------------------------------------------------


def set_(clinic, price, day, **more):
    return set_tariff(
        payer=clinic.payer(), service=clinic.service("65.00"), price=D(price), valid_from=day, by=clinic.manager, **more
    )


def days(clinic):
    return list(Tariff.objects.order_by("valid_from").values_list("price", "valid_from", "valid_until"))


def test_a_new_tariff_ends_the_one_before_it(clinic):
    set_(clinic, "50.00", MARCH)
    set_(clinic, "55.00", date(2026, 6, 1), co_pay=D("5.00"))
    assert days(clinic) == [(50, MARCH, date(2026, 5, 31)), (55, date(2026, 6, 1), None)]


def test_a_tariff_in_between_ends_before_the_later_one(clinic):
    set_(clinic, "50.00", MARCH)
    set_(clinic, "60.00", date(2026, 9, 1))
    set_(clinic, "55.00", date(2026, 6, 1))
    assert days(clinic) == [
        (50, MARCH, date(2026, 5, 31)), (55, date(2026, 6, 1), date(2026, 8, 31)), (60, date(2026, 9, 1), None),
    ]  # fmt: skip


def test_a_tariff_of_the_same_day_is_mended(clinic):
    set_(clinic, "50.00", MARCH)
    set_(clinic, "51.00", MARCH)
    assert days(clinic) == [(51, MARCH, None)]


def test_a_tariff_ends_and_is_never_less_than_the_patients_part(clinic):
    tariff = end_tariff(set_(clinic, "50.00", MARCH), last_day=date(2026, 3, 31), by=clinic.manager)
    assert tariff.valid_until == date(2026, 3, 31)
    with pytest.raises(TariffInvalid):
        end_tariff(tariff, last_day=date(2026, 2, 28), by=clinic.manager)
    with pytest.raises(TariffInvalid):
        set_(clinic, "50.00", date(2026, 5, 1), co_pay=D("50.01"))
    with pytest.raises(NotAllowed):
        end_tariff(tariff, last_day=MARCH, by=clinic.receptionist)


def test_a_patient_is_covered_once_by_a_payer_at_a_time(clinic):
    cover = enrol_patient(
        clinic.patient(), payer=clinic.payer(), member_number="M-1", valid_from=MARCH, by=clinic.receptionist
    )
    with pytest.raises(CoverOverlaps):
        enrol_patient(clinic.patient(), payer=clinic.payer(), valid_from=date(2026, 5, 1), by=clinic.receptionist)
    end_cover(cover, last_day=date(2026, 4, 30), by=clinic.receptionist)
    enrol_patient(clinic.patient(), payer=clinic.payer(), valid_from=date(2026, 5, 1), by=clinic.receptionist)
    with pytest.raises(CoverDaysReversed):
        end_cover(cover, last_day=date(2026, 2, 1), by=clinic.receptionist)
