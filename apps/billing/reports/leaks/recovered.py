"""What came in after all for leaks that were found."""

from decimal import Decimal
from uuid import UUID

from django.db import connection

from apps.billing.models import Leak
from apps.core.money import ZERO


def sums(sql: str, leaks: list[Leak]) -> dict[UUID, Decimal]:
    """The amounts that ``sql`` answers for the ids of ``leaks``."""
    with connection.cursor() as cursor:
        cursor.execute(sql, [[leak.pk for leak in leaks]])
        return dict(cursor.fetchall())


def within(leaks: list[Leak], came: dict[UUID, Decimal]) -> dict[UUID, Decimal]:
    """``came`` by leak: nothing below zero, and no more than the leak was about when it was first seen."""
    found = {leak.pk: max(came.get(leak.pk) or ZERO, ZERO) for leak in leaks}
    return {
        leak.pk: found[leak.pk] if leak.amount is None else min(found[leak.pk], leak.amount + leak.recovered_amount)
        for leak in leaks
    }
