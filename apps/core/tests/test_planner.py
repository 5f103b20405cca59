"""What the planner is told holds for the statements inside, and no longer."""

from datetime import date

from django.db import connection, transaction

from apps.billing.models import Outstanding
from apps.core.planner import by_index


def seqscan():
    with connection.cursor() as cursor:
        cursor.execute("SHOW enable_seqscan")
        return cursor.fetchone()[0]


def test_tables_are_not_read_whole_inside_and_may_be_afterwards(db):
    @by_index()
    def inside():
        return seqscan()

    assert [seqscan(), inside(), seqscan(), inside(), seqscan()] == ["on", "off", "on", "off", "on"]


def test_what_fails_inside_leaves_nothing_behind(db):
    try:
        with transaction.atomic(), by_index():
            raise LookupError
    except LookupError:
        assert seqscan() == "on"


def test_a_date_is_asked_for_as_one_that_the_planner_does_not_know(db):
    asked = str(Outstanding.objects.as_of(date(2026, 6, 1)).query)
    assert "@> (SELECT 2026-06-01)" in asked
    assert list(Outstanding.objects.as_of(date(2026, 6, 1))) == []
