"""The consistency engine: one list of what is looked at, and one loop.

Each app tells its own truths in its ``watch``: functions ``(administration, as_of)`` that yield findings. Those that
read all of history also take what was touched since an earlier look, and then read that alone.
"""

from collections.abc import Iterator
from datetime import date

from apps.billing import watch as billing
from apps.core.findings import Finding, Touched
from apps.core.models import Administration
from apps.ledger import watch as ledger
from apps.reconciliation import watch as reconciliation

CHECKS = (*ledger.ALL, *billing.ALL, *reconciliation.ALL)
LARGE = frozenset((*ledger.LARGE, *billing.LARGE, *reconciliation.LARGE))


def look(administration: Administration, as_of: date, touched: Touched | None = None) -> Iterator[Finding]:
    """What is wrong or suspect at the end of ``as_of``; with ``touched``, as far as it could have become so since."""
    for check in CHECKS:
        if touched is not None and check in LARGE:
            yield from check(administration, as_of, touched)
        else:
            yield from check(administration, as_of)
