"""A list taken along as a file: the rows and columns that the person sees, and nothing that a spreadsheet would run."""

import csv
import io
import os
import tracemalloc
from datetime import date

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from django.utils.text import capfirst

from apps.billing.admin.bills import BillAdmin
from apps.billing.services.catalogue import register_patient
from apps.billing.tests.clinic import make_clinic
from apps.core.exporting import harmless
from apps.core.models import Event, Membership
from apps.core.tests.factories import AdministrationFactory, member
from apps.ledger.models import Party
from config.tests.test_permission_matrix import EVERYBODY, MODELS, OPERATORS_OWN, STRANGER, fill
from config.tests.test_probes import list_of

ALL_ROWS = {"action": "export_list", "index": "0", "select_across": "1", "_selected_action": "all"}
BOM = "\N{BYTE ORDER MARK}"


@pytest.fixture
def as_owner(client, clinic):
    client.force_login(clinic.owner)
    return client


@pytest.fixture
def clinic(db):
    return make_clinic()


def exported(client, label, *, query="", ticked=None, **headers):
    """The file's lines as lists of cells."""
    chosen = {"action": "export_list", "index": "0", "_selected_action": [str(row.pk) for row in ticked or ()]}
    answer = client.post(list_of(label) + query, ALL_ROWS if ticked is None else chosen, **headers)
    assert answer.status_code == 200, answer
    assert answer.streaming
    text = b"".join(answer.streaming_content).decode()
    assert text.startswith(BOM)
    return list(csv.reader(io.StringIO(text.removeprefix(BOM), newline="")))


def column(lines, head):
    return [line[lines[0].index(head)] for line in lines[1:]]


# Rows ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", MODELS)
@pytest.mark.parametrize("letter", EVERYBODY)
def test_who_reads_a_list_exports_its_rows_and_nobody_else(world, label, letter):
    client = world.clients[letter]
    with transaction.atomic():
        if letter not in MODELS[label][0]:
            assert client.post(list_of(label), ALL_ROWS).status_code == 403
            assert not Event.objects.filter(name="core.list_exported").exists()
            return
        page = client.get(list_of(label), {"all": ""}).context["cl"]
        expected = page.queryset.count()
        lines = exported(client, label)
        transaction.set_rollback(True)
    # The events of this very export stand in the list of events by now.
    assert len(lines) - 1 - (label == "core.Event") == expected
    shown = [name for name in page.list_display if name != "action_checkbox"]
    assert len(lines[0]) in (len(shown), len(shown) + 1)
    if letter != "s" or label not in OPERATORS_OWN:
        assert STRANGER not in str(lines)


def test_filters_searches_and_ticks_decide_which_rows(as_owner, clinic):
    anna, berta = (register_patient(clinic.administration, code=f"P-{name}", name=name) for name in ("Anna", "Berta"))
    first, second = clinic.bill("65.00", patient=anna), clinic.bill("10.00", patient=berta)
    clinic.pay(first, "65.00")
    lines = exported(as_owner, "billing.Bill")
    assert column(lines, "Bill") == [str(second), str(first)]
    assert column(exported(as_owner, "billing.Bill", query="?q=Berta"), "Bill") == [str(second)]
    assert column(exported(as_owner, "billing.Bill", query="?owed=patient"), "Bill") == [str(second)]
    assert column(exported(as_owner, "billing.Bill", query="?o=1"), "Bill") == [str(first), str(second)]
    assert column(exported(as_owner, "billing.Bill", ticked=[first]), "Bill") == [str(first)]


def test_a_foreign_row_that_is_ticked_is_not_exported(as_owner, clinic):
    foreign = make_clinic("Elsewhere").bill("65.00")
    assert exported(as_owner, "billing.Bill", ticked=[foreign])[1:] == []


def test_an_export_is_recorded_with_its_list_and_the_number_of_rows_and_without_names(as_owner, clinic):
    clinic.bill("65.00"), clinic.bill("10.00")
    exported(as_owner, "billing.Bill")
    told = Event.objects.get(name="core.list_exported")
    assert (told.by, told.administration) == (clinic.owner, clinic.administration)
    assert told.facts == {"list": "billing.Bill", "rows": 2}
    exported(as_owner, "core.User")
    assert Event.objects.filter(name="core.list_exported", subject_id=clinic.owner.pk, facts__list="core.User").exists()


