"""What an accountant's matches teach, and what undoing them takes away."""

import pytest

from apps.ledger.models import Account
from apps.reconciliation.models import KnownParty
from apps.reconciliation.services.clearing import Kind, Part, clear, undo
from apps.reconciliation.tests.guessing import applied, codes, found, owes, why
from apps.reconciliation.tests.matching import D, in_transit, of_item

FROM_HER = {"counterparty_iban": "NL20INGB0001234567", "counterparty_name": "Fam. Hansen-Berg"}


@pytest.fixture
def anna(ledger):
    return ledger.customer("C-1", name="Anna Olsen")


def known() -> set[tuple]:
    return set(KnownParty.objects.values_list("kind", "key", "party", "account", "confirmed", "undone"))


def pay(bank, ledger, anna, by, **said):
    (invoice,) = owes(ledger, anna, "100.00")
    line = bank.line("100.00", **{**FROM_HER, **said})
    return clear(line, [of_item(invoice, "100")], by=by)


def test_a_match_teaches_the_account_number_and_the_name(bank, ledger, anna):
    pay(bank, ledger, anna, bank.accountant)
    pay(bank, ledger, anna, bank.accountant, counterparty_name="")
    assert known() == {
        ("IBAN", "NL20INGB0001234567", anna.pk, None, 2, 0),
        ("NAME", "BERG FAM HANSEN", anna.pk, None, 1, 0),
    }


def test_what_daybook_did_by_itself_confirms_nothing(bank, ledger, anna):
    pay(bank, ledger, anna, None)
    assert known() == set()


def test_undoing_counts_against_it_whoever_made_it(bank, ledger, anna):
    undo(pay(bank, ledger, anna, bank.accountant, counterparty_name=""), by=bank.accountant)
    undo(pay(bank, ledger, anna, None, counterparty_name=""), by=bank.accountant)
    assert known() == {("IBAN", "NL20INGB0001234567", anna.pk, None, 1, 2)}


def test_after_two_confirmations_the_next_line_is_matched_by_itself(bank, ledger, anna):
    expected = [("LEARNED_ONCE", 25, 1), ("LEARNED", 30, 2), ("LEARNED", 34, 3)]
    for code, points, times in expected:
        clearing = pay(bank, ledger, anna, bank.accountant, counterparty_name="")
        (invoice,) = owes(ledger, anna, "70.00")
        line = bank.line("70.00", **{**FROM_HER, "counterparty_name": ""})
        (candidate,) = found(line).ranked
        assert (why(candidate, code).points, why(candidate, code).facts) == (points, {"by": "IBAN", "times": times})
        assert applied(line) == ({invoice.pk} if times > 1 else set())
        clear(line, [of_item(invoice, "70")], by=None)
    undo(clearing, by=bank.accountant)
    (_again, invoice) = owes(ledger, anna, "100.00", "70.00")
    (candidate,) = found(bank.line("70.00", **{**FROM_HER, "counterparty_name": ""})).ranked
    assert (candidate.open_item, why(candidate, "LEARNED_ONCE").facts["times"]) == (invoice.pk, 1)


def test_what_such_lines_were_booked_to_is_offered_and_never_applied(bank):
    account = Account.objects.get(administration=bank.books.administration, code="4200")
    for _ in range(3):
        line = bank.line("-45.10", **FROM_HER)
        clear(line, [Part(Kind.MODEL, D("-45.10"), account=account)], by=bank.accountant)
    line = bank.line("-51.00", **FROM_HER)
    (candidate,) = found(line).ranked
    assert (candidate.kind, candidate.account, candidate.amount) == ("MODEL", account.pk, D(-51))
    assert codes(candidate) == {"LEARNED"}
    assert applied(line) == set()


def test_card_takings_teach_the_account_that_they_stood_on(bank):
    line = bank.line("400.00", counterparty_iban="NL02ABNA0123456789")
    clear(line, [Part(Kind.TRANSIT, D(400), entry_line=in_transit(bank, "400.00"))], by=bank.accountant)
    (account,) = {account for _kind, _key, _party, account, *_counts in known()}
    assert account == bank.books.account("card_in_transit").pk


def test_a_line_for_two_parties_teaches_both_and_is_sure_of_neither(bank, ledger, anna):
    other = ledger.customer("C-2", name="Bernard Gagnant")
    for _ in range(2):
        (hers,), (his,) = owes(ledger, anna, "60.00"), owes(ledger, other, "40.00")
        clear(bank.line("100.00", **FROM_HER), [of_item(hers, "60"), of_item(his, "40")], by=bank.accountant)
    (invoice,) = owes(ledger, anna, "70.00")
    line = bank.line("70.00", **FROM_HER)
    assert (found(line).ranked[0].open_item, applied(line)) == (invoice.pk, set())


def test_a_line_that_says_nobody_teaches_nothing(bank, ledger, anna):
    (invoice,) = owes(ledger, anna, "100.00")
    clear(bank.line("100.00"), [of_item(invoice, "100")], by=bank.accountant)
    assert known() == set()
