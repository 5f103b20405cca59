"""What the consistency engine found for a period: the one place where reading meets it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from apps.issues.reports.found import found, latest_run
from apps.issues.words import Told, told
from apps.ledger.models import Period


@dataclass(frozen=True)
class Seen:
    """An issue as one run saw it. Its words are in the reader's language, and made when they are read."""

    issue: Any
    is_acknowledged: bool

    @property
    def pk(self) -> UUID:
        pk: UUID = self.issue.pk
        return pk

    @property
    def code(self) -> str:
        return str(self.issue.code)

    @property
    def title(self) -> str:
        return self._told.title

    @property
    def description(self) -> str:
        return self._told.description

    @property
    def suggested_action(self) -> str:
        return self._told.suggested_action

    @cached_property
    def _told(self) -> Told:
        return told(self.issue)


@dataclass(frozen=True)
class Verdict:
    """What one run found for a period, red and yellow apart."""

    run: Any
    red: tuple[Seen, ...]
    yellow: tuple[Seen, ...]

    @property
    def unacknowledged(self) -> tuple[Seen, ...]:
        return tuple(seen for seen in self.yellow if not seen.is_acknowledged)

    @property
    def count(self) -> int:
        return len(self.red) + len(self.yellow)

    def of(self, *codes: str) -> tuple[list[Seen], list[Seen]]:
        """The red and the yellow ones whose code is one of ``codes``, or begins with one that ends in an underscore."""
        families = tuple(code for code in codes if code.endswith("_"))

        def those(all_seen: tuple[Seen, ...]) -> list[Seen]:
            return [one for one in all_seen if one.code in codes or one.code.startswith(families)]

        return those(self.red), those(self.yellow)


def last_verdict(period: Period) -> Verdict | None:
    """What the last run for ``period`` found; None before the first one."""
    run = latest_run(period)
    return verdict_of(run) if run else None


def verdict_of(run: Any) -> Verdict:
    one = found(run)
    red, yellow = (tuple(Seen(seen.issue, seen.is_acknowledged) for seen in some) for some in (one.red, one.yellow))
    return Verdict(run, red, yellow)
