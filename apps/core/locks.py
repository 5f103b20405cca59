"""Locks on things that have no row yet."""

from django.db import connection


def hold_key(*names: object) -> None:
    """Hold the key made of ``names`` until the transaction ends: whoever comes with the same one waits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [":".join(map(str, names))])
