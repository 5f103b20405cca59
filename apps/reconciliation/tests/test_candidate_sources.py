"""What a bank line can clear: bills, money in transit, what is booked already, other accounts of our own, other
currencies."""

from datetime import date

import pytest

from apps.billing.services.payments import refund_payment
from apps.billing.services.remitting import record_remittance
from apps.billing.tests.clinic import Clinic, make_clinic
from apps.ledger.models import Account, Journal, Party
from apps.ledger.services.posting import Line, reverse_entry
from apps.ledger.tests.factories import Books, EntryFactory, open_test_books
from apps.ledger.tests.subledger import SubLedger
from apps.reconciliation.models import BankAccount, KnownParty, StatementLine
from apps.reconciliation.reports.candidates import applied_by_itself, candidates_for
from apps.reconciliation.services.clearing import Kind, Part, clear, undo
from apps.reconciliation.tests.bank import MARCH_31, Bank, open_test_bank
from apps.reconciliation.tests.guessing import applied, codes, found, owed_to, owes
from apps.reconciliation.tests.matching import D, in_transit, of_item, on_bank


def only(line: StatementLine):
    (candidate,) = found(line).ranked
    return candidate


def by_itself(line: StatementLine):
    (candidate,) = applied_by_itself(found(line))
    return candidate


def booked(bank: Bank, amount: str, day: date = date(2026, 3, 30), **entry):
    """A line on the bank's own account that somebody typed."""
    account = bank.account.account
    lines = [Line(account, debit=D(amount)), Line(bank.books.account("revenue_other"), credit=D(amount))]
    return EntryFactory(books=bank.books, date=day, lines=lines, **entry).lines.get(account=account)


# Booked already ------------------------------------------------------------------------------------------------------


def test_e6_what_was_booked_under_the_same_reference_is_cleared(bank):
    line = booked(bank, "100.00", reference="123")
    deposit = bank.line("100.00", reference="123")
    candidate = by_itself(deposit)
    assert (candidate.kind, candidate.entry_line, candidate.amount) == ("BOOKED", line.pk, D(100))
    clear(deposit, [Part(Kind.BOOKED, D(100), entry_line=line)], by=None)
    assert not found(bank.line("100.00", reference="123")).ranked


def test_what_was_booked_of_the_same_amount_is_shown_and_waits_for_a_person(bank):
    line = on_bank(bank, "65.00", day=MARCH_31)
    candidate = only(bank.line("65.00"))
    assert (candidate.entry_line, codes(candidate)) == (line.pk, {"AMOUNT", "DATE"})
    assert applied(bank.line("65.00")) == set()


def test_a_number_in_the_memo_of_what_was_booked_is_found(bank):
    line = booked(bank, "65.00", memo="Rent of March, contract 2026-4417")
    assert by_itself(bank.line("65.00", label="contract 2026-4417")).entry_line == line.pk


def test_neither_what_was_reversed_nor_what_a_line_itself_posted_is_offered(bank, ledger):
    entry = booked(bank, "65.00").entry
    reverse_entry(entry, by=bank.accountant, reason="twice")
    (invoice,) = owes(ledger, ledger.customer(), "65.00")
    clearing = clear(bank.line("65.00"), [of_item(invoice, "65")], by=bank.accountant)
    assert not found(bank.line("65.00")).ranked
    undo(clearing, by=bank.accountant)
    assert only(bank.line("65.00")).document == "INV-2026-0001"


def test_money_out_is_a_credit_on_the_account(bank):
    on_bank(bank, "65.00")
    assert not found(bank.line("-65.00")).ranked
    out = on_bank(bank, "-65.00")
    assert only(bank.line("-65.00")).entry_line == out.pk


# From one account of ours to another ---------------------------------------------------------------------------------


def savings_of(bank: Bank, **fields) -> Bank:
    mine = {"administration": bank.books.administration}
    account = Account.objects.create(
        **mine, code="1105", name="Savings", type="ASSET", place="CURRENT_ASSETS", purpose=""
    )
    journal = Journal.objects.create(**mine, code="SPA", name="Savings", type="BANK")
    opened = BankAccount.objects.create(
        **{**mine, "journal": journal, "account": account, "name": "Savings", "currency": "EUR", **fields}
    )
    return Bank(bank.books, opened, bank.accountant)


def test_what_left_another_account_of_ours_is_its_other_side(bank):
    savings = savings_of(bank, iban="NL02ABNA0123456789")
    out = savings.line("-500.00", date=date(2026, 3, 29))
    savings.line("-500.00", date=date(2026, 3, 1))  # too long ago
    line = bank.line("500.00")
    candidate = only(line)
    assert (candidate.kind, candidate.other_line, candidate.amount) == ("TRANSFER", out.pk, D(500))
    assert not applied_by_itself(found(line))
    said = bank.line("500.00", counterparty_iban="NL02ABNA0123456789")
    assert by_itself(said).other_line == out.pk


