"""A match is undone: the books are as before, what it settled is open again, the history stays."""

from datetime import date

import pytest
from django.utils import timezone

from apps.core.errors import NotAllowed
from apps.core.models import Event
from apps.core.services.delivery import deliver_due
from apps.core.tests.factories import member
from apps.ledger.errors import PeriodClosed
from apps.ledger.models import JournalLine, OpenItem
from apps.ledger.reports.ageing import Kind as AgeingKind
from apps.ledger.reports.ageing import ageing
from apps.ledger.services.posting import reverse_entry
from apps.ledger.tests.subledger import booked
from apps.reconciliation.errors import BankLineNotMatched
from apps.reconciliation.models import ClearedLine, Clearing, FullReconcile, Match
from apps.reconciliation.services.clearing import Kind, Part, clear, undo, undo_line
from apps.reconciliation.tests.bank import open_test_bank
from apps.reconciliation.tests.matching import D, in_transit, item, left_of, of_item, on_bank, open_of, owed

MARCH_31 = date(2026, 3, 31)


def test_b2_a_match_that_is_undone_leaves_the_line_open_and_the_rows_there(bank, ledger):
    invoice, line = item(ledger, "100.00"), bank.line("100.00")
    clearing = clear(line, [of_item(invoice, "100")], by=bank.accountant)
    assert left_of(line) == 0
    undone = undo(clearing, by=bank.accountant)
    assert left_of(line) == 100
    assert (undone.undone_by, undone.reversal.reverses) == (bank.accountant, clearing.entry)
    assert undone.reversal.date == line.date
    assert booked(undone.reversal) == {"1100": D(-100), "1300": D(100)}
    assert [match.active for match in Match.objects.all()] == [False]
    assert ClearedLine.objects.get().cleared == 0
    event = Event.objects.get(name="bank.reconciliation.undone")
    assert (event.subject_id, event.facts["clearing_id"]) == (line.pk, str(clearing.pk))


@pytest.mark.parametrize(("kind", "amount"), [(AgeingKind.RECEIVABLE, "100.00"), (AgeingKind.PAYABLE, "-100.00")])
def test_what_it_settled_is_owed_again_since_it_was_due(bank, ledger, kind, amount):
    due = {"due_date": date(2026, 3, 11)}
    invoice = item(ledger, "100.00", **due) if kind == AgeingKind.RECEIVABLE else owed(ledger, "100.00", **due)
    line = bank.line(amount, date=date(2026, 3, 20))
    clearing = clear(line, [of_item(invoice, amount)], by=bank.accountant)
    assert not ageing(ledger.administration, kind, MARCH_31).rows
    undo(clearing, by=bank.accountant)
    (row,) = ageing(ledger.administration, kind, MARCH_31).rows
    assert (row.document, row.open, row.due_date, row.days_overdue) == (invoice.reference, 100, date(2026, 3, 11), 20)


def test_what_it_settled_can_be_settled_again(bank, ledger):
    invoice, line = item(ledger, "100.00"), bank.line("100.00")
    undo(clear(line, [of_item(invoice, "100")], by=bank.accountant), by=bank.accountant)
    again = OpenItem.objects.as_of().exclude(open=0).get()
    assert (again.document_type, again.document_id, again.open) == ("customer_invoice", invoice.document_id, 100)
    clear(line, [of_item(again, "100")], by=bank.accountant)
    assert left_of(line) == 0
    assert not OpenItem.objects.as_of().exclude(open=0)
    full = FullReconcile.objects.get(dissolved_at=None)
    assert full.matches.get().open_item == again


def test_a_part_that_was_paid_and_undone_is_open_beside_the_rest(bank, ledger):
    invoice, line = item(ledger, "100.00"), bank.line("40.00")
    undo(clear(line, [of_item(invoice, "40")], by=bank.accountant), by=bank.accountant)
    rest = OpenItem.objects.as_of().exclude(open=0).order_by("amount")
    assert [(one.open, one.document_id == invoice.document_id) for one in rest] == [(40, True), (60, True)]
    clear(bank.line("100.00"), [of_item(one, str(one.open)) for one in rest], by=bank.accountant)
    assert FullReconcile.objects.get().matches.count() == 2


