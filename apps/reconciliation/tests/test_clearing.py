"""A bank line is matched: what it settles, what is posted, what is left, what is refused."""

from datetime import date

import pytest

from apps.core.errors import ForeignRow, NotAllowed
from apps.core.models import Event
from apps.core.tests.factories import member
from apps.ledger.errors import AccountIsControl, PeriodClosed, VatCodeNotValid
from apps.ledger.models import JournalEntry, OpenItem, Party, VatCode
from apps.ledger.services.posting import Document, Line, reverse_entry
from apps.ledger.tests.factories import EntryFactory, new_id, open_test_books
from apps.ledger.tests.subledger import SubLedger, booked, returned
from apps.reconciliation.errors import (
    BankLineAlreadyReconciled,
    EntryNotClearable,
    ItemOfBilling,
    MatchBeyondEntry,
    MatchBeyondLine,
    MatchEmpty,
    MatchOfTwoParties,
    MatchWrongWay,
    PersonRequired,
    WriteOffAboveLimit,
)
from apps.reconciliation.models import ClearedLine, FullReconcile, Match, ReconciliationModel, StatementLine
from apps.reconciliation.services.clearing import Kind, Part, clear, set_to_check
from apps.reconciliation.tests.bank import Bank, open_test_bank
from apps.reconciliation.tests.matching import D, in_transit, item, left_of, of_item, on_bank, open_of, owed

# Open items ----------------------------------------------------------------------------------------------------------


def test_b7_an_invoice_that_a_line_pays_is_settled_and_the_line_reconciled(bank, ledger):
    invoice, line = item(ledger, "100.00"), bank.line("100.00")
    clearing = clear(line, [of_item(invoice, "100")], by=bank.accountant)
    assert (open_of(invoice), left_of(line)) == (0, 0)
    assert booked(clearing.entry) == {"1100": D(100), "1300": D(-100)}
    assert (clearing.entry.date, clearing.entry.journal.code) == (line.date, "BNK")
    assert (clearing.entry.source_type, clearing.entry.source_id) == ("bank_clearing", clearing.pk)


def test_a_supplier_is_paid_by_money_out(bank, ledger):
    bill, line = owed(ledger, "690.00"), bank.line("-690.00")
    clearing = clear(line, [of_item(bill, "-690")], by=bank.accountant)
    assert (open_of(bill), left_of(line)) == (0, 0)
    assert booked(clearing.entry) == {"1100": D(-690), "1600": D(690)}


def test_a_part_of_an_invoice_leaves_the_rest_open(bank, ledger):
    invoice, line = item(ledger, "100.00"), bank.line("40.00")
    clear(line, [of_item(invoice, "40")], by=bank.accountant)
    assert (open_of(invoice), left_of(line)) == (60, 0)
    assert not FullReconcile.objects.exists()


def test_a14_what_is_beyond_the_invoice_stays_open_on_the_line(bank, ledger):
    invoice, line = item(ledger, "990.00"), bank.line("1000.00")
    clear(line, [of_item(invoice, "990")], by=bank.accountant)
    assert (open_of(invoice), left_of(line)) == (0, 10)
    assert not FullReconcile.objects.exists()


def test_c4_a_payment_settles_one_invoice_and_then_a_part_of_the_next(bank, ledger):
    first, second, line = item(ledger, "50.00"), item(ledger, "500.00"), bank.line("500.00")
    clear(line, [of_item(first, "50")], by=bank.accountant)
    assert (open_of(first), left_of(line)) == (0, 450)
    clear(line, [of_item(second, "450")], by=bank.accountant)
    assert (open_of(second), left_of(line)) == (50, 0)


def test_many_lines_pay_one_invoice_and_reconcile_as_one_set(bank, ledger):
    invoice, lines = item(ledger, "100.00"), [bank.line("60.00"), bank.line("40.00")]
    clear(lines[0], [of_item(invoice, "60")], by=bank.accountant)
    assert not FullReconcile.objects.exists()
    clear(lines[1], [of_item(invoice, "40")], by=bank.accountant)
    assert FullReconcile.objects.get().matches.count() == 2
    told = Event.objects.get(name="bank.reconciliation.complete").facts
    assert told["line_ids"] == sorted(str(line.pk) for line in lines)


