"""Remittances: what the payer sent and says, in the books and in what is open; two at once; the laws."""

from datetime import timedelta
from decimal import Decimal as D
from importlib import import_module

import pytest

from apps.billing.errors import (
    ClaimNeedsReason,
    ClaimNotSubmitted,
    ClaimOfAnotherPayer,
    DayInFuture,
    PaidBeyondRemittance,
    PaymentNotPositive,
    RemittanceEmpty,
    SettlementBeyondClaim,
    TakenBackBeyondSettled,
    WriteOffNotApproved,
)
from apps.billing.models import Claim, ClaimSettlement, Outstanding, PaystackSettlement, Remittance
from apps.billing.reports.claims import claim_of
from apps.billing.services.catalogue import register_payer
from apps.billing.services.payments import owed
from apps.billing.services.remitting import (
    Settlement,
    assign_remittance,
    record_remittance,
    take_back,
    unassigned,
)
from apps.billing.services.writing_off import approve, propose
from apps.billing.tests.clinic import make_clinic
from apps.billing.tests.covered import balance, claimed, items, lines, remit
from apps.billing.tests.test_concurrency import at_once
from apps.billing.tests.test_laws import law_broken_by, sql
from apps.core.errors import AmountHasTooManyDigits, DomainError, IdempotencyKeyOfAnother, NotAllowed
from apps.ledger.models import JournalEntry


def payer_owes(claim):
    rows = Outstanding.objects.now().filter(bill=claim.bill_id, debtor="PAYER")
    return sum((row.amount for row in rows), D(0))


def test_a_remittance_is_one_entry_of_money_shortfalls_and_the_patients_part(clinic):
    first, second = claimed(clinic, "100.00"), claimed(clinic, "60.00")
    remittance = remit(
        clinic, "115.00",
        (first, "PAID", "80.00"), (first, "ADJUSTMENT", "12.00"), (first, "WITHHOLDING", "8.00"),
        (second, "PAID", "35.00"), (second, "PATIENT", "25.00"), on=clinic.yesterday,
    )  # fmt: skip
    assert str(remittance) == "RM-000001"
    assert remittance.entry.date == clinic.yesterday == remittance.clinic_day.date
    assert lines(remittance.entry) == {
        "payer_in_transit": D(115), "contractual_adjustment": D(12), "withholding_receivable": D(8),
        "patient_receivable": D(25), "payer_receivable": D(-160),
    }  # fmt: skip
    assert (remittance.entry.source_type, remittance.entry.source_id) == ("remittance", remittance.pk)
    assert {claim.status for claim in Claim.objects.all()} == {"PAID"}
    assert owed(second.bill) == D(25)


@pytest.mark.parametrize("first", ["remittance", "day"])
def test_payer_and_bill_settle_each_other_whichever_is_posted_first(clinic, first):
    claim = claimed(clinic, "100.00", day=clinic.yesterday)
    if first == "day":
        clinic.finalized(clinic.yesterday)
        assert items(clinic, "payer_receivable") == {("bill", claim.bill_id): D(100)}
    remit(clinic, "70.00", (claim, "PAID", "70.00"), (claim, "PATIENT", "10.00"))
    if first == "remittance":
        clinic.finalized(clinic.yesterday)
    assert items(clinic, "payer_receivable") == {("bill", claim.bill_id): D(20)}
    assert items(clinic, "payer_receivable", clinic.yesterday) == {("bill", claim.bill_id): D(100)}
    assert items(clinic, "patient_receivable") == {("bill", claim.bill_id): D(10)}
    assert payer_owes(claim) == claim_of(claim).open == D(20)


def test_money_without_a_claim_waits_as_a_credit_of_the_payer_until_it_is_assigned(clinic):
    claim = claimed(clinic, "100.00", day=clinic.yesterday)
    clinic.finalized(clinic.yesterday)
    remittance = remit(clinic, "150.00", reference="ADV-7", payer=claim.payer)
    assert items(clinic, "payer_receivable")["remittance", remittance.pk] == D(-150)
    assign_remittance(
        remittance,
        settlements=[Settlement(claim, "PAID", D("90.00")), Settlement(claim, "ADJUSTMENT", D("10.00"))],
        by=clinic.accountant,
    )
    assert unassigned(remittance) == D(60)
    assert items(clinic, "payer_receivable") == {("remittance", remittance.pk): D(-60)}
    claim.refresh_from_db()
    assert claim.status == "PAID"
    more = claimed(clinic, "61.00")
    with pytest.raises(PaidBeyondRemittance):
        assign_remittance(remittance, settlements=[Settlement(more, "PAID", D("60.01"))], by=clinic.accountant)


