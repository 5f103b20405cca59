"""Debt that is given up: proposed by one, approved by another, posted on the day of the approval."""

from decimal import Decimal as D

import pytest

from apps.billing.errors import (
    ClaimNeedsReason,
    ClaimNotSubmitted,
    ClaimOfAnotherBill,
    PaymentNotPositive,
    WriteOffBeyondOpen,
    WriteOffKept,
    WriteOffNeedsAnother,
)
from apps.billing.models import ClaimSettlement, WriteOff
from apps.billing.reports.claims import claim_of
from apps.billing.services.payments import owed
from apps.billing.services.writing_off import approve, propose, reject
from apps.billing.tests.clinic import make_clinic
from apps.billing.tests.covered import balance, claimed, items, lines
from apps.billing.tests.test_concurrency import at_once
from apps.billing.tests.test_laws import law_broken_by, sql
from apps.core.errors import DomainError, NotAllowed
from apps.ledger.models import JournalEntry


def proposed(clinic, bill, amount, **more):
    return propose(bill, amount=D(amount), reason="moved away", by=more.pop("by", clinic.accountant), **more)


def test_a_patients_debt_is_given_up_by_two_people(clinic):
    bill = clinic.bill("65.00", day=clinic.yesterday)
    clinic.finalized(clinic.yesterday)
    write_off = proposed(clinic, bill, "40.00")
    assert owed(bill) == D(65)  # nothing moves before it is approved
    approved = approve(write_off, by=clinic.manager)
    assert (approved.clinic_day.date, approved.entry.date) == (clinic.today, clinic.today)
    assert lines(approved.entry) == {"bad_debt": D(40), "patient_receivable": D(-40)}
    assert owed(bill) == D(25)
    assert items(clinic, "patient_receivable") == {("bill", bill.pk): D(25)}
    assert items(clinic, "patient_receivable", clinic.yesterday) == {("bill", bill.pk): D(65)}


def test_a_payers_debt_is_given_up_and_settles_its_claim(clinic):
    claim = claimed(clinic, "80.00", day=clinic.yesterday)
    write_off = proposed(clinic, claim.bill, "80.00", claim=claim, by=clinic.manager)
    approve(write_off, by=clinic.owner)
    clinic.finalized(clinic.yesterday)  # its day is posted afterwards
    settlement = ClaimSettlement.objects.get()
    assert (settlement.kind, settlement.by, settlement.approved_by) == ("WRITE_OFF", clinic.manager, clinic.owner)
    claim.refresh_from_db()
    assert (claim.status, claim_of(claim).open) == ("PAID", D(0))
    assert items(clinic, "payer_receivable") == {}
    assert balance(clinic, "bad_debt") == D(80)


def test_who_proposes_does_not_approve(clinic):
    write_off = proposed(clinic, clinic.bill("65.00"), "65.00", by=clinic.manager)
    with pytest.raises(WriteOffNeedsAnother):
        approve(write_off, by=clinic.manager)
    for person in (clinic.receptionist, clinic.accountant):
        with pytest.raises(NotAllowed):
            approve(write_off, by=person)
    assert not JournalEntry.objects.exists()


def test_where_one_person_may_sign_alone_they_may(db):
    clinic = make_clinic(single_sign_off=True)
    write_off = proposed(clinic, clinic.bill("65.00"), "65.00", by=clinic.owner)
    assert approve(write_off, by=clinic.owner).approved_by == clinic.owner


def test_a_write_off_is_decided_once(clinic):
    approved, rejected = (proposed(clinic, clinic.bill("10.00"), "10.00") for _ in range(2))
    approve(approved, by=clinic.manager)
    reject(rejected, by=clinic.manager)
    for write_off in (approved, rejected):
        for decide in (approve, reject):
            with pytest.raises(WriteOffKept):
                decide(write_off, by=clinic.manager)


def test_who_proposed_may_take_it_back_and_others_need_to_be_approvers(clinic):
    write_off = proposed(clinic, clinic.bill("10.00"), "10.00")
    with pytest.raises(NotAllowed):
        reject(write_off, by=clinic.receptionist)
    assert reject(write_off, by=clinic.accountant).rejected_by == clinic.accountant


def test_nothing_beyond_what_is_open_is_given_up(clinic):
    bill, claim, draft = clinic.bill("10.00"), claimed(clinic, "20.00"), claimed(clinic, "30.00", submitted=False)
    for refusal, target, amount, more in (
        (WriteOffBeyondOpen, bill, "10.01", {}),
        (WriteOffBeyondOpen, claim.bill, "20.01", {"claim": claim}),
        (WriteOffBeyondOpen, claim.bill, "1.00", {}),  # the patient owes nothing of it
        (PaymentNotPositive, bill, "0.00", {}),
        (ClaimOfAnotherBill, bill, "1.00", {"claim": claim}),
        (ClaimNotSubmitted, draft.bill, "1.00", {"claim": draft}),
        (NotAllowed, bill, "1.00", {"by": clinic.cashier}),
    ):
        with pytest.raises(refusal):
            proposed(clinic, target, amount, **more)
    with pytest.raises(ClaimNeedsReason):
        propose(bill, amount=D("1.00"), reason="  ", by=clinic.accountant)
    late = proposed(clinic, bill, "10.00")
    clinic.pay(bill, "3.00")
    with pytest.raises(WriteOffBeyondOpen):
        approve(late, by=clinic.manager)


def test_two_approvals_of_one_debt_give_it_up_once(committed):
    clinic = make_clinic()
    bill = clinic.bill("65.00")
    proposals = [proposed(clinic, bill, "65.00") for _ in range(4)]

    def decide(turn):
        try:
            return approve(proposals[turn], by=clinic.manager)
        except DomainError as refusal:
            return refusal.code

    assert at_once(decide, 4).count("WRITE_OFF_BEYOND_OPEN") == 3
    assert balance(clinic, "bad_debt") == D(65)


def test_raw_sql_gives_nothing_up_alone_or_twice(clinic):
    write_off = proposed(clinic, clinic.bill("65.00"), "65.00", by=clinic.manager)
    day = "(SELECT id FROM billing_clinicday LIMIT 1)"
    alone = f"UPDATE billing_writeoff SET approved_by_id = proposed_by_id, approved_at = now(), clinic_day_id = {day}"
    assert law_broken_by(lambda: sql(alone)) == "write_off_second_person"
    assert law_broken_by(lambda: sql("UPDATE billing_writeoff SET amount = 1")) == "write_off_kept"
    approve(write_off, by=clinic.owner)
    assert law_broken_by(lambda: sql("UPDATE billing_writeoff SET approved_at = now()")) == "write_off_kept"
    assert law_broken_by(lambda: sql("DELETE FROM billing_writeoff")) == "write_off_kept"
    assert WriteOff.objects.get().amount == D(65)