def test_the_sub_ledger_proves_at_every_date_around_it(bank, ledger):
    invoice = item(ledger, "100.00", day=date(2026, 3, 10))
    line = bank.line("60.00", date=date(2026, 3, 3))
    undo(clear(line, [of_item(invoice, "60")], by=bank.accountant), by=bank.accountant)
    control = JournalLine.objects.filter(account=bank.books.account("customer_receivable"))
    for day in (1, 3, 9, 10, 31):
        on = date(2026, 3, day)
        assert control.up_to(on).balance() == sum(one.open for one in OpenItem.objects.as_of(on))


def test_only_what_the_match_made_is_undone(bank, ledger):
    invoice, line = item(ledger, "100.00"), bank.line("100.00")
    first = clear(line, [of_item(invoice, "60")], by=bank.accountant)
    clear(line, [of_item(invoice, "40")], by=bank.accountant)
    undo(first, by=bank.accountant)
    assert left_of(line) == 60
    assert sum(one.open for one in OpenItem.objects.as_of()) == 60


def test_a_line_is_undone_with_all_its_matches(bank, ledger):
    invoice, line = item(ledger, "60.00"), bank.line("100.00")
    clear(line, [of_item(invoice, "60")], by=bank.accountant)
    clear(line, [Part(Kind.BOOKED, D(40), entry_line=on_bank(bank, "40.00"))], by=bank.accountant)
    undo_line(line, by=bank.accountant)
    assert left_of(line) == 100
    assert not Clearing.objects.filter(undone_at=None)
    with pytest.raises(BankLineNotMatched):
        undo_line(line, by=bank.accountant)


def test_what_is_undone_is_undone_once(bank, ledger):
    clearing = clear(bank.line("100.00"), [of_item(item(ledger, "100.00"), "100")], by=bank.accountant)
    undo(clearing, by=bank.accountant)
    with pytest.raises(BankLineNotMatched):
        undo(clearing, by=bank.accountant)


def test_whoever_does_not_keep_the_bank_undoes_nothing(bank, ledger):
    clearing = clear(bank.line("100.00"), [of_item(item(ledger, "100.00"), "100")], by=bank.accountant)
    with pytest.raises(NotAllowed):
        undo(clearing, by=member(ledger.administration, "owner"))


def test_a_match_of_a_closed_period_stays_and_says_the_way_out(bank, ledger):
    line = bank.line("100.00")
    clearing = clear(line, [of_item(item(ledger, "100.00"), "100")], by=bank.accountant)
    bank.books.set_status("2026-03", "FINALIZED")
    with pytest.raises(PeriodClosed) as refused:
        undo(clearing, by=bank.accountant)
    assert refused.value.detail()["hint"].startswith("Reopen 2026-03 first")
    assert left_of(line) == 0


def test_a_match_that_posted_nothing_is_undone_in_a_closed_period_too(bank):
    line = bank.line("40.00")
    clearing = clear(line, [Part(Kind.BOOKED, D(40), entry_line=on_bank(bank, "40.00"))], by=bank.accountant)
    bank.books.set_status("2026-03", "LOCKED")
    undo(clearing, by=bank.accountant)
    assert left_of(line) == 40


def test_e2_a_booked_voucher_is_free_again(bank):
    voucher, line = on_bank(bank, "1700.00"), bank.line("1700.00")
    undo(clear(line, [Part(Kind.BOOKED, D(1700), entry_line=voucher)], by=bank.accountant), by=bank.accountant)
    clear(line, [Part(Kind.BOOKED, D(1700), entry_line=voucher)], by=bank.accountant)
    assert left_of(line) == 0


def test_money_is_in_transit_again(bank):
    card, line = in_transit(bank, "100.00"), bank.line("97.00")
    parts = [Part(Kind.TRANSIT, D(100), entry_line=card), Part(Kind.FEE, D(-3))]
    undo(clear(line, parts, by=None), by=bank.accountant)
    transit = JournalLine.objects.filter(account=card.account)
    assert (transit.balance(), ClearedLine.objects.get().cleared) == (100, 0)