# Columns and cells ---------------------------------------------------------------------------------------------------


def test_amounts_are_plain_decimals_dates_are_iso_and_nothing_is_html(as_owner, clinic):
    bill = clinic.bill("1250.00", day=date(2026, 3, 3))
    clinic.pay(bill, "250.00", day=date(2026, 3, 3))
    (line,) = exported(as_owner, "billing.Bill")[1:]
    heads = ["Bill", "Day", "Patient", "Name", "Kind", "Total", "Owed by patient", "Owed by payer", "Currency"]
    assert exported(as_owner, "billing.Bill")[0] == heads
    assert line == [str(bill), "2026-03-03", "P-1", "Anna Invented", "Bill", "1250.00", "1000.00", "", "EUR"]
    visit_heads, *visits = exported(as_owner, "billing.EndOfDayReconciliation")
    assert (visits, "Currency" in visit_heads) == ([], False)
    clinic.close()
    (close,) = exported(as_owner, "billing.EndOfDayReconciliation")[1:]
    assert close[1:3] == [clinic.today.isoformat(), "Draft"]
    (_heads, *people) = exported(as_owner, "core.User")
    assert {"Yes", "No"} >= {person[3] for person in people}


def test_a_price_of_today_stands_in_the_file_as_on_the_page(as_owner, clinic):
    clinic.service("65.00")
    lines = exported(as_owner, "billing.Service", query="?q=S65")
    assert (column(lines, "Price today"), column(lines, "Currency")) == (["65.00"], ["EUR"])


def test_names_of_patients_are_in_the_file_of_those_who_may_know_them(client, clinic):
    clinic.patient()
    client.force_login(clinic.accountant)
    assert "Anna" not in str(exported(client, "billing.Patient"))
    client.force_login(clinic.receptionist)
    assert "Anna Invented" in column(exported(client, "billing.Patient"), "Name")


def test_heads_are_in_the_language_of_the_person(as_owner, clinic):
    clinic.bill("65.00")
    lines = exported(as_owner, "billing.Bill", headers={"Accept-Language": "nl"})
    with translation.override("nl"):
        assert lines[0][0] == capfirst(str(BillAdmin.number_shown.short_description))


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+31 6 12345678", "'+31 6 12345678"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("-12.50", "-12.50"),
        ("-5", "-5"),
        ("Anna = 1", "Anna = 1"),
        ("", ""),
    ],
)
def test_a_cell_that_would_run_is_kept_as_text(typed, kept):
    assert harmless(typed) == kept


def test_a_hostile_name_does_not_run_in_the_file(as_owner, clinic):
    register_patient(clinic.administration, code="P-9", name='=cmd|"/C calc"!A0')
    assert """'=cmd|"/C calc"!A0""" in column(exported(as_owner, "billing.Patient"), "Name")


# Size ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["billing.Bill", "billing.Service", "billing.ClinicDay", "ledger.OpenItem"])
def test_an_export_asks_no_more_of_the_database_when_the_list_grows(as_owner, clinic, label):
    def asked():
        with CaptureQueriesContext(connection) as queries:
            lines = exported(as_owner, label)
        return len(queries), len(lines)

    fill(clinic)
    asked()
    few, before = asked()
    for n in range(1, 4):
        fill(clinic, n)
    many, after = asked()
    assert after > before
    assert many == few


ROWS = 100_000 if os.environ.get("DAYBOOK_FULL") == "1" else 6_000


def test_a_long_list_is_not_in_memory_at_once(client, db):
    administration = AdministrationFactory()
    client.force_login(member(administration, Membership.Role.OWNER))

    def memory(rows):
        """The most that exporting so many rows holds at any moment, in bytes."""
        codes = range(Party.objects.filter(administration=administration).count(), rows)
        parties = (Party(administration=administration, kind="CUSTOMER", code=f"C{n}") for n in codes)
        Party.objects.bulk_create(parties, batch_size=2000)
        answer = client.post(list_of("ledger.Party"), ALL_ROWS)
        tracemalloc.start()
        assert sum(part.count(b"\r\n") for part in answer.streaming_content) == rows + 1
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    few, many = memory(2_000), memory(ROWS)
    print(f"{ROWS} rows: {many / 1e6:.1f} MB, 2000 rows: {few / 1e6:.1f} MB")
    assert many < 1.5 * few
