"""Write what is new in a file: its statements, and their lines by COPY, under the same laws as any others."""

from array import array
from collections.abc import Iterator, Sequence
from itertools import count, islice
from typing import Any

import psycopg
import uuid_utils
from django.db import connection

from apps.core.events import record_all
from apps.core.models import User
from apps.reconciliation.models import BankAccount, Statement, StatementImport, StatementLine
from apps.reconciliation.services.arranging import Planned, keeps_months
from apps.reconciliation.services.months import Opening
from apps.reconciliation.services.surveying import AMBIGUOUS, COPIED, KNOWN, Survey, or_null

BEFORE_COPIED = (
    "id administration_id bank_account_id statement_id statement_import_id sequence fingerprint occurrence to_check "
    "looks_like_id"
).split()
_BLOCK = 500  # rows that are sent at a time


def store(found: Survey, planned: Sequence[Planned], statement_import: StatementImport, *, by: User) -> list[Statement]:
    """Write ``planned`` and their lines; the statements as they then stand. An event tells of each."""
    is_monthly = keeps_months(found)
    opening = Opening(found) if is_monthly else None
    statements = _statements(planned, statement_import)
    if planned:
        _copy(_Places(found, planned, statements, statement_import if is_monthly else None).rows())
    if opening is not None:
        opening.carry(planned)
    written = Statement.objects.in_bulk([statement.pk for statement in statements])
    stored = [written[statement.pk] for statement in statements]
    counts = [len(one.lines) for one in planned]
    told = [(one, _told(one, found.bank_account, lines)) for one, lines in zip(stored, counts, strict=True)]
    record_all("bank.statement.imported", told, by=by)
    return stored


def _statements(planned: Sequence[Planned], statement_import: StatementImport) -> list[Statement]:
    """The statements of ``planned``, made where they are not there."""
    made = [
        Statement(
            administration_id=statement_import.administration_id,
            bank_account_id=statement_import.bank_account_id,
            statement_import=statement_import,
            name=one.name,
            reference=one.reference,
            date=one.date,
            first_date=one.first_date,
            month=one.month,
            balance_start=one.start,
            balance_end_real=one.end,
        )
        for one in planned
        if one.existing is None
    ]
    waiting = iter(Statement.objects.bulk_create(made))
    return [one.existing or next(waiting) for one in planned]


def _told(statement: Statement, account: BankAccount, line_count: int) -> dict[str, Any]:
    return {
        "statement_id": statement.pk,
        "journal_id": account.journal_id,
        "line_count": line_count,
        "balance_start": statement.balance_start,
        "balance_end": statement.balance_end,
    }


def holding(found: Survey) -> list[Statement]:
    """The statements of the books that have the lines of those of the file without anything new."""
    spans = [range(part.first, part.last) for part in found.parts if part.last > part.first]
    known = [span for span in spans if all(found.flags[line] == KNOWN for line in span)]
    if not known:
        return []
    asked = [found.digest(line).hex() for span in known for line in (span[0], span[-1])]
    lines = StatementLine.objects.filter(bank_account=found.bank_account, fingerprint__in=asked)
    return list(Statement.objects.filter(pk__in=lines.values("statement")).in_order())


class _Places:
    """Where each new line goes: its statement, and its place in it."""

    def __init__(
        self,
        found: Survey,
        planned: Sequence[Planned],
        statements: Sequence[Statement],
        brought_by: StatementImport | None,
    ) -> None:
        self._found = found
        account = found.bank_account
        owner = f"{account.administration_id}\t{account.pk}"
        self._heads = [
            f"\t{owner}\t{statement.pk}\t{or_null(brought_by and brought_by.pk)}\t" for statement in statements
        ]
        self._next = [count(1 + (_last_place(one.existing) if one.existing else 0)) for one in planned]
        self._of = array("i", bytes(4 * len(found)))
        for at, one in enumerate(planned):
            for line in one.lines:
                self._of[line] = at

    def rows(self) -> Iterator[bytes]:
        """What COPY takes, in the order of the file."""
        found, of = self._found, self._of
        for line, kept in enumerate(found.kept()):
            flag = found.flags[line]
            if flag == KNOWN:
                continue
            at = of[line]
            doubt = f"t\t{found.looks_like[line]}" if flag == AMBIGUOUS else "f\t\\N"
            yield (
                f"{uuid_utils.uuid7()}{self._heads[at]}{next(self._next[at])}\t{found.digest(line).hex()}"
                f"\t{found.occurrences[line]}\t{doubt}\t"
            ).encode() + kept


def _last_place(statement: Statement) -> int:
    return statement.lines.order_by("-sequence").values_list("sequence", flat=True).first() or 0


def _copy(rows: Iterator[bytes]) -> None:
    columns = ", ".join((*BEFORE_COPIED, *COPIED))
    table = StatementLine._meta.db_table
    with (
        connection.wrap_database_errors,
        psycopg.Cursor(connection.connection) as cursor,
        cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy,
    ):
        while block := b"".join(islice(rows, _BLOCK)):
            copy.write(block)