def test_a_payer_that_pays_nothing_answers_with_a_remittance_of_nothing(clinic):
    claim = claimed(clinic, "40.00")
    remittance = remit(clinic, "0.00", (claim, "PATIENT", "40.00"))
    assert lines(remittance.entry) == {"patient_receivable": D(40), "payer_receivable": D(-40)}


def test_a_remittance_for_a_finalized_day_is_late_in_the_next(clinic):
    claim = claimed(clinic, "40.00", day=clinic.yesterday)
    clinic.finalized(clinic.yesterday)
    remittance = remit(clinic, "40.00", (claim, "PAID", "40.00"), on=clinic.yesterday)
    assert (remittance.clinic_day.date, remittance.late_for.date) == (clinic.today, clinic.yesterday)
    assert remittance.entry.date == clinic.today


@pytest.mark.parametrize(
    ("kind", "against"),
    [
        ("PAID", {"payer_receivable": D(0)}),  # the money is the payer's again: a credit beside the debt
        ("PATIENT", {"payer_receivable": D(30), "patient_receivable": D(-30)}),
        ("ADJUSTMENT", {"payer_receivable": D(30), "contractual_adjustment": D(-30)}),
        ("WITHHOLDING", {"payer_receivable": D(30), "withholding_receivable": D(-30)}),
    ],
)
def test_what_is_taken_back_is_owed_again(clinic, kind, against):
    claim = claimed(clinic, "100.00", day=clinic.yesterday)
    clinic.finalized(clinic.yesterday)
    paid = "100.00" if kind == "PAID" else "40.00"
    parts = [(claim, "PAID", paid)] if kind == "PAID" else [(claim, "PAID", paid), (claim, kind, "60.00")]
    remittance = remit(clinic, paid, *parts)
    row = take_back(
        ClaimSettlement.objects.get(kind=kind), amount=D("30.00"), reason="entered twice", by=clinic.accountant
    )
    assert (row.amount, row.kind, row.remittance) == (D(-30), kind, remittance)
    assert lines(row.entry) == against
    claim.refresh_from_db()
    assert (claim.status, claim.answered_on) == ("SUBMITTED", None)
    assert payer_owes(claim) == D(30)
    left = {("bill", claim.bill_id): D(30)}
    if kind == "PAID":
        left["remittance", remittance.pk] = D(-30)
        assert unassigned(remittance) == D(30)
    assert items(clinic, "payer_receivable") == left


def test_a_settlement_is_taken_back_once(clinic):
    claim = claimed(clinic, "100.00")
    remit(clinic, "100.00", (claim, "PAID", "100.00"))
    settlement = ClaimSettlement.objects.get()
    with pytest.raises(ClaimNeedsReason):
        take_back(settlement, reason="", by=clinic.accountant)
    back = take_back(settlement, reason="wrong claim", by=clinic.accountant)
    assert back.amount == D(-100)
    for row in (settlement, back):
        with pytest.raises(TakenBackBeyondSettled):
            take_back(row, reason="again", by=clinic.accountant)


def test_the_same_key_answers_the_same_remittance(clinic):
    claim = claimed(clinic, "100.00")
    first = remit(clinic, "50.00", (claim, "PAID", "50.00"), idempotency_key="advice-1")
    assert remit(clinic, "50.00", (claim, "PAID", "50.00"), idempotency_key="advice-1") == first
    assert Remittance.objects.count() == 1
    with pytest.raises(IdempotencyKeyOfAnother):
        remit(clinic, "51.00", (claim, "PAID", "50.00"), idempotency_key="advice-1")