def test_b13_one_line_pays_items_of_several_parties(bank, ledger):
    invoices = [item(ledger, "100.00"), item(ledger, "50.00", party=ledger.customer("C-2"))]
    clearing = clear(bank.line("150.00"), [of_item(invoices[0], "100"), of_item(invoices[1], "50")], by=bank.accountant)
    assert [open_of(invoice) for invoice in invoices] == [0, 0]
    parties = clearing.entry.lines.exclude(party=None).order_by("position").values_list("party__code", flat=True)
    assert list(parties) == ["C-1", "C-2"]


def test_b13_what_goes_against_each_other_is_of_one_party(bank, ledger):
    invoice, other = item(ledger, "100.00"), ledger.customer("C-2")
    own, theirs = (item(ledger, "30.00", credit_note=True, party=party) for party in (ledger.customer(), other))
    with pytest.raises(MatchOfTwoParties):
        clear(bank.line("70.00"), [of_item(invoice, "100"), of_item(theirs, "-30")], by=bank.accountant)
    clear(bank.line("70.00"), [of_item(invoice, "100"), of_item(own, "-30")], by=bank.accountant)
    assert (open_of(invoice), open_of(own), open_of(theirs)) == (0, 0, -30)


def test_an_item_is_settled_no_further_than_it_is_open(bank, ledger):
    invoice = item(ledger, "100.00")
    with pytest.raises(MatchBeyondEntry) as refused:
        clear(bank.line("150.00"), [of_item(invoice, "150")], by=bank.accountant)
    assert (refused.value.facts, refused.value.status) == ({"asked": "150.00", "open": "100.00"}, 409)
    clear(bank.line("100.00"), [of_item(invoice, "100")], by=bank.accountant)
    with pytest.raises(MatchBeyondEntry):
        clear(bank.line("100.00"), [of_item(invoice, "100")], by=bank.accountant)


def test_money_in_settles_no_debt_of_ours(bank, ledger):
    with pytest.raises(MatchWrongWay):
        clear(bank.line("100.00"), [of_item(owed(ledger, "100.00"), "100")], by=bank.accountant)


@pytest.mark.parametrize(
    ("amounts", "refusal"),
    [
        (["100.01"], MatchBeyondLine),
        (["-10"], MatchBeyondLine),
        (["60", "41"], MatchBeyondLine),
        ([], MatchEmpty),
        (["0"], MatchEmpty),
        (["5", "-5"], MatchEmpty),
    ],
)
def test_a_match_is_within_its_line(bank, amounts, refusal):
    account = bank.books.account("revenue_other")
    with pytest.raises(refusal):
        clear(
            bank.line("100.00"), [Part(Kind.FEE, D(amount), account=account) for amount in amounts], by=bank.accountant
        )


def test_a_reconciled_line_takes_no_further_match(bank, ledger):
    line = bank.line("100.00")
    clear(line, [of_item(item(ledger, "100.00"), "100")], by=bank.accountant)
    with pytest.raises(BankLineAlreadyReconciled):
        clear(line, [of_item(item(ledger, "100.00"), "100")], by=bank.accountant)


def test_d15_a_line_of_nothing_is_reconciled_at_once(bank):
    line = bank.line("0.00")
    assert line.residual == 0
    assert not StatementLine.objects.open().exists()
    with pytest.raises(BankLineAlreadyReconciled):
        clear(line, [Part(Kind.DUPLICATE, D(0))], by=bank.accountant)


def test_whoever_does_not_keep_the_bank_matches_nothing(bank, ledger):
    manager = member(ledger.administration, "manager")
    with pytest.raises(NotAllowed):
        clear(bank.line("100.00"), [of_item(item(ledger, "100.00"), "100")], by=manager)


