"""Which line of a file is which line of the books.

A line with an id of the bank is known by that id, its date and its amount: banks count anew in every file, so an id
alone may be another line's. Where one file gives the same three to lines of differing content, and for a line without
an id, its content counts. Equal lines are legitimate: they are counted, and the second one is another line.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from hashlib import blake2b
from typing import Any

from django.db import connection

from apps.reconciliation.formats import ParsedLine
from apps.reconciliation.models import BankAccount, StatementLine

Digest = bytes  # of SIZE bytes
SIZE = 16
NOTHING: Digest = bytes(SIZE)
# What a line's content is made of; the database knows the fields by the same names.
CONTENT = "date amount label reference note end_to_end_id transaction_type counterparty_name counterparty_iban".split()


def digests_of(line: ParsedLine | StatementLine) -> tuple[Digest, Digest]:
    """What tells a line by its id (NOTHING without one), and by its content and id."""
    amount = str(line.amount)
    if "E" in amount:
        amount = f"{line.amount:f}"
    if "." in amount:
        amount = amount.rstrip("0").rstrip(".")
    when = f"{line.date}\x1f{amount}"
    words = (
        f"{when}\x1f{line.label}\x1f{line.reference}\x1f{line.note}\x1f{line.end_to_end_id}\x1f{line.transaction_type}"
        f"\x1f{line.counterparty_name}\x1f{line.counterparty_iban}\x1f{line.bank_id}"
    ).casefold()
    content = blake2b(words.encode("utf-8", "replace"), digest_size=SIZE).digest()
    if not line.bank_id:
        return NOTHING, content
    by_id = blake2b(f"{when}\x1f{line.bank_id}".encode("utf-8", "replace"), digest_size=SIZE, person=b"bank's id")
    return by_id.digest(), content


_COUNTS = """
SELECT fingerprint, count(*), max(occurrence) FROM reconciliation_statementline
WHERE bank_account_id = %s AND date BETWEEN %s AND %s AND fingerprint = ANY(%s) GROUP BY fingerprint
"""


class Known:
    """How often the books of a bank account hold each digest; asked for many lines at once.

    Only the days from ``first`` to ``last`` are looked at: no digest is that of a line of another day.
    """

    def __init__(self, bank_account: BankAccount, first: date, last: date) -> None:
        self._asked = bank_account.pk, first, last
        self._lines = StatementLine.objects.filter(bank_account=bank_account, date__range=(first, last))
        self.is_empty = not self._lines.exists()

    def counts(self, digests: Iterable[Digest]) -> dict[Digest, tuple[int, int]]:
        """For each digest that is there: how many lines have it, and the last number that equal ones have."""
        if self.is_empty:
            return {}
        asked = [digest.hex() for digest in set(digests) if digest != NOTHING]
        with connection.cursor() as cursor:
            cursor.execute(_COUNTS, [*self._asked, asked])
            return {bytes.fromhex(fingerprint): (count, last) for fingerprint, count, last in cursor}

    def contents(self, digests: Sequence[Digest]) -> Any:
        """The lines that are known by the id of ``digests``, with their content."""
        fields = ("id", "fingerprint", "bank_id", *CONTENT)
        return self._lines.filter(fingerprint__in=[digest.hex() for digest in digests]).only(*fields).iterator()

    def between(self, first: date, last: date) -> Any:
        """Those of these dates, as far as it takes to see whether another line looks like one of them."""
        fields = ("id", "date", "amount", "counterparty_iban", "counterparty_name", "fingerprint", "occurrence")
        return self._lines.filter(date__gte=first, date__lte=last).values_list(*fields).iterator(chunk_size=5000)
