"""Money for one taxed service: its VAT is declared when it comes in, and it pays for that service alone."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal as D
from threading import Barrier

import pytest
from django.db import connections, transaction

from apps.billing.errors import (
    AdvanceBeyondLeft,
    AdvanceOfAnother,
    AdvanceReceivedLater,
    AdvanceUntaxed,
    BeyondWallet,
    PaymentBeyondBill,
    PaymentKept,
    RefundBeyondPayment,
    TopUpKept,
    WalletBeyondBalance,
)
from apps.billing.models import Payment, TopUp, Wallet
from apps.billing.services.charging import Charge, credit_bill, issue_bill, register_visit
from apps.billing.services.payments import Tender, owed, refund_payment, take_payment, use_advances
from apps.billing.services.privacy import data_of_patient
from apps.billing.services.wallets import balance_of, free_balance_of, pay_out, top_up
from apps.billing.tests.advancing import billed, left_of, paid_ahead, returned, taxed
from apps.billing.tests.clinic import make_clinic
from apps.core.errors import DomainError, IdempotencyKeyOfAnother
from apps.ledger.models import VatCode
from apps.ledger.tests.laws import law_broken_by, law_broken_by_sql


def test_an_advance_is_a_top_up_that_says_for_what_and_how_much_of_it_is_vat(clinic):
    made = paid_ahead(clinic, "60.50")
    assert (str(made), made.amount, made.net, made.vat) == ("W-000001", D("60.50"), D(50), D("10.50"))
    assert (made.service, made.vat_code.code, made.vat_rate) == (taxed(clinic), "HIGH", D(21))
    assert left_of(made) == (D("60.50"), D("10.50"))
    assert (balance_of(clinic.patient()), free_balance_of(clinic.patient())) == (D("60.50"), D(0))


def test_no_advance_is_taken_for_a_service_without_vat_and_the_way_out_is_said(clinic):
    with pytest.raises(AdvanceUntaxed) as refused:
        top_up(clinic.patient(), method="CARD", amount=D(50), service=clinic.service("50.00"), by=clinic.receptionist)
    assert "Leave the service empty" in refused.value.detail()["hint"]
    assert not TopUp.objects.exists()


def test_its_rate_is_that_of_its_day_whatever_the_code_says_later(clinic):
    made = paid_ahead(clinic, "121.00")
    VatCode.objects.filter(code="HIGH").update(rate=D(25))
    billed(clinic)
    payment = Payment.objects.get()
    assert (made.vat_rate, payment.advance_vat) == (D(21), D(21))


def test_the_next_bill_with_the_service_is_paid_from_it_by_itself(clinic):
    advance = paid_ahead(clinic, "121.00")
    bill = billed(clinic)
    payment = bill.payments.get()
    assert (payment.method, payment.amount, payment.advance, payment.advance_vat) == ("WALLET", D(121), advance, D(21))
    assert (owed(bill), balance_of(clinic.patient()), left_of(advance)) == (D(0), D(0), (D(0), D(0)))


def test_a_part_pays_a_part_and_what_is_left_waits_for_the_next_bill(clinic):
    small, large = paid_ahead(clinic, "50.00"), paid_ahead(clinic, "100.00")
    bill = billed(clinic)
    assert [(one.advance, one.amount) for one in bill.payments.order_by("id")] == [(small, D(50)), (large, D(71))]
    assert left_of(large) == (D(29), D("5.03"))
    second = billed(clinic)
    assert (owed(second), left_of(large)) == (D(92), (D(0), D(0)))
    assert sum(one.advance_vat for one in Payment.objects.all()) == small.vat + large.vat


def test_it_pays_for_its_service_and_for_nothing_else_on_the_bill(clinic):
    paid_ahead(clinic, "200.00")
    other = taxed(clinic, "60.50")
    bill = billed(clinic, other)
    assert (owed(bill), bill.payments.count()) == (D("60.50"), 0)
    both = billed(clinic, taxed(clinic), other)
    assert owed(both) == D("60.50")
    with pytest.raises(WalletBeyondBalance) as refused:
        clinic.pay(both, "60.50", "WALLET")
    assert refused.value.facts["balance"] == 0  # the 79.00 that is left is for the other service


def test_it_pays_nobody_else_s_bill(clinic):
    advance = paid_ahead(clinic, "121.00")
    bill = billed(clinic, patient=clinic.patient("P-2"))
    assert owed(bill) == D(121)
    with pytest.raises(AdvanceOfAnother):
        take_payment(bill, tender=Tender("WALLET", D(121), advance=advance), by=clinic.receptionist)


def test_cover_comes_first_then_the_advance_then_what_is_paid_at_the_desk(clinic):
    advance = paid_ahead(clinic, "15.00")
    visit = register_visit(
        administration=clinic.administration,
        patient=clinic.patient(),
        charges=[Charge(taxed(clinic))],
        tenders=[Tender("CASH", D(6)), Tender("INSURANCE", D(100), clinic.payer())],
        by=clinic.receptionist,
    )
    bill = visit.bills.get()
    taken = [(one.method, one.amount) for one in bill.payments.order_by("id")]
    assert taken == [("INSURANCE", D(100)), ("WALLET", D(15)), ("CASH", D(6))]
    assert (owed(bill), left_of(advance)) == (D(0), (D(0), D(0)))


def test_whoever_takes_the_whole_price_again_is_told_what_is_still_owed(clinic):
    paid_ahead(clinic, "100.00")
    with pytest.raises(PaymentBeyondBill) as refused, transaction.atomic():
        issue_bill(
            patient=clinic.patient(),
            charges=[Charge(taxed(clinic))],
            tenders=[Tender("CASH", D(121))],
            by=clinic.receptionist,
        )
    assert refused.value.facts["open"] == D(21)
    assert not Payment.objects.exists()


def test_a_bill_that_stood_there_before_is_paid_from_it_when_somebody_says_so(clinic):
    bill = billed(clinic)
    advance = paid_ahead(clinic, "121.00")
    assert owed(bill) == D(121)
    (payment,) = use_advances(bill, by=clinic.receptionist)
    assert (payment.advance, owed(bill)) == (advance, D(0))
    assert use_advances(bill, by=clinic.receptionist) == []


def test_nothing_pays_before_it_came_in(clinic):
    advance = paid_ahead(clinic, "121.00")
    bill = billed(clinic, day=clinic.yesterday)
    assert owed(bill) == D(121)
    asked = {"tender": Tender("WALLET", D(121), advance=advance), "by": clinic.receptionist}
    assert use_advances(bill, by=clinic.receptionist, day=clinic.yesterday) == []
    assert law_broken_by(lambda: take_payment(bill, **asked, day=clinic.yesterday)) == "advance_received_before"
    assert DomainError.by_constraint["advance_received_before"] is AdvanceReceivedLater
    assert take_payment(bill, **asked).amount == D(121)


def test_more_than_is_left_is_refused(clinic):
    advance = paid_ahead(clinic, "50.00")
    bill = billed(clinic, patient=clinic.patient())
    second = billed(clinic)
    with pytest.raises(AdvanceBeyondLeft) as refused:
        take_payment(second, tender=Tender("WALLET", D(1), advance=advance), by=clinic.receptionist)
    assert refused.value.facts == {"amount": D(1), "left": D(0), "advance": "W-000001"}
    assert owed(bill) == D(71)


def test_a_refund_of_what_it_paid_puts_it_back_with_its_vat(clinic):
    advance = paid_ahead(clinic, "121.00")
    bill = billed(clinic)
    back = refund_payment(bill.payments.get(), amount=D("60.50"), reason="Half", by=clinic.manager)
    assert (back.advance, back.amount, back.advance_vat) == (advance, D("-60.50"), D("-10.50"))
    assert (owed(bill), left_of(advance)) == (D("60.50"), (D("60.50"), D("10.50")))
    with pytest.raises(RefundBeyondPayment):
        refund_payment(bill.payments.first(), amount=D(61), reason="More", by=clinic.manager)


def test_what_is_given_back_of_it_takes_its_vat_along_to_the_cent(clinic):
    advance = paid_ahead(clinic, "100.00")
    assert advance.vat == D("17.36")
    first, second, third = (returned(clinic, advance, amount) for amount in ("33.33", "33.33", "33.34"))
    assert [one.vat for one in (first, second, third)] == [D("-5.79"), D("-5.78"), D("-5.79")]
    assert {one.advance for one in (first, second, third)} == {advance}
    assert (left_of(advance), balance_of(clinic.patient())) == ((D(0), D(0)), D(0))
    with pytest.raises(AdvanceBeyondLeft):
        returned(clinic, advance, "0.01")


def test_money_for_anything_and_money_for_a_service_are_kept_apart(clinic):
    advance = paid_ahead(clinic, "121.00")
    top_up(clinic.patient(), method="CARD", amount=D(50), by=clinic.receptionist)
    assert (balance_of(clinic.patient()), free_balance_of(clinic.patient())) == (D(171), D(50))
    with pytest.raises(BeyondWallet) as refused:
        pay_out(clinic.patient(), method="CARD", amount=D(51), reason="Moves", by=clinic.manager)
    assert refused.value.facts["balance"] == D(50)
    with pytest.raises(AdvanceOfAnother):
        pay_out(clinic.patient("P-2"), method="CARD", amount=D(1), reason="x", advance=advance, by=clinic.manager)
    clinic.pay(clinic.bill("50.00"), "50.00", "WALLET")
    assert free_balance_of(clinic.patient()) == 0


def test_a_bill_that_is_credited_gives_the_advance_back_when_its_payment_is_refunded(clinic):
    advance = paid_ahead(clinic, "121.00")
    bill = billed(clinic)
    credit_bill(bill, reason="Not given", by=clinic.manager)
    assert owed(bill) == D(-121)
    refund_payment(bill.payments.get(), amount=D(121), reason="Not given", by=clinic.manager)
    assert (owed(bill), left_of(advance)) == (D(0), (D(121), D(21)))


def test_the_same_key_answers_the_advance_that_it_made_and_no_other(clinic):
    first = paid_ahead(clinic, "50.00", idempotency_key="k")
    assert paid_ahead(clinic, "50.00", idempotency_key="k") == first
    with pytest.raises(IdempotencyKeyOfAnother):
        paid_ahead(clinic, "50.00", service=None, idempotency_key="k")
    with pytest.raises(IdempotencyKeyOfAnother):
        paid_ahead(clinic, "50.00", price="60.50", idempotency_key="k")


def test_a_patient_is_told_what_they_paid_in_advance_for(clinic):
    paid_ahead(clinic, "121.00")
    (wallet,) = (held for held in data_of_patient(clinic.patient()).held if str(held.title) == "Wallet")
    assert (wallet.rows[0]["service"], wallet.rows[0]["vat"]) == ("Service of 121.00", "21.00")


def test_of_many_bills_at_once_an_advance_pays_one(committed):
    clinic = make_clinic()
    advance = paid_ahead(clinic, "121.00")
    bills = [billed(clinic, day=clinic.yesterday) for _ in range(4)]
    start = Barrier(8)

    def spend(number):
        try:
            start.wait()
            if number < 4:
                use_advances(bills[number], by=clinic.receptionist)
            else:
                returned(clinic, advance, "121.00")
        except AdvanceBeyondLeft:
            return
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(spend, range(8)))
    assert left_of(advance) == (D(0), D(0))
    assert (Wallet.objects.get().balance, Payment.objects.count() + TopUp.objects.filter(amount__lt=0).count()) == (
        0,
        1,
    )


# Laws ----------------------------------------------------------------------------------------------------------------

TOP_UP = """
    INSERT INTO billing_topup (id, administration_id, clinic_day_id, patient_id, method, amount, reference, reason,
        idempotency_key, source, taken_at, service_id, vat_code_id, vat_rate, net, vat, advance_id)
    SELECT gen_random_uuid(), administration_id, clinic_day_id, {patient}, 'CARD', {amount}, '', '', '', '', now(),
           {service}, {vat_code}, {vat_rate}, {net}, {vat}, {advance}
    FROM billing_topup WHERE id = %(advance)s