def test_a_row_of_other_books_is_refused(bank, ledger):
    stranger = open_test_bank(open_test_books())
    foreign = item(SubLedger(stranger.books, stranger.accountant), "100.00")
    with pytest.raises(ForeignRow):
        clear(bank.line("100.00"), [of_item(foreign, "100")], by=bank.accountant)


def test_a_line_of_a_closed_period_is_not_matched(bank, ledger):
    invoice, line = item(ledger, "100.00"), bank.line("100.00")
    bank.books.set_status("2026-03", "FINALIZED")
    with pytest.raises(PeriodClosed) as refused:
        clear(line, [of_item(invoice, "100")], by=bank.accountant)
    assert refused.value.detail()["hint"].startswith("Ask the accountant to reopen the period")
    assert left_of(line) == 100


def test_a_payment_before_its_invoice_settles_it_from_the_later_date(bank, ledger):
    line = bank.line("100.00", date=date(2026, 3, 1))
    invoice = item(ledger, "100.00", day=date(2026, 3, 5))
    clear(line, [of_item(invoice, "100")], by=bank.accountant)
    before = OpenItem.objects.as_of(date(2026, 3, 4)).exclude(open=0).get()
    assert before.open == -100
    assert not OpenItem.objects.as_of(date(2026, 3, 5)).exclude(open=0)


def test_daybook_by_itself_settles_what_is_there(bank, ledger):
    invoice, line = item(ledger, "100.00"), bank.line("100.00")
    clearing = clear(line, [of_item(invoice, "100")], by=None, score=98, reasons=[{"code": "REFERENCE"}])
    assert (open_of(invoice), clearing.by, clearing.score) == (0, None, 98)
    told = Event.objects.get(name="bank.line.auto_reconciled").facts
    assert told == {
        "line_id": str(line.pk),
        "model_id": None,
        "matched_entries": [str(invoice.line.entry_id)],
    }


def test_what_a_person_matched_is_told_with_what_is_left(bank, ledger):
    invoice, line = item(ledger, "60.00"), bank.line("100.00")
    clear(line, [of_item(invoice, "60")], by=bank.accountant)
    event = Event.objects.get(name="bank.line.manually_reconciled")
    assert (event.by, event.facts["remaining_residual"]) == (bank.accountant, "40.0000")
    assert event.facts["matched_entry_ids"] == [str(invoice.line.entry_id)]


# Money in transit ----------------------------------------------------------------------------------------------------


def test_money_in_transit_arrives(bank):
    card, line = in_transit(bank, "305.00"), bank.line("305.00")
    clearing = clear(line, [Part(Kind.TRANSIT, D("305"), entry_line=card)], by=None)
    assert booked(clearing.entry) == {"1100": D(305), "1150": D(-305)}
    assert ClearedLine.objects.get().cleared == 305
    assert FullReconcile.objects.count() == 1


def test_a_payout_less_its_fee_clears_what_was_in_transit(bank):
    card, line = in_transit(bank, "100.00"), bank.line("97.00")
    parts = [Part(Kind.TRANSIT, D("100"), entry_line=card), Part(Kind.FEE, D("-3"))]
    clearing = clear(line, parts, by=None)
    assert booked(clearing.entry) == {"1100": D(97), "1150": D(-100), "4410": D(3)}
    assert left_of(line) == 0


def test_money_in_transit_arrives_once(bank):
    card = in_transit(bank, "100.00")
    clear(bank.line("60.00"), [Part(Kind.TRANSIT, D("60"), entry_line=card)], by=bank.accountant)
    with pytest.raises(MatchBeyondEntry) as refused:
        clear(bank.line("60.00"), [Part(Kind.TRANSIT, D("60"), entry_line=card)], by=bank.accountant)
    assert refused.value.facts == {"asked": "60.00", "open": "40.00"}


def test_only_money_in_transit_is_cleared_as_such(bank):
    cash = EntryFactory(books=bank.books).lines.get(debit__gt=0)
    with pytest.raises(EntryNotClearable):
        clear(bank.line("65.00"), [Part(Kind.TRANSIT, D("65"), entry_line=cash)], by=bank.accountant)


# What is booked already ----------------------------------------------------------------------------------------------


