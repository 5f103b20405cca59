"""One bank line of a payout is its payments, less fees and refunds, in one clearing; what is unexplained is said."""

from datetime import timedelta
from decimal import Decimal as D

import pytest

from apps.billing.models import Payment
from apps.billing.tests.clinic import Clinic, make_clinic
from apps.core.errors import NotAllowed
from apps.ledger.models import JournalLine
from apps.ledger.tests.subledger import booked
from apps.reconciliation import checks
from apps.reconciliation.errors import (
    BankLineAlreadyReconciled,
    NoPayout,
    PayoutAmbiguous,
    PayoutUnexplained,
    PersonRequired,
)
from apps.reconciliation.models import Clearing, Match, MatchingOutcome
from apps.reconciliation.reports.clearable import left_to_clear
from apps.reconciliation.reports.payouts import payouts_for
from apps.reconciliation.services.clearing import Kind, Part, clear, undo
from apps.reconciliation.services.ruling import keep_model
from apps.reconciliation.services.running import batches_of, begin_run, end_run, match_batch
from apps.reconciliation.services.unpacking import payout_for, unpack
from apps.reconciliation.tests.bank import Bank
from apps.reconciliation.tests.matching import left_of
from apps.reconciliation.tests.paying_out import Provider, balance, bank_of, printed


@pytest.fixture
def clinic(db) -> Clinic:
    return make_clinic()


@pytest.fixture
def bank(clinic) -> Bank:
    return bank_of(clinic)


@pytest.fixture
def provider(clinic) -> Provider:
    return Provider(clinic)


def money_in(bank: Bank, clinic: Clinic, amount: str, label: str = "PSTK_359143", **fields):
    return bank.line(amount, label=label, date=clinic.today, **fields)


def run_over(bank: Bank):
    run = begin_run(bank.books.administration, by=None, bank_account=bank.account)
    for batch in batches_of(run):
        match_batch(run, *batch)
    return end_run(run)


def against(way) -> set[str]:
    return {reason.code for reason in way.reasons if reason.points < 0}


def nothing_found(clinic) -> bool:
    return not [one for check in checks.ALL for one in check(clinic.administration, clinic.today)]


# Paystack ------------------------------------------------------------------------------------------------------------


def test_a_payout_clears_its_payments_less_fees_and_refunds_in_one_entry(clinic, bank, provider):
    first, second = provider.paid("65.00", fee="0.65"), provider.paid("35.00", fee="0.35")
    clinic.finalized(clinic.yesterday)
    back = provider.gave_back(first, "5.00")
    clinic.finalized(clinic.today, by=clinic.owner)
    assert balance(clinic, "paystack_in_transit") == D(95)
    provider.payout("359143", first, second, deducts=(back,))
    line = money_in(bank, clinic, "94.00")

    way = payout_for(line)
    said = (way.called, way.gross, way.refunded, way.fees, way.unexplained, way.by_itself)
    assert said == ("PSTK_359143", D(100), D(5), D(1), 0, True)
    clearing = unpack(line, by=bank.accountant)

    rows = [(match.kind, match.amount) for match in clearing.matches.order_by("position")]
    assert rows == [("TRANSIT", D(65)), ("TRANSIT", D(35)), ("TRANSIT", D(-5)), ("FEE", D(-1))]
    assert (left_of(line), balance(clinic, "paystack_in_transit")) == (0, 0)
    posted = booked(clearing.entry)
    fees = JournalLine.objects.get(entry=clearing.entry, account__purpose="provider_fees").account.code
    assert (posted["1100"], posted[fees]) == (D(94), D(1))
    assert "PSTK_359143" in clearing.entry.memo
    lines = JournalLine.objects.filter(account__purpose="paystack_in_transit", entry__source_type="day_close")
    assert set(left_to_clear(list(lines)).values()) == {D(0)}  # the days' own lines are cleared with them
    assert nothing_found(clinic)


