"""Whether numbers that were given are missing, counted against the counters that gave them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from apps.core.findings import Touched
from apps.core.models import Administration, Counter


@dataclass(frozen=True, slots=True)
class Gap:
    """A series of which ``last`` numbers were given, from ``above`` on ``found`` of them are there."""

    series: str
    above: int
    last: int
    found: int


def gaps(
    administration: Administration, rows_of: Callable[[str], Any | None], touched: Touched | None = None
) -> Iterator[Gap]:
    """The series of which numbers are missing; ``rows_of`` gives the rows of a series, or None for one of others.

    Of what was ``touched`` only numbers above the marks are counted, and series that had a gap.
    """
    given = Counter.objects.filter(administration=administration).order_by("series").values_list("series", "last")
    for series, last in given:
        above = 0 if touched is None or series in touched.parts else touched.marks.get(series, 0)
        rows = rows_of(series) if last > above else None
        if rows is None:
            continue
        found = rows.filter(number__gt=above, number__lte=last).count()
        if found != last - above:
            yield Gap(series, above, last, found)
