"""What PostgreSQL's planner is told where it cannot know: rows of today are not analysed yet."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from django.db import connection, transaction
from django.db.models import DateField, Func, Value


@contextmanager
def by_index() -> Iterator[None]:
    """The planner takes today's rows for a few until they are analysed, and may then read a whole table once for each
    of them. Statements inside have an index for all that they ask, and go by it. Also a decorator: ``@by_index()``.
    """
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        yield
        cursor.execute("SET LOCAL enable_seqscan TO DEFAULT")


def any_date(day: date) -> Func:
    """``day`` as a date that the planner does not know. Of spans of dates it keeps where they begin and how long they
    are, not which are both, and so expects most of history to hold a date that few rows do.
    """
    return Func(Value(day, DateField()), template="(SELECT %(expressions)s)", output_field=DateField())