def test_daybook_takes_a_payout_apart_by_itself_where_number_and_net_agree(clinic, bank, provider):
    provider.payout("359143", provider.paid("65.00", fee="0.65"))
    line = money_in(bank, clinic, "64.35", label="PAYSTACK PAYMENTS PSTK 359143 /OURREF")
    run = run_over(bank)
    clearing = Clearing.objects.get(line=line)
    assert (run.matched, left_of(line), clearing.by) == (1, 0, None)
    assert clearing.score == 89
    assert {"PAYOUT", "AMOUNT"} < {reason["code"] for reason in clearing.reasons}
    # The day was not signed yet: signing it leaves nothing in transit, and nothing to clear.
    close = clinic.finalized(clinic.yesterday)
    assert (close.total_paystack, balance(clinic, "paystack_in_transit")) == (D(65), 0)
    assert set(left_to_clear(list(close.entry.lines.all()[:1])).values()) <= {D(0)}


def test_undoing_a_payout_opens_all_of_it(clinic, bank, provider):
    provider.payout("359143", provider.paid("65.00", fee="0.65"))
    clinic.finalized(clinic.yesterday)
    line = money_in(bank, clinic, "64.35")
    undo(unpack(line, by=bank.accountant), by=bank.accountant)
    assert (left_of(line), balance(clinic, "paystack_in_transit")) == (D("64.35"), D(65))
    assert unpack(line, by=bank.accountant).matches.count() == 2
    assert nothing_found(clinic)


def test_a_wallets_top_up_in_a_payout_is_part_of_its_days_line(clinic, bank, provider):
    provider.payout("359143", provider.paid("40.00"), provider.topped_up("25.00"))
    clinic.finalized(clinic.yesterday)
    line = money_in(bank, clinic, "64.00")
    assert [share.what for share in payout_for(line).shares] == ["PAYMENT", "TOP_UP", "FEE"]
    unpack(line, by=None)
    assert balance(clinic, "paystack_in_transit") == 0
    assert nothing_found(clinic)


def test_a_top_up_of_a_day_that_is_not_signed_waits_for_it(clinic, bank, provider):
    provider.payout("359143", provider.topped_up("25.00"))
    line = money_in(bank, clinic, "24.50")
    assert against(payout_for(line)) == {"NOT_IN_TRANSIT", "UNEXPLAINED"}
    assert run_over(bank).matched == 0
    clinic.finalized(clinic.yesterday)
    assert run_over(bank).matched == 1


@pytest.mark.parametrize(
    ("stated", "amount", "code"),
    [
        ({}, "64.34", "OTHER_NET"),
        ({"net": D("60.00")}, "60.00", "UNEXPLAINED"),  # a chargeback
        ({"fees": D("0.60"), "net": D("64.40")}, "64.40", "FEES_UNSURE"),
        ({"status": "pending"}, "64.35", "NOT_PAID_OUT"),
        ({"currency": "NGN"}, "64.35", "OTHER_CURRENCY"),
    ],
)
def test_what_does_not_agree_is_left_to_a_person_and_said(clinic, bank, provider, stated, amount, code):
    provider.payout("359143", provider.paid("65.00", fee="0.65"), **stated)
    line = money_in(bank, clinic, amount)
    assert code in against(payout_for(line))
    run_over(bank)
    outcome = MatchingOutcome.objects.get(line=line)
    assert outcome.outcome == "NEEDS_PERSON"
    assert code in {reason["code"] for reason in outcome.reasons}
    with pytest.raises(PersonRequired):
        unpack(line, by=None)
    assert not Clearing.objects.exists()


@pytest.mark.parametrize(("stated", "code"), [({"taken": False}, "NOT_TAKEN"), ({"status": "failed"}, "NOT_VERIFIED")])
def test_a_payment_that_is_not_here_or_not_confirmed_is_said(clinic, bank, provider, stated, code):
    provider.payout("359143", provider.paid("65.00", fee="0.65"), provider.paid("10.00", fee="0.10", **stated))
    line = money_in(bank, clinic, "74.25")
    assert code in against(payout_for(line))
    assert run_over(bank).matched == 0


def test_what_is_unexplained_is_never_posted_silently(clinic, bank, provider):
    provider.payout("359143", provider.paid("65.00", fee="0.65"), net=D("60.00"))
    line = money_in(bank, clinic, "60.00")
    with pytest.raises(PayoutUnexplained) as refused:
        unpack(line, by=bank.accountant)
    assert refused.value.facts == {"payout": "PSTK_359143", "amount": "-4.35"}
    account = bank.books.account("payment_difference")
    clearing = unpack(line, by=bank.accountant, difference_account=account)
    assert [(match.kind, match.amount) for match in clearing.matches.order_by("position")] == [
        ("TRANSIT", D(65)),
        ("FEE", D("-0.65")),
        ("WRITE_OFF", D("-4.35")),
    ]
    assert left_of(line) == 0