def test_what_cannot_be_so_is_refused_and_writes_nothing(clinic):
    claim, draft = claimed(clinic, "100.00"), claimed(clinic, "10.00", submitted=False)
    other = register_payer(clinic.administration, code="HM", name="Hygeia", by=clinic.manager)
    for refusal, amount, parts, more in (
        (RemittanceEmpty, "0.00", [], {}),
        (RemittanceEmpty, "-1.00", [], {}),
        (DayInFuture, "1.00", [], {"on": clinic.today + timedelta(days=1)}),
        (AmountHasTooManyDigits, "1.001", [], {}),
        (PaymentNotPositive, "1.00", [(claim, "PAID", "0.00")], {}),
        (PaidBeyondRemittance, "1.00", [(claim, "PAID", "1.01")], {}),
        (SettlementBeyondClaim, "101.00", [(claim, "PAID", "60.00"), (claim, "PATIENT", "40.01")], {}),
        (WriteOffNotApproved, "0.00", [(claim, "WRITE_OFF", "1.00")], {}),
        (ClaimNotSubmitted, "1.00", [(draft, "PAID", "1.00")], {}),
        (ClaimOfAnotherPayer, "1.00", [(claim, "PAID", "1.00")], {"payer": other}),
        (NotAllowed, "1.00", [(claim, "PAID", "1.00")], {"by": clinic.cashier}),
    ):
        with pytest.raises(refusal):
            remit(clinic, amount, *parts, **more)
    assert not Remittance.objects.exists()
    assert not JournalEntry.objects.exists()


def test_a_write_off_is_taken_back_by_who_may_approve(clinic):
    claim = claimed(clinic, "100.00")
    approve(propose(claim.bill, claim=claim, amount=D("100.00"), reason="bankrupt", by=clinic.accountant),
            by=clinic.manager)  # fmt: skip
    settlement = ClaimSettlement.objects.get(kind="WRITE_OFF")
    with pytest.raises(NotAllowed):
        take_back(settlement, reason="they pay after all", by=clinic.accountant)
    take_back(settlement, reason="they pay after all", by=clinic.manager)
    assert balance(clinic, "bad_debt") == 0
    assert payer_owes(claim) == D(100)


# Two at once ---------------------------------------------------------------------------------------------------------


def test_two_remittances_of_one_claim_pay_it_once(committed):
    clinic = make_clinic()
    claims = [claimed(clinic, "100.00"), claimed(clinic, "50.00")]

    def pay(turn):
        parts = claims if turn % 2 else claims[::-1]  # locked in one order, whatever order they are named in
        try:
            return record_remittance(
                payer=clinic.payer(),
                amount=D("150.00"),
                received_on=clinic.today,
                settlements=[Settlement(claim, "PAID", claim_of(claim).accepted) for claim in parts],
                by=clinic.accountant,
            )
        except DomainError as refusal:
            return refusal.code

    answers = at_once(pay, 6)
    assert answers.count("SETTLEMENT_BEYOND_CLAIM") == 5
    assert [claim_of(claim).open for claim in claims] == [D(0), D(0)]
    assert balance(clinic, "payer_in_transit") == D(150)


# Laws ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def answered(clinic):
    claim = claimed(clinic, "100.00")
    return remit(clinic, "60.00", (claim, "PAID", "60.00"))


@pytest.mark.parametrize(
    ("table", "change", "law"),
    [
        ("billing_remittance", "amount = amount + 1", "remittance_append_only"),
        ("billing_claimsettlement", "amount = amount + 1", "claim_settlement_append_only"),
        ("billing_claimstep", "status = 'DRAFT'", "claim_step_append_only"),
        ("billing_claim", "number = 99", "claim_kept"),
    ],
)
def test_raw_sql_changes_nothing_of_what_payers_said(answered, table, change, law):
    assert law_broken_by(lambda: sql(f"UPDATE {table} SET {change}")) == law
    assert law_broken_by(lambda: sql(f"DELETE FROM {table}")) == law


