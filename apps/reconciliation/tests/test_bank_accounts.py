"""Accounts at banks: opened with journal and ledger account, the first one with the books; CSV mappings."""

import importlib

import pytest
from django.apps import apps as registry

from apps.core.errors import NotAllowed, UnknownCurrency
from apps.core.models import Event
from apps.ledger.models import Account, Journal
from apps.ledger.tests.factories import open_test_books
from apps.reconciliation.errors import (
    BankAccountInUse,
    BankAccountKnown,
    BankAccountUnfit,
    CsvMappingInvalid,
    CsvMappingKnown,
)
from apps.reconciliation.handlers import open_bank_account as handle_opened_books
from apps.reconciliation.models import BankAccount, CsvMapping
from apps.reconciliation.services.bank_accounts import (
    change_bank_account,
    delete_mapping,
    open_bank_account,
    save_mapping,
)
from apps.reconciliation.tests.files import csv_of, imported, row

PLAIN = {"date": "Date", "amount": "Amount"}


@pytest.mark.parametrize("chart", ["nl", "no", "general"])
def test_new_books_begin_with_a_bank_account(db, chart):
    books = open_test_books(chart)
    event = Event.objects.get(name="ledger.books_opened", subject_id=books.administration.pk)
    handle_opened_books(event)
    handle_opened_books(event)
    account = BankAccount.objects.get()
    assert (account.journal.code, account.account.purpose) == ("BNK", "bank")
    assert (account.currency, account.iban) == (books.administration.currency, "")


def test_books_that_were_there_before_get_theirs_by_migration(db):
    books = open_test_books()
    migration = importlib.import_module("apps.reconciliation.migrations.0002_first_bank_accounts")
    migration.open_first(registry, None)
    migration.open_first(registry, None)
    account = BankAccount.objects.get()
    assert (account.administration, account.account) == (books.administration, books.account("bank"))


def test_a_further_account_has_a_journal_and_a_ledger_account_of_its_own(bank):
    opened = open_bank_account(
        bank.books.administration, name="Savings", iban="NL02 ingb 0000000001", currency="USD", by=bank.accountant
    )
    assert (opened.iban, opened.currency) == ("NL02INGB0000000001", "USD")
    assert (opened.journal.code, opened.journal.type, opened.journal.name) == ("BNK2", Journal.Type.BANK, "Savings")
    first = bank.books.account("bank")
    assert (opened.account.name, opened.account.type, opened.account.purpose) == ("Savings", first.type, "")
    assert opened.account.code > first.code


def test_an_account_stands_where_money_is(bank):
    of = {"name": "Other", "by": bank.accountant}
    cost = Account.objects.filter(administration=bank.books.administration, type="EXPENSE").first()
    with pytest.raises(BankAccountUnfit):
        open_bank_account(bank.books.administration, account=cost, **of)
    with pytest.raises(BankAccountUnfit):
        open_bank_account(bank.books.administration, account=bank.books.account("patient_receivable"), **of)
    with pytest.raises(BankAccountUnfit):
        open_bank_account(bank.books.administration, journal=bank.books.journal, **of)
    with pytest.raises(UnknownCurrency):
        open_bank_account(bank.books.administration, currency="XYZ", **of)


def test_a_number_a_journal_and_a_ledger_account_are_one_account_s(bank):
    of = {"name": "Other", "by": bank.accountant}
    with pytest.raises(BankAccountKnown):
        open_bank_account(bank.books.administration, iban=bank.account.iban, **of)
    with pytest.raises(BankAccountKnown):
        open_bank_account(bank.books.administration, account=bank.account.account, **of)
    with pytest.raises(BankAccountKnown):
        open_bank_account(bank.books.administration, journal=bank.account.journal, **of)


def test_the_number_of_an_account_with_statements_stays(bank):
    changed = change_bank_account(bank.account, iban="NL02INGB0000000001", name="House bank", by=bank.accountant)
    assert (changed.iban, changed.name) == ("NL02INGB0000000001", "House bank")
    imported(bank, csv_of(row(2, "5.00")))
    with pytest.raises(BankAccountInUse):
        change_bank_account(changed, iban="NL91ABNA0417164300", by=bank.accountant)
    assert change_bank_account(changed, is_active=False, by=bank.accountant).is_active is False


@pytest.mark.parametrize("role", ["owner"])
def test_only_whoever_keeps_the_accounts_opens_and_changes_them(bank, role):
    with pytest.raises(NotAllowed):
        open_bank_account(bank.books.administration, name="Other", by=bank.books.owner)
    with pytest.raises(NotAllowed):
        change_bank_account(bank.account, name="Other", by=bank.books.owner)
    with pytest.raises(NotAllowed):
        save_mapping(CsvMapping(administration=bank.books.administration, name="x"), by=bank.books.owner)


def test_a_mapping_that_somebody_made_reads_the_files_that_it_fits(bank):
    columns = {"date": "When", "amount": "How much", "label": "What"}
    mapping = CsvMapping(administration=bank.books.administration, name="Mine", decimal_mark=".", columns=columns)
    save_mapping(mapping, by=bank.accountant)
    done = imported(bank, "When;What;How much\n2026-03-02;rent;-5.00\n")
    assert (done.statement_import.mapping, done.statement_import.lines_new) == ("Mine", 1)
    delete_mapping(mapping, by=bank.accountant)
    assert not CsvMapping.objects.exists()


def test_a_mapping_says_what_it_lacks_and_has_a_name_of_its_own(bank):
    of = {"administration": bank.books.administration}
    with pytest.raises(CsvMappingInvalid) as refused:
        save_mapping(CsvMapping(**of, name="x", columns={"date": "Date", "what": "x"}), by=bank.accountant)
    assert len(refused.value.facts["problems"]) == 2
    with pytest.raises(CsvMappingInvalid):
        save_mapping(CsvMapping(**of, name="x", decimal_mark=";", columns=PLAIN), by=bank.accountant)
    save_mapping(CsvMapping(**of, name="Mine", columns=PLAIN), by=bank.accountant)
    with pytest.raises(CsvMappingKnown):
        save_mapping(CsvMapping(**of, name="MINE", columns=PLAIN), by=bank.accountant)
