"""Bank lines and what billing keeps: transfers for bills, days that are signed and reopened, money in transit."""

from datetime import timedelta

import pytest

from apps.billing.errors import PaymentBeyondBill, TransferSigned
from apps.billing.models import Payment
from apps.billing.services.closing import reopen_day
from apps.billing.services.payments import owed, refund_payment
from apps.billing.tests.clinic import Clinic, make_clinic
from apps.ledger.models import Account, Journal, JournalLine, OpenItem
from apps.ledger.tests.factories import Books
from apps.ledger.tests.subledger import booked
from apps.reconciliation.errors import MatchBeyondEntry, MatchWrongWay
from apps.reconciliation.models import BankAccount, Match
from apps.reconciliation.reports.clearable import left_to_clear
from apps.reconciliation.services.clearing import Kind, Part, clear, undo
from apps.reconciliation.tests.bank import Bank
from apps.reconciliation.tests.matching import D, left_of


@pytest.fixture
def clinic(db) -> Clinic:
    return make_clinic()


@pytest.fixture
def bank(clinic) -> Bank:
    mine = {"administration": clinic.administration}
    account = BankAccount.objects.create(
        **mine,
        journal=Journal.objects.get(**mine, code="BNK"),
        account=Account.objects.get(**mine, purpose="bank"),
        name="ING",
        currency="EUR",
    )
    return Bank(Books(clinic.administration, clinic.owner), account, clinic.accountant)


def of_bill(bill, amount: str) -> Part:
    return Part(Kind.TRANSIT, D(amount), bill=bill)


def balance(clinic, purpose: str):
    return JournalLine.objects.filter(administration=clinic.administration, account__purpose=purpose).balance()


def day_line(clinic, purpose: str) -> JournalLine:
    lines = JournalLine.objects.filter(administration=clinic.administration, account__purpose=purpose)
    return lines.filter(entry__source_type="day_close").latest("entry__posted_at")


def test_a_line_that_pays_a_bill_is_a_transfer_in_billing_and_clears_what_is_in_transit(clinic, bank):
    bill = clinic.bill("65.00", day=clinic.yesterday)
    line = bank.line("65.00", date=clinic.yesterday)
    clearing = clear(line, [of_bill(bill, "65")], by=bank.accountant)
    payment = Payment.objects.get()
    assert (payment.method, payment.amount, payment.clinic_day.date) == ("TRANSFER", 65, clinic.yesterday)
    assert (payment.taken_by, owed(bill), left_of(line)) == (bank.accountant, 0, 0)
    assert booked(clearing.entry) == {"1100": D(65), "1155": D(-65)}
    assert clearing.matches.get().payment == payment
    close = clinic.finalized(clinic.yesterday)
    assert close.total_transfer == 65
    assert balance(clinic, "transfer_in_transit") == 0


def test_daybook_by_itself_enters_it_too(clinic, bank):
    bill = clinic.bill("65.00", day=clinic.yesterday)
    clear(bank.line("65.00", date=clinic.yesterday), [of_bill(bill, "65")], by=None)
    assert Payment.objects.get().taken_by is None
    assert owed(bill) == 0


def test_a_bill_of_a_signed_day_is_paid_on_the_next_open_one(clinic, bank):
    day = clinic.yesterday
    bill = clinic.bill("65.00", day=day)
    clinic.finalized(day)
    item = OpenItem.objects.as_of().exclude(open=0).get()
    line = bank.line("65.00", date=day)
    clear(line, [Part(Kind.ITEM, D(65), open_item=item)], by=bank.accountant)
    payment = Payment.objects.get()
    assert (payment.clinic_day.date, payment.late_for.date) == (clinic.today, day)
    assert Match.objects.get().kind == Kind.TRANSIT
    assert owed(bill) == 0
    clinic.finalized(clinic.today)
    assert not OpenItem.objects.as_of().exclude(open=0)
    assert (balance(clinic, "transfer_in_transit"), balance(clinic, "patient_receivable")) == (0, 0)


