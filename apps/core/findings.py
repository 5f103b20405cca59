"""Findings: what a check returns. A check is a function ``(administration, as_of) -> Iterator[Finding]``."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import models

from apps.core.errors import Text


class Severity(StrEnum):
    """RED: the books are wrong. YELLOW: somebody should look."""

    RED = "RED"
    YELLOW = "YELLOW"


RED, YELLOW = Severity.RED, Severity.YELLOW


@dataclass(frozen=True)
class Finding:
    """A fact about the books that is wrong or suspect: ``code`` names the rule, ``subject`` the row that breaks it.

    ``facts`` fill the message and travel with it; they name codes and numbers, never a person. ``amount`` is what is at
    stake, in the book currency. ``since`` is the business date from which it is true without a break: a check that
    looks at an earlier date does not find it. ``part`` tells apart what one subject breaks more than once, such as the
    years of a journal; ``names`` are other rows that it is about: an account, a party, an open item, an entry.
    """

    code: str
    subject: models.Model
    message: Text = ""
    severity: Severity = RED
    facts: dict[str, Any] = field(default_factory=dict)
    amount: Decimal | None = None
    since: date | None = None
    part: str = ""
    names: Mapping[str, UUID | None] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.subject}: {str(self.message).format_map(self.facts)}"


Findings = Iterator[Finding]


@dataclass(frozen=True)
class Touched:
    """What a check looks at when it need not read all of history again: the rest was looked at on ``since``.

    ``entries`` were posted after that look, or are dated after it. ``subjects`` are rows that something was found of
    and that may have been mended, ``parts`` the parts of them. ``marks`` are the last numbers that all series had
    given by then.
    """

    since: date
    entries: tuple[UUID, ...] = ()
    subjects: tuple[UUID, ...] = ()
    parts: frozenset[str] = frozenset()
    marks: Mapping[str, int] = field(default_factory=dict)
