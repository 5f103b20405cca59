"""Which law refuses: as the application role through Django, or as the owner through psycopg."""

from collections.abc import Callable
from typing import Any

import pgtrigger
import psycopg
from django.db import DatabaseError, connection, transaction

from apps.core.laws import prove_deferred


def law_broken_by(attempt: Callable[[], Any]) -> str | None:
    """The name of the constraint or trigger that refuses ``attempt``, at once or at commit; None when none does."""
    try:
        with transaction.atomic():
            attempt()
            prove_deferred()
    except Exception as error:
        return _law(error)
    return None


def law_broken_by_sql(sql: str, facts: dict[str, Any] | None = None) -> str | None:
    """The same for a statement of the application role."""

    def run() -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql, facts)

    return law_broken_by(run)


def law_broken_by_owner(own: psycopg.Connection[Any], sql: str, facts: dict[str, Any] | None = None) -> str | None:
    """The same for a statement of the owner of the tables; what passes is rolled back."""
    try:
        with own.transaction(force_rollback=True):
            own.execute(sql, facts)
            own.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except psycopg.Error as error:
        return _law(error)
    return None


def every_trigger() -> str:
    """The value of ``pgtrigger.ignore`` by which a session switches off all triggers that are not laws."""
    return "{" + ",".join(trigger.get_pgid(model) for model, trigger in pgtrigger.registered()) + "}"


def _law(error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None:
        name = getattr(getattr(cause, "diag", None), "constraint_name", None)
        if name:
            return str(name)
        cause = cause.__cause__
    if isinstance(error, DatabaseError | psycopg.Error):
        return type(error).__name__  # no law, but refused: a missing right, a foreign key without a name
    raise error