@pytest.mark.parametrize(
    ("kind", "amount", "law"),
    [
        ("PAID", "40.01", "claim_settlement_within_open"),
        ("PATIENT", "40.01", "claim_settlement_within_open"),
        ("PAID", "40.00", "paid_within_remittance"),
        ("PAID", "-60.01", "claim_settlement_within_open"),
        ("ADJUSTMENT", "-0.01", "claim_settlement_within_open"),
    ],
)
def test_raw_sql_settles_nothing_beyond_what_is_open(answered, kind, amount, law):
    statement = """
        INSERT INTO billing_claimsettlement (id, administration_id, clinic_day_id, claim_id, remittance_id, kind,
                                             amount, reason, at, source)
        SELECT gen_random_uuid(), administration_id, clinic_day_id, claim_id, remittance_id, %s, %s, '', now(), ''
        FROM billing_claimsettlement LIMIT 1
    """
    assert law_broken_by(lambda: sql(statement, kind, D(amount))) == law


@pytest.mark.parametrize(
    ("of", "kind", "amount", "law"),
    [
        (None, "PAID", "-1.00", "claim_settlement_takes_back"),
        ("of another kind", "PAID", "-1.00", "claim_settlement_takes_back"),
        ("of another claim", "PAID", "-1.00", "claim_settlement_takes_back"),
        ("itself taken back", "PAID", "-1.00", "claim_settlement_takes_back"),
        ("the first", "PAID", "-20.01", "claim_settlement_takes_back"),  # 60.00, of which 40.00 was taken back
        ("the first", "PAID", "1.00", "claim_settlement_taken_back_is_negative"),
        ("the first", "PAID", "-20.00", None),
    ],
)
def test_raw_sql_takes_back_no_other_settlement_than_it_names_and_no_more_of_it(clinic, of, kind, amount, law):
    claim, other = claimed(clinic, "100.00"), claimed(clinic, "100.00")
    rows = remit(
        clinic, "95.00",
        (claim, "PAID", "60.00"), (claim, "PAID", "20.00"), (claim, "ADJUSTMENT", "10.00"), (other, "PAID", "15.00"),
    ).settlements  # fmt: skip
    first = rows.get(amount=D("60.00"))
    named = {
        "the first": first,
        "of another kind": rows.get(kind="ADJUSTMENT"),
        "of another claim": rows.get(claim=other),
        "itself taken back": take_back(first, amount=D("40.00"), reason="wrong claim", by=clinic.accountant),
    }
    statement = """
        INSERT INTO billing_claimsettlement (id, administration_id, clinic_day_id, claim_id, remittance_id, kind,
                                             amount, takes_back_id, reason, at, source)
        SELECT gen_random_uuid(), administration_id, clinic_day_id, claim_id, remittance_id, %s, %s, %s, '', now(), ''
        FROM billing_claimsettlement WHERE id = %s
    """
    row = named.get(of)
    insert = (statement, kind, D(amount), row and row.pk, first.pk)
    if law:
        assert law_broken_by(lambda: sql(*insert)) == law
    else:
        sql(*insert)


def test_an_upgrade_names_what_was_taken_back_before_and_the_currency_of_payouts(committed, owner_connection):
    clinic = make_clinic()
    (settlement,) = remit(clinic, "60.00", (claimed(clinic, "60.00"), "PAID", "60.00")).settlements.all()
    back = take_back(settlement, amount=D("25.00"), reason="wrong claim", by=clinic.accountant)
    amounts = {"gross": D(5), "fees": D(0), "net": D(5)}
    payout = PaystackSettlement.objects.create(
        administration=clinic.administration, provider_id="1", status="success", currency="", **amounts
    )
    as_before = """
        ALTER TABLE billing_claimsettlement DISABLE TRIGGER USER;
        UPDATE billing_claimsettlement SET takes_back_id = NULL;
        SET CONSTRAINTS ALL IMMEDIATE;
        ALTER TABLE billing_claimsettlement ENABLE TRIGGER USER;
    """
    owner_connection.execute(as_before)
    owner_connection.execute(import_module("apps.billing.migrations.0008_what_was_taken_back").FILL)
    owner_connection.commit()
    back.refresh_from_db()
    payout.refresh_from_db()
    assert (back.takes_back, payout.currency) == (settlement, "EUR")
    assert law_broken_by(lambda: sql("UPDATE billing_claimsettlement SET amount = 1")) == "claim_settlement_append_only"