def test_a_bill_is_not_paid_before_it_is_there(clinic, bank):
    bill = clinic.bill("65.00", day=clinic.yesterday)
    clear(bank.line("65.00", date=clinic.yesterday - timedelta(days=3)), [of_bill(bill, "65")], by=bank.accountant)
    assert Payment.objects.get().clinic_day.date == clinic.yesterday


def test_a_bill_takes_no_more_than_is_owed(clinic, bank):
    bill = clinic.bill("65.00")
    clinic.pay(bill, "40.00", "CARD")
    line = bank.line("65.00", date=clinic.today)
    with pytest.raises(PaymentBeyondBill):
        clear(line, [of_bill(bill, "65")], by=bank.accountant)
    clear(line, [of_bill(bill, "25")], by=bank.accountant)
    assert (owed(bill), left_of(line)) == (0, 40)


def test_money_out_pays_no_bill(clinic, bank):
    with pytest.raises(MatchWrongWay):
        clear(bank.line("-65.00", date=clinic.today), [of_bill(clinic.bill("65.00"), "-65")], by=bank.accountant)


# Undone --------------------------------------------------------------------------------------------------------------


def test_undoing_it_takes_the_transfer_back_on_its_own_day(clinic, bank):
    bill = clinic.bill("65.00", day=clinic.yesterday)
    line = bank.line("65.00", date=clinic.yesterday)
    undo(clear(line, [of_bill(bill, "65")], by=bank.accountant), by=bank.accountant)
    assert (owed(bill), left_of(line)) == (65, 65)
    close = clinic.finalized(clinic.yesterday)
    assert (close.total_transfer, balance(clinic, "transfer_in_transit")) == (0, 0)
    item = OpenItem.objects.as_of().exclude(open=0).get()
    assert (item.open, item.document_id) == (65, bill.pk)


def test_once_the_day_is_signed_a_manager_takes_the_transfer_back_first(clinic, bank):
    bill = clinic.bill("65.00", day=clinic.yesterday)
    line = bank.line("65.00", date=clinic.yesterday)
    clearing = clear(line, [of_bill(bill, "65")], by=bank.accountant)
    clinic.finalized(clinic.yesterday)
    with pytest.raises(TransferSigned) as refused:
        undo(clearing, by=bank.accountant)
    assert "manager" in refused.value.detail()["hint"]
    assert left_of(line) == 0

    refund_payment(Payment.objects.get(), amount=D(65), reason="Another patient's", by=clinic.manager)
    undo(clearing, by=bank.accountant)
    assert (owed(bill), left_of(line)) == (65, 65)
    clinic.finalized(clinic.today, by=clinic.owner)
    assert (balance(clinic, "transfer_in_transit"), balance(clinic, "patient_receivable")) == (0, 65)


def test_reopening_the_day_is_the_other_way_out(clinic, bank):
    bill = clinic.bill("65.00", day=clinic.yesterday)
    clearing = clear(bank.line("65.00", date=clinic.yesterday), [of_bill(bill, "65")], by=bank.accountant)
    close = clinic.finalized(clinic.yesterday)
    reopen_day(close, reason="A transfer of another patient", by=clinic.owner)
    undo(clearing, by=bank.accountant)
    clinic.finalized(clinic.yesterday)
    assert (owed(bill), balance(clinic, "transfer_in_transit"), balance(clinic, "patient_receivable")) == (65, 0, 65)


def test_a_transfer_that_the_desk_entered_stays_when_its_match_is_undone(clinic, bank):
    bill = clinic.bill("65.00", day=clinic.yesterday)
    payment = clinic.pay(bill, "65.00", "TRANSFER", day=clinic.yesterday)
    line = bank.line("65.00", date=clinic.yesterday)
    undo(clear(line, [Part(Kind.TRANSIT, D(65), payment=payment)], by=bank.accountant), by=bank.accountant)
    assert (owed(bill), Payment.objects.count(), left_of(line)) == (0, 1, 65)