"""
WHOLE = {
    "patient": "patient_id", "amount": "121", "service": "service_id", "vat_code": "vat_code_id", "vat_rate": "21",
    "net": "100", "vat": "21", "advance": "NULL",
}  # fmt: skip
BACK = {"amount": "-121", "net": "-100", "vat": "-21", "advance": "id"}


@pytest.mark.parametrize(
    "wrong",
    [
        *({name: "NULL"} for name in ("service", "vat_code", "vat_rate", "net", "vat")),
        {"net": "99"},
        {"vat": "-21", "net": "142"},
        {"vat_rate": "0"},
        {"advance": "id"},
        BACK | {"advance": "NULL"},
        BACK | {"vat": "21", "net": "-142"},
        *(BACK | {name: "NULL"} for name in ("service", "vat_code", "vat_rate", "net", "vat")),
    ],
)
def test_the_database_takes_all_of_an_advance_or_nothing(clinic, wrong):
    advance = paid_ahead(clinic, "242.00")
    assert law_broken_by_sql(TOP_UP.format(**WHOLE), {"advance": advance.pk}) is None
    law = law_broken_by_sql(TOP_UP.format(**WHOLE | wrong), {"advance": advance.pk})
    assert law in ("advance_whole", "advance_given_back_as_paid", "advance_within_left")
    assert DomainError.by_constraint["advance_whole"] is TopUpKept


@pytest.mark.parametrize(
    ("wrong", "law"),
    [
        ({"amount": "-242.01", "net": "-200.01", "vat": "-42"}, "advance_within_left"),
        ({"amount": "-242", "net": "-201", "vat": "-41"}, "advance_within_left"),  # its last cent takes its last VAT
        ({"amount": "-100", "net": "-57", "vat": "-43"}, "advance_within_left"),
        ({"vat_rate": "9"}, "advance_given_back_as_paid"),
        ({"patient": "(SELECT id FROM billing_patient WHERE code = 'P-2')"}, "advance_given_back_as_paid"),
    ],
)
def test_the_database_gives_back_what_was_paid_to_who_paid_it(clinic, wrong, law):
    advance = paid_ahead(clinic, "242.00")
    clinic.patient("P-2")
    assert law_broken_by_sql(TOP_UP.format(**WHOLE | BACK), {"advance": advance.pk}) is None
    assert law_broken_by_sql(TOP_UP.format(**WHOLE | BACK | wrong), {"advance": advance.pk}) == law


PAYMENT = """
    INSERT INTO billing_payment (id, administration_id, clinic_day_id, bill_id, kind, method, amount, reference, reason,
        repeats_reference, idempotency_key, source, taken_at, advance_id, advance_vat)
    SELECT gen_random_uuid(), administration_id, clinic_day_id, id, 'PAYMENT', {method}, {amount}, '', '', false, '',
           '', now(), {advance}, {vat}
    FROM billing_bill WHERE id = %(bill)s
