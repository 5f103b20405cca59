"""A wallet holds what was put in less what was taken out, and nobody takes more than is in it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.billing.checks import wallets_hold_their_movements
from apps.billing.errors import (
    BeyondWallet,
    DayInFuture,
    PatientErased,
    PaymentNotPositive,
    ReasonRequired,
    TopUpKept,
    TopUpMethodUnknown,
    WalletBeyondBalance,
    WalletKept,
)
from apps.billing.models import Payment, TopUp, Wallet
from apps.billing.reports.wallets import mismatches_of, movements_of
from apps.billing.services.payments import refund_payment
from apps.billing.services.privacy import erase_patient
from apps.billing.services.wallets import balance_of, pay_out, top_up
from apps.billing.tests.clinic import make_clinic
from apps.core.errors import AmountHasTooManyDigits, IdempotencyKeyOfAnother, NotAllowed, refusal_for
from apps.core.models import Event

D = Decimal


def put_in(clinic, amount, patient=None, **more):
    asked = {"method": "CARD", "by": clinic.receptionist, **more}
    return top_up(patient or clinic.patient(), amount=D(amount), **asked)


def take_out(clinic, amount, patient=None, **more):
    asked = {"method": "CARD", "reason": "Moves away", "by": clinic.manager, **more}
    return pay_out(patient or clinic.patient(), amount=D(amount), **asked)


def law_broken_by(sql, values):
    with pytest.raises(IntegrityError) as broken, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)
    return type(refusal_for(broken.value))


def test_a_top_up_is_in_the_wallet_and_on_todays_clinic_day(clinic):
    made = put_in(clinic, "50", reference="slip 7")
    assert str(made) == "W-000001"
    assert (made.clinic_day.date, made.late_for, made.taken_by) == (clinic.today, None, clinic.receptionist)
    assert balance_of(clinic.patient()) == D(50)
    assert Event.objects.filter(name="billing.wallet_topped_up", subject_id=made.pk, by=clinic.receptionist).exists()


def test_a_patient_without_a_wallet_has_nothing_in_it(clinic):
    assert balance_of(clinic.patient()) == 0


def test_what_is_paid_out_is_a_negative_top_up_with_its_reason(clinic):
    put_in(clinic, "50")
    made = take_out(clinic, "20")
    assert (made.amount, made.reason) == (D(-20), "Moves away")
    assert balance_of(clinic.patient()) == D(30)
    assert Event.objects.filter(name="billing.wallet_paid_out", subject_id=made.pk).exists()


def test_nothing_is_paid_out_beyond_the_balance(clinic):
    put_in(clinic, "50")
    with pytest.raises(BeyondWallet) as refused:
        take_out(clinic, "50.01")
    assert refused.value.facts == {"amount": D("50.01"), "balance": D(50), "patient": "P-1"}
    assert balance_of(clinic.patient()) == D(50)


def test_a_receptionist_puts_in_and_does_not_pay_out(clinic):
    put_in(clinic, "50")
    with pytest.raises(NotAllowed):
        take_out(clinic, "5", by=clinic.receptionist)
    with pytest.raises(NotAllowed):
        put_in(clinic, "5", by=clinic.accountant)


@pytest.mark.parametrize(
    ("refusal", "asked"),
    [
        (PaymentNotPositive, {"amount": D(0)}),
        (PaymentNotPositive, {"amount": D(-5)}),
        (AmountHasTooManyDigits, {"amount": D("1.001")}),
        (TopUpMethodUnknown, {"amount": D(5), "method": "WALLET"}),
        (TopUpMethodUnknown, {"amount": D(5), "method": "HMO"}),
    ],
)
def test_what_is_no_amount_or_no_method_is_refused_both_ways(clinic, refusal, asked):
    with pytest.raises(refusal):
        top_up(clinic.patient(), **{"method": "CARD", "by": clinic.receptionist, **asked})
    with pytest.raises(refusal):
        pay_out(clinic.patient(), **{"method": "CARD", "reason": "x", "by": clinic.manager, **asked})
    assert not TopUp.objects.exists()


def test_paying_out_says_why(clinic):
    put_in(clinic, "50")
    with pytest.raises(ReasonRequired):
        take_out(clinic, "5", reason="  ")


def test_the_same_key_answers_the_top_up_that_it_made(clinic):
    first = put_in(clinic, "50", idempotency_key="k")
    assert put_in(clinic, "50", idempotency_key="k") == first
    assert balance_of(clinic.patient()) == D(50)
    with pytest.raises(IdempotencyKeyOfAnother):
        put_in(clinic, "51", idempotency_key="k")
    with pytest.raises(IdempotencyKeyOfAnother):
        take_out(clinic, "50", idempotency_key="k")


def test_an_erased_patient_puts_nothing_in(clinic):
    patient = clinic.patient()
    put_in(clinic, "50")
    take_out(clinic, "50")
    erase_patient(patient, by=clinic.owner, reason="NOT_NEEDED")
    with pytest.raises(PatientErased):
        put_in(clinic, "5")
    assert balance_of(patient) == 0


def test_what_is_put_in_for_a_signed_day_is_born_into_the_next_and_marked_late(clinic):
    clinic.bill("10.00", day=clinic.yesterday)
    clinic.finalized(clinic.yesterday)
    made = put_in(clinic, "5", day=clinic.yesterday)
    assert (made.clinic_day.date, made.late_for.date) == (clinic.today, clinic.yesterday)


def test_nothing_is_put_in_for_a_day_that_has_not_come(clinic):
    with pytest.raises(DayInFuture):
        put_in(clinic, "5", day=date.fromordinal(clinic.today.toordinal() + 1))


def test_movements_run_to_the_balance_newest_first(clinic):
    put_in(clinic, "50")
    bill = clinic.bill("30.00")
    payment = clinic.pay(bill, "30.00", "WALLET")
    refund_payment(payment, amount=D(10), reason="Half", by=clinic.manager)
    take_out(clinic, "5")
    wallet = Wallet.objects.get()
    moved = movements_of(wallet)
    assert [(one.document, one.amount, one.balance) for one in moved] == [
        ("W-000002", D(-5), D(25)),
        ("R-000002", D(10), D(30)),
        ("R-000001", D(-30), D(20)),
        ("W-000001", D(50), D(50)),
    ]
    assert [one.bill_number for one in moved] == [None, bill.number, bill.number, None]
    assert [one.document for one in movements_of(wallet, most=2, before=moved[1].id)] == ["R-000001", "W-000001"]


def day_of(clinic):
    return TopUp.objects.filter(administration=clinic.administration).latest("id").clinic_day


def test_a_wallet_that_holds_its_movements_is_no_mismatch(clinic):
    put_in(clinic, "50")
    clinic.pay(clinic.bill("30.00"), "30.00", "WALLET")
    assert list(mismatches_of(day_of(clinic))) == []


def test_an_overdrawn_wallet_is_a_mismatch_of_the_day_it_moved(clinic):
    put_in(clinic, "5")
    bill = clinic.bill("30.00")
    Payment.objects.create(
        administration=clinic.administration, clinic_day=bill.clinic_day, bill=bill, method="WALLET", amount=D(30)
    )
    [found] = mismatches_of(day_of(clinic))
    assert (found["code"], found["patient"], found["amount"]) == ("WALLET_OVERDRAWN", "P-1", "-25.00")


def test_a_balance_stated_elsewhere_is_held_against_the_movements_of_its_date(clinic):
    put_in(clinic, "50", day=clinic.yesterday)
    put_in(clinic, "7")
    Wallet.objects.update(stated_balance=D(49), stated_on=clinic.yesterday)
    yesterday = TopUp.objects.earliest("id").clinic_day
    [found] = mismatches_of(yesterday)
    assert found["code"] == "WALLET_STATED_DIFFERS"
    assert (found["stated"], found["amount"]) == ("49.00", "50.00")
    assert list(mismatches_of(day_of(clinic))) == []


def test_mismatches_ask_the_same_number_of_questions_of_many_wallets(clinic):
    put_in(clinic, "5")
    with CaptureQueriesContext(connection) as few:
        list(mismatches_of(day_of(clinic)))
    for number in range(2, 9):
        put_in(clinic, "5", patient=clinic.patient(f"P-{number}"))
    with CaptureQueriesContext(connection) as many:
        list(mismatches_of(day_of(clinic)))
    assert len(many) == len(few)


# Laws ----------------------------------------------------------------------------------------------------------------


def test_the_database_refuses_to_change_a_top_up(clinic):
    made = put_in(clinic, "50")
    assert law_broken_by("UPDATE billing_topup SET amount = 500 WHERE id = %s", [made.pk]) is TopUpKept
    assert law_broken_by("DELETE FROM billing_topup WHERE id = %s", [made.pk]) is TopUpKept


def test_the_database_refuses_to_write_a_balance_by_hand(clinic):
    put_in(clinic, "50")
    assert law_broken_by("UPDATE billing_wallet SET balance = 500", []) is WalletKept
    assert law_broken_by("DELETE FROM billing_wallet", []) is WalletKept


def test_a_wallet_made_by_hand_begins_with_nothing(clinic):
    patient = clinic.patient()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO billing_wallet (id, administration_id, patient_id, balance) VALUES (%s, %s, %s, 500)",
            [patient.pk, patient.administration_id, patient.pk],
        )
    assert balance_of(patient) == 0


def test_a_check_finds_a_balance_that_was_written_behind_the_laws(owned):
    clinic = make_clinic()
    put_in(clinic, "50")
    clinic.pay(clinic.bill("30.00"), "30.00", "WALLET")

    def found():
        return [finding.facts for finding in wallets_hold_their_movements(clinic.administration, date.max)]

    assert found() == []
    owned.execute("ALTER TABLE billing_wallet DISABLE TRIGGER USER")
    owned.execute("UPDATE billing_wallet SET balance = 500")
    assert found() == [{"balance": D(500), "found": D(20)}]


# Anything at all -----------------------------------------------------------------------------------------------------

AMOUNTS = st.decimals(min_value="0.01", max_value="99.99", places=2)
STEPS = st.lists(st.tuples(st.sampled_from(["in", "out", "pay", "back"]), AMOUNTS), min_size=1, max_size=12)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_a_balance_is_the_sum_of_what_happened_and_never_below_zero(clinic, steps):
    with transaction.atomic():
        expected, paid = D(0), []
        for what, amount in steps:
            if what == "in":
                put_in(clinic, amount)
                expected += amount
            elif what == "out" and amount > expected:
                with pytest.raises(BeyondWallet):
                    take_out(clinic, amount)
            elif what == "out":
                take_out(clinic, amount)
                expected -= amount
            elif what == "pay" and amount > expected:
                with pytest.raises(WalletBeyondBalance):
                    clinic.pay(clinic.bill("99.99"), str(amount), "WALLET")
            elif what == "pay":
                paid.append(clinic.pay(clinic.bill("99.99"), str(amount), "WALLET"))
                expected -= amount
            elif what == "back" and paid:
                given = paid.pop()
                refund_payment(given, amount=given.amount, reason="Back", by=clinic.manager)
                expected += given.amount
            assert balance_of(clinic.patient()) == expected >= 0
        wallet = Wallet.objects.first()
        moved = movements_of(wallet) if wallet else []
        assert sum(one.amount for one in moved) == expected
        assert not moved or moved[0].balance == expected
        transaction.set_rollback(True)


def test_of_many_who_empty_a_wallet_at_once_one_does(committed):
    clinic = make_clinic()
    put_in(clinic, "50")
    start = Barrier(8)

    def empty(number):
        try:
            start.wait()
            take_out(clinic, "40")
        except BeyondWallet:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(empty, range(8)))
    assert sum(done) == 1
    assert balance_of(clinic.patient()) == D(10)


def test_bills_paid_and_money_paid_out_at_once_never_overdraw(committed):
    clinic = make_clinic()
    put_in(clinic, "50")
    bills = [clinic.bill("30.00") for _ in range(4)]
    start = Barrier(8)

    def spend(number):
        try:
            start.wait()
            if number < 4:
                clinic.pay(bills[number], "30.00", "WALLET")
            else:
                take_out(clinic, "20")
        except (BeyondWallet, WalletBeyondBalance):
            return D(0)
        finally:
            connections.close_all()
        return D(30) if number < 4 else D(20)

    with ThreadPoolExecutor(8) as pool:
        spent = sum(pool.map(spend, range(8)))
    assert balance_of(clinic.patient()) == D(50) - spent >= 0
    assert spent > 0


# Over HTTP -----------------------------------------------------------------------------------------------------------

WALLETS, TOP_UPS = "/api/v1/billing/wallets/", "/api/v1/billing/top-ups/"


def sent(client, address, **body):
    return client.post(address, body, content_type="application/json")


def test_a_top_up_over_http_answers_the_row_and_the_wallet_shows_it(clinic, client):
    client.force_login(clinic.cashier)
    answer = sent(client, TOP_UPS, patient_id=str(clinic.patient().pk), method="CARD", amount="50", reference="s 1")
    assert answer.status_code == 201
    row = answer.json()
    assert (row["number"], row["amount"], row["date"]) == ("W-000001", "50.00", clinic.today.isoformat())
    [wallet] = client.get(WALLETS).json()["results"]
    assert (wallet["patient_code"], wallet["balance"], wallet["stated_balance"]) == ("P-1", "50.00", None)
    [moved] = client.get(f"{WALLETS}{wallet['id']}/movements/").json()
    assert (moved["document"], moved["amount"], moved["balance"]) == ("W-000001", "50.00", "50.00")


def test_paying_out_over_http_is_for_the_manager_and_within_the_balance(clinic, client):
    put_in(clinic, "50")
    body = {"patient_id": str(clinic.patient().pk), "method": "CASH", "amount": "60", "reason": "Moves away"}
    client.force_login(clinic.cashier)
    assert sent(client, f"{TOP_UPS}pay-out/", **body).status_code == 403
    client.force_login(clinic.manager)
    refused = sent(client, f"{TOP_UPS}pay-out/", **body)
    assert (refused.status_code, refused.json()["detail"]["code"]) == (400, "BEYOND_WALLET")
    assert sent(client, f"{TOP_UPS}pay-out/", **{**body, "amount": "50.00"}).json()["amount"] == "-50.00"


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": "0"},
        {"amount": "-1"},
        {"amount": "NaN"},
        {"amount": "1.001"},
        {"amount": "many"},
        {"amount": None},
        {"method": "WALLET"},
        {"method": "gold"},
        {"patient_id": "P-1"},
        {"patient_id": "99999999-0000-7000-8000-000000000000"},
        {"reference": "x" * 101},
        {"date": "2026-02-30"},
    ],
)
def test_a_body_that_cannot_be_taken_is_422_and_writes_nothing(clinic, client, wrong):
    client.force_login(clinic.manager)
    body = {"patient_id": str(clinic.patient().pk), "method": "CARD", "amount": "5", "reason": "x", **wrong}
    for address in (TOP_UPS, f"{TOP_UPS}pay-out/"):
        assert sent(client, address, **body).status_code == 422
    assert not TopUp.objects.exists()


def test_the_key_of_a_request_makes_one_top_up(clinic, client):
    client.force_login(clinic.cashier)
    body = {"patient_id": str(clinic.patient().pk), "method": "CARD", "amount": "5"}
    headers = {"Idempotency-Key": "once"}
    answers = [client.post(TOP_UPS, body, content_type="application/json", headers=headers) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert balance_of(clinic.patient()) == D(5)


def test_lists_filter_order_and_ask_no_more_when_they_grow(clinic, client):
    client.force_login(clinic.manager)
    put_in(clinic, "5")
    put_in(clinic, "9", patient=clinic.patient("P-2"), method="TRANSFER")
    client.get(TOP_UPS)
    for address in (TOP_UPS, WALLETS):
        with CaptureQueriesContext(connection) as few:
            client.get(address)
        for number in range(3, 8):
            put_in(clinic, "1", patient=clinic.patient(f"P-{number}-{len(address)}"))
        with CaptureQueriesContext(connection) as many:
            client.get(address)
        assert len(many) == len(few)
    assert [row["amount"] for row in client.get(f"{TOP_UPS}?method=TRANSFER").json()["results"]] == ["9.00"]
    balances = [row["balance"] for row in client.get(f"{WALLETS}?ordering=-balance&balance_min=5").json()["results"]]
    assert balances == ["9.00", "5.00"]
    assert client.get(f"{TOP_UPS}?method=gold").status_code == 400
    assert client.get(f"{WALLETS}?ordering=patient__identity__name").status_code == 400
    wallet = Wallet.objects.first()
    assert client.get(f"{WALLETS}{wallet.pk}/movements/?limit=0").status_code == 400
    tomorrow = date.fromordinal(clinic.today.toordinal() + 1)
    assert client.get(f"{TOP_UPS}?start_date={tomorrow}").json()["results"] == []


# Pages ---------------------------------------------------------------------------------------------------------------


def test_the_page_of_a_wallet_shows_its_movements_and_says_who_pays_out(clinic, client):
    put_in(clinic, "50")
    page = f"/admin/billing/wallet/{Wallet.objects.get().pk}/change/"
    client.force_login(clinic.receptionist)
    text = client.get(page).content.decode()
    assert "W-000001" in text
    assert "The manager or the owner pays out of a wallet." in text
    client.force_login(clinic.manager)
    assert "pay-out/" in client.get(page).content.decode()


def test_a_top_up_is_typed_once_however_often_it_is_sent(clinic, client):
    client.force_login(clinic.receptionist)
    clinic.patient()
    form = {"patient": "p-1", "amount": "12,50", "method": "CARD", "reference": "", "key": "k-1"}
    first, again = (client.post("/admin/billing/wallet/add/", form) for _ in range(2))
    assert first.headers["Location"] == again.headers["Location"]
    assert balance_of(clinic.patient()) == D("12.50")


def test_what_a_rule_refuses_stands_beside_the_amount(clinic, client):
    client.force_login(clinic.manager)
    put_in(clinic, "5")
    page = f"/admin/billing/wallet/{Wallet.objects.get().pk}/pay-out/"
    answer = client.post(page, {"amount": "6", "method": "CARD", "reason": "Moves", "key": "k-2"})
    assert "is more than the" in answer.content.decode()
    assert balance_of(clinic.patient()) == D(5)
    unknown = client.post("/admin/billing/wallet/add/", {"patient": "nobody", "amount": "6", "method": "CARD"})
    assert "Nobody here has that code" in unknown.content.decode()