def test_a_line_that_is_booked_already_posts_nothing(bank):
    voucher, line = on_bank(bank, "1200.00"), bank.line("1200.00")
    clearing = clear(line, [Part(Kind.BOOKED, D("1200"), entry_line=voucher)], by=bank.accountant)
    assert (clearing.entry, left_of(line)) == (None, 0)
    assert ClearedLine.objects.get(entry_line=voucher).cleared == 1200


def test_e3_a_voucher_is_reconciled_once(bank):
    voucher = on_bank(bank, "1200.00")
    clear(bank.line("1200.00"), [Part(Kind.BOOKED, D("1200"), entry_line=voucher)], by=bank.accountant)
    with pytest.raises(MatchBeyondEntry):
        clear(bank.line("1200.00"), [Part(Kind.BOOKED, D("1200"), entry_line=voucher)], by=bank.accountant)


def test_e4_money_in_is_no_entry_of_money_out(bank):
    paid = on_bank(bank, "-690.00")
    with pytest.raises(MatchWrongWay):
        clear(bank.line("3900.00"), [Part(Kind.BOOKED, D("690"), entry_line=paid)], by=bank.accountant)


def test_what_another_bank_line_put_on_the_account_is_not_matched_again(bank, ledger):
    clearing = clear(bank.line("100.00"), [of_item(item(ledger, "100.00"), "100")], by=bank.accountant)
    own = clearing.entry.lines.get(account=bank.account.account)
    with pytest.raises(EntryNotClearable):
        clear(bank.line("100.00"), [Part(Kind.BOOKED, D("100"), entry_line=own)], by=bank.accountant)


def test_what_was_reversed_is_not_matched(bank):
    voucher = on_bank(bank, "100.00")
    reverse_entry(voucher.entry, by=bank.accountant, reason="typed twice")
    with pytest.raises(MatchBeyondEntry):
        clear(bank.line("100.00"), [Part(Kind.BOOKED, D("100"), entry_line=voucher)], by=bank.accountant)


def test_a_line_that_came_twice_is_put_aside_without_an_entry(bank):
    line = bank.line("45.10")
    clearing = clear(line, [Part(Kind.DUPLICATE, D("45.10"))], by=bank.accountant)
    assert (clearing.entry, left_of(line)) == (None, 0)


# To an account -------------------------------------------------------------------------------------------------------


def test_b1_a_part_payment_that_is_all_there_will_be_pays_the_invoice_in_full(bank, ledger):
    invoice, line = item(ledger, "100.00"), bank.line("50.00")
    rest = Part(Kind.WRITE_OFF, D("-50"), account=bank.books.account("payment_difference"))
    clearing = clear(line, [of_item(invoice, "100"), rest], by=bank.accountant)
    assert booked(clearing.entry) == {"1100": D(50), "1300": D(-100), "4915": D(50)}
    assert clearing.entry.line_count == 3
    assert (open_of(invoice), left_of(line)) == (0, 0)


def test_b5_a_whole_line_is_booked_to_one_account(bank):
    line, fees = bank.line("-12.10"), bank.books.account("provider_fees")
    clearing = clear(line, [Part(Kind.MODEL, D("-12.10"), account=fees)], by=bank.accountant)
    assert booked(clearing.entry) == {"1100": D("-12.10"), "4410": D("12.10")}
    assert clearing.entry.line_count == 2


def test_vat_of_a_cost_is_deducted(bank, ledger):
    part = Part(Kind.MODEL, D("-121"), account=ledger.cost, vat_code=ledger.code("INPUT_HIGH"))
    clearing = clear(bank.line("-121.00"), [part], by=bank.accountant)
    assert booked(clearing.entry) == {"1100": D(-121), ledger.cost.code: D(100), "1500": D(21)}
    assert returned(clearing.entry) == [("INPUT_HIGH", "BASE", D(100)), ("INPUT_HIGH", "DEDUCTIBLE", D(21))]
    assert clearing.entry.lines.get(vat_role="DEDUCTIBLE").vat_base == 100


