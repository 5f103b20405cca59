"""Cases on which the test suites of established accounting systems agree, where no test of a rule has them already.

``docs/matching.md`` says what Daybook does where they choose otherwise.
"""

from datetime import date, timedelta
from decimal import Decimal as D

import pytest
from rest_framework.test import APIClient

from apps.billing.services.payments import owed
from apps.billing.tests.clinic import make_clinic
from apps.reconciliation.errors import BankLineAlreadyReconciled, DatesReversed
from apps.reconciliation.models import Clearing, MatchingOutcome, Statement
from apps.reconciliation.services.account_reconciling import begin_reconciliation
from apps.reconciliation.services.clearing import Kind, Part, clear, undo
from apps.reconciliation.services.running import batches_of, begin_run, end_run, match_batch
from apps.reconciliation.services.statements import TypedLine, remove_statement, type_statement
from apps.reconciliation.tests.matching import item, left_of, of_item, on_bank, open_of
from apps.reconciliation.tests.paying_out import bank_of

LINES, STATEMENTS = "/api/v1/reconciliation/lines/", "/api/v1/reconciliation/statements/"


@pytest.fixture
def api(bank) -> APIClient:
    client = APIClient()
    client.force_authenticate(bank.accountant)
    return client


def run_over(bank):
    run = begin_run(bank.books.administration, by=None, bank_account=bank.account)
    for batch in batches_of(run):
        match_batch(run, *batch)
    return end_run(run)


def test_a16_a_part_with_the_payment_reference_is_matched_and_the_rest_stays_open(bank, ledger):
    party = ledger.customer()
    invoice = item(ledger, "100.00", party=party)
    line = bank.line("40.00", label=f"Invoice {invoice.reference}", party=party)
    assert (run_over(bank).matched, left_of(line), open_of(invoice)) == (1, 0, 60)


def test_c1_a_payment_of_the_same_partner_and_amount_pays_the_invoice(bank, ledger):
    party = ledger.customer()
    invoice, line = item(ledger, "50.00", party=party), bank.line("50.00", party=party)
    assert (run_over(bank).matched, left_of(line), open_of(invoice)) == (1, 0, 0)


def test_c2_of_two_payments_of_one_invoice_the_older_one_is_taken(bank, ledger):
    party = ledger.customer()
    invoice = item(ledger, "50.00", party=party)
    newer = bank.line("50.00", party=party, date=date(2026, 10, 20))
    older = bank.line("50.00", party=party, date=date(2026, 10, 1))
    run_over(bank)
    assert (left_of(older), left_of(newer), open_of(invoice)) == (0, D(50), 0)
    assert MatchingOutcome.objects.get(line=newer).clearing is None


def test_c4_what_is_beyond_one_invoice_pays_the_next_in_part(bank, ledger):
    first, line = item(ledger, "50.00"), bank.line("500.00")
    clear(line, [of_item(first, "50")], by=bank.accountant)
    assert (left_of(line), open_of(first)) == (D(450), 0)
    second = item(ledger, "500.00")
    clear(line, [of_item(second, "450")], by=bank.accountant)
    assert (left_of(line), open_of(second)) == (0, D(50))


def test_e2_a_payment_that_is_in_the_books_is_cleared_and_free_again_when_undone(bank):
    voucher, line = on_bank(bank, "1700.00"), bank.line("1700.00")
    clearing = clear(line, [Part(Kind.BOOKED, D(1700), entry_line=voucher)], by=bank.accountant)
    assert (left_of(line), voucher.cleared.cleared) == (0, D(1700))
    undo(clearing, by=bank.accountant)
    voucher.cleared.refresh_from_db()
    assert (left_of(line), voucher.cleared.cleared) == (D(1700), 0)


def test_e3_the_second_attempt_is_refused(bank):
    voucher, line = on_bank(bank, "1200.00"), bank.line("1200.00")
    part = Part(Kind.BOOKED, D(1200), entry_line=voucher)
    clear(line, [part], by=bank.accountant)
    with pytest.raises(BankLineAlreadyReconciled):
        clear(line, [part], by=bank.accountant)


def test_e5_a_sale_that_was_paid_at_the_counter_is_cleared_by_its_payment(db):
    """The invoice is paid since the counter took it; the bank clears the payment, and settles nothing twice."""
    clinic = make_clinic()
    bank = bank_of(clinic)
    bill = clinic.bill("109080.00", day=clinic.yesterday)
    payment = clinic.pay(bill, "109080.00", "CARD", day=clinic.yesterday)
    line = bank.line("109080.00", date=clinic.yesterday)
    clear(line, [Part(Kind.TRANSIT, D(109080), payment=payment)], by=bank.accountant)
    assert (left_of(line), owed(bill), payment.matches.get().active) == (0, 0, True)


def test_e10_days_the_wrong_way_round_are_refused(bank, api):
    """At three doors: the lines, the statements, and the reconciliation of an account."""
    days = {"start_date": "2026-03-31", "end_date": "2026-03-01"}
    for address in (LINES, STATEMENTS):
        answer = api.get(address, days)
        assert (answer.status_code, answer.json()["detail"]["code"]) == (400, "DATES_REVERSED")
        assert "2026-03-31" in answer.json()["detail"]["message"]
    with pytest.raises(DatesReversed):
        begin_reconciliation(
            bank.account.account, period_start=date(2026, 3, 31), period_end=date(2026, 3, 1), by=bank.accountant
        )


def test_e11_a_line_after_the_last_day_is_not_listed(bank, api):
    for day in (1, 2, 3):
        bank.line("1.00", date=date(2026, 3, day))
    listed = api.get(LINES, {"start_date": "2026-03-01", "end_date": "2026-03-02"}).json()["results"]
    assert [row["line_date"] for row in listed] == ["2026-03-02", "2026-03-01"]


def test_f1_what_was_taken_out_again_is_no_statement_before(bank):
    """A draft that was deleted is not what the next one goes on from."""
    by = bank.accountant

    def typed(day: int, amount: str, start: str) -> Statement:
        lines = [TypedLine(date(2026, 1, day), D(amount))]
        return type_statement(
            bank.account, name=f"{day}", date=date(2026, 1, day), balance_start=D(start), lines=lines, by=by
        )

    first, draft = typed(1, "10", "0"), typed(3, "10", "10")
    remove_statement(draft, by=by)
    following = typed(5, "10", "10")
    for statement in (first, following):
        statement.refresh_from_db()
    assert (first.is_valid, following.is_valid) == (True, True)


def test_f2_equal_amounts_of_equal_days_each_stay_a_line_of_their_own(bank):
    """Nothing is grouped: six vouchers of 10 on two days are six, and each is cleared by itself."""
    vouchers = [on_bank(bank, "10.00", date(2026, 1, day)) for day in (1, 1, 1, 3, 3, 3)]
    lines = [bank.line("10.00", date=voucher.date + timedelta(days=1)) for voucher in vouchers]
    for line, voucher in zip(lines, vouchers, strict=True):
        clear(line, [Part(Kind.BOOKED, D(10), entry_line=voucher)], by=bank.accountant)
    assert Clearing.objects.filter(entry=None).count() == 6