def test_one_undone_match_dissolves_its_set_and_the_others_reconcile_again(bank, ledger):
    invoice, lines = item(ledger, "100.00"), [bank.line("60.00"), bank.line("40.00")]
    clear(lines[0], [of_item(invoice, "60")], by=bank.accountant)
    second = clear(lines[1], [of_item(invoice, "40")], by=bank.accountant)
    undo(second, by=bank.accountant)
    assert FullReconcile.objects.get().dissolved_at <= timezone.now()
    again = OpenItem.objects.as_of().exclude(open=0).get()
    clear(lines[1], [of_item(again, "40")], by=bank.accountant)
    full = FullReconcile.objects.get(dissolved_at=None)
    assert {match.clearing.line for match in full.matches.all()} == set(lines)


# From one account of our own to another ------------------------------------------------------------------------------


@pytest.fixture
def savings(bank):
    from apps.ledger.models import Account, Journal

    mine = {"administration": bank.books.administration}
    account = Account.objects.create(**mine, code="1105", name="Sparen", type="ASSET", place="CURRENT_ASSETS")
    journal = Journal.objects.create(**mine, code="SAV", name="Sparen", type="BANK")
    return open_test_bank(bank.books, account=account, journal=journal, name="Sparen", iban="NL02RABO0123456789")


def test_money_between_own_accounts_passes_through_one_account_and_is_undone_on_both_sides(bank, savings):
    out, into = bank.line("-500.00"), savings.line("500.00", date=date(2026, 4, 1))
    sent = clear(out, [Part(Kind.TRANSFER, D(-500))], by=None)
    assert booked(sent.entry) == {"1100": D(-500), "1170": D(500)}
    on_its_way = sent.entry.lines.get(account__purpose="own_transfers")
    arrived = clear(into, [Part(Kind.TRANSFER, D(500), entry_line=on_its_way)], by=None)
    assert booked(arrived.entry) == {"1105": D(500), "1170": D(-500)}
    sent.refresh_from_db()
    assert (sent.other_side, arrived.other_side) == (arrived, sent)
    assert FullReconcile.objects.get().matches.count() == 1
    undo(arrived, by=bank.accountant)
    assert (left_of(out), left_of(into)) == (-500, 500)
    assert JournalLine.objects.filter(account__purpose="own_transfers").balance() == 0


# Reversed elsewhere --------------------------------------------------------------------------------------------------


def test_an_entry_that_is_reversed_in_the_ledger_opens_its_line_a_moment_later(bank, ledger):
    line = bank.line("100.00")
    clearing = clear(line, [of_item(item(ledger, "100.00"), "100")], by=bank.accountant)
    reversal = reverse_entry(clearing.entry, by=bank.accountant, reason="wrong invoice")
    deliver_due()
    clearing.refresh_from_db()
    assert (left_of(line), clearing.reversal, clearing.undone_by) == (100, reversal, None)


def test_e7_a_voucher_that_is_reversed_in_the_ledger_opens_its_line_a_moment_later(bank):
    voucher, line = on_bank(bank, "40.00"), bank.line("40.00")
    clear(line, [Part(Kind.BOOKED, D(40), entry_line=voucher)], by=bank.accountant)
    reverse_entry(voucher.entry, by=bank.accountant, reason="typed twice")
    deliver_due()
    assert left_of(line) == 40


def test_an_item_that_was_paid_is_not_paid_any_less_because_its_invoice_is_reversed(bank, ledger):
    invoice, line = item(ledger, "100.00"), bank.line("100.00")
    clear(line, [of_item(invoice, "100")], by=bank.accountant)
    reverse_entry(invoice.line.entry, by=bank.accountant, reason="wrong customer")
    deliver_due()
    assert left_of(line) == 0
    assert (open_of(invoice), sum(one.open for one in OpenItem.objects.as_of())) == (0, -100)
