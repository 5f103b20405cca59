"""A hundred days, each closed by fifty at once: one report a day, numbered without a gap.

``SIZE=`` says how many days.

parallel_closes.reports   ours: reports there are; limit: days
parallel_closes.day       ours: milliseconds for fifty callers of one day; limit: fifty times one caller alone
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.db import connections  # noqa: E402

from apps.billing.models import EndOfDayReconciliation  # noqa: E402
from apps.billing.services.closing import close_day  # noqa: E402
from apps.billing.services.days import day_for, local_date  # noqa: E402
from apps.core.models import Administration  # noqa: E402
from apps.ledger.services.opening import open_books, open_years  # noqa: E402
from bench import SIZE, end, figure, milliseconds  # noqa: E402

DAYS = int(SIZE or 100)
AT_ONCE = 50


def main() -> None:
    administration = Administration.objects.create(
        name="Parallel", country="NL", currency="EUR", time_zone="Europe/Amsterdam"
    )
    open_books(administration, chart="nl")
    today = local_date(administration)
    open_years(administration, today.year - 1, today.year)
    days = [today - timedelta(days=back) for back in range(DAYS + 20)]
    for day in days:
        day_for(administration, day)

    def close(day: Any) -> Any:
        try:
            return close_day(administration, day, by=None)[0].pk
        finally:
            connections.close_all()

    alone = iter(days[DAYS:])
    one = milliseconds(lambda: close_day(administration, next(alone), by=None), runs=10)
    before = EndOfDayReconciliation.objects.filter(administration=administration).count()

    times = []
    with ThreadPoolExecutor(AT_ONCE) as callers:
        for day in days[:DAYS]:
            began = time.perf_counter()
            reports = set(callers.map(close, [day] * AT_ONCE))
            times.append((time.perf_counter() - began) * 1000)
            assert len(reports) == 1, day
    made = EndOfDayReconciliation.objects.filter(administration=administration)
    numbers = sorted(made.values_list("number", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))
    figure("parallel_closes.reports", made.count() - before, DAYS, "reports", "lower", 1)
    figure("parallel_closes.day", sorted(times)[len(times) // 2], one * AT_ONCE, "ms", "lower", 1.5)
    end()


if __name__ == "__main__":
    main()
