"""Whose a bank line is."""

import pytest

from apps.billing.services.catalogue import register_patient
from apps.ledger.models import Party
from apps.ledger.tests.factories import open_test_books
from apps.reconciliation.models import KnownParty, PartyPattern
from apps.reconciliation.reports.candidates import recognise_parties
from apps.reconciliation.tests.bank import MARCH_31


@pytest.fixture
def doe(ledger) -> Party:
    party = ledger.supplier("S-1", name="John Doe & Co.")
    Party.objects.filter(pk=party.pk).update(iban="DE02000000003716541159")
    return party


def whose(*lines) -> list:
    found = recognise_parties(lines)
    return [found.get(line.pk) for line in lines]


def taught(bank, line_key: str, party: Party, kind: str = "IBAN", confirmed: int = 3, undone: int = 0) -> None:
    KnownParty.objects.create(
        administration=bank.books.administration,
        kind=kind,
        key=line_key,
        party=party,
        confirmed=confirmed,
        undone=undone,
        last_on=MARCH_31,
    )


@pytest.mark.parametrize("number", ["DE02000000003716541159", "000000003716541159", "DE02 0000 0000 3716 5411 59"])
def test_e13_by_iban_or_account_number(bank, doe, number):
    assert whose(bank.line("-1200.00", counterparty_iban=number)) == [doe.pk]
    assert whose(bank.line("-1200.00", counterparty_iban="DE75512108001245126199")) == [None]


def test_an_account_that_two_parties_have_says_neither(bank, ledger, doe):
    other = ledger.supplier("S-2", name="Doe Holding")
    Party.objects.filter(pk=other.pk).update(iban="DE02000000003716541159")
    assert whose(bank.line("-1.00", counterparty_iban="DE02000000003716541159")) == [None]


def test_e14_by_a_name_that_is_nearly_the_same(bank, ledger):
    ella = ledger.supplier("S-1", name="Jackson Ella W.")
    assert whose(bank.line("-1.00", counterparty_name="Ella Jackson")) == [ella.pk]


def test_e14_by_a_name_in_the_description(bank, ledger):
    microsoft = ledger.supplier("S-1", name="Microsoft")
    label = "subscription of the microsoft payments dept., msft ireland"
    assert whose(bank.line("-1.00", label=label)) == [microsoft.pk]


def test_a_name_that_two_bear_says_neither(bank, ledger):
    ledger.customer("C-1", name="Jan de Vries")
    ledger.customer("C-2", name="Vries, Jan de")
    assert whose(bank.line("1.00", counterparty_name="J. de Vries"), bank.line("1.00", label="Jan de Vries")) == [
        None,
        None,
    ]


def test_an_initial_is_not_enough_of_a_name(bank, ledger):
    ledger.customer("C-1", name="Jan Jansen")
    assert whose(bank.line("1.00", counterparty_name="J. Jansen")) == [None]


def test_a_patient_is_found_by_the_name_that_billing_keeps(bank):
    patient = register_patient(bank.books.administration, code="P-1", name="Anna Invented")
    line = bank.line("65.00", counterparty_name="INVENTED A. ANNA")
    assert whose(line) == [patient.party_id]
    assert patient.party.name == ""


def test_a23_by_patterns_that_all_hold(bank, ledger):
    party = ledger.customer()
    pattern = PartyPattern.objects.create(administration=bank.books.administration, label_pattern="toto.*", party=party)
    assert whose(bank.line("1.00", label="toto42"), bank.line("1.00", label="42")) == [party.pk, None]
    pattern.note_pattern = ".*coincoin"
    pattern.save()
    assert whose(bank.line("1.00", label="toto42"), bank.line("1.00", label="toto42", note="42coincoin")) == [
        None,
        party.pk,
    ]


@pytest.mark.parametrize("pattern", ["(a+)+$", "(", "(?:a|a)*b"])
def test_a_pattern_that_does_not_end_or_is_none_holds_nowhere(bank, ledger, pattern):
    PartyPattern.objects.create(
        administration=bank.books.administration, label_pattern=pattern, party=ledger.customer()
    )
    lines = [bank.line("1.00", label=f"{'a' * 60}!") for _ in range(3)]
    assert whose(*lines) == [None, None, None]


def test_by_what_was_confirmed_twice_and_not_undone(bank, ledger):
    party, other = ledger.customer("C-1"), ledger.customer("C-2")
    line = bank.line("1.00", counterparty_iban="NL20INGB0001234567")
    taught(bank, "NL20INGB0001234567", party, confirmed=1)
    assert whose(line) == [None]
    KnownParty.objects.update(confirmed=2)
    assert whose(line) == [party.pk]
    KnownParty.objects.update(undone=1)
    assert whose(line) == [None]
    KnownParty.objects.update(confirmed=9)
    taught(bank, "NL20INGB0001234567", other, confirmed=9)
    assert whose(line) == [None]  # an account of two


def test_an_account_number_says_more_than_a_name(bank, ledger, doe):
    ledger.supplier("S-2", name="Jackson Ella W.")
    iban = "DE02000000003716541159"
    assert whose(bank.line("-1.00", counterparty_iban=iban, counterparty_name="Ella Jackson")) == [doe.pk]


def test_parties_of_other_books_are_never_recognised(bank, ledger):
    books = open_test_books()
    Party.objects.create(administration=books.administration, kind="CUSTOMER", code="X", name="Ella Jackson")
    assert whose(bank.line("1.00", counterparty_name="Ella Jackson")) == [None]


def test_nothing_is_written(bank, doe, django_assert_num_queries):
    lines = [bank.line("-1.00", counterparty_iban="DE02000000003716541159") for _ in range(3)]
    lines = list(type(lines[0]).objects.select_related("administration"))
    with django_assert_num_queries(3) as asked:
        assert whose(*lines) == [doe.pk] * 3
    assert all(query["sql"].lstrip().startswith("SELECT") for query in asked.captured_queries)
    assert recognise_parties([]) == {}