# Payments and days ---------------------------------------------------------------------------------------------------


def test_a_payment_arrives_once(clinic, bank):
    payment = clinic.pay(clinic.bill("65.00"), "65.00", "TRANSFER")
    clear(bank.line("65.00", date=clinic.today), [Part(Kind.TRANSIT, D(65), payment=payment)], by=bank.accountant)
    with pytest.raises(MatchBeyondEntry):
        clear(bank.line("65.00", date=clinic.today), [Part(Kind.TRANSIT, D(65), payment=payment)], by=bank.accountant)


def test_a_payment_that_arrived_before_its_day_was_signed_is_no_more_in_transit_then(clinic, bank):
    bills = [clinic.bill("65.00", day=clinic.yesterday) for _twice in range(2)]
    payments = [clinic.pay(bill, "65.00", "TRANSFER", day=clinic.yesterday) for bill in bills]
    clear(
        bank.line("65.00", date=clinic.yesterday), [Part(Kind.TRANSIT, D(65), payment=payments[0])], by=bank.accountant
    )
    clinic.finalized(clinic.yesterday)
    line = day_line(clinic, "transfer_in_transit")
    assert (line.debit, left_to_clear([line])) == (130, {line.pk: 65})
    whole = bank.line("130.00", date=clinic.today)
    with pytest.raises(MatchBeyondEntry):
        clear(whole, [Part(Kind.TRANSIT, D(130), entry_line=line)], by=bank.accountant)
    clear(whole, [Part(Kind.TRANSIT, D(65), entry_line=line)], by=bank.accountant)
    assert left_to_clear([line]) == {line.pk: 0}


def test_a_day_that_is_reopened_is_in_transit_less_what_arrived_of_it(clinic, bank):
    day = clinic.yesterday
    clinic.pay(clinic.bill("100.00", day=day), "100.00", "CARD", day=day)
    close = clinic.finalized(day)
    first = day_line(clinic, "card_in_transit")
    clear(bank.line("100.00", date=day), [Part(Kind.TRANSIT, D(100), entry_line=first)], by=bank.accountant)
    reopen_day(close, reason="A payment was forgotten", by=clinic.owner)
    clinic.pay(clinic.bill("20.00", day=day), "20.00", "CARD", day=day)
    clinic.finalized(day)
    second = day_line(clinic, "card_in_transit")
    assert (second.debit, left_to_clear([first, second])) == (120, {first.pk: 0, second.pk: 20})


def test_transfers_and_refunds_of_one_day_arrive_one_by_one(clinic, bank):
    day = clinic.yesterday
    taken = clinic.pay(clinic.bill("100.00", day=day), "100.00", "TRANSFER", day=day)
    given = refund_payment(taken, amount=D(30), reason="Too much", by=clinic.manager, day=day)
    clinic.finalized(day, by=clinic.owner)
    clear(bank.line("100.00", date=day), [Part(Kind.TRANSIT, D(100), payment=taken)], by=bank.accountant)
    clear(bank.line("-30.00", date=day), [Part(Kind.TRANSIT, D(-30), payment=given)], by=bank.accountant)
    assert balance(clinic, "transfer_in_transit") == 0


def test_a_payment_of_a_day_that_was_cleared_as_a_whole_is_not_in_transit_any_more(clinic, bank):
    payment = clinic.pay(clinic.bill("65.00", day=clinic.yesterday), "65.00", "CARD", day=clinic.yesterday)
    clinic.finalized(clinic.yesterday)
    whole = [Part(Kind.TRANSIT, D(65), entry_line=day_line(clinic, "card_in_transit"))]
    clear(bank.line("65.00", date=clinic.yesterday), whole, by=bank.accountant)
    with pytest.raises(MatchBeyondEntry):
        clear(bank.line("65.00"), [Part(Kind.TRANSIT, D(65), payment=payment)], by=bank.accountant)
    assert balance(clinic, "card_in_transit") == 0
