"""Official exports of a book, and what they cost beside the query alone that reads their rows.

Each figure is entries a second: ours writes the whole file to the disk, totals and parties included; the limit takes
the rows of the same query and does nothing with them. What elements of XML cost in Python is the rest: a line has some
eight of them. Measured was 0.36 to 0.42 (50,000 entries, on a busy machine), so the promise is 0.2: half of that would
mean that something is done twice for a line.

export.xaf           XAF 4.0
export.saft          SAF-T Financial 1.30
export.memory.xaf    peak memory in MB, against that of an export of a tenth of the book: it does not grow with the book
export.memory.saft   the same
"""

import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from apps.core.models import Administration  # noqa: E402
from apps.ledger.models import Account  # noqa: E402
from apps.periods.exports import FORMATS  # noqa: E402
from apps.periods.exports.extract import Extract, extract  # noqa: E402
from bench import SIZE, end, figure, grown, in_turn  # noqa: E402
from bench.books.generating import CUT, FIRST_DAY  # noqa: E402
from bench.books.loading import book  # noqa: E402

BOOK = int(SIZE or 500_000)
LAST_DAY = CUT.replace(month=12, day=31)
MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)
LEAST = 8.0  # MB
NAMES = {"xaf": "XAF_4_0", "saft": "SAFT_1_30"}


def main() -> None:
    peaks: dict[int, dict[str, float]] = {}
    for size in (BOOK // 10, BOOK):
        with book(size) as administration:
            peaks[size] = {name: peak(name, administration) for name in NAMES}
            if size == BOOK:
                measured: dict[str, Callable[[], float]] = {}
                for name in NAMES:
                    measured[f"ours {name}"] = partial(written, name, administration)
                    measured[f"bare {name}"] = partial(bare, name, administration)
                rates = in_turn(3, **measured)
    for name in NAMES:
        figure(f"export.{name}", rates[f"ours {name}"], rates[f"bare {name}"], "entries/s", "higher", 0.2)
    for name in NAMES:
        figure(f"export.memory.{name}", peaks[BOOK][name], peaks[BOOK // 10][name], "MB", "lower", 1.2)
    end()


def books_of(administration: Administration) -> Extract:
    """All three years at once, which no service would take."""
    account = Account.objects.filter(administration=administration, type="EQUITY").earliest("code")
    return extract(administration, FIRST_DAY, LAST_DAY, timezone.now(), account)


def export(name: str, administration: Administration) -> None:
    with tempfile.TemporaryFile() as file:
        FORMATS[NAMES[name]].write(books_of(administration), file, MADE_AT)


def written(name: str, administration: Administration) -> float:
    return _rate(lambda: export(name, administration))


def bare(name: str, administration: Administration) -> float:
    books = books_of(administration)

    def read() -> None:
        for _row in books.bare(one_list=name == "xaf"):
            pass

    return _rate(read)


def _rate(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return BOOK / (time.perf_counter() - began)


def peak(name: str, administration: Administration) -> float:
    connection.close()
    return max(grown(connection.ensure_connection, lambda: export(name, administration)), LEAST)


if __name__ == "__main__":
    main()
