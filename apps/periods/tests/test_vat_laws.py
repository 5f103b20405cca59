"""Laws of filed returns and registrations, broken by raw SQL as the application role and by the ORM."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from apps.core.tests.factories import AdministrationFactory
from apps.ledger.tests.laws import law_broken_by, law_broken_by_sql
from apps.periods.models import FiledBox, VatFiling, VatRegistration
from apps.periods.services.filing import file_return
from apps.periods.services.registering import register_vat
from apps.periods.tests.vat_year import YEAR


@pytest.fixture
def filing(quiet):
    quiet.taxed("100.00", "HIGH", date(YEAR, 2, 1))
    quiet.shut(1)
    return file_return(quiet.quarter(1), by=quiet.accountant)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE periods_vatfiling SET declared = 0",
        "UPDATE periods_vatfiling SET filed_at = now()",
        "UPDATE periods_vatfiling SET note = 'x'",
        "DELETE FROM periods_vatfiling",
        "UPDATE periods_filedbox SET vat = 0",
        "DELETE FROM periods_filedbox",
    ],
)
def test_a_filed_return_never_changes(filing, statement):
    assert law_broken_by_sql(statement) == "vat_filing_append_only"


@pytest.mark.parametrize("table", ["periods_vatfiling", "periods_filedbox", "periods_vatregistration"])
def test_no_table_of_vat_is_emptied_not_even_by_its_owner(owned, table):
    assert law_broken_by_sql(f"TRUNCATE {table} CASCADE") == "no_truncate"


def again(filing, **facts):
    """Another filing of the same span with its boxes, as somebody might write it past the service."""
    row = {
        field.attname: getattr(filing, field.attname)
        for field in VatFiling._meta.concrete_fields
        if field.attname != "id"
    }
    made = VatFiling.objects.create(**{**row, "filed_at": timezone.now(), **facts})
    FiledBox.objects.bulk_create(
        FiledBox(administration_id=filing.administration_id, filing=made, position=box.position, box=box.box)
        for box in filing.boxes.all()
    )


def test_a_span_is_filed_once(filing):
    assert law_broken_by(lambda: again(filing)) == "vat_return_filed_once"


def test_filed_spans_do_not_overlap(filing):
    overlapping = {"first_day": date(YEAR, 3, 1), "last_day": date(YEAR, 3, 31), "frequency": "MONTH"}
    assert law_broken_by(lambda: again(filing, **overlapping)) == "vat_returns_do_not_overlap"


@pytest.mark.parametrize(
    ("facts", "law"),
    [
        ({"revision": 2, "kind": "CORRECTION"}, "vat_filing_follows"),
        ({"revision": 1, "kind": "CORRECTION", "first_day": date(YEAR, 2, 1)}, "vat_filing_follows"),
        ({"revision": 1, "kind": "RETURN"}, "vat_filing_kind"),
        ({"revision": 1, "kind": "CARRIED"}, "vat_filing_kind"),
        ({"revision": 1, "kind": "CORRECTION", "last_day": date(YEAR - 1, 1, 1)}, "vat_filing_follows"),
        ({"revision": 1, "kind": "CORRECTION"}, None),
    ],
)
def test_a_revision_follows_the_one_before_it(filing, facts, law):
    assert law_broken_by(lambda: again(filing, **facts)) == law


def test_a_revision_is_not_filed_before_the_one_that_it_follows(filing):
    earlier = {"revision": 1, "kind": "CORRECTION", "filed_at": filing.filed_at - timedelta(seconds=1)}
    assert law_broken_by(lambda: again(filing, **earlier)) == "vat_filing_follows"


def test_a_filed_return_takes_no_further_box(filing):
    more = FiledBox(administration_id=filing.administration_id, filing=filing, position=99, box="9z")
    assert law_broken_by(more.save) == "vat_filing_complete"


def test_a_filed_return_has_all_its_boxes(filing):
    facts = {"revision": 1, "kind": "CORRECTION", "box_count": filing.box_count + 1}
    assert law_broken_by(lambda: again(filing, **facts)) == "vat_filing_complete"


def test_a_box_stands_in_a_return_once(filing):
    twice = FiledBox(administration_id=filing.administration_id, filing=filing, position=99, box="1a")
    assert law_broken_by(twice.save) == "one_row_per_filed_box"


def test_a_box_is_of_the_books_of_its_return(filing, books_of_others):
    foreign = FiledBox(administration=books_of_others, filing=filing, position=99, box="9z")
    assert law_broken_by(foreign.save) == "filed_box_filing_same_administration"


@pytest.fixture
def books_of_others(db):
    return AdministrationFactory()


# Registrations --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "law"),
    [
        ("UPDATE periods_vatregistration SET scheme = 'KOR'", "vat_registration_kept"),
        ("UPDATE periods_vatregistration SET since = '2030-01-01'", "vat_registration_kept"),
        ("DELETE FROM periods_vatregistration", "vat_registration_kept"),
    ],
)
def test_what_a_return_was_filed_under_stays(quiet, statement, law):
    register_vat(quiet.administration, since=date(YEAR, 1, 1), by=quiet.accountant)
    quiet.shut(1)
    file_return(quiet.quarter(1), by=quiet.accountant)
    assert law_broken_by_sql(statement) == law


def test_a_registration_before_a_filed_return_comes_too_late(filing):
    early = VatRegistration(administration_id=filing.administration_id, since=date(YEAR, 2, 1))
    assert law_broken_by(early.save) == "vat_registration_kept"
    later = VatRegistration(administration_id=filing.administration_id, since=date(YEAR, 4, 1))
    assert law_broken_by(later.save) is None


@pytest.mark.parametrize(
    ("facts", "law"),
    [
        ({"since": date(YEAR, 1, 2)}, "vat_registration_from_a_month"),
        ({"since": date(YEAR, 1, 1), "pro_rata": 101}, "vat_registration_pro_rata"),
        ({"since": date(YEAR, 1, 1), "pro_rata": -1}, "vat_registration_pro_rata"),
    ],
)
def test_a_registration_is_one_that_can_be(quiet, facts, law):
    assert law_broken_by(VatRegistration(administration=quiet.administration, **facts).save) == law


def test_a_day_has_one_registration(quiet):
    register_vat(quiet.administration, since=date(YEAR, 1, 1), by=quiet.accountant)
    twice = VatRegistration(administration=quiet.administration, since=date(YEAR, 1, 1))
    assert law_broken_by(twice.save) == "one_vat_registration_per_day"
