"""Files that were made: they never change, and what is on the disk is proved before a byte of it goes out."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from apps.core.errors import NotAllowed, refusal_for
from apps.core.models import Event, Membership
from apps.core.tests.factories import AdministrationFactory, member
from apps.ledger.tests.laws import law_broken_by, law_broken_by_sql
from apps.periods.exports.errors import FileKept, StoredFileDamaged
from apps.periods.models import BooksExport, EvidencePack
from apps.periods.services.exporting import export_books
from apps.periods.services.packing import pack_period
from apps.periods.services.storing import open_proved, sweep
from apps.periods.tests.exported import YEAR, full_books

pytestmark = pytest.mark.usefixtures("folder")
TABLES = ("periods_booksexport", "periods_evidencepack")


@pytest.fixture
def ledger(db):
    return full_books()


@pytest.fixture
def export(ledger):
    return export_books(ledger.administration, "XAF_4_0", *YEAR, known_at=timezone.now(), by=ledger.accountant)


@pytest.fixture
def pack(ledger):
    return pack_period(ledger.books.period("2026-03"), "AUDIT_TRAIL", by=ledger.accountant)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE {} SET sha256 = repeat('0', 64)",
        "UPDATE {} SET file_name = 'another.zip'",
        "UPDATE {} SET download_count = download_count + 2",
        "UPDATE {} SET download_count = download_count - 1",
        "UPDATE {} SET download_count = download_count + 1, stored_as = 'elsewhere'",
        "UPDATE {} SET download_count = download_count",
        "DELETE FROM {}",
    ],
)
def test_the_database_refuses_to_change_what_was_made(export, pack, table, change):
    assert law_broken_by_sql(change.format(table)) == "stored_file_append_only"


@pytest.mark.parametrize("table", TABLES)
def test_one_more_download_is_all_that_changes(export, pack, table):
    assert law_broken_by_sql(f"UPDATE {table} SET download_count = download_count + 1") is None


@pytest.mark.parametrize("table", TABLES)
def test_the_tables_are_never_emptied(export, table):
    assert law_broken_by_sql(f"TRUNCATE {table}") in ("no_truncate", "InsufficientPrivilege", "ProgrammingError")


def test_the_law_is_told_in_words(export):
    with pytest.raises(Exception, match="never changes") as error:
        BooksExport.objects.filter(pk=export.pk).update(sha256="0" * 64)
    assert isinstance(refusal_for(error.value), FileKept)


def test_a_pack_names_a_period_of_its_own_books(pack):
    other = full_books()
    wrong = {**{field.attname: getattr(pack, field.attname) for field in pack._meta.concrete_fields}}
    wrong |= {"id": other.administration.pk, "stored_as": "x", "period_id": other.books.period("2026-03").pk}
    assert law_broken_by(lambda: EvidencePack.objects.create(**wrong)) == "evidence_pack_period_same_administration"


def test_a_file_goes_out_as_it_was_made_and_is_counted(ledger, export):
    with open_proved(export, by=ledger.accountant) as file:
        assert b"auditfile" in file.read()
    export.refresh_from_db()
    assert export.download_count == 1
    told = Event.objects.get(name="periods.file_downloaded")
    assert (told.subject_id, told.by, told.facts) == (export.pk, ledger.accountant, {"sha256": export.sha256})


@pytest.mark.parametrize("harm", ["changed", "cut", "gone"])
def test_a_file_that_was_tampered_with_is_refused_before_a_byte_of_it(ledger, export, folder, harm):
    stored = folder / export.stored_as
    content = stored.read_bytes()
    if harm == "gone":
        stored.unlink()
    else:
        stored.write_bytes(content.replace(b"1000.00", b"9000.00") if harm == "changed" else content[:-1])
    with pytest.raises(StoredFileDamaged):
        open_proved(export, by=ledger.accountant)
    export.refresh_from_db()
    assert export.download_count == 0
    told = Event.objects.get(name="periods.stored_file_damaged")
    assert (told.subject_id, told.facts["expected"]) == (export.pk, export.sha256)


def test_whoever_may_not_read_the_ledger_gets_no_file(ledger, export):
    for role in (Membership.Role.RECEPTIONIST, Membership.Role.CASHIER, Membership.Role.ADMIN):
        with pytest.raises(NotAllowed):
            open_proved(export, by=member(ledger.administration, role))
    with pytest.raises(NotAllowed):
        open_proved(export, by=member(AdministrationFactory(), Membership.Role.OWNER))


def test_what_a_rollback_left_behind_is_swept(ledger, export, folder, monkeypatch):
    left = folder / "made" / str(ledger.administration.pk) / "left"
    left.write_bytes(b"x")
    assert sweep() == 0  # a transaction may still be under way
    monkeypatch.setattr("apps.periods.services.storing.LEFT_BEHIND_AFTER", timedelta(0))
    assert sweep() == 1
    assert [one.name for one in left.parent.iterdir()] == [export.stored_as.rpartition("/")[2]]


def test_asked_for_twice_the_file_is_made_once(ledger, export):
    again = export_books(
        ledger.administration, "XAF_4_0", *YEAR, known_at=timezone.now(), by=ledger.accountant, key=export.pk
    )
    assert (again.pk, BooksExport.objects.count()) == (export.pk, 1)
    assert (again.entries, again.lines, again.first_day) == (4, 11, date(2026, 1, 1))