def test_a_payout_comes_once(clinic, bank, provider):
    provider.payout("359143", provider.paid("65.00", fee="0.65"))
    first, second = money_in(bank, clinic, "64.35"), money_in(bank, clinic, "64.35")
    run = run_over(bank)
    assert (run.matched, run.left) == (1, 1)
    assert (left_of(first), left_of(second)) == (0, D("64.35"))
    assert "CLEARED_BEFORE" in against(payout_for(second))
    with pytest.raises(BankLineAlreadyReconciled):
        unpack(first, by=bank.accountant)


def test_a_day_that_was_cleared_as_a_whole_is_not_cleared_again(clinic, bank, provider):
    provider.payout("359143", provider.paid("65.00", fee="0.65"))
    entry = clinic.finalized(clinic.yesterday).entry
    transit = entry.lines.get(account__purpose="paystack_in_transit")
    clear(money_in(bank, clinic, "65.00", "x"), [Part(Kind.TRANSIT, D(65), entry_line=transit)], by=bank.accountant)
    line = money_in(bank, clinic, "64.35")
    assert "NOT_IN_TRANSIT" in against(payout_for(line))
    with pytest.raises(PayoutUnexplained):
        unpack(line, by=bank.accountant)
    assert balance(clinic, "paystack_in_transit") == 0


def test_a_line_without_the_number_is_a_proposal_by_its_net(clinic, bank, provider):
    provider.payout("359143", provider.paid("65.00", fee="0.65"))
    line = money_in(bank, clinic, "64.35", "weekly", counterparty_name="Paystack Payments Ltd")
    (way,) = payouts_for([line])[line.pk]
    assert (way.called, way.unexplained, way.is_identified, way.by_itself) == ("PSTK_359143", 0, False, False)
    assert run_over(bank).matched == 0
    assert unpack(line, by=bank.accountant).matches.count() == 2


def test_two_payouts_of_one_net_without_a_number_are_a_tie(clinic, bank, provider):
    for number in ("1", "2"):
        provider.payout(number, provider.paid("65.00", fee="0.65"))
    line = money_in(bank, clinic, "64.35", "weekly", counterparty_name="Paystack")
    with pytest.raises(PayoutAmbiguous) as refused:
        unpack(line, by=bank.accountant)
    assert len(refused.value.facts["payouts"]) == 2
    unpack(line, by=bank.accountant, key=refused.value.facts["payouts"][1])
    assert left_of(line) == 0


def test_a_line_that_is_none_is_refused_by_name(clinic, bank):
    for label in ("thank you", "PSTK_404"):
        with pytest.raises(NoPayout):
            unpack(money_in(bank, clinic, "64.35", label), by=bank.accountant)


def test_only_who_matches_the_bank_takes_a_payout_apart(clinic, bank, provider):
    provider.payout("359143", provider.paid("65.00", fee="0.65"))
    for person in (clinic.owner, clinic.manager, clinic.receptionist):
        with pytest.raises(NotAllowed):
            unpack(money_in(bank, clinic, "64.35"), by=person)


# Cards ---------------------------------------------------------------------------------------------------------------


def acquirer(bank: Bank, tolerance: str = "2", **fields):
    """A model that says that lines of CCV are card settlements, with a fee of so many percent at most."""
    facts = {"name": "CCV", "kind": "SETTLEMENT", "trigger": "auto_reconcile", "label_pattern": "CCV", **fields}
    return keep_model(bank.books.administration, by=bank.accountant, tolerance=D(tolerance), **facts)


def taken(clinic: Clinic, *amounts: str) -> list:
    """Signed days before today on which cards were taken, oldest first; the signed days."""
    days = [clinic.today - timedelta(days=back) for back in range(len(amounts), 0, -1)]
    for day, amount in zip(days, amounts, strict=True):
        clinic.pay(clinic.bill(amount, day=day), amount, "CARD", day=day)
        clinic.finalized(day)
    return days


