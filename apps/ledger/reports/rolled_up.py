"""Debits and credits of accounts up to a day: months that are rolled up, and the lines around them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from apps.core.models import Administration
from apps.core.money import ZERO
from apps.ledger.models import Account


@dataclass(frozen=True, slots=True)
class Totals:
    """All debits and all credits of an account up to a day, in the book currency."""

    debit: Decimal = ZERO
    credit: Decimal = ZERO

    @property
    def balance(self) -> Decimal:
        """Debits less credits."""
        return self.debit - self.credit

    def __sub__(self, earlier: "Totals") -> "Totals":
        return Totals(self.debit - earlier.debit, self.credit - earlier.credit)


NOTHING = Totals()

# Entries beyond the mark of their series. Numbers are given in the order of commits and without a gap, and a counter
# is seen only with the entries that it counted: so a series up to its counter is complete, whoever posts meanwhile.
BEYOND_MARK = """
    SELECT split_part(counter.series, ':', 2)::uuid AS journal_id, split_part(counter.series, ':', 3)::integer AS year,
           coalesce(mark.number, 0) AS above, counter.last
    FROM core_counter counter
    LEFT JOIN ledger_rolledup mark ON mark.journal_id = split_part(counter.series, ':', 2)::uuid
                                  AND mark.year = split_part(counter.series, ':', 3)::integer
    WHERE counter.administration_id = %(administration)s AND counter.series LIKE 'entry:%%'
      AND counter.last > coalesce(mark.number, 0)
"""

# Whole months from the rollup; from its lines what lies between the day and the nearest turn of a month, which is added
# when the turn is before the day and taken away again when it is after; and what was posted since into those months.
# Several days in one statement: one snapshot, so that what is posted meanwhile is in all of them or in none.
UP_TO = f"""
WITH series AS ({BEYOND_MARK})
SELECT cut.number, moved.account_id, moved.debit, moved.credit
FROM unnest(%(days)s::date[], %(turns)s::date[]) WITH ORDINALITY AS cut (day, turn, number)
CROSS JOIN LATERAL (
    SELECT account_id, sum(debit) AS debit, sum(credit) AS credit FROM (
        SELECT account_id, debit, credit FROM ledger_accountmonth
        WHERE administration_id = %(administration)s AND month < cut.turn {{accounts}}
        UNION ALL
        SELECT account_id, debit, credit FROM ledger_journalline
        WHERE administration_id = %(administration)s AND date >= cut.turn AND date <= cut.day {{accounts}}
        UNION ALL
        SELECT account_id, -sum(debit), -sum(credit) FROM ledger_journalline
        WHERE administration_id = %(administration)s AND date > cut.day AND date < cut.turn {{accounts}}
        GROUP BY account_id
        UNION ALL
        SELECT line.account_id, line.debit, line.credit
        FROM series
        JOIN ledger_journalentry entry ON entry.journal_id = series.journal_id AND entry.year = series.year
                                      AND entry.number > series.above
        JOIN ledger_journalline line ON line.entry_id = entry.id
        WHERE line.date < cut.turn {{line_accounts}}
    ) part
    GROUP BY account_id
    HAVING sum(debit) <> 0 OR sum(credit) <> 0
) moved
"""  # noqa: S608  # nosec B608

KNOWN = """
SELECT cut.number, line.account_id, sum(line.debit), sum(line.credit)
FROM unnest(%(days)s::date[]) WITH ORDINALITY AS cut (day, number)
JOIN ledger_journalline line ON line.date <= cut.day
JOIN ledger_journalentry entry ON entry.id = line.entry_id
WHERE line.administration_id = %(administration)s AND entry.posted_at <= %(known_at)s {line_accounts}
GROUP BY 1, 2
"""

SOME = {"accounts": "AND account_id = ANY(%(accounts)s)", "line_accounts": "AND line.account_id = ANY(%(accounts)s)"}
EVERY = {"accounts": "", "line_accounts": ""}


def totals(
    administration: Administration,
    days: Sequence[date],
    *,
    accounts: Iterable[Account] | None = None,
    known_at: datetime | None = None,
) -> list[dict[UUID, Totals]]:
    """What each account (of ``accounts``) was debited and credited up to the end of each of ``days``.

    Accounts that never moved are left out. Reads months, not history; with ``known_at`` only what was posted by that
    moment counts, read from the lines.
    """
    chosen = None if accounts is None else [account.pk for account in accounts]
    facts: dict[str, Any] = {
        "administration": administration.pk,
        "days": list(days),
        "turns": [_nearest_turn(day) for day in days],
        "accounts": chosen,
        "known_at": known_at,
    }
    found: list[dict[UUID, Totals]] = [{} for _day in days]
    with connection.cursor() as cursor:
        cursor.execute((KNOWN if known_at else UP_TO).format(**(EVERY if chosen is None else SOME)), facts)
        for number, account, debit, credit in cursor.fetchall():
            found[number - 1][account] = Totals(debit, credit)
    return found


def _nearest_turn(day: date) -> date:
    """The first day of a month that is nearest to the end of ``day``."""
    first = day.replace(day=1)
    following = first + timedelta(days=31) if first.month < 12 or first.year < date.max.year else first
    following = following.replace(day=1)
    return following if following - day <= day - first else first