def test_and_once_that_is_matched_what_it_left_on_its_way(bank):
    savings = savings_of(bank, iban="NL02ABNA0123456789")
    out = savings.line("-500.00")
    posted = clear(out, [Part(Kind.TRANSFER, D(-500))], by=bank.accountant).entry
    candidate = by_itself(bank.line("500.00", counterparty_iban="NL02ABNA0123456789"))
    assert (candidate.kind, candidate.entry_line) == ("TRANSFER", posted.lines.get(debit__gt=0).pk)
    assert not found(savings.line("500.00")).ranked


# In transit ----------------------------------------------------------------------------------------------------------


def test_card_takings_on_their_way_are_shown_by_their_amount(bank):
    line = in_transit(bank, "1640.00")
    candidate = found(bank.line("1640.00", date=date(2026, 3, 5))).ranked[0]
    assert (candidate.kind, candidate.entry_line, codes(candidate)) == ("TRANSIT", line.pk, {"AMOUNT", "DATE"})


def test_and_are_beyond_doubt_from_an_account_that_paid_such_before(bank):
    line = in_transit(bank, "1640.00")
    KnownParty.objects.create(
        administration=bank.books.administration,
        kind="IBAN",
        key="NL02ABNA0123456789",
        account=bank.books.account("card_in_transit"),
        confirmed=3,
        last_on=MARCH_31,
    )
    assert by_itself(bank.line("1640.00", counterparty_iban="NL02ABNA0123456789")).entry_line == line.pk


def test_days_of_card_takings_that_arrive_together_are_put_together(bank):
    days = [in_transit(bank, amount) for amount in ("400.00", "500.00", "700.00")]
    account = bank.books.account("card_in_transit")
    KnownParty.objects.create(
        administration=bank.books.administration,
        kind="IBAN",
        key="NL02ABNA0123456789",
        account=account,
        confirmed=3,
        last_on=MARCH_31,
    )
    candidates = found(bank.line("900.00", counterparty_iban="NL02ABNA0123456789"))
    assert [candidates.ranked[at].entry_line for at in candidates.combination] == [days[0].pk, days[1].pk]


# The clinic ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def clinic(db) -> Clinic:
    return make_clinic()


@pytest.fixture
def at_clinic(clinic) -> Bank:
    mine = {"administration": clinic.administration}
    account = BankAccount.objects.create(
        **mine,
        journal=Journal.objects.get(**mine, code="BNK"),
        account=Account.objects.get(**mine, purpose="bank"),
        name="ING",
        currency="EUR",
    )
    return Bank(Books(clinic.administration, clinic.owner), account, clinic.accountant)


def test_an_unpaid_bill_of_a_day_that_is_not_signed_is_found_by_its_number(clinic, at_clinic):
    bill = clinic.bill("65.00")
    clinic.bill("65.00")
    candidate = by_itself(at_clinic.line("65.00", date=clinic.today, label=f"bill {bill}"))
    assert (candidate.kind, candidate.bill, candidate.open_item, candidate.document) == (
        "TRANSIT",
        bill.pk,
        None,
        str(bill),
    )


def test_and_once_the_day_is_signed_with_what_billing_says_is_open(clinic, at_clinic):
    bill = clinic.bill("65.00", day=clinic.yesterday)
    clinic.finalized(clinic.yesterday)
    clinic.pay(bill, "15.00")  # of today, which is not in the books yet
    line = at_clinic.line("50.00", date=clinic.today, label=str(bill))
    candidate = by_itself(line)
    assert (candidate.kind, candidate.bill, candidate.amount) == ("ITEM", bill.pk, D(50))
    assert candidate.open_item
    assert candidate.entry_line


def test_a_patient_is_found_by_name(clinic, at_clinic):
    bill = clinic.bill("65.00")
    assert by_itself(at_clinic.line("65.00", date=clinic.today, counterparty_name="Invented Anna")).bill == bill.pk


def test_a_paid_bill_is_not_offered(clinic, at_clinic):
    bill = clinic.bill("65.00")
    clinic.pay(bill, "65.00")
    assert not found(at_clinic.line("65.00", date=clinic.today, label=str(bill))).ranked


@pytest.mark.parametrize("signed", [False, True])
def test_a_transfer_that_the_desk_recorded_is_found_by_its_reference(clinic, at_clinic, signed):
    payment = clinic.pay(
        clinic.bill("65.00", day=clinic.yesterday), "65.00", "TRANSFER", clinic.yesterday, reference="TX-99812"
    )
    clinic.pay(clinic.bill("65.00", day=clinic.yesterday), "65.00", "TRANSFER", clinic.yesterday)
    if signed:
        clinic.finalized(clinic.yesterday)
    line = at_clinic.line("65.00", date=clinic.today, label="transfer TX-99812")
    candidate = by_itself(line)
    assert (candidate.kind, candidate.payment, bool(candidate.entry_line)) == ("TRANSIT", payment.pk, signed)
    clear(line, [Part(candidate.kind, candidate.amount, payment=payment)], by=clinic.accountant)
    assert payment.pk not in {one.payment for one in found(at_clinic.line("65.00", date=clinic.today)).ranked}