"""
DRAWN = {"method": "'WALLET'", "amount": "60.5", "advance": "%(advance)s", "vat": "10.5"}


@pytest.mark.parametrize(
    ("wrong", "law"),
    [
        ({"method": "'CARD'"}, "advance_drawn_by_wallet"),
        ({"vat": "NULL"}, "advance_drawn_by_wallet"),
        ({"advance": "NULL"}, "advance_drawn_by_wallet"),
        ({"vat": "-11"}, "advance_within_left"),
        ({"vat": "10.51"}, "advance_within_left"),
        ({"amount": "60.51"}, "advance_pays_its_service"),
        ({"vat": "10"}, "advance_within_left"),  # its last cent takes its last VAT
    ],
)
def test_the_database_lets_an_advance_pay_its_service_and_no_more(clinic, wrong, law):
    bill = billed(clinic)
    advance = paid_ahead(clinic, "121.00")
    facts = {"bill": bill.pk, "advance": advance.pk}
    assert law_broken_by_sql(PAYMENT.format(**DRAWN), facts) is None
    assert law_broken_by_sql(PAYMENT.format(**DRAWN | wrong), facts) == law


def test_the_database_lets_no_other_bill_be_paid_by_it_and_no_plain_top_up_pay_as_one(clinic):
    advance = paid_ahead(clinic, "121.00")
    plain = top_up(clinic.patient(), method="CARD", amount=D(121), by=clinic.receptionist)
    bills = [clinic.bill("121.00"), billed(clinic, patient=clinic.patient("P-2")), billed(clinic, day=clinic.yesterday)]
    tries = [(bills[0], advance), (bills[1], advance), (bills[2], plain)]
    for bill, of in tries:
        facts = {"bill": bill.pk, "advance": of.pk}
        assert law_broken_by_sql(PAYMENT.format(**DRAWN), facts) == "advance_pays_its_service"
    assert DomainError.by_constraint["advance_pays_its_service"] is AdvanceOfAnother
    assert DomainError.by_constraint["advance_within_left"] is AdvanceBeyondLeft
    assert DomainError.by_constraint["advance_drawn_by_wallet"] is PaymentKept


def test_the_database_lets_a_refund_go_back_to_the_advance_that_paid(clinic):
    paid_ahead(clinic, "121.00")
    payment = billed(clinic).payments.get()
    sql = """
        INSERT INTO billing_payment (id, administration_id, clinic_day_id, bill_id, kind, method, amount, refunds_id,
            reference, reason, repeats_reference, idempotency_key, source, taken_at)
        SELECT gen_random_uuid(), administration_id, clinic_day_id, bill_id, 'REFUND', method, -amount, id, '', '',
               false, '', '', now()
        FROM billing_payment WHERE id = %(payment)s
    """
    assert law_broken_by_sql(sql, {"payment": payment.pk}) == "refund_within_payment"


def test_an_advance_of_other_books_pays_nothing_here(clinic):
    other = make_clinic("Elsewhere")
    advance = paid_ahead(other, "121.00")
    bill = billed(clinic)
    facts = {"bill": bill.pk, "advance": advance.pk}
    assert law_broken_by_sql(PAYMENT.format(**DRAWN), facts) == "advance_pays_its_service"


@pytest.mark.parametrize("days", [0, 1])
def test_what_was_taken_back_of_an_advance_counts_on_its_own_day(clinic, days):
    day = clinic.today - timedelta(days=days)
    advance = paid_ahead(clinic, "121.00", day=clinic.yesterday)
    assert returned(clinic, advance, "21.00", day=day).clinic_day.date == day