def test_days_of_card_takings_less_a_fee_are_taken_apart(clinic, bank):
    model = acquirer(bank)
    taken(clinic, "120.00", "80.00", "300.00")
    line = money_in(bank, clinic, "197.40", "CCV SETTLEMENT")  # of 200.00: 1.3 %
    assert run_over(bank).matched == 1
    clearing = Clearing.objects.get(line=line)
    rows = [(match.kind, match.amount) for match in clearing.matches.order_by("position")]
    assert rows == [("TRANSIT", D(120)), ("TRANSIT", D(80)), ("FEE", D("-2.60"))]
    assert (clearing.model, balance(clinic, "card_in_transit")) == (model, D(300))
    assert balance(clinic, "provider_fees") == D("2.60")
    assert nothing_found(clinic)


def test_a_fee_beyond_what_the_model_says_is_nobodys_guess(clinic, bank):
    acquirer(bank, "1")
    taken(clinic, "200.00")
    line = money_in(bank, clinic, "197.40", "CCV SETTLEMENT")
    assert payouts_for([line]) == {}
    assert run_over(bank).matched == 0


def test_days_of_one_amount_are_a_tie(clinic, bank):
    acquirer(bank)
    taken(clinic, "100.00", "100.00")
    line = money_in(bank, clinic, "99.00", "CCV SETTLEMENT")
    run = run_over(bank)
    assert (run.matched, run.ambiguous, left_of(line)) == (0, 1, D(99))


def test_the_number_of_the_batch_says_which_day(clinic, bank):
    acquirer(bank)
    days = [clinic.today - timedelta(days=back) for back in (2, 1)]
    for number, day in zip(("004711", "004712"), days, strict=True):
        clinic.pay(clinic.bill("100.00", day=day), "100.00", "CARD", day=day)
        printed(clinic, day, number, "100.00")
        clinic.finalized(day)
    line = money_in(bank, clinic, "99.00", "CCV BATCH 004712")
    assert run_over(bank).matched == 1
    match = Match.objects.get(clearing__line=line, kind="TRANSIT")
    assert (match.entry_line.date, match.amount) == (days[1], D(100))


def test_a_terminal_that_printed_another_total_than_the_books_have_waits_for_a_person(clinic, bank):
    acquirer(bank)
    clinic.pay(clinic.bill("100.00", day=clinic.yesterday), "100.00", "CARD", day=clinic.yesterday)
    printed(clinic, clinic.yesterday, "004711", "90.00")
    clinic.finalized(clinic.yesterday)
    line = money_in(bank, clinic, "100.00", "CCV SETTLEMENT")
    assert against(payout_for(line)) == {"TERMINAL_DIFFERS"}
    assert run_over(bank).matched == 0
    assert unpack(line, by=bank.accountant).matches.count() == 1


def test_a_model_for_people_proposes_and_waits(clinic, bank):
    acquirer(bank, trigger="manual")
    taken(clinic, "100.00")
    line = money_in(bank, clinic, "100.00", "CCV SETTLEMENT")
    run_over(bank)
    assert MatchingOutcome.objects.get(line=line).outcome == "NEEDS_PERSON"
    unpack(line, by=bank.accountant)
    assert balance(clinic, "card_in_transit") == 0


def test_without_a_model_no_line_is_a_card_settlement(clinic, bank):
    taken(clinic, "100.00")
    assert payouts_for([money_in(bank, clinic, "100.00", "CCV SETTLEMENT")]) == {}


def test_a_payout_asks_no_more_when_it_grows(clinic, bank, provider, django_assert_max_num_queries):
    """Reading it, and taking it apart: as many queries for two payments as for seven."""
    counted = []
    for number, payments in (("1", 2), ("2", 7)):
        stated = [provider.paid("10.00", fee="0.10") for _payment in range(payments)]
        provider.payout(number, *stated)
        line = money_in(bank, clinic, f"{payments * D('9.90')}", f"PSTK_{number}")
        with django_assert_max_num_queries(200) as read:
            payouts_for([line])
        with django_assert_max_num_queries(200) as done:
            unpack(line, by=bank.accountant)
        counted.append((len(read), len(done)))
    assert counted[1] <= counted[0]  # the first one opened an account
    assert Payment.objects.filter(matches__active=True).count() == 9
