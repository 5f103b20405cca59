"""Roll posted lines up into months, so that a report at any date reads months and not history."""

from django.db import connection, transaction

from apps.core.models import Administration
from apps.ledger.reports.rolled_up import BEYOND_MARK

ROLL_UP = f"""
WITH series AS ({BEYOND_MARK}), added AS (
    SELECT line.account_id, date_trunc('month', line.date)::date AS month,
           sum(line.debit) AS debit, sum(line.credit) AS credit
    FROM series
    JOIN ledger_journalentry entry ON entry.journal_id = series.journal_id AND entry.year = series.year
                                  AND entry.number > series.above AND entry.number <= series.last
    JOIN ledger_journalline line ON line.entry_id = entry.id
    GROUP BY 1, 2
), month AS (
    INSERT INTO ledger_accountmonth AS month (id, administration_id, account_id, month, debit, credit)
    SELECT gen_random_uuid(), %(administration)s, account_id, added.month, debit, credit FROM added
    ON CONFLICT (administration_id, month, account_id)
    DO UPDATE SET debit = month.debit + excluded.debit, credit = month.credit + excluded.credit
), mark AS (
    INSERT INTO ledger_rolledup (id, administration_id, journal_id, year, number)
    SELECT gen_random_uuid(), %(administration)s, journal_id, year, last FROM series
    ON CONFLICT (journal_id, year) DO UPDATE SET number = excluded.number
)
SELECT coalesce(sum(last - above), 0) FROM series
"""  # noqa: S608  # nosec B608


@transaction.atomic
def roll_up(administration: Administration) -> int:
    """Add what was posted since the last time to the months of its accounts, and return how many entries that were.

    Reports are right whether or not this ran: they read what is beyond the marks from the lines. Two at once wait for
    each other.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('roll_up:' || %s, 0))", [str(administration.pk)])
        cursor.execute(ROLL_UP, {"administration": administration.pk})
        return int(cursor.fetchone()[0])


def behind() -> list[Administration]:
    """The administrations in which something was posted that is not rolled up yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT counter.administration_id FROM core_counter counter
            LEFT JOIN ledger_rolledup mark ON mark.journal_id = split_part(counter.series, ':', 2)::uuid
                                          AND mark.year = split_part(counter.series, ':', 3)::integer
            WHERE counter.series LIKE 'entry:%' AND counter.last > coalesce(mark.number, 0)
            """
        )
        keys = [key for (key,) in cursor.fetchall()]
    return list(Administration.objects.filter(pk__in=keys))
