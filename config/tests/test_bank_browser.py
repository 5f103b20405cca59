"""A bank's file in a real browser: what it adds is seen before it comes in; a mapping beside what it reads."""

import pytest

from apps.billing.tests.clinic import make_clinic
from apps.reconciliation.models import BankAccount, CsvMapping, StatementLine
from apps.reconciliation.services.bank_accounts import open_bank_account
from config.tests.test_browser import SIZES, desk

__all__ = ["SIZES", "desk"]
pytestmark = pytest.mark.usefixtures("committed")

ROWS = [
    "2026-03-02,Patients by card terminal,1377.20,4377.20",
    "2026-03-03,Bank fees of February,-45.10,4332.10",
    '2026-03-03,"Hansen, invoice INV-2026-0117",305.00,4637.10',
]
FILE = "\n".join(["Date,Description,Amount,Balance", *ROWS, ""]).encode()
ODD = b"When;What;Out;In\n02.03.2026;Rent;1.250,00;\n03.03.2026;Insurer;;2.480,75\n"


@pytest.fixture
def clinic(committed):
    clinic = make_clinic()
    open_bank_account(clinic.administration, name="ING", iban="NL91ABNA0417164300", by=clinic.accountant)
    return clinic


def file_of(name, content):
    return {"name": name, "mimeType": "text/csv", "buffer": content}


def test_what_a_file_adds_is_seen_before_it_is_imported(desk, clinic):
    page = desk.sign_in(clinic.accountant)
    page.goto(f"{desk.url}/admin/reconciliation/statementimport/import/")
    page.locator("#id_file").set_input_files(file_of("march.csv", FILE))
    trial = page.locator("#trial")
    trial.get_by_text("3 new, 0 known, 0 ambiguous").wait_for()
    assert trial.get_by_text("Hansen, invoice INV-2026-0117").is_visible()
    assert not StatementLine.objects.exists()
    desk.look(page, "bank-import")

    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_role("link", name="2026-03-02 \N{EN DASH} 2026-03-03").wait_for()
    assert page.get_by_text("Adds up").first.is_visible()
    desk.look(page, "bank-imported")
    page.get_by_role("link", name="2026-03-02 \N{EN DASH} 2026-03-03").click()
    page.get_by_text("Bank fees of February").wait_for()
    desk.look(page, "bank-statement")
    assert StatementLine.objects.count() == 3

    page.goto(f"{desk.url}/admin/reconciliation/statementimport/import/")
    page.locator("#id_file").set_input_files(file_of("march.csv", FILE))
    page.get_by_text("0 new, 3 known, 0 ambiguous").wait_for()
    page.locator("#id_file").set_input_files(file_of("odd.csv", ODD))
    page.get_by_text("no mapping fits its columns").wait_for()
    desk.look(page, "bank-import-refused")
    for name in ("statement", "statementline", "statementimport", "bankaccount", "csvmapping"):
        page.goto(f"{desk.url}/admin/reconciliation/{name}/")
        desk.look(page, f"bank-list-{name}")


def test_a_mapping_is_made_beside_what_it_reads(desk, clinic):
    page = desk.sign_in(clinic.accountant)
    page.goto(f"{desk.url}/admin/reconciliation/csvmapping/add/")
    page.locator("#id_file").set_input_files(file_of("odd.csv", ODD))
    page.locator("#trial").get_by_text("Insurer").wait_for()  # the file as it stands
    assert page.locator("#headings option").count() == 4
    page.get_by_label("Name", exact=True).fill("Small bank")
    page.get_by_label("Dates are written").select_option("%d.%m.%Y")
    page.get_by_label("Sign").select_option("TWO_COLUMNS")
    for field, heading in (("date", "When"), ("label", "What"), ("debit", "Out"), ("credit", "In")):
        page.locator(f"#id_column_{field}").fill(heading)
    page.get_by_text("2 lines").wait_for()
    assert page.locator("#trial").get_by_text("(1,250.00)").first.is_visible()
    desk.look(page, "bank-mapping")
    page.get_by_role("button", name="Keep the mapping").click()
    page.get_by_text("The mapping is kept.").wait_for()
    mapping = CsvMapping.objects.get()
    assert mapping.columns == {"date": "When", "label": "What", "debit": "Out", "credit": "In"}

    page.goto(f"{desk.url}/admin/reconciliation/statementimport/import/")
    page.locator("#id_file").set_input_files(file_of("odd.csv", ODD))
    page.get_by_text("2 new, 0 known, 0 ambiguous").wait_for()
    assert BankAccount.objects.get().mapping == ""
