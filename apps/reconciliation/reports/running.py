"""What an account held after each line."""

from collections.abc import Iterable
from decimal import Decimal
from uuid import UUID

from django.db import connection

from apps.reconciliation.models import StatementLine

_BALANCES = """
    SELECT id, balance FROM (
        SELECT line.id,
               statement.balance_start
               + sum(line.amount) OVER (PARTITION BY line.statement_id ORDER BY line.date, line.sequence) AS balance
        FROM reconciliation_statementline line
        JOIN reconciliation_statement statement ON statement.id = line.statement_id
        WHERE line.statement_id = ANY(%s)
    ) running WHERE id = ANY(%s)
"""


def running_balances(lines: Iterable[StatementLine]) -> dict[UUID, Decimal]:
    """The balance after each of ``lines``, in the account's currency: its statement's start and the lines up to it, by
    date and, within a day, by their place. One query, whatever their number."""
    asked = {line.pk: line.statement_id for line in lines}
    with connection.cursor() as cursor:
        cursor.execute(_BALANCES, [list(set(asked.values())), list(asked)])
        return dict(cursor.fetchall())
