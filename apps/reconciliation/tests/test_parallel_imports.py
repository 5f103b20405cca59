"""Many import the same file at once: one statement comes of it."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
from django.db import connection

from apps.core.services.uploads import store_upload
from apps.ledger.tests.factories import open_test_books
from apps.reconciliation.models import Statement, StatementImport, StatementLine
from apps.reconciliation.services.importing import begin_import, import_statements
from apps.reconciliation.tests.bank import open_test_bank
from apps.reconciliation.tests.files import balanced
from apps.reconciliation.tests.statement_files import OWN, balance, camt, entry
from apps.reconciliation.tests.test_importing import MARCH

CALLERS = 20
CAMT = camt(
    *(entry("1.00", reference=f"ASR-{number}") for number in range(10)),
    balances=balance("OPBD", "0.00") + balance("CLBD", "10.00"),
)


@pytest.mark.parametrize(("name", "text"), [("bank.csv", balanced(MARCH, 0)), ("bank.xml", CAMT)])
def test_twenty_at_once_make_one_statement(committed, db, name, text):
    bank = open_test_bank(open_test_books(), iban=OWN)
    facts = {"administration": bank.books.administration, "purpose": "statement", "name": name}
    upload = store_upload(BytesIO(text.encode()), **facts, by=bank.accountant)

    def call(_number):
        try:
            return import_statements(begin_import(upload, bank.account, by=bank.accountant), by=bank.accountant)
        finally:
            connection.close()

    with ThreadPoolExecutor(CALLERS) as callers:
        done = list(callers.map(call, range(CALLERS)))
    assert sorted(one.statement_import.lines_new for one in done) == [0] * (CALLERS - 1) + [10]
    assert {one.statements for one in done} == {(Statement.objects.get(),)}
    assert StatementLine.objects.count() == 10
    assert StatementImport.objects.count() == CALLERS