def test_vat_of_a_sale_is_owed(bank, ledger):
    revenue = bank.books.account("revenue_other")
    part = Part(Kind.MODEL, D("109"), account=revenue, vat_code=ledger.code("LOW"))
    clearing = clear(bank.line("109.00"), [part], by=bank.accountant)
    assert booked(clearing.entry) == {"1100": D(109), revenue.code: D(-100), "1521": D(-9)}
    assert returned(clearing.entry) == [("LOW", "BASE", D(-100)), ("LOW", "TAX", D(-9))]
    assert clearing.entry.lines.get(vat_role="TAX").vat_base == 100


def test_vat_that_is_not_deducted_is_cost(bank, ledger):
    part = Part(Kind.MODEL, D("-121"), account=ledger.cost, vat_code=ledger.code("INPUT_HIGH_COST"))
    clearing = clear(bank.line("-121.00"), [part], by=bank.accountant)
    assert booked(clearing.entry) == {"1100": D(-121), ledger.cost.code: D(121)}
    assert returned(clearing.entry) == [("INPUT_HIGH_COST", "BASE", D(100))]


def test_vat_that_is_reversed_to_us_is_owed_and_deducted_beyond_the_amount(bank, ledger):
    part = Part(Kind.MODEL, D("-100"), account=ledger.cost, vat_code=ledger.code("ABROAD_IN"))
    clearing = clear(bank.line("-100.00"), [part], by=bank.accountant)
    assert booked(clearing.entry) == {"1100": D(-100), ledger.cost.code: D(100), "1525": D(-21), "1500": D(21)}
    assert {line.vat_base for line in clearing.entry.lines.filter(vat_base__isnull=False)} == {D(100)}


def test_a_vat_code_of_another_time_is_refused(bank, ledger):
    old = VatCode.objects.get(administration=ledger.administration, code="HIGH_19")
    part = Part(Kind.MODEL, D("119"), account=bank.books.account("revenue_other"), vat_code=old)
    with pytest.raises(VatCodeNotValid):
        clear(bank.line("119.00"), [part], by=bank.accountant)


def test_a_receipt_of_a_party_without_an_invoice_stands_to_its_credit(bank, ledger):
    part = Part(Kind.MODEL, D("80"), account=bank.books.account("customer_receivable"), party=ledger.customer())
    clear(bank.line("80.00"), [part], by=bank.accountant)
    assert OpenItem.objects.as_of().get().open == -80
    nobody = Part(Kind.MODEL, D("80"), account=bank.books.account("customer_receivable"))
    with pytest.raises(AccountIsControl):
        clear(bank.line("80.00"), [nobody], by=bank.accountant)


@pytest.mark.parametrize(
    ("amount", "fee", "refusal"),
    [("-100", "-101", MatchBeyondLine), ("-100", "-100", None), ("10", "-999", None)],
)
def test_e16_a_fee_is_within_the_money_that_it_was_kept_from(bank, ledger, amount, fee, refusal):
    """A withdrawal of 100 with a fee of 101, and of 100; a deposit of 10 that a fee of 999 was kept from."""
    parts = [Part(Kind.FEE, D(fee))]
    if D(amount) != D(fee) and refusal is None:
        parts.append(of_item(item(ledger, "1009.00"), "1009"))
    line = bank.line(amount)
    if refusal:
        with pytest.raises(refusal):
            clear(line, parts, by=bank.accountant)
    else:
        clear(line, parts, by=bank.accountant)
        assert left_of(line) == 0


def standing_order(bank: Bank, **fields) -> ReconciliationModel:
    return ReconciliationModel.objects.create(
        administration=bank.books.administration, name="Bank fees", trigger="auto_reconcile", **fields
    )


def test_daybook_by_itself_books_the_whole_line_that_a_model_says(bank):
    part = Part(Kind.MODEL, D("-12"), account=bank.books.account("provider_fees"))
    with pytest.raises(PersonRequired):
        clear(bank.line("-12.00"), [part], by=None)
    with pytest.raises(PersonRequired):
        clear(bank.line("-15.00"), [part], by=None, model=standing_order(bank))
    line = bank.line("-12.00")
    clear(line, [part], by=None, model=ReconciliationModel.objects.get())
    assert left_of(line) == 0