def test_a_day_of_transfers_is_no_candidate_beside_its_payments(clinic, at_clinic):
    payment = clinic.pay(clinic.bill("65.00", day=clinic.yesterday), "65.00", "TRANSFER", clinic.yesterday)
    clinic.finalized(clinic.yesterday)
    assert only(at_clinic.line("65.00", date=clinic.today)).payment == payment.pk


def test_a_refund_by_transfer_is_money_out(clinic, at_clinic):
    payment = clinic.pay(clinic.bill("65.00"), "65.00", "TRANSFER")
    back = refund_payment(payment, amount=D(20), reason="too much", by=clinic.manager)
    assert only(at_clinic.line("-20.00", date=clinic.today)).payment == back.pk


def test_money_of_a_payer_is_found_by_its_remittance_advice(clinic, at_clinic):
    payer = clinic.payer()
    record_remittance(
        payer=payer, amount=D(500), received_on=clinic.yesterday, reference="ADV-20881", by=clinic.accountant
    )
    candidate = by_itself(at_clinic.line("500.00", date=clinic.today, label="ADV-20881"))
    assert (candidate.kind, candidate.party) == ("TRANSIT", payer.party_id)


def test_a_claim_is_shown_and_entered_in_billing_first(clinic, at_clinic):
    bill = clinic.bill("65.00", day=clinic.yesterday)
    clinic.pay(bill, "65.00", "INSURANCE", clinic.yesterday)
    clinic.finalized(clinic.yesterday)
    line = at_clinic.line("65.00", date=clinic.today, counterparty_name="Zorgkas", label="C-000001")
    (candidate,) = found(line).ranked
    assert (candidate.document, "IN_BILLING" in codes(candidate)) == ("C-000001", True)
    assert not applied_by_itself(found(line))


# Currencies ----------------------------------------------------------------------------------------------------------


def in_dollars(ledger: SubLedger, party: Party, amount: str, reference: str):
    return owed_to(ledger, party, amount, reference, currency="USD", exchange_rate=D("0.9"))


def test_a_foreign_invoice_is_found_by_what_was_paid_in_its_currency(bank, ledger):
    supplier = ledger.supplier("S-1", name="Conrad Electronic")
    bill = in_dollars(ledger, supplier, "100.00", "F-1")
    paid = {"foreign_currency": "USD", "foreign_amount": D(-100), "counterparty_name": "Conrad Electronic"}
    candidate = by_itself(bank.line("-91.20", **paid))
    assert (candidate.open_item, candidate.amount) == (bill.pk, D("-91.20"))
    assert applied(bank.line("-91.20", counterparty_name="Conrad Electronic")) == set()


def test_an_account_in_another_currency_takes_items_of_that_currency(db):
    bank = open_test_bank(open_test_books(), currency="USD")
    ledger = SubLedger(bank.books, bank.accountant)
    supplier = ledger.supplier("S-1", name="Conrad Electronic")
    bill = in_dollars(ledger, supplier, "100.00", "F-1")
    owed_to(ledger, supplier, "100.00", "F-2")  # of euros
    assert applied(bank.line("-100.00", counterparty_name="Conrad Electronic")) == {bill.pk}


def test_part_of_a_foreign_invoice_leaves_its_rest_in_its_currency(bank, ledger):
    supplier = ledger.supplier("S-1", name="Conrad Electronic")
    bill = in_dollars(ledger, supplier, "100.00", "F-1")
    paid = {"foreign_currency": "USD", "counterparty_name": "Conrad Electronic"}
    part = bank.line("-30.00", foreign_amount=D("-33.33"), **paid)
    clear(part, [of_item(bill, "-30")], by=bank.accountant)
    assert by_itself(bank.line("-60.00", foreign_amount=D("-66.67"), **paid)).open_item == bill.pk


# Bounds --------------------------------------------------------------------------------------------------------------


def test_other_books_are_never_looked_into(bank, ledger):
    other = open_test_bank(open_test_books())
    theirs = SubLedger(other.books, other.accountant)
    owes(theirs, theirs.customer("C-1", name="Anna Hansen"), "100.00")
    on_bank(other, "100.00")
    in_transit(other, "100.00")
    other.line("-100.00")
    assert not found(bank.line("100.00", label="INV-2026-0001", counterparty_name="Anna Hansen")).ranked


def test_no_line_is_no_question(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert candidates_for([]) == {}