@pytest.mark.parametrize("kind", [Kind.WRITE_OFF, Kind.EXCHANGE, Kind.DUPLICATE])
def test_daybook_by_itself_writes_nothing_off(bank, kind):
    part = Part(kind, D("-12"), account=bank.books.account("provider_fees"))
    with pytest.raises(PersonRequired):
        clear(bank.line("-12.00"), [part], by=None, model=standing_order(bank))


def test_what_is_written_off_above_the_limit_is_a_draft_for_a_second_person(bank, ledger):
    administration = ledger.administration
    administration.manual_entry_limit = D(50)
    administration.save()
    part = Part(Kind.MODEL, D("-50.01"), account=ledger.cost)
    line = bank.line("-50.01")
    with pytest.raises(WriteOffAboveLimit) as refused:
        clear(line, [part], by=bank.accountant)
    assert "draft" in refused.value.detail()["hint"]
    assert left_of(line) == D("-50.01")
    clear(bank.line("-50.00"), [Part(Kind.MODEL, D("-50"), account=ledger.cost)], by=bank.accountant)
    clear(bank.line("-500.00"), [of_item(owed(ledger, "500.00"), "-500")], by=bank.accountant)


# What billing keeps --------------------------------------------------------------------------------------------------


def test_money_of_a_payer_is_entered_in_billing_first(bank):
    administration = bank.books.administration
    payer = Party.objects.create(administration=administration, kind="PAYER", code="ZK")
    document = Document("bill", new_id(), "C-1")
    lines = [
        Line(bank.books.account("payer_receivable"), debit=D(40), party=payer, document=document),
        Line(bank.books.account("revenue_consultation"), credit=D(40)),
    ]
    claim = OpenItem.objects.get(line__entry=EntryFactory(books=bank.books, lines=lines))
    with pytest.raises(ItemOfBilling):
        clear(bank.line("40.00"), [of_item(claim, "40")], by=bank.accountant)


# Flags and texts -----------------------------------------------------------------------------------------------------


def test_b8_a_line_to_check_stays_what_it_is(bank, ledger):
    line = bank.line("100.00")
    set_to_check(line, True, by=bank.accountant)
    assert left_of(line) == 100
    clear(line, [of_item(item(ledger, "100.00"), "100")], by=bank.accountant)
    line.refresh_from_db()
    assert (line.residual, line.to_check) == (0, True)
    set_to_check(line, False, by=bank.accountant)
    line.refresh_from_db()
    assert (line.residual, line.to_check) == (0, False)


SECRETS = {
    "label": "SECRET-LABEL Hansen",
    "reference": "SECRETREF1",
    "note": "SECRET-NOTE",
    "end_to_end_id": "SECRET-E2E",
    "bank_id": "SECRET-ID",
    "counterparty_name": "SECRET Hansen",
    "counterparty_iban": "NL02SECR0123456789",
}


def test_no_word_of_the_bank_leaves_the_line(bank, ledger, caplog, django_capture_on_commit_callbacks):
    line, invoice = bank.line("110.00", **SECRETS), item(ledger, "100.00")
    caplog.set_level("INFO")
    with django_capture_on_commit_callbacks(execute=True):
        part = Part(Kind.WRITE_OFF, D("10"), account=bank.books.account("payment_difference"))
        clear(line, [of_item(invoice, "100"), part], by=bank.accountant)
    entry = JournalEntry.objects.get(source_type="bank_clearing")
    assert entry.memo == f"ING, afschrift 2026-03, regel 1: {invoice.reference}, Betalingsverschillen"
    told = [entry.memo, entry.reference, *entry.lines.values_list("memo", flat=True)]
    told += [str(facts) for facts in Event.objects.values_list("facts", flat=True)]
    told += [str(vars(record)) for record in caplog.records]
    told += OpenItem.objects.values_list("reference", flat=True)
    assert told
    for text in told:
        assert "SECR" not in text
    assert Match.objects.count() == 2
